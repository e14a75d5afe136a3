"""Emulated stars are read like rows of the grid, and pairs of them add up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.errors import SpecvizError
from specviz.simulate.binaries import CompositeStars
from specviz.simulate.conditions import Conditions
from specviz.simulate.emulated import EmulatedStars, StarLight, inside, loglinear
from specviz.simulate.lamost import blur
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE


def labels(emulator: Any, teff: list[float], fe_h: float = 0.0) -> dict[str, np.ndarray]:
    out = {name: np.zeros(len(teff)) for name in emulator.label_names}
    out |= {"teff": np.array(teff), "logg": np.full(len(teff), 4.4), "vmic": np.ones(len(teff))}
    out["fe_h"] = np.full(len(teff), fe_h)
    return out


def test_rows_come_out_in_the_order_asked_for(emulator: Any) -> None:
    stars = EmulatedStars(emulator, labels(emulator, [4500.0, 5500.0, 6500.0]))
    whole = emulator.spectra(np.stack([stars.labels[k] for k in emulator.label_names], axis=1))
    np.testing.assert_array_equal(stars.norm([2, 0]), whole.norm[[2, 0]])
    np.testing.assert_array_equal(stars.sed([1]), whole.sed[[1]])
    np.testing.assert_allclose(stars.continuum([1, 1], stars.cont_wave), whole.continuum[[1, 1]], rtol=2e-5)
    np.testing.assert_allclose(stars.lrs_flux([0]), stars.norm([0]) * stars.continuum([0]), rtol=1e-6)


def test_one_batch_is_emulated_once(emulator: Any) -> None:
    stars = EmulatedStars(emulator, labels(emulator, [4500.0, 5500.0]))
    stars.norm([0, 1]), stars.continuum([0, 1]), stars.sed([0, 1])
    assert emulator.calls == 1
    stars.norm([1])
    assert emulator.calls == 2


def test_alpha_is_the_mean_of_four_and_every_label_is_needed(emulator: Any) -> None:
    values = labels(emulator, [5000.0])
    values["mg_fe"], values["ti_fe"] = np.array([0.4]), np.array([0.2])
    assert EmulatedStars(emulator, values).labels["alpha_fe"][0] == pytest.approx(0.15)
    del values["eu_fe"]
    with pytest.raises(SpecvizError, match="eu_fe"):
        EmulatedStars(emulator, values)


def test_inside_moves_only_what_is_outside(emulator: Any) -> None:
    moved = inside({"teff": np.array([3000.0, 5000.0]), "mass": np.array([99.0, 1.0])}, emulator.ranges)
    np.testing.assert_array_equal(moved["teff"], [emulator.ranges["teff"][0], 5000.0])
    np.testing.assert_array_equal(moved["mass"], [99.0, 1.0])


def test_loglinear_is_exact_for_exponentials() -> None:
    wave = np.linspace(4000.0, 5000.0, 11)
    flux = np.exp(-wave / 500.0)[None]
    at = np.array([3990.0, 4321.0, 5010.0])
    np.testing.assert_allclose(loglinear(at, wave, flux)[0], np.exp(-at / 500.0), rtol=1e-5)


def test_light_of_a_wrong_shape_is_refused(emulator: Any) -> None:
    with pytest.raises(SpecvizError, match="continuum"):
        StarLight(emulator.wave, emulator.cont_wave, emulator.sed_wave, np.ones((1, 8077)), np.ones((1, 5)),
                  np.ones((1, 720)))  # fmt: skip


def test_two_stars_add_by_area_and_flux(emulator: Any) -> None:
    first, second = labels(emulator, [6000.0, 6000.0]), labels(emulator, [4500.0, 4500.0])
    pair = CompositeStars(EmulatedStars(emulator, first), EmulatedStars(emulator, second), [0.6, 0.0], [80.0, 80.0])
    alone, cool = EmulatedStars(emulator, first), EmulatedStars(emulator, second)
    rows = np.arange(2)
    np.testing.assert_allclose(pair.sed(rows)[0], alone.sed(rows)[0] + 0.6 * cool.sed(rows)[0], rtol=1e-5)
    np.testing.assert_array_equal(pair.sed(rows)[1], alone.sed(rows)[1])  # no area: a single star
    np.testing.assert_array_equal(pair.norm(rows)[1], alone.norm(rows)[1])
    flux = pair.lrs_flux(rows)[0]
    moved = np.interp(pair.wave / (1 + 80.0 / C_KM_S), pair.wave, cool.norm(rows)[0])
    want = alone.lrs_flux(rows)[0] + 0.6 * moved * cool.continuum(rows)[0]
    np.testing.assert_allclose(flux[50:-50], want[50:-50], rtol=1e-4)


def test_lines_double_at_the_known_separation(emulator: Any) -> None:
    """Twins 300 km/s apart: two equal minima at that distance at LAMOST's resolution; at 60 km/s there is one."""
    twin = labels(emulator, [5500.0])
    minima = {}
    for velocity in (60.0, 300.0):
        pair = CompositeStars(EmulatedStars(emulator, twin), EmulatedStars(emulator, twin), [1.0], [velocity])
        seen = blur(pair.norm([0]), pair.wave, Conditions.ideal(1), LAMOST_NATIVE.size)[0]
        near = np.abs(LAMOST_NATIVE - 5002.5) < 12.0
        wave, flux = LAMOST_NATIVE[near], seen[near]
        inner = np.flatnonzero((flux[1:-1] < flux[:-2]) & (flux[1:-1] < flux[2:]) & (flux[1:-1] < 0.97)) + 1
        minima[velocity] = (wave[inner], flux[inner])
    assert minima[60.0][0].size == 1
    wave, depth = minima[300.0]
    assert wave.size == 2
    assert (wave[1] - wave[0]) / 5002.5 * C_KM_S == pytest.approx(300.0, abs=35.0)  # half a pixel
    assert depth[0] == pytest.approx(depth[1], abs=0.02)


def test_the_packaged_emulator_stands_in_for_the_grid(shared: Path) -> None:
    """Grid stars and emulated stars of the same labels look alike: lines, continuum and low-resolution flux."""
    from specviz.models.registry import load_model
    from specviz.simulate.grid import SyntheticGrid

    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5") as grid:
        test = grid.indices("test")
        warm = (grid.labels["teff"][test] > 4700) & (grid.labels["teff"][test] < 6800)
        rows = test[warm & (grid.population[test] != "crich")][:12]
        stars = EmulatedStars(load_model("phdlspec-small", device="cpu"), {k: v[rows] for k, v in grid.labels.items()})
        index = np.arange(rows.size)
        middle = (grid.wave > 4000) & (grid.wave < 9000)
        difference = (stars.norm(index) - grid.norm(rows))[:, middle]
        assert np.median(difference.std(axis=1)) < 0.012
        ratio = stars.continuum(index, stars.cont_wave) / grid.continuum(rows, stars.cont_wave)
        assert np.abs(np.log(ratio)).max() < 0.08
        assert np.median(np.abs(np.log(stars.sed(index) / grid.sed(rows)))) < 0.01
