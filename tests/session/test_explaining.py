"""Why this value: asked beside other work, kept for the next star, and said in words where there is no answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.errors import ModelError
from specviz.models.attribution import Attribution
from specviz.session.session import Session


@pytest.fixture
def make(fake_model_class: Any) -> Any:
    """A session on a model that explains; ``hold`` stops it, ``refuse`` makes it fail."""
    hold, refuse, made = threading.Event(), threading.Event(), list[Session]()
    hold.set()

    class Model(fake_model_class):
        capabilities = fake_model_class.capabilities | {"attribute"}
        asked: list[str] = []  # noqa: RUF012 - one class a test

        def attribute(self, encoding: Any, label: str, *, stop: Callable[[], None]) -> list[Attribution]:
            self.asked.append(label)
            while not hold.wait(0.01):
                stop()
            if refuse.is_set():
                raise ModelError("The contributions do not add up")
            (one,) = encoding.prepared
            n = one.wavelength.size
            nothing = np.zeros(n)
            return [Attribution(label, one.survey, one.wavelength, nothing, nothing + 1, nothing, 1.0, 1.0, 0.0, 17)]

    def build(model: Any = None) -> tuple[Session, Any]:
        model = model or Model()
        session = Session(Engine(model, samples=50))
        made.append(session)
        return session, model

    build.hold, build.refuse = hold, refuse  # type: ignore[attr-defined]
    yield build
    hold.set()
    for session in made:
        session.close()


def _until(condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


def test_a_label_is_explained_beside_other_work(make: Any) -> None:
    session, model = make()
    session.open("demo 1")
    assert session.wait().explains and session.state.explained is None
    make.hold.clear()
    session.explain("fe_h")
    assert session.state.explained.label == "fe_h" and session.state.explained.result is None
    assert not session.state.busy  # no one has to wait
    make.hold.set()
    _until(lambda: session.state.explained.result is not None)
    assert session.state.explained.result.label == "fe_h" and session.state.explained.result.survey == "lamost_lrs"
    session.explain("fe_h")  # a second display asks the same
    assert model.asked == ["fe_h"]
    session.explain("")
    assert session.state.explained is None


def test_the_next_star_is_explained_too_and_late_answers_are_dropped(make: Any) -> None:
    session, model = make()
    session.open("demo 1")
    session.wait()
    make.hold.clear()
    session.explain("teff")
    first = session.state.explained
    _until(lambda: model.asked == ["teff"])  # one that has not begun when the next star comes is never asked
    session.open("demo 2")
    session.wait()
    assert session.state.star.name == "demo 2" and session.state.explained is not first
    make.hold.set()
    _until(lambda: session.state.explained.result is not None)
    _until(lambda: model.asked == ["teff", "teff"])
    session.explain("logg")
    _until(lambda: session.state.explained.label == "logg" and session.state.explained.result is not None)


def test_what_went_wrong_is_said(make: Any) -> None:
    session, _ = make()
    session.open("demo 1")
    session.wait()
    make.refuse.set()
    session.explain("fe_h")
    _until(lambda: bool(session.state.explained.problem))
    assert "do not add up" in session.state.explained.problem and session.state.notice is None


def test_a_model_that_cannot_explain_and_a_label_it_does_not_give(make: Any, fake_model_class: Any) -> None:
    session, _ = make(fake_model_class())
    session.open("demo 1")
    assert not session.wait().explains
    session.explain("fe_h")
    assert session.state.explained.problem == "This model cannot say why"
    session, model = make()
    session.open("demo 1")
    session.wait()
    session.explain("nothing")
    assert "Nothing to explain" in session.state.explained.problem and not model.asked


def test_closing_ends_it(make: Any) -> None:
    session, _ = make()
    session.open("demo 1")
    session.wait()
    make.hold.clear()
    session.explain("fe_h")
    session.close()
    _until(lambda: not any(t.name == "specviz-why" for t in threading.enumerate()))
