"""From measures and a reference to an :class:`~specviz.catalog.outliers.oddity.Oddity`, in numbers and sentences."""

from __future__ import annotations

import math

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
        return ScoreValue(name, absent=measures.absent.get(name, "it was not asked for"))
    leading = min(parts, key=lambda part: _p(part, reference))
    tail, words = reference.tails.get(leading.key), reference.words
    if tail is None and leading.key in reference.borrowed:
        tail, words = reference.borrowed[leading.key], reference.borrowed_words
    rarity = float("nan") if tail is None else tail.rarity(leading.value, leading.snr)
    said = leading.said[:1].upper() + leading.said[1:].rstrip(".")
    how = "" if tail is None else f"; {_rare(rarity, tail.n, words)}"
    return ScoreValue(name, leading.value, leading.unit, rarity, f"{said}{how}.", leading.reasons)


def _p(part: Part, reference: Reference) -> float:
    """Tail probability of a part; one that does not count leads only where none does."""
    if part.key in reference.tails:
        return reference.tails[part.key].p(part.value, part.snr)
    if part.key in reference.borrowed:
        return 2.0 + reference.borrowed[part.key].p(part.value, part.snr)
    return 4.0


def _rare(rarity: float, n: int, words: str) -> str:
    """A rarity as a person says it."""
    if rarity * (n + 1) <= 1.0 + 1e-6:
        return f"none of {n:,} {words} has as much"
    if rarity < 0.001:
        return f"1 in {round(1 / rarity):,} {words} has as much or more"
    return f"{100 * rarity:.{1 if rarity < 0.1 else 0}f} % of {n:,} {words} have as much or more"
