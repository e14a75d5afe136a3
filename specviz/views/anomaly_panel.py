"""Anomaly and quality: the percentile in words first, where it falls, up to four reasons, then the checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from specviz.session.state import Anomaly, QualityFlag, Reason, Report, State, headline_flags
from specviz.views import formats, icons, stylesheet
from specviz.views.controls import html, icon_button, row, show
from specviz.views.panel_frame import PanelFrame

REASONS = 4
_CSS = f"""
.big {{ font-size: 28px; line-height: 32px; font-weight: 600; }}
.head {{ display: flex; gap: 12px; align-items: center; }}
.reason {{ display: grid; grid-template-columns: minmax(0, 1fr) 58px 64px 58px; align-items: center; height: 27px; }}
.reason > *:nth-child(n+2) {{ text-align: right; white-space: nowrap; }}
.reason > *:first-child {{ white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
.checks {{ display: grid; grid-template-columns: 1fr 1fr; gap: 4px 12px; }}
.checks > * {{ white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }}
.good {{ color: var(--jp-success-color1, #388e3c); }} .bad {{ color: {stylesheet.WARN_TEXT}; }}
"""
_ROW_CSS = ":host { border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); min-height: 28px; gap: 4px !important; }"


class AnomalyPanel:
    """How odd the star is and why, with the quality checks.

    Parameters
    ----------
    zoom : callable
        ``zoom(survey, low, high)`` shows a stretch (Angstrom) in the spectrum panels.
    """

    def __init__(self, zoom: Callable[[str, float, float], None]) -> None:
        self._zoom = zoom
        self._reasons: tuple[Reason, ...] = ()
        self.head = html(css=_CSS)
        self.why = html(
            '<span class="sv-quiet" style="font-size:12px">Largest differences from the model, mean per pixel</span>',
            css=":host{padding-top:4px}",
        )
        self._texts = [html(css=_CSS, classes=["sv-grow"]) for _ in range(REASONS)]
        self._rows: list[Any] = [
            row(t, icon_button(f"Zoom to difference {i + 1}", "target", lambda i=i: self._go(i)), css=_ROW_CSS)  # type: ignore[misc]
            for i, t in enumerate(self._texts)
        ]
        self.checks = html(css=_CSS, classes=["sv-checks"])
        self.frame = PanelFrame(
            "Anomaly and quality", "sv-anomaly", body=[self.head, self.why, *self._rows, self.checks]
        )
        self._draw(None)

    def _go(self, i: int) -> None:
        if i < len(self._reasons):
            r = self._reasons[i]
            middle = (r.low + r.high) / 2
            half = max(100.0, 0.7 * (r.high - r.low))
            self._zoom(r.survey, middle - half, middle + half)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.report is not old.report:
            self._draw(new.report)

    def _draw(self, report: Report | None) -> None:
        anomaly = None if report is None else report.anomaly
        self.head.object = '<span class="sv-quiet">No result yet.</span>' if report is None else headline(anomaly)
        self._reasons = anomaly.reasons[:REASONS] if anomaly is not None else ()
        self.why.visible = bool(self._reasons)
        for i, (pane, line) in enumerate(zip(self._texts, self._rows, strict=True)):
            show(line, i < len(self._reasons))
            pane.object = reason_html(self._reasons[i]) if i < len(self._reasons) else ""
        self.checks.object = "" if report is None else checks_html(headline_flags(report))


def headline(anomaly: Anomaly | None) -> str:
    """Percentile in words, and its place in the reference set."""
    if anomaly is None or not np.isfinite(anomaly.percentile):
        why = "No reference scores for this kind of spectrum" if anomaly is None or not anomaly.note else anomaly.note
        why = formats.text(why[:1].upper() + why[1:])
        return f'<div class="head"><span class="big">–</span><span class="sv-quiet">{why}</span></div>'
    p = anomaly.percentile
    return (
        f'<div class="head"><span class="big">{formats.ordinal(shown_percentile(p))}</span><span style="font-size:12px;line-height:16px">'
        f"percentile of {formats.count(anomaly.n_reference)} reference stars<br>"
        '<span class="sv-quiet">typical &lt; 90 · unusual 90–99 · outlier &gt; 99</span></span></div>'
        + histogram_svg(anomaly)
    )


def shown_percentile(percentile: float) -> float:
    """Between 1 and 99 for whoever is inside the reference set: nobody reads "0th", and 100 means beyond all of it."""
    return 100.0 if percentile >= 99.95 else min(max(percentile, 1.0), 99.0)


def histogram_svg(anomaly: Anomaly, width: int = 360, height: int = 48) -> str:
    """The reference scores as bars, limits at the 90th and 99th percentile, this star as a line."""
    scores = np.asarray(anomaly.reference, float)
    scores = scores[np.isfinite(scores)]
    if scores.size < 20:
        return ""
    values = np.log10(np.clip(scores, 1e-3, None))
    low, high = (float(v) for v in np.percentile(values, (0.3, 99.7)))
    me = float(np.log10(max(anomaly.score, 1e-3)))
    high = max(high, min(me, high + 0.35 * (high - low))) + 0.03 * (high - low)
    low = min(low, me) if me < low else low
    counts, _edges = np.histogram(values, bins=60, range=(low, high))
    step = width / 60

    def at(v: float) -> float:
        return min(max((v - low) / (high - low), 0.0), 1.0) * width

    bars = "".join(
        f'<rect x="{i * step:.1f}" y="{height - c / counts.max() * (height - 4):.1f}" width="{step - 0.6:.1f}" height="{c / counts.max() * (height - 4):.1f}"/>'
        for i, c in enumerate(counts)
        if c
    )
    limits = "".join(
        f'<line x1="{at(q):.1f}" x2="{at(q):.1f}" y1="0" y2="{height}" stroke="var(--sv-tick)" stroke-dasharray="2 2"/>'
        f'<text x="{at(q) + 3:.1f}" y="10" font-size="11" fill="var(--sv-quiet)">{name}</text>'
        for name, q in (("90", float(np.percentile(values, 90))), ("99", float(np.percentile(values, 99))))
    )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="100%" height="{height}" preserveAspectRatio="none" role="img" '
        f'aria-label="Distribution of reference scores; this star at percentile {anomaly.percentile:.0f}" style="display:block;margin-top:4px;max-width:{width}px">'
        f'<g fill="var(--sv-reference)">{bars}</g>{limits}'
        f'<line x1="{at(me):.1f}" x2="{at(me):.1f}" y1="0" y2="{height}" stroke="var(--sv-observed)" stroke-width="2"/></svg>'
    )


def reason_html(reason: Reason) -> str:
    """Name, kind, wavelength, a signed bar and the mean difference in sigma."""
    size = min(abs(reason.mean_sigma) / 6.0, 1.0) * 26
    x = 28 if reason.mean_sigma > 0 else 28 - size
    bar = f'<svg width="56" height="10" style="vertical-align:-1px"><rect x="{x:.1f}" y="0" width="{size:.1f}" height="10" fill="var(--sv-quiet)"/></svg>'
    unit = "nm" if reason.survey == "gaia_xp" else "Å"
    where = reason.wavelength / 10 if unit == "nm" else reason.wavelength
    return (
        f'<div class="reason"><span>{formats.text(reason.name, 40)} <span class="sv-quiet" style="font-size:12px">{formats.text(reason.kind)}</span></span>'
        f'<span class="sv-quiet">{formats.number(where)}&nbsp;{unit}</span><span>{bar}</span><span>{formats.number(reason.mean_sigma, 1, sign=True)}&nbsp;σ</span></div>'
    )


def checks_html(flags: tuple[QualityFlag, ...]) -> str:
    """All checks, passed ones too."""
    cells = []
    for flag in flags:
        icon, klass, word = {
            True: ("check", "good", "passed"),
            False: ("warning", "bad", "failed"),
            None: ("unknown", "sv-quiet", "not checked"),
        }[flag.passed]
        cells.append(
            f'<span title="{formats.text(flag.detail or flag.text, 300)}"><span class="{klass}" role="img" aria-label="{word}">{icons.svg(icon, 14)}</span> {formats.text(flag.text, 60)}</span>'
        )
    return f'<div class="sv-quiet" style="font-size:12px;padding:8px 0 2px">Quality flags</div><div class="checks">{"".join(cells)}</div>'
