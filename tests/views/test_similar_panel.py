"""The table of similar stars: rows in order, foreign text escaped, what the browser is told, what is copied."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from astropy.table import Table

from specviz.views import similar_rows


def _rows(html: str) -> list[int]:
    return [int(n) for n in re.findall(r"data-sv-row=(\d+)", html)]


def test_the_order_is_that_of_the_option_and_rows_keep_their_numbers(make_view: Any) -> None:
    view = make_view("demo 3")
    assert _rows(view.similar.table.object) == list(range(11))
    view.session.set(similar_sort="-name")
    names = [str(view.session.state.neighbours["object_id"][r]) for r in _rows(view.similar.table.object)]
    assert names == sorted(names, key=lambda n: -int(n.split()[1]))
    assert 'aria-sort="descending"' in view.similar.table.object
    before = view.similar.table.object
    view.act("choose 4")
    assert view.similar.marks.data == {"chosen": [4], "ring": [-1]}
    assert view.similar.table.object == before  # scrolled where it was: rows are marked in the browser
    assert str(view.session.state.neighbours["object_id"][4]) == view.session.state.neighbour_star.name


def test_a_head_sorts_and_turns_the_order_round() -> None:
    assert 'data-sv-set="similar_sort -teff"' in similar_rows.heads("teff")
    assert 'data-sv-set="similar_sort teff"' in similar_rows.heads("-teff")
    assert 'data-sv-set="similar_sort -snr"' in similar_rows.heads("rank")  # the best first


def test_typing_a_filter_leaves_the_field_alone_and_undo_writes_into_it(make_view: Any) -> None:
    view = make_view("demo 3")
    empty = view.similar.field.object
    view.act("filter-similar name demo 1")
    assert view.similar.field.object == empty
    assert all("1" in str(view.session.state.neighbours["object_id"][r]) for r in _rows(view.similar.table.object))
    assert len(view.map.near.data["row"]) == len(_rows(view.similar.table.object)) < 11
    view.act("filter-similar tef>5")
    assert "Did you mean &#x27;teff&#x27;?" in view.similar.message.object
    assert len(_rows(view.similar.table.object)) == 11
    view.session.set(similar_filter="snr>1000")
    assert 'value="snr&gt;1000"' in view.similar.field.object and "meets the filter" in view.similar.message.object


def test_a_look_rings_the_row_and_the_dot_and_overlays(make_view: Any) -> None:
    import time

    view = make_view("demo 3")
    view.act("peek 6")
    for _ in range(200):
        if view.session.state.peek == 6:
            break
        time.sleep(0.02)
    assert view.similar.marks.data == {"chosen": [-1], "ring": [6]}
    assert len(view.map.chosen.data["x"]) == 1 and view.lamost.similar.data["x"].size > 500
    view.act("peek")
    assert view.similar.marks.data["ring"] == [-1] and len(view.map.chosen.data["x"]) == 0
    assert view.lamost.similar.data["x"].size == 0


def test_foreign_names_and_classes_are_text() -> None:
    evil = '<img src=x onerror="alert(1)">'
    near = Table({"rank": [1], "row": [0], "object_id": [evil], "class": [evil], "similarity": [np.nan]})
    html = similar_rows.table(near, [0], "rank", None, "", lambda _row: "")
    assert "<img" not in html and "&lt;img" in html and "–" in html


def test_copied_text_has_full_precision_and_no_formula() -> None:
    near = Table({"rank": [1, 2], "row": [5, 6], "object_id": ["=HYPERLINK(1)", "-12"], "teff": [5772.4321, np.nan]})
    near["teff"].unit = "K"
    assert similar_rows.copied(near, [1, 0]) == "rank\tobject_id\tteff [K]\n2\t-12\t\n1\t'=HYPERLINK(1)\t5772.4321"


def test_the_ways_that_are_not_possible_say_why(make_view: Any) -> None:
    from specviz.archives.demo import DemoArchive

    star = DemoArchive().star(4)
    view = make_view(star.with_(spectra={"lamost_lrs": star.spectra["lamost_lrs"]}))
    head = view.similar.head.object
    assert 'data-sv-act="similar-way lamost_lrs gaia_xp"' in head
    assert "similar-way gaia_xp" not in head and "no XP spectrum" in head
