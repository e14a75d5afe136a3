"""Equivalent widths and indices: lines of known width, errors by repetition, gaps, part pixels, real stars."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.errors import CoverageError, OptionError, SpectrumError
from specviz.spectra.frames import doppler_factor
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.indices import INDICES, measure_indices
from specviz.spectra.readers import read
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.widths import equivalent_width

CENTRE, EW, SIGMA_LINE = 6000.0, 2.0, 3.0


def made(noise: float = 0.0, rng: np.random.Generator | None = None, depth: float = EW, **fields: object) -> Spectrum:
    """A sloped continuum with one Gaussian line of known width, averaged over each pixel."""
    wave = LAMOST_NATIVE[2000:2300]
    fine = wave[:, None] + np.gradient(wave)[:, None] * (np.arange(21) - 10) / 21
    line = depth / (SIGMA_LINE * np.sqrt(2 * np.pi)) * np.exp(-0.5 * ((fine - CENTRE) / SIGMA_LINE) ** 2)
    flux = ((1 - line) * (50 + 0.02 * (fine - 6000))).mean(axis=1)
    ivar = None
    if noise:
        flux = flux + (rng.normal(0, noise, wave.size) if rng is not None else 0)
        ivar = np.full(wave.size, noise**-2)
    return Spectrum(wave, flux, ivar, survey="lamost_lrs", **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["bands", "edges"])
@pytest.mark.parametrize("window", [(5985.0, 6015.0), (5984.37, 6013.2)])
def test_a_line_of_known_width(method: str, window: tuple[float, float]) -> None:
    found = equivalent_width(made(), *window, method=method)  # type: ignore[arg-type]
    assert found.value == pytest.approx(EW, abs=0.005) and np.isnan(found.sigma) and found.missing == 0
    assert found.unit == "Angstrom" and found.method == method
    assert found.line[0][1] == pytest.approx(50 + 0.02 * (found.line[0][0] - 6000), abs=0.02)


def test_emission_is_negative_and_part_pixels_count() -> None:
    assert equivalent_width(made(depth=-EW), 5985, 6015).value == pytest.approx(-EW, abs=0.005)
    halves = [equivalent_width(made(), *w, bands=((5960, 5980), (6020, 6040))).value
              for w in ((5985, 5999.9), (5999.9, 6015))]  # fmt: skip
    whole = equivalent_width(made(), 5985, 6015, bands=((5960, 5980), (6020, 6040)))
    assert sum(halves) == pytest.approx(whole.value, rel=1e-9) and whole.bands == ((5960, 5980), (6020, 6040))


@pytest.mark.parametrize("method", ["bands", "edges"])
@pytest.mark.parametrize("unit", ["Angstrom", "mag"])
def test_errors_are_those_of_repeated_noise(method: str, unit: str) -> None:
    rng = np.random.default_rng(3)
    found = [equivalent_width(made(1.0, rng), 5985, 6015, method=method, unit=unit) for _ in range(1500)]  # type: ignore[arg-type]
    values, told = np.array([f.value for f in found]), np.mean([f.sigma for f in found])
    assert values.std() / told == pytest.approx(1, abs=0.07)
    if unit == "mag":
        assert values.mean() == pytest.approx(-2.5 * np.log10(1 - EW / 30), abs=0.002)


def test_side_bands_that_overlap_the_window_keep_the_error_right() -> None:
    rng = np.random.default_rng(4)
    bands = ((5970.0, 5990.0), (6010.0, 6030.0))
    found = [equivalent_width(made(1.0, rng), 5985, 6015, bands=bands) for _ in range(1500)]
    assert np.std([f.value for f in found]) / found[0].sigma == pytest.approx(1, abs=0.07)


def test_masked_pixels_are_bridged_and_told() -> None:
    spectrum = made(0.5)
    mask = np.zeros(len(spectrum), bool)
    mask[np.argmin(np.abs(spectrum.wavelength - 6000.0))] = True
    flux = np.where(mask, -9999.0, spectrum.flux)
    found = equivalent_width(spectrum.with_(flux=flux, mask=mask), 5985, 6015)
    assert found.value == pytest.approx(EW, abs=0.06) and 0.04 < found.missing < 0.05
    assert found.sigma > equivalent_width(spectrum, 5985, 6015).sigma
    mask = (spectrum.wavelength > 5985) & (spectrum.wavelength < 6005)
    with pytest.raises(CoverageError, match="masked"):
        equivalent_width(spectrum.with_(mask=mask), 5985, 6015)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(CoverageError, match="covers"):
        equivalent_width(made(), 5000, 5010)
    with pytest.raises(CoverageError, match="side bands"):
        equivalent_width(made(), LAMOST_NATIVE[2000] + 0.1, 5890)
    with pytest.raises(SpectrumError, match="window"):
        equivalent_width(made(), 6015, 5985)
    with pytest.raises(OptionError):
        equivalent_width(made(), 5985, 6015, method="spline")  # type: ignore[arg-type]
    with pytest.raises(SpectrumError, match="not positive"):
        equivalent_width(made().with_(flux=made().flux - 60), 5985, 6015)


def test_the_drawn_continuum_serves_too() -> None:
    star = DemoArchive().star(0).spectra["lamost_lrs"]
    found = equivalent_width(star, 4850, 4876, method="continuum")
    assert 1.5 < found.value < 6 and 0 < found.sigma < 0.3 and len(found.line) > 10
    plain = made().with_(flux=made().flux / 50, meta={"normalised": True})
    assert equivalent_width(plain, 5985, 6015, method="continuum").line[0][1] == 1.0


def test_specutils_agrees() -> None:
    pytest.importorskip("specutils")
    from astropy import units as u
    from specutils import SpectralRegion
    from specutils.analysis import equivalent_width as theirs

    spectrum = made()
    flat = spectrum.with_(flux=spectrum.flux / (50 + 0.02 * (spectrum.wavelength - 6000)), meta={"normalised": True})
    ours = equivalent_width(flat, 5985, 6015, method="continuum").value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        region = SpectralRegion(5985 * u.AA, 6015 * u.AA)
        reference = theirs(flat.to_specutils(), regions=region, continuum=1).to_value(u.AA)
    assert ours == pytest.approx(reference, abs=0.02)


def test_indices_do_not_depend_on_the_velocity_that_is_removed() -> None:
    star = DemoArchive().star(0)
    spectrum, rv = star.spectra["lamost_lrs"], star.catalogue["rv"]
    table = measure_indices(spectrum, rv)
    moved = spectrum.with_(wavelength=spectrum.wavelength * doppler_factor(200.0))
    again = measure_indices(moved, rv + 200.0)
    assert [str(n) for n in table["name"]] == [i.name for i in INDICES] and table.meta["rv_km_s"] == rv
    both = np.isfinite(table["value"]) & np.isfinite(again["value"])
    assert both.sum() > 24 and np.allclose(table["value"][both], again["value"][both], rtol=0.01, atol=0.01)
    assert (table["error"][both] > 0).all()
    told = [str(p) for p in table["problem"][~np.isfinite(table["value"])]]
    assert all("masked" in p for p in told)


def test_windows_are_those_of_the_papers_in_vacuum() -> None:
    (window,), bands = next(i for i in INDICES if i.name == "Hbeta").vacuum
    assert window[0] < 4862.68 < window[1] and np.allclose(window, (4849.23, 4877.99), atol=0.01) and len(bands) == 2
    assert len({i.name for i in INDICES}) == len(INDICES) == 29
    for index in INDICES:
        assert all(a < b for a, b in (*index.windows, *index.bands))


def test_a_short_spectrum_says_what_it_lacks() -> None:
    table = measure_indices(made(1.0))
    assert np.isnan(table["value"][[str(n) == "CaT" for n in table["name"]]]).all()
    assert "covers" in str(table["problem"][0])
    with pytest.raises(SpectrumError, match="too coarse"):
        measure_indices(Spectrum(np.arange(336.0, 1021, 2), np.ones(343), survey="gaia_xp"))


def test_real_g_dwarfs_look_like_the_sun(shared: Path) -> None:
    """Solar values in the Lick system are near Hbeta 2.6, Mg b 2.6, Fe5270 2.1 A; G dwarfs scatter about them."""
    import csv

    with (shared / "data" / "lamost_dr10" / "labels.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if 5500 < float(r["teff"]) < 6000 and float(r["logg"]) > 4
                and abs(float(r["feh"])) < 0.3 and float(r["SNRG"]) > 30]  # fmt: skip
    found = []
    for row in rows:
        if not (shared / "data" / "lamost_dr10" / row["file"]).is_file():
            continue  # the table lists more than the folder holds
        spectrum = read(shared / "data" / "lamost_dr10" / row["file"]).spectra["lamost_lrs"]
        table = measure_indices(spectrum, float(row["Z"]) * 299792.458)
        found.append([float(table["value"][[str(n) == k for n in table["name"]]][0]) for k in ("Hbeta", "Mgb", "CaT")])
    assert len(found) >= 2
    beta, mgb, cat = np.nanmedian(np.array(found), axis=0)
    assert 2.0 < beta < 3.3 and 1.8 < mgb < 4.0 and 5.5 < cat < 8.5
