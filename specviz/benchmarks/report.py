"""How long a full report takes, stage by stage: ``python -m specviz.benchmarks.report``.

One thread, single stars after a warm-up, then batches. A report is everything: all labels with their posteriors, the
reconstruction, the other survey's spectrum, anomaly, quality checks, and the search for similar stars in the demo
catalogue. "engine" is what is left of the engine's time when the model's own stages are taken away: placing the
predictions, anomaly, quality checks, assembling.

Two clocks. "elapsed" is the time that a person waits; on a machine that does something else at the same time it says
more about that. "cpu" is the time the thread was running (``time.thread_time``). Of both the median; of the total the
fastest too, by each clock.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: The model's stages in the order they are run.
STAGES = ("prepare", "embed", "posterior", "reconstruct", "translate", "ood_score")
#: What one star is timed with: the surveys whose spectra it keeps.
CASES: Mapping[str, tuple[str, ...]] = {
    "LAMOST": ("lamost_lrs",),
    "XP": ("gaia_xp",),
    "LAMOST + XP": ("lamost_lrs", "gaia_xp"),
}
Clock = Callable[[], float]


class TimedModel:
    """A model whose stages keep the time they take, by two clocks; everything else is the model's own."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.seconds: dict[str, float] = defaultdict(float)
        self.cpu_seconds: dict[str, float] = defaultdict(float)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._model, name)
        if name not in STAGES:
            return value

        def timed(*args: Any, **kwargs: Any) -> Any:
            began, cpu = time.perf_counter(), time.thread_time()
            try:
                return value(*args, **kwargs)
            finally:
                self.cpu_seconds[name] += time.thread_time() - cpu
                self.seconds[name] += time.perf_counter() - began

        return timed

    def forget(self) -> None:
        """Start again from zero."""
        self.seconds.clear()
        self.cpu_seconds.clear()


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one stage, or of the whole: medians over the repeats by both clocks, and the least of each."""

    elapsed: float
    cpu: float
    fastest: float
    fastest_cpu: float

    @classmethod
    def of(cls, elapsed: Sequence[float], cpu: Sequence[float]) -> Timing:
        """From seconds, one a repeat."""
        return cls(*(1e3 * f(clock) for f in (statistics.median, min) for clock in (elapsed, cpu)))


def time_single(
    model: Any,
    stars: Sequence[Any],
    *,
    samples: int = 10_000,
    repeats: int = 30,
    search: Callable[[Any], Any] | None = None,
) -> dict[str, Timing]:
    """Each stage, the engine's own part, the search for similar stars, and the whole, for one star at a time.

    ``search`` takes a report; without it there is no stage "similar".
    """
    from specviz.analysis.engine import Engine

    timed = TimedModel(model)
    engine = Engine(timed, samples=samples)
    for star in stars[:3]:
        report = engine.analyse(star)
        if search is not None:
            search(report)
    runs: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for i in range(repeats):
        timed.forget()
        began, cpu = time.perf_counter(), time.thread_time()
        report = engine.analyse(stars[i % len(stars)])
        middle, middle_cpu = time.perf_counter(), time.thread_time()
        if search is not None:
            search(report)
        end, end_cpu = time.perf_counter(), time.thread_time()
        for stage in STAGES:
            runs[stage].append((timed.seconds[stage], timed.cpu_seconds[stage]))
        runs["engine"].append(
            (middle - began - sum(timed.seconds.values()), middle_cpu - cpu - sum(timed.cpu_seconds.values()))
        )
        if search is not None:
            runs["similar"].append((end - middle, end_cpu - middle_cpu))
        runs["total"].append((end - began, end_cpu - cpu))
    return {stage: Timing.of(*zip(*pairs, strict=True)) for stage, pairs in runs.items()}


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


def table(results: Mapping[str, Mapping[str, Timing]]) -> str:
    """The stages as lines, the cases as pairs of columns (elapsed, cpu), then the fastest total."""
    stages = list(dict.fromkeys(stage for result in results.values() for stage in result))
    lines = [f"{'':12}" + "".join(f"{name:>20}" for name in results)]
    lines.append(f"{'':12}" + f"{'elapsed':>12}{'cpu':>8}" * len(results))
    for stage in stages:
        lines.append(f"{stage:12}" + "".join(f"{r[stage].elapsed:12.2f}{r[stage].cpu:8.2f}" for r in results.values()))
    totals = [result["total"] for result in results.values()]
    lines.append(f"{'fastest':12}" + "".join(f"{t.fastest:12.2f}{t.fastest_cpu:8.2f}" for t in totals))
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the named model on demo stars and print a table."""
    import torch

    from specviz.archives.demo import DemoArchive
    from specviz.catalog.demo import demo_index
    from specviz.models.registry import load_model

    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.report", description=__doc__)
    parser.add_argument("--model", default="specclip-small", help="default: %(default)s")
    parser.add_argument("--device", default="cpu", help="default: %(default)s")
    parser.add_argument("--stars", type=int, default=128, help="stars of the batches (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=60, help="single stars a case (default: %(default)s)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    model, archive = load_model(arguments.model, device=arguments.device), DemoArchive()
    stars = archive.fetch_many(archive.names()[: arguments.stars])
    stars = [star for star in stars if set(CASES["LAMOST + XP"]) <= set(star.spectra)]
    card = model.describe()
    indices = {survey: demo_index(model, archive, survey=survey) for survey in CASES["LAMOST + XP"]}

    def search(report: Any) -> Any:
        return indices[report.survey].search(report.embedding, k=20, exclude=report.star.name)

    print(
        f"{card.name} {card.version} on {arguments.device}, one thread; milliseconds a star, medians of "
        f"{arguments.repeats}; 10 000 samples of "
        + " and ".join(f"{len(names)} {survey} labels" for survey, names in card.labels.items())
        + f"; similar stars among {len(indices['lamost_lrs'])}"
    )
    results = {
        name: time_single(
            model,
            [star.with_(spectra={survey: star.spectra[survey] for survey in surveys}) for star in stars],
            repeats=arguments.repeats,
            search=search,
        )
        for name, surveys in CASES.items()
    }
    print(table(results))
    lamost = [star.with_(spectra={"lamost_lrs": star.spectra["lamost_lrs"]}) for star in stars]
    for size, rate in time_batches(model, lamost).items():
        print(f"batches of {size}: {rate:.0f} LAMOST reports a second (1000 samples)")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
