"""Pairs: who is drawn, that both surveys see the same star, that locked pairs turn with their orbit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import NotFoundError, SpecvizError
from specviz.simulate.light_curves import close_pairs
from specviz.simulate.light_curves.astrometry import blended_colour, colour_bp_rp, draw_ruwe
from specviz.simulate.light_curves.pairs import Pairs, simulate_pairs
from specviz.simulate.survey import SurveyPopulation


@pytest.fixture(scope="module")
def tracks(shared: Path) -> Path:
    return shared / "synthetic" / "sse_tracks.npz"


@pytest.fixture(scope="module")
def pairs(tracks: Path) -> Pairs:
    return simulate_pairs(400, 11, tracks=tracks, days=60.0, cadence_hours=2.0, spectra=False)


def test_shapes_labels_and_kinds(pairs: Pairs) -> None:
    assert pairs.flux.shape == (400, 720) and pairs.flux.dtype == np.float32 and len(pairs) == 400
    assert set(pairs.kind) == {"single", "binary", "eclipsing", "synchronised"}
    for name, values in pairs.labels.items():
        assert values.shape == (400,), name
        if name != "porb":
            assert np.isfinite(values).all(), name
    assert 0.15 < np.mean(pairs.kind == "synchronised") < 0.35
    single = pairs.kind == "single"
    assert np.isnan(pairs.labels["porb"][single]).all() and not pairs.labels["binary"][single].any()
    assert pairs.labels["teff"].max() < 7500.0 and np.isfinite(pairs.flux).mean() > 0.9
    assert np.median(np.nanmedian(pairs.flux, axis=1)) == pytest.approx(1.0, abs=1e-4)
    part = pairs[[3, 5]]
    assert len(part) == 2 and part.kind[1] == pairs.kind[5]


def test_synchronised_stars_turn_with_their_orbit_and_do_not_eclipse(pairs: Pairs) -> None:
    labels, here = pairs.labels, pairs.kind == "synchronised"
    np.testing.assert_allclose(labels["prot"][here], labels["porb"][here])
    assert labels["porb"][here].max() < 12.0 and not labels["depth"][here].any()
    np.testing.assert_allclose(
        labels["vsini"][here],
        50.6 * (labels["radius"] / labels["prot"] * np.sin(np.radians(labels["inclination"])))[here],
    )
    # They look young: many old dwarfs among them turn faster than any single dwarf of their age.
    old = (labels["age"] > 2.0) & (labels["logg"] > 4.0) & (labels["teff"] < 6000.0)
    assert np.median(labels["prot"][here & old]) < 0.4 * np.median(labels["prot"][(pairs.kind == "single") & old])


def test_young_stars_are_among_them_and_turn_fast_without_a_companion(pairs: Pairs) -> None:
    labels, young = pairs.labels, pairs.labels["young"] > 0
    assert 0.08 < young.mean() < 0.2 and labels["age"][young].max() < 0.7
    assert not labels["close"][young].any() and np.median(labels["prot"][young]) < 12.0
    # Photometry alone does not tell them from locked pairs: both vary by per cents.
    locked = pairs.kind == "synchronised"
    sizes = [np.median(labels["amplitude"][rows & (labels["teff"] < 6000.0)]) for rows in (young, locked)]
    assert 0.2 < sizes[0] / sizes[1] < 2.0


def test_eclipses_are_in_the_light_curves(pairs: Pairs) -> None:
    labels = pairs.labels
    often = np.flatnonzero((labels["depth"] > 0.02) & (labels["porb"] < 8.0) & (labels["porb"] > 1.0))
    assert often.size > 8
    drop = 1.0 - np.nanmin(pairs.flux[often], axis=1)
    # A mean over two hours blunts short eclipses.
    assert np.median(drop / labels["depth"][often]) > 0.8
    assert np.all(labels["depth"][often] <= 1.0)
    calm = np.flatnonzero((pairs.kind == "single") & (labels["amplitude"] < 1e-3) & (labels["logg"] > 4))
    assert np.nanmin(pairs.flux[calm]) > 0.97


def test_the_same_arguments_give_the_same_stars(tracks: Path) -> None:
    options: dict[str, Any] = {"tracks": tracks, "days": 20.0, "cadence_hours": 2.0, "spectra": False}
    first, second, other = (simulate_pairs(12, seed, **options) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.flux, second.flux)
    np.testing.assert_array_equal(first.labels["age"], second.labels["age"])
    assert not np.array_equal(first.labels["age"], other.labels["age"])


def test_the_spectrum_is_of_the_same_star(tracks: Path, emulator: Any) -> None:
    pairs = simulate_pairs(
        72, 2, tracks=tracks, days=10.0, cadence_hours=2.0, mix={"synchronised": 1.0}, emulator=emulator
    )
    assert pairs.lamost.shape == pairs.lamost_ivar.shape == (72, 3909) and pairs.wave.size == 3909
    assert np.isfinite(pairs.lamost).all() and (pairs.lamost_ivar >= 0).all()
    # The iron line of the formula at 5500 A stands at the star's own velocity.
    slow = np.flatnonzero((pairs.labels["light"] < 0.02) & (pairs.labels["vsini"] < 90) & (pairs.labels["snr"] > 40))
    assert slow.size >= 3
    trial = np.arange(-500.0, 501.0, 10.0)
    near = (pairs.wave > 5440.0) & (pairs.wave < 5560.0)
    wave = pairs.wave[near]
    lines = np.exp(-0.5 * ((wave - 5500.0 * (1.0 + trial[:, None] / 299792.458)) / 1.6) ** 2)
    for i in slow:
        flux = np.where(pairs.lamost_ivar[i, near] > 0, pairs.lamost[i, near], np.median(pairs.lamost[i, near]))
        flux = flux / np.polyval(np.polyfit(wave - 5500.0, flux, 1), wave - 5500.0)
        found = trial[np.argmin(lines @ (flux - 1.0))]
        assert found == pytest.approx(pairs.labels["rv"][i], abs=50.0)


def test_close_pairs_fit_into_their_roche_lobes(tracks: Path) -> None:
    made = close_pairs.draw_close(
        np.random.default_rng(0), SurveyPopulation.from_tracks(tracks), 60, "eclipsing", teff_hottest=7500.0
    )
    orbit = made.orbits
    assert np.all(orbit.r1 + orbit.r2 < orbit.a * (1.0 - orbit.eccentricity))
    assert np.all(np.cos(orbit.inclination) < (orbit.r1 + orbit.r2) / (orbit.a * (1.0 - orbit.eccentricity)))
    # The spectrum's velocities are those of the orbit.
    np.testing.assert_allclose(made.draw.rv, made.draw.rv_systemic + made.draw.companion.rv1)
    assert np.all(np.abs(made.draw.companion.rv1) <= orbit.k1 * (1.0 + orbit.eccentricity) + 1e-9)


def test_colours_and_ruwe() -> None:
    # The relation gives back the temperature it was solved for.
    c = colour_bp_rp(5772.0, 4.44, 0.0)
    assert 5040.0 / (0.4929 + 0.5092 * c - 0.0353 * c * c) == pytest.approx(5772.0)
    assert 0.7 < c < 0.85 and colour_bp_rp(4700.0, 2.5, 0.0) > 1.1
    same = blended_colour(np.array([0.8]), np.array([0.8]), np.array([0.4]))
    assert same[0] == pytest.approx(0.8)
    n, rng = 4000, np.random.default_rng(1)
    one = np.ones(n)
    alone = draw_ruwe(rng, 12 * one, 200 * one, 0 * one, one, 0 * one, 0 * one)
    wobbling = draw_ruwe(rng, 12 * one, 200 * one, 700 * one, one, 0.5 * one, 0.02 * one)
    twins = draw_ruwe(rng, 12 * one, 200 * one, 700 * one, one, one, 0.5 * one)
    assert np.mean(alone < 1.4) > 0.97 and np.median(wobbling) > 3.0 and np.median(twins) < 1.1


def test_what_cannot_be_drawn_is_said(tracks: Path, tmp_path: Path) -> None:
    with pytest.raises(SpecvizError, match="A mix of planets"):
        simulate_pairs(3, 0, tracks=tracks, mix={"planets": 1.0})
    with pytest.raises(SpecvizError, match="3 light curves of 1 samples"):
        simulate_pairs(3, 0, tracks=tracks, days=0.05)
    with pytest.raises(NotFoundError):
        simulate_pairs(3, 0, tracks=tmp_path / "no.npz")
