"""Spots: the period can be read off, the range is what was asked for, activity falls with the Rossby number."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.models.desa.light_curve_views import autocorrelation
from specviz.simulate.light_curves.spots import (
    ROSSBY_SATURATED,
    SATURATED,
    draw_ranges,
    lifetimes,
    mean_range,
    shear,
    spot_modulation,
)

TIME = np.arange(2880) / 24.0


def _curves(n: int, period: float, *, inclination: float = np.pi / 2, size: float = 0.01, life: float = 30.0):
    one = np.ones(n)
    rng = np.random.default_rng(1)
    return spot_modulation(rng, TIME, period * one, inclination * one, size * one, life * one, 0.02 * one)


@pytest.mark.parametrize("period", [2.0, 9.0, 21.0])
def test_the_autocorrelation_peaks_at_the_period(period: float) -> None:
    acf = autocorrelation(_curves(60, period).astype(float))
    lag = np.arange(acf.shape[1]) / 24.0
    near = (lag > 0.75 * period) & (lag < 1.4 * period)
    peaks = lag[near][np.argmax(acf[:, near], axis=1)]
    assert np.median(peaks) == pytest.approx(period, rel=0.06)


def test_the_range_is_what_was_asked_for_seen_from_the_side() -> None:
    flux = _curves(200, 10.0, size=0.02)
    high, low = np.percentile(flux, [95, 5], axis=1)
    assert np.median(high - low) == pytest.approx(0.02, rel=0.15)
    assert flux.max() <= 1.0


def test_a_star_seen_from_its_pole_does_not_turn_its_spots_away() -> None:
    side, pole = _curves(100, 2.0), _curves(100, 2.0, inclination=0.0)
    step = [np.median(np.abs(np.diff(f, axis=1))) for f in (side, pole)]
    assert step[1] < 0.05 * step[0]


def test_a_star_without_spots_is_constant() -> None:
    np.testing.assert_array_equal(_curves(3, 5.0, size=0.0), 1.0)


def test_activity_saturates_and_falls_to_a_tenth_of_a_per_cent_at_the_suns_rossby_number() -> None:
    assert mean_range(0.01) == mean_range(ROSSBY_SATURATED) == SATURATED
    assert mean_range(2.0) == pytest.approx(0.001, rel=0.2)
    assert np.all(np.diff(mean_range(np.linspace(0.2, 3.0, 20))) < 0)


def test_hot_stars_and_single_giants_have_few_spots_and_tides_keep_them() -> None:
    n = 2000
    one, rng = np.ones(n), np.random.default_rng(2)
    no = np.zeros(n, bool)
    assert not draw_ranges(rng, 7300.0 * one, 4.2 * one, 0.1 * one, tidal=no).any()
    giants = draw_ranges(rng, 4800.0 * one, 2.5 * one, 3.0 * one, tidal=no)
    assert np.mean(giants > 0) == pytest.approx(0.06, abs=0.02)
    assert np.all(draw_ranges(rng, 4800.0 * one, 2.5 * one, 0.1 * one, tidal=~no) > 0)


def test_spots_of_cool_stars_live_longer_and_shear_is_bounded() -> None:
    one, rng = np.ones(500), np.random.default_rng(3)
    cool, warm = (np.median(lifetimes(rng, t * one, 25.0 * one)) for t in (4200.0, 6000.0))
    assert cool > 2.5 * warm
    assert shear(5130.0) == pytest.approx(0.053) and shear(7000.0) == pytest.approx(0.15)
