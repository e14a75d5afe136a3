"""The queue: a window of rows however long the list, filters with counts, words for what is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from specviz.session.state import State, Vet, WorkItem
from specviz.session.vetting.agreement import Agreement
from specviz.session.vetting.conflicts import Conflict
from specviz.session.vetting.values import Label, VetRow
from specviz.session.vetting.vocabulary import DEFAULT
from specviz.views.vetting_counts import FilterCounts
from specviz.views.vetting_queue import VettingQueue, head_html, is_search, rows_html, short_name, window_of


def _list(n: int, **changes: Any) -> tuple[Vet, tuple[WorkItem, ...]]:
    rows = tuple(VetRow(f"star {i}") for i in range(n))
    vet = Vet("sample.csv", "MK", "here.labels", DEFAULT, rows=rows, order=tuple(range(n)))
    return replace(vet, **changes), tuple(WorkItem(f"star {i}", i) for i in range(n))


def _shown(text: str) -> list[int]:
    return [int(n) for n in re.findall(r'data-sv-row="(\d+)"', text)]


def test_only_rows_around_the_one_on_screen_are_written() -> None:
    vet, work = _list(100_000)
    state = State(vet=vet, work=work, position=50_000)
    rows_html(state, vet)
    text = rows_html(state, vet)
    shown = _shown(text)
    assert shown == list(range(49_995, 50_026)) and len(text) < 30_000
    assert text.count('aria-selected="true"') == 1 and 'data-sv-row="50001" tabindex="0" aria-selected="true"' in text


def test_the_row_on_screen_is_among_the_first_that_fit() -> None:
    vet, work = _list(500)
    for position in (0, 3, 136, 488, 499):
        start, stop = window_of(vet, position)
        assert start <= position < stop and position - start <= 14
    assert window_of(vet, 499) == (485, 500) and window_of(vet, 0) == (0, 25)
    filtered = replace(vet, order=(3, 9))
    assert _shown(rows_html(State(vet=filtered, work=work, position=5), filtered)) == [4, 10]


def test_designations_are_shortened_and_names_stay_whole_in_the_tooltip() -> None:
    assert short_name("LAMOST J040232.43-001800.5") == "J0402\u22120018"
    assert short_name("J094321.00+211400.1") == "J0943+2114"
    assert short_name("demo 12") == "demo 12" and short_name("LAMOST 123") == "123"
    vet, _ = _list(1)
    name = "<img src=x>" + "x" * 120
    text = rows_html(State(vet=vet, work=(WorkItem(name, 0),), position=0), vet)
    assert "<img" not in text and "&lt;img src=x&gt;" in text


def test_what_a_row_tells() -> None:
    vet, work = _list(5)
    labels = (
        Label(4, "star", done=True),
        Label(2, "", ("arm_join",), done=True),
        Label(None, "unsure", done=True),
        Label(None, "emission"),
    )
    rows = tuple(replace(r, label=lab, score=2.345) for r, lab in zip(vet.rows, labels, strict=False)) + vet.rows[4:]
    vet = replace(vet, rows=rows)
    text = rows_html(State(vet=vet, work=work, position=4), vet)
    cells = [re.sub("<[^>]*>", "|", row) for row in re.findall(r"<li role=\"option\".*?</li>", text)]
    assert "|Star|" in cells[0] and "|4|" in cells[0] and "|2.3|" in cells[0]
    assert "|Arm join|" in cells[1] and "|2|" in cells[1]
    assert "|Unsure|" in cells[2] and "|?|" in cells[2]
    assert "|…|" in cells[3] and "2.3" not in cells[3]  # blind, and not finished: no score
    assert (
        "2.3"
        in rows_html(State(vet=replace(vet, blind=False), work=work, position=4), replace(vet, blind=False)).split(
            "</li>"
        )[3]
    )
    assert 'aria-label="2, star 1, labelled: 2 Fair, Arm join"' in text


def test_no_rows_say_why_and_how_to_go_on() -> None:
    vet, work = _list(12)
    for which, words in (
        ("abc <b>", "No row fits “abc &lt;b&gt;”."),
        ("unlabelled", "All 12 are labelled."),
        ("undecided", "Nothing is undecided."),
        ("class:hot", "No row fits “Hot or sdB”."),
    ):
        none = replace(vet, order=(), filter=which)
        text = rows_html(State(vet=none, work=work), none)
        assert words in text and 'data-sv-act="vet-filter all"' in text


def test_counts_follow_labels_without_counting_all_again(monkeypatch: pytest.MonkeyPatch) -> None:
    vet, _ = _list(100_000)
    counts = FilterCounts()
    counts.update(vet.rows, "unsure")
    assert counts["all"] == counts["unlabelled"] == 100_000
    rows = list(vet.rows)
    rows[7] = replace(rows[7], label=Label(3, "emission", ("nebula",), done=True))
    rows[9] = replace(rows[9], label=Label(None, "unsure", done=True))
    counted: list[int] = []
    count = counts._count

    def counting(some: Iterable[VetRow], unsure: str, by: int) -> None:
        taken = list(some)
        counted.append(len(taken))
        count(taken, unsure, by)

    monkeypatch.setattr(counts, "_count", counting)
    counts.update(tuple(rows), "unsure")
    assert counted == [2, 2]  # taken away as they were, added as they are
    assert (counts["unlabelled"], counts["labelled"], counts["undecided"]) == (99_998, 1, 1)
    assert counts["class:emission"] == counts["flag:nebula"] == 1
    rows[7] = replace(rows[7], label=Label())
    counts.update(tuple(rows), "unsure")
    assert (counts["unlabelled"], counts["labelled"], counts["class:emission"]) == (99_999, 0, 0)


def test_the_menu_offers_what_there_is() -> None:
    vet, _ = _list(3, filter="class:emission", order_by="odd")
    vet = replace(vet, rows=tuple(replace(r, score=1.0, label=Label(3, "emission", done=True)) for r in vet.rows))
    counts = FilterCounts()
    counts.update(vet.rows, "unsure")
    text = head_html(vet, counts)
    assert 'data-sv-act="vet-filter class:emission" aria-pressed="true"><span>Emission</span><i>3</i>' in text
    assert "oddest first" in text and 'data-sv-act="vet-order like:emission"' in text
    assert 'data-sv-act="vet-order like:hot"' not in text  # nothing to be like yet
    bare = replace(vet, rows=tuple(replace(r, score=float("nan")) for r in vet.rows))
    assert "Oddest first (ranks the list)" in head_html(bare, counts)


def test_the_field_is_written_again_only_when_another_filter_is_chosen() -> None:
    assert is_search("J04 blue") and not any(map(is_search, ("all", "", "undecided", "class:star", "flag:nebula")))
    vet, work = _list(3)
    queue = VettingQueue()
    state = State(vet=vet, work=work, position=0)
    queue.update(State(), state)
    field = queue.find.object
    assert queue.typed("  star   2 ") == "star 2" and queue.typed("") == "all"
    queue.typed("star 2")
    found = replace(state, vet=replace(vet, filter="star 2", order=(2,)))
    queue.update(state, found)
    assert queue.find.object == field  # the person is writing in it
    queue.update(found, state)
    assert 'value=""' in queue.find.object and queue.find.object != field


def test_rows_on_which_reviewers_differ_and_those_that_failed_are_marked() -> None:
    vet, work = _list(4)
    rows = (replace(vet.rows[0], label=Label(3, "star", done=True)), *vet.rows[1:])
    open_ = (Conflict("star 0", ("class",), ()), Conflict("star 1", ("class",), ()))
    vet = replace(vet, rows=rows, agreement=Agreement((), 2, (), open_))
    work = (*work[:3], replace(work[3], status="failed", problem="no such star"))
    text = rows_html(State(vet=vet, work=work, position=2), vet).split("</li>")
    assert "reviewers differ" in text[0] and "<q" in text[0]
    assert "differ" not in text[1]  # hidden: not finished by this reviewer
    assert "not opened" in text[3]


def test_a_list_whose_row_on_screen_is_filtered_out_is_still_reached_by_tab() -> None:
    vet, work = _list(5, order=(3, 4))
    text = rows_html(State(vet=vet, work=work, position=0), vet)
    assert 'data-sv-row="4" tabindex="0" aria-selected="false"' in text and text.count('tabindex="0"') == 1
