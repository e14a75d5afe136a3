"""How long a full report takes, stage by stage: ``python -m specviz.benchmarks.report``.

One thread, medians of 30 single stars after a warm-up, then batches. "engine" is what is left of the total when the
model's own stages are taken away: anomaly, quality checks, assembling.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

#: The model's stages in the order they are run.
STAGES = ("prepare", "embed", "posterior", "reconstruct", "translate", "ood_score")


class TimedModel:
    """A model whose stages keep the time they take; everything else is the model's own."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.seconds: dict[str, float] = defaultdict(float)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._model, name)
        if name not in STAGES:
            return value

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return value(*args, **kwargs)
            finally:
                self.seconds[name] += time.perf_counter() - began

        return timed


def time_single(model: Any, stars: Sequence[Any], *, samples: int = 10_000, repeats: int = 30) -> dict[str, float]:
    """Median milliseconds of each stage, of the engine's own part, and of the whole, for one star at a time."""
    from specviz.analysis.engine import Engine

    timed = TimedModel(model)
    engine = Engine(timed, samples=samples)
    for star in stars[:3]:
        engine.analyse(star)
    runs: dict[str, list[float]] = defaultdict(list)
    for i in range(repeats):
        timed.seconds.clear()
        began = time.perf_counter()
        engine.analyse(stars[i % len(stars)])
        total = time.perf_counter() - began
        for stage in STAGES:
            runs[stage].append(timed.seconds[stage])
        runs["engine"].append(total - sum(timed.seconds.values()))
        runs["total"].append(total)
    return {stage: 1e3 * statistics.median(values) for stage, values in runs.items()}


def time_batches(
    model: Any, stars: Sequence[Any], *, samples: int = 1000, sizes: Sequence[int] = (8, 64)
) -> dict[int, float]:
    """Full reports a second, by batch size."""
    from specviz.analysis.engine import Engine

    out = {}
    for size in sizes:
        engine = Engine(model, samples=samples, batch_size=size)
        engine.analyse(list(stars[: min(size, 8)]))
        began = time.perf_counter()
        engine.analyse(list(stars))
        out[size] = len(stars) / (time.perf_counter() - began)
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the named model on demo stars and print a table."""
    import torch

    from specviz.archives.demo import DemoArchive
    from specviz.models.registry import load_model

    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.report", description=__doc__)
    parser.add_argument("--model", default="specclip-small", help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    parser.add_argument("--stars", type=int, default=128, help="stars of the batches (default: %(default)s)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    model, archive = load_model(arguments.model, device=arguments.device), DemoArchive()
    pairs = [archive.fetch(name) for name in list(archive.names())[: arguments.stars]]
    lamost = [star.with_(spectra={"lamost_lrs": star.spectra["lamost_lrs"]}) for star in pairs]
    print(f"{arguments.model} on {arguments.device}, one thread; milliseconds a star, medians of 30, 10 000 samples")
    columns = [("LAMOST", time_single(model, lamost)), ("LAMOST + XP", time_single(model, pairs))]
    print(f"{'':12}" + "".join(f"{name:>14}" for name, _ in columns))
    for stage in (*STAGES, "engine", "total"):
        print(f"{stage:12}" + "".join(f"{result[stage]:14.2f}" for _, result in columns))
    for size, rate in time_batches(model, lamost).items():
        print(f"batches of {size}: {rate:.0f} LAMOST reports a second (1000 samples)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
