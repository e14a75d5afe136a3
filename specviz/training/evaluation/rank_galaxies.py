"""Do the three galaxies of LAMOST DR7 rank in the top twentieth of all real LAMOST spectra at hand?

``python -m specviz.training.evaluation.rank_galaxies [--shared FOLDER]`` prints their ranks, and the oddest spectra.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from specviz.analysis.engine import Engine
from specviz.catalog.outliers import NAMES, Ranking, rank
from specviz.catalog.outliers.rank import SAMPLES
from specviz.errors import SpecvizError
from specviz.spectra.readers import read
from specviz.spectra.star import Star
from specviz.training.evaluation.transfer import manifest
from specviz.training.real_stars import training_file_stars

FOLDERS = ("lamost_dr1", "lamost_dr7", "lamost_dr10", "lamost_dr8_repeats", "lamost_misc")
#: The share of the list that they must be among.
TOP = 1.0 / 20.0


def lamost_spectra(shared: Path, *, training: bool = True) -> Iterator[Star]:
    """Every LAMOST spectrum of the shared data: the files of :data:`FOLDERS`, then the rows of the training file."""
    for row in (r for folder in FOLDERS for r in manifest(shared, folder)):
        if not row["kind"].startswith("lamost_lrs"):
            continue
        path = shared / "data" / row["path"]
        try:
            star = read(path)
        except SpecvizError as error:
            print(f"left out: {row['path']}: {error}")
            continue
        if "lamost_lrs" in star.spectra:
            yield star.with_(name=path.name)
    if training:
        yield from training_file_stars(shared)


def rank_all(
    stars: Sequence[Star], engine: Engine, scores: Sequence[str] = NAMES, samples: int = SAMPLES
) -> tuple[Ranking, dict[str, int]]:
    """The ranking, and the rank (from 1) of each spectrum whose pipeline calls it a galaxy."""
    ranking = rank(stars, engine, scores=scores, samples=samples)
    place = {int(row): number for number, row in enumerate(ranking.order, 1)}
    galaxies = {
        star.name: place[i]
        for i, star in enumerate(stars)
        if str(star.spectra["lamost_lrs"].meta.get("class", "")).upper() == "GALAXY"
    }
    return ranking, galaxies


def main(argv: Sequence[str] | None = None) -> int:
    """Print the ranks; 1 if a galaxy is not in the top twentieth."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.evaluation.rank_galaxies", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(os.environ.get("SPECVIZ_SHARED") or "../shared"))
    parser.add_argument("--model", default="specclip-small")
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    stars = list(lamost_spectra(arguments.shared))
    ranking, galaxies = rank_all(stars, Engine(arguments.model))
    most = int(len(stars) * TOP)
    print(f"{len(stars)} LAMOST spectra in {time.perf_counter() - began:.0f} s; the top twentieth are {most}")
    row_of = {name: i for i, name in enumerate(ranking.names)}
    for name, place in sorted(galaxies.items(), key=lambda item: item[1]):
        star = stars[row_of[name]]
        snr = star.spectra["lamost_lrs"].snr
        noise = "unknown" if snr is None else f"{snr:.1f}"
        print(f"galaxy {name} (S/N {noise}): rank {place}, {ranking.oddities[row_of[name]].text}")
    print(ranking)
    met = bool(galaxies) and max(galaxies.values()) <= most
    print("met" if met else "MISSED", f"all {len(galaxies)} galaxies within the first {most}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
