"""``specviz catalog info``, ``merge`` and ``join``, and what they are made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import specviz
from specviz.catalog.describing import describe
from specviz.catalog.maps.linear import make_embedding
from specviz.catalog.store.checking import check
from specviz.catalog.store.header import Header
from specviz.catalog.store.joining import join
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.cli import main
from specviz.errors import CatalogError, OptionError

WEIGHTS = "ab" * 32


@pytest.fixture
def made(tmp_path: Path) -> StarCatalog:
    """40 stars in two parts; every fourth has no LAMOST spectrum, half have a temperature."""
    rng = np.random.default_rng(1)
    header = Header("fake", "1", WEIGHTS, "LAMOST DR10, Gaia DR3", {}, (), {"from": "a test"})
    catalog = StarCatalog.create(tmp_path / "stars.specviz", header)
    for start in (0, 20):
        lamost = rng.normal(size=(20, 4))
        lamost[::4] = np.nan
        catalog.append(
            {
                "source_id": 100 + start + np.arange(20), "gaia_release": np.full(20, "DR3"), "ra": np.arange(20.0),
                "dec": np.full(20, float(start)), "teff": np.where(np.arange(20) % 2, 5000.0, np.nan),
            },
            {"gaia_xp": rng.normal(size=(20, 8)), "lamost_lrs": lamost},
        )  # fmt: skip
    return catalog


def test_a_catalogue_describes_itself(made: StarCatalog) -> None:
    make_embedding(made, "gaia_xp")
    told = describe(made)
    assert told["stars"] == 40 and told["parts"] == 2 and told["content_sha256"] == made.header.content_sha256
    assert told["surveys"]["lamost_lrs"] == {"vectors": 30, "dim": 4, "index": None, "maps": {}}
    assert told["surveys"]["gaia_xp"]["maps"] == {"embedding": "up to date"}
    columns = {c["name"]: c for c in told["columns"]}
    assert columns["teff"] == {"name": "teff", "type": "float", "unit": "K", "known": 20}
    assert columns["source_id"]["known"] == 40 and "known" not in describe(made, count=False)["columns"][0]
    assert told["bytes"]["parts"] == sum(f.stat().st_size for f in (made.path / "parts").iterdir())
    assert told["orphans"] == {"files": 0, "bytes": 0} and json.loads(json.dumps(told)) == told


def test_maps_outlive_a_join_and_know_later_stars(made: StarCatalog) -> None:
    make_embedding(made, "gaia_xp")
    join(made, Table({"source_id": [101], "mass": [1.0]}))
    assert describe(made)["surveys"]["gaia_xp"]["maps"] == {"embedding": "up to date"}
    made.append({"source_id": [7]}, {"gaia_xp": np.ones((1, 8))})
    assert describe(made)["surveys"]["gaia_xp"]["maps"] == {"embedding": "covers all but the last 1 stars"}


def test_info_says_it_in_words_and_in_json(made: StarCatalog, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "info", str(made.path), "--check"]) == 0
    said = capsys.readouterr().out
    for words in (
        "stars.specviz: 40 stars", "weights abababababab…", "LAMOST DR10, Gaia DR3", "a test", "in 2 parts",
        "30 vectors of 4 dimensions", "none (all vectors are compared)", "all of it is as it was written",
        "20 known", made.header.content_sha256,
    ):  # fmt: skip
        assert words in said, words
    assert main(["catalog", "info", str(made.path), "--json", "--quick"]) == 0
    assert json.loads(capsys.readouterr().out)["stars"] == 40


def test_check_finds_a_flipped_bit(made: StarCatalog, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(made) == ()
    for name in ("part-00001.gaia_xp.npy", "part-00000.lamost_lrs.rows.npy"):
        file = made.path / "parts" / name
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(data)
    steps: list[tuple[int, int]] = []
    wrong = check(StarCatalog.open(made.path), progress=lambda done, total: steps.append((done, total)))
    assert [w.split(" holds")[0] for w in wrong] == ["part-00000.lamost_lrs.npy", "part-00001.gaia_xp.npy"]
    assert steps == [(1, 2), (2, 2)]
    assert main(["catalog", "info", str(made.path), "--check"]) == 1
    said = capsys.readouterr().err
    assert "part-00001.gaia_xp.npy holds other vectors than were written" in said and "2 files of stars.specviz" in said
    assert main(["catalog", "info", str(made.path), "--check", "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["damage"]) == 2


def test_check_finds_other_columns_and_absent_files(made: StarCatalog) -> None:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    file = made.path / "parts" / "part-00000.parquet"
    table = pq.read_table(file)
    table = table.set_column(table.column_names.index("ra"), "ra", pc.add(table["ra"], 1.0))
    pq.write_table(table, file)
    (made.path / "parts" / "part-00001.gaia_xp.npy").unlink()
    wrong = check(StarCatalog.open(made.path))
    assert wrong[0] == "part-00000.parquet holds other values than were written."
    assert len(wrong) == 2 and "part-00001.gaia_xp.npy of this catalogue is absent" in wrong[1]
    file.write_bytes(file.read_bytes()[:100])
    assert len(check(StarCatalog.open(made.path))) == 2  # a table that cannot be opened hides nothing of the others


def test_a_catalogue_of_mixed_types_is_whole(made: StarCatalog) -> None:
    made.append({"source_id": [1], "flag": np.array([3])}, {})
    made.append({"source_id": [2], "flag": np.array([0.5])}, {})
    assert check(made) == () and made.column("flag")[-2:].tolist() == [3.0, 0.5]


def test_what_killed_writers_left_is_told_and_deleted(made: StarCatalog, capsys: pytest.CaptureFixture[str]) -> None:
    (made.path / "parts" / "part-00002.gaia_xp.npy").write_bytes(b"x" * 2000)
    assert main(["catalog", "info", str(made.path)]) == 0
    assert "1 of killed writers' files, 2.0 kB" in capsys.readouterr().out
    assert main(["catalog", "info", str(made.path), "--clean"]) == 0
    told = capsys.readouterr()
    assert "deleted part-00002.gaia_xp.npy" in told.err and "killed writers" not in told.out


def test_merge_and_join_from_the_command_line(
    made: StarCatalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = StarCatalog.create(tmp_path / "more.specviz", Header("fake", "1", WEIGHTS, "Gaia DR3", {}))
    other.append({"source_id": [100, 7], "gaia_release": ["DR3", "DR3"]}, {"gaia_xp": np.ones((2, 8))})
    out = tmp_path / "all.specviz"
    assert main(["catalog", "merge", str(out), str(made.path), str(other.path)]) == 0
    assert "wrote 41 stars" in capsys.readouterr().err
    assert main(["catalog", "merge", str(tmp_path / "b"), str(other.path), str(other.path), "--keep", "last"]) == 0
    assert "more.specviz: 2 stars, 2 of them duplicates that were left out" in capsys.readouterr().err
    Table({"source_id": [101, 7, 7], "age": [1.0, 2.0, 3.0]}).write(tmp_path / "ages.csv")
    assert main(["catalog", "join", str(out), str(tmp_path / "ages.csv")]) == 0
    said = capsys.readouterr().err
    assert "1 of 41 stars found their row by source_id (taken as Gaia DR3); 1 of 3 rows of the table" in said
    assert "1 identifiers are in the table more than once and were left out: 7" in said and "columns: age" in said
    assert main(["catalog", "join", str(out), str(tmp_path / "ages.csv"), "--release", "DR4"]) == 1
    assert "No source_id of the table is in all.specviz" in capsys.readouterr().err
    assert StarCatalog.open(out).column("age")[1] == 1.0


def test_open_catalog_is_the_door(made: StarCatalog, tmp_path: Path, fake_model_class: type) -> None:
    opened = specviz.open_catalog(made.path)
    assert len(opened) == 40 and opened.index("lamost_lrs").survey == "lamost_lrs"
    assert len(specviz.open_catalog(str(made.path), model=fake_model_class(WEIGHTS))) == 40
    with pytest.raises(CatalogError, match="was made by other weights"):
        specviz.open_catalog(made.path, model=fake_model_class())
    with pytest.raises(OptionError, match="int is no path"):
        specviz.open_catalog(3)  # type: ignore[arg-type]
    (tmp_path / "file.npz").write_bytes(b"")
    with pytest.raises(CatalogError, match=r"file.npz is a file.*-o file.specviz file.npz"):
        specviz.open_catalog(tmp_path / "file.npz")
    (tmp_path / "hats").mkdir()
    (tmp_path / "hats" / "hats.properties").write_text("")
    with pytest.raises(CatalogError, match="hats is a HATS catalogue"):
        specviz.open_catalog(tmp_path / "hats")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "building.json").write_text("{}")
    with pytest.raises(CatalogError, match=r"half is not finished.*it goes on"):
        specviz.open_catalog(tmp_path / "half")
