"""The LAMOST panel: observed flux with its error band and masks over the model's reconstruction, residuals below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, Range1d
from numpy.typing import NDArray

from specviz.session.state import State
from specviz.spectra.lines import TELLURIC_BANDS
from specviz.views import spectrum_data
from specviz.views.controls import chip, html, icon_button, readout, segmented, show, spacer
from specviz.views.figures import MARKS, cursor_readout, labels, light, mark, sigma_zone, spectrum_figure
from specviz.views.line_marks import LineMarks
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame
from specviz.views.service_message import ServiceMessage
from specviz.views.why_overlay import WhyOverlay

RESIDUAL = 6.0  # sigma, fixed scale of the residual strip
EMPTY: NDArray[np.float64] = np.empty(0)


class LamostPanel:
    """Flux or continuum-normalised flux of a LAMOST-like spectrum (LAMOST, SDSS, any optical spectrum in Angstrom).

    The range is the instrument's; what the model saw (its window) is where the reconstruction is drawn.

    Parameters
    ----------
    explain : callable(label), optional
        Asks why the star has this value of a label.
    """

    def __init__(self, explain: Callable[[str], Any] = lambda label: None) -> None:
        self._state = State()
        self._normalised = False
        self._curves: spectrum_data.OpticalCurves | None = None
        self.x_range = Range1d(3690, 9110, bounds=(2000, 26000))
        self.x_range.reset_start, self.x_range.reset_end = 3690, 9110
        self.data = ColumnDataSource(dict.fromkeys(("x", "y", "e", "low", "high"), EMPTY))
        self.model = ColumnDataSource(dict.fromkeys(("x", "y"), EMPTY))
        self.predicted = ColumnDataSource(dict.fromkeys(("x", "y", "low", "high"), EMPTY))
        self.continuum = ColumnDataSource(dict.fromkeys(("x", "y"), EMPTY))
        self.similar = ColumnDataSource(dict.fromkeys(("x", "y"), EMPTY))
        self.masks = ColumnDataSource(dict.fromkeys(("left", "right"), EMPTY))
        self.residual = ColumnDataSource(dict.fromkeys(("x", "y"), EMPTY))
        self.beyond = ColumnDataSource(dict(x=EMPTY, y=EMPTY, angle=EMPTY))
        self.figure = spectrum_figure(self.x_range, height=300, name="lamost-flux", y_label="Flux (relative)")
        self.strip = spectrum_figure(
            self.x_range, height=112, name="lamost-residual", x_label="Vacuum wavelength (Å)", y_label="O − M (σ)"
        )
        self.strip.y_range.start, self.strip.y_range.end = -RESIDUAL, RESIDUAL
        self.strip.yaxis.ticker = FixedTicker(ticks=[-5, 0, 5])
        self.figure.xaxis.axis_label = "Vacuum wavelength (Å)"  # seen when the strip gives way to a message
        self.message = ServiceMessage("lamost_lrs", ("lamost",), self.figure, self.strip)
        self.why = WhyOverlay(self.figure, explain)
        chips = self._draw()
        self._readout = readout()
        cursor_readout([self.figure, self.strip], self.data, self.model, self._readout, unit="A", decimals=3)
        reset = CustomJS(args={"fig": self.figure}, code="fig.reset.emit()")
        self.switch = segmented(["Flux", "Normalised"], 0, self._set_normalised)
        self._note = html("", classes=["sv-note"])
        self.frame = PanelFrame(
            "LAMOST low resolution",
            "sv-lamost",
            controls=[
                self.why.control,
                self.switch,
                self.lines.control,
                icon_button("Reset LAMOST zoom", "reset", reset),
            ],
            sub=[*chips, self._note, spacer(), self._readout],
            body=[self.why.row, self.figure, self.strip, self.message.root],
            note_css="@container (max-width: 699px) { :host { flex-wrap: wrap !important; } }",
        )

    def _draw(self) -> list[Any]:
        """Glyphs from the ground up: bands, model, data on top. Gives the legend chips."""
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
        mark(
            fig,
            "quad",
            "left",
            "right",
            1,
            0,
            source=tell,
            y_range_name=MARKS,
            fill_color=LIGHT["telluric"],
            line_color=None,
            level="underlay",
        )
        labels(fig, tell, size=10, y_range=MARKS, role="quiet", text_baseline="bottom")
        band = dict(
            left="left",
            right="right",
            bottom=0,
            source=self.masks,
            y_range_name=MARKS,
            fill_color=LIGHT["masked"],
            line_color=None,
        )
        masks = [mark(fig, "quad", top=1, fill_alpha=0.13, **band), mark(fig, "quad", top=0.035, **band)]
        predicted = [
            mark(
                fig, "varea", "x", "low", "high", source=self.predicted, fill_color=LIGHT["predicted"], fill_alpha=0.42
            ),
            mark(
                fig,
                "line",
                "x",
                "y",
                source=self.predicted,
                line_color=LIGHT["predicted"],
                line_width=1.2,
                line_alpha=0.8,
            ),
        ]
        cont = [
            mark(
                fig,
                "line",
                "x",
                "y",
                source=self.continuum,
                line_color=LIGHT["continuum"],
                line_dash=[5, 4],
                line_width=1.2,
            )
        ]
        model = [
            mark(
                fig,
                "line",
                "x",
                "y",
                source=self.model,
                line_color=LIGHT["reconstructed"],
                line_width=2.8,
                line_alpha=0.72,
            )
        ]
        similar = [
            mark(
                fig, "line", "x", "y", source=self.similar, line_color=LIGHT["similar"], line_width=1.4, line_alpha=0.9
            )
        ]
        observed = [
            mark(fig, "varea", "x", "low", "high", source=self.data, fill_color=LIGHT["observed"], fill_alpha=0.16),
            mark(
                fig,
                "line",
                "x",
                "y",
                source=self.data,
                line_color=LIGHT["observed"],
                line_width=0.75,
                name="lamost-observed",
            ),
        ]
        self.lines = LineMarks(fig)
        sigma_zone(strip)
        mark(strip, "line", "x", "y", source=self.residual, line_color=LIGHT["reconstructed"], line_width=0.75)
        mark(
            strip,
            "scatter",
            "x",
            "y",
            source=self.beyond,
            marker="triangle",
            angle="angle",
            size=6,
            color=LIGHT["reconstructed"],
        )
        self.chips = {
            "observed": chip("Observed ± 1 σ", observed, role="observed", mark="band"),
            "model": chip("Reconstructed", model, role="reconstructed", width=3),
            "predicted": chip("Predicted from XP", predicted, role="predicted", mark="fill"),
            "continuum": chip("Continuum", cont, role="continuum", mark="dash"),
            "masked": chip("Masked", masks, role="masked", mark="foot"),
            "similar": chip("Similar star", similar, role="similar"),
        }
        show(self.chips["similar"], False)
        return list(self.chips.values())

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        self.why.update(old, new)
        if new.star is not old.star or new.report is not old.report:
            self._draw_star(reset=new.star is not old.star)
        elif new.neighbour_star is not old.neighbour_star:
            self._draw_similar()

    def _set_normalised(self, active: int) -> None:
        self._normalised = bool(active)
        if self._state.star is not None:
            self._draw_star(reset=False)

    def _draw_star(self, *, reset: bool) -> None:
        curves = spectrum_data.optical_curves(self._state.star, self._state.report, normalised=self._normalised)
        self._curves = curves
        predicted = curves is not None and bool(curves.predicted["x"].size)
        self.message.update(self._state, predicted=predicted)
        observed = spectrum_data.optical(self._state.star) is not None
        self._chips(observed=observed or self._state.star is None, predicted=predicted)
        if curves is None:
            for source in (
                self.data,
                self.model,
                self.predicted,
                self.continuum,
                self.masks,
                self.residual,
                self.beyond,
            ):
                source.data = dict.fromkeys(source.data, EMPTY)
            self.frame.fact("no optical spectrum for this star")
            self._draw_similar()
            return
        self.figure.y_range.update(start=curves.y_range[0], end=curves.y_range[1])
        self.figure.y_range.update(reset_start=curves.y_range[0], reset_end=curves.y_range[1])
        if reset:
            lo, hi = curves.x_range
            self.x_range.update(reset_start=lo, reset_end=hi, start=lo, end=hi)
        self.data.data = light(curves.data)
        self.model.data = light(curves.model)
        self.predicted.data = light(curves.predicted)
        self.continuum.data = light(curves.continuum)
        self.masks.data = curves.masks
        inside, beyond = spectrum_data.residual_columns(curves.residual, RESIDUAL)
        self.residual.data, self.beyond.data = light(inside), light(beyond)
        self.frame.fact(curves.fact)
        if self.figure.yaxis[0].axis_label != curves.label:
            self.figure.yaxis[0].axis_label = curves.label
        self._note.object = f'<span class="sv-quiet" style="font-size:12px">{curves.note}</span>' if curves.note else ""
        self._draw_similar()

    def _chips(self, *, observed: bool, predicted: bool) -> None:
        seen, made = self.chips["observed"], self.chips["predicted"]
        lacks = "not received" if self.message.root.visible else "not available"
        seen.label = "Observed ± 1 σ" if observed else f"Observed: {lacks}"
        made.label = "Predicted from XP" if predicted else "Predicted from XP: needs XP"
        seen.disabled, made.disabled = not observed, not predicted

    def _draw_similar(self) -> None:
        curves = self._curves
        overlay = spectrum_data.similar_curve(self._state.neighbour_star, curves) if curves is not None else None
        show(self.chips["similar"], overlay is not None)
        self.similar.data = light(overlay) if overlay is not None else {"x": EMPTY, "y": EMPTY}
