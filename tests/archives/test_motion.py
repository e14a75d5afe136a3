"""Positions, separations and proper motion on the sky."""

from __future__ import annotations

import math

import numpy as np
import pytest

from specviz.archives.motion import from_way, middle, moved, place, separation, vector, way


def test_motion_on_the_sky() -> None:
    ra, dec = moved(269.448503, 4.739420, -801.55, 10362.39, -16.0)
    assert (ra, dec) == pytest.approx((269.452075, 4.693391), abs=3e-5)
    assert separation(269.448503, 4.739420, ra, dec) == pytest.approx(16 * math.hypot(0.80155, 10.36239), rel=1e-6)
    assert moved(359.9999999, 0.0, 1000.0, 0.0, 10.0)[0] == pytest.approx(0.00277768, abs=1e-7)
    assert moved(10.0, 89.999999, 0.0, 5000.0, 10.0)[1] < 90.0  # over the pole
    assert moved(10.0, 20.0, None, None, 16.0) == (10.0, 20.0)
    assert moved(10.0, 20.0, float("nan"), None, 16.0) == (10.0, 20.0)


def test_motion_agrees_with_astropy() -> None:
    from astropy import units as u
    from astropy.coordinates import SkyCoord
    from astropy.time import Time

    for ra, dec, pm_ra, pm_dec in (
        (269.452, 4.693, -801.551, 10362.394),
        (359.9999, 89.5, 500.0, -300.0),
        (0.0, -80.0, 1.0, 2.0),
    ):
        there = SkyCoord(ra * u.deg, dec * u.deg, pm_ra_cosdec=pm_ra * u.mas / u.yr, pm_dec=pm_dec * u.mas / u.yr,
                         distance=10 * u.pc, obstime=Time(2016.0, format="jyear", scale="tcb"))  # fmt: skip
        then = there.apply_space_motion(Time(2000.0, format="jyear", scale="tcb"))
        ours = moved(ra, dec, pm_ra, pm_dec, -16.0)
        assert separation(*ours, then.ra.deg, then.dec.deg) < 2e-3  # arcsec


def test_vectors_and_back() -> None:
    rng = np.random.default_rng(1)
    ra, dec = rng.uniform(0, 360, (5, 2)), rng.uniform(-90, 90, (5, 2))
    assert vector(ra, dec).shape == (5, 2, 3) and vector(10.0, 20.0).shape == (3,)
    assert place(3.0 * vector(ra[1, 0], dec[1, 0])) == pytest.approx((ra[1, 0], dec[1, 0]))
    assert middle((359.9, 0.0), (0.1, 0.0)) in (pytest.approx((0.0, 0.0)), pytest.approx((360.0, 0.0)))
    assert middle((0.0, 89.0), (180.0, 89.0))[1] == pytest.approx(90.0)
    assert middle((10.0, 20.0), (10.0, 20.0)) == (10.0, 20.0)


def test_distances_agree_with_astropy() -> None:
    from astropy.coordinates import SkyCoord

    rng = np.random.default_rng(2)
    ra, dec = rng.uniform(0, 360, 50), rng.uniform(-90, 90, 50)
    expected = SkyCoord(ra, dec, unit="deg")[:, None].separation(SkyCoord(ra[:7], dec[:7], unit="deg")).arcsec
    assert separation(ra[:, None], dec[:, None], ra[:7], dec[:7]) == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert separation([], [], 1.0, 2.0).shape == (0,) and np.isnan(separation(np.nan, 1.0, 2.0, 3.0))


def test_distances() -> None:
    assert separation(0.0, 0.0, 1 / 3600, 0.0) == pytest.approx(1.0)
    assert separation(359.9999, 0.0, 0.0001, 0.0) == pytest.approx(0.72)
    assert separation(0.0, 90.0, 180.0, 90.0) == pytest.approx(0.0, abs=1e-9)
    first, last = way(10.0, 20.0, 0.0, 1000.0, 2016.0)
    assert (first[1], last[1]) == (pytest.approx(20.0 - 16 / 3600), 20.0)
    beside = from_way(np.array([10.0]), np.array([20.0 - 8 / 3600]), first, last)
    assert beside[0] == pytest.approx(0.0, abs=1e-3)  # a chord is not quite the arc
    assert way(10.0, 20.0, None, float("nan"), 2000.0) == ((10.0, 20.0), (10.0, 20.0))
