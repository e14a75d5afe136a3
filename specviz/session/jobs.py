"""``JobRunner``: work off the main thread, one foreground job at a time, with progress and cancel.

A new foreground job replaces the one before it: a person who asks for another star no longer wants the first. Nothing
that a worker does can hold the person up: a job that is stopped is given up at once, and if its thread is still stuck
in it, the next one runs on a fresh thread; the old thread ends when the work does, and what it found is dropped.
Background jobs (preparing the next star) run on a thread of their own, one after the other.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakSet, finalize

from specviz.archives.transport.monitor import Monitor, Step, watching
from specviz.errors import CancelledError, SpecvizError

_log = logging.getLogger(__name__)
AT_EXIT = 15.0  # longest (s) that the end of the process waits for what is at work, such as the import of the model


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
    monitor : Monitor
        Takes a cancel to whatever the work waits for; what the work asks services for is told to it.
    steps : dict
        Service -> (its present Step, when it began to be so; ``time.monotonic`` seconds).
    finished, ended : threading.Event
        The work is over; no one waits for it any more (it is over, or was given up).
    name, target, position, ahead
        The star it is for: how it is called, what opens it, its row in the work list, and the row to prepare next.
        ``name`` is None for work that no one waits for.
    aside : bool
        It adds to the star on screen: where it fails, that star stays, and its row is no failure.
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
        aside: bool = False,
    ) -> None:
        self.title, self.message, self.aside = title, "", aside
        self.name, self.target, self.position, self.ahead = name, target, position, ahead
        self.progress: float | None = None
        self.started: float | None = None
        self._work = work
        self.monitor = Monitor(self._heard)
        self.steps: dict[str, tuple[Step, float]] = {}
        self.finished, self.ended = threading.Event(), threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def cancel(self) -> None:
        """Ask the work to stop now: what it waits for is let go."""
        try:
            self.monitor.cancel()
        except Exception:  # noqa: BLE001 - a socket that will not close must not keep the person from going on
            _log.warning("%s: what was under way did not let itself be stopped", self.title, exc_info=True)

    @property
    def cancelled(self) -> bool:
        return self.monitor.cancelled

    def step(self, message: str, progress: float | None = None) -> None:
        """Say what is going on; raises CancelledError if the person has stopped the work."""
        if self.cancelled:
            raise CancelledError(f"{self.title}: stopped")
        self.message, self.progress = message, progress

    def _heard(self, step: Step) -> None:
        known = self.steps.get(step.service)
        same = known is not None and known[0].words == step.words and known[0].attempt == step.attempt
        self.steps[step.service] = (step, known[1] if same and known is not None else time.monotonic())

    @property
    def seconds(self) -> float:
        """Seconds since the work began; 0 while it waits."""
        return 0.0 if self.started is None else time.monotonic() - self.started

    def run(self) -> None:
        """Do the work here and now. Never raises: what went wrong is in ``error``."""
        self.started = time.monotonic()
        try:
            with watching(self.monitor):
                self.step("")
                self.result = self._work(self)
        except SpecvizError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; it is logged and shown
            if self.cancelled:  # a library that was cut off in the middle complains in its own words
                _log.debug("job %r ended with an error after its cancel", self.title, exc_info=True)
            else:
                _log.exception("job %r failed", self.title)
            self.error = error
        finally:
            self.finished.set()
            self.ended.set()


class Lane:
    """A daemon thread with room for the job at work and the next one; a newer next one replaces the older.

    Parameters
    ----------
    name : str
        Of the thread.
    done : callable
        Called with every job after it ended, on the thread.
    """

    def __init__(self, name: str, done: Callable[[Job], None]) -> None:
        self._done = done
        self._condition = threading.Condition()
        self._next: Job | None = None
        self._left = False
        self.at_work: Job | None = None
        self.thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self.thread.start()
        _lanes.add(self)

    def put(self, job: Job | None) -> None:
        """Run ``job`` next; None takes back what waits."""
        with self._condition:
            self._next = job
            self._condition.notify()

    def waits(self, job: Job) -> bool:
        """Whether ``job`` waits behind another."""
        with self._condition:
            return self._next is job

    def leave(self) -> None:
        """Let the thread end after the job at hand."""
        with self._condition:
            self._left, self._next = True, None
            self._condition.notify()

    def _serve(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._next is not None or self._left)
                if self._left:
                    return
                job, self._next = self._next, None
                self.at_work = job
            assert job is not None
            job.run()
            self.at_work = None
            self._done(job)
            job = None  # a finished star must not stay alive while the lane waits


_lanes: WeakSet[Lane] = WeakSet()
# What registers last is called first at exit. The finalizers of weakref register with the first of them; torch has some
# that fail while it is half imported, so they must come behind ours.
finalize(_lanes, bool)


@atexit.register
def _end_at_exit() -> None:
    """Python ends a daemon thread wherever it is; inside the model's C++ that would abort the whole process."""
    lanes, until = list(_lanes), time.monotonic() + AT_EXIT
    for lane in lanes:
        lane.leave()
        job = lane.at_work
        if job is not None:
            job.cancel()
    for lane in lanes:
        lane.thread.join(max(0.0, until - time.monotonic()))


class JobRunner:
    """Runs jobs on two lanes, foreground and background, started when first needed.

    Parameters
    ----------
    on_done : callable
        Called with the job on the worker's thread after it ended, however it ended; not called for a job that was
        replaced or given up.
    """

    def __init__(self, on_done: Callable[[Job], None]) -> None:
        self._on_done = on_done
        self._lock = threading.RLock()
        self._foreground: Lane | None = None
        self._background: Lane | None = None
        self._current: Job | None = None
        self._ahead: Job | None = None
        self._closed = False

    @property
    def current(self) -> Job | None:
        """The foreground job that runs or waits, if any."""
        with self._lock:
            return self._current

    @property
    def ahead(self) -> Job | None:
        """The background job that runs or waits, if any."""
        with self._lock:
            return self._ahead

    def start(self, job: Job) -> Job:
        """Run ``job`` in the foreground; one that runs there is cancelled and its result dropped."""
        with self._lock:
            self._check()
            old, self._current = self._current, job
            if self._foreground is None:
                self._foreground = Lane("specviz-foreground", self._over)
            self._foreground.put(job)
        if old is not None:
            old.ended.set()
            old.cancel()
        return job

    def hurry(self, job: Job) -> None:
        """Give ``job`` a thread of its own if it still waits for one that was replaced and does not end."""
        with self._lock:
            lane = self._foreground
            if self._closed or job is not self._current or lane is None or not lane.waits(job):
                return
            lane.leave()
            self._foreground = Lane("specviz-foreground", self._over)
            self._foreground.put(job)

    def later(self, job: Job) -> Job:
        """Run ``job`` in the background after the one at work there; one that only waits is dropped."""
        with self._lock:
            self._check()
            self._ahead = job
            if self._background is None:
                self._background = Lane("specviz-background", self._over)
            self._background.put(job)
        return job

    def drop_ahead(self) -> None:
        """Stop the background job: no one will want it."""
        with self._lock:
            job, self._ahead = self._ahead, None
            if self._background is not None:
                self._background.put(None)
        if job is not None:
            job.ended.set()
            job.cancel()

    def give_up(self) -> Job | None:
        """No longer wait for the foreground job; it still has to be cancelled. Its thread is left to end by itself."""
        with self._lock:
            job, self._current = self._current, None
            lane = self._foreground
            if job is not None and lane is not None:
                if lane.waits(job):
                    lane.put(None)
                if lane.at_work is not None:
                    lane.leave()
                    self._foreground = None
        if job is not None:
            job.ended.set()
        return job

    def close(self) -> None:
        """Stop everything; the threads end after the job at hand."""
        with self._lock:
            self._closed = True
            jobs = [self._current, self._ahead]
            self._current = self._ahead = None
            lanes = [self._foreground, self._background]
            self._foreground = self._background = None
        for lane in lanes:
            if lane is not None:
                lane.leave()
        for job in jobs:
            if job is not None:
                job.ended.set()
                job.cancel()

    def _check(self) -> None:
        if self._closed:
            raise SpecvizError("This explorer is closed", remedy="Call specviz.explore() again")

    def _over(self, job: Job) -> None:
        with self._lock:
            if job is self._current:
                self._current = None
            elif job is self._ahead:
                self._ahead = None
            else:
                return
        try:
            self._on_done(job)
        except SpecvizError:
            if not self._closed:
                raise
            _log.debug("closed while the end of %r was told: nothing more is begun", job.title)
