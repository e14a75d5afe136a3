"""Stars of a catalogue on disk, fetched when one is selected: what opens them, and what is said when none comes."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from specviz.analysis.engine import Engine
from specviz.app.catalogue import Catalogue
from specviz.app.catalogue_stars import CatalogueStars
from specviz.archives.demo import DemoArchive
from specviz.archives.finder import Sky
from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import NotFoundError, OfflineError, SpecvizError
from specviz.session.session import Session
from specviz.session.sharing import code_cell

pytest.importorskip("pyarrow")


def _until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def engine(fake_model_class: Any) -> Engine:
    return Engine(fake_model_class(), samples=10)


@pytest.fixture
def catalog(engine: Engine, tmp_path: Path) -> StarCatalog:
    """Five stars like the first of the demo sky, each to be found in another way."""
    vector = engine.analyse(DemoArchive().star(1)).embedding
    vectors = np.tile(np.asarray(vector, np.float32), (5, 1))
    vectors[:, 0] += np.linspace(0.0, 0.1, 5)
    made = StarCatalog.create(tmp_path / "mine", Header.of_model(engine.describe()))
    made.append(
        {
            "object_id": ["Demo 7", "of Gaia", "of LAMOST", "of a file", "of nobody"],
            "source_id": [0, 4_345_775_217_221_821_312, 5, 0, 0],
            "gaia_release": ["", "DR3", "", "", ""],
            "obsid": [0, 0, 353301001, 0, 0],
            "path": ["", "", "", "spectra/a.fits", ""],
        },
        {"lamost_lrs": vectors},
    )
    return made


class _Sky(Sky):
    def __init__(self) -> None:
        super().__init__(online=False)


def test_what_opens_each_star(catalog: StarCatalog) -> None:
    stars = CatalogueStars(catalog.index("lamost_lrs"), _Sky())
    targets = [stars.neighbour_target(row) for row in range(5)]
    assert targets == [
        "Demo 7",
        "Gaia DR3 4345775217221821312",
        "obsid 353301001",
        catalog.path / "spectra/a.fits",
        "of nobody",
    ]
    closed = CatalogueStars(catalog.index("lamost_lrs"), _Sky(), allow_paths=False)
    assert closed.neighbour_target(3) == "of a file"
    assert len(stars) == 5 and stars.survey == "lamost_lrs" and not hasattr(stars, "neighbour_window")


def test_a_star_is_fetched_once_and_what_fails_is_said(catalog: StarCatalog) -> None:
    stars = CatalogueStars(catalog.index("lamost_lrs"), _Sky())
    star = stars.neighbour_star(0)
    assert star.name.lower() == "demo 7" and stars.neighbour_star(0) is star
    with pytest.raises(OfflineError, match="Offline"):
        stars.neighbour_star(1)
    with pytest.raises(SpecvizError, match=r"a\.fits"):
        stars.neighbour_star(3)


def test_nobody_knows_it(catalog: StarCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_a: Any, **_k: Any) -> Any:
        raise NotFoundError("No")

    monkeypatch.setattr("specviz.app.catalogue_stars.resolve", nobody)
    with pytest.raises(NotFoundError, match="a column obsid, source_id or path"):
        CatalogueStars(catalog.index("lamost_lrs"), _Sky()).neighbour_star(4)


def test_selecting_one_does_not_wait_for_the_archive(catalog: StarCatalog, engine: Engine) -> None:
    session = Session(engine, Catalogue(catalog, engine, _Sky()), sky=_Sky())
    try:
        session.open("demo 1")
        near = session.wait().neighbours
        assert near.meta["of"] == "stars of mine" and near.meta["how"] == "exact" and not session.has_similar_windows()
        assert f"catalogue={str(catalog.path)!r}" in code_cell(session.state)
        names = list(near["object_id"])
        session.peek(names.index("of Gaia"))
        assert session.state.peek is not None and session.state.peek_star is None  # nobody was asked
        session.choose(names.index("Demo 7"))
        assert session.state.neighbour == names.index("Demo 7")
        _until(lambda: session.state.neighbour_star is not None)
        assert session.state.neighbour_said == ""
        session.choose(names.index("of Gaia"))
        assert session.state.neighbour_star is None
        _until(lambda: "Offline" in session.state.neighbour_said)
        session.choose(None)
        assert session.state.neighbour_said == "" and session.state.neighbour is None
        job = session.open_neighbour(names.index("Demo 7"))
        assert job is not None and session.wait().star.name.lower() == "demo 7"
    finally:
        session.close()


def test_without_a_sky_the_index_itself_is_asked(catalog: StarCatalog, engine: Engine) -> None:
    assert isinstance(Catalogue(catalog, engine)(engine), CatalogIndex)
