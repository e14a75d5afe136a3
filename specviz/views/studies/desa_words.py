"""The words and numbers of DESA's panel as HTML; foreign text is escaped here."""

from __future__ import annotations

import math
from typing import Any

from specviz.views import formats, icons, label_table, stylesheet
from specviz.views.formats import text

CSS = f"""
:host {{ display: block; width: 100%; font-size: 12px; line-height: 18px; }}
.sv-tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 4px 0; padding: 2px 0 6px; list-style: none; margin: 0; }}
.sv-tiles > li {{ border-left: 1px solid var(--jp-border-color3, var(--jp-border-color2)); padding: 0 8px 0 12px; min-width: 0; }}
.sv-tiles > li:first-child {{ border-left: none; padding-left: 0; }}
@container (max-width: 479px) {{ .sv-tiles > li:nth-child(odd) {{ border-left: none; padding-left: 0; }} }}
.sv-what, .sv-below {{ color: {stylesheet.QUIET}; }}
.sv-value {{ font-size: 20px; line-height: 28px; font-weight: 600; white-space: nowrap; display: flex; align-items: center; gap: 5px; }}
.sv-value small {{ font-size: 12px; font-weight: 400; color: {stylesheet.QUIET}; }}
.sv-value .sv-err {{ font-size: 10.5px; line-height: 12px; font-weight: 400; text-align: right; }}
.sv-leak {{ color: var(--sv-catalogue); }}
.sv-told {{ display: flex; flex-wrap: wrap; gap: 2px 16px; padding: 0 0 4px; }}
.sv-warn {{ color: {stylesheet.WARN_TEXT}; }}
.sv-do {{ display: flex; flex-wrap: wrap; gap: 8px; align-items: center; padding: 8px 0; }}
"""
#: Of the small heads over the figures.
HEAD = f"""
:host {{ display: block; width: 100%; font-size: 12px; line-height: 24px; min-height: 24px; }}
.sv-head {{ display: flex; flex-wrap: wrap; gap: 0 10px; align-items: center; }} b {{ font-weight: 600; }}
.sv-key {{ display: flex; flex-wrap: wrap; gap: 0 10px; line-height: 18px; color: {stylesheet.QUIET}; }}
.sv-key > span {{ display: inline-flex; align-items: center; gap: 3px; }}
.sv-quiet {{ line-height: 18px; }}
"""
LEAKS = (
    "Catalogue values of this very star were given to the network, as published: they leak into what it then says. "
    "The numbers without them stand first, those with them beside the diamond."
)
_NAMES = {"teff": "Teff", "logg": "log g", "prot": "rotation", "fe_h": "[Fe/H]", "radius": "radius", "ruwe": "RUWE"}
_UNITS = {"teff": "K", "prot": "d", "radius": "R☉"}


def answers(answer: Any) -> str:
    """The tiles, then what was measured of the light curve, then what a reader must know."""
    if answer is None:
        return ""
    tiles = f'<ul class="sv-tiles" role="list" aria-label="What DESA says">{"".join(_tiles(answer))}</ul>'
    told = [f"<span>{part}</span>" for part in _measured(answer.measured)]
    warned = [
        f'<span class="sv-warn">{icons.svg("warning", 14)} {text(problem, 300)}</span>' for problem in answer.problems
    ]
    if answer.latent:
        warned.insert(0, _latent(answer))
    lines = "".join(f'<div class="sv-told">{"".join(parts)}</div>' for parts in (told, warned) if parts)
    return tiles + lines


def _latent(answer: Any) -> str:
    if not answer.given:
        return f'<span class="sv-warn">{icons.svg("warning", 14)} No catalogue value of this star is known: there is nothing to give to the network.</span>'
    if answer.leaking is None:
        return f'<span class="sv-warn">{icons.svg("warning", 14)} Catalogue values are used only where there are a spectrum and a light curve.</span>'
    values = ", ".join(
        f"{_NAMES[n]} {formats.number(v, formats.DECIMALS.get(n, 2))}{' ' + _UNITS[n] if n in _UNITS else ''}"
        for n, v in answer.given.items()
    )
    return f'<span class="sv-leak" role="note">{label_table.mark_svg(0)} {LEAKS} Given: {text(values, 160)}.</span>'


def _tiles(answer: Any) -> list[str]:
    plain, leaking, measured = answer.plain, answer.leaking, answer.measured
    out = []
    if plain is not None:
        binary = None if leaking is None else leaking.binary
        out.append(
            _tile(
                "Close binary",
                _percent(plain.binary),
                "where two in five stars are; in the sky, one in a hundred",
                _percent_text(binary),
            )
        )
        with_age = None if leaking is None else _in_line("age", leaking.age)
        out.append(_tile("Age", _quantiles("age", plain.age), "median and 68 %", with_age))
        for name in ("teff", "logg"):
            out.append(_label(name, plain.labels, plain.diagram, leaking))
    if measured is not None:
        turning = measured.rotation
        value = (
            f'{formats.number(turning.period, 2)}<span class="sv-err">±{formats.number(turning.error, 2)}</span><small>d</small>'
            if turning.found
            else formats.DASH
        )
        theirs = None if plain is None else plain.labels.get("light_curve", {}).get("prot")
        says = "" if theirs is None else f"; DESA {formats.number(theirs.median, 1)} d"
        out.append(_tile("Rotation", value, ("autocorrelation" if turning.found else "no period stands out") + says))
    if plain is not None and plain.duality_rank is not None:
        rank = leaking.duality_rank if leaking is not None else None
        shown = f"{formats.ordinal(100 * plain.duality_rank)}<small>percentile</small>"
        with_rank = None if rank is None else f"{formats.ordinal(100 * rank)} percentile"
        out.append(_tile("Disagreement", shown, "of spectrum and curve; below 95: like one star", with_rank))
    return out


def _tile(head: str, value: str, below: str, leaking: str | None = None) -> str:
    """One value; ``leaking`` is the same with catalogue values, already HTML."""
    more = (
        f'<div class="sv-leak" title="With catalogue values of this star">{label_table.mark_svg(0)} {leaking}</div>'
        if leaking
        else ""
    )
    return f'<li><div class="sv-what">{head}</div><div class="sv-value">{value}</div><div class="sv-below">{below}</div>{more}</li>'


def _label(name: str, labels: Any, diagram: Any, leaking: Any) -> str:
    """A label by both encoders."""
    ours = labels.get("spectrum", {}).get(name), labels.get("light_curve", {}).get(name)
    first = next((q for q in ours if q is not None), None)
    below = "from the spectrum" if ours[0] is not None else "from the light curve"
    if ours[0] is not None and ours[1] is not None:
        below = f"light curve {formats.label(name, ours[1].median)} ± {formats.number(_half_width(ours[1]), formats.DECIMALS.get(name, 2))}"
    with_labels = None
    if leaking is not None and name in leaking.diagram:
        with_labels = f"{formats.label(name, leaking.diagram[name][0])} {formats.unit(name)}"
    return _tile(formats.heading_html(name), _quantiles(name, first), below, with_labels)


def _half_width(quantiles: Any) -> float:
    return 0.5 * (quantiles.at(0.84) - quantiles.at(0.16))


def _quantiles(name: str, quantiles: Any) -> str:
    if quantiles is None or not math.isfinite(quantiles.median):
        return formats.DASH
    up, down = formats.error_pair(name, quantiles.median, quantiles.at(0.16), quantiles.at(0.84))
    return f'{formats.label(name, quantiles.median)}<span class="sv-err">{up}<br>{down}</span><small>{formats.unit(name)}</small>'


def _in_line(name: str, quantiles: Any) -> str | None:
    """The same in one line of small type."""
    if quantiles is None or not math.isfinite(quantiles.median):
        return None
    up, down = formats.error_pair(name, quantiles.median, quantiles.at(0.16), quantiles.at(0.84))
    return f"{formats.label(name, quantiles.median)} {up} {down} {formats.unit(name)}"


def _percent(value: float | None) -> str:
    return formats.DASH if value is None else f"{_percent_text(value)}"


def _percent_text(value: float | None) -> str | None:
    if value is None or not math.isfinite(value):
        return None
    if value < 0.01 or value > 0.99:
        return "&lt; 1 %" if value < 0.01 else "&gt; 99 %"
    return f"{formats.number(100 * value)} %"


def _measured(measured: Any) -> list[str]:
    """What was measured of the light curve, in words."""
    if measured is None:
        return []
    curve, how, power = measured.curve, measured.variability, measured.power
    minutes = curve.cadence * 1440.0
    out = [
        f"{formats.number(curve.span, 1)} d at {formats.number(minutes, 0 if minutes >= 2 else 1)} min, "
        f"{formats.count(curve.time.size)} points, {formats.count(measured.curve.removed)} taken out",
        f"Varies by {formats.count(round(how.range))} ppm (5th to 95th percentile), noise {formats.count(round(how.noise))} ppm",
    ]
    if math.isfinite(power.period):
        chance = "below 1e−10" if power.false_alarm < 1e-10 else f"{power.false_alarm:.1g}".replace("-", formats.MINUS)
        out.append(
            f'Strongest period {formats.number(power.period, 2)} d, <span title="White noise would make a peak as high '
            f'with this probability; spots, granulation and drifts are not white noise">false alarm {chance}</span>'
        )
    hump = measured.oscillations
    if hump.found:
        gravity = f", log <i>g</i> {formats.number(hump.logg, 2)}" if math.isfinite(hump.logg) else ""
        out.append(f"Oscillates at ν<sub>max</sub> {formats.plus_minus(hump.nu_max, hump.error, 1)} μHz{gravity}")
    dips = measured.eclipses
    if dips is not None and dips.found:
        out.append(
            f"{dips.events} eclipses every {formats.plus_minus(dips.period, dips.error, 4)} d, "
            f"{formats.count(round(dips.depth))} ppm deep, {formats.number(dips.duration, 1)} h long"
            f"{_unequal(dips)}"
        )
    return out


def _unequal(dips: Any) -> str:
    """Every other dip deeper: two stars."""
    if abs(dips.odd - dips.even) < max(0.15 * dips.depth, 6.0 * dips.depth / max(dips.snr, 1.0)):
        return ""
    deep, shallow = sorted((dips.odd, dips.even), reverse=True)
    return f" (every other one {formats.count(round(deep))} and {formats.count(round(shallow))}: two stars)"


def no_curve(answer: Any, fetching: bool) -> str:
    """What stands where the light curve would: why there is none, and where one may come from."""
    if answer is None or answer.measured is not None:
        return ""
    if answer.simulated:
        way = '<button class="sv-button" data-sv-act="study-do fetch">Simulate its light curve</button>'
    else:
        way = '<button class="sv-button" data-sv-act="study-do fetch">Fetch from MAST</button>'
    if fetching:
        way = '<span role="status" class="sv-quiet">Looking for a light curve …</span>'
    file = '<button class="sv-button" data-sv-act="file light_curve">Use a file</button>'
    alone = "" if answer.plain is None else " What stands above is from the spectrum alone."
    return (
        f'<div class="sv-do"><span>{text(answer.curve, 200)}.{alone}</span>{way}{file}'
        '<span class="sv-quiet">Kepler, K2 or TESS FITS, or text with time and flux.</span></div>'
    )


def head(title: str, fact: str = "", more: str = "") -> str:
    """The line over a figure; ``more`` is HTML of ours."""
    quiet = f'<span class="sv-quiet">{text(fact, 120)}</span>' if fact else ""
    return f'<div class="sv-head"><b>{title}</b>{quiet}{more}</div>'


def fold_choice(answer: Any, now: str) -> str:
    """A switch between the periods at which the curve is folded."""
    folds = () if answer is None else answer.folds
    if len(folds) < 2:
        return ""
    names = {"rotation": "Rotation", "eclipses": "Eclipses"}
    buttons = "".join(
        f'<button data-sv-act="study-do fold {f.why}" aria-pressed="{str(f.why == now).lower()}">{names.get(f.why, f.why)}</button>'
        for f in folds
    )
    return f'<span class="sv-seg" role="group" aria-label="Folded at">{buttons}</span>'
