"""'Why this [Fe/H]?' over the LAMOST panel, without a browser."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from specviz.models.attribution import Attribution
from specviz.session.state import Explained, State
from specviz.views.controls import is_shown
from specviz.views.lamost_panel import LamostPanel
from specviz.views.settings import Settings
from specviz.views.why_overlay import BIN, HEIGHT, ZERO, bars_of, binned, sentence


@pytest.fixture
def why() -> Attribution:
    wave = np.geomspace(3999.4, 5598.9, 1462)
    contribution = 0.02 * np.exp(-0.5 * ((wave - 4862.7) / 5) ** 2) - 0.03 * np.exp(-0.5 * ((wave - 5175) / 8) ** 2)
    attention = np.full(wave.size, 0.9 / wave.size)
    return Attribution(
        "fe_h", "lamost_lrs", wave, np.ones(wave.size), np.ones(wave.size), contribution, -0.8,
        -0.8 - float(contribution.sum()), 0.001, 33, attention=attention, attention_elsewhere=0.1,
        compared_with="the star without its lines",
    )  # fmt: skip


@pytest.fixture
def shown(make_view: Any) -> tuple[LamostPanel, State, list[str]]:
    """A panel that shows a star of a model that explains, and what it has asked for."""
    session, asked = make_view("demo 1").session, list[str]()
    panel = LamostPanel(Settings(session), session.state.view, asked.append)
    state = replace(session.state, explains=True)
    panel.update(State(), state)
    return panel, state, asked


def test_bars_sum_the_contributions(why: Attribution) -> None:
    edges, sums = binned(why.wavelength, why.contribution)
    assert sums.sum() == pytest.approx(why.contribution.sum()) and edges.size == sums.size + 1
    up, down = bars_of(why)
    assert np.allclose(up["right"] - up["left"], BIN) and (up["bottom"] == ZERO).all() and (down["top"] == ZERO).all()
    assert max(up["top"].max() - ZERO, ZERO - down["bottom"].min()) == pytest.approx(HEIGHT)
    tallest = int(np.argmin(down["bottom"]))
    assert abs(down["left"][tallest] - 5171) < 12


def test_labels_are_offered_where_the_model_can_explain(shown: Any, make_view: Any) -> None:
    panel, state, _ = shown
    assert is_shown(panel.why.control)
    assert [value for value, _ in panel.why.control.options] == ["", "teff", "logg", "fe_h", "alpha_fe"]
    assert "Why [Fe/H]?" in dict(panel.why.control.options).values()
    assert not panel.why.chips and not is_shown(panel.why.row)  # nothing is made before it is needed
    panel.update(state, replace(state, report=None, explains=False))
    assert not is_shown(panel.why.control)
    assert not is_shown(make_view("demo 1").lamost.why.control)  # the fake model cannot


def test_the_answer_is_drawn_and_said(shown: Any, why: Attribution) -> None:
    panel, state, asked = shown
    panel.why.control.value = "fe_h"
    assert asked == ["fe_h"]
    waiting = replace(state, explained=Explained("fe_h"))
    panel.update(state, waiting)
    assert is_shown(panel.why.row) and "Asking the model" in panel.why.note.object and not panel.why.chips
    answered = replace(state, explained=Explained("fe_h", why))
    panel.update(waiting, answered)
    assert all(is_shown(chip) for chip in panel.why.chips)
    assert len(panel.why.up.data["left"]) > 3 and len(panel.why.down.data["left"]) > 3
    assert len(panel.why.attention.data["x"]) == why.wavelength.size
    said = panel.why.note.object
    assert "Hβ" in said and "Mg b" in said and "dex" in said and "without its lines" in said
    assert said.index("Mg b") < said.index("Hβ")  # the heavier first
    panel.update(answered, state)
    assert not any(is_shown(chip) for chip in panel.why.chips) and not is_shown(panel.why.row)
    assert panel.why.control.value == "" and len(panel.why.up.data["left"]) == 0


def test_what_another_display_chose_is_shown(shown: Any, why: Attribution) -> None:
    panel, state, _ = shown
    panel.update(state, replace(state, explained=Explained("fe_h", why)))
    assert panel.why.control.value == "fe_h"


def test_problems_are_words_and_foreign_text_is_escaped(why: Attribution) -> None:
    assert sentence(Explained("fe_h", problem="<b>no</b>")).count("&lt;b&gt;") == 1
    assert "<script>" not in sentence(Explained("fe_h", replace(why, compared_with="<script>")))
