"""Sources of ready vectors: embeddings that were computed before become a catalogue without asking the model again.

What :func:`open_embeddings` knows: the ``.npz`` of ``specviz embed``, the official retrieval database (``.npz``), a
saved :class:`~specviz.catalog.index.SimilarityIndex` (``.npz``), and tables (Parquet, FITS, ECSV, VOTable) with a
column ``embedding`` of vectors. Each tells in ``weights_sha256`` which weights made it, "" where the file does not say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.draft import READ_AS
from specviz.analysis.stream import FORMAT
from specviz.catalog.index import FORMAT as INDEX_FORMAT
from specviz.catalog.npz_mapping import MappedNpz
from specviz.catalog.official import MADE_BY, SIDES
from specviz.catalog.scale.embedding_tables import open_table, plain_block
from specviz.catalog.scale.partition import Block
from specviz.errors import CatalogError, NotFoundError

#: Stars of a partition, and of a block: 65,536 vectors of 768 float32 are 200 MB.
PARTITION, BLOCK = 65_536, 8_192
_OFFICIAL = ("gaia_embeddings", "lamost_embeddings", "source_ids")


def open_embeddings(path: str | Path, survey: str = "", partition: int = PARTITION) -> Any:
    """Ready vectors of a file, as a :class:`specviz.catalog.scale.partition.Source`; None if the file holds none.

    Parameters
    ----------
    path : path
        A file; a folder is None.
    survey : str
        Of a table whose vectors do not say theirs; "lamost_lrs" by default.
    partition : int
        Stars of a partition.

    Returns
    -------
    Source or None
        Small, picklable, with one attribute more: ``weights_sha256``. :func:`specviz.catalog.scale.build.build` refuses
        to build from vectors of other weights than the model's.

    Raises
    ------
    NotFoundError, CatalogError
        If there is nothing at ``path``, or it is damaged.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise NotFoundError(f"There is nothing at {path}")
    if path.is_dir():
        return None
    if path.suffix.lower() != ".npz":
        return open_table(path, survey or "lamost_lrs", partition)
    held = MappedNpz(path)
    header = held.header()
    if header.get("format") == FORMAT:
        names = held["name"]
        return EmbedFile(path, len(names), partition, str(header["weights_sha256"]), tuple(header["surveys"]))
    if header.get("format") == INDEX_FORMAT:
        rows, made = int(header["rows"]), str(header["model_sha256"])
        return IndexFile(path, rows, partition, made, (str(header["survey"]),))
    if all(name in held for name in _OFFICIAL):
        made = str(held[MADE_BY]) if MADE_BY in held else ""
        return DatabaseFile(path, len(held["source_ids"]), partition, made, tuple(SIDES))
    return None


@dataclass(frozen=True)
class NpzVectors:
    """Vectors in an ``.npz``, a partition a range of rows.

    Parameters
    ----------
    path : Path
    rows : int
    partition : int
    weights_sha256 : str
    arrays : tuple of str
        Surveys whose spectra were embedded; those that a model reads as another's (SDSS's as LAMOST's) count as that.
    """

    path: Path
    rows: int
    partition: int
    weights_sha256: str
    arrays: tuple[str, ...]

    @property
    def surveys(self) -> tuple[str, ...]:
        """Surveys whose vectors it has."""
        return tuple(dict.fromkeys(READ_AS.get(name, name) for name in self.arrays))

    @property
    def fingerprint(self) -> str:
        """Of the file's size and time, not of its place."""
        facts = self.path.stat()
        told = f"{facts.st_size}\0{facts.st_mtime_ns}\0{self.rows}\0{self.partition}\0{self.weights_sha256}"
        return hashlib.sha256(told.encode()).hexdigest()

    def keys(self) -> Sequence[str]:
        """``rows-START``."""
        return [f"rows-{start:010d}" for start in range(0, self.rows, self.partition)]

    def blocks(self, key: str) -> Iterator[Block]:
        """The stars of a partition with their vectors."""
        held, first = MappedNpz(self.path), int(key.removeprefix("rows-"))
        columns, vectors = self._arrays(held)
        lengths = {name: len(array) for name, array in (columns | vectors).items()}
        if set(lengths.values()) != {self.rows}:
            told = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise CatalogError(f"{self.path.name} has arrays of different lengths: {told}", remedy="Make it again")
        for start in range(first, min(first + self.partition, self.rows), BLOCK):
            at = slice(start, min(start + BLOCK, first + self.partition, self.rows))
            some = {name: np.array(array[at]) for name, array in columns.items()}
            yield plain_block(self._named(some, start), {s: np.asarray(v[at], np.float32) for s, v in vectors.items()})

    def _arrays(self, held: MappedNpz) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Columns and vectors by their names in a catalogue."""
        raise NotImplementedError

    def _named(self, columns: dict[str, NDArray[Any]], start: int) -> Mapping[str, Any]:
        return columns


class EmbedFile(NpzVectors):
    """What ``specviz embed`` wrote: names, numbers, why a row has no vector (``problem``)."""

    def _arrays(self, held: MappedNpz) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        names = {
            "object_id": "name", "source_id": "gaia_source_id", "gaia_release": "gaia_release", "obsid": "obsid",
            "problem": "problem",
        }  # fmt: skip
        absent = [name for name in (*names.values(), *self.arrays) if name not in held]
        if absent:
            raise CatalogError(f"{self.path.name} has no {', '.join(absent)}", remedy="Embed the spectra again")
        return {ours: held[theirs] for ours, theirs in names.items()}, {s: held[s] for s in self.arrays}

    def _named(self, columns: dict[str, NDArray[Any]], start: int) -> Mapping[str, Any]:
        """A star that was not called anything gets its row for a name."""
        names = columns["object_id"]
        if (names == "").any():
            rows = np.array([f"row {row}" for row in range(start, start + len(names))])
            columns["object_id"] = np.where(names == "", rows, names)
        return columns


class IndexFile(NpzVectors):
    """A saved similarity index."""

    def _arrays(self, held: MappedNpz) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        columns = {name.removeprefix("column_"): held[name] for name in held if name.startswith("column_")}
        plain = {n: c for n, c in columns.items() if c.ndim == 1}
        return plain, {self.arrays[0]: held["vectors"]}


class DatabaseFile(NpzVectors):
    """The official retrieval database: a Gaia DR3 source_id and both embeddings a star."""

    def _arrays(self, held: MappedNpz) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        vectors = {survey: held[f"{side}_embeddings"] for survey, side in SIDES.items()}
        flat = {s: v[:, :, 0] if v.ndim == 3 and v.shape[2] == 1 else v for s, v in vectors.items()}
        return {"source_id": held["source_ids"]}, flat

    def _named(self, columns: dict[str, NDArray[Any]], start: int) -> Mapping[str, Any]:
        ids = columns["source_id"]
        words = [i.decode() if isinstance(i, bytes) else str(i) for i in ids.tolist()]
        named = {"object_id": np.array([f"Gaia DR3 {word}" for word in words])}
        if all(word.isdigit() and int(word) < 2**63 for word in words):
            named["source_id"] = np.array([int(word) for word in words], np.int64)
            named["gaia_release"] = np.full(len(words), "DR3")
        return named
