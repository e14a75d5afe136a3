"""The face-off: one small plot a label, a row a model and spectrum, catalogues below; all of it one piece of HTML.

SVG in our own type: a hundred small plots cost two models, follow the theme by their colours' names, and stay in a page
that is saved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from specviz.session.state import FaceOff, State, Value
from specviz.views import formats, icons, stylesheet
from specviz.views.controls import html, show
from specviz.views.face_off_xp import CSS as XP_CSS
from specviz.views.face_off_xp import xp_html
from specviz.views.formats import text
from specviz.views.panel_frame import PanelFrame

WIDTH, ROW = 132, 20  # of a plot and of a row in it, px
#: Names of surveys in a row, and how their values are drawn: role, filled.
_SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP", "sdss": "SDSS", "other": "optical"}
_STYLES = {"gaia_xp": ("predicted", False)}
_LAMOST = ("reconstructed", True)
#: A shape a model, in the order of the answers.
_SHAPES = (
    "M{x} {y}m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "M{x} {y}m-3.6 -3.6h7.2v7.2h-7.2z",
    "M{x} {y}m0 -4.6l4.4 7.8h-8.8z",
    "M{x} {y}m0 4.6l4.4 -7.8h-8.8z",
    "M{x} {y}m-1.6 -4.4h3.2v2.8h2.8v3.2h-2.8v2.8h-3.2v-2.8h-2.8v-3.2h2.8z",
    "M{x} {y}m-2.2 -4h4.4l2.2 4l-2.2 4h-4.4l-2.2 -4z",
)
_DIAMOND = "M{x} {y}m0 -4.8l4.4 4.8l-4.4 4.8l-4.4 -4.8z"
CSS = f"""
:host {{ display: block; width: 100%; }}
.sv-grid {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(min(366px, 100%), 1fr)); gap: 4px 24px; max-height: 452px; overflow: hidden auto;
  scrollbar-width: thin; }}
.sv-face {{ padding: 2px 0 6px; min-width: 0; }}
.sv-face h4 {{ margin: 0; font-size: 12px; line-height: 20px; font-weight: 600; display: flex; justify-content: space-between; gap: 8px; }}
.sv-face h4 span {{ font-weight: 400; color: {stylesheet.QUIET}; }}
.sv-plot {{ display: grid; grid-template-columns: minmax(0, 1fr) {WIDTH}px 92px; column-gap: 8px; }}
.sv-plot ol {{ list-style: none; margin: 0; padding: 0; min-width: 0; font-size: 11px; line-height: {ROW}px; }}
.sv-plot li {{ height: {ROW}px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; color: {stylesheet.QUIET}; }}
.sv-plot ol + svg + ol li {{ color: var(--jp-ui-font-color1); text-align: right; }}
.sv-plot small {{ color: {stylesheet.QUIET}; font-size: 11px; }} .sv-bad {{ color: {stylesheet.WARN_TEXT}; }}
.sv-told {{ display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: center; font-size: 12px; min-height: 24px; padding-top: 4px; }}
.sv-told > * {{ display: inline-flex; align-items: center; gap: 6px; }} .sv-told code {{ font-family: var(--jp-code-font-family); font-size: 12px; }}
"""


class FaceOffPanel:
    """A panel as wide as the page, shown while ``view.face_off`` is on."""

    def __init__(self) -> None:
        self.body = html(css=CSS + XP_CSS, name="face-off")
        close = html(
            f'<button class="sv-button sv-flat" style="padding:0 4px" data-sv-act="face-off" aria-label="Close face-off" '
            f'title="Close">{icons.svg("close", 14)}</button>'
        )
        self.frame = PanelFrame("Models face to face", "sv-face-off", controls=[close], body=[self.body])
        show(self.frame.root, False)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.view.face_off != old.view.face_off:
            show(self.frame.root, new.view.face_off)
        if new.faced is old.faced and new.view.face_off == old.view.face_off and new.star is old.star:
            return
        if not new.view.face_off:
            self.body.object = ""
            return
        result = None if new.faced is None else new.faced.result
        if result is not None and new.star is not None and result.star is not new.star:
            result = None  # of the star before
        self.body.object = face_off_html(result, () if new.faced is None else new.faced.running, _said(new))
        self.frame.fact("" if result is None else _fact(result))


def _said(state: State) -> str:
    if state.faced is not None:
        return state.faced.problem
    return "" if state.report is not None or state.busy else "No star is on screen."


def _fact(result: FaceOff) -> str:
    models = sum(1 for a in result.answers if a.values)
    return (
        f"{result.star.name[:24]}: {models} model{'s' if models != 1 else ''}, {len(result.labels)} labels, 68 % errors"
    )


def face_off_html(result: FaceOff | None, running: Sequence[str] = (), problem: str = "") -> str:
    """The plots and, below, what is still going on and which models said nothing. Foreign text is escaped here."""
    plots = ""
    if result is not None:
        shapes = {a.model: _SHAPES[i % len(_SHAPES)] for i, a in enumerate(result.answers)}
        plots = "".join(_face(result, label, shapes) for label in result.labels)
    told = []
    if running:
        names = ", ".join(text(n, 40) for n in running)
        stop = '<button class="sv-button" data-sv-act="face-off-stop">Stop</button>'
        told.append(f'<span role="status"><span>Asking {names} …</span>{stop}</span>')
    if problem:
        told.append(
            f'<span role="status"><span class="sv-bad">{icons.svg("warning", 14)}</span>{text(problem, 300)}</span>'
        )
    for answer in () if result is None else result.answers:
        if answer.problem:
            told.append(f"<span><b>{text(answer.model, 40)}</b><span>{_problem(answer.problem)}</span></span>")
    if result is not None and len({a.model for a in result.answers if a.values}) > 1:
        told.append('<span class="sv-quiet">Values from one spectrum share its noise: they are not independent.</span>')
    below = f'<div class="sv-told">{"".join(told)}</div>' if told else ""
    xp = "" if result is None else xp_html(result)
    return (f'<div class="sv-grid">{plots}</div>' if plots else "") + xp + below


def _problem(problem: str) -> str:
    """Why a model said nothing; a command in it is written as one."""
    said = text(problem, 240)
    words = said.split()
    if words[:3] == ["specviz", "models", "pull"] and len(words) > 3:
        return f"not on this machine: <code>{' '.join(words[:4])}</code> {' '.join(words[4:])}"
    return said


def _face(result: FaceOff, label: str, shapes: Mapping[str, str]) -> str:
    values = result.of(label)
    low, high = _range(values)
    prior = next((v.prior for v in values if v.prior is not None), None)
    names = "".join(f'<li title="{text(_name(v), 80)}{_remark(v)}">{text(_name(v), 40)}</li>' for v in values)
    numbers = "".join(f"<li>{_number(v)}</li>" for v in values)
    unit = formats.unit(label)
    ends = f"{formats.number(low, _decimals(label, low, high))} to {formats.number(high, _decimals(label, low, high))}"
    height = ROW * len(values)
    body = _shade(prior, low, high, height) + "".join(_glyph(v, i, low, high, shapes) for i, v in enumerate(values))
    plot = (
        f'<svg width="{WIDTH}" height="{height}" role="img" aria-label="{text(_sentence(label, values))}">{body}</svg>'
    )
    return (
        f'<section class="sv-face"><h4><b>{formats.heading_html(label)}</b><span title="Range of the plot">{ends} {unit}</span></h4>'
        f'<div class="sv-plot"><ol>{names}</ol>{plot}<ol>{numbers}</ol></div></section>'
    )


def _name(value: Value) -> str:
    return " ".join(p for p in (value.source, _SURVEYS.get(value.survey, value.survey)) if p)


def _remark(value: Value) -> str:
    return f": {text(value.note, 120)}" if value.note else ""


def _decimals(label: str, low: float, high: float) -> int:
    decimals = formats.DECIMALS.get(label, 2)
    return decimals if decimals == 0 or high - low < 2 else 1


def _range(values: Sequence[Value]) -> tuple[float, float]:
    """What holds every value with its error, and a margin."""
    ends = [e for v in values for e in (v.median, v.p16, v.p84) if math.isfinite(e)]
    low, high = min(ends), max(ends)
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    return low - 0.10 * span, high + 0.10 * span


def _at(value: float, low: float, high: float) -> float:
    return 5 + (value - low) / (high - low) * (WIDTH - 10)


def _shade(prior: tuple[float, float] | None, low: float, high: float, height: int) -> str:
    """The frame, shaded where the leading model was trained."""
    frame = f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" fill="none" stroke="var(--sv-frame)"/>'
    if prior is None:
        return frame
    a, b = (min(max(_at(v, low, high), 1.0), WIDTH - 1.0) for v in prior)
    return (
        f'<rect x="{a:.1f}" y="1" width="{max(b - a, 0):.1f}" height="{height - 2}" fill="var(--sv-telluric)"/>{frame}'
    )


def _glyph(value: Value, row: int, low: float, high: float, shapes: Mapping[str, str]) -> str:
    x, y = _at(value.median, low, high), ROW * row + ROW / 2
    if value.kind == "catalogue":
        role, filled, shape = "catalogue", False, _DIAMOND
    else:
        role, filled = _STYLES.get(value.survey, _LAMOST)
        shape = shapes.get(value.source, _SHAPES[0])
    colour = f"var(--sv-{role})"
    bar = ""
    if math.isfinite(value.p16) and math.isfinite(value.p84):
        a, b = _at(value.p16, low, high), _at(value.p84, low, high)
        bar = f'<path d="M{a:.1f} {y}H{b:.1f}" stroke="{colour}" stroke-width="1.4"/>'
    mark = shape.format(x=f"{x:.1f}", y=y)
    fill = colour if filled else "var(--sv-panel)"
    return f'{bar}<path d="{mark}" fill="{fill}" stroke="{colour}" stroke-width="1.3"/>'


def _number(value: Value) -> str:
    written = formats.label(value.label, value.median)
    half = (value.p84 - value.p16) / 2
    error = (
        f" <small>±{formats.number(half, formats.DECIMALS.get(value.label, 2))}</small>" if math.isfinite(half) else ""
    )
    if not value.outside:
        return written + error
    return f'<span class="sv-bad" title="Outside the training range of {text(value.source, 40)}">{icons.svg("warning", 12)} {written}</span>{error}'


def _sentence(label: str, values: Sequence[Value]) -> str:
    said = [f"{_name(v)} {formats.label(label, v.median)}" for v in values]
    unit = formats.unit(label)
    return f"{formats.heading(label)}{f' in {unit}' if unit else ''}: " + ", ".join(said)
