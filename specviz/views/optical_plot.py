"""The frame of an optical spectrum with its residual strip: what the Explorer's panel and the vetting screen share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, Range1d
from numpy.typing import NDArray

from specviz.session.state import State, ViewOptions
from specviz.spectra.lines import TELLURIC_BANDS
from specviz.views import spectrum_data
from specviz.views.controls import Html
from specviz.views.figures import MARKS, labels, light, mark, sigma_zone, spectrum_figure
from specviz.views.line_marks import LineMarks
from specviz.views.palette import LIGHT
from specviz.views.settings import Settings
from specviz.views.spectral_axis import Curve, axis_label, count_wavelengths, follow_options

RESIDUAL = 6.0  # sigma, fixed scale of the residual strip
EMPTY: NDArray[np.float64] = np.empty(0)
LABELS = {"flux": "Flux (relative)", "normalised": spectrum_data.NORMALISED}
#: Curves from the ground up, with the columns that each needs.
LAYERS = ("predicted", "continuum", "model", "similar", "observed")


class OpticalPlot:
    """Flux (or flux over its continuum) with masks and line marks above, (observed - model) / sigma below.

    Parameters
    ----------
    settings : Settings
    view : ViewOptions
        What is shown at first.
    layers : sequence of str
        Which curves can be drawn, from :data:`LAYERS`: each costs a few models at every first view.
    window : bool
        Mark along the foot what the model saw.
    height, strip_height : int
        Pixels.
    """

    def __init__(
        self,
        settings: Settings,
        view: ViewOptions,
        *,
        layers: Sequence[str] = LAYERS,
        window: bool = True,
        height: int = 300,
        strip_height: int = 112,
    ) -> None:
        self._settings, self._state = settings, State(view=view)
        self._layers = tuple(layers)
        self._curves: spectrum_data.OpticalCurves | None = None
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
        self.figure = spectrum_figure(self.x_range, height=height, name="lamost-flux", y_label=LABELS[view.flux])
        self.figure.tags = [dict(LABELS)]
        self.strip = spectrum_figure(
            self.x_range, height=strip_height, name="lamost-residual", x_label=axis_label(view), y_label="O − M (σ)"
        )
        self.strip.y_range.start, self.strip.y_range.end = -RESIDUAL, RESIDUAL
        self.strip.yaxis.ticker = FixedTicker(ticks=[-5, 0, 5])
        self.figure.xaxis.axis_label = axis_label(view)  # seen when the strip gives way to a message
        for fig in (self.figure, self.strip):
            count_wavelengths(fig, settings)
        self._draw(window)
        self.lines = LineMarks(self.figure, view)
        drawn = dict(zip(LAYERS, (self.predicted, self.continuum, self.model, self.similar, self.data), strict=True))
        self.panel = follow_options(
            settings, self.figure, self.strip, sources=[drawn[name] for name in self._layers], data=self.data,
            fallback=self.predicted if "predicted" in self._layers else self.model, option="zoom",
            ticks=self.lines.ticks, names=self.lines.names,
        )  # fmt: skip

    def _draw(self, window: bool) -> None:
        """Glyphs from the ground up: bands, model, data on top. Their names tell the browser which layer they are."""
        fig, strip = self.figure, self.strip
        tell = ColumnDataSource(
            dict(
                left=[b.start for b in TELLURIC_BANDS],
                right=[b.stop for b in TELLURIC_BANDS],
                text=[b.label.split(" ")[0] for b in TELLURIC_BANDS],
                label=[b.label.split(" ")[0] for b in TELLURIC_BANDS],
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
        if window:
            self._window()
        if "predicted" in self._layers:
            predicted = Curve(self.predicted, self._settings)
            style: dict[str, Any] = dict(source=self.predicted, name="sv-layer:predicted")
            mark(
                fig, "varea", "x", predicted.low, predicted.high, fill_color=LIGHT["predicted"], fill_alpha=0.42,
                **style,
            )  # fmt: skip
            self._line("predicted", self.predicted, "predicted", predicted.y, line_width=1.2, line_alpha=0.8)
        if "continuum" in self._layers:
            self._line("continuum", self.continuum, "continuum", line_dash=[5, 4], line_width=1.2)
        self._line("model", self.model, "reconstructed", line_width=2.8, line_alpha=0.72)
        if "similar" in self._layers:
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
            text_align="left", x="x0", y=0.04, x_offset=4, name="sv-layer:window",
        )  # fmt: skip

    def _read(self, legend: Html) -> None:
        """Values at the pointer, written into the legend's right end."""
        args = dict(settings=self._settings.model, data=self.data, model=self.model, pane=legend.model)
        code = "__specviz__.spectrum.readout(cb_obj, settings, {data, model, pane, decimals: 3, unit: 'A'})"
        for fig in (self.figure, self.strip):
            for event in ("mousemove", "mouseleave"):
                fig.js_on_event(event, CustomJS(args=args, code=code))

    # ------------------------------------------------------------------ drawing a state
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
        curves = self._curves
        known = dict(LABELS if curves is None else {"flux": curves.flux_label, "normalised": curves.normal_label})
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

    def _clear(self) -> None:
        """Nothing to show: no old curve stays under a new name."""
        for source in (
            self.data, self.model, self.predicted, self.continuum, self.masks, self.residual, self.beyond, self.window,
        ):  # fmt: skip
            source.data = dict.fromkeys(source.data, EMPTY)

    def _draw_curves(self, curves: spectrum_data.OpticalCurves, own: float | None, *, reset: bool) -> None:
        """Into the sources; ``own`` is the velocity (km/s) that came with the spectrum, ``reset``: it is another star."""
        view = self._state.view
        self._curves = curves
        self._settings.tell({"rv": own, "optical": [float(v) for v in curves.wavelength[[0, -1]]]})
        if view.zoom is None:
            low, high = curves.y_range
            self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)
        if reset:
            lo, hi = curves.x_range
            self.x_range.update(reset_start=lo, reset_end=hi)
            if view.zoom is None:
                self.x_range.update(start=lo, end=hi)
        self.data.data = light(curves.data)
        self.model.data = light(curves.model)
        if "predicted" in self._layers:
            self.predicted.data = light(curves.predicted)
        if "continuum" in self._layers:
            self.continuum.data = light(curves.continuum)
        self.masks.data = curves.masks
        self._mark_window(curves.window)
        inside, beyond = spectrum_data.residual_columns(curves.residual, RESIDUAL)
        self.residual.data, self.beyond.data = light(inside), light(beyond)
        self._name_flux()

    def _mark_window(self, window: tuple[float, float] | None) -> None:
        if window is None:
            data: dict[str, Any] = dict(x0=[], x1=[], text=[])
        else:
            low, high = window
            data = dict(x0=[low], x1=[high], text=["seen by the model"])
        if list(self.window.data["x0"]) != data["x0"]:
            self.window.data = data


def _source(*names: str) -> ColumnDataSource:
    return ColumnDataSource(dict.fromkeys(names, EMPTY))
