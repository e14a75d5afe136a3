"""Tables with a column of vectors as sources of a catalogue: Parquet by its row groups, others read whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.draft import READ_AS
from specviz.catalog.scale.partition import Block
from specviz.catalog.store.columns import STANDARD, from_arrow, pyarrow, standardised, unit_of, units_of
from specviz.errors import CatalogError
from specviz.spectra.spectrum import SURVEYS

#: Names of a column with a vector a star; with a survey's name before or after it, it says whose.
VECTORS = ("embedding", "embeddings", "vector")
_PARQUET = frozenset({".parquet", ".pq"})
_TEXT = frozenset({".ecsv", ".vot", ".votable", ".xml"})
_FITS = frozenset({".fits", ".fit", ".fz"})
_READ = 8_192


def survey_of_column(name: str, default: str) -> str | None:
    """Whose vectors a column of that name holds; None if its name is no such one."""
    if name in VECTORS:
        return default
    for survey in SURVEYS:
        if name == survey or name in {f"{word}_{survey}" for word in VECTORS} | {f"{survey}_{w}" for w in VECTORS}:
            return survey
    return None


def plain_block(columns: Mapping[str, Any], vectors: Mapping[str, NDArray[Any]]) -> Block:
    """A block of standardised columns, whose vectors of a survey that is read as another's stand in for those."""
    held = {survey: array for survey, array in vectors.items() if survey not in READ_AS}
    for survey, array in vectors.items():
        if survey in READ_AS:
            own = held.setdefault(READ_AS[survey], array)
            if own.shape != array.shape:
                raise CatalogError(f"Vectors of {own.shape[1]} and {array.shape[1]} dimensions", expected="one model's")
            held[READ_AS[survey]] = np.where(np.isfinite(own).all(axis=1, keepdims=True), own, array)
    units = {name: unit for name, unit in units_of(columns).items() if name not in STANDARD}
    return Block(standardised(columns), (), held, units)


def open_table(path: Path, survey: str, partition: int) -> Any:
    """A table's vectors as a source; None if it is no table, or has no column of vectors.

    Raises
    ------
    CatalogError
        If it is damaged.
    """
    suffix = path.suffix.lower()
    if suffix in _PARQUET:
        return _open_parquet(path, survey, partition)
    if (suffix in _TEXT and _mentions_vectors(path)) or (suffix in _FITS and _fits_has_vectors(path)):
        made, vectors = _facts(_table(path, path.stat().st_mtime_ns), survey)
        rows = len(_table(path, path.stat().st_mtime_ns))
        return TableVectors(path, rows, partition, made, tuple(vectors.items())) if vectors else None
    return None


class _Held:
    """What both kinds of table say of their columns."""

    vectors: tuple[tuple[str, str], ...]

    @property
    def surveys(self) -> tuple[str, ...]:
        """Surveys whose vectors it has."""
        return tuple(READ_AS.get(survey, survey) for _, survey in self.vectors)


@dataclass(frozen=True)
class ParquetVectors(_Held):
    """Vectors in a Parquet file; a partition is some row groups.

    Parameters
    ----------
    path : Path
    groups : tuple of tuple of int
        Row groups of each partition.
    weights_sha256 : str
    vectors : tuple of (column, survey)
    """

    path: Path
    groups: tuple[tuple[int, ...], ...]
    weights_sha256: str
    vectors: tuple[tuple[str, str], ...]

    @property
    def fingerprint(self) -> str:
        """Of the file's size and time, not of its place."""
        return _fingerprint(self.path, self.groups, self.weights_sha256)

    def keys(self) -> Sequence[str]:
        """``groups-NUMBER``."""
        return [f"groups-{number:06d}" for number in range(len(self.groups))]

    def blocks(self, key: str) -> Iterator[Block]:
        """The stars of a partition with their vectors."""
        pa = pyarrow()
        groups, held = self.groups[int(key.removeprefix("groups-"))], dict(self.vectors)
        try:
            with pa.parquet.ParquetFile(self.path, memory_map=True) as file:
                for batch in file.iter_batches(_READ, row_groups=list(groups)):
                    plain = {f.name: _column(batch.column(f.name), f) for f in batch.schema if _is_plain(f.type)}
                    yield plain_block(plain, {s: _vectors(batch.column(n), n) for n, s in held.items()})
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(f"{self.path.name} is damaged", remedy="Copy it again") from error


@dataclass(frozen=True)
class TableVectors(_Held):
    """Vectors in a table that astropy reads; it is read whole, once a process.

    Parameters
    ----------
    path : Path
    rows, partition : int
    weights_sha256 : str
    vectors : tuple of (column, survey)
    """

    path: Path
    rows: int
    partition: int
    weights_sha256: str
    vectors: tuple[tuple[str, str], ...]

    @property
    def fingerprint(self) -> str:
        """Of the file's size and time, not of its place."""
        return _fingerprint(self.path, self.partition, self.weights_sha256)

    def keys(self) -> Sequence[str]:
        """``rows-START``."""
        return [f"rows-{start:010d}" for start in range(0, self.rows, self.partition)]

    def blocks(self, key: str) -> Iterator[Block]:
        """The stars of a partition with their vectors."""
        table, first = _table(self.path, self.path.stat().st_mtime_ns), int(key.removeprefix("rows-"))
        held = dict(self.vectors)
        some = table[first : first + self.partition]
        plain = {n: some[n] for n in some.colnames if some[n].ndim == 1 and n not in held}
        vectors = {s: np.ma.filled(np.ma.asarray(some[n]).astype(np.float32), np.nan) for n, s in held.items()}
        yield plain_block(plain, vectors)


def _open_parquet(path: Path, survey: str, partition: int) -> ParquetVectors | None:
    pa = pyarrow()
    try:
        with pa.parquet.ParquetFile(path) as file:
            schema, metadata = file.schema_arrow, file.metadata
            sizes = [metadata.row_group(i).num_rows for i in range(metadata.num_row_groups)]
    except (pa.ArrowException, OSError) as error:
        raise CatalogError(f"{path.name} is damaged or no Parquet file", remedy="Copy it again") from error
    told = {k.decode(): v.decode("utf-8", "replace") for k, v in (schema.metadata or {}).items()}
    try:
        told |= {k: str(v) for k, v in json.loads(told.get("specviz", "{}")).items()}
    except (ValueError, AttributeError) as error:
        raise CatalogError(f"What {path.name} says of its model is damaged", remedy="Write it again") from error
    vectors = {}
    for field in schema:
        whose = survey_of_column(field.name, told.get("survey", survey))
        if whose is not None and _is_list(field.type):
            vectors[field.name] = whose
    groups: list[list[int]] = []
    held = partition
    for i, rows in enumerate(sizes):
        if held + rows > partition or not groups:
            groups.append([])
            held = 0
        groups[-1].append(i)
        held += rows
    whole = tuple(tuple(g) for g in groups if sum(sizes[i] for i in g))
    return ParquetVectors(path, whole, told.get("weights_sha256", ""), tuple(vectors.items())) if vectors else None


def _is_list(kind: Any) -> bool:
    types = pyarrow().types
    nested = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(nested and types.is_floating(kind.value_type))


def _is_plain(kind: Any) -> bool:
    types = pyarrow().types
    numbers = types.is_floating(kind) or types.is_integer(kind) or types.is_boolean(kind)
    return bool(numbers or types.is_string(kind) or types.is_large_string(kind))


def _column(column: Any, field: Any) -> Any:
    from astropy.table import Column

    return Column(from_arrow(column), unit=unit_of(field) or None)


def _vectors(column: Any, name: str) -> NDArray[np.float32]:
    """(n, D) of a column of lists; NaN where there is none."""
    pa = pyarrow()
    there = np.asarray(column.is_valid().to_numpy(zero_copy_only=False), bool)
    flat = np.asarray(column.drop_null().flatten().cast(pa.float32()).to_numpy(zero_copy_only=False), np.float32)
    count = int(there.sum())
    if count and flat.size % count:
        raise CatalogError(f"The vectors in column {name!r} are of different lengths", expected="D numbers a star")
    dim = flat.size // count if count else 0
    if count and (np.asarray(column.drop_null().value_lengths().to_numpy(zero_copy_only=False)) != dim).any():
        raise CatalogError(f"The vectors in column {name!r} are of different lengths", expected="D numbers a star")
    out = np.full((len(there), dim), np.nan, np.float32)
    out[there] = flat.reshape(count, dim)
    return out


def _mentions_vectors(path: Path) -> bool:
    with path.open("rb") as stream:
        start = stream.read(262_144)
    return any(word.encode() in start for word in (*VECTORS, *SURVEYS))


def _fits_has_vectors(path: Path) -> bool:
    from astropy.io import fits

    try:
        with fits.open(path, memmap=True) as hdus:
            return any(
                survey_of_column(column.name, "x") is not None and column.format.lstrip("0123456789") in ("E", "D")
                for hdu in hdus
                if isinstance(hdu, fits.BinTableHDU)
                for column in hdu.columns
                if column.format[0].isdigit() and not column.format.startswith("1E")
            )
    except (OSError, ValueError) as error:
        raise CatalogError(f"{path.name} is damaged or no FITS file: {error}", remedy="Copy it again") from error


@lru_cache(maxsize=1)
def _table(path: Path, changed: int) -> Any:
    from astropy.table import Table

    try:
        return Table.read(path, format="ascii.ecsv") if path.suffix.lower() == ".ecsv" else Table.read(path)
    except Exception as error:  # astropy raises a dozen kinds for a damaged table
        raise CatalogError(f"{path.name} cannot be read as a table: {error}", remedy="Write it again") from error


def _facts(table: Any, survey: str) -> tuple[str, dict[str, str]]:
    """Weights that a table says made it, and its columns of vectors with their surveys."""
    told = {str(key).lower(): value for key, value in table.meta.items()}
    survey = str(told.get("survey", survey))
    whose = {
        n: survey_of_column(n, survey) for n in table.colnames if table[n].ndim == 2 and table[n].dtype.kind == "f"
    }
    return str(told.get("weights_sha256") or told.get("weights") or ""), {n: s for n, s in whose.items() if s}


def _fingerprint(path: Path, *told: Any) -> str:
    facts = path.stat()
    text = "\0".join(str(one) for one in (facts.st_size, facts.st_mtime_ns, *told))
    return hashlib.sha256(text.encode()).hexdigest()
