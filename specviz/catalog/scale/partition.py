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

from specviz.analysis.draft import READ_AS
from specviz.analysis.engine import Engine
from specviz.catalog.store.header import Header, PartRecord
from specviz.catalog.store.parts import table_file, vector_file, write_part, write_whole
from specviz.errors import CatalogError
from specviz.models.registry import DEFAULT_MODEL
from specviz.models.threads import one_thread
from specviz.spectra.star import Star


@dataclass(frozen=True)
class EngineSpec:
    """Which model computes, and how; what a worker needs to make the same engine (it can be pickled).

    Parameters
    ----------
    model, device, precision : str
    batch : int
        Spectra encoded at once. Part of what makes results the same to the last digit, so it is part of the plan.
    surveys : tuple of str
        Whose spectra are embedded; empty: of all that the model reads.
    """

    model: str = DEFAULT_MODEL
    device: str = "auto"
    precision: str = "float32"
    batch: int = 256
    surveys: tuple[str, ...] = ()

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
        What is known of them; see :data:`specviz.catalog.store.columns.STANDARD`. ``problem`` says why a star could not
        be read. Blocks of one partition may have different columns.
    stars : sequence of Star or None, length n
        With the spectra that shall be embedded; None for one that could not be read, which then has no vector. Empty
        where all vectors are given.
    vectors : mapping of survey to array, shape (n, D)
        Vectors that there are already (of the same model); NaN where a star has none.
    units : mapping of str to str
        Of columns that are no standard ones.
    """

    columns: Mapping[str, Any]
    stars: Sequence[Star | None] = ()
    vectors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()))) if self.columns else 0


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
        """The stars of a partition, a few hundred or thousand at a time; none at all if it is empty."""
        ...


def make_part(source: Source, key: str, spec: EngineSpec, folder: Path) -> PartRecord:
    """Make a partition, or find that it is made.

    On a CPU it is computed on one thread (:func:`specviz.models.threads.one_thread`), so that its digits do not depend
    on how many there are; several partitions are made at once by several processes.

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
        The same whoever makes it: nothing in it depends on what ran before. Of no rows, and without files, if the
        partition holds no stars.
    """
    done = made(folder, key)
    if done is not None:
        return done
    engine = spec.engine()
    card = engine.describe()
    refuse_other_weights(source, card)
    pile = _Pile(card.surveys)
    with one_thread():
        for block in source.blocks(key):
            if len(block):
                pile.add(block, *_vectors(engine, block, spec.surveys))
    if not pile.rows:
        folder.mkdir(parents=True, exist_ok=True)
        record = PartRecord(key, 0, {}, {})
    else:
        vectors = pile.vectors()
        dims = {survey: int(array.shape[1]) for survey, array in vectors.items()}
        record = write_part(folder, key, Header.of_model(card, dims), pile.columns(), vectors, pile.units)
    told = json.dumps(asdict(record)).encode()
    write_whole(record_file(folder, key), partial(_put, told))
    return record


def refuse_other_weights(source: Source, card: Any) -> None:
    """Refuse a source of ready vectors (``weights_sha256``) that others than the model's weights made.

    Raises
    ------
    CatalogError
        Also if it has vectors of a survey (``surveys``) that the model does not read.
    """
    if not hasattr(source, "weights_sha256"):
        return
    made_by = str(source.weights_sha256)
    if made_by and made_by != card.weights_sha256:
        raise CatalogError(
            f"These embeddings were made by other weights ({made_by[:12]}…) than those of {card.name}"
            f" ({card.weights_sha256[:12]}…)",
            expected="embeddings of the same model: similarities across models mean nothing",
            remedy="Name the model that made them (--model), or embed the spectra again",
        )
    unknown = sorted(set(getattr(source, "surveys", ())) - set(card.surveys))
    if unknown:
        raise CatalogError(
            f"There are vectors of {', '.join(unknown)}, which {card.name} does not read",
            expected="one of " + ", ".join(card.surveys),
        )


def made(folder: Path, key: str) -> PartRecord | None:
    """The record of a part whose files are there; None if it is still to be made, or its record is damaged."""
    try:
        record = PartRecord.of(json.loads(record_file(folder, key).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None  # absent or damaged: what it told is found out by making the part again
    files = [table_file(folder, key), *(vector_file(folder, key, survey) for survey in record.vectors)]
    return record if record.name == key and (not record.rows or all(file.is_file() for file in files)) else None


def record_file(folder: Path, key: str) -> Path:
    """Where it says that a part is whole, while the catalogue is being built."""
    return folder / f"{key}.json"


def embed(
    engine: Engine, stars: Sequence[Star | None], surveys: Sequence[str] = ()
) -> tuple[dict[str, NDArray[np.float32]], list[str]]:
    """Embeddings of stars, and for those that have none the reason.

    A spectrum that the model reads as one of another survey (SDSS's as LAMOST's) counts as that, unless the star has
    one of that survey itself.

    Returns
    -------
    dict of survey to array, shape (n, D)
        NaN where a star has no spectrum of it that the model can use.
    list of str
        Length n; "" for a star that has an embedding, and for one that is None.
    """
    asked = [_only(star, surveys) for star in stars if star is not None]
    drafts = iter(engine.encode(asked))
    read = engine.describe().surveys
    found: list[Mapping[str, NDArray[np.float32]]] = []
    problems = []
    for star in stars:
        if star is None:
            found.append({})
            problems.append("")
            continue
        draft = next(drafts)
        mine = {(name if name in read else READ_AS.get(name, name)): v for name, v in draft.embeddings.items()}
        mine |= {name: vector for name, vector in draft.embeddings.items() if name in read}
        found.append(mine)
        problems.append("" if mine else "; ".join(draft.refusals.values()) or _nothing(star, surveys))
    out = {}
    for survey in sorted({survey for one in found for survey in one}):
        size = next(one[survey].size for one in found if survey in one)
        empty = np.full(size, np.nan, np.float32)
        out[survey] = np.stack([one.get(survey, empty) for one in found])
    return out, problems


def _only(star: Star, surveys: Sequence[str]) -> Star:
    """The star with the spectra of some surveys, or of those that are read as theirs; with all if none are named."""
    if not surveys:
        return star
    kept = {k: v for k, v in star.spectra.items() if k in surveys or READ_AS.get(k) in surveys}
    return star if len(kept) == len(star.spectra) else star.with_(spectra=kept)


def _nothing(star: Star, surveys: Sequence[str]) -> str:
    return "This star has no spectrum" + (f" of {' or '.join(surveys)}." if surveys and star.spectra else ".")


def _vectors(engine: Engine, block: Block, surveys: Sequence[str]) -> tuple[Mapping[str, NDArray[Any]], list[str]]:
    """Vectors of a block, given or computed, and what its stars' problems are (empty where vectors are given)."""
    if not block.stars:
        return block.vectors, []
    if len(block.stars) != len(block):
        raise CatalogError(f"{len(block)} rows with {len(block.stars)} stars", expected="as many")
    computed, problems = embed(engine, block.stars, surveys)
    return {**block.vectors, **computed}, problems


class _Pile:
    """Blocks, one on the other."""

    def __init__(self, surveys: Sequence[str]) -> None:
        self.rows = 0
        self.units: dict[str, str] = {}
        self._counts: list[int] = []
        self._columns: list[dict[str, Any]] = []
        self._surveys = surveys
        self._vectors: list[Mapping[str, NDArray[Any]]] = []

    def add(self, block: Block, vectors: Mapping[str, NDArray[Any]], problems: Sequence[str]) -> None:
        columns = dict(block.columns)
        if problems:
            read = columns.get("problem", [""] * len(block))
            columns["problem"] = np.array([str(a) or b for a, b in zip(read, problems, strict=True)], dtype=str)
        wrong = {name: len(values) for name, values in columns.items() if len(values) != len(block)}
        wrong |= {survey: len(array) for survey, array in vectors.items() if len(array) != len(block)}
        if wrong:
            raise CatalogError(f"A block of {len(block)} stars has {wrong}", expected="a value a star everywhere")
        self.units = {**block.units, **self.units}
        self._counts.append(len(block))
        self._columns.append(columns)
        self._vectors.append({k: np.asarray(v) for k, v in vectors.items() if k in self._surveys})
        self.rows += len(block)

    def columns(self) -> dict[str, Any]:
        """Every column that a block has, masked where another has it not."""
        out: dict[str, Any] = {}
        for name in dict.fromkeys(name for columns in self._columns for name in columns):
            pieces = [columns.get(name) for columns in self._columns]
            held = [piece for piece in pieces if piece is not None]
            like = np.ma.asarray(getattr(held[0], "value", held[0])).dtype
            whole = [
                np.ma.masked_all(n, like) if piece is None else piece
                for piece, n in zip(pieces, self._counts, strict=True)
            ]
            unit = getattr(held[0], "unit", None)
            if unit is not None:
                self.units.setdefault(name, str(unit))
            out[name] = whole[0] if len(whole) == 1 else np.ma.concatenate([np.ma.asarray(w) for w in whole])
        return out

    def vectors(self) -> dict[str, NDArray[Any]]:
        """Vectors a survey that any block has, NaN for the stars of one that has none of it."""
        out = {}
        for survey in self._surveys:
            dims = {array[survey].shape[1] for array in self._vectors if survey in array and array[survey].shape[1]}
            if len(dims) > 1:
                raise CatalogError(f"Vectors of {' and '.join(map(str, sorted(dims)))} dimensions ({survey})",
                                   expected="vectors of one model")  # fmt: skip
            for dim in dims:
                pieces = [array.get(survey) for array in self._vectors]
                out[survey] = np.concatenate(
                    [
                        np.full((n, dim), np.nan, np.float32) if piece is None or not piece.shape[1] else piece
                        for piece, n in zip(pieces, self._counts, strict=True)
                    ]
                )
        return out


def _put(text: bytes, stream: BinaryIO) -> None:
    stream.write(text)
