"""Pictures of many points: a density image of a window through datashader, or the few points that stand in it.

Pure functions on arrays, run off the main thread by the map. datashader is an extra (``pip install
"jupyter-specviz[maps]"``) and imported where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np
from bokeh.palettes import Cividis256
from numpy.typing import NDArray

from specviz.views.palette import GREY

Array = NDArray[np.float64]
Window = tuple[float, float, float, float]  # x0, x1, y0, y1 in the units of the axes, low before high
#: Points of a window that are drawn one by one; of more an even part, or an image.
DOTS = 4000
#: Points of a catalogue above which an image is drawn.
IMAGE_ABOVE = 20_000
#: Points drawn of such a catalogue where datashader is not there.
SAMPLE = 20_000
#: How much of a colour there is says how many stars.
FAINT, FULL = 0.20, 0.95
#: The same of stars that are there for orientation only, beside a cluster that is looked at.
ASIDE = 0.35


@dataclass(frozen=True, eq=False)
class Picture:
    """What the map draws of its reference stars: ``rows`` as dots, or ``image`` (uint32 RGBA, shape (height, width), first
    row at the low end of y) over ``window``. ``shown`` and ``inside`` count the stars drawn and in the window.
    """

    rows: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    image: NDArray[np.uint32] | None = None
    window: Window = (0.0, 1.0, 0.0, 1.0)
    inside: int = 0

    @property
    def sampled(self) -> bool:
        """Only a part of the stars in the window is drawn."""
        return self.image is None and self.rows.size < self.inside


@cache
def available() -> bool:
    """Whether datashader is installed."""
    return find_spec("datashader") is not None


@dataclass(frozen=True, eq=False)
class Points:
    """The places of the reference stars, and what colours them.

    Parameters
    ----------
    x, y : array, shape (N,)
        NaN where a star has no place.
    colour : array, shape (N,), optional
    limits : (float, float)
        Values of ``colour`` at the ends of the scale.
    codes : array of int8, shape (N,), optional
        In place of a colour: the group of each star, 0 for those in none.
    palette : tuple of str
        Colour of each group, of those in none first.
    aside : bool
        Those in no group are there for orientation only.
    """

    x: Array
    y: Array
    colour: Array | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    codes: NDArray[np.int8] | None = None
    palette: tuple[str, ...] = ()
    aside: bool = False

    def picture(self, window: Window, size: tuple[int, int]) -> Picture:
        """What is drawn of a window, ``size`` pixels wide and high."""
        many = self.x.size > IMAGE_ABOVE
        if many and available():
            image, inside = self.shaded(window, size)  # counts on the way, sooner than a comparison of all
            if inside > DOTS:
                return Picture(image=image, window=window, inside=inside)
        x0, x1, y0, y1 = window
        rows = np.flatnonzero((self.x >= x0) & (self.x <= x1) & (self.y >= y0) & (self.y <= y1))
        limit = SAMPLE if many and not available() else DOTS
        return Picture(rows=self._part(rows, limit), window=window, inside=int(rows.size))

    def even(self) -> Picture:
        """An even part of all stars, whatever is in view."""
        n = int(self.x.size)
        return Picture(rows=np.arange(0, n, max(1, n // DOTS)), inside=n)

    def _part(self, rows: NDArray[np.intp], limit: int) -> NDArray[np.intp]:
        """An even part of some stars; of a cluster that is looked at more than of the others, and above them."""
        if self.codes is None or not self.aside:
            return rows[:: -(-rows.size // limit) or 1]
        parts = [rows[self.codes[rows] == 0], rows[self.codes[rows] > 0]]
        return np.concatenate([part[:: -(-part.size // (limit // 2)) or 1] for part in parts])

    def shaded(self, window: Window, size: tuple[int, int]) -> tuple[NDArray[np.uint32], int]:
        """The density of the stars as RGBA: grey, in their mean colour, or in that of the group that most are of; and
        how many they are.
        """
        groups = len(self.palette) if self.codes is not None else 0
        counts, mean = rasterise(self._frame, window, size, with_colour=self.colour is not None, groups=groups)
        total = counts if counts.ndim == 2 else counts.sum(axis=2)
        alpha = _opacity(total)
        rgb = np.broadcast_to(np.array(_rgb(GREY), np.uint8), (*total.shape, 3))
        if groups:
            if self.aside:
                alpha = np.where(counts[..., 1:].any(axis=2), _opacity(counts[..., 1:].sum(axis=2)), ASIDE * alpha)
                counts = np.where(np.arange(groups) > 0, counts * total.max(initial=1.0), counts)
            rgb = np.array([_rgb(c) for c in self.palette], np.uint8)[np.argmax(counts, axis=2)]
        if mean is not None:
            low, high = self.limits
            step = np.nan_to_num((mean - low) / max(high - low, 1e-9) * 255.0)
            rgb = cividis()[np.clip(step, 0, 255).astype(np.uint8)]
            alpha = np.where(np.isfinite(mean), np.maximum(alpha, 0.55 * (total > 0)), 0.0)
        out = np.empty((*total.shape, 4), np.uint8)
        out[..., :3] = rgb
        out[..., 3] = np.rint(255.0 * alpha)
        return out.view(np.uint32)[..., 0], int(total.sum())

    @cached_property
    def _frame(self) -> Any:
        import pandas as pd

        columns: dict[str, Any] = {"x": self.x, "y": self.y}
        if self.codes is not None:
            columns["k"] = pd.Categorical.from_codes(self.codes, categories=list(range(len(self.palette))))
        elif self.colour is not None:
            columns["c"] = self.colour
        return pd.DataFrame(columns, copy=False)


def _opacity(counts: Array) -> Array:
    top = max(float(counts.max(initial=0.0)), 1.0)
    return np.where(counts > 0, FAINT + (FULL - FAINT) * np.log1p(counts) / np.log1p(top), 0.0)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def rasterise(
    frame: Any, window: Window, size: tuple[int, int], *, with_colour: bool = False, groups: int = 0
) -> tuple[Array, Array | None]:
    """Stars a pixel, of each group if there are any, or with the mean of their colour; by datashader.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns x, y, and c, or k with the groups.
    window : (x0, x1, y0, y1)
    size : (width, height)
        In pixels.

    Returns
    -------
    counts, mean : array, shape (height, width)
        ``counts`` of groups has a third axis. The first row is at the low end of y; ``mean`` is None without colour, NaN in empty pixels.
    """
    import datashader as ds

    canvas = ds.Canvas(plot_width=size[0], plot_height=size[1], x_range=window[:2], y_range=window[2:])
    if groups:
        found = canvas.points(frame, "x", "y", ds.by("k", ds.count()))
        return np.asarray(found.transpose(..., "k").values, np.float64), None
    if not with_colour:
        return np.asarray(canvas.points(frame, "x", "y", ds.count()).values, np.float64), None
    both = canvas.points(frame, "x", "y", ds.summary(counts=ds.count(), mean=ds.mean("c")))  # one pass over the stars
    return np.asarray(both["counts"].values, np.float64), np.asarray(both["mean"].values, np.float64)


@cache
def cividis() -> NDArray[np.uint8]:
    """The scale of a quantity on the map as RGB, shape (256, 3): even steps for every kind of colour sight."""
    return np.array([_rgb(c) for c in Cividis256], np.uint8)


def contour(x: Array, y: Array, mass: float = 0.68, bins: int = 40) -> tuple[list[list[float]], list[list[float]]]:
    """Outlines of the smallest region that holds ``mass`` of some samples; empty where they have no spread."""
    from contourpy import contour_generator

    from specviz.views.corner import contour_levels

    ok = np.isfinite(x) & np.isfinite(y)
    x, y = x[ok], y[ok]
    if x.size < 100:
        return [], []
    edges: list[Array] = []
    for values in (x, y):
        low, high = np.quantile(values, (0.002, 0.998))
        if not high > low:
            return [], []
        margin = 0.25 * (high - low)
        edges.append(np.linspace(low - margin, high + margin, bins + 1))
    density, _, _ = np.histogram2d(x, y, bins=edges)
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.3) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        density = np.apply_along_axis(np.convolve, axis, density, kernel, "same")
    middle = [0.5 * (e[1:] + e[:-1]) for e in edges]
    (level,) = contour_levels(density, (mass,))
    lines = contour_generator(middle[0], middle[1], density.T).lines(level)
    paths: list[Array] = [np.asarray(line, np.float64) for line in lines]
    return [p[:, 0].tolist() for p in paths], [p[:, 1].tolist() for p in paths]
