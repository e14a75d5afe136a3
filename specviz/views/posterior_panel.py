"""The posterior: a corner plot with 68 and 95 % regions and the catalogues' values, and a table of every label."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.properties import field
from bokeh.events import SelectionGeometry, Tap
from bokeh.models import BoxSelectTool, ColumnDataSource, Range1d

from specviz.session.state import State
from specviz.views import corner, formats, label_table, posterior_key, posterior_marks, stylesheet
from specviz.views.controls import HIDDEN, column, html
from specviz.views.corner_axes import CornerAxes
from specviz.views.figures import mark, plain_figure
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame
from specviz.views.posterior_choice import Choice, brushed, choose

#: Margins left and below the cells of four labels, in cells, for ticks and titles; and the side of the figure in pixels.
LEFT, BELOW, EDGE = 0.80, 0.68, 0.05
SIDE = 372
#: Both side by side where the panel is wide: the corner keeps square cells, the table takes the rest.
_WIDE = "@container sv-posterior (min-width: 720px)"
_OUTER = ":host { container: sv-posterior / inline-size; }"
_INNER = f"""{_WIDE} {{
:host {{ flex-flow: row nowrap !important; gap: 24px !important; align-items: flex-start; }}
:host > .sv-corner {{ flex: 0 0 min(640px, 46%) !important; width: min(640px, 46%) !important; }}
:host > .sv-table {{ flex: 1 1 0 !important; min-width: 0; height: auto !important; max-height: 680px; }} }}"""
_BOX = ":host { position: relative; }" + stylesheet.HIDE
_SHOW = f"{_WIDE} {{ :host([data-sv-hidden][data-sv-when]) {{ display: block !important; }} }}"


class PosteriorPanel:
    """Corner of up to six labels in one square canvas, with its key in the empty corner, and the table of all.

    What is drawn follows the options ``posterior``, ``posterior_from``, ``corner`` and ``brush`` of
    :class:`~specviz.session.view_options.ViewOptions`. Dragging in a cell brushes samples; a tap, or Escape, lets go.

    Parameters
    ----------
    session : Session, optional
        Hears of what is brushed.
    """

    def __init__(self, session: Any = None) -> None:
        self._session = session
        self.figure = _figure()
        self.figure.on_event(SelectionGeometry, self._dragged)
        self.figure.on_event(Tap, self._tapped)
        self.faint = ColumnDataSource(dict(xs=[], ys=[]))  # everything, while some samples are brushed
        self.faint_curves = ColumnDataSource(dict(xs=[], ys=[]))
        self.brushed = ColumnDataSource(dict(left=[], bottom=[], right=[], top=[]))
        self.fills = {m: ColumnDataSource(dict(xs=[], ys=[])) for m in corner.LEVELS}
        self.frames = ColumnDataSource(dict(left=[], bottom=[], right=[], top=[]))
        self.curves = ColumnDataSource(dict(xs=[], ys=[]))
        self.shades = ColumnDataSource(dict(xs=[], ys=[]))
        self.outlines = ColumnDataSource(dict(xs=[], ys=[], alpha=[]))  # of the other spectrum's posterior
        self.other_curves = ColumnDataSource(dict(xs=[], ys=[]))
        self.dashes = ColumnDataSource(dict(x0=[], y0=[], x1=[], y1=[], dash=[]))
        self.bars = ColumnDataSource(dict(x0=[], y0=[], x1=[], y1=[]))
        self.points = ColumnDataSource(dict(x=[], y=[], marker=[]))
        self._draw_marks()
        self.message = html("", css=":host { padding: 4px 0; }")
        self.key = html("", css=posterior_key.KEY_CSS)
        self.header = html("", css=posterior_key.HEADER_CSS)
        self.table = html(
            "", css=label_table.CSS + f":host {{ height: {SIDE}px; }}" + _SHOW, classes=["sv-table"], name="label-table"
        )
        self.box = column(self.figure, self.key, css=_BOX, classes=["sv-corner"])
        inner = column(self.box, self.table, css=_INNER)
        self.frame = PanelFrame(
            "Posterior",
            "sv-posterior",
            controls=[self.header],
            body=[self.message, column(inner, css=_OUTER)],
            enlarge="posterior",
        )
        self._drawn: tuple[Any, ...] = ()
        self._axes: tuple[tuple[str, ...], dict[str, tuple[float, float]]] = ((), {})
        self._arrange(None, State())

    # ------------------------------------------------------------------ the figure
    def _draw_marks(self) -> None:
        """Glyphs from the ground up: this spectrum's posterior, the other's outlines, catalogues, ticks and titles."""
        fig, blue, orange, purple = self.figure, LIGHT["reconstructed"], LIGHT["predicted"], LIGHT["catalogue"]
        style: dict[str, Any] = dict(fill_color=None, line_color=LIGHT["frame"], line_width=1)
        mark(fig, "quad", "left", "right", "top", "bottom", source=self.frames, **style)
        quarter: dict[str, Any] = dict(fill_color=blue, fill_alpha=0.05, line_color=blue, line_alpha=0.25, line_width=1)
        mark(fig, "multi_polygons", "xs", "ys", source=self.faint, **quarter)
        mark(fig, "multi_line", "xs", "ys", source=self.faint_curves, line_color=blue, line_alpha=0.25, line_width=1.4)
        for mass, alpha in ((0.95, 0.16), (0.68, 0.34)):
            style = dict(fill_color=blue, fill_alpha=alpha, line_color=blue, line_width=1)
            mark(fig, "multi_polygons", "xs", "ys", source=self.fills[mass], **style)
        mark(fig, "patches", "xs", "ys", source=self.shades, fill_color=blue, fill_alpha=0.22, line_color=None)
        mark(fig, "multi_line", "xs", "ys", source=self.curves, line_color=blue, line_width=1.4)
        style = dict(fill_color=orange, fill_alpha=field("alpha"), line_color=orange, line_width=1.4)
        mark(fig, "multi_polygons", "xs", "ys", source=self.outlines, **style)
        mark(fig, "multi_line", "xs", "ys", source=self.other_curves, line_color=orange, line_width=1.6)
        style = dict(fill_color=LIGHT["quiet"], fill_alpha=0.08, line_color=LIGHT["quiet"], line_dash=[4, 3])
        mark(fig, "quad", "left", "right", "top", "bottom", source=self.brushed, **style)
        ends = ("x0", "y0", "x1", "y1")
        mark(fig, "segment", *ends, source=self.dashes, line_color=purple, line_width=1, line_dash=field("dash"))
        mark(fig, "segment", *ends, source=self.bars, line_color=purple, line_width=1.2)
        style = dict(fill_color=LIGHT["panel"], line_color=purple, line_width=1.3, size=9)
        mark(fig, "scatter", "x", "y", source=self.points, marker=field("marker"), **style)
        self.axes = CornerAxes(fig)
        self.marks, self.titles = self.axes.marks, self.axes.titles

    # ------------------------------------------------------------------ drawing
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        view = new.view
        waiting = bool(new.busy) and new.report is None
        seen = (new.report, new.star, waiting, view.posterior_from, view.corner, view.brush)
        same = [a is b or a == b for a, b in zip(seen, self._drawn or (object(),) * len(seen), strict=True)]
        if all(same) and old.view.posterior == view.posterior:
            return
        self._drawn = seen
        choice = choose(new.star, new.report, view)
        self._arrange(choice, new)
        if all(same):  # the other face of the panel
            return
        if not all(same[:4]):  # not for a label more or less: its menu stays open, and the browser ticks it
            self.header.object = posterior_key.header_html(new.report, choice, view)
        if not all(same[:3]):
            self.table.object = label_table.table_html(new.report) if choice is not None else ""
        if choice is None or not choice.names:  # nothing has a width: the table is all there is
            self._clear()
            return
        self._draw(choice, new)

    def _arrange(self, choice: Choice | None, state: State) -> None:
        """Show what there is: corner and table behind a switch, the table alone, or a sentence."""
        gone = {HIDDEN: "true"}
        message = "" if choice is not None or state.busy or state.star is None else "No posterior for this spectrum."
        self.message.object = f'<span class="sv-quiet">{message}</span>'
        self.message.visible = bool(message)
        switched = choice is not None and bool(choice.names)
        table = choice is not None and (state.view.posterior == "table" or not switched)
        _attributes(
            self.table.model, ({"data-sv-when": "posterior table"} if switched else {}) | ({} if table else gone)
        )
        hidden = table or bool(message)
        _attributes(self.box, ({"data-sv-when": "posterior corner"} if switched else {}) | (gone if hidden else {}))

    def _draw(self, choice: Choice, state: State) -> None:
        names, n = choice.names, len(choice.names)
        catalogues = posterior_marks.shown(choice.catalogues, names)
        values = {k: [v for c in catalogues if (v := c.value(k)) is not None] for k in names}
        ranges = corner.ranges_of(choice.posteriors, names, values)
        digit = corner.DIGIT * _cells(n) / _cells(4) * (1.1 if n > 4 else 1.0)
        first, second = (
            None if p is None else corner.build(brushed(p, choice.brush), names, {}, formats.DECIMALS, ranges, digit)
            for p in (choice.first, choice.second)
        )
        self._ghost(choice, ranges)
        axes = first or second
        assert axes is not None
        self._frame(axes, names)
        for mass, source in self.fills.items():
            source.data = dict(xs=first.fills[mass], ys=first.fill_ys[mass]) if first else dict(xs=[], ys=[])
        _lines(self.curves, first.curves if first else [])
        _lines(self.shades, first.shades if first else [])
        _lines(self.other_curves, second.curves if second else [])
        alone = first is None
        xs, ys, alphas = [], [], []
        for mass, alpha in ((0.95, 0.16), (0.68, 0.34)):
            cells = second.fills[mass] if second else []
            xs += cells
            ys += second.fill_ys[mass] if second else []
            alphas += [alpha if alone else 0.0] * len(cells)
        self.outlines.data = dict(xs=xs, ys=ys, alpha=alphas)
        said = posterior_marks.marks(names, ranges, catalogues)
        _columns(self.dashes, said.dashes)
        _columns(self.bars, said.errors)
        _columns(self.points, said.points)
        listed = [(k, c.name, c.source) for k, c in enumerate(catalogues)]
        self.key.object = posterior_key.key_html(choice, state.view, said.beyond, listed)
        _attributes(self.figure, {"role": "img", "aria-label": posterior_key.sentence(choice)})

    def _ghost(self, choice: Choice, ranges: dict[str, tuple[float, float]]) -> None:
        """While some samples are brushed: where, and all the others, faint."""
        self._axes = (choice.names, ranges)
        whole = None
        if choice.brush:
            whole = corner.build(choice.posteriors[0], choice.names, {}, formats.DECIMALS, ranges)
        masses = () if whole is None else corner.LEVELS
        self.faint.data = dict(
            xs=[c for m in masses for c in whole.fills[m]] if whole else [],
            ys=[c for m in masses for c in whole.fill_ys[m]] if whole else [],
        )
        _lines(self.faint_curves, whole.curves if whole else [])
        _columns(self.brushed, posterior_marks.boxes(choice.names, ranges, choice.brush))

    # ------------------------------------------------------------------ brushing
    def _dragged(self, event: SelectionGeometry) -> None:
        """A box was drawn: the ranges of the labels of the cell in which it lies."""
        shape = event.geometry
        if self._session is None or not event.final or shape.get("type") != "rect":
            return
        names, ranges = self._axes
        box = (shape["x0"], shape["y0"], shape["x1"], shape["y1"])
        brush = posterior_marks.ranges_in(names, ranges, box)
        if brush:
            self._session.set(brush=brush)

    def _tapped(self, _event: Tap) -> None:
        if self._session is not None and self._session.state.view.brush:
            self._session.set(brush=())

    def _frame(self, made: corner.Corner, names: tuple[str, ...]) -> None:
        """Cells, ticks and titles; the canvas keeps its shape, so the cells shrink as labels are added."""
        rows = max(made.n, 2)
        total, size = _cells(rows), rows + (rows - 1) * corner.GAP
        scale = total / _cells(4)
        second = 0.2 * scale if made.n > 4 else 0.0  # a second line of titles below, and as much at the right
        for axis, low, high in (
            (self.figure.x_range, -LEFT * scale, size + EDGE + second),
            (self.figure.y_range, -BELOW * scale - second, size + EDGE),
        ):
            if (axis.start, axis.end) != (low, high):
                axis.update(start=low, end=high)
        left, bottom = (np.array([f[k] for f in made.frames]) for k in (0, 1))
        self.frames.data = dict(left=left, bottom=bottom, right=left + 1, top=bottom + 1)
        self.axes.draw(made, lambda label, side: _title(names[label], made.n, side), scale=scale)

    def _clear(self) -> None:
        self._axes = ((), {})
        plots = [self.faint, self.faint_curves, self.brushed, self.curves, self.shades, self.outlines]
        plots += [self.other_curves, self.dashes, self.bars, self.points]
        for source in (*self.fills.values(), self.frames, *plots, *self.marks.values(), *self.titles.values()):
            source.data = {k: [] for k in source.data}
        self.key.object = ""


def _figure() -> Any:
    size = 4 + 3 * corner.GAP
    fig = plain_figure(
        height=SIDE,
        x_range=Range1d(-LEFT, size + EDGE),
        y_range=Range1d(-BELOW, size + EDGE),
        name="posterior-corner",
        x_axis_type=None,
        y_axis_type=None,
        tools=[BoxSelectTool(renderers=[], continuous=False)],  # dragging brushes; the panel hears of the box alone
    )
    # Cells are square: the canvas keeps the aspect of the ranges and shrinks with the panel.
    fig.sizing_mode, fig.aspect_ratio = "scale_width", (size + EDGE + LEFT) / (size + EDGE + BELOW)
    fig.min_border = 0
    fig.grid.visible = False
    fig.outline_line_color = None
    fig.background_fill_alpha = fig.border_fill_alpha = 0
    return fig


def _cells(n: int) -> float:
    """Width of the canvas in cells when it shows ``n`` labels: the margin keeps its share of the width."""
    four = 4 + 3 * corner.GAP + EDGE + LEFT
    return (n + (n - 1) * corner.GAP + EDGE) / (1 - LEFT / four)


def _title(name: str, n: int, side: str) -> str:
    """Heading with the unit; in small cells the unit stands below it, on the x axis alone."""
    unit = formats.unit(name)
    if n > 4:
        return formats.heading(name) + (f"\n({unit})" if unit and side == "x" else "")
    return formats.heading(name) + (f" ({unit})" if unit else "")


def _attributes(model: Any, attributes: dict[str, str]) -> None:
    if dict(model.html_attributes) != attributes:
        model.html_attributes = attributes


def _lines(source: ColumnDataSource, lines: list[Any]) -> None:
    source.data = dict(xs=[c[0] for c in lines], ys=[c[1] for c in lines])


def _columns(source: ColumnDataSource, rows: list[Any]) -> None:
    names = list(source.data)
    source.data = {k: [row[i] for row in rows] for i, k in enumerate(names)}
