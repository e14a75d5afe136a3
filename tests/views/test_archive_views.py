"""What the views show of archives: suggestions, choices, progress, what failed, offline, adding stars."""

from __future__ import annotations

import re
from typing import Any

from bokeh.models.dom import HTML as DomHtml
from fake_sky import CHOICES, FakeSky

from specviz.app.wiring import listen
from specviz.archives.protocol import Candidate, Outcome
from specviz.archives.transport.monitor import Step
from specviz.doors.inbox import Inbox
from specviz.session.state import Asked, Notice, Progress, State
from specviz.views import progress
from specviz.views.candidates import candidates_html
from specviz.views.controls import is_shown
from specviz.views.first_run import EXAMPLES
from specviz.views.notice import actions_html
from specviz.views.service_message import message_html

EVIL = '<img src=x onerror="alert(1)">'


def _html(view: Any) -> str:
    return "\n".join(m.html for m in view.layout.references() if isinstance(m, DomHtml))


def test_progress_is_said_in_words_and_bytes() -> None:
    said = [
        progress.said(Progress(step, seconds))
        for step, seconds in (
            (Step("simbad", "found"), 9),
            (Step("lamost", "receiving", 48_200, 57_000), 3),
            (Step("gaia", "asking"), 4),
            (Step("gaia", "asking"), 0),
            (Step("mast", "waiting to ask again", attempt=2), 1),
            (Step("vizier", "receiving", 2_400_000, None), 1),
            (Step("lamost", "receiving", 400_000, 1_200_000), 1),
            (Step("lamost", "found in the cache", 57_000, 57_000), 1),
        )
    ]
    assert said == [
        "SIMBAD: found",
        "LAMOST: 48 of 57 kB",
        "Gaia: asking, 4 s",
        "Gaia: asking",
        "MAST: waiting to ask again, 1 s, try 2",
        "VizieR: 2.4 MB",
        "LAMOST: 0.4 of 1.2 MB",
        "LAMOST: found in the cache",
    ]
    state = State(busy="Opening x", slow=True, steps=(Progress(Step("gaia", EVIL)), Progress(Step("simbad", "found"))))
    assert "SIMBAD: found" in progress.words_html(state) and "<img" not in progress.words_html(state)
    assert progress.words_html(State(busy="Opening x")) == ""
    assert "Opening x…" in progress.words_html(State(busy="Opening x", slow=True))


def test_the_bar_shows_progress_with_cancel_and_hides_it_again(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    session = view.session
    step = (Progress(Step("gaia", "asking"), 4),)
    session._update(busy="Opening y", slow=True, steps=step)
    assert view.bar.cancel.visible and "Gaia: asking, 4 s" in view.bar.words.object
    assert view.bar.root.html_attributes == {"data-busy": "true"}
    session._update(busy="", slow=False, steps=())
    assert not view.bar.cancel.visible and view.bar.words.object == "" and view.bar.root.html_attributes == {}


def test_that_it_was_stopped_stands_where_the_progress_was(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    view.session.open("slow 9")
    view.session.cancel()
    assert "Stopped" in view.bar.words.object and 'data-sv-act="retry"' in view.bar.cancel.object
    assert not is_shown(view.notice.root)  # nothing on the page moves for it
    view.session.open("demo 2")
    view.session.wait()
    assert view.bar.words.object == "" and not view.bar.cancel.visible


def test_escape_stops_the_search_from_the_field_too(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    inbox = Inbox()
    listen(inbox, view, view.session)
    view.session.open("slow 9")
    view.session._update(busy="Opening slow 9")  # what is told after 0.25 s
    inbox.receive({"op": "key", "key": "Enter", "field": True})
    assert view.session.state.busy
    inbox.receive({"op": "key", "key": "Escape", "field": True})
    assert view.session.state.notice.title == "Stopped" and not view.session.state.busy
    inbox.receive({"op": "act", "act": "retry"})
    assert view.session.expecting
    inbox.receive({"op": "act", "act": "cancel"})
    assert not view.session.expecting


def test_suggestions_answer_what_was_typed_and_a_pick_opens_the_candidate(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    source = view.bar.suggestions.source
    view.session.sky.asked.clear()
    source.tags = ["hd 12", 1]  # what the browser sends 150 ms after the last key
    assert source.data["name"] == ["HD 1234 A", "HD 1234 B"] and source.data["summary"][0].startswith("F3")
    assert view.session.sky.asked == []
    view.bar._submitted("HD 1234 B")
    assert view.session.wait().star.name == "HD 1234 B" and isinstance(view.session.sky.asked[-1], Candidate)
    view.bar._submitted("HD 1234 B")  # typed, not suggested any more: a text
    view.session.wait()
    assert view.session.sky.asked[-1] == "HD 1234 B"
    source.tags = ["", 2]
    assert source.data["name"] == []


def test_choices_are_listed_and_picked(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    assert not view.candidates.root.visible
    view.session.open("HD 1234")
    view.session.wait()
    shown = view.candidates.root.object
    assert view.candidates.root.visible and shown.count('data-sv-act="pick ') == 3
    assert "18 57 32.81 +41 18 07.2" in shown and "SIMBAD" in shown and "<b>K5" not in shown
    view.act("pick 0")
    assert view.session.wait().star.name == "HD 1234 A" and not view.candidates.root.visible
    view.session.open("HD 1234")
    view.session.wait()
    assert view.key("Escape") and view.session.state.candidates == ()
    view.act("pick nonsense")
    view.act("unheard of")


def test_the_first_screen_has_the_same(make_view: Any) -> None:
    view = make_view(sky=FakeSky())
    first = view._first
    assert first.words.object == EXAMPLES and "Archives: LAMOST, Gaia, SIMBAD, VizieR, MAST" in first.ready.object
    view.session._update(busy="Opening", slow=True, steps=(Progress(Step("simbad", "asking"), 2),))
    assert first.cancel.visible and "SIMBAD: asking, 2 s" in first.words.object
    view.session._update(busy="", slow=False, steps=())
    assert first.words.object == EXAMPLES
    view.session.open("HD 1234")
    view.session.wait()
    assert first.candidates.root.visible and view._first is first
    view.session.set_online(False)
    assert "Offline" in first.ready.object and is_shown(view.notice.root)
    view.act("online")
    assert "Archives: LAMOST" in first.ready.object and not is_shown(view.notice.root)
    view.act("open HD 5")
    assert view.session.wait().star.name == "HD 5" and view._first is None


def test_a_service_that_failed_leaves_the_prediction_and_says_so(make_view: Any) -> None:
    view = make_view("half there", sky=FakeSky())
    message = view.xp.message
    assert message.root.visible and not is_shown(view.xp.strip) and view.xp.figure.xaxis[0].visible
    assert view.xp.predicted.data["x"].size > 0 and view.xp.data.data["x"].size == 0
    assert "Gaia did not answer" in message.root.object and "Asked 3 times" in message.root.object
    assert "Observed: not received" in view.xp.legend.object
    assert not view.lamost.message.root.visible and is_shown(view.lamost.strip)
    view.act("details gaia_xp")
    assert "HTTP 503" in message.root.object and "<i>busy" not in message.root.object
    view.session.sky.down = False
    view.act("again")
    view.session.wait()
    assert not message.root.visible and is_shown(view.xp.strip) and not view.xp.figure.xaxis[0].visible
    assert view.xp.data.data["x"].size == 343 and "Observed ± 1 σ" in view.xp.legend.object


def test_lamost_that_failed_shows_what_xp_predicts(make_view: Any) -> None:
    view = make_view("dark there", sky=FakeSky())
    assert view.lamost.message.root.visible and view.lamost.data.data["x"].size == 0
    assert view.lamost.predicted.data["x"].size > 100 and view.lamost.figure.yaxis[0].axis_label == "Flux / continuum"
    assert re.search("hidden observed[^>]* disabled>", view.lamost.legend.object)
    view.session.open("demo 1")
    view.session.wait()
    assert view.lamost.figure.yaxis[0].axis_label == "Flux (relative)" and not view.lamost.message.root.visible
    assert not re.search("hidden observed[^>]* disabled>", view.lamost.legend.object)


def test_offline_has_a_badge_and_one_notice(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    assert not view.bar.badge.visible
    view.session.set_online(False)
    assert view.bar.badge.visible and "Offline" in view.notice.words.object
    assert 'data-sv-act="online"' in view.notice.actions.object
    view.act("dismiss")
    assert view.bar.badge.visible and not is_shown(view.notice.root)
    view.act("online")
    assert not view.bar.badge.visible and view.session.sky.online


def test_notices_offer_what_can_be_done() -> None:
    shown = actions_html(Notice("error", "a", "b", "facts", ("retry", "file")))
    assert re.findall(r'data-sv-act="([^"]+)"', shown) == ["retry", "file", "details", "dismiss"]
    assert re.findall(r'data-sv-act="([^"]+)"', actions_html(Notice("info", "a"))) == ["dismiss"]


def test_details_of_a_notice_open_and_close(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    view.session.open("down there")
    view.session.wait()
    assert is_shown(view.notice.root) and not view.notice.details.visible
    view.act("details")
    assert view.notice.details.visible and "HTTP 500" in view.notice.details.object
    view.session.sky.down = False
    view.act("retry")
    assert view.session.wait().star.name == "down there" and not is_shown(view.notice.root)


def test_stars_are_added_from_the_field_and_from_a_table(make_view: Any) -> None:
    view = make_view("demo 1", sky=FakeSky())
    view.work.field.value_input = "HD 1, HD 2"
    view.work._added()
    view.session.wait()
    assert [w.name for w in view.session.state.work] == ["HD 1", "HD 2"] and view.work.field.value_input == ""
    view.attach("work", "more.csv", b"name\nHD 3\n")
    assert [w.name for w in view.session.wait().work] == ["HD 1", "HD 2", "HD 3"]
    assert view.work.source.data["name"] == ["HD 1", "HD 2", "HD 3"]


def test_foreign_text_never_becomes_markup(make_view: Any) -> None:
    candidate = Candidate(EVIL, EVIL, EVIL)
    assert "<img" not in candidates_html(EVIL, (candidate,))
    outcome = Outcome("failed", EVIL, 2)
    assert "<img" not in message_html("gaia_xp", EVIL, outcome, True, details=True)
    view = make_view("demo 1", sky=FakeSky())
    view.session.open(EVIL)
    view.session.wait()
    view.session._update(candidates=(candidate,), question=Asked(EVIL, EVIL))
    view.session.tell(Notice("error", EVIL, EVIL, EVIL, ("retry",)))
    view.work.field.value_input = EVIL
    view.work._added()
    view.session.wait()
    assert _html(view).count("onerror") >= 3 and "<img" not in _html(view)
    assert CHOICES[1].summary == "Star, <b>K5</b>" and "<b>K5" not in candidates_html("x", CHOICES)


def test_few_models_were_added(make_view: Any) -> None:
    """Each model costs at every first view; those below the spectra come after it (test of the building order)."""
    assert len(make_view("demo 1", sky=FakeSky()).layout.references()) < 850
