"""Where the two stars stand in the Kiel plane, over the reference stars."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, PanTool, Range1d, ResetTool, WheelZoomTool

from specviz.session.pairing import Pair, Side
from specviz.views.controls import html, icon_button
from specviz.views.figures import dress, mark, plain_figure
from specviz.views.formats import text
from specviz.views.pair_labels import SWATCHES
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame

_log = logging.getLogger(__name__)
_PLACE = ("x", "y", "x0", "x1", "y0", "y1")
#: Reference stars that are drawn, about.
DRAWN = 4000


class PairMap:
    """log g over Teff: the first star as a ring, the second as a dot, both with their 68 % errors.

    Parameters
    ----------
    reference : callable
        ``reference() -> (teff, logg)`` of the reference stars, or None; asked once, when the first star is there.
    """

    def __init__(self, reference: Callable[[], Any]) -> None:
        self._reference: Callable[[], Any] | None = reference
        self.background = ColumnDataSource(dict(x=[], y=[]))
        self.places = [ColumnDataSource({k: [] for k in _PLACE}) for _ in SWATCHES]
        self.figure = fig = plain_figure(
            height=330, x_range=Range1d(8600, 3400), y_range=Range1d(5.3, 0.2), name="pair-map", min_border_left=44
        )
        fig.xaxis.axis_label, fig.yaxis.axis_label = "Teff (K)", "log g (dex)"
        dress(fig, grid="both", ticks=(5, 5))
        quiet: dict[str, Any] = dict(size=3, color=LIGHT["reference"], line_color=None, level="underlay")
        mark(fig, "scatter", "x", "y", source=self.background, **quiet)
        for i, role in ((1, "similar"), (0, "observed")):
            colour, source = LIGHT[role], self.places[i]
            for a, b, c, d in (("x0", "y", "x1", "y"), ("x", "y0", "x", "y1")):
                mark(fig, "segment", a, b, c, d, source=source, line_color=colour, line_width=1.4)
            dot: dict[str, Any] = dict(size=8, fill_color=colour, line_color=LIGHT["panel"], line_width=0.5)
            if i == 0:  # a ring: a dot in the same place is seen in it
                dot = dict(size=12, fill_color=None, line_color=colour, line_width=2.2)
            mark(fig, "scatter", "x", "y", source=source, name=f"pair-map-{i + 1}", **dot)
        wheel, pan = WheelZoomTool(zoom_on_axis=True), PanTool()
        fig.add_tools(wheel, pan, ResetTool())
        fig.toolbar.active_drag, fig.toolbar.active_scroll = pan, None
        reset = CustomJS(args={"fig": fig}, code="fig.reset.emit()")
        fig.js_on_event("doubletap", reset)
        self.key = html("", css=":host { padding-top: 4px; font-size: 12px; }")
        self.frame = PanelFrame(
            "Kiel diagram", "sv-map", controls=[icon_button("Reset map zoom", "reset", reset)], body=[fig, self.key]
        )

    def draw(self, pair: Pair) -> None:
        """Put both stars in their places."""
        if self._reference is not None and any(s.report is not None for s in pair.sides):
            self._background()
        key, without = [], []
        for i, (side, source) in enumerate(zip(pair.sides, self.places, strict=True)):
            place = _place(side)
            source.data = {k: [v] for k, v in place.items()} if place else {k: [] for k in _PLACE}
            if place:
                self._reach(place["x"], place["y"])
                key.append(f"<span>{SWATCHES[i]} {text(side.name, 28)}</span>")
            elif side.star is not None:
                without.append(f'<span class="sv-quiet">{text(side.name, 28)}: no Teff and log g</span>')
        dots = '<svg width="14" height="14" style="vertical-align:-2px"><circle cx="7" cy="7" r="1.6" fill="var(--sv-reference)"/></svg>'
        known = f"<span>{dots} Reference</span>" if len(self.background.data["x"]) else ""
        style = "display:flex;gap:4px 14px;flex-wrap:wrap;font-size:12px"
        self.key.object = f'<div style="{style}">{"".join(key)}{"".join(without)}{known}</div>'

    def _background(self) -> None:
        ask, self._reference = self._reference, None
        assert ask is not None
        found = ask()
        if found is None:
            return
        x, y = (np.asarray(v, float) for v in found[:2])
        ok = np.isfinite(x) & np.isfinite(y)
        if not ok.any():
            return
        hot = float(np.percentile(x[ok], 99.5) + 300)
        ends = ((hot, float(x[ok].min() - 150)), (5.3, float(max(y[ok].min() - 0.3, -0.5))))
        for rng, (a, b) in zip((self.figure.x_range, self.figure.y_range), ends, strict=True):
            rng.update(start=a, end=b, reset_start=a, reset_end=b)
        few = slice(None, None, max(1, x.size // DRAWN))  # the stars are in no order
        self.background.data = dict(x=x[few].astype(np.float32), y=y[few].astype(np.float32))

    def _reach(self, teff: float, logg: float) -> None:
        """Widen the view to a star outside it (both axes run downwards)."""
        for axis, value, margin in ((self.figure.x_range, teff, 300.0), (self.figure.y_range, logg, 0.3)):
            if value > axis.start - margin / 2:
                axis.update(start=value + margin, reset_start=value + margin)
            if value < axis.end + margin / 2:
                axis.update(end=value - margin, reset_end=value - margin)


def _place(side: Side) -> dict[str, float]:
    """Median and 68 % of both labels; a label without an uncertainty has no bar."""
    labels = {} if side.report is None else side.report.labels
    if "teff" not in labels or "logg" not in labels:
        return {}
    (x, x0, x1), (y, y0, y1) = labels["teff"][1], labels["logg"][1]
    return dict(x=x, y=y, x0=x0, x1=x1, y0=y0, y1=y1)
