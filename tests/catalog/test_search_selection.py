"""Which stars are searched: labels, classes, names, places; in words too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.search.selection import Selection
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, OptionError

from .search_stars import SURVEY, brute, create, vectors


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    made = vectors(1500, 24)
    return create(tmp_path_factory.mktemp("selection") / "stars", [made[:700], made[700:]])


def _mask(stars: StarCatalog, **of: Any) -> dict[str, Any]:
    return {name: np.asarray(stars.column(name)) for name in ("teff", "snr", "class", "object_id", "ra", "dec")} | of


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("teff 5000..6000", lambda c: (c["teff"] >= 5000) & (c["teff"] <= 6000)),
        ("teff ..5000, snr>50", lambda c: (c["teff"] <= 5000) & (c["snr"] > 50)),
        ("teff>=5000 and teff<5500 snr 20..", lambda c: (c["teff"] >= 5000) & (c["teff"] < 5500) & (c["snr"] >= 20)),
        ("teff=5000..6000", lambda c: (c["teff"] >= 5000) & (c["teff"] <= 6000)),
        ("class g", lambda c: np.char.startswith(c["class"], "G")),
        ("class G2 class=M", lambda c: np.isin(c["class"], ["G2", "M1"])),
        ("name 123", lambda c: np.char.find(c["object_id"], "123") >= 0),
        ("dec>\u221210 dec<1e1", lambda c: (c["dec"] > -10) & (c["dec"] < 10)),
        ("", lambda c: np.ones(1500, bool)),
    ],
)
def test_words(stars: StarCatalog, text: str, true: Any) -> None:
    assert np.array_equal(Selection.parse(text).rows(stars), np.flatnonzero(true(_mask(stars))))


@pytest.mark.parametrize(("ra", "dec", "radius"), [(10.0, 20.0, 30.0), (359.5, 0.0, 15.0), (120.0, 89.0, 20.0),
                                                   (0.0, -90.0, 60.0), (200.0, -45.0, 180.0)])  # fmt: skip
def test_a_cone_is_astropys(stars: StarCatalog, ra: float, dec: float, radius: float) -> None:
    where = SkyCoord(stars.column("ra") * u.deg, stars.column("dec") * u.deg)
    true = where.separation(SkyCoord(ra * u.deg, dec * u.deg)) <= radius * u.deg
    rows = Selection(cone=(ra, dec, radius)).rows(stars)
    assert np.array_equal(rows, np.flatnonzero(true)) and rows.size


def test_a_box_across_zero(stars: StarCatalog) -> None:
    ra, dec = stars.column("ra"), stars.column("dec")
    true = ((ra >= 350) | (ra <= 20)) & (dec >= -30) & (dec <= 30)
    assert np.array_equal(Selection(box=(350, 20, -30, 30)).rows(stars), np.flatnonzero(true))
    assert len(Selection(box=(0, 360, -90, 90)).rows(stars)) == 1500


def test_all_of_it_must_hold_and_unknown_values_meet_nothing(tmp_path: Path) -> None:
    made = vectors(4, 8)
    catalog = StarCatalog.create(tmp_path / "few", create(tmp_path / "any", [made]).header.__class__(
        "fake", "1", "ab" * 32, "", {}))  # fmt: skip
    catalog.append({"object_id": list("abcd"), "teff": [5000, np.nan, 6000, 7000], "class": ["G", "", "G", "A"]},
                   {SURVEY: made})  # fmt: skip
    assert Selection(labels={"teff": (None, None)}).rows(catalog).tolist() == [0, 2, 3]
    assert Selection(labels={"teff": (None, 6000)}, classes="G", rows=[2, 3, 1]).rows(catalog).tolist() == [2]
    assert Selection(labels={"Teff": (6000, None)}).rows(catalog).tolist() == [2, 3]  # as other tables call it


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda c: Selection.parse("tef>5").rows(c), "Did you mean 'teff'"),
        (lambda c: Selection(labels={"mass": (1, 2)}).rows(c), "has no column 'mass'"),
        (lambda c: Selection(labels={"class": (1, 2)}).rows(c), "holds words"),
        (lambda c: Selection.parse("teff 6000..5000"), "runs backwards"),
        (lambda c: Selection.parse("teff hot"), "is no condition"),
        (lambda c: Selection.parse("<script>"), "is no condition"),
        (lambda c: Selection(cone=(1, 99, 1)), "declination"),
        (lambda c: Selection(cone=(1, 2)), r"\(ra, dec, radius\)"),
        (lambda c: Selection(cone=(1, 2, float("nan"))), "degrees"),
        (lambda c: Selection(box=(0, 1, 5, -5)), "smaller first"),
        (lambda c: Selection(labels={"teff": 5}), "is no range"),
        (lambda c: Selection(rows=[1500]).rows(c), "0 to 1499"),
        (lambda c: Selection(rows=[0.5]).rows(c), "whole numbers"),
    ],
)
def test_what_a_person_can_say_wrongly(stars: StarCatalog, make: Any, said: str) -> None:
    with pytest.raises((OptionError, CatalogError), match=said):
        make(stars)


def test_a_search_takes_a_selection_its_words_or_rows(stars: StarCatalog) -> None:
    index, query = CatalogIndex(stars, SURVEY), stars.vectors(SURVEY).take([3])[0]
    rows = Selection.parse("snr>50 class G").rows(stars)
    query /= np.linalg.norm(query)
    true, _ = brute(stars, query[None], 6, rows)
    for among in (Selection.parse("snr>50 class G"), "snr>50 class G", rows, np.isin(np.arange(1500), rows)):
        found = index.search(query, 6, among=among)
        assert found["row"].tolist() == true[0].tolist() and found.meta["searched"] == len(rows)
    assert len(index.search(query, 6, among="snr>1000")) == 0


def test_many_at_once_are_each_alone(stars: StarCatalog) -> None:
    index, asked = CatalogIndex(stars, SURVEY), vectors(7, 24, seed=3) * 4
    exclude: list[Any] = [None, "star 5", [1, 2, 3], *[[int(index.search(v, 1)["row"][0])] for v in asked[3:]]]
    rows, similarities = index.search_many(asked, 5, exclude=exclude, among="snr>20")
    for i, vector in enumerate(asked):
        alone = index.search(vector, 5, exclude=exclude[i], among="snr>20")
        assert rows[i].tolist() == alone["row"].tolist()
        assert np.allclose(similarities[i], alone["similarity"], atol=1e-7)
    rows, similarities = index.search_many(asked[:2], 9, among=[4, 8])
    assert (rows[:, 2:] == -1).all() and np.isnan(similarities[:, 2:]).all() and np.isin(rows[:, :2], [4, 8]).all()
    assert index.search_many(np.empty((0, 24)), 3)[0].shape == (0, 3)
    for wrong in (lambda: index.search_many(asked[0]), lambda: index.search_many(asked, 2, exclude=["a"]),
                  lambda: index.search_many(asked, 0), lambda: index.search_many(asked[:, :5])):  # fmt: skip
        with pytest.raises(CatalogError):
            wrong()


def test_a_star_of_the_catalogue_across_surveys(tmp_path: Path) -> None:
    """One space where vectors are of one length; else it is refused in words."""
    made = vectors(40, 8)
    catalog = create(tmp_path / "both", [made[:20]])
    catalog.append({"object_id": [f"both {i}" for i in range(20)]}, {SURVEY: made[20:], "lamost_lrs": made[20:]})
    index = CatalogIndex(catalog, SURVEY)
    vector = index.vector_of(25, "lamost_lrs")
    assert index.search(vector, 1)["row"][0] == 25
    with pytest.raises(CatalogError, match="star 3 has no lamost_lrs spectrum"):
        index.vector_of(3, "lamost_lrs")
    with pytest.raises(CatalogError, match="0 to 39"):
        index.vector_of(40)
    other = create(tmp_path / "apart", [made[:20]])
    other.append({"object_id": ["x"]}, {SURVEY: made[20:21], "lamost_lrs": np.ones((1, 5))})
    with pytest.raises(CatalogError, match="does not put lamost_lrs and gaia_xp spectra into one space"):
        CatalogIndex(other, SURVEY).vector_of(20, "lamost_lrs")
