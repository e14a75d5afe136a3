"""What DESA reads of a star, and where it stands among others in the eigenspace of the alignment."""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d
from bokeh.plotting import figure

from specviz.views import formats
from specviz.views.controls import name_plot
from specviz.views.figures import light, mark, spectrum_figure
from specviz.views.formats import text
from specviz.views.palette import CLUSTERS, LIGHT
from specviz.views.studies.curve_figures import EMPTY, HEIGHT, curve_frame, decimated, limits, set_ranges

#: Groups of the background in the order in which they are drawn: what they are called, colour, marker.
GROUPS = (
    ("single", "other stars", "", "circle"),
    ("young", "young, below 0.7 Gyr", CLUSTERS[3], "square"),
    ("synchronised", "synchronised binaries", CLUSTERS[1], "triangle"),
    ("eclipsing", "eclipsing binaries", CLUSTERS[2], "inverted_triangle"),
)
_YOUNG = 0.7  # Gyr
_SHAPES = {
    "circle": '<circle cx="7" cy="7" r="2.5"/>',
    "square": '<path d="M3.5 3.5h7v7h-7z"/>',
    "triangle": '<path d="M7 2.5l4.5 8h-9z"/>',
    "inverted_triangle": '<path d="M7 11.5l4.5 -8h-9z"/>',
}


class DesaFigures:
    """Four frames of the panel's grid.

    Attributes
    ----------
    arms, acf, fourier, eigen : figure
    """

    def __init__(self) -> None:
        self.view = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.lags = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.tones = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.groups = {name: ColumnDataSource(dict(x=EMPTY, y=EMPTY)) for name, *_ in GROUPS}
        self.star = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        self.leaking = ColumnDataSource(dict(x=EMPTY, y=EMPTY))
        ink: dict[str, Any] = dict(line_color=LIGHT["observed"], line_width=0.75)
        self.arms = spectrum_figure(
            Range1d(3800, 8840), height=HEIGHT, name="desa-arms", x_label="Rest wavelength (Å, vacuum)", y_label="σ"
        )
        mark(self.arms, "line", "x", "y", source=self.view, name="desa-view", **ink)
        self.acf = curve_frame("desa-channel-acf", "Lag (d)", "Autocorrelation (σ)")
        mark(self.acf, "line", "x", "y", source=self.lags, name="desa-channel-lags", **ink)
        self.fourier = curve_frame("desa-channel-fft", "Frequency (μHz)", "ln (1 + |FFT|)")
        mark(self.fourier, "line", "x", "y", source=self.tones, name="desa-channel-tones", **ink)
        self.eigen = self._eigen()

    def _eigen(self) -> figure:
        fig = curve_frame("desa-eigen", "Eigenspace, first axis of the map", "Second axis")
        for name, _, colour, marker in GROUPS:
            style: dict[str, Any] = dict(fill_color=colour or LIGHT["reference"], line_color=None)
            mark(
                fig, "scatter", "x", "y", source=self.groups[name], marker=marker, size=3 if name == "single" else 6,
                name=f"desa-{name}", **style,
            )  # fmt: skip
        ring: dict[str, Any] = dict(fill_color=LIGHT["panel"], line_width=2.2)
        mark(fig, "scatter", "x", "y", source=self.star, size=10, line_color=LIGHT["reconstructed"], name="desa-star", **ring)  # fmt: skip
        mark(fig, "scatter", "x", "y", source=self.leaking, marker="diamond", size=13, line_color=LIGHT["catalogue"], name="desa-star-leaking", **ring)  # fmt: skip
        return fig

    def show(self, answer: Any) -> None:
        """Draw an answer; nothing of None."""
        self._show_arms(() if answer is None else answer.arms)
        self._show_channels(None if answer is None else answer.channels)
        self._show_eigen(answer)

    def _show_arms(self, arms: Any) -> None:
        # A gap between the arms: one line would join them.
        x = np.concatenate([np.append(a.wavelength, np.nan) for a in arms]) if arms else EMPTY
        y = np.concatenate([np.append(a.view, np.nan) for a in arms]) if arms else EMPTY
        self.view.data = light(dict(x=x, y=y))
        if arms:
            self.arms.y_range.update(**_span(*limits(y[np.isfinite(y)], 0.0)))
            ends = f"{formats.number(np.nanmin(x))} to {formats.number(np.nanmax(x))} Å"
            name_plot(self.arms, f"Spectrum as DESA reads it, {len(arms)} arm{'s' if len(arms) > 1 else ''}, {ends}")

    def _show_channels(self, channels: Any) -> None:
        if channels is None:
            self.lags.data = self.tones.data = dict(x=EMPTY, y=EMPTY)
            return
        views = np.asarray(channels.views, np.float64)
        x, y = decimated(channels.time, views[2])
        self.lags.data = light(dict(x=x, y=y))
        set_ranges(self.acf, 0.0, float(channels.time[-1]), *limits(y, 0.0))
        name_plot(self.acf, f"Autocorrelation channel, lags to {formats.number(channels.time[-1])} days")
        x, y = decimated(channels.frequency, views[3])
        self.tones.data = light(dict(x=x, y=y))
        set_ranges(self.fourier, 0.0, float(channels.frequency[-1]), *limits(y, 0.0))
        name_plot(self.fourier, f"Fourier channel, frequencies to {formats.number(channels.frequency[-1])} μHz")

    def _show_eigen(self, answer: Any) -> None:
        stars = None if answer is None else answer.background
        look = None if answer is None else answer.look
        place = None if look is None else look.plane
        for source in (*self.groups.values(), self.star, self.leaking):
            source.data = dict(x=EMPTY, y=EMPTY)
        if stars is None or place is None:
            return
        plane = np.asarray(stars.plane, np.float64)
        of = grouped(stars)
        for name, *_ in GROUPS:
            mine = of == name
            self.groups[name].data = light(dict(x=plane[mine, 0], y=plane[mine, 1]))
        (self.leaking if answer.leaking is not None else self.star).data = light(dict(x=[place[0]], y=[place[1]]))
        low, high = np.nanpercentile(np.vstack([plane, place]), (0, 100), axis=0)
        room = 0.06 * np.maximum(high - low, 1e-6)
        (a, b), (c, d) = low - room, high + room
        set_ranges(self.eigen, float(a), float(c), float(b), float(d))
        near = nearest_words(stars, look)
        name_plot(self.eigen, f"This star among {len(plane)} simulated ones in the eigenspace. {near}".strip())


def grouped(stars: Any) -> Any:
    """The group of each star of the background."""
    kind = np.asarray(stars.kind).astype(str)
    young = stars.labels.get("young")
    age = np.asarray(stars.labels.get("age", np.full(kind.size, np.nan)), np.float64)
    young = np.asarray(young) > 0.5 if young is not None else age < _YOUNG
    close = (kind == "synchronised") | (kind == "eclipsing")
    return np.where(close, kind, np.where(young, "young", "single"))


def nearest_words(stars: Any, look: Any) -> str:
    """What the nearest stars of the background are."""
    if stars is None or look is None or not len(look.nearest):
        return ""
    of = grouped(stars)[np.asarray(look.nearest)]
    names = {"single": "field stars", "young": "young", "synchronised": "synchronised", "eclipsing": "eclipsing"}
    parts = [f"{int((of == name).sum())} {names[name]}" for name, *_ in GROUPS if (of == name).any()]
    return f"Nearest {len(of)}: {', '.join(parts)}."


def legend(answer: Any) -> str:
    """The key of the eigenspace, and what the nearest stars are (HTML)."""
    if answer is None or answer.background is None or answer.look is None or answer.look.plane is None:
        return ""
    parts = [
        f'<span><svg width="14" height="14" aria-hidden="true" style="fill:{colour or "var(--sv-reference)"}">{_SHAPES[marker]}</svg>{label}</span>'
        for _, label, colour, marker in GROUPS
    ]
    near = nearest_words(answer.background, answer.look)
    return f'<div class="sv-key">{"".join(parts)}</div><div class="sv-quiet">{text(near, 160)}</div>'


def _span(low: float, high: float) -> dict[str, float]:
    return dict(start=low, end=high, reset_start=low, reset_end=high)
