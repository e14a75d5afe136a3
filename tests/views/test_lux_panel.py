"""Lux's panel: what is drawn of an answer, and what another source changes, without a browser."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.analysis.engine import Engine
from specviz.analysis.studies.lux import LuxStudy
from specviz.session.session import Session
from specviz.session.view_options import ViewOptions
from specviz.spectra.star import Star
from specviz.views.controls import is_shown
from specviz.views.studies.lux_panel import LuxPanel
from specviz.views.studies.lux_text import controls, notes, table

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from made_lux import made_lux


def _settle(session: Any, panel: Any) -> Any:
    """The answer to the last question, drawn."""
    for _ in range(400):
        study = session.state.study
        over = study is not None and study.report is not None and not study.running
        if over and panel._drawn is study.answer and bool(panel.words.object) == bool(study.problem):
            return study.answer
        time.sleep(0.01)
    raise AssertionError(f"no answer: {session.state.study}")


@pytest.fixture
def opened(fake_model_class: Any) -> Iterator[tuple[Any, Any]]:
    """A session with a star, and the open panel."""
    session, lux = Session(Engine(fake_model_class(), samples=50)), Engine(made_lux(), samples=50)
    session.studies = {"lux": LuxStudy(lambda: lux)}
    panel = LuxPanel(session, lambda draw: draw())
    session.subscribe(panel.update)
    session.open("demo 1")
    session.wait()
    session.study("lux")
    _settle(session, panel)
    yield session, panel
    session.close()


def test_lamost_predicts_xp_and_rebuilds_itself(opened: Any) -> None:
    _, panel = opened
    assert is_shown(panel.body) and not panel.words.object
    assert np.isfinite(panel.xp.predicted.data["y"]).all() and not np.isfinite(panel.xp.rebuilt.data["y"]).any()
    assert np.isfinite(panel.lamost.rebuilt.data["y"]).mean() > 0.95
    assert np.isfinite(panel.xp.data.data["y"]).sum() > 300 and panel.xp.residual.data["x"].size > 300
    band = panel.xp.predicted.data
    assert (band["high"] > band["y"]).all() and (band["low"] < band["y"]).all()
    assert "Gaia XP spectrum predicted by Lux" in panel.xp.figure.html_attributes["aria-label"]
    assert [c.disabled for c in panel.xp.chips[:3]] == [False, True, False]
    assert "lux-small, 4 latent numbers" in panel.frame._fact.object
    assert "XP predicted within" in panel.notes.object and "fitted to the observed XP" in panel.notes.object
    rows = panel.table.object
    assert rows.count("<tr>") == 5 and "T<sub>eff</sub>" in rows and "Simulation" in rows
    assert rows.index(">LAMOST<") < rows.index(">Both<") < rows.index(">Gaia XP<")  # the one in use first


def test_another_source_draws_another_prediction(opened: Any) -> None:
    session, panel = opened
    before = panel.table.object
    session.set(lux_from="gaia_xp")
    answer = _settle(session, panel)
    assert answer.source == "gaia_xp" and panel.table.object != before
    assert np.isfinite(panel.xp.rebuilt.data["y"]).any() and not np.isfinite(panel.lamost.rebuilt.data["y"]).any()
    session.set(lux_from="blue")
    _settle(session, panel)
    x, filled = panel.lamost.predicted.data["x"], np.isfinite(panel.lamost.predicted.data["y"])
    assert filled[x > 6000].all() and not filled[x < 5700].any()
    assert "filled in" in panel.lamost.figure.html_attributes["aria-label"]
    assert session.state.call == "explorer.set(lux_from='blue')"


def test_what_a_star_lacks_cannot_be_pressed(opened: Any) -> None:
    session, panel = opened
    demo = specviz.open("demo 2")
    session.open(Star("<b>one</b>", spectra={"lamost_lrs": demo.spectra["lamost_lrs"]}))
    session.wait()
    _settle(session, panel)
    assert 'lux_from gaia_xp" aria-pressed="false" disabled' in panel.controls.object
    assert 'lux_from red" aria-pressed="false">' in panel.controls.object
    assert panel.xp.chips[0].label == "Observed: not available" and panel.xp.chips[0].disabled
    assert not np.isfinite(panel.xp.data.data["y"]).any()


def test_words_are_safe_and_name_the_other_model(opened: Any) -> None:
    session, _ = opened
    answer = session.state.study.answer
    said = controls(ViewOptions(lux_from="both"), answer)
    assert said.count("<button") == 6 and 'lux_from both" aria-pressed="true"' in said
    odd = type(answer)(**{**vars(answer), "other": "<i>x</i>", "notes": ("<script>",)})
    assert "<script>" not in notes(odd) and "&lt;i&gt;" in notes(odd) and table(odd).startswith("<table")


def test_a_star_without_a_spectrum_says_why(opened: Any) -> None:
    session, panel = opened
    session.open(Star("empty"))
    session.wait()
    _settle(session, panel)
    assert not is_shown(panel.body) and panel.words.object
