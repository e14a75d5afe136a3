"""What ``specviz.benchmarks.catalog_search`` measures, each piece a task for a process of its own."""

from __future__ import annotations

import os
import statistics
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.benchmarks.processes import Task, forget_pages, one_thread, size_of
from specviz.benchmarks.realistic_vectors import BLOCK, Neighbourhood, RealisticVectors

SURVEY, K = "lamost_lrs", 50
#: Shares of the catalogue that are searched alone: a range of Teff around the median that so many stars are in.
SHARES: Mapping[str, float] = {"1 %": 0.01, "10 %": 0.10}
#: Files of a working folder.
CATALOG, OFFICIAL, TRUTH = "catalog.specviz", "official.npz", "truth.npz"
#: Queries of the ways that take a second each, and of those on a cold page cache.
SLOW, COLD = 5, 20


def lay(folder: str, rows: int, dim: int, queries: int, seed: int) -> dict[str, Any]:
    """Write the catalogue in parts, the official database beside it (float32), and what exact float32 search finds."""
    from specviz.catalog.store.header import Header
    from specviz.catalog.store.star_catalog import StarCatalog

    at = Path(folder)
    drawn = RealisticVectors.from_demo(survey=SURVEY, dim=dim, seed=seed)
    wanted = drawn.queries(queries)
    size = min(BLOCK, -(-rows // 4))
    sizes = [min(size, rows - start) for start in range(0, rows, size)]
    limits = _limits([drawn.columns(n, m)["teff"].astype(np.float32) for n, m in enumerate(sizes)])
    catalog = StarCatalog.create(at / CATALOG, Header("drawn around demo stars", "0", "0" * 64, "none", {SURVEY: dim}))
    best = {name: _Best(len(wanted)) for name in ("all", *SHARES)}
    seconds = 0.0
    with (
        zipfile.ZipFile(at / OFFICIAL, "w", zipfile.ZIP_STORED) as archive,
        archive.open("lamost_embeddings.npy", "w", force_zip64=True) as stream,
    ):
        described = {"descr": "<f4", "fortran_order": False, "shape": (rows, dim)}
        np.lib.format.write_array_header_1_0(stream, described)
        start = 0
        for number, m in enumerate(sizes):
            block, columns = drawn.block(number, m), drawn.columns(number, m)
            began = time.perf_counter()
            catalog.append(columns, {SURVEY: block})
            seconds += time.perf_counter() - began
            stream.write(block.tobytes())
            cosines = wanted @ block.T
            teff = columns["teff"].astype(np.float32)
            for name, one in best.items():
                there = np.arange(m)
                if name in limits:  # what has no temperature, such as a galaxy, is in none of the ranges
                    there = np.flatnonzero((teff >= limits[name][0]) & (teff <= limits[name][1]))
                one.add(there + start, cosines[:, there])
            start += m
    found: dict[str, Any] = {"queries": wanted, "limits": np.array([limits[name] for name in SHARES])}
    for name, one in best.items():
        found[f"n_{name}"], found[f"c_{name}"] = one.found()
    np.savez(at / TRUTH, allow_pickle=False, **found)
    like = Neighbourhood.of(found["c_all"])
    return {"append": seconds, "disk": size_of(at / CATALOG), "official": size_of(at / OFFICIAL), "like": like.line()}


def build(folder: str, kind: str) -> dict[str, Any]:
    """Build an index of a kind, in a catalogue of its own that shares the parts."""
    from specviz.catalog.search.building import build_index
    from specviz.catalog.store.star_catalog import StarCatalog

    path = _sharing(Path(folder), kind)
    began, cpu = time.perf_counter(), time.process_time()
    build_index(StarCatalog.open(path), SURVEY, kind=kind)
    told = {"elapsed": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    return {**told, "disk": size_of(path / "index"), "threads": os.cpu_count() or 1}


def search(folder: str, kind: str) -> dict[str, Any]:
    """One query after another through an index, or "exact"; first with nothing in the page cache, then warm."""
    path = Path(folder) / CATALOG if kind == "exact" else _sharing(Path(folder), kind)
    cold = forget_pages(path.resolve()) and forget_pages((path / "parts").resolve())
    began = time.perf_counter()
    searcher, vectors = _opened(path, kind)
    told: dict[str, Any] = {"open": time.perf_counter() - began}
    truth = Truth.of(Path(folder))
    asked = truth.queries if kind != "exact" else truth.queries[: 4 * SLOW]
    first, _ = _each(asked[:COLD], lambda q: searcher.nearest(q, K))
    told |= {"first": first[0], "cold": statistics.median(first)} if cold else {}
    _each(asked, lambda q: searcher.nearest(q, K))
    clocks, found = _each(asked, lambda q: searcher.nearest(q, K), cpu=told)
    told |= _clocked(clocks) | truth.recall("all", found)
    began = time.perf_counter()
    searcher.nearest(asked, K)
    told["batch"] = (time.perf_counter() - began) / len(asked)
    return told | {"filtered": _filtered(path, truth, vectors, asked, searcher)}


def numpy_brute(folder: str) -> dict[str, Any]:
    """float32 in memory, a matrix product and a partition for each query."""
    began = time.perf_counter()
    with np.load(Path(folder) / OFFICIAL, allow_pickle=False) as file:
        vectors = file["lamost_embeddings"]
    told: dict[str, Any] = {"open": time.perf_counter() - began}
    truth = Truth.of(Path(folder))
    asked = truth.queries[: 4 * SLOW]

    def nearest(query: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        cosines = vectors @ query[0]
        best = np.argpartition(cosines, len(cosines) - K)[-K:]
        best = best[np.argsort(-cosines[best])]
        return best[None], cosines[best][None]

    nearest(asked[:1])
    clocks, found = _each(asked, nearest, cpu=told)
    return told | _clocked(clocks) | truth.recall("all", found)


def official(folder: str) -> dict[str, Any]:
    """The released retrieval's procedure: the npz in memory, sklearn's cosine_similarity against all rows, a full sort,
    the best taken. The file has one survey's embeddings alone, not two and their spectra.
    """
    from sklearn.metrics.pairwise import cosine_similarity

    began = time.perf_counter()
    with np.load(Path(folder) / OFFICIAL, allow_pickle=False) as file:
        embeddings = file["lamost_embeddings"]
    told: dict[str, Any] = {"open": time.perf_counter() - began}
    truth = Truth.of(Path(folder))
    asked = truth.queries[:SLOW]

    def nearest(query: NDArray[np.float32]) -> tuple[NDArray[Any], NDArray[Any]]:
        similarity = cosine_similarity(query, embeddings)[0]
        best = np.argsort(similarity)[::-1][:K]
        return best[None], similarity[best][None]

    clocks, found = _each(asked, nearest, cpu=told)
    return told | _clocked(clocks) | truth.recall("all", found)


TASKS: Mapping[str, Task] = {
    "lay": lay,
    "build": build,
    "search": search,
    "numpy": numpy_brute,
    "official": official,
}


class Truth:
    """Queries, and what an exact search in float32 finds: numbers and cosines, in all stars and in each share."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.queries: NDArray[np.float32] = arrays["queries"]
        self.limits = dict(zip(SHARES, arrays["limits"], strict=True))
        self._arrays = arrays

    @classmethod
    def of(cls, folder: Path) -> Truth:
        """That of a working folder."""
        with np.load(folder / TRUTH, allow_pickle=False) as file:
            return cls({name: file[name] for name in file.files})

    def recall(self, name: str, found: Sequence[tuple[NDArray[Any], NDArray[Any]]]) -> dict[str, float]:
        """Share of the true neighbours that were found, and by how much their cosines are wrong at most."""
        hits, true, worst = 0, 0, 0.0
        numbers, cosines = self._arrays[f"n_{name}"], self._arrays[f"c_{name}"]
        for i, (got, values) in enumerate(found):
            real = numbers[i][numbers[i] >= 0]
            _, a, b = np.intersect1d(real, got[0], return_indices=True)
            hits, true = hits + len(a), true + len(real)
            if len(a):
                worst = max(worst, float(np.abs(cosines[i][a] - values[0][b]).max()))
        return {"recall": hits / max(true, 1), "wrong": worst}


def _opened(path: Path, kind: str) -> tuple[Any, Any]:
    """A searcher of a catalogue and the vectors that it searches."""
    from specviz.catalog.search.exact import ExactSearch
    from specviz.catalog.store.star_catalog import StarCatalog

    catalog = StarCatalog.open(path)
    vectors = catalog.vectors(SURVEY)
    if kind == "exact":
        return ExactSearch(vectors), vectors
    from specviz.catalog.search.opening import open_searcher

    searcher = open_searcher(catalog, SURVEY)
    if isinstance(searcher, ExactSearch):
        raise RuntimeError(f"the index is not used. {searcher.note}")
    one_thread()
    return searcher, vectors


def _filtered(path: Path, truth: Truth, vectors: Any, asked: NDArray[np.float32], searcher: Any) -> dict[str, Any]:
    """Searches among the stars of a range of Teff."""
    from specviz.catalog.store.star_catalog import StarCatalog

    teff = StarCatalog.open(path).column("teff")
    out = {}
    for name, (low, high) in truth.limits.items():
        rows = np.flatnonzero((teff >= low) & (teff <= high))
        among = vectors.numbers_of(rows)

        def nearest(query: NDArray[np.float32], among: NDArray[np.intp] = among) -> Any:
            return searcher.nearest(query, K, among)

        some = asked[: 4 * SLOW]
        nearest(some[:1])
        clocks, found = _each(some, nearest)
        out[name] = {"rows": len(rows), **_clocked(clocks), **truth.recall(name, found)}
    return out


def _each(
    queries: NDArray[np.float32], nearest: Callable[[Any], Any], cpu: dict[str, Any] | None = None
) -> tuple[list[float], list[Any]]:
    """Seconds of each query, one after another, and what it found; ``cpu["cpu"]`` gets a query's processor time."""
    seconds, found, before = [], [], time.process_time()
    for i in range(len(queries)):
        began = time.perf_counter()
        found.append(nearest(queries[i : i + 1]))
        seconds.append(time.perf_counter() - began)
    if cpu is not None:
        cpu["cpu"] = (time.process_time() - before) / len(queries)
    return seconds, found


def _clocked(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "p95": float(np.percentile(seconds, 95)), "n": len(seconds)}


def _limits(teff: Sequence[NDArray[np.float32]]) -> dict[str, tuple[float, float]]:
    """Ranges of Teff around the median that hold each share."""
    every = np.concatenate(teff)
    return {
        name: (float(low), float(high))
        for name, share in SHARES.items()
        for low, high in [np.nanquantile(every, [0.5 - share / 2, 0.5 + share / 2])]
    }


def _sharing(folder: Path, kind: str) -> Path:
    """A catalogue that has the first one's parts and an index of its own."""
    path = folder / f"{kind}.specviz"
    if not path.exists():
        path.mkdir()
        (path / "parts").symlink_to((folder / CATALOG / "parts").resolve())
        (path / "catalog.json").write_bytes((folder / CATALOG / "catalog.json").read_bytes())
    return path


class _Best:
    """The :data:`K` best of what is shown, for each query; kept apart from the code that is measured."""

    def __init__(self, queries: int) -> None:
        self._numbers = np.full((queries, K), -1, np.int64)
        self._cosines = np.full((queries, K), -np.inf, np.float32)

    def add(self, numbers: NDArray[Any], cosines: NDArray[np.float32]) -> None:
        cosines = np.concatenate([self._cosines, cosines], axis=1)
        every = np.concatenate([self._numbers, np.broadcast_to(numbers, (len(cosines), len(numbers)))], axis=1)
        keep = np.argpartition(-cosines, K - 1, axis=1)[:, :K]
        self._numbers, self._cosines = np.take_along_axis(every, keep, 1), np.take_along_axis(cosines, keep, 1)

    def found(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        order = np.argsort(-self._cosines, axis=1)
        return np.take_along_axis(self._numbers, order, 1), np.take_along_axis(self._cosines, order, 1)
