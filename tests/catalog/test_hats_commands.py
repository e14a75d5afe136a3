"""``specviz catalog export``, ``import`` and ``crossmatch``; one file instead of a folder; collections with margins."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from specviz.catalog.flat_files import export_parquet, export_table
from specviz.catalog.hats.collection import export_collection
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.margins import widest_margin, write_margin
from specviz.catalog.hats.pixels import healpix
from specviz.catalog.hats.reading import import_hats, open_dataset
from specviz.catalog.scale.embeddings import open_embeddings
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.cli import main
from specviz.errors import CatalogError

SHA, DIM, N = "d" * 64, 8, 200


def _make(path: Path, survey: str, names: str, jitter: float) -> StarCatalog:
    rng, noise = np.random.default_rng(4), np.random.default_rng(5)
    ra, dec = rng.uniform(44.5, 45.5, N), rng.uniform(-0.5, 0.5, N)  # three base pixels meet at 45 deg on the equator
    vectors = rng.normal(size=(N, DIM))
    catalog = StarCatalog.create(path, Header("specclip-small", "1", SHA, "", {}))
    columns = {
        "object_id": [f"{names}{i}" for i in range(N)],
        "ra": ra + noise.normal(0.0, jitter, N) / 3600.0,
        "dec": dec + noise.normal(0.0, jitter, N) / 3600.0,
        "teff": rng.uniform(4000.0, 7000.0, N),
    }
    columns["ra"][0] = np.nan
    catalog.append(columns, {survey: np.where(np.arange(N)[:, None] == 3, np.nan, vectors)})
    return catalog


@pytest.fixture(scope="module")
def lamost(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    return _make(tmp_path_factory.mktemp("a") / "lamost.specviz", "lamost_lrs", "L", 0.3)


@pytest.fixture(scope="module")
def gaia(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    return _make(tmp_path_factory.mktemp("b") / "gaia.specviz", "gaia_xp", "G", 0.0)


@pytest.fixture(scope="module")
def collection(gaia: StarCatalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_collection(gaia, tmp_path_factory.mktemp("c") / "gaia", 20.0, threshold=40).path


def test_there_and_back_on_the_command_line(
    gaia: StarCatalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", "export", str(gaia.path), str(tmp_path / "hats"), "--threshold", "100"]) == 0
    said = capsys.readouterr().err
    assert "199 stars in" in said and "1 without a position are left out" in said
    assert main(["catalog", "import", str(tmp_path / "hats"), str(tmp_path / "back"), "--model", "specclip-small"]) == 1
    assert "other weights" in capsys.readouterr().err
    assert main(["catalog", "import", str(tmp_path / "hats"), str(tmp_path / "back")]) == 0
    assert "199 stars in" in capsys.readouterr().err
    assert StarCatalog.open(tmp_path / "back", model_sha256=SHA).surveys == ("gaia_xp",)
    assert main(["catalog", "import", str(tmp_path / "hats"), str(tmp_path / "x"), "--embeddings", "gaia_xp"]) == 1
    assert "SURVEY=COLUMN" in capsys.readouterr().err
    # Embeddings in HATS are taken as they are by build too, if they are of its model.
    assert main(["catalog", "build", f"hats://{tmp_path / 'hats'}", "-o", str(tmp_path / "built")]) == 1
    assert "other weights" in capsys.readouterr().err


def test_two_surveys_on_the_command_line(
    lamost: StarCatalog, collection: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["catalog", "crossmatch", str(lamost.path), str(collection), "-o", str(tmp_path / "both")]
    assert main([*command, "--radius", "2"]) == 0
    said = capsys.readouterr().err
    assert "199 pairs in" in said and "positions compared as they are" in said
    both = StarCatalog.open(tmp_path / "both")
    assert [n[1:] for n in both.column("object_id")] == [n[1:] for n in both.column("object_id_right")]
    assert set(both.surveys) == {"lamost_lrs", "gaia_xp"} and len(both.vectors("lamost_lrs")) == 198
    assert main([*command, "--radius", "1"]) == 1
    assert "another catalogue" in capsys.readouterr().err


def test_a_collection_is_valid_and_has_its_margin(gaia: StarCatalog, collection: Path, tmp_path: Path) -> None:
    lsdb()
    from hats.io.validation import is_valid_catalog

    assert is_valid_catalog(collection, strict=True)
    opened = lsdb().open_catalog(collection)
    assert len(opened) == N - 1 and opened.margin is not None
    margin = opened.margin.compute(progress_bar=False)
    # LSDB's own, made with all of the catalogue in memory, is the reference.
    frame = lsdb().open_catalog(collection / "gaia").compute(progress_bar=False)
    theirs = lsdb().from_dataframe(frame.reset_index(drop=True), ra_column="ra", dec_column="dec",
                                   partition_rows=40, highest_order=10, drop_empty_siblings=False,
                                   margin_threshold=20.0)  # fmt: skip
    assert theirs.get_healpix_pixels() == opened.get_healpix_pixels()
    expected = theirs.margin.compute(progress_bar=False)
    assert sorted(margin["object_id"]) == sorted(expected["object_id"]) and len(margin)
    with pytest.raises(CatalogError, match="something else"):
        export_collection(gaia, tmp_path.parent)


def test_margins_that_cannot_be_and_damage(collection: Path, tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="wider than the smallest pixels"):
        write_margin(collection / "gaia", tmp_path / "m", 36_000.0)
    with pytest.raises(CatalogError, match="absent or damaged"):
        damaged = shutil.copytree(collection / "gaia", tmp_path / "gaia")
        file = next(damaged.glob("dataset/Norder=*/Dir=*/*.parquet"))
        file.write_bytes(file.read_bytes()[:100])
        import_hats(damaged, tmp_path / "back")
    catalog = open_dataset(str(collection / "gaia"))
    assert write_margin(collection / "gaia", tmp_path / "w", widest_margin(catalog)) == tmp_path / "w"
    again = write_margin(collection / "gaia", collection / "gaia_20arcs", 20.0)
    assert again == collection / "gaia_20arcs"  # it is there


def test_one_parquet_file_reads_back(gaia: StarCatalog, tmp_path: Path) -> None:
    file = export_parquet(gaia, tmp_path / "gaia.parquet", dtype="float32")
    source = open_embeddings(file)
    assert source.weights_sha256 == SHA
    (block,) = [b for key in [*source.keys()] for b in source.blocks(key)]
    assert list(block.columns["object_id"]) == list(gaia.column("object_id"))
    np.testing.assert_array_equal(np.isnan(block.vectors["gaia_xp"]).all(axis=1), np.arange(N) == 3)
    np.testing.assert_array_equal(block.vectors["gaia_xp"][[0, 5]], gaia.vectors("gaia_xp").take([0, 4]))
    with pytest.raises(CatalogError, match="already"):
        export_parquet(gaia, file)
    with pytest.raises(CatalogError, match="holds no sdss"):
        export_parquet(gaia, tmp_path / "x.parquet", surveys=["sdss"])


@pytest.mark.parametrize("suffix", [".ecsv", ".vot", ".fits", ".csv"])
def test_labels_go_into_any_table(gaia: StarCatalog, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"gaia{suffix}"
    assert main(["catalog", "export", str(gaia.path), str(file)]) == 0
    table = Table.read(file)
    assert len(table) == N
    np.testing.assert_allclose(table["teff"], gaia.column("teff"))
    if suffix != ".csv":
        assert str(table["teff"].unit) == "K"
    with pytest.raises(CatalogError, match="already"):
        export_table(gaia, file)


def test_pixels_wrap_at_full_circle() -> None:
    assert healpix([360.0, -1.0], [5.0, 5.0], 8).tolist() == healpix([0.0, 359.0], [5.0, 5.0], 8).tolist()
