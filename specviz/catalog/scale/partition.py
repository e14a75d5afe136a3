"""``make_part``: one partition of a catalogue that is being built, the same wherever and however often it is made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine
from specviz.catalog.store.header import Header, PartRecord
from specviz.catalog.store.parts import table_file, write_part, write_whole
from specviz.errors import CatalogError
from specviz.spectra.star import Star


@dataclass(frozen=True)
class EngineSpec:
    """Which model computes, and how; what a worker needs to make the same engine (it can be pickled).

    Parameters
    ----------
    model, device, precision : str
    batch : int
        Spectra encoded at once. Part of what makes results the same to the last digit, so it is part of the plan.
    """

    model: str = "specclip-small"
    device: str = "auto"
    precision: str = "float32"
    batch: int = 256

    def engine(self) -> Engine:
        """The engine, made once a process."""
        return _engine(self)


@cache
def _engine(spec: EngineSpec) -> Engine:
    return Engine(spec.model, device=spec.device, batch_size=spec.batch, precision=spec.precision)


@dataclass(frozen=True, eq=False)
class Block:
    """Stars that are read together.

    Parameters
    ----------
    columns : mapping of str to array, shape (n,)
        What is known of them; see :data:`specviz.catalog.store.columns.STANDARD`.
    stars : sequence of Star or None, length n
        With the spectra that shall be embedded; None for one that could not be read, which then has no vector. Empty
        where all vectors are given.
    vectors : mapping of survey to array, shape (n, D)
        Vectors that there are already (of the same model); NaN where a star has none.
    """

    columns: Mapping[str, Any]
    stars: Sequence[Star | None] = ()
    vectors: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Source(Protocol):
    """Stars in partitions. It is pickled to workers: keep it small, open files in ``blocks``."""

    @property
    def fingerprint(self) -> str:
        """Changes when the stars do."""
        ...

    def keys(self) -> Sequence[str]:
        """The partitions, in the order of the catalogue: names that can be names of files."""
        ...

    def blocks(self, key: str) -> Iterator[Block]:
        """The stars of a partition, a few hundred or thousand at a time."""
        ...


def make_part(source: Source, key: str, spec: EngineSpec, folder: Path) -> PartRecord:
    """Make a partition, or find that it is made.

    Parameters
    ----------
    source : Source
    key : str
        One of its partitions.
    spec : EngineSpec
    folder : Path
        ``parts`` of the catalogue. ``KEY.json`` is written last and says that the part is whole.

    Returns
    -------
    PartRecord
        The same whoever makes it: nothing in it depends on what ran before.
    """
    done = made(folder, key)
    if done is not None:
        return done
    engine = spec.engine()
    card = engine.describe()
    columns: dict[str, list[Any]] = {}
    vectors: dict[str, list[NDArray[Any]]] = {survey: [] for survey in card.surveys}
    for block in source.blocks(key):
        n = len(next(iter(block.columns.values())))
        for name, values in block.columns.items():
            columns.setdefault(name, []).append(values)
        found = dict(block.vectors) if block.vectors else embed(engine, block.stars)
        for survey in vectors:
            given = found.get(survey)
            vectors[survey].append(np.full((n, 0), np.nan, np.float32) if given is None else np.asarray(given))
    if not columns:
        raise CatalogError(f"Partition {key!r} holds no stars")
    whole = {name: np.ma.concatenate(pieces) for name, pieces in columns.items()}
    joined = {survey: _joined(pieces) for survey, pieces in vectors.items()}
    joined = {survey: array for survey, array in joined.items() if array.shape[1]}
    dims = {survey: int(array.shape[1]) for survey, array in joined.items()}
    record = write_part(folder, key, Header.of_model(card, dims), whole, joined)
    told = json.dumps(asdict(record)).encode()
    write_whole(_record_file(folder, key), partial(_put, told))
    return record


def embed(engine: Engine, stars: Sequence[Star | None]) -> dict[str, NDArray[np.float32]]:
    """Embeddings a survey, shape (n, D), NaN where a star has no spectrum of it that the model can use."""
    drafts = iter(engine.encode([star for star in stars if star is not None]))
    found: list[Mapping[str, NDArray[np.float32]]] = [{} if star is None else next(drafts).embeddings for star in stars]
    out = {}
    for survey in sorted({survey for one in found for survey in one}):
        size = next(one[survey].size for one in found if survey in one)
        empty = np.full(size, np.nan, np.float32)
        out[survey] = np.stack([one.get(survey, empty) for one in found])
    return out


def made(folder: Path, key: str) -> PartRecord | None:
    """The record of a part that is whole; None if it is still to be made."""
    file = _record_file(folder, key)
    if not file.is_file() or not table_file(folder, key).is_file():
        return None
    try:
        return PartRecord.of(json.loads(file.read_text("utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CatalogError(
            f"{file} is damaged", remedy="Delete it and run the same again: only it is redone"
        ) from error


def _joined(pieces: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Vectors (n, D) of all blocks; NaN for the stars of a block that had none of this survey."""
    dim = max(piece.shape[1] for piece in pieces)
    return np.concatenate(
        [piece if piece.shape[1] == dim else np.full((len(piece), dim), np.nan, np.float32) for piece in pieces]
    )


def _record_file(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"


def _put(text: bytes, stream: BinaryIO) -> None:
    stream.write(text)
