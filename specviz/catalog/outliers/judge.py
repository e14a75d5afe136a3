"""From measures and a reference to an :class:`~specviz.catalog.outliers.oddity.Oddity`, in numbers and sentences."""

from __future__ import annotations

import math

import numpy as np

from specviz.catalog.outliers.measure import Measures, Part
from specviz.catalog.outliers.oddity import NAMES, Oddity, ScoreValue
from specviz.catalog.outliers.reference import Reference


def judge(measures: Measures, reference: Reference) -> Oddity:
    """How odd a star of these measures is among these reference stars."""
    p = reference.probabilities(measures)
    known = {name: value for name, value in p.items() if math.isfinite(value)}
    score = reference.score(measures)
    scores = tuple(_score(name, measures, reference) for name in NAMES)
    percentile, n = float("nan"), 0
    if reference.combined is not None and math.isfinite(score):
        n = reference.combined.n
        percentile = 100.0 * (1.0 - min(reference.combined.rarity(score), 1.0))
    leading = min(known, key=lambda name: known[name]) if known else ""
    return Oddity(scores, score, percentile, leading, n, reference.words if known else "")


def _score(name: str, measures: Measures, reference: Reference) -> ScoreValue:
    parts = [part for part in measures.parts if part.score == name]
    if not parts:
        return ScoreValue(name, absent=measures.absent.get(name, "it was not measured"))
    leading = min(parts, key=lambda part: _p(part, reference))
    tail = reference.tails.get(leading.key)
    rarity = float("nan") if tail is None else tail.rarity(leading.value, leading.snr)
    said = leading.said[:1].upper() + leading.said[1:]
    how = "" if tail is None else f": {_rare(rarity, tail.n, reference.words)}"
    reasons = leading.reasons or next((part.reasons for part in parts if part.reasons), ())
    return ScoreValue(name, leading.value, leading.unit, rarity, f"{said}{how}.", reasons)


def _p(part: Part, reference: Reference) -> float:
    """Tail probability of a part; one without a reference leads only where none has one."""
    tail = reference.tails.get(part.key)
    return (
        2.0 if tail is None else tail.p(part.value, part.snr)
    )


def _rare(rarity: float, n: int, words: str) -> str:
    """A rarity as a person says it."""
    if not np.isfinite(rarity):
        return "how rare that is is not known"
    if rarity * (n + 1) <= 1.0 + 1e-6:
        return f"more than all {n:,} {words}"
    if rarity < 0.001:
        return f"1 in {round(1 / rarity):,} {words}"
    if rarity < 0.1:
        return f"so much or more in {100 * rarity:.1f} % of {n:,} {words}"
    return f"so much or more in {100 * rarity:.0f} % of {n:,} {words}"
