"""``Reference``: the stars that a star is compared with, as quantiles of everything that is measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.npz_file import read_npz
from specviz.catalog.outliers.measure import Measures
from specviz.catalog.outliers.tails import LEVELS, Tail, harmonic

#: Quantiles of the default model's measures of ordinary stars; made by
#: ``python -m specviz.training.make_outlier_reference``.
PACKAGED = Path(__file__).parents[1] / "data" / "outlier_reference.npz"
#: A list of so many stars is its own reference.
OWN = 200
SIMULATED, REAL = "simulated", "real"
_COMBINED = "combined"
_FORMAT = "specviz outlier reference 1"


@dataclass(frozen=True, eq=False)
class Reference:
    """Tails of every part among some stars.

    Parameters
    ----------
    tails : mapping of part to Tail
    combined : Tail or None
        Of the combined score, for the percentile.
    words : str
        Who the stars are: "simulated stars", "stars of this list".
    borrowed, borrowed_words
        Tails of other stars, for parts that are known of these ones too seldom: they tell how rare a value is, but do
        not count in the combined score, since it is not known how these stars differ from those.
    """

    tails: Mapping[str, Tail] = field(default_factory=dict)
    combined: Tail | None = None
    words: str = "reference stars"
    borrowed: Mapping[str, Tail] = field(default_factory=dict)
    borrowed_words: str = ""

    def probabilities(self, measures: Measures) -> dict[str, float]:
        """Tail probability of each score: the harmonic mean of its parts' (NaN where nothing is comparable)."""
        by_score: dict[str, list[float]] = {}
        for part in measures.parts:
            tail = self.tails.get(part.key)
            by_score.setdefault(part.score, []).append(float("nan") if tail is None else tail.p(part.value, part.snr))
        return {score: harmonic(values) for score, values in by_score.items()}

    def score(self, measures: Measures) -> float:
        """-log10 of the harmonic mean of the scores' tail probabilities."""
        p = harmonic(self.probabilities(measures).values())
        return float(-np.log10(p)) if np.isfinite(p) else float("nan")

    @classmethod
    def of(cls, stars: Sequence[Measures], words: str = "stars of this list") -> Reference:
        """Made of the stars themselves; what fewer than :data:`OWN` of them have stays without a tail."""
        columns: dict[str, list[tuple[float, float]]] = {}
        for one in stars:
            for part in one.parts:
                columns.setdefault(part.key, []).append((part.value, part.snr))
        enough_of = {key: np.array(pairs).T for key, pairs in columns.items() if len(pairs) >= OWN}
        tails = {k: tail for k, (value, snr) in enough_of.items() if (tail := Tail.of(value, snr)) is not None}
        first = cls(tails, None, words)
        return cls(tails, Tail.of([first.score(one) for one in stars]), words)

    @classmethod
    def for_report(cls, measures: Measures, model: Any = None, sha256: str = "") -> Reference:
        """The packaged one that fits a report: of the same weights, simulated or real as the star is.

        For other weights, what the model brings of reference stars of its own.
        """
        packaged = packaged_references()
        kinds = (SIMULATED, REAL) if measures.simulated else (REAL, SIMULATED)
        found, other = (packaged.get((sha256, kind, measures.survey)) for kind in kinds)
        if found is None:
            return of_model(model, measures.survey)
        return found if other is None else found.borrowing(other)

    def borrowing(self, other: Reference) -> Reference:
        """With the tails of ``other`` for what these stars do not tell."""
        missing = {key: tail for key, tail in other.tails.items() if key not in self.tails}
        return replace(self, borrowed=missing, borrowed_words=other.words)


def of_model(model: Any, survey: str) -> Reference:
    """What a model tells of its reference stars: their misfit and their distance in the embedding."""
    from specviz.analysis.anomaly import ReferenceScores
    from specviz.analysis.draft import READ_AS

    surveys = () if model is None else model.describe().surveys
    known = ReferenceScores.of(model, survey if survey in surveys else READ_AS.get(survey, survey))
    tails = {
        f"{name}.{survey}": tail
        for name, values in (("misfit", known.misfit), ("latent", known.ood))
        if (tail := Tail.of(values)) is not None
    }
    combined = None
    if tails and known.ood.size == known.misfit.size:
        p = np.stack([tails[f"misfit.{survey}"].many(known.misfit), tails[f"latent.{survey}"].many(known.ood)])
        combined = Tail.of(-np.log10(2.0 / (1.0 / p).sum(axis=0)))
    elif tails:
        combined = Tail.of(-np.log10(tails[f"misfit.{survey}"].many(known.misfit)))
    return Reference(tails, combined, "reference stars of the model")


@lru_cache(maxsize=1)
def packaged_references() -> Mapping[tuple[str, str, str], Reference]:
    """(sha256 of the weights, "simulated" or "real", leading survey) -> reference; empty where the file is absent."""
    if not PACKAGED.is_file():
        return {}
    header, arrays = read_npz(PACKAGED)
    if header.get("format") != _FORMAT:
        return {}
    out = {}
    for group in header["groups"]:
        kind, survey, keys = group["kind"], group["survey"], group["parts"]
        table, knots = (arrays[f"{what}.{kind}.{survey}"].astype(np.float64) for what in ("quantiles", "knots"))
        rows = zip(keys, table, knots, group["knots"], group["n"], strict=True)
        tails = {key: Tail(row, at[:, :k], int(n)) for key, row, at, k, n in rows}
        combined = tails.pop(_COMBINED, None)
        out[header["model_sha256"], kind, survey] = Reference(tails, combined, f"{kind} stars")
    return out


def content(groups: Mapping[tuple[str, str], Sequence[Measures]], sha256: str) -> dict[str, NDArray[Any]]:
    """The packaged file's content: (kind, survey) -> its ordinary stars' measures, as quantiles."""
    arrays, listed = {}, []
    for (kind, survey), stars in groups.items():
        made = Reference.of(stars)
        tails = {**made.tails, **({} if made.combined is None else {_COMBINED: made.combined})}
        if not tails:
            continue
        most = max(tail.knots.shape[1] for tail in tails.values())
        padded = [np.pad(tail.knots, ((0, 0), (0, most - tail.knots.shape[1]))) for tail in tails.values()]
        arrays[f"knots.{kind}.{survey}"] = np.stack(padded).astype(np.float32)
        arrays[f"quantiles.{kind}.{survey}"] = np.stack([t.quantiles for t in tails.values()]).astype(np.float32)
        sizes = {"knots": [t.knots.shape[1] for t in tails.values()], "n": [t.n for t in tails.values()]}
        listed.append({"kind": kind, "survey": survey, "parts": list(tails), **sizes})
    header = {"format": _FORMAT, "model_sha256": sha256, "levels": len(LEVELS), "groups": listed}
    return {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays}


def enough(stars: Iterable[Measures]) -> bool:
    """Whether a list is its own reference."""
    return sum(1 for one in stars if one.parts) >= OWN
