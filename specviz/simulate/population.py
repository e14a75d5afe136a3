"""``Population``: which stars of the GRID a survey meets, from stellar tracks, a mass function and three components.

The weights of the training pairs. Stars with continuous labels, companions and chemistry: ``SurveyPopulation``
(:mod:`specviz.simulate.survey`). Here: single stars; constant star formation; an exponential disc seen at a typical
Galactic latitude. A track point counts as (stars born of its mass) x (time spent near it) x (volume in which the survey
sees it), so bright giants come out over-represented exactly as they are in a magnitude-limited survey.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from specviz.errors import NotFoundError
from specviz.simulate.conditions import draw_rv
from specviz.simulate.gaia_xp import G_ZERO_FLUX, XPSimulator
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.survey import SurveyDraw, SurveyPopulation

__all__ = ["COMPONENTS", "MATCH", "Draw", "Population", "SurveyDraw", "SurveyPopulation"]

#: Apparent G between which LAMOST observes, and how the chance of being observed falls with magnitude: it makes the
#: counts per magnitude nearly flat (median G about 14.5), as LAMOST's bright and medium plates do.
G_LIMITS = (9.5, 17.3)
SELECTION_SLOPE = 0.35
#: (share of the stars born, mean [Fe/H], sigma, oldest and youngest age in Gyr, [alpha/Fe] at [Fe/H] = 0 and its slope,
#: scale height kpc)
COMPONENTS = {
    "thin": (0.86, -0.12, 0.22, 0.05, 9.0, 0.02, -0.15, 0.30),
    "thick": (0.12, -0.55, 0.25, 8.0, 12.0, 0.18, -0.15, 0.90),
    "halo": (0.02, -1.45, 0.45, 10.0, 13.0, 0.28, -0.02, 3.00),
}
#: Distances in label space that count as equal when a track point is matched to a grid star.
MATCH = {"teff": 0.03, "logg": 0.25, "fe_h": 0.20, "alpha_fe": 0.12}
_SIN_LATITUDE = 0.6
_SOLAR_RADIUS_PC = 2.2543e-8


@dataclass(frozen=True, eq=False)
class Draw:
    """Stars of a survey; arrays (n,). ``index`` grid rows, ``distance`` pc, ``ra``/``dec`` deg, ``rv`` km/s."""

    index: NDArray[np.int64]
    distance: NDArray[np.float64]
    g_mag: NDArray[np.float64]
    ebv: NDArray[np.float64]
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    rv: NDArray[np.float64]
    mass: NDArray[np.float64]
    age_gyr: NDArray[np.float64]
    component: NDArray[np.str_]


class Population:
    """Weighted track points, each matched to its nearest grid star. Make one with :meth:`from_tracks`."""

    def __init__(
        self, grid: SyntheticGrid, index: NDArray[np.int64], weight: NDArray[np.float64], facts: dict[str, NDArray[Any]]
    ):
        self.grid, self.index, self.facts = grid, index, facts
        self.weight = weight / weight.sum()

    @classmethod
    def from_tracks(cls, grid: SyntheticGrid, path: str | Path, *, rows: NDArray[np.int64] | None = None) -> Population:
        """Weigh every point of the tracks.

        Parameters
        ----------
        grid : SyntheticGrid
        path : path
            ``sse_tracks.npz``.
        rows : array of int, optional
            Match to these grid stars only (for example one split).
        """
        path = Path(path)
        if not path.is_file():
            raise NotFoundError(f"No stellar tracks at {path}", remedy="Give the path of sse_tracks.npz")
        with np.load(path) as npz:
            z, m_init, age, kstar, _, teff, _, radius, logg = npz["data"].astype(np.float64).T
        rows = np.arange(grid.n) if rows is None else rows
        # Time a point stands for, within its own track (rows of one track are in order of age).
        same_next = np.r_[(z[1:] == z[:-1]) & (m_init[1:] == m_init[:-1]), False]
        step = np.where(same_next, np.diff(age, append=age[-1]), 0.0).clip(0.0)
        time = 0.5 * (step + np.r_[0.0, step[:-1]])
        masses = np.unique(m_init)
        width = np.gradient(masses)[np.searchsorted(masses, m_init)]
        # Kroupa (2001): dN/dm ~ m^-1.3 below 0.5 Msun, m^-2.3 above.
        born = np.where(m_init < 0.5, m_init**-1.3, 0.5 * m_init**-2.3) * width
        metal = np.log10(z / 0.014)
        metals = np.unique(metal)
        spacing = np.gradient(metals)[np.searchsorted(metals, metal)]
        tree = cKDTree(_scaled({name: grid.labels[name][rows] for name in MATCH}))
        g_surface = XPSimulator().g_flux(grid.sed(rows)) * 1e-2  # W m-2 nm-1 at the surface
        parts: list[dict[str, NDArray[Any]]] = []
        for name, (share, mean, sigma, youngest, oldest, alpha0, slope, height) in COMPONENTS.items():
            alpha = alpha0 + slope * metal
            fe_h = metal - 0.7 * np.maximum(alpha, 0.0)
            n_stars = share * born * time * spacing * np.exp(-0.5 * ((metal - mean) / sigma) ** 2) / sigma
            use = np.flatnonzero(
                (n_stars > 0) & (age > youngest * 1e3) & (age < oldest * 1e3) & (kstar < 7) & (logg > 0.0)
            )
            labels = {"teff": teff[use], "logg": logg[use], "fe_h": fe_h[use], "alpha_fe": alpha[use]}
            far, near = tree.query(_scaled(labels))
            m_g = -2.5 * np.log10(g_surface[near] * (radius[use] * _SOLAR_RADIUS_PC / 10.0) ** 2 / G_ZERO_FLUX)
            weight = n_stars[use] / (oldest - youngest) * _volume(m_g, height)
            ok = (far < 4.0) & (weight > 0)  # beyond the grid: cool dwarfs, hot stars
            parts.append(
                {
                    "index": rows[near[ok]],
                    "weight": weight[ok],
                    "m_g": m_g[ok],
                    "mass": m_init[use][ok],
                    "age_gyr": age[use][ok] / 1e3,
                    "height": np.full(ok.sum(), height),
                    "component": np.full(ok.sum(), name),
                }
            )
        facts = {key: np.concatenate([p[key] for p in parts]) for key in parts[0]}
        return cls(grid, facts.pop("index"), facts.pop("weight"), facts)

    def grid_weights(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """How often the survey meets each of these grid stars, as probabilities over ``rows``.

        The track points' weights are shared with label-space neighbours (a grid star between two tracks is met too).
        """
        total = np.bincount(self.index, weights=self.weight, minlength=self.grid.n)
        points = _scaled({name: values for name, values in self.grid.labels.items() if name in MATCH})
        source = np.flatnonzero(total > 0)
        distance, near = cKDTree(points[source]).query(points[rows], k=min(12, source.size))
        kernel = np.exp(-0.5 * distance**2)
        weight = (
            (kernel * total[source][near]).sum(axis=1) / np.maximum(kernel.sum(axis=1), 1e-12) * (distance[:, 0] < 3.0)
        )
        return np.asarray(weight / weight.sum())

    def draw(self, rng: np.random.Generator, n: int, *, ebv_mean: float = 0.1) -> Draw:
        """Draw ``n`` stars: grid row, distance, apparent G, dust, place on the sky, velocity."""
        pick = rng.choice(self.weight.size, size=n, p=self.weight)
        m_g = self.facts["m_g"][pick]
        ebv = np.minimum(rng.exponential(ebv_mean, n), 2.0)
        # Distance: uniform in log d weighted by d^3 rho(d), between the survey's magnitude limits.
        fraction = rng.random(n)
        distance = np.empty(n)
        for i in range(n):
            d = np.geomspace(*_limits(m_g[i]), 48)
            cumulative = np.cumsum(_seen(d, m_g[i], self.facts["height"][pick[i]]))
            distance[i] = np.interp(fraction[i] * cumulative[-1], cumulative, d)
        g_mag = m_g + 5.0 * np.log10(distance / 10.0) + 2.5 * ebv
        ra, dec = (
            rng.uniform(0.0, 360.0, n),
            np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-10)), np.sin(np.radians(60)), n))),
        )
        f = self.facts
        return Draw(
            self.index[pick],
            distance,
            g_mag,
            ebv,
            ra,
            dec,
            draw_rv(rng, n),
            f["mass"][pick],
            f["age_gyr"][pick],
            f["component"][pick],
        )


def _scaled(labels: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    """Labels in units of :data:`MATCH`; teff as ln(teff)."""
    return np.stack([(np.log(labels[k]) if k == "teff" else labels[k]) / MATCH[k] for k in MATCH], axis=1).astype(
        np.float64
    )


def _limits(m_g: float) -> tuple[float, float]:
    near, far = (10.0 ** (0.2 * (g - m_g) + 1.0) for g in G_LIMITS)
    return near, min(far, 3e4) if near < 3e4 else near * 1.01


def _seen(d: NDArray[np.float64], m_g: float, height_kpc: float) -> NDArray[np.float64]:
    """Stars observed per unit ln(distance in pc), relative."""
    chance = 10.0 ** (-SELECTION_SLOPE * (m_g + 5.0 * np.log10(d / 10.0) - G_LIMITS[0]))
    return np.asarray(d**3 * np.exp(-d * _SIN_LATITUDE / (height_kpc * 1e3)) * chance)


def _volume(m_g: NDArray[np.float64], height_kpc: float) -> NDArray[np.float64]:
    """Effective volume (relative) of the survey for absolute magnitude ``m_g`` in a disc of this scale height."""
    grid = np.linspace(-6.0, 14.0, 81)
    values = []
    for m in grid:
        d = np.geomspace(*_limits(m), 200)
        values.append(np.trapezoid(_seen(d, m, height_kpc), np.log(d)))
    # A thicker component has proportionally fewer stars per volume in the plane.
    return np.asarray(np.exp(np.interp(m_g, grid, np.log(np.maximum(values, 1e-30))))) / height_kpc
