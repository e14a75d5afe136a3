"""The vetting screen on a real session: every key is on disk before it is drawn, and nothing that was typed is lost."""

from __future__ import annotations

import gc
import sqlite3
import time
import weakref
from typing import Any

from bokeh.document import Document
from bokeh.models.dom import HTML as DomHtml

from specviz.archives.demo import DemoArchive
from specviz.errors import SpecvizError
from specviz.session.vetting.journal import LabelJournal
from specviz.spectra.star import Star


def _on_disk(view: Any) -> list[tuple[str, str, Any]]:
    """What another process would read."""
    with sqlite3.connect(view.session.vet.path) as db:
        return db.execute("SELECT star, kind, value FROM events WHERE kind != 'open' ORDER BY number").fetchall()


def test_keys_label_save_and_go_on(make_vetting: Any) -> None:
    view = make_vetting()
    for key in "3e8":
        assert view.key(key)
    assert [(kind, value) for _, kind, value in _on_disk(view)] == [
        ("quality", "3"), ("class", '"emission"'), ("flag", '["nebula", true]'),
    ]  # fmt: skip
    assert view.form.choices.object.count('aria-pressed="true"') == 3
    assert "Saved: 3 Good, Emission, Nebula" in view.hints.said.object
    assert view.key("Enter")
    view.session.wait()
    assert view.session.state.position == 1 and view.form.choices.object.count('aria-pressed="true"') == 0
    assert "Saved: 3 Good, Emission, Nebula. demo 2 is shown" in view.hints.said.object
    assert "1 of 6" in view.bar.left.object and "demo 2" in view.spectrum.head.object
    view.key("u")
    view.session.wait()
    assert view.session.state.position == 0 and not view.session.vet.label.done
    assert not view.key("q") and not view.key("3", repeat=True) and view.key("ArrowRight", repeat=True)


def test_a_star_or_a_label_changes_text_and_keeps_the_models(make_vetting: Any) -> None:
    view = make_vetting()
    document = Document()
    document.add_root(view.layout)
    before = {m.id for m in view.layout.references()}
    draws: list[bool] = []

    def dispatch(draw: Any, later: bool = False) -> None:
        draws.append(later)
        draw()

    view.connect(dispatch)
    view.key("3")
    view.key("Enter")
    view.session.wait()
    assert {m.id for m in view.layout.references()} == before and True in draws and False in draws
    assert len(before) < 300  # each costs time at the first view
    document.clear()


def test_buttons_do_what_keys_do(make_vetting: Any) -> None:
    view = make_vetting()
    for act in ("vet-quality 2", "vet-class hot", "vet-flag sky_line"):
        view.act(act)
    label = view.session.vet.label
    assert (label.quality, label.klass, label.flags) == (2, "hot", ("sky_line",))
    view.act("vet-undo")
    assert view.session.vet.label.flags == ()
    view.act("vet-redo")
    view.act("vet-clear")
    assert view.session.vet.label.empty
    view.act("vet-row 4")
    view.session.wait()
    assert (
        view.session.state.position == 3
        and 'data-sv-row="4" tabindex="0" aria-selected="true"' in view.queue.rows.object
    )
    view.act("jump 99")
    assert "There is no row 99" in view.bar.trouble.object
    view.act("vet-filter class:hot")
    assert "No row fits" in view.queue.rows.object
    view.act("vet-find demo 2")
    assert view.session.vet.order == (1,)
    view.act("vet-order nobody knows this")
    assert view.session.state.notice is not None and "no order" in view.session.state.notice.text
    view.act("vet-blind")
    view.act("vet-move-on")
    assert not view.session.vet.blind and view.session.vet.move_on
    left: list[str] = []
    view.export, view.leave = left.append, lambda: left.append("gone")
    view.act("export labels ecsv")
    view.act("vet-close")
    view.act("nobody knows this")
    assert left == ["labels ecsv", "gone"]


def test_a_comment_belongs_to_the_star_it_was_typed_for(make_vetting: Any) -> None:
    view = make_vetting()
    view.key("4")
    view.key("Enter")
    view.session.wait()
    view.act("vet-comment 1 narrow <b>lines</b>\nof [N II]")  # arrives late
    assert view.session.vet.rows[0].label.comment == "narrow <b>lines</b>\nof [N II]"
    assert view.session.vet.rows[1].label.comment == "" and "<b>lines" not in view.form.comment.object
    view.key("ArrowLeft")
    view.session.wait()
    assert "narrow &lt;b&gt;lines&lt;/b&gt;\nof [N II]</textarea>" in view.form.comment.object
    view.act("vet-comment 1")
    assert view.session.vet.label.comment == ""
    for wrong in ("vet-comment", "vet-comment x y", "vet-comment 99 y"):
        view.act(wrong)


def test_what_the_disk_would_not_have_stays_and_is_said(make_vetting: Any, monkeypatch: Any) -> None:
    view = make_vetting()

    def full(*_arguments: Any, **_options: Any) -> Any:
        raise SpecvizError("The disk is full", remedy="Make room")

    with monkeypatch.context() as patch:
        patch.setattr(LabelJournal, "record", full)
        view.key("3")
        view.act("vet-comment 1 not lost")
        assert "The disk is full" in view.bar.trouble.object and view.bar.trouble.visible
        assert view.form.choices.object.count('aria-pressed="true"') == 0  # on screen is what is on disk
    view.key("2")
    assert not view.bar.trouble.visible and view.session.vet.label.quality == 2
    view.key("Enter")
    view.session.wait()
    view.key("ArrowLeft")
    view.session.wait()
    assert "\nnot lost</textarea>" in view.form.comment.object  # still there to be kept
    view.act("vet-comment 1 not lost")
    assert view.session.vet.label.comment == "not lost" and not view.form.unsaved


def test_no_label_falls_on_a_star_that_was_not_in_the_page_yet(make_vetting: Any) -> None:
    view = make_vetting()
    assert 'data-sv-seen="1"' in view.form.comment.object
    view.key("3", seen="1")
    view.key("Enter", seen="1")
    view.session.wait()
    assert 'data-sv-seen="2"' in view.form.comment.object
    # pressed once more before the second star came over the line; and a button, and a key
    view.key("Enter", seen="1")
    view.act("vet-class emission", "1")
    view.key("4", seen="1")
    view.session.wait()
    assert view.session.state.position == 1 and view.session.vet.label.empty
    assert "demo 2 was not on screen yet; nothing was written" in view.bar.trouble.object and view.bar.trouble.visible
    view.key("4", seen="2")
    assert view.session.vet.label.quality == 4 and not view.bar.trouble.visible
    view.key("u", seen="1")  # undo is of whatever was said last
    assert view.session.vet.label.quality is None


def test_a_panel_that_fails_leaves_the_others(make_vetting: Any, caplog: Any) -> None:
    view = make_vetting()

    def broken(_old: Any, _new: Any) -> None:
        raise RuntimeError("broken")

    view.queue.update = broken
    view.key("3")
    assert view.form.choices.object.count('aria-pressed="true"') == 1 and "VettingQueue failed to draw" in caplog.text


def test_foreign_text_never_becomes_markup(make_vetting: Any) -> None:
    evil = '<img src=x onerror="alert(1)">'
    spectrum = DemoArchive().fetch("demo 1").spectra["lamost_lrs"]
    stars = [Star(evil, {"lamost_lrs": spectrum}), Star("x" * 300, {"lamost_lrs": spectrum})]
    view = make_vetting(stars, reviewer=evil)
    view.act(f"vet-comment 1 {evil}")
    view.act(f"vet-find {evil}")
    view.key("3")
    texts = [m.html for m in view.layout.references() if isinstance(m, DomHtml)]
    assert sum("onerror" in t for t in texts) >= 4 and all("<img" not in t for t in texts)


def test_another_reviewer_is_hidden_until_saved_and_may_be_agreed_with(make_vetting: Any) -> None:
    first = make_vetting(reviewer="AB")
    for key in ("2", "h", "Enter"):
        first.key(key)
    first.session.wait()
    view = make_vetting(reviewer="MK")
    assert view.form.others.object == ""
    view.key("3")
    view.key("e")
    view.key("Enter")
    view.session.wait()
    view.key("ArrowLeft")
    view.session.wait()
    assert "2 Fair, Hot or sdB" in view.form.others.object
    view.act("vet-agree")
    assert "AB (1)" in view.bar.ends.object
    view.act("vet-decide")
    view.session.wait()
    assert (
        view.session.vet.adjudicating
        and "Decide so" in view.form.others.object
        and "deciding as MK" in view.bar.left.object
    )
    view.act("vet-take AB")
    view.session.wait()
    view.act("vet-decide")
    view.session.wait()
    view.act("vet-row 1")
    view.session.wait()
    assert "Decided" in view.form.others.object and not view.session.vet.adjudicating


def test_labels_come_in_from_a_file(make_vetting: Any) -> None:
    view = make_vetting(reviewer="AB")
    view.key("3")
    view.key("Enter")
    view.session.wait()
    data = view.session.label_file("json").data
    view.attach("labels", "theirs.json", data)
    assert view.session.state.notice is None and "theirs.json: nothing new" in view.hints.said.object
    view.attach("labels", "broken.json", b"{")
    assert view.session.state.notice is not None and view.session.state.notice.level == "warning"


def test_closing_frees_everything(make_vetting: Any, fake_model_class: Any, tmp_path: Any) -> None:
    from specviz.analysis.engine import Engine
    from specviz.session.vetting.session import VetSession
    from specviz.session.vetting.vocabulary import DEFAULT
    from specviz.views.vetting_view import VettingView

    engine = Engine(fake_model_class(), samples=20)
    alive = []
    for n in range(3):
        session = VetSession(engine, journal=LabelJournal(tmp_path / f"{n}.labels", "MK"), vocabulary=DEFAULT)
        session.begin(["demo 1", "demo 2"])
        session.wait()
        view = VettingView(session)
        alive += [weakref.ref(o) for o in (session, view, view.spectrum.figure)]
        view.close()
        session.close()
        del session, view
    end = time.monotonic() + 60  # the star that was being prepared is finished first, on a thread of its own
    while any(r() is not None for r in alive) and time.monotonic() < end:
        time.sleep(0.05)
        gc.collect()
    assert sum(r() is not None for r in alive) == 0
