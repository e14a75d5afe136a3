"""From measures and a reference to an :class:`~specviz.catalog.outliers.oddity.Oddity`, in numbers and sentences."""

from __future__ import annotations

import math

from specviz.catalog.outliers.measure import Measures, Part
from specviz.catalog.outliers.oddity import NAMES, Oddity, ScoreValue
from specviz.catalog.outliers.reference import Reference
from specviz.catalog.outliers.tails import harmonic, minus_log


def judge(measures: Measures, reference: Reference) -> Oddity:
    """How odd a star of these measures is among these reference stars."""
    p = {name: value for name, value in reference.probabilities(measures).items() if math.isfinite(value)}
    score = minus_log(harmonic(p.values()))
    other = reference.borrowed
    borrowed = {} if other is None else other.probabilities(measures)
    scores = []
    for name in NAMES:
        parts = [part for part in measures.parts if part.score == name]
        if not parts:
            scores.append(ScoreValue(name, absent=measures.absent.get(name, "it was not asked for")))
        elif name in p:
            scores.append(_score(name, parts, p[name], reference))
        elif other is not None:
            scores.append(_score(name, parts, borrowed[name], other))
        else:
            scores.append(_score(name, parts, float("nan"), Reference()))
    percentile, n = float("nan"), 0
    if reference.combined is not None and math.isfinite(score):
        n = reference.combined.n
        percentile = 100.0 * (1.0 - min(reference.combined.rarity(score), 1.0))
    leading = min(p, key=lambda name: p[name]) if p else ""
    return Oddity(tuple(scores), score, percentile, leading, n, reference.words if p else "")


def _score(name: str, parts: list[Part], p: float, known: Reference) -> ScoreValue:
    """A score that has parts: its rarest part says what is odd, the score as a whole how rare that is."""
    leading = min(parts, key=lambda part: _nan_last(known.p(part)))
    said, rarity, tail = leading.said[:1].upper() + leading.said[1:].rstrip("."), float("nan"), known.by_score.get(name)
    if tail is not None and math.isfinite(p):
        rarity = tail.rarity(minus_log(p))
        said += f"; {_rare(rarity, tail.n, known.words)}"
    return ScoreValue(name, leading.value, leading.unit, rarity, f"{said}.", leading.reasons)


def _nan_last(p: float) -> float:
    return p if math.isfinite(p) else 2.0


def _rare(rarity: float, n: int, words: str) -> str:
    """A rarity as a person says it."""
    if rarity * (n + 1) <= 1.0 + 1e-6:
        return f"none of {n:,} {words} is as odd in this"
    if rarity < 0.001:
        return f"1 in {round(1 / rarity):,} {words} is as odd in this"
    return f"{100 * rarity:.{1 if rarity < 0.1 else 0}f} % of {n:,} {words} are as odd in this"
