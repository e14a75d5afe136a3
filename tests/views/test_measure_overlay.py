"""Measuring over the LAMOST panel, without a browser: the drag, the marks in the panel's scale, the words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from bokeh.events import SelectionGeometry
from bokeh.models import BoxSelectTool

from specviz.archives.demo import DemoArchive
from specviz.session.state import Correlated
from specviz.spectra.velocity import Velocity
from specviz.views import measure_text
from specviz.views.controls import is_shown
from specviz.views.explorer import ExplorerView


def dragged(view: ExplorerView, x0: float, x1: float, *, final: bool = True) -> None:
    """What the browser sends when the tool is let go."""
    shape = {"type": "rect", "x0": x0, "x1": x1, "y0": 0, "y1": 1}
    view.lamost.figure._trigger_event(SelectionGeometry(view.lamost.figure, geometry=shape, final=final))


@pytest.fixture
def view(make_view: Any) -> ExplorerView:
    made: ExplorerView = make_view("demo 1")
    return made


def test_nothing_is_made_before_it_is_wanted(view: ExplorerView) -> None:
    over = view.lamost.measured
    assert over.tool is None and over.windows is None and not is_shown(over.row.model)
    assert not any(isinstance(t, BoxSelectTool) for t in view.lamost.figure.toolbar.tools)
    assert 'data-sv-toggle="measuring"' in view.lamost.tools.object and "Find RV" in view.lamost.tools.object


def test_a_drag_measures(view: ExplorerView) -> None:
    view.session.set(measuring=True)
    over, fig = view.lamost.measured, view.lamost.figure
    assert isinstance(fig.toolbar.active_drag, BoxSelectTool) and fig.toolbar.active_drag.renderers == []
    assert is_shown(over.row.model) and "Drag across a line" in over.row.object
    dragged(view, 4876.0, 4850.0)
    dragged(view, 5000.0, 5000.2)  # a click
    dragged(view, 5000.0, 5100.0, final=False)
    (found,) = view.session.state.measurements
    assert (found.low, found.high) == (4850.0, 4876.0)
    assert measure_text.width(found) in over.row.object and over.windows is not None
    assert list(over.windows.data["left"]) == [found.low, found.bands[0][0], found.bands[1][0]]
    assert over.names.data["text"] == [measure_text.width(found)]
    view.act("unmeasure 0")
    assert view.session.state.measurements == () and over.windows.data["left"].size == 0


def test_the_continuum_is_drawn_in_the_panel_s_scale(view: ExplorerView) -> None:
    view.session.measure(4850, 4876)
    over = view.lamost.measured
    x, y, level = (np.asarray(over.lines.data[k], float) for k in ("x", "y", "level"))
    assert np.isnan(x[-1]) and x.size == 3
    data = view.lamost.data.data
    near = (np.asarray(data["x"]) > 4835) & (np.asarray(data["x"]) < 4890)
    assert 0.7 < y[0] / np.nanmax(np.asarray(data["y"])[near]) < 1.1
    assert np.allclose(level[:2], np.interp(x[:2], data["x"], data["level"]), rtol=1e-3)


def test_what_cannot_be_measured_is_said_in_a_notice(view: ExplorerView) -> None:
    view.session.set(measuring=True)
    dragged(view, 2500.0, 2600.0)
    notice = view.session.state.notice
    assert notice is not None and notice.title == "That could not be measured" and "covers" in notice.text
    view.act("correlate")  # this session has no templates
    assert "no templates" in view.session.state.notice.text  # type: ignore[union-attr]


def test_the_velocity_is_told_with_its_picture() -> None:
    grid = np.linspace(-1500, 1500, 301)
    found = Velocity(-83.14, 2.44, 18.2, 0.81, "6000/4.2/-0.5", grid, np.exp(-0.5 * ((grid + 83) / 110) ** 2), 3000)
    said = measure_text.velocity(Correlated(found))
    assert "−83.1 ± 2.4" in said and "R 18.2" in said and "6000/4.2/−0.5" in said
    assert 'data-sv-set="rv -83.14"' in said and "<polyline" in said
    assert "in use" in measure_text.velocity(Correlated(found), -83.14)
    evil = replace(found, template="<img src=x onerror=alert(1)>")
    assert "<img" not in measure_text.velocity(Correlated(evil))
    assert "<b>no" not in measure_text.velocity(Correlated(problem="<b>no peak</b>"))
    assert "Cross-correlating" in measure_text.velocity(Correlated())


def test_the_indices_follow_star_and_velocity(view: ExplorerView) -> None:
    view.session.set(indices=True)
    first = view.lamost.measured.row.object
    assert "Hβ" in first and "sv-indices" in first and "Mg <i>b</i>" in first
    view.session.set(rv=120.0)
    second = view.lamost.measured.row.object
    assert second != first and "RV 120.0" in second
    view.session.set(indices=False)
    assert not is_shown(view.lamost.measured.row.model)


def test_copied_text_is_plain_and_whole(view: ExplorerView) -> None:
    view.session.measure(4850, 4876)
    text = measure_text.as_csv(view.session.state.measurements)
    assert text.isascii() and text.splitlines()[1].startswith("4850.0000,4876.0000,")


def test_the_next_star_begins_without(view: ExplorerView) -> None:
    view.session.measure(4850, 4876)
    view.session.open(DemoArchive().star(3))
    view.session.wait()
    over = view.lamost.measured
    assert over.windows is not None and over.windows.data["left"].size == 0 and not is_shown(over.row.model)


def test_drawing_tells_no_line_of_code_of_its_own(view: ExplorerView) -> None:
    view.session.set(indices=True)
    assert "sv-indices" in view.lamost.measured.row.object
    assert view.session.state.call == "explorer.set(indices=True)"
    view.session.set(measuring=True)
    dragged(view, 4850.00311, 4875.99987)
    assert view.session.state.call == "explorer.measure(4850.0, 4876.0)"
