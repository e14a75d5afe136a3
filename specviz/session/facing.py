"""``Facing``: which model reads the star on screen, and what all the others say of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from specviz.analysis.face_off import Answer, FaceOff, answer_of, ask, gather
from specviz.analysis.report import Report
from specviz.errors import ModelError, SpecvizError
from specviz.session.jobs import Job, Lane
from specviz.session.neighbours import Neighbours
from specviz.session.state import Faced, ModelChoice
from specviz.session.telling import told


class Models(Protocol):
    """The models that a session may use; made by ``app``, since it knows which are on this machine."""

    def choices(self) -> Sequence[ModelChoice]:
        """Every model, those that are not here too."""
        ...

    def engine(self, name: str) -> Any:
        """The engine of a model; costs nothing before it is asked for something."""
        ...


class Facing(Neighbours):
    """The part of :class:`specviz.session.session.Session` that knows several models.

    While ``state.view.face_off`` is on, every star on screen is read by all of them (``state.faced``), beside
    everything else: no one has to wait for it.
    """

    #: None: this session has one model.
    models: Models | None = None
    _faced: Job | None = None
    _faced_lane: Lane | None = None

    # ------------------------------------------------------------------ one model instead of another
    @told
    def use_model(self, name: str) -> Job | None:
        """Let another model read the star on screen, and every star after it.

        Raises
        ------
        ModelError
            If there is no such model here.
        """
        chosen = next((c for c in self.model_choices() if c.name == name), None)
        if chosen is None or self.models is None:
            known = (
                ", ".join(c.name for c in self.model_choices() if not c.missing) or "none: this session has one model"
            )
            raise ModelError(f"There is no model {name!r}", expected=known)
        if chosen.missing:
            raise ModelError(f"{name} is not on this machine", remedy=chosen.missing)
        engine = self.models.engine(name)
        if engine is self.engine:
            return None
        state = self._state
        if state.star is None:
            self._change_model(engine, name)
            return None
        star, source = state.star, state.source

        def work(job: Job) -> dict[str, Any]:
            job.step(f"Loading {name}")
            engine.describe()  # weights that are missing or damaged leave everything as it is
            job.step("")
            self._change_model(engine, name)
            return self._load(job, lambda: star)

        target = source.target if source is not None else star
        return self._start(f"Asking {name}", work, state.target or star.name, target, state.position)

    def _change_model(self, engine: Any, name: str) -> None:
        with self._changing():
            self.engine, self._searched = engine, False
            self._ready.clear()  # rows that the other model has prepared
            self._update(model=name)

    def model_choices(self) -> Sequence[ModelChoice]:
        """The models that :meth:`use_model` takes, and those that are not here; empty in a session of one model."""
        return () if self.models is None else self.models.choices()

    # ------------------------------------------------------------------ all of them
    @told
    def face_off(self, on: bool = True) -> None:
        """Let every model read the star on screen (``state.faced``); False puts that away."""
        self.set(face_off=bool(on))

    def face_off_now(self) -> FaceOff | None:
        """What is known so far; None before the first star."""
        return None if self._state.faced is None else self._state.faced.result

    def stop_face_off(self) -> None:
        """Ask no further model; what was found stays."""
        with self._changing():
            job, self._faced = self._faced, None
            now = self._state.faced
            if now is not None and now.running:
                self._update(faced=Faced(now.result, problem="Stopped"))
        if job is not None:
            job.cancel()

    def _update(self, **changes: Any) -> None:
        """A new report is faced with what the other models say, as the one before it was."""
        with self._changing():
            view = changes.get("view", self._state.view)
            report = changes.get("report", self._state.report)
            if view.face_off != self._state.view.face_off or report is not self._state.report:
                self._drop_facing()
                changes["faced"] = self._begin_facing(report) if view.face_off else None
            super()._update(**changes)

    def _drop_facing(self) -> None:
        job, self._faced = self._faced, None
        if job is not None:
            job.cancel()

    def _begin_facing(self, report: Report | None) -> Faced | None:
        """Start asking; what is known until the answers are there. Called under the lock."""
        if report is None:
            return None
        mine = report.provenance.model or self._state.model
        choices = [ModelChoice(mine), *(c for c in self.model_choices() if c.name != mine)]

        def work(job: Job) -> FaceOff:
            answers = [answer_of(mine, report)]
            for i, choice in enumerate(choices[1:], 1):
                job.step(choice.name)
                with self._changing():  # what is there is shown while the next one works
                    if job is self._faced:
                        waiting = tuple(c.name for c in choices[i:] if not c.missing)
                        self._update(faced=Faced(gather(report.star, answers), waiting))
                if choice.missing or self.models is None:
                    answers.append(Answer(choice.name, problem=choice.missing))
                else:
                    engine = self.models.engine(choice.name)
                    answers.append(ask(choice.name, engine, report.star, cancel=lambda: job.cancelled))
            return gather(report.star, answers)

        self._faced = Job("Face-off", work)
        if self._faced_lane is None:
            self._faced_lane = Lane("specviz-face-off", self._faced_over)
        self._faced_lane.put(self._faced)
        return Faced(running=(mine,))

    def _faced_over(self, job: Job) -> None:
        with self._changing():
            if job is not self._faced:
                return
            self._faced = None
            before = self._state.faced
            result = job.result or (before.result if before is not None else None)
            problem = ""
            if job.error is not None:
                problem = str(job.error) if isinstance(job.error, SpecvizError) else "A fault of specviz; see the log"
            self._update(faced=Faced(result, problem=problem))

    def _end_explaining(self) -> None:
        super()._end_explaining()
        with self._lock:
            lane, self._faced_lane = self._faced_lane, None
        self._drop_facing()
        if lane is not None:
            lane.leave()
