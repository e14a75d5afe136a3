"""``build``: a catalogue from partitions, resumed where it was killed, made by this process or by a cluster."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from specviz.analysis.engine import cancel_check
from specviz.catalog.scale.partition import EngineSpec, Source, made, make_part
from specviz.catalog.store.header import FILE, Header, PartRecord
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import PARTS, StarCatalog
from specviz.errors import CatalogError

PLAN = "building.json"
#: Makes the parts of some keys, in any order, and gives each as it is done: (key, record).
Runner = Callable[[Source, Sequence[str], EngineSpec, Path], Iterator[tuple[str, PartRecord]]]


@dataclass(frozen=True)
class Progress:
    """How far a build is: partitions done and of how many, stars in them, stars a second in this run."""

    done: int
    total: int
    stars: int
    rate: float


def in_this_process(
    source: Source, keys: Sequence[str], spec: EngineSpec, folder: Path
) -> Iterator[tuple[str, PartRecord]]:
    """The simplest runner: one partition after the other."""
    for key in keys:
        yield key, make_part(source, key, spec, folder)


def build(
    source: Source,
    path: str | Path,
    spec: EngineSpec | None = None,
    *,
    runner: Runner = in_this_process,
    again: bool = False,
    progress: Callable[[Progress], None] | None = None,
    cancel: Any = None,
    **notes: str,
) -> StarCatalog:
    """Make a catalogue of all stars of a source.

    Parameters
    ----------
    source : Source
    path : path
        The folder of the catalogue. One that an earlier run of the same began is gone on with.
    spec : EngineSpec, optional
    runner : callable
        Who makes the parts; see :mod:`specviz.catalog.scale.dask_runner` for many workers.
    again : bool
        Throw the parts of an earlier run away.
    progress : callable(Progress), optional
        Called after each partition.
    cancel : threading.Event or callable() -> bool, optional
        Asked between partitions; what is made stays for the next run.
    **notes
        Kept in the header.

    Returns
    -------
    StarCatalog
        Its ``header.content_sha256`` depends on the source and the model alone.

    Raises
    ------
    CatalogError
        If another catalogue stands at ``path``, or parts of other stars or another model do.
    """
    spec, stop, folder = spec or EngineSpec(), cancel_check(cancel), Path(path)
    card = spec.engine().describe()
    keys = list(source.keys())
    if not keys or len(set(keys)) < len(keys):
        raise CatalogError("There is nothing to build from" if not keys else "Two partitions have the same name")
    parts = _begin(folder, source, spec, card.weights_sha256, keys, again)
    records = {key: record for key in keys if (record := made(parts, key)) is not None}
    tell, began, before = progress or (lambda _: None), time.monotonic(), sum(r.rows for r in records.values())

    def say() -> None:
        stars = sum(record.rows for record in records.values())
        rate = (stars - before) / max(time.monotonic() - began, 1e-9)
        tell(Progress(len(records), len(keys), stars, rate))

    say()
    for key, record in runner(source, [key for key in keys if key not in records], spec, parts):
        records[key] = record
        say()
        stop()
    absent = [key for key in keys if key not in records]
    if absent:
        raise CatalogError(
            f"{len(absent)} of {len(keys)} partitions could not be made, such as {absent[0]}",
            remedy="Run the same again: only those are redone",
        )
    return _finish(folder, [records[key] for key in keys], Header.of_model(card, None, **notes))


def _begin(
    folder: Path, source: Source, spec: EngineSpec, weights_sha256: str, keys: Sequence[str], again: bool
) -> Path:
    """The folder of the parts, with the plan that they belong to."""
    if (folder / FILE).is_file():
        raise CatalogError(f"There is a catalogue at {folder} already", remedy="Name another folder, or delete it")
    told = {"source": source.fingerprint, "partitions": len(keys), "weights_sha256": weights_sha256, **asdict(spec)}
    del told["device"]  # a run may go on elsewhere
    plan, parts = folder / PLAN, folder / PARTS
    if folder.exists() and not plan.is_file() and (not folder.is_dir() or any(folder.iterdir())):
        raise CatalogError(f"There is something else at {folder}", expected="a new folder, or an unfinished catalogue")
    parts.mkdir(parents=True, exist_ok=True)
    if again:
        for file in parts.iterdir():
            file.unlink()
        plan.unlink(missing_ok=True)
    if plan.is_file():
        _check(plan, told)
    else:
        text = json.dumps(told, indent=1).encode()
        write_whole(plan, lambda stream: stream.write(text))
    return parts


def _check(plan: Path, told: dict[str, Any]) -> None:
    try:
        before = json.loads(plan.read_text("utf-8"))
    except ValueError as error:
        raise CatalogError(f"{plan} is damaged", remedy="Start over (--again)") from error
    named = {"source": "the stars", "partitions": "the stars", "weights_sha256": "the weights", "batch": "the batch"}
    changed = [k for k in told if not isinstance(before, dict) or before.get(k) != told[k]]
    if changed:
        what = ", ".join(dict.fromkeys(named.get(k, k) for k in changed))
        raise CatalogError(
            f"{plan.parent.name} holds parts of another run: {what} changed since",
            expected="the same stars, model, precision and batch",
            remedy="Finish that run as it was, or start over (--again)",
        )


def _finish(folder: Path, records: Sequence[PartRecord], header: Header) -> StarCatalog:
    """Name the parts in the header: from now on it is a catalogue."""
    dims: dict[str, int] = {}
    for record in records:
        dims |= {survey: _dim(folder / PARTS, record.name, survey) for survey, m in record.vectors.items() if m}
    whole = Header(header.model, header.version, header.weights_sha256, header.release, dims, (), header.notes)
    text = whole.with_parts(*records).to_json().encode()
    write_whole(folder / FILE, lambda stream: stream.write(text))
    (folder / PLAN).unlink(missing_ok=True)
    for record in records:
        (folder / PARTS / f"{record.name}.json").unlink(missing_ok=True)
    return StarCatalog.open(folder)


def _dim(parts: Path, name: str, survey: str) -> int:
    from numpy import load

    from specviz.catalog.store.parts import vector_file

    return int(load(vector_file(parts, name, survey), mmap_mode="r").shape[1])
