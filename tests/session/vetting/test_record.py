"""What a journal says of the stars of a list: labels, steps, resuming; in the order of the file, whoever writes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.record import Record
from specviz.session.vetting.values import ADJUDICATOR, Context, Event, Label, by_star, label_of

STARS = ["a", "b", "c"]
CONTEXT = Context(blind=True)


class Window:
    """A reviewer at work: a journal, and the record that follows it."""

    def __init__(self, path: Path, reviewer: str) -> None:
        self.journal = LabelJournal(path, reviewer)
        self.record = Record(self.journal)
        self.record.take_up(STARS)

    def say(self, star: str, kind: str = "class", value: Any = "star", **options: Any) -> tuple[Event, ...]:
        events = self.journal.record([(star, kind, value)], options.pop("context", CONTEXT), **options)
        self.record.add(events)
        return events

    def undo(self, kind: str = "undo") -> None:
        step = self.record.undoable if kind == "undo" else self.record.redoable
        assert step is not None
        self.say(self.record.star_of(step), kind, None, undoes=step)

    def everything(self) -> Any:
        record = self.record
        steps = (record.undoable, record.redoable, record.last_open)
        return [record.label(s) for s in STARS], [record.others(s) for s in STARS], steps


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Callable[..., Window]]:
    made = []

    def window(reviewer: str = "ada", name: str = "labels") -> Window:
        made.append(Window(tmp_path / f"{name}.sqlite", reviewer))
        return made[-1]

    yield window
    for one in made:
        one.journal.close()


def test_steps_are_taken_back_and_made_again_without_limit_and_after_reopening(window: Any) -> None:
    one = window()
    said = [("a", "star"), ("b", "binary"), ("a", "emission"), ("c", "galaxy"), ("b", "")]
    for star, klass in said:
        one.say(star, "class", klass)
    states = []
    for _ in said:
        states.append([one.record.label(s).klass for s in STARS])
        one.undo()
        one = window()  # reopened each time
    assert all(one.record.label(s).empty for s in STARS) and one.record.undoable is None
    for state in reversed(states):
        one.undo("redo")
        one = window()
        assert [one.record.label(s).klass for s in STARS] == state
    assert one.record.redoable is None
    one.undo()
    one.say("c", "quality", 2)
    assert one.record.redoable is None  # another thing was said since


def test_another_reviewer_changes_nothing_of_mine(window: Any) -> None:
    mine, other = window("ada"), window("bob")
    mine.say("a", "class", "star")
    step = mine.record.undoable
    other.say("a", "class", "binary")
    other.say("a", "done", True)
    before = mine.everything()
    assert mine.record.refresh() == {"a"}
    assert mine.everything()[0] == before[0] and mine.everything()[2] == before[2]
    assert [(who, label.klass) for who, label in mine.record.others("a")] == [("bob", "binary")]
    # One who takes back another's step has taken back nothing.
    other.say("a", "undo", None, undoes=step)
    mine.record.refresh()
    assert mine.record.label("a").klass == "star" and mine.record.undoable == step
    mine.undo()
    assert mine.record.label("a").empty and mine.record.last_open == "a"


def test_only_what_is_new_is_read(window: Any, monkeypatch: Any) -> None:
    one = window()
    for i in range(5):
        one.say("a", "quality", i)
    asked, events = [], one.journal.events

    def counted(**options: Any) -> Any:
        found = events(**options)
        asked.append((options["after"], len(found)))
        return found

    monkeypatch.setattr(one.journal, "events", counted)
    assert one.record.refresh() == frozenset() and asked == [(5, 0)]
    window("bob").say("a", "done", True)
    assert one.record.refresh() == {"a"} and asked[-1] == (5, 1)
    one.say("b")
    assert len(asked) == 2  # nothing lay between: nothing is read again
    window("bob").say("elsewhere", "done", True)
    assert one.record.refresh() == frozenset() and asked[-1] == (7, 1)  # of no star of the list
    assert one.record.refresh() == frozenset() and asked[-1] == (8, 0)


def test_what_others_wrote_between_is_taken_in_by_its_number(window: Any) -> None:
    here, there = window(), window()  # one reviewer, two windows
    here.say("a", "class", "star")
    there.record.refresh()
    there.say("a", "class", "binary")
    there.say("b", "quality", 1)
    here.say("a", "class", "emission")  # it has not read the other window's yet
    assert here.record.label("a").klass == "emission" and here.record.label("b").quality == 1
    assert here.everything() == window().everything()
    here.undo()
    assert here.record.star_of(here.record.undoable) == "b"  # the step before, whichever window it was said in
    there.record.refresh()
    assert here.everything() == there.everything()


def test_an_event_counts_once_however_often_it_is_met(window: Any) -> None:
    one = window()
    events = one.say("a", "flag", ["nebula", True])
    one.undo()
    before = one.everything()
    assert one.record.add(events) == frozenset() and one.record.add(()) == frozenset()
    assert one.everything() == before
    one.record.take_up(STARS)
    assert one.everything() == before


def test_imported_events_take_their_place_in_time_and_are_not_what_i_did_last(window: Any) -> None:
    laptop, desk = window("ada", "laptop"), window("ada", "desk")
    laptop.say("a", "class", "binary")
    laptop.say("b", "open", 1)
    laptop.say("b", "quality", 4)
    desk.say("a", "class", "emission")
    desk.say("a", "quality", 1)
    last = desk.record.undoable
    assert desk.journal.add(laptop.journal.events()) == 3
    assert desk.record.refresh() == {"a", "b"}
    assert desk.record.label("a").klass == "emission"  # said later, though it stands before
    assert desk.record.label("b").quality == 4
    assert desk.record.undoable == last and desk.record.last_open == "a"
    assert desk.everything() == window("ada", "desk").everything()
    old = replace(
        laptop.journal.events()[0], uuid="old", step="old", time="2001-01-01T00:00:00.000000Z", value="galaxy"
    )
    desk.journal.add([old])
    desk.record.refresh()
    assert desk.record.label("a").klass == "emission"


def test_a_step_taken_back_in_a_copy_is_taken_back_here(window: Any) -> None:
    desk, laptop = window("ada", "desk"), window("ada", "laptop")
    desk.say("a", "class", "star")
    laptop.journal.add(desk.journal.events())
    step = desk.record.undoable
    laptop.say("a", "undo", None, undoes=step)
    desk.journal.add(laptop.journal.events())
    desk.record.refresh()
    assert desk.record.label("a").empty and desk.record.undoable is None and desk.record.redoable == step


def test_decisions_are_everyones(window: Any) -> None:
    ada, bob = window("ada"), window("bob")
    deciding = replace(CONTEXT, role=ADJUDICATOR)
    for one in (ada, bob):
        one.record.role = ADJUDICATOR
    ada.say("a", "class", "star", context=deciding)
    ada.say("a", "done", True, context=deciding)
    bob.record.refresh()
    decided = bob.record.decision("a")
    assert decided is not None and decided.klass == "star" and bob.record.undoable is None
    bob.say("a", "undo", None, undoes=ada.record.undoable, context=deciding)
    ada.record.refresh()
    assert ada.record.decision("a") is None  # begun, no longer finished
    assert ada.record.star_of(ada.record.undoable) == "a" and ada.record.redoable is not None
    ada.record.role = ""
    assert ada.record.label("a") == Label()


def test_whatever_is_said_the_record_is_what_the_events_add_up_to(window: Any) -> None:
    """Two windows of one reviewer and one of another at random; every record agrees with one that is read afresh."""
    rng = random.Random(7)
    windows = [window("ada"), window("ada"), window("bob")]
    for _ in range(150):
        one = rng.choice(windows)
        act = rng.choice(("quality", "class", "flag", "done", "undo", "redo", "refresh", "open"))
        if act in ("undo", "redo"):
            if (one.record.undoable if act == "undo" else one.record.redoable) is not None:
                one.undo(act)
        elif act == "refresh":
            one.record.refresh()
        else:
            value = {"quality": rng.randrange(5), "class": rng.choice(("star", "binary")), "done": True, "open": 1}
            one.say(rng.choice(STARS), act, value.get(act, ["nebula", rng.random() < 0.5]))
    grouped = by_star(windows[0].journal.events())
    for one in windows:
        one.record.refresh()
        assert one.everything() == window(one.journal.reviewer).everything()
        for star in STARS:
            assert one.record.label(star) == label_of(grouped.get((star, one.journal.reviewer), ()))


def test_it_may_be_asked_while_it_grows(window: Any) -> None:
    one = window()
    over, failed = threading.Event(), []

    def ask() -> None:
        try:
            while not over.is_set():
                one.record.others("a"), one.record.conflicts(), one.record.finished(), one.record.label("b")
                one.record.refresh()
        except Exception as error:  # noqa: BLE001 - told below
            failed.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(40):
        other = Event(0, f"u{n}", f"s{n}", "abc"[n % 3], f"reviewer {n}", "2026-01-01T00:00:00.000000Z", "done", True)
        one.journal.add([other])
        if n % 8 == 0:
            one.say("b", "quality", n % 5)
    over.set()
    for thread in threads:
        thread.join()
    one.record.refresh()
    assert failed == [] and len(one.record.others("a")) == 14 and one.record.label("b").quality == 2


@pytest.mark.slow
def test_a_large_journal_is_taken_up_whole(tmp_path: Path) -> None:
    """100,000 events, 5,000 stars: everything is there; ``-s`` prints how long it took."""
    import time

    path = tmp_path / "large.sqlite"
    journal = LabelJournal(path, "ada")
    stars = [f"LAMOST J{i:06d}.12+{i:06d}.3" for i in range(5000)]
    contexts = [Context("specclip", "1.2", "f" * 64, f"{i:012x}", bool(i % 2), "abc", "odd") for i in range(5000)]
    said = (("open", 0), ("quality", 3), ("class", "star"), ("done", True))
    journal.add(
        Event(
            0, f"{turn}-{i}-{kind}", f"{turn}-{i}-{kind}", star, ("ada", "bob")[i % 3 == 0],
            f"2026-01-01T00:00:0{turn}.{i:06d}Z", kind, value, "", contexts[i], "1",
        )
        for turn in range(5) for i, star in enumerate(stars) for kind, value in said
    )  # fmt: skip
    journal.close()
    began, used = time.perf_counter(), time.process_time()
    journal = LabelJournal(path, "ada")
    record = Record(journal)
    record.take_up(stars)
    wall, cpu = time.perf_counter() - began, time.process_time() - used
    began = time.perf_counter()
    record.add(journal.record([(stars[1], "quality", 1)], CONTEXT))
    record.refresh()
    then = time.perf_counter() - began
    print(f"open and take up {wall:.2f} s, {cpu:.2f} s of a core; write, refresh {1e3 * then:.1f} ms")  # noqa: T201
    assert record.label(stars[1]).quality == 1 and record.label(stars[4999]).klass == "star"
    assert len(record.finished()) == 5000
    journal.close()
