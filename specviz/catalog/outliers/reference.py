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
from specviz.catalog.outliers.measure import Measures, Part
from specviz.catalog.outliers.tails import LEVELS, Tail, harmonic, minus_log

#: Quantiles of the default model's measures of ordinary stars; made by
#: ``python -m specviz.training.make_outlier_reference``.
PACKAGED = Path(__file__).parents[1] / "data" / "outlier_reference.npz"
#: A list of so many stars is its own reference.
OWN = 200
SIMULATED, REAL = "simulated", "real"
_COMBINED, _SCORE = "combined", "score:"
_FORMAT = "specviz outlier reference 2"


@dataclass(frozen=True, eq=False)
class Reference:
    """Tails of every part among some stars.

    Parameters
    ----------
    tails : mapping of part to Tail
    by_score : mapping of score to Tail
        Of :meth:`oddness`: a score of many parts has a rare one more often than a score of one.
    combined : Tail or None
        Of the combined score, for the percentile.
    words : str
        Who the stars are: "simulated stars", "stars of this list".
    borrowed : Reference or None
        Other stars, for scores that are known of these ones too seldom: they tell how rare a value is, but do not count
        in the combined score, since it is not known how these stars differ from those.
    """

    tails: Mapping[str, Tail] = field(default_factory=dict)
    by_score: Mapping[str, Tail] = field(default_factory=dict)
    combined: Tail | None = None
    words: str = "reference stars"
    borrowed: Reference | None = None

    def probabilities(self, measures: Measures) -> dict[str, float]:
        """Tail probability of each score: the harmonic mean of its parts' (NaN where nothing is comparable)."""
        by_score: dict[str, list[float]] = {}
        for part in measures.parts:
            by_score.setdefault(part.score, []).append(self.p(part))
        return {score: harmonic(values) for score, values in by_score.items()}

    def p(self, part: Part) -> float:
        """Tail probability of a part; NaN where nothing is known of it."""
        tail = self.tails.get(part.key)
        return float("nan") if tail is None else tail.p(part.value, part.snr)

    def oddness(self, measures: Measures) -> dict[str, float]:
        """-log10 of :meth:`probabilities`."""
        return {score: minus_log(p) for score, p in self.probabilities(measures).items()}

    def score(self, measures: Measures) -> float:
        """-log10 of the harmonic mean of the scores' tail probabilities."""
        return minus_log(harmonic(self.probabilities(measures).values()))

    @classmethod
    def of(cls, stars: Sequence[Measures], words: str = "stars of this list") -> Reference:
        """Made of the stars themselves; what fewer than :data:`OWN` of them have stays without a tail."""
        columns: dict[str, list[tuple[float, float]]] = {}
        for one in stars:
            for part in one.parts:
                columns.setdefault(part.key, []).append((part.value, part.snr))
        enough_of = {key: np.array(pairs).T for key, pairs in columns.items() if len(pairs) >= OWN}
        tails = {k: tail for k, (value, snr) in enough_of.items() if (tail := Tail.of(value, snr)) is not None}
        return cls(tails, words=words)._with_scores(stars)

    def _with_scores(self, stars: Sequence[Measures]) -> Reference:
        """With the tails of what is made of the parts, among the same stars."""
        odd: dict[str, list[float]] = {}
        for one in stars:
            for score, value in self.oddness(one).items():
                odd.setdefault(score, []).append(value)
        made = {score: tail for score, values in odd.items() if (tail := Tail.of(values)) is not None}
        return replace(self, by_score=made, combined=Tail.of([self.score(one) for one in stars]))

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
        return replace(found, borrowed=other)


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
    columns = {name: values for name, values in (("misfit", known.misfit), ("latent", known.ood)) if values.size}
    stars = [
        Measures(tuple(Part(name, f"{name}.{survey}", float(v), "", "") for name, v in zip(columns, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]
    return Reference(tails, words="reference stars of the model")._with_scores(stars)


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
        scores = {key.removeprefix(_SCORE): tails.pop(key) for key in keys if key.startswith(_SCORE)}
        out[header["model_sha256"], kind, survey] = Reference(tails, scores, combined, f"{kind} stars")
    for (sha256, kind, survey), one in out.items():
        alone = out.get((sha256, kind, "gaia_xp"))  # the XP of other stars of the kind serves where both were seen
        if survey != "gaia_xp" and alone is not None:
            out[sha256, kind, survey] = replace(one, tails={**alone.tails, **one.tails})
    return out


def content(groups: Mapping[tuple[str, str], Sequence[Measures]], sha256: str) -> dict[str, NDArray[Any]]:
    """The packaged file's content: (kind, survey) -> its ordinary stars' measures, as quantiles."""
    arrays, listed = {}, []
    for (kind, survey), stars in groups.items():
        made = Reference.of(stars)
        tails = {**made.tails, **{_SCORE + score: tail for score, tail in made.by_score.items()}}
        tails |= {} if made.combined is None else {_COMBINED: made.combined}
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
