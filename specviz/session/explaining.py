"""``Explaining``: why the model gives the star on screen a value of a label, found beside everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.errors import SpecvizError
from specviz.session.jobs import Job, Lane
from specviz.session.running import Running
from specviz.session.state import Explained
from specviz.session.telling import told

#: Surveys that are explained over the optical panel, the first that the star has.
OPTICAL = ("lamost_lrs", "sdss", "other")


class Explaining(Running):
    """The part of :class:`specviz.session.session.Session` that takes labels apart.

    A thread of its own does it: no one has to wait for it, and opening another star does not wait for it. The label
    that was chosen stays chosen: the next star is explained too.
    """

    def __init__(
        self, engine: Any, index: Callable[[Any, str], Any] | None, sky: Any, allow_paths: bool, expecting: bool
    ) -> None:
        super().__init__(engine, index, sky, allow_paths, expecting)
        self._chosen = ""
        self._why: Job | None = None
        self._why_lane: Lane | None = None

    @told
    def explain(self, label: str) -> None:
        """Find out why the star on screen has this value of a label (``state.explained``); "" puts it away."""
        with self._changing():
            now = self._state.explained
            if label == self._chosen and (now is None) == (not label):
                return  # another display of the same session has asked
            self._chosen = label
            self._update(explained=self._begin(self._state.report))

    def _update(self, **changes: Any) -> None:
        """A new report is explained as the one before it was."""
        with self._changing():
            if "report" in changes and changes["report"] is not self._state.report:
                changes["explains"] = changes["report"] is not None and self._can_explain()
                changes["explained"] = self._begin(changes["report"])
            super()._update(**changes)

    def _can_explain(self) -> bool:
        describe = getattr(self.engine, "describe", None)
        return describe is not None and "attribute" in describe().capabilities

    def _begin(self, report: Any) -> Explained | None:
        """Ask for the chosen label of a report; what is known until the answer is there. Called under the lock."""
        if self._why is not None:
            self._why.cancel()
            self._why = None
        label = self._chosen
        if not label or report is None:
            return Explained(label) if label else None
        if not self._can_explain():
            return Explained(label, problem="This model cannot say why")
        survey = next((s for s in OPTICAL if s in report.posteriors), None)
        if survey is None or label not in report.posteriors[survey].names:
            return Explained(label, problem="Nothing to explain: no optical spectrum of this star gives it")

        def work(job: Job) -> Any:
            from specviz.analysis.explain import explain_star

            return explain_star(self.engine.model, report.star, label, survey=survey, cancel=lambda: job.cancelled)

        self._why = Job(f"Why this {label}", work)
        if self._why_lane is None:
            self._why_lane = Lane("specviz-why", self._explained)
        self._why_lane.put(self._why)
        return Explained(label)

    def _explained(self, job: Job) -> None:
        with self._changing():
            if job is not self._why:  # another star or another label was asked for meanwhile
                return
            self._why = None
            problem = ""
            if job.error is not None:
                problem = str(job.error) if isinstance(job.error, SpecvizError) else f"{job.title}: a fault of specviz"
            self._update(explained=Explained(self._chosen, job.result, problem))

    def _end_explaining(self) -> None:
        with self._lock:
            lane, self._why_lane = self._why_lane, None
            job, self._why, self._chosen = self._why, None, ""
        if lane is not None:
            lane.leave()
        if job is not None:
            job.cancel()
