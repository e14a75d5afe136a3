"""The map: planes, the star with its contour, selection both ways, regions, many stars."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.archives.demo import DemoArchive
from specviz.catalog.planes import Planes
from specviz.views import density, map_star


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_planes_are_an_option_and_those_that_cannot_be_drawn_say_why(make_view: Any) -> None:
    view = make_view("demo 2")
    assert "This catalogue has no embeddings" in view.map.switch.object
    assert 'data-sv-set="plane hr"' not in view.map.switch.object  # no magnitudes in this one
    view.session.set(plane="alpha")  # not possible here: the first plane stays
    assert view.map.figure.xaxis[0].axis_label == "Teff (K)"
    assert view.map.figure.x_range.start > view.map.figure.x_range.end  # Teff runs to the left


def test_the_star_stands_at_its_median_with_contour_and_catalogue(make_view: Any) -> None:
    view = make_view("demo 2")
    state, drawn = view.session.state, view.map
    median, low, high = state.report.posterior.summary()["teff"]
    assert drawn.star.data["x"] == [median] and drawn.star.data["x0"] == [low] and drawn.star.data["x1"] == [high]
    assert drawn.catalogue.data["x"] == [state.star.catalogue["teff"]]
    assert "</svg> Simulation<" in drawn.key.object  # the same word for the diamond as beside the posterior
    outline = drawn.contour.data["xs"]
    assert outline and min(outline[0]) < median < max(outline[0])


def test_absolute_magnitude_comes_from_the_parallax_with_its_error() -> None:
    star = DemoArchive().star(2)
    gaia = {"g_mag": 10.0, "parallax": 10.0, "parallax_err": 0.1, "source": "Gaia DR3"}
    assert map_star.absolute_g(star.with_(catalogue=gaia)) == pytest.approx((5.0, 4.97829, 5.02171), abs=1e-5)
    assert map_star.absolute_g(star.with_(catalogue={"g_mag": 10.0, "parallax": -1.0})) is None
    assert map_star.catalogue_place(("bp_rp", "m_g"), star.with_(catalogue={**gaia, "bp_rp": 0.8})) is None


def test_selection_goes_both_ways(make_view: Any) -> None:
    view = make_view("demo 3")
    dots = view.map.near.data
    assert sorted(dots["row"]) == list(range(11))
    view.map.near.selected.indices = [2]  # what a press on a dot does
    row = int(dots["row"][2])
    assert view.session.state.neighbour == row and view.similar.marks.data["chosen"] == [row]
    assert view.map.chosen.data["x"] == [dots["x"][2]]
    view.map.drawing.pointed.data = {"at": [0]}
    _until(lambda: view.session.state.peek == int(dots["row"][0]))
    view.map.drawing.pointed.data = {"at": []}
    assert view.session.state.peek is None


def test_a_lasso_becomes_the_region(make_view: Any) -> None:
    view = make_view("demo 3")
    view.map.drawing.drawn.data = {"x": list(np.linspace(5000, 6000, 450)), "y": [3.0, 4.0, 5.0] * 150}
    plane, xs, ys = view.session.state.view.region
    assert plane == "kiel" and len(xs) == len(ys) <= 200
    assert view.map.region.data["xs"] == [list(xs)] and "Clear region" in view.map.key.object
    view.act("all-similar")
    assert view.map.region.data["xs"] == [] and "Clear region" not in view.map.key.object


def test_reference_stars_are_coloured_by_metallicity(make_view: Any) -> None:
    view = make_view("demo 3")
    assert view.map.drawing._dots.glyph.fill_color == "#C3C8D0"
    view.session.set(map_colour="fe_h")
    assert view.map.drawing._dots.glyph.fill_color.transform is view.map.colours
    assert -1.1 < view.map.colours.low < view.map.colours.high < 0.5 and "dex" in view.map.key.object
    assert np.ptp(view.map.background.data["c"]) > 1
    view.session.undo()
    assert view.map.drawing._dots.glyph.fill_color == "#C3C8D0"


def _many(n: int = 60_000) -> Planes:
    rng = np.random.default_rng(0)
    return Planes(
        Table({"object_id": np.arange(n).astype(str), "teff": rng.normal(5500, 600, n), "logg": rng.normal(4, 0.5, n)})
    )


def test_many_stars_become_an_image_drawn_again_for_a_zoom(make_view: Any) -> None:
    pytest.importorskip("datashader")
    view = make_view("demo 3")
    planes = _many()
    view.map._reference = lambda: planes
    view.session.open("demo 4")
    view.session.wait()
    _until(lambda: view.map._picture.image is not None)
    assert view.map._picture.image.shape == (300, 360) and len(view.map.background.data["x"]) == 0
    assert "60\u202f000 stars" in view.map.key.object
    view.map.figure.x_range.update(start=6000, end=5000)
    view.map.drawing.seen.data = {"x0": [6000], "x1": [5000], "y0": [5.3], "y1": [0.2], "w": [200], "h": [150]}
    _until(lambda: view.map._picture.image.shape == (150, 200))
    assert view.map._picture.window[:2] == (5000, 6000)
    assert view.map.drawing._picture.data["dw"] == [1000]
    view.map.figure.x_range.update(start=5510, end=5500)
    view.map.drawing.seen.data = {"x0": [5510], "x1": [5500], "y0": [5.3], "y1": [0.2], "w": [200], "h": [151]}
    _until(lambda: len(view.map.background.data["x"]) > 100)  # few are left: dots
    assert view.map.drawing._picture.data["image"] == []


def test_without_datashader_it_is_said(make_view: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(density, "available", lambda: False)
    view = make_view("demo 3")
    planes = _many()
    view.map._reference = lambda: planes
    view.session.open("demo 4")
    view.session.wait()
    assert 15_000 < len(view.map.background.data["x"]) <= density.SAMPLE
    assert "jupyter-specviz[maps]" in view.map.key.object
