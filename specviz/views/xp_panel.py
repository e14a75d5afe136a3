"""The Gaia XP panel: observed points with errors over the prediction from LAMOST with its band; residuals below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, CustomJSTickFormatter, FixedTicker, Range1d

from specviz.session.state import State
from specviz.views import spectrum_data
from specviz.views.controls import chip, icon_button, readout, spacer
from specviz.views.figures import MARKS, cursor_readout, labels, light, mark, sigma_zone, spectrum_figure
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame
from specviz.views.service_message import ServiceMessage

RESIDUAL = 3.5
EMPTY = np.empty(0)
FULL = (3250.0, 10350.0)  # Angstrom; the axis writes nm
_NM = "return (tick / 10).toFixed(0)"


class XpPanel:
    """Observed and predicted Gaia XP spectrum, on the same frame height as LAMOST. x in Angstrom, written as nm."""

    def __init__(self) -> None:
        self.x_range = Range1d(*FULL, bounds=(2500, 11500))
        self.x_range.reset_start, self.x_range.reset_end = FULL
        self.data = ColumnDataSource(dict.fromkeys(("x", "y", "e", "low", "high"), EMPTY))
        self.predicted = ColumnDataSource(dict.fromkeys(("x", "y", "low", "high"), EMPTY))
        self.residual = ColumnDataSource(dict.fromkeys(("x", "y"), EMPTY))
        self.window = ColumnDataSource(dict(x0=[3700.0], x1=[9100.0], y=[0.945]))
        self.figure = spectrum_figure(self.x_range, height=300, name="xp-flux", y_label="Flux (relative to 550 nm)")
        self.strip = spectrum_figure(
            self.x_range, height=112, name="xp-residual", x_label="Wavelength (nm)", y_label="O − M (σ)"
        )
        self.figure.xaxis.axis_label = "Wavelength (nm)"  # seen when the strip gives way to a message
        for fig in (self.figure, self.strip):
            fig.xaxis.formatter = CustomJSTickFormatter(code=_NM)
        self.strip.y_range.start, self.strip.y_range.end = -RESIDUAL, RESIDUAL
        self.strip.yaxis.ticker = FixedTicker(ticks=[-3, 0, 3])
        for fig in (self.figure, self.strip):
            fig.xaxis.ticker.desired_num_ticks = 6
        fig, strip = self.figure, self.strip
        self._bracket(fig)
        predicted = [
            mark(
                fig, "varea", "x", "low", "high", source=self.predicted, fill_color=LIGHT["predicted"], fill_alpha=0.28
            ),
            mark(
                fig,
                "line",
                "x",
                "y",
                source=self.predicted,
                line_color=LIGHT["predicted"],
                line_width=1.8,
                name="xp-predicted",
            ),
        ]
        observed = [
            mark(fig, "segment", "x", "low", "x", "high", source=self.data, line_color=LIGHT["observed"], line_width=1),
            mark(
                fig,
                "scatter",
                "x",
                "y",
                source=self.data,
                size=3.6,
                color=LIGHT["observed"],
                line_color=None,
                name="xp-observed",
            ),
        ]
        sigma_zone(strip)
        mark(strip, "line", "x", "y", source=self.residual, line_color=LIGHT["predicted"], line_width=1)
        self.chips = {
            "observed": chip("Observed ± 1 σ", observed, role="observed", mark="dot"),
            "predicted": chip("Predicted from LAMOST", predicted, role="predicted", mark="band"),
        }
        self._readout = readout()
        cursor_readout([fig, strip], self.data, self.predicted, self._readout, unit="nm", decimals=2)
        self.message = ServiceMessage("gaia_xp", ("gaia", "gaia_aip"), fig, strip)
        reset = CustomJS(args={"fig": fig}, code="fig.reset.emit()")
        self.frame = PanelFrame(
            "Gaia XP",
            "sv-xp",
            controls=[icon_button("Reset XP zoom", "reset", reset)],
            sub=[*self.chips.values(), spacer(), self._readout],
            body=[fig, strip, self.message.root],
        )

    def _bracket(self, fig: Any) -> None:
        """Mark the range of the LAMOST spectrum along the top."""
        w = self.window
        style = dict(source=w, y_range_name=MARKS, line_color=LIGHT["tick"], line_width=1)
        mark(fig, "segment", "x0", "y", "x1", "y", **style)
        for end in ("x0", "x1"):
            mark(
                fig,
                "scatter",
                end,
                "y",
                source=w,
                y_range_name=MARKS,
                marker="dash",
                angle=np.pi / 2,
                size=8,
                line_color=LIGHT["tick"],
            )
        text = ColumnDataSource(dict(x=[7600.0], y=[0.985], text=["LAMOST range"]))
        labels(fig, text, size=11, y_range=MARKS, role="quiet", background_fill_color=LIGHT["panel"], padding=2)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.star is old.star and new.report is old.report:
            return
        curves = spectrum_data.xp_curves(new.star, new.report)
        self.message.update(new, predicted=curves is not None and bool(curves.predicted["x"].size))
        if curves is None:
            for source in (self.data, self.predicted, self.residual):
                source.data = dict.fromkeys(source.data, EMPTY)
            self._chips(observed=False, predicted=False, kind="")
            self.frame.fact("")
            return
        self.figure.y_range.update(start=curves.y_range[0], end=curves.y_range[1])
        self.figure.y_range.update(reset_start=curves.y_range[0], reset_end=curves.y_range[1])
        label = f"Flux ({curves.unit})"
        if self.figure.yaxis.axis_label != label:
            self.figure.yaxis.axis_label = label
        if new.star is not old.star:
            self.x_range.update(start=FULL[0], end=FULL[1])
            star = spectrum_data.optical(new.star)
            if star is not None:
                self.window.data = dict(x0=[float(star.wavelength[0])], x1=[float(star.wavelength[-1])], y=[0.945])
        self.data.data, self.predicted.data = light(curves.data), light(curves.predicted)
        self.residual.data = dict(x=curves.residual["x"], y=np.clip(curves.residual["y"], -RESIDUAL, RESIDUAL))
        made = None if new.report is None else new.report.predictions.get("gaia_xp")
        self._chips(
            observed=bool(curves.data["x"].size),
            predicted=bool(curves.predicted["x"].size),
            kind="Predicted" if made is not None else "Reconstructed",
        )
        self.frame.fact(" · ".join(part for part in (curves.fact, curves.dust) if part))

    def _chips(self, *, observed: bool, predicted: bool, kind: str) -> None:
        seen, made = self.chips["observed"], self.chips["predicted"]
        lacks = "not received" if self.message.root.visible else "not available"
        seen.label = "Observed ± 1 σ" if observed else f"Observed: {lacks}"
        made.label = {"Predicted": "Predicted from LAMOST", "Reconstructed": "Reconstructed from XP"}.get(
            kind, "Predicted: needs a spectrum"
        )
        seen.disabled, made.disabled = not observed, not predicted
