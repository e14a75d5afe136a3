"""What the person chose to see: checked, kept, undone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from specviz.errors import OptionError
from specviz.session.keeper import Keeper
from specviz.session.state import State
from specviz.session.view_options import ViewOptions
from specviz.session.viewing import Viewing


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("smoth", 2, "Did you mean 'smooth'"),
        ("flux", "normalized", "Did you mean 'normalised'"),
        ("rv", 1e6, "-3000 to 3000 km/s"),
        ("rv", float("nan"), "-3000 to 3000"),
        ("smooth", True, "0 to 50 pixels"),
        ("zoom", (6000, 5000), "low below high"),
        ("zoom", "wide", "(low, high) in Angstrom"),
        ("lines", ("H", "Xx"), "no Xx"),
        ("link_zoom", 1, "True or False"),
    ],
)
def test_a_wrong_option_is_named_and_changes_nothing(option: str, value: Any, words: str) -> None:
    viewing = Viewing(State())
    with pytest.raises(OptionError) as caught:
        viewing.set(**{option: value})
    assert words in str(caught.value)
    assert viewing.state.view == ViewOptions() and not viewing.undo()


def test_options_survive_json_and_have_one_order() -> None:
    view = ViewOptions().with_(lines=("Fe", "H"), zoom=[5000, 5100.5], rv="12.5", hidden="masked")
    assert view.lines == ("H", "Fe") and view.zoom == (5000.0, 5100.5) and view.rv == 12.5
    assert ViewOptions.from_dict(json.loads(json.dumps(view.to_dict()))) == view
    assert view.changes_from(ViewOptions()) == {
        "lines": ("H", "Fe"), "zoom": (5000.0, 5100.5), "rv": 12.5, "hidden": ("masked",)
    }  # fmt: skip


def test_undo_and_redo_step_through_changes_and_a_drag_is_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("specviz.session.viewing.time.monotonic", lambda: now[0])
    viewing = Viewing(State())
    heard: list[ViewOptions] = []
    assert isinstance(viewing, Keeper)
    viewing.subscribe(lambda _old, new: heard.append(new.view))
    viewing.set(flux="normalised")
    for rv in range(1, 20):
        now[0] += 0.05
        viewing.set(rv=rv)
    viewing.set(rv=19)  # no change, no step
    assert len(heard) == 20
    now[0] += 5
    viewing.set(rv=30)
    assert viewing.state.can_undo and not viewing.state.can_redo
    assert viewing.undo() and viewing.state.view.rv == 19
    assert viewing.undo() and viewing.state.view == ViewOptions(flux="normalised")
    assert viewing.redo() and viewing.state.view.rv == 19
    viewing.set(unit="nm")
    assert not viewing.state.can_redo and not viewing.redo()
    assert viewing.undo() and viewing.undo() and viewing.undo() and not viewing.undo()
    assert viewing.state.view == ViewOptions() and not viewing.state.can_undo


def test_there_and_back_within_a_burst_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("specviz.session.viewing.time.monotonic", lambda: 0.0)
    viewing = Viewing(State())
    viewing.set(unit="nm")
    for _ in range(2):
        viewing.set(flux="normalised")
        viewing.set(flux="flux")
    viewing.set(flux="normalised")
    assert viewing.undo() and viewing.state.view == ViewOptions(unit="nm")
    assert viewing.undo() and viewing.state.view == ViewOptions() and not viewing.undo()


def test_the_velocity_is_of_one_star_the_rest_of_the_view_stays(fake_model_class: Any) -> None:
    from specviz.analysis.engine import Engine
    from specviz.session.session import Session

    session = Session(Engine(fake_model_class(), samples=50))
    session.open("demo 1").finished.wait(30)
    session.wait()
    session.set(rv=-83.0, zoom=(6500, 6620), flux="normalised")
    session.open("demo 2")
    view = session.wait().view
    assert (view.rv, view.zoom, view.flux) == (None, (6500.0, 6620.0), "normalised")
    session.close()
