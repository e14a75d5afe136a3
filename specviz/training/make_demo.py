"""Make the demo sky: ``specviz/archives/data/demo_stars.npz``, 2,000 simulated stars.

    python -m specviz.training.make_demo --shared ../shared

Only the validation and test parts of the synthetic grid are used, so that no model trained on its training part has met
these stars. Everything follows from the seed. The first stars are the showcase of :mod:`specviz.training.demo_stars`;
of the rest, half are drawn as a survey would meet them, half evenly over the grid.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo import BLOCK, FORMAT, FRACTION, PACKAGED
from specviz.archives.demo_codec import pack
from specviz.simulate import instrument
from specviz.simulate.conditions import Conditions, draw_conditions
from specviz.simulate.gaia_xp import G_ZERO_FLUX, XPSimulator
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.lamost import C_KMS, observe_lamost
from specviz.simulate.population import MATCH, Population
from specviz.spectra.grids import XP_REFERENCE_INDEX
from specviz.training.demo_stars import SHOWCASE, Recipe, mk_class

SOURCE = "simulated by specviz from its own LTE grid (validation and test parts), like LAMOST DR10 and Gaia DR3"
#: Labels and facts kept for every star, in the order of the table.
COLUMNS = (
    *("teff", "logg", "fe_h", "alpha_fe", "c_fe", "n_fe", "mg_fe", "ca_fe"),
    *("rv", "vsini", "ebv", "snr", "g_mag", "distance_pc", "ra", "dec"),
)
_SOLAR_RADIUS_PC = 2.2543e-8


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


def absolute_g(grid: SyntheticGrid, rows: NDArray[np.int64], xp: XPSimulator) -> NDArray[np.float64]:
    """Absolute G from the surface flux and a radius by log g and a plausible mass (1 Msun; more for hot stars)."""
    teff, logg = grid.labels["teff"][rows].astype(float), grid.labels["logg"][rows].astype(float)
    mass = np.interp(teff, [3500.0, 4500.0, 5800.0, 7500.0, 9500.0, 12500.0], [0.5, 0.8, 1.0, 1.6, 2.2, 3.2])
    mass = np.where((logg < 3.6) & (teff < 5600.0), 1.2, mass)
    radius = np.sqrt(mass * 10.0 ** (4.438 - logg))
    return np.asarray(
        -2.5 * np.log10(xp.g_flux(grid.sed(rows)) * 1e-2 * (radius * _SOLAR_RADIUS_PC / 10.0) ** 2 / G_ZERO_FLUX)
    )


class _Sky:
    """The growing list of demo stars: spectra, labels, notes."""

    def __init__(self, grid: SyntheticGrid, rng: np.random.Generator) -> None:
        self.grid, self.rng, self.xp = grid, rng, XPSimulator()
        self.parts: list[dict[str, Any]] = []
        self.notes: list[dict[str, Any]] = []

    def add(
        self,
        rows: NDArray[np.int64],
        conditions: Conditions,
        where: dict[str, NDArray[np.float64]],
        recipes: list[Recipe],
    ) -> None:
        """Observe a batch with both surveys. ``recipes`` is empty, or has one entry (a batch of one)."""
        grid, rng = self.grid, self.rng
        norm, sed = grid.norm(rows), grid.sed(rows).astype(np.float64)

        def continuum(wave: NDArray[np.float64]) -> NDArray[Any]:
            return grid.continuum(rows, wave)

        recipe = recipes[0] if recipes else None
        total = continuum
        if recipe is not None and recipe.companion is not None:
            norm, total, sed = self._double(rows[0], norm, recipe)
        if recipe is not None:
            for centre, peak in recipe.emission.items():
                norm = norm + peak * np.exp(
                    -0.5 * ((grid.wave / centre - 1.0) * C_KMS / recipe.emission_width) ** 2
                ).astype(np.float32)
        seen = observe_lamost(norm, grid.wave, total, conditions, rng, extinction=self.xp.extinction_curve)
        flux, ivar = seen.flux.astype(np.float64), seen.ivar.astype(np.float64)
        if recipe is not None and recipe.fault:
            _break(rng, recipe.fault, seen.wave, flux, ivar)
        gaia = self.xp.observe(sed, where["g_mag"], rng, ebv=conditions.ebv)
        values = {name: grid.labels[name][rows].astype(float) for name in COLUMNS if name in grid.labels}
        values |= {name: getattr(conditions, name) for name in ("rv", "vsini", "ebv", "snr")} | where
        # LAMOST's flux is in counts of no absolute meaning: brighter stars have more of them.
        values["counts"] = np.rint(conditions.snr**1.6 * np.exp(rng.normal(0.3, 0.3, len(rows))) + 20.0)
        values["log_f550"] = np.log10(gaia.clean[:, XP_REFERENCE_INDEX])
        mask = ~(ivar > 0)
        sigma = np.where(mask, np.nan, 1.0 / np.sqrt(np.where(mask, 1.0, ivar)))
        grid_x = np.arange(sigma.shape[1])
        for row in range(len(rows)):  # a masked pixel still needs a step for its flux
            sigma[row] = np.interp(grid_x, grid_x[~mask[row]], sigma[row, ~mask[row]])
        at_550 = (10.0 ** values["log_f550"])[:, None]
        self.parts.append(
            {
                "values": values,
                "subclass": [
                    mk_class(t, g, p)
                    for t, g, p in zip(values["teff"], values["logg"], grid.population[rows], strict=True)
                ],
                "lamost": (flux, sigma, mask),
                "xp": (gaia.flux / at_550, gaia.sigma / at_550),
            }
        )
        self.notes += [{"kind": recipe.kind, "note": recipe.note} if recipe is not None else {} for _ in rows]

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

    def write(self, path: Path, seed: int) -> None:
        """Put everything into the packed file."""
        names = (*COLUMNS, "counts", "log_f550")
        columns = {n: np.concatenate([p["values"][n] for p in self.parts]).astype(np.float32) for n in names}
        flux, sigma, mask = (np.concatenate([p["lamost"][i] for p in self.parts]) for i in range(3))
        xp_flux, xp_sigma = (np.concatenate([p["xp"][i] for p in self.parts]) for i in range(2))
        content: dict[str, NDArray[Any]] = {f"column_{n}": v for n, v in columns.items()}
        content["subclass"] = np.array([s for p in self.parts for s in p["subclass"]])
        digest = hashlib.sha256()
        for block, start in enumerate(range(0, len(flux), BLOCK)):
            part = slice(start, start + BLOCK)
            packed = {
                "lamost": pack(flux[part], sigma[part], FRACTION["lamost"]),
                "xp": pack(xp_flux[part], xp_sigma[part], FRACTION["xp"]),
            }
            for survey, planes in packed.items():
                for plane, values in planes.items():
                    content[f"{survey}_{plane}_{block}"] = values
                    digest.update(values.tobytes())
            content[f"lamost_mask_{block}"] = np.packbits(mask[part], axis=1)
        notes = {i: note for i, note in enumerate(self.notes) if note}
        header = {
            "format": FORMAT,
            "columns": list(columns),
            "notes": notes,
            "source": SOURCE,
            "seed": seed,
            "fingerprint": digest.hexdigest(),
        }
        content["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, allow_pickle=False, **content)


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


def _sky_position(rng: np.random.Generator, n: int) -> dict[str, NDArray[np.float64]]:
    dec = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-10.0)), np.sin(np.radians(60.0)), n)))
    return {"ra": rng.uniform(0.0, 360.0, n), "dec": dec}


def build(grid: SyntheticGrid, tracks: Path, n: int, seed: int, out: Path) -> None:
    """Simulate ``n`` stars and write them to ``out``."""
    rng = np.random.default_rng(seed)
    sky = _Sky(grid, rng)
    rows = grid.indices(("validation", "test"))
    for recipe in SHOWCASE:
        row = np.array([nearest(grid, rows, recipe)])
        conditions = draw_conditions(
            rng, grid.labels["teff"][row], grid.labels["logg"][row], snr=recipe.snr, rv=recipe.rv, ebv=recipe.ebv
        )
        if recipe.vsini is not None:
            conditions = conditions.with_(vsini=recipe.vsini)
        g_mag = np.clip(14.2 - np.log10(conditions.snr / 56.0) / 0.30 + rng.normal(0.0, 0.3, 1), 9.0, 16.5)
        sky.add(row, conditions, _place(grid, sky.xp, rng, row, g_mag, conditions.ebv), [recipe])
    left = n - len(SHOWCASE)
    survey = Population.from_tracks(grid, tracks, rows=rows).draw(rng, left // 2)
    even = rng.permutation(np.resize(rng.permutation(rows), left - left // 2))
    index = np.concatenate([survey.index, even])
    g_mag = np.concatenate([survey.g_mag, np.clip(rng.normal(14.2, 1.5, even.size), 9.5, 17.3)])
    ebv = np.concatenate([survey.ebv, np.minimum(rng.exponential(0.1, even.size), 2.0)])
    order = rng.permutation(left)
    index, g_mag, ebv = index[order], np.clip(g_mag[order], 9.0, 17.6), ebv[order]
    snr = np.clip(56.0 * 10.0 ** (-0.30 * (g_mag - 14.2)) * np.exp(rng.normal(0.0, 0.4, left)), 8.0, 600.0)
    for start in range(0, left, 200):
        part = slice(start, start + 200)
        chosen = index[part]
        conditions = draw_conditions(
            rng, grid.labels["teff"][chosen], grid.labels["logg"][chosen], snr=snr[part], ebv=ebv[part]
        )
        sky.add(chosen, conditions, _place(grid, sky.xp, rng, chosen, g_mag[part], ebv[part]), [])
    sky.write(out, seed)


def _place(
    grid: SyntheticGrid,
    xp: XPSimulator,
    rng: np.random.Generator,
    rows: NDArray[np.int64],
    g_mag: NDArray[np.float64],
    ebv: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Position, magnitude, and the distance that the star's own luminosity asks for."""
    modulus = g_mag - absolute_g(grid, rows, xp) - 2.5 * ebv
    return {**_sky_position(rng, len(rows)), "g_mag": g_mag, "distance_pc": 10.0 ** (0.2 * modulus + 1.0)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m specviz.training.make_demo", description="Make the demo sky.")
    parser.add_argument("--shared", type=Path, required=True, help="folder of the shared materials")
    parser.add_argument("-n", type=int, default=2000, help="stars (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20261120, help="default: %(default)s")
    parser.add_argument("-o", "--out", type=Path, default=PACKAGED, help="default: the package's own file")
    args = parser.parse_args()
    with SyntheticGrid.open(args.shared / "synthetic" / "lte_grid.h5") as grid:
        build(grid, args.shared / "synthetic" / "sse_tracks.npz", args.n, args.seed, args.out)
    print(f"{args.n} stars, {args.out.stat().st_size / 1e6:.2f} MB -> {args.out}")


if __name__ == "__main__":
    main()
