"""Rotation periods: the Sun's, clusters', and what happens where the clock stops."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate.light_curves.gyrochronology import (
    ROSSBY_STALL,
    colour_bv,
    draw_periods,
    gyro_period,
    turnover_time,
    v_sin_i,
)


def test_the_colour_of_a_black_body_is_that_of_its_equation() -> None:
    teff = np.array([4000.0, 5000.0, 5772.0, 6500.0])
    x = 0.92 * colour_bv(teff)
    np.testing.assert_allclose(4600.0 * (1.0 / (x + 1.7) + 1.0 / (x + 0.62)), teff, rtol=1e-12)
    assert colour_bv(5772.0) == pytest.approx(0.65, abs=0.01)  # the Sun


def test_the_sun_rotates_as_the_paper_says() -> None:
    assert gyro_period(5772.0, 4.566) == pytest.approx(26.09, rel=0.02)  # Mamajek & Hillenbrand 2008
    assert turnover_time(5772.0) == pytest.approx(12.9, abs=0.1)


def test_a_hyad_like_the_sun_turns_in_eight_days_and_cooler_stars_more_slowly() -> None:
    hyades = gyro_period([6100.0, 5772.0, 5000.0, 4500.0], 0.625)
    assert hyades[1] == pytest.approx(8.5, abs=0.2)
    assert np.all(np.diff(hyades) > 0)


def test_braking_stops_at_the_rossby_number_of_van_saders() -> None:
    old = gyro_period(6100.0, 9.0)
    assert old == pytest.approx(ROSSBY_STALL * turnover_time(6100.0))
    assert gyro_period(6100.0, 9.0, stall=False) > old
    # A cool star brakes on.
    assert gyro_period(4800.0, 9.0) == gyro_period(4800.0, 9.0, stall=False)


def _periods(teff: float, logg: float, age: float, mass: float, radius: float) -> np.ndarray:
    n = 4000
    ones = np.ones(n)
    rng = np.random.default_rng(4)
    return draw_periods(rng, teff * ones, logg * ones, age * ones, mass * ones, radius * ones)


def test_drawn_periods_scatter_about_the_relation() -> None:
    sun = _periods(5772.0, 4.44, 4.5, 1.0, 1.0)
    assert np.median(sun) == pytest.approx(gyro_period(5772.0, 4.5), rel=0.01)
    assert np.std(np.log(sun)) == pytest.approx(0.10, abs=0.01)


def test_some_young_stars_are_on_the_fast_sequence() -> None:
    young = _periods(5200.0, 4.6, 0.1, 0.85, 0.8)
    fast = np.mean(young < 0.6 * gyro_period(5200.0, 0.1))
    assert 0.3 < fast < 0.6 and young.min() > 0.1
    assert np.mean(_periods(5200.0, 4.6, 2.0, 0.85, 0.8) < 0.6 * gyro_period(5200.0, 2.0)) < 0.001


def test_hot_stars_spin_and_giants_crawl() -> None:
    assert np.median(_periods(7000.0, 4.2, 1.0, 1.5, 1.6)) < 3.0
    giant = _periods(4700.0, 2.5, 5.0, 1.2, 10.0)
    assert np.median(giant) > 300.0 and giant.max() <= 1000.0
    assert v_sin_i(1.0, 25.3, 1.0) == pytest.approx(2.0, abs=0.01)  # the Sun, km/s
