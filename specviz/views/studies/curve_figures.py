"""The figures of a light curve: the curve, folded, its power spectrum and its autocorrelation."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from bokeh.models import (
    BoxZoomTool,
    ColumnDataSource,
    CustomJS,
    CustomJSTickFormatter,
    FixedTicker,
    LinearScale,
    LogAxis,
    LogTicker,
    PanTool,
    Range1d,
    ResetTool,
    Span,
    WheelZoomTool,
)
from bokeh.plotting import figure
from numpy.typing import NDArray

from specviz.views import formats
from specviz.views.controls import name_plot
from specviz.views.figures import LEFT, MARKS, dress, labels, light, mark, plain_figure, spectrum_figure
from specviz.views.palette import FONT, LIGHT

Array = NDArray[np.float64]
EMPTY: Array = np.empty(0)
HEIGHT = 210
MOST = 4000  # points of a curve; beyond, the lowest and the highest of each group are kept
BINS = 500  # groups of a power spectrum, in log frequency
DAY = 0.0864  # microhertz times days in one: 1 / d is 11.574 microhertz
_THOUSANDS = "return tick >= 1 ? tick.toFixed(0) : tick >= 0.1 ? tick.toFixed(1) : tick.toFixed(2)"


class CurveFigures:
    """Four frames that stand in the panel's grid.

    Attributes
    ----------
    curve, folded, power, acf : figure
    """

    def __init__(self) -> None:
        self.points, self.events = _source("x", "y"), _source("x")
        self.phases, self.means = _source("x", "y"), _source("x", "y")
        self.spectrum, self.smooth = _source("x", "y"), _source("x", "y")
        self.level, self.found = _source("x", "y"), _source("x", "y", "text")
        self.lags, self.peaks = _source("x", "y"), _source("x", "y", "text")
        self.curve = self._curve()
        self.folded = self._folded()
        self.power = self._power()
        self.acf = self._acf()

    # ------------------------------------------------------------------ building
    def _curve(self) -> figure:
        fig = spectrum_figure(
            Range1d(0, 1), height=HEIGHT, name="desa-curve", x_label="Time (d)", y_label="Flux − 1 (ppt)"
        )
        blue = LIGHT["reconstructed"]
        self.ticks = mark(fig, "segment", "x", 0.95, "x", 1.0, source=self.events, y_range_name=MARKS, line_color=blue, line_width=1.4, name="desa-eclipses")  # fmt: skip
        mark(fig, "scatter", "x", "y", source=self.points, size=2, color=LIGHT["observed"], line_color=None, name="desa-points")  # fmt: skip
        return fig

    def _folded(self) -> figure:
        fig = curve_frame("desa-folded", "Phase", "Flux − 1 (ppt)")
        mark(fig, "line", "x", "y", source=self.means, line_color=LIGHT["reconstructed"], line_width=5, line_alpha=0.5, name="desa-mean")  # fmt: skip
        mark(fig, "scatter", "x", "y", source=self.phases, size=1.6, fill_color=LIGHT["observed"], fill_alpha=0.5, line_color=None, name="desa-phases")  # fmt: skip
        return fig

    def _power(self) -> figure:
        fig = curve_frame("desa-power", "Frequency (μHz)", "Power (ppm² / μHz)", log=True)
        # Period above: the same axis read the other way.
        days = LogAxis(
            ticker=FixedTicker(ticks=[]),
            formatter=CustomJSTickFormatter(
                code="const d = 11.574074 / tick; return d >= 0.95 ? d.toFixed(0) + ' d' : (24 * d).toFixed(d < 0.08 ? 1 : 0) + ' h'"
            ),
        )
        fig.add_layout(days, "above")
        self.days = days
        days.axis_line_color = None
        days.major_tick_line_color, days.minor_tick_line_color = LIGHT["tick"], None
        days.major_tick_in, days.major_tick_out = 0, 4
        days.major_label_text_font, days.major_label_text_font_size = FONT, "11px"
        days.major_label_text_color, days.major_label_standoff = LIGHT["quiet"], 2
        mark(fig, "line", "x", "y", source=self.spectrum, line_color=LIGHT["observed"], line_width=0.6, name="desa-spectrum")  # fmt: skip
        mark(fig, "line", "x", "y", source=self.smooth, line_color=LIGHT["reconstructed"], line_width=2, name="desa-smooth")  # fmt: skip
        mark(fig, "line", "x", "y", source=self.level, line_color=LIGHT["continuum"], line_width=1.2, line_dash=[5, 4], name="desa-level")  # fmt: skip
        _marks(fig, self.found)
        return fig

    def _acf(self) -> figure:
        fig = curve_frame("desa-acf", "Lag (d)", "Autocorrelation")
        zero = Span(location=0, dimension="width", line_color=LIGHT["frame"], line_width=1, level="underlay")
        fig.add_layout(zero)
        mark(fig, "line", "x", "y", source=self.lags, line_color=LIGHT["observed"], line_width=1, name="desa-lags")
        _marks(fig, self.peaks)
        return fig

    # ------------------------------------------------------------------ drawing
    def show(self, answer: Any, fold: str) -> None:
        """Draw a measured light curve; nothing where there is none."""
        measured = None if answer is None else answer.measured
        if measured is None:
            for source in (self.points, self.events, self.phases, self.means, self.spectrum, self.smooth, self.level, self.found, self.lags, self.peaks):  # fmt: skip
                source.data = dict.fromkeys(source.data, EMPTY)
            return
        self._show_curve(measured)
        self.show_fold(answer, fold)
        self._show_power(measured)
        self._show_acf(measured)

    def _show_curve(self, measured: Any) -> None:
        curve = measured.curve
        x, y = decimated(curve.time, 1e3 * (curve.flux - 1.0))
        self.points.data = light(dict(x=x, y=y))
        dips = measured.eclipses
        events = EMPTY
        if dips is not None and dips.found:
            first = (dips.epoch - curve.start) % dips.period
            events = np.arange(first, curve.span, dips.period)
        self.events.data = light(dict(x=events))
        margin = 0.01 * curve.span
        set_ranges(self.curve, -margin, curve.span + margin, *limits(y, 0.02))
        self.curve.xaxis[0].axis_label = time_label(curve)
        found = f", {events.size} eclipses marked" if events.size else ""
        name_plot(self.curve, f"Light curve, {curve.time.size} points in {formats.number(curve.span, 1)} days{found}")

    def show_fold(self, answer: Any, why: str) -> None:
        """The curve folded for another reason."""
        one = next((f for f in answer.folds if f.why == why), answer.folds[0] if answer.folds else None)
        if one is None:
            self.phases.data = self.means.data = dict(x=EMPTY, y=EMPTY)
            return
        near = np.abs(one.phase) < _half(one)
        x, y = one.phase[near], 1e3 * (one.flux[near] - 1.0)
        step = max(1, x.size // MOST)
        self.phases.data = light(dict(x=x[::step], y=y[::step]))
        middle = np.abs(one.mean_phase) < _half(one)
        self.means.data = light(dict(x=one.mean_phase[middle], y=1e3 * (one.mean[middle] - 1.0)))
        set_ranges(self.folded, -_half(one), _half(one), *limits(y, 0.1))
        name_plot(self.folded, f"Light curve folded at {formats.number(one.period, 3)} days ({one.why})")

    def _show_power(self, measured: Any) -> None:
        power = measured.power
        x, y = _envelope(power.frequency, power.power)
        if not y.size or not y.max() > 0:
            self.spectrum.data = self.smooth.data = self.level.data = dict(x=EMPTY, y=EMPTY)
            self.found.data = dict(x=EMPTY, y=EMPTY, text=[])
            return
        floor = max(float(np.percentile(power.power, 5)), 1e-9 * float(y.max()))
        self.spectrum.data = light(dict(x=x, y=np.maximum(y, floor)))
        sx, sy = _means(power.frequency, power.power)
        self.smooth.data = light(dict(x=sx, y=np.maximum(sy, floor)))
        low, high = float(power.frequency[0]), float(power.frequency[-1])
        self.level.data = light(dict(x=[low, high], y=[power.level] * 2))
        found = []
        if measured.rotation.found:
            found.append((1.0 / (DAY * measured.rotation.period), "rotation"))
        if measured.oscillations.found:
            found.append((measured.oscillations.nu_max, "νmax"))
        self.found.data = dict(x=[f for f, _ in found], y=[0.98] * len(found), text=[t for _, t in found])
        set_ranges(self.power, low, high, floor, 6 * float(y.max()))
        days = [d for d in (100, 30, 10, 3, 1, 8 / 24, 2 / 24, 0.5 / 24, 0.1 / 24) if low < 1 / (DAY * d) < high]
        self.days.ticker.ticks = [1 / (DAY * d) for d in sorted(days, reverse=True)]
        said = f", highest peak at {formats.number(power.period, 2)} days" if np.isfinite(power.period) else ""
        hump = f", oscillations at {formats.number(measured.oscillations.nu_max)} μHz" if len(found) and found[-1][1] == "νmax" else ""  # fmt: skip
        name_plot(self.power, f"Power spectrum of the light curve{said}{hump}")

    def _show_acf(self, measured: Any) -> None:
        turning = measured.rotation
        step = max(1, turning.lag.size // 2000)
        self.lags.data = light(dict(x=turning.lag[::step], y=turning.acf[::step]))
        end = float(turning.lag[-1])
        if turning.found:
            end = min(end, max(6.0 * turning.period, 2.0))
        peaks = [float(p) for p in turning.peaks if p < end]
        text = [f"{formats.number(turning.period, 2)} d" if not i else "" for i in range(len(peaks))]
        self.peaks.data = dict(x=peaks, y=[0.98] * len(peaks), text=text)
        seen = turning.acf[turning.lag <= end]
        set_ranges(self.acf, 0.0, end, min(-0.3, 1.05 * float(seen.min())), 1.25)
        said = f"peak at {formats.number(turning.period, 2)} days" if turning.found else "no peak that stands out"
        name_plot(self.acf, f"Autocorrelation of the light curve to {formats.number(end, 1)} days, {said}")


def time_label(curve: Any) -> str:
    """Of the time axis, which begins at the curve's first point."""
    if curve.time_system == "BJD_TDB":
        return f"Time (BJD − {formats.number(curve.start, 2)}, d)"
    return f"Time (d since {formats.number(curve.start, 2)})"


def decimated(x: Array, y: Array, most: int = MOST) -> tuple[Array, Array]:
    """At most ``most`` points: the lowest and the highest of each group of neighbours, in their order."""
    if x.size <= most:
        return x, y
    group = int(np.ceil(2 * x.size / most))
    n = x.size // group
    rows = y[: n * group].reshape(n, group)
    start = np.arange(n) * group
    at = np.unique(np.concatenate([start + rows.argmin(axis=1), start + rows.argmax(axis=1)]))
    return x[at], y[at]


def _envelope(x: Array, y: Array) -> tuple[Array, Array]:
    """A line with the lowest and highest value of each group in log frequency."""
    if x.size <= 2 * BINS:
        return x, y
    edges = _edges(x)
    out_x, out_y = [], []
    for a, b in edges:
        low, high = sorted((a + int(y[a:b].argmin()), a + int(y[a:b].argmax())))
        out_x += [x[low], x[high]] if low != high else [x[low]]
        out_y += [y[low], y[high]] if low != high else [y[low]]
    return np.array(out_x), np.array(out_y)


def _means(x: Array, y: Array) -> tuple[Array, Array]:
    """Means in groups of log frequency, where they are wider than a resolution element."""
    edges = [(a, b) for a, b in _edges(x, 90) if b - a >= 5]
    return np.array([x[a:b].mean() for a, b in edges]), np.array([y[a:b].mean() for a, b in edges])


def _edges(x: Array, bins: int = BINS) -> list[tuple[int, int]]:
    marks = np.unique(np.searchsorted(x, np.geomspace(x[0], x[-1] * 1.0001, bins + 1)))
    return [(a, b) for a, b in pairwise(marks.tolist()) if b > a]


def _half(one: Any) -> float:
    """Largest phase shown: eclipses of hours are drawn wide."""
    if one.why != "eclipses":
        return 0.5
    return float(np.clip(0.6 / one.period, 0.05, 0.5))


def limits(y: Array, spare: float) -> tuple[float, float]:
    """Lowest and highest of nearly all values, with room."""
    if not y.size:
        return -1.0, 1.0
    low, high = np.percentile(y, (0.05, 99.9))
    room = 0.12 * max(float(high - low), 1e-3)
    return float(low - room), float(high + room + spare * (high - low))


def set_ranges(fig: figure, left: float, right: float, low: float, high: float) -> None:
    fig.x_range.update(start=left, end=right, reset_start=left, reset_end=right)
    fig.y_range.update(start=low, end=high, reset_start=low, reset_end=high)


def _source(*names: str) -> ColumnDataSource:
    return ColumnDataSource(dict.fromkeys(names, EMPTY))


def curve_frame(name: str, x_label: str, y_label: str, *, log: bool = False) -> figure:
    """A frame with zoom along x and a second y range for marks."""
    kind = dict(x_axis_type="log", y_axis_type="log") if log else {}
    start = dict(x_range=Range1d(0.1, 1), y_range=Range1d(0.1, 1)) if log else {}
    pan, wheel = PanTool(dimensions="width"), WheelZoomTool(dimensions="width", zoom_on_axis=True)
    tools = [pan, BoxZoomTool(), wheel, ResetTool()]
    fig = plain_figure(height=HEIGHT, name=name, tools=tools, min_border_left=LEFT - 9, **start, **kind)
    fig.toolbar.active_drag, fig.toolbar.active_scroll = pan, None
    fig.extra_y_ranges = {MARKS: Range1d(0, 1)}
    fig.extra_y_scales = {MARKS: LinearScale()}
    fig.xaxis.axis_label, fig.yaxis.axis_label = x_label, y_label
    dress(fig, ticks=(5, 5))
    if log:
        fig.xaxis[0].ticker, fig.yaxis[0].ticker = LogTicker(desired_num_ticks=4), LogTicker(desired_num_ticks=5)
        fig.xaxis[0].formatter = CustomJSTickFormatter(code=_THOUSANDS)
    fig.js_on_event("doubletap", CustomJS(args={"fig": fig}, code="fig.reset.emit()"))
    return fig


def _marks(fig: figure, source: ColumnDataSource) -> None:
    """Dashed lines over the height of a frame, with what they are beside their head."""
    blue: dict[str, Any] = dict(line_color=LIGHT["reconstructed"], line_width=1.4, line_dash=[4, 3])
    mark(fig, "segment", "x", 0, "x", 1, source=source, y_range_name=MARKS, name=f"{fig.name}-marks", **blue)
    labels(fig, source, size=11, y_range=MARKS, role="reconstructed", text_align="left", x_offset=4)
