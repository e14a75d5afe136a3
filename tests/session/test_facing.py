"""Several models in one session: another one for the star on screen, and all of them on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from specviz.analysis.engine import Engine
from specviz.errors import CheckpointError, ModelError
from specviz.session.state import ModelChoice


class _Models:
    """Models: "fake" and "second" are here, "broken" fails when it is loaded, "absent" is not here."""

    def __init__(self, make: Any, first: Any) -> None:
        self.first, self.asked = first, []
        second = make("e" * 64)
        describe = second.describe
        from dataclasses import replace

        second.describe = lambda: replace(describe(), name="second")
        self.second = Engine(second, samples=200)
        self.hold: threading.Event | None = None

    def choices(self) -> list[ModelChoice]:
        absent = ModelChoice("absent", "large", "specviz models pull absent brings it")
        return [ModelChoice("fake"), ModelChoice("second", "another"), ModelChoice("broken"), absent]

    def engine(self, name: str) -> Any:
        self.asked.append(name)
        if self.hold is not None:
            self.hold.wait(60)
        return {"fake": self.first, "second": self.second, "broken": _Broken()}[name]


class _Broken:
    name, loaded = "broken", False

    def describe(self) -> Any:
        raise CheckpointError("The weights are damaged", remedy="Pull them again")

    def analyse(self, *_args: Any, **_options: Any) -> Any:
        self.describe()


@pytest.fixture
def session(make_session: Callable[..., Any], fake_model_class: Any) -> Any:
    made = make_session()
    made.models = _Models(fake_model_class, made.engine)
    made.open("demo 1")
    made.wait()
    return made


def _faced(session: Any) -> Any:
    """The state once no model is at work."""
    done = threading.Event()
    stop = session.subscribe(lambda _old, new: done.set() if new.faced is not None and not new.faced.running else None)
    if session.state.faced is None or session.state.faced.running:
        assert done.wait(60)
    stop()
    return session.state


def test_another_model_reads_the_star_on_screen_and_the_next(session: Any) -> None:
    star, target = session.state.star, session.state.target
    session.use_model("second")
    state = session.wait()
    assert state.star is star and state.target == target and state.model == "second"
    assert state.report.provenance.model == "second" and state.report.provenance.weights_sha256 == "e" * 64
    session.open("demo 2")
    assert session.wait().report.provenance.model == "second"
    assert session.use_model("second") is None  # it reads already


def test_a_model_that_does_not_load_leaves_everything_as_it_was(session: Any) -> None:
    report = session.state.report
    session.use_model("broken")
    state = session.wait()
    assert state.report is report and state.model == "fake" and "damaged" in state.notice.text
    with pytest.raises(ModelError, match="models pull absent"):
        session.use_model("absent")
    with pytest.raises(ModelError, match="no model 'nothing'"):
        session.use_model("nothing")


def test_a_session_of_one_model_says_so(make_session: Callable[..., Any]) -> None:
    session = make_session()
    with pytest.raises(ModelError, match="one model"):
        session.use_model("second")
    session.open("demo 1")
    session.wait()
    session.face_off()
    assert [a.model for a in _faced(session).faced.result.answers] == ["fake"]


def test_all_models_answer_and_it_can_be_put_away(session: Any) -> None:
    session.face_off()
    state = _faced(session)
    assert [a.model for a in state.faced.result.answers] == ["fake", "second", "broken", "absent"]
    assert state.faced.result.answers[0].report is state.report  # not made again
    assert [bool(a.problem) for a in state.faced.result.answers] == [False, False, True, True]
    assert session.models.asked == ["second", "broken"]
    session.open("demo 2")
    session.wait()
    assert _faced(session).faced.result.star.name == "demo 2"
    session.face_off(False)
    assert session.state.faced is None


def test_what_is_known_is_shown_while_the_next_one_works_and_it_can_be_stopped(session: Any) -> None:
    session.models.hold = threading.Event()
    shown = threading.Event()
    session.subscribe(lambda _old, new: shown.set() if new.faced and new.faced.result else None)
    session.face_off()
    assert shown.wait(60)
    now = session.state.faced
    assert now.running == ("second", "broken") and [a.model for a in now.result.answers] == ["fake"]
    session.stop_face_off()
    assert session.state.faced.problem == "Stopped" and session.state.faced.result is now.result
    session.models.hold.set()
    session.models.hold = None
    session.face_off(False)
    session.face_off()
    assert len(_faced(session).faced.result.answers) == 4
