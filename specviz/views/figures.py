"""Figures in our dress: what VISUAL.md section 5 says of plots, axes and tools, in one factory.

Drag pans along x, the wheel zooms only over the x axis (a plain wheel over the plot scrolls the notebook), Shift and
drag draws a
zoom box, a double click resets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    CustomJS,
    CustomJSTickFormatter,
    Glyph,
    GlyphRenderer,
    Line,
    MultiLine,
    MultiPolygons,
    PanTool,
    Patches,
    Quad,
    Range1d,
    ResetTool,
    Scatter,
    Segment,
    Span,
    Step,
    Text,
    VArea,
    WheelZoomTool,
)
from bokeh.plotting import figure

from specviz.views.palette import FONT, LIGHT

LEFT = 69  # the same left border for all stacked frames, so that they line up: the widest labels need 68
MARKS = "marks"  # name of the second y range, 0 to 1, on which line marks and mask bands live


def dress(fig: figure, *, grid: str = "y", ticks: tuple[int, int] = (7, 5)) -> figure:
    """Apply colours, fonts and tick counts to a figure."""
    fig.toolbar_location = None
    fig.toolbar.logo = None
    fig.background_fill_alpha = 0
    fig.border_fill_alpha = 0
    fig.outline_line_color = LIGHT["frame"]
    fig.outline_line_width = 1
    for axis, count in ((fig.xaxis, ticks[0]), (fig.yaxis, ticks[1])):
        axis.axis_line_color = None
        axis.major_tick_line_color = LIGHT["tick"]
        axis.minor_tick_line_color = None
        axis.major_tick_in, axis.major_tick_out = 0, 4
        axis.major_label_text_font = axis.axis_label_text_font = FONT
        axis.major_label_text_font_size, axis.axis_label_text_font_size = "11px", "12px"
        axis.major_label_text_color, axis.axis_label_text_color = LIGHT["quiet"], LIGHT["ink"]
        axis.axis_label_text_font_style = "normal"
        axis.major_label_standoff, axis.axis_label_standoff = 4, 6
        axis.ticker.desired_num_ticks = count
    fig.grid.grid_line_color = LIGHT["grid"]
    if grid != "both":
        fig.xgrid.visible = "x" in grid
        fig.ygrid.visible = "y" in grid
    return fig


def plain_figure(
    *, height: int, x_range: Any = None, y_range: Any = None, tools: Sequence[Any] = (), **kwargs: Any
) -> figure:
    """A bare figure that fills its container's width."""
    fig = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=list(tools),
        toolbar_location=None,
        min_border_top=6,
        min_border_right=12,
        min_border_bottom=8,
        x_range=x_range or Range1d(0, 1),
        y_range=y_range or Range1d(0, 1),
        output_backend="canvas",
        **kwargs,
    )
    return fig


#: Labels of one axis with the same decimals, and always equally wide (figure and punctuation spaces): a label that grows makes
#: Bokeh lay out the whole page again, 50 ms at every star.
_EVEN = """
const step = ticks.length > 1 ? Math.abs(ticks[1] - ticks[0]) : Math.abs(tick) || 1
const decimals = Math.max(0, Math.min(3, Math.ceil(-Math.log10(step) - 1e-6)))
let text = Math.abs(tick).toFixed(decimals)
if (decimals === 0) text = '\\u2008' + text
if (tick < -1e-12) text = text.replace(/\\d/, '\\u2212$&')
return text.padStart(5, '\\u2007')
"""


def spectrum_figure(
    x_range: Range1d, *, height: int, name: str, x_label: str = "", y_label: str = "", description: str = ""
) -> figure:
    """A spectrum's frame: horizontal grid lines, linked x range, a second y range 0-1 for marks, our tools.

    Parameters
    ----------
    x_range : Range1d
        Shared by the stacked frames; wavelengths in Angstrom.
    name : str
        Found by tests and by the door.
    """
    # The wheel over the x axis zooms; over the frame it must scroll the notebook. "zoom_on_axis" makes an inactive
    # wheel tool
    # act on axes only when it is among the tools but not the active scroll tool of the frame.
    wheel = WheelZoomTool(dimensions="width", zoom_on_axis=True)
    pan, box, reset = PanTool(dimensions="width"), BoxZoomTool(dimensions="width"), ResetTool()
    fig = plain_figure(
        height=height,
        x_range=x_range,
        y_range=Range1d(0, 1),
        tools=[pan, box, wheel, reset],
        name=name,
        min_border_left=LEFT,
    )
    fig.toolbar.active_drag = pan
    fig.toolbar.active_scroll = None
    fig.extra_y_ranges = {MARKS: Range1d(0, 1)}
    fig.xaxis.axis_label = x_label or None
    fig.yaxis.axis_label = y_label or None
    fig.yaxis.formatter = CustomJSTickFormatter(code=_EVEN)
    dress(fig, ticks=(7, 5))
    if not x_label:
        fig.xaxis.visible = False
        fig.min_border_bottom = 2
    fig.js_on_event("doubletap", CustomJS(args={"fig": fig}, code="fig.reset.emit()"))
    return fig


#: The marks in use, with the fields that may be given by position.
_GLYPHS: dict[str, tuple[type[Glyph], tuple[str, ...]]] = {
    "line": (Line, ("x", "y")),
    "multi_line": (MultiLine, ("xs", "ys")),
    "multi_polygons": (MultiPolygons, ("xs", "ys")),
    "patches": (Patches, ("xs", "ys")),
    "quad": (Quad, ("left", "right", "top", "bottom")),
    "scatter": (Scatter, ("x", "y")),
    "segment": (Segment, ("x0", "y0", "x1", "y1")),
    "step": (Step, ("x", "y")),
    "text": (Text, ("x", "y", "text")),
    "varea": (VArea, ("x", "y1", "y2")),
}


def mark(
    fig: figure,
    kind: str,
    *fields: Any,
    source: ColumnDataSource | None = None,
    name: str | None = None,
    level: str = "glyph",
    y_range_name: str = "default",
    color: str | None = None,
    **style: Any,
) -> GlyphRenderer:
    """Add a mark: ``fig.line(...)`` and its kin without their three spare glyphs (unselected, muted, hovered) a mark.

    Half of the models of the Explorer were such spares; each costs a little at every first view.
    """
    glyph, names = _GLYPHS[kind]
    if color is not None:
        style = {"fill_color": color, "line_color": color, **style}
    made = glyph(**dict(zip(names, fields, strict=False)), **style)
    source = source or ColumnDataSource({"one": [1]})  # constants are drawn once a row
    return fig.add_glyph(source, made, name=name, level=level, y_range_name=y_range_name)


def sigma_zone(strip: figure) -> None:
    """Shade ±1 sigma over a residual strip."""
    zone: dict[str, Any] = dict(left=0, right=30000, bottom=-1, top=1, fill_color=LIGHT["telluric"], line_color=None)
    mark(strip, "quad", level="underlay", **zone)


def light(columns: dict[str, Any]) -> dict[str, Any]:
    """Columns as float32: enough for a screen (0.0005 A at 9000 A), half the bytes to the browser."""
    return {name: np.asarray(values, np.float32) for name, values in columns.items()}


def cursor(*figures: figure) -> Span:
    """One vertical line through several frames, at the pointer of whichever has it; never synchronised with the
    kernel."""
    spans = []
    for fig in figures:
        span = Span(
            location=-1.0,
            dimension="height",
            line_color=LIGHT["observed"],
            line_dash=[2, 2],
            line_width=1,
            level="overlay",
        )
        fig.add_layout(span)
        spans.append(span)
    move = CustomJS(args={"spans": spans}, code="for (const s of spans) s.setv({location: cb_obj.x}, {sync: false})")
    leave = CustomJS(args={"spans": spans}, code="for (const s of spans) s.setv({location: -1}, {sync: false})")
    for fig in figures:
        fig.js_on_event("mousemove", move)
        fig.js_on_event("mouseleave", leave)
    return spans[0]


def labels(
    fig: figure,
    source: ColumnDataSource,
    *,
    size: int = 12,
    y_range: str | None = None,
    role: str = "ink",
    **style: Any,
) -> GlyphRenderer:
    """Text inside a frame, from a source with columns x, y, text (or where ``x`` and ``y`` of the style say)."""
    options: dict[str, Any] = dict(
        source=source,
        text_font=value(FONT),
        text_font_size=f"{size}px",
        text_color=LIGHT[role],
        text_align="center",
        text_baseline="top",
        level="annotation",
    )
    if y_range:
        options["y_range_name"] = y_range
    options |= style
    return mark(fig, "text", options.pop("x", "x"), options.pop("y", "y"), "text", **options)
