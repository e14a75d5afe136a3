"""``make_map``: a map of a catalogue, fitted to a sample and applied to all in blocks, resumed where it was stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import cancel_check
from specviz.catalog.maps import clusters as groups
from specviz.catalog.maps.fitting import LEAST, PARAMETERS, SAMPLE, chosen, fit, library
from specviz.catalog.maps.placing import Sample, unit
from specviz.catalog.maps.quality import ASKED, of_sample, quality, told
from specviz.catalog.maps.searching import search_of
from specviz.catalog.maps.stored import (
    KINDS,
    MapRecord,
    StoredMap,
    check_cover,
    map_folder,
    open_rows,
    read_placing,
    write_placing,
)
from specviz.catalog.maps.summaries import LABELS, summarise
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, OptionError

Progress = Callable[[float, str], None]
#: Stars placed at a time; after each block the run can be stopped and resumed.
BLOCK = 16_384
#: Share of the work that the fit is said to be.
_FIT = 0.3


def make_map(
    catalog: StarCatalog,
    survey: str,
    method: str = "umap",
    *,
    sample: int = SAMPLE,
    seed: int = 0,
    parameters: Mapping[str, Any] | None = None,
    clusters: bool = True,
    progress: Progress | None = None,
    cancel: Any = None,
) -> StoredMap:
    """Make a map and keep it with the catalogue. A run that was stopped goes on if it is asked for the same.

    Parameters
    ----------
    catalog : StarCatalog
    survey : str
        Whose embeddings.
    method : {"umap", "pacmap"}
    sample : int
        Stars it is fitted to, drawn evenly by ``seed``; the others are put among them.
    seed : int
    parameters : mapping, optional
        Of the method; :data:`specviz.catalog.maps.fitting.PARAMETERS` otherwise.
    clusters : bool
        Look for groups too; those of an earlier map are replaced.
    progress : callable(fraction, text), optional
    cancel : threading.Event or callable() -> bool, optional
        Asked before and after the fit (which cannot be stopped) and after each block.

    Raises
    ------
    CatalogError
        If the catalogue has too few vectors of that survey, or a package is absent.
    OptionError
        If there is no such method.
    """
    if method not in PARAMETERS:
        raise OptionError(f"There is no method {method!r}", expected=", ".join(PARAMETERS))
    stop, say = cancel_check(cancel), progress or (lambda _fraction, _text: None)
    vectors, n = catalog.vectors(survey), len(catalog.vectors(survey))
    if n < LEAST or sample < LEAST:
        raise CatalogError(f"A map of {min(n, sample)} {survey} stars", expected=f"at least {LEAST}")
    asked: dict[str, Any] = {"method": method, "seed": seed, "sample": min(sample, n), "clusters": clusters,
             "parameters": {**PARAMETERS[method], **(parameters or {})}, "library": library(method),
             "content_sha256": catalog.header.embeddings_sha256, "from": 0}  # fmt: skip
    work = _begin(map_folder(catalog, survey), method, asked)
    numbers = chosen(n, sample, seed)
    if not (work / "placing.npz").is_file():
        stop()
        say(0.0, f"Fitting {KINDS[method][0]} to {len(numbers):,} stars")
        fitted = unit(vectors.take(numbers), vectors.shape[1])
        places = fit(fitted, method, seed=seed, parameters=parameters)
        stop()
        labels = np.full(len(numbers), -1, np.int32)
        if clusters:
            say(0.8 * _FIT, "Looking for clusters")
            labels = groups.find(places, fitted)
        write_placing(work / "placing.npz", Sample(fitted, places, labels))
    held = read_placing(work / "placing.npz")
    assert isinstance(held, Sample)
    search = _put(catalog, survey, work, held, 0, say, stop)
    xy, labels = _opened(work, len(catalog), 0)
    rows = vectors.rows_of(numbers)
    xy[rows], labels[rows] = held.places, held.labels
    record = MapRecord(
        name=method,
        survey=survey,
        weights_sha256=catalog.header.weights_sha256,
        rows=len(catalog),
        content_sha256=catalog.header.embeddings_sha256,
        labels=(f"{KINDS[method][0]} axis 1", f"{KINDS[method][0]} axis 2"),
        parameters={**asked["parameters"], "seed": seed, "search": search},
        library=asked["library"],
        sample=len(numbers),
        quality=_measured(catalog, survey, held, numbers, xy, seed),
    )
    say(0.98, "Writing")
    xy.flush()
    labels.flush()
    central = groups.central(held, rows) if clusters else None
    return _finish(catalog, survey, work, record, central)


def extend_map(
    catalog: StarCatalog, survey: str, method: str = "umap", *, progress: Progress | None = None, cancel: Any = None
) -> StoredMap:
    """Put the stars that were added since a map was made on it; the others stay where they are.

    The clusters are described anew, by the labels that the catalogue has now.

    Raises
    ------
    CatalogError
        If there is no such map, or it was made of other stars than the first of this catalogue.
    """
    stop, say = cancel_check(cancel), progress or (lambda _fraction, _text: None)
    there = StoredMap.open(catalog, survey, method)
    old, folder = there.record, map_folder(catalog, survey)
    kept = groups.stored(catalog, survey)
    clusters = kept is not None and groups.made_of(folder) == (method, old.rows)
    central = None
    if clusters and kept is not None:
        central = {s.number: np.asarray(s.exemplars, np.intp) for s in kept.summaries}
    if old.rows == len(catalog):
        if central is not None and kept is not None:
            _describe(catalog, survey, folder, old, kept.labels, central)
        return there
    if not isinstance(there.placing, Sample):
        raise CatalogError(f"The {old.title} map is made anew in a moment", remedy="specviz catalog map makes it")
    kept = groups.stored(catalog, survey)
    clusters = kept is not None and groups.made_of(folder) == (method, old.rows)
    sha256 = catalog.header.embeddings_sha256
    asked = {"method": method, "clusters": clusters, "content_sha256": sha256, "from": old.rows}
    work = _begin(folder, method, asked)
    xy, labels = _opened(work, len(catalog), old.rows, there.xy, kept.labels if kept is not None else None)
    del xy, labels
    first = _first_number(catalog, survey, old.rows)
    _put(catalog, survey, work, there.placing, first, say, stop)
    write_placing(work / "placing.npz", there.placing)
    record = replace(old, rows=len(catalog), content_sha256=catalog.header.embeddings_sha256)
    return _finish(catalog, survey, work, record, central)


# ------------------------------------------------------------------------------------------------------------ steps
def _begin(folder: Path, method: str, asked: Mapping[str, Any]) -> Path:
    """The folder of the map that is being made; what another order left there is thrown away."""
    work = folder / f"{method}.making"
    plan = json.dumps(asked, sort_keys=True)
    if not (work / "plan.json").is_file() or (work / "plan.json").read_text("utf-8") != plan:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_whole(work / "plan.json", lambda stream: stream.write(plan.encode()))
    return work


def _opened(
    work: Path, rows: int, before: int, xy: NDArray[Any] | None = None, labels: NDArray[Any] | None = None
) -> tuple[np.memmap[Any, Any], np.memmap[Any, Any]]:
    """Places and labels of all rows, to be written to; made, with what there was ``before``, at their first use."""
    files = (work / "xy.npy", np.float32, (rows, 2), np.nan, xy), (work / "labels.npy", np.int32, (rows,), -1, labels)
    out = []
    for file, kind, shape, empty, old in files:
        if not file.is_file():
            scratch = file.with_suffix(".new")
            fresh = np.lib.format.open_memmap(scratch, "w+", kind, shape)
            fresh[:] = empty
            if old is not None:
                fresh[:before] = old[:before]
            fresh.flush()
            scratch.replace(file)
        out.append(np.lib.format.open_memmap(file, "r+"))
    return out[0], out[1]


def _first_number(catalog: StarCatalog, survey: str, rows: int) -> int:
    """How many vectors the first ``rows`` stars (whole parts) have."""
    have, count = 0, 0
    for part in catalog.header.parts:
        if have >= rows:
            break
        have, count = have + part.rows, count + part.vectors.get(survey, 0)
    return count


def _put(
    catalog: StarCatalog, survey: str, work: Path, sample: Sample, first: int, say: Progress, stop: Callable[[], None]
) -> str:
    """Place all vectors from the ``first`` on that an earlier run has not; how their neighbours were found."""
    vectors = catalog.vectors(survey)
    xy, labels = _opened(work, len(catalog), 0)
    progress = work / "done.json"
    done = int(json.loads(progress.read_text("utf-8"))) if progress.is_file() else first
    search, called = search_of(sample.vectors)
    for start, block in vectors.blocks(BLOCK, done):
        rows = vectors.rows_of(np.arange(start, start + len(block)))
        xy[rows], labels[rows] = sample.put(block, search)
        xy.flush()
        labels.flush()
        write_whole(progress, partial(_write, json.dumps(start + len(block)).encode()))
        share = (start + len(block) - first) / max(len(vectors) - first, 1)
        say(_FIT + (0.95 - _FIT) * share, f"Placed {start + len(block):,} of {len(vectors):,} stars")
        stop()
    return called


def _write(text: bytes, stream: Any) -> None:
    stream.write(text)


def _measured(
    catalog: StarCatalog, survey: str, sample: Sample, numbers: NDArray[np.intp], xy: NDArray[Any], seed: int
) -> dict[str, Any]:
    """How well neighbours are kept: those of the sample, and those of stars that were put among it."""
    out = of_sample(sample, seed)
    vectors, rng = catalog.vectors(survey), np.random.default_rng([seed, 1])  # not the numbers that drew the sample
    others = np.setdiff1d(rng.choice(len(vectors), min(2 * ASKED, len(vectors)), replace=False), numbers)[:ASKED]
    if len(others):
        query = unit(vectors.take(others), vectors.shape[1])
        found = quality(sample.vectors, sample.places, query, np.asarray(xy[vectors.rows_of(others)]))
        out["placed"] = told(*found, len(others))
    return out


def _finish(
    catalog: StarCatalog, survey: str, work: Path, record: MapRecord, central: dict[int, NDArray[np.intp]] | None
) -> StoredMap:
    """Put everything in its place, the JSON files last. An extended array is right for its old record too."""
    folder, name = work.parent, record.name
    (work / "done.json").unlink(missing_ok=True)  # a run that is killed from here on places again what was moved away
    if central is not None:
        (folder / "clusters.json").unlink(missing_ok=True)
        (work / "labels.npy").replace(folder / "clusters.npy")
        labels = open_rows(folder / "clusters.npy", record.rows)
        _describe(catalog, survey, folder, record, labels, central)
    (work / "placing.npz").replace(folder / f"{name}.placing.npz")
    (work / "xy.npy").replace(folder / f"{name}.xy.npy")
    record.write(folder / f"{name}.json")
    shutil.rmtree(work, ignore_errors=True)
    check_cover(catalog.header, record.rows, record.content_sha256, f"The {record.title} map")
    return StoredMap.of(folder, record)


def _describe(
    catalog: StarCatalog,
    survey: str,
    folder: Path,
    record: MapRecord,
    labels: NDArray[np.int32],
    central: dict[int, NDArray[np.intp]],
) -> None:
    """Say what the clusters are, by the labels of the catalogue."""
    columns = {n: catalog.column(n) for n in (*LABELS, "class") if n in catalog.column_names}
    found = summarise(np.asarray(labels), columns, central)
    has = len(catalog.vectors(survey))
    none = float((labels == -1).sum() - (len(catalog) - has)) / max(has, 1)
    groups.keep(folder, found, rows=record.rows, content_sha256=record.content_sha256, of=record.name, noise=none)
