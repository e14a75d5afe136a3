"""Smoothing with gaps: against the definition written out, and the errors against repeated noise."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.errors import SpectrumError
from specviz.spectra.smoothing import smooth


def slow(flux: np.ndarray, sigma: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """The definition, pixel by pixel, as the browser's function loops."""
    half = int(np.ceil(4 * width))
    out, err = np.full(flux.size, np.nan), np.full(flux.size, np.nan)
    for i in range(flux.size):
        if not np.isfinite(flux[i]):
            continue
        total = value = variance = 0.0
        for j in range(max(0, i - half), min(flux.size, i + half + 1)):
            if np.isfinite(flux[j]):
                k = np.exp(-0.5 * ((j - i) / width) ** 2)
                total, value, variance = total + k, value + k * flux[j], variance + (k * sigma[j]) ** 2
        out[i], err[i] = value / total, np.sqrt(variance) / total
    return out, err


@pytest.mark.parametrize("width", [0.3, 1.0, 2.5, 50.0])
def test_it_is_the_definition(width: float) -> None:
    rng = np.random.default_rng(1)
    flux, sigma = rng.normal(1, 0.1, 120), rng.uniform(0.05, 0.2, 120)
    flux[[0, 7, 8, 9, 60]] = np.nan
    (got, told), (want, error) = smooth(flux, width, sigma), slow(flux, sigma, width)
    assert told is not None
    assert np.allclose(got, want, equal_nan=True, rtol=1e-10, atol=0)
    assert np.allclose(told, error, equal_nan=True, rtol=1e-10, atol=0)
    assert np.isnan(got[[0, 7, 8, 9, 60]]).all() and np.isfinite(got).sum() == 115


def test_a_constant_stays_constant_at_gaps_and_ends() -> None:
    flux = np.full(50, 3.0)
    flux[20:25] = np.nan
    got, told = smooth(flux, 2.0)
    gap = np.isnan(flux)
    assert told is None and np.allclose(got[~gap], 3.0) and np.isnan(got[gap]).all()


def test_errors_are_those_of_repeated_noise() -> None:
    rng = np.random.default_rng(2)
    sigma = np.linspace(0.5, 2.0, 80)
    sigma[40] = 3.0
    made = np.array([smooth(rng.normal(0, sigma), 1.5)[0] for _ in range(4000)])
    told = smooth(np.zeros(80), 1.5, sigma)[1]
    assert told is not None and np.allclose(made.std(axis=0) / told, 1, atol=0.05)


def test_nothing_is_smoothed_at_zero() -> None:
    flux = np.array([1.0, np.nan, 2.0])
    assert np.array_equal(smooth(flux, 0)[0], flux, equal_nan=True)


@pytest.mark.parametrize("width", [-1.0, np.nan, np.inf])
def test_a_width_that_is_none_is_refused(width: float) -> None:
    with pytest.raises(SpectrumError, match="smoothing"):
        smooth([1.0, 2.0], width)
