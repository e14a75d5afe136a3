"""A catalogue of the person's own: an index, the file of one, a table with or without embeddings."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.analysis.engine import Engine
from specviz.app.catalogue import Catalogue
from specviz.catalog.index import SimilarityIndex
from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, OptionError

_RNG = np.random.default_rng(2)


def _table(n: int = 30) -> Table:
    return Table(
        {
            "source_id": np.arange(n) + 4_345_775_217_221_821_312,
            "teff_gspphot": _RNG.uniform(4000, 7000, n),
            "logg_gspphot": _RNG.uniform(1, 5, n),
        }
    )


@pytest.fixture
def engine(fake_model_class: Any) -> Engine:
    return Engine(fake_model_class(), samples=10)


def test_a_table_without_embeddings_is_for_the_map(engine: Engine) -> None:
    found = Catalogue(_table(), engine)
    planes = found.background()
    assert planes is not None and planes.reason("kiel") == "" and planes.names([0]) == ["4345775217221821312"]
    assert found.surveys is None and found.words == "simulated stars"


def test_a_table_with_embeddings_is_searched(engine: Engine) -> None:
    table = _table()
    table["embedding"] = _RNG.normal(size=(30, 6)).astype(np.float32)
    table.meta["survey"] = "gaia_xp"
    found = Catalogue(table, engine)
    index = found(engine, "gaia_xp")
    assert isinstance(index, SimilarityIndex) and found.surveys == ("gaia_xp",) and found.background() is None
    near = index.search(table["embedding"][4], k=3)
    assert near["object_id"][0] == "4345775217221821316" and near["teff"][0] == table["teff_gspphot"][4]


def test_pandas_frames_are_tables_too(engine: Engine) -> None:
    planes = Catalogue(_table().to_pandas(), engine).background()
    assert planes is not None and len(planes) == 30


def test_an_index_of_other_weights_is_refused(engine: Engine, tmp_path: Path) -> None:
    index = SimilarityIndex(
        _RNG.normal(size=(30, 6)),
        Table({"object_id": [f"s{i}" for i in range(30)]}),
        model_sha256="9" * 64,
        survey="lamost_lrs",
    )
    with pytest.raises(CatalogError, match="other weights"):
        Catalogue(index, engine)
    index.save(tmp_path / "own.npz")
    with pytest.raises(CatalogError, match="other weights"):
        Catalogue(tmp_path / "own.npz", engine)
    with pytest.raises(OptionError, match="a SimilarityIndex, the path"):
        Catalogue(42, engine)


def _stored(path: Path, weights: str = "f" * 64) -> StarCatalog:
    catalog = StarCatalog.create(path, Header("fake", "1", weights, "Gaia DR3", {}))
    source_ids = np.arange(30) + 4_345_775_217_221_821_312
    lamost = _RNG.normal(size=(30, 16))
    lamost[0] = np.nan
    catalog.append({"source_id": source_ids, "gaia_release": np.full(30, "DR3"), "teff": _RNG.uniform(4000, 7000, 30)},
                   {"gaia_xp": _RNG.normal(size=(30, 16)), "lamost_lrs": lamost})  # fmt: skip
    return catalog


@pytest.mark.parametrize("how", ["folder", "path", "catalog", "index"])
def test_a_catalogue_of_both_surveys_is_searched_in_both(engine: Engine, tmp_path: Path, how: str) -> None:
    catalog = _stored(tmp_path / "stars.specviz")
    given: Any = {"folder": str(catalog.path), "path": catalog.path, "catalog": catalog,
                  "index": CatalogIndex(catalog, "lamost_lrs")}[how]  # fmt: skip
    found = Catalogue(given, engine)
    assert found.surveys == ("gaia_xp", "lamost_lrs") and found.words == "stars of stars"
    assert found.background() is None
    for survey in found.surveys:
        index = found(engine, survey)
        assert index.survey == survey and index is found(engine, survey) and len(index.planes) == 30
        vector = catalog.vectors(survey).take([3])[0]
        row = int(catalog.vectors(survey).rows_of([3])[0])
        assert index.search(vector, k=2)["row"][0] == row
    assert found(engine, "sdss").survey == "gaia_xp"
    if how == "index":
        assert found(engine, "lamost_lrs") is given


def test_a_catalogue_that_cannot_be_used_is_said(engine: Engine, tmp_path: Path) -> None:
    other = _stored(tmp_path / "other.specviz", "9" * 64)
    for given in (other, other.path, other.index("gaia_xp")):
        with pytest.raises(CatalogError, match=r"other.specviz was made by other weights .fake 999999999999…."):
            Catalogue(given, engine)
    with pytest.raises(CatalogError, match="no star catalogue"):
        Catalogue(tmp_path, engine)
    with pytest.raises(CatalogError, match="There is no catalogue at"):
        Catalogue(tmp_path / "nowhere", engine)
    empty = StarCatalog.create(tmp_path / "empty", Header("fake", "1", "f" * 64, "", {}))
    with pytest.raises(CatalogError, match="empty holds no embeddings"):
        Catalogue(empty, engine)


def test_explorers_of_one_folder_share_what_they_have_read(engine: Engine, tmp_path: Path) -> None:
    """As long as one has it, and only if nobody changed it: stars that were added are seen by the next one."""
    stored = _stored(tmp_path / "own.specviz", engine.describe().weights_sha256)
    first, second = Catalogue(stored.path, engine), Catalogue(stored.path, engine)
    assert first(engine, "gaia_xp") is second(engine, "gaia_xp")
    stars = {"object_id": ["new"], **{n: stored.column(n)[:1] for n in stored.column_names if n != "object_id"}}
    stored.append(stars, {survey: stored.vectors(survey).take([0]) for survey in stored.surveys})
    third = Catalogue(stored.path, engine)
    assert len(third(engine, "gaia_xp")) == len(first(engine, "gaia_xp")) + 1
    held = weakref.ref(third(engine, "gaia_xp").catalog)
    del third
    gc.collect()
    assert held() is None
