"""``ChartView``: layers by name, replaced in place, in our colours."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest
from bokeh.models import ColumnDataSource

from specviz.errors import OptionError
from specviz.views.chart import ChartView
from specviz.views.palette import LIGHT


def _sources(view: ChartView) -> list[ColumnDataSource]:
    return [r.data_source for r in view.figure.renderers]


def test_a_name_drawn_again_keeps_its_models() -> None:
    view = ChartView("x", "y")
    view.curve("a", [0, 1], [1, 2], error=0.5)
    before = list(view.figure.renderers)
    view.curve("a", [0, 1, 2], [3, 3, 3], error=[1, 1, 1])
    assert view.figure.renderers == before
    np.testing.assert_array_equal(view.data("a")["low"], [2, 2, 2])
    assert view.layers == ("a",)


def test_another_kind_under_a_name_takes_its_place() -> None:
    view = ChartView()
    view.curve("a", [0, 1], [1, 2], role="predicted")
    view.bars("a", [0, 1, 2], [5, 6])
    assert view.layers == ("a",) and len(view.figure.renderers) == 1
    assert view.figure.renderers[0].glyph.top == "top"


def test_colours_are_roles_and_taken_in_turn() -> None:
    view = ChartView()
    for name in "abc":
        view.curve(name, [0, 1], [0, 1])
    colours = [r.glyph.line_color for r in view.figure.renderers]
    assert len(set(colours)) == 3 and set(colours) <= set(LIGHT.values())
    with pytest.raises(OptionError, match="observed"):
        view.curve("d", [0, 1], [0, 1], role="observd")


def test_a_label_longer_than_its_axis_takes_two_lines() -> None:
    long = "Hydrogen in level 2 (parts per million)"
    assert ChartView("x", long, height=220).figure.yaxis.axis_label == "Hydrogen in level 2\n(parts per million)"
    assert ChartView("x", long, height=400).figure.yaxis.axis_label == long


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0.02, 0.3), ["0.02", "0.05", "0.1", "0.2"]),
        ((250, 0.8), ["1", "2", "5", "10", "20", "50", "100", "200"]),
        ((5e-6, 2e4), ["10⁻⁵", "10⁻⁴", "0.001", "0.01", "0.1", "1", "10", "100", "1000", "10⁴"]),
        ((-1, 5), []),
    ],
)
def test_a_logarithmic_axis_has_numbers_in_every_decade(ends: tuple[float, float], ticks: list[str]) -> None:
    (axis,) = ChartView("x", "y", x_log=True).figure.xaxis
    start, end = ends
    script = f"""const cb_data = {{range: {{start: {start}, end: {end}}}}}
    const all = (() => {{ {axis.ticker.major_code} }})()
    console.log(JSON.stringify(all.map((tick) => {{ {axis.formatter.code} }})))"""
    done = subprocess.run(["node", "-e", script], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) == ticks


def test_a_legend_stands_where_there_are_two_names() -> None:
    view = ChartView()
    view.curve("a", [0, 1], [0, 1])
    assert not view._legend.visible
    view.points("b", [0], [0])
    assert view._legend.visible and [i.label.value for i in view._legend.items] == ["a", "b"]
    view.remove("a")
    assert not view._legend.visible and view.layers == ("b",)


def test_points_may_have_bars() -> None:
    view = ChartView()
    view.points("a", [0, 1], [1, 2], error=[0.5, 1.0], names=["p", "q"])
    np.testing.assert_array_equal(view.data("a")["high"], [1.5, 3.0])
    assert len(view.figure.renderers) == 2
    view.points("a", [0], [1])
    assert len(view.figure.renderers) == 1


def test_matrix_rows_from_the_top_and_scaled_again() -> None:
    view = ChartView("Gaia XP", "LAMOST")
    view.matrix("m", [[1.0, 2.0], [3.0, 4.0]], rows=["p", "q"], columns=["r", "s"])
    cells = view.data("m")
    first = {k: cells[k][0] for k in cells}
    assert (first["row"], first["column"], first["top"], first["bottom"]) == ("p", "r", 2, 1)
    assert view.figure.yaxis[0].major_label_overrides == {0.5: "q", 1.5: "p"}
    view.matrix("m", np.zeros((3, 3)), limits=(-1, 1))
    assert (view._mappers["m"].low, view._mappers["m"].high) == (-1, 1)
    assert view.figure.x_range.end == 3


def test_marks_are_moved_not_added() -> None:
    view = ChartView()
    view.marks([("Hα", 6564.6), ("Hβ", 4862.7)])
    view.marks([("Hα", 6570.0)])
    assert [s.location for s in view._spans if s.visible] == [6570.0]
    assert view._tags is not None and view._tags.data["text"] == ["Hα"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda v: v.curve("a", [0, 1], [1]),
        lambda v: v.curve("a", [0, 1], [1, 2], error=[1, 2, 3]),
        lambda v: v.bars("a", [0, 1], [1, 2]),
        lambda v: v.matrix("a", np.zeros((100, 100))),
        lambda v: v.matrix("a", np.zeros((2, 2)), rows=["one"]),
        lambda v: v.remove("a"),
    ],
)
def test_what_does_not_fit_is_said(draw: Any) -> None:
    view = ChartView()
    with pytest.raises(OptionError):
        draw(view)
    assert view.layers == ()


def test_limits_in_either_order() -> None:
    assert (ChartView(x_range=(12000, 3500)).figure.x_range.start) == 12000
    with pytest.raises(OptionError, match="different"):
        ChartView(y_range=(1, 1))
