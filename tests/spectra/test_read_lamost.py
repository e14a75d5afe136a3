"""LAMOST files of every release, made here and real ones."""

from __future__ import annotations

import gzip
from collections import Counter

import numpy as np
import pytest
from astropy.io import fits

from specviz.errors import NotASpectrumError, NotFoundError, ReadError, UnknownLayoutError
from specviz.spectra.readers import identify, read, read_all, read_bytes


@pytest.mark.parametrize(
    ("name", "layout"),
    [
        ("dr1", "lamost_image_no_wavelength"),
        ("dr7", "lamost_image"),
        ("six_rows", "lamost_image"),
        ("dr10", "lamost_coadd"),
    ],
)
def test_every_layout_gives_the_same_star(fits_files, arrays, name, layout) -> None:
    assert identify(fits_files[name]) == layout
    star = read(fits_files[name])
    spectrum = star.spectra["lamost_lrs"]
    assert spectrum.meta["layout"] == layout
    np.testing.assert_allclose(spectrum.wavelength, arrays["wave"], rtol=1e-7)
    np.testing.assert_allclose(spectrum.flux, arrays["flux"], rtol=1e-6)
    np.testing.assert_allclose(spectrum.ivar, arrays["ivar"], rtol=1e-6)
    assert np.array_equal(spectrum.mask, arrays["ivar"] == 0)
    assert (spectrum.frame, spectrum.wavelength_unit) == ("observed", "Angstrom")


def test_header_facts_arrive_under_the_documented_names(fits_files) -> None:
    star = read(fits_files["dr7"])
    meta = star.spectra["lamost_lrs"].meta
    expected = {
        "object_id": "LAMOST J012345.67+012345.6", "obsid": 938505172, "snr": 55.5, "snr_g": 55.5, "snr_u": 10.0,
        "snr_z": None, "class": "STAR", "subclass": "G5", "z": -0.0001, "ra": 20.94, "dec": 1.396, "release": "DR7",
        "mjd": 58999, "lmjd": 59000, "planid": "HD012345N012345M01", "spid": 5, "fiberid": 172, "helio": True,
        "helio_rv": 12.5,
    }  # fmt: skip
    assert {k: meta[k] for k in expected} == expected
    assert meta["path"] == str(fits_files["dr7"])
    assert (star.name, star.obsid, star.ra) == ("LAMOST J012345.67+012345.6", "938505172", 20.94)
    assert star.identifiers[0].release == "DR7"


def test_gzip_is_known_by_its_bytes(fits_files, write) -> None:
    packed = gzip.compress(fits_files["dr10"].read_bytes())
    plain = read(fits_files["dr10"]).spectra["lamost_lrs"]
    for name in ("a.fits", "a.fits.gz", "a.dat"):
        assert np.array_equal(read(write(name, packed)).spectra["lamost_lrs"].flux, plain.flux)
    assert np.array_equal(read_bytes(packed, "upload")[0].spectra["lamost_lrs"].flux, plain.flux)


def test_andmask_masks_and_ormask_does_not(arrays, tmp_path) -> None:
    andmask, ormask = np.zeros(3909), np.zeros(3909)
    andmask[100], ormask[200] = 2.0, 1.0
    ivar = np.ones(3909)
    rows = [arrays["flux"], ivar, arrays["wave"], andmask, ormask]
    hdu = fits.PrimaryHDU(np.array(rows, dtype=">f4"))
    hdu.header.update({"COEFF0": 3.5682, "COEFF1": 1e-4})
    hdu.writeto(tmp_path / "a.fits")
    assert np.flatnonzero(read(tmp_path / "a.fits").spectra["lamost_lrs"].mask).tolist() == [100]


def test_zero_gap_and_nan_are_masked(arrays, tmp_path) -> None:
    flux = arrays["flux"].copy()
    flux[500:520] = 0.0
    flux[600] = np.nan
    hdu = fits.PrimaryHDU(np.array([flux, np.ones(3909), arrays["wave"]], dtype=">f4"))
    hdu.header.update({"COEFF0": 3.5682, "COEFF1": 1e-4})
    hdu.writeto(tmp_path / "a.fits")
    assert np.flatnonzero(read(tmp_path / "a.fits").spectra["lamost_lrs"].mask).tolist() == [*range(500, 520), 600]


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_spectrum_without_flux_is_refused(arrays, tmp_path, value) -> None:
    hdu = fits.PrimaryHDU(np.array([np.full(3909, value), np.ones(3909), arrays["wave"]], dtype=">f4"))
    hdu.header.update({"COEFF0": 3.5682, "COEFF1": 1e-4})
    hdu.writeto(tmp_path / "dead.fits")
    with pytest.raises(ReadError, match=r"dead\.fits.*zero or not a number"):
        read(tmp_path / "dead.fits")


def test_air_wavelengths_are_turned_to_vacuum(fits_files, tmp_path) -> None:
    with fits.open(fits_files["dr1"]) as hdus:
        hdus[0].header["VACUUM"] = False
        hdus.writeto(tmp_path / "air.fits")
    air, vacuum = (read(p).spectra["lamost_lrs"].wavelength for p in (tmp_path / "air.fits", fits_files["dr1"]))
    assert (air - vacuum)[1500] == pytest.approx(vacuum[1500] * 2.77e-4, rel=0.01)


def test_missing_files_and_folders_say_so(tmp_path) -> None:
    with pytest.raises(NotFoundError, match=r"nowhere\.fits: no such file"):
        read(tmp_path / "nowhere.fits")
    with pytest.raises(ReadError, match="a folder"):
        read(tmp_path)


def test_foreign_fits_says_what_it_holds(tmp_path) -> None:
    fits.BinTableHDU.from_columns([fits.Column(name="rv_opt", format="D", array=[1.0])]).writeto(tmp_path / "t.fits")
    with pytest.raises(NotASpectrumError, match="columns rv_opt"):
        read(tmp_path / "t.fits")
    fits.PrimaryHDU(np.zeros((20, 20))).writeto(tmp_path / "image.fits")
    with pytest.raises(NotASpectrumError, match="without a spectrum"):
        read(tmp_path / "image.fits")
    with pytest.raises(UnknownLayoutError, match="a web page"):
        read_bytes(b"<!DOCTYPE html><html>login", "spec.fits")


# ------------------------------------------------------------------------------------------------ real files
@pytest.fixture(scope="module")
def real_files(shared):
    files = sorted(p for p in (shared / "data").glob("lamost_*/**/*") if p.is_file() and ".fit" in p.name)
    assert len(files) == 252
    return files


def test_all_real_files_are_read(real_files) -> None:
    classes, layouts, refused = Counter(), Counter(), []
    for path in real_files:
        try:
            star = read(path)
        except NotASpectrumError as error:
            refused.append((path.name, str(error)))
            continue
        spectrum = star.spectra["lamost_lrs"]
        classes[spectrum.meta["class"]] += 1
        layouts[spectrum.meta["layout"]] += 1
        assert 3700 <= len(spectrum) <= 3909 and spectrum.good.mean() > 0.3
        assert star.name.startswith("LAMOST J") and 0 <= star.ra < 360 and -90 <= star.dec <= 90
        assert spectrum.meta["snr"] is None or -100 < spectrum.meta["snr"] < 999
    assert classes == {"STAR": 248, "GALAXY": 3}
    assert layouts == {"lamost_image": 101, "lamost_image_no_wavelength": 70, "lamost_coadd": 80}
    assert [name for name, _ in refused] == ["trvr.fits"]
    assert "rv_opt, rv_err, rv_best" in refused[0][1]


def test_our_fits_units_agree_with_astropy(real_files) -> None:
    for path in real_files[::9]:
        ours = read_all(path)[0].spectra["lamost_lrs"] if path.name != "trvr.fits" else None
        with fits.open(path, memmap=False, output_verify="ignore") as hdus:
            if ours is None:
                continue
            data = hdus[0].data
            flux = hdus[1].data["FLUX"][0] if data is None else data[0]
            ivar = hdus[1].data["IVAR"][0] if data is None else data[1]
            if len(ours) == flux.size:
                assert np.array_equal(ours.flux, flux.astype(float))
                assert np.array_equal(ours.ivar, np.where(ivar > 0, ivar, 0).astype(float))
            assert ours.meta["planid"] == hdus[0].header["PLANID"].strip()
            assert ours.meta["z"] is None or ours.meta["z"] == pytest.approx(float(hdus[0].header["Z"]))


def test_obsid_ends_in_spectrograph_and_fibre(real_files) -> None:
    checked = 0
    for path in real_files:
        if "lamost_dr10" in str(path):
            meta = read(path).spectra["lamost_lrs"].meta
            assert f"{meta['obsid']:09d}"[-5:] == f"{meta['spid']:02d}{meta['fiberid']:03d}"
            checked += 1
    assert checked == 80
