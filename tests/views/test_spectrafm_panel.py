"""SpectraFM's panel: what is drawn of an answer, and how a stretch is chosen, without a browser."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import pytest
from bokeh.events import SelectionGeometry

from specviz.analysis.engine import Engine
from specviz.analysis.studies.spectrafm import SpectraFMStudy
from specviz.session.session import Session
from specviz.session.state import State
from specviz.session.view_options import ViewOptions
from specviz.views.controls import is_shown
from specviz.views.studies.spectrafm_panel import SpectraFMPanel
from specviz.views.studies.spectrafm_text import parts, sentence, table

sys.path.insert(0, str(Path(__file__).parents[1] / "analysis"))
from fake_spectrafm import FakeSpectraFM


def _settle(session: Any, panel: Any) -> Any:
    """The answer to the last question, drawn."""
    for _ in range(400):
        study = session.state.study
        ready = study is not None and study.report is not None and not study.running
        if ready and panel.drawn is session.state:
            return study.answer
        time.sleep(0.01)
    raise AssertionError("no answer")


def _draw_with(session: Any, panel: Any) -> None:
    """Let the panel draw the session as a view does: the newest state, one thread at a time."""
    lock, panel.drawn = RLock(), State()

    def draw(_old: State, _new: State) -> None:
        with lock:
            old, new = panel.drawn, session.state
            if new is not old:
                panel.update(old, new)
                panel.drawn = new

    session.subscribe(draw)


def _study() -> SpectraFMStudy:
    engine = Engine(FakeSpectraFM())  # type: ignore[arg-type]
    return SpectraFMStudy(lambda: engine)


@pytest.fixture
def opened(fake_model_class: Any) -> Iterator[tuple[Any, Any]]:
    """A session with a star, and the open panel."""
    session = Session(Engine(fake_model_class(), samples=50))
    session.studies = {"spectrafm": _study()}
    panel = SpectraFMPanel(session, lambda draw: draw())
    _draw_with(session, panel)
    session.open("demo 1")
    session.wait()
    session.study("spectrafm")
    _settle(session, panel)
    yield session, panel
    session.close()


def _dragged(panel: Any, low: float, high: float, *, final: bool = True) -> None:
    geometry = {"type": "rect", "x0": low, "x1": high, "y0": 0.0, "y1": 1.0}
    panel._drag(SelectionGeometry(panel.figure, geometry=geometry, final=final))


def test_the_whole_spectrum_is_read_when_the_panel_opens(opened: Any) -> None:
    session, panel = opened
    assert not panel.box.visible and session.state.call == "explorer.study('spectrafm')"
    assert "of the whole spectrum, 375" in panel.said.object and "Teff" in panel.said.object
    assert panel.table.object.count('<tr><th scope="row">') == 2 and "Simulation" in panel.table.object
    assert "Outside the training range" in panel.table.object  # [Fe/H] -0.5
    assert panel.data.data["x"].size > 3000 and panel.attention.data["x"].size > 3000
    assert list(panel.names.data["label"])[:2] in (["Hα", "Mg b"], ["Mg b", "Hα"])
    assert "spectrafm-fake" in panel.frame._fact.object
    name = panel.strip.html_attributes["aria-label"]
    assert name.startswith("Attention of Teff over wavelength, highest at ")


def test_a_drag_asks_and_says_its_line(opened: Any) -> None:
    session, panel = opened
    whole = panel.table.object
    _dragged(panel, 5000.04, 4500.0)
    assert session.state.view.ask == (4500.0, 5000.0)
    answer = _settle(session, panel)
    assert (answer.low, answer.high) == (4500.0, 5000.0) and panel.table.object != whole
    assert "4500 to 5000 Å" in panel.said.object and "σ from the whole spectrum" in panel.said.object
    assert "4500–5000 Å" in panel.parts.object
    assert 'value="4500"' in panel.fields.object and 'value="5000"' in panel.fields.object
    assert session.state.call == "explorer.set(ask=(4500.0, 5000.0))"
    assert panel.attention.data["x"].min() >= 4500 and panel.attention.data["x"].max() <= 5000
    _dragged(panel, 6000.0, 6000.5)  # a click
    assert session.state.view.ask == (4500.0, 5000.0) and panel.box.visible


def test_while_it_is_dragged_it_is_asked_now_and_then(opened: Any) -> None:
    session, panel = opened
    for step in range(20):
        _dragged(panel, 4500.0, 4800.0 + 10 * step, final=False)
    for _ in range(400):
        if session.state.view.ask == (4500.0, 4990.0):
            break
        time.sleep(0.01)
    _settle(session, panel)
    assert session.state.view.ask == (4500.0, 4990.0)
    assert np.isnan(panel.box.left)  # the browser's box is ahead: it is not told what it was
    assert 'value="4990"' in panel.fields.object


def test_a_program_and_undo_move_the_box(opened: Any) -> None:
    session, panel = opened
    session.set(ask=(5095, 5255))
    assert (panel.box.left, panel.box.right, panel.box.visible) == (5095, 5255, True)
    assert panel.box.top == panel.figure.y_range.end and 'value="5095"' in panel.fields.object
    session.set(ask_label="fe_h")
    assert _settle(session, panel).chosen == "fe_h" and "[Fe/H]" in panel.parts.object
    assert session.state.call == "explorer.set(ask_label='fe_h')"
    session.undo()
    panel.act("label fe_h")
    assert session.state.view.ask_label == "fe_h"
    session.undo()
    session.undo()
    assert session.state.view.ask is None and not panel.box.visible
    assert _settle(session, panel).chosen == "teff" and 'value=""' in panel.fields.object
    session.redo()
    assert panel.box.visible


def test_typed_ends(opened: Any) -> None:
    session, panel = opened
    panel.act("low 4500")
    assert session.state.view.ask == (4500.0, pytest.approx(9100, abs=20))
    written = panel.fields.object
    panel.act("high 50")  # half a number: nothing is asked, and the field is left alone
    assert session.state.view.ask[1] > 9000 and panel.fields.object == written
    assert "the lower one first" in panel.said.object
    panel.act("high 5000,5")
    assert session.state.view.ask == (4500.0, 5000.5)
    _settle(session, panel)
    assert "the lower one first" not in panel.said.object
    session.undo()
    session.set(ask=(4600, 5000))
    written = panel.fields.object
    panel.act("high 5500")
    session.set(ask=(4600, 5000))
    assert panel.fields.object != written and 'value="5000"' in panel.fields.object  # over what was typed
    session.set(ask=(4500, 5000.5))
    panel.act("low <b>")
    assert session.state.view.ask == (4500.0, 5000.5) and "<b>" not in panel.fields.object
    panel.act("low")
    panel.act("high")
    assert session.state.view.ask is None
    panel.act("other 7")


def test_nothing_to_read_keeps_the_panel(opened: Any) -> None:
    session, panel = opened
    session.set(ask=(6560, 6570))
    _settle(session, panel)
    assert "usable pixels" in panel.said.object and "Nothing was read" in panel.said.object
    assert panel.table.object.count('<tr><th scope="row">') == 2 and panel.attention.data["x"].size == 0
    assert "by stretch" in panel.parts.object and panel.data.data["x"].size > 3000


def test_another_star_leaves_no_old_number(opened: Any) -> None:
    session, panel = opened
    session.set(ask=(4500, 5000))
    _settle(session, panel)
    session.open("demo 2")
    session.wait()
    answer = _settle(session, panel)
    assert (answer.low, answer.high) == (4500.0, 5000.0) and panel.box.visible  # the question stays
    waiting = replace(session.state, study=replace(session.state.study, answer=None, running=True))
    panel.update(session.state, waiting)
    assert (
        panel.table.object == ""
        and panel.attention.data["x"].size == 0
        and "Reading the spectrum" in panel.words.object
    )
    failed = replace(waiting, study=replace(waiting.study, problem="<i>no", running=False))
    panel.update(waiting, failed)
    assert "&lt;i&gt;no" in panel.words.object and is_shown(panel.words.model)


def test_the_options_are_saved_with_a_session(opened: Any, tmp_path: Path) -> None:
    session, _ = opened
    session.set(ask=(4500, 5000), ask_label="fe_h")
    options = session.state.view.to_dict()
    assert ViewOptions.from_dict(options) == session.state.view
    assert options["ask"] == [4500.0, 5000.0] and options["study"] == "spectrafm"


def test_the_panel_opens_from_the_menu_and_closes_with_escape(make_view: Callable[..., Any]) -> None:
    view = make_view("demo 1")
    view.session.studies = {"spectrafm": _study()}
    view.act("study spectrafm")
    panel = view.studies.panels["spectrafm"]
    for _ in range(400):
        if panel.table.object:
            break
        time.sleep(0.01)
    assert is_shown(panel.frame.root) and is_shown(view.studies.root) and panel.table.object
    view.act("study-do low 4500")
    assert view.session.state.view.ask[0] == 4500.0
    view.key("Escape")
    assert view.session.state.view.study == "" and not is_shown(view.studies.root)
    view.session.set(ask=(5000, 5500))
    view.act("study spectrafm")
    assert panel.box.left == 5000 and 'value="5500"' in panel.fields.object  # what it missed


def test_foreign_text_is_escaped(opened: Any) -> None:
    session, _ = opened
    answer = session.state.study.answer
    evil = "<script>x</script>"
    labels = tuple(
        replace(one, catalogue=evil, name=evil if i else one.name, note=evil) for i, one in enumerate(answer.labels)
    )
    bad = replace(answer, labels=labels, warnings=(evil,), problem=evil, model=evil)
    for written in (table(bad), parts(bad), sentence(bad, evil)):
        assert "<script>" not in written
    assert "[Fe/H]: learned from simulated spectra only." in table(answer)
