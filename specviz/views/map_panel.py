"""The map: where the star stands among the reference stars, in the Kiel plane or in the plane of the embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    HoverTool,
    PanTool,
    Range1d,
    ResetTool,
    TapTool,
    WheelZoomTool,
)

from specviz.session.state import State
from specviz.views import formats
from specviz.views.controls import html, icon_button, segmented
from specviz.views.figures import dress, mark, plain_figure
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame

HEIGHT = 330
#: Reference stars that are drawn, about; search and scales know all of them.
DRAWN = 4000
EMPTY = np.empty(0)
KEY = (
    '<span style="display:inline-flex;gap:14px;font-size:12px;flex-wrap:wrap;align-items:center">'
    '<span><svg width="14" height="14" style="vertical-align:-2px"><circle cx="7" cy="7" r="4.5" fill="none" stroke="var(--sv-reconstructed)" '
    'stroke-width="2"/></svg> This star</span>'
    '<span><svg width="14" height="14" style="vertical-align:-2px"><path d="M7 1.5L11 7L7 12.5L3 7Z" fill="none" stroke="var(--sv-catalogue)" '
    'stroke-width="1.4"/></svg> Catalogue</span>'
    '<span><svg width="14" height="14" style="vertical-align:-2px"><circle cx="7" cy="7" r="4" fill="var(--sv-similar)"/></svg> Similar</span>'
    '<span><svg width="14" height="14" style="vertical-align:-2px"><circle cx="7" cy="7" r="1.6" fill="var(--sv-reference)"/></svg> Reference</span></span>'
)


class MapPanel:
    """Scatter of the reference set with the star (ring, error bars), its neighbours (dots), and the catalogue's values
    (diamond).

    Parameters
    ----------
    session : Session
        Asked for the selection when a similar star is clicked.
    reference : callable
        ``reference() -> (teff, logg, embedding_map)`` once the catalogue is there; the map is drawn at the first
        report.
    """

    def __init__(self, session: Any, reference: Any) -> None:
        self._session, self._reference = session, reference
        self._known: tuple[Any, Any, Any] | None = None  # x and y of the reference stars, and the map
        self._plane, self._state = 0, State()
        self.background = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.near = ColumnDataSource(dict(x=EMPTY, y=EMPTY, row=EMPTY, name=[], sim=EMPTY))
        self.chosen = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.star = ColumnDataSource(dict.fromkeys(("x", "y", "x0", "x1", "y0", "y1"), EMPTY))
        self.catalogue = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.figure = fig = plain_figure(
            height=HEIGHT, x_range=Range1d(8600, 3400), y_range=Range1d(5.3, 0.2), name="map", min_border_left=44
        )
        fig.xaxis.axis_label, fig.yaxis.axis_label = "Teff (K)", "log g (dex)"
        dress(fig, grid="both", ticks=(5, 5))
        mark(
            fig,
            "scatter",
            "x",
            "y",
            source=self.background,
            size=3,
            color=LIGHT["reference"],
            line_color=None,
            level="underlay",
        )
        mark(
            fig,
            "scatter",
            "x",
            "y",
            source=self.catalogue,
            marker="diamond",
            size=11,
            fill_color=LIGHT["panel"],
            line_color=LIGHT["catalogue"],
            line_width=1.4,
        )
        near = mark(
            fig,
            "scatter",
            "x",
            "y",
            source=self.near,
            size=8,
            color=LIGHT["similar"],
            line_color=LIGHT["panel"],
            line_width=0.5,
            name="map-similar",
        )
        near.nonselection_glyph = near.selection_glyph = None
        mark(
            fig,
            "scatter",
            "x",
            "y",
            source=self.chosen,
            size=15,
            fill_color=None,
            line_color=LIGHT["similar"],
            line_width=2,
        )
        for a, b, c, d in (("x0", "y", "x1", "y"), ("x", "y0", "x", "y1")):
            mark(fig, "segment", a, b, c, d, source=self.star, line_color=LIGHT["reconstructed"], line_width=1.4)
        mark(
            fig,
            "scatter",
            "x",
            "y",
            source=self.star,
            size=9,
            fill_color=LIGHT["panel"],
            line_color=LIGHT["reconstructed"],
            line_width=2.2,
            name="map-star",
        )
        tap, wheel, pan = TapTool(renderers=[near]), WheelZoomTool(zoom_on_axis=True), PanTool()
        safe = CustomJSHover(code="return String(value).replace(/[&<>\"']/g, c => '&#' + c.charCodeAt(0) + ';')")
        hover = HoverTool(
            renderers=[near],
            tooltips=[("", "@name{custom}"), ("similarity", "@sim{0.000}")],
            formatters={"@name": safe},
            attachment="horizontal",
        )
        fig.add_tools(tap, wheel, pan, hover, ResetTool())
        fig.toolbar.active_drag, fig.toolbar.active_scroll, fig.toolbar.active_tap = pan, None, tap
        self.near.selected.on_change("indices", self._tapped)
        reset = CustomJS(args={"fig": fig}, code="fig.reset.emit()")
        fig.js_on_event("doubletap", reset)
        self.frame = PanelFrame(
            "Map",
            "sv-map",
            controls=[
                segmented(["Kiel", "Embedding"], 0, self._set_plane),
                icon_button("Reset map zoom", "reset", reset),
            ],
            body=[fig, html(KEY, css=":host { padding-top: 4px; }")],
        )

    def _tapped(self, _attr: str, _old: Any, new: list[int]) -> None:
        if new:
            self._session.choose(int(self.near.data["row"][new[0]]))

    def _set_plane(self, plane: int) -> None:
        self._plane = plane
        fig = self.figure
        fig.xaxis.axis_label, fig.yaxis.axis_label = (
            ("Teff (K)", "log g (dex)"),
            ("Embedding axis 1", "Embedding axis 2"),
        )[plane]
        self._known = None
        self._draw(self._state)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        if new.report is not old.report or new.neighbours is not old.neighbours:
            self._draw(new)
        elif new.neighbour != old.neighbour:
            self._ring(new)

    def _draw(self, state: State) -> None:
        report = state.report
        if report is None or report.posterior is None:
            for source in (self.near, self.chosen, self.star, self.catalogue):
                source.data = {k: [] for k in source.data}
            return
        if self._known is None:
            self._background()
        if self._known is None:
            return
        x, y, place = self._known
        if self._plane == 0:
            s = report.posterior.summary()
            if "teff" in s and "logg" in s:
                (tx, t0, t1), (gy, g0, g1) = s["teff"], s["logg"]
                self.star.data = dict(x=[tx], y=[gy], x0=[t0], x1=[t1], y0=[g0], y1=[g1])
                self._reach(tx, gy)
            else:  # a model without these labels has no place in this plane
                self.star.data = dict.fromkeys(self.star.data, EMPTY)
            listed = state.star.catalogue if state.star else {}
            values = [float(v) for n in ("teff", "logg") if (v := listed.get(n)) is not None]
            ok = len(values) == 2 and all(np.isfinite(values))
            self.catalogue.data = dict(x=[values[0]], y=[values[1]]) if ok else dict(x=[], y=[])
        else:
            px, py = (float(v) for v in place.project(report.embedding))
            self.star.data = dict(x=[px], y=[py], x0=[px], x1=[px], y0=[py], y1=[py])
            self.catalogue.data = dict(x=[], y=[])
        near = state.neighbours
        if near is None or len(near) == 0:
            self.near.data = dict(x=[], y=[], row=[], name=[], sim=[])
        else:
            rows = np.asarray(near["row"], int)[:12]
            self.near.data = dict(
                x=x[rows],
                y=y[rows],
                row=np.arange(rows.size),
                name=[str(v) for v in near["object_id"][:12]],
                sim=np.asarray(near["similarity"], float)[:12],
            )
        self._ring(state)

    def _reach(self, teff: float, logg: float) -> None:
        """Widen the view to a star outside it (both axes run downwards)."""
        for axis, value, margin in ((self.figure.x_range, teff, 300.0), (self.figure.y_range, logg, 0.3)):
            if value > axis.start - margin / 2:
                axis.update(start=value + margin, reset_start=value + margin)
            if value < axis.end + margin / 2:
                axis.update(end=value - margin, reset_end=value - margin)

    def _background(self) -> None:
        found = self._reference()
        if found is None:
            return
        teff, logg, place = found
        if self._plane == 0:
            x, y = np.asarray(teff, float), np.asarray(logg, float)
            ok = np.isfinite(x) & np.isfinite(y)
            hot = float(np.percentile(x[ok], 99.5) + 300)
            xs, ys = (hot, float(x[ok].min() - 150)), (5.3, float(max(y[ok].min() - 0.3, -0.5)))
        else:
            x, y = np.asarray(place.coordinates, float).T
            pad = 0.06 * np.ptp(x), 0.06 * np.ptp(y)
            xs, ys = (
                (float(x.min() - pad[0]), float(x.max() + pad[0])),
                (float(y.min() - pad[1]), float(y.max() + pad[1])),
            )
        self._known = (x, y, place)
        for rng, (a, b) in ((self.figure.x_range, xs), (self.figure.y_range, ys)):
            rng.update(start=a, end=b, reset_start=a, reset_end=b)
        few = slice(None, None, max(1, x.size // DRAWN))  # the stars are in no order
        self.background.data = dict(x=x[few].astype(np.float32), y=y[few].astype(np.float32))
        self.frame.fact(f"{formats.count(x.size)} simulated stars")

    def _ring(self, state: State) -> None:
        near, at = state.neighbours, state.neighbour
        if self._known is None or near is None or at is None:
            self.chosen.data = dict(x=[], y=[])
            return
        row = int(near["row"][at])
        self.chosen.data = dict(x=[float(self._known[0][row])], y=[float(self._known[1][row])])
