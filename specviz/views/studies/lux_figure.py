"""``LuxFigure``: one survey's spectrum as observed and as Lux has it, with the error; the difference below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FixedTicker, Range1d
from numpy.typing import NDArray

from specviz.views import formats
from specviz.views.controls import chip, name_plot
from specviz.views.figures import cursor, light, mark, sigma_zone, spectrum_figure
from specviz.views.palette import LIGHT
from specviz.views.spectrum_data import residual_columns, y_limits

RESIDUAL = 5.0
_EMPTY: NDArray[np.float64] = np.empty(0)
_CURVE = ("x", "y", "low", "high")


class LuxFigure:
    """What Lux was given is rebuilt in blue, what it was not given is predicted in orange.

    Parameters
    ----------
    name : str
        Of the figures: ``NAME-flux`` and ``NAME-residual``.
    title : str
        Of the survey, for those who cannot see the plot.
    nm : bool
        The axis writes nm (its numbers are Angstrom) and the data are dots with error bars: Gaia XP.
    """

    def __init__(self, name: str, title: str, *, nm: bool = False) -> None:
        self._title, self._nm = title, nm
        full = (3250.0, 10350.0) if nm else (3690.0, 9110.0)
        self.x_range = Range1d(*full, bounds=(2000, 26000), reset_start=full[0], reset_end=full[1])
        self.data, self.rebuilt, self.predicted = (ColumnDataSource(dict.fromkeys(_CURVE, _EMPTY)) for _ in range(3))
        self.other, self.residual = (ColumnDataSource(dict(x=_EMPTY, y=_EMPTY)) for _ in range(2))
        self.beyond = ColumnDataSource(dict(x=_EMPTY, y=_EMPTY, angle=_EMPTY))
        label = "Flux (relative to 550 nm)" if nm else "Flux / continuum"
        self.figure = spectrum_figure(self.x_range, height=236, name=f"{name}-flux", y_label=label)
        self.strip = spectrum_figure(
            self.x_range, height=104, name=f"{name}-residual", y_label="O − M (σ)",
            x_label="Wavelength (nm)" if nm else "Vacuum wavelength, as observed (Å)",
        )  # fmt: skip
        self.strip.y_range.start, self.strip.y_range.end = -RESIDUAL, RESIDUAL
        self.strip.yaxis.ticker = FixedTicker(ticks=[-4, 0, 4])
        for each in (self.figure, self.strip):
            each.xaxis.ticker.desired_num_ticks = 6
            if nm:
                each.xaxis.formatter = CustomJSTickFormatter(code="return (tick / 10).toFixed(0)")
        self.chips = self._draw(name)
        cursor(self.figure, self.strip)

    def _draw(self, name: str) -> list[Any]:
        fig, strip, ink = self.figure, self.strip, LIGHT["observed"]
        made = []
        width = 1.6 if self._nm else 2.4
        for role, source in (("reconstructed", self.rebuilt), ("predicted", self.predicted)):
            colour = LIGHT[role]
            line: dict[str, Any] = dict(line_color=colour, line_width=width, line_alpha=0.8, name=f"{name}-{role}")
            made.append([
                mark(fig, "varea", "x", "low", "high", source=source, fill_color=colour, fill_alpha=0.28),
                mark(fig, "line", "x", "y", source=source, **line),
            ])  # fmt: skip
        dashed: dict[str, Any] = dict(line_color=LIGHT["similar"], line_width=1.6, line_dash=[5, 3])
        other = [mark(fig, "line", "x", "y", source=self.other, name=f"{name}-other", **dashed)]
        style: dict[str, Any] = dict(source=self.data, line_color=ink)
        if self._nm:
            dots: dict[str, Any] = dict(source=self.data, name=f"{name}-observed", size=3.2, color=ink)
            observed = [
                mark(fig, "segment", "x", "low", "x", "high", line_width=1, **style),
                mark(fig, "scatter", "x", "y", line_color=None, **dots),
            ]
        else:
            observed = [mark(fig, "line", "x", "y", line_width=0.75, name=f"{name}-observed", **style)]
        sigma_zone(strip)
        blue: dict[str, Any] = dict(line_color=LIGHT["reconstructed"])
        mark(strip, "line", "x", "y", source=self.residual, line_width=0.75, name=f"{name}-sigma", **blue)
        triangle: dict[str, Any] = dict(marker="triangle", angle="angle", size=6, color=LIGHT["reconstructed"])
        mark(strip, "scatter", "x", "y", source=self.beyond, line_color=None, **triangle)
        return [
            chip("Observed ± 1 σ" if self._nm else "Observed", observed, role="observed",
                 mark="dot" if self._nm else "line", width=1),
            chip("Rebuilt ± 1 σ", made[0], role="reconstructed", mark="band"),
            chip("Predicted ± 1 σ", made[1], role="predicted", mark="band"),
            *([chip("Other model", other, role="similar", mark="dash")] if self._nm else []),
        ]  # fmt: skip

    def draw(self, curve: Any, other: str) -> None:
        """Show one :class:`specviz.analysis.studies.lux.Curve`; None empties the frames."""
        if curve is None:
            for source in (self.data, self.rebuilt, self.predicted, self.other, self.residual, self.beyond):
                source.data = dict.fromkeys(source.data, _EMPTY)
            return
        x = np.asarray(curve.x)
        self.data.data = _band(x, curve.observed, curve.sigma, np.isfinite(curve.observed))
        # Single pixels that were masked are rebuilt with their neighbours: only where much is missing is it predicted.
        given = _widely(np.asarray(curve.used))
        self.rebuilt.data = _band(x, curve.model, curve.error, given)
        self.predicted.data = _band(x, curve.model, curve.error, ~given)
        self.other.data = light(dict(x=_EMPTY, y=_EMPTY) if curve.other is None else dict(x=x, y=curve.other))
        pull = (curve.observed - curve.model) / np.hypot(curve.sigma, np.nan_to_num(curve.error))
        seen = np.isfinite(pull)
        inside, beyond = residual_columns(dict(x=x[seen], y=pull[seen]), RESIDUAL)
        self.residual.data, self.beyond.data = light(inside), light(beyond)
        shown = np.concatenate([curve.observed, curve.model])
        low, high = y_limits(shown) if self._nm else _normalised_limits(shown)
        self.figure.y_range.update(start=low, end=high, reset_start=low, reset_end=high)
        start, end = float(x[0]) - 25.0, float(x[-1]) + 25.0
        self.x_range.update(start=start, end=end, reset_start=start, reset_end=end)
        self._legend(curve, given, other)
        name_plot(self.figure, self._sentence(curve))
        name_plot(self.strip, f"{self._title}: observed less Lux, in errors of both")

    def _legend(self, curve: Any, given: NDArray[np.bool_], other: str) -> None:
        there = [curve.seen, bool(given.any()), bool((~given).any()), curve.other is not None]
        names = [
            "Observed ± 1 σ" if self._nm else "Observed",
            "Rebuilt ± 1 σ",
            "Predicted ± 1 σ",
            other or "Other model",
        ]
        if not curve.seen:
            names[0] = "Observed: not available"
        for each, on, name in zip(self.chips, there, names, strict=False):
            each.update(label=name[:28], disabled=not on)

    def _sentence(self, curve: Any) -> str:
        what = "predicted" if curve.predicted else "rebuilt" if curve.used.all() else "rebuilt and filled in"
        off = f", {formats.number(curve.off, 1)} sigma rms from what was observed" if np.isfinite(curve.off) else ""
        return f"{self._title} spectrum {what} by Lux{off}"


def _band(x: Any, y: Any, error: Any, where: Any) -> dict[str, Any]:
    """Curve with one sigma on both sides, NaN where it is not drawn, so that no line crosses a gap."""
    shown = np.where(where, y, np.nan)
    size = np.nan_to_num(np.asarray(error, float))
    return light(dict(x=x, y=shown, low=shown - size, high=shown + size))


def _widely(used: NDArray[np.bool_], width: int = 101) -> NDArray[np.bool_]:
    """Whether something within ``width`` pixels on both sides, or most around, was given to Lux."""
    if not used.any():
        return np.zeros_like(used)
    share = np.convolve(used, np.ones(width), "same") / np.convolve(np.ones_like(used, float), np.ones(width), "same")
    return np.asarray(used | (share > 0.5))


def _normalised_limits(flux: NDArray[np.float64]) -> tuple[float, float]:
    """Of flux over continuum: its noise may be far above 1 where there is little light."""
    low, _ = y_limits(flux)
    return max(min(low, 0.6), -0.1), 1.3
