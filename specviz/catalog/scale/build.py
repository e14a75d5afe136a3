"""``build``: a catalogue from partitions, resumed where it was killed, made by this process or by a cluster."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from specviz.analysis.engine import cancel_check
from specviz.catalog.scale.partition import EngineSpec, Source, made, make_part, record_file, refuse_other_weights
from specviz.catalog.scale.soundness import sound
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.header import FILE, Header, PartRecord
from specviz.catalog.store.parts import table_file, vector_file, write_whole
from specviz.catalog.store.star_catalog import PARTS, StarCatalog
from specviz.catalog.store.writing import LOCK, writing
from specviz.errors import CatalogError

PLAN = "building.json"
#: Makes the parts of some keys, in any order, and gives each as it is done: (key, record).
Runner = Callable[[Source, Sequence[str], EngineSpec, Path], Iterator[tuple[str, PartRecord]]]
#: Note in the header: which plan made the catalogue.
_MADE_BY = "plan_sha256"
#: Seconds after which a file that was being written is a leftover of a process that was killed.
_STALE = 3600.0


@dataclass(frozen=True)
class Progress:
    """How far a build is: partitions done and of how many, stars in them, stars a second in this run, seconds to go."""

    done: int
    total: int
    stars: int
    rate: float
    left: float = float("nan")


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

    Parts that an earlier run made are read and compared with their hashes first; one that is damaged is made again.
    If the catalogue is made already, by the same plan, it is opened.

    Parameters
    ----------
    source : Source
    path : path
        The folder of the catalogue. One that an earlier run of the same began is gone on with.
    spec : EngineSpec, optional
    runner : callable
        Who makes the parts; see :mod:`specviz.catalog.scale.dask_runner` for many workers.
    again : bool
        Throw the parts of an earlier, unfinished run away. A finished catalogue is never thrown away.
    progress : callable(Progress), optional
        Called after each partition.
    cancel : threading.Event or callable() -> bool, optional
        Asked between partitions; what is made stays for the next run.
    **notes
        Kept in the header.

    Returns
    -------
    StarCatalog
        Its ``header.content_sha256`` depends on the source and the model alone (on processors of one kind; see
        :func:`specviz.models.threads.one_thread`).

    Raises
    ------
    CatalogError
        If another catalogue stands at ``path``, or parts of other stars or another model do, or another process is
        building there.
    """
    spec, stop, folder = spec or EngineSpec(), cancel_check(cancel), Path(path)
    keys = list(source.keys())
    if not keys or len(set(keys)) < len(keys):
        raise CatalogError("There is nothing to build from" if not keys else "Two partitions have the same name")
    engine = spec.engine()
    card = engine.describe()
    refuse_other_weights(source, card)
    plan = {
        "source": source.fingerprint, "partitions": _sha256(keys), "weights_sha256": card.weights_sha256,
        "dtype": str(getattr(engine.model, "dtype", "float32")), **asdict(spec),
    }  # fmt: skip
    del plan["device"]  # a run may go on elsewhere
    plan = json.loads(json.dumps(plan))
    notes = {**notes, _MADE_BY: _sha256(plan)}
    _check_free(folder)
    parts = folder / PARTS
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CatalogError(f"{folder} cannot be written ({error.strerror})", remedy="Choose another folder") from error
    with writing(folder):
        if (folder / FILE).is_file():
            return _made_already(folder, notes[_MADE_BY], keys)
        _begin(folder, plan, again)
        records = {k: r for k in keys if (r := made(parts, k)) is not None and sound(parts, r)}
        for key in keys:
            if key not in records:
                record_file(parts, key).unlink(missing_ok=True)
        tell, began, before = progress or (lambda _: None), time.monotonic(), sum(r.rows for r in records.values())
        resumed = len(records)

        def say() -> None:
            stars, spent = sum(record.rows for record in records.values()), max(time.monotonic() - began, 1e-9)
            left = (
                spent / (len(records) - resumed) * (len(keys) - len(records))
                if len(records) > resumed
                else float("nan")
            )
            tell(Progress(len(records), len(keys), stars, (stars - before) / spent, left))

        say()
        try:
            with closing(_generator(runner(source, [k for k in keys if k not in records], spec, parts))) as coming:
                for key, record in coming:
                    records[key] = record
                    say()
                    if len(records) < len(keys):
                        stop()
        except OSError as error:
            free = shutil.disk_usage(folder).free / 1e9
            raise CatalogError(
                f"A part could not be made ({error}); the disk of {folder} has {free:.2g} GB left",
                remedy="See to it, and run the same again: what is made stays",
            ) from error
        absent = [key for key in keys if key not in records]
        if absent:
            raise CatalogError(
                f"{len(absent)} of {len(keys)} partitions could not be made, such as {absent[0]}",
                remedy="Run the same again: only those are redone",
            )
        return _finish(folder, keys, records, Header.of_model(card, None, **notes))


def problems(catalog: StarCatalog) -> int:
    """How many stars of a catalogue have no embedding for a reason that their column ``problem`` tells."""
    pa, count = pyarrow(), 0
    import pyarrow.compute as pc

    for part in catalog.header.parts:
        file = table_file(catalog.path / PARTS, part.stem)
        if "problem" in pa.parquet.read_schema(file).names:
            said = pa.parquet.read_table(file, columns=["problem"], partitioning=None).column("problem")
            count += int(pc.sum(pc.not_equal(said.fill_null(""), "")).as_py() or 0)
    return count


# ---------------------------------------------------------------------------------------------- the folder
def _check_free(folder: Path) -> None:
    """Nothing but a catalogue, finished or not, may stand where one is made."""
    ours = (folder / FILE).is_file() or (folder / PLAN).is_file()
    if ours or not folder.exists():
        return
    if (
        not folder.is_dir()
        or any(f.name not in (LOCK, PARTS) for f in folder.iterdir())
        or any((folder / PARTS).glob("*.parquet"))
    ):
        raise CatalogError(f"There is something else at {folder}", expected="a new folder, or an unfinished catalogue")


def _made_already(folder: Path, plan_sha256: str, keys: Sequence[str]) -> StarCatalog:
    """The catalogue, if the same plan made it; what a kill at the very end left behind is swept."""
    catalog = StarCatalog.open(folder)
    if catalog.header.notes.get(_MADE_BY) != plan_sha256:
        raise CatalogError(f"There is another catalogue at {folder}", remedy="Name another folder, or delete it")
    _sweep(folder, keys)
    return catalog


def _begin(folder: Path, plan: Mapping[str, Any], again: bool) -> None:
    """Write down what is being made, or see that it is what was being made."""
    file, parts = folder / PLAN, folder / PARTS
    now = time.time()
    for leftover in parts.iterdir():
        if again or (leftover.name.endswith(".tmp") and now - leftover.stat().st_mtime > _STALE):
            leftover.unlink(missing_ok=True)
    if again:
        file.unlink(missing_ok=True)
    if file.is_file():
        _check(file, plan)
    else:
        text = json.dumps(plan, indent=1).encode()
        write_whole(file, lambda stream: stream.write(text))


def _check(file: Path, plan: Mapping[str, Any]) -> None:
    try:
        before = json.loads(file.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise CatalogError(f"{file} is damaged", remedy="Start over (--again)") from error
    named = {"source": "the stars", "weights_sha256": "the weights", "dtype": "precision"}
    changed = [k for k in plan if not isinstance(before, dict) or before.get(k) != plan[k]]
    if changed:
        what = ", ".join(dict.fromkeys(named.get(k, f"the {k}") for k in changed))
        raise CatalogError(
            f"{file.parent.name} holds parts of another run: {what} changed since",
            expected="the same stars, model, precision and batch",
            remedy="Finish that run as it was, or start over (--again)",
        )


def _finish(folder: Path, keys: Sequence[str], records: Mapping[str, PartRecord], header: Header) -> StarCatalog:
    """Name the parts in the header: from now on it is a catalogue."""
    whole = [records[key] for key in keys if records[key].rows]
    dims: dict[str, int] = {}
    for record in whole:
        for survey, m in record.vectors.items():
            if m and dims.setdefault(survey, found := _dim(folder / PARTS, record.name, survey)) != found:
                raise CatalogError(
                    f"Vectors of {dims[survey]} and of {found} dimensions ({survey}, {record.name})",
                    expected="vectors of one model",
                )
    named = Header(
        header.model, header.version, header.weights_sha256, header.release, dims, tuple(whole), header.notes
    )
    text = named.to_json().encode()
    write_whole(folder / FILE, lambda stream: stream.write(text))
    _sweep(folder, keys)
    return StarCatalog.open(folder)


def _sweep(folder: Path, keys: Sequence[str]) -> None:
    """Remove what only an unfinished catalogue needs."""
    for key in keys:
        record_file(folder / PARTS, key).unlink(missing_ok=True)
    (folder / PLAN).unlink(missing_ok=True)


def _dim(parts: Path, name: str, survey: str) -> int:
    from numpy import load

    return int(load(vector_file(parts, name, survey), mmap_mode="r").shape[1])


def _generator(items: Iterator[tuple[str, PartRecord]]) -> Any:
    """What can be closed, of any iterator: a runner that is stopped early has to end its work."""
    if hasattr(items, "close"):
        return items
    return (item for item in items)


def _sha256(told: Any) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
