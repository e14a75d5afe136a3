"""Pictures of many points: a density image of a window through datashader, or the few points that stand in it.

Pure functions on arrays, run off the main thread by the map. datashader is an extra (``pip install
"jupyter-specviz[maps]"``) and imported where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from bokeh.palettes import Cividis256
from numpy.typing import NDArray

Array = NDArray[np.float64]
Window = tuple[float, float, float, float]  # x0, x1, y0, y1 in the units of the axes, low before high
#: Points of a window that are drawn one by one; of more an even part, or an image.
DOTS = 4000
#: Points of a catalogue above which an image is drawn.
IMAGE_ABOVE = 20_000
#: Points drawn of such a catalogue where datashader is not there.
SAMPLE = 20_000
#: One grey that stands at the same distance from both themes' panels; how much of it there is says how many stars.
GREY = (0x80, 0x85, 0x8E)
FAINT, FULL = 0.20, 0.95


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
    """

    x: Array
    y: Array
    colour: Array | None = None
    limits: tuple[float, float] = (0.0, 1.0)

    def picture(self, window: Window, size: tuple[int, int]) -> Picture:
        """What is drawn of a window, ``size`` pixels wide and high."""
        x0, x1, y0, y1 = window
        rows = np.flatnonzero((self.x >= x0) & (self.x <= x1) & (self.y >= y0) & (self.y <= y1))
        many = self.x.size > IMAGE_ABOVE
        limit = SAMPLE if many and not available() else DOTS
        if many and available() and rows.size > DOTS:
            return Picture(image=self.shaded(window, size), window=window, inside=int(rows.size))
        return Picture(rows=rows[:: -(-rows.size // limit) or 1], window=window, inside=int(rows.size))

    def shaded(self, window: Window, size: tuple[int, int]) -> NDArray[np.uint32]:
        """The density of the stars, or their mean colour, as RGBA."""
        counts, mean = rasterise(self._frame(), window, size, with_colour=self.colour is not None)
        top = max(float(counts.max()), 1.0)
        alpha = np.where(counts > 0, FAINT + (FULL - FAINT) * np.log1p(counts) / np.log1p(top), 0.0)
        rgb = np.broadcast_to(np.array(GREY, np.uint8), (*counts.shape, 3))
        if mean is not None:
            low, high = self.limits
            step = np.nan_to_num((mean - low) / max(high - low, 1e-9) * 255.0)
            rgb = cividis()[np.clip(step, 0, 255).astype(np.uint8)]
            alpha = np.where(np.isfinite(mean), np.maximum(alpha, 0.55 * (counts > 0)), 0.0)
        out = np.empty((*counts.shape, 4), np.uint8)
        out[..., :3] = rgb
        out[..., 3] = np.rint(255.0 * alpha)
        return out.view(np.uint32)[..., 0]

    def _frame(self) -> Any:
        import pandas as pd

        columns: dict[str, Any] = {"x": self.x, "y": self.y}
        if self.colour is not None:
            columns["c"] = self.colour
        return pd.DataFrame(columns, copy=False)


def rasterise(
    frame: Any, window: Window, size: tuple[int, int], *, with_colour: bool = False
) -> tuple[Array, Array | None]:
    """Stars a pixel, and the mean of their colour, by datashader.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns x, y, and c.
    window : (x0, x1, y0, y1)
    size : (width, height)
        In pixels.

    Returns
    -------
    counts, mean : array, shape (height, width)
        The first row is at the low end of y; ``mean`` is None without colour, NaN in empty pixels.
    """
    import datashader as ds

    canvas = ds.Canvas(plot_width=size[0], plot_height=size[1], x_range=window[:2], y_range=window[2:])
    if not with_colour:
        return np.asarray(canvas.points(frame, "x", "y", ds.count()).values, np.float64), None
    both = canvas.points(frame, "x", "y", ds.summary(counts=ds.count(), mean=ds.mean("c")))  # one pass over the stars
    return np.asarray(both["counts"].values, np.float64), np.asarray(both["mean"].values, np.float64)


@cache
def cividis() -> NDArray[np.uint8]:
    """The scale of a quantity on the map as RGB, shape (256, 3): even steps for every kind of colour sight."""
    return np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in Cividis256], np.uint8)


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
