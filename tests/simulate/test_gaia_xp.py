"""Gaia XP from SEDs whose answer is known, and against the real spectra."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate.gaia_xp import G_ZERO_FLUX, XPSimulator
from specviz.spectra.grids import XP_REFERENCE_INDEX, XP_WAVELENGTH_NM


@pytest.fixture(scope="module")
def xp() -> XPSimulator:
    return XPSimulator()


def planck(wave_angstrom: np.ndarray, temperature: float) -> np.ndarray:
    x = 1.438777e8 / (wave_angstrom * temperature)
    return np.asarray(1.0 / (wave_angstrom**5 * np.expm1(x)))


@pytest.mark.parametrize("temperature", [4000.0, 5777.0, 9000.0])
def test_a_black_body_comes_out_as_itself(xp: XPSimulator, temperature: float) -> None:
    got = xp.observe(planck(xp.sed_wave, temperature), 12.0, None).relative().clean[0]
    want = planck(XP_WAVELENGTH_NM * 10.0, temperature)
    want = want / want[XP_REFERENCE_INDEX]
    inner = (XP_WAVELENGTH_NM > 410) & (XP_WAVELENGTH_NM < 960)
    ratio = got[inner] / want[inner]
    assert np.sqrt(np.mean((ratio - 1) ** 2)) < 0.02
    assert np.abs(ratio - 1).max() < 0.08  # the ripples that real XP spectra have too


def test_the_magnitude_sets_the_flux(xp: XPSimulator) -> None:
    sed = np.repeat(planck(xp.sed_wave, 6000.0)[None], 2, axis=0)
    bright, faint = xp.observe(sed, [10.0, 15.0], None).clean
    np.testing.assert_allclose(bright / faint, 100.0, rtol=1e-3)
    band = (XP_WAVELENGTH_NM > 400) & (XP_WAVELENGTH_NM < 850)
    assert 0.6 * G_ZERO_FLUX * 1e-4 < bright[band].mean() < 1.6 * G_ZERO_FLUX * 1e-4


def test_noise_is_what_sigma_says_and_is_correlated(xp: XPSimulator) -> None:
    sed = np.repeat(planck(xp.sed_wave, 5500.0)[None], 400, axis=0)
    seen = xp.observe(sed, 15.0, np.random.default_rng(1))
    chi = (seen.flux - seen.clean) / seen.sigma
    assert chi.std() == pytest.approx(1.0, abs=0.02)
    assert np.abs(chi.std(axis=0) - 1.0).max() < 0.2
    neighbour = np.mean(chi[:, 1:] * chi[:, :-1], axis=0)
    assert np.median(neighbour) > 0.5  # noise lives in 55 coefficients a band, not in 343 samples
    assert np.abs(np.mean(chi[:, :-100] * chi[:, 100:])) < 0.05


def test_the_seed_decides(xp: XPSimulator) -> None:
    sed = planck(xp.sed_wave, 5000.0)
    one, same, other = (xp.observe(sed, 14.0, np.random.default_rng(s)).flux for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0


def test_correlated_coefficients_keep_noise_and_sigma_together() -> None:
    """With the correlations of real spectra, sigma is again what the noise is, and differs from the independent one."""
    both, plain = XPSimulator(correlated=True), XPSimulator()
    sed = np.repeat(planck(plain.sed_wave, 5500.0)[None], 1500, axis=0)
    seen, without = (x.observe(sed, 14.0, np.random.default_rng(1)) for x in (both, plain))
    chi = (seen.flux - seen.clean) / seen.sigma
    np.testing.assert_allclose(chi.std(axis=0), 1.0, atol=0.08)
    ratio = np.median(seen.sigma / without.sigma, axis=0)
    assert 0.05 < np.std(ratio) < 0.30
    np.testing.assert_array_equal(seen.clean, without.clean)


def test_dust_is_gordon_2023(xp: XPSimulator) -> None:
    import astropy.units as u

    gordon = pytest.importorskip("dust_extinction.parameter_averages").G23
    wave = np.array([3500.0, 4400.0, 5500.0, 8000.0, 10000.0])
    for r_v in (2.5, 3.1, 5.5):
        want = r_v * gordon(Rv=r_v)(wave * u.AA)
        np.testing.assert_allclose(xp.extinction_curve(wave, r_v), want, rtol=4e-3)
        np.testing.assert_allclose(xp.extinction_curve(wave, [3.0, r_v])[1], want, rtol=4e-3)  # a star each


def test_dust_reddens_and_keeps_the_magnitude_asked_for(xp: XPSimulator) -> None:
    sed = np.repeat(planck(xp.sed_wave, 6000.0)[None], 2, axis=0)
    seen = xp.observe(sed, 13.0, None, ebv=[0.0, 1.0]).relative().clean
    at_800 = int(np.argmin(np.abs(XP_WAVELENGTH_NM - 800)))
    curve = xp.extinction_curve(np.array([5500.0, 8000.0]))
    assert seen[1, at_800] / seen[0, at_800] == pytest.approx(10 ** (0.4 * (curve[0] - curve[1])), rel=0.03)


def test_signal_to_noise_follows_the_real_sources(xp: XPSimulator, shared) -> None:  # type: ignore[no-untyped-def]
    """Median S/N of real sources of G 14, 15 and 16 against simulated G stars of the same magnitude."""
    with np.load(shared / "data" / "gaia_xp_sampled_2010.npz") as npz:
        flux, error = npz["flux"].astype(float), npz["flux_error"].astype(float)
    from specviz.simulate import gaia_xp

    weight = np.interp(XP_WAVELENGTH_NM, gaia_xp._G_WAVE, gaia_xp._G_BAND) * XP_WAVELENGTH_NM
    g_mag = -2.5 * np.log10(np.maximum(flux @ weight / weight.sum(), 1e-30) / G_ZERO_FLUX)
    sed = planck(xp.sed_wave, 5200.0)
    picked = [int(np.argmin(np.abs(XP_WAVELENGTH_NM - w))) for w in (450, 550, 640, 750, 900)]
    for magnitude in (14.0, 15.0, 16.0):
        near = np.abs(g_mag - magnitude) < 0.4
        assert near.sum() > 50
        real = np.median((flux / error)[near], axis=0)[picked]
        got = xp.observe(sed, magnitude, None)
        np.testing.assert_allclose((got.clean / got.sigma)[0, picked], real, rtol=0.35)


def test_a_sun_like_star_has_a_twin_among_the_real_spectra(xp: XPSimulator, shared) -> None:  # type: ignore[no-untyped-def]
    from specviz.simulate.grid import SyntheticGrid

    with np.load(shared / "data" / "gaia_xp_sampled_2010.npz") as npz:
        flux, error = npz["flux"].astype(float), npz["flux_error"].astype(float)
    good = (np.median(flux / error, axis=1) > 40) & (flux[:, XP_REFERENCE_INDEX] > 0)
    real = flux[good] / flux[good][:, XP_REFERENCE_INDEX, None]
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as grid:
        distance = (
            np.abs(grid.labels["teff"] - 5772) / 100
            + np.abs(grid.labels["logg"] - 4.44) / 0.1
            + np.abs(grid.labels["fe_h"]) / 0.1
        )
        sun = grid.sed(np.argsort(distance)[:1])
    inner = (XP_WAVELENGTH_NM > 400) & (XP_WAVELENGTH_NM < 950)
    best = 1.0
    for ebv in (0.0, 0.05, 0.1, 0.2):
        got = xp.observe(sun, 12.0, None, ebv=ebv).relative().clean[0]
        best = min(best, float(np.sqrt(np.mean(np.log(real[:, inner] / got[inner]) ** 2, axis=1)).min()))
    assert best < 0.025
