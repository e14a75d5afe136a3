"""Measuring over the LAMOST spectrum: a stretch that is dragged over, its continuum and width, the velocity, the indices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.events import SelectionGeometry
from bokeh.models import BoxAnnotation, BoxSelectTool, ColumnDataSource, CustomJS, PanTool
from bokeh.plotting import figure
from numpy.typing import NDArray

from specviz.session.measuring import star_indices
from specviz.session.state import State
from specviz.views import measure_text
from specviz.views.controls import html, show
from specviz.views.figures import MARKS, labels, light, mark
from specviz.views.palette import LIGHT
from specviz.views.settings import Settings
from specviz.views.spectral_axis import Curve
from specviz.views.spectrum_data import OpticalCurves, optical

#: A narrower stretch, Angstrom, was a click.
NARROWEST = 0.5
#: Heights of the labels on the 0-1 range: three rows, so that neighbours do not lie over each other.
ROWS = (0.872, 0.825, 0.778)
_EMPTY: NDArray[np.float64] = np.empty(0)
#: In the browser: dragging measures while the option is on, and moves the picture while it is off.
_TOOL = """
const wanted = settings.tags[0].measuring ? box : pan
if (fig.toolbar.active_drag !== wanted) fig.toolbar.setv({active_drag: wanted}, {sync: false})
"""


class MeasureOverlay:
    """What is measured in a spectrum figure, drawn over it, and in words in a row below its legend.

    Nothing of it is a model of the first view but the row: tool and marks are made when they are first wanted.

    Parameters
    ----------
    fig : figure
        Of the LAMOST flux.
    settings : Settings
    curves : callable
        Gives the curves on screen, or None: the scale in which flux is drawn.
    measure : callable(low, high)
        Measures between two wavelengths (vacuum Angstrom, as observed).
    """

    def __init__(
        self,
        fig: figure,
        settings: Settings,
        curves: Callable[[], OpticalCurves | None],
        measure: Callable[[float, float], Any],
    ) -> None:
        self._fig, self._settings, self._curves = fig, settings, curves
        self._measure = measure
        self._said = ""
        self._table: tuple[Any, str] = (None, "")  # star and velocity that the indices are of, and their text
        self.tool: BoxSelectTool | None = None
        self.windows: ColumnDataSource | None = None
        fig.on_event(SelectionGeometry, self._dragged)  # now: a document does not hear of events asked for later
        self.row = html("", css=measure_text.CSS)
        show(self.row.model, False)

    def update(self, old: State, new: State) -> None:
        """Draw what changed; called after the panel has drawn the star."""
        if new.view.measuring and self.tool is None:
            self._arm()
        moved = new.star is not old.star or new.measurements is not old.measurements
        if new.measurements and self.windows is None:
            self._build()
        if moved and self.windows is not None:
            self._draw(new)
        self._write(new)

    # ------------------------------------------------------------------ within
    def _arm(self) -> None:
        """The tool, and what it does when it is let go."""
        fig = self._fig
        pan = next(tool for tool in fig.toolbar.tools if isinstance(tool, PanTool))
        box = BoxAnnotation(
            syncable=False, visible=False, level="overlay", editable=False, line_width=1, line_dash=[4, 3],
            fill_color=LIGHT["reconstructed"], fill_alpha=0.12, line_color=LIGHT["reconstructed"],
            left=np.nan, right=np.nan, top=np.nan, bottom=np.nan,
        )  # fmt: skip
        self.tool = BoxSelectTool(dimensions="width", renderers=[], overlay=box, persistent=False)
        fig.toolbar.tools = [*fig.toolbar.tools, self.tool]
        fig.toolbar.active_drag = self.tool
        self._settings.on_change(
            CustomJS(args=dict(fig=fig, box=self.tool, pan=pan, settings=self._settings.model), code=_TOOL)
        )

    def _dragged(self, event: Any) -> None:
        shape = event.geometry
        if not event.final or shape.get("type") != "rect":
            return
        low, high = sorted((float(shape["x0"]), float(shape["x1"])))
        if high - low >= NARROWEST:
            self._measure(round(low, 2), round(high, 2))

    def _build(self) -> None:
        """The marks: windows and side bands shaded, continua as lines, widths in words."""
        fig = self._fig
        self.windows = ColumnDataSource(dict.fromkeys(("left", "right", "alpha"), _EMPTY))
        self.lines = ColumnDataSource(dict.fromkeys(("x", "y", "level"), _EMPTY), tags=["sharp"])
        self.names = ColumnDataSource(dict(x=[], y=[], text=[]))
        mark(
            fig, "quad", "left", "right", 1, 0, source=self.windows, y_range_name=MARKS, line_color=None,
            fill_color=LIGHT["reconstructed"], fill_alpha="alpha", level="underlay", name="measured",
        )  # fmt: skip
        curve = Curve(self.lines, self._settings)
        mark(
            fig, "line", "x", curve.y, source=self.lines, line_color=LIGHT["reconstructed"], line_width=1.6,
            line_dash=[6, 3], level="annotation",
        )  # fmt: skip
        labels(fig, self.names, y_range=MARKS, size=11, role="reconstructed", level="annotation")

    def _draw(self, state: State) -> None:
        assert self.windows is not None
        windows, lines, names = columns(state, self._curves())
        self.windows.data, self.lines.data, self.names.data = windows, light(lines), names

    def _write(self, state: State) -> None:
        view = state.view
        indices = self._index_text(state) if view.indices else ""
        said = measure_text.row(state, indices)
        # Only when it says something else: a switch that the browser has turned must not lose the focus.
        bare = said.replace('aria-pressed="true"', "").replace('aria-pressed="false"', "")
        if bare != self._said:
            self._said = bare
            self.row.object = said
        show(self.row.model, bool(said))

    def _index_text(self, state: State) -> str:
        """The table of indices; measured again for another star or velocity alone."""
        key = (state.star, state.view.rv)
        if state.star is None:
            return ""
        if self._table[0] != key:
            self._table = key, measure_text.indices(lambda: star_indices(state))
        return self._table[1]


def columns(state: State, curves: OpticalCurves | None) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Windows (left, right, alpha), continua (x, y, level; NaN between two) and names (x, y, text) to draw."""
    spectrum = optical(state.star)
    found = state.measurements if spectrum is not None and curves is not None else ()
    shade = [(m.low, m.high, 0.16) for m in found]
    shade += [(low, high, 0.07) for m in found for low, high in m.bands]
    windows = dict(zip(("left", "right", "alpha"), np.array(shade).reshape(-1, 3).T, strict=True))
    x, y = _EMPTY, _EMPTY
    for m in found:
        points = np.array(m.line)
        x, y = np.r_[x, points[:, 0], np.nan], np.r_[y, points[:, 1], np.nan]
    level = np.ones_like(x)
    if x.size and spectrum is not None and curves is not None:
        y = y / flux_unit(spectrum.flux, curves)
        level = np.where(np.isfinite(x), np.interp(np.nan_to_num(x), curves.wavelength, curves.level), 1.0)
    names = dict(
        x=[0.5 * (m.low + m.high) for m in found],
        y=[ROWS[k % len(ROWS)] for k in range(len(found))],
        text=[measure_text.width(m) for m in found],
    )
    return windows, dict(x=x, y=y, level=level), names


def flux_unit(flux: NDArray[np.float64], curves: OpticalCurves) -> float:
    """What the panel divides the spectrum's flux by."""
    shown = curves.data["y"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = flux / shown if shown.size == flux.size else _EMPTY
    ratio = ratio[np.isfinite(ratio)]
    return float(np.median(ratio)) if ratio.size else 1.0
