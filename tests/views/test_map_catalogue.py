"""The map of a catalogue that keeps maps and clusters: planes, colours, one cluster, many stars off the thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.catalog.maps.clusters import Clusters, ClusterSummary
from specviz.catalog.planes import Planes
from specviz.errors import OptionError
from specviz.session.regions import searched
from specviz.session.sharing import view_of
from specviz.session.view_options import ViewOptions
from specviz.views import density, map_colours, map_controls, map_scene
from specviz.views.palette import CLUSTERS, GREY

HOSTILE = "<img src=x onerror=alert(1)>"


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


class _Map:
    """A map as :class:`specviz.catalog.maps.stored.StoredMap` is asked for it."""

    labels = ("UMAP axis 1", "UMAP axis 2")

    def __init__(self, xy: Any) -> None:
        self.xy = xy
        self.threads: list[str] = []

    @property
    def placing(self) -> Any:
        return self

    def place(self, vectors: Any) -> Any:
        self.threads.append(threading.current_thread().name)
        return np.array([[0.5, -0.5]], np.float32)

    def note(self, stars: int) -> str:
        return ""


class _Maps:
    def __init__(self, n: int) -> None:
        rng = np.random.default_rng(3)
        labels = np.repeat(np.arange(-1, 9), -(-n // 10))[:n].astype(np.int32)
        centres = rng.normal(size=(10, 2)) * 5
        self.map = _Map((centres[labels] + rng.normal(size=(n, 2)) * 0.3).astype(np.float32))
        kinds = [HOSTILE, *(f"kind {i}" for i in range(1, 9))]
        counts = np.bincount(labels[labels >= 0])
        text = "2,000 stars; [Fe/H] -0.53 dex."
        self._clusters = Clusters(
            labels, tuple(ClusterSummary(i, int(counts[i]), kinds[i], text) for i in range(len(counts)))
        )

    def names(self) -> tuple[str, ...]:
        return ("umap",)

    def open(self, name: str) -> Any:
        return self.map

    def clusters(self) -> Clusters:
        return self._clusters


def _planes(n: int = 2000) -> tuple[Planes, _Maps]:
    rng = np.random.default_rng(0)
    columns = dict(teff=rng.normal(5500, 600, n), logg=rng.normal(4, 0.5, n), fe_h=rng.normal(-0.3, 0.3, n))
    maps = _Maps(n)
    table = Table({"object_id": [f"demo {i + 1}" for i in range(n)], **columns})
    return Planes(table, maps=maps), maps


@pytest.fixture
def view(make_view: Any) -> Any:
    made = make_view("demo 3")
    made.map._reference = lambda: made.kept[0]
    made.kept = _planes()
    made.session.planes = lambda: made.kept[0]
    made.session.open("demo 4")
    made.session.wait()
    return made


def test_planes_of_the_catalogue_stand_in_a_menu(view: Any) -> None:
    assert 'data-sv-set="plane umap"' in view.map.switch.object and "<details" in view.map.switch.object
    view.session.set(plane="umap")
    _until(lambda: view.map._plane.name == "umap" and view.map._shown.place is not None)
    _until(lambda: view.map.star.data["x"] == [0.5])
    assert view.map.figure.xaxis[0].axis_label == "UMAP axis 1"
    assert view.kept[1].map.threads and all(t.startswith("specviz-map") for t in view.kept[1].map.threads)
    xy = view.kept[1].map.xy
    near = view.map.near.data
    rows = np.asarray(view.session.state.neighbours["row"])[np.asarray(near["row"], int)]
    assert np.allclose(near["x"], xy[rows, 0])


def test_without_that_map_the_first_plane_is_shown_and_it_is_said(make_view: Any) -> None:
    view = make_view("demo 3")
    view.session.set(plane="umap")  # as a saved session does that was made with another catalogue
    _until(lambda: view.map._shown is not None and view.map._shown.ask.view[0] == "umap")
    assert view.map.figure.xaxis[0].axis_label == "Teff (K)"
    assert "UMAP" in view.map.key.object and "Kiel is shown" in view.map.key.object
    assert 'plane kiel" aria-pressed="true"' in view.map.switch.object


def test_clusters_are_coloured_numbered_and_titled(view: Any) -> None:
    view.session.set(map_colour="cluster")
    assert set(np.unique(view.map.background.data["c"])) == set(range(8))  # seven of nine, and all others
    assert list(view.map.colours.palette) == [GREY, *CLUSTERS]
    numbers = view.map.drawing._numbers
    assert list(numbers.data["number"]) == [str(i) for i in range(7)]
    assert HOSTILE not in view.map.key.object and "&lt;img" in view.map.key.object and "All 9" in view.map.key.object
    numbers.selected.indices = [2]  # what a press on a number does
    assert view.session.state.view.cluster == 2 and view.session.state.call == "explorer.set(cluster=2)"
    assert (
        "kind 2" in view.map.key.object
        and "\u22120.53" in view.map.key.object
        and "2\u202f000 stars" in view.map.key.object
    )
    assert set(np.unique(view.map.background.data["c"])) == {0, 1} and list(view.map.colours.palette) == [
        GREY,
        CLUSTERS[2],
    ]
    view.session.undo()
    assert view.session.state.view.cluster is None


def test_a_cluster_alone_keeps_the_scale_of_a_label(view: Any) -> None:
    view.session.set(map_colour="teff", cluster=8)
    shown = view.map._shown.scene.points
    assert np.isfinite(shown.colour).sum() == 200 and view.map.colours.high > 6000
    assert " K, " in view.map.key.object
    view.session.set(cluster=77)
    assert "no cluster 77" in view.map.key.object


def test_the_stars_of_a_cluster_and_a_region_are_searched() -> None:
    planes, maps = _planes()
    rows, told = searched(planes, ViewOptions(cluster=4))
    assert np.array_equal(rows, np.flatnonzero(maps.clusters().labels == 4)) and told["cluster"] == "4 kind 4"
    box = ("kiel", (5000.0, 6000.0, 6000.0, 5000.0), (0.0, 0.0, 6.0, 6.0))
    both, _ = searched(planes, ViewOptions(cluster=4, region=box))
    assert 0 < len(both) < len(rows) and set(both) <= set(rows)
    plain = Planes(Table({"object_id": ["a"], "teff": [5000.0], "logg": [4.0]}))
    rows, told = searched(plain, ViewOptions(region=("umap", *box[1:])))
    assert rows is None and "the region of the map is not used" in told["not_found"]
    rows, told = searched(plain, ViewOptions(cluster=1))
    assert rows is None and "no cluster 1" in told["not_found"]


def test_clusters_are_whole_numbers() -> None:
    assert ViewOptions().with_(cluster=3.0).cluster == 3 and ViewOptions().with_(cluster=None).cluster is None
    assert view_of("plane:umap;cluster:3").cluster == 3  # as a link to a served page writes it
    for wrong in (-1, 1.5, True, "x", float("nan")):
        with pytest.raises(OptionError, match="number of a cluster"):
            ViewOptions().with_(cluster=wrong)


def test_many_stars_are_worked_out_beside_the_thread_that_draws(
    make_view: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("datashader")
    threads: list[str] = []
    asked, go = map_scene.scene_of, threading.Event()

    def scene_of(*arguments: Any) -> Any:
        threads.append(threading.current_thread().name)
        assert go.wait(60)
        return asked(*arguments)

    view = make_view("demo 3")
    planes, _ = _planes(120_000)
    view.map._reference = lambda: planes
    monkeypatch.setattr(map_scene, "scene_of", scene_of)
    view.session.set(map_colour="logg")  # comes back although the scene can't be made yet
    assert "Reading the catalogue" in view.map.key.object and view.map._picture.image is None
    go.set()
    _until(lambda: view.map._picture.image is not None)
    _until(lambda: "Reading" not in view.map.key.object)
    assert threads == ["specviz-map"] * len(threads)
    view.session.set(plane="umap", cluster=3)
    _until(lambda: view.map._shown.ask.view == ("umap", "logg", 3) and view.map.star.data["x"] == [0.5])


def test_what_is_shown_at_once_is_no_picture_of_the_window() -> None:
    pytest.importorskip("datashader")
    planes, _ = _planes(120_000)
    ask = map_scene.Ask(planes, ("kiel", "plain", None), None, (36, 30))
    first = map_scene.make(ask, at_once=True)
    assert first.passing and first.picture is not None and first.picture.sampled and first.scene is not None
    same = map_scene.Ask(planes, ask.view, first.scene.window, ask.size)
    then = map_scene.make(same, first)
    assert then.scene is first.scene and then.picture is not None and then.picture.image is not None
    again = map_scene.make(same, then)
    assert again.picture is then.picture


def test_groups_are_drawn_in_their_colours_and_the_others_step_back() -> None:
    pytest.importorskip("datashader")
    n = 30_000
    x = np.repeat([0.25, 0.75], n // 2)
    codes = np.repeat([0, 1], n // 2).astype(np.int8)
    points = density.Points(x, np.full(n, 0.5), codes=codes, palette=(GREY, "#007799"), aside=True)
    picture = points.picture((0, 1, 0, 1), (2, 1))
    assert picture.image is not None and picture.inside == n
    image = picture.image.view(np.uint8).reshape(2, 4)
    assert tuple(image[1, :3]) == (0x00, 0x77, 0x99) and tuple(image[0, :3]) == (0x80, 0x85, 0x8E)
    assert image[0, 3] < 0.5 * image[1, 3]
    few = density.Points(x[:100], x[:100], codes=np.zeros(100, np.int8), palette=(GREY, "#007799"), aside=True)
    assert len(few.picture((0, 1, 0, 1), (2, 1)).rows) == 100


def test_the_number_of_a_bent_cluster_stands_in_it() -> None:
    angle = np.linspace(0, np.pi, 2000)
    plane = type("Plane", (), {"x": np.cos(angle), "y": np.sin(angle)})
    x, y = map_colours.middles(plane, np.zeros(2000, int), [0])[0]
    assert abs(np.hypot(x, y) - 1) < 0.05


def test_the_switch_says_why_a_plane_is_not_there() -> None:
    planes, _ = _planes()
    scene = map_scene.scene_of(planes, "kiel", "plain", None)
    assert scene is not None
    html = map_controls.planes_switch(ViewOptions(), scene)
    assert "no G magnitudes" in html and "<button" in html
