"""The official pseudo-continuum (bit-close to the golden file) and the robust one (on known truth)."""

from __future__ import annotations

import time

import numpy as np
import pytest

from specviz.errors import SpectrumError
from specviz.spectra.continuum import gaspp_continuum, running_quantile_continuum
from specviz.spectra.grids import LAMOST_NATIVE

CASES = ("cool", "solar", "solar_cfsnr30", "solar_cfsnr10", "hot", "lowsnr", "sdsslike", "blueonly")


@pytest.fixture(scope="module")
def golden(shared):
    with np.load(shared / "golden/specclip/normalization_lamost.npz") as file:
        return dict(file)


@pytest.mark.parametrize("case", CASES)
def test_official_continuum_is_reproduced(golden, case) -> None:
    ours = gaspp_continuum(golden[f"{case}__wave"], golden[f"{case}__flux"], float(golden[f"{case}__cfsnr"]))
    np.testing.assert_allclose(ours, golden[f"{case}__continuum"], rtol=1e-7)


def test_no_golden_case_was_forgotten(golden) -> None:
    assert set(golden["names"].tolist()) == set(CASES)


def test_projection_equals_polyfit_to_rounding(arrays) -> None:
    """The same steps with numpy.polyfit, on a spectrum that is in no golden file."""
    wave, flux = arrays["wave"], arrays["flux"]
    padded = np.concatenate([np.zeros(3), flux, np.zeros(3)])
    filtered = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    blue = (wave >= 3700) & (wave <= 5700)
    level = filtered[blue]
    first = np.polyval(np.polyfit(wave[blue], level, 5), wave[blue])
    assert wave[blue][np.argmax(first)] < 4500  # the hot branch is taken: take it here, too
    shift = int((wave < 3700).sum())
    assert shift == 1
    lines = []
    for low, high in ((4030, 4160), (4270, 4410), (4800, 4940)):
        peaks = [level[np.flatnonzero((wave >= e - 10) & (wave <= e + 10))].max() for e in (low, high)]
        lines.append((np.flatnonzero((wave >= low) & (wave <= high)), (low, high), peaks))
    for where, edges, peaks in lines:
        level[where] = np.interp(wave[where], edges, peaks)
    for _ in range(10):
        level = np.maximum(np.polyval(np.polyfit(wave[blue], level, 5), wave[blue]), level)
    expected = np.polyval(np.polyfit(wave[blue], level, 5), wave[blue])
    np.testing.assert_allclose(gaspp_continuum(wave, flux)[blue], expected, rtol=1e-9)


def test_continuum_is_positive_where_the_flux_is_not() -> None:
    rng = np.random.default_rng(1)
    assert (gaspp_continuum(LAMOST_NATIVE, rng.normal(0, 1, LAMOST_NATIVE.size)) > 0).all()


def test_flux_that_is_not_finite_is_refused() -> None:
    flux = np.ones(LAMOST_NATIVE.size)
    flux[5] = np.nan
    with pytest.raises(SpectrumError, match="Bridge them"):
        gaspp_continuum(LAMOST_NATIVE, flux)


def test_lengths_must_agree() -> None:
    with pytest.raises(SpectrumError, match="do not match"):
        gaspp_continuum(LAMOST_NATIVE, np.ones(5))


def test_it_is_fast(arrays) -> None:
    gaspp_continuum(arrays["wave"], arrays["flux"])
    best = min(_timed(gaspp_continuum, arrays["wave"], arrays["flux"]) for _ in range(20))
    assert best < 4e-3


def _timed(function, *args) -> float:
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


# ------------------------------------------------------------------------------------------------ running quantile
def _lined(noise: float, seed: int = 3):
    rng = np.random.default_rng(seed)
    truth = 500 * (LAMOST_NATIVE / 5000) ** -1.5
    depth = np.zeros_like(truth)
    for centre in rng.uniform(3800, 9000, 60):
        depth += 0.5 * np.exp(-0.5 * ((LAMOST_NATIVE - centre) / 3) ** 2)
    flux = truth * np.clip(1 - depth, 0.1, 1) + rng.normal(0, noise, truth.size) * truth
    return truth, flux, 1 / (noise * truth) ** 2


@pytest.mark.parametrize("noise", [0.005, 0.05])
def test_quantile_continuum_finds_the_truth(noise) -> None:
    truth, flux, ivar = _lined(noise)
    off = running_quantile_continuum(LAMOST_NATIVE, flux, ivar) / truth - 1
    assert np.median(np.abs(off)) < 0.02
    assert np.percentile(np.abs(off), 95) < 0.06


def test_quantile_continuum_does_not_see_masked_spikes() -> None:
    _, flux, ivar = _lined(0.01)
    mask = np.zeros(flux.size, bool)
    mask[1000:1100] = True
    spoiled = flux.copy()
    spoiled[mask] = 1e6
    clean = running_quantile_continuum(LAMOST_NATIVE, flux, ivar, mask)
    np.testing.assert_allclose(running_quantile_continuum(LAMOST_NATIVE, spoiled, ivar, mask), clean, rtol=1e-12)
    gap = np.where(mask, 0.0, ivar)
    np.testing.assert_allclose(running_quantile_continuum(LAMOST_NATIVE, spoiled, gap), clean, rtol=1e-12)


def test_quantile_continuum_needs_pixels() -> None:
    with pytest.raises(SpectrumError, match="usable pixels"):
        running_quantile_continuum(LAMOST_NATIVE, np.full(LAMOST_NATIVE.size, np.nan))
    with pytest.raises(SpectrumError, match="positive continuum"):
        running_quantile_continuum(LAMOST_NATIVE, -np.ones(LAMOST_NATIVE.size))
