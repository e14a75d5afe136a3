"""The strip above all plots: name and facts of the star, then the answer, value by value, with errors and the
catalogue's word."""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.session import outcome
from specviz.session.state import Posterior, Report, State, headline_flags
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of
from specviz.spectra.frames import C_KM_S
from specviz.spectra.star import Star
from specviz.views import formats, icons, label_table, spoken, stylesheet
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
ul {{ display: contents; list-style: none; margin: 0; padding: 0; }} .tile {{ position: relative; }}
.said {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
.bad {{ color: {stylesheet.WARN_TEXT}; }} .good {{ color: var(--jp-success-color1, #388e3c); }}
@container {stylesheet.MEDIUM} {{ .strip {{ grid-template-columns: repeat(6, 1fr); }} .who {{ grid-column: 1 / -1;
padding-bottom: 2px; }}
  .tile {{ min-width: 0; padding: 2px 4px 8px 10px; overflow: hidden; }} .tile:first-child {{ border-left: none; }} }}
@container (max-width: 859px) {{ .strip {{ grid-template-columns: repeat(3, 1fr); }} .tile:nth-child(3n+1) {{ border-left: none; }} }}
@container (max-width: 459px) {{ .strip {{ grid-template-columns: repeat(2, 1fr); }} .tile:nth-child(n) {{ border-left: none; }}
  .tile:nth-child(even) {{ border-left: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }} }}
"""


class Summary:
    """One HTML pane: the facts left, six tiles right (two rows on a narrow widget)."""

    def __init__(self) -> None:
        self.root = html(css=_CSS, classes=["sv-summary"])

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        measured = new.velocity is not old.velocity
        if new.star is not old.star or new.report is not old.report or measured:
            found = None if new.velocity is None else new.velocity.result
            rv = None if found is None else (found.rv, found.sigma)
            self.root.object = summary_html(new.star, new.report, rv) if new.star is not None else ""


def summary_html(star: Star, report: Report | None, rv: tuple[float, float] | None = None) -> str:
    """The whole strip, a list to a screen reader. Foreign text is escaped here.

    ``rv``: velocity and error (km/s) measured by cross-correlation, which goes before the pipeline's.
    """
    posterior = None if report is None else report.posterior
    catalogues = catalogues_of(star)
    tiles = [label_tile(n, posterior, catalogues, report) for n in LABELS]
    tiles += [anomaly_tile(report), quality_tile(report, star)]
    results = "".join(tiles)
    return f'<div class="strip"><div class="who">{facts(star, rv)}</div><ul role="list" aria-label="Results">{results}</ul></div>'


def _tile(head: str, value: str, below: str, said: str, hint: str = "") -> str:
    """A tile: what is seen, and the sentence that is heard instead. ``said`` and ``hint`` are plain text."""
    title = f' title="{text(hint, 500)}"' if hint else ""
    return (
        f'<li class="tile"{title}><span class="said">{text(said, 300)}</span><div aria-hidden="true"><div class="what">{head}</div>'
        f'<div class="value">{value}</div><div class="below">{below}</div></div></li>'
    )


def facts(star: Star, measured: tuple[float, float] | None = None) -> str:
    """Name, position, identifiers, class, S/N, velocity: the one ``measured`` (km/s, with its error), else the file's."""
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
    if measured is not None:
        shown = formats.plus_minus(measured[0], measured[1], 1 if measured[1] < 1 else 0, "km s⁻¹")
        parts.append(f'<span title="by cross-correlation in this session">RV {shown} (measured)</span>')
    elif z is not None and np.isfinite(float(z)) and abs(float(z)) < 0.01:
        error = meta.get("z_err")
        rv = float(z) * C_KM_S
        shown = (
            formats.plus_minus(rv, float(error) * C_KM_S, 0, "km s⁻¹")
            if error is not None and 0 < float(error) < 1e-3
            else f"{formats.number(rv, 0, sign=True)}\u00a0km s⁻¹"
        )
        parts.append(f"RV {shown}")
    if meta.get("simulated"):
        parts.append("simulated")
    lines = f'<div class="meta">{"".join(f"<span>{p}</span>" for p in parts)}</div>'
    return f'<div class="name" title="{text(star.name, 300)}">{text(star.name, 60)}</div>{lines}'


def label_tile(
    name: str, posterior: Posterior | None, catalogues: tuple[CatalogueValues, ...], report: Report | None
) -> str:
    """Median, error pair, unit; the leading catalogue's value and its distance from ours in sigma, the others in the hint."""
    head = formats.heading_html(name)
    if posterior is None or name not in posterior.names:
        why = "waiting for the model" if report is None else ("no result" if posterior is None else "not in this model")
        return _tile(head, formats.DASH, why, f"{spoken.name(name)}: {why}")
    median, low, high = posterior.summary()[name]
    up, down = formats.error_pair(name, median, low, high)
    flag = label_table.range_flag(posterior, name)
    icon = f'<span class="bad">{icons.svg("warning", 16)}</span>' if flag == "outside" else ""
    value = (
        f'{icon}{formats.label(name, median)}<span class="err">{up}<br>{down}</span>'
        f'<span class="unit">{formats.unit(name)}</span>'
    )
    words = [w for one in catalogues if (w := label_table.catalogue_words(one, name, median, low, high))]
    known = [(k, one) for k, one in enumerate(catalogues) if one.value(name) is not None]
    said = [spoken.value(name, median, low, high)]
    if flag == "outside":
        below = f'<span class="bad">{label_table.FLAGS[flag]}</span>'
    elif known:
        below = _catalogue(*known[0], name, median, low, high)
    else:
        below = "no uncertainty" if name in posterior.points else f"{label_table.mark_svg(0)} no value"
    said += [label_table.FLAGS[flag]] if flag else []
    for _, one in known:
        away = one.distance(name, median, low, high)
        told = spoken.words(formats.label(name, one.value(name)))
        said.append(f"{one.name} {told}" + (f", {spoken.distance(away)}" if away is not None else ""))
    hint = "; ".join([*filter(None, [posterior.notes.get(name, ""), label_table.FLAGS.get(flag, "")]), *words])
    return _tile(head, value, below, "; ".join(said), hint)


def _catalogue(place: int, one: CatalogueValues, name: str, median: float, low: float, high: float) -> str:
    away = one.distance(name, median, low, high)
    sigma = f"&ensp;{formats.number(away, 1, sign=True)} σ" if away is not None else ""
    unit = " K" if name == "teff" else ""
    return f"{label_table.mark_svg(place)} {formats.label(name, one.value(name))}{unit}{sigma}"


def anomaly_tile(report: Report | None) -> str:
    anomaly = None if report is None else report.anomaly
    if anomaly is None or not np.isfinite(anomaly.percentile):
        why = "waiting for the model" if report is None else "not available"
        return _tile("Anomaly", formats.DASH, why, f"Anomaly: {why}")
    p = anomaly.percentile
    word = "typical below 90" if p < 90 else ("unusual: 90 to 99" if p <= 99 else "outlier: above 99")
    klass = ' class="bad"' if p > 99 else ""
    shown = formats.ordinal(shown_percentile(p))
    value = f'{shown} <span class="unit">percentile</span>'
    return _tile("Anomaly", value, f"<span{klass}>{word}</span>", f"Anomaly: {shown} percentile, {word}")


def quality_tile(report: Report | None, star: Star | None = None) -> str:
    """How many checks failed; "Partial" where none did but an archive gave no answer, so that something may be missing."""
    silent = " and ".join(outcome.service_name(k) for k in outcome.unanswered(star))
    if report is None or not report.flags:
        why = "waiting for the model" if report is None else "not checked"
        return _tile("Quality", formats.DASH, why, f"Quality: {why}")
    shown = headline_flags(report)
    failed = [f for f in shown if f.passed is False]
    made = sum(f.passed is not None for f in shown)
    below = f"of {made} checks"
    if failed:
        word = f"{len(failed)} flag{'s' if len(failed) > 1 else ''}"
        value = f'<span class="bad">{icons.svg("warning", 18)}</span>{word}'
    elif silent:
        word, below = "Partial", f"no answer from {text(silent, 24)}"
        value = f'<span class="bad">{icons.svg("offline", 18)}</span>{word}'
    else:
        word, below = "Good", f"{made} checks passed"
        value = f'<span class="good">{icons.svg("check", 18)}</span>Good'
    missing = [f"no answer from {silent}"] if silent else []
    said = "; ".join([f"Quality: {word}, of {made} checks", *(f.text for f in failed), *missing])
    return _tile("Quality", value, below, said, "; ".join([*(f.text for f in failed), *missing]))
