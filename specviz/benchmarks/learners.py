"""Which classifier should learn from a reviewer's labels: ``nice python -m specviz.benchmarks.learners``.

The simulated reviewer of :mod:`specviz.benchmarks.vetting_sky` with other classifiers than the one in
:mod:`specviz.catalog.active`, on two lists that are not the one its numbers are printed for.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine
from specviz.benchmarks.simulated_vetting import GIVEN_UP, active_looks, looks, static_order
from specviz.benchmarks.vetting_sky import RARE, looked_at, sample
from specviz.catalog.active import Floats, Learner, margins_of

_SEEDS = (1, 2)


def logistic(values: Floats, of_class: NDArray[np.bool_], at: Floats, *, c: float) -> Floats:
    """Logistic regression with another penalty."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, class_weight="balanced", max_iter=1000).fit(values, of_class)
    return np.asarray(model.decision_function(at))


def support(values: Floats, of_class: NDArray[np.bool_], at: Floats, *, width: float) -> Floats:
    """Support vectors with a Gaussian kernel; ``width`` in units of the usual distance."""
    from sklearn.svm import SVC

    model = SVC(C=10.0, gamma=width / values.shape[1], class_weight="balanced").fit(values, of_class)
    return np.asarray(model.decision_function(at))


def nearest(values: Floats, of_class: NDArray[np.bool_], at: Floats) -> Floats:
    """How much nearer the nearest star of the class is than the nearest of the others."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(at, values[~of_class]).min(axis=1) - cdist(at, values[of_class]).min(axis=1))


def trees(values: Floats, of_class: NDArray[np.bool_], at: Floats) -> Floats:
    """Extremely randomised trees."""
    from sklearn.ensemble import ExtraTreesClassifier

    model = ExtraTreesClassifier(100, class_weight="balanced", random_state=0).fit(values, of_class)
    return np.asarray(model.predict_proba(at)[:, 1])


LEARNERS: dict[str, Learner] = {
    "logistic, C = 0.01": margins_of,
    "logistic, C = 0.001": partial(logistic, c=0.001),
    "logistic, C = 0.1": partial(logistic, c=0.1),
    "support vectors": partial(support, width=1.0),
    "support vectors, wide": partial(support, width=0.3),
    "nearest neighbour": nearest,
    "randomised trees": trees,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line a classifier."""
    from platformdirs import user_cache_path

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--stars", type=int, default=10_000)
    parser.add_argument("--keep", type=Path, default=None, help="where what was measured is kept (the user's cache)")
    parser.add_argument("--workers", type=int, default=1, help="processes that measure")
    options: Any = parser.parse_args(arguments)
    folder, engine = options.keep or user_cache_path("specviz") / "vetting_sky", Engine()
    skies = [
        (sky, *looked_at(sky, engine, folder, options.workers)) for sky in (sample(options.stars, s) for s in _SEEDS)
    ]
    print(f"static/active looks for 80 % of {len(RARE)} rare classes in {len(skies)} lists of {options.stars:,} stars")
    print(f"  {'':<24}{'median':>8}{'mean':>8}{'worst':>8}{'halved':>10}{'seconds':>9}")
    for name, learner in LEARNERS.items():
        began, gains = time.perf_counter(), []
        for sky, score, known in skies:
            for klass in RARE:
                need = math.ceil(0.8 * (sky.truth == klass).sum())
                static = looks(static_order(score), sky.truth == klass, need)
                most = GIVEN_UP * static
                gains.append(static / active_looks(known, sky.truth, score, klass, need, most=most, learner=learner))
        mean = float(np.exp(np.mean(np.log(np.maximum(gains, 1.0 / GIVEN_UP)))))  # geometric
        halved = f"{sum(gain >= 2.0 for gain in gains)}/{len(gains)}"
        print(f"  {name:<24}{np.median(gains):>8.2f}{mean:>8.2f}{min(gains):>8.2f}{halved:>10}"
              f"{time.perf_counter() - began:>9.0f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
