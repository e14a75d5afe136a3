"""A panel's study: prepared once a star, answered whenever an option changes, also while a slider never rests."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from specviz.errors import ModelError, OptionError


class _Study:
    options = ("dials",)

    def __init__(self) -> None:
        self.prepared: list[str] = []
        self.asked: list[Any] = []
        self.slow, self.begun = threading.Event(), threading.Event()
        self.slow.set()

    def prepare(self, report: Any, stop: Any) -> str:
        self.prepared.append(report.star.name)
        return f"fit of {report.star.name}"

    def answer(self, prepared: str, options: Any, stop: Any) -> Any:
        self.asked.append(options["dials"])
        self.begun.set()
        assert self.slow.wait(60)
        if options["dials"] and options["dials"][0][0] == "nothing":
            raise OptionError("There is no label 'nothing'")
        return prepared, options["dials"]


@pytest.fixture
def studied(make_session: Any) -> Any:
    session, study = make_session(), _Study()
    session.studies = {"phdlspec": study}
    session.open("demo 1")
    session.wait()
    return session, study


def _until(session: Any, ready: Any) -> Any:
    done = threading.Event()
    leave = session.subscribe(lambda _old, new: done.set() if ready(new.study) else None)
    assert ready(session.state.study) or done.wait(60)
    leave()
    return session.state.study


def test_a_star_is_prepared_once_and_answered_again_for_each_change(studied: Any) -> None:
    session, study = studied
    session.study("phdlspec")
    _until(session, lambda s: s and s.answer and not s.running)
    session.set(dials=(("teff", 5000),))
    said = _until(session, lambda s: s.answer and s.answer[1] == (("teff", 5000.0),) and not s.running)
    assert said.answer[0] == "fit of demo 1" and study.prepared == ["demo 1"]
    session.set(smooth=2)  # no option of the study
    assert session.state.study is said and len(study.asked) == 2
    session.open("demo 2")
    session.wait()
    said = _until(session, lambda s: s and s.answer and s.answer[0] == "fit of demo 2" and not s.running)
    assert study.prepared == ["demo 1", "demo 2"] and said.answer[1] == ()  # what was turned was of that star


def test_the_picture_follows_while_newer_questions_keep_coming(studied: Any) -> None:
    session, study = studied
    session.study("phdlspec")
    _until(session, lambda s: s and s.answer and not s.running)
    study.slow.clear()
    study.begun.clear()
    session.set(dials=(("teff", 5000),))
    assert study.begun.wait(60)
    session.set(dials=(("teff", 5100),))  # before the one before is answered
    seen: list[Any] = []
    session.subscribe(lambda _old, new: seen.append((new.study.answer[1], new.study.running)))
    study.slow.set()
    _until(session, lambda s: s.answer[1] == (("teff", 5100.0),) and not s.running)
    assert seen[0] == ((("teff", 5000.0),), True) and seen[-1] == ((("teff", 5100.0),), False)


def test_a_question_asked_while_the_star_is_prepared_does_not_prepare_it_again(studied: Any) -> None:
    session, study = studied
    study.slow.clear()
    session.study("phdlspec")
    assert study.begun.wait(60)
    session.set(dials=(("teff", 5000),))
    study.slow.set()
    _until(session, lambda s: s.answer and s.answer[1] and not s.running)
    assert study.prepared == ["demo 1"]


def test_what_cannot_be_answered_is_said_and_the_next_question_is_answered(studied: Any) -> None:
    session, study = studied
    session.study("phdlspec")
    session.set(dials=(("nothing", 1.0),))
    said = _until(session, lambda s: s.problem)
    assert "no label 'nothing'" in said.problem and said.answer is None
    session.set(dials=())
    assert _until(session, lambda s: s.answer and not s.running).problem == ""
    study.prepare = lambda report, stop: (_ for _ in ()).throw(ModelError("No first guess"))  # type: ignore[method-assign]
    session.open("demo 3")
    session.wait()
    assert "No first guess" in _until(session, lambda s: s and s.problem).problem
