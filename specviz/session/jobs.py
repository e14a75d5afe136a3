"""``JobRunner``: work off the main thread, one foreground job at a time, with progress and cancel.

A new foreground job replaces the one before it: a person who asks for another star no longer wants the first.
Background jobs
(prefetch, work lists) give way to the foreground by running on a thread of their own, one after the other.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

from specviz.errors import CancelledError, SpecvizError

_log = logging.getLogger(__name__)


class Job:
    """One piece of work: a function that is handed the job itself, so that it can report progress and notice a cancel.

    Attributes
    ----------
    title : str
        What a person is told is going on ("Opening spec-55862.fits").
    progress : float or None
        0 to 1, or None while unknown.
    message : str
        The present step, in words.
    name, target, position, ahead
        The star it is for: how it is called, what opens it, its row in the work list, and the row to prepare next.
        ``name`` is None for work that no one waits for.
    """

    def __init__(
        self,
        title: str,
        work: Callable[[Job], Any],
        *,
        name: str | None = None,
        target: Any = None,
        position: int | None = None,
        ahead: int | None = None,
    ) -> None:
        self.title, self.message = title, ""
        self.name, self.target, self.position, self.ahead = name, target, position, ahead
        self.progress: float | None = None
        self.started: float | None = None
        self._work = work
        self._cancel = threading.Event()
        self.finished = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def cancel(self) -> None:
        """Ask the work to stop at its next step."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        return self._cancel.is_set()

    def step(self, message: str, progress: float | None = None) -> None:
        """Say what is going on; raises CancelledError if the person has stopped the work."""
        if self._cancel.is_set():
            raise CancelledError(f"{self.title}: stopped")
        self.message, self.progress = message, progress

    @property
    def seconds(self) -> float:
        """Seconds since the work began; 0 while it waits."""
        return 0.0 if self.started is None else time.monotonic() - self.started

    def run(self) -> None:
        """Do the work here and now. Never raises: what went wrong is in ``error``."""
        self.started = time.monotonic()
        try:
            self.step("")
            self.result = self._work(self)
        except SpecvizError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; it is logged and shown
            _log.exception("job %r failed", self.title)
            self.error = error
        finally:
            self.finished.set()


class JobRunner:
    """Runs jobs on two daemon threads, foreground and background, started when first needed.

    Parameters
    ----------
    on_done : callable
        Called with the job on the worker's thread after it ended, however it ended; not called for a job that was
        replaced.
    """

    def __init__(self, on_done: Callable[[Job], None]) -> None:
        self._on_done = on_done
        self._lock = threading.RLock()
        self._lanes: dict[str, queue.SimpleQueue[Job | None]] = {}
        self._current: Job | None = None
        self._closed = False

    @property
    def current(self) -> Job | None:
        """The foreground job that runs or waits, if any."""
        with self._lock:
            return self._current

    def start(self, job: Job) -> Job:
        """Run ``job`` in the foreground; one that runs there is cancelled and its result dropped."""
        with self._lock:
            if self._current is not None:
                self._current.cancel()
            self._current = job
            self._lane("foreground").put(job)
        return job

    def later(self, job: Job) -> Job:
        """Run ``job`` in the background, after those before it."""
        with self._lock:
            self._lane("background").put(job)
        return job

    def cancel(self) -> None:
        """Stop the foreground job."""
        with self._lock:
            if self._current is not None:
                self._current.cancel()

    def close(self) -> None:
        """Stop everything; the threads end after the job at hand."""
        with self._lock:
            self._closed = True
            if self._current is not None:
                self._current.cancel()
                self._current = None
            for lane in self._lanes.values():
                lane.put(None)

    def _lane(self, name: str) -> queue.SimpleQueue[Job | None]:
        if self._closed:
            raise SpecvizError("This explorer is closed", remedy="Call specviz.explore() again")
        if name not in self._lanes:
            lane: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
            self._lanes[name] = lane
            threading.Thread(target=self._serve, args=(lane, name), name=f"specviz-{name}", daemon=True).start()
        return self._lanes[name]

    def _serve(self, lane: queue.SimpleQueue[Job | None], name: str) -> None:
        while (job := lane.get()) is not None:
            if self._closed:
                break
            job.run()
            with self._lock:
                if self._closed:
                    break
                stale = name == "foreground" and job is not self._current
                if name == "foreground" and not stale:
                    self._current = None
            if not stale:
                self._on_done(job)
            job = None  # a finished star must not stay alive while the lane waits
