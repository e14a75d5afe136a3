"""Kepler: the published noise, gaps, quarters, outliers."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate.light_curves.kepler import EXTRA_NOISE, observe, photon_noise


def test_noise_of_the_formula() -> None:
    assert photon_noise(12.0) * 1e6 == pytest.approx(54.0, abs=2.0)  # ppm a long cadence
    assert photon_noise(12.0, 4 * 0.4904) == pytest.approx(photon_noise(12.0) / 2.0)
    assert np.all(np.diff(photon_noise(np.arange(9.0, 17.0))) > 0)


def _observed(n: int = 40, days: float = 180.0, kp: float = 13.0, seed: int = 0) -> np.ndarray:
    time = np.arange(round(days * 24.0)) / 24.0
    return observe(np.random.default_rng(seed), np.ones((n, time.size)), time, np.full(n, kp), 1.0)


def test_a_constant_star_scatters_by_the_noise() -> None:
    flux = _observed()
    step = np.diff(flux, axis=1)
    scatter = 1.4826 * np.nanmedian(np.abs(step), axis=1) / np.sqrt(2.0)
    assert np.median(scatter) == pytest.approx(EXTRA_NOISE[0] * photon_noise(13.0, 1.0), rel=0.1)


def test_gaps_quarters_and_outliers() -> None:
    flux = _observed()
    gone = np.isnan(flux).mean()
    assert 0.02 < gone < 0.08  # real files: 0.01 within a month, 0.06 over a quarter
    assert np.nanmedian(flux) == pytest.approx(1.0, abs=1e-5)
    # Quarters are brought to the same level: no jump of per cents is left.
    assert np.nanmax(np.abs(np.nanmedian(flux.reshape(40, 18, -1), axis=2) - 1.0)) < 1e-3
    high = np.nanmax(flux, axis=1) - 1.0
    assert np.mean(high > 6.0 * photon_noise(13.0, 1.0)) > 0.5


def test_the_same_seed_gives_the_same_night() -> None:
    np.testing.assert_array_equal(_observed(4, seed=3), _observed(4, seed=3))
    assert not np.array_equal(_observed(4, seed=3), _observed(4, seed=4), equal_nan=True)


def test_a_stretch_shorter_than_a_pause_is_not_empty() -> None:
    flux = _observed(60, days=0.8)
    assert np.isfinite(flux).any(axis=1).all()
