"""Two threads hammer one session with a view on it: no deadlock, no error, every state possible, and what is on screen
at the end is what the session says.

JupyterLab runs a widget's messages on threads of their own, so this is what a busy person and a busy program do.
"""

from __future__ import annotations

import faulthandler
import os
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from fake_sky import FakeSky

from specviz.session.state import Notice, State
from specviz.session.view_options import LINE_GROUPS
from specviz.views.explorer import ExplorerView

SECONDS = float(os.environ.get("HAMMER_SECONDS", "30"))


def wrong_with(state: State) -> list[str]:
    """What could not be true of a state that a session shows, in words."""
    found = []

    def say(condition: bool, words: str) -> None:
        if not condition:
            found.append(words)

    report, near = state.report, state.neighbours
    say(report is None or report.star is state.star, "the report is of another star")
    say(near is None or report is not None, "similar stars of no report")
    say((state.neighbour is None) == (state.neighbour_star is None), "a similar star without its row, or the reverse")
    if state.neighbour is not None and near is not None and state.neighbour_star is not None:
        say(0 <= state.neighbour < len(near), "the selected row is not in the table")
        say(
            str(near["object_id"][state.neighbour]) == state.neighbour_star.name, "another star than the selected row's"
        )
    say(near is None or state.star is None or state.star.name not in list(near["object_id"]), "a star like itself")
    say(state.position is None or 0 <= state.position < len(state.work), "the position is not in the work list")
    current = [i for i, w in enumerate(state.work) if w.status == "current"]
    say(current in ([], [state.position]), f"rows {current} are the current one, the position is {state.position}")
    say(not state.candidates or state.question is not None, "choices without a question")
    say(bool(state.busy) or not (state.slow or state.steps), "progress of nothing")
    say(len({r.name for r in state.recent}) == len(state.recent) <= 12, "stars of late twice, or too many")
    said = state.explained
    say(said is None or said.result is None or said.result.label == said.label, "another label's answer")
    return found


class Hammer:
    """One thread's random deeds."""

    def __init__(self, view: ExplorerView, seed: int) -> None:
        self.view, self.random, self.done = view, random.Random(seed), 0
        session, r = view.session, self.random

        def demo() -> str:
            return f"demo {r.randint(1, 40)}"

        def click(source: Any) -> None:  # what the browser's message does
            n = len(source.data["name"])
            source.selected.indices = [r.randrange(n)] if n and r.random() < 0.8 else []

        self.deeds: list[Callable[[], Any]] = [
            lambda: session.open(demo()),
            lambda: session.open(r.choice(["HD 1234", "HD 140283", "down", "nobody", "half", "slow 0.3", "stuck 0.2"])),
            lambda: session.open_bytes("x.csv", r.choice([b"name\ndemo 3\ndemo 4\n", b"\x00rubbish"])),
            lambda: session.set_work([demo() for _ in range(r.randint(0, 6))]),
            lambda: session.add_targets(f"{demo()}, {demo()}"),
            lambda: session.go(r.randint(-1, 8)),
            session.next,
            session.previous,
            lambda: session.pick(r.randint(-1, 3)),
            session.retry,
            session.dismiss,
            session.cancel,
            session.reconnect,
            lambda: session.set_online(r.random() < 0.7),
            lambda: session.choose(r.choice([None, 0, 3, 11, 99])),
            session.open_neighbour,
            lambda: session.tell(Notice("warning", "Noise", "nothing to do")),
            lambda: session.suggest(r.choice(["demo", "HD", "x"])),
            lambda: session.explain(r.choice(["", "teff", "nothing"])),
            lambda: session.set(flux=r.choice(["flux", "normalised"]), smooth=r.choice([0, 2])),
            lambda: session.set(lines=r.sample(LINE_GROUPS, 3), hidden=r.choice([(), ("model",)])),
            lambda: session.set(rv=r.choice([None, -20, 35.5]), zoom=r.choice([None, (5000, 5200)])),
            session.undo,
            session.redo,
            lambda: view.key(r.choice("nlmr+-,.zu[]"), r.random() < 0.3),
            lambda: view.key(r.choice(["ArrowLeft", "ArrowRight", "Enter", "Escape"])),
            lambda: view.act(r.choice(["jump 2", "dismiss", "again", "details gaia_xp", "pick 1", "cancel"])),
            lambda: view.act(r.choice(["choose 3", "choose 40", "choose", "peek 2", "peek", "open-similar 5"])),
            lambda: view.act(
                r.choice(["filter-similar snr>50", "filter-similar", "filter-similar teff >", "copy-similar"])
            ),
            lambda: session.set(similar_sort=r.choice(["rank", "-teff", "name"])),
            lambda: click(view.work.source),
        ]

    def __call__(self, end: float) -> None:
        while time.monotonic() < end:
            self.random.choice(self.deeds)()
            self.done += 1
            time.sleep(self.random.choice([0.0, 0.0, 0.0, 0.001, 0.01, 0.05]))


def _drawn_as(view: ExplorerView, state: State) -> list[str]:
    """Where the screen says something else than the state."""
    wrong = []

    def same(shown: Any, meant: Any, what: str) -> None:
        if shown != meant:
            wrong.append(f"{what}: {shown!r} on screen, {meant!r} in the session")

    same(view._drawn is state, True, "the state that was drawn last is the session's")
    same(list(view.work.source.selected.indices), [] if state.position is None else [state.position], "row at hand")
    same(len(view.work.source.data["name"]), len(state.work), "rows of the work list")
    same(view.bar.field.value if view.bar else "", state.target, "search field")
    listed = view.session.listed_similar(state)[0] if state.report is not None else []
    same(view.similar.table.object.count("<tr"), len(listed) + 1 if listed else 0, "rows of the similar stars")
    chosen = -1 if state.neighbour is None else state.neighbour
    same(list(view.similar.marks.data["chosen"]), [chosen], "selected similar star")
    same(bool(view.lamost.similar.data["x"].size), state.overlay is not None, "overlay")
    if state.star is not None:
        same(f">{state.star.name}<" in view.summary.root.object, True, "name in the summary")
    told = state.notice is not None and state.notice.level != "info"
    same(view.notice.root.html_attributes == {}, told, "notice")
    return wrong


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_two_threads_hammering_a_session_end_consistent(make_view: Any, caplog: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    session, wrong, broken = view.session, list[str](), list[str]()
    session.subscribe(lambda _old, new: wrong.extend(wrong_with(new)))
    hammers = [Hammer(view, seed) for seed in (1, 2)]
    end = time.monotonic() + SECONDS

    def run(hammer: Hammer) -> None:
        try:
            hammer(end)
        except BaseException as error:  # told by the test, not by the thread
            broken.append(repr(error))
            raise

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)  # threads change places fifty times as often as they do otherwise
    threads = [threading.Thread(target=run, args=(h,), daemon=True) for h in hammers]
    faulthandler.dump_traceback_later(SECONDS + 20)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS + 30)
            assert not thread.is_alive(), "the threads wait for each other; see the tracebacks on stderr"
    finally:
        sys.setswitchinterval(switch)
        faulthandler.cancel_dump_traceback_later()
    session.cancel()
    state = session.wait(60)
    for lane in ("_search_lane", "_look_lane"):
        ended = time.monotonic() + 60
        while getattr(session, lane, None) is not None and getattr(session, lane).at_work and time.monotonic() < ended:
            time.sleep(0.01)
    state = session.state
    assert not broken and not [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert all(h.done > 100 for h in hammers), [h.done for h in hammers]
    assert wrong == [], (len(wrong), sorted(set(wrong)))
    assert wrong_with(state) == [] and not state.busy
    assert (state.can_undo, state.can_redo) == (bool(session._undo), bool(session._redo))
    assert _drawn_as(view, state) == []
    session.open("demo 5")  # and it goes on working
    assert session.wait().star.name == "demo 5" and _drawn_as(view, session.state) == []


def test_the_check_sees_states_that_cannot_be(make_view: Any) -> None:
    state = make_view("demo 1").session.state
    assert wrong_with(state) == []
    other = make_view("demo 30").session.state
    assert wrong_with(replace(state, star=other.star)) == ["the report is of another star"]
    assert wrong_with(replace(state, neighbour=3)) == ["a similar star without its row, or the reverse"]
    assert wrong_with(replace(state, slow=True, position=4)) == [
        "the position is not in the work list", "progress of nothing"
    ]  # fmt: skip


def test_a_row_of_a_list_that_was_replaced_meanwhile_moves_nothing(make_view: Any) -> None:
    session = make_view("demo 1", sky=FakeSky()).session
    session.set_work(["demo 2", "demo 3", "slow 0.6"])
    session.wait()
    session.go(2)
    time.sleep(0.35)  # announced: the row is at hand
    assert session.state.position == 2
    session.set_work([])
    assert session.wait().star.name == "slow 0.6" and session.state.position is None and session.state.work == ()
    session.set_work(["demo 2", "demo 3"])
    session.wait()
    session.open("demo 4")  # not of the list: no row is at hand any more
    assert session.wait().position is None and [w.status for w in session.state.work] == ["done", "waiting"]
