"""``merge``: one catalogue of several that the same weights made, a part at a time, vectors copied as they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import cancel_check
from specviz.catalog.store import parts as files
from specviz.catalog.store.columns import from_arrow, unit_of
from specviz.catalog.store.header import FILE, Header, PartRecord
from specviz.catalog.store.identity import KNOWN_BY, Identities, is_name
from specviz.catalog.store.schema import refuse_drift
from specviz.catalog.store.star_catalog import PARTS, StarCatalog
from specviz.catalog.store.writing import LOCK, writing
from specviz.errors import CatalogError, OptionError

PLAN = "merging.json"
KEEP = ("first", "last", "snr")


@dataclass(frozen=True)
class Merged:
    """What came of a merge: the catalogue, and how many rows of each input were left out as duplicates."""

    catalog: StarCatalog
    dropped: tuple[int, ...]


def merge(
    catalogs: Sequence[StarCatalog | str | Path],
    path: str | Path,
    *,
    by: str = "spectrum",
    keep: str = "first",
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
    cancel: Any = None,
) -> Merged:
    """Make one catalogue of several.

    Parameters
    ----------
    catalogs : sequence of StarCatalog or path
        Their stars follow one another in this order. They are only read.
    path : path
        A new folder. A merge of the same that was stopped is gone on with.
    by : {"spectrum", "source_id", "obsid", "object_id", "nothing"}
        What makes two rows duplicates, among rows with vectors of the same surveys (a star's LAMOST row and its Gaia
        row are two). "spectrum": the same obsid, else the same source_id of the same Gaia release, else the same name.
        "nothing": all rows are kept.
    keep : {"first", "last", "snr"}
        Which of duplicates stays; "snr": that of the highest S/N.
    again : bool
        Throw away what an earlier run left.
    progress : callable(done, total), optional
        Called after each part.
    cancel : threading.Event or callable() -> bool, optional

    Returns
    -------
    Merged

    Raises
    ------
    CatalogError
        If weights differ, columns hold words here and numbers there, or something stands at ``path``.

    Notes
    -----
    Vectors and columns are in memory a part at a time; what decides on duplicates takes 24 bytes a star.
    """
    if by not in (*KNOWN_BY, "nothing"):
        raise OptionError(f"by={by!r}", expected="one of " + ", ".join((*KNOWN_BY, "nothing")))
    if keep not in KEEP:
        raise OptionError(f"keep={keep!r}", expected="one of " + ", ".join(KEEP))
    opened = [c if isinstance(c, StarCatalog) else StarCatalog.open(c) for c in catalogs]
    header, folder, stop = _header(opened), Path(path), cancel_check(cancel)
    if folder.resolve() in {c.path.resolve() for c in opened}:
        raise CatalogError(f"{folder.name} is one of those that are merged", remedy="Name a new folder")
    plan = {"by": by, "keep": keep, "inputs": [c.header.content_sha256 for c in opened]}
    _begin(folder, plan, again)
    with writing(folder):
        masks = [None] * len(opened) if by == "nothing" else _kept(opened, by, keep)
        jobs = [(c, part, mask) for c, kept in zip(opened, masks, strict=True) for part, mask in _by_part(c, kept)]
        records, tell = [], progress or (lambda done, total: None)
        for number, (catalog, part, mask) in enumerate(jobs):
            stop()
            records.append(_made(folder / PARTS, f"part-{number:05d}", catalog, part, mask, header))
            tell(number + 1, len(jobs))
        whole = header.with_parts(*(record for record in records if record.rows))
        files.write_whole(folder / FILE, lambda stream: stream.write(whole.to_json().encode()))
        (folder / PLAN).unlink()
        for file in (folder / PARTS).glob("*.json"):
            file.unlink()
    dropped = tuple(0 if mask is None else int((~mask).sum()) for mask in masks)
    return Merged(StarCatalog.open(folder), dropped)


def _header(catalogs: Sequence[StarCatalog]) -> Header:
    """Header of all, without parts."""
    if not catalogs:
        raise CatalogError("There is nothing to merge", expected="catalogues")
    first, dims = catalogs[0], dict[str, int]()
    for other in catalogs:
        if other.header.weights_sha256 != first.header.weights_sha256:
            both = (f"{c.path.name} ({c.header.model} {c.header.weights_sha256[:12]}…)" for c in (first, other))
            raise CatalogError(
                f"{' and '.join(both)} were made by different weights",
                expected="catalogues of one model: similarities across models mean nothing",
                remedy="Embed the stars of one of them with the model of the other (specviz catalog build)",
            )
        for survey, dim in other.header.dims.items():
            if dims.setdefault(survey, dim) != dim:
                raise CatalogError(f"{survey} vectors of {other.path.name} have {dim} dimensions, not {dims[survey]}")
        refuse_drift(first.schema, other.schema)
    told = first.header
    releases = dict.fromkeys(c.header.release for c in catalogs if c.header.release)
    same = {n: t for n, t in told.notes.items() if all(c.header.notes.get(n) == t for c in catalogs) and n != "merged"}
    notes = {"merged": ", ".join(c.path.name for c in catalogs), **same}
    return Header(told.model, told.version, told.weights_sha256, "; ".join(releases), dims, (), notes)


def _begin(folder: Path, plan: dict[str, Any], again: bool) -> None:
    """The folder with the plan that its parts belong to."""
    file = folder / PLAN
    if (folder / FILE).exists():
        raise CatalogError(f"There is a catalogue at {folder} already", remedy="Name a new folder, or delete it")
    held = {f.name for f in folder.iterdir()} - {LOCK} if folder.is_dir() else set()
    if folder.is_file() or (held and PLAN not in held):
        raise CatalogError(f"There is something at {folder} already", expected="a new folder")
    (folder / PARTS).mkdir(parents=True, exist_ok=True)
    with writing(folder):
        before = None
        if file.is_file() and not again:
            try:
                before = json.loads(file.read_text("utf-8"))
            except ValueError:
                before = None  # cut off by a power failure: nothing was made after it
        if before is not None and before != plan:
            raise CatalogError(
                f"{folder.name} holds an unfinished merge of other catalogues, or with other options",
                remedy="Repeat that merge as it was, or start over (--again)",
            )
        if before is None:
            for old in (folder / PARTS).iterdir():
                old.unlink()
            text = json.dumps(plan).encode()
            files.write_whole(file, lambda stream: stream.write(text))


def _kept(catalogs: Sequence[StarCatalog], by: str, keep: str) -> list[NDArray[np.bool_]]:
    """Which rows of each catalogue stay."""
    if keep == "snr" and not any("snr" in c.column_names for c in catalogs):
        raise CatalogError("No catalogue has a column snr", remedy="Keep the first or the last of duplicates")
    identities, surveys = Identities(by), sorted({s for c in catalogs for s in c.surveys})
    numbers, kinds, noise = [], [], []
    for catalog in catalogs:
        wanted = [n for n in (*KNOWN_BY[by], "snr") if n in catalog.column_names and (n != "snr" or keep == "snr")]
        for part in catalog.header.parts:
            table = catalog.read_part(part, [*wanted] or ["object_id"])
            held = {name: from_arrow(table.column(name)) for name in wanted}
            if by != "object_id" and not set(KNOWN_BY[by]) & set(held):
                held |= {"object_id": np.full(part.rows, "")}
            number, kind = identities.of(held)
            numbers.append(number)
            kinds.append(np.where(kind > 0, kind * 256 + _has(catalog, part, surveys), 0).astype(np.int32))
            snr = held.get("snr", np.full(part.rows, -np.inf))
            noise.append(np.where(np.isfinite(snr), -snr, np.inf).astype(np.float32) if keep == "snr" else snr[:0])
    number, kind = np.concatenate(numbers), np.concatenate(kinds)
    turn = np.arange(len(number)) if keep != "last" else -np.arange(len(number))
    order = np.lexsort((turn, *([np.concatenate(noise)] if keep == "snr" else []), number, kind))
    same = np.zeros(len(order), bool)
    same[1:] = (np.diff(number[order]) == 0) & (np.diff(kind[order]) == 0) & (kind[order[1:]] > 0)
    lead = order[np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))]
    stays = np.ones(len(number), bool)
    stays[order[same]] = False
    named = np.flatnonzero(same & is_name(kind[order] // 256))
    if named.size:  # names are compared by a hash: be sure
        mine, theirs = (_names(catalogs, rows) for rows in (order[named], lead[named]))
        stays[order[named][mine != theirs]] = True
    return np.split(stays, np.cumsum([len(c) for c in catalogs])[:-1])


def _has(catalog: StarCatalog, part: PartRecord, surveys: Sequence[str]) -> NDArray[np.int32]:
    """Which surveys each star of a part has a vector of, a bit each."""
    bits = np.zeros(part.rows, np.int32)
    for bit, survey in enumerate(surveys):
        if part.vectors.get(survey):
            _, rows = files.open_vectors(catalog.path / PARTS, part, survey, catalog.header.dims[survey])
            bits[rows] |= 1 << bit
    return bits


def _names(catalogs: Sequence[StarCatalog], rows: NDArray[np.intp]) -> NDArray[np.str_]:
    """Names of rows counted through all catalogues."""
    starts = np.cumsum([0, *(len(c) for c in catalogs)])
    out = np.full(len(rows), "", object)
    for catalog, first, end in zip(catalogs, starts, starts[1:], strict=False):
        there = (rows >= first) & (rows < end)
        out[there] = catalog.take("object_id", rows[there] - first)
    return out.astype(str)


def _by_part(catalog: StarCatalog, kept: NDArray[np.bool_] | None) -> list[tuple[PartRecord, Any]]:
    """Parts with the rows of each that stay; None: all."""
    out, start = [], 0
    for part in catalog.header.parts:
        mask = None if kept is None else kept[start : start + part.rows]
        out.append((part, None if mask is None or mask.all() else mask))
        start += part.rows
    return out


def _made(
    folder: Path, name: str, catalog: StarCatalog, part: PartRecord, mask: NDArray[np.bool_] | None, header: Header
) -> PartRecord:
    """A part of the merged catalogue, or what an earlier run made of it."""
    told = folder / f"{name}.json"
    try:
        return PartRecord.of(json.loads(told.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass  # not made yet, or its record was cut off: it is made (again)
    source = catalog.path / PARTS
    opened = {s: files.open_vectors(source, part, s, catalog.header.dims[s]) for s in part.vectors}
    if mask is None:
        record = PartRecord(name, part.rows, part.vectors, part.digests)
        pairs = [(files.vector_file, s) for s, m in part.vectors.items() if m]
        pairs += [(files.rows_file, s) for s, m in part.vectors.items() if 0 < m < part.rows]
        for where, survey in pairs:
            _copy(where(source, part.name, survey), where(folder, name, survey))
        _copy(files.table_file(source, part.stem), files.table_file(folder, name))
    elif not mask.any():
        record = PartRecord(name, 0, {}, {})
    else:
        place, held = np.cumsum(mask) - 1, {}
        for survey, (unit, rows) in opened.items():
            stay = mask[rows]
            held[survey] = (np.asarray(unit[stay]), place[rows[stay]].astype(np.int64))
        table = catalog.read_part(part, catalog.part_columns(part))
        plain = {n: from_arrow(table.column(n))[mask] for n in table.column_names}
        record = files.write_stored(folder, name, header, plain, held, {f.name: unit_of(f) for f in table.schema})
    text = json.dumps(asdict(record)).encode()
    files.write_whole(told, lambda stream: stream.write(text))
    return record


def _copy(source: Path, target: Path) -> None:
    if not source.is_file():
        raise CatalogError(f"{source.name} of {source.parent.parent.name} is absent", remedy="Copy it again")
    with source.open("rb") as stream:
        files.write_whole(target, partial(shutil.copyfileobj, stream, length=1 << 22))
