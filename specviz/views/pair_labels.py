"""The words of the comparison: a card a star, how alike the two are, and the table of labels with their differences."""

from __future__ import annotations

import math

from specviz.session.pairing import LabelPair, Pair, Side
from specviz.views import formats, icons, stylesheet
from specviz.views.formats import text
from specviz.views.pair_curves import survey_name
from specviz.views.summary import facts

#: Beyond this many standard errors a difference is told of in bold.
TELLING = 3.0
#: Marks of the two stars, the same in cards, keys and plots: a ring and a filled dot.
SWATCHES = (
    '<svg width="14" height="14" style="vertical-align:-2px" aria-hidden="true"><circle cx="7" cy="7" r="4.5" fill="none" '
    'stroke="var(--sv-observed)" stroke-width="2"/></svg>',
    '<svg width="14" height="14" style="vertical-align:-2px" aria-hidden="true"><circle cx="7" cy="7" r="4.5" '
    'fill="var(--sv-similar)"/></svg>',
)
HEADS_CSS = f"""
:host {{ width: 100%; }}
.sv-heads {{ display: grid; grid-template-columns: minmax(0, 1fr) 132px minmax(0, 1fr); gap: 12px; }}
.sv-card {{ border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; padding: 8px 12px;
  box-sizing: border-box; min-height: 86px; min-width: 0; }}
.name {{ font-size: 17px; line-height: 24px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.meta {{ font-size: 12px; line-height: 17px; color: {stylesheet.QUIET}; display: flex; flex-wrap: wrap; gap: 0 12px; }}
.told {{ font-size: 12px; line-height: 17px; padding-top: 4px; display: flex; flex-wrap: wrap; gap: 4px 8px; align-items: center; }}
.bad {{ color: {stylesheet.WARN_TEXT}; }}
.sv-alike {{ text-align: center; padding: 8px 4px; white-space: nowrap; }}
.what {{ font-size: 12px; line-height: 18px; color: {stylesheet.QUIET}; }}
.value {{ font-size: 20px; line-height: 28px; font-weight: 600; }}
.sv-in {{ display: flex; gap: 10px; }} .sv-in > svg {{ flex: none; margin-top: 5px; }} .sv-in > div {{ min-width: 0; flex: 1; }}
@container {stylesheet.NARROW} {{ .sv-heads {{ grid-template-columns: minmax(0, 1fr); }} }}
"""
TABLE_CSS = f"""
:host {{ display: block; overflow: auto; box-sizing: border-box; scrollbar-width: thin; height: 372px; width: 100%; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th, td {{ height: 27px; padding: 0 4px; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2));
  text-align: right; white-space: nowrap; font-weight: 400; }}
th {{ position: sticky; top: 0; background: var(--jp-layout-color1); font-size: 12px; color: {stylesheet.QUIET}; z-index: 1; }}
tr > :first-child {{ text-align: left; padding-left: 0; }} tr > :last-child {{ padding-right: 2px; }}
small {{ font-size: 11px; color: {stylesheet.QUIET}; }} .telling {{ font-weight: 600; }}
"""


def heads_html(pair: Pair) -> str:
    """Both cards with what the model sees in common between them. Foreign text is escaped here."""
    first, second = (_card(i, side) for i, side in enumerate(pair.sides))
    return f'<div class="sv-heads">{first}{_alike(pair)}{second}</div>'


def _card(number: int, side: Side) -> str:
    label = ("First", "Second")[number]
    told = ""
    if side.busy:
        stop = '<button class="sv-button" data-sv-act="pair-cancel">Cancel</button>'
        told = f'<div class="told" role="status"><span class="sv-quiet">{text(side.busy, 80)} …</span>{stop}</div>'
    elif side.problem:
        again = (
            "" if side.candidates else f'<button class="sv-button" data-sv-act="pair-retry {number}">Try again</button>'
        )
        choices = "".join(
            f'<button class="sv-button" data-sv-act="pair-pick {number} {k}" title="{text(c.summary, 120)}">{text(c.name, 40)}</button>'
            for k, c in enumerate(side.candidates[:6])
        )
        kept = f" {text(side.name, 40)} is still shown." if side.star is not None and not _is_its_own(side) else ""
        icon = f'<span class="bad">{icons.svg("warning", 14)}</span>'
        told = (
            f'<div class="told" role="status"><span>{icon} {text(side.problem, 400)}{kept}</span>{choices}{again}</div>'
        )
    body = (
        facts(side.star)
        if side.star is not None
        else f'<div class="name sv-quiet">{text(side.name or "No star", 60)}</div>'
    )
    return (
        f'<section class="sv-card" aria-label="{label} star"><div class="sv-in">{SWATCHES[number]}'
        f"<div>{body}{told}</div></div></section>"
    )


def _is_its_own(side: Side) -> bool:
    """Whether the problem is one of the star that is shown, not of another that was asked for."""
    return side.report is not None and side.problem == side.report.problem


def _alike(pair: Pair) -> str:
    if pair.likeness:
        best = pair.likeness[0]
        kinds = " with ".join(dict.fromkeys(survey_name(s) for s in (best.first, best.second)))
        rest = "".join(
            f"<br>{survey_name(p.first)} {formats.number(p.cosine, 3)}"
            for p in pair.likeness[1:]
            if p.first == p.second
        )
        value, below = formats.number(best.cosine, 3), f"cosine, {kinds}{rest}"
    else:
        reports = [s.report for s in pair.sides if s.report is not None and not s.report.problem]
        value = formats.DASH
        below = "different models" if len(reports) == 2 else "needs two stars"
    swap = (
        '<button class="sv-button" data-sv-act="pair-swap" title="Let the stars change places (key s)">⇄ Swap</button>'
    )
    return f'<div class="sv-alike"><div class="what">Similarity</div><div class="value" title="Cosine of the two embeddings; 1: the model sees no difference">{value}</div><div class="what">{below}</div>{swap}</div>'


def labels_html(pair: Pair) -> str:
    """Label, both values with their errors, difference, and the difference in standard errors."""
    if not pair.labels:
        waits = any(s.busy for s in pair.sides)
        return f'<span class="sv-quiet">{"Waiting for the model." if waits else "No labels for these spectra."}</span>'
    head = (
        f"<thead><tr><th>Label</th><th>{SWATCHES[0]} 1</th><th>{SWATCHES[1]} 2</th><th>1 − 2</th>"
        '<th title="Difference over its standard error, the errors added in quadrature">σ</th></tr></thead>'
    )
    rows = "".join(_row(p) for p in pair.labels)
    return f'<table aria-label="Labels of both stars">{head}<tbody>{rows}</tbody></table>'


def _row(pair: LabelPair) -> str:
    unit = formats.unit(pair.name)
    name = formats.heading_html(pair.name) + (f" <small>{unit}</small>" if unit else "")
    decimals = formats.DECIMALS.get(pair.name, 2)
    telling = ' class="telling"' if abs(pair.sigma) >= TELLING else ""
    known = [survey_name(s) for s in pair.surveys if s]
    origin = " and ".join(dict.fromkeys(known))
    return (
        f'<tr title="{text(pair.name)}, from {text(origin)}"><td>{name}</td>{_value(pair.name, pair.first)}'
        f"{_value(pair.name, pair.second)}<td>{formats.number(pair.difference, decimals, sign=True)}</td>"
        f"<td{telling}>{formats.number(pair.sigma, 1, sign=True)}</td></tr>"
    )


def _value(name: str, value: tuple[float, float, float]) -> str:
    median, low, high = value
    if not math.isfinite(median):
        return f"<td>{formats.DASH}</td>"
    half = (high - low) / 2
    error = f" <small>±{formats.number(half, formats.DECIMALS.get(name, 2))}</small>" if math.isfinite(half) else ""
    up, down = formats.error_pair(name, median, low, high)
    return f'<td title="{up} {down}">{formats.label(name, median)}{error}</td>'
