"""The Gaia XP panel: observed points with errors over the prediction from LAMOST with its band; residuals below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, CustomJSTickFormatter, FixedTicker, Range1d

from specviz.session.state import State, ViewOptions
from specviz.views import option_controls, spectrum_data
from specviz.views.controls import html
from specviz.views.figures import MARKS, labels, light, mark, sigma_zone, spectrum_figure
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame
from specviz.views.service_message import ServiceMessage
from specviz.views.settings import Settings
from specviz.views.spectral_axis import Curve, follow_options

RESIDUAL = 3.5
EMPTY = np.empty(0)
FULL = (3250.0, 10350.0)  # Angstrom; the axis writes nm
_COUNT = "return settings.tags[0].unit === 'micron' ? (tick / 1e4).toFixed(2) : (tick / 10).toFixed(0)"


class XpPanel:
    """Observed and predicted Gaia XP spectrum, on the same frame height as LAMOST. x in Angstrom, written as nm."""

    def __init__(self, settings: Settings, view: ViewOptions) -> None:
        self._settings, self._state = settings, State(view=view)
        self._curves: spectrum_data.XpCurves | None = None
        self._kind, self._legend_state = "", ""
        self.x_range = Range1d(*FULL, bounds=(2500, 11500))
        self.x_range.reset_start, self.x_range.reset_end = FULL
        self.data = ColumnDataSource(dict.fromkeys(("x", "y", "e", "level"), EMPTY))
        self.data.tags = ["sharp"]
        self.predicted = ColumnDataSource(dict.fromkeys(("x", "y", "e", "level"), EMPTY), tags=["sharp"])
        self.residual = ColumnDataSource(dict.fromkeys(("x", "y"), EMPTY))
        self.window = ColumnDataSource(_bracket(3700.0, 9100.0))
        self.figure = spectrum_figure(self.x_range, height=300, name="xp-flux", y_label="Flux (relative to 550 nm)")
        self.strip = spectrum_figure(
            self.x_range, height=112, name="xp-residual", x_label=_label(view), y_label="O − M (σ)"
        )
        self.figure.xaxis.axis_label = _label(view)  # seen when the strip gives way to a message
        for fig in (self.figure, self.strip):
            fig.xaxis.formatter = CustomJSTickFormatter(args={"settings": settings.model}, code=_COUNT)
            fig.xaxis.ticker.desired_num_ticks = 6
        self.strip.y_range.start, self.strip.y_range.end = -RESIDUAL, RESIDUAL
        self.strip.yaxis.ticker = FixedTicker(ticks=[-3, 0, 3])
        fig, strip = self.figure, self.strip
        self._bracket(fig)
        made, seen = Curve(self.predicted, settings), Curve(self.data, settings)
        style: dict[str, Any] = dict(source=self.predicted, name="sv-layer:xp_predicted")
        mark(fig, "varea", "x", made.low, made.high, fill_color=LIGHT["predicted"], fill_alpha=0.28, **style)
        mark(fig, "line", "x", made.y, line_color=LIGHT["predicted"], line_width=1.8, **style)
        style = dict(source=self.data, name="sv-layer:xp_observed")
        mark(fig, "segment", "x", seen.low, "x", seen.high, line_color=LIGHT["observed"], line_width=1, **style)
        mark(fig, "scatter", "x", seen.y, size=3.6, color=LIGHT["observed"], line_color=None, **style)
        sigma_zone(strip)
        mark(strip, "line", "x", "y", source=self.residual, line_color=LIGHT["predicted"], line_width=1)
        follow_options(
            settings, fig, strip, sources=[self.data, self.predicted], data=self.data, fallback=self.predicted,
            option="xp_zoom",
        )  # fmt: skip
        self.message = ServiceMessage("gaia_xp", ("gaia", "gaia_aip"), fig, strip)
        self.legend = html(self._legend(), css=option_controls.LEGEND, classes=["sv-grow"])
        self._read()
        fig.css_classes = ["sv-tall"]
        self.frame = PanelFrame(
            "Gaia XP",
            "sv-xp",
            sub=[self.legend],
            body=[fig, strip, self.message.root],
            enlarge="xp",
            reset=option_controls.icon_button("Reset XP zoom", "reset", 'data-sv-reset="xp_zoom"'),
        )

    def _read(self) -> None:
        """Values at the pointer, written into the legend's right end."""
        args = dict(settings=self._settings.model, data=self.data, model=self.predicted, pane=self.legend.model)
        code = "__specviz__.spectrum.readout(cb_obj, settings, {data, model, pane, decimals: 2, unit: 'nm'})"
        for fig in (self.figure, self.strip):
            for event in ("mousemove", "mouseleave"):
                fig.js_on_event(event, CustomJS(args=args, code=code))

    def follow(self, optical: Range1d) -> None:
        """Mark the stretch of the optical panel that is in view, and show it too while the zoom is linked."""
        args = dict(settings=self._settings.model, bracket=self.window, optical=optical, own=self.x_range)
        script = CustomJS(args=args, code="__specviz__.spectrum.follow(settings, bracket, optical, own)")
        optical.js_on_change("start", script)
        optical.js_on_change("end", script)
        self._settings.on_change(script)

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
        labels(
            fig, w, size=11, y_range=MARKS, role="quiet", y="above", text_align="align", x_offset="dx",
            background_fill_color=LIGHT["panel"], padding=2,
        )  # fmt: skip

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        if new.star is not old.star or new.report is not old.report:
            self._draw(new, reset=new.star is not old.star)
        elif new.view.flux != old.view.flux:
            self._fit(new)
        if new.view.xp_zoom != old.view.xp_zoom:
            start, end = new.view.xp_zoom or FULL
            if abs(self.x_range.start - start) > 0.02 or abs(self.x_range.end - end) > 0.02:
                self.x_range.update(start=start, end=end)
        if new.view.unit != old.view.unit:
            for fig in (self.figure, self.strip):
                fig.below[0].axis_label = _label(new.view)
        legend = self._legend()
        state = legend.replace('aria-pressed="true"', "").replace('aria-pressed="false"', "")
        if state != self._legend_state:
            self._legend_state, self.legend.object = state, legend

    def _draw(self, new: State, *, reset: bool) -> None:
        curves = spectrum_data.xp_curves(new.star, new.report, normalised=new.view.flux == "normalised")
        self._curves = curves
        self.message.update(new, predicted=curves is not None and bool(curves.predicted["x"].size))
        if curves is None:
            for source in (self.data, self.predicted, self.residual):
                source.data = dict.fromkeys(source.data, EMPTY)
            self._kind = ""
            self.frame.fact("")
            return
        self._range(curves)
        if reset:
            if new.view.xp_zoom is None:
                self.x_range.update(start=FULL[0], end=FULL[1])
            star = spectrum_data.optical(new.star)
            if star is not None and new.view.zoom is None:
                self.window.data = _bracket(float(star.wavelength[0]), float(star.wavelength[-1]))
        self.data.data, self.predicted.data = light(curves.data), light(curves.predicted)
        self.residual.data = dict(x=curves.residual["x"], y=np.clip(curves.residual["y"], -RESIDUAL, RESIDUAL))
        made = None if new.report is None else new.report.predictions.get("gaia_xp")
        self._kind = "" if not curves.predicted["x"].size else "Predicted" if made is not None else "Reconstructed"
        self.frame.fact(" · ".join(part for part in (curves.fact, curves.dust) if part))

    def _fit(self, state: State) -> None:
        curves = spectrum_data.xp_curves(state.star, state.report, normalised=state.view.flux == "normalised")
        if curves is not None:
            self._range(curves)

    def _range(self, curves: spectrum_data.XpCurves) -> None:
        low, high = curves.y_range
        if self._state.view.xp_zoom is None:
            self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)
        label = f"Flux ({curves.unit})"
        known = {"flux": f"Flux ({curves.flux_unit})", "normalised": f"Flux ({spectrum_data.XP_NORMALISED})"}
        if self.figure.tags != [known]:
            self.figure.tags = [known]
        if self.figure.yaxis.axis_label != label:
            self.figure.yaxis.axis_label = label

    def _legend(self) -> str:
        view, curves = self._state.view, self._curves
        observed = curves is not None and bool(curves.data["x"].size)
        message = getattr(self, "message", None)
        lacks = "not received" if message is not None and message.root.visible else "not available"
        made = {"Predicted": "Predicted from LAMOST", "Reconstructed": "Reconstructed from XP"}
        chips = option_controls.chip(
            "xp_observed", "Observed ± 1 σ" if observed else f"Observed: {lacks}", view, role="observed", mark="dot",
            enabled=observed,
        ) + option_controls.chip(
            "xp_predicted", made.get(self._kind, "Predicted: needs a spectrum"), view, role="predicted", mark="band",
            enabled=bool(self._kind),
        )  # fmt: skip
        return f'<div class="sv-legend">{chips}<span class="sv-readout sv-quiet" aria-hidden="true"></span></div>'


def _bracket(start: float, end: float) -> dict[str, list[Any]]:
    """The range of the LAMOST spectrum with its name in the middle; the browser moves both with its zoom."""
    middle: dict[str, list[Any]] = dict(
        x=[(start + end) / 2], above=[0.985], text=["LAMOST range"], align=["center"], dx=[0]
    )
    return dict(x0=[start], x1=[end], y=[0.945], **middle)


def _label(view: ViewOptions) -> str:
    """XP is written in nm, its own unit, unless the person counts in microns."""
    return "Wavelength (µm)" if view.unit == "micron" else "Wavelength (nm)"
