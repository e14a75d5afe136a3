"""Geometry of a corner plot: filled 68 and 95 % contours and smoothed histograms, in cell coordinates. No Bokeh.

The whole corner is one canvas: label i has column i and row i of unit cells with gaps, row 0 on top. A dozen small
figures would cost a second to build and a frame each to redraw.

Densities are histograms smoothed by a Gaussian of 1.3 bins. Where the samples end abruptly (a prior with an edge) they
are mirrored there first and nothing is drawn beyond, so that the edge neither fades nor leaks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
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
#: Width of a digit in cells: 7 px (DejaVu Sans, the widest of our fonts) of 73 px in a corner of four labels, a third of
#: the Explorer wide.
DIGIT = 0.096
#: Samples end abruptly where their last 72nd of the range is this dense, in peaks of the histogram.
_ABRUPT = 0.3
_SMOOTH = 1.3  # bins
Array = NDArray[np.float64]


@dataclass
class Corner:
    """What the posterior panel draws; all coordinates in cells, y upwards from the bottom row."""

    n: int
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)  # of each label's cells
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


def nice_ticks(low: float, high: float, digit: float = DIGIT) -> tuple[list[float], int]:
    """Two round values well inside a range, or one where two have no room, and the decimals they need.

    Parameters
    ----------
    low, high : float
    digit : float
        Width of a digit of the labels in ranges; 0 for labels above each other.
    """
    span = high - low
    decade = math.floor(math.log10(span))
    for e in (decade, decade - 1):
        for step in (m * 10.0**e for m in (5, 2, 1)):
            decimals = next(d for d in range(15) if abs(round(step, d) - step) < 1e-9 * step)
            at = _multiples(low + 0.08 * span, high - 0.08 * span, step)
            half = [digit * _width(f"{v:.{decimals}f}") / 2 for v in at]
            fits = [h <= min(v - low, high - v) / span + GAP / 2 for v, h in zip(at, half, strict=True)]
            pairs = [
                (abs((y - x) / span - 0.5) + 1.5 * abs((x + y) / 2 - (low + high) / 2) / span, x, y)
                for i, x in enumerate(at)
                for j, y in enumerate(at[i + 1 :], i + 1)
                if fits[i] and fits[j] and max(0.36, half[i] + half[j] + 0.6 * digit) <= (y - x) / span
            ]
            if pairs:
                return [*min(pairs)[1:]], decimals
    for e in (decade, decade - 1):
        for step in (m * 10.0**e for m in (5, 2, 1)):
            decimals = next(d for d in range(15) if abs(round(step, d) - step) < 1e-9 * step)
            at = _multiples(low + 0.14 * span, high - 0.14 * span, step)
            if at:
                return [min(at, key=lambda v: abs(v - (low + high) / 2))], decimals
    return [(low + high) / 2], 2


def _width(label: str) -> float:
    """In digits: points are narrow."""
    return len(label) - 0.5 * label.count(".")


def _multiples(low: float, high: float, step: float) -> list[float]:
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [i * step for i in range(first, last + 1)]


@lru_cache(maxsize=8)
def _kernel(size: int, sigma: float) -> Array:
    """Gaussian smoothing of ``size`` bins as a matrix (scipy.ndimage would do, but its import takes half a second)."""
    i = np.arange(size)
    return np.asarray(np.exp(-0.5 * ((i[:, None] - i[None, :]) / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)))


def _smooth(image: Array, sigma: float = _SMOOTH) -> Array:
    out = _kernel(image.shape[0], sigma) @ image
    return out @ _kernel(image.shape[1], sigma) if image.ndim == 2 else out


Edges = tuple[float | None, float | None]


def abrupt(unit: Array) -> Edges:
    """Where samples, in units of their cell, end abruptly below and above; None where they fade."""
    if unit.size < 500:
        return None, None
    counts = np.histogram(unit, bins=2 * BINS, range=(0, 1))[0]
    peak, width = float(counts.max()), 1.0 / (2 * BINS)
    low, high = float(unit.min()), float(unit.max())
    if high - low < 4 * width:  # no width to speak of
        return None, None
    below = low > 0.0 and np.count_nonzero(unit < low + width) > _ABRUPT * peak
    above = high < 1.0 and np.count_nonzero(unit > high - width) > _ABRUPT * peak
    return (low if below else None), (high if above else None)


def _mirrored(points: Array, column: int, edges: Edges, reach: float) -> Array:
    """Points with those near an edge set again on its other side, in one of their coordinates."""
    more = [points]
    for edge, sign in ((edges[0], 1.0), (edges[1], -1.0)):
        if edge is not None:
            near = points[np.abs(points[:, column] - edge) < reach].copy()
            near[:, column] = 2 * edge - near[:, column] - sign * 1e-9
            more.append(near)
    return np.concatenate(more) if len(more) > 1 else points


def _beyond(centres: Array, edges: Edges) -> NDArray[np.bool_]:
    low, high = edges
    out = np.zeros(centres.size, bool)
    if low is not None:
        out |= centres < low
    if high is not None:
        out |= centres > high
    return out


def density(x: Array, y: Array, x_edges: Edges = (None, None), y_edges: Edges = (None, None)) -> Array:
    """Smoothed density of two labels' samples, in units of their cells; shape (BINS, BINS), x first."""
    points = np.stack([x, y], axis=1)
    reach = 4 * _SMOOTH / BINS
    points = _mirrored(_mirrored(points, 0, x_edges, reach), 1, y_edges, reach)
    at = np.floor(points * BINS).astype(np.int64)  # np.histogram2d takes five times as long
    at = at[np.all((at >= 0) & (at < BINS), axis=1)]
    made = _smooth(np.bincount(at[:, 0] * BINS + at[:, 1], minlength=BINS * BINS).reshape(BINS, BINS).astype(float))
    centres = (np.arange(BINS) + 0.5) / BINS
    made[_beyond(centres, x_edges)] = 0.0
    made[:, _beyond(centres, y_edges)] = 0.0
    return made


def contour_levels(density: Array, masses: tuple[float, ...] = LEVELS) -> list[float]:
    """Density above which the given fractions of the probability lie (highest-density regions)."""
    flat = np.sort(density.ravel())[::-1]
    mass = np.cumsum(flat) / flat.sum()
    return [float(flat[min(int(np.searchsorted(mass, m)), flat.size - 1)]) for m in masses]


def _polygons(
    image: Array, x: Array, y: Array, level: float
) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
    from contourpy import FillType, contour_generator

    made = contour_generator(x, y, image.T, fill_type=FillType.OuterOffset).filled(level, float(image.max()) * 1.001)
    xs, ys = [], []
    for points, offsets in zip(*made, strict=True):
        rings = [points[a:b] for a, b in pairwise(offsets)]
        xs.append([[float(v) for v in r[:, 0]] for r in rings])
        ys.append([[float(v) for v in r[:, 1]] for r in rings])
    return xs, ys


def ranges_of(
    posteriors: Sequence[Posterior], names: Sequence[str], others: Mapping[str, Sequence[float]]
) -> dict[str, tuple[float, float]]:
    """The range of each label's cells: all posteriors' samples, and other values that are not far outside.

    Parameters
    ----------
    posteriors : sequence of Posterior
        At least one has each label.
    names : sequence of str
    others : mapping
        Values of catalogues by label.
    """
    out = {}
    for name in names:
        ends = [limits(p[name]) for p in posteriors if name in p.names]
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
        span = high - low
        near = [v for v in others.get(name, ()) if low - 0.6 * span < v < high + 0.6 * span]
        for value in near:
            low, high = min(low, value - 0.08 * span), max(high, value + 0.08 * span)
        out[name] = (low, high)
    return out


def build(
    posterior: Posterior,
    names: tuple[str, ...],
    catalogue: Mapping[str, float],
    decimals: Mapping[str, int],
    fixed: Mapping[str, tuple[float, float]] | None = None,
    digit: float = DIGIT,
) -> Corner:
    """Lay out the corner of some labels.

    Parameters
    ----------
    posterior : Posterior
    names : tuple of str
        Labels shown, first at the top left. The cells of one that the posterior lacks stay empty.
    catalogue : mapping
        Values of others, drawn as diamonds; a label may be missing.
    decimals : mapping
        Fewest decimals of each label's ticks... more are used where the range needs them.
    fixed : mapping, optional
        Range of each label's cells, for corners that lie over each other; by default what the samples need.
    digit : float
        Width of a digit of the tick labels, in cells.
    """
    n = len(names)
    known = {k: [v] for k, v in catalogue.items()}
    ranges = dict(fixed) if fixed is not None else ranges_of([posterior], names, known)
    corner = Corner(n, ranges, fills={m: [] for m in LEVELS}, fill_ys={m: [] for m in LEVELS})
    centres = (np.arange(BINS) + 0.5) / BINS
    there = [name for name in names if name in posterior.names]
    unit = {k: (posterior[k] - ranges[k][0]) / (ranges[k][1] - ranges[k][0]) for k in there}
    edges = {k: abrupt(unit[k]) for k in there}
    for i, name in enumerate(names):
        x0, y0 = cell(i, i, n)
        corner.frames.append((x0, y0))
        if name in unit:
            _histogram(corner, unit[name], edges[name], x0, y0)
        for j in range(i):
            other = names[j]
            cx, cy = cell(j, i, n)
            corner.frames.append((cx, cy))
            if name not in unit or other not in unit:
                continue
            made = density(unit[other], unit[name], edges[other], edges[name])
            for mass, level in zip(LEVELS, contour_levels(made), strict=True):
                xs, ys = _polygons(made, cx + centres, cy + centres, level)
                corner.fills[mass].append(xs)
                corner.fill_ys[mass].append(ys)
        _ticks(corner, i, name, ranges[name], decimals, digit)
    _catalogue(corner, names, ranges, catalogue)
    return corner


def _histogram(corner: Corner, unit: Array, edges: Edges, x0: float, y0: float) -> None:
    fine = 2 * BINS
    points = _mirrored(unit[:, None], 0, edges, 4 * 1.6 / fine)[:, 0]
    counts = _smooth(np.histogram(points, bins=fine, range=(0, 1))[0].astype(float), 1.6)
    x = (np.arange(fine) + 0.5) / fine
    keep = ~_beyond(x, edges)
    y = 0.92 * counts / max(float(counts[keep].max(initial=0.0)), 1e-12)
    x, y = x[keep], y[keep]
    if edges[0] is not None and x.size:
        x, y = np.r_[edges[0], edges[0], x], np.r_[0.0, y[0], y]
    if edges[1] is not None and x.size:
        x, y = np.r_[x, edges[1], edges[1]], np.r_[y, y[-1], 0.0]
    corner.curves.append((x0 + x, y0 + y))
    low, high = np.quantile(unit, (0.16, 0.84))
    between = np.linspace(low, high, 24)
    corner.shades.append((np.r_[x0 + between, x0 + high, x0 + low], np.r_[y0 + np.interp(between, x, y), y0, y0]))


def _ticks(
    corner: Corner, i: int, name: str, ends: tuple[float, float], decimals: Mapping[str, int], digit: float
) -> None:
    n = corner.n
    low, high = ends
    x0, y0 = cell(i, n - 1, n)[0], cell(0, i, n)[1]
    for side, width in (("x", digit), ("y", 0.0)):
        if side == "y" and i == 0:
            continue
        values, places = nice_ticks(low, high, width)
        places = max(places, min(1, decimals.get(name, 2)))
        for value in values:
            at = (value - low) / (high - low)
            place = (x0 + at, 0.0) if side == "x" else (0.0, y0 + at)
            corner.ticks.append((*place, number(value, places), side))
    corner.titles.append((x0 + 0.5, 0.0, i, "x"))
    if i > 0:
        corner.titles.append((0.0, y0 + 0.5, i, "y"))


def _catalogue(
    corner: Corner,
    names: tuple[str, ...],
    ranges: Mapping[str, tuple[float, float]],
    catalogue: Mapping[str, float],
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
