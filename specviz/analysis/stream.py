"""``embed_stream``: embeddings of as many spectra as a disk holds, in bounded memory, and resumed where it was killed.

Work is cut into shards of :data:`SHARD` entries (a file, or a row of a table). Beside the output ``FILE.npz`` a folder
``FILE.npz.parts`` keeps a file a finished shard, written under another name, synchronised and renamed, so that a shard
is either whole or not there: ``kill -9``, a full disk or a power cut cost at most one. When all are there they are put
together, array by array, without ever holding the whole, and the folder goes.

``numpy.load`` reads what is written: ``name``, ``gaia_source_id`` with its ``gaia_release``, ``obsid`` (0 where
unknown), ``problem`` ("" where all went well), an array (rows, D) float32 a survey with NaN where a star has no such
spectrum, and ``header``, JSON as bytes, with the model, its weights' hash and the precision.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Full, Queue
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine, cancel_check
from specviz.errors import CatalogError, OptionError
from specviz.spectra.star import Star

#: Entries whose results are written together: what a kill costs at most.
SHARD = 2048
#: Entries read ahead of the model; with the spectra in them, the most that is in memory.
BLOCK = 128
FORMAT = "specviz embeddings 1"
_PLAN = "plan.json"
_TEXTS, _NUMBERS = ("name", "problem", "gaia_release"), ("gaia_source_id", "obsid")


@dataclass(frozen=True)
class Row:
    """A star that was read, or why it could not be (``star`` None)."""

    name: str
    star: Star | None
    problem: str = ""


class Source(Protocol):
    """Spectra on disk in a fixed order. ``fingerprint`` changes when the spectra do."""

    @property
    def fingerprint(self) -> str: ...

    def __len__(self) -> int: ...

    def read(self, start: int, stop: int) -> list[Row]:
        """The stars of entries ``start`` to ``stop``; an entry (a file) may hold several."""
        ...


@dataclass(frozen=True)
class Progress:
    """How far a stream is: entries done and of how many, spectra a second since it was started, seconds to go."""

    done: int
    total: int
    rate: float
    left: float


@dataclass(frozen=True)
class Written:
    """What was written: rows, of which ``problems`` without embedding; ``resumed`` entries are of an earlier run."""

    path: Path
    rows: int
    problems: int
    resumed: int


def embed_stream(
    engine: Engine,
    source: Source,
    path: Path,
    *,
    again: bool = False,
    shard: int = SHARD,
    progress: Callable[[Progress], None] | None = None,
    cancel: Any = None,
) -> Written:
    """Embed all of ``source`` into ``path`` (.npz), going on from where an earlier run of the same was stopped.

    Parameters
    ----------
    engine : Engine
    source : Source
    path : Path
    again : bool
        Throw an earlier run's parts away.
    shard : int
        Entries written together.
    progress : callable(Progress), optional
        Called after each block.
    cancel : threading.Event or callable() -> bool, optional
        Asked between blocks; what is finished stays for the next run.

    Raises
    ------
    CatalogError
        If there are parts of other spectra, another model or another precision.
    CancelledError
        When ``cancel`` says so.
    """
    if path.suffix != ".npz":
        raise OptionError(f"{path.name} is no name for embeddings", expected="a file that ends in .npz")
    if not path.resolve().parent.is_dir():
        raise OptionError(f"There is no folder {path.parent}", remedy="Make it first")
    card, stop = engine.describe(), cancel_check(cancel)
    header = {
        "format": FORMAT, "model": card.name, "version": card.version, "weights_sha256": card.weights_sha256,
        "dtype": str(getattr(engine.model, "dtype", "float32")), "source": source.fingerprint,
    }  # fmt: skip
    parts = Path(f"{path}.parts")
    _prepare(parts, {**header, "entries": len(source), "shard": shard}, again)
    starts = range(0, len(source), shard)
    open_shards = [start for start in starts if not _part(parts, start).is_file()]
    resumed = len(source) - sum(min(shard, len(source) - start) for start in open_shards)
    done, began, tell = resumed, time.monotonic(), progress or (lambda _: None)
    tell(Progress(done, len(source), 0.0, float("nan")))
    pieces = [(a, min(a + BLOCK, s + shard, len(source))) for s in open_shards
              for a in range(s, min(s + shard, len(source)), BLOCK)]  # fmt: skip
    shard_rows: list[_Embedded] = []
    for (start, end), rows in zip(pieces, _read_ahead(source, pieces), strict=True):
        stop()
        shard_rows += _embed(engine, rows)
        done += end - start
        if end % shard == 0 or end == len(source):
            _write_part(_part(parts, (start // shard) * shard), shard_rows)
            shard_rows = []
        rate = (done - resumed) / max(time.monotonic() - began, 1e-9)
        tell(Progress(done, len(source), rate, (len(source) - done) / max(rate, 1e-9)))
    rows_written, problems = _join([_part(parts, start) for start in starts], path, header)
    shutil.rmtree(parts)
    return Written(path, rows_written, problems, resumed)


@dataclass(frozen=True)
class _Embedded:
    name: str
    problem: str
    vectors: Mapping[str, NDArray[np.float32]]
    gaia_source_id: int = 0
    gaia_release: str = ""
    obsid: int = 0


def _embed(engine: Engine, rows: Sequence[Row]) -> list[_Embedded]:
    drafts = iter(engine.encode([row.star for row in rows if row.star is not None]))
    out = []
    for row in rows:
        if row.star is None:
            out.append(_Embedded(row.name, row.problem, {}))
            continue
        draft = next(drafts)
        problem = "" if draft.embeddings else "; ".join(draft.refusals.values()) or "This star has no spectrum."
        gaia, release = _number(row.star, "gaia")
        out.append(_Embedded(row.name, problem, draft.embeddings, gaia, release, _number(row.star, "lamost")[0]))
    return out


def _number(star: Star, archive: str) -> tuple[int, str]:
    """A star's number in an archive and the release it is of; 0 where there is none."""
    for one in star.identifiers:
        if one.archive.lower() == archive and one.value.isdigit() and int(one.value) < 2**63:
            return int(one.value), one.release
    return 0, ""


def _read_ahead(source: Source, pieces: Sequence[tuple[int, int]]) -> Iterator[list[Row]]:
    """Blocks of rows, one read by a thread while the one before is embedded."""
    queue: Queue[list[Row] | BaseException] = Queue(maxsize=1)
    over = threading.Event()

    def put(item: list[Row] | BaseException) -> None:
        while not over.is_set():
            try:
                queue.put(item, timeout=0.2)
                return
            except Full:
                continue

    def read() -> None:
        for start, stop in pieces:
            if over.is_set():
                return
            try:
                put(source.read(start, stop))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits for it
                put(error)
                return

    reader = threading.Thread(target=read, name="specviz-embed-reader", daemon=True)
    reader.start()
    try:
        for _ in pieces:
            while True:
                try:
                    block = queue.get(timeout=1.0)
                    break
                except Empty:
                    continue
            if isinstance(block, BaseException):
                raise block
            yield block
    finally:
        over.set()
        reader.join()


# ---------------------------------------------------------------------------------------------- the parts
def _prepare(parts: Path, plan: Mapping[str, Any], again: bool) -> None:
    """The folder of the parts, with the plan that they belong to."""
    if again and parts.exists():
        shutil.rmtree(parts)
    parts.mkdir(exist_ok=True)
    written = parts / _PLAN
    if not written.is_file():
        _atomically(written, lambda stream: stream.write(json.dumps(plan, indent=1).encode()))
        return
    try:
        before = json.loads(written.read_text("utf-8"))
    except ValueError as error:
        raise CatalogError(f"{written} is damaged", remedy="Start over with --again") from error
    if before != plan:
        named = {"source": "the spectra", "entries": "the spectra", "shard": "the size of the parts"}
        changed = [k for k in plan if before.get(k) != plan[k]] if isinstance(before, dict) else ["format"]
        what = ", ".join(dict.fromkeys(named.get(k, k) for k in changed))
        raise CatalogError(
            f"{parts.name} holds parts of another run: {what} changed since",
            expected="the same spectra, model and precision",
            remedy="Finish that run as it was, or start over with --again",
        )
    for leftover in parts.glob("*.tmp"):  # of a run that was killed while it wrote
        leftover.unlink()


def _part(parts: Path, start: int) -> Path:
    return parts / f"part-{start:010d}.npz"


def _write_part(path: Path, rows: Sequence[_Embedded]) -> None:
    arrays: dict[str, NDArray[Any]] = {
        **{name: np.array([getattr(row, name) for row in rows], np.str_) for name in _TEXTS},
        **{name: np.array([getattr(row, name) for row in rows], np.int64) for name in _NUMBERS},
    }
    for survey in sorted({survey for row in rows for survey in row.vectors}):
        at = [i for i, row in enumerate(rows) if survey in row.vectors]
        arrays[f"vectors.{survey}"] = np.stack([rows[i].vectors[survey] for i in at]).astype(np.float32)
        arrays[f"rows.{survey}"] = np.array(at, np.int64)
    _atomically(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]


def _atomically(path: Path, write: Callable[[Any], Any]) -> None:
    """Write a file so that it is whole or not there, whatever happens."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    with temporary.open("wb") as stream:
        write(stream)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)


def _join(paths: Sequence[Path], target: Path, header: Mapping[str, Any]) -> tuple[int, int]:
    """All parts as one .npz: number of rows, and of rows without an embedding. One part in memory at a time."""
    counts, widths, problems = [], dict.fromkeys(_TEXTS, 1), 0
    dims: dict[str, int] = {}
    for path in paths:
        with _opened(path) as part:
            counts.append(int(part["gaia_source_id"].size))
            problems += int((part["problem"] != "").sum())
            for name in widths:
                widths[name] = max(widths[name], part[name].dtype.itemsize // 4)
            dims |= {k.removeprefix("vectors."): part[k].shape[1] for k in part.files if k.startswith("vectors.")}
    rows = sum(counts)
    whole = {**header, "rows": rows, "surveys": sorted(dims)}

    def columns(stream: Any) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            text = np.frombuffer(json.dumps(whole).encode(), np.uint8)
            _column(archive, "header", text.dtype, text.shape, [text])
            for name in _TEXTS:
                kind = np.dtype(f"<U{widths[name]}")
                _column(archive, name, kind, (rows,), (part[name].astype(kind) for part in _each(paths)))
            for name in _NUMBERS:
                _column(archive, name, np.dtype("<i8"), (rows,), (part[name] for part in _each(paths)))
            for survey, dim in sorted(dims.items()):
                made = (_spread(part, survey, n, dim) for part, n in zip(_each(paths), counts, strict=True))
                _column(archive, survey, np.dtype("<f4"), (rows, dim), made)

    _atomically(target, columns)
    return rows, problems


def _opened(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise CatalogError(
            f"{path} is damaged", remedy="Delete it and run the same again: only it is redone"
        ) from error


def _each(paths: Sequence[Path]) -> Iterator[Any]:
    for path in paths:
        with _opened(path) as part:
            yield part


def _spread(part: Any, survey: str, n: int, dim: int) -> NDArray[np.float32]:
    """A part's vectors (n, D), NaN where a star has none of that survey."""
    out = np.full((n, dim), np.nan, np.float32)
    if f"rows.{survey}" in part.files:
        out[part[f"rows.{survey}"]] = part[f"vectors.{survey}"]
    return out


def _column(archive: zipfile.ZipFile, name: str, dtype: Any, shape: tuple[int, ...], pieces: Any) -> None:
    """One array of the .npz, from pieces."""
    with archive.open(f"{name}.npy", "w", force_zip64=True) as stream:
        about = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_2_0(stream, about)
        for piece in pieces:
            stream.write(np.ascontiguousarray(piece, dtype=dtype).tobytes())
