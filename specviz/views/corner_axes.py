"""Ticks and titles along the edges of a corner plot, which is one canvas with cells of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

from specviz.views.figures import mark
from specviz.views.palette import FONT, LIGHT

TICK = 0.05  # length of a tick, in cells


class CornerAxes:
    """The marks and titles below and left of the cells; ``marks`` and ``titles`` are their sources, by side."""

    def __init__(self, fig: figure) -> None:
        self.marks = {s: ColumnDataSource(dict(x=[], y=[], text=[], x1=[], y1=[])) for s in ("x", "y")}
        self.titles = {s: ColumnDataSource(dict(x=[], y=[], text=[])) for s in ("x", "y")}
        font: dict[str, Any] = dict(text_font=value(FONT), text_font_size="11px")
        for side, angle in (("x", 0.0), ("y", np.pi / 2)):
            mark(fig, "segment", "x", "y", "x1", "y1", source=self.marks[side], line_color=LIGHT["tick"])
            align: dict[str, Any] = dict(text_align="right", text_baseline="middle", x_offset=-6)
            place: dict[str, Any] = dict(text_align="center", text_baseline="bottom", x_offset=-36, angle=angle)
            if side == "x":
                align = dict(text_align="center", text_baseline="top", y_offset=6)
                place = dict(text_align="center", text_baseline="top", y_offset=24)
            mark(fig, "text", "x", "y", "text", source=self.marks[side], text_color=LIGHT["quiet"], **align, **font)
            mark(fig, "text", "x", "y", "text", source=self.titles[side], text_color=LIGHT["ink"], **place, **font)

    def draw(self, made: Any, title: Callable[[int, str], str], *, scale: float = 1.0) -> None:
        """Ticks and titles of a corner (:func:`specviz.views.corner.build`).

        ``title(label, side)`` gives the words for a label's number; ``scale`` is the size of a cell's unit.
        """
        for side, (dx, dy) in (("x", (0.0, -TICK * scale)), ("y", (-TICK * scale, 0.0))):
            ticks = [m for m in made.ticks if m[3] == side]
            self.marks[side].data = dict(
                x=[m[0] for m in ticks],
                y=[m[1] for m in ticks],
                text=[m[2] for m in ticks],
                x1=[m[0] + dx for m in ticks],
                y1=[m[1] + dy for m in ticks],
            )
            heads = [m for m in made.titles if m[3] == side]
            self.titles[side].data = dict(
                x=[m[0] for m in heads], y=[m[1] for m in heads], text=[title(m[2], side) for m in heads]
            )
