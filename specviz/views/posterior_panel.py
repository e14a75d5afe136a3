"""The posterior: a corner plot of the leading labels with 68 and 95 % regions and the catalogue's values."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.core.properties import value
from bokeh.models import ColumnDataSource, Range1d

from specviz.session.state import State
from specviz.views import corner, formats, label_table
from specviz.views.controls import html, segmented, show
from specviz.views.figures import labels, mark, plain_figure
from specviz.views.palette import FONT, LIGHT
from specviz.views.panel_frame import PanelFrame

SHOWN = ("teff", "logg", "fe_h", "alpha_fe")
#: Margins left and below the cells, in cells, for ticks and titles; and the side of the figure in pixels.
LEFT, BELOW, EDGE = 0.80, 0.68, 0.05
SIDE = 372


class PosteriorPanel:
    """Corner of up to four labels in one square canvas; the key stands in the empty corner."""

    def __init__(self) -> None:
        n = len(SHOWN)
        size = n + (n - 1) * corner.GAP
        self.figure = plain_figure(
            height=SIDE,
            x_range=Range1d(-LEFT, size + EDGE),
            y_range=Range1d(-BELOW, size + EDGE),
            name="posterior-corner",
            x_axis_type=None,
            y_axis_type=None,
        )
        fig = self.figure
        # Cells are square: the canvas keeps the aspect of the ranges and shrinks with the panel.
        fig.sizing_mode, fig.aspect_ratio = "scale_width", (size + EDGE + LEFT) / (size + EDGE + BELOW)
        fig.min_border = 0
        fig.grid.visible = False
        fig.outline_line_color = None
        fig.background_fill_alpha = fig.border_fill_alpha = 0
        self.fills = {m: ColumnDataSource(dict(xs=[], ys=[])) for m in corner.LEVELS}
        self.frames = ColumnDataSource(dict(left=[], bottom=[], right=[], top=[]))
        self.curves = ColumnDataSource(dict(xs=[], ys=[]))
        self.shades = ColumnDataSource(dict(xs=[], ys=[]))
        self.dashes = ColumnDataSource(dict(x0=[], y0=[], x1=[], y1=[]))
        self.diamonds = ColumnDataSource(dict(x=[], y=[]))
        self.marks = {s: ColumnDataSource(dict(x=[], y=[], text=[], x1=[], y1=[])) for s in ("x", "y")}
        self.titles = {s: ColumnDataSource(dict(x=[], y=[], text=[])) for s in ("x", "y")}
        blue = LIGHT["reconstructed"]
        mark(
            fig,
            "quad",
            "left",
            "right",
            "top",
            "bottom",
            source=self.frames,
            fill_color=None,
            line_color=LIGHT["frame"],
            line_width=1,
        )
        for mass, alpha in ((0.95, 0.16), (0.68, 0.34)):
            mark(
                fig,
                "multi_polygons",
                "xs",
                "ys",
                source=self.fills[mass],
                fill_color=blue,
                fill_alpha=alpha,
                line_color=blue,
                line_width=1,
            )
        mark(fig, "patches", "xs", "ys", source=self.shades, fill_color=blue, fill_alpha=0.22, line_color=None)
        mark(fig, "multi_line", "xs", "ys", source=self.curves, line_color=blue, line_width=1.4)
        mark(
            fig,
            "segment",
            "x0",
            "y0",
            "x1",
            "y1",
            source=self.dashes,
            line_color=LIGHT["catalogue"],
            line_width=1,
            line_dash=[3, 3],
        )
        mark(
            fig,
            "scatter",
            "x",
            "y",
            source=self.diamonds,
            marker="diamond",
            size=10,
            fill_color=LIGHT["panel"],
            line_color=LIGHT["catalogue"],
            line_width=1.3,
        )
        text: dict[str, Any] = dict(text_font=value(FONT), text_font_size="11px")
        for side, angle in (("x", 0.0), ("y", np.pi / 2)):
            mark(fig, "segment", "x", "y", "x1", "y1", source=self.marks[side], line_color=LIGHT["tick"])
            align: dict[str, Any] = (
                dict(text_align="center", text_baseline="top", y_offset=6)
                if side == "x"
                else dict(text_align="right", text_baseline="middle", x_offset=-6)
            )
            mark(fig, "text", "x", "y", "text", source=self.marks[side], text_color=LIGHT["quiet"], **align, **text)
            place: dict[str, Any] = (
                dict(text_align="center", text_baseline="top", y_offset=24)
                if side == "x"
                else dict(text_align="center", text_baseline="bottom", x_offset=-36, angle=angle)
            )
            mark(fig, "text", "x", "y", "text", source=self.titles[side], text_color=LIGHT["ink"], **place, **text)
        self._key(size)
        self.message = html("", css=":host { padding: 4px 0; }")
        self.message.visible = False
        self.table = html("", css=label_table.CSS + f":host {{ height: {SIDE}px; }}", name="label-table")
        self.switch = segmented(["Corner", "All labels"], 0, lambda _active: self._arrange())
        show(self.switch, False)
        self.frame = PanelFrame(
            "Posterior", "sv-posterior", controls=[self.switch], body=[self.message, self.table, fig]
        )
        self._drawn, self._corner = False, True
        self._arrange()

    def _arrange(self) -> None:
        """Show what is chosen: the corner, or the table where there is more to tell than the corner does."""
        table = self._drawn and (self.switch.active == 1 or not self._corner) and bool(self.table.object)
        self.table.visible = table
        if self.figure.visible != (not table and not self.message.visible):
            self.figure.visible = not table and not self.message.visible

    def _key(self, size: float) -> None:
        """Two entries in the empty upper right corner."""
        x = size - 1.98
        line = ColumnDataSource(dict(x=[x - 0.20, x - 0.02], y=[size - 0.16] * 2))
        diamond = ColumnDataSource(dict(x=[x - 0.11], y=[size - 0.42]))
        mark(self.figure, "line", "x", "y", source=line, line_color=LIGHT["reconstructed"], line_width=1.6)
        mark(
            self.figure,
            "scatter",
            "x",
            "y",
            source=diamond,
            marker="diamond",
            size=9,
            fill_color=None,
            line_color=LIGHT["catalogue"],
            line_width=1.3,
        )
        self._key_source = ColumnDataSource(
            dict(x=[x + 0.06] * 2, y=[size - 0.16, size - 0.42], text=["Posterior, 68 and 95 %", "Catalogue: none"])
        )
        labels(self.figure, self._key_source, text_align="left", text_baseline="middle", size=12)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.report is old.report and new.star is old.star:
            return
        posterior = None if new.report is None else new.report.posterior
        if posterior is None or new.star is None:
            self._clear("" if new.busy else "No posterior for this spectrum.")
            return
        wide = dict.fromkeys(
            n for n in (*SHOWN, *posterior.names) if n in posterior.names and n not in posterior.points
        )
        names = tuple(wide)[: len(SHOWN)]
        more = label_table.has_more(new.report, names)
        if not names:  # nothing has a width: the table is all there is
            self._clear("")
        self.table.object = label_table.table_html(new.report) if more else ""
        self._drawn, self._corner = True, bool(names)
        show(self.switch, more and self._corner)
        if not names:
            self._arrange()
            self.frame.fact("")
            return
        known = {n: float(new.star.catalogue[n]) for n in names if _finite(new.star.catalogue.get(n))}
        made = corner.build(posterior, names, known, formats.DECIMALS)
        self.message.visible = False
        self._arrange()
        left = np.array([f[0] for f in made.frames])
        bottom = np.array([f[1] for f in made.frames])
        self.frames.data = dict(left=left, bottom=bottom, right=left + 1, top=bottom + 1)
        for mass, source in self.fills.items():
            source.data = dict(xs=made.fills[mass], ys=made.fill_ys[mass])
        self.curves.data = dict(xs=[c[0] for c in made.curves], ys=[c[1] for c in made.curves])
        self.shades.data = dict(xs=[c[0] for c in made.shades], ys=[c[1] for c in made.shades])
        self.dashes.data = (
            dict(zip(("x0", "y0", "x1", "y1"), (list(c) for c in zip(*made.dashes, strict=True)), strict=True))
            if made.dashes
            else dict(x0=[], y0=[], x1=[], y1=[])
        )
        self.diamonds.data = dict(x=[c[0] for c in made.catalogue], y=[c[1] for c in made.catalogue])
        for side, (dx, dy) in (("x", (0.0, -0.05)), ("y", (-0.05, 0.0))):
            t = [m for m in made.ticks if m[3] == side]
            self.marks[side].data = dict(
                x=[m[0] for m in t],
                y=[m[1] for m in t],
                text=[m[2] for m in t],
                x1=[m[0] + dx for m in t],
                y1=[m[1] + dy for m in t],
            )
            h = [m for m in made.titles if m[3] == side]
            self.titles[side].data = dict(
                x=[m[0] for m in h], y=[m[1] for m in h], text=[self._title(names[m[2]]) for m in h]
            )
        source = str(new.star.catalogue.get("source") or "")
        self._key_source.patch(
            {
                "text": [
                    (
                        1,
                        (f"Catalogue ({source})" if 0 < len(source) <= 12 else "Catalogue")
                        if known
                        else "Catalogue: none",
                    )
                ]
            }
        )
        self.frame.fact(f"{formats.count(len(posterior))} samples")

    @staticmethod
    def _title(name: str) -> str:
        unit = formats.unit(name)
        return formats.heading(name) + (f" ({unit})" if unit else "")

    def _clear(self, message: str) -> None:
        self._drawn, self._corner = False, True
        show(self.switch, False)
        self.message.visible = bool(message)
        self._arrange()
        self.message.object = f'<span class="sv-quiet">{message}</span>'
        for source in (
            *self.fills.values(),
            self.frames,
            self.curves,
            self.shades,
            self.dashes,
            self.diamonds,
            *self.marks.values(),
            *self.titles.values(),
        ):
            source.data = {k: [] for k in source.data}
        self.frame.fact("")


def _finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False
