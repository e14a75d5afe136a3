"""Vetting on the demo sky, where the truth is known: ``nice python -m specviz.benchmarks.vetting_sky``.

A list of 10,000 simulated stars of which 2 % are planted anomalies. First the ranking: how pure its top is, and how
much of each class is in it. Then active learning: how many stars a reviewer looks at until 80 % of a class are found,
in the ranking's order, in the order that learns from the labels, and at random. The truth is used for the simulated
answers and for counting, for nothing else. ``--stars`` makes another list; what was measured of a star is kept.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.benchmarks.simulated_vetting import ORDINARY, Found, compare, purity, recall, static_order, taught
from specviz.benchmarks.sky_measures import measured
from specviz.catalog.active import Features, features, rarities
from specviz.catalog.demo import demo_index
from specviz.catalog.outliers.judge import judge
from specviz.catalog.outliers.reference import Reference

#: Part of the list that is planted, and the first stars of the ranking that are counted.
PLANTED, TOP = 0.02, 200
#: Numbers of labels after which it is asked what they teach.
_LABELS = (50, 100, 200, 400)
#: Rare classes that a person may be after.
RARE = (
    "double-lined binary", "Be star", "carbon star", "DA white dwarf", "star-forming galaxy", "cool M dwarf",
    "hot subdwarf", "quiescent galaxy", "T Tauri star", "active dwarf", "behind dust",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Sky:
    """Names of demo stars, and what each is: a class of anomaly, or "star"."""

    names: NDArray[np.str_]
    truth: NDArray[np.str_]


def sample(n: int, seed: int = 0) -> Sky:
    """``n`` demo stars, 2 % of them planted anomalies, each class in proportion, in an order that says nothing."""
    archive, rng = DemoArchive(), np.random.default_rng(seed)
    every = np.array(archive.names())
    truth = np.full(every.size, ORDINARY, "U24")
    classes = archive.anomalies()
    for klass, stars in classes.items():
        truth[[int(name.split()[1]) - 1 for name in stars]] = klass
    planted = np.flatnonzero(truth != ORDINARY)
    wanted = round(PLANTED * n)
    quotas = {klass: len(stars) * wanted / planted.size for klass, stars in classes.items()}
    counts = {klass: int(quota) for klass, quota in quotas.items()}
    for klass in sorted(quotas, key=lambda k: counts[k] - quotas[k])[: wanted - sum(counts.values())]:
        counts[klass] += 1  # the largest remainders
    rows = [rng.permutation(np.flatnonzero(truth == klass))[:count] for klass, count in counts.items()]
    rows.append(rng.permutation(np.flatnonzero(truth == ORDINARY))[: n - wanted])
    order = rng.permutation(np.concatenate(rows))
    return Sky(every[order], truth[order])


def looked_at(sky: Sky, engine: Engine, folder: Path, workers: int = 1) -> tuple[NDArray[np.float64], Features]:
    """The ranking's score of each star, and what active learning compares the stars by."""
    measures = measured(list(sky.names), engine, folder, workers)
    reference = Reference.of(measures)  # a list of so many stars is its own reference
    oddities = [judge(one, reference) for one in measures]
    score = np.array([one.score for one in oddities])
    return score, features(packaged_embeddings(sky.names, engine), [*rarities(oddities), score])


def packaged_embeddings(names: Sequence[str] | NDArray[np.str_], engine: Engine) -> list[NDArray[np.float32]]:
    """Embeddings of demo stars, one array (n, D) a survey; NaN where an arm has no light."""
    out = []
    for survey in ("lamost_lrs", "gaia_xp"):
        index = demo_index(engine.model, DemoArchive(), survey=survey)
        rows = {str(name): row for row, name in enumerate(index.table["object_id"])}
        block = np.full((len(names), index.vectors.shape[1]), np.nan, np.float32)
        for place, name in enumerate(names):
            if str(name) in rows:
                block[place] = index.vectors[rows[str(name)]]
        out.append(block)
    return out


def print_ranking(sky: Sky, score: NDArray[np.float64]) -> None:
    """Purity of the top, recall by class."""
    order, twentieth = static_order(score), len(sky.names) // 20
    planted = int((sky.truth != ORDINARY).sum())
    print(
        f"\nThe ranking of {len(sky.names):,} stars, {planted} of them planted ({100 * planted / len(sky.names):.1f} %)"
    )
    print(f"  purity of the top {TOP}: {purity(order, sky.truth, TOP):.2f} (drawn at random: {PLANTED:.2f})")
    print(f"  {'recall of':<24}{'n':>5}{f'top {TOP}':>10}{f'top {twentieth}':>10}")
    for klass in sorted(set(sky.truth) - {ORDINARY}):
        n = int((sky.truth == klass).sum())
        print(f"  {klass:<24}{n:>5}{recall(order, sky.truth, klass, TOP):>10.2f}"
              f"{recall(order, sky.truth, klass, twentieth):>10.2f}")  # fmt: skip
    found = sky.truth != ORDINARY
    print(f"  {'all planted':<24}{planted:>5}{found[order[:TOP]].sum() / planted:>10.2f}"
          f"{found[order[:twentieth]].sum() / planted:>10.2f}")  # fmt: skip


def print_looks(known: Features, truth: NDArray[np.str_], score: ArrayLike, classes: Sequence[str], seed: int) -> None:
    """Looks of each order, class by class."""
    found = []
    print("\nLooks until 80 % of a class are found")
    print("  static: the ranking's order. active: ten labels in that order, the most useful until one of the class")
    print(
        "  is found, then the most like it, made anew every ten labels. need: 80 % of the class; no order does better."
    )
    print("  5 % wrong: the same with one answer in twenty wrong. random: expected, and where 90 % of draws lie.")
    print(
        f"  {'':<24}{'n':>4}{'need':>6}{'static':>8}{'active':>8}{'gain':>7}{'5 % wrong':>11}{'gain':>7}{'random':>9}"
    )
    for klass in classes:
        one: Found = compare(known, truth, score, klass, seed=seed)
        found.append(one)
        print(f"  {one.klass:<24}{one.n:>4}{one.need:>6}{one.static:>8,}{_looks(one.active):>8}{_gain(one.gain):>7}"
              f"{_looks(one.active_wrong):>11}{_gain(one.gain_wrong):>7}"
              f"{one.chance:>9,.0f} ({one.chance_low:,.0f} to {one.chance_high:,.0f})", flush=True)  # fmt: skip
    for title, kept in (
        ("rare classes", [one for one in found if one.klass in RARE]),
        ("faults of the data", [one for one in found if one.klass not in RARE]),
    ):
        if kept:
            gains, wrong = ([one.gain for one in kept], [one.gain_wrong for one in kept])
            halved = sum(gain >= 2.0 for gain in gains)
            print(f"  {title}: static/active median {np.median(gains):.2f}, worst {min(gains):.2f}; "
                  f"halved in {halved} of {len(kept)}; with wrong answers median {np.median(wrong):.2f}")  # fmt: skip


def print_taught(known: Features, truth: NDArray[np.str_], score: ArrayLike, seed: int) -> None:
    """How much the labels of each order teach."""
    print("\nMean average precision of the planted classes in half of the list, after so many labels of the other half")
    print(f"  {'labels chosen':<24}" + "".join(f"{n:>8}" for n in _LABELS))
    for by in ("static", "random", "useful"):
        seeds = range(seed, seed + (5 if by == "random" else 1))  # the mean of five draws
        found = np.mean([taught(known, truth, score, by, _LABELS, seed=one) for one in seeds], axis=0)
        print(f"  {by:<24}" + "".join(f"{value:>8.2f}" for value in found), flush=True)


def _looks(value: float) -> str:
    return f"{value:,.0f}" if np.isfinite(value) else "never"


def _gain(value: float) -> str:
    return f"{value:.2f}" if value > 0 else "none"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print everything."""
    from platformdirs import user_cache_path

    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--stars", type=int, default=10_000, help="length of the list (at most 20,000)")
    parser.add_argument("--seed", type=int, default=0, help="which stars, and the reviewer's mistakes")
    parser.add_argument("--keep", type=Path, default=None, help="where what was measured is kept (the user's cache)")
    parser.add_argument("--workers", type=int, default=1, help="processes that measure")
    parser.add_argument("--classes", nargs="*", default=None, help="only these")
    options: Any = parser.parse_args(arguments)
    began, engine = time.perf_counter(), Engine()
    sky = sample(options.stars, options.seed)
    score, known = looked_at(sky, engine, options.keep or user_cache_path("specviz") / "vetting_sky", options.workers)
    print_ranking(sky, score)
    every = sorted(set(sky.truth) - {ORDINARY})
    rest = [klass for klass in every if klass not in RARE]
    wanted = options.classes if options.classes is not None else [*RARE, *rest]
    print_looks(known, sky.truth, score, wanted, options.seed)
    print_taught(known, sky.truth, score, options.seed)
    print(f"\n{time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
