"""The LAMOST panel: observed flux with its error band and masks over the model's reconstruction, residuals below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, Range1d
from numpy.typing import NDArray

from specviz.session.state import State, ViewOptions
from specviz.spectra.lines import TELLURIC_BANDS
from specviz.views import option_controls, spectrum_data, spectrum_tools
from specviz.views.controls import column, html
from specviz.views.figures import MARKS, labels, light, mark, sigma_zone, spectrum_figure
from specviz.views.formats import text
from specviz.views.line_marks import LineMarks
from specviz.views.magnifier import magnifier
from specviz.views.measure_overlay import MeasureOverlay
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame
from specviz.views.service_message import ServiceMessage
from specviz.views.settings import Settings
from specviz.views.spectral_axis import Curve, axis_label, count_wavelengths, follow_options
from specviz.views.why_overlay import WhyOverlay

RESIDUAL = 6.0  # sigma, fixed scale of the residual strip
EMPTY: NDArray[np.float64] = np.empty(0)
LABELS = {"flux": "Flux (relative)", "normalised": spectrum_data.NORMALISED}
#: The magnifier lies over the plot, which grows with the panel.
_PLOT = """
:host { position: relative; overflow: visible; } :host > .sv-plot { flex: 0 0 var(--sv-plot-height, 300px) !important; height: auto !important; }
"""


class LamostPanel:
    """Flux or continuum-normalised flux of a LAMOST-like spectrum (LAMOST, SDSS, any optical spectrum in Angstrom).

    The range is the instrument's; what the model saw (its window) is marked along the foot of the frame.

    Parameters
    ----------
    settings : Settings
    view : ViewOptions
        What is shown at first.
    explain : callable(label), optional
        Asks why the star has this value of a label.
    measure : callable(low, high), optional
        Measures between two wavelengths (vacuum Angstrom).
    """

    def __init__(
        self,
        settings: Settings,
        view: ViewOptions,
        explain: Callable[[str], Any] = lambda label: None,
        measure: Callable[[float, float], Any] = lambda low, high: None,
    ) -> None:
        self._settings, self._state = settings, State(view=view)
        self._curves: spectrum_data.OpticalCurves | None = None
        self._legend_state: Any = None
        self.magnifier: Any = None
        self.x_range = Range1d(3690, 9110, bounds=(2000, 26000))
        self.x_range.reset_start, self.x_range.reset_end = 3690, 9110
        self.data = _source("x", "y", "e", "level")
        self.model = _source("x", "y", "level")
        self.predicted = _source("x", "y", "e", "level")
        self.continuum = _source("x", "y", "level")
        self.continuum.tags = ["sharp"]
        self.similar = _source("x", "y", "level")
        self.masks = _source("left", "right")
        self.window = _source("x0", "x1", "text")
        self.residual = _source("x", "y")
        self.beyond = _source("x", "y", "angle")
        self.figure = spectrum_figure(self.x_range, height=300, name="lamost-flux", y_label=LABELS[view.flux])
        self.figure.tags = [dict(LABELS)]
        self.strip = spectrum_figure(
            self.x_range, height=112, name="lamost-residual", x_label=axis_label(view), y_label="O − M (σ)"
        )
        self.strip.y_range.start, self.strip.y_range.end = -RESIDUAL, RESIDUAL
        self.strip.yaxis.ticker = FixedTicker(ticks=[-5, 0, 5])
        self.figure.xaxis.axis_label = axis_label(view)  # seen when the strip gives way to a message
        for fig in (self.figure, self.strip):
            count_wavelengths(fig, settings)
        self.message = ServiceMessage("lamost_lrs", ("lamost",), self.figure, self.strip)
        self.why = WhyOverlay(self.figure, explain)
        self.measured = MeasureOverlay(self.figure, settings, lambda: self._curves, measure)
        self.lines = LineMarks(self.figure, view)
        self._draw()
        self.panel = follow_options(
            settings, self.figure, self.strip, sources=[self.data, self.model, self.predicted, self.continuum, self.similar],
            data=self.data, fallback=self.predicted, option="zoom", ticks=self.lines.ticks, names=self.lines.names,
        )  # fmt: skip
        self.legend = html(self._legend(), css=option_controls.LEGEND, classes=["sv-grow"])
        self.header = html(spectrum_tools.header_controls(view), css=spectrum_tools.CSS)
        self.tools = html(
            spectrum_tools.tools_row(view, None),
            css=spectrum_tools.CSS,
            html_attributes={"data-sv-when": "tools", **({} if view.tools else {"data-sv-hidden": ""})},
        )
        self._read()
        self.figure.css_classes = ["sv-plot"]
        self._plot = column(self.figure, css=_PLOT)
        self.frame = PanelFrame(
            "LAMOST low resolution",
            "sv-lamost",
            controls=[self.why.control, self.header],
            sub=[self.legend],
            body=[self.tools, self.measured.row, self.why.row, self._plot, self.strip, self.message.root],
            enlarge="lamost",
        )

    def _draw(self) -> None:
        """Glyphs from the ground up: bands, model, data on top. Their names tell the browser which layer they are."""
        fig, strip = self.figure, self.strip
        tell = ColumnDataSource(
            dict(
                left=[b.start for b in TELLURIC_BANDS],
                right=[b.stop for b in TELLURIC_BANDS],
                text=[b.label.split(" ")[0] for b in TELLURIC_BANDS],
                x=[(b.start + b.stop) / 2 for b in TELLURIC_BANDS],
                y=[0.035] * len(TELLURIC_BANDS),
            )
        )
        band: dict[str, Any] = dict(y_range_name=MARKS, line_color=None)
        mark(
            fig, "quad", "left", "right", 1, 0, source=tell, fill_color=LIGHT["telluric"], level="underlay",
            name="sv-lines:telluric", **band,
        )  # fmt: skip
        labels(fig, tell, size=10, y_range=MARKS, role="quiet", text_baseline="bottom", name="sv-lines:telluric")
        band |= dict(source=self.masks, fill_color=LIGHT["masked"], name="sv-layer:masked")
        mark(fig, "quad", "left", "right", 1, 0, fill_alpha=0.13, **band)
        mark(fig, "quad", "left", "right", 0.035, 0, **band)
        self._window()
        predicted = Curve(self.predicted, self._settings)
        style: dict[str, Any] = dict(source=self.predicted, name="sv-layer:predicted")
        mark(fig, "varea", "x", predicted.low, predicted.high, fill_color=LIGHT["predicted"], fill_alpha=0.42, **style)
        self._line("predicted", self.predicted, "predicted", predicted.y, line_width=1.2, line_alpha=0.8)
        self._line("continuum", self.continuum, "continuum", line_dash=[5, 4], line_width=1.2)
        self._line("model", self.model, "reconstructed", line_width=2.8, line_alpha=0.72)
        self._line("similar", self.similar, "similar", line_width=1.4, line_alpha=0.9)
        observed = Curve(self.data, self._settings)
        style = dict(source=self.data, name="sv-layer:observed")
        mark(fig, "varea", "x", observed.low, observed.high, fill_color=LIGHT["observed"], fill_alpha=0.16, **style)
        self._line("observed", self.data, "observed", observed.y, line_width=0.75)
        sigma_zone(strip)
        mark(strip, "line", "x", "y", source=self.residual, line_color=LIGHT["reconstructed"], line_width=0.75)
        mark(
            strip, "scatter", "x", "y", source=self.beyond, marker="triangle", angle="angle", size=6,
            color=LIGHT["reconstructed"],
        )  # fmt: skip

    def _line(self, layer: str, source: ColumnDataSource, role: str, y: Any = None, **style: Any) -> None:
        y = Curve(source, self._settings).y if y is None else y
        mark(self.figure, "line", "x", y, source=source, line_color=LIGHT[role], name=f"sv-layer:{layer}", **style)

    def _window(self) -> None:
        """A line along the foot of the frame: what the model sees of the spectrum."""
        style: dict[str, Any] = dict(source=self.window, y_range_name=MARKS, name="sv-layer:window")
        mark(self.figure, "segment", "x0", 0.004, "x1", 0.004, line_color=LIGHT["reconstructed"], line_width=3, **style)
        labels(
            self.figure, self.window, size=10, y_range=MARKS, role="reconstructed", text_baseline="bottom",
            text_align="left", x="x0", y=0.012, x_offset=4, name="sv-layer:window",
        )  # fmt: skip

    def build_magnifier(self) -> None:
        """Made when it is first wanted, or before a page is saved: each model costs at every first view."""
        shown = self._state.view.magnifier
        self.magnifier = magnifier(self._settings, self.figure, self.data, self.model, shown=shown)
        self._plot.children = [self.figure, self.magnifier]

    def _read(self) -> None:
        """Values at the pointer, written into the legend's right end."""
        args = dict(settings=self._settings.model, data=self.data, model=self.model, pane=self.legend.model)
        code = "__specviz__.spectrum.readout(cb_obj, settings, {data, model, pane, decimals: 3, unit: 'A'})"
        for fig in (self.figure, self.strip):
            for event in ("mousemove", "mouseleave"):
                fig.js_on_event(event, CustomJS(args=args, code=code))

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        self.why.update(old, new)
        if new.star is not old.star or new.report is not old.report:
            self._draw_star(reset=new.star is not old.star)
        elif new.overlay is not old.overlay:
            self._draw_similar()
        if new.view is not old.view:
            self._choose(old.view, new.view)
        if new.view.magnifier and self.magnifier is None:
            self.build_magnifier()
        self.measured.update(old, new)
        self._write_legend()

    def _choose(self, old: ViewOptions, new: ViewOptions) -> None:
        """What a program chose; where the browser drew it already this changes nothing any more."""
        if new.zoom != old.zoom:
            start, end = new.zoom or (self.x_range.reset_start, self.x_range.reset_end)
            if abs(self.x_range.start - start) > 0.02 or abs(self.x_range.end - end) > 0.02:
                self.x_range.update(start=start, end=end)
        if (new.medium, new.unit, new.frame) != (old.medium, old.unit, old.frame):
            for fig in (self.figure, self.strip):
                fig.below[0].axis_label = axis_label(new)
        if new.flux != old.flux:
            self._name_flux()
            if self._curves is not None and new.zoom is None:
                self._fit(new)

    def _name_flux(self) -> None:
        alone = self._curves is not None and self._state.view.flux == "flux" and self._curves.label != LABELS["flux"]
        known = dict.fromkeys(LABELS, spectrum_data.NORMALISED) if alone else LABELS
        if self.figure.tags != [known]:  # what the browser writes when the switch is turned there
            self.figure.tags = [known]
        label = known[self._state.view.flux]
        if self.figure.yaxis[0].axis_label != label:
            self.figure.yaxis[0].axis_label = label

    def _fit(self, view: ViewOptions) -> None:
        limits = self._curves.y_range if self._curves is not None else (0.0, 1.0)
        if self._curves is not None and view.flux == "normalised" and self._curves.data["x"].size:
            limits = spectrum_data.y_limits(self._curves.data["y"] / self._curves.data["level"])
        elif self._curves is not None and self._curves.data["x"].size:
            limits = spectrum_data.y_limits(self._curves.data["y"])
        self.figure.y_range.update(start=limits[0], end=limits[1], reset_start=limits[0], reset_end=limits[1])

    def _draw_star(self, *, reset: bool) -> None:
        view = self._state.view
        curves = spectrum_data.optical_curves(
            self._state.star, self._state.report, normalised=view.flux == "normalised"
        )
        self._curves = curves
        predicted = curves is not None and bool(curves.predicted["x"].size)
        self.message.update(self._state, predicted=predicted)
        own = spectrum_data.own_velocity(self._state.star)
        if curves is None:
            for source in (
                self.data, self.model, self.predicted, self.continuum, self.masks, self.residual, self.beyond, self.window,
            ):  # fmt: skip
                source.data = dict.fromkeys(source.data, EMPTY)
            self.frame.fact("no optical spectrum for this star")
            self._draw_similar()
            return
        self._settings.tell({"rv": own, "optical": [float(v) for v in curves.wavelength[[0, -1]]]})
        if view.zoom is None:
            low, high = curves.y_range
            self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)
        if reset:
            lo, hi = curves.x_range
            self.x_range.update(reset_start=lo, reset_end=hi)
            if view.zoom is None:
                self.x_range.update(start=lo, end=hi)
            self.tools.object = spectrum_tools.tools_row(view, own)
        self.data.data = light(curves.data)
        self.model.data = light(curves.model)
        self.predicted.data = light(curves.predicted)
        self.continuum.data = light(curves.continuum)
        self.masks.data = curves.masks
        self._mark_window(curves.window)
        inside, beyond = spectrum_data.residual_columns(curves.residual, RESIDUAL)
        self.residual.data, self.beyond.data = light(inside), light(beyond)
        self.frame.fact(curves.fact)
        self._name_flux()
        self._draw_similar()

    def _mark_window(self, window: tuple[float, float] | None) -> None:
        if window is None:
            data: dict[str, Any] = dict(x0=[], x1=[], text=[])
        else:
            low, high = window
            data = dict(x0=[low], x1=[high], text=["seen by the model"])
        if list(self.window.data["x0"]) != data["x0"]:
            self.window.data = data

    def _draw_similar(self) -> None:
        curves = self._curves
        overlay = spectrum_data.similar_curve(self._state.overlay, curves) if curves is not None else None
        self.similar.data = light(overlay) if overlay is not None else dict.fromkeys(("x", "y", "level"), EMPTY)

    # ------------------------------------------------------------------ the legend
    def _legend(self) -> str:
        curves, view = self._curves, self._state.view
        star = self._state.star
        seen = star is None or spectrum_data.optical(star) is not None
        predicted = curves is not None and bool(curves.predicted["x"].size)
        lacks = "not received" if self.message.root.visible else "not available"
        chips = [
            option_controls.chip("observed", "Observed ± 1 σ" if seen else f"Observed: {lacks}", view, role="observed", mark="band", enabled=seen),
            option_controls.chip("model", "Reconstructed", view, role="reconstructed", width=3),
            option_controls.chip("predicted", "Predicted from XP" if predicted else "Predicted from XP: needs XP", view, role="predicted", mark="fill", enabled=predicted),
            option_controls.chip("continuum", "Continuum", view, role="continuum", mark="dash"),
            option_controls.chip("masked", "Masked", view, role="masked", mark="foot"),
        ]  # fmt: skip
        if self.similar.data["x"].size:
            chips.append(option_controls.chip("similar", "Similar star", view, role="similar"))
        note = curves.note if curves is not None else ""
        said = f'<span class="sv-note sv-quiet">{text(note)}</span>' if note else ""
        return f'<div class="sv-legend">{"".join(chips)}{said}<span class="sv-readout sv-quiet" aria-hidden="true"></span></div>'

    def _write_legend(self) -> None:
        # Only when it says something else: a switch that the browser has turned must not lose the focus.
        state = self._legend().replace('aria-pressed="true"', "").replace('aria-pressed="false"', "")
        if state != self._legend_state:
            self._legend_state = state
            self.legend.object = self._legend()


def _source(*names: str) -> ColumnDataSource:
    return ColumnDataSource(dict.fromkeys(names, EMPTY))
