"""Light curves to order: the period of an age, a companion's eclipses and tides, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import specviz
from specviz.analysis.measured_curve import measure_curve
from specviz.errors import OptionError
from specviz.simulate.light_curves.gyrochronology import gyro_period

SUN = {"teff": 5500.0, "logg": 4.5}
COOL = {"teff": 5200.0, "logg": 4.55}


def test_the_age_sets_the_rotation_and_it_can_be_measured() -> None:
    curve = specviz.simulate_light_curve(SUN, age=2.0, seed=2)
    assert curve.meta["simulated"] is True and curve.meta["age"] == 2.0
    assert curve.meta["prot"] == pytest.approx(float(gyro_period(5500.0, 2.0)), rel=0.3)
    assert measure_curve(curve).rotation.period == pytest.approx(curve.meta["prot"], rel=0.05)
    assert np.isfinite(curve.flux).all() and curve.time[-1] == pytest.approx(180.0, abs=1.0)


def test_the_same_seed_gives_the_same_curve_and_another_another() -> None:
    one, two, three = (specviz.simulate_light_curve(SUN, 1.0, days=30, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.flux, two.flux)
    assert one.flux.shape != three.flux.shape or not np.array_equal(one.flux, three.flux)


def test_a_star_gives_its_labels() -> None:
    star = specviz.simulate_star(5200, 4.55, 0.0)
    ordered = specviz.simulate_light_curve(star, 5.0, days=30, seed=3)
    np.testing.assert_array_equal(ordered.flux, specviz.simulate_light_curve(COOL, 5.0, days=30, seed=3).flux)
    assert star.with_(light_curve=ordered).light_curve is ordered


def test_a_companion_eclipses_edge_on_only_and_locks_the_rotation() -> None:
    edge = specviz.simulate_light_curve(COOL, 5.0, companion=specviz.Companion(4.0, 0.5, 89.0), seed=1)
    tilted = specviz.simulate_light_curve(COOL, 5.0, companion=specviz.Companion(4.0, 0.5, 50.0), seed=1)
    assert edge.meta["depth"] > 0.2 and tilted.meta["depth"] == 0.0
    assert np.min(edge.flux) < 0.75 < np.min(tilted.flux)
    assert edge.meta["prot"] == tilted.meta["prot"] == 4.0
    found = measure_curve(edge).eclipses
    assert found is not None and found.period == pytest.approx(4.0, rel=1e-3)
    assert found.depth / 1e6 == pytest.approx(edge.meta["depth"], rel=0.2)


def test_a_wide_companion_locks_nothing_and_a_period_that_is_given_counts() -> None:
    wide = specviz.simulate_light_curve(COOL, 5.0, companion=specviz.Companion(30.0, 0.5, 60.0), days=60)
    assert wide.meta["prot"] != 30.0
    own = specviz.simulate_light_curve(COOL, 5.0, companion=specviz.Companion(4.0), period=9.0, days=60)
    assert own.meta["prot"] == 9.0 and own.meta["porb"] == 4.0


@pytest.mark.parametrize(
    "options",
    [
        {"age": 0.0},
        {"age": "old"},
        {"period": -1.0},
        {"days": 1.0},
        {"g_mag": 30.0},
        {"companion": {"period": 0.1}},
        {"companion": {"period": 2.0, "q": 3.0}},
    ],
)
def test_what_is_not_simulated_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        if "companion" in options:
            options = {"companion": specviz.Companion(**options["companion"])}
        specviz.simulate_light_curve(SUN, **options)


def test_stars_that_would_touch_are_refused() -> None:
    with pytest.raises(OptionError, match="would touch"):
        specviz.simulate_light_curve({"teff": 4800.0, "logg": 2.5}, companion=specviz.Companion(5.0))
    with pytest.raises(OptionError, match="no teff"):
        specviz.simulate_light_curve({"teff": 4800.0})
