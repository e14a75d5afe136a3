"""HATS catalogues: written whole, resumed, valid by the library's own rules, opened by LSDB."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from specviz.catalog.hats import dataset
from specviz.catalog.hats.export import export_hats
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.pixels import choose, healpix
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CancelledError, CatalogError

SHA = "a" * 64
DIM = 16
HEADER = Header("specclip-small", "1", SHA, "LAMOST DR10, Gaia DR3", {}, (), {"stars": "made up"})


def make_catalog(path: Path, parts: int = 3, n: int = 700, seed: int = 0) -> StarCatalog:
    """Stars of the whole sky with a crowd at RA 0, every third without an XP vector, one a part without a position."""
    rng = np.random.default_rng(seed)
    catalog = StarCatalog.create(path, HEADER)
    for part in range(parts):
        ra, dec = rng.uniform(0.0, 360.0, n), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, n)))
        ra[: n // 2], dec[: n // 2] = rng.normal(0.0, 1.0, n // 2) % 360.0, rng.normal(10.0, 1.0, n // 2)
        ra[5], dec[6] = np.nan, 91.0
        lamost, xp = rng.normal(size=(n, DIM)), rng.normal(size=(n, DIM))
        xp[::3] = np.nan
        columns = {
            "object_id": [f"star {part}-{i}" for i in range(n)],
            "source_id": rng.integers(1, 2**62, n),
            "ra": ra,
            "dec": dec,
            "teff": rng.uniform(4000.0, 7000.0, n),
            "pmra": rng.normal(size=n),
        }
        catalog.append(columns, {"lamost_lrs": lamost, "gaia_xp": xp}, units={"pmra": "mas / yr"})
    return catalog


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    return make_catalog(tmp_path_factory.mktemp("stars") / "stars.specviz")


@pytest.fixture(scope="module")
def exported(catalog: StarCatalog, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_hats(catalog, tmp_path_factory.mktemp("hats") / "stars", threshold=200).path


def test_is_a_valid_catalogue_that_lsdb_opens(catalog: StarCatalog, exported: Path) -> None:
    lsdb()
    from hats.io.validation import is_valid_catalog

    assert is_valid_catalog(exported, strict=True)
    opened = lsdb().open_catalog(exported)
    placed = np.isfinite(catalog.column("ra")) & (np.abs(catalog.column("dec")) <= 90.0)
    assert len(opened) == placed.sum() == len(catalog) - 6
    assert list(opened.columns) == [*catalog.column_names, "embedding_lamost_lrs", "embedding_gaia_xp"]
    hot = opened.query("teff > 6000").compute(progress_bar=False)
    assert set(hot["object_id"]) == set(catalog.column("object_id")[placed & (catalog.column("teff") > 6000)])
    near = opened.cone_search(0.0, 10.0, 1800.0).compute(progress_bar=False)
    ra = (catalog.column("ra") + 180.0) % 360.0 - 180.0
    distance = np.hypot(ra * np.cos(np.radians(10.0)), catalog.column("dec") - 10.0)
    assert set(near["object_id"]) >= set(catalog.column("object_id")[distance < 0.49])
    assert set(near["object_id"]) <= set(catalog.column("object_id")[distance < 0.51])


def test_embeddings_and_positions_belong_to_their_stars(catalog: StarCatalog, exported: Path) -> None:
    frame = lsdb().open_catalog(exported).compute(progress_bar=False)
    row = {name: i for i, name in enumerate(catalog.column("object_id").tolist())}
    rows = np.array([row[name] for name in frame["object_id"]])
    np.testing.assert_array_equal(frame["source_id"].to_numpy(), catalog.column("source_id")[rows])
    np.testing.assert_array_equal(frame.index.to_numpy(), healpix(frame["ra"].to_numpy(), frame["dec"].to_numpy()))
    assert (np.diff(frame.index.to_numpy()) >= 0).all()
    for survey in ("lamost_lrs", "gaia_xp"):
        stored = catalog.vectors(survey)
        numbers = stored.numbers_of(rows)
        column = frame[f"embedding_{survey}"]
        np.testing.assert_array_equal(column.isna().to_numpy(), numbers < 0)
        held = np.stack(column[numbers >= 0].to_list())
        np.testing.assert_array_equal(held.astype(np.float32), stored.take(numbers[numbers >= 0]))


def test_fields_say_units_and_the_model(exported: Path) -> None:
    import json

    import pyarrow.parquet as pq

    schema = pq.read_schema(exported / "dataset" / "_common_metadata")
    assert schema.names[0] == "_healpix_29"
    assert schema.field("teff").metadata[b"unit"] == b"K" and schema.field("pmra").metadata[b"unit"] == b"mas / yr"
    assert schema.field("embedding_gaia_xp").metadata[b"weights_sha256"].decode() == SHA
    assert json.loads(schema.metadata[b"specviz"])["weights_sha256"] == SHA
    told = dataset.read_properties(exported)
    assert told is not None and told["specviz_weights_sha256"] == SHA and told["specviz_release"] == HEADER.release
    assert told["specviz_without_position"] == "6" and told["specviz_unit_pmra"] == "mas / yr"


def test_partitions_are_those_of_the_library(catalog: StarCatalog, exported: Path) -> None:
    lsdb()
    from hats.pixel_math.partition_stats import generate_alignment

    ra, dec = catalog.column("ra"), catalog.column("dec")
    good = np.isfinite(ra) & (np.abs(dec) <= 90.0)
    where, counts = np.unique(healpix(ra[good], dec[good], 6), return_counts=True)
    full = np.zeros(12 * 4**6, np.int64)
    full[where] = counts
    theirs = {(int(o), int(p)) for o, p, _ in filter(None, generate_alignment(full, 6, threshold=200))}
    assert {(p.order, p.pixel) for p in choose(where, counts, 200, 6)} == theirs
    import pyarrow.parquet as pq

    rows = [pq.read_metadata(f).num_rows for f in exported.glob("dataset/Norder=*/Dir=*/*.parquet")]
    assert max(rows) <= 200 and sum(rows) == len(catalog) - 6


def test_a_pixel_that_is_too_full_at_the_finest_order_is_kept() -> None:
    found = choose(np.array([5, 77]), np.array([50, 3]), 10, 2)
    assert [(p.order, p.pixel) for p in found] == [(2, 5), (0, 4)]


def test_a_stopped_export_goes_on_and_gives_the_same(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return asked > 8

    out = tmp_path / "stars"
    with pytest.raises(CancelledError):
        export_hats(catalog, out, threshold=200, cancel=enough)
    pixels = sorted(out.glob("dataset/Norder=*/Dir=*/*.parquet"))
    assert pixels and not (out / "hats.properties").exists()
    first = pixels[0].stat().st_mtime_ns
    with pytest.raises(CatalogError, match="unfinished export"):
        export_hats(catalog, out, threshold=100)
    done = export_hats(catalog, out, threshold=200)
    assert done.without_position == 6 and pixels[0].stat().st_mtime_ns == first
    ours = {p.relative_to(out): p.read_bytes() for p in out.glob("dataset/Norder=*/Dir=*/*.parquet")}
    assert ours == {p.relative_to(exported): p.read_bytes() for p in exported.glob("dataset/Norder=*/Dir=*/*.parquet")}
    assert not (out / dataset.WORK).exists()


def test_what_is_there_is_not_overwritten(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    again = export_hats(catalog, exported, threshold=200)
    assert again.stars == len(catalog) - 6 and again.partitions > 1 and again.without_position == 6
    with pytest.raises(CatalogError, match="another HATS catalogue"):
        export_hats(catalog, exported, threshold=300)
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(CatalogError, match="something else"):
        export_hats(catalog, tmp_path)
    small = export_hats(catalog, tmp_path / "x", threshold=10_000, dtype="float32", surveys=["gaia_xp"])
    assert small.partitions == 12
    assert export_hats(catalog, tmp_path / "x", threshold=200, again=True).partitions > 12


def test_catalogues_that_cannot_be_placed_are_refused(tmp_path: Path) -> None:
    bare = StarCatalog.create(tmp_path / "bare", HEADER)
    bare.append({"object_id": ["a"]}, {"gaia_xp": np.ones((1, DIM))})
    with pytest.raises(CatalogError, match="no positions"):
        export_hats(bare, tmp_path / "out")
    lost = StarCatalog.create(tmp_path / "lost", HEADER)
    lost.append({"object_id": ["a"], "ra": [np.nan], "dec": [1.0]}, {"gaia_xp": np.ones((1, DIM))})
    with pytest.raises(CatalogError, match="No star"):
        export_hats(lost, tmp_path / "out")
    lost.append({"object_id": ["b"], "ra": [1.0], "dec": [1.0], "embedding_x": [1.0]}, {"gaia_xp": np.ones((1, DIM))})
    with pytest.raises(CatalogError, match="embedding_x"):
        export_hats(lost, tmp_path / "other")


def test_a_killed_export_goes_on(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of a pixel; the next run of the same gives the same files."""
    script = (
        "import os, signal, sys\n"
        "from specviz.catalog.hats import dataset, export\n"
        "from specviz.catalog.store.star_catalog import StarCatalog\n"
        "put, made = dataset._put, []\n"
        "def dying(*given):\n"
        "    made.append(1)\n"
        "    given[-1].write(b'half of it')\n"
        "    given[-1].flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL) if len(made) > 4 else given[-1].seek(0)\n"
        "    put(*given)\n"
        "dataset._put = dying\n"
        "export.export_hats(StarCatalog.open(sys.argv[1]), sys.argv[2], threshold=200)\n"
    )
    out = tmp_path / "stars"
    killed = subprocess.run([sys.executable, "-c", script, str(catalog.path), str(out)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert len(list(out.glob("dataset/Norder=*/Dir=*/*"))) == 4
    export_hats(catalog, out, threshold=200)
    ours = {p.relative_to(out): p.read_bytes() for p in out.glob("dataset/Norder=*/Dir=*/*")}
    assert ours == {p.relative_to(exported): p.read_bytes() for p in exported.glob("dataset/Norder=*/Dir=*/*")}
    assert not (out / dataset.WORK).exists()


def test_two_do_not_write_one_catalogue(catalog: StarCatalog, tmp_path: Path) -> None:
    out, tried = tmp_path / "stars", []

    def another() -> bool:
        if not tried:
            tried.append(1)
            with pytest.raises(CatalogError, match="Another process is writing stars"):
                export_hats(catalog, out, threshold=200)
        return False

    assert export_hats(catalog, out, threshold=200, cancel=another).stars == len(catalog) - 6


def test_again_deletes_nothing_of_others(catalog: StarCatalog, exported: Path, tmp_path: Path) -> None:
    theirs = tmp_path / "gaia"
    theirs.mkdir()
    for name in ("hats.properties", "properties"):
        text = (exported / name).read_text().replace("hats_builder=specviz", "hats_builder=hats-import")
        (theirs / name).write_text(text)
    (theirs / "dataset").mkdir()
    with pytest.raises(CatalogError, match="not of specviz"):
        export_hats(catalog, theirs, threshold=300, again=True)
    (theirs / "hats.properties").unlink()
    (theirs / "properties").unlink()
    with pytest.raises(CatalogError, match="something else"):
        export_hats(catalog, theirs, again=True)
    assert (theirs / "dataset").is_dir()
