"""SDSS, Kepler, text in all its shapes, npy, foreign tables, and the bridge to specutils."""

from __future__ import annotations

import io

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from specviz.errors import NotASpectrumError, ReadError, SpectrumError
from specviz.spectra.readers import identify, layouts, read, read_all
from specviz.spectra.spectrum import Spectrum


def test_sdss(fits_files, arrays) -> None:
    star = read(fits_files["sdss"])
    spectrum = star.spectra["sdss"]
    assert identify(fits_files["sdss"]) == "sdss_spec"
    np.testing.assert_allclose(spectrum.wavelength, arrays["wave"], rtol=1e-6)
    assert np.array_equal(spectrum.mask, arrays["ivar"] == 0)
    assert (star.name, star.ra, star.dec) == ("SDSS 6138-56598-0934", 350.5, 12.25)
    assert (spectrum.meta["class"], spectrum.meta["subclass"], spectrum.snr) == ("STAR", "F9", 31.5)
    assert spectrum.meta["z"] == pytest.approx(0.0003)


def test_kepler(fits_files) -> None:
    star = read(fits_files["kepler"])
    curve = star.light_curve
    assert not star.spectra and star.name == "KIC 1234" and str(star.identifiers[0]) == "KIC 1234"
    assert len(curve) == 1598 and np.isfinite(curve.flux).all() and np.isfinite(curve.time).all()
    assert curve.time[0] == pytest.approx(2454833 + 131.5)
    assert curve.meta["kind"] == "PDCSAP_FLUX" and curve.quality[-1] == 1599 and curve.flux_error[0] == 9.0
    assert (star.catalogue["teff"], star.catalogue["logg"], star.catalogue["fe_h"]) == (5800, 4.4, 0.1)


def test_real_kepler_files(shared) -> None:
    files = [p for p in (shared / "data/kepler_llc").iterdir() if "_llc" in p.name]
    assert len(files) == 5
    for path in files:
        star = read(path)
        assert star.name == f"KIC {int(path.name[4:13])}"
        with fits.open(path) as hdus:
            data = hdus[1].data
            good = np.isfinite(data["TIME"]) & np.isfinite(data["PDCSAP_FLUX"])
            assert np.array_equal(star.light_curve.flux, data["PDCSAP_FLUX"][good].astype(float))
            assert star.catalogue["teff"] == hdus[0].header["TEFF"]


def test_real_sdss_template(shared) -> None:
    spectrum = read(shared / "data/sdss_templates/templates_original/G2_+0.0_Dwarf.fits").spectra["sdss"]
    assert len(spectrum) == 61618 and spectrum.has_errors and spectrum.wavelength[0] == pytest.approx(3650.0, abs=0.1)


# ------------------------------------------------------------------------------------------------ text
def _columns(wave, *others, sep=",", header="") -> str:
    lines = [
        sep.join(f"{v:.6g}" if i else f"{v:.4f}" for i, v in enumerate(row)) for row in zip(wave, *others, strict=True)
    ]
    return "\n".join(([header] if header else []) + lines) + "\n"


WAVE_A = 10 ** (3.5682 + 1e-4 * np.arange(2500))
FLUX = 100 + 10 * np.sin(WAVE_A / 50)
WAVE_NM = np.arange(336.0, 1021.0, 2.0)
FLUX_NM = 1e-16 * (2 + np.sin(WAVE_NM / 70))


@pytest.mark.parametrize("sep", [",", ";", "\t", " ", "  ", ", "])
@pytest.mark.parametrize(
    "header", ["", "wavelength{0}flux", "# a comment\n# wavelength{0}flux", "LAMBDA{0}INTENSITY", "a{0}b"]
)
def test_columns_with_every_delimiter(write, sep, header) -> None:
    spectrum = read(write("star.txt", _columns(WAVE_A, FLUX, sep=sep, header=header.format(sep)))).spectra["lamost_lrs"]
    np.testing.assert_allclose(spectrum.wavelength, WAVE_A, atol=1e-4)
    np.testing.assert_allclose(spectrum.flux, FLUX, rtol=1e-5)
    assert spectrum.meta["object_id"] == "star" and not spectrum.has_errors


@pytest.mark.parametrize("sep", [",", ";", " "])
def test_two_rows(write, sep) -> None:
    """SpecCLIP's demo files: the first row is the wavelength, the second the flux."""
    rows = "\n".join(sep.join(f"{v:.8g}" for v in row) for row in (WAVE_A, FLUX))
    spectrum = read(write("sample4_txt.csv", rows)).spectra["lamost_lrs"]
    np.testing.assert_allclose(spectrum.flux, FLUX, rtol=1e-6)
    assert len(spectrum) == 2500


def test_nanometres_mean_xp(write) -> None:
    spectrum = read(write("sample4_txt_xp.csv", _columns(WAVE_NM, FLUX_NM))).spectra["gaia_xp"]
    assert spectrum.wavelength_unit == "nm" and spectrum.wavelength[0] == 336.0
    np.testing.assert_allclose(spectrum.flux, FLUX_NM, rtol=1e-5)


@pytest.mark.parametrize(
    ("label", "factor", "survey"),
    [("wavelength [nm]", 0.1, "gaia_xp"), ("wave (micron)", 1e-4, "other"), ("wavelength [Angstrom]", 1.0, "other")],
)
def test_the_header_names_the_unit(write, label, factor, survey) -> None:
    wave = np.linspace(4000.0, 9000.0, 400)
    text = "\n".join([f"{label},flux", *(f"{w * factor:.9g},{1 + w / 1e4:.6g}" for w in wave)])
    spectrum = read(write("s.csv", text)).spectra[survey]
    np.testing.assert_allclose(spectrum.wavelength_angstrom, wave, rtol=1e-6)


def test_log_wavelengths_and_air(write) -> None:
    logs = read(write("log.txt", "\n".join(f"{np.log10(w):.9f} {f}" for w, f in zip(WAVE_A, FLUX, strict=True))))
    np.testing.assert_allclose(logs.spectra["lamost_lrs"].wavelength, WAVE_A, rtol=1e-7)
    wave = np.linspace(4000.0, 9000.0, 400)
    air = read(write("air.txt", "# air wavelengths\n" + _columns(wave, wave, sep=" "))).spectra["other"]
    assert air.wavelength[0] == pytest.approx(4001.13, abs=0.01)


def test_errors_by_name_and_by_place(write) -> None:
    sigma = np.full(WAVE_A.size, 2.0)
    for header in ("", "wave,flux,error", "wave,flux,sigma"):
        spectrum = read(write("e.csv", _columns(WAVE_A, FLUX, sigma, header=header))).spectra["lamost_lrs"]
        np.testing.assert_allclose(spectrum.ivar, 0.25)
    spectrum = read(write("i.csv", _columns(WAVE_A, FLUX, sigma, header="wave,flux,ivar"))).spectra["lamost_lrs"]
    np.testing.assert_allclose(spectrum.ivar, 2.0)
    mask = (np.arange(WAVE_A.size) % 100 == 0).astype(float)
    masked = read(write("m.csv", _columns(WAVE_A, FLUX, mask, header="wave,flux,mask"))).spectra["lamost_lrs"]
    assert masked.mask.sum() == 25


def test_falling_wavelengths_gaps_and_empty_cells(write) -> None:
    text = _columns(WAVE_A[::-1], FLUX[::-1]).splitlines()
    text[10] = text[10].split(",")[0] + ","
    text[20] = text[20].split(",")[0] + ",nan"
    spectrum = read(write("f.csv", "\ufeff" + "\r\n".join(text))).spectra["lamost_lrs"]
    assert len(spectrum) == 2500 and spectrum.mask.sum() == 2
    assert spectrum.wavelength[0] == pytest.approx(WAVE_A[0], abs=1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,flux\n1,2\n3,4\n", "a light curve"),
        ("hello world\nthis is prose with 1 number\n", "fewer than two columns"),
        ("one two\nthree 4\nfive six\n" * 9, "fewer than two columns"),
        ("1\n2\n3\n", "one column"),
        ("1,2\n3,4\n5,6\n", "points"),
        ("wave1,flux2\n", "a header and no numbers"),
        ("\n".join(f"{i % 7},{i}" for i in range(50)), "up and down"),
        ("\n".join(f"{i},{i}" for i in range(50)), "wavelengths run from"),
        ("\n".join(f"{4000 + i},0" for i in range(50)), "zero or not a number"),
        ("no digits at all here\n", "text without columns"),
        ("4000,1\n4001,2,3\n4002,3\n" * 10, "data line 2"),
    ],
)
def test_text_that_is_no_spectrum_says_why(write, text, message) -> None:
    with pytest.raises(ReadError, match=message) as caught:
        read(write("odd.txt", text))
    assert "odd.txt" in str(caught.value)


# ------------------------------------------------------------------------------------------------ npy, tables
def test_npy(write) -> None:
    for array in (np.array([WAVE_A, FLUX]), np.array([WAVE_A, FLUX]).T, np.asfortranarray(np.array([WAVE_A, FLUX]))):
        stream = io.BytesIO()
        np.save(stream, array)
        np.testing.assert_allclose(read(write("a.npy", stream.getvalue())).spectra["lamost_lrs"].flux, FLUX)


def test_npy_cannot_carry_code_or_lies(write) -> None:
    stream = io.BytesIO()
    np.save(stream, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ReadError, match="object"):
        read(write("code.npy", stream.getvalue()))
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1000000000000), }"
    header += b" " * (128 - 10 - len(header) - 1) + b"\n"
    with pytest.raises(ReadError, match="1000000000000"):
        read(write("lie.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\0" * 160))


@pytest.mark.parametrize("kind", ["fits", "votable"])
def test_foreign_tables(tmp_path, kind) -> None:
    path = tmp_path / "foreign"
    Table({"wave": WAVE_A, "intensity": FLUX, "err": np.full(2500, 0.5)}).write(path, format=kind)
    spectrum = read(path).spectra["lamost_lrs"]
    np.testing.assert_allclose(spectrum.flux, FLUX)
    np.testing.assert_allclose(spectrum.ivar, 4.0)
    assert identify(path) == "table"


def test_specclip_structure_file(tmp_path) -> None:
    """One row whose cells are the arrays; the wavelength column may be called LAMBDA and the flux SPEC."""
    columns = [fits.Column(name=n, format="2500D", array=[v]) for n, v in (("LAMBDA", WAVE_A), ("SPEC", FLUX))]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "sample2_structure.fits")
    np.testing.assert_allclose(read(tmp_path / "sample2_structure.fits").spectra["lamost_lrs"].flux, FLUX)


def test_the_units_of_a_table_are_respected(tmp_path) -> None:
    Table({"wavelength": WAVE_NM, "flux": FLUX_NM}, units={"wavelength": "nm"}).write(tmp_path / "t.fits")
    assert read(tmp_path / "t.fits").spectra["gaia_xp"].wavelength[-1] == 1020


def test_a_catalogue_is_not_a_spectrum(shared) -> None:
    for name in ("astroquery_tap/job_1.vot", "astroquery_vizier/kang2010.xml"):
        with pytest.raises(NotASpectrumError, match="a table with the columns"):
            read_all(shared / "data/fixtures" / name)


def test_the_register_is_open(write) -> None:
    from specviz.spectra.readers import register_reader, registry
    from specviz.spectra.star import Star

    @register_reader("mine", identify=lambda content: content.data.startswith(b"MINE"), priority=99)
    def mine(content) -> list[Star]:
        return [Star(content.name)]

    try:
        assert layouts()[0] == "mine"
        assert read(write("x.mine", b"MINE 1 2 3")).name == "x.mine"
    finally:
        del registry._readers["mine"]


# ------------------------------------------------------------------------------------------------ specutils
def test_specutils_round_trip(fits_files) -> None:
    pytest.importorskip("specutils")
    spectrum = read(fits_files["dr7"]).spectra["lamost_lrs"]
    there = spectrum.to_specutils()
    assert there.spectral_axis.unit == "Angstrom" and there.mask.sum() == spectrum.mask.sum()
    back = Spectrum.from_specutils(there)
    for name in ("wavelength", "flux", "ivar", "mask"):
        assert np.array_equal(getattr(back, name), getattr(spectrum, name))
    assert (back.survey, back.frame, back.meta["obsid"]) == ("lamost_lrs", "observed", 938505172)


def test_specutils_with_other_axes_and_errors() -> None:
    specutils = pytest.importorskip("specutils")
    import astropy.units as u
    from astropy.nddata import StdDevUncertainty

    wave = np.linspace(4000, 5000, 50)
    there = specutils.Spectrum(
        flux=np.arange(1.0, 51.0) * u.Jy, spectral_axis=(wave * u.AA).to(u.THz, u.spectral()),
        uncertainty=StdDevUncertainty(np.full(50, 0.5)),
    )  # fmt: skip
    ours = Spectrum.from_specutils(there)
    np.testing.assert_allclose(ours.wavelength, np.sort(wave), rtol=1e-12)
    np.testing.assert_allclose(ours.ivar, 4.0)
    assert ours.flux_unit == "Jy"
    xp = Spectrum.from_specutils(there, survey="gaia_xp")
    assert xp.wavelength_unit == "nm" and xp.wavelength[0] == pytest.approx(400.0)
    with pytest.raises(SpectrumError, match="Unknown survey"):
        Spectrum.from_specutils(there, survey="apogee")
    cube = specutils.Spectrum(flux=np.ones((2, 50)) * u.Jy, spectral_axis=wave * u.AA)
    with pytest.raises(SpectrumError, match="one dimension"):
        Spectrum.from_specutils(cube)
    with pytest.raises(SpectrumError, match="Not a spectrum"):
        Spectrum.from_specutils(object())


# ------------------------------------------------------------------------------------------------ light curves as text
_DAYS = np.arange(0.0, 20.0, 0.0204)
_LIGHT = 1 + 1e-3 * np.sin(_DAYS)


def test_real_light_curves_as_text(shared) -> None:
    folder = shared / "data/lightcurves_text"
    for name, star_name, points in (
        ("tls/EPIC201367065.csv", "EPIC 201367065", 3632),
        ("tls/EPIC206154641.csv", "EPIC 206154641", 3203),
        ("pysyd/1435467_LC.txt.gz", "1435467_LC", 37919),
    ):
        assert identify(folder / name) == "light_curve_text"
        star = read(folder / name)
        assert star.name == star_name and not star.spectra
        curve = star.light_curve
        assert len(curve) == points and curve.flux_unit == "relative" and curve.time_system == "days"
        assert np.all(np.diff(curve.time) > 0)


def test_a_light_curve_with_names_for_its_columns(write) -> None:
    days = _columns(
        2454953.5 + _DAYS, 9000 * _LIGHT, 3 + 0 * _DAYS, _LIGHT, header="bjd,pdcsap_flux,pdcsap_flux_err,flux"
    )
    curve = read(write("kplr001234567-2009_llc.csv", days)).light_curve
    assert curve.time_system == "BJD_TDB" and curve.meta["kind"] == "pdcsap_flux" and curve.flux_error[0] == 3
    assert curve.flux[0] == pytest.approx(9000)
    assert str(read(write("kplr001234567_llc.csv", days)).identifiers[0]) == "KIC 1234567"


def test_magnitudes_and_parts_per_million_become_relative_flux(write) -> None:
    magnitude = -2.5 * np.log10(_LIGHT) + 11.0
    curve = read(write("m.csv", _columns(_DAYS, magnitude, 0.001 + 0 * _DAYS, header="time,mag,mag_err"))).light_curve
    np.testing.assert_allclose(curve.flux / np.median(curve.flux), _LIGHT / np.median(_LIGHT), atol=1e-4)
    assert curve.flux_error[0] == pytest.approx(0.00092, rel=0.01)
    ppm = read(write("p.txt", _columns(_DAYS, 1e6 * (_LIGHT - 1), sep=" ", header="# time [d] \n# time flux[ppm]")))
    np.testing.assert_allclose(ppm.light_curve.flux, _LIGHT, atol=1e-5)


def test_numbers_alone_are_a_light_curve_only_where_they_are_no_spectrum(write) -> None:
    assert identify(write("days.csv", _columns(_DAYS, _LIGHT))) == "light_curve_text"
    for wave in (WAVE_A, np.linspace(336, 1020, 343), np.linspace(0.4, 2.4, 500)):
        assert identify(write("s.csv", _columns(wave, np.ones(wave.size)))) == "text"
    assert identify(write("slow.csv", _columns(np.arange(150.0), np.ones(150)))) == "text"  # a day a step
