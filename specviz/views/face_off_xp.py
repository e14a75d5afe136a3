"""The Gaia XP spectra that models predict from the optical one, over the observed one, and how long each model took.

SVG in our own type, like the rest of the face-off: it follows the theme and stays in a page that is saved.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from specviz.session.state import FaceOff, PredictedXp, predicted_xp
from specviz.views import formats
from specviz.views.formats import text

WIDTH, HEIGHT, STRIP = 640, 190, 66  # px of the drawing: spectra, residuals below
LEFT, RIGHT, BOTTOM, GAP = 44, 8, 34, 10
LIMIT = 8.0  # per cent, of the residual strip
#: A colour and a dash a model, in their order.
STYLES = (("predicted", ""), ("reconstructed", "6 3"), ("similar", "2 3"), ("catalogue", "8 3 2 3"))
_OPTICAL = {"lamost_lrs": "LAMOST", "sdss": "SDSS", "other": "the optical spectrum"}
CSS = """
.sv-xp-face { display: grid; grid-template-columns: minmax(0, 760px) minmax(260px, max-content); gap: 4px 24px; padding-top: 8px;
  border-top: 1px solid var(--jp-border-color2); margin-top: 6px; align-items: start; }
.sv-xp-face h4 { grid-column: 1 / -1; margin: 0; font-size: 12px; line-height: 20px; font-weight: 600; }
.sv-xp-face svg { width: 100%; height: auto; max-width: 760px; font: 11px var(--jp-ui-font-family); }
.sv-xp-face svg text { fill: var(--jp-ui-font-color1); }
.sv-times { border-collapse: collapse; font-size: 12px; line-height: 20px; width: 100%; }
.sv-times th { font-weight: 400; text-align: right; padding: 0 0 0 14px; white-space: nowrap; }
.sv-times td { text-align: right; padding: 0 0 0 14px; white-space: nowrap; font-variant-numeric: tabular-nums; }
.sv-times th:first-child, .sv-times td:first-child { text-align: left; padding-left: 0; }
.sv-times td svg { width: 26px; height: 10px; vertical-align: 0; margin-right: 6px; }
.sv-times thead th { border-bottom: 1px solid var(--jp-border-color2); }
@container (max-width: 919px) { .sv-xp-face { grid-template-columns: minmax(0, 1fr); } }
"""


def xp_html(result: FaceOff) -> str:
    """The drawing, if any model predicts an XP spectrum, and a table of the models that answered; "" without any."""
    predictions = predicted_xp(result)
    answered = [a for a in result.answers if a.report is not None]
    if not answered:
        return ""
    styles = {p.model: STYLES[i % len(STYLES)] for i, p in enumerate(predictions)}
    drawing = _drawing(predictions, styles) if predictions else "<span></span>"
    title = "Gaia XP as the models predict it" if predictions else "Run time"
    if predictions:
        sources = dict.fromkeys(_OPTICAL.get(p.source, p.source) for p in predictions)
        title += f" from {text(', '.join(sources), 60)}"
        title += ", over the observed one" if any(p.observed is not None for p in predictions) else ""
    return f'<section class="sv-xp-face"><h4>{title}</h4>{drawing}{_table(answered, predictions, styles)}</section>'


def _table(answered: Sequence[Any], predictions: Sequence[PredictedXp], styles: dict[str, tuple[str, str]]) -> str:
    by_model = {p.model: p for p in predictions}
    rows = []
    for answer in answered:
        p, seconds = by_model.get(answer.model), answer.report.provenance.seconds
        typical = "" if p is None or not math.isfinite(p.typical) else f"{formats.number(100 * p.typical, 2)} %"
        chi2 = "" if p is None or not math.isfinite(p.chi2) else formats.number(p.chi2, 2 if p.chi2 < 10 else 0)
        key = ""
        if p is not None:
            role, dash = styles[p.model]
            key = f'<svg viewBox="0 0 26 10" aria-hidden="true">{_path([(0, 5), (26, 5)], role, dash)}</svg>'
        took = f"{formats.number(1000 * seconds, 0)} ms" if seconds < 1 else f"{formats.number(seconds, 1)} s"
        rows.append(f"<tr><td>{key}{text(answer.model, 40)}</td><td>{typical}</td><td>{chi2}</td><td>{took}</td></tr>")
    heads = (
        '<th>Model</th><th title="Median of |observed − predicted| over observed">Off by</th>'
        '<th title="Mean squared residual in units of both errors; 1 where the errors are right">χ²/N</th>'
        '<th title="For this star, without loading the model">Time</th>'
    )
    return f'<table class="sv-times"><thead><tr>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


# ---------------------------------------------------------------------------------------------- the drawing
def _drawing(predictions: Sequence[PredictedXp], styles: dict[str, tuple[str, str]]) -> str:
    seen = next((p for p in predictions if p.observed is not None), None)
    wave = predictions[0].wavelength
    curves = [p.flux for p in predictions] + ([] if seen is None or seen.observed is None else [seen.observed])
    high = 1.08 * max(float(np.nanmax(c)) for c in curves)
    low = min(0.0, 1.08 * min(float(np.nanmin(c)) for c in curves))
    x0, x1 = float(wave[0]), float(wave[-1])

    def x(w: Any) -> Any:
        return LEFT + (np.asarray(w) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)

    def y(f: Any) -> Any:
        return HEIGHT - (np.asarray(f) - low) / (high - low) * (HEIGHT - 4)

    top, height = HEIGHT + GAP, STRIP
    total = HEIGHT + (GAP + STRIP if seen is not None else 0) + BOTTOM
    parts = [_frame(4, HEIGHT - 4)]
    for p in predictions:
        role = styles[p.model][0]
        if np.isfinite(p.sigma).any():
            sigma = np.nan_to_num(p.sigma)
            edge = [*zip(x(p.wavelength), y(p.flux + sigma), strict=True)]
            back = [*zip(x(p.wavelength)[::-1], y(p.flux - sigma)[::-1], strict=True)]
            parts.append(f'<path d="{_d(edge + back)}Z" fill="var(--sv-{role})" fill-opacity="0.16"/>')
    if seen is not None and seen.observed is not None and seen.error is not None:
        good = np.isfinite(seen.observed)
        up, down = y(seen.observed + seen.error)[good], y(seen.observed - seen.error)[good]
        bars = "".join(f"M{a:.1f} {b:.1f}V{c:.1f}" for a, b, c in zip(x(wave)[good], down, up, strict=True))
        dots = "".join(f"M{a:.1f} {b:.1f}h0" for a, b in zip(x(wave)[good], y(seen.observed)[good], strict=True))
        parts.append(f'<path d="{bars}" stroke="var(--sv-observed)" stroke-width="0.8" fill="none"/>')
        parts.append(f'<path d="{dots}" stroke="var(--sv-observed)" stroke-width="2.6" stroke-linecap="round"/>')
    for p in predictions:
        parts.append(_path([*zip(x(p.wavelength), y(p.flux), strict=True)], *styles[p.model]))
    parts += [_y_tick(float(v), float(y(v)), f"{v:g}") for v in _ticks(low, high)]
    if seen is not None:
        parts += _strip(predictions, styles, x, top, height)
    base = total - BOTTOM
    for w in range(400, int(x1) + 1, 100):
        at = float(x(w))
        parts.append(f'<path d="M{at:.1f} {base}v4" stroke="var(--sv-tick)"/>')
        parts.append(f'<text x="{at:.1f}" y="{base + 15}" text-anchor="middle">{w}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{total - 3}" text-anchor="middle">Wavelength (nm)</text>')
    parts.append(_turned("Flux / flux(550 nm)", HEIGHT / 2))
    said = ", ".join(
        f"{p.model} off by {formats.number(100 * p.typical, 1)} %" if math.isfinite(p.typical) else p.model
        for p in predictions
    )
    return f'<svg viewBox="0 0 {WIDTH} {total}" role="img" aria-label="{text(f"Predicted Gaia XP spectra: {said}", 300)}">{"".join(parts)}</svg>'


def _strip(predictions: Sequence[PredictedXp], styles: dict[str, tuple[str, str]], x: Any, top: int,
           height: int) -> list[str]:  # fmt: skip
    """Observed minus predicted, per cent of what was observed."""

    def y(v: Any) -> Any:
        return top + height / 2 - np.clip(np.asarray(v), -LIMIT, LIMIT) / LIMIT * (height / 2)

    parts = [_frame(top, height), f'<path d="M{LEFT} {y(0):.1f}H{WIDTH - RIGHT}" stroke="var(--sv-tick)"/>']
    for p in predictions:
        if p.observed is None:
            continue
        with np.errstate(invalid="ignore", divide="ignore"):
            off = 100 * (p.observed - p.flux) / np.where(p.observed > 0, p.observed, np.nan)
        good = np.isfinite(off)
        points = [*zip(x(p.wavelength)[good], y(off)[good], strict=True)]
        parts.append(_path(points, *styles[p.model], width=1.0))
    parts += [_y_tick(v, float(y(v)), formats.number(v, 0, sign=True) if v else "0") for v in (-5.0, 0.0, 5.0)]
    parts.append(_turned("O − P (%)", top + height / 2))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    step = next(s for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, math.inf) if (high - low) / s <= 5)
    return [0.0] if math.isinf(step) else [float(v) for v in np.arange(math.ceil(low / step), high / step) * step]


def _frame(top: float, height: float) -> str:
    return f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{height}" fill="none" stroke="var(--sv-frame)"/>'


def _y_tick(_value: float, at: float, written: str) -> str:
    return f'<text x="{LEFT - 5}" y="{at + 4:.1f}" text-anchor="end">{written}</text>'


def _turned(words: str, at: float) -> str:
    return f'<text x="11" y="{at:.0f}" text-anchor="middle" transform="rotate(-90 11 {at:.0f})">{words}</text>'


def _d(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)


def _path(points: Sequence[tuple[float, float]], role: str, dash: str = "", width: float = 1.6) -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="{_d(points)}" fill="none" stroke="var(--sv-{role})" stroke-width="{width}"{dashes}/>'
