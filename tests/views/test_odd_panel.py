"""Why a star is odd, from an oddity made by hand: hidden while blind, the leading score first, reasons that zoom."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from specviz.analysis.report import Reason
from specviz.catalog.outliers.oddity import Oddity, ScoreValue
from specviz.session.state import State, Vet
from specviz.session.vetting.vocabulary import DEFAULT
from specviz.views.odd_panel import HIDDEN, OddPanel, leading, odd_html, rarity_words, score_line

sys.path.insert(0, str(Path(__file__).parent))
from odd_star import make_oddity


class _Session:
    def __init__(self, vet: Vet) -> None:
        self.state, self.zooms = State(vet=vet), list[Any]()

    def set(self, zoom: Any) -> None:
        self.zooms.append(zoom)


def _vet(**changes: Any) -> Vet:
    return replace(Vet("list", "me", "x", DEFAULT, odd=make_oddity()), **changes)


def test_nothing_of_it_is_in_the_page_while_the_person_judges_blind() -> None:
    session = _Session(_vet(revealed=False))
    panel = OddPanel(session)
    panel.update(State(), session.state)
    assert panel.root.object == "" and not panel.root.visible
    line = score_line(session.state.vet)
    assert HIDDEN in line and "99" not in line and "mission" not in line
    assert leading(session.state.vet) is None
    assert panel.act("odd-zoom 0") and session.zooms == []  # nor by a press that was prepared


def test_it_comes_when_the_label_is_saved_and_goes_with_the_next_star() -> None:
    session = _Session(_vet(revealed=False))
    panel = OddPanel(session)
    told = replace(session.state, vet=_vet(revealed=True))
    panel.update(session.state, told)
    assert panel.root.visible and "Emission lines" in panel.root.object
    panel.update(told, session.state)
    assert panel.root.object == "" and not panel.root.visible


def test_rows_are_in_order_with_units_and_absent_ones_say_why() -> None:
    written = odd_html(make_oddity())
    rows = re.findall(r"<li.*?</li>", written)
    assert len(rows) == 6
    assert "Emission lines" in rows[0] and "sv-leads" in rows[0] and 'aria-current="true"' in rows[0]
    assert [sum("sv-leads" in r for r in rows), "sv-leads" in rows[1]] == [1, False]
    assert "Misfit" in rows[1] and "2.40\u00a0σ" in rows[1] and "1 in 50" in rows[1]
    assert "<p>The spectrum differs" in rows[1]  # rare enough for words
    ordinary = next(r for r in rows if "Against" in r and "catalog" in r)
    assert "<p>" not in ordinary and 'title="Catalogues agree."' in ordinary
    assert "12.0\u00a0km s⁻¹" in written
    assert "LAMOST against XP" in rows[-1] and "no Gaia XP spectrum" in rows[-1] and "<p>" not in rows[-1]
    assert "&lt;i&gt;in emission" in written and "<i>in emission" not in written and "<b> 6585" not in written
    assert "2\u202f000 simulated stars" in written


def test_a_reason_zooms_to_at_least_a_hundred_angstrom_on_either_side() -> None:
    session = _Session(_vet(revealed=True))
    panel = OddPanel(session)
    assert panel.act("odd-zoom 1")
    assert session.zooms == [(6485.5, 6685.5)]
    assert panel.act("odd-zoom 9") and panel.act("odd-zoom x") and len(session.zooms) == 1
    assert not panel.act("zoom 1")


def test_beyond_all_reference_stars_is_said_in_words() -> None:
    assert "Odder than 99.9\u00a0%" in score_line(_vet(revealed=True))
    ordinary = replace(make_oddity(), percentile=2.4)
    assert "Typical: odder than 2\u00a0%" in score_line(_vet(revealed=True, odd=ordinary))
    assert '<span class="short">Odder than 2\u00a0%</span>' in score_line(_vet(revealed=True, odd=ordinary))
    beyond = replace(make_oddity(), percentile=100.0)
    assert "Odder than all 2\u202f000" in score_line(_vet(revealed=True, odd=beyond))
    nothing = Oddity(reference="")
    assert "Rank unknown" in score_line(_vet(revealed=True, odd=nothing)) and "no reference stars" in odd_html(nothing)


@pytest.mark.parametrize(
    ("rarity", "words"),
    [
        (float("nan"), "–"),
        (0.0, "rarer than all"),
        (0.002, "1 in 500"),
        (1 / 2001, "1 in 2\u202f000"),
        (0.3, "top 30\u00a0%"),
        (0.9, "common"),
    ],
)
def test_how_rare_in_words(rarity: float, words: str) -> None:
    assert rarity_words(rarity) == words


def test_it_is_not_written_again_for_other_changes() -> None:
    session = _Session(_vet(revealed=True))
    panel = OddPanel(session)
    panel.update(State(), session.state)
    panel.root = SimpleNamespace(object="kept", visible=True)  # type: ignore[assignment]
    panel.update(session.state, replace(session.state, call="x"))
    assert panel.root.object == "kept"


def test_what_no_reference_star_reaches_is_no_more_than_that() -> None:
    assert rarity_words(1 / 2001, 2000) == "< 1 in 2\u202f000"
    assert rarity_words(2 / 2001, 2000) == "1 in 1\u202f000"


def test_a_reason_says_where_once_and_in_its_own_unit() -> None:
    def shown(reason: Reason) -> str:
        score = ScoreValue("misfit", 2.0, "sigma", 0.01, "It differs.", (reason,))
        found = re.search(r"Zoom there.>(.*?)</button>", odd_html(Oddity((score,), 1.0, 99.0, "misfit", 100)))
        assert found is not None
        return found[1]

    assert shown(Reason("Mg b", "star", 5175.0, 5160.0, 5190.0, 3.0)) == "Mg b 5175\u00a0Å"
    assert shown(Reason("Mg b", "star", 5140.0, 5100.0, 5190.0, 3.0, "gaia_xp")) == "Mg b 514\u00a0nm"
    assert shown(Reason("Sky line 5577 Å", "sky", 5589.0, 5570.0, 5600.0, 3.0)) == "Sky line 5577 Å"
