"""Make the demo sky: ``specviz/archives/data/demo_stars.npz``, 20,000 simulated stars.

    python -m specviz.training.make_demo --shared ../shared

The first stars are the showcase of :mod:`specviz.training.demo_stars`, observed once and stored as spectra; they come
from the validation and test parts of the synthetic grid, which no shipped model was trained on. Of all the others only
the labels are stored (:mod:`specviz.training.demo_population`): most are drawn as a survey would meet them, some evenly
over the labels, and some hundreds are planted anomalies. Everything follows from the seed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo import PACKAGED
from specviz.archives.demo_table import FORMAT, pack_table
from specviz.models.registry import load_model
from specviz.simulate.anomalies import catalogue
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.population import SurveyPopulation
from specviz.training.demo_anomalies import NUMBERS, planted_rows
from specviz.training.demo_population import even_rows, survey_rows
from specviz.training.demo_showcase import Showcase
from specviz.training.demo_stars import SHOWCASE

SOURCE = "simulated by specviz: its emulator of LTE spectra, a survey's population, LAMOST DR10 and Gaia DR3"
#: Of the stars that are neither showcase nor anomaly, this share is spread evenly over the labels.
EVEN = 0.15


def build(
    grid: SyntheticGrid, tracks: Path, n: int, seed: int, out: Path, *, numbers: Mapping[str, int] | None = None
) -> None:
    """Draw ``n`` objects and write them to ``out``; ``numbers`` of each planted class, by default those of 20,000."""
    emulator = load_model("phdlspec-small", device="cpu")
    showcase = Showcase(grid, np.random.default_rng(seed))
    for recipe in SHOWCASE:
        showcase.add(recipe)
    planted = list(planted_rows(emulator, seed, np.random.default_rng([seed, 3]), dict(numbers or NUMBERS)))
    slow = [star for star in planted if star.stored]
    for star in slow:
        showcase.add_planted(star)
    left = n - len(SHOWCASE) - len(planted)
    even = round(EVEN * left)
    population = SurveyPopulation.from_tracks(tracks, ranges=emulator.ranges)
    # Twin giants apart by an instant of evolution: labels are to be those of the brighter star.
    drawn = population.stars(seed, np.arange(left - even + 200))
    first = np.flatnonzero(drawn.companion.light <= 0.5)[: left - even]
    many = survey_rows(drawn[first])
    many += even_rows(grid, emulator.ranges, np.random.default_rng([seed, 1]), even)
    kept = showcase.rows
    many = sum((star.row for star in planted if not star.stored), many)
    # The showcase comes first, everything else in any order.
    order = np.random.default_rng([seed, 2]).permutation(n - len(SHOWCASE))
    stars = kept[np.arange(len(SHOWCASE))] + (kept[np.arange(len(SHOWCASE), len(kept))] + many)[order]
    position = np.argsort(order)[: len(slow)] + len(SHOWCASE)
    content, table = pack_table(stars.numbers, stars.texts)
    spectra = showcase.packed()
    digest = hashlib.sha256(b"".join(spectra[name].tobytes() for name in sorted(spectra)))
    header = {
        "format": FORMAT,
        "n": n,
        "stored": [*range(len(SHOWCASE)), *position.tolist()],
        "seed": seed,
        "source": SOURCE,
        "notes": dict(enumerate(showcase.notes)),
        "anomalies": {a["name"]: {k: a[k] for k in ("kind", "what", "approximate")} for a in catalogue()},
        "truths": {int(row): star.seen.truth[0] for row, star in zip(position, slow, strict=True)},
        "spectra_sha256": digest.hexdigest(),
        **table,
    }
    write(out, header, {**content, **spectra})


def write(path: Path, header: dict[str, Any], content: dict[str, NDArray[Any]]) -> None:
    """The file: header as JSON, everything else as arrays."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path, allow_pickle=False, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **content
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m specviz.training.make_demo", description="Make the demo sky.")
    parser.add_argument("--shared", type=Path, required=True, help="folder of the shared materials")
    parser.add_argument("-n", type=int, default=20_000, help="stars (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=20261120, help="default: %(default)s")
    parser.add_argument("-o", "--out", type=Path, default=PACKAGED, help="default: the package's own file")
    args = parser.parse_args(argv)
    with SyntheticGrid.open(args.shared / "synthetic" / "lte_grid.h5") as grid:
        build(grid, args.shared / "synthetic" / "sse_tracks.npz", args.n, args.seed, args.out)
    print(f"{args.n} stars, {args.out.stat().st_size / 1e6:.2f} MB -> {args.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
