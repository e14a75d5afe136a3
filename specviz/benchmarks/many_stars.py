"""A catalogue of any number of made-up stars in seconds, to time the Explorer and to develop against:
``python -m specviz.benchmarks.many_stars FOLDER --stars 1000000``.

The demo stars' embeddings again and again, each with a small step of its own in a random direction, and their labels
with the scatter that belongs to it. The first stars are the demo stars themselves. Crowding and spread are those of the
demo sky; what is rare in the sky is not in it, so nothing about stars can be learnt from such a catalogue.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from specviz.catalog.store.star_catalog import StarCatalog

PART = 100_000
#: Length of the random step, of unit vectors: a copy stays nearer to its own star than to nearly all others.
STEP = 0.15
#: Scatter of the labels that goes with it: Teff (K), log g, [Fe/H], [alpha/Fe] (dex).
SCATTER = {"teff": 60.0, "logg": 0.08, "fe_h": 0.06, "alpha_fe": 0.03}


def write(
    folder: str | Path,
    stars: int,
    *,
    surveys: Sequence[str] = ("lamost_lrs", "gaia_xp"),
    seed: int = 0,
    progress: Callable[[int], None] = lambda _done: None,
) -> StarCatalog:
    """Write a catalogue of ``stars`` stars into a new folder.

    Parameters
    ----------
    folder : path
    stars : int
    surveys : sequence of str
        Whose embeddings it holds.
    seed : int
    progress : callable(stars written)

    Returns
    -------
    StarCatalog
    """
    from specviz.analysis.engine import Engine
    from specviz.archives.demo import DemoArchive
    from specviz.catalog.demo import demo_index
    from specviz.catalog.store.header import Header
    from specviz.catalog.store.star_catalog import StarCatalog

    engine = Engine("specclip-small", device="cpu")
    indexes = {survey: demo_index(engine.model, DemoArchive(), survey=survey) for survey in surveys}
    names = [set(map(str, index.table["object_id"])) for index in indexes.values()]
    leading = next(iter(indexes.values()))
    kept = [row for row, name in enumerate(leading.table["object_id"]) if all(str(name) in n for n in names)]
    table = leading.table[kept]
    places = {s: {str(n): row for row, n in enumerate(i.table["object_id"])} for s, i in indexes.items()}
    rows = {s: np.array([places[s][str(n)] for n in table["object_id"]]) for s in surveys}
    rng = np.random.default_rng(seed)
    catalog = StarCatalog.create(
        folder, Header.of_model(engine.describe(), stars="made up from the demo stars by specviz.benchmarks.many_stars")
    )
    for start in range(0, stars, PART):
        n = min(PART, stars - start)
        own = np.arange(start, start + n)
        source = np.where(own < len(table), own, rng.integers(0, len(table), n))
        copies = own >= len(table)
        vectors = {s: _stepped(indexes[s].vectors[rows[s][source]], copies, rng) for s in surveys}
        catalog.append(_columns(table, own, source, copies, rng), vectors)
        progress(start + n)
    return catalog


def _stepped(vectors: NDArray[np.float32], copies: NDArray[np.bool_], rng: Any) -> NDArray[np.float32]:
    step = rng.standard_normal(vectors.shape, dtype=np.float32) * (STEP / np.sqrt(vectors.shape[1]))
    return np.asarray(vectors + step * copies[:, None], np.float32)


def _columns(table: Any, own: Any, source: Any, copies: Any, rng: Any) -> dict[str, Any]:
    n = len(own)
    words = np.char.add("made up ", own.astype(str))
    columns: dict[str, Any] = {
        "object_id": np.where(copies, words, np.asarray(table["object_id"]).astype(str)[source]),
        "ra": rng.uniform(0.0, 360.0, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, n))),
        "class": np.asarray(table["class"]).astype(str)[source],
        "snr": np.asarray(table["snr"], np.float32)[source],
    }
    for name, scatter in SCATTER.items():
        columns[name] = np.asarray(table[name], np.float64)[source] + scatter * rng.standard_normal(n) * copies
    return columns


def main(argv: Sequence[str] | None = None) -> int:
    """Write one and say how long it took."""
    parser = argparse.ArgumentParser(
        prog="python -m specviz.benchmarks.many_stars", description="Write a catalogue of made-up stars."
    )
    parser.add_argument("folder")
    parser.add_argument("--stars", type=int, default=1_000_000, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    catalog = write(arguments.folder, arguments.stars, progress=lambda done: print(f"{done:,} stars", file=sys.stderr))
    print(f"{catalog!r} in {time.perf_counter() - began:.1f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
