"""Where the catalogues' values stand in a corner plot: a shape and a dash pattern each, with their errors. No Bokeh."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
