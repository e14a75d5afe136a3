"""The form, the bar and the guidelines as HTML: what is pressed, what is said, what others say; never markup."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from specviz.session.state import State, Vet, WorkItem
from specviz.session.vetting.values import Label, Progress, VetRow
from specviz.session.vetting.vocabulary import DEFAULT, Choice
from specviz.views.vetting_bar import VettingBar, clock, progress_words, span
from specviz.views.vetting_form import VettingForm, choices_html, comment_html, others_html, save_html
from specviz.views.vetting_guidelines import guidelines_html

EVIL = '<img src=x onerror="alert(1)">'


def _vet(label: Label | None = None, **changes: Any) -> Vet:
    label = label or Label()
    vet = Vet("sample.csv", "MK", "/home/mk/here.labels", DEFAULT, rows=(VetRow("a", label), VetRow("b")), order=(0, 1))
    return replace(vet, label=label, **{"progress": Progress(1, 2), **changes})


def _pressed(text: str) -> list[str]:
    return re.findall(r'data-sv-act="vet-([^"]+)" aria-pressed="true"', text)


def test_what_is_said_is_pressed_and_explained() -> None:
    text = choices_html(_vet(Label(3, "emission", ("nebula",))))
    assert _pressed(text) == ["quality 3", "class emission", "flag nebula"]
    assert "<b>3 Good.</b> Lines clear, small defects." in text
    assert "0 No signal, 4 Excellent" in choices_html(_vet()) and not _pressed(choices_html(_vet()))
    assert text.count("aria-pressed") == 5 + 8 + 4


def test_words_of_a_vocabulary_are_never_markup() -> None:
    words = replace(DEFAULT, classes=(Choice("e", EVIL, EVIL, EVIL),), unsure="", guidelines=f"{EVIL}\n\n{EVIL}")
    vet = _vet(Label(1, EVIL, (), EVIL), vocabulary=words, others=((EVIL, Label(1, EVIL, (), EVIL, True)),))
    for text in (choices_html(vet), others_html(vet), guidelines_html(words), comment_html(1, EVIL, 0)):
        assert "<img" not in text and "&lt;img" in text
    bar = VettingBar()
    bar.update(State(), State(vet=replace(vet, work_list=EVIL, reviewer=EVIL, path=EVIL, problem=EVIL)))
    for part in (bar.left, bar.state, bar.ends, bar.trouble):
        assert "<img" not in part.object


def test_a_star_of_which_nothing_was_said_is_put_aside() -> None:
    assert "Put aside, next" in save_html(_vet()) and "Save and next" in save_html(_vet(Label(3)))
    assert 'aria-checked="true"' in save_html(_vet(move_on=True))


def test_others_are_shown_and_may_be_taken_over() -> None:
    vet = _vet(Label(3, "emission", done=True), others=(("AB", Label(2, "hot", ("nebula",), "He <I>", True)),))
    text = others_html(vet)
    assert "class='unlike'>2 Fair, Hot or sdB, Nebula</span>" in text and "He &lt;I&gt;" in text
    assert 'data-sv-act="vet-take AB" aria-label="Say what AB says">Take<' in text
    assert "Decide so" in others_html(replace(vet, adjudicating=True))
    assert others_html(_vet()) == ""


def test_a_finished_list_says_what_next() -> None:
    rows = (VetRow("a", Label(3, "star", done=True)), VetRow("b", Label(None, "unsure", done=True)))
    text = others_html(_vet(Label(3, "star", done=True), rows=rows, progress=Progress(2, 2)))
    assert (
        "All 2 labelled." in text and "Look at the 1 undecided" in text and 'data-sv-act="export labels ecsv"' in text
    )


def test_a_comment_that_is_typed_is_not_written_over() -> None:
    form = VettingForm()
    work = (WorkItem("a", 0), WorkItem("b", 1))
    empty = State(vet=_vet(), work=work, position=0)
    form.update(State(), empty)
    first = form.comment.object
    assert 'data-sv-kept="vet-comment 1"' in first
    form.typed(1, "narrow lines ")
    kept = replace(empty, vet=_vet(Label(comment="narrow lines")))
    form.update(empty, kept)
    assert form.comment.object == first  # the field has it already, and perhaps the caret
    undone = replace(empty, vet=_vet())
    form.update(kept, undone)
    assert form.comment.object != first and "</label><textarea" in form.comment.object
    other = replace(empty, position=1)
    form.update(undone, other)
    assert 'data-sv-kept="vet-comment 2"' in form.comment.object
    form.unsaved[1] = "not on disk"
    form.update(other, empty)
    assert "\nnot on disk</textarea>" in form.comment.object


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (40, "40 s"),
        (2940, "49 min"),
        (3600, "1 h"),
        (7800, "2 h 10 min"),
        (90_000, "25 h"),
        (float("nan"), "–"),
    ],
)
def test_times_that_are_left(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_progress_in_words() -> None:
    assert progress_words(_vet(progress=Progress(136, 500, 8.0))) == ("136 of 500", "8 s each · 49 min left")
    assert progress_words(_vet(progress=Progress(0, 12_000))) == ("0 of 12\u202f000", "")
    assert progress_words(_vet(progress=Progress(5, 5, 1.25))) == ("5 of 5", "1.2 s each")


def test_the_bar_tells_when_all_is_saved_and_when_not() -> None:
    bar = VettingBar()
    now = _vet(Label(3), saved="2026-11-20T10:42:07.123456Z", can_undo=True)
    state = State(vet=now)
    bar.update(State(), state)
    assert "10:42:07" in bar.state.object and clock("") == "" and not bar.trouble.visible
    assert re.search(r'data-sv-act="vet-undo"[^>]*title="[^"]*">', bar.state.object)
    assert re.search(r'data-sv-act="vet-redo"[^>]* disabled>', bar.state.object)
    wrong = replace(state, vet=replace(now, problem="The disk is full"))
    bar.update(state, wrong)
    assert "Not saved" in bar.state.object and "The disk is full" in bar.trouble.object and bar.trouble.visible
    bar.update(wrong, state)
    bar.refuse("demo 3 is still on its way")
    assert bar.trouble.visible
    bar.update(state, replace(state, vet=replace(now, saved="2026-11-20T10:42:09.000000Z")))
    assert not bar.trouble.visible


def test_a_long_comment_with_other_line_ends_comes_back_whole() -> None:
    text = comment_html(1, "a\r\n" + "x" * 9000, 0)
    assert "\na\n" + "x" * 9000 + "</textarea>" in text and "\r" not in text
