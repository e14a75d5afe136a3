"""Measure ordinary stars, so that the package can say how rare an odd one is.

``python -m specviz.training.make_outlier_reference`` after every change of the weights, of the demo stars or of what is
measured. Simulated stars are those of the demo sky that are not planted; real ones the LAMOST spectra of plates held
out from training and the Gaia XP spectra held out with them (``--shared`` or ``SPECVIZ_SHARED``). Without the shared
material the real ones of the file that is replaced would be lost: it stops.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np

from specviz.analysis.engine import Engine
from specviz.catalog.demo import write
from specviz.catalog.outliers.measure import Measures, measure
from specviz.catalog.outliers.reference import PACKAGED, REAL, SIMULATED, content
from specviz.spectra.star import Star
from specviz.training.real_stars import held_out_stars

#: Posterior samples a star, as :func:`specviz.catalog.outliers.rank.rank` takes them.
SAMPLES = 2000
_BATCH = 64


def ordinary_demo_stars(n: int, seed: int = 5) -> Iterator[Star]:
    """``n`` stars of the demo sky drawn from those that are neither planted nor in the showcase."""
    from specviz.archives.demo import DemoArchive

    archive = DemoArchive()
    table = archive.table()
    plain = [str(name) for name, kind in zip(table["name"], table["kind"], strict=True) if not str(kind)]
    chosen = np.random.default_rng(seed).choice(len(plain), min(n, len(plain)), replace=False)
    for start in range(0, len(chosen), _BATCH):
        yield from archive.fetch_many([plain[i] for i in chosen[start : start + _BATCH]])


def measured(engine: Engine, stars: Iterable[Star], say: Callable[[str], None]) -> list[Measures]:
    """What is measured of each star that the model can use."""
    out: list[Measures] = []
    stars = iter(stars)
    while batch := list(islice(stars, _BATCH)):
        reports = engine.analyse(batch, samples=SAMPLES)
        out += [measure(report, engine.model) for report in reports if not report.problem]
        say(f"{len(out)} stars")
    return out


def only(measures: Measures, survey: str) -> Measures:
    """What is known of a star when only this spectrum of it is there."""
    parts = tuple(part for part in measures.parts if part.key.endswith(f".{survey}"))
    return replace(measures, parts=parts, survey=survey)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the file and say how large it is, of how many stars, and how long it took."""
    from specviz.training.recipe import DEFAULT_RECIPE, read_recipe

    parser = argparse.ArgumentParser(prog="python -m specviz.training.make_outlier_reference", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SPECVIZ_SHARED") or "../shared"))
    parser.add_argument("--stars", type=int, default=3000, help="simulated stars (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="default: %(default)s")
    parser.add_argument("-o", "--output", type=Path, default=PACKAGED, help="default: the package's own file")
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    engine = Engine(device=arguments.device)
    say = lambda text: print(text, end="\r", flush=True)  # noqa: E731
    seed = int(read_recipe(DEFAULT_RECIPE)["seed"])
    real = measured(engine, held_out_stars(arguments.shared, seed), say)
    simulated = measured(engine, ordinary_demo_stars(arguments.stars), say)
    groups: dict[tuple[str, str], list[Measures]] = {}
    for kind, stars in ((SIMULATED, simulated), (REAL, real)):
        for one in stars:
            groups.setdefault((kind, one.survey), []).append(one)
    # A star of which only XP was seen is compared by those parts of the stars of which both were.
    groups[SIMULATED, "gaia_xp"] = [only(one, "gaia_xp") for one in simulated]
    made = content(groups, engine.describe().weights_sha256)
    write(arguments.output, made)
    for (kind, survey), stars in groups.items():
        print(f"{kind} {survey}: {len(stars)} stars")
    size = arguments.output.stat().st_size / 1e3
    print(f"{size:.1f} kB, {time.perf_counter() - began:.0f} s -> {arguments.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
