"""``specviz evaluate --models all``: every model, and two simple ones, on the same held-out stars in one table."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine
from specviz.analysis.face_off_xp import xp_of
from specviz.analysis.report import Report
from specviz.errors import CheckpointError
from specviz.models.registry import available_models
from specviz.training.evaluation.face_off_sets import LABELS, LabelledStars, held_out_real, simulated
from specviz.training.recipe import shared_folder

Array = NDArray[np.float64]
Say = Callable[[str], None]
#: Components that the simple models see of a spectrum, and stars that they learn from.
COMPONENTS, SIMPLE_STARS = 60, 3000
#: Stars of a set for models that fit every star by iteration.
FITTED = 60
_SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP"}


@dataclass(frozen=True, eq=False)
class Row:
    """What one model makes of one survey's spectra of a set.

    Attributes
    ----------
    model, survey : str
    n, asked : int
        Stars that it gave labels, and that it was asked about.
    mae, bias, covered : dict of str to float
        Mean absolute error, median error, and share of stars whose truth lies in the 68 % interval, a label.
    milliseconds : float
        A star, the model in memory; NaN for simple models.
    simple : bool
    """

    model: str
    survey: str
    n: int
    asked: int
    mae: dict[str, float]
    bias: dict[str, float]
    covered: dict[str, float] = field(default_factory=dict)
    milliseconds: float = float("nan")
    simple: bool = False


def score(model: str, survey: str, median: Array, truth: Array, half: Array | None = None, **more: Any) -> Row:
    """The scores of medians (n, 4) and half widths of 68 % intervals against ``truth``; NaN: not known, not given."""
    off = median - truth
    known = np.isfinite(off)
    mae = {k: float(np.mean(np.abs(off[m, i]))) for i, k in enumerate(LABELS) if (m := known[:, i]).any()}
    bias = {k: float(np.median(off[known[:, i], i])) for i, k in enumerate(LABELS) if k in mae}
    inside = {} if half is None else {
        k: float(np.mean(np.abs(off[known[:, i], i]) <= half[known[:, i], i])) for i, k in enumerate(LABELS) if k in mae
    }  # fmt: skip
    return Row(model, survey, int(known[:, 0].sum()), len(off), mae, bias, inside, **more)


def model_rows(name: str, stars: LabelledStars, reports: Sequence[Report], seconds: float) -> Iterator[Row]:
    """A row a survey, from the reports of the first stars of a set."""
    n = len(reports)
    truth = np.stack([stars.truth[k][:n] for k in LABELS], axis=1)
    for survey in _SURVEYS:
        median, half = np.full((n, len(LABELS)), np.nan), np.full((n, len(LABELS)), np.nan)
        for i, report in enumerate(reports):
            posterior = report.posteriors.get(survey)
            for j, label in enumerate(LABELS):
                if posterior is not None and label in posterior.names:
                    low, middle, high = np.quantile(posterior[label], [0.15865, 0.5, 0.84135])
                    median[i, j], half[i, j] = middle, (high - low) / 2
        if np.isfinite(median).any():
            yield score(name, survey, median, truth, half, milliseconds=1000 * seconds / n)


def simple_rows(train: LabelledStars, test: LabelledStars) -> Iterator[Row]:
    """Ridge regression and boosted trees on principal components of the spectra: what a deep model has to beat."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    makers: dict[str, Callable[[], Any]] = {
        "ridge": lambda: RidgeCV(np.logspace(-4, 3, 8)),
        "boosting": lambda: HistGradientBoostingRegressor(random_state=0),
    }
    truth = np.stack([test.truth[k] for k in LABELS], axis=1)
    for survey in test.grids:
        x, held = train.grids[survey], test.grids[survey]
        good, there = np.isfinite(x).all(axis=1), np.isfinite(held).all(axis=1)
        pca = PCA(COMPONENTS, whiten=True, random_state=0).fit(x[good])
        seen, asked = pca.transform(x[good]), pca.transform(held[there])
        for name, make in makers.items():
            median = np.full(truth.shape, np.nan)
            for j, label in enumerate(LABELS):
                known = np.isfinite(train.truth[label][good])
                if known.any():
                    fitted = make().fit(seen[known], train.truth[label][good][known])
                    median[there, j] = fitted.predict(asked)
            yield score(name, survey, median, truth, simple=True)


# ---------------------------------------------------------------------------------------------- what is printed
def table(rows: Sequence[Row]) -> Iterator[str]:
    """The rows as text; the smallest mean error of a survey's label has a star."""
    best = {
        (survey, k): min((r.mae[k] for r in rows if r.survey == survey and k in r.mae), default=np.nan)
        for survey in {r.survey for r in rows}
        for k in LABELS
    }
    heads = "".join(f"{h:>24}" for h in ("Teff (K)", "log g (dex)", "[Fe/H] (dex)", "[alpha/Fe] (dex)"))
    yield f"{'':<27}{'n':>5}{heads}{'ms a star':>11}"
    yield f"{'':<27}{'':>5}" + f"{'MAE    bias   68 %':>24}" * 4
    for survey in dict.fromkeys(r.survey for r in rows):
        for r in (r for r in rows if r.survey == survey):
            cells = "".join(_cell(r, k, r.mae.get(k) == best[survey, k]) for k in LABELS)
            took = f"{r.milliseconds:11.1f}" if np.isfinite(r.milliseconds) else ""
            yield f"{_SURVEYS[survey]:<8}{r.model:<19}{r.n:>5}{cells}{took}".rstrip()
        worse = [f"{r.model} ({', '.join(lost)})" for r in rows if r.survey == survey and not r.simple
                 and (lost := _lost(r, rows))]  # fmt: skip
        if worse:
            yield f"{_SURVEYS[survey]}: a simple model has a smaller mean error than " + ", ".join(worse)


def _lost(row: Row, rows: Sequence[Row]) -> list[str]:
    simple = [r for r in rows if r.simple and r.survey == row.survey]
    return [k for k in row.mae if any(r.mae.get(k, np.inf) < row.mae[k] for r in simple)]


def _cell(row: Row, label: str, best: bool) -> str:
    if label not in row.mae:
        return f"{'':>24}"
    digits = 0 if label == "teff" else 3
    inside = f"{100 * row.covered[label]:.0f}" if label in row.covered else ""
    mark = "*" if best else " "
    return f"{row.mae[label]:>10.{digits}f}{mark}{row.bias[label]:>+8.{digits}f}{inside:>5}"


def say_predictions(made: dict[str, Sequence[Report]], say: Say) -> None:
    """How far off the predicted XP spectra are, a model; only where stars have both spectra."""
    told = []
    for name, reports in made.items():
        found = [p for r in reports if (p := xp_of(r)) is not None and p.observed is not None]
        if found:
            typical, chi2 = np.median([p.typical for p in found]), np.nanmedian([p.chi2 for p in found])
            told.append(f"  {name:<19}{len(found):>5}  off by {100 * typical:5.2f} % of the flux, chi2/N {chi2:.2f}")
    if told:
        say("Gaia XP predicted from LAMOST against the observed one, median of the stars")
        for line in told:
            say(line)


def compare(names: Sequence[str], test: LabelledStars, train: LabelledStars, say: Say, *, fitted: int = FITTED) -> None:
    """One table: the models ``names`` and the simple ones on the stars of ``test``."""
    say(f"\n{test.title} ({len(test)} stars)")
    rows: list[Row] = []
    made: dict[str, Sequence[Report]] = {}
    for name in names:
        engine = Engine(name, device="cpu", samples=1000)
        stars = list(test.stars[:fitted] if "fit" in engine.describe().capabilities else test.stars)
        engine.analyse(stars[:1])  # what is made once is not part of a star's time
        began = time.perf_counter()
        made[name] = engine.analyse(stars)
        rows += model_rows(name, test, made[name], time.perf_counter() - began)
    rows += simple_rows(train, test)
    for line in table(rows):
        say(line)
    say_predictions(made, say)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of ``specviz evaluate --models``."""
    parser = argparse.ArgumentParser(prog="specviz evaluate --models all")
    parser.add_argument("--models", default="all", metavar="all|NAME,NAME")
    parser.add_argument("--shared", help="folder of the evaluation material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--stars", type=int, default=400, help="simulated stars (default: %(default)s)")
    parser.add_argument("--fitted", type=int, default=FITTED,
                        help="stars of a set for models that fit each by iteration (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=20261127)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    import torch

    torch.set_num_threads(max(1, options.threads))
    names = list(available_models()) if options.models == "all" else options.models.split(",")
    unknown = [n for n in names if n not in available_models()]
    if unknown:
        raise CheckpointError("Not here: " + ", ".join(unknown), expected="some of " + ", ".join(available_models()))
    shared = shared_folder(options.shared)

    def say(text: str) -> None:
        print(text, flush=True)

    say("MAE: mean |error|; bias: median error; 68 %: share of stars within the 68 % interval; * smallest error")
    compare(names, held_out_real(shared), held_out_real(shared, train=True), say, fitted=options.fitted)
    learned = simulated(shared, SIMPLE_STARS, options.seed + 1, "train")
    for snr in (None, 20.0):
        stars = simulated(shared, options.stars, options.seed, snr=snr)
        compare(names, stars, learned, say, fitted=options.fitted)
    return 0
