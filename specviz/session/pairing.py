"""``PairSession``: two stars beside each other. Each is fetched and analysed by a job of its own, at the same time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from specviz.analysis.pair import LabelPair, Likeness, label_pairs, likeness, pair_table
from specviz.analysis.placing import velocity
from specviz.analysis.report import Report
from specviz.archives.protocol import Candidate
from specviz.errors import AmbiguousError, OptionError, SpecvizError
from specviz.session import outcome
from specviz.session.jobs import Job, JobRunner
from specviz.session.resolve import describe, resolve
from specviz.session.state import Notice, State
from specviz.session.view_options import ViewOptions
from specviz.session.viewing import Viewing
from specviz.spectra.star import Star

#: What the views draw; they know no room below this one but ``spectra``.
__all__ = ["LabelPair", "Likeness", "Pair", "PairSession", "Side"]
SIDES = ("first", "second")
HURRY = 0.1  # seconds that a job waits for the one it replaced


@dataclass(frozen=True, eq=False)
class Side:
    """One of the two stars.

    ``star`` and ``report`` are what is shown, ``source`` is what brought them; ``target`` is what was asked for last.
    ``rv`` (km/s) is the velocity that the rest frame is made with, None where nobody knows one. ``problem`` says why
    what was asked for is not here, ``candidates`` what it may have meant; the star before it stays.
    """

    target: Any = None
    source: Any = None
    star: Star | None = None
    report: Report | None = None
    rv: float | None = None
    busy: str = ""
    problem: str = ""
    candidates: tuple[Candidate, ...] = ()

    @property
    def name(self) -> str:
        """How the star is called, or what was asked for."""
        return self.star.name if self.star is not None else "" if self.target is None else describe(self.target)


@dataclass(frozen=True, eq=False)
class Pair:
    """Everything that the comparison shows; ``labels`` and ``likeness`` follow from the two reports."""

    first: Side = field(default_factory=Side)
    second: Side = field(default_factory=Side)
    labels: tuple[LabelPair, ...] = ()
    likeness: tuple[Likeness, ...] = ()
    notice: Notice | None = None
    view: ViewOptions = field(default_factory=ViewOptions)
    can_undo: bool = False
    can_redo: bool = False

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.first, self.second

    @property
    def busy(self) -> str:
        """What is going on, "" when idle."""
        return " · ".join(s.busy for s in self.sides if s.busy)


class PairSession(Viewing):
    """State and jobs of a comparison. Every method may be called from any thread.

    Parameters
    ----------
    engine : Engine
        As of :class:`specviz.session.session.Session`; also ``sky`` and ``allow_paths``.
    """

    def __init__(self, engine: Any, *, sky: Any = None, allow_paths: bool = True) -> None:
        super().__init__(cast(State, Pair()))  # of a state, the class below asks for its view alone
        self.engine, self.sky, self.allow_paths = engine, sky, allow_paths
        self._runners = [JobRunner(self._finished), JobRunner(self._finished)]
        self._work: list[Job | None] = [None, None]
        self._idle = threading.Condition()

    @property
    def state(self) -> Pair:  # type: ignore[override]
        return cast(Pair, self._state)

    def open(self, side: int, target: Any) -> Job:
        """Show another star as the first (0) or the second (1): whatever ``specviz.explore`` takes, or a Report."""
        if side not in (0, 1):
            raise OptionError(f"side={side!r}", expected="0 for the first star, 1 for the second")
        if isinstance(target, (list, tuple)):
            raise OptionError("A list is no star", expected="two stars, one at a time")
        name = target.star.name if isinstance(target, Report) else describe(target)

        def work(job: Job) -> tuple[Star, Report]:
            if isinstance(target, Report):
                return target.star, target
            job.step("Reading")
            star = resolve(target, sky=self.sky, allow_paths=self.allow_paths, monitor=job.monitor)
            job.step("Running the model")
            return star, self.engine.analyse(star, cancel=lambda: job.cancelled)

        job = Job(f"Opening {name[:60]}", work, name=name, target=target)
        with self._changing():
            self._runners[side].start(job)
            self._work[side] = job
            now = self.state.sides[side]
            self._put(side, replace(now, target=target, busy=job.title, problem="", candidates=()))
            runner = self._runners[side]
        late = threading.Timer(HURRY, runner.hurry, (job,))  # the one before it may be stuck
        late.daemon = True
        late.start()
        return job

    def retry(self, side: int) -> Job | None:
        """Ask for a star again that did not come."""
        target = self.state.sides[side].target
        return None if target is None else self.open(side, target)

    def pick(self, side: int, number: int) -> Job | None:
        """Open one of the stars that a name may mean."""
        found = self.state.sides[side].candidates
        return self.open(side, found[number]) if 0 <= number < len(found) else None

    def cancel(self) -> None:
        """Stop what runs; what is on screen stays."""
        jobs = []
        with self._changing():
            for side, runner in enumerate(self._runners):
                job = runner.give_up()
                if job is not None:
                    jobs.append(job)
                    self._work[side] = None
                    self._put(side, replace(self.state.sides[side], busy="", problem="Stopped"))
        for job in jobs:
            job.cancel()
        self._tell_idle()

    def swap(self) -> None:
        """Let the stars change places."""
        with self._changing():
            self._runners.reverse()
            self._work.reverse()
            first, second = self.state.sides
            self._update(first=second, second=first, **_compared(second.report, first.report))

    def tell(self, notice: Notice | None) -> None:
        """Show a notice; None takes it away."""
        self._update(notice=notice)

    def table(self) -> Any:
        """The labels with their differences: :func:`specviz.analysis.pair.pair_table`."""
        return pair_table(self.state.first.report, self.state.second.report)

    def wait(self, timeout: float = 120.0) -> Pair:
        """Block until both stars are there or have failed (for scripts and tests)."""
        with self._idle:
            if not self._idle.wait_for(lambda: self._work == [None, None], timeout):
                raise SpecvizError(f"Still busy after {timeout:.0f} s: {self.state.busy}")
        return self.state

    def close(self) -> None:
        """End the jobs and forget the listeners."""
        for runner in self._runners:
            runner.close()
        with self._lock:
            self._work = [None, None]
            self._listeners.clear()
            self._state = cast(State, Pair(view=self.state.view))
        self._tell_idle()

    def _finished(self, job: Job) -> None:
        with self._changing():
            if job not in self._work:  # another star was asked for meanwhile
                return
            side = self._work.index(job)
            now = replace(self.state.sides[side], busy="")
            if job.error is None:
                star, report = job.result
                rv = _velocity(star, report)
                now = replace(now, star=star, report=report, rv=rv, source=job.target, problem=report.problem)
            else:
                known = isinstance(job.error, SpecvizError)
                problem = str(job.error) if known else outcome.notice_of(job.title, job.error).text
                found = job.error.candidates if isinstance(job.error, AmbiguousError) else ()
                now = replace(now, problem=problem, candidates=found)
            self._put(side, now)
        with self._lock:  # after the listeners: who waits for the stars finds them drawn
            if job in self._work:
                self._work[self._work.index(job)] = None
        self._tell_idle()

    def _told(self, line: str) -> None:
        """The footer of a comparison tells the whole call, not the last action."""

    def _put(self, side: int, now: Side) -> None:
        sides = [*self.state.sides]
        sides[side] = now
        changes: dict[str, Any] = {SIDES[side]: now}
        if now.report is not self.state.sides[side].report:
            changes |= _compared(sides[0].report, sides[1].report)
        self._update(**changes)

    def _tell_idle(self) -> None:
        with self._idle:
            self._idle.notify_all()


def _compared(first: Report | None, second: Report | None) -> dict[str, Any]:
    return dict(labels=label_pairs(first, second), likeness=likeness(first, second))


def _velocity(star: Star, report: Report) -> float | None:
    """Of the optical spectrum's header, else the model's, else the catalogue's; km/s."""
    spectrum = next((star.spectra[s] for s in ("lamost_lrs", "sdss", "other") if s in star.spectra), None)
    if spectrum is not None:
        found = velocity(spectrum, report.posteriors.get(spectrum.survey))
        if found is not None:
            return found
    known = star.catalogue.get("rv")
    return float(known) if isinstance(known, (int, float)) and np.isfinite(known) else None
