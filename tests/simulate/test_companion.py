"""Companions in spectra: whose light, how much of it, and at which velocity."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.analysis.double_lines import double_lines_of
from specviz.errors import OptionError
from specviz.simulate.companion import Companion, noted, of_facts, pair_of
from specviz.simulate.companion_light import add_light
from specviz.simulate.emulated import EmulatedStars, StarLight
from specviz.simulate.packaged import packaged_emulator
from specviz.spectra.frames import C_KM_S

SUN = 5772.0, 4.438


def lit(companion: Companion, day: float = 0.0, teff: float = SUN[0], logg: float = SUN[1]) -> tuple[Any, ...]:
    """The star alone, the pair on that day, the pair on average, and the facts; no noise, no instrument."""
    emulator = packaged_emulator()
    array = emulator.label_array({"teff": np.array([teff]), "logg": logg, "fe_h": 0.0, "vmic": 1.0})
    labels = {name: array[:, k] for k, name in enumerate(emulator.label_names)}
    alone = EmulatedStars(emulator, labels).light([0])
    seen, mean, facts = add_light(alone, emulator, labels, [pair_of(companion, teff, logg)], np.array([day]))
    return alone, seen, mean, facts[0]


def integral(light: StarLight) -> float:
    return float(np.trapezoid(light.sed([0])[0], light.sed_wave))


class TestOrbit:
    def test_centre_of_mass_and_keplers_third_law(self) -> None:
        pair = pair_of(Companion(5.0, 0.6, 70.0, 0.1), *SUN)
        (one, two), orbit = pair.velocities(1.3), pair.orbit
        assert one * 1.0 + two * pair.mass == pytest.approx(0.0, abs=1e-3 * abs(one))
        # K1 + K2 = 2 pi a sin i / P on a circle; 1 Rsun/day = 8.0523 km/s.
        expected = 2 * np.pi * orbit.a[0] * np.sin(orbit.inclination[0]) / 5.0 * 695_700 / 86_400
        assert orbit.k1[0] + orbit.k2[0] == pytest.approx(expected, rel=2e-3)

    def test_phases_are_what_the_docstring_says(self) -> None:
        pair = pair_of(Companion(4.0, 0.5, 90.0, 0.0), *SUN)
        k1, k2 = pair.orbit.k1[0], pair.orbit.k2[0]
        assert pair.velocities(0.0) == pytest.approx((k1, -k2)) and pair.velocities(2.0) == pytest.approx((-k1, k2))
        assert pair.velocities(1.0) == pytest.approx((0.0, 0.0), abs=1e-9)
        assert pair.visible(0.0) == (1.0, 1.0)
        front, behind = pair.visible(1.0), pair.visible(3.0)
        assert front[0] < 0.8 and front[1] == 1.0 and behind == pytest.approx((1.0, 0.0), abs=1e-6)

    def test_a_tilted_orbit_has_no_eclipse_and_slower_stars(self) -> None:
        edge, tilted = (pair_of(Companion(4.0, 0.7, i, 0.25), *SUN) for i in (90.0, 30.0))
        assert tilted.visible(0.0) == (1.0, 1.0)
        assert tilted.orbit.k1[0] == pytest.approx(0.5 * edge.orbit.k1[0])

    def test_the_companion_of_a_giant_is_a_dwarf(self) -> None:
        pair = pair_of(Companion(40.0, 0.8), 4800.0, 3.0)
        assert pair.mass == pytest.approx(0.96) and pair.logg > 4.4 and pair.teff > 5500

    def test_facts_and_back(self) -> None:
        one = Companion(3.0, 0.9, 80.0, 0.2)
        assert of_facts(noted(one)) == one and of_facts({"companion_q": 1.0}) is None


class TestLight:
    def test_a_twin_keeps_the_shape_and_doubles_the_light(self) -> None:
        alone, seen, mean, facts = lit(Companion(5.0, 1.0, 60.0, 0.25))  # nothing is eclipsed, both at rest
        assert facts["flux_ratio"] == pytest.approx(1.0, abs=1e-3)
        assert facts["teff_2"] == pytest.approx(SUN[0]) and facts["logg_2"] == pytest.approx(SUN[1])
        np.testing.assert_allclose(seen.norm([0]), alone.norm([0]), atol=5e-4)
        np.testing.assert_allclose(mean.sed([0]) / alone.sed([0]), 2.0, rtol=2e-3)

    def test_one_that_is_too_cool_for_the_emulator_leaves_the_star_as_it_is(self) -> None:
        alone, seen, mean, facts = lit(Companion(5.0, 0.3, 60.0, 0.0))
        assert facts["teff_2"] < 3500 and facts["flux_ratio"] == 0.0
        np.testing.assert_array_equal(seen.norm([0]), alone.norm([0]))
        np.testing.assert_array_equal(mean.sed([0]), alone.sed([0]))

    def test_the_ratio_of_the_lights_grows_with_the_mass_up_to_one(self) -> None:
        ratios = [lit(Companion(5.0, q, 60.0))[3]["flux_ratio"] for q in (0.4, 0.55, 0.7, 0.85, 1.0)]
        assert np.all(np.diff(ratios) > 0) and 0 < ratios[0] < 0.03 and ratios[-1] == pytest.approx(1.0, abs=1e-3)

    def test_it_is_the_ratio_of_areas_times_that_of_surfaces(self) -> None:
        alone, _, mean, facts = lit(Companion(5.0, 0.9, 60.0))
        area, heat = 0.9 ** (2 * 0.9), 0.9**2  # (R2/R1)^2; (T2/T1)^4
        added = integral(mean) / integral(alone) - 1.0
        assert added == pytest.approx(
            area * heat, rel=0.06
        )  # Stefan and Boltzmann, but for what lies outside 0.3-1.1 um
        assert facts["flux_ratio"] < area

    def test_lines_are_split_by_both_semi_amplitudes_at_quadrature(self) -> None:
        alone, seen, _, facts = lit(Companion(2.0, 0.95, 90.0, 0.0))
        step = C_KM_S * np.log(seen.wave[1] / seen.wave[0])
        blue = (seen.wave > 4500) & (seen.wave < 5500)
        template = 1.0 - alone.norm([0])[0]
        # Two templates, each moved by whole steps, fitted to the pair: the best move of the second is the splitting.
        moves = np.arange(-25, -2)
        left = []
        for move in moves:
            parts = np.stack([template, np.roll(template, move)])[:, blue]
            rest = 1.0 - seen.norm([0])[0][blue]
            left.append(np.linalg.lstsq(parts.T, rest, rcond=None)[1][0])
        best = int(np.argmin(left))
        fit = np.polyfit(moves[best - 1 : best + 2], left[best - 1 : best + 2], 2)
        split = step * fit[1] / (2 * fit[0])
        assert split == pytest.approx(facts["k1"] + facts["k2"], abs=4.0)
        assert facts["rv_1"] - facts["rv_2"] == pytest.approx(facts["k1"] + facts["k2"])

    def test_in_a_total_eclipse_only_the_other_is_seen(self) -> None:
        alone, hidden, mean, _ = lit(Companion(4.0, 0.8, 90.0, 0.75))  # the companion is behind
        _, both, _, _ = lit(Companion(4.0, 0.8, 90.0, 0.6))
        assert np.abs(hidden.norm([0]) - alone.norm([0])).max() < 1e-3 < np.abs(both.norm([0]) - alone.norm([0])).max()
        assert integral(mean) > 1.2 * integral(alone)  # Gaia's mean spectrum has the companion all the same


class TestStars:
    def test_double_lines_are_found_where_the_orbit_splits_them_and_not_where_it_does_not(self) -> None:
        pair = specviz.Companion(period=2.0, q=0.9, inclination=85.0, phase=0.0)
        apart, together = specviz.simulate_star(*SUN, 0.0, snr=80, companion=pair, day=[0.0, 0.5], seed=1)
        found = double_lines_of(apart.spectra["lamost_lrs"])
        truth = apart.catalogue["rv"] - apart.catalogue["rv_2"]
        assert found.value > 10 and abs(found.separation - truth) < 2 * found.separation_sigma
        assert truth == pytest.approx(apart.catalogue["k1"] + apart.catalogue["k2"])
        assert double_lines_of(together.spectra["lamost_lrs"]).value < 5

    def test_the_catalogue_has_the_truth_of_that_night(self) -> None:
        pair = specviz.Companion(period=4.0, q=0.5, inclination=90.0, phase=0.0)
        star = specviz.simulate_star(*SUN, 0.0, rv=30.0, companion=pair, day=2.0)
        told = star.catalogue
        assert told["rv_systemic"] == 30.0 and told["rv"] == pytest.approx(30.0 - told["k1"])
        assert told["rv_2"] == pytest.approx(30.0 + told["k2"]) and told["phase"] == 0.5 and told["porb"] == 4.0
        assert star.spectra["lamost_lrs"].meta["z"] == pytest.approx(told["rv"] / C_KM_S)
        assert "a companion every 4 d" in star.name

    def test_a_cooler_companion_reddens_the_xp_spectrum(self) -> None:
        pair = specviz.Companion(period=4.0, q=0.75, inclination=60.0)
        single, double = (
            specviz.simulate_star(*SUN, 0.0, g_mag=10.0, companion=c, seed=2).spectra["gaia_xp"] for c in (None, pair)
        )
        colour = [s.flux[300] / s.flux[60] for s in (single, double)]
        assert 1.02 < colour[1] / colour[0] < 1.3

    def test_a_locked_star_turns_with_its_orbit(self) -> None:
        pair = pair_of(specviz.Companion(period=1.0, q=0.5, inclination=90.0), *SUN)
        assert pair.vsini == pytest.approx(50.6, rel=0.01)
        flux = []
        for how in ({}, {"vsini": pair.vsini}, {"vsini": 2.0}):
            star = specviz.simulate_star(*SUN, 0.0, snr=200, companion=pair.companion, seed=1, **how)
            flux.append(star.spectra["lamost_lrs"].flux)
        np.testing.assert_allclose(flux[0], flux[1], rtol=1e-5)
        assert np.abs(flux[0] / flux[2] - 1.0).max() > 1e-3

    def test_the_light_curve_has_the_same_orbit(self) -> None:
        pair = specviz.Companion(period=3.0, q=0.6, inclination=89.0, phase=0.0)
        star = specviz.simulate_star(*SUN, 0.0, companion=pair)
        curve = specviz.simulate_light_curve(star, 5.0, days=30, seed=1)
        given = specviz.simulate_light_curve(star, 5.0, companion=pair, days=30, seed=1)
        np.testing.assert_array_equal(curve.flux, given.flux)
        deepest = np.median(curve.flux[np.abs((curve.time / 3.0) % 1.0 - 0.25) < 0.01])
        assert deepest < np.median(curve.flux) - 0.5 * curve.meta["depth"]

    def test_without_a_companion_nothing_has_changed(self) -> None:
        one, two = (specviz.simulate_star(*SUN, 0.0, seed=4, **how) for how in ({}, {"companion": None}))
        np.testing.assert_array_equal(one.spectra["lamost_lrs"].flux, two.spectra["lamost_lrs"].flux)
        assert "porb" not in one.catalogue and not any(k.startswith("companion") for k in one.meta)

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda: specviz.simulate_star(*SUN, 0.0, companion=specviz.Companion(0.35, 1.0)), "would touch"),
            (lambda: specviz.simulate_star(*SUN, 0.0, companion={"period": 3.0}), "specviz.Companion"),
            (lambda: specviz.simulate_star(*SUN, 0.0, day=2.0), "no companion"),
            (lambda: specviz.simulate_star(*SUN, 0.0, companion=specviz.Companion(3.0), day=float("nan")), "day"),
        ],
    )
    def test_what_cannot_be_is_said(self, call: Callable[[], Any], words: str) -> None:
        with pytest.raises(OptionError, match=words):
            call()
