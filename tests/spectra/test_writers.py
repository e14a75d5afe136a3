"""Spectra written and read again; what other programs see in the files; names that try to be more than names."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse, ucd
from astropy.table import Table
from astropy.units import Unit

from specviz.archives.demo import DemoArchive
from specviz.errors import NotASpectrumError, SpecvizError
from specviz.spectra.acknowledgements import LAMOST
from specviz.spectra.readers import read, read_all, read_bytes
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star
from specviz.spectra.writers import FORMATS, model_table, spectra_bytes, write_spectra, write_table
from specviz.spectra.writers.tables import quoted_cell

SUFFIXES = (".fits", ".ecsv", ".vot", ".csv")
EVIL = [
    "=cmd|' /C calc'!A0",
    "<img src=x onerror=alert(1)>",
    "Ångström 星",
    "say \"hi\", 'o' \\",
    "+41 18 07",
    "a\tb\nc\x00d",
    "]]>&amp;",
]


def _spectrum(name: str = "G star", survey: Any = "lamost_lrs", **meta: Any) -> Spectrum:
    rng = np.random.default_rng(3)
    wave = 10 ** (3.5682 + 1e-4 * np.arange(3900)) if survey == "lamost_lrs" else np.arange(336.0, 1021.0, 2.0)
    flux = rng.normal(1, 0.1, wave.size) * (1 if survey == "lamost_lrs" else 1e-15)
    ivar = np.where(rng.random(wave.size) < 0.02, 0.0, 1 / (0.013 * flux.mean()) ** 2)
    flux[5] = np.nan
    unit = "" if survey == "lamost_lrs" else "W m-2 nm-1"
    facts = {"object_id": name, "snr": 55.5, "class": "STAR", "path": "/home/me/x.fits", "z": -0.0001, **meta}
    return Spectrum(wave, flux, ivar, rng.random(wave.size) < 0.01, survey=survey, flux_unit=unit, meta=facts)


def _star(name: str = "G star") -> Star:
    spectra = {s: _spectrum(name, s) for s in ("lamost_lrs", "gaia_xp")}
    ids = (Identifier("LAMOST", "DR7", "938505172"), Identifier("Gaia", "DR3", "4345775217221821312"))
    lasp, gaia = {"teff": 5714.0, "source": "LASP"}, {"teff": 5650.0, "source": "Gaia DR3 GSP-Phot"}
    catalogues = {"LASP": lasp, "GSP-Phot": gaia}
    return Star(name, spectra, ids, 20.94, -1.396, catalogue=lasp, meta={"layout": "x"}, catalogues=catalogues)


def _same(a: Spectrum, b: Spectrum) -> None:
    for part in ("wavelength", "flux", "ivar", "mask"):
        np.testing.assert_array_equal(getattr(a, part), getattr(b, part), part)
    assert (a.survey, a.frame, a.flux_unit) == (b.survey, b.frame, b.flux_unit)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_star_comes_back_to_the_last_bit(tmp_path: Path, suffix: str) -> None:
    star = _star()
    back = read(write_spectra(star, tmp_path / f"x{suffix}"))
    assert back.name == star.name and set(back.spectra) == set(star.spectra)
    for survey, spectrum in star.spectra.items():
        _same(spectrum, back.spectra[survey])
    if suffix != ".csv":  # which has no place for more than cells
        assert back.identifiers == star.identifiers and (back.ra, back.dec) == (20.94, -1.396)
        assert (
            back.catalogues == star.catalogues
            and back.catalogue == star.catalogue
            and back.spectra["lamost_lrs"].snr == 55.5
        )
        assert b"/home/me" not in (tmp_path / f"x{suffix}").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", EVIL)
def test_a_name_is_text_in_every_format(tmp_path: Path, suffix: str, name: str) -> None:
    rest = _spectrum(name).with_(frame="rest")
    back = read(write_spectra(rest, tmp_path / f"x{suffix}"))
    _same(rest, back.spectra["lamost_lrs"])
    if suffix == ".csv":
        assert back.name.split() == name.replace("\x00", " ").split()
    else:
        assert back.name == name


def test_several_stars_and_demo_stars_in_one_file(tmp_path: Path) -> None:
    stars = [DemoArchive().star(0), _star(), _star()]
    for suffix in SUFFIXES[:3]:
        back = read_all(write_spectra(stars, tmp_path / f"x{suffix}"))
        assert [s.name for s in back] == ["demo 1", "G star", "G star"]
        _same(stars[0].spectra["gaia_xp"], back[0].spectra["gaia_xp"])


def test_fits_is_what_other_programs_expect(tmp_path: Path) -> None:
    path = write_spectra(_star("Ångström's ☆"), tmp_path / "x.fits")
    with fits.open(path) as units:
        assert [u.name for u in units] == ["PRIMARY", "LAMOST_LRS", "GAIA_XP", "SPECVIZ"]
        one = units["LAMOST_LRS"]
        one.verify("exception")
        assert [(c.name, c.unit) for c in one.columns][:1] == [("wavelength", "Angstrom")]
        assert Unit(units["GAIA_XP"].columns["flux"].unit) == Unit("W m-2 nm-1")
        head = one.header
        assert head["OBJECT"] == "Angstrom's" and head["FRAME"] == "observed" and head["SNR"] == 55.5
        assert head["MEDIUM"] == "vacuum" and head["CREATOR"].startswith("specviz ") and head["TUCD1"] == "em.wl"
        assert "Guoshoujing" in str(head["COMMENT"])
    assert Table.read(path, hdu=1)["mask"].dtype == bool


def test_real_lamost_data_carry_the_acknowledgement_and_simulated_do_not() -> None:
    for suffix in SUFFIXES[:3]:
        assert b"Guoshoujing" in _bytes(_spectrum(), suffix)
        assert b"Guoshoujing" not in _bytes(_spectrum(simulated=True), suffix)
    assert "Guoshoujing" in LAMOST


def _bytes(what: Any, suffix: str) -> bytes:
    from specviz.spectra.writers.spectra import observed_tables

    return spectra_bytes(observed_tables(what), FORMATS[suffix])


@pytest.mark.filterwarnings("ignore:.*Angstrom.*deprecated")  # by VOUnit; the whole field writes it
def test_votable_has_ucds_of_the_vocabulary() -> None:
    table = parse(io.BytesIO(_bytes(_star(), ".vot"))).get_first_table()
    assert {f.name: f.ucd for f in table.fields}["wavelength"] == "em.wl"
    assert all(ucd.check_ucd(f.ucd, check_controlled_vocabulary=True) for f in table.fields)
    assert str(table.get_field_by_id("wavelength").unit) == "Angstrom"


def test_ecsv_of_one_spectrum_is_a_plain_table() -> None:
    table = Table.read(_bytes(_spectrum(), ".ecsv").decode(), format="ascii.ecsv")
    assert table.colnames == ["wavelength", "flux", "sigma", "ivar", "mask"] and table.meta["survey"] == "lamost_lrs"
    known = table["ivar"] > 0
    np.testing.assert_allclose(table["sigma"][known] ** -2, table["ivar"][known])
    assert np.isnan(table["sigma"][~known]).all()


def test_csv_is_safe_in_a_spreadsheet_and_numbers_stay_numbers(tmp_path: Path) -> None:
    cells = ["=1+1", "+1", "-2.5", "-1e-3", "@SUM(A1)", "\t=1", "\r=1", " =1", "plain", "-x", "＝1"]
    table = Table({"=name": cells, "n": np.full(len(cells), -1.5)})
    write_table(table, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["'=name", "n"]
    got = [r[0] for r in rows[1:]]
    expected = ["'=1+1", "+1", "-2.5", "-1e-3", "'@SUM(A1)", "' =1", "' =1", "' =1", "plain", "'-x", "'＝1"]
    assert got == expected
    assert all(float(r[1]) == -1.5 for r in rows[1:])
    assert quoted_cell("-inf") == "-inf" and quoted_cell("") == ""


def test_a_prediction_is_not_read_as_an_observation() -> None:
    wave = np.arange(336.0, 1021.0, 2.0)
    table = model_table(
        "gaia_xp", wave, wave * 0 + 1, wave * 0 + 0.1, kind="translation", star=_star(), facts={"model": "m"}
    )
    for suffix in SUFFIXES:
        with pytest.raises(NotASpectrumError, match="a model predicted"):
            read_bytes(spectra_bytes([table], FORMATS[suffix]), f"x{suffix}")
    both = spectra_bytes([*_tables(_spectrum()), table], FORMATS[".fits"])
    assert list(read_bytes(both, "x.fits")[0].spectra) == ["lamost_lrs"]


def _tables(what: Any) -> list[Any]:
    from specviz.spectra.writers.spectra import observed_tables

    return observed_tables(what)


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(b"old")
    with pytest.raises(SpecvizError, match="no spectrum"):
        write_spectra(Star("bare"), path)
    with pytest.raises(SpecvizError, match="Cannot tell the format"):
        write_spectra(_spectrum(), tmp_path / "x.doc")
    with pytest.raises(SpecvizError, match="does not exist"):
        write_spectra(_spectrum(), tmp_path / "no" / "x.fits")
    assert path.read_bytes() == b"old" and [p.name for p in tmp_path.iterdir()] == ["x.fits"]
    write_spectra(_spectrum(), path)
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    import os

    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize(
    ("facts", "fine"),
    [
        ("[]", False),
        ("{", False),
        ("[" * 5000, False),
        ('{"kind": "observed", "survey": "evil"}', False),
        ('{"kind": "observed", "survey": "lamost_lrs", "of": {"a": 1}, "meta": [], "star": 5, "frame": 7}', True),
        (
            '{"kind": "observed", "survey": "lamost_lrs", "star": {"name": null, "identifiers": [[1], 2], "ra": 1e99}}',
            True,
        ),
    ],
)
@pytest.mark.parametrize("suffix", SUFFIXES[:3])
def test_facts_of_a_stranger_are_checked(suffix: str, facts: str, fine: bool) -> None:
    (table,) = _tables(_spectrum())
    table.meta["SPECVIZ"] = facts
    data = spectra_bytes([table], FORMATS[suffix])
    if not fine:
        with pytest.raises(SpecvizError):
            read_bytes(data, "x" + suffix)
        return
    (star,) = read_bytes(data, "x" + suffix)
    assert star.name == "unnamed" and star.ra is None and star.spectra["lamost_lrs"].frame == "observed"
