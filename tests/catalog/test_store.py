"""Catalogues on disk: what goes in comes out, whatever happens to the files and whoever else is writing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.catalog.store.header import FILE, Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.catalog.store.writing import writing
from specviz.errors import CatalogError
from specviz.spectra.star import Identifier, Star

WEIGHTS = "ab" * 32
FIRST = 4_345_775_217_221_821_000


def header(**other: Any) -> Header:
    told = {"model": "fake", "version": "1", "weights_sha256": WEIGHTS, "release": "LAMOST DR10, Gaia DR3", "dims": {}}
    return Header(**{**told, **other})


def stars(n: int, start: int = 0, **more: Any) -> dict[str, Any]:
    rng = np.random.default_rng(start)
    plain = {
        "source_id": FIRST + start + np.arange(n),
        "gaia_release": np.full(n, "DR3"),
        "ra": rng.uniform(0, 360, n),
        "dec": rng.uniform(-90, 90, n),
        "teff": rng.uniform(4000, 7000, n),
    }
    return plain | more


def vectors(n: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)


@pytest.fixture
def made(tmp_path: Path) -> StarCatalog:
    """Three parts: 20 stars with both surveys, 10 of which every second has no LAMOST, 5 with Gaia alone."""
    catalog = StarCatalog.create(tmp_path / "stars.specviz", header())
    catalog.append(stars(20), {"gaia_xp": vectors(20), "lamost_lrs": vectors(20, 4, 1)})
    lamost = vectors(10, 4, 2)
    lamost[::2] = np.nan
    catalog.append(stars(10, 20), {"gaia_xp": vectors(10, 8, 3), "lamost_lrs": lamost})
    catalog.append(stars(5, 30, obsid=np.arange(5) + 1), {"gaia_xp": vectors(5, 8, 4)})
    return catalog


# ------------------------------------------------------------------------------------------------- what is in it
def test_what_goes_in_comes_out(made: StarCatalog) -> None:
    opened = StarCatalog.open(made.path, model_sha256=WEIGHTS)
    assert len(opened) == 35 and opened.surveys == ("gaia_xp", "lamost_lrs")
    every = {name: np.concatenate([stars(20)[name], stars(10, 20)[name], stars(5, 30)[name]]) for name in stars(1)}
    for name in ("source_id", "gaia_release", "ra", "dec"):
        np.testing.assert_array_equal(opened.column(name), every[name])
    np.testing.assert_array_equal(opened.column("teff"), every["teff"].astype(np.float32))
    assert opened.column("object_id")[34] == f"Gaia DR3 {FIRST + 34}"
    assert opened.unit("teff") == "K" and opened.unit("ra") == "deg" and opened.unit("source_id") == ""
    gaia = opened.vectors("gaia_xp")
    assert gaia.shape == (35, 8) and gaia.complete
    given = np.concatenate([vectors(20), vectors(10, 8, 3), vectors(5, 8, 4)])
    unit = given / np.linalg.norm(given, axis=1, keepdims=True)
    np.testing.assert_allclose(gaia.take(np.arange(35)), unit, atol=4e-4)  # half precision
    assert np.abs((gaia.take(np.arange(35)) * unit).sum(axis=1) - 1).max() < 1e-3


def test_a_star_without_a_survey_has_no_number_there(made: StarCatalog) -> None:
    lamost = made.vectors("lamost_lrs")
    assert lamost.shape == (25, 4) and not lamost.complete
    rows = lamost.rows_of(np.arange(25))
    assert rows.tolist() == [*range(20), 21, 23, 25, 27, 29]
    numbers = lamost.numbers_of(np.arange(35))
    assert (numbers[rows] == np.arange(25)).all() and set(numbers[[20, 22, 30, 34]]) == {-1}
    with pytest.raises(CatalogError, match=r"holds no sdss embeddings.*one of gaia_xp, lamost_lrs"):
        made.vectors("sdss")
    with pytest.raises(IndexError):
        lamost.take([25])
    with pytest.raises(IndexError):
        lamost.rows_of([-1])


def test_a_column_that_some_parts_lack_is_empty_there(made: StarCatalog) -> None:
    assert made.column("obsid").tolist() == [0] * 30 + [1, 2, 3, 4, 5]
    made.append(stars(2, 40, remark=["é", "b"], mass=[1.5, np.nan]), {"gaia_xp": vectors(2)}, units={"mass": "Msun"})
    assert made.column("remark").tolist() == [""] * 35 + ["é", "b"] and np.isnan(made.column("mass")[:35]).all()
    assert made.unit("mass") == "Msun" and made.take("remark", [36, 0, 35]).tolist() == ["b", "", "é"]
    table = made.table([0, 35], ["remark", "mass", "teff"])
    assert table.colnames == ["remark", "mass", "teff"] and str(table["mass"].unit) == "solMass"
    assert table.meta["weights_sha256"] == WEIGHTS
    with pytest.raises(CatalogError, match=r"has no column 'mas'.*Did you mean 'mass'"):
        made.column("mas")


def test_an_empty_catalogue_is_one(tmp_path: Path) -> None:
    empty = StarCatalog.create(tmp_path / "empty", header())
    again = StarCatalog.open(tmp_path / "empty")
    assert len(empty) == len(again) == 0 and again.column_names == () and again.surveys == ()
    assert again.star_rows(Star("Sun")).size == 0
    again.append(stars(3), {})  # stars of which nothing is embedded yet
    assert len(again) == 3 and again.surveys == ()
    with pytest.raises(CatalogError, match=r"something at .* already"):
        StarCatalog.create(tmp_path / "empty", header())


def test_other_readers_learn_model_release_and_units(made: StarCatalog) -> None:
    import pyarrow.parquet as pq

    schema = pq.read_schema(made.path / "parts" / "part-00000.parquet")
    about = json.loads(schema.metadata[b"specviz"])
    assert about["weights_sha256"] == WEIGHTS and about["model"] == "fake" and "Gaia DR3" in about["release"]
    assert schema.field("teff").metadata[b"unit"] == b"K" and str(schema.field("source_id").type) == "int64"
    assert b"effective temperature" in schema.field("teff").metadata[b"description"]


def test_the_same_stars_have_the_same_hash(made: StarCatalog, tmp_path: Path) -> None:
    other = StarCatalog.create(tmp_path / "other", header())
    lamost = vectors(10, 4, 2)
    lamost[::2] = np.nan
    backwards = dict(reversed(stars(20).items()))
    other.append(backwards, {"lamost_lrs": vectors(20, 4, 1) * 7, "gaia_xp": vectors(20)})  # lengths do not count
    other.append(stars(10, 20), {"gaia_xp": vectors(10, 8, 3), "lamost_lrs": lamost})
    other.append(stars(5, 30, obsid=np.arange(5) + 1), {"gaia_xp": vectors(5, 8, 4)}, name="called-otherwise")
    assert other.header.content_sha256 == made.header.content_sha256
    before = made.header.vectors_sha256("gaia_xp")
    assert other.header.vectors_sha256("gaia_xp") == before
    other.append(stars(1, 99), {"gaia_xp": vectors(1)})
    assert other.header.vectors_sha256("gaia_xp") != before != made.header.vectors_sha256("lamost_lrs")


# ------------------------------------------------------------------------------------------------- refusals
def test_a_catalogue_of_other_weights_is_refused(made: StarCatalog) -> None:
    with pytest.raises(CatalogError) as caught:
        StarCatalog.open(made.path, model_sha256="c" * 64)
    said = str(caught.value)
    assert "stars.specviz was made by other weights (fake abababababab…) than those in use (cccccccccccc…)" in said
    assert "similarities across models mean nothing" in said and "specviz catalog build" in said


def test_vectors_of_another_length_are_refused(made: StarCatalog) -> None:
    before = made.header
    with pytest.raises(CatalogError, match=r"Vectors of 7 dimensions do not fit this catalogue of 8 \(gaia_xp\)"):
        made.append(stars(2, 50), {"gaia_xp": vectors(2, 7)})
    with pytest.raises(CatalogError, match=r"do not fit 2 stars"):
        made.append(stars(2, 50), {"gaia_xp": vectors(3)})
    with pytest.raises(CatalogError, match="There is a part 'part-00000' already"):
        made.append(stars(2, 50), {"gaia_xp": vectors(2)}, name="part-00000")
    assert StarCatalog.open(made.path).header == before == made.header


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"teff": [5000.0]}, "Nothing names the stars"),
        ({"object_id": ["a", "b"], "teff": [1.0]}, "object_id: 2, teff: 1 rows do not fit"),
        ({"object_id": ["a"], "flux": [[1.0, 2.0]]}, "Column 'flux' has shape .1, 2."),
        ({"object_id": ["a"], "z": [1j]}, "Column 'z' is of type complex128"),
        ({"object_id": ["a"], "a\nb": [1]}, "cannot be the name of a column"),
        ({"object_id": ["a"], "": [1]}, "cannot be the name of a column"),
        ({"object_id": ["a"], "teff": ["hot"]}, "Column 'teff' holds words that are no numbers"),
        ({"source_id": [4.345775217221821e18]}, "does not hold all digits"),
        ({"object_id": ["a"], "extra": ["now words"]}, "Column 'extra' holds numbers in this catalogue and words"),
    ],
)
def test_columns_that_make_no_sense_are_refused(tmp_path: Path, columns: Any, said: str) -> None:
    catalog = StarCatalog.create(tmp_path / "stars", header())
    catalog.append({"object_id": ["first"], "extra": [1.5]}, {})
    with pytest.raises(CatalogError, match=said):
        catalog.append(columns, {})
    assert len(StarCatalog.open(tmp_path / "stars")) == 1 and catalog.orphans() == ()


@pytest.mark.parametrize("survey", ["../escaped", "columns", "a.rows", "", "a b"])
def test_names_stay_names_of_files(made: StarCatalog, survey: str) -> None:
    with pytest.raises(CatalogError, match="cannot be the name of a survey"):
        made.append(stars(1, 60), {survey: vectors(1)})
    with pytest.raises(CatalogError, match="cannot be the name of a part"):
        made.append(stars(1, 60), {}, name="../part")


def test_columns_of_tables_come_in_their_own_units_and_types(tmp_path: Path) -> None:
    from astropy import units as u

    table = Table(
        {
            "designation": np.array([b"HD 1  ", b"HD 2"]),
            "ra": np.array([1.0, 2.0]) * u.hourangle,
            "dec": np.array([0.1, 0.2], ">f8") * u.rad,
            "distance_gspphot": np.array([0.1, 0.2], ">f4") * u.kpc,
            "mass": np.array([1, 2], ">f4") * u.Msun,
            "source_id": np.ma.array([7, 8], mask=[False, True]),
            "class": np.array(["G2", None], object),
            "teff_gspphot": np.ma.array([5000.0, 1e20], mask=[False, True]),
            "flag": [True, False],
        }
    )
    catalog = StarCatalog.create(tmp_path / "stars", header())
    catalog.append({n: table[n] for n in table.colnames}, {})
    assert catalog.column("object_id").tolist() == ["HD 1", "HD 2"] and catalog.column("class").tolist() == ["G2", ""]
    np.testing.assert_allclose(catalog.column("ra"), [15.0, 30.0])
    np.testing.assert_allclose(catalog.column("dec"), np.degrees([0.1, 0.2]))
    np.testing.assert_allclose(catalog.column("distance_pc"), [100.0, 200.0])
    assert catalog.unit("distance_pc") == "pc" and catalog.unit("mass") == "solMass"
    assert catalog.column("source_id").tolist() == [7, 0] and catalog.column("flag").tolist() == [True, False]
    assert catalog.column("teff")[0] == 5000 and np.isnan(catalog.column("teff")[1])
    with pytest.raises(CatalogError, match="Column 'ra' is in K, which cannot be made deg"):
        catalog.append({"object_id": ["x"], "ra": np.array([1.0]) * u.K}, {})


def test_numbers_of_two_types_become_the_one_that_holds_both(tmp_path: Path) -> None:
    catalog = StarCatalog.create(tmp_path / "stars", header())
    catalog.append({"object_id": ["a"], "n": np.array([2**60 + 1]), "m": np.array([3])}, {})
    catalog.append({"object_id": ["b"], "n": np.array([0.5]), "m": np.array([0.5])}, {})
    assert catalog.column("m").tolist() == [3.0, 0.5]
    with pytest.raises(CatalogError, match="'n' is int64 in one part and double elsewhere"):
        catalog.column("n")
    assert catalog.column("object_id").tolist() == ["a", "b"]


# ------------------------------------------------------------------------------------------------- damage
def test_there_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match=r"There is no catalogue at .*nowhere"):
        StarCatalog.open(tmp_path / "nowhere")
    with pytest.raises(CatalogError, match=r"is no star catalogue.*a folder with catalog.json"):
        StarCatalog.open(tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is damaged"),
        ("[1]", "is damaged"),
        ('{"format": "something"}', "belongs to something else"),
        ('{"format": "specviz star catalogue", "format_version": 99}', "written by a later specviz .format 99."),
        ('{"format": "specviz star catalogue", "format_version": 1}', "is damaged"),
    ],
)
def test_a_damaged_header_is_said(made: StarCatalog, text: str, said: str) -> None:
    (made.path / FILE).write_text(text)
    with pytest.raises(CatalogError, match=said):
        StarCatalog.open(made.path)


def test_a_header_cannot_lead_out_of_the_folder(made: StarCatalog) -> None:
    told = json.loads((made.path / FILE).read_text())
    told["parts"][0]["name"] = "../../outside"
    (made.path / FILE).write_text(json.dumps(told))
    with pytest.raises(CatalogError, match="is damaged"):
        StarCatalog.open(made.path)


@pytest.mark.parametrize("file", ["part-00001.gaia_xp.npy", "part-00001.lamost_lrs.rows.npy"])
@pytest.mark.parametrize("how", ["absent", "cut", "noise", "other shape"])
def test_damaged_vectors_are_said_and_the_rest_can_be_read(made: StarCatalog, file: str, how: str) -> None:
    _damage(made.path / "parts" / file, how)
    again = StarCatalog.open(made.path)
    survey = file.split(".")[1]
    with pytest.raises(CatalogError, match=f"{file}.*(absent|damaged|has shape)"):
        again.vectors(survey)
    assert len(again.column("teff")) == 35
    again.vectors({"gaia_xp": "lamost_lrs", "lamost_lrs": "gaia_xp"}[survey])


@pytest.mark.parametrize("how", ["absent", "cut", "noise"])
def test_a_damaged_table_is_said(made: StarCatalog, how: str) -> None:
    _damage(made.path / "parts" / "part-00001.parquet", how)
    with pytest.raises(CatalogError, match=r"part-00001.parquet of this catalogue is (absent|damaged)"):
        StarCatalog.open(made.path).column("teff")
    assert StarCatalog.open(made.path).vectors("gaia_xp").shape == (35, 8)


def _damage(file: Path, how: str) -> None:
    data = file.read_bytes()
    if how == "absent":
        file.unlink()
    elif how == "other shape":
        np.save(file, np.load(file)[:-1])
    else:
        file.write_bytes(data[: len(data) // 2] if how == "cut" else b"\x00" * len(data))


# ------------------------------------------------------------------------------------------------- several writers
def test_the_second_of_two_writers_is_refused_and_loses_nothing(made: StarCatalog) -> None:
    one, two = StarCatalog.open(made.path), StarCatalog.open(made.path)
    one.append(stars(3, 100), {"gaia_xp": vectors(3)})
    with pytest.raises(CatalogError, match=r"Someone else has changed stars.specviz meanwhile.*Open it again"):
        two.append(stars(4, 200), {"gaia_xp": vectors(4)})
    two = StarCatalog.open(made.path)
    two.append(stars(4, 200), {"gaia_xp": vectors(4)})
    assert len(StarCatalog.open(made.path)) == 42 and two.orphans() == ()


def test_who_writes_at_the_same_moment_waits(made: StarCatalog) -> None:
    with writing(made.path), pytest.raises(CatalogError, match=r"Another process is changing stars.specviz"):
        made.append(stars(1, 100), {"gaia_xp": vectors(1)})
    made.append(stars(1, 100), {"gaia_xp": vectors(1)})
    assert len(made) == 36


def test_a_reader_keeps_what_it_opened(made: StarCatalog) -> None:
    reader = StarCatalog.open(made.path)
    made.append(stars(3, 100), {"gaia_xp": vectors(3)})
    assert len(reader.column("teff")) == len(reader.vectors("gaia_xp")) == 35
    assert len(made.column("teff")) == 38


_KILLED = """
import os, sys
import numpy as np
from specviz.catalog.store import parts, star_catalog
catalog = star_catalog.StarCatalog.open(sys.argv[1])
where = sys.argv[2]
if where == "before the header":
    catalog._put = lambda header: os._exit(9)
else:
    parts.write_table = lambda *given: os._exit(9)
catalog.append({"object_id": ["x"], "teff": [1.0]}, {"gaia_xp": np.ones((1, 8)), "lamost_lrs": np.ones((1, 4))})
"""


@pytest.mark.parametrize("where", ["before the header", "before the table"])
def test_a_writer_that_is_killed_leaves_the_catalogue_as_it_was(made: StarCatalog, where: str) -> None:
    before = made.header.content_sha256
    done = subprocess.run([sys.executable, "-c", _KILLED, str(made.path), where], check=False)
    assert done.returncode == 9
    again = StarCatalog.open(made.path)
    assert again.header.content_sha256 == before and len(again.column("teff")) == 35
    assert {file.name.split(".")[0] for file in again.orphans()} == {"part-00003"}
    again.append(stars(2, 300), {"gaia_xp": vectors(2)})  # the lock died with the process; leftovers are not taken over
    assert again.orphans() == () and again.vectors("lamost_lrs").shape == (25, 4) and len(again) == 37


def test_orphans_can_be_removed(made: StarCatalog) -> None:
    left = made.path / "parts" / "part-00009.gaia_xp.npy.1234.tmp"
    left.write_bytes(b"x")
    assert made.orphans() == (left,) == made.remove_orphans()
    assert not left.exists() and made.vectors("gaia_xp").shape == (35, 8)


def test_a_full_disk_leaves_no_file(made: StarCatalog, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    before = sorted(made.path.rglob("*"))
    with pytest.raises(OSError, match="No space left"):
        made.append(stars(2, 300), {"gaia_xp": vectors(2)})
    assert {f for f in made.path.rglob("*") if f.name != "catalog.lock"} == {
        f for f in before if f.name != "catalog.lock"
    }


# ------------------------------------------------------------------------------------------------- which row is a star
def test_a_star_is_found_by_name_id_and_position(made: StarCatalog) -> None:
    assert made.star_rows(Star(f"Gaia DR3 {FIRST + 7}")).tolist() == [7]
    gaia = Identifier("Gaia", "DR3", str(FIRST + 30))
    assert made.star_rows(Star("q", {}, (gaia,))).tolist() == [30]
    assert made.star_rows(Star("q", {}, (Identifier("Gaia", "EDR3", str(FIRST + 30)),))).tolist() == [30]
    assert made.star_rows(Star("q", {}, (Identifier("LAMOST", "DR10", "3"),))).tolist() == [32]
    ra, dec = float(made.column("ra")[12]), float(made.column("dec")[12])
    assert made.star_rows(Star("q", ra=ra, dec=dec + 1 / 3600)).tolist() == [12]
    assert made.star_rows(Star("q", ra=ra, dec=dec + 5 / 3600)).size == 0
    assert made.star_rows(Star("nobody", {}, (Identifier("Gaia", "DR3", "17"),))).size == 0


def test_a_number_of_another_release_is_another_star(made: StarCatalog) -> None:
    assert made.star_rows(Star("q", {}, (Identifier("Gaia", "DR4", str(FIRST + 30)),))).size == 0


def test_a_star_across_the_meridian_is_found(tmp_path: Path) -> None:
    catalog = StarCatalog.create(tmp_path / "stars", header())
    catalog.append({"object_id": ["a", "b"], "ra": [359.9999, 180.0], "dec": [80.0, 0.0]}, {})
    assert catalog.star_rows(Star("q", ra=0.0001, dec=80.0)).tolist() == [0]


def test_indices_of_both_surveys(made: StarCatalog) -> None:
    index = made.index("lamost_lrs")
    found = index.search(vectors(20, 4, 1)[3], k=2)
    assert found["row"][0] == 3 and found["similarity"][0] > 0.999 and made.index("lamost_lrs") is index
    assert made.index().survey == "gaia_xp"


# ------------------------------------------------------------------------------------------------- many stars
@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200,000 stars in four parts."""
    folder = tmp_path_factory.mktemp("many") / "stars.specviz"
    catalog, n = StarCatalog.create(folder, header()), 50_000
    some = vectors(n, 32)
    for part in range(4):
        rows = part * n + np.arange(n)
        plain = {"source_id": FIRST + rows, "gaia_release": np.full(n, "DR3"), "ra": rows * 1.8e-3, "dec": rows * 4e-4}
        catalog.append(plain, {"gaia_xp": some})
    return folder


def test_opening_reads_no_vectors_and_no_columns(many: Path) -> None:
    catalog = StarCatalog.open(many)
    stored = catalog.vectors("gaia_xp")
    assert stored.shape == (200_000, 32) and all(isinstance(array, np.memmap) for array in stored._arrays)
    assert catalog._columns == {} and catalog._texts == {}


def test_a_star_is_found_without_python_words(many: Path) -> None:
    catalog = StarCatalog.open(many)
    star = Star("q", {}, (Identifier("Gaia", "DR3", str(FIRST + 77_777)),), ra=77_777 * 1.8e-3, dec=77_777 * 4e-4)
    assert catalog.star_rows(star).tolist() == [77_777]
    assert "object_id" not in catalog._columns  # it stays as Arrow has it
    assert catalog.take("object_id", [199_999, 0]).tolist() == [f"Gaia DR3 {FIRST + 199_999}", f"Gaia DR3 {FIRST}"]
    assert catalog.column("object_id")[123_456] == f"Gaia DR3 {FIRST + 123_456}"


def test_an_empty_part_counts_for_nothing(tmp_path: Path) -> None:
    catalog = StarCatalog.create(tmp_path / "stars", header())
    for start, n in ((0, 0), (0, 3), (3, 0), (3, 2)):
        catalog.append(stars(n, start), {"gaia_xp": vectors(n)})
    assert catalog.column("source_id").tolist() == [FIRST + i for i in range(5)]
    assert catalog.take("object_id", [4, 0]).tolist() == [f"Gaia DR3 {FIRST + 4}", f"Gaia DR3 {FIRST}"]
    assert catalog.vectors("gaia_xp").rows_of([0, 4]).tolist() == [0, 4]
