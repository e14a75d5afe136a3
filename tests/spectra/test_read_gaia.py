"""Gaia XP in every format, and the calibration from coefficients against the official results."""

from __future__ import annotations

import ast
import csv
import shutil
import warnings
import zipfile

import numpy as np
import pytest

from specviz.errors import NotASpectrumError, NotFoundError, ReadError, SpectrumError
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.spectra.readers import identify, read, read_all, read_bytes
from specviz.spectra.xp_calibration import XpBand, band_of_meta, calibrate, dr3_design, xp_covariance

_CONTINUOUS = """
XP_CONTINUOUS_RAW.csv XP_CONTINUOUS_RAW.ecsv XP_CONTINUOUS_RAW.fits XP_CONTINUOUS_RAW.xml XP_CONTINUOUS_RAW_plain.xml
MeanSpectrumSolutionWithCov.avro XP_CONTINUOUS_RAW_with_missing_BP.csv XP_CONTINUOUS_RAW_with_missing_BP.ecsv
XP_CONTINUOUS_RAW_with_missing_BP.fits XP_CONTINUOUS_RAW_with_missing_BP.xml
XP_CONTINUOUS_RAW_with_missing_BP_plain.xml XP_CONTINUOUS_RAW_missing_BP_dr3int6.csv
XP_CONTINUOUS_RAW_missing_BP_dr3int6.ecsv XP_CONTINUOUS_RAW_missing_BP_dr3int6.fits
XP_CONTINUOUS_RAW_missing_BP_dr3int6.xml XP_CONTINUOUS_RAW_missing_BP_plain_dr3int6.xml
XP_CONTINUOUS_RAW_missing_BP_votable_dr3int6.xml XP_CONTINUOUS_RAW_missing_BP_votable_plain_dr3int6.xml
"""
_SAMPLED = """
XP_SAMPLED_RAW_dr3int6.csv XP_SAMPLED_RAW_dr3int6.ecsv XP_SAMPLED_RAW_dr3int6.fits
XP_SAMPLED_RAW_votable_dr3int6.xml XP_SAMPLED_RAW_votable_plain_dr3int6.xml
"""


CONTINUOUS, SAMPLED = _CONTINUOUS.split(), _SAMPLED.split()


@pytest.fixture(scope="module")
def formats(shared):
    return shared / "data/gaia_xp_formats"


@pytest.fixture(scope="module")
def solutions(formats):
    """The official calibration of the sources, from the project that publishes it: {source_id: (flux, error)}."""
    found = {}
    with (formats / "calibrator_solution/with_missing_calibrator_solution.csv").open(newline="") as stream:
        for row in csv.DictReader(stream):
            found[row["source_id"]] = tuple(
                np.array([float(v) for v in row[k].strip("()").split(",")]) for k in ("flux", "flux_error")
            )
    assert len(found) == 3
    return found


@pytest.mark.parametrize("name", CONTINUOUS)
def test_calibration_agrees_with_the_official_one(formats, solutions, name) -> None:
    path = formats / "xp_continuous" / name
    assert identify(path) == "gaia_xp_continuous"
    stars = read_all(path)
    assert stars
    for star in stars:
        spectrum = star.spectra["gaia_xp"]
        flux, error = solutions[star.source_id.value]
        assert np.array_equal(spectrum.wavelength, XP_WAVELENGTH_NM)
        assert np.array_equal(np.isnan(spectrum.flux), np.isnan(flux))
        np.testing.assert_allclose(spectrum.flux, flux, rtol=1e-9)
        np.testing.assert_allclose(spectrum.sigma, error, rtol=1e-6)
        assert spectrum.flux_unit == "W m-2 nm-1"
        assert str(star.source_id) == f"Gaia DR3 {star.source_id.value}"


def test_every_continuous_file_is_tried(formats) -> None:
    names = {p.name for p in (formats / "xp_continuous").iterdir()}
    assert names - set(CONTINUOUS) == {"XP_CONTINUOUS_RAW_colour_eq_dr3int6.csv"}
    assert len(read_all(formats / "xp_continuous/XP_CONTINUOUS_RAW_colour_eq_dr3int6.csv")) == 3


@pytest.mark.parametrize("name", SAMPLED)
def test_sampled_formats_agree(formats, solutions, name) -> None:
    """These files hold the two stars of the official solution, sampled by the archive, as sources 6 and 4."""
    stars = read_all(formats / "xp_sampled" / name)
    assert len(stars) == 2
    official = {"6": solutions["5853498713190525696"], "4": solutions["5762406957886626816"]}
    for star in stars:
        spectrum = star.spectra["gaia_xp"]
        assert spectrum.meta["layout"] == "gaia_xp_sampled" and spectrum.good.all()
        flux, error = official[star.source_id.value]
        # Where the flux of a faint blue end crosses zero, a difference of 1e-3 sigma is a large relative one.
        assert (np.abs(spectrum.flux - flux) < 1e-5 * np.abs(flux) + 1e-3 * error).all()
        np.testing.assert_allclose(spectrum.sigma, error, rtol=1e-4)


@pytest.fixture(scope="module")
def one_star(shared, tmp_path_factory):
    """The archive's own products of one star, INDIVIDUAL, in four formats."""
    folder = tmp_path_factory.mktemp("products")
    for key in ("csv", "ecsv", "fits", "vot"):
        source = shared / f"data/fixtures/astroquery_gaia/gaia_dr3_source_id_5937083312263887616_dl_products_{key}.zip"
        with zipfile.ZipFile(source) as archive:
            archive.extractall(folder / key)
    return folder


@pytest.mark.parametrize("key", ["csv", "ecsv", "fits", "vot"])
def test_coefficients_give_the_sampled_spectrum_of_the_same_star(one_star, key) -> None:
    (continuous,) = (one_star / key).glob("XP_CONTINUOUS*")
    (sampled,) = (one_star / key).glob("XP_SAMPLED*")
    ours, theirs = read(continuous), read(sampled)
    assert ours.source_id == theirs.source_id or key == "fits" or theirs.source_id.value == "5937083312263887616"
    a, b = ours.spectra["gaia_xp"], theirs.spectra["gaia_xp"]
    np.testing.assert_allclose(a.flux, b.flux, rtol=1e-5)
    np.testing.assert_allclose(a.sigma, b.sigma, rtol=1e-5)
    assert b.meta["object_id"] == "Gaia DR3 5937083312263887616"
    if key != "fits":
        assert (theirs.ra, theirs.dec) == pytest.approx((251.51920772923995, -51.50535255488219))


def test_agrees_with_gaiaxpy(formats) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    pytest.importorskip("pandas")
    usetex = matplotlib.rcParams["text.usetex"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # theirs: pandas deprecations
            calibrator = pytest.importorskip("gaiaxpy.calibrator.calibrator")
            path = formats / "xp_continuous/XP_CONTINUOUS_RAW.csv"
            theirs, grid = calibrator._calibrate(str(path), save_file=False, disable_info=True)
    finally:
        matplotlib.rcParams["text.usetex"] = usetex
    assert np.array_equal(grid, XP_WAVELENGTH_NM)
    for star in read_all(path):
        row = theirs[theirs.source_id.astype(str) == star.source_id.value].iloc[0]
        np.testing.assert_allclose(star.spectra["gaia_xp"].flux, row.flux, rtol=1e-9)
        np.testing.assert_allclose(star.spectra["gaia_xp"].sigma, row.flux_error, rtol=1e-9)


def test_reading_does_not_touch_matplotlib() -> None:
    """Nothing under spectra/ imports GaiaXPy, whose import sets text.usetex."""
    from pathlib import Path

    import specviz.spectra

    for path in Path(specviz.spectra.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(n.split(".")[0] in ("gaiaxpy", "matplotlib") for n in names), path


# ------------------------------------------------------------------------------------------------ without materials
def _bands(seed: int = 5, n: int = 55) -> dict[str, XpBand]:
    rng = np.random.default_rng(seed)
    out = {}
    for band in ("bp", "rp"):
        a = rng.normal(size=(n, 3 * n))
        covariance = a @ a.T / (3 * n)
        errors = np.sqrt(np.diag(covariance))
        correlation = covariance / np.outer(errors, errors)
        out[band] = XpBand(1e4 / (1 + np.arange(n)) ** 2, errors, correlation[np.tril_indices(n, -1)])
    return out


def test_errors_are_those_of_drawn_coefficients() -> None:
    bands = _bands()
    _, sigma = calibrate(**bands)
    rng = np.random.default_rng(2)
    draws = []
    samples = {b: rng.multivariate_normal(v.coefficients, v.full_covariance(), 3000) for b, v in bands.items()}
    for bp, rp in zip(samples["bp"], samples["rp"], strict=True):
        draws.append(calibrate(XpBand(bp), XpBand(rp))[0])
    np.testing.assert_allclose(np.std(draws, axis=0), sigma, rtol=0.07)


def test_any_number_of_bases_works() -> None:
    full = _bands()
    cut = {b: XpBand(np.where(np.arange(55) < 20, v.coefficients, 0.0)) for b, v in full.items()}
    short = {b: XpBand(v.coefficients[:20]) for b, v in full.items()}
    np.testing.assert_allclose(calibrate(**short)[0], calibrate(**cut)[0], rtol=1e-12)
    np.testing.assert_allclose(calibrate(**full, n_bp=20, n_rp=20)[0], calibrate(**cut)[0], rtol=1e-12)
    assert np.isnan(calibrate(**short)[1]).all()  # no errors given, none made up


def test_more_bases_than_dr3_are_refused() -> None:
    with pytest.raises(SpectrumError, match="GaiaXPy"):
        calibrate(XpBand(np.ones(60)), XpBand(np.ones(55)))
    with pytest.raises(SpectrumError, match="at least one band"):
        calibrate(None, None)
    with pytest.raises(SpectrumError, match="1485"):
        calibrate(XpBand(np.ones(55), np.ones(55), np.zeros(100)), None)


def test_one_band_reaches_only_its_side() -> None:
    bands = _bands()
    red = calibrate(None, bands["rp"])[0]
    blue = calibrate(bands["bp"], None)[0]
    assert np.isnan(red[XP_WAVELENGTH_NM <= 635]).all() and np.isfinite(red[XP_WAVELENGTH_NM > 635]).all()
    assert np.isnan(blue[XP_WAVELENGTH_NM >= 643]).all() and np.isfinite(blue[XP_WAVELENGTH_NM < 643]).all()


def test_weights_cross_over_between_635_and_643_nm() -> None:
    design = dr3_design()
    np.testing.assert_allclose(design.weight["bp"] + design.weight["rp"], 1.0)
    assert design.weight["bp"][XP_WAVELENGTH_NM == 638][0] == pytest.approx(0.625)


def _row(source: int, bands: dict[str, XpBand]) -> dict[str, object]:
    row: dict[str, object] = {"source_id": source, "solution_id": 4545469030156206080}
    for name, band in bands.items():
        row[f"{name}_n_parameters"] = band.coefficients.size
        for key, values in (("coefficients", band.coefficients), ("coefficient_errors", band.errors),
                            ("coefficient_correlations", band.correlations)):  # fmt: skip
            row[f"{name}_{key}"] = "(" + ", ".join(repr(float(v)) for v in values) + ")"
    return row


def _table(rows) -> str:
    import io

    stream = io.StringIO()
    writer = csv.DictWriter(stream, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()


def test_many_sources_need_a_choice(write) -> None:
    path = write("two.csv", _table([_row(100200300400, _bands(1)), _row(100200300401, _bands(2))]))
    stars = read_all(path)
    assert [s.name for s in stars] == ["Gaia DR3 100200300400", "Gaia DR3 100200300401"]
    np.testing.assert_allclose(stars[1].spectra["gaia_xp"].flux, calibrate(**_bands(2))[0], rtol=1e-12)
    with pytest.raises(ReadError, match=r"holds 2 sources \(100200300400, 100200300401\).*open_all.*source_id="):
        read(path)
    assert read(path, source_id=100200300401).source_id.value == "100200300401"
    with pytest.raises(NotFoundError, match="no source 5"):
        read(path, source_id="5")


def test_one_bad_source_does_not_hide_the_others(write) -> None:
    big = {b: XpBand(np.ones(60), np.ones(60), np.zeros(60 * 59 // 2)) for b in ("bp", "rp")}
    path = write("mixed.csv", _table([_row(111111111, _bands(1)), _row(222222222, big)]))
    good, bad = read_all(path)
    assert "gaia_xp" in good.spectra and not bad.spectra
    assert "GaiaXPy" in bad.meta["error"] and bad.source_id.value == "222222222"
    with pytest.raises(ReadError, match="GaiaXPy"):
        read(path, source_id=222222222)
    with pytest.raises(ReadError, match="60 BP coefficients"):
        read_bytes(_table([_row(222222222, big)]).encode(), "dr4.csv")


def test_coefficients_and_covariance_stay_with_the_spectrum(write) -> None:
    bands = _bands(3)
    spectrum = read(write("one.csv", _table([_row(123456789, bands)]))).spectra["gaia_xp"]
    np.testing.assert_allclose(spectrum.meta["bp_coefficients"], bands["bp"].coefficients)
    assert band_of_meta(spectrum.meta, "rp").correlations.size == 1485
    covariance = xp_covariance(spectrum)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), spectrum.sigma, rtol=1e-9)
    correlation = covariance / np.outer(spectrum.sigma, spectrum.sigma)
    assert 0.3 < correlation[150, 151] <= 1.0  # neighbours come from the same bases
    with pytest.raises(SpectrumError, match="XP coefficients"):
        xp_covariance(spectrum.with_(meta={}))


def test_missing_samples_are_masked_not_invented(write) -> None:
    row = _row(123456789, {"rp": _bands(3)["rp"]})
    row |= {
        "bp_coefficients": "",
        "bp_coefficient_errors": "",
        "bp_coefficient_correlations": "",
        "bp_n_parameters": "",
    }
    spectrum = read(write("rp.csv", _table([row]))).spectra["gaia_xp"]
    assert np.array_equal(spectrum.mask, XP_WAVELENGTH_NM <= 635)
    assert spectrum.meta["missing_bands"] == ("bp",)


def test_internally_calibrated_spectra_are_refused(formats) -> None:
    with pytest.raises(ReadError, match="307 samples"):
        read(formats / "mini_files/XP_SPECTRA_RAW_mini.csv", source_id=2)


def test_two_thousand_sources(shared) -> None:
    """The combined catalogue: coefficients spread over columns, errors without correlations."""
    with np.load(shared / "data/gaia_xp_sampled_2010.npz") as data:
        sampled = {str(i): (f, e) for i, f, e in zip(data["source_id"], data["flux"], data["flux_error"], strict=True)}
    stars = read_all(shared / "data/gaia_xp_2000/xp_continuous_combined_chunk0.fits")
    assert len(stars) == 2000
    worst = 0.0
    for star in stars:
        spectrum = star.spectra["gaia_xp"]
        flux, error = sampled[star.source_id.value]
        worst = max(worst, float(np.max(np.abs(spectrum.flux - flux) / np.maximum(np.abs(flux), error))))
        assert spectrum.meta["errors_approximate"] is True
    assert worst < 0.02  # the comparison set is stored with three digits


def test_calspec_stars(shared) -> None:
    stars = read_all(shared / "data/gaia_xp_calspec10/example_file_coeff.csv")
    assert len(stars) == 10 and all(s.spectra["gaia_xp"].snr > 30 for s in stars)


def test_avro_without_fastavro_says_what_to_install(formats, tmp_path, monkeypatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "fastavro", None)
    path = tmp_path / "renamed.bin"
    shutil.copy(formats / "xp_continuous/MeanSpectrumSolutionWithCov.avro", path)
    with pytest.raises(ReadError, match=r"jupyter-specviz\[avro\]"):
        read(path)


def test_the_shipped_design_can_be_made_again(tmp_path) -> None:
    pytest.importorskip("gaiaxpy")
    from specviz.training.make_xp_design import make

    with np.load(make(tmp_path / "design.npz")) as again:
        for band in ("bp", "rp"):
            assert np.array_equal(again[band], dr3_design().matrix[band])
            assert np.array_equal(again[f"{band}_weight"], dr3_design().weight[band])


@pytest.mark.parametrize(("column", "value", "name"), [
    ("bp_basis_function_id", 58, "XP.csv"), ("rp_basis_function_id", 59, "XP.csv"), (None, None, "Gaia DR4 4.csv"),
])  # fmt: skip
def test_coefficients_of_another_release_are_refused_and_not_calibrated(column, value, name) -> None:
    """DR4 may well have 55 bases or fewer: the count does not tell."""
    cells = {"source_id": "400000000000001", "bp_basis_function_id": 56, "rp_basis_function_id": 57}
    cells |= {f"{b}_{k}": f'"({", ".join(["100"] * 55)})"' for b in ("bp", "rp") for k in ("coefficients",)}
    rows = lambda c: (",".join(c) + "\n" + ",".join(map(str, c.values())) + "\n").encode()  # noqa: E731
    read_bytes(rows(cells), "XP.csv")
    if column:
        cells[column] = value
    with pytest.raises(NotASpectrumError, match="cannot be calibrated here"):
        read_bytes(rows(cells), name.replace(" 4.", " 400000000000001."))
