"""Eclipses: areas, closed forms, durations; tides have the sign and size of their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.simulate.light_curves.eclipses import (
    CloseOrbits,
    eclipse_depth,
    hidden_light,
    limb_darkening,
    orbit_flux,
    phase_flux,
    roche_lobe,
    semi_major,
)


def _lens(p: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Uniform discs that overlap in part: Mandel & Agol (2002), equation 1."""
    k0 = np.arccos((p * p + z * z - 1.0) / (2.0 * p * z))
    k1 = np.arccos((1.0 - p * p + z * z) / (2.0 * z))
    root = np.sqrt((4.0 * z * z - (1.0 + z * z - p * p) ** 2) / 4.0)
    return (p * p * k0 + k1 - root) / np.pi


def _orbit(**changes: float) -> CloseOrbits:
    values = {
        "period": 5.0, "eccentricity": 0.0, "omega": 0.0, "inclination": np.pi / 2, "phase": 0.0, "a": 15.0, "r1": 1.0,
        "r2": 0.5, "q": 0.5, "light": 0.0, "k1": 0.0, "k2": 0.0, **changes,
    }  # fmt: skip
    return CloseOrbits(**{k: np.array([v]) for k, v in values.items()})


def test_a_small_dark_disc_hides_its_area() -> None:
    assert hidden_light(0.1, 0.0) == pytest.approx(0.01, abs=1e-7)
    assert hidden_light(0.1, 0.5) == pytest.approx(0.01, abs=1e-6)
    assert hidden_light(0.1, 1.2) == 0.0 and hidden_light(0.0, 0.0) == 0.0
    assert hidden_light(1.5, 0.2) == pytest.approx(1.0)


def test_partial_overlap_agrees_with_the_closed_form() -> None:
    rng = np.random.default_rng(0)
    p = rng.uniform(0.1, 2.0, 300)
    z = np.abs(1.0 - p) + rng.uniform(0.02, 0.98, 300) * (1.0 + p - np.abs(1.0 - p))
    np.testing.assert_allclose(hidden_light(p, z), _lens(p, z), atol=2e-5)


def test_limb_darkening_deepens_the_middle_and_spares_the_limb() -> None:
    u1, u2 = limb_darkening(5772.0)
    assert (u1, u2) == (pytest.approx(0.40), pytest.approx(0.26))
    # A small disc in the middle of a star hides p^2 over the mean brightness.
    expected = 0.02**2 / (1.0 - u1 / 3.0 - u2 / 6.0)
    assert hidden_light(0.02, 0.0, u1, u2) == pytest.approx(expected, rel=1e-3)
    assert hidden_light(0.02, 0.95, u1, u2) < 0.02**2
    assert hidden_light(3.0, 0.0, u1, u2) == pytest.approx(1.0, abs=1e-6)


def test_the_depth_is_the_ratio_of_the_areas_and_the_duration_that_of_the_chord() -> None:
    orbit = _orbit(r2=0.1, q=1e-4)  # a planet: no tides
    flux = phase_flux(orbit, np.linspace(0.0, 1.0, 20_001), 5772.0, 3000.0)
    u1, u2 = limb_darkening(5772.0)
    assert 1.0 - flux.min() == pytest.approx(0.01 / (1.0 - u1 / 3.0 - u2 / 6.0), rel=0.02)
    # Circular and edge-on: eclipsed for asin((r1 + r2) / a) / pi of the orbit.
    inside = flux < 1.0 - 5e-5
    assert inside.mean() == pytest.approx(np.arcsin(1.1 / 15.0) / np.pi, rel=0.02)
    assert eclipse_depth(orbit, np.array([5772.0]), np.array([3000.0]))[0] == pytest.approx(1 - flux.min(), rel=1e-3)


def test_equal_stars_lose_half_their_light_twice() -> None:
    orbit = _orbit(r2=1.0, light=0.5, q=1.0)
    flux = phase_flux(orbit, np.array([0.25, 0.75]), 5772.0, 5772.0)
    np.testing.assert_allclose(flux, 0.5, atol=0.01)
    assert phase_flux(orbit, np.array([0.0]), 5772.0, 5772.0)[0] > 1.0  # ellipsoidal: widest at quadrature


def test_no_eclipse_from_above_and_a_mean_over_the_cadence_blunts_one() -> None:
    assert eclipse_depth(_orbit(inclination=0.5), np.array([5772.0]), np.array([4000.0]))[0] == 0.0
    time = np.arange(0.0, 20.0, 1.0 / 24.0)
    sharp = orbit_flux(_orbit(), time, np.array([5772.0]), np.array([4000.0]))
    blunt = orbit_flux(_orbit(), time, np.array([5772.0]), np.array([4000.0]), cadence=6.0 / 24.0)
    assert sharp.min() < blunt.min() < 0.99 and sharp.shape == (1, time.size)


def test_tides_and_motion_follow_their_formulas() -> None:
    # Seen under 60 degrees, no eclipse; ellipsoidal amplitude about 1.28 q (r1 / a)^3 sin^2 i.
    orbit = _orbit(inclination=np.radians(60.0), a=8.0, r2=0.0, q=0.8)
    flux = phase_flux(orbit, np.array([0.0, 0.25, 0.5, 0.75]), 5772.0, 4000.0)
    expected = 0.15 * 15.6 * 1.32 / 2.4 * 0.8 * (1.0 / 8.0) ** 3 * 0.75
    assert flux[[0, 2]].mean() - flux[[1, 3]].mean() == pytest.approx(2.0 * expected, rel=1e-6)
    # Beaming: receding at 60 km/s dims by 4 v / c.
    moving = phase_flux(_orbit(inclination=np.radians(60.0), a=1e4, k1=60.0), np.array([0.0, 0.5]), 5772.0, 4000.0)
    assert moving[1] - moving[0] == pytest.approx(8.0 * 60.0 / 299792.458, rel=1e-3)


def test_kepler_and_roche() -> None:
    assert semi_major(365.25, 1.0) == pytest.approx(215.03)
    assert roche_lobe(1.0) == pytest.approx(0.379, abs=1e-3)  # Eggleton 1983
    assert roche_lobe(4.0) > roche_lobe(0.25)
