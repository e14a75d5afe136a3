"""Which star a vetting view shows: the one of the row at hand, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass

from specviz.session.state import Report, Star, State


@dataclass(frozen=True)
class OnScreen:
    """``name`` of the row, its star and report, or the ``problem`` for which there is none."""

    name: str = ""
    star: Star | None = None
    report: Report | None = None
    problem: str = ""


def on_screen(state: State) -> OnScreen:
    """What belongs to the row that labels are given to. A row that could not be opened must not wear the star before it."""
    at = state.position
    if at is not None and 0 <= at < len(state.work) and state.work[at].status == "failed":
        item = state.work[at]
        return OnScreen(item.name, problem=item.problem or "It could not be opened")
    if state.star is None:
        return OnScreen()
    problem = state.report.problem if state.report is not None else ""
    return OnScreen(state.star.name, state.star, state.report, problem)
