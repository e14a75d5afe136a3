"""Orbits against Kepler, and the statistics of companions against the surveys they follow."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate.binaries import binary_fraction, draw_orbits, semi_amplitudes, velocity_shape
from specviz.simulate.deviates import Deviates


def test_jupiter_moves_the_sun_by_twelve_metres_a_second() -> None:
    k1, k2 = semi_amplitudes(*(np.array([x]) for x in (1.0, 9.546e-4, 4332.6, 0.0489, 1.0)))
    assert k1[0] * 1e3 == pytest.approx(12.5, abs=0.1)
    assert k2[0] == pytest.approx(13.06, abs=0.05)  # Jupiter's own 13 km/s
    np.testing.assert_allclose(k1 * 1.0, k2 * 9.546e-4, rtol=1e-12)


@pytest.mark.parametrize("eccentricity", [0.0, 0.3, 0.7, 0.95])
def test_velocities_follow_keplers_equation(eccentricity: float) -> None:
    phase = (np.arange(20_000) + 0.5) / 20_000
    e, omega = np.full(phase.size, eccentricity), np.full(phase.size, 0.7)
    velocity = velocity_shape(phase, e, omega)
    assert abs(velocity.mean()) < 2e-3  # over a period the star goes nowhere
    # Extremes are at +-1 + e cos(omega).
    assert velocity.max() == pytest.approx(1.0 + eccentricity * np.cos(0.7), abs=2e-3)
    assert velocity.min() == pytest.approx(-1.0 + eccentricity * np.cos(0.7), abs=2e-3)
    # Mean anomaly from the true anomaly (omega = 0) again: Kepler's equation holds on the way out.
    half = phase < 0.5
    nu = np.arccos(np.clip(velocity_shape(phase, e, np.zeros(phase.size)) - e, -1.0, 1.0))[half]
    anomaly = 2.0 * np.arctan2(np.sqrt(1 - eccentricity) * np.sin(nu / 2), np.sqrt(1 + eccentricity) * np.cos(nu / 2))
    np.testing.assert_allclose((anomaly - eccentricity * np.sin(anomaly)) / (2 * np.pi), phase[half], atol=1e-6)


def test_statistics_of_solar_type_primaries() -> None:
    n = 40_000
    orbits = draw_orbits(Deviates.from_rng(np.random.default_rng(4), n), np.full(n, 1.0), np.full(n, 1.0))
    share = orbits.exists.mean()
    assert 0.42 < share < 0.455  # Raghavan et al.: 44 %; a few of the closest have merged
    log_p = np.log10(orbits.period_days[orbits.exists])
    assert np.median(log_p) == pytest.approx(5.0, abs=0.15)
    assert np.std(log_p) == pytest.approx(2.1, abs=0.2)
    q, close = orbits.q[orbits.exists], log_p < 2.0
    assert (q[close] > 0.95).mean() > 2.0 * (q[~close] > 0.95).mean()  # twins are close
    assert orbits.eccentricity[orbits.exists & (orbits.period_days < 12.0)].max() == 0.0
    assert orbits.eccentricity.max() < 0.96


def test_massive_stars_have_more_companions_and_giants_no_close_ones() -> None:
    assert np.all(np.diff(binary_fraction([0.2, 0.5, 1.0, 2.0, 5.0])) > 0)
    assert binary_fraction(0.3) == pytest.approx(0.26, abs=0.02)
    n = 20_000
    giant = draw_orbits(Deviates.from_rng(np.random.default_rng(4), n), np.full(n, 1.0), np.full(n, 50.0))
    assert giant.semi_major_au(np.ones(n))[giant.exists].min() * 215.0 > 150.0
    dwarf = draw_orbits(Deviates.from_rng(np.random.default_rng(4), n), np.full(n, 1.0), np.full(n, 1.0))
    assert 0.5 < giant.exists.sum() / dwarf.exists.sum() < 0.95
    # The same numbers, the same orbits: only those that cannot be are gone.
    np.testing.assert_array_equal(giant.q, dwarf.q)
    assert not (giant.exists & ~dwarf.exists).any()
