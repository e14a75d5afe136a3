"""Labelling a list: written before it is shown, taken back without limit, refused of a star nobody has seen."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from specviz.errors import OptionError, SpecvizError
from specviz.session.vetting import journal_file
from specviz.session.vetting.keys import star_keys
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.values import Context, Label

Open = Callable[..., VetSession]


def kinds(session: VetSession) -> list[tuple[str, str, Any]]:
    """What the journal holds of it."""
    return [(e.star, e.kind, e.value) for e in session.journal.events()]


def at(session: VetSession) -> str:
    """The star on screen."""
    state = session.wait()
    assert state.star is not None and state.position is not None
    assert state.star.name == session.vet.rows[state.position].key
    return state.star.name


def refuse_writes(session: VetSession, monkeypatch: Any) -> Callable[[], None]:
    """Keep the file, as another program does; gives the function that lets it go."""
    monkeypatch.setattr(journal_file.writing.__wrapped__, "__defaults__", (0.05,))  # type: ignore[attr-defined]
    other = sqlite3.connect(session.journal.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def free() -> None:
        other.execute("ROLLBACK")
        other.close()

    return free


# ---------------------------------------------------------------------------------------------- saying something
def test_a_label_is_on_disk_when_the_call_returns(open_list: Open) -> None:
    session = open_list()
    label = session.label(quality=3, klass="emission", flags=["nebula", "sky_line"], comment="  Hα  ")
    assert (label.quality, label.klass, label.flags, label.comment) == (3, "emission", ("nebula", "sky_line"), "Hα")
    assert session.vet.label == session.vet.rows[0].label == label and not label.done
    assert session.vet.saved == session.journal.events()[-1].time
    assert len({e.step for e in session.journal.events() if e.kind != "open"}) == 1  # one step
    before = len(kinds(session))
    session.label(quality=3, comment="Hα")
    assert len(kinds(session)) == before  # nothing new was said
    session.flag("nebula")
    assert session.vet.label.flags == ("sky_line",)
    session.label(klass="", flags=())
    assert session.vet.label.klass == "" and session.vet.label.flags == () and session.vet.label.quality == 3


@pytest.mark.parametrize(
    "what", [{"quality": 9}, {"klass": "quark star"}, {"flags": ["nebula", "no such flag"]}, {"klass": "<b>"}]
)
def test_a_word_that_is_not_in_the_vocabulary_writes_nothing(open_list: Open, what: Any) -> None:
    session = open_list(2)
    before = kinds(session)
    with pytest.raises(OptionError):
        session.label(comment="with it", **what)
    assert kinds(session) == before and session.vet.label.empty


def test_a_file_whose_name_is_no_text_can_be_labelled(open_list: Open, tmp_path: Path) -> None:
    session = open_list(["demo 1", "demo 2"])
    names = star_keys([tmp_path / "a" / "odd\udcff.fits", tmp_path / "b" / "odd\udcff.fits", "x/\udcfe.fits"])
    assert names == ("a/odd\\udcff.fits", "b/odd\\udcff.fits", "\\udcfe.fits")
    session.journal.record([(name, "done", True) for name in names], Context())
    assert [e.star for e in session.journal.events()[-3:]] == list(names)


def test_finish_goes_to_the_next_without_a_label_in_one_write(open_list: Open) -> None:
    session = open_list(4)
    session.label(quality=1)
    session.finish()
    assert at(session) == "demo 2"
    last = session.journal.events()[-2:]
    assert [(e.star, e.kind) for e in last] == [("demo 1", "done"), ("demo 2", "open")] and last[0].step == last[1].step
    session.jump(4)
    assert at(session) == "demo 4"
    session.finish()
    assert at(session) == "demo 2"  # round to what was passed over
    assert [row.label.done for row in session.vet.rows] == [True, False, False, True]
    assert [row.label.status("unsure") for row in session.vet.rows] == ["labelled", "waiting", "waiting", "undecided"]
    for _ in range(2):
        session.finish()
        session.wait()
    assert session.vet.progress.done == session.vet.progress.total == 4
    here = at(session)
    assert session.finish() is None and at(session) == here  # nothing is left


def test_clear_takes_back_all_in_one_step(open_list: Open) -> None:
    session = open_list(2)
    session.label(quality=2, klass="binary", flags=["nebula"], comment="two sets of lines")
    said = session.vet.label
    session.clear()
    assert session.vet.label.empty and not session.vet.label.done
    session.undo_label()
    assert session.vet.label.klass == said.klass and session.vet.label.comment == said.comment
    before = len(kinds(session))
    session.redo_label()
    session.clear()
    assert len(kinds(session)) == before + 1  # there was nothing left to clear


def test_a_quality_key_that_goes_on_is_one_step(open_list: Open) -> None:
    session = open_list(3)
    session.set_move_on()
    label = session.label(quality=4)
    assert label.quality == 4 and label.done and at(session) == "demo 2"
    session.label(klass="star")
    assert at(session) == "demo 2"  # only a quality goes on
    session.undo_label()
    assert session.undo_label() and at(session) == "demo 1"
    assert session.vet.label == Label()  # one key, one step
    assert not session.vet.can_undo and session.vet.can_redo


# ---------------------------------------------------------------------------------------------- taking back
def test_undo_goes_through_all_stars_and_all_sittings(open_list: Open) -> None:
    session = open_list(4)
    for n in range(3):
        session.label(quality=n)
        session.finish()
        session.wait()
    for name in ("demo 3", "demo 2", "demo 1"):
        session.close()
        session = open_list(4)
        session.undo_label()
        assert at(session) == name and not session.vet.label.done and session.vet.label.quality is not None
        session.undo_label()
        assert at(session) == name and session.vet.label.quality is None
    assert session.undo_label() is False and not session.vet.can_undo
    session.close()
    session = open_list(4)
    for _ in range(6):
        assert session.redo_label()
        session.wait()
    assert session.redo_label() is False
    assert [(row.label.quality, row.label.done) for row in session.vet.rows] == [
        (0, True), (1, True), (2, True), (None, False),
    ]  # fmt: skip


def test_two_windows_of_one_reviewer_take_back_what_was_said_last(open_list: Open) -> None:
    one, two = open_list(3), open_list(3)
    one.label(klass="star")
    two.jump(2)
    two.wait()
    two.label(klass="binary")
    assert one.undo_label() and one.vet.rows[1].label.empty  # what was said last, if in the other window
    assert two.undo_label() and two.vet.rows[0].label.empty  # and not the same a second time
    one.refresh()
    assert [row.label for row in one.vet.rows] == [row.label for row in two.vet.rows]
    two.jump(1)
    two.wait()
    two.label(klass="galaxy")
    one.jump(1)
    one.wait()
    one.label(klass="galaxy")  # said already, in the other window
    assert kinds(one).count(("demo 1", "class", "galaxy")) == 1 and one.vet.label.klass == "galaxy"


# ---------------------------------------------------------------------------------------------- only what was seen
def test_nothing_is_said_of_a_star_that_is_still_on_its_way(open_list: Open) -> None:
    session = open_list(6)  # the next three are made ready, no more
    release, analyse = threading.Event(), session.engine.analyse

    def slow(star: Any, **options: Any) -> Any:
        release.wait(20.0)
        return analyse(star, **options)

    session.engine.analyse = slow
    try:
        session.go(5)
        before = kinds(session)
        for act in (
            lambda: session.label(quality=1), lambda: session.flag("nebula"), session.clear, session.finish,
            lambda: session.comment("x"),
        ):  # fmt: skip
            with pytest.raises(SpecvizError, match=r"demo 6 is still on its way; nothing was written"):
                act()
        assert kinds(session) == before
        session.comment("typed before", row=1)  # of a row that is named
        assert session.vet.rows[0].label.comment == "typed before"
    finally:
        release.set()
    session.wait()
    session.label(quality=1)
    assert session.vet.rows[5].label.quality == 1
    release.clear()
    try:
        session.go(4)
        session.cancel()  # the person gave it up: what is on screen is that from before
        session.label(klass="star")
    finally:
        release.set()
        session.engine.analyse = analyse
    assert session.vet.rows[5].label.klass == "star" and session.vet.rows[4].label.empty


def test_a_row_that_cannot_be_opened_leaves_no_other_star_on_screen(open_list: Open, tmp_path: Path) -> None:
    session = open_list(["demo 1", "no such star", "demo 2"])
    session.label(quality=4)
    session.finish()
    state = session.wait()
    assert state.star is None and state.report is None and state.notice is not None
    assert state.work[1].status == "failed" and state.position == 1
    session.label(klass="artefact")
    last = session.journal.events()[-1]
    assert last.star == "no such star" and last.context.data == "" and last.context.model == ""
    session.finish()
    assert at(session) == "demo 2"


def test_no_other_list_takes_the_place_of_the_one_with_the_labels(open_list: Open) -> None:
    session = open_list(2)
    rows = session.state.work
    session._listed(["demo 5", "demo 6"], add=False)
    assert session.state.work == rows and "specviz.vet" in session.state.notice.text
    with pytest.raises(SpecvizError, match=r"specviz\.explore"):
        session.restore(b"{}")
    session.set_work(["demo 7"])  # is a list that is vetted
    assert at(session) == "demo 7" and [r.key for r in session.vet.rows] == ["demo 7"]
    with pytest.raises(OptionError, match="empty"):
        session.set_work([])
    session.open("demo 9")  # one to look at, of which nothing can be said
    session.wait()
    with pytest.raises(SpecvizError, match="No star of the list is on screen"):
        session.label(quality=1)


# ---------------------------------------------------------------------------------------------- blind, filters, order
def test_what_was_hidden_is_kept_with_the_label(open_list: Open) -> None:
    session = open_list(3)
    session.label(quality=1)
    session.finish()
    session.wait()
    session.set_blind(False)
    session.label(quality=2)
    session.set_blind(False)
    session.set_blind()
    session.back()
    assert at(session) == "demo 1" and session.vet.revealed  # finished: it may be seen
    session.label(klass="star")
    by_kind = {(e.star, e.kind): e.context.blind for e in session.journal.events()}
    assert by_kind["demo 1", "quality"] and not by_kind["demo 2", "quality"] and not by_kind["demo 1", "class"]
    assert [(s, v) for s, k, v in kinds(session) if k == "blind"] == [("demo 2", False), ("demo 2", True)]
    assert not session.vet.rows[0].label.blind and not session.vet.rows[1].label.blind
    context = session.journal.events()[-1].context
    assert context.model == "fake" and context.weights_sha256 == "f" * 64 and len(context.data) == 12
    assert context.vocabulary == session.vet.vocabulary.version and context.work_list == "demo"


def test_what_was_seen_once_cannot_be_said_blind(open_list: Open) -> None:
    session = open_list(4)
    session.label(quality=1)
    session.finish()
    session.wait()
    session.undo_label()  # the end of the first, which is shown, hidden as before
    assert at(session) == "demo 1" and not session.vet.revealed
    assert session.label(quality=2).blind
    session.finish()
    session.wait()
    session.back()
    assert at(session) == "demo 1" and session.vet.revealed  # looked at
    session.undo_label()
    assert not session.vet.revealed and not session.label(quality=3).blind
    session.jump(3)
    session.wait()
    session.set_blind(False)
    session.forward()
    session.wait()
    session.set_blind()
    session.close()
    session = open_list(4)
    for row, blind in ((3, False), (4, False), (2, True), (1, False)):
        session.jump(row)
        session.wait()
        session.label(klass="star")
        assert session.journal.events()[-1].context.blind is blind, row
    assert session.vet.rows[1].label.blind and not session.vet.rows[0].label.blind


def test_others_are_hidden_until_one_has_finished(open_list: Open) -> None:
    bob = open_list(2, "bob")
    bob.label(klass="binary")
    bob.finish()
    ada = open_list(2, "ada")
    assert at(ada) == "demo 1" and ada.vet.others == () and ada.vet.label.empty
    ada.label(klass="star")
    assert ada.vet.others == ()
    ada.finish()
    ada.back()
    assert at(ada) == "demo 1" and [(who, label.klass) for who, label in ada.vet.others] == [("bob", "binary")]
    bob.wait()
    bob.back()  # is written, and with it is read what others have written
    assert at(bob) == "demo 1"
    assert [(who, label.klass) for who, label in bob.vet.others] == [("ada", "star")]
    assert ada.set_filter("conflicts") == 1


def test_filters_show_what_they_say(open_list: Open) -> None:
    session = open_list(5)
    for klass, flags, comment in (("emission", ["nebula"], ""), ("unsure", [], "narrow Hα"), ("", [], "")):
        session.label(klass=klass, flags=flags, comment=comment)
        session.finish()
        session.wait()
    found = {f: (session.set_filter(f), session.vet.order)[1] for f in (
        "all", "unlabelled", "labelled", "undecided", "class:emission", "flag:nebula", "narrow", "DEMO 4", "nothing"
    )}  # fmt: skip
    assert found == {
        "all": (0, 1, 2, 3, 4), "unlabelled": (3, 4), "labelled": (0,), "undecided": (1, 2), "class:emission": (0,),
        "flag:nebula": (0,), "narrow": (1,), "DEMO 4": (3,), "nothing": (),
    }  # fmt: skip
    session.set_filter("unlabelled")
    session.go(3)
    session.wait()
    session.label(quality=1)
    session.finish()
    assert at(session) == "demo 5" and session.vet.order == (3, 4)  # nothing moves while one works
    session.back()
    assert at(session) == "demo 4"


def test_an_order_hides_no_star_and_goes_with_its_list(open_list: Open) -> None:
    session = open_list(4, scores=[0.1, float("nan"), 0.9, 0.5])
    session.set_order("odd")
    assert session.vet.order == (2, 3, 0, 1)
    with pytest.raises(OptionError, match="order"):
        session.set_order("colour")
    session.begin(["demo 8", "demo 9"])
    assert session.vet.order == (0, 1) and session.set_filter("all") == 2 and session.vet.order == (0, 1)


def test_it_resumes_where_each_reviewer_stopped(open_list: Open) -> None:
    ada, bob = open_list(5, "ada"), open_list(5, "bob")
    ada.label(quality=1)
    ada.finish()
    ada.wait()
    ada.jump(4)
    ada.wait()
    bob.jump(2)
    bob.wait()
    for session in (ada, bob):
        session.close()
    again = open_list(5, "ada")
    assert at(again) == "demo 4" and again.vet.rows[0].label.done and again.vet.progress.done == 1
    assert at(open_list(5, "bob")) == "demo 2"
    assert at(open_list(["demo 1", "demo 3"], "ada")) == "demo 1"  # of that list: the last that was looked at
    assert at(open_list(["demo 7", "demo 4"], "ada")) == "demo 4"
    assert at(open_list(["demo 1", "demo 9"], "eve")) == "demo 1"


# ---------------------------------------------------------------------------------------------- trouble with the file
def test_what_cannot_be_written_is_said_and_the_screen_shows_what_is_on_disk(open_list: Open, monkeypatch: Any) -> None:
    session = open_list(3)
    session.label(klass="star")
    free = refuse_writes(session, monkeypatch)
    before = kinds(session)
    session.label(klass="binary", quality=1)
    assert "nothing was written" in session.vet.problem
    assert session.vet.label.klass == "star" and session.vet.label.quality is None
    session.finish()
    assert at(session) == "demo 1" and not session.vet.label.done and session.vet.problem  # it stays
    assert session.undo_label() is False and session.vet.label.klass == "star"
    session.set_move_on()
    session.label(quality=1)
    assert at(session) == "demo 1"
    session.set_move_on(False)
    assert kinds(session) == before
    session.forward()  # one may look on
    assert at(session) == "demo 2" and session.vet.problem
    free()
    session.label(quality=2)
    assert session.vet.problem == "" and session.vet.rows[1].label.quality == 2
    session.back()
    session.wait()
    session.label(klass="binary")
    assert session.vet.label.klass == "binary"


def test_a_problem_goes_when_what_it_was_about_is_no_longer_wanted(open_list: Open, monkeypatch: Any) -> None:
    session = open_list(2)
    session.label(klass="star")
    free = refuse_writes(session, monkeypatch)
    session.label(klass="binary")
    assert session.vet.problem
    free()
    session.label(klass="star")  # as it is on disk
    assert session.vet.problem == ""


def test_a_file_that_cannot_be_read_is_told_of_until_it_can(open_list: Open) -> None:
    session = open_list(2)
    aside = session.journal.path.with_name("aside")
    session.journal._let_go()
    session.journal.path.rename(aside)
    assert session.refresh() is False and "no longer there" in session.vet.problem
    aside.rename(session.journal.path)
    assert session.refresh() is True and session.vet.problem == ""


def test_after_close_it_says_so(open_list: Open) -> None:
    session = open_list(2)
    session.close()
    for act in (lambda: session.label(quality=1), session.finish, session.undo_label, session.refresh):
        with pytest.raises(SpecvizError, match="closed"):
            act()


# ---------------------------------------------------------------------------------------------- threads
def test_a_key_and_a_worker_at_once_do_not_wait_for_each_other(open_list: Open) -> None:
    """A listener takes its display's lock; a callback of the display, with that lock, writes a label."""
    session = open_list(2)
    display, over = threading.Lock(), threading.Event()

    def draw(_old: Any, _new: Any) -> None:
        if not drawing.held:  # type: ignore[attr-defined]
            with display:
                time.sleep(0.002)

    drawing = threading.local()

    class Held(threading.local):
        held = False

    drawing = Held()
    session.subscribe(draw)
    bob = open_list(2, "bob")

    def worker() -> None:
        n = 0
        while not over.is_set():
            n += 1
            bob.label(quality=n % 5)
            session.refresh()
            session.comment(f"by a program {n}", row=2)

    thread = threading.Thread(target=worker, daemon=True)
    thread.start()
    for n in range(15):
        with display:
            drawing.held = True
            session.label(quality=n % 5)
            drawing.held = False
    over.set()
    thread.join(60.0)
    assert not thread.is_alive()
    assert session.vet.rows[0].label.quality == 14 % 5 and session.vet.rows[1].label.comment.startswith("by a program")


def test_two_threads_with_one_key_each_lose_nothing(open_list: Open) -> None:
    session = open_list(2)
    flags = [choice.name for choice in session.vet.vocabulary.flags][:3]
    threads = [
        threading.Thread(target=lambda name=name: [session.flag(name) for _ in range(7)])  # type: ignore[misc]
        for name in flags
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert session.vet.label.flags == tuple(sorted(flags))  # an odd number of times each
    assert sum(kind == "flag" for _, kind, _ in kinds(session)) == 21
    session.close()
    assert open_list(2).vet.label.flags == tuple(sorted(flags))


def test_one_action_is_heard_of_once(open_list: Open) -> None:
    """What is written, shown and gone to is one change, not one each; the line of Python comes after."""
    session = open_list(3)
    session.forward()
    session.wait()
    session.back()
    session.wait()
    heard: list[tuple[Any, Any]] = []
    session.subscribe(lambda old, new: heard.append((old.vet.label, new.vet.label)))
    session.label(quality=3)
    changed = [(old, new) for old, new in heard if old != new]
    assert len(changed) == 1 and len(heard) <= 2 and changed[0][1].quality == 3
