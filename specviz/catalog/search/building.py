"""``build_index``: lists of a survey's vectors, made part by part, resumed where it was killed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import cancel_check
from specviz.catalog.search.calibrating import calibrate
from specviz.catalog.search.faiss_index import turned_by
from specviz.catalog.search.faiss_library import faiss
from specviz.catalog.search.index_record import CODES, KINDS, LISTS, TRAINED, IndexRecord, content_of
from specviz.catalog.search.passing import Passing
from specviz.catalog.search.training import Plan, plan_for, train
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import INDEX, StarCatalog
from specviz.catalog.store.vectors import StoredVectors
from specviz.errors import CatalogError, OptionError, did_you_mean
from specviz.models.held import held

Tell = Callable[[float, str], None]
#: Bytes of float32 vectors that are in hand at once, and the share of the work each step is about.
_CHUNK = 400_000_000
_TRAINED, _FOUND, _FILLED = 0.25, 0.75, 0.85
SEED = 20


def build_index(
    catalog: StarCatalog,
    survey: str,
    kind: Literal["auto", "ivf-fp16", "ivf-pq"] | str = "auto",
    *,
    target: float = 0.99,
    again: bool = False,
    progress: Tell | None = None,
    cancel: Any = None,
) -> IndexRecord:
    """Make the index with which :func:`~specviz.catalog.search.opening.open_searcher` searches a survey's vectors.

    Vectors are divided into lists around centres that k-means learns from a sample; a search compares those of the
    lists whose centres are nearest. "ivf-fp16" keeps in the lists what is stored (another copy of it, grouped);
    "ivf-pq" a code of a byte per eight dimensions (product quantization after an optimised rotation), from which many
    candidates are taken and ranked by what is stored. How many lists are searched is chosen at the end, so that queries
    that are not in the index find ``target`` of their true neighbours.

    What is done is kept in ``index/SURVEY.building``: the same call goes on from there after a crash. The index that
    is in use is in use until the new one is whole.

    Parameters
    ----------
    catalog : StarCatalog
    survey : str
    kind : {"auto", "ivf-fp16", "ivf-pq"}
        "auto": "ivf-fp16" up to 20 million vectors, "ivf-pq" beyond.
    target : float
        Share of the 50 and of the 500 nearest that a search shall find.
    again : bool
        Make it even if there is one of this content.
    progress : callable(fraction, text), optional
    cancel : threading.Event or callable() -> bool, optional
        Stops within seconds; the next call goes on.

    Returns
    -------
    IndexRecord

    Raises
    ------
    CatalogError, OptionError
        If faiss is not installed, another process builds this index, or there are too few vectors for lists.
    """
    module, stop = faiss(), cancel_check(cancel)
    if kind not in ("auto", *KINDS):
        raise OptionError(f"kind={kind!r}", expected="auto, " + ", ".join(KINDS), remedy=did_you_mean(kind, KINDS))
    if not 0.5 <= target < 1:
        raise OptionError(f"target={target!r}", expected="a share from 0.5 to below 1")
    vectors, folder = catalog.vectors(survey), catalog.path / INDEX
    content = content_of(catalog.header, survey, len(catalog.header.parts))
    plan = plan_for(len(vectors), vectors.shape[1], kind, content, SEED)
    try:
        folder.mkdir(exist_ok=True)
        with held(folder / f"{survey}.lock", f"building the index of {survey}"):
            before = _record(folder, survey)
            if before is not None and not again and _same(before, plan, kind, catalog):
                return before
            return _build(module, catalog, plan, survey, target, progress or (lambda _f, _t: None), stop)
    except OSError as error:
        raise CatalogError(
            f"The index of {survey} cannot be written ({error.strerror or error})",
            remedy=f"Make room (it takes {_size(plan):,} MB) or choose a folder where you may write; the same goes on",
        ) from error


def _size(plan: Plan) -> int:
    """Megabytes of an index, about."""
    code = plan.code if plan.kind == "ivf-pq" else 2 * plan.dim
    return (plan.vectors * (code + 12) + 4 * plan.nlist * plan.dim) // 10**6 + 1


def _record(folder: Path, survey: str) -> IndexRecord | None:
    try:
        return IndexRecord.read(folder, survey)
    except CatalogError:
        return None  # damaged: it is replaced now


def _same(record: IndexRecord, plan: Plan, kind: str, catalog: StarCatalog) -> bool:
    """Whether an index is whole, of this content and of the kind that is wanted."""
    try:
        record.check(catalog)
    except CatalogError:
        return False  # it is made anew now
    return record.content_sha256 == plan.content_sha256 and kind in ("auto", record.kind)


def _build(
    module: Any,
    catalog: StarCatalog,
    plan: Plan,
    survey: str,
    target: float,
    tell: Tell,
    stop: Callable[[], None],
) -> IndexRecord:
    vectors, folder, began = catalog.vectors(survey), catalog.path / INDEX, time.monotonic()
    work = _begin(folder / f"{survey}.building", plan)
    spent = _spent(work)
    index, sample = train(module, vectors, plan, work, lambda f, text: tell(_TRAINED * f, text), stop)
    lists = _lists(module, vectors, index, plan, work, tell, stop)
    name = _free_name(folder, survey)
    write_whole(folder / f"{name}{LISTS}", partial(_save, lists))
    _fill(module, vectors, index, plan, lists, folder / f"{name}{CODES}", tell, stop)
    shutil.copyfile(work / f"trained{TRAINED}", folder / f"{name}{TRAINED}")
    tell(_FILLED, "measuring")
    sizes = {suffix: (folder / f"{name}{suffix}").stat().st_size for suffix in (TRAINED, LISTS, CODES)}
    record = IndexRecord(
        survey, plan.kind, name, plan.content_sha256, len(catalog.header.parts), len(catalog), len(vectors),
        vectors.shape[1], plan.nlist, {"50": plan.nlist}, 1, {}, 0.0, 0, sample.size, plan.seed, 0.0, sizes,
        hashlib.sha256((folder / f"{name}{TRAINED}").read_bytes()).hexdigest(), f"faiss {module.__version__}",
    )  # fmt: skip
    record = calibrate(catalog, record, sample, target, lambda f: tell(_FILLED + (1 - _FILLED) * f, "measuring"), stop)
    record = record.with_seconds(spent + time.monotonic() - began)
    record.write(folder)
    catalog.forget_index(survey)
    for file in folder.glob(f"{survey}.*"):  # of earlier indexes and tries; who searches one has its files open
        if file.is_file() and not file.name.startswith((f"{name}.", f"{survey}.json", f"{survey}.lock")):
            file.unlink(missing_ok=True)
    shutil.rmtree(work, ignore_errors=True)
    tell(1.0, "done")
    return record


def _begin(work: Path, plan: Plan) -> Path:
    """The folder of what is done; what another plan left is thrown away."""
    file, told = work / "plan.json", json.dumps(plan.told())
    if not file.is_file() or file.read_text("utf-8", "replace") != told:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        write_whole(file, lambda stream: stream.write(told.encode()))
    return work


def _spent(work: Path) -> float:
    """Seconds of earlier runs of this build, as far as their files tell."""
    times = [file.stat().st_mtime for file in work.iterdir() if file.suffix != ".tmp"]
    return max(max(times) - min(times), 0.0)


def _free_name(folder: Path, survey: str) -> str:
    taken = {file.name for file in folder.iterdir()}
    return next(
        f"{survey}.{i}" for i in range(len(taken) + 1) if not any(t.startswith(f"{survey}.{i}.") for t in taken)
    )


def _chunks(vectors: StoredVectors) -> Iterator[tuple[int, NDArray[np.float16]]]:
    """The vectors in pieces of a bounded size, whatever the size of the parts: (first number, array (b, D))."""
    size = max(_CHUNK // (4 * vectors.shape[1]), 1024)
    yield from Passing(vectors).blocks(size)


def _lists(
    module: Any, vectors: StoredVectors, index: Any, plan: Plan, work: Path, tell: Tell, stop: Callable[[], None]
) -> NDArray[np.int32]:
    """The list of each vector, shape (m,): a file a piece, so that a run that was killed loses one piece."""
    ivf, turned = module.extract_index_ivf(index), turned_by(module, index)
    out = np.empty(len(vectors), np.int32)
    for first, block in _chunks(vectors):
        stop()
        file = work / f"lists-{first:012d}.npy"
        if not file.is_file():
            found = np.empty(len(block), np.int32)
            for at in range(0, len(block), 32_768):
                stop()
                whole = np.asarray(block[at : at + 32_768], np.float32)
                _, near = ivf.quantizer.search(_turn(whole, turned), 1)
                found[at : at + len(whole)] = near[:, 0]
            write_whole(file, partial(_save, found))
        out[first : first + len(block)] = np.load(file, allow_pickle=False)
        done = (first + len(block)) / len(vectors)
        tell(_TRAINED + (_FOUND - _TRAINED) * done, f"{first + len(block):,} of {len(vectors):,} vectors divided")
    return out


def _fill(
    module: Any,
    vectors: StoredVectors,
    index: Any,
    plan: Plan,
    lists: NDArray[np.int32],
    path: Path,
    tell: Tell,
    stop: Callable[[], None],
) -> None:
    """Write the lists: of each its codes, then its numbers. Every piece of vectors goes to its places in the file, so
    that memory holds one piece; written, not mapped, since mapped pages would count as memory of this process.
    """
    ivf, turned = module.extract_index_ivf(index), turned_by(module, index)
    code, sizes = int(ivf.code_size), np.bincount(lists, minlength=plan.nlist)
    starts = np.concatenate([[0], np.cumsum(sizes)]) * (code + 8)
    filled = np.zeros(plan.nlist, np.int64)
    with path.open("wb") as stream:
        stream.truncate(int(starts[-1]))
        for first, block in _chunks(vectors):
            stop()
            own = lists[first : first + len(block)]
            codes = _codes(module, ivf, np.asarray(block), own, turned, plan)
            order = np.argsort(own, kind="stable")
            ends = np.searchsorted(own[order], np.arange(plan.nlist + 1))
            numbers = (order + first).astype("<i8")
            for i in np.flatnonzero(np.diff(ends)):
                here = slice(ends[i], ends[i + 1])
                stream.seek(int(starts[i] + filled[i] * code))
                stream.write(codes[order[here]].tobytes())
                stream.seek(int(starts[i] + sizes[i] * code + filled[i] * 8))
                stream.write(numbers[here].tobytes())
            filled += np.diff(ends)
            done = (first + len(block)) / len(vectors)
            tell(_FOUND + (_FILLED - _FOUND) * done, f"{first + len(block):,} of {len(vectors):,} vectors written")
        stream.flush()
        os.fsync(stream.fileno())


def _codes(
    module: Any, ivf: Any, block: NDArray[np.float16], own: NDArray[np.int32], turned: Any, plan: Plan
) -> NDArray[np.uint8]:
    """What the lists keep of vectors, shape (b, code_size)."""
    if plan.kind == "ivf-fp16":
        return np.ascontiguousarray(block).view(np.uint8).reshape(len(block), -1)
    out = np.empty((len(block), ivf.code_size), np.uint8)
    for at in range(0, len(block), 32_768):
        whole = _turn(np.asarray(block[at : at + 32_768], np.float32), turned)
        near, piece = own[at : at + len(whole)].astype(np.int64), out[at : at + len(whole)]
        ivf.encode_vectors(len(whole), module.swig_ptr(whole), module.swig_ptr(near), module.swig_ptr(piece), False)
    return out


def _turn(whole: NDArray[np.float32], turned: NDArray[np.float32] | None) -> NDArray[np.float32]:
    return np.ascontiguousarray(whole if turned is None else whole @ turned.T)


def _save(array: NDArray[Any], stream: Any) -> None:
    np.save(stream, array, allow_pickle=False)
