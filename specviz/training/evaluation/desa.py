"""What DESA is worth: ``specviz evaluate --model desa-small``.

Simulated stars of seeds that nothing was trained, chosen or calibrated on. Close binaries (AUC, average precision),
ages (rms error in Gyr and how often the interval holds), the HR diagram and the CMD (R^2) from few and from many
labelled stars, and whether a flat map keeps synchronised binaries apart from young stars; without catalogue values,
with them, from each encoder alone, and from simple numbers of the same stars by ridge regression and boosted trees.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Of the publication, on real stars: AUC, AP, rms of the age (Gyr), R^2 of HR diagram and CMD.
PUBLISHED = {"auc": 0.99, "ap": 1.00, "age": 0.94, "r2": 0.92}
#: Labelled stars of the few-shot figures, and how often these are drawn anew.
FEW, DRAWS = 100, 5
#: What a young star and a synchronised binary share is quick rotation.
WAYS = {
    "both": "DESA",
    "with": "DESA, with catalogue values",
    "spectrum": "spectrum encoder",
    "light_curve": "light-curve encoder",
}


def binary_scores(probability: Array, truth: Array) -> tuple[float, float]:
    """Area under the ROC curve and average precision."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    return float(roc_auc_score(truth, probability)), float(average_precision_score(truth, probability))


def r2(predicted: Array, truth: Array) -> float:
    """Mean coefficient of determination over the columns."""
    left = ((predicted - truth) ** 2).sum(0) / ((truth - truth.mean(0)) ** 2).sum(0)
    return float(np.mean(1.0 - left))


def probe(known: Array, truth: Array, asked: Array, answer: Array, rows: Sequence[NDArray[Any]]) -> float:
    """R^2 of ridge regression of ``truth`` on ``known``, for each set of labelled rows; the mean."""
    from sklearn.linear_model import RidgeCV

    return float(
        np.mean([r2(RidgeCV(np.logspace(-3, 4, 15)).fit(known[i], truth[i]).predict(asked), answer) for i in rows])
    )


def neighbours(known: Array, truth: Array, asked: Array, answer: Array) -> float:
    """R^2 of the mean of the ten nearest stars, weighted by inverse distance: nothing is fitted."""
    from sklearn.neighbors import KNeighborsRegressor

    model = KNeighborsRegressor(10, weights="distance").fit(known, truth)
    return r2(np.asarray(model.predict(asked)), answer)


def separation(plane: Array, synchronised: NDArray[np.bool_], young: NDArray[np.bool_]) -> float:
    """Balanced accuracy of 15 nearest neighbours in a plane telling one from the other, in 5-fold cross-validation."""
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.neighbors import KNeighborsClassifier

    either = synchronised ^ young
    x, y = plane[either], synchronised[either]
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found = cross_val_predict(KNeighborsClassifier(15, weights="distance"), x, y, cv=folds)
    return float(balanced_accuracy_score(y, found))


def evaluate(model: Any, train: Any, test: Any, seed: int = 0, say: Callable[[str], None] = print) -> dict[str, Any]:
    """All figures, printed as they come; returned by name.

    Parameters
    ----------
    model : Desa
    train, test : Stars
        ``train`` labels the probes and baselines.
    seed : int
    say : callable
    """
    import torch

    from specviz.models.desa.model import conformal
    from specviz.models.desa.networks import AGE_LEVELS, UNIT, catalogue_vector
    from specviz.training.desa_baselines import Simple, classifiers, regressors
    from specviz.training.desa_finish import flat_map, heads_of, places
    from specviz.training.desa_stages import encoded, task_truth

    net, card = model._net, model._card
    rng = np.random.default_rng(seed)
    features = {"train": encoded(net, train)[0], "test": encoded(net, test)[0]}
    vectors = {"train": catalogue_vector(train.catalogue(rng)), "test": catalogue_vector(test.catalogue(rng))}
    close, age = test.labels["close"], test.labels["age"]
    diagram = {k: task_truth(s).double().numpy()[:, 2:] for k, s in (("train", train), ("test", test))}
    simple = Simple(train)
    plain = {"train": simple(train), "test": simple(test)}
    heads = heads_of(net, features["test"], vectors["test"])
    n = len(AGE_LEVELS)
    out: dict[str, Any] = {}

    say(
        f"{len(test)} simulated test stars, {int(close.sum())} of them close binaries; {len(train)} label the baselines"
    )
    say(f"\nclose binaries{'AUC':>32s}{'AP':>9s}   (published, real stars: {PUBLISHED['auc']}, {PUBLISHED['ap']})")
    for way, name in WAYS.items():
        out[f"auc.{way}"], out[f"ap.{way}"] = binary_scores(heads[way][:, 0], close)
        say(f"{name:34s}{out[f'auc.{way}']:12.3f}{out[f'ap.{way}']:9.3f}")
    # An eclipse is plain to see: what is left when those are out is the hard part.
    quiet = test.kind != "eclipsing"
    for way in ("both", "light_curve"):
        out[f"auc.quiet.{way}"], out[f"ap.quiet.{way}"] = binary_scores(heads[way][quiet, 0], close[quiet])
        say(f"{WAYS[way] + ', no eclipses':34s}{out[f'auc.quiet.{way}']:12.3f}{out[f'ap.quiet.{way}']:9.3f}")
    for kind, make in classifiers().items():
        for way in ("both", "spectrum", "light_curve"):
            fitted = make().fit(plain["train"][way], train.labels["close"])
            found = fitted.predict_proba(plain["test"][way])[:, 1]
            out[f"auc.{kind}.{way}"], out[f"ap.{kind}.{way}"] = binary_scores(found, close)
            say(f"{kind + ', ' + way:34s}{out[f'auc.{kind}.{way}']:12.3f}{out[f'ap.{kind}.{way}']:9.3f}")
            if way == "both":
                out[f"auc.quiet.{kind}"], out[f"ap.quiet.{kind}"] = binary_scores(found[quiet], close[quiet])
                cells = f"{out[f'auc.quiet.{kind}']:12.3f}{out[f'ap.quiet.{kind}']:9.3f}"
                say(f"{kind + ', both, no eclipses':34s}{cells}")

    dwarf = (test.kind == "single") & (test.labels["logg"] > 4.0) & (test.labels["teff"] < 6300.0)
    say(f"\nage (Gyr){'rms':>37s}{'rms, single cool dwarfs':>26s}{'in 14-86 %':>12s}   (published: {PUBLISHED['age']})")
    for way, name in WAYS.items():
        raw = conformal(heads[way][:, 1 : 1 + n], card["conformal"].get(f"tasks.{way}.age"))
        values = np.maximum(raw * UNIT["age"][1] + UNIT["age"][0], 0.0)
        off = values[:, n // 2] - age
        inside = float(np.mean((values[:, 0] <= age) & (age <= values[:, -1])))
        out[f"age.{way}"], out[f"age.dwarf.{way}"] = _rms(off), _rms(off[dwarf])
        out[f"coverage.{way}"] = inside
        say(f"{name:34s}{out[f'age.{way}']:12.2f}{out[f'age.dwarf.{way}']:26.2f}{inside:12.2f}")
    for kind, make in regressors().items():
        for way in ("both", "spectrum", "light_curve"):
            off = make().fit(plain["train"][way], train.labels["age"]).predict(plain["test"][way]) - age
            out[f"age.{kind}.{way}"], out[f"age.dwarf.{kind}.{way}"] = _rms(off), _rms(off[dwarf])
            say(f"{kind + ', ' + way:34s}{_rms(off):12.2f}{_rms(off[dwarf]):26.2f}")
    out["age.spread"], out["age.dwarf.spread"] = _rms(age - _mean(age)), _rms(age[dwarf] - _mean(age[dwarf]))
    say(f"{'always the mean':34s}{out['age.spread']:12.2f}{out['age.dwarf.spread']:26.2f}")

    spaces: dict[str, Mapping[str, Array]] = {
        "both": {k: places(net, features[k], None)[0] for k in features},
        "with": {k: places(net, features[k], vectors[k])[0] for k in features},
        "spectrum": {k: f.spectrum.double().numpy() for k, f in features.items()},
        "light_curve": {k: f.light_curve.double().numpy() for k, f in features.items()},
        "simple": {k: p["both"] for k, p in plain.items()},
    }
    names = {**WAYS, "both": "eigenspace", "with": "eigenspace, with catalogue values", "simple": "simple numbers"}
    few: list[NDArray[Any]] = [rng.choice(len(train), FEW, replace=False) for _ in range(DRAWS)]
    every: list[NDArray[Any]] = [np.arange(len(train))]
    say(f"\nR^2 (published: {PUBLISHED['r2']}){'HR: kNN':>20s}{f'{FEW} stars':>11s}{'ridge':>8s}{'head':>8s}"
        f"{'CMD: kNN':>11s}{f'{FEW} stars':>11s}{'ridge':>8s}{'head':>8s}")  # fmt: skip
    for way, space in spaces.items():
        line = f"{names[way]:34s}"
        for word, at in (("hr", slice(0, 2)), ("cmd", slice(2, 4))):
            given = (space["train"], diagram["train"][:, at], space["test"], diagram["test"][:, at])
            out[f"{word}.knn.{way}"] = neighbours(*given)
            out[f"{word}.few.{way}"], out[f"{word}.ridge.{way}"] = probe(*given, few), probe(*given, every)
            figures = [out[f"{word}.{k}.{way}"] for k in ("knn", "few", "ridge")]
            if way in heads:
                start = 1 + n + (at.start or 0)
                out[f"{word}.head.{way}"] = r2(heads[way][:, start : start + 2], diagram["test"][:, at])
                figures.append(out[f"{word}.head.{way}"])
            line += "".join(f"{c:9.3f}" for c in figures) + ("" if way in heads else f"{'':9s}")
        say(line)
    for word, at in (("hr", slice(0, 2)), ("cmd", slice(2, 4))):
        make = regressors()["boosting"]
        found = [make().fit(plain["train"]["both"], diagram["train"][:, k]).predict(plain["test"]["both"])
                 for k in range(at.start, at.stop)]  # fmt: skip
        out[f"{word}.boosting"] = r2(np.stack(found, 1), diagram["test"][:, at])
        say(f"boosting on simple numbers, {word.upper()}: {out[f'{word}.boosting']:.3f}")

    synchronised, young = test.kind == "synchronised", test.labels["young"] > 0.5
    told = f"{int(synchronised.sum())} synchronised binaries and {int(young.sum())} young stars"
    say(f"\nflat map: {told}, told apart by their nearest on it (balanced accuracy)")
    if min(synchronised.sum(), young.sum()) >= 10:
        for way, space in spaces.items():
            out[f"map.{way}"] = separation(flat_map(space["test"], seed), synchronised, young)
            say(f"{names[way]:34s}{out[f'map.{way}']:12.3f}")
    else:
        say("too few of either: draw more stars")
    torch.set_grad_enabled(True)
    return out


def _mean(x: Array) -> float:
    return float(np.mean(x)) if x.size else float("nan")


def _rms(off: Array) -> float:
    return float(np.sqrt(np.mean(np.square(off)))) if off.size else float("nan")


def main(argv: Sequence[str] | None = None) -> int:
    """Draw stars, print the figures."""
    parser = argparse.ArgumentParser(prog="specviz evaluate --model desa-small", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SPECVIZ_SHARED") or "../shared"))
    parser.add_argument("--folder", type=Path, default=Path("runs/desa"), help="where simulated stars are kept")
    parser.add_argument("--weights", type=Path, help="these instead of the ones that ship (.safetensors)")
    parser.add_argument("--train", type=int, default=4000, help="stars that label the baselines")
    parser.add_argument("--test", type=int, default=2000)
    parser.add_argument("--quick", action="store_true", help="1000 stars to label, 600 to test")
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args(argv)
    import torch

    from specviz.errors import ModelError
    from specviz.models.desa.model import Desa
    from specviz.models.registry import load_model
    from specviz.training.desa_stars import draw
    from specviz.training.evaluation.desa_real import real_light_curves, real_spectra

    torch.set_num_threads(told.threads)
    tracks = told.shared / "synthetic" / "sse_tracks.npz"
    if not tracks.is_file():
        raise ModelError(f"There are no stellar tracks {tracks}", remedy="Set SPECVIZ_SHARED, or give --shared")
    model = Desa.from_file(told.weights) if told.weights else load_model("desa-small", device="cpu")
    n, m = (1000, 600) if told.quick else (told.train, told.test)
    parts = {
        part: draw(part, k, tracks=tracks, folder=told.folder / "stars", workers=told.threads)
        for part, k in (("train", n), ("test", m))
    }
    evaluate(model, parts["train"], parts["test"])
    real_spectra(model, told.shared, 60 if told.quick else 239, print)
    real_light_curves(model, told.shared, print)
    return 0
