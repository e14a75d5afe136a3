"""The strip above all plots: name and facts of the star, then the answer, value by value, with errors and the
catalogue's word."""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.session.state import Posterior, Report, State, headline_flags
from specviz.spectra.star import Star
from specviz.views import formats, icons, stylesheet
from specviz.views.anomaly_panel import shown_percentile
from specviz.views.controls import html
from specviz.views.formats import text

LABELS = ("teff", "logg", "fe_h", "alpha_fe")
_CSS = f"""
:host {{ border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; box-sizing: border-box; width: 100%; }}
.strip {{ display: grid; grid-template-columns: minmax(250px, 1fr) repeat(6, auto); min-height: 86px; align-items:
center; }}
.who {{ padding: 8px 12px; min-width: 0; }} .who > * {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}}
.name {{ font-size: 17px; line-height: 24px; font-weight: 600; }}
.meta {{ font-size: 12px; line-height: 17px; color: {stylesheet.QUIET}; display: flex; flex-wrap: wrap; gap: 0 12px; max-height: 51px; }}
.tile {{ border-left: 1px solid var(--jp-border-color3, var(--jp-border-color2)); padding: 2px 10px 2px 12px; min-width: 92px; white-space: nowrap; }}
.what {{ font-size: 12px; line-height: 18px; color: {stylesheet.QUIET}; }}
.value {{ font-size: 20px; line-height: 28px; font-weight: 600; display: flex; align-items: center; gap: 5px; }}
.unit {{ font-size: 12px; font-weight: 400; color: {stylesheet.QUIET}; }}
.err {{ font-size: 10.5px; line-height: 12px; font-weight: 400; display: inline-block; text-align: right; }}
.below {{ font-size: 12px; line-height: 18px; color: {stylesheet.QUIET}; }}
.bad {{ color: {stylesheet.WARN_TEXT}; }} .good {{ color: var(--jp-success-color1, #388e3c); }}
@container {stylesheet.MEDIUM} {{ .strip {{ grid-template-columns: repeat(6, 1fr); }} .who {{ grid-column: 1 / -1;
padding-bottom: 2px; }}
  .tile {{ min-width: 0; padding: 2px 4px 8px 10px; overflow: hidden; }} .tile:nth-child(2) {{ border-left: none; }} }}
@container {stylesheet.NARROW} {{ .strip {{ grid-template-columns: repeat(3, 1fr); }} .tile:nth-child(3n+2) {{ border-left: none; }} }}
"""
_DIAMOND = (
    '<svg width="10" height="10" style="vertical-align:-1px" aria-label="catalogue"><path d="M5 .8L9 5L5 9.2L1 5Z" fill="none" '
    'stroke="var(--sv-catalogue)" stroke-width="1.3"/></svg>'
)


class Summary:
    """One HTML pane: the facts left, six tiles right (two rows on a narrow widget)."""

    def __init__(self) -> None:
        self.root = html(css=_CSS, classes=["sv-summary"])

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.star is not old.star or new.report is not old.report:
            self.root.object = summary_html(new.star, new.report) if new.star is not None else ""


def summary_html(star: Star, report: Report | None) -> str:
    """The whole strip. Foreign text is escaped here."""
    posterior = None if report is None else report.posterior
    tiles = [label_tile(n, posterior, star.catalogue, report) for n in LABELS]
    tiles += [anomaly_tile(report), quality_tile(report)]
    return f'<div class="strip"><div class="who">{facts(star)}</div>{"".join(tiles)}</div>'


def facts(star: Star) -> str:
    """Name, position, identifiers, class, S/N, velocity."""
    spectrum = next(iter(star.spectra.values()), None)
    meta: Any = spectrum.meta if spectrum is not None else {}
    parts = []
    position = formats.coordinates(star.ra, star.dec)
    if position:
        parts += [f"RA {position[0]}", f"Dec {position[1]}"]
    if star.obsid:
        parts.append(f"obsid {text(star.obsid, 24)}")
    elif star.source_id is not None:
        parts.append(text(f"Gaia {star.source_id.release} {star.source_id.value}", 40))
    kind = meta.get("subclass") or meta.get("class")
    if kind:
        parts.append(f"Class {text(kind, 20)}")
    snr = spectrum.snr if spectrum is not None else None
    if snr is not None:
        band = "<sub>g</sub>" if spectrum is not None and spectrum.survey == "lamost_lrs" else ""
        parts.append(f"S/N{band} {formats.number(snr)}")
    z = meta.get("z")
    if z is not None and np.isfinite(float(z)) and abs(float(z)) < 0.01:
        error = meta.get("z_err")
        rv = float(z) * 299792.458
        shown = (
            formats.plus_minus(rv, float(error) * 299792.458, 0, "km s⁻¹")
            if error is not None and 0 < float(error) < 1e-3
            else f"{formats.number(rv, 0, sign=True)}\u00a0km s⁻¹"
        )
        parts.append(f"RV {shown}")
    if meta.get("simulated"):
        parts.append("simulated")
    lines = f'<div class="meta">{"".join(f"<span>{p}</span>" for p in parts)}</div>'
    return f'<div class="name" title="{text(star.name, 300)}">{text(star.name, 60)}</div>{lines}'


def label_tile(name: str, posterior: Posterior | None, catalogue: Any, report: Report | None) -> str:
    """Median, error pair, unit; the catalogue's value and its distance from ours in sigma."""
    head = f'<div class="what">{formats.heading_html(name)}</div>'
    if posterior is None or name not in posterior.names:
        why = "waiting for the model" if report is None else ("no result" if posterior is None else "not in this model")
        return f'<div class="tile">{head}<div class="value">{formats.DASH}</div><div class="below">{why}</div></div>'
    median, low, high = posterior.summary()[name]
    up, down = formats.error_pair(name, median, low, high)
    outside = name in posterior.prior and not (posterior.prior[name][0] <= median <= posterior.prior[name][1])
    icon = f'<span class="bad">{icons.svg("warning", 16)}</span>' if outside else ""
    value = (
        f'<div class="value">{icon}{formats.label(name, median)}<span class="err">{up}<br>{down}</span>'
        f'<span class="unit">{formats.unit(name)}</span></div>'
    )
    if outside:
        below = '<span class="bad">outside training range</span>'
    else:
        below = _catalogue(name, catalogue, median, low, high)
        if name in posterior.points and not _finite(catalogue.get(name)):
            below = "no uncertainty"
    note = posterior.notes.get(name, "")
    return f'<div class="tile" title="{text(note, 200)}">{head}{value}<div class="below">{below}</div></div>'


def _catalogue(name: str, catalogue: Any, median: float, low: float, high: float) -> str:
    if not _finite(catalogue.get(name)):
        return f"{_DIAMOND} no value"
    other = float(catalogue[name])
    sigma = (high - median) if other > median else (median - low)
    away = f"&ensp;{formats.number((other - median) / sigma, 1, sign=True)} σ" if sigma > 0 else ""
    unit = " K" if name == "teff" else ""
    return f"{_DIAMOND} {formats.label(name, other)}{unit}{away}"


def _finite(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def anomaly_tile(report: Report | None) -> str:
    head = '<div class="what">Anomaly</div>'
    anomaly = None if report is None else report.anomaly
    if anomaly is None or not np.isfinite(anomaly.percentile):
        why = "waiting for the model" if report is None else "not available"
        return f'<div class="tile">{head}<div class="value">{formats.DASH}</div><div class="below">{why}</div></div>'
    p = anomaly.percentile
    word = "typical below 90" if p < 90 else ("unusual: 90 to 99" if p <= 99 else "outlier: above 99")
    klass = ' class="bad"' if p > 99 else ""
    shown = formats.ordinal(shown_percentile(p))
    return f'<div class="tile">{head}<div class="value">{shown} <span class="unit">percentile</span></div><div class="below"><span{klass}>{word}</span></div></div>'


def quality_tile(report: Report | None) -> str:
    head = '<div class="what">Quality</div>'
    if report is None or not report.flags:
        return f'<div class="tile">{head}<div class="value">{formats.DASH}</div><div class="below">{"waiting for the model" if report is None else "not checked"}</div></div>'
    shown = headline_flags(report)
    failed = sum(f.passed is False for f in shown)
    unchecked = sum(f.passed is None for f in shown)
    if failed:
        value = f'<span class="bad">{icons.svg("warning", 18)}</span>{failed} flag{"s" if failed > 1 else ""}'
    else:
        value = f'<span class="good">{icons.svg("check", 18)}</span>Good'
    below = f"of {len(shown) - unchecked} checks"
    return f'<div class="tile">{head}<div class="value">{value}</div><div class="below">{below}</div></div>'
