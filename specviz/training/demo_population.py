"""The many stars of the demo sky: survey stars with their companions, and some spread evenly over the labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo_render import COMPANION_LABELS
from specviz.simulate.conditions import draw_vsini
from specviz.simulate.emulated import inside
from specviz.simulate.gaia_xp import G_ZERO_FLUX, XPSimulator
from specviz.simulate.galaxy import G_EXTINCTION
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.survey import LABEL_RANGES, SurveyDraw
from specviz.training.demo_stars import mk_class

#: Number columns that a user sees, in the order of the table; the other element ratios follow.
LEADING = (
    *("teff", "logg", "fe_h", "alpha_fe", "c_fe", "n_fe", "mg_fe", "ca_fe", "vmic"),
    *("rv", "vsini", "ebv", "r_v", "snr", "g_mag", "distance_pc", "ra", "dec"),
    *("mass", "age_gyr", "radius_rsun", "q", "period_days", "k1", "companion_rv", "companion_light"),
    *("companion_radius", *(f"companion_{name}" for name in COMPANION_LABELS)),
)
COLUMNS = (
    *LEADING,
    *(name for name in LABEL_RANGES if name not in LEADING),
    *("redshift", "anomaly_index", "counts", "log_f550"),
)
TEXTS = ("subclass", "component", "companion", "anomaly")
#: A companion that gives less of the light than this is left out: no spectrum shows it.
FAINTEST_COMPANION = 0.005
_SOLAR_RADIUS_PC = 2.2543e-8


@dataclass(eq=False)
class Rows:
    """Stars as columns: ``numbers`` (n,) each, NaN where there is none; ``texts`` lists of n words."""

    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    texts: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, n: int, numbers: Mapping[str, Any], texts: Mapping[str, Any]) -> Rows:
        """All columns, from those that are known."""
        full = {name: np.broadcast_to(np.asarray(numbers.get(name, np.nan), float), (n,)).copy() for name in COLUMNS}
        words = {name: [str(word) for word in np.broadcast_to(texts.get(name, ""), (n,))] for name in TEXTS}
        return cls(full, words)

    def __len__(self) -> int:
        return int(self.numbers["teff"].size)

    def __getitem__(self, order: NDArray[np.int64]) -> Rows:
        words = {k: [v[i] for i in order] for k, v in self.texts.items()}
        return Rows({k: v[order] for k, v in self.numbers.items()}, words)

    def __add__(self, other: Rows) -> Rows:
        numbers = {k: np.concatenate([v, other.numbers[k]]) for k, v in self.numbers.items()}
        return Rows(numbers, {k: v + other.texts[k] for k, v in self.texts.items()})


def survey_rows(draw: SurveyDraw, **texts: Any) -> Rows:
    """Rows of the table from drawn stars; ``texts`` such as ``anomaly``."""
    pair, nothing = draw.companion, np.nan
    shines, there = pair.light >= FAINTEST_COMPANION, pair.mass > 0
    numbers: dict[str, Any] = {**draw.labels}
    for name in ("rv", "vsini", "ebv", "r_v", "snr", "g_mag", "distance_pc", "ra", "dec"):
        numbers[name] = getattr(draw, name)
    for name in ("mass", "age_gyr", "radius_rsun"):
        numbers[name] = getattr(draw, name)
    for name in ("q", "period_days", "k1"):
        numbers[name] = np.where(there, getattr(pair, name), nothing)
    numbers["companion_light"] = np.where(shines, pair.light, nothing)
    numbers["companion_radius"] = np.where(shines, pair.radius, nothing)
    numbers["companion_rv"] = np.where(shines, pair.rv2 - pair.rv1, nothing)
    for name in COMPANION_LABELS:
        numbers[f"companion_{name}"] = np.where(shines, draw.companion_labels[name], nothing)
    teff, logg = draw.labels["teff"], draw.labels["logg"]
    words: dict[str, Any] = {
        "subclass": [mk_class(t, g) for t, g in zip(teff, logg, strict=True)],
        "component": draw.component,
        "companion": pair.kind,
        **texts,
    }
    return Rows.of(len(draw), numbers, words)


def even_rows(grid: SyntheticGrid, ranges: Mapping[str, tuple[float, float]], rng: np.random.Generator, n: int) -> Rows:
    """Stars spread over all labels of the grid, each label set of the validation and test parts about equally often:
    the kinds that a survey hardly meets should have neighbours too. They belong to no component.
    """
    rows = grid.indices(("validation", "test"))
    teff = grid.labels["teff"][rows]
    # Carbon stars are planted as what they are.
    rows = rows[(teff > ranges["teff"][0]) & (teff < ranges["teff"][1]) & (grid.population[rows] != "crich")]
    pick = rng.permutation(np.resize(rng.permutation(rows), n))
    labels = {k: np.asarray(v[pick], float) for k, v in grid.labels.items() if k in LABEL_RANGES}
    labels = inside(labels, ranges)
    labels["alpha_fe"] = np.asarray(grid.labels["alpha_fe"][pick], float)
    g_mag = np.clip(rng.normal(14.2, 1.5, n), 9.5, 17.3)
    ebv = np.minimum(rng.exponential(0.1, n), 2.0)
    snr = np.clip(56.0 * 10.0 ** (-0.30 * (g_mag - 14.2)) * np.exp(rng.normal(0.0, 0.4, n)), 8.0, 600.0)
    numbers: dict[str, Any] = {
        **labels,
        **place(grid, XPSimulator(), rng, pick, g_mag, ebv),
        "ebv": ebv,
        "r_v": 3.1,
        "snr": snr,
        "rv": np.clip(rng.normal(-2.0, 60.0, n), -400.0, 400.0),
        "vsini": draw_vsini(rng, labels["teff"], labels["logg"]),
    }
    words = [mk_class(t, g) for t, g in zip(labels["teff"], labels["logg"], strict=True)]
    return Rows.of(n, numbers, {"subclass": words})


def place(
    grid: SyntheticGrid,
    xp: XPSimulator,
    rng: np.random.Generator,
    rows: NDArray[np.int64],
    g_mag: NDArray[np.float64],
    ebv: NDArray[np.float64],
) -> dict[str, NDArray[np.float64]]:
    """Position, magnitude, radius, and the distance that the star's own luminosity asks for."""
    radius, absolute = luminosity(grid, rows, xp)
    modulus = g_mag - absolute - G_EXTINCTION * ebv
    return {
        **anywhere(rng, len(rows)),
        "g_mag": g_mag,
        "distance_pc": 10.0 ** (0.2 * modulus + 1.0),
        "radius_rsun": radius,
    }


def anywhere(rng: np.random.Generator, n: int) -> dict[str, NDArray[np.float64]]:
    """Positions in LAMOST's part of the sky, deg."""
    dec = np.degrees(np.arcsin(rng.uniform(np.sin(np.radians(-10.0)), np.sin(np.radians(60.0)), n)))
    return {"ra": rng.uniform(0.0, 360.0, n), "dec": dec}


def luminosity(
    grid: SyntheticGrid, rows: NDArray[np.int64], xp: XPSimulator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Radius (Rsun) by log g and a plausible mass (1 Msun; more for hot stars), and absolute G with the grid's flux."""
    teff, logg = grid.labels["teff"][rows].astype(float), grid.labels["logg"][rows].astype(float)
    mass = np.interp(teff, [3500.0, 4500.0, 5800.0, 7500.0, 9500.0, 12500.0], [0.5, 0.8, 1.0, 1.6, 2.2, 3.2])
    mass = np.where((logg < 3.6) & (teff < 5600.0), 1.2, mass)
    radius = np.sqrt(mass * 10.0 ** (4.438 - logg))
    flux = xp.g_flux(grid.sed(rows)) * 1e-2 * (radius * _SOLAR_RADIUS_PC / 10.0) ** 2
    return radius, np.asarray(-2.5 * np.log10(flux / G_ZERO_FLUX))
