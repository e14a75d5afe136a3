"""States of a vetting session, made by hand: a demo star with its report on the fake model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.session.state import State, Vet, WorkItem
from specviz.session.vetting.vocabulary import DEFAULT


def state_of(model: Any, row: int = 0, *, star: Any = None, **vet: Any) -> State:
    """The state with demo star ``row`` (or another star) on screen."""
    star = DemoArchive().star(row) if star is None else star
    report = Engine(model, samples=50).analyse(star)
    work = (WorkItem(star.name, star, "current"),)
    return State(star=star, report=report, work=work, position=0, vet=Vet("list", "me", "x", DEFAULT, **vet))


def failed_after(state: State, name: str, problem: str) -> State:
    """The next row could not be opened: the session still holds the star before."""
    work = (*state.work, WorkItem(name, name, "failed", None, problem))
    return replace(state, work=work, position=len(work) - 1)


class Told:
    """A session that only keeps what it was told."""

    def __init__(self, state: State) -> None:
        self.state, self.windows = state, list[int | None]()

    def set(self, **changes: Any) -> None:
        self.state = replace(self.state, view=self.state.view.with_(**changes))

    def set_window(self, window: int | None) -> None:
        self.windows.append(window)
