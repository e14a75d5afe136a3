"""``Studying``: the star on screen looked at by one of the systems in a panel of its own."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from specviz.analysis.report import Report
from specviz.analysis.studies.protocol import Study
from specviz.errors import OptionError, SpecvizError
from specviz.session.jobs import Job, Lane
from specviz.session.measuring import Measuring
from specviz.session.state import Studied
from specviz.session.telling import told
from specviz.session.view_options import ViewOptions


class Studying(Measuring):
    """The part of :class:`specviz.session.session.Session` that feeds the panels of the systems.

    While ``state.view.study`` names one, every star on screen is prepared for it, and answered again whenever an
    option that it depends on changes (``state.study``). All of it runs on a thread of its own; a newer question takes
    the place of one that waits.
    """

    #: By name; made by ``app``. Empty: this session has none.
    studies: Mapping[str, Study] = {}
    _study_job: Job | None = None
    _study_lane: Lane | None = None
    #: (name, report, what was prepared of it)
    _prepared: tuple[str, Report, Any] | None = None

    @told
    def study(self, name: str = "") -> None:
        """Open the panel of a system ("spectrafm", "desa", "phdlspec", "lux"), "" closes it.

        Raises
        ------
        OptionError
            If there is no such panel.
        """
        if name and name not in self.studies:
            raise OptionError(f"study={name!r}", expected=", ".join(self.studies) or "none: this session has no panels")
        self.set(study=name)

    def wait_study(self, timeout: float = 60.0) -> Studied | None:
        """Block until the star is here and the open panel has its answer (for scripts and tests); None: none is open.

        Raises
        ------
        SpecvizError
            If it takes longer.
        """
        self.wait(timeout)
        settled = threading.Event()

        def look(*_states: Any) -> None:
            now = self._state.study
            if now is None or not now.running:
                settled.set()

        stop = self.subscribe(look)
        try:
            look()
            if not settled.wait(timeout):
                raise SpecvizError(f"Still at work after {timeout:.0f} s: the panel of {self._state.view.study}")
        finally:
            stop()
        return self._state.study

    def _update(self, **changes: Any) -> None:
        with self._changing():
            before, report = self._state, changes.get("report", self._state.report)
            view = changes.get("view", before.view)
            if view.study != before.view.study or report is not before.report:
                self._drop_study()
                changes["study"] = self._begin_study(view, report)
            elif view.study and self._asks(view) != self._asks(before.view):
                changes["study"] = self._begin_study(view, report)
            super()._update(**changes)

    def _asks(self, view: ViewOptions) -> dict[str, Any]:
        study = self.studies.get(view.study)
        return {} if study is None else {name: getattr(view, name) for name in study.options}

    def _begin_study(self, view: ViewOptions, report: Report | None) -> Studied | None:
        """Ask; what is known until the answer is there. Called under the lock."""
        name, study = view.study, self.studies.get(view.study)
        if not name:
            return None
        if study is None:
            return Studied(name, problem="This page has no such panel")
        if report is None:
            return Studied(name)
        options, now = self._asks(view), self._state.study

        def work(job: Job) -> Studied:
            def stop() -> None:
                job.step("")

            kept = self._prepared  # read now: the question before this one may have just prepared it
            prepared = kept[2] if kept is not None and kept[:2] == (name, report) else study.prepare(report, stop)
            with self._changing():
                if self._is_asked(name, report):
                    self._prepared = (name, report, prepared)
            return Studied(name, report, study.answer(prepared, options, stop))

        self._study_job = Job(f"Study {name}", work)
        if self._study_lane is None:
            self._study_lane = Lane("specviz-study", self._study_over)
        self._study_lane.put(self._study_job)
        same = now is not None and now.name == name and now.report is report
        return Studied(name, report, now.answer if same and now is not None else None, running=True)

    def _is_asked(self, name: str, report: Report | None) -> bool:
        now = self._state.study
        return now is not None and now.name == name and now.report is report

    def _study_over(self, job: Job) -> None:
        with self._changing():
            now, found = self._state.study, job.result
            if job is not self._study_job:
                # A newer question waits, as it always does while a slider is dragged: the picture follows all the same.
                if isinstance(found, Studied) and self._is_asked(found.name, found.report):
                    self._update(study=replace(found, running=True))
                return
            self._study_job = None
            if now is None:
                return
            problem = ""
            if job.error is not None:
                problem = str(job.error) if isinstance(job.error, SpecvizError) else "A fault of specviz; see the log"
            self._update(study=found or Studied(now.name, now.report, problem=problem))

    def _drop_study(self) -> None:
        job, self._study_job, self._prepared = self._study_job, None, None
        if job is not None:
            job.cancel()

    def _end_explaining(self) -> None:
        super()._end_explaining()
        with self._lock:
            lane, self._study_lane = self._study_lane, None
        self._drop_study()
        if lane is not None:
            lane.leave()
