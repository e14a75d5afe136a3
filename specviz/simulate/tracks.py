"""``Tracks``: the single-star tracks resampled in evolutionary phase, so that any star between them can be had.

Rows of a track are resampled to the same number of points in each stage (main sequence, Hertzsprung gap, giant branch,
core helium burning, early AGB); between neighbours in metallicity and mass, stars at the same phase are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.errors import NotFoundError

Array = NDArray[np.float64]
#: Stage (SSE's kstar) and points it is resampled to.
STAGES = ((1, 36), (2, 10), (3, 30), (4, 16), (5, 12))
N_PHASE = sum(points for _, points in STAGES)
#: Metallicities [M/H] of the resampled table: every 0.1 dex, so that metallicity distributions are resolved.
METALS = np.round(np.arange(-2.5, 0.551, 0.1), 2)
Z_SUN = 0.014
#: The first phase point of each stage: no cell reaches across it.
FIRST = np.cumsum([0, *(points for _, points in STAGES)])


@dataclass(frozen=True, eq=False)
class StarState:
    """Stars on the tracks, each (n,): ``age_myr``, ``mass`` now (Msun), ``teff`` (K), ``radius`` (Rsun), ``logg``;
    ``stage`` SSE's kstar, 0 where there is no living star of this mass and age.
    """

    age_myr: Array
    mass: Array
    teff: Array
    radius: Array
    logg: Array
    stage: NDArray[np.int64]


class Tracks:
    """The table: ``values`` (n_metals, n_masses, N_PHASE, 4), age in Myr, mass, log teff, log radius; NaN where a
    track does not reach.
    """

    def __init__(self, metals: Array, masses: Array, values: Array) -> None:
        self.metals, self.masses, self.values = metals, masses, values
        self.stage = np.repeat([k for k, _ in STAGES], [n for _, n in STAGES])

    @classmethod
    def load(cls, path: str | Path) -> Tracks:
        """Read and resample ``sse_tracks.npz``.

        Raises
        ------
        NotFoundError
            If there is no such file.
        """
        path = Path(path)
        if not path.is_file():
            raise NotFoundError(f"No stellar tracks at {path}", remedy="Give the path of sse_tracks.npz")
        with np.load(path) as npz:
            z, m_init, age, kstar, mass, teff, _, radius, _ = npz["data"].astype(np.float64).T
        kstar = np.where(kstar == 0, 1, kstar).astype(int)  # 0: the main sequence of stars below 0.7 Msun
        table = np.stack([age, mass, np.log10(teff), np.log10(radius)], axis=1)
        zs, masses = np.unique(z), np.unique(m_init)
        own = np.full((zs.size, masses.size, N_PHASE, 4), np.nan)
        ends = np.r_[np.flatnonzero((np.diff(z) != 0) | (np.diff(m_init) != 0)) + 1, z.size]
        start = 0
        for end in ends:
            i, j = int(np.searchsorted(zs, z[start])), int(np.searchsorted(masses, m_init[start]))
            for (stage, points), first in zip(STAGES, FIRST[:-1], strict=True):
                rows = start + np.flatnonzero(kstar[start:end] == stage)
                if rows.size >= 3:
                    own[i, j, first : first + points] = _resample(table[rows], points)
            start = int(end)
        # Onto the finer metallicities; stars poorer or richer than all tracks look like the last of these.
        have = np.log10(zs / Z_SUN)
        left = np.clip(np.searchsorted(have, METALS) - 1, 0, zs.size - 2)
        t = ((METALS - have[left]) / (have[left + 1] - have[left])).clip(0.0, 1.0)
        low, high = own[left], own[left + 1]
        mixed = (1 - t)[:, None, None, None] * low + t[:, None, None, None] * high
        # Where only one neighbour reaches this phase, it stands alone.
        mixed = np.where(np.isfinite(mixed), mixed, np.where((t < 0.5)[:, None, None, None], low, high))
        return cls(METALS, masses, mixed)

    def state(self, metal: Array, mass: Array, phase: Array) -> StarState:
        """Stars at initial mass (Msun), [M/H] and phase (0 to N_PHASE - 1, fractions allowed), averaged from the eight
        neighbours that exist.
        """
        i, a = _locate(self.metals, metal)
        j, b = _locate(self.masses, mass)
        # Never average across the end of a stage.
        k = np.clip(phase.astype(np.int64), 0, N_PHASE - 2)
        c = np.where(self.stage[k] == self.stage[k + 1], phase - k, 0.0)
        total, weight = np.zeros((len(metal), 4)), np.zeros((len(metal), 1))
        for di, wi in ((0, 1 - a), (1, a)):
            for dj, wj in ((0, 1 - b), (1, b)):
                for dk, wk in ((0, 1 - c), (1, c)):
                    value = self.values[i + di, j + dj, k + dk]
                    w = (wi * wj * wk)[:, None] * np.isfinite(value).all(axis=1, keepdims=True)
                    total += w * np.nan_to_num(value)
                    weight += w
        alive = weight[:, 0] > 0
        age, now, log_teff, log_radius = (total / np.maximum(weight, 1e-30)).T
        return _state(age, now, log_teff, log_radius, np.where(alive, self.stage[k], 0))

    def at_age(self, metal: Array, mass: Array, age_myr: Array) -> StarState:
        """Stars of these initial masses on the isochrone of this age and metallicity; stage 0 where such a star has
        ended (a white dwarf), or is below the lightest track.
        """
        i, a = _locate(self.metals, metal)
        j, b = _locate(self.masses, mass)
        ages = np.zeros((len(metal), N_PHASE))
        weight = np.zeros((len(metal), N_PHASE))
        for di, wi in ((0, 1 - a), (1, a)):
            for dj, wj in ((0, 1 - b), (1, b)):
                value = self.values[i + di, j + dj, :, 0]
                w = (wi * wj)[:, None] * np.isfinite(value)
                ages += w * np.nan_to_num(value)
                weight += w
        ages = np.where(weight > 0.5, ages / np.maximum(weight, 1e-30), np.nan)
        # Ages grow along the phases; missing stages repeat the age before them.
        filled = np.fmax.accumulate(np.where(np.isfinite(ages), ages, -np.inf), axis=1)
        k = np.clip((filled <= age_myr[:, None]).sum(axis=1) - 1, 0, N_PHASE - 2)
        rows = np.arange(len(metal))
        step = filled[rows, k + 1] - filled[rows, k]
        fraction = np.clip((age_myr - filled[rows, k]) / np.where(step > 0, step, 1.0), 0.0, 1.0)
        out = self.state(metal, mass, k + fraction)
        # Light stars live longer than their track is written out (13.5 Gyr).
        ended = (age_myr > filled[:, -1]) & (np.nanmax(np.where(np.isfinite(ages), filled, np.nan), axis=1) < 13_300.0)
        dead = ended | (mass < self.masses[0])
        return StarState(age_myr, out.mass, out.teff, out.radius, out.logg, np.where(dead, 0, out.stage))


def _state(age: Array, mass: Array, log_teff: Array, log_radius: Array, stage: NDArray[np.int64]) -> StarState:
    safe = np.maximum(mass, 1e-3)
    logg = 4.438 + np.log10(safe) - 2.0 * log_radius
    return StarState(age, safe, 10.0**log_teff, 10.0**log_radius, logg, stage)


def _resample(rows: Array, points: int) -> Array:
    """A stage at ``points`` steps even in the length of its path in (age fraction, log teff, log radius)."""
    span = max(rows[-1, 0] - rows[0, 0], 1e-9)
    path = np.stack([(rows[:, 0] - rows[0, 0]) / span, rows[:, 2] / 0.1, rows[:, 3] / 0.5], axis=1)
    s = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))]
    target = np.linspace(0.0, s[-1], points)
    return np.stack([np.interp(target, s, rows[:, q]) for q in range(rows.shape[1])], axis=1)


def _locate(grid: Array, value: Array) -> tuple[NDArray[np.int64], Array]:
    left = np.clip(np.searchsorted(grid, value, side="right") - 1, 0, grid.size - 2)
    return left, np.clip((value - grid[left]) / (grid[left + 1] - grid[left]), 0.0, 1.0)
