"""Rows of Arrow tables as stars: list and nested columns, coefficients of Gaia XP, and what is wrong with a row."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from specviz.archives.local.arrow_rows import ArrowRows
from specviz.errors import NotASpectrumError, ReadError
from specviz.spectra.grids import LAMOST_NATIVE, XP_WAVELENGTH_NM
from specviz.spectra.xp_calibration import XpBand, calibrate

pa = pytest.importorskip("pyarrow")


def lists(rows: list[Any], kind: Any = None) -> Any:
    return pa.array([None if row is None else list(row) for row in rows], pa.list_(kind or pa.float64()))


def xp(i: int) -> Any:
    return (1.0 + 0.1 * i) * 1e-16 * np.exp(-((XP_WAVELENGTH_NM - 550) ** 2) / 3e5)


def test_list_columns_of_two_surveys() -> None:
    lamost = [100.0 + i + np.sin(LAMOST_NATIVE / 50) for i in range(3)]
    table = pa.table(
        {
            "source_id": pa.array([2**60 + 1, 2**60 + 2, 2**60 + 3]),
            "ra": [10.0, 20.0, 30.0],
            "dec": [1.0, 2.0, None],
            "lamost_flux": lists([lamost[0], None, lamost[2]], pa.float32()),
            "lamost_ivar": lists([np.full(3909, 4.0), None, np.full(3909, 9.0)]),
            "xp_flux": lists([xp(0), xp(1), None]),
            "xp_flux_error": lists([xp(0) / 50, xp(1) / 50, None]),
            "teff": [5000.0, 6000.0, 7000.0],
        }
    )
    reader = pickle.loads(pickle.dumps(ArrowRows.of(table.schema, "t")))
    assert set(reader.surveys) == {"lamost_lrs", "gaia_xp"} and "teff" not in reader.columns
    rows = reader.read(table, "t")
    assert rows.problems == ["", "", ""]
    assert [set(star.spectra) for star in rows.stars] == [{"lamost_lrs", "gaia_xp"}, {"gaia_xp"}, {"lamost_lrs"}]
    assert rows.stars[0].name == f"Gaia {2**60 + 1}" and rows.stars[0].ra == 10.0 and rows.stars[2].ra is None
    np.testing.assert_array_equal(rows.facts["source_id"], [2**60 + 1, 2**60 + 2, 2**60 + 3])
    last = rows.stars[2].spectra["lamost_lrs"]
    np.testing.assert_allclose(last.flux, lamost[2], rtol=1e-6)
    np.testing.assert_array_equal(last.ivar, 9.0)
    np.testing.assert_array_equal(last.wavelength, LAMOST_NATIVE)
    second = rows.stars[1].spectra["gaia_xp"]  # by the short way: the wavelengths of the row before
    np.testing.assert_allclose(second.sigma, xp(1) / 50, rtol=1e-9)
    assert second.flux_unit == "W m-2 nm-1" and second.meta["object_id"] == rows.stars[1].name


@pytest.mark.parametrize("shape", ["struct of lists", "list of structs", "fixed lists"])
def test_nested_columns(shape: str) -> None:
    wave = [XP_WAVELENGTH_NM.tolist()] * 3
    flux = [xp(i).tolist() for i in range(3)]
    if shape == "list of structs":
        cells = [[{"wavelength": w, "flux": f} for w, f in zip(wave[i], flux[i], strict=True)] for i in range(3)]
        column = pa.array(cells)
    else:
        kind = pa.list_(pa.float64(), 343 if shape == "fixed lists" else -1)
        column = pa.StructArray.from_arrays([pa.array(wave, kind), pa.array(flux, kind)], ["wavelength", "flux"])
    for name in ("gaia_xp", "spectrum"):
        table = pa.table({"name": ["a", "b", "c"], name: column})
        reader = ArrowRows.of(table.schema, "t")
        assert set(reader.columns) == {"name", f"{name}.flux", f"{name}.wavelength"}
        for piece, first in ((table, 0), (table.slice(1), 1)):
            rows = reader.read(piece, "t", first)
            for i, star in enumerate(rows.stars, first):
                assert star is not None and star.name == "abc"[i]
                np.testing.assert_array_equal(star.spectra["gaia_xp"].flux, xp(i))


def test_coefficients_are_calibrated_as_everywhere() -> None:
    rng = np.random.default_rng(3)
    c = {b: [rng.normal(size=55) * 10.0 ** -np.arange(0, 5.5, 0.1) * 1e3 for _ in range(2)] for b in ("bp", "rp")}
    errors = [np.full(55, 0.1), np.full(55, 0.2)]
    columns: dict[str, Any] = {"source_id": pa.array([5, 6])}
    for band in ("bp", "rp"):
        columns[f"{band}_coefficients"] = lists([*c[band][:1], c[band][1] if band == "bp" else None])
        columns[f"{band}_coefficient_errors"] = lists(errors)
        columns[f"{band}_n_relevant_bases"] = pa.array([10, 12])
    table = pa.table({**columns, "bp_basis_function_id": [56, 56]})
    rows = ArrowRows.of(table.schema, "t").read(table, "t")
    assert rows.problems == ["", ""]
    for i, rp in ((0, XpBand(c["rp"][0], errors[0])), (1, None)):
        star = rows.stars[i]
        assert star is not None
        flux, _ = calibrate(XpBand(c["bp"][i], errors[i]), rp)
        np.testing.assert_allclose(star.spectra["gaia_xp"].flux, flux, rtol=1e-9, equal_nan=True)


def test_a_bad_row_costs_that_row() -> None:
    good, n = xp(0), XP_WAVELENGTH_NM.size
    table = pa.table(
        {
            "name": ["good", "absent", "short", "zero", "nan", "again"],
            "xp_flux": lists([good, None, good[:200], good * 0, good * np.nan, xp(5)]),
            "xp_ivar": lists([np.ones(n)] * 6),
        }
    )
    rows = ArrowRows.of(table.schema, "hats 3_14").read(table, "hats 3_14", 100)
    assert [star is not None for star in rows.stars] == [True, False, False, False, False, True]
    assert "no flux in this row" in rows.problems[1] and "hats 3_14, short" in rows.problems[2]
    assert all(rows.problems[1:5]) and rows.problems[0] == rows.problems[5] == ""


def test_the_short_way_is_the_long_way() -> None:
    """Rows with the wavelengths of the row before give what they give alone."""
    rng = np.random.default_rng(0)
    wave = np.linspace(3700, 9000, 500)
    flux = 100 + rng.normal(size=(6, 500))
    flux[2, 7] = np.nan
    flux[3, :9] = 0.0
    error = np.abs(rng.normal(size=(6, 500)))
    error[4, 5] = 0.0
    waves = [wave, wave, wave, wave[::-1], wave, wave + 1]
    table = pa.table(
        {"name": list("abcdef"), "flux": lists(list(flux)), "wave": lists(waves), "error": lists(list(error))}
    )
    reader = ArrowRows.of(table.schema, "t")
    together = reader.read(table, "t").stars
    for i, star in enumerate(together):
        (alone,) = reader.read(table.slice(i, 1), "t", i).stars
        assert star is not None and alone is not None and star.spectra.keys() == alone.spectra.keys()
        for survey, spectrum in star.spectra.items():
            for name in ("wavelength", "flux", "ivar", "mask"):
                np.testing.assert_array_equal(getattr(spectrum, name), getattr(alone.spectra[survey], name))


def test_tables_without_spectra_and_numbers_that_do_not_fit() -> None:
    with pytest.raises(NotASpectrumError, match="columns ra, teff"):
        ArrowRows.of(pa.schema([("ra", pa.float64()), ("teff", pa.float32())]), "t")
    table = pa.table({"source_id": [2.0**60, 2.0**61], "xp_flux": lists([xp(0), xp(1)])})
    with pytest.raises(ReadError, match="long numbers do not fit"):
        ArrowRows.of(table.schema, "t").read(table, "t")
