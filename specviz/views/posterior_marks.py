"""What lies over a corner plot: the catalogues' values, a shape and a dash pattern each, and what is brushed. No Bokeh."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from specviz.session.view_options import LabelRange
from specviz.spectra.catalogue_values import CatalogueValues
from specviz.views.corner import cell

#: Marker, dash pattern, and outline of the marker on a 10 px grid: by place in the list of catalogues.
STYLES = (
    ("diamond", "3 3", "M5 .6L9.4 5L5 9.4L.6 5Z"),
    ("square", "1 3", "M1.4 1.4H8.6V8.6H1.4Z"),
    ("inverted_triangle", "6 2 1 2", "M.8 1.6H9.2L5 9Z"),
    ("hex", "8 3", "M5 .7L8.8 2.9V7.1L5 9.3L1.2 7.1V2.9Z"),
)
Range = tuple[float, float]
Box = tuple[float, float, float, float]  # x0, y0, x1, y1, in cells


@dataclass
class CatalogueMarks:
    """What the panel draws; all coordinates in cells."""

    points: list[tuple[float, float, str]] = field(default_factory=list)  # x, y, marker
    dashes: list[tuple[float, float, float, float, str]] = field(default_factory=list)  # x0, y0, x1, y1, pattern
    errors: list[tuple[float, float, float, float]] = field(default_factory=list)
    beyond: dict[str, list[str]] = field(default_factory=dict)  # catalogue -> labels whose value is off the cells


def shown(catalogues: Sequence[CatalogueValues], names: Sequence[str]) -> list[CatalogueValues]:
    """The catalogues that have a value of one of the labels, as many as there are marks."""
    return [c for c in catalogues if any(c.value(n) is not None for n in names)][: len(STYLES)]


def marks(names: Sequence[str], ranges: Mapping[str, Range], catalogues: Sequence[CatalogueValues]) -> CatalogueMarks:
    """The marks of all catalogues.

    On the diagonal each has a line of its own dashes and, at the top, its shape with the error. Beside it the leading
    one's lines cross the cells; the others are a shape with error bars, so that three catalogues stay legible.

    Parameters
    ----------
    names : sequence of str
        Labels of the corner.
    ranges : mapping
        Of their cells.
    catalogues : sequence of CatalogueValues
        The leading one first; of :func:`shown`.
    """
    out, n = CatalogueMarks(), len(names)
    for k, (catalogue, (shape, dash, _)) in enumerate(zip(catalogues, STYLES, strict=False)):
        at: dict[str, tuple[float, Range | None]] = {}
        for name in names:
            place = _place(catalogue, name, ranges[name])
            if place is not None and 0.0 <= place[0] <= 1.0:
                at[name] = place
            elif place is not None:
                out.beyond.setdefault(catalogue.name, []).append(name)
        for i, name in enumerate(names):
            if name in at:
                u, error = at[name]
                x0, y0 = cell(i, i, n)
                top = y0 + 0.86 - 0.16 * k
                out.dashes.append((x0 + u, y0, x0 + u, y0 + 1, dash))
                out.points.append((x0 + u, top, shape))
                if error is not None:
                    out.errors.append((x0 + error[0], top, x0 + error[1], top))
            for j in range(i):
                _pair(out, cell(j, i, n), at.get(names[j]), at.get(name), shape, dash if k == 0 else "")
    return out


def _pair(
    out: CatalogueMarks,
    corner: tuple[float, float],
    x: tuple[float, Range | None] | None,
    y: tuple[float, Range | None] | None,
    shape: str,
    dash: str,
) -> None:
    """One catalogue in a cell of two labels."""
    x0, y0 = corner
    if dash and x is not None:
        out.dashes.append((x0 + x[0], y0, x0 + x[0], y0 + 1, dash))
    if dash and y is not None:
        out.dashes.append((x0, y0 + y[0], x0 + 1, y0 + y[0], dash))
    if x is None or y is None:
        return
    out.points.append((x0 + x[0], y0 + y[0], shape))
    if x[1] is not None:
        out.errors.append((x0 + x[1][0], y0 + y[0], x0 + x[1][1], y0 + y[0]))
    if y[1] is not None:
        out.errors.append((x0 + x[0], y0 + y[1][0], x0 + x[0], y0 + y[1][1]))


def _place(catalogue: CatalogueValues, name: str, ends: Range) -> tuple[float, Range | None] | None:
    """A value and the ends of its error bar in units of the cell; the bar is cut at the cell's borders."""
    value = catalogue.value(name)
    if value is None:
        return None
    low, high = ends
    u = (value - low) / (high - low)
    errors = catalogue.errors(name)
    if errors is None:
        return u, None
    bar = tuple(min(1.0, max(0.0, u + e / (high - low))) for e in (-errors[0], errors[1]))
    return u, (bar[0], bar[1])


def boxes(names: Sequence[str], ranges: Mapping[str, Range], brush: Sequence[LabelRange]) -> list[Box]:
    """Where samples are brushed: a box in the cell of two labels, a band on the diagonal of each; (x0, y0, x1, y1)."""
    n, out = len(names), []
    at = {name: _span(ranges[name], low, high) for name, low, high in brush if name in names}
    for i, name in enumerate(names):
        if name not in at:
            continue
        x0, y0 = cell(i, i, n)
        if len(at) == 1:
            out.append((x0 + at[name][0], y0, x0 + at[name][1], y0 + 1))
        for j, other in enumerate(names[:i]):
            if other in at:
                cx, cy = cell(j, i, n)
                out.append((cx + at[other][0], cy + at[name][0], cx + at[other][1], cy + at[name][1]))
    return out


def ranges_in(names: Sequence[str], ranges: Mapping[str, Range], box: Box) -> tuple[LabelRange, ...]:
    """The ranges of the labels of the cell in which the middle of a box lies; () outside all cells, or of no size."""
    n = len(names)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    for i, name in enumerate(names):
        for j in range(i + 1):
            cx, cy = cell(j, i, n)
            if not (cx <= x <= cx + 1 and cy <= y <= cy + 1):
                continue
            across = _values(ranges[names[j]], box[0] - cx, box[2] - cx)
            upward = _values(ranges[name], box[1] - cy, box[3] - cy)
            if i == j:
                return ((name, *across),) if across[1] > across[0] else ()
            if across[1] > across[0] and upward[1] > upward[0]:
                return (names[j], *across), (name, *upward)
    return ()


def _span(ends: Range, low: float, high: float) -> Range:
    a, b = ((v - ends[0]) / (ends[1] - ends[0]) for v in (low, high))
    return min(1.0, max(0.0, a)), min(1.0, max(0.0, b))


def _values(ends: Range, a: float, b: float) -> Range:
    """Label values at two places of a cell, cut at its borders, to five digits of the cell's range."""
    low, high = sorted(min(1.0, max(0.0, v)) for v in (a, b))
    digits = max(0, 4 - math.floor(math.log10(ends[1] - ends[0])))
    made = [round(ends[0] + v * (ends[1] - ends[0]), digits) for v in (low, high)]
    return made[0], made[1]
