"""What a Dask worker is sent, and what it does with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from specviz.catalog.scale.partition import EngineSpec, Source, make_part
from specviz.catalog.store.header import PartRecord
from specviz.errors import SpecvizError


@dataclass(frozen=True)
class Task:
    """What the partitions of a run have in common; each worker is sent it once."""

    source: Source
    spec: EngineSpec
    folder: Path
    own: bool = False


def at_worker(name: str, key: str) -> tuple[PartRecord | None, str, bool]:
    """What a worker is asked to do: a partition of the run ``name``."""
    from distributed import get_worker

    return attempt(get_worker().plugins[name].task, key)


def attempt(task: Task, key: str) -> tuple[PartRecord | None, str, bool]:
    """A record, or why there is none and whether trying again is useless.

    Errors become words here, since not every exception can be sent.
    """
    spec = _own_gpu(task.spec) if task.own else task.spec
    try:
        return make_part(task.source, key, spec, task.folder), "", True
    except SpecvizError as error:
        return None, str(error), True
    except Exception as error:  # noqa: BLE001 - whatever it is: told to the person, the other partitions go on
        return None, f"{type(error).__name__}: {error}", False


def carrier(task: Task) -> Any:
    """What takes the task to every worker, also to those that come later; the scheduler keeps it."""
    from distributed.diagnostics.plugin import WorkerPlugin

    class Carrier(WorkerPlugin):
        def __init__(self, task: Task) -> None:
            self.task = task

    return Carrier(task)


def _own_gpu(spec: EngineSpec) -> EngineSpec:
    """A GPU for each process of this machine, in turn, where there are several."""
    if spec.device not in ("auto", "cuda"):
        return spec
    from distributed import get_worker

    from specviz.models.device import cuda_devices

    there, name = cuda_devices(), get_worker().name
    return replace(spec, device=f"cuda:{name % there}") if there > 1 and isinstance(name, int) else spec
