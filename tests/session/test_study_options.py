"""The options of the systems' panels: what is refused, what belongs to one star, and waiting for an answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from specviz.errors import OptionError, SpecvizError
from specviz.session.session import Session


class Gated:
    """Says which star it was asked about, once it is let."""

    options = ("lux_from",)

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def prepare(self, report: Any, stop: Callable[[], None]) -> str:
        assert self.gate.wait(60)
        return str(report.star.name)

    def answer(self, prepared: str, options: Mapping[str, Any], stop: Callable[[], None]) -> tuple[str, str]:
        assert set(options) == set(self.options)
        return prepared, options["lux_from"]


@pytest.fixture
def study() -> Gated:
    return Gated()


@pytest.fixture
def session(make_session: Any, study: Gated) -> Session:
    made: Session = make_session(studies={"lux": study, "desa": Gated()})
    made.open("demo 1")
    made.wait()
    return made


def test_a_script_waits_for_the_answer(session: Session, study: Gated) -> None:
    assert session.wait_study() is None
    study.gate.clear()
    session.study("lux")
    assert session.state.call == "explorer.study('lux')"
    with pytest.raises(SpecvizError, match="Still at work"):
        session.wait_study(0.05)
    study.gate.set()
    found = session.wait_study()
    assert found is not None and found.answer == ("demo 1", "auto") and not found.running
    session.open("demo 2")
    session.set(lux_from="red")
    found = session.wait_study()
    assert found is not None and found.answer == ("demo 2", "red")


def test_a_panel_that_is_not_there_is_refused(session: Session, make_session: Any) -> None:
    with pytest.raises(OptionError, match=r"study='spectrafm'\. Expected: lux, desa"):
        session.study("spectrafm")
    assert session.state.view.study == ""
    bare = make_session()
    with pytest.raises(OptionError, match="no panels"):
        bare.study("lux")
    bare.set(study="lux")  # as a saved page of another version may have it
    assert bare.state.study is not None and bare.state.study.problem == "This page has no such panel"


@pytest.mark.parametrize(
    "options",
    [{"dials": (("teff", "hot"),)}, {"dials": (("teff", 1.0), ("teff", 2.0))}, {"ask": (6000, 5000)},
     {"element": "<b>"}, {"study": "cannon"}, {"lux_from": "green"}, {"dials": (("teff", float("nan")),)}],
)  # fmt: skip
def test_options_that_mean_nothing_are_refused(session: Session, options: dict[str, Any]) -> None:
    before = session.state.view
    with pytest.raises(OptionError):
        session.set(**options)
    assert session.state.view is before


def test_labels_turned_by_hand_belong_to_one_star(session: Session) -> None:
    session.set(dials=[["mg_fe", 0.3]], ask=(5000, 5300))
    assert session.state.view.dials == (("mg_fe", 0.3),)
    session.open("demo 2")
    session.wait()
    assert session.state.view.dials == () and session.state.view.ask == (5000.0, 5300.0)
