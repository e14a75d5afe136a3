"""Planes of a catalogue: what can be drawn, why the others cannot, and which stars lie in a region."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.archives.demo import DemoArchive
from specviz.catalog.index import SimilarityIndex
from specviz.catalog.planes import Planes
from specviz.errors import CatalogError, OptionError
from specviz.spectra.star import Identifier, Star


def _table(n: int = 400) -> Table:
    rng = np.random.default_rng(3)
    return Table(
        {
            "object_id": [f"star {i}" for i in range(n)],
            "teff": rng.uniform(4000, 7000, n),
            "logg": rng.uniform(0, 5, n),
            "mh_gspphot": rng.normal(-0.3, 0.3, n),
            "phot_g_mean_mag": rng.uniform(8, 14, n),
            "parallax": rng.uniform(-0.5, 10, n),
        }
    )


def test_a_plane_that_the_catalogue_cannot_fill_says_why() -> None:
    planes = Planes(_table())
    assert planes.reasons() == {
        "kiel": "", "hr": "", "alpha": "This catalogue has no [α/Fe]", "embedding": "This catalogue has no embeddings"
    }  # fmt: skip
    with pytest.raises(CatalogError, match="no embeddings"):
        planes.plane("embedding")
    with pytest.raises(OptionError, match="kiel, embedding"):
        planes.plane("kiell")


def test_absolute_magnitudes_are_those_of_the_parallax_and_missing_where_it_is_not_positive() -> None:
    table = _table()
    planes = Planes(table)
    plane = planes.plane("hr")
    assert (
        plane.columns == ("teff", "m_g")
        and plane.labels[1] == "M_G, dust not removed (mag)"
        and plane.down == (True, True)
    )
    good = np.asarray(table["parallax"]) > 0
    wanted = np.asarray(table["phot_g_mean_mag"])[good] - 5 * np.log10(1000 / np.asarray(table["parallax"])[good] / 10)
    np.testing.assert_allclose(plane.y[good], wanted, atol=1e-9)
    assert np.isnan(plane.y[~good]).all() and (~good).sum() > 5
    table["bp_rp"] = 1.0
    assert Planes(table).plane("hr").labels[0] == "BP − RP (mag)"


def test_a_polygon_finds_the_stars_that_a_slow_test_finds() -> None:
    planes = Planes(_table())
    plane = planes.plane("kiel")
    xs, ys = (4500, 6500, 6000, 5200), (1.0, 1.5, 4.0, 2.0)  # not convex
    from matplotlib.path import Path

    slow = np.flatnonzero(Path(np.column_stack([xs, ys])).contains_points(np.column_stack([plane.x, plane.y])))
    found = planes.within("kiel", xs, ys)
    assert found.tolist() == slow.tolist() and found.size > 20
    assert planes.names(found[:1]) == [f"star {found[0]}"]
    with pytest.raises(OptionError, match="at least three"):
        planes.within("kiel", (1, 2), (1, 2))


def test_the_demo_sky_fills_every_plane() -> None:
    from specviz import api

    index = api.demo_catalog(api.default_engine(), "gaia_xp")
    assert set(index.planes.reasons().values()) == {""}
    plane = index.planes.plane("hr")
    star = DemoArchive().star(20)
    row = index.planes.names(range(30)).index(star.name)
    wanted = star.catalogue["g_mag"] - 5 * np.log10(star.catalogue["distance_pc"] / 10)
    assert plane.y[row] == pytest.approx(wanted, abs=1e-6) and plane.x[row] == star.catalogue["teff"]
    assert index.planes.project(index.vectors[row]) == pytest.approx(tuple(index.map.coordinates[row]), abs=1e-5)


class TestSelf:
    @pytest.fixture
    def index(self) -> SimilarityIndex:
        rng = np.random.default_rng(1)
        table = _table(50)
        table["ra"], table["dec"] = np.linspace(0, 359, 50), np.linspace(-80, 80, 50)
        table["object_id"] = [
            *[f"star {i}" for i in range(7)],
            "4345775217221821312",
            *[f"star {i}" for i in range(8, 50)],
        ]
        return SimilarityIndex(rng.normal(size=(50, 8)), table, model_sha256="a" * 64, survey="gaia_xp")

    def test_a_star_is_found_by_name_identifier_or_position(self, index: Any) -> None:
        assert index.rows_of_star(Star("star 3")) == [3]
        known = Star("HD 140283", identifiers=(Identifier("gaia", "DR3", "4345775217221821312"),))
        assert index.rows_of_star(known) == [7]
        near = Star(
            "x",
            ra=float(index.table["ra"][9]) + 0.0004 / np.cos(np.radians(index.table["dec"][9])),
            dec=float(index.table["dec"][9]),
        )
        assert index.rows_of_star(near) == [9]
        assert index.rows_of_star(Star("x", ra=10.0, dec=0.0)) == []
        assert index.rows_of_star(Star("demo 3", identifiers=(Identifier("demo", "simulated", "3"),))) == []

    def test_what_is_left_out_is_told_with_its_rank(self, index: Any) -> None:
        vector = index.vectors[3] + 0.2 * index.vectors[4]
        every = index.search(vector, k=50)
        found = index.search(vector, k=50, exclude=[4])
        rank = int(np.flatnonzero(np.asarray(every["row"]) == 4)[0]) + 1
        ((name, told, similarity),) = found.meta["left_out"]
        assert (name, told) == ("star 4", rank) and similarity == pytest.approx(float(every["similarity"][rank - 1]))
        assert len(found) == 49 and 4 not in found["row"]

    def test_a_search_among_some_rows(self, index: Any) -> None:
        found = index.search(index.vectors[3], k=20, among=[1, 2, 3, 40], exclude=[3, 30])
        assert sorted(found["row"]) == [1, 2, 40] and found.meta["searched"] == 4
        assert [n for n, *_ in found.meta["left_out"]] == ["star 3"]
        assert len(index.search(index.vectors[3], k=5, among=[])) == 0
