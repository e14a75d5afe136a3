"""Where a label speaks: small windows on the lines that tell most of it, with data, fit, and the fit with more and less.

SVG in our own type, as :mod:`specviz.views.line_windows`: two models for all windows, colours by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.views import formats, stylesheet
from specviz.views.formats import text
from specviz.views.line_windows import runs

Array = NDArray[np.float64]
SIZE, PAD = 1000, 70
CSS = f"""
:host {{ display: block; width: 100%; border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); padding-top: 4px; margin-top: 4px !important; }}
.sv-speaks {{ display: flex; flex-wrap: wrap; align-items: center; gap: 0 14px; font-size: 12px; line-height: 24px; }}
.sv-speaks b {{ font-size: 13px; }} .sv-speaks span {{ white-space: nowrap; }}
.sv-speaks i {{ display: inline-block; width: 18px; height: 9px; margin-right: 5px; vertical-align: 0; }}
.sv-speaks i.b {{ background: color-mix(in srgb, var(--sv-reconstructed) 26%, transparent); border-top: 1.5px dashed var(--sv-reconstructed); box-sizing: border-box; }}
.sv-elements {{ display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 4px 8px; padding: 0 0 2px; }}
@container (min-width: 700px) and (max-width: 1199px) {{ .sv-elements {{ grid-template-columns: repeat(6, minmax(0, 1fr)); }} }}
@container (max-width: 499px) {{ .sv-elements {{ grid-template-columns: repeat(2, minmax(0, 1fr)); }} }}
.sv-el {{ display: block; font: inherit; font-size: 12px; line-height: 18px; padding: 1px 4px 0; margin: 0; border: 1px solid transparent; border-radius: 2px;
  background: none; color: inherit; text-align: left; cursor: pointer; min-width: 0; }}
.sv-el:hover {{ background: var(--jp-layout-color2); }}
.sv-el:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -1px; }}
.sv-el[aria-pressed="true"] {{ border-color: var(--jp-brand-color1); background: var(--sv-selected); }}
.sv-el > span {{ display: flex; justify-content: space-between; gap: 6px; white-space: nowrap; overflow: hidden; }}
.sv-el > span > span:first-child {{ overflow: hidden; text-overflow: ellipsis; }} .sv-el > span > span + span {{ color: {stylesheet.QUIET}; }}
.sv-el svg {{ display: block; width: 100%; height: 112px; background: var(--jp-layout-color1); outline: 1px solid var(--sv-frame); outline-offset: -1px; }}
.sv-el path, .sv-el line {{ vector-effect: non-scaling-stroke; fill: none; }}
.sv-el .o {{ stroke: var(--sv-observed); stroke-width: 1; }} .sv-el .e {{ fill: var(--sv-observed); fill-opacity: 0.16; }}
.sv-el .m {{ stroke: var(--sv-reconstructed); stroke-width: 2; stroke-opacity: 0.78; }}
.sv-el .b {{ fill: var(--sv-reconstructed); fill-opacity: 0.2; }} .sv-el .p {{ stroke: var(--sv-reconstructed); stroke-width: 1; stroke-dasharray: 4 3; }}
.sv-el .t {{ stroke: var(--sv-predicted); stroke-width: 1.6; }}
.sv-el .l {{ stroke: var(--sv-tick); stroke-width: 1; stroke-dasharray: 2 2; }} .sv-el .x {{ fill: var(--sv-masked); fill-opacity: 0.13; }}
.sv-el i {{ display: block; position: relative; height: 16px; font-style: normal; font-size: 11px; line-height: 16px; color: {stylesheet.QUIET}; }}
.sv-el i b {{ position: absolute; transform: translateX(-50%); font-weight: 400; }}
.sv-el i b::before {{ content: ""; position: absolute; left: 50%; top: -2px; height: 3px; border-left: 1px solid var(--sv-tick); }}
"""


def windows_html(answer: Any, zoom: tuple[float, float] | None = None) -> str:
    """The windows of the chosen label; a line that says how to choose one where none is.

    Parameters
    ----------
    answer : PhdlspecAnswer or None
    zoom : (low, high), optional
        What the plot above shows (vacuum Angstrom): a window that it is is outlined.
    """
    if answer is None:
        return ""
    element = answer.element
    if element is None:
        return '<div class="sv-speaks sv-quiet">Press the name of a label to see the lines that tell of it.</div>'
    name, decimals = element.name, formats.DECIMALS.get(element.name, 2)
    heading, unit = formats.heading_html(name), formats.unit(name)
    words = (
        f'<b>Where {heading} speaks</b><span><i class="b"></i>the fit with {_by(element, decimals, unit)}</span>'
        '<span class="sv-quiet">Percent: of all that this spectrum says of it.</span>'
        '<button class="sv-button sv-flat" data-sv-set="element ">Close lines</button>'
    )
    if not element.windows:
        return f'<div class="sv-speaks">{words}</div><div class="sv-quiet">No line of this spectrum tells of it.</div>'
    drawn = "".join(_window(i, window, answer, zoom) for i, window in enumerate(element.windows))
    label = text(formats.heading(name))
    return f'<div class="sv-speaks">{words}</div><div class="sv-elements" role="group" aria-label="Lines of {label}">{drawn}</div>'


def _by(element: Any, decimals: int, unit: str) -> str:
    """By how much the label was moved; at an edge of what the emulator has learned one way is closed."""
    up, down = (formats.number(v, max(decimals - 1, 0)) for v in (element.up, element.down))
    if float(up) == 0:
        return f"{formats.MINUS}{down} {unit} (more was not learned)"
    if float(down) == 0:
        return f"+{up} {unit} (dashed; less was not learned)"
    return f"+{up} and {formats.MINUS}{down} {unit} (dashed: more)"


def _window(number: int, window: Any, answer: Any, zoom: tuple[float, float] | None) -> str:
    low, high = window.low, window.high
    pressed = zoom is not None and abs(zoom[0] - low) < 0.1 and abs(zoom[1] - high) < 0.1
    share = f"{100 * window.share:.0f} %" if window.share >= 0.01 else "< 1 %"
    said = f"{window.name}, {formats.number(low)} to {formats.number(high)} Å, {share} of what the spectrum says"
    body = _drawing(window, answer)
    lines = "".join(
        f'<line class="l" x1="{x:.0f}" x2="{x:.0f}" y1="0" y2="{SIZE}"><title>{text(line.label)}</title></line>'
        for line in window.lines
        if 0 <= (x := (line.wavelength - low) / (high - low) * SIZE) <= SIZE
    )
    ticks = "".join(
        f'<b style="left:{100 * (t - low) / (high - low):.1f}%">{formats.number(t)}</b>'
        for t in (10.0 * round((low + part * (high - low)) / 10.0) for part in (0.25, 0.75))
    )
    return (
        f'<button class="sv-el" data-sv-act="study-do window {number}" aria-pressed="{str(pressed).lower()}" aria-label="{text(said)}" title="{text(said)}">'
        f"<span><span>{text(window.name)}</span><span>{share}</span></span>"
        f'<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" aria-hidden="true">{lines}{body}</svg><i>{ticks}</i></button>'
    )


def _drawing(window: Any, answer: Any) -> str:
    fitted, element, turned = answer.fitted, answer.element, answer.turned
    first, last = np.searchsorted(fitted.wave, (window.low, window.high))
    part = slice(max(int(first) - 1, 0), min(int(last) + 1, fitted.wave.size))
    x, y, e, used = (np.asarray(a[part]) for a in (fitted.wave, fitted.flux, fitted.error, fitted.used))
    model, more, less = (np.asarray(a[part]) for a in (fitted.model, element.more, element.less))
    other = None if turned is None else np.asarray(turned.model[part])
    if x.size < 2:
        return ""
    low, high = _limits([y[used] if used.any() else y, model, more, less, *([] if other is None else [other])])

    def across(v: Array) -> Array:
        return (v - window.low) / (window.high - window.low) * SIZE

    def up(v: Array) -> Array:
        return SIZE - PAD - np.clip((v - low) / (high - low), -2, 3) * (SIZE - 2 * PAD)

    at, half = across(x), float(np.median(np.diff(x))) / 2 / (window.high - window.low) * SIZE
    shades = "".join(
        f'<rect class="x" x="{at[a] - half:.0f}" y="0" width="{at[b - 1] - at[a] + 2 * half:.0f}" height="{SIZE}"/>'
        for a, b in runs(~used)
    )
    band = _area(at, up(more), up(less))
    errors = "".join(
        f'<path class="e" d="{_area(at[a:b], up(y[a:b] + e[a:b]), up(y[a:b] - e[a:b]))}"/>' for a, b in runs(used)
    )
    hand = "" if other is None else f'<path class="t" d="{_line(at, up(other))}"/>'
    return (
        f'{shades}<path class="b" d="{band}"/><path class="p" d="{_line(at, up(more))}"/>{errors}'
        f'<path class="m" d="{_line(at, up(model))}"/>{hand}<path class="o" d="{_line(at, up(y))}"/>'
    )


def _limits(curves: list[Array]) -> tuple[float, float]:
    values = np.concatenate([np.asarray(c, float).ravel() for c in curves])
    values = values[np.isfinite(values)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (0.5, 99.5)))
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _line(x: Array, y: Array) -> str:
    """A path that breaks where there is nothing."""
    out, pen = [], "M"
    for a, b in zip(x.tolist(), y.tolist(), strict=True):
        if b != b:  # NaN
            pen = "M"
            continue
        out.append(f"{pen}{a:.0f} {b:.0f}")
        pen = "L"
    return "".join(out)


def _area(x: Array, upper: Array, lower: Array) -> str:
    good = np.isfinite(upper) & np.isfinite(lower)
    if good.sum() < 2:
        return ""
    return _line(np.r_[x[good], x[good][::-1]], np.r_[upper[good], lower[good][::-1]]) + "Z"
