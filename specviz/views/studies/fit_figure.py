"""The plot of a fit: observed spectrum over the fitted one, the one of turned labels beside it, residuals below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, FixedTicker, Range1d
from numpy.typing import NDArray

from specviz.views import formats
from specviz.views.controls import chip, name_plot
from specviz.views.figures import MARKS, cursor, labels, light, mark, sigma_zone, spectrum_figure
from specviz.views.palette import LIGHT
from specviz.views.spectrum_data import mask_runs, residual_columns, y_limits

RESIDUAL = 6.0
_EMPTY: NDArray[np.float64] = np.empty(0)
#: y follows what is in view, as in the panels of the spectra; the settings are found by their name.
_FIT = """
const settings = fig.document?.get_model_by_name('sv-settings')
if (settings) __specviz__.spectrum.fit(settings, {fig, data, fallback: null, option: ''})
"""


class FitFigure:
    """Flux over the continuum of the fit, and (observed - model) / sigma.

    Attributes
    ----------
    figure, strip : figure
    x_range : Range1d
        Vacuum Angstrom, as observed.
    chips : list
        The legend, whose entries are switches.
    """

    def __init__(self) -> None:
        self.x_range = Range1d(3690, 9110, bounds=(2000, 26000), reset_start=3690, reset_end=9110)
        self.data = _source("x", "y", "low", "high")
        self.fit, self.turned = _source("x", "y"), _source("x", "y")
        self.masks, self.windows = _source("left", "right"), _source("left", "right", "x", "text")
        self.windows.add(_EMPTY, "y")
        self.residual, self.turned_residual = _source("x", "y"), _source("x", "y")
        self.beyond = _source("x", "y", "angle")
        self.figure = fig = spectrum_figure(
            self.x_range, height=300, name="fit-flux", y_label="Flux / fitted continuum", x_label=""
        )
        self.strip = strip = spectrum_figure(
            self.x_range, height=112, name="fit-residual", x_label="Vacuum wavelength (Å)", y_label="O − M (σ)"
        )
        strip.y_range.start, strip.y_range.end = -RESIDUAL, RESIDUAL
        strip.yaxis.ticker = FixedTicker(ticks=[-5, 0, 5])
        self.chips = self._draw()
        cursor(fig, strip)
        script = CustomJS(args=dict(fig=fig, data=self.data), code=_FIT)
        self.x_range.js_on_change("start", script)
        self.x_range.js_on_change("end", script)

    def _draw(self) -> list[Any]:
        """From the ground up: bands, the fit, the turned model, data on top."""
        fig, strip = self.figure, self.strip
        band: dict[str, Any] = dict(source=self.masks, y_range_name=MARKS, fill_color=LIGHT["masked"], line_color=None)
        masks = [
            mark(fig, "quad", "left", "right", 1, 0, fill_alpha=0.13, **band),
            mark(fig, "quad", "left", "right", 0.035, 0, **band),
        ]
        named: dict[str, Any] = dict(source=self.windows, y_range_name=MARKS)
        mark(fig, "quad", "left", "right", 1, 0.9, fill_color=LIGHT["selected"], line_color=None, **named)
        labels(fig, self.windows, size=11, y_range=MARKS, level="overlay")
        style: dict[str, Any] = dict(line_color=LIGHT["reconstructed"])
        fit = [mark(fig, "line", "x", "y", source=self.fit, name="fit-model", line_width=2.8, line_alpha=0.72, **style)]
        fit.append(mark(strip, "line", "x", "y", source=self.residual, name="fit-sigma", line_width=0.75, **style))
        fit.append(
            mark(
                strip, "scatter", "x", "y", source=self.beyond, marker="triangle", angle="angle", size=6,
                fill_color=LIGHT["reconstructed"], line_color=None,
            )
        )  # fmt: skip
        orange: dict[str, Any] = dict(line_color=LIGHT["predicted"])
        turned = [mark(fig, "line", "x", "y", source=self.turned, name="fit-turned", line_width=1.6, **orange)]
        turned.append(mark(strip, "line", "x", "y", source=self.turned_residual, line_width=0.75, **orange))
        ink, source = LIGHT["observed"], self.data
        observed = [
            mark(fig, "varea", "x", "low", "high", source=source, fill_color=ink, fill_alpha=0.16),
            mark(fig, "line", "x", "y", source=source, name="fit-observed", line_color=ink, line_width=0.75),
        ]
        sigma_zone(strip)
        return [
            chip("Observed ± 1 σ", observed, role="observed", mark="band"),
            chip("Fit", fit, role="reconstructed", width=3),
            chip("Turned by hand", turned, role="predicted"),
            chip("Not fitted", masks, role="masked", mark="foot"),
        ]

    def show_fit(self, fitted: Any, zoom: tuple[float, float] | None) -> None:
        """Another star's fit; None takes it away."""
        if fitted is None:
            for source in (self.data, self.fit, self.masks, self.residual, self.beyond):
                source.data = dict.fromkeys(source.data, _EMPTY)
            return
        wave = fitted.wave
        flux = np.where(fitted.seen, fitted.flux, np.nan)
        error = np.where(fitted.used, fitted.error, np.nan)
        self.data.data = light(dict(x=wave, y=flux, low=flux - error, high=flux + error))
        self.fit.data = light(dict(x=wave, y=fitted.model))
        self.masks.data = mask_runs(wave, ~fitted.used)
        inside, beyond = residual_columns(_residual(fitted, fitted.model), RESIDUAL)
        self.residual.data, self.beyond.data = light(inside), light(beyond)
        low, high = y_limits(np.where(fitted.used, fitted.flux, np.nan))
        self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)
        margin = 0.004 * float(wave[-1] - wave[0])
        start, end = float(wave[0]) - margin, float(wave[-1]) + margin
        self.x_range.update(reset_start=start, reset_end=end)
        self.show_range(zoom)
        name_plot(self.figure, sentence(fitted))

    def show_turned(self, fitted: Any, turned: Any) -> None:
        """The spectrum of the labels turned by hand; None takes it away."""
        if turned is None:
            empty = dict(x=_EMPTY, y=_EMPTY)
            if self.turned.data["x"].size:
                self.turned.data, self.turned_residual.data = dict(empty), dict(empty)
            return
        self.turned.data = light(dict(x=fitted.wave, y=turned.model))
        self.turned_residual.data = light(residual_columns(_residual(fitted, turned.model), RESIDUAL)[0])

    def show_windows(self, windows: Any) -> None:
        """Where the chosen label speaks, along the top of the frame."""
        left, right = [w.low for w in windows], [w.high for w in windows]
        middle = [(w.low + w.high) / 2 for w in windows]
        columns = dict(left=left, right=right, x=middle, text=_apart(windows), y=[0.985] * len(left))
        if {k: list(v) for k, v in self.windows.data.items()} != columns:
            self.windows.data = columns

    def show_range(self, zoom: tuple[float, float] | None) -> None:
        """A stretch (vacuum Angstrom), None for all of it."""
        start, end = zoom or (self.x_range.reset_start, self.x_range.reset_end)
        if (start, end) != (self.x_range.start, self.x_range.end):
            self.x_range.update(start=start, end=end)


def sentence(fitted: Any) -> str:
    """What the plot shows, for who does not see it."""
    wave = fitted.wave[fitted.used]
    residual = _residual(fitted, fitted.model)
    at = int(np.nanargmax(np.abs(residual["y"])))
    return (
        f"Observed spectrum and fit, {formats.number(wave[0])} to {formats.number(wave[-1])} Å, largest difference "
        f"{formats.number(residual['y'][at], 1)} σ at {formats.number(residual['x'][at])} Å"
    )


def _apart(windows: Any, nearest: float = 500.0) -> list[str]:
    """Names of windows; of two that would touch in the whole spectrum the weaker has none, as one without a line has."""
    kept: list[float] = []
    out = []
    for window in windows:  # strongest first
        middle = (window.low + window.high) / 2
        free = bool(window.lines) and not window.name.startswith("in ") and all(abs(middle - k) > nearest for k in kept)
        out.append(window.name if free else "")
        if free:
            kept.append(middle)
    return out


def _residual(fitted: Any, model: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """(observed - model) / sigma; NaN where nothing was fitted, so that no line crosses a gap."""
    return dict(x=fitted.wave, y=np.where(fitted.used, (fitted.flux - model) / fitted.error, np.nan))


def _source(*names: str) -> ColumnDataSource:
    return ColumnDataSource(dict.fromkeys(names, _EMPTY))
