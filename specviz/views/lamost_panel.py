"""The LAMOST panel: observed flux with its error band and masks over the model's reconstruction, residuals below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.session.state import State, ViewOptions
from specviz.views import option_controls, spectrum_data, spectrum_tools
from specviz.views.controls import column, html
from specviz.views.figures import light
from specviz.views.formats import text
from specviz.views.magnifier import magnifier
from specviz.views.measure_overlay import MeasureOverlay
from specviz.views.optical_plot import EMPTY, OpticalPlot
from specviz.views.panel_frame import PanelFrame
from specviz.views.service_message import ServiceMessage
from specviz.views.settings import Settings
from specviz.views.why_overlay import WhyOverlay

#: The magnifier lies over the plot, which grows with the panel.
_PLOT = """
:host { position: relative; overflow: visible; } :host > .sv-plot { flex: 0 0 var(--sv-plot-height, 300px) !important; height: auto !important; }
"""


class LamostPanel(OpticalPlot):
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
        super().__init__(settings, view)
        self._legend_state: Any = None
        self.magnifier: Any = None
        self.message = ServiceMessage("lamost_lrs", ("lamost",), self.figure, self.strip)
        self.why = WhyOverlay(self.figure, explain)
        self.measured = MeasureOverlay(self.figure, settings, lambda: self._curves, measure)
        self.legend = html(self._legend(), css=option_controls.LEGEND, classes=["sv-grow"])
        self.header = html(spectrum_tools.header_controls(view), css=spectrum_tools.CSS)
        self.tools = html(
            spectrum_tools.tools_row(view, None),
            css=spectrum_tools.CSS,
            html_attributes={"data-sv-when": "tools", **({} if view.tools else {"data-sv-hidden": ""})},
        )
        self._read(self.legend)
        self.figure.css_classes = ["sv-plot"]
        self._plot = column(self.figure, css=_PLOT)
        self.frame = PanelFrame(
            "LAMOST low resolution",
            "sv-lamost",
            controls=[self.why.control, self.header],
            sub=[self.legend],
            body=[self.tools, self.measured.row, self.why.row, self._plot, self.strip, self.message.root],
            enlarge="lamost",
            reset=option_controls.icon_button("Reset LAMOST zoom", "reset", 'data-sv-reset="zoom"'),
        )

    def build_magnifier(self) -> None:
        """Made when it is first wanted, or before a page is saved: each model costs at every first view."""
        shown = self._state.view.magnifier
        self.magnifier = magnifier(self._settings, self.figure, self.data, self.model, shown=shown)
        self._plot.children = [self.figure, self.magnifier]

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
            self._clear()
            self.frame.fact("no optical spectrum for this star")
        else:
            self._draw_curves(curves, own, reset=reset)
            if reset:
                self.tools.object = spectrum_tools.tools_row(view, own)
            self.frame.fact(curves.fact)
        self._draw_similar()

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
