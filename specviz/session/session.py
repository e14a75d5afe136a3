"""``Session``: one exploring person. State changes under one lock, work happens in jobs, views hear what changed."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from specviz.errors import CancelledError, SpecvizError
from specviz.session.jobs import Job, JobRunner
from specviz.session.resolve import describe, from_bytes, resolve
from specviz.session.state import Notice, Recent, State, WorkItem
from specviz.spectra.star import Star

_log = logging.getLogger(__name__)
RECENT = 12  # stars remembered in the menu
NEIGHBOURS = 50  # similar stars asked for
QUICK = 0.25  # seconds after which a running job is announced
SLOW = 1.5  # seconds after which a running job gets words and a Cancel button

Listener = Callable[[State, State], None]


class Session:
    """State, jobs and history of one exploring person.

    Parameters
    ----------
    engine : Engine
        Anything with ``analyse(star, cancel=...) -> Report`` and ``loaded`` (is the model in memory?); shared between
        sessions.
    index : callable, optional
        ``index(engine, survey)`` gives the similarity index (built on the first call, kept by the caller).
    allow_paths : bool
        Whether text may name a file of this machine.
    expecting : bool
        A star will be asked for right after the views are built, so they skip the first screen. (Asking before would
        make the imports of the model compete with the building of the views.)

    Notes
    -----
    Every method may be called from any thread. Listeners are called with (old, new) on the thread that made the
    change, after
    it; two threads may call at once, so a listener draws ``session.state``, the newest, under a lock of its own.
    """

    def __init__(
        self,
        engine: Any,
        index: Callable[[Any, str], Any] | None = None,
        *,
        allow_paths: bool = True,
        expecting: bool = False,
    ) -> None:
        self.engine, self.allow_paths = engine, allow_paths
        self._index = index
        self._state = State(model=str(getattr(engine, "name", "")))
        self._lock = threading.RLock()
        self._depth = 0
        self._timers: list[threading.Timer] = []  # say after a while that the job at hand runs
        self._expecting = expecting
        self._at: int | None = None  # row of the work list that was asked for last
        self._listeners: list[Listener] = []
        self._jobs = JobRunner(self._finished)
        self._idle = threading.Event()
        self._idle.set()
        self._ready: dict[int, tuple[Any, Any]] = {}  # work-list position -> (star, report) computed ahead

    # ------------------------------------------------------------------ reading and listening
    @property
    def state(self) -> State:
        return self._state

    @property
    def expecting(self) -> bool:
        """A star was asked for, or soon will be, and is not here yet."""
        return self._expecting or self._jobs.current is not None

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener(old, new)`` after each change; gives back the function that ends it."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def wait(self, timeout: float = 60.0) -> State:
        """Block until no foreground job runs (for scripts and tests)."""
        if not self._idle.wait(timeout):
            raise SpecvizError(f"Still busy after {timeout:.0f} s: {self._state.busy}")
        return self._state

    def _update(self, **changes: Any) -> None:
        with self._changing():
            self._state = replace(self._state, **changes)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the state under the lock; tell the listeners after the outermost change, without it.

        A listener waits for its display's own lock, and a display's callback waits for this one: were listeners called
        with
        the lock held, the two could wait for each other.
        """
        with self._lock:
            old = self._state
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            listeners = tuple(self._listeners) if self._depth == 0 and self._state is not old else ()
            new = self._state
        for listener in listeners:
            try:
                listener(old, new)
            except Exception:  # noqa: BLE001 - a view that cannot draw must not stop the others, nor the job
                _log.exception("a view failed to draw")

    # ------------------------------------------------------------------ asking for stars
    def open(self, target: Any) -> Job:
        """Show a star: a Star, Spectrum, path, or text (see :func:`specviz.session.resolve.resolve`)."""
        name = describe(target)
        return self._start(
            f"Opening {name[:60]}",
            lambda job: self._load(job, lambda: resolve(target, allow_paths=self.allow_paths)),
            name,
            target,
        )

    def open_bytes(self, name: str, data: bytes) -> Job:
        """Show a star from an uploaded file; one that holds several fills the work list and shows the first."""

        def work(job: Job) -> dict[str, Any]:
            stars: list[Star] = []

            def first() -> Star:
                stars.extend(from_bytes(name, data))
                return stars[0]

            found = self._load(job, first)
            if len(stars) > 1:
                found["work"] = tuple(
                    WorkItem(s.name, s, "current" if i == 0 else "waiting") for i, s in enumerate(stars)
                )
                found["position"] = self._at = 0
            return found

        return self._start(f"Reading {name[:60]}", work, name, None)

    def set_work(self, targets: Sequence[Any]) -> None:
        """Fill the work list and show its first row."""
        self._ready.clear()
        self._at = None
        self._update(work=tuple(WorkItem(describe(t), t) for t in targets), position=None)
        if targets:
            self.go(0)

    def add_examples(self, n: int = 24) -> None:
        """Put the first ``n`` demo stars on the work list."""
        from specviz.archives.demo import DemoArchive

        self.set_work(list(DemoArchive().names())[:n])

    def go(self, position: int) -> Job | None:
        """Show row ``position`` of the work list."""
        with self._changing():
            work = self._state.work
            if not 0 <= position < len(work):
                return None
            here, self._at = self._at, position
        item = work[position]
        ahead = self._ready.pop(position, None)

        def work_(job: Job) -> dict[str, Any]:
            return self._load(job, lambda: resolve(item.target, allow_paths=self.allow_paths), known=ahead)

        ahead_of = position + (1 if here is None or position >= here else -1)
        return self._start(f"Opening {item.name[:60]}", work_, item.name, item.target, position, ahead_of)

    def next(self) -> Job | None:
        """The next row of the work list."""
        return self.go(0 if self._at is None else self._at + 1)

    def previous(self) -> Job | None:
        """The row before."""
        return self.go((self._at or 0) - 1)

    def choose(self, row: int | None) -> None:
        """Select a similar star (a row of ``state.neighbours``) for the overlay; None clears."""
        with self._changing():
            table = self._state.neighbours
            if row is None or table is None or not 0 <= row < len(table):
                self._update(neighbour=None, neighbour_star=None)
                return
            try:
                star = self._reference().neighbour_star(int(table["row"][row]))
            except SpecvizError as error:
                self._update(notice=Notice("error", "The similar star could not be shown", str(error)))
                return
            self._update(neighbour=row, neighbour_star=star)

    def open_neighbour(self) -> Job | None:
        """Show the selected similar star itself."""
        star = self._state.neighbour_star
        return None if star is None else self.open(star)

    def cancel(self) -> None:
        """Stop the running job; what is on screen stays."""
        self._jobs.cancel()

    def dismiss(self) -> None:
        """Close the notice."""
        self._update(notice=None)

    def tell(self, notice: Notice) -> None:
        """Show a notice."""
        self._update(notice=notice)

    def close(self) -> None:
        """End the jobs and forget the listeners."""
        for timer in self._timers:
            timer.cancel()
        self._jobs.close()
        with self._lock:
            self._listeners.clear()
            self._ready.clear()
            self._state = State(model=self._state.model)
        self._idle.set()

    # ------------------------------------------------------------------ jobs
    def _start(
        self,
        title: str,
        work: Callable[[Job], dict[str, Any]],
        name: str,
        target: Any,
        position: int | None = None,
        ahead: int | None = None,
    ) -> Job:
        job = Job(title, work, name=name, target=target, position=position, ahead=ahead)
        with self._changing():  # one step: a job that ends meanwhile must see that it is no longer the last
            for timer in self._timers:
                timer.cancel()
            self._jobs.start(job)
            self._idle.clear()
            self._expecting = False
            if not self.engine.loaded:  # this one takes seconds: say so at once
                self._announce(job)
            self._timers = [
                threading.Timer(QUICK, self._announce, (job,)),
                threading.Timer(SLOW, self._announce, (job,), {"slow": True}),
            ]
        for timer in self._timers:
            timer.daemon = True
            timer.start()
        return job

    def _announce(self, job: Job, slow: bool = False) -> None:
        """Tell that a job runs. Most end before this is due, and one drawing a star is quicker than two."""
        with self._changing():
            if job is self._jobs.current and not job.finished.is_set():
                changes: dict[str, Any] = dict(busy=job.title, slow=slow)
                if job.position is not None:
                    changes |= dict(work=self._rows(job.position, "current"), position=job.position)
                self._update(**changes)

    def _load(self, job: Job, get: Callable[[], Star], known: tuple[Any, Any] | None = None) -> dict[str, Any]:
        """Star, report and neighbours: the state changes of one load. Runs on the worker's thread."""
        job.step("Reading")
        star, report = known if known is not None else (get(), None)
        if report is None and not self.engine.loaded and job is self._jobs.current:
            # The first star of a kernel: the data are on screen while torch is still being imported.
            self._update(star=star, report=None, neighbours=None, neighbour=None, neighbour_star=None, target=job.name)
        job.step("Running the model")
        report = report if report is not None else self.engine.analyse(star, cancel=lambda: job.cancelled)
        job.step("Looking for similar stars")
        return dict(star=star, report=report, neighbours=self._similar(star, report))

    def _similar(self, star: Star, report: Any) -> Any:
        if self._index is None or report.embedding is None:
            return None
        return self._reference(report).search(report.embedding, k=NEIGHBOURS, exclude=star.name)

    def _reference(self, report: Any = None) -> Any:
        """The similarity index of the survey that leads the report."""
        if self._index is None:
            raise SpecvizError("There is no reference catalogue in this session")
        report = report if report is not None else self._state.report
        return self._index(
            self.engine, "gaia_xp" if report is not None and report.survey == "gaia_xp" else "lamost_lrs"
        )

    def _prefetch(self, position: int) -> None:
        with self._lock:
            if not 0 <= position < len(self._state.work) or position in self._ready or not self.engine.loaded:
                return
            item = self._state.work[position]

        def ahead(job: Job) -> None:
            star = resolve(item.target, allow_paths=self.allow_paths)
            self._ready[position] = (star, self.engine.analyse(star))
            while len(self._ready) > 4:
                self._ready.pop(next(iter(self._ready)))

        self._jobs.later(Job(f"Preparing {item.name[:60]}", ahead))

    def _finished(self, job: Job) -> None:
        name = job.name
        if name is None:  # prefetched: kept in _ready; an error will be met, and shown, when the row is opened
            return
        with self._changing():
            if self._jobs.current is not None:  # a newer request came in while this one ended
                return
            for timer in self._timers:
                timer.cancel()
            position = job.position
            if job.error is None:
                changes = dict(
                    job.result, busy="", slow=False, notice=None, neighbour=None, neighbour_star=None, target=name
                )
                star = job.result["star"]
                recent = Recent(star.name, job.target if job.target is not None else star)
                changes["recent"] = (recent, *(r for r in self._state.recent if r.name != recent.name))[:RECENT]
                problem = job.result["report"].problem
                if problem:
                    changes["notice"] = Notice("warning", "No result for this spectrum", problem)
                if position is not None:
                    changes |= dict(work=self._rows(position, "current", job.result["report"]), position=position)
                elif "work" not in changes and self._state.position is not None:
                    changes["position"] = self._at = None
            elif isinstance(job.error, CancelledError):
                changes = dict(
                    busy="", slow=False, notice=Notice("info", "Stopped", "What was on screen is unchanged.")
                )
            else:
                text, details = str(job.error), ""
                if not isinstance(job.error, SpecvizError):
                    text = f"{type(job.error).__name__}: {text}. This is a fault of specviz; the rest goes on working."
                    details = "".join(traceback.format_exception(job.error))
                changes = dict(busy="", slow=False, notice=Notice("error", f"{job.title} did not work", text, details))
                if position is not None:
                    changes |= dict(work=self._rows(position, "failed", None, text), position=position)
            self._update(**changes)
        with self._lock:  # after the listeners: who waits for the star finds it drawn
            if self._jobs.current is None:
                self._idle.set()
        if job.ahead is not None:
            self._prefetch(job.ahead)

    def _rows(self, position: int, status: Any, report: Any = None, problem: str = "") -> tuple[WorkItem, ...]:
        """The work list with ``position`` as the row at hand; the one before it is done."""
        rows = [replace(w, status="done") if w.status == "current" else w for w in self._state.work]
        if 0 <= position < len(rows):
            row = replace(rows[position], status=status, problem=problem)
            if report is not None and report.anomaly is not None:
                row = replace(row, percentile=report.anomaly.percentile)
            rows[position] = row
        return tuple(rows)
