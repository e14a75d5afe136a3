"""Geometry of a corner plot: filled 68 and 95 % contours and smoothed histograms, in cell coordinates. No Bokeh.

The whole corner is one canvas: label i has column i and row i of unit cells with gaps, row 0 on top. A dozen small
figures
would cost a second to build and a frame each to redraw.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from specviz.session.state import Posterior
from specviz.views.formats import number

GAP = 0.09  # between cells, in cells
LEVELS = (0.95, 0.68)
BINS = 36
Array = NDArray[np.float64]


@dataclass
class Corner:
    """What the posterior panel draws; all coordinates in cells, y upwards from the bottom row."""

    n: int
    frames: list[tuple[float, float]] = field(default_factory=list)  # lower left corners
    fills: dict[float, list[list[list[list[float]]]]] = field(
        default_factory=dict
    )  # level -> polygons for MultiPolygons
    fill_ys: dict[float, list[list[list[list[float]]]]] = field(default_factory=dict)
    curves: list[tuple[Array, Array]] = field(default_factory=list)
    shades: list[tuple[Array, Array]] = field(default_factory=list)
    ticks: list[tuple[float, float, str, str]] = field(default_factory=list)  # x, y, text, side ("x" | "y")
    titles: list[tuple[float, float, int, str]] = field(default_factory=list)  # x, y, label index, side
    catalogue: list[tuple[float, float]] = field(default_factory=list)
    dashes: list[tuple[float, float, float, float]] = field(default_factory=list)


def cell(column: int, row: int, n: int) -> tuple[float, float]:
    """Lower left corner of a cell."""
    return column * (1 + GAP), (n - 1 - row) * (1 + GAP)


def limits(samples: Array) -> tuple[float, float]:
    """A range that holds 99.6 % of the samples with a margin."""
    low, high = (float(v) for v in np.quantile(samples, (0.002, 0.998)))
    span = max(high - low, 1e-9 * max(1.0, abs(high)))
    return low - 0.08 * span, high + 0.08 * span


def nice_ticks(low: float, high: float) -> tuple[list[float], int]:
    """One or two round values well inside a range, far enough apart for their labels, and the decimals they need."""
    span = high - low
    decade = math.floor(math.log10(span))
    roundest: tuple[list[float], int] = ([(low + high) / 2], 2)
    for step in (m * 10.0**e for e in (decade - 1, decade) for m in (1, 2, 5)):
        first = np.ceil((low + 0.14 * span) / step) * step
        ticks = np.arange(first, high - 0.14 * span + 1e-9 * span, step)
        decimals = next(d for d in range(12) if abs(round(step, d) - step) < 1e-9 * step)
        if ticks.size == 1 or (ticks.size == 2 and step >= 0.47 * span):
            return [float(t) for t in ticks], decimals
        if ticks.size:  # several, too close for their labels: the one nearest the middle will do
            roundest = [float(ticks[np.argmin(np.abs(ticks - (low + high) / 2))])], decimals
    return roundest


@lru_cache(maxsize=8)
def _kernel(size: int, sigma: float) -> Array:
    """Gaussian smoothing of ``size`` bins as a matrix (scipy.ndimage would do, but its import takes half a second)."""
    i = np.arange(size)
    return np.asarray(np.exp(-0.5 * ((i[:, None] - i[None, :]) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)))


def _smooth(image: Array, sigma: float = 1.3) -> Array:
    out = _kernel(image.shape[0], sigma) @ image
    return out @ _kernel(image.shape[1], sigma) if image.ndim == 2 else out


def contour_levels(density: Array, masses: tuple[float, ...] = LEVELS) -> list[float]:
    """Density above which the given fractions of the probability lie (highest-density regions)."""
    flat = np.sort(density.ravel())[::-1]
    mass = np.cumsum(flat) / flat.sum()
    return [float(flat[min(int(np.searchsorted(mass, m)), flat.size - 1)]) for m in masses]


def _polygons(
    density: Array, x: Array, y: Array, level: float
) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
    from contourpy import FillType, contour_generator

    made = contour_generator(x, y, density, fill_type=FillType.OuterOffset).filled(level, float(density.max()) * 1.001)
    xs, ys = [], []
    for points, offsets in zip(*made, strict=True):
        rings = [points[a:b] for a, b in pairwise(offsets)]
        xs.append([[float(v) for v in r[:, 0]] for r in rings])
        ys.append([[float(v) for v in r[:, 1]] for r in rings])
    return xs, ys


def build(
    posterior: Posterior,
    names: tuple[str, ...],
    catalogue: dict[str, float],
    decimals: dict[str, int],
    fixed: Mapping[str, tuple[float, float]] | None = None,
) -> Corner:
    """Lay out the corner of some labels.

    Parameters
    ----------
    posterior : Posterior
    names : tuple of str
        Labels shown, first at the top left; all in ``posterior.names``.
    catalogue : dict
        Values of others, drawn as diamonds; a label may be missing.
    decimals : dict
        Fewest decimals of each label's ticks... more are used where the range needs them.
    fixed : mapping, optional
        Range of each label's cells, for corners that lie over each other; by default what the samples need.
    """
    n = len(names)
    corner = Corner(n, fills={m: [] for m in LEVELS}, fill_ys={m: [] for m in LEVELS})
    ranges = {}
    for name in names:
        low, high = limits(posterior[name])
        if name in catalogue:  # a catalogue value a little outside still shows
            span = high - low
            if low - 0.6 * span < catalogue[name] < high + 0.6 * span:
                low, high = min(low, catalogue[name] - 0.08 * span), max(high, catalogue[name] + 0.08 * span)
        ranges[name] = (low, high) if fixed is None else fixed[name]
    edges = {k: np.linspace(*r, BINS + 1) for k, r in ranges.items()}
    centres = (np.arange(BINS) + 0.5) / BINS
    unit = {k: (posterior[k] - r[0]) / (r[1] - r[0]) for k, r in ranges.items()}
    for i, name in enumerate(names):
        x0, y0 = cell(i, i, n)
        corner.frames.append((x0, y0))
        _histogram(corner, unit[name], x0, y0)
        for j in range(i):
            other = names[j]
            cx, cy = cell(j, i, n)
            corner.frames.append((cx, cy))
            density = np.histogram2d(unit[name], unit[other], bins=BINS, range=((0, 1), (0, 1)))[0]
            density = _smooth(density)
            for mass, level in zip(LEVELS, contour_levels(density), strict=True):
                xs, ys = _polygons(density, cx + centres, cy + centres, level)
                corner.fills[mass].append(xs)
                corner.fill_ys[mass].append(ys)
        _ticks(corner, i, name, edges[name][[0, -1]], decimals)
    _catalogue(corner, names, ranges, catalogue)
    return corner


def _histogram(corner: Corner, unit: Array, x0: float, y0: float) -> None:
    counts = _smooth(np.histogram(unit, bins=2 * BINS, range=(0, 1))[0].astype(float), 1.6)
    x = (np.arange(2 * BINS) + 0.5) / (2 * BINS)
    y = 0.92 * counts / max(float(counts.max()), 1e-12)
    corner.curves.append((x0 + x, y0 + y))
    low, high = np.quantile(unit, (0.16, 0.84))
    fine = np.linspace(low, high, 24)
    corner.shades.append((np.r_[x0 + fine, x0 + high, x0 + low], np.r_[y0 + np.interp(fine, x, y), y0, y0]))


def _ticks(corner: Corner, i: int, name: str, ends: Array, decimals: dict[str, int]) -> None:
    n = corner.n
    low, high = float(ends[0]), float(ends[1])
    values, places = nice_ticks(low, high)
    places = max(places, min(1, decimals.get(name, 2)))
    x0, y0 = cell(i, n - 1, n)[0], cell(0, i, n)[1]
    for value in values:
        at = (value - low) / (high - low)
        written = number(value, places)
        corner.ticks.append((x0 + at, 0.0, written, "x"))
        if i > 0:
            corner.ticks.append((0.0, y0 + at, written, "y"))
    corner.titles.append((x0 + 0.5, 0.0, i, "x"))
    if i > 0:
        corner.titles.append((0.0, y0 + 0.5, i, "y"))


def _catalogue(
    corner: Corner, names: tuple[str, ...], ranges: dict[str, tuple[float, float]], catalogue: dict[str, float]
) -> None:
    n = corner.n
    at = {}
    for name in names:
        if name in catalogue:
            u = (catalogue[name] - ranges[name][0]) / (ranges[name][1] - ranges[name][0])
            if 0.0 <= u <= 1.0:
                at[name] = u
    for i, name in enumerate(names):
        if name in at:
            x0, y0 = cell(i, i, n)
            corner.dashes.append((x0 + at[name], y0, x0 + at[name], y0 + 1))
        for j in range(i):
            cx, cy = cell(j, i, n)
            if names[j] in at:
                corner.dashes.append((cx + at[names[j]], cy, cx + at[names[j]], cy + 1))
            if name in at:
                corner.dashes.append((cx, cy + at[name], cx + 1, cy + at[name]))
            if name in at and names[j] in at:
                corner.catalogue.append((cx + at[names[j]], cy + at[name]))
