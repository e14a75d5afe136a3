"""``ChartView``: one figure in our dress whose layers are drawn and replaced by name; what ``specviz.chart`` shows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import (
    BoxZoomTool,
    ColorBar,
    ColumnDataSource,
    CustomJSTicker,
    CustomJSTickFormatter,
    DataRange1d,
    FixedTicker,
    GlyphRenderer,
    HoverTool,
    Legend,
    LegendItem,
    LinearColorMapper,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)
from bokeh.palettes import cividis
from numpy.typing import ArrayLike, NDArray

from specviz.errors import OptionError, did_you_mean
from specviz.views.figures import MARKS, dress, labels, mark, plain_figure
from specviz.views.palette import FONT, LIGHT

#: Colours a layer may be asked to have, by what they mean elsewhere in specviz; the first six are taken in turn.
ROLES = ("reconstructed", "predicted", "similar", "catalogue", "observed", "continuum", "masked", "raises", "lowers")
#: Names beside the rows and columns of a matrix, up to this many.
NAMED = 24
#: Cells of a matrix that a browser still draws while a slider moves.
MOST_CELLS = 6400
_LEFT = 60
#: Ticks of a logarithmic axis: 1, 2, 5 in each decade up to three decades, the decades alone beyond.
_LOG_TICKS = """
const low = Math.min(cb_data.range.start, cb_data.range.end), high = Math.max(cb_data.range.start, cb_data.range.end)
if (!(low > 0 && high < Infinity)) return []
const steps = Math.log10(high / low) > 3 ? [1] : [1, 2, 5], ticks = []
for (let decade = Math.floor(Math.log10(low)); decade <= Math.log10(high); decade++)
  for (const step of steps) { const tick = Number(`${step}e${decade}`); if (tick >= low && tick <= high) ticks.push(tick) }
return ticks
"""
_LOG_TEXT = """
if (tick >= 1e-3 && tick < 1e4) return String(tick)
const [step, power] = tick.toExponential().split("e")
const raised = [...power.replace("+", "")].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c] ?? "⁻").join("")
return (step === "1" ? "" : `${step} × `) + `10${raised}`
"""


class ChartView:
    """A figure with named layers; drawing a name again replaces its data in place.

    Parameters
    ----------
    x, y : str
        Axis labels, with units.
    height : int
        Pixels; the width is the container's.
    x_range, y_range : (low, high), optional
        Limits, in either order; what is drawn decides where none are given.
    title : str
    x_log, y_log : bool
        Logarithmic axes.
    """

    def __init__(
        self,
        x: str = "",
        y: str = "",
        *,
        height: int = 320,
        x_range: Sequence[float] | None = None,
        y_range: Sequence[float] | None = None,
        title: str = "",
        x_log: bool = False,
        y_log: bool = False,
    ) -> None:
        wheel = WheelZoomTool(dimensions="width", zoom_on_axis=True)  # over the frame it scrolls the notebook
        pan = PanTool(dimensions="width")
        kinds = {f"{axis}_axis_type": "log" for axis, log in (("x", x_log), ("y", y_log)) if log}
        self.figure = plain_figure(
            height=height, x_range=_range(x_range), y_range=_range(y_range), min_border_left=_LEFT,
            tools=[pan, BoxZoomTool(), wheel, ResetTool()], **kinds,
        )  # fmt: skip
        fig = self.figure
        fig.toolbar.active_drag, fig.toolbar.active_scroll = pan, None
        fig.extra_y_ranges = {MARKS: Range1d(0, 1)}
        fig.xaxis.axis_label, fig.yaxis.axis_label = x or None, _broken(y, height - 70) or None
        dress(fig, grid="both")
        for axis, log in ((fig.xaxis, x_log), (fig.yaxis, y_log)):
            if log:  # Bokeh's own ticks leave most of a decade or two without a number
                axis.ticker = CustomJSTicker(major_code=_LOG_TICKS)
                axis.formatter = CustomJSTickFormatter(code=_LOG_TEXT)
        if title:
            fig.title.text = title
            fig.title.text_font, fig.title.text_font_size = FONT, "13px"
            fig.title.text_color, fig.title.text_font_style = LIGHT["ink"], "bold"
        self._legend = Legend(
            items=[], orientation="horizontal", location="left", border_line_color=None, background_fill_alpha=0.0,
            label_text_font=FONT, label_text_font_size="12px", label_text_color=LIGHT["ink"], padding=2, margin=2,
            spacing=14, glyph_width=22, visible=False,
        )  # fmt: skip
        fig.add_layout(self._legend, "above")
        self._layers: dict[str, tuple[str, ColumnDataSource, list[GlyphRenderer]]] = {}
        self._mappers: dict[str, LinearColorMapper] = {}
        self._spans: list[Span] = []
        self._tags: ColumnDataSource | None = None

    # ------------------------------------------------------------------ layers
    def curve(
        self, name: str, x: ArrayLike, y: ArrayLike, error: ArrayLike | None = None, role: str = "", dash: bool = False,
        width: float = 1.4,
    ) -> None:  # fmt: skip
        """A line, with a band of one ``error`` (a number or an array) to either side."""
        xs, ys = _floats(x, y)
        columns = {"x": xs, "y": ys}
        if error is not None:
            columns |= _band(ys, error)
        if self._replaced(name, "curve" if error is None else "curve with an error", columns):
            return
        source, colour = ColumnDataSource(columns), self._colour(role)
        drawn = []
        if error is not None:
            drawn.append(mark(self.figure, "varea", "x", "low", "high", source=source, fill_color=colour,
                              fill_alpha=0.22))  # fmt: skip
        style: dict[str, Any] = {"line_dash": [5, 4]} if dash else {}
        drawn.append(mark(self.figure, "line", "x", "y", source=source, line_color=colour, line_width=width, **style))
        self._keep(name, "curve" if error is None else "curve with an error", source, drawn)

    def bars(self, name: str, edges: ArrayLike, heights: ArrayLike, role: str = "") -> None:
        """A histogram: n heights between n + 1 edges."""
        at, tall = np.asarray(edges, float), np.asarray(heights, float)
        if at.ndim != 1 or tall.shape != (at.size - 1,):
            raise OptionError(f"{at.size} edges and {tall.size} heights", expected="one edge more than heights")
        columns = {"left": at[:-1], "right": at[1:], "top": tall}
        if self._replaced(name, "bars", columns):
            return
        source, colour = ColumnDataSource(columns), self._colour(role)
        drawn = mark(self.figure, "quad", "left", "right", "top", 0, source=source, fill_color=colour, fill_alpha=0.35,
                     line_color=colour)  # fmt: skip
        self._keep(name, "bars", source, [drawn])

    def points(
        self, name: str, x: ArrayLike, y: ArrayLike, names: Sequence[str] | None = None, values: ArrayLike | None = None,
        error: ArrayLike | None = None, label: str = "", role: str = "", size: float = 6.0,
    ) -> None:  # fmt: skip
        """Points; ``names`` are told at the pointer, ``values`` (named by ``label``) become colours, ``error`` a bar."""
        xs, ys = _floats(x, y)
        columns: dict[str, Any] = {"x": xs, "y": ys, "name": list(names) if names is not None else [name] * xs.size}
        if values is not None:
            columns["value"] = np.asarray(values, np.float32)
        if error is not None:
            columns |= _band(ys, error)
        kind = ("points" if values is None else "coloured points") + ("" if error is None else " with errors")
        if self._replaced(name, kind, columns):
            return
        source, drawn = ColumnDataSource(columns), []
        colour: Any = self._colour(role) if values is None else self._mapped(name, columns["value"], label)
        if error is not None:
            drawn.append(mark(self.figure, "segment", "x", "low", "x", "high", source=source, line_color=colour,
                              line_alpha=0.6))  # fmt: skip
        drawn.append(mark(self.figure, "scatter", "x", "y", source=source, size=size, fill_color=colour, fill_alpha=0.75,
                          line_color=None))  # fmt: skip
        if names is not None:
            told = [("", "@name"), *([(label or "value", "@value{0.00}")] if values is not None else [])]
            self.figure.add_tools(HoverTool(renderers=drawn[-1:], tooltips=told, visible=False))
        self._keep(name, kind, source, drawn)

    def matrix(
        self, name: str, values: ArrayLike, rows: Sequence[str] | None = None, columns: Sequence[str] | None = None,
        limits: tuple[float, float] | None = None, label: str = "",
    ) -> None:  # fmt: skip
        """A matrix as cells, row 0 on top; row, column and value are told at the pointer."""
        grid = np.asarray(values, np.float32)
        if grid.ndim != 2 or not 0 < grid.size <= MOST_CELLS:
            raise OptionError(
                f"A matrix of shape {grid.shape}", expected=f"rows and columns, at most {MOST_CELLS} cells"
            )
        n, m = grid.shape
        along = list(rows) if rows is not None else [str(i + 1) for i in range(n)]
        across = list(columns) if columns is not None else [str(j + 1) for j in range(m)]
        if (len(along), len(across)) != (n, m):
            raise OptionError(f"{len(along)} and {len(across)} names for a matrix of {n} by {m}")
        i, j = (index.ravel() for index in np.indices(grid.shape))
        cells = {
            "left": j, "right": j + 1, "top": n - i, "bottom": n - i - 1, "value": grid.ravel(),
            "row": [along[k] for k in i], "column": [across[k] for k in j],
        }  # fmt: skip
        low, high = limits or (float(np.nanmin(grid)), float(np.nanmax(grid)))
        self.figure.x_range.update(start=0, end=m)
        self.figure.y_range.update(start=0, end=n)
        self._name_cells(along[::-1] if rows is not None else [], across if columns is not None else [])
        if self._replaced(name, "matrix", cells):
            self._mappers[name].update(low=low, high=high)
            return
        source = ColumnDataSource(cells)
        colour = self._mapped(name, np.array([low, high]), label)
        drawn = mark(self.figure, "quad", "left", "right", "top", "bottom", source=source, fill_color=colour,
                     line_color=None)  # fmt: skip
        told = [((self.figure.yaxis[0].axis_label or "row").replace("\n", " "), "@row"), (self.figure.xaxis[0].axis_label or "column", "@column"),
                (label or "value", "@value{0.00}")]  # fmt: skip
        self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=told, visible=False))
        self.figure.grid.visible = False
        self._keep(name, "matrix", source, [drawn])

    def marks(self, lines: Iterable[tuple[str, float]], role: str = "lines") -> None:
        """Vertical lines with a name at the top, in place of those that were there."""
        wanted = [(str(text), float(x)) for text, x in lines]
        if self._tags is None:
            self._tags = ColumnDataSource({"x": [], "y": [], "text": []})
            style: dict[str, Any] = dict(background_fill_color=LIGHT["panel"], background_fill_alpha=0.75)
            labels(self.figure, self._tags, size=11, y_range=MARKS, text_align="left", x_offset=3, **style)
        for span, (_, x) in zip(self._spans, wanted, strict=False):
            span.update(location=x, visible=True)
        for _, x in wanted[len(self._spans) :]:
            span = Span(location=x, dimension="height", line_color=LIGHT[_known(role, (*ROLES, "lines"))],
                        line_width=0.8, line_alpha=0.55, level="underlay")  # fmt: skip
            self.figure.add_layout(span)
            self._spans.append(span)
        for span in self._spans[len(wanted) :]:
            span.visible = False
        heights = _staggered([x for _, x in wanted])
        self._tags.data = {"x": [x for _, x in wanted], "y": heights, "text": [text for text, _ in wanted]}

    def remove(self, name: str) -> None:
        """Take a layer away."""
        if name not in self._layers:
            raise OptionError(f"No layer {name!r}", expected="one of " + ", ".join(self._layers))
        _, _, drawn = self._layers.pop(name)
        gone = set(drawn)
        self.figure.renderers = [r for r in self.figure.renderers if r not in gone]
        self._legend.items = [item for item in self._legend.items if not gone & set(item.renderers)]
        self._legend.visible = len(self._legend.items) > 1

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of what is drawn."""
        return tuple(self._layers)

    def data(self, name: str) -> dict[str, NDArray[Any]]:
        """The columns of a layer as they are drawn."""
        return {k: np.asarray(v) for k, v in self._layers[name][1].data.items()}

    # ------------------------------------------------------------------ how
    def _replaced(self, name: str, kind: str, columns: dict[str, Any]) -> bool:
        """Put new data into a layer that is there; what is there as another kind makes room."""
        known = self._layers.get(name)
        if known is None:
            return False
        if known[0] != kind:
            self.remove(name)
            return False
        known[1].data = columns
        return True

    def _keep(self, name: str, kind: str, source: ColumnDataSource, drawn: list[GlyphRenderer]) -> None:
        for renderer in drawn:
            renderer.name = f"chart:{name}"
        self._layers[name] = kind, source, drawn
        if kind != "matrix" and not kind.startswith("coloured"):
            self._legend.items = [*self._legend.items, LegendItem(label=value(name), renderers=drawn)]
        self._legend.visible = len(self._legend.items) > 1

    def _colour(self, role: str) -> str:
        return LIGHT[_known(role, ROLES) if role else ROLES[len(self._layers) % 6]]

    def _mapped(self, name: str, values: NDArray[Any], label: str) -> dict[str, Any]:
        mapper = LinearColorMapper(palette=cividis(256), low=float(np.nanmin(values)), high=float(np.nanmax(values)))
        bar = ColorBar(
            color_mapper=mapper, width=10, padding=6, title=label or None, background_fill_alpha=0.0,
            major_label_text_color=LIGHT["quiet"], title_text_color=LIGHT["ink"], major_label_text_font=FONT,
            title_text_font=FONT, title_text_font_size="12px", title_text_font_style="normal", bar_line_color=None,
            major_tick_line_color=None, major_label_text_font_size="11px",
        )  # fmt: skip
        self.figure.add_layout(bar, "right")
        self._mappers[name] = mapper
        return {"field": "value", "transform": mapper}

    def _name_cells(self, rows: list[str], columns: list[str]) -> None:
        for axis, names in ((self.figure.xaxis[0], columns), (self.figure.yaxis[0], rows)):
            few = names if len(names) <= NAMED else []
            axis.ticker = FixedTicker(ticks=[k + 0.5 for k in range(len(few))])
            axis.major_label_overrides = {k + 0.5: text for k, text in enumerate(few)}
        self.figure.xaxis[0].major_label_orientation = 0.7 if max(map(len, columns), default=0) > 4 else "horizontal"


def _broken(label: str, room: int) -> str:
    """A label along an axis of ``room`` pixels: where it is longer, the unit goes into a second line."""
    return label.replace(" (", "\n(", 1) if 6.2 * len(label) > room else label


def _range(limits: Sequence[float] | None) -> Any:
    if limits is None:
        return DataRange1d(range_padding=0.04)
    start, end = (float(v) for v in limits)
    if start == end or not np.isfinite([start, end]).all():
        raise OptionError(f"Limits {start:g} to {end:g}", expected="two different numbers")
    made = Range1d(start, end)
    made.reset_start, made.reset_end = start, end
    return made


def _floats(x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    xs, ys = (np.asarray(getattr(v, "value", v), np.float32) for v in (x, y))
    if xs.ndim != 1 or xs.shape != ys.shape:
        raise OptionError(f"x of shape {xs.shape} and y of shape {ys.shape}", expected="two lists of equal length")
    return xs, ys


def _band(y: NDArray[Any], error: ArrayLike) -> dict[str, NDArray[np.float32]]:
    try:
        sigma = np.broadcast_to(np.asarray(error, np.float32), y.shape)
    except ValueError as wrong:
        raise OptionError(
            f"Errors of shape {np.shape(error)} for {y.size} values", expected="one, or as many"
        ) from wrong
    return {"low": y - sigma, "high": y + sigma}


def _known(role: str, roles: Sequence[str]) -> str:
    if role not in roles:
        raise OptionError(
            f"No colour {role!r}", expected="one of " + ", ".join(roles), remedy=did_you_mean(role, roles, 0.5)
        )
    return role


def _staggered(places: list[float]) -> list[float]:
    """Heights of names so that neighbours do not lie over each other: three rows, in turn from the left."""
    order = np.argsort(places)
    heights = np.ones(len(places))
    for turn, k in enumerate(order):
        heights[k] = 0.985 - 0.055 * (turn % 3)
    return [float(h) for h in heights]
