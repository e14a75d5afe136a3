"""``Showcase``: the stars of the demo sky that are observed once and stored as spectra, from the grid's own fluxes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo import FRACTION
from specviz.archives.demo_codec import pack
from specviz.archives.demo_table import STEPS
from specviz.simulate import instrument
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.gaia_xp import XPBatch, XPSimulator
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.lamost import C_KMS, observe_lamost
from specviz.simulate.population import MATCH
from specviz.simulate.survey import LABEL_RANGES
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
        norm, sed = grid.norm(rows), grid.sed(rows).astype(np.float64)

        def continuum(wave: NDArray[np.float64]) -> NDArray[Any]:
            return grid.continuum(rows, wave)

        total: Any = continuum
        if recipe.companion is not None:
            norm, total, sed = self._double(rows[0], norm, recipe)
        for centre, peak in recipe.emission.items():
            line = np.exp(-0.5 * ((grid.wave / centre - 1.0) * C_KMS / recipe.emission_width) ** 2)
            norm = norm + (peak * line).astype(np.float32)
        seen = observe_lamost(norm, grid.wave, total, conditions, rng, extinction=self.xp.extinction_curve)
        flux, ivar = seen.flux.astype(np.float64), seen.ivar.astype(np.float64)
        if recipe.fault:
            _break(rng, recipe.fault, seen.wave, flux, ivar)
        gaia = self.xp.observe(sed, where["g_mag"], rng, ebv=conditions.ebv)
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
        known = dict(planted.row.numbers.items())
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

    def _double(self, primary: int, norm: NDArray[np.float32], recipe: Recipe) -> tuple[Any, Any, Any]:
        """Two stars added: normalised flux (with the second one shifted), continuum and SED of the sum."""
        assert recipe.companion is not None
        grid, (teff, logg, dv) = self.grid, recipe.companion
        rows = grid.indices(("validation", "test"))
        second = nearest(grid, rows, Recipe("companion", teff, logg, recipe.fe_h))
        area = 10.0 ** (float(grid.labels["logg"][primary]) - float(grid.labels["logg"][second]))  # equal masses
        shifted = np.interp(grid.wave / (1.0 + dv / C_KMS), grid.wave, grid.norm([second])[0])

        def continuum(wave: NDArray[np.float64]) -> NDArray[Any]:
            return grid.continuum([primary], wave) + area * grid.continuum([second], wave)

        flux = norm * grid.continuum([primary]) + area * shifted * grid.continuum([second])
        return flux / continuum(grid.wave), continuum, grid.sed([primary]) + area * grid.sed([second])


def _break(
    rng: np.random.Generator,
    fault: str,
    wave: NDArray[np.float64],
    flux: NDArray[np.float64],
    ivar: NDArray[np.float64],
) -> None:
    """Spoil an observation, in place."""
    sigma = 1.0 / np.sqrt(np.maximum(ivar, 1e-12))
    good = np.flatnonzero(ivar[0] > 0)
    if fault == "red arm":
        ivar[:, wave > instrument.ARM_JOIN + 40.0] = 0.0
    elif fault == "cosmic rays":
        for pixel in rng.choice(good, 14, replace=False):
            flux[0, pixel] += rng.uniform(20.0, 90.0) * sigma[0, pixel]
    elif fault == "sky":
        for centre, _ in instrument.SKY_LINES:
            line = np.exp(-0.5 * ((wave - centre - 1.5) / 2.5) ** 2) - 0.7 * np.exp(
                -0.5 * ((wave - centre + 2.0) / 2.5) ** 2
            )
            flux[0] += 14.0 * np.median(sigma[0, good]) * line
