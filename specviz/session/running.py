"""``Running``: a session's jobs from the start to what they leave in the state."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from specviz.errors import AmbiguousError, OfflineError, SpecvizError
from specviz.session import outcome, work
from specviz.session.jobs import Job, JobRunner
from specviz.session.loading import Loading
from specviz.session.state import Asked, Notice, Progress, Recent, State
from specviz.session.view_options import ViewOptions
from specviz.spectra.star import Star

RECENT = 12  # stars remembered in the menu
HURRY = 0.1  # seconds that a job waits for the one it replaced
QUICK = 0.25  # seconds after which a running job is announced
SLOW = 1.5  # seconds after which a running job gets words and a Cancel button
TICK = 0.125  # seconds between two looks at what the services do


class Running(Loading):
    """The half of :class:`specviz.session.session.Session` that starts jobs, tells of them, and takes their results."""

    def __init__(
        self, engine: Any, index: Callable[[Any, str], Any] | None, sky: Any, allow_paths: bool, expecting: bool
    ) -> None:
        folder = str(getattr(index, "path", None) or "")
        named = State(model=str(getattr(engine, "name", "")), catalogue=folder)
        super().__init__(named, engine, index, sky, allow_paths)
        self._expecting = expecting
        self._at: int | None = None  # row of the work list that was asked for last
        self._jobs = JobRunner(self._finished)
        self._idle = threading.Event()
        self._idle.set()
        self._quiet_offline = False  # the person has closed the notice that says so

    def _listed(self, targets: Sequence[Any], add: bool) -> None:
        raise NotImplementedError

    @property
    def expecting(self) -> bool:
        """A star was asked for, or soon will be, and is not here yet."""
        return self._expecting or self._jobs.current is not None

    def wait(self, timeout: float = 60.0) -> State:
        """Block until no foreground job runs (for scripts and tests)."""
        if not self._idle.wait(timeout):
            raise SpecvizError(f"Still busy after {timeout:.0f} s: {self._state.busy}")
        return self._state

    def _idle_or_shown(self) -> bool:
        return self._idle.is_set() or (self._state.star is not None and not self.engine.loaded)

    def _offline(self) -> dict[str, Any]:
        """The state of a session that asks no archive."""
        kept = self._kept()
        told = {} if self._quiet_offline else {"notice": outcome.offline_notice(kept)}
        return dict(online=False, kept=kept, **told)

    @staticmethod
    def _opening(name: str) -> str:
        return f"Opening {name[:60]}"

    def _start(
        self,
        title: str,
        function: Callable[[Job], dict[str, Any]],
        name: str,
        target: Any,
        position: int | None = None,
        ahead: int | None = None,
        aside: bool = False,
    ) -> Job:
        job = Job(title, function, name=name, target=target, position=position, ahead=ahead, aside=aside)
        with self._changing():  # one step: a job that ends meanwhile must see that it is no longer the last
            self._jobs.start(job)
            self._idle.clear()
            self._expecting = False
            preparing = self._jobs.ahead
            at_hand = position is not None and position in self._ready
            if preparing is not None and preparing.target is not target and not at_hand:
                self._jobs.drop_ahead()  # one question at a time: what is asked for now goes first
            if self._state.candidates:
                self._update(candidates=(), question=None)
            if self._state.slow:  # of the job that this one replaced
                self._update(slow=False, steps=())
            if not self.engine.loaded:  # this one takes seconds: say so at once
                self._announce(job)
        threading.Thread(target=self._watch, args=(job,), name="specviz-watch", daemon=True).start()
        return job

    def _watch(self, job: Job) -> None:
        """Say after a while that ``job`` runs, then what it does. Most end before anything is due."""
        began = time.monotonic()
        stages: tuple[tuple[float, Callable[[Job], None]], ...] = (
            (HURRY, self._jobs.hurry),
            (QUICK, self._announce),
            (SLOW, lambda job: self._announce(job, slow=True)),
        )
        for due, act in stages:
            if job.ended.wait(max(0.0, began + due - time.monotonic())):
                return
            act(job)
        while not job.ended.wait(TICK):
            with self._changing():
                steps = _progress(job)
                if job is self._jobs.current and steps != self._state.steps:
                    self._update(steps=steps)

    def _announce(self, job: Job, slow: bool = False) -> None:
        """Tell that a job runs. Most end before this is due, and one drawing a star is quicker than two."""
        with self._changing():
            if job is self._jobs.current and not job.finished.is_set():
                changes: dict[str, Any] = dict(busy=job.title, slow=slow, steps=_progress(job) if slow else ())
                place = self._place(job)
                if place is not None:
                    changes |= dict(work=work.at_hand(self._state.work, place, "current"), position=place)
                self._update(**changes)

    def _show_early(self, job: Job, star: Star, report: Any = None) -> None:
        with self._changing():
            if job is self._jobs.current:
                view = self._view_of(star)
                self._update(
                    star=star, report=report, neighbours=None, neighbour=None, neighbour_star=None, target=job.name,
                    view=view,
                )  # fmt: skip

    def _view_of(self, star: Star) -> ViewOptions:
        """The view with which a star is shown: of the first, also of a saved session, all that was chosen before."""
        now = self._state
        return now.view if now.star is None or star is now.star else now.view.for_another_star()

    def _place(self, job: Job) -> int | None:
        """The row of the work list that a job is for; None when the list has become another meanwhile."""
        rows, position = self._state.work, job.position
        if position is None or not 0 <= position < len(rows) or rows[position].target is not job.target:
            return None
        return position

    def _prefetch(self, position: int) -> None:
        with self._lock:
            if not 0 <= position < len(self._state.work) or position in self._ready or not self.engine.loaded:
                return
            target = self._state.work[position].target
        self._jobs.later(self._preparation(position, target))

    def _wanted_ahead(self, position: int) -> tuple[int, ...]:
        """Rows to prepare behind row ``position`` of the work list, once the first of them is ready."""
        return ()

    def _prefetch_more(self) -> None:
        """Prepare what is wanted and not ready."""
        at = self._at
        wanted = () if at is None else tuple(p for p in self._wanted_ahead(at) if p not in self._ready)
        if wanted:
            self._prefetch(wanted[0])

    def _finished(self, job: Job) -> None:
        if job.name is None:  # prefetched: kept in _ready; an error will be met, and shown, when the row is opened
            if job.error is None:
                self._prefetch_more()
            return
        listed: tuple[Sequence[Any], bool] | None = None
        with self._changing():
            if self._jobs.current is not None:  # a newer request came in while this one ended
                return
            if job.error is not None:
                self._fail(job, outcome.notice_of(job.title, job.error))
            elif "targets" in job.result:
                listed = job.result["targets"], job.result["add"]
                self._update(busy="", slow=False, steps=(), notice=None, retry=None)
            else:
                self._succeed(job)
        if listed is not None:
            self._listed(*listed)
        self._idle_if_nothing_runs()  # after the listeners: who waits for the star finds it drawn
        if job.ahead is not None and not isinstance(job.error, OfflineError):
            self._prefetch(job.ahead)
        elif job.error is None:
            self._prefetch_more()

    def _idle_if_nothing_runs(self) -> None:
        with self._lock:
            if self._jobs.current is None:
                self._idle.set()

    def _succeed(self, job: Job) -> None:
        """The state with the star that a job brought. Called under the lock."""
        assert job.name is not None
        star: Star = job.result["star"]
        position = self._place(job)
        changes = dict(job.result, busy="", slow=False, steps=(), notice=None, neighbour=None, neighbour_star=None)
        changes |= dict(candidates=(), question=None, target=job.name, retry=None)
        changes["view"] = self._view_of(star)
        if star is not self._state.star:
            changes["call"] = ""
        recent = Recent(star.name, job.target if job.target is not None else star)
        changes["recent"] = (recent, *(r for r in self._state.recent if r.name != recent.name))[:RECENT]
        changes["source"] = Asked(job.name, recent.target, position)
        if self.sky is not None:
            if outcome.all_offline(star):
                self.sky.online = False
            changes |= dict(online=True) if self._reachable() else self._offline()
        problem = job.result["report"].problem
        if problem and (self._state.online or star.spectra):
            changes["notice"] = outcome.no_spectrum(star, problem)
        if position is not None:
            rows = changes.get("work", self._state.work)
            changes |= dict(work=work.at_hand(rows, position, "current", job.result["report"]), position=position)
        elif "work" not in changes and self._state.position is not None:
            changes |= dict(work=work.at_hand(self._state.work, -1, "current"), position=None)  # no row is at hand
            self._at = None
        elif "work" in changes:
            self._at = 0
        self._update(**changes)

    def _fail(self, job: Job, notice: Notice) -> None:
        """The state after a job that brought nothing. Called under the lock."""
        known = job.target is not None and not job.aside
        asked = Asked(job.name or "", job.target, job.position) if known else None
        if asked is None:
            notice = replace(notice, actions=tuple(a for a in notice.actions if a != "retry"))
        changes: dict[str, Any] = dict(busy="", slow=False, steps=(), notice=notice, retry=asked)
        error = job.error if job.finished.is_set() else None
        problem = notice.text
        if isinstance(error, AmbiguousError) and error.candidates:
            changes |= dict(candidates=error.candidates, question=asked, why=error.what, notice=None)
            problem = error.what
        if isinstance(error, OfflineError) and self.sky is not None:  # nothing is tried again until asked
            self.sky.online = False
            self._quiet_offline = False
            changes |= self._offline()
            if self._state.online is False:  # known already: say what this one would have needed
                changes["notice"] = notice
        place = None if job.aside else self._place(job)
        if place is not None and notice.title != outcome.STOPPED.title:
            rows = work.at_hand(self._state.work, place, "failed", None, problem)
            changes |= dict(work=rows, position=place)
        self._update(**changes)


def _progress(job: Job) -> tuple[Progress, ...]:
    now = time.monotonic()
    return tuple(Progress(step, int(now - since)) for step, since in list(job.steps.values()))
