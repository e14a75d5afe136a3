"""The simulated survey: has the population the mass function, ages, chemistry and velocities it was built with?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import NotFoundError, SpecvizError
from specviz.simulate.chemistry import alpha_sequence, draw_abundances, dredge_up, microturbulence, total_metals
from specviz.simulate.deviates import WIDTH, Deviates
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.galaxy import footprint, galactic_direction, mean_reddening
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.on_demand import SimulatedSurvey
from specviz.simulate.survey import LABEL_RANGES, SurveyDraw, SurveyPopulation, absolute_g, draw_rotation
from specviz.simulate.tracks import Tracks


@pytest.fixture(scope="module")
def tracks(shared: Path) -> Tracks:
    return Tracks.load(shared / "synthetic" / "sse_tracks.npz")


@pytest.fixture(scope="module")
def population(tracks: Tracks) -> SurveyPopulation:
    return SurveyPopulation(tracks)


@pytest.fixture(scope="module")
def draw(population: SurveyPopulation) -> SurveyDraw:
    return population.draw(np.random.default_rng(8), 20_000)


# ------------------------------------------------------------------ random numbers


def test_a_star_is_its_seed_and_number(population: SurveyPopulation) -> None:
    some = population.stars(5, [40, 3, 17])
    again = population.stars(5, [17])
    for name in some.labels:
        np.testing.assert_allclose(some.labels[name][2], again.labels[name][0], rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(
        (some.rv[2], some.ebv[2], some.companion.period_days[2]),
        (again.rv[0], again.ebv[0], again.companion.period_days[0]), rtol=1e-10,
    )  # fmt: skip
    assert population.stars(6, [17]).labels["teff"][0] != again.labels["teff"][0]
    sliced = some[[2]]
    assert len(sliced) == 1 and sliced.labels["teff"][0] == pytest.approx(again.labels["teff"][0])


def test_deviates_run_out_loudly_and_take_no_negative_stars() -> None:
    numbers = Deviates.from_rng(np.random.default_rng(0), 3)
    for _ in range(WIDTH):
        numbers.uniform()
    with pytest.raises(SpecvizError, match="No random numbers left"):
        numbers.uniform()
    with pytest.raises(SpecvizError, match="Negative"):
        Deviates.of_stars(0, [-1])


def test_missing_tracks_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="sse_tracks"):
        SurveyPopulation.from_tracks(tmp_path / "sse_tracks.npz")


# ------------------------------------------------------------------ tracks


def test_the_sun_is_on_its_track(tracks: Tracks) -> None:
    sun = tracks.at_age(np.zeros(1), np.ones(1), np.array([4570.0]))
    assert sun.stage[0] == 1
    assert sun.teff[0] == pytest.approx(5772.0, abs=60.0)
    assert sun.radius[0] == pytest.approx(1.0, abs=0.03)
    assert sun.logg[0] == pytest.approx(4.44, abs=0.03)


def test_between_tracks_stars_lie_between(tracks: Tracks) -> None:
    mass = np.array([1.0, 1.0125, 1.025])  # the middle one has no track of its own
    teff = tracks.at_age(np.zeros(3), mass, np.full(3, 3000.0)).teff
    assert teff[0] < teff[1] < teff[2]
    assert teff[1] == pytest.approx(0.5 * (teff[0] + teff[2]), abs=3.0)


def test_an_isochrone_has_one_star_a_mass_and_ends(tracks: Tracks) -> None:
    mass = np.linspace(0.3, 3.0, 200)
    stars = tracks.at_age(np.zeros(200), mass, np.full(200, 5000.0))
    on_main_sequence = stars.stage == 1
    assert on_main_sequence[mass < 1.1].all()
    assert (stars.stage[mass > 1.5] == 0).all()  # gone after 5 Gyr
    assert set(stars.stage[(mass > 1.2) & (mass < 1.35)]) & {2, 3, 4, 5}  # giants in between
    assert np.all(np.diff(stars.radius[on_main_sequence & (mass > 0.5)]) > 0)


# ------------------------------------------------------------------ the population


def test_masses_follow_kroupa(tracks: Tracks) -> None:
    """Dwarfs that live longer than the Galaxy, in a volume: the slope of the initial mass function."""
    stars = SurveyPopulation(tracks, volume_limited=True).draw(np.random.default_rng(1), 20_000)
    mass = stars.mass_init[(stars.mass_init > 0.55) & (stars.mass_init < 0.8)]
    counts, edges = np.histogram(np.log(mass), np.linspace(np.log(0.55), np.log(0.8), 9))
    slope = np.polyfit(0.5 * (edges[1:] + edges[:-1]), np.log(counts), 1)[0] - 1.0  # dN/dm from dN/dln m
    assert slope == pytest.approx(-2.3, abs=0.2)


def test_labels_are_continuous_and_inside(draw: SurveyDraw) -> None:
    for name, (low, high) in LABEL_RANGES.items():
        values = draw.labels[name]
        assert low <= values.min() and values.max() <= high, name
        assert np.mean((values == low) | (values == high)) < 0.03, name
        assert np.unique(values).size > 0.96 * values.size, name  # every star its own
    assert set(draw.labels) == {*LABEL_RANGES, "alpha_fe"}


def test_a_magnitude_limited_survey_sees_giants_far_away(draw: SurveyDraw) -> None:
    giant = draw.labels["logg"] < 3.5
    assert 0.2 < giant.mean() < 0.4
    assert np.median(draw.distance_pc[giant]) > 2.0 * np.median(draw.distance_pc[~giant])
    assert 13.8 < np.median(draw.g_mag) < 15.0
    assert (draw.g_mag < 17.61).all() and (draw.g_mag > 8.0).all()
    assert 0.05 < np.median(draw.ebv) < 0.15
    clump = (draw.labels["logg"] > 2.2) & (draw.labels["logg"] < 2.65)
    below = (draw.labels["logg"] > 2.75) & (draw.labels["logg"] < 3.2)
    assert clump.sum() > 1.3 * below.sum()


def test_components_have_their_ages_metals_and_velocities(draw: SurveyDraw) -> None:
    age, fe_h = draw.age_gyr, draw.labels["fe_h"]
    of = {name: draw.component == name for name in ("thin", "thick", "halo")}
    assert of["thin"].mean() > 0.65 and 0.1 < of["thick"].mean() < 0.3 and 0.01 < of["halo"].mean() < 0.06
    means = [fe_h[of[name]].mean() for name in ("thin", "thick", "halo")]
    assert means[0] == pytest.approx(-0.06, abs=0.08)
    assert means[1] == pytest.approx(-0.50, abs=0.10)
    assert means[2] == pytest.approx(-1.40, abs=0.15)
    thin = of["thin"] & (age > 0.5)
    slope = np.polyfit(age[thin], fe_h[thin], 1)[0]
    assert -0.035 < slope < -0.010  # age-metallicity relation, dex per Gyr
    assert fe_h[thin & (age > 6)].std() > fe_h[thin & (age < 2)].std()
    assert np.percentile(age[of["thick"]], 5) > 8.0 and age[of["halo"]].min() > 9.0
    spread = [draw.rv_systemic[of[name]].std() for name in ("thin", "thick", "halo")]
    assert 20.0 < spread[0] < 35.0 < spread[1] < 70.0 < 90.0 < spread[2] < 180.0


def test_alpha_and_iron_show_two_sequences(draw: SurveyDraw) -> None:
    near = np.abs(draw.labels["fe_h"] + 0.4) < 0.15
    mg = draw.labels["mg_fe"]
    thick, thin = mg[near & (draw.component == "thick")], mg[near & (draw.component == "thin")]
    assert thick.mean() - thin.mean() == pytest.approx(0.20, abs=0.07)
    assert thin.std() < 0.09


def test_giants_have_mixed(draw: SurveyDraw) -> None:
    labels, solar = draw.labels, np.abs(draw.labels["fe_h"]) < 0.3
    giant, dwarf = solar & (labels["logg"] < 2.8), solar & (labels["logg"] > 4.0)
    c = labels["c_fe"][giant].mean() - labels["c_fe"][dwarf].mean()
    n = labels["n_fe"][giant].mean() - labels["n_fe"][dwarf].mean()
    assert -0.25 < c < -0.08 and 0.12 < n < 0.40
    # More so in massive giants: [C/N] tells the mass.
    ratio = (labels["c_fe"] - labels["n_fe"])[giant]
    assert np.corrcoef(ratio, draw.mass[giant])[0, 1] < -0.5


def test_pairs_are_on_one_isochrone_and_spectroscopic_ones_are_rare(draw: SurveyDraw) -> None:
    pair = draw.companion
    there = pair.q > 0
    assert 0.3 < there.mean() < 0.5
    assert np.all(pair.mass[~there] == 0) and np.all(pair.rv1[~there] == 0)
    assert 0.001 < (pair.kind == "SB2").mean() < 0.02 < 0.15 < (pair.kind == "SB1").mean() < 0.4
    double = pair.kind == "SB2"
    assert (np.abs(pair.rv2 - pair.rv1)[double] > 100.0).all() and (pair.light[double] > 0.1).all()
    np.testing.assert_allclose(draw.rv, draw.rv_systemic + pair.rv1)
    twins = there & (pair.q > 0.99) & (draw.stage == 1) & (pair.teff > 0)
    assert twins.sum() > 20
    np.testing.assert_allclose(pair.teff[twins], draw.labels["teff"][twins], rtol=0.03)
    assert np.median(pair.light[twins]) == pytest.approx(0.5, abs=0.05)
    np.testing.assert_array_equal(draw.companion_labels["fe_h"], draw.labels["fe_h"])


def test_velocities_spread_like_the_real_survey(draw: SurveyDraw, shared: Path) -> None:
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as npz:
        real = npz["z"] * 299_792.458
    for percent in (5, 16, 84, 95):
        assert np.percentile(draw.rv, percent) == pytest.approx(np.percentile(real, percent), abs=22.0), percent


# ------------------------------------------------------------------ ingredients


def test_abundances_follow_the_trends() -> None:
    n = 4000
    age = np.full(n, 5.0)

    def mean(element: str, fe_h: float, component: str, gyr: float = 5.0) -> float:
        dev = Deviates.from_rng(np.random.default_rng(2), n)
        values = draw_abundances(dev, np.full(n, fe_h), np.full(n, component), np.full(n, gyr))
        return float(values[f"{element}_fe"].mean())

    assert mean("mn", -1.0, "thick") < mean("mn", -0.3, "thin") < mean("mn", 0.3, "thin")
    assert mean("eu", -0.6, "thick") - mean("eu", 0.0, "thin") > 0.2
    assert mean("ba", 0.0, "thin", 1.0) - mean("ba", 0.0, "thin", 8.0) == pytest.approx(0.245, abs=0.02)
    assert mean("o", 0.4, "thin") < mean("o", 0.0, "thin") - 0.04
    assert mean("cu", -1.5, "halo") < -0.15
    for element in ("c", "n", "o", "mg", "si", "ti", "cr", "mn", "ni", "ba"):
        assert abs(mean(element, 0.0, "thin")) < 0.01, element  # the Sun is the zero point
    born = draw_abundances(Deviates.from_rng(np.random.default_rng(3), n), np.full(n, -2.3), np.full(n, "halo"), age)
    disc = draw_abundances(Deviates.from_rng(np.random.default_rng(3), n), np.zeros(n), np.full(n, "thin"), age)
    assert born["ba_fe"].std() > 2.0 * disc["ba_fe"].std()


def test_metal_poor_bright_giants_mix_once_more() -> None:
    zero = {k: np.zeros(2) for k in ("c_fe", "n_fe", "na_fe", "mg_fe", "si_fe", "ca_fe", "ti_fe")}
    out = dredge_up(zero, np.full(2, -1.6), np.array([2.8, 1.2]), np.array([5000.0, 4400.0]), np.full(2, 0.8))
    assert out["c_fe"][1] - out["c_fe"][0] == pytest.approx(-0.35, abs=0.01)
    assert out["c_fe"][0] == pytest.approx(-0.10, abs=0.01)


def test_alpha_raises_the_metals() -> None:
    assert total_metals(np.zeros(1), np.zeros(1))[0] == pytest.approx(0.0, abs=1e-6)
    assert total_metals(np.array([-1.0]), np.array([0.3]))[0] == pytest.approx(-0.79, abs=0.02)
    high = alpha_sequence(np.array([-0.5]), np.array(["thick"])) - alpha_sequence(np.array([-0.5]), np.array(["thin"]))
    assert high[0] == pytest.approx(0.16, abs=0.03)


def test_microturbulence_is_that_of_the_relations() -> None:
    got = microturbulence(np.array([5777.0, 4800.0, 3900.0, 8071.0]), np.array([4.44, 2.5, 1.0, 4.0]))
    np.testing.assert_allclose(got, [1.05, 1.51, 1.67, 3.31], atol=0.03)


def test_stars_spin_down_and_hot_ones_do_not() -> None:
    n = 3000

    def median(teff: float, logg: float, age: float) -> float:
        dev = Deviates.from_rng(np.random.default_rng(0), n)
        return float(np.median(draw_rotation(dev, *(np.full(n, x) for x in (teff, logg, age, 1.0)))))

    assert median(5772.0, 4.44, 4570.0) == pytest.approx(1.7, abs=0.3)  # the Sun: 2 km/s, seen at random angles
    assert median(5772.0, 4.44, 300.0) > 3.0 * median(5772.0, 4.44, 4570.0)
    assert median(8500.0, 4.1, 500.0) > 60.0
    assert median(4800.0, 2.5, 5000.0) < 4.0


def test_directions_and_dust_know_the_galaxy() -> None:
    pole = galactic_direction(np.array([192.859, 266.405]), np.array([27.128, -28.936]))
    np.testing.assert_allclose(pole[0], [0.0, 0.0, 1.0], atol=1e-4)  # north Galactic pole
    np.testing.assert_allclose(pole[1], [1.0, 0.0, 0.0], atol=1e-4)  # Galactic centre
    assert (footprint()[2] > 0.1).all() and footprint()[1].max() < 60.0
    far = mean_reddening(np.array([3e4, 3e4, 100.0]), np.array([1.0, 0.2, 0.2]))
    assert far[0] == pytest.approx(0.035, abs=0.002) and far[1] == pytest.approx(5 * far[0], rel=0.01)
    assert far[2] < 0.04


def test_magnitudes_agree_with_the_grids_own_spectra(shared: Path) -> None:
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as grid:
        rows = np.flatnonzero((grid.population == "ms") | (grid.population == "rgb"))[::10]
        flux = XPSimulator().g_flux(grid.sed(rows)) * 1e-2
        teff, logg, fe_h = (grid.labels[k][rows].astype(float) for k in ("teff", "logg", "fe_h"))
    direct = -2.5 * np.log10(flux * (2.2543e-9) ** 2 / 2.50e-11)
    error = absolute_g(teff, logg, fe_h, np.ones(rows.size)) - direct
    assert np.abs(np.median(error)) < 0.01
    assert np.percentile(np.abs(error[teff > 4500]), 90) < 0.05
    sun = absolute_g(*(np.array([x]) for x in (5772.0, 4.44, 0.0, 1.0)))[0]
    assert sun == pytest.approx(4.67, abs=0.06)


# ------------------------------------------------------------------ on demand


def test_spectra_on_demand_do_not_depend_on_the_batch(emulator: Any, population: SurveyPopulation) -> None:
    survey = SimulatedSurvey(emulator, population, 3)
    many, one = survey.lamost([4, 9, 2]), survey.lamost([9])
    np.testing.assert_allclose(many.flux[1], one.flux[0], atol=2e-6)
    np.testing.assert_array_equal(many.ivar[1] > 0, one.ivar[0] > 0)
    many_xp, one_xp = survey.gaia([4, 9, 2]), survey.gaia(9)
    np.testing.assert_allclose(many_xp.flux[1], one_xp.flux[0], rtol=1e-5)
    stars = survey.stars([9])
    night = survey.conditions([9], stars)
    assert (night.rv[0], night.snr[0], night.ebv[0], night.vsini[0]) == (
        stars.rv[0], stars.snr[0], stars.ebv[0], stars.vsini[0])  # fmt: skip
    good = one.ivar[0] > 0
    assert np.median((one.flux[0] * np.sqrt(one.ivar[0]))[good & (one.wave > 4000) & (one.wave < 5500)]) == (
        pytest.approx(stars.snr[0], rel=0.15)
    )


def test_companions_give_their_light(emulator: Any, population: SurveyPopulation) -> None:
    survey = SimulatedSurvey(emulator, population, 3)
    stars = population.draw(np.random.default_rng(0), 3000)
    bright = stars[np.flatnonzero(stars.companion.light > 0.3)[:3]]
    both, alone = survey.light(bright).sed([0, 1, 2]), survey.light(bright).primary.sed([0, 1, 2])  # type: ignore[union-attr]
    share = 1.0 - XPSimulator().g_flux(alone) / XPSimulator().g_flux(both)
    np.testing.assert_allclose(share, bright.companion.light, atol=0.05)
