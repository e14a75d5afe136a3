"""How long one star takes on one CPU thread."""

from __future__ import annotations

import time

import numpy as np

from specviz.spectra.readers import read
from specviz.training.evaluation.bench import Bench

_REPEATS = 30


def speed(bench: Bench) -> None:
    """Everything a report holds (labels, rebuilt and predicted spectrum, anomaly), of real files; medians of 30.

    Printed without a target: the figure of the requirement is measured by ``make bench``, on an idle machine.
    """
    import torch

    from specviz.analysis.engine import Engine

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    stars = [read(p) for p in sorted((bench.shared / "data" / "lamost_dr10").glob("*.fits.gz"))[:10]]
    engine = Engine(bench.model)
    for star in stars[:3]:
        engine.analyse(star)
    seconds = []
    for i in range(_REPEATS):
        began = time.perf_counter()
        engine.analyse(stars[i % len(stars)])
        seconds.append(time.perf_counter() - began)
    prepared = bench.model.prepare(stars[0].spectra["lamost_lrs"])
    encoding = bench.model.embed([prepared])
    parts = {
        "embed": lambda: bench.model.embed([prepared]),
        "posterior (10,000 samples)": lambda: bench.model.posterior(encoding),
        "reconstruct": lambda: bench.model.reconstruct(encoding),
        "translate": lambda: bench.model.translate(encoding, "gaia_xp"),
        "ood_score": lambda: bench.model.ood_score(encoding),
    }
    shown = []
    for name, task in parts.items():
        took = []
        for _ in range(_REPEATS):
            began = time.perf_counter()
            task()
            took.append(time.perf_counter() - began)
        shown.append(f"{name} {1e3 * np.median(took):.1f}")
    torch.set_num_threads(threads)
    bench.say(
        f"\nOne LAMOST star, one CPU thread, ms: full report {1e3 * np.median(seconds):.1f}; of it {', '.join(shown)}"
    )
