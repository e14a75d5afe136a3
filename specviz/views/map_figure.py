"""The map's figure: axes of a plane, marks from the ground up, and what the browser tells of pointer, zoom and lasso."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    HoverTool,
    ImageRGBA,
    LassoSelectTool,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    TapTool,
    Toggle,
    WheelZoomTool,
)

from specviz.views import stylesheet
from specviz.views.controls import icon_button, sheet
from specviz.views.density import Picture
from specviz.views.figures import dress, mark, plain_figure
from specviz.views.palette import FONT, LIGHT

HEIGHT = 330
ZOOM_PAUSE = 50  # ms without a move after which the kernel hears of another window
HOVER_PAUSE = 80
_SEEN = """
const [x, y, f] = [fig.x_range, fig.y_range, cb_obj.origin ?? fig]
clearTimeout(fig.specvizTimer)
fig.specvizTimer = setTimeout(() => {
    const w = Math.round(fig.inner_width ?? 360), h = Math.round(fig.inner_height ?? 300)
    seen.data = {x0: [x.start], x1: [x.end], y0: [y.start], y1: [y.end], w: [w], h: [h]}
}, PAUSE)
"""
_POINT = """
const at = cb_data.index.indices.length ? [cb_data.index.indices.at(-1)] : []
const wanted = at.join()
if (wanted !== (pointed.specvizWanted ?? '')) {
    pointed.specvizWanted = wanted
    clearTimeout(pointed.specvizTimer)
    pointed.specvizTimer = setTimeout(() => { if (pointed.data.at.join() !== wanted) pointed.data = {at} }, PAUSE)
}
"""
_LASSOED = """
if (!cb_obj.final || cb_obj.geometry.type !== 'poly') return
drawn.data = {x: Array.from(cb_obj.geometry.x), y: Array.from(cb_obj.geometry.y)}
toggle.active = false
"""
_SAFE = "return String(value).replace(/[&<>\"']/g, c => '&#' + c.charCodeAt(0) + ';')"
_TOGGLED = "lasso.active = cb_obj.active; pan.active = !cb_obj.active"


class MapFigure:
    """The figure and its marks.

    Parameters
    ----------
    sources : mapping
        ``background`` (x, y, c), ``near`` (x, y, size, row, name, sim), ``chosen``, ``star`` (x, y, x0, x1, y0, y1),
        ``contour`` (xs, ys), ``catalogue``, ``region`` (xs, ys).
    colours : LinearColorMapper
        Of the column ``c``, while the background is coloured.

    Attributes
    ----------
    seen, drawn, pointed : ColumnDataSource
        Written by the browser: the window in view with its size in pixels, the polygon that was drawn, and which point
        of ``near`` is under the pointer.
    lasso, reset : model
        The buttons.
    """

    def __init__(self, sources: Mapping[str, ColumnDataSource], colours: LinearColorMapper) -> None:
        self._colours = colours
        self._picture: ColumnDataSource | None = None
        self._numbers: ColumnDataSource | None = None
        self.seen = ColumnDataSource({k: [] for k in ("x0", "x1", "y0", "y1", "w", "h")})
        self.drawn = ColumnDataSource(dict(x=[], y=[]))
        self.pointed = ColumnDataSource(dict(at=[]), name="map-pointed")
        self.figure = fig = plain_figure(
            height=HEIGHT, x_range=Range1d(8600, 3400), y_range=Range1d(5.3, 0.2), name="map", min_border_left=44
        )
        fig.xaxis.axis_label, fig.yaxis.axis_label = "Teff (K)", "log g (dex)"
        dress(fig, grid="both", ticks=(5, 5))
        near = self._marks(sources)
        self._tools(near)

    def _marks(self, sources: Mapping[str, ColumnDataSource]) -> Any:
        fig, blue = self.figure, LIGHT["reconstructed"]
        self._dots = mark(
            fig, "scatter", "x", "y", source=sources["background"], size=3, color=LIGHT["reference"], line_color=None, name="map-reference",
        )  # fmt: skip
        mark(
            fig, "patches", "xs", "ys", source=sources["region"], fill_color=LIGHT["similar"], fill_alpha=0.08,
            line_color=LIGHT["similar"], line_dash=[4, 3], line_width=1.2, name="map-region",
        )  # fmt: skip
        mark(
            fig, "patches", "xs", "ys", source=sources["contour"], fill_color=blue, fill_alpha=0.16, line_color=blue,
            line_width=1, name="map-contour",
        )  # fmt: skip
        mark(
            fig, "scatter", "x", "y", source=sources["catalogue"], marker="diamond", size=11, fill_color=LIGHT["panel"],
            line_color=LIGHT["catalogue"], line_width=1.4, name="map-catalogue",
        )  # fmt: skip
        near = mark(
            fig, "scatter", "x", "y", source=sources["near"], size="size", color=LIGHT["similar"],
            line_color=LIGHT["panel"], line_width=0.5, name="map-similar",
        )  # fmt: skip
        near.nonselection_glyph = near.selection_glyph = None
        mark(
            fig, "scatter", "x", "y", source=sources["chosen"], size=15, fill_color=None, line_color=LIGHT["similar"],
            line_width=2, name="map-ring",
        )  # fmt: skip
        for a, b, c, d in (("x0", "y", "x1", "y"), ("x", "y0", "x", "y1")):
            mark(fig, "segment", a, b, c, d, source=sources["star"], line_color=blue, line_width=1.4)
        mark(
            fig, "scatter", "x", "y", source=sources["star"], size=9, fill_color=LIGHT["panel"], line_color=blue,
            line_width=2.2, name="map-star",
        )  # fmt: skip
        return near

    def _tools(self, near: Any) -> None:
        fig = self.figure
        tap, wheel, pan = TapTool(renderers=[near]), WheelZoomTool(zoom_on_axis=True), PanTool()
        self._tap, safe = tap, CustomJSHover(code=_SAFE)
        point = CustomJS(args={"pointed": self.pointed}, code=_POINT.replace("PAUSE", str(HOVER_PAUSE)))
        hover = HoverTool(
            renderers=[near],
            tooltips=[("", "@name{custom}"), ("similarity", "@sim{0.000}")],
            formatters={"@name": safe},
            attachment="horizontal",
            callback=point,
        )
        lasso = LassoSelectTool(renderers=[], continuous=False)
        fig.add_tools(tap, wheel, pan, hover, lasso, ResetTool())
        fig.toolbar.active_drag, fig.toolbar.active_scroll, fig.toolbar.active_tap = pan, None, tap
        pressed = ".bk-btn.bk-active { background: var(--sv-selected) !important; border-color: var(--jp-brand-color1) !important; }"
        self.lasso = Toggle(
            label="Draw a region of the map", active=False, width=24, height=24, margin=0, name="map-lasso",
            css_classes=["sv-asks"], stylesheets=[sheet(stylesheet.icon_button("lasso", 24) + pressed)],
        )  # fmt: skip
        self.lasso.js_on_change("active", CustomJS(args={"lasso": lasso, "pan": pan}, code=_TOGGLED))
        fig.js_on_event("selectiongeometry", CustomJS(args={"drawn": self.drawn, "toggle": self.lasso}, code=_LASSOED))
        look = CustomJS(args={"fig": fig, "seen": self.seen}, code=_SEEN.replace("PAUSE", str(ZOOM_PAUSE)))
        fig.js_on_event("rangesupdate", look)
        for name in ("inner_width", "inner_height"):
            fig.js_on_change(name, look)
        reset = CustomJS(args={"fig": fig}, code="fig.reset.emit()")
        fig.js_on_event("doubletap", reset)
        self.reset = icon_button("Reset map zoom", "reset", reset)

    # ------------------------------------------------------------------ what Python changes
    def frame(self, plane: Any, ranges: tuple[tuple[float, float], tuple[float, float]]) -> None:
        """Axes that hold the stars of a plane, the ``limits`` of which are given."""
        fig = self.figure
        fig.xaxis.axis_label, fig.yaxis.axis_label = plane.labels
        for rng, (low, high), down in zip((fig.x_range, fig.y_range), ranges, plane.down, strict=True):
            a, b = (high, low) if down else (low, high)
            rng.update(start=a, end=b, reset_start=a, reset_end=b)

    def reach(self, x: float, y: float) -> None:
        """Widen the view to a star outside it."""
        for axis, at in ((self.figure.x_range, x), (self.figure.y_range, y)):
            margin = 0.06 * abs(axis.reset_end - axis.reset_start)
            low, high = ("start", "end") if axis.start < axis.end else ("end", "start")
            if at < getattr(axis, low) + margin / 2:
                axis.update(**{low: at - margin, f"reset_{low}": at - margin})
            if at > getattr(axis, high) - margin / 2:
                axis.update(**{high: at + margin, f"reset_{high}": at + margin})

    def coloured(self, on: bool) -> None:
        """Colour the dots by their column ``c`` as the mapper says, or all alike."""
        wanted: Any = {"field": "c", "transform": self._colours} if on else LIGHT["reference"]
        if isinstance(self._dots.glyph.fill_color, str) == on:
            self._dots.glyph.fill_color = wanted

    def numbers(self, rows: Mapping[str, Sequence[Any]], chosen: Callable[[int], None]) -> None:
        """Numbers of clusters where they stand: columns x, y, number, title, count, colour.

        ``chosen(number)`` is called when the person presses one.
        """
        if self._numbers is None:
            if not len(rows["x"]):
                return
            self._numbers = self._number_marks(chosen)
        if {k: list(v) for k, v in rows.items()} != {k: list(v) for k, v in self._numbers.data.items()}:
            self._numbers.selected.indices = []
            self._numbers.data = dict(rows)

    def _number_marks(self, chosen: Callable[[int], None]) -> ColumnDataSource:
        """Most catalogues have no clusters, and do without these marks."""
        source = ColumnDataSource(
            {k: [] for k in ("x", "y", "number", "title", "count", "colour")}, name="map-clusters"
        )
        fig = self.figure
        disc = mark(
            fig, "scatter", "x", "y", source=source, size=17, fill_color=LIGHT["panel"], fill_alpha=0.9,
            line_color="colour", line_width=1.6, name="map-cluster",
        )  # fmt: skip
        disc.nonselection_glyph = disc.selection_glyph = None
        words = mark(
            fig, "text", "x", "y", "number", source=source, text_align="center", text_baseline="middle",
            text_font_size="10px", text_font=value(FONT), text_color=LIGHT["ink"], name="map-cluster-number",
        )  # fmt: skip
        words.nonselection_glyph = words.selection_glyph = None
        under = [r for r in fig.renderers if r not in (disc, words)]
        at = under.index(self._dots) + 1
        fig.renderers = [*under[:at], disc, words, *under[at:]]
        self._tap.renderers = [*self._tap.renderers, disc]
        fig.add_tools(
            HoverTool(
                renderers=[disc],
                tooltips=[("", "@number @title{custom}"), ("stars", "@count")],
                formatters={"@title": CustomJSHover(code=_SAFE)},
                attachment="horizontal",
            )
        )

        def pressed(_attr: str, _old: Any, new: list[int]) -> None:
            if new:
                chosen(int(source.data["number"][new[0]]))

        source.selected.on_change("indices", pressed)
        return source

    def image(self, picture: Picture) -> None:
        """Show the image of a picture, if it has one."""
        if picture.image is None:
            if self._picture is not None and self._picture.data["image"]:
                self._picture.data = {k: [] for k in self._picture.data}
            return
        if self._picture is None:  # few catalogues are so large: the others do without this mark
            self._picture = ColumnDataSource(dict(image=[], x=[], y=[], dw=[], dh=[]))
            glyph = ImageRGBA(image="image", x="x", y="y", dw="dw", dh="dh")
            fig, others = self.figure, list(self.figure.renderers)
            fig.renderers = [fig.add_glyph(self._picture, glyph, name="map-density"), *others]  # under all other marks
        x0, x1, y0, y1 = picture.window
        self._picture.data = dict(image=[picture.image], x=[x0], y=[y0], dw=[x1 - x0], dh=[y1 - y0])


def limits(values: Any, column: str) -> tuple[float, float]:
    """The range of an axis: nearly all stars, with a margin; log g keeps its customary foot."""
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(known, (0.05, 99.7) if known.size > 200 else (0, 100)))
    margin = 0.06 * max(high - low, 1e-6)
    if column == "logg":
        return max(low - 0.3, -0.5), max(high + 0.2, 5.3)
    return low - margin, high + margin
