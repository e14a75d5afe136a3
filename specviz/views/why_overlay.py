"""'Why this [Fe/H]?': a label's contributions drawn over the LAMOST spectrum, and the lines that weigh most in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure
from numpy.typing import NDArray

from specviz.session.state import Explained, State
from specviz.views import formats, stylesheet
from specviz.views.controls import Html, chip, html, models, row, select, sheet, show
from specviz.views.figures import MARKS, light, mark
from specviz.views.palette import LIGHT

#: Angstrom that a bar sums over: what a line of LAMOST's resolution covers.
BIN = 8.0
#: Where the bars stand on the 0-1 range: their zero, and the height of the longest.
ZERO, HEIGHT = 0.2, 0.18
#: Lines named in words.
NAMED = 3
_CAVEAT = "Integrated gradients: what the model reads the label from, which is not always what physics says"
_EMPTY = np.empty(0)
_BARS = ("left", "right", "top", "bottom")
_SELECT = "select.bk-input { width: 116px; height: 24px; min-height: 24px; font-size: 12px; padding-top: 0; padding-bottom: 0; }"
#: On a phone the sentence has a line of its own.
_ROW = f"@container {stylesheet.NARROW} {{ :host {{ flex-wrap: wrap !important; }} :host > .sv-grow {{ flex: 1 1 100%; }} }}"
_NOTE = f"""
:host {{ font-size: 12px; line-height: 18px; padding: 0 0 2px; display: block; flex: 1 1 0; min-width: 0; white-space: normal; color: var(--jp-ui-font-color1); }}
.q {{ color: {stylesheet.QUIET}; }} b {{ font-weight: 600; font-variant-numeric: tabular-nums; }}
"""


class WhyOverlay:
    """The select of labels, the bars and the attention on the flux figure, and the sentence below the header.

    Parameters
    ----------
    fig : figure
        Of the LAMOST flux.
    ask : callable(label)
        Asks for a label, "" to take the overlay away.
    """

    def __init__(self, fig: figure, ask: Callable[[str], Any]) -> None:
        self._fig, self._ask = fig, ask
        self._known: tuple[str, ...] = ("",)
        self.chips: list[Any] = []
        self.control = select([("", "Why …?")], "", self._chosen)
        self.control.stylesheets = [sheet(stylesheet.HIDE + stylesheet.SELECT + _SELECT)]
        self.control.html_attributes = {"aria-label": "Why this value of a label"}
        self.control.css_classes = ["sv-asks"]
        self.note: Html | None = None
        self.row = row(css=_ROW)
        show(self.row, False)
        show(self.control, False)

    def _build(self) -> None:
        """The marks and their switches: made for the first answer, because each model costs at every first view."""
        self.up, self.down = (ColumnDataSource(dict.fromkeys(_BARS, _EMPTY)) for _ in range(2))
        self.attention = ColumnDataSource({"x": _EMPTY, "y": _EMPTY})
        style: dict[str, Any] = dict(line_color=None, y_range_name=MARKS, level="underlay", fill_alpha=0.85)
        bars = [
            mark(self._fig, "quad", *_BARS, source=self.up, fill_color=LIGHT["raises"], name="why-raises", **style),
            mark(self._fig, "quad", *_BARS, source=self.down, fill_color=LIGHT["lowers"], **style),
        ]
        seen = mark(
            self._fig, "line", "x", "y", source=self.attention, y_range_name=MARKS, line_color=LIGHT["catalogue"],
            line_width=1.2,
        )  # fmt: skip
        self.chips = [
            chip("Raises / lowers", bars, role="raises", mark="fill"),
            chip("Attention", [seen], role="catalogue", active=False),
        ]
        self.row.children = models([*self.chips, *self._notes()])

    def _notes(self) -> list[Html]:
        """The sentence, made when there is something to say."""
        self.note = self.note or html("", css=_NOTE, classes=["sv-grow"])
        return [self.note]

    def update(self, old: State, new: State) -> None:
        """Offer the labels of the new report, and draw what is known of the chosen one."""
        if new.report is not old.report:
            self._offer(new)
        if new.explained is not old.explained:
            self._draw(new.explained)

    # ------------------------------------------------------------------ within
    def _chosen(self, label: str) -> None:
        self._ask(label)

    def _offer(self, state: State) -> None:
        labels = explainable(state)
        show(self.control, bool(labels))
        names = ("", *labels)
        if names != self._known:
            self._known = names
            self.control.options = [("", "Why …?"), *((n, f"Why {formats.heading(n)}?") for n in labels)]
        if self.control.value not in names:
            self.control.value = ""

    def _draw(self, explained: Explained | None) -> None:
        label = "" if explained is None else explained.label
        if self.control.value != label and label in self._known:  # asked for elsewhere: another display, or a script
            self.control.value = label
        result = None if explained is None else explained.result
        if result is not None and not self.chips:
            self._build()
        if self.chips:
            up, down = bars_of(result)
            self.up.data, self.down.data = light(up), light(down)
            self.attention.data = light(attention_of(result))
            show(self.chips[0], result is not None)
            show(self.chips[1], result is not None and result.attention is not None)
        if explained is not None:
            (note,) = self._notes()
            note.object = sentence(explained)
            if not self.row.children:
                self.row.children = models([note])
        show(self.row, explained is not None)


def explainable(state: State) -> tuple[str, ...]:
    """Labels that the model gives from the optical spectrum and can explain."""
    report = state.report
    if report is None or not state.explains:
        return ()
    survey = next((s for s in ("lamost_lrs", "sdss", "other") if s in report.posteriors), None)
    return () if survey is None else tuple(report.posteriors[survey].names)


def binned(wavelength: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Edges (n + 1,) of stretches of :data:`BIN` Angstrom, and the sum of the pixels in each (n,)."""
    n = max(1, int(np.ceil((wavelength[-1] - wavelength[0]) / BIN)))
    edges = wavelength[0] + BIN * np.arange(n + 1)
    at = np.clip(((wavelength - wavelength[0]) / BIN).astype(int), 0, n - 1)
    return edges, np.bincount(at, weights=values, minlength=n)


def bars_of(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Bars of what raises and what lowers the label; the longest has :data:`HEIGHT`."""
    if result is None:
        return dict.fromkeys(_BARS, _EMPTY), dict.fromkeys(_BARS, _EMPTY)
    edges, sums = binned(result.wavelength, result.contribution)
    size = HEIGHT * sums / max(float(np.abs(sums).max()), 1e-30)
    out = []
    for chosen in (size > 0, size < 0):
        tip = ZERO + size[chosen]
        foot = np.full(tip.size, ZERO)
        out.append(
            {
                "left": edges[:-1][chosen],
                "right": edges[1:][chosen],
                "top": np.maximum(tip, foot),
                "bottom": np.minimum(tip, foot),
            }
        )
    return out[0], out[1]


def attention_of(result: Any) -> dict[str, Any]:
    """The attention over wavelength as a line above the bars' zero."""
    if result is None or result.attention is None:
        return {"x": _EMPTY, "y": _EMPTY}
    size = result.attention / max(float(result.attention.max()), 1e-30)
    return {"x": np.asarray(result.wavelength), "y": ZERO + HEIGHT * size}


def sentence(explained: Explained) -> str:
    """What is drawn, in words: the lines that weigh most, with what they add."""
    name = formats.heading_html(explained.label)
    if explained.problem:
        return f'<span class="q">{formats.text(explained.problem, 300)}</span>'
    result = explained.result
    if result is None:
        return f'<span class="q">Asking the model why this {name} …</span>'
    unit, decimals = formats.unit(explained.label), formats.DECIMALS.get(explained.label, 2)
    told = ", ".join(
        f"{formats.text(share.name)} <b>{formats.number(share.contribution, decimals, sign=True)}</b>"
        for share in result.lines()[:NAMED]
    )
    value, base = (formats.label(explained.label, v) for v in (result.value, result.baseline_value))
    return (
        f'<span title="{_CAVEAT}">{name} = <b>{value}</b> {unit}: {told} '
        f'<span class="q">and the rest, from {base} for {formats.text(result.compared_with)}</span></span>'
    )
