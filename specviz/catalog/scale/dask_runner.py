"""``on_cluster``: the parts of a catalogue made by many workers, of this machine or of any Dask cluster.

What a partition gives depends on the partition alone, so a worker that dies costs the partition it was at: Dask gives
it to another. A partition that fails for a reason of its own is told of, the others are finished, and the same command
takes up the failed ones.
"""

from __future__ import annotations

import logging
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from specviz.analysis.engine import cancel_check
from specviz.catalog.scale.dask_task import Task, at_worker, carrier
from specviz.catalog.scale.partition import EngineSpec, Source, made
from specviz.catalog.store.header import PartRecord
from specviz.errors import CatalogError, OptionError

#: Partitions handed to the scheduler at once, at least; more where there are more workers. The others wait here.
IN_FLIGHT = 64
#: Workers that may die at a partition; with one more it is given up.
DEATHS = 3
#: Partitions that may fail before any is made; then it is not the partitions that are at fault.
_HOPELESS = 16
#: Seconds between two looks at who has cancelled and who has died.
_LOOK = 0.5
#: Seconds that a file written elsewhere may need to be seen here (network file systems keep listings for a while).
_SEEN_WITHIN = 30.0
#: Seconds without any worker before that is said.
_LONELY = 15.0
#: Times that workers are sent what the run is about, while some die.
_SENDINGS = 8
#: Seconds in which a scheduler must answer.
_ANSWER = 20


@contextmanager
def on_cluster(
    address: str | None = None,
    workers: int | None = None,
    *,
    memory: str | int = "auto",
    in_flight: int | None = None,
    tell: Callable[[str], None] | None = None,
    cancel: Any = None,
) -> Iterator[ClusterRunner]:
    """Workers for :func:`specviz.catalog.scale.build.build`, gone when the block ends.

    Parameters
    ----------
    address : str, optional
        Of a Dask scheduler, such as ``"tcp://10.0.0.1:8786"``, or a scheduler file; it and its workers stay when the
        block ends. Without it, processes of this machine.
    workers : int, optional
        Processes of this machine; as many as it has processors by default. Each makes one partition at a time.
    memory : str or int
        What a process of this machine may use ("4GiB"); "auto" is its share of what there is. One that takes more is
        ended and its partition done again.
    in_flight : int, optional
        Partitions handed to the scheduler at once.
    tell : callable(str), optional
        Told where the dashboard is, which workers died and which partitions failed, a sentence each.
    cancel : threading.Event or callable() -> bool, optional
        Asked twice a second, also while partitions are being made.

    Yields
    ------
    ClusterRunner
        For ``build(..., runner=...)``.

    Raises
    ------
    CatalogError
        If Dask is not installed or nobody answers at ``address``.
    OptionError
        If both an address and a number of workers are given, or the script cannot be imported by its workers.

    Examples
    --------
    >>> with on_cluster(workers=4) as runner:                               # doctest: +SKIP
    ...     catalogue = build(source, "stars.specviz", runner=runner)
    """
    distributed, dask = _dask()
    if address is not None and workers is not None:
        raise OptionError(
            "A cluster that is there has the workers it has", expected="an address or a number of workers"
        )
    if workers is not None and workers < 1:
        raise OptionError(f"workers={workers}", expected="at least 1")
    say = tell or (lambda _: None)
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if address is None:
            cluster = stack.enter_context(_own_processes(distributed, dask, workers, memory))
            client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        else:
            cluster, client = None, stack.enter_context(_client_of(distributed, address))
        link = client.dashboard_link
        say(f"dashboard: {link}" if link else f"scheduler: {client.scheduler.address}")
        yield ClusterRunner(client, own=cluster is not None, in_flight=in_flight, tell=say, cancel=cancel)


class ClusterRunner:
    """A :data:`specviz.catalog.scale.build.Runner` on the workers of a Dask client.

    Parameters
    ----------
    client : distributed.Client
    own : bool
        Whether its workers are processes of this machine that nobody else has given their GPU.
    in_flight : int, optional
    tell : callable(str), optional
    cancel : threading.Event or callable() -> bool, optional
        See :func:`on_cluster`.
    """

    def __init__(
        self,
        client: Any,
        *,
        own: bool = False,
        in_flight: int | None = None,
        tell: Callable[[str], None] | None = None,
        cancel: Any = None,
    ) -> None:
        self.client = client
        self._own, self._in_flight = own, in_flight
        self._tell, self._stop = tell or (lambda _: None), cancel_check(cancel)

    def __call__(
        self, source: Source, keys: Sequence[str], spec: EngineSpec, folder: Path
    ) -> Iterator[tuple[str, PartRecord]]:
        """Make parts; each is given when it is made.

        Raises
        ------
        CatalogError
            At the end, if partitions failed; at once, if all do, the scheduler is gone, or the parts are not seen here.
        """
        folder = folder.resolve()
        run = _Run(self, Task(source, spec, folder, self._own))
        try:
            for key, record in run.made(keys):
                _check_seen(folder, key)
                yield key, record
        finally:
            run.drop()
        if run.failed:
            raise _failures(run.failed, len(keys))


class _Run:
    """One call of a runner: which partitions wait, are being made, have failed."""

    def __init__(self, runner: ClusterRunner, task: Task) -> None:
        self._client, self._stop, self._tell = runner.client, runner._stop, runner._tell
        self._own, self._limit = runner._own, runner._in_flight
        self._name = f"specviz-{uuid.uuid4().hex[:8]}"
        self._send(task)
        self._done: SimpleQueue[Any] = SimpleQueue()
        self._flying: dict[Any, tuple[str, int]] = {}
        self._workers: set[str] = set()
        self._lonely: float | None = None
        self.failed: dict[str, str] = {}

    def _send(self, task: Task) -> None:
        """Give every worker the task; again if one dies meanwhile."""
        for left in reversed(range(_SENDINGS)):
            try:
                self._client.register_plugin(carrier(task), name=self._name)
                return
            except Exception as error:  # whatever a worker raises when it is sent something that it does not know
                if left and isinstance(error, OSError):
                    time.sleep(_LOOK)
                    continue
                raise CatalogError(
                    f"The workers cannot take the work ({type(error).__name__}: {str(error)[:200]})",
                    expected="workers with the same Python and the same versions of specviz and Dask",
                ) from error

    def made(self, keys: Sequence[str]) -> Iterator[tuple[str, PartRecord]]:
        waiting, again, good = deque((key, 0) for key in keys), deque[tuple[str, int]](), 0
        while waiting or again or self._flying:
            self._look()
            room = self._room() - len(self._flying)
            while room > 0 and (waiting or again):
                self._submit(*(waiting or again).popleft())
                room -= 1
            for future in self._finished():
                result = self._result(future)
                if result is None:
                    future.add_done_callback(self._done.put)
                    continue
                key, tries = self._flying.pop(future)
                record, why, final = result
                if record is not None:
                    good += 1
                    yield key, record
                elif final or tries:
                    self.failed[key] = why
                    self._tell(f"partition {key} failed: {why}")
                    if not good and len(self.failed) >= _HOPELESS:
                        raise _failures(self.failed, len(keys))
                else:
                    self._tell(f"partition {key} is tried once more at the end: {why}")
                    again.append((key, tries + 1))
        self._see_who_is_there()  # also who has died since the last look

    def drop(self) -> None:
        """Have nothing more done. What a worker is at, it finishes: the next run finds it made."""
        if self._client.status == "running":
            with suppress(OSError):  # a worker or the scheduler dies meanwhile, and takes it along
                if self._flying:
                    self._client.cancel(list(self._flying), force=True)
                self._client.unregister_worker_plugin(self._name)
        self._flying.clear()

    def _submit(self, key: str, tries: int) -> None:
        future = self._client.submit(at_worker, self._name, key, key=f"{self._name}-{key}-{tries}", pure=False)
        self._flying[future] = (key, tries)
        future.add_done_callback(self._done.put)

    def _finished(self) -> Iterator[Any]:
        """Futures that are done; waits a little for the first."""
        try:
            yield self._done.get(timeout=_LOOK)
            while True:
                yield self._done.get_nowait()
        except Empty:
            return

    def _result(self, future: Any) -> tuple[PartRecord | None, str, bool] | None:
        """Record, or why there is none and whether it would be none again; None if the worker died that had it."""
        if future.status == "finished":
            try:
                result: tuple[PartRecord | None, str, bool] = future.result(timeout=_ANSWER)
            except TimeoutError:
                return None
            future.release()
            return result
        if future.status in ("lost", "pending"):
            return None
        if future.status == "cancelled":
            raise CatalogError(
                "The scheduler has dropped the partitions, or is gone", remedy="Run the same again: what is made stays"
            )
        error = future.exception()
        if type(error).__name__ == "KilledWorker":  # elsewhere the one at fault may have been its neighbour at a worker
            many = f"{DEATHS + 1}" if self._own else "several"
            return None, f"{many} workers died at it (do they have enough memory?)", self._own
        return None, f"{type(error).__name__}: {error}", False

    def _room(self) -> int:
        if self._limit is not None:
            return self._limit
        return max(IN_FLIGHT, 4 * len(self._workers))

    def _look(self) -> None:
        """Whether to stop, and whether the work can go on."""
        self._stop()
        if self._client.status not in ("running", "connecting"):
            raise CatalogError("The scheduler is gone", remedy="Run the same again: what is made stays")
        self._see_who_is_there()

    def _see_who_is_there(self) -> None:
        there = set(self._client.scheduler_info(n_workers=-1)["workers"])
        gone, self._workers = self._workers - there, there
        for address in sorted(gone):
            self._tell(f"worker {address} is gone; what it was at is done again")
        if there:
            self._lonely = None
        elif self._lonely is None:
            self._lonely = time.monotonic()
        elif time.monotonic() - self._lonely > _LONELY:
            self._tell("no worker is there yet; waiting")
            self._lonely = float("inf")


def _dask() -> tuple[Any, Any]:
    try:
        import dask
        import distributed
    except ImportError as error:
        raise CatalogError(
            "Dask is not installed, which many workers need", remedy="pip install 'jupyter-specviz[distributed]'"
        ) from error
    return distributed, dask


@contextmanager
def _own_processes(distributed: Any, dask: Any, workers: int | None, memory: str | int) -> Iterator[Any]:
    _check_script()
    workers = workers or dask.system.CPU_COUNT
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        "distributed.scheduler.worker-saturation": 1.0,  # a partition waits here, not at a worker whose death it shares
        "distributed.worker.daemon": True,  # none outlives this process
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, memory_limit=memory,
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
        ) as cluster,
    ):  # fmt: skip
        yield cluster


def _check_script() -> None:
    """Workers import the script that started them; one that starts workers when it is imported never gets to work."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None)
    if file is None or not Path(file).is_file():
        return  # a notebook, or an interpreter
    if b"__main__" not in Path(file).read_bytes():
        raise OptionError(
            f"{Path(file).name} starts workers, and they import it to find what is in it",
            expected="its statements under  if __name__ == '__main__':",
            remedy="Put what the script does into a function, and call it there",
        )


def _client_of(distributed: Any, address: str) -> Any:
    file = Path(address)
    given = {"scheduler_file": address} if "://" not in address and file.is_file() else {"address": address}
    try:
        return distributed.Client(**given, timeout=_ANSWER, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise CatalogError(
            f"No Dask scheduler answers at {address}",
            expected="an address such as tcp://host:8786, or a scheduler file",
            remedy="Start one (dask scheduler), or leave it out to use this machine",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask's own log lines are not for the person: what matters is told."""
    names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in ("distributed", *names)}
    for name in before:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _check_seen(folder: Path, key: str) -> None:
    """A part that a worker says is made must be seen from here."""
    until = time.monotonic() + _SEEN_WITHIN
    while made(folder, key) is None:
        if time.monotonic() > until:
            raise CatalogError(
                f"A worker has made partition {key}, and it is not in {folder}",
                expected="a folder that this machine and all workers see under the same name",
            )
        list(folder.iterdir())  # makes a network file system look again
        time.sleep(_LOOK)


def _failures(failed: dict[str, str], total: int) -> CatalogError:
    told = "; ".join(f"{key}: {why.rstrip('.')}" for key, why in list(failed.items())[:3])
    more = f" (and {len(failed) - 3} more)" if len(failed) > 3 else ""
    return CatalogError(
        f"{len(failed)} of {total} partitions could not be made: {told}{more}",
        remedy="Run the same again: only those are redone",
    )
