"""``Showcase``: the stars of the demo sky that are observed once and stored as spectra, from the grid's own fluxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo import FRACTION
from specviz.archives.demo_codec import pack
from specviz.archives.demo_table import STEPS
from specviz.simulate import instrument
from specviz.simulate.artefacts import Fault, bad_sky, cosmic_cluster
from specviz.simulate.binaries import CompositeStars
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.emulated import StarLight
from specviz.simulate.gaia_xp import XPBatch, XPSimulator
from specviz.simulate.galaxies import add_lines
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.on_demand import observe_light
from specviz.simulate.population import MATCH
from specviz.simulate.survey import LABEL_RANGES
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import XP_REFERENCE_INDEX
from specviz.training.demo_anomalies import IN_SHOWCASE, PlantedRow
from specviz.training.demo_population import Rows, place
from specviz.training.demo_stars import Recipe, mk_class


def nearest(grid: SyntheticGrid, rows: NDArray[np.int64], recipe: Recipe) -> int:
    """The grid star closest to a recipe's labels."""
    labels = grid.labels
    wanted = {"teff": recipe.teff, "logg": recipe.logg, "fe_h": recipe.fe_h, "alpha_fe": recipe.alpha_fe}
    distance = np.zeros(rows.size)
    for name, value in wanted.items():
        if value is None:
            value = float(np.interp(recipe.fe_h, [-1.0, -0.5, 0.0], [0.3, 0.2, 0.0]))
        have = labels[name][rows]
        difference = np.log(have / value) if name == "teff" else have - value
        distance += (difference / MATCH[name]) ** 2
    kind = grid.population[rows]
    if recipe.population is not None:
        distance = np.where(kind == recipe.population, distance, np.inf)
    else:
        distance = np.where(kind == "crich", np.inf, distance)
    return int(rows[np.argmin(distance)])


class Showcase:
    """The growing list of stars whose spectra are stored.

    Parameters
    ----------
    grid : SyntheticGrid
    rng : numpy.random.Generator
    """

    def __init__(self, grid: SyntheticGrid, rng: np.random.Generator) -> None:
        self.grid, self.rng, self.xp = grid, rng, XPSimulator(correlated=True)
        self.notes: list[dict[str, Any]] = []
        self._rows: list[Rows] = []
        self._spectra: list[tuple[NDArray[Any], ...]] = []

    def add(self, recipe: Recipe) -> None:
        """Find the star of a recipe and observe it with both surveys."""
        grid, rng = self.grid, self.rng
        rows = np.array([nearest(grid, grid.indices(("validation", "test")), recipe)])
        conditions = draw_conditions(
            rng, grid.labels["teff"][rows], grid.labels["logg"][rows], snr=recipe.snr, rv=recipe.rv, ebv=recipe.ebv
        )
        if recipe.vsini is not None:
            conditions = conditions.with_(vsini=recipe.vsini)
        g_mag = np.clip(14.2 - np.log10(conditions.snr / 56.0) / 0.30 + rng.normal(0.0, 0.3, 1), 9.0, 16.5)
        where = place(grid, self.xp, rng, rows, g_mag, conditions.ebv)
        light = self._light(int(rows[0]), recipe)
        seen = observe_light(light, [0], conditions, rng, self.xp, 3.1)
        flux, ivar = seen.flux.astype(np.float64), seen.ivar.astype(np.float64)
        if recipe.fault:
            flux, ivar, _ = _FAULTS[recipe.fault](seen.wave, flux, ivar, rng)
        gaia = self.xp.observe(light.sed([0]), where["g_mag"], rng, ebv=conditions.ebv)
        values: dict[str, Any] = {k: grid.labels[k][rows].astype(float) for k in (*LABEL_RANGES, "alpha_fe")}
        values |= {name: getattr(conditions, name) for name in ("rv", "vsini", "ebv", "snr")} | where
        # LAMOST's flux is in counts of no absolute meaning: brighter stars have more of them.
        counts = np.rint(conditions.snr[0] ** 1.6 * np.exp(rng.normal(0.3, 0.3)) + 20.0)
        at_550 = self._keep(flux, ivar, gaia)
        subclass = mk_class(float(values["teff"][0]), float(values["logg"][0]), str(grid.population[rows[0]]))
        texts = {"subclass": subclass, "anomaly": IN_SHOWCASE.get(recipe.kind, "")}
        self._rows.append(Rows.of(1, {**values, "r_v": 3.1, **at_550, "counts": counts}, texts))
        self.notes.append({"kind": recipe.kind, "note": recipe.note})

    def add_planted(self, planted: PlantedRow) -> None:
        """Store the spectra of a planted object, too."""
        snr = float(planted.row.numbers["snr"][0])
        counts = np.rint(snr**1.6 * np.exp(self.rng.normal(0.3, 0.3)) + 20.0)
        lamost, gaia = planted.seen.lamost, planted.seen.gaia
        known: dict[str, Any] = dict(planted.row.numbers)
        known |= {**self._keep(lamost.flux.astype(float), lamost.ivar.astype(float), gaia), "counts": counts}
        self._rows.append(Rows.of(1, known, planted.row.texts))

    def _keep(self, flux: NDArray[np.float64], ivar: NDArray[np.float64], gaia: XPBatch) -> dict[str, float]:
        """Keep the spectra of one star, of shape (1, n), in units of order one."""
        step = STEPS["log_f550"][0]
        log_f550 = float(np.rint(np.log10(gaia.clean[0, XP_REFERENCE_INDEX]) / step) * step)
        mask = ~(ivar > 0)
        sigma = np.where(mask, np.nan, 1.0 / np.sqrt(np.where(mask, 1.0, ivar)))
        pixel = np.arange(sigma.shape[1])  # a masked pixel still needs a step for its flux
        sigma[0] = np.interp(pixel, pixel[~mask[0]], sigma[0, ~mask[0]])
        at_550 = 10.0**log_f550
        self._spectra.append((flux, sigma, mask, gaia.flux / at_550, gaia.sigma / at_550))
        return {"log_f550": log_f550}

    @property
    def rows(self) -> Rows:
        """All stars so far, as rows of the table."""
        return sum(self._rows[1:], self._rows[0])

    def packed(self) -> dict[str, NDArray[np.uint8]]:
        """All spectra so far, as arrays for the file."""
        flux, sigma, mask, xp, xp_sigma = (np.concatenate(parts) for parts in zip(*self._spectra, strict=True))
        planes = {
            "lamost": pack(flux, sigma, FRACTION["lamost"]),
            "xp": pack(xp, xp_sigma, FRACTION["xp"]),
        }
        out = {f"{survey}_{plane}": values for survey, both in planes.items() for plane, values in both.items()}
        return {**out, "lamost_mask": np.packbits(mask, axis=1)}

    def _light(self, row: int, recipe: Recipe) -> StarLight:
        """Surface light of a star of the grid, with the companion and the emission lines of its recipe."""
        light = self._grid_light(row)
        if recipe.companion is not None:
            teff, logg, velocity = recipe.companion
            wanted = Recipe("companion", teff, logg, recipe.fe_h)
            second = nearest(self.grid, self.grid.indices(("validation", "test")), wanted)
            area = 10.0 ** float(self.grid.labels["logg"][row] - self.grid.labels["logg"][second])  # equal masses
            light = CompositeStars(light, self._grid_light(second), [area], [velocity]).light([0])
        if recipe.emission:
            width = recipe.emission_width
            # Peaks over the continuum to equivalent widths.
            lines = {at: peak * np.sqrt(2.0 * np.pi) * at * width / C_KM_S for at, peak in recipe.emission.items()}
            norm, continuum = light.norm([0])[0], light.continuum([0], light.cont_wave)[0]
            light = add_lines(light, norm, continuum, light.sed([0])[0], lines, width)
        return light

    def _grid_light(self, row: int) -> StarLight:
        grid, one = self.grid, [row]
        parts = grid.norm(one), grid.continuum(one, grid.cont_wave), grid.sed(one)
        return StarLight(grid.wave, grid.cont_wave, grid.sed_wave, *parts)


def _dead_red_arm(
    wave: NDArray[np.float64], flux: NDArray[np.float64], ivar: NDArray[np.float64], _rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str]]:
    return flux, np.where(wave > instrument.ARM_JOIN + 40.0, 0.0, ivar), []


_FAULTS: dict[str, Fault] = {"red arm": _dead_red_arm, "cosmic rays": cosmic_cluster, "sky": bad_sky}
