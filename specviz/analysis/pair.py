"""Two stars beside each other: what their labels differ by, and how alike they look to the model. Pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from specviz.analysis.report import LEADING, Report
from specviz.models.posterior import label_unit

Value = tuple[float, float, float]  # median, 16th and 84th percentile
_NOTHING: Value = (math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class LabelPair:
    """One label of two stars.

    ``first`` and ``second`` are (median, 16th, 84th percentile), NaN where a star lacks the label; ``difference`` is
    first minus second, ``error`` its standard error, ``sigma`` the one over the other (NaN where an error is not
    known). ``surveys`` names the spectrum that each value comes from.
    """

    name: str
    unit: str
    first: Value
    second: Value
    difference: float
    error: float
    sigma: float
    surveys: tuple[str, str]


@dataclass(frozen=True)
class Likeness:
    """Cosine of two embeddings, -1 to 1: of the first star's spectrum and of the second star's."""

    first: str
    second: str
    cosine: float


def difference(first: Value, second: Value) -> tuple[float, float, float]:
    """First minus second, its error, and their ratio.

    Of each value the error counts that points towards the other one; both are added in quadrature, as of independent
    measurements.
    """
    delta = first[0] - second[0]
    down, up = first[0] - first[1], first[2] - first[0]
    other_down, other_up = second[0] - second[1], second[2] - second[0]
    error = math.hypot(down, other_up) if delta > 0 else math.hypot(up, other_down)
    return delta, error, delta / error if error > 0 else math.nan


def label_pairs(first: Report | None, second: Report | None) -> tuple[LabelPair, ...]:
    """Every label that a star has, those of both first; like is compared with like.

    Where both stars have a label from the same kind of spectrum, it is compared as that spectrum gives it, although
    another one may lead one of the reports.
    """
    mine, theirs = ({} if r is None else r.labels for r in (first, second))
    out = []
    for name in sorted({**mine, **theirs}, key=lambda n: not (n in mine and n in theirs)):
        a, b = mine.get(name), theirs.get(name)
        if first is not None and second is not None and a is not None and b is not None:
            shared = next((s for s in LEADING if all(_gives(r, s, name) for r in (first, second))), None)
            if shared is not None:
                a, b = ((shared, r.posteriors[shared].summary()[name]) for r in (first, second))
        x, y = (_NOTHING if v is None else v[1] for v in (a, b))
        surveys = ("" if a is None else a[0], "" if b is None else b[0])
        out.append(LabelPair(name, label_unit(name), x, y, *difference(x, y), surveys))
    return tuple(out)


def likeness(first: Report | None, second: Report | None) -> tuple[Likeness, ...]:
    """How alike the two stars look to the model, by pairs of spectra: of the same kind first, else across instruments.

    Empty where different weights made the embeddings: their spaces have nothing to do with each other.
    """
    if first is None or second is None or first.provenance.weights_sha256 != second.provenance.weights_sha256:
        return ()
    mine, theirs = first.embeddings, second.embeddings
    same = [(s, s) for s in LEADING if s in mine and s in theirs]
    across = [(s, t) for s in LEADING for t in LEADING if s in mine and t in theirs]
    pairs = same or across[:1]
    return tuple(Likeness(s, t, _cosine(mine[s], theirs[t])) for s, t in pairs)


def pair_table(first: Report | None, second: Report | None) -> Any:
    """The labels of two stars as an astropy Table.

    Columns: label, unit, first, first_p16, first_p84, second, second_p16, second_p84, difference (first - second),
    error, sigma, first_survey, second_survey. Names, models and cosines are in ``meta``.
    """
    from astropy.table import Table

    pairs = label_pairs(first, second)
    table = Table(
        {
            "label": [p.name for p in pairs],
            "unit": [p.unit for p in pairs],
            **{
                f"{side}{end}": np.array([getattr(p, side)[i] for p in pairs], float)
                for side in ("first", "second")
                for i, end in enumerate(("", "_p16", "_p84"))
            },
            **{k: np.array([getattr(p, k) for p in pairs], float) for k in ("difference", "error", "sigma")},
            "first_survey": [p.surveys[0] for p in pairs],
            "second_survey": [p.surveys[1] for p in pairs],
        }
    )
    for side, report in (("first", first), ("second", second)):
        table.meta[side] = "" if report is None else report.star.name
        table.meta[f"{side}_model"] = "" if report is None else report.provenance.model
    table.meta["cosine"] = {f"{x.first} with {x.second}": x.cosine for x in likeness(first, second)}
    return table


def _gives(report: Report, survey: str, name: str) -> bool:
    return survey in report.posteriors and name in report.posteriors[survey].names


def _cosine(a: Any, b: Any) -> float:
    x, y = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    length = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / length if x.size == y.size and length > 0 else math.nan
