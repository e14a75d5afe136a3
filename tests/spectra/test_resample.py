"""Resampling carries variance and masks; the SpecCLIP grids reproduce the goldens and refuse what does not reach."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from specviz.errors import CoverageError, SpectrumError
from specviz.spectra.grids import LAMOST_NATIVE, SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.resample import bridge, resample_linear, to_specclip_grid, to_xp_grid
from specviz.spectra.spectrum import Spectrum

CASES = ("cool", "solar", "solar_cfsnr30", "solar_cfsnr10", "hot", "lowsnr", "sdsslike", "blueonly")


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden/specclip/normalization_lamost.npz") as file:
        return dict(file)


@pytest.mark.parametrize("case", CASES)
def test_single_and_double_normalisation_are_reproduced(golden, case) -> None:
    cfsnr = float(golden[f"{case}__cfsnr"])
    spectrum = Spectrum(golden[f"{case}__wave"], golden[f"{case}__flux"], survey="lamost_lrs")
    once = to_specclip_grid(spectrum, cfsnr=cfsnr)
    np.testing.assert_allclose(once.values, golden[f"{case}__grid_flux"], rtol=1e-7)
    assert once.filled == 0.0
    twice = to_specclip_grid(spectrum, compat=True, cfsnr=cfsnr)
    np.testing.assert_allclose(twice.values, golden[f"{case}__grid_flux_double"], rtol=1e-7)


@pytest.mark.parametrize("star", range(4))
def test_xp_grid_is_reproduced(shared, star) -> None:
    with np.load(shared / "golden/specclip/normalization_gaia.npz") as golden:
        spectrum = Spectrum(golden[f"s{star}__wave_nm"], golden[f"s{star}__flux"], survey="gaia_xp")
        grid = to_xp_grid(spectrum)
        np.testing.assert_allclose(grid.values, golden[f"s{star}__grid_flux"], rtol=1e-12)
    assert grid.values[107] == 1.0
    assert 1e-18 < grid.scale < 1e-15


def test_variance_is_that_of_many_noise_draws() -> None:
    rng = np.random.default_rng(0)
    wave = np.linspace(5000.0, 5100.0, 101)
    new = np.linspace(5001.3, 5098.7, 77)
    sigma = rng.uniform(0.5, 2.0, wave.size)
    flux = np.linspace(10, 20, wave.size)
    predicted = resample_linear(new, wave, flux, 1 / sigma**2, log=False)
    draws = [resample_linear(new, wave, flux + rng.normal(0, sigma), log=False).flux for _ in range(4000)]
    np.testing.assert_allclose(np.std(draws, axis=0), 1 / np.sqrt(predicted.ivar), rtol=0.06)
    np.testing.assert_allclose(predicted.flux, np.interp(new, wave, flux), rtol=1e-12)
    assert not predicted.mask.any()


def test_a_pixel_that_touches_a_masked_one_is_masked() -> None:
    wave = np.arange(5000.0, 5010.0)
    mask = wave == 5004.0
    flux = np.where(mask, np.nan, 3.0)
    new = np.array([4999.0, 5003.0, 5003.5, 5004.0, 5004.9, 5005.0, 5009.0, 5010.0])
    out = resample_linear(new, wave, flux, np.ones(10), mask, log=False)
    assert out.mask.tolist() == [True, False, True, True, True, False, False, True]
    assert (out.ivar[out.mask] == 0).all()
    assert np.isfinite(out.flux).all() and np.allclose(out.flux, 3.0)
    assert out.ivar[[1, 5, 6]].tolist() == [1.0, 1.0, 1.0]


def test_ivar_zero_means_unknown_after_resampling() -> None:
    wave = np.arange(5000.0, 5010.0)
    out = resample_linear(wave[:-1] + 0.5, wave, np.ones(10), np.where(wave == 5004, 0.0, 4.0), log=False)
    assert (out.ivar == 0).tolist() == [False] * 3 + [True, True] + [False] * 4
    assert out.ivar[0] == pytest.approx(8.0)  # two pixels of variance 1/4, each with weight 1/2


def test_lengths_must_agree() -> None:
    with pytest.raises(SpectrumError, match="do not match"):
        resample_linear(np.ones(3), np.arange(1.0, 5.0), np.ones(3))


def test_bridge_joins_good_neighbours() -> None:
    wave = np.arange(1.0, 7.0)
    flux = np.array([np.nan, 2.0, 99.0, 99.0, 5.0, np.nan])
    bad = ~np.isfinite(flux) | (flux == 99)
    assert bridge(wave, flux, bad).tolist() == [2.0, 2.0, 3.0, 4.0, 5.0, 5.0]
    with pytest.raises(SpectrumError, match="No pixel"):
        bridge(wave, flux, np.ones(6, bool))


# ------------------------------------------------------------------------------------------------ SpecCLIP's grid
def _spectrum(arrays, **changes) -> Spectrum:
    fields = {"wavelength": arrays["wave"], "flux": arrays["flux"], "ivar": arrays["ivar"], "survey": "lamost_lrs"}
    return Spectrum(**{**fields, **changes})


def test_bad_pixels_do_not_reach_the_input(arrays) -> None:
    """A masked spike, a zero gap and a NaN leave the values elsewhere as they were (continuum included)."""
    i = int(np.searchsorted(arrays["wave"], 4500.0))
    mask = np.zeros(arrays["flux"].size, bool)
    mask[i : i + 20] = True
    reference = to_specclip_grid(_spectrum(arrays, mask=mask))
    spoiled = arrays["flux"].copy()
    spoiled[i : i + 10] = 1e7
    spoiled[i + 10 : i + 15] = np.nan
    spoiled[i + 15 : i + 20] = 0.0
    ours = to_specclip_grid(_spectrum(arrays, flux=spoiled, mask=mask))
    np.testing.assert_allclose(ours.values, reference.values, rtol=1e-12)
    assert np.isfinite(ours.values).all()
    assert ours.filled == pytest.approx(21 / 1462, abs=2 / 1462)  # 20 pixels and the one at 2000
    inside = (arrays["wave"][i] < SPECCLIP_WAVELENGTH) & (arrays["wave"][i + 19] > SPECCLIP_WAVELENGTH)
    assert (ours.ivar[inside] == 0).all()
    assert (ours.ivar > 0).mean() > 0.97


def test_errors_follow_the_normalisation(arrays) -> None:
    grid = to_specclip_grid(_spectrum(arrays))
    known = grid.ivar > 0
    relative = 1 / np.sqrt(grid.ivar[known]) / grid.values[known]
    assert np.median(relative) == pytest.approx(1 / 50, rel=0.03)  # S/N 50; the grid is the native one, so no averaging
    assert np.median(grid.continuum) == pytest.approx(np.median(arrays["flux"][338:1800]), rel=0.1)


def test_short_wavelength_range_is_refused(arrays) -> None:
    keep = arrays["wave"] > 4100
    with pytest.raises(CoverageError, match="4000-5598"):
        to_specclip_grid(Spectrum(arrays["wave"][keep], arrays["flux"][keep], survey="lamost_lrs"))


def test_half_empty_spectrum_is_refused(arrays) -> None:
    ivar = np.where((arrays["wave"] > 4000) & (arrays["wave"] < 5000), 0.0, arrays["ivar"])
    with pytest.raises(CoverageError, match="masked or empty"):
        to_specclip_grid(_spectrum(arrays, ivar=ivar))


def test_an_xp_spectrum_is_too_coarse_for_the_lamost_grid() -> None:
    with pytest.raises(CoverageError, match="pixels between"):
        to_specclip_grid(Spectrum(XP_WAVELENGTH_NM, np.ones(343), survey="gaia_xp"))


def test_it_takes_less_than_four_milliseconds(arrays) -> None:
    spectrum = _spectrum(arrays)
    to_specclip_grid(spectrum)
    times = []
    for _ in range(30):
        start = time.perf_counter()
        to_specclip_grid(spectrum)
        times.append(time.perf_counter() - start)
    assert min(times) < 4e-3


def test_real_spectra_of_the_training_set_all_fit(shared) -> None:
    with np.load(shared / "data/lamost_dr10_afg_train.npz") as data:
        wave, flux, ivar = data["wave_vac"], data["flux"][:200], data["ivar"][:200]
    filled = []
    for f, i in zip(flux, ivar, strict=True):
        grid = to_specclip_grid(Spectrum(wave, f, i, survey="lamost_lrs"))
        assert np.isfinite(grid.values).all() and 0.5 < np.median(grid.values) < 1.2
        filled.append(grid.filled)
    assert np.median(filled) < 0.02 and max(filled) <= 0.55


# ------------------------------------------------------------------------------------------------ the XP grid
def test_xp_errors_are_scaled_with_the_flux() -> None:
    flux = np.linspace(1e-16, 3e-16, 343)
    grid = to_xp_grid(Spectrum(XP_WAVELENGTH_NM, flux, 1 / (0.02 * flux) ** 2, survey="gaia_xp"))
    assert grid.scale == pytest.approx(flux[107])
    np.testing.assert_allclose(1 / np.sqrt(grid.ivar) / grid.values, 0.02, rtol=1e-10)


def test_rp_alone_cannot_be_scaled() -> None:
    flux = np.where(XP_WAVELENGTH_NM <= 635, np.nan, 1e-16)
    with pytest.raises(CoverageError, match="BP and RP both"):
        to_xp_grid(Spectrum(XP_WAVELENGTH_NM, flux, survey="gaia_xp"))


def test_xp_range_and_sign_are_checked() -> None:
    with pytest.raises(CoverageError, match="336-1020 nm"):
        to_xp_grid(Spectrum(XP_WAVELENGTH_NM[5:], np.ones(338), survey="gaia_xp"))
    with pytest.raises(CoverageError, match="positive"):
        to_xp_grid(Spectrum(XP_WAVELENGTH_NM, -np.ones(343), survey="gaia_xp"))


def test_float32_wavelengths_do_not_cost_good_neighbours(arrays) -> None:
    """LAMOST stores float32 wavelengths, 3e-4 of a pixel off the grid: one bad pixel must not mask two."""
    wave = LAMOST_NATIVE.astype(np.float32).astype(float)
    mask = np.zeros(wave.size, bool)
    mask[1000] = True
    grid = to_specclip_grid(Spectrum(wave, arrays["flux"], np.ones(wave.size), mask, survey="lamost_lrs"))
    assert round(grid.filled * 1462) == 1


def test_wide_grid_agrees_with_the_training_batches(shared: Path) -> None:
    """One spectrum through ``to_wide_grid`` is what the training material holds of it."""
    from specviz.simulate.continuum_batch import wide_window
    from specviz.spectra.grids import LAMOST_NATIVE
    from specviz.spectra.resample import to_wide_grid

    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as f:
        flux, ivar = f["flux"][:20], f["ivar"][:20]
    values, weights, continuum = wide_window(flux, ivar)
    for i in range(20):
        one = to_wide_grid(Spectrum(LAMOST_NATIVE, flux[i], ivar[i], survey="lamost_lrs"))
        np.testing.assert_allclose(one.values, values[i], atol=2e-5)
        np.testing.assert_allclose(one.ivar, weights[i], rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(one.continuum, continuum[i], rtol=1e-4)


def test_wide_grid_takes_one_arm_and_refuses_none() -> None:
    from specviz.spectra.resample import to_wide_grid

    wave = np.arange(3800.0, 5800.0, 1.0)
    blue = to_wide_grid(Spectrum(wave, np.full(wave.size, 3.0), np.ones(wave.size), survey="lamost_lrs"))
    assert blue.filled == pytest.approx(0.52, abs=0.02)
    np.testing.assert_allclose(blue.values, 1.0, atol=1e-3)
    assert (blue.ivar[-1000:] == 0).all() and (blue.values[-1000:] == 1).all()
    short = np.arange(5000.0, 6000.0, 1.0)
    with pytest.raises(CoverageError, match="5000-5999"):
        to_wide_grid(Spectrum(short, np.ones(short.size), survey="lamost_lrs"))
