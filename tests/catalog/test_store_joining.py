"""Columns of a table beside the stars of a catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from specviz.catalog.store.header import Header
from specviz.catalog.store.joining import join
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, NotFoundError, OptionError


@pytest.fixture
def made(tmp_path: Path) -> StarCatalog:
    """Six stars in two parts, each with a Gaia number of DR3; two have LAMOST's too."""
    catalog = StarCatalog.create(tmp_path / "stars.specviz", Header("fake", "1", "ab" * 32, "Gaia DR3", {}))
    for some in (np.arange(4), np.arange(4, 6)):
        catalog.append(
            {
                "source_id": 10**18 + some, "gaia_release": np.full(some.size, "DR3"), "teff": 5000.0 + some,
                "obsid": np.where(some < 2, 7 + some, 0), "class": [f"G{i}" for i in some],
            },
            {"gaia_xp": np.eye(6)[some]},
        )  # fmt: skip
    return catalog


def ages(ids: Any = (10**18 + 5, 10**18 + 1, 3), **more: Any) -> Table:
    return Table({"source_id": np.array(ids), "age": np.array([1.0, 2.0, 3.0][: len(ids)]) * u.Gyr, **more})


def test_columns_are_added_and_vectors_stay(made: StarCatalog) -> None:
    before, vectors = made.header, {f: f.stat().st_mtime_ns for f in (made.path / "parts").glob("*.npy")}
    said = join(made, ages(remark=["é", "", "x"]))
    assert said.on == "source_id" and said.release == "DR3" and said.columns == ("age", "remark")
    assert (said.stars, said.used, said.rows, said.ambiguous) == (2, 2, 3, ())
    for catalog in (made, StarCatalog.open(made.path)):
        np.testing.assert_array_equal(catalog.column("age"), [np.nan, 2, np.nan, np.nan, np.nan, 1])
        assert catalog.column("remark").tolist() == ["", "", "", "", "", "é"] and catalog.unit("age") == "Gyr"
        np.testing.assert_array_equal(catalog.column("teff"), 5000 + np.arange(6))
    assert made.header.vectors_sha256("gaia_xp") == before.vectors_sha256("gaia_xp")
    assert made.header.content_sha256 != before.content_sha256
    assert {f: f.stat().st_mtime_ns for f in (made.path / "parts").glob("*.npy")} == vectors and made.orphans() == ()


def test_what_a_table_has_replaces_what_was_there_and_nothing_else(made: StarCatalog) -> None:
    table = Table({"obsid": [7, 8], "teff_gspphot": [6000.0, np.nan], "subclass": ["F5", "A0"]})
    assert join(made, table).on == "obsid"
    assert made.column("teff").tolist() == [6000, 5001, 5002, 5003, 5004, 5005]
    assert made.column("class").tolist() == ["F5", "A0", "G2", "G3", "G4", "G5"]
    assert made.column("teff").dtype == np.float32
    join(made, Table({"obsid": [7], "teff": [7000.0], "mass": [2.0]}), columns=["mass"])
    assert made.column("teff")[0] == 6000 and made.column("mass")[0] == 2
    join(made, Table({"obsid": [8], "logg": [4.0]}))  # several joins one after the other
    assert made.column("logg")[1] == 4 and made.column("mass")[0] == 2 and made.orphans() == ()


def test_joined_catalogues_grow_and_merge(made: StarCatalog, tmp_path: Path) -> None:
    from specviz.catalog.store.merging import merge

    join(made, ages())
    made.append({"source_id": [99], "gaia_release": ["DR3"]}, {"gaia_xp": np.eye(6)[:1]})
    merged = merge([made], tmp_path / "all").catalog
    np.testing.assert_array_equal(merged.column("age"), [np.nan, 2, np.nan, np.nan, np.nan, 1, np.nan])
    assert merged.header.content_sha256 == made.header.content_sha256


def test_a_number_that_is_there_twice_is_left_alone(made: StarCatalog) -> None:
    said = join(made, ages((10**18 + 5, 10**18 + 1, 10**18 + 5)))
    assert said.ambiguous == (str(10**18 + 5),) and said.stars == 1
    np.testing.assert_array_equal(made.column("age"), [np.nan, 2, np.nan, np.nan, np.nan, np.nan])


def test_numbers_of_another_release_do_not_match(made: StarCatalog) -> None:
    with pytest.raises(CatalogError, match=r"No source_id of the table is in stars.specviz .taken as Gaia DR4."):
        join(made, ages(), release="DR4")
    with pytest.raises(CatalogError, match="No source_id of the table"):
        join(made, ages(gaia_release=["DR2"] * 3))
    assert join(made, ages(gaia_release=["Gaia EDR3"] * 3)).stars == 2
    made.append({"source_id": [99], "gaia_release": ["DR4"]}, {"gaia_xp": np.eye(6)[:1]})
    with pytest.raises(CatalogError, match=r"does not say of which Gaia release .* knows DR3, DR4"):
        join(made, ages())


@pytest.mark.parametrize("suffix", [".csv", ".ecsv", ".fits", ".vot", ".parquet"])
def test_tables_come_from_files(made: StarCatalog, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"ages{suffix}"
    if suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = ages()
        pq.write_table(pa.table({n: np.asarray(table[n]) for n in table.colnames} | {"v": [[1.0], [2.0], [3.0]]}), file)
    else:
        ages().write(file, **({"format": "votable"} if suffix == ".vot" else {}))
    assert join(made, file).stars == 2
    np.testing.assert_array_equal(made.column("age"), [np.nan, 2, np.nan, np.nan, np.nan, 1])


def test_names_join_too_and_pandas_is_a_table(made: StarCatalog) -> None:
    table = Table({"name": [f"Gaia DR3 {10**18 + 3}"], "binary": [True]}).to_pandas()
    said = join(made, table)
    assert said.on == "object_id" and made.column("binary").tolist() == [False] * 3 + [True] + [False] * 2


def test_what_cannot_be_joined_is_said_and_nothing_changes(made: StarCatalog, tmp_path: Path) -> None:
    before = made.header
    for table, options, error, said in [
        (ages(), {"columns": ["ages"]}, CatalogError, "no column ages.*some of source_id, age"),
        (Table({"source_id": [10**18]}), {}, CatalogError, "no column to join"),
        (ages(**{"class": [1, 2, 3]}), {"columns": ["age"], "on": "obsid"}, CatalogError, "The table has source_id, "),
        (Table({"source_id": [10**18], "teff": ["hot"]}), {}, CatalogError, "words that are no numbers"),
        (Table({"teff": [1.0]}), {}, CatalogError, "Nothing names the stars"),
        (tmp_path / "nowhere.csv", {}, NotFoundError, "There is no file"),
        (tmp_path, {}, NotFoundError, "There is no file"),
        (42, {}, OptionError, "int is no table"),
        (ages(), {"on": "ra"}, OptionError, "on='ra'"),
    ]:
        with pytest.raises(error, match=said):
            join(made, table, **options)
    (tmp_path / "bad.fits").write_bytes(b"SIMPLE  = nonsense")
    with pytest.raises(CatalogError, match=r"bad.fits cannot be read as a table"):
        join(made, tmp_path / "bad.fits")
    assert StarCatalog.open(made.path).header == before and made.orphans() == ()


def test_who_has_it_open_is_told(made: StarCatalog) -> None:
    reader = StarCatalog.open(made.path)
    assert len(reader.column("teff")) == 6
    join(made, ages())
    assert len(reader.column("teff")) == 6  # what was read stays
    with pytest.raises(CatalogError, match=r"Someone else has changed stars.specviz meanwhile.*Open it again"):
        reader.column("class")
