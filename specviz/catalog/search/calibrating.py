"""How many lists must be searched, measured on queries whose true neighbours are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.search.exact import ExactSearch
from specviz.catalog.search.faiss_index import FaissSearch
from specviz.catalog.search.index_record import IndexRecord
from specviz.catalog.search.passing import Passing
from specviz.catalog.search.ranking import ranked
from specviz.catalog.search.training import HELD_OUT
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.catalog.store.vectors import StoredVectors

#: Neighbours for which lists are counted.
COUNTS = (50, 500)
#: The measured recall must exceed what was asked for by so much: it is that of a few hundred queries, and stars that
#: are in no catalogue lie a little farther off than any that can be made of one (real stars that were held out found
#: 0.989 of their neighbours among a million where these queries found 0.996; see
#: :mod:`specviz.benchmarks.catalog_search`).
_MARGIN = 0.008
_DEPTHS = (2, 4, 8, 16, 32, 64)
#: Stars in which the pair for a query between two stars is looked for.
_PAIRED = 20_000


def calibrate(
    catalog: StarCatalog,
    record: IndexRecord,
    sample: NDArray[np.intp],
    target: float,
    tell: Callable[[float], None],
    stop: Callable[[], None],
) -> IndexRecord:
    """The record with ``nprobe``, ``depth`` and the recall they have.

    Half of the queries are stars that the lists were not learned from, themselves left out of what should be found;
    half lie between such a star and one like it, where a star might be that is in no catalogue. The worse half must
    reach the target.
    """
    vectors = catalog.vectors(record.survey)
    queries, own = _queries(vectors, sample, record.seed)
    counts = [k for k in COUNTS if 20 * k <= len(vectors)] or [min(COUNTS[0], len(vectors) // 2)]
    stop()
    truth, _ = ExactSearch(Passing(vectors)).nearest(queries, max(counts) + 1)
    truth = np.where(truth == own[:, None], -1, truth)
    tell(0.6)
    stop()
    search = FaissSearch(catalog, record)
    depth = _depth(vectors, search, queries, own, truth, counts[0], target) if record.kind == "ivf-pq" else 1
    tell(0.8)
    nprobe: dict[str, int] = {}
    recall: dict[str, float] = {}
    probes = 1
    for k in counts:
        stop()
        measure = partial(_recall, vectors, search, queries, own, truth, k, depth=depth)
        probes, reached = _fewest(probes, record.nlist, min(target + _MARGIN, 0.9995), measure)
        nprobe[str(k)], recall[str(k)] = probes, round(reached, 5)
    found = replace(record, nprobe=nprobe, depth=depth, recall=recall, queries=len(queries))
    return replace(found, milliseconds=_time(catalog, found, queries))


def _fewest(least: int, nlist: int, wanted: float, measure: Callable[[int], float]) -> tuple[int, float]:
    """The fewest lists with which the recall is as wanted, to a quarter, and that recall; more lists find more."""
    steps = np.unique(np.round(1.25 ** np.arange(0, 60)).astype(int))
    grid = [*(int(p) for p in steps[(steps >= least) & (steps < nlist)]), nlist]
    low, high, reached = 0, len(grid) - 1, {}
    while low < high:
        middle = low + (high - low) // 3  # few lists are likely enough, and many take long
        reached[middle] = measure(grid[middle])
        low, high = (low, middle) if reached[middle] >= wanted else (middle + 1, high)
    return grid[low], reached[low] if low in reached else measure(grid[low])


def _queries(
    vectors: StoredVectors, sample: NDArray[np.intp], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Unit vectors (q, D) to ask for, and the number (q,) of the star that each is; -1: none."""
    rng = np.random.default_rng([seed, 1])
    n = len(vectors)
    drawn = rng.choice(n, min(n, 4 * HELD_OUT), replace=False)
    # Of a catalogue that is small, nearly all stars were learned from: then some of those.
    held = np.concatenate([drawn[~np.isin(drawn, sample)], drawn])[: min(HELD_OUT // 2, n // 2)]
    numbers = np.unique(held)
    stars = vectors.take(numbers)
    stars /= np.linalg.norm(stars, axis=1, keepdims=True)
    others = vectors.take(np.sort(rng.choice(n, min(n, _PAIRED), replace=False)))
    near = stars @ others.T
    near[near > 1 - 1e-6] = -1  # the star itself, or its copy
    between = stars + others[near.argmax(axis=1)]
    between /= np.maximum(np.linalg.norm(between, axis=1, keepdims=True), 1e-9)
    return np.concatenate([stars, between]), np.concatenate([numbers, np.full(len(stars), -1, np.intp)])


def _recall(
    vectors: StoredVectors,
    search: FaissSearch,
    queries: NDArray[np.float32],
    own: NDArray[np.intp],
    truth: NDArray[np.intp],
    k: int,
    probes: int,
    *,
    depth: int,
) -> float:
    """Share of the ``k`` nearest that are found, the worse of both halves."""
    numbers = search.candidates(queries, k, probes, depth)
    if depth > 1:  # many candidates: only the best k of them are given
        numbers, _ = ranked(vectors, queries, numbers, k + 1)
    shares = []
    for found, true, itself in zip(numbers, truth, own, strict=True):
        wanted = true[true >= 0][:k]
        given = found[(found != itself) & (found >= 0)]
        shares.append(np.isin(wanted, given[:k] if depth > 1 else given).mean())
    half = len(shares) // 2
    return float(min(np.mean(shares[:half]), np.mean(shares[half:])))


def _depth(
    vectors: StoredVectors,
    search: FaissSearch,
    queries: NDArray[np.float32],
    own: NDArray[np.intp],
    truth: NDArray[np.intp],
    k: int,
    target: float,
) -> int:
    """How many candidates codes must give for each neighbour, if very many lists are searched."""
    probes = max(search.record.nlist // 8, min(64, search.record.nlist))
    for depth in _DEPTHS:
        if _recall(vectors, search, queries, own, truth, k, probes, depth=depth) >= min(target + _MARGIN, 0.9995):
            break
    return depth


def _time(catalog: StarCatalog, record: IndexRecord, queries: NDArray[np.float32]) -> float:
    """Milliseconds that a search for the first count takes, the median of some, one query after the other."""
    search = FaissSearch(catalog, record)
    taken = []
    for query in queries[:: max(len(queries) // 64, 1)]:
        began = time.perf_counter()
        search.nearest(query[None], COUNTS[0])
        taken.append(time.perf_counter() - began)
    return round(1e3 * float(np.median(taken)), 3)
