"""A part of a catalogue: written whole or not at all, opened without being read."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.store.columns import columns_sha256, pyarrow, standardised, to_arrow, units_of
from specviz.catalog.store.header import Header, PartRecord
from specviz.errors import CatalogError

#: Type in which vectors are kept: a cosine of two unit vectors moves by 1e-5, the disk needs half.
VECTOR_TYPE = np.dtype("<f2")
_BLOCK = 65_536
#: How far the length of a unit vector can be from 1 once its numbers are float16: half a unit in the last place each.
_ROUNDED = 2.0**-11
#: What names of files are made of, on every system and in every archive.
_NAME = re.compile(r"[A-Za-z0-9_=+-][A-Za-z0-9_.=+-]*")


def write_part(
    folder: Path,
    name: str,
    header: Header,
    columns: Mapping[str, Any],
    vectors: Mapping[str, ArrayLike],
    units: Mapping[str, str] | None = None,
) -> PartRecord:
    """Write a part into ``folder``; the Parquet file comes last, so a part that has one is whole.

    Parameters
    ----------
    folder : Path
        ``parts`` of a catalogue.
    name : str
        Of the part's files; those of an earlier try are replaced.
    header : Header
        Whose model goes into the Parquet metadata.
    columns : mapping of str to array, shape (n,)
        See :func:`specviz.catalog.store.columns.standardised`.
    vectors : mapping of survey to array, shape (n, D)
        A vector a star, of any length; a row that is not finite or zero: that star has none of this survey.
    units : mapping of str to str, optional
        Of columns that are no standard ones.

    Returns
    -------
    PartRecord
        For the header of the catalogue.
    """
    for given, what in ((name, "part"), *((survey, "survey") for survey in vectors)):
        if not _NAME.fullmatch(given) or (what == "survey" and (given == "columns" or "." in given)):
            raise CatalogError(f"{given!r} cannot be the name of a {what}", expected="letters, digits and . _ - = +")
    plain, units = standardised(columns), {**units_of(columns), **(units or {})}
    n = len(plain["object_id"])
    held = {survey: _unit_vectors(np.asarray(raw), n, survey) for survey, raw in vectors.items()}
    return write_stored(folder, name, header, plain, held, units)


def write_stored(
    folder: Path,
    name: str,
    header: Header,
    plain: Mapping[str, NDArray[Any]],
    held: Mapping[str, tuple[NDArray[np.float16], NDArray[np.int64]]],
    units: Mapping[str, str] | None = None,
) -> PartRecord:
    """As :func:`write_part`, from standardised columns and, a survey, unit vectors as they are kept with their rows."""
    n = len(plain["object_id"])
    counts, digests = {}, {"columns": columns_sha256(plain)}
    folder.mkdir(parents=True, exist_ok=True)
    for survey, (unit, rows) in sorted(held.items()):
        counts[survey], digests[survey] = len(rows), vectors_sha256(unit, rows)
        write_whole(vector_file(folder, name, survey), partial(_save, unit))
        if len(rows) < n:
            write_whole(rows_file(folder, name, survey), partial(_save, rows))
        else:
            rows_file(folder, name, survey).unlink(missing_ok=True)
    write_table(table_file(folder, name), header, plain, units)
    return PartRecord(name, n, counts, digests)


def open_vectors(
    folder: Path, part: PartRecord, survey: str, dim: int
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """A part's vectors of a survey, mapped, and their rows in the part.

    Raises
    ------
    CatalogError
        If a file is absent or damaged.
    """
    m = part.vectors.get(survey, 0)
    if not m:
        return np.empty((0, dim), VECTOR_TYPE), np.empty(0, np.int64)
    unit = open_array(vector_file(folder, part.name, survey), (m, dim))
    whole = m == part.rows
    return unit, np.arange(m) if whole else open_array(rows_file(folder, part.name, survey), (m,))


def write_table(
    path: Path, header: Header, plain: Mapping[str, NDArray[Any]], units: Mapping[str, str] | None = None
) -> None:
    """Write standardised columns as the Parquet file of a part."""
    table = to_arrow(plain, json.dumps(header.about()).encode(), units)
    pq = pyarrow().parquet
    write_whole(path, lambda stream: pq.write_table(table, stream, compression="zstd"))


def vectors_sha256(unit: NDArray[Any], rows: NDArray[np.int64]) -> str:
    """Hash of a survey's vectors in a part and of their rows in it."""
    told = hashlib.sha256(np.ascontiguousarray(rows, np.int64).tobytes())
    for start in range(0, len(unit), _BLOCK):
        told.update(np.ascontiguousarray(unit[start : start + _BLOCK], VECTOR_TYPE).tobytes())
    return told.hexdigest()


def _unit_vectors(given: NDArray[Any], n: int, survey: str) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """Vectors that there are, of unit length, and their rows."""
    if given.ndim != 2 or len(given) != n:
        raise CatalogError(f"Vectors of shape {given.shape} ({survey}) do not fit {n} stars", expected=f"({n}, D)")
    out, rows = [], []
    for start in range(0, n, _BLOCK):
        block = np.asarray(given[start : start + _BLOCK], np.float32)
        length = np.linalg.norm(block, axis=1)
        there = np.flatnonzero(np.isfinite(length) & (length > 0))
        block, length = block[there], length[there]
        # A vector that was stored once comes back with a length that is 1 but for rounding: it stays as it is, so that
        # a copy of a catalogue has the same bits.
        near = np.flatnonzero(np.abs(length - 1.0) < _ROUNDED)
        length[near[(block[near] == block[near].astype(VECTOR_TYPE)).all(axis=1)]] = 1.0
        out.append((block / length[:, None]).astype(VECTOR_TYPE))
        rows.append(there + start)
    empty = np.empty((0, given.shape[1]), VECTOR_TYPE)
    return np.concatenate([empty, *out]), np.concatenate([np.empty(0, np.int64), *rows])


def vector_file(folder: Path, name: str, survey: str) -> Path:
    """Where a part's vectors of a survey are."""
    return folder / f"{name}.{survey}.npy"


def rows_file(folder: Path, name: str, survey: str) -> Path:
    """Where their rows in the part are, if not every star has one."""
    return folder / f"{name}.{survey}.rows.npy"


def table_file(folder: Path, name: str) -> Path:
    """Where a part's columns are; ``name`` is the stem of its record."""
    return folder / f"{name}.parquet"


def open_array(path: Path, shape: tuple[int, ...]) -> NDArray[Any]:
    """An array of a part, mapped into memory, not read.

    Raises
    ------
    CatalogError
        If it is absent, damaged, or has another shape than the header says.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        # An empty array cannot be mapped; it is read.
        if path.is_file() and 0 in shape:
            return np.load(path, allow_pickle=False)
        why = "is absent" if not path.exists() else "is damaged"
        raise CatalogError(f"{path.name} of this catalogue {why}", remedy="Build the catalogue again") from error
    if array.shape != shape:
        raise CatalogError(f"{path.name} has shape {array.shape}, the header says {shape}", remedy="Build it again")
    return array


def _save(array: NDArray[Any], stream: BinaryIO) -> None:
    np.save(stream, array)


def write_whole(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file so that it is whole or not there, whatever happens."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}.tmp")  # several hosts may make the same part
    try:
        with temporary.open("wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        _settle(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _settle(folder: Path) -> None:
    """Have the names in a folder on disk before what is written next; systems without that need it not."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
