"""By what the map's reference stars are coloured: a quantity on a scale, or the clusters of the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.views.formats import MINUS, NARROW
from specviz.views.palette import CLUSTERS, GREY

#: Colourings as the person chooses them: value of ``map_colour``, name.
CHOICES = (("plain", "None"), ("fe_h", "[Fe/H]"), ("teff", "Teff"), ("logg", "log g"), ("cluster", "Clusters"))
#: To what the ends of a scale are rounded.
_STEP = {"teff": 100.0}


@dataclass(frozen=True)
class Cluster:
    """A cluster as the map draws it.

    Parameters
    ----------
    number, count : int
    title, text : str
        What it is, and more of that.
    colour : str
        Its own, or the grey of all that are too many for one.
    """

    number: int
    count: int
    title: str
    text: str
    colour: str


@dataclass(frozen=True, eq=False)
class Colouring:
    """What colours the stars: ``values`` between ``limits``, or ``codes`` of groups with a ``palette``; neither: grey.

    ``clusters`` are those of the catalogue; ``chosen`` is the one that is looked at. ``problem`` says
    in words what cannot be had.
    """

    name: str = "plain"
    values: NDArray[Any] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    codes: NDArray[np.int8] | None = None
    palette: tuple[str, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    chosen: Cluster | None = None
    problem: str = ""


def lacking(planes: Any) -> dict[str, str]:
    """Why a colouring cannot be had of a catalogue; only those that cannot."""
    out = {}
    for name, label in CHOICES[1:-1]:
        if planes.column(name) is None:
            out[name] = f"This catalogue has no {label}"
    if why := planes.reason("clusters"):
        out["cluster"] = why
    return out


def colouring(planes: Any, name: str, number: int | None) -> Colouring:
    """The colouring that is asked for, as far as the catalogue has it.

    Parameters
    ----------
    planes : specviz.catalog.planes.Planes
    name : str
        One of :data:`CHOICES`.
    number : int or None
        The cluster that is looked at: of the others, only where they are remains.
    """
    found = planes.clusters
    clusters = () if found is None else _listed(found)
    chosen = next((c for c in clusters if c.number == number), None)
    problem = (
        "" if number is None or chosen is not None else f"This catalogue has no cluster {number}: all stars are shown"
    )
    values = None if name in ("plain", "cluster") else planes.column(name)
    if name != "plain" and (not clusters if name == "cluster" else values is None):
        problem = problem or f"{lacking(planes)[name]}: drawn without colours"
        name = "plain"
    member = None if chosen is None else np.asarray(found.labels) == chosen.number
    if values is not None:
        step = _STEP.get(name, 0.1)
        low, high = (float(np.round(v / step) * step) for v in np.nanpercentile(values, (3, 97)))
        shown = values if member is None else np.where(member, values, np.nan)
        return Colouring(name, shown, (low, max(high, low + step)), clusters=clusters, chosen=chosen, problem=problem)
    if member is not None and chosen is not None:
        colour = CLUSTERS[0] if chosen.colour == GREY else chosen.colour
        return Colouring(name, None, (0, 1), member.astype(np.int8), (GREY, colour), clusters, chosen, problem)
    if name == "cluster":
        labels = np.asarray(found.labels)
        lookup = np.zeros(max(int(labels.max(initial=0)), max(c.number for c in clusters)) + 2, np.int8)  # last: of -1
        own = [c for c in clusters if c.colour != GREY]
        lookup[[c.number for c in own]] = np.arange(1, len(own) + 1)
        palette = (GREY, *(c.colour for c in own))
        return Colouring(name, None, (0, 1), lookup[labels], palette, clusters, None, problem)
    return Colouring("plain", clusters=clusters, problem=problem)


def _listed(found: Any) -> tuple[Cluster, ...]:
    """In the order of their numbers, the largest first; those have a colour of their own, for no eye tells more apart."""
    ordered = sorted(found.summaries, key=lambda s: s.number)
    return tuple(
        Cluster(
            int(s.number), int(s.count), str(s.title), _typeset(str(s.text)), CLUSTERS[i] if i < len(CLUSTERS) else GREY
        )
        for i, s in enumerate(ordered)
    )


def _typeset(words: str) -> str:
    """With minus signs and thin spaces in numbers, as everywhere on the screen."""
    return re.sub(r"(?<=\d),(?=\d{3})", NARROW, re.sub(r"(?<!\w)-(?=\d)", MINUS, words))


def middles(plane: Any, labels: NDArray[Any], numbers: list[int]) -> dict[int, tuple[float, float]]:
    """Where the numbers of some clusters stand: in the densest part of each, near the median of its stars."""
    out = {}
    order = np.argsort(labels, kind="stable")
    ordered = labels[order]
    for number in numbers:
        rows = order[np.searchsorted(ordered, number) : np.searchsorted(ordered, number, side="right")]
        rows = rows[:: max(1, rows.size // 20_000)]
        x, y = plane.x[rows], plane.y[rows]
        good = np.isfinite(x) & np.isfinite(y)
        if good.any():
            out[number] = _densest(x[good], y[good])
    return out


def _densest(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float]:
    """The median of the stars in the fullest of 12 x 12 cells: a bent cluster's own median may lie beside it."""
    counts, xs, ys = np.histogram2d(x, y, bins=12)
    i, j = np.unravel_index(int(np.argmax(counts)), counts.shape)
    inside = (x >= xs[i]) & (x <= xs[i + 1]) & (y >= ys[j]) & (y <= ys[j + 1])
    return float(np.median(x[inside])), float(np.median(y[inside]))
