"""The two spectrum panels of the comparison: both stars in one frame, their difference in standard errors below."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, CustomJS, CustomJSTickFormatter, FixedTicker, Range1d

from specviz.session.pairing import Pair
from specviz.views import formats
from specviz.views.controls import chip, html, icon_button, spacer
from specviz.views.figures import light, mark, sigma_zone, spectrum_figure
from specviz.views.formats import text
from specviz.views.pair_curves import EMPTY, PairCurves
from specviz.views.pair_lines import strongest_lines
from specviz.views.palette import LIGHT
from specviz.views.panel_frame import PanelFrame
from specviz.views.spectrum_data import residual_columns

#: Role and line width of the first and the second star.
STYLES = (("observed", 0.9), ("similar", 1.4))
#: Ranges of the strip with the value of its outer ticks: two stars may differ by far more than their errors.
SCALES = ((6.0, 5.0), (12.0, 10.0), (25.0, 20.0), (60.0, 50.0), (120.0, 100.0), (250.0, 200.0), (600.0, 500.0))
_COLUMNS = ("x", "y", "low", "high")


class PairPanel:
    """One frame with two spectra, the first star's on top, and the strip of their difference.

    Parameters
    ----------
    title, klass : str
        Of the panel; ``klass`` places it in the grid.
    name : str
        Prefix of the names of its figures and glyphs.
    nm : bool
        The axis writes nm (its numbers are Angstrom).
    points : bool
        Dots with error bars rather than a line.
    controls : sequence
        Before the reset button.
    lines : bool
        Marks of the strongest lines.
    """

    def __init__(
        self,
        title: str,
        klass: str,
        name: str,
        *,
        nm: bool = False,
        points: bool = False,
        controls: Any = (),
        lines: bool = False,
    ) -> None:
        self._what = title
        full = (3250.0, 10350.0) if nm else (3690.0, 9110.0)
        self.x_range = Range1d(*full, bounds=(2000, 26000), reset_start=full[0], reset_end=full[1])
        self.curves = [ColumnDataSource(dict.fromkeys(_COLUMNS, EMPTY)) for _ in STYLES]
        self.difference = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.beyond = ColumnDataSource(dict(x=EMPTY, y=EMPTY, angle=EMPTY))
        x_label = "Wavelength (nm)" if nm else "Vacuum wavelength (Å)"
        self.figure = fig = spectrum_figure(self.x_range, height=300, name=f"{name}-flux", y_label="Flux")
        self.strip = strip = spectrum_figure(
            self.x_range, height=112, name=f"{name}-difference", x_label=x_label, y_label="1 − 2 (σ)"
        )
        self._scale(SCALES[0])
        for each in (fig, strip):
            if nm:
                each.xaxis.formatter = CustomJSTickFormatter(code="return (tick / 10).toFixed(0)")
                each.xaxis.ticker.desired_num_ticks = 6
        marks: list[list[Any]] = [[], []]
        for i in (1, 0):  # the first star is drawn last
            role, width = STYLES[i]
            source, colour = self.curves[i], LIGHT[role]
            if points:
                bars = mark(fig, "segment", "x", "low", "x", "high", source=source, line_color=colour, line_width=1)
                size = 3.2 if i else 3.6
                dots = mark(
                    fig,
                    "scatter",
                    "x",
                    "y",
                    source=source,
                    name=f"{name}-{i + 1}",
                    size=size,
                    color=colour,
                    line_color=None,
                )
                if i:
                    dots.glyph.update(marker="square")
                marks[i] = [bars, dots]
            else:
                band = mark(fig, "varea", "x", "low", "high", source=source, fill_color=colour, fill_alpha=0.16)
                line = mark(
                    fig, "line", "x", "y", source=source, name=f"{name}-{i + 1}", line_color=colour, line_width=width
                )
                marks[i] = [band, line]
        switches = [strongest_lines(fig)] if lines else []
        sigma_zone(strip)
        blue = LIGHT["reconstructed"]
        mark(strip, "line", "x", "y", source=self.difference, line_color=blue, line_width=0.75, name=f"{name}-sigma")
        triangle: dict[str, Any] = dict(marker="triangle", angle="angle", size=6, color=blue, line_color=None)
        mark(strip, "scatter", "x", "y", source=self.beyond, **triangle)
        self.chips = [
            chip(str(i + 1), marks[i], role=role, mark="dot" if points else "line", width=2)
            for i, (role, _) in enumerate(STYLES)
        ]
        self.note = html("", classes=["sv-shrink"])
        reset = CustomJS(args={"fig": fig}, code="fig.reset.emit()")
        self.frame = PanelFrame(
            title,
            klass,
            controls=[*controls, *switches, icon_button(f"Reset {title} zoom", "reset", reset)],
            sub=[*self.chips, spacer(), self.note],
            body=[fig, strip],
            note_css="@container (max-width: 699px) { :host { flex-wrap: wrap !important; } }",
        )

    def _scale(self, scale: tuple[float, float]) -> None:
        """Set the range of the strip and its ticks, in standard errors; what is beyond is a triangle at the edge."""
        limit, tick = scale
        if self.strip.y_range.end != limit:
            self.strip.y_range.update(start=-limit, end=limit)
            self.strip.yaxis.ticker = FixedTicker(ticks=[-tick, 0, tick])

    def draw(self, made: PairCurves, pair: Pair, *, reset: bool) -> None:
        """Show the curves; ``reset``: another star, so the whole range again."""
        for source, columns in zip(self.curves, made.curves, strict=True):
            source.data = light(columns)
        scale = next((s for s in SCALES if s[0] >= made.reach), SCALES[-1])
        self._scale(scale)
        inside, beyond = residual_columns(made.difference, scale[0])
        self.difference.data, self.beyond.data = light(inside), light(beyond)
        self.figure.y_range.update(
            start=made.y_range[0], end=made.y_range[1], reset_start=made.y_range[0], reset_end=made.y_range[1]
        )
        start, end = made.x_range
        self.x_range.update(reset_start=start, reset_end=end)
        if reset:
            self.x_range.update(start=start, end=end)
        if self.figure.yaxis[0].axis_label != made.label:
            self.figure.yaxis[0].axis_label = made.label
        for i, (switch, side, columns) in enumerate(zip(self.chips, pair.sides, made.curves, strict=True)):
            there = bool(columns["x"].size)
            lacks = "not here" if side.star is None else f"no {self._what} spectrum"
            label = f"{i + 1}  {side.name[:28] or 'no star'}" + ("" if there else f": {lacks}")
            if switch.label != label:
                switch.label = label
            switch.disabled = not there
        said = made.note
        if not said and np.isfinite(made.rms):
            said = f"difference {formats.number(made.rms, 1)} σ rms{made.remark}"
        self.note.object = f'<span class="sv-quiet" style="font-size:12px;white-space:nowrap">{text(said, 90)}</span>'
