"""Similar stars in a session: ways of looking for them, filter, regions of the map, a look at one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.catalog.index import SimilarityIndex
from specviz.errors import OptionError
from specviz.session.session import Session

N = 40


class _Stars(SimilarityIndex):
    def neighbour_star(self, row: int) -> Any:
        return DemoArchive().star(row)


class _Sky:
    """Two indices of the same forty demo stars, one a survey."""

    def __init__(self, model: Any) -> None:
        self.asked: list[str] = []
        self._made = {}
        demo = DemoArchive()
        stars = [demo.star(i) for i in range(N)]
        table = Table(
            {
                "object_id": [s.name for s in stars],
                **{n: [s.catalogue[n] for s in stars] for n in ("teff", "logg", "fe_h")},
            }
        )
        table["snr"] = np.arange(N, dtype=float)
        for survey in ("lamost_lrs", "gaia_xp"):
            vectors = model.embed([model.prepare(s.spectra[survey]) for s in stars]).vectors
            self._made[survey] = _Stars(vectors, table, model_sha256="f" * 64, survey=survey)

    def __call__(self, _engine: Any, survey: str) -> Any:
        self.asked.append(survey)
        return self._made[survey]


@pytest.fixture
def session(fake_model_class: Any) -> Iterator[Session]:
    made = Session(Engine(fake_model_class(), samples=100), _Sky(fake_model_class()))
    made.open("demo 3")
    made.wait()
    yield made
    made.close()


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_search_is_made_again_in_another_way(session: Session) -> None:
    assert session.similar_way() == ("lamost_lrs", "lamost_lrs") and set(session.similar_ways().values()) == {""}
    first = session.state.neighbours
    assert "demo 3" not in first["object_id"]
    session.choose(0)
    session.set(similar_by="lamost_lrs", similar_in="gaia_xp")
    _until(lambda: session.similar_way() == ("lamost_lrs", "gaia_xp"))
    near = session.state.neighbours
    assert near.meta["survey"] == "gaia_xp" and "demo 3" not in near["object_id"]
    assert near.meta["left_out"][0][0] == "demo 3" and session.state.neighbour is None
    assert session.undo()
    _until(lambda: session.similar_way() == ("lamost_lrs", "lamost_lrs"))
    assert list(session.state.neighbours["object_id"]) == list(first["object_id"])


def test_a_way_that_this_star_does_not_allow_says_why(session: Session) -> None:
    star = DemoArchive().star(4)
    session.open(star.with_(spectra={"lamost_lrs": star.spectra["lamost_lrs"]}))
    session.wait()
    ways = session.similar_ways()
    assert "no XP spectrum" in ways["gaia_xp", "lamost_lrs"] and ways["lamost_lrs", "gaia_xp"] == ""
    session.set(similar_by="gaia_xp")  # better another way than none
    time.sleep(0.2)
    assert session.similar_way() == ("lamost_lrs", "lamost_lrs") and len(session.state.neighbours) == N - 1


def test_filter_by_program(session: Session) -> None:
    left = session.filter_similar("snr>=20")
    rows, problem = session.listed_similar()
    assert left == len(rows) > 0 and problem == ""
    assert all(session.state.neighbours["snr"][r] >= 20 for r in rows)
    with pytest.raises(OptionError):
        session.filter_similar("snrr>20")
    assert session.state.view.similar_filter == "snr>=20"
    session.set(similar_filter="snrr>20")  # typed: nothing is lost, and it is said
    rows, problem = session.listed_similar()
    assert len(rows) == N - 1 and "Did you mean 'snr'" in problem
    session.set(similar_filter="", similar_sort="-snr")
    rows, _ = session.listed_similar()
    values = [float(session.state.neighbours["snr"][r]) for r in rows]
    assert values == sorted(values, reverse=True)


def test_a_region_limits_the_search_and_fills_the_work_list(session: Session) -> None:
    table = session.planes()._table
    low, high = np.percentile(np.asarray(table["teff"]), (20, 60))
    session.select_region((low, high), (-1.0, 6.0))
    _until(lambda: "region" in session.state.neighbours.meta)
    near = session.state.neighbours
    inside = [str(n) for n, t in zip(table["object_id"], table["teff"], strict=True) if low <= t <= high]
    assert session.region_names() == inside and near.meta["region"] == len(inside)
    assert set(near["object_id"]) == set(inside) - {"demo 3"}
    session.list_region()
    assert [w.name for w in session.state.work] == inside
    session.select_region(None)
    _until(lambda: "region" not in session.state.neighbours.meta)
    with pytest.raises(OptionError, match="3 to 200 corners"):
        session.select_region((1, 2, 3), (1, 2))


def test_a_look_is_no_selection_and_ends(session: Session) -> None:
    session.choose(2)
    session.peek(5)
    _until(lambda: session.state.peek == 5)
    state = session.state
    assert state.neighbour == 2 and state.peek_star is not None and state.overlay is state.peek_star
    session.peek(None)
    assert session.state.peek is None and session.state.overlay is session.state.neighbour_star
    session.peek(7)
    session.open("demo 8")
    session.wait()
    time.sleep(0.1)
    assert session.state.peek is None  # of the table before


def test_opening_a_row_needs_no_selection(session: Session) -> None:
    wanted = str(session.state.neighbours["object_id"][4])
    assert session.open_neighbour() is None
    assert session.open_neighbour(4) is not None
    assert session.wait().star.name == wanted


def test_a_catalogue_without_spectra_is_selected_on_the_map_and_opened_by_name(fake_model_class: Any) -> None:
    model = fake_model_class()
    sky = _Sky(model)
    plain = sky._made["lamost_lrs"]
    index = SimilarityIndex(plain.vectors, plain.table, model_sha256="f" * 64, survey="lamost_lrs")
    session = Session(Engine(model, samples=50), lambda _e, _s: index)
    try:
        session.open("demo 3")
        session.wait()
        session.choose(1)
        assert session.state.neighbour == 1 and session.state.neighbour_star is None
        wanted = str(session.state.neighbours["object_id"][1])
        session.open_neighbour()
        assert session.wait().star.name == wanted
    finally:
        session.close()
