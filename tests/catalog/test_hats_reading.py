"""HATS catalogues with embeddings read again: ours, what LSDB made of ours, and those of others."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from specviz.catalog.hats.export import export_hats
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.reading import HatsEmbeddings, import_hats, open_hats_embeddings
from specviz.catalog.hats.understanding import understood, vector_column
from specviz.catalog.scale.build import build
from specviz.catalog.scale.partition import EngineSpec
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, NotFoundError

pa = pytest.importorskip("pyarrow")
SHA, DIM, N = "b" * 64, 8, 400


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    rng = np.random.default_rng(1)
    made = StarCatalog.create(
        tmp_path_factory.mktemp("stars") / "stars.specviz", Header("specclip-small", "1", SHA, "Gaia DR3", {})
    )
    lamost, xp = rng.normal(size=(N, DIM)), rng.normal(size=(N, DIM))
    lamost[::2] = np.nan
    columns = {
        "object_id": [f"star {i} α" for i in range(N)],
        "source_id": rng.integers(2**60, 2**62, N),
        "ra": rng.uniform(-20.0, 30.0, N) % 360.0,
        "dec": rng.uniform(10.0, 40.0, N),
        "class": np.where(np.arange(N) % 3, "G3", ""),
        "teff": np.where(np.arange(N) % 5, rng.uniform(4000.0, 7000.0, N), np.nan),
        "binary": np.arange(N) % 2 == 0,
        "pmra": rng.normal(size=N),
    }
    made.append(columns, {"lamost_lrs": lamost, "gaia_xp": xp}, units={"pmra": "mas / yr"})
    return made


@pytest.fixture(scope="module")
def exported(catalog: StarCatalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_hats(catalog, tmp_path_factory.mktemp("hats") / "stars", threshold=100).path


def _same_stars(made: StarCatalog, catalog: StarCatalog) -> None:
    """The same columns and vectors, whatever the order."""
    row = {name: i for i, name in enumerate(catalog.column("object_id").tolist())}
    rows = np.array([row[name] for name in made.column("object_id").tolist()])
    for name in catalog.column_names:
        np.testing.assert_array_equal(made.column(name), catalog.column(name)[rows])
        assert made.unit(name) == catalog.unit(name)
    for survey in catalog.surveys:
        ours, theirs = made.vectors(survey), catalog.vectors(survey)
        numbers, others = ours.numbers_of(np.arange(len(made))), theirs.numbers_of(rows)
        np.testing.assert_array_equal(numbers >= 0, others >= 0)
        np.testing.assert_array_equal(ours.take(numbers[numbers >= 0]), theirs.take(others[others >= 0]))


def test_round_trip_keeps_stars_columns_vectors(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    made = import_hats(exported, tmp_path / "a", model_sha256=SHA)
    assert len(made) == N and set(made.column_names) == set(catalog.column_names)
    assert made.header.model == "specclip-small" and made.header.release == "Gaia DR3"
    assert made.header.dims == {"lamost_lrs": DIM, "gaia_xp": DIM}
    _same_stars(made, catalog)
    again = export_hats(made, tmp_path / "hats", threshold=100).path
    second = import_hats(again, tmp_path / "b")
    assert second.header.content_sha256 == made.header.content_sha256
    assert list(second.column("object_id")) == list(made.column("object_id"))


def test_what_lsdb_filtered_comes_in(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    hot = lsdb().open_catalog(exported).query("teff > 5500")
    hot = hot.map_partitions(lambda frame: frame.assign(twice=frame["teff"] * 2))
    hot.write_catalog(tmp_path / "hot", progress_bar=False, as_collection=False)
    made = import_hats(tmp_path / "hot", tmp_path / "a")
    assert set(made.column("object_id")) == set(catalog.column("object_id")[catalog.column("teff") > 5500])
    np.testing.assert_array_equal(made.column("twice"), made.column("teff") * 2)
    assert made.unit("pmra") == "mas / yr" and made.header.weights_sha256 == SHA
    _same_stars(made, catalog)


# Every star is its own partner: no pair lies across the border of a pixel.
@pytest.mark.filterwarnings("ignore:Right catalog does not have a margin:RuntimeWarning")
def test_suffixes_of_a_cross_match_are_understood(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    opened = lsdb().open_catalog(exported)
    pairs = opened.crossmatch(opened, radius_arcsec=0.1, suffixes=("_left", "_right"), suffix_method="all_columns")
    pairs.write_catalog(tmp_path / "pairs", progress_bar=False, as_collection=False)
    made = import_hats(tmp_path / "pairs", tmp_path / "a")
    assert {"object_id", "teff", "teff_right", "object_id_right", "_dist_arcsec", "pmra"} <= set(made.column_names)
    assert made.unit("teff_right") == "K" and made.unit("pmra_right") == "mas / yr"
    assert "embedding_gaia_xp_right" in made.header.notes["left_out"]
    _same_stars(made, catalog)
    right = import_hats(tmp_path / "pairs", tmp_path / "b", embeddings={"gaia_xp": "embedding_gaia_xp_right"})
    assert right.surveys == ("gaia_xp",)


def test_a_source_is_small_and_the_same_elsewhere(exported: Path) -> None:
    source = open_hats_embeddings(f"hats://{exported}")
    assert source is not None and source.weights_sha256 == SHA
    keys, fingerprint = source.keys(), source.fingerprint
    sent = pickle.dumps(source)
    assert len(sent) < 500
    other = pickle.loads(sent)
    assert other.keys() == keys and other.fingerprint == fingerprint
    blocks = list(other.blocks(keys[0]))
    assert sum(len(b.columns["object_id"]) for b in blocks) > 0 and not blocks[0].stars


def test_other_weights_are_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="other weights"):
        import_hats(exported, tmp_path / "a", model_sha256="c" * 64)
    with pytest.raises(CatalogError, match="other weights"):
        build(HatsEmbeddings(str(exported)), tmp_path / "b", EngineSpec())
    with pytest.raises(CatalogError, match="other weights"):
        import_hats(exported, tmp_path / "c", weights_sha256="c" * 64)


def test_an_interrupted_import_goes_on(exported: Path, tmp_path: Path) -> None:
    from specviz.errors import CancelledError

    whole = import_hats(exported, tmp_path / "whole")
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(CancelledError):
        import_hats(exported, tmp_path / "a", cancel=enough)
    assert import_hats(exported, tmp_path / "a").header.content_sha256 == whole.header.content_sha256


def test_catalogues_that_say_nothing_of_their_model(tmp_path: Path) -> None:
    kind = pa.list_(pa.float32(), 4)
    schema = pa.schema([("RAdeg", pa.float64()), ("DEdeg", pa.float64()), ("id", pa.int64()), ("spectrum", kind)])
    told = {"hats_col_ra": "RAdeg", "hats_col_dec": "DEdeg"}
    assert understood(schema, told) is None
    assert understood(schema.append(pa.field("embedding_of_an_image", kind)), told) is None
    schema = schema.append(pa.field("embedding_gaia_xp", kind))
    with pytest.raises(CatalogError, match="does not say which weights"):
        understood(schema, told)
    found = understood(schema, told, "d" * 64)
    assert found is not None and found.header.weights_sha256 == "d" * 64 and found.header.dims == {"gaia_xp": 4}
    assert found.plain == {"ra": "RAdeg", "dec": "DEdeg", "id": "id"} and found.left_out == ("spectrum",)
    with pytest.raises(CatalogError, match="no embeddings in nothing"):
        understood(schema, told, "d" * 64, {"gaia_xp": "nothing"})
    half = {**told, "specviz_weights_sha256": SHA, "specviz_surveys": "lamost_lrs", "specviz_dim_lamost_lrs": "4"}
    with pytest.raises(CatalogError, match="gaia_xp"):  # whose the other survey's are, nobody says
        understood(schema.append(pa.field("embedding_lamost_lrs", kind)), half)
    with pytest.raises(CatalogError, match="damaged"):
        understood(schema, {**half, "specviz_dim_lamost_lrs": "four"})


def test_lists_of_any_kind_are_vectors_if_their_lengths_agree() -> None:
    column = pa.chunked_array([[[1.0, 2.0], None], [[3.0, 4.0]]], pa.list_(pa.float64()))
    np.testing.assert_array_equal(vector_column(column, 0, "e"), [[1, 2], [np.nan, np.nan], [3, 4]])
    fixed = pa.chunked_array([[[1.0, 2.0], None, [3.0, 4.0]]], pa.list_(pa.float32(), 2)).slice(1)
    np.testing.assert_array_equal(vector_column(fixed, 2, "e"), [[np.nan, np.nan], [3, 4]])
    assert vector_column(column.slice(0, 0), 2, "e").shape == (0, 2)
    with pytest.raises(CatalogError, match="different lengths"):
        vector_column(pa.chunked_array([[[1.0], [1.0, 2.0]]], pa.list_(pa.float64())), 0, "e")


def test_what_is_no_hats_catalogue(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no HATS catalogue"):
        import_hats(tmp_path / "nowhere", tmp_path / "a")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "hats.properties").write_text("obs_collection=bad\ndataproduct_type=object\n")
    with pytest.raises(CatalogError, match="cannot be read"):
        import_hats(tmp_path / "bad", tmp_path / "a")
