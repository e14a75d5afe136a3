"""Ready vectors as sources of a catalogue: files of specviz embed, official databases, indices, tables."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.analysis.engine import Engine
from specviz.analysis.stream import Row, embed_stream
from specviz.catalog.flat_files import export_parquet
from specviz.catalog.index import SimilarityIndex
from specviz.catalog.npz_mapping import MappedNpz
from specviz.catalog.official import OfficialDatabase
from specviz.catalog.scale import partition
from specviz.catalog.scale.build import build
from specviz.catalog.scale.embeddings import open_embeddings
from specviz.errors import CatalogError, NotFoundError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, Star

WEIGHTS = "f" * 64
N = 50


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch, fake_model_class: Any) -> Engine:
    """The model that builds is a fake; it is not asked for any vector."""
    made = Engine(fake_model_class(), samples=10)
    monkeypatch.setattr(partition, "_engine", lambda _: made)
    return made


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(N, 16)).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _built(path: Path, size: int = 20, **options: Any) -> Any:
    source = pickle.loads(pickle.dumps(open_embeddings(path, partition=size, **options)))
    assert len(pickle.dumps(source)) < 2000 and source.fingerprint == open_embeddings(path, partition=size).fingerprint
    catalog = build(source, path.with_suffix(".specviz"))
    assert len(catalog) == N and len(catalog.header.parts) == -(-N // size)
    return catalog


def _table(vectors: np.ndarray, column: str = "embedding") -> Table:
    table = Table(
        {"object_id": [f"star {i}" for i in range(N)], "teff": np.linspace(4000, 7000, N), "mass": np.ones(N)}
    )
    table["teff"].unit, table["mass"].unit, table[column] = "K", "Msun", vectors
    table.meta |= {"survey": "gaia_xp", "weights_sha256": WEIGHTS}
    return table


def _write(table: Table, file: Path) -> None:
    if file.suffix == ".fits":  # its keywords have eight letters
        table = table.copy()
        table.meta["weights"] = table.meta.pop("weights_sha256")
    table.write(file, **({"format": "votable"} if file.suffix == ".vot" else {}))


class _Spectra:
    """Stars with a LAMOST spectrum, an SDSS one, or none that can be read."""

    fingerprint = "some spectra"

    def __len__(self) -> int:
        return N

    def read(self, start: int, stop: int) -> list[Row]:
        wave = np.geomspace(3700.0, 9000.0, 2000)
        rows = []
        for i in range(start, stop):
            survey = "sdss" if i % 3 == 1 else "lamost_lrs"
            spectrum = Spectrum(wave, 1 + 0.1 * np.sin(wave / (50 + i)), survey=survey)
            star = Star(f"star {i}", {survey: spectrum}, (Identifier("Gaia", "DR3", str(10**18 + i)),))
            rows.append(Row(star.name, None, "It is damaged.") if i == 7 else Row("" if i == 8 else star.name, star))
        return rows


# ------------------------------------------------------------------------------------------------- what is read
def test_the_file_of_specviz_embed(tmp_path: Path, engine: Engine) -> None:
    embed_stream(engine, _Spectra(), tmp_path / "e.npz", shard=16)
    with np.load(tmp_path / "e.npz") as held:
        lamost, sdss = held["lamost_lrs"], held["sdss"]
    catalog = _built(tmp_path / "e.npz")
    assert catalog.surveys == ("lamost_lrs",) and len(catalog.vectors("lamost_lrs")) == N - 1
    given = np.where(np.isfinite(lamost), lamost, sdss)  # SDSS's are read as LAMOST's
    rows = catalog.vectors("lamost_lrs").rows_of(np.arange(N - 1))
    assert 7 not in rows
    np.testing.assert_allclose(catalog.vectors("lamost_lrs").take(np.arange(N - 1)), _unit(given[rows]), atol=5e-4)
    assert catalog.column("object_id")[[6, 8]].tolist() == ["star 6", "row 8"]
    assert catalog.column("source_id")[9] == 10**18 + 9 and catalog.column("gaia_release")[9] == "DR3"
    assert catalog.column("problem")[7] == "It is damaged." and catalog.column("problem")[6] == ""


def test_an_official_database(tmp_path: Path, vectors: np.ndarray) -> None:
    spectra = {"gaia_xp": np.ones((N, 343), np.float32), "lamost_lrs": np.ones((N, 1462), np.float32)}
    ids = 10**18 + np.arange(N)
    both = {"gaia_xp": vectors, "lamost_lrs": vectors[:, ::-1].copy()}
    OfficialDatabase(both, spectra, ids, WEIGHTS).save(tmp_path / "db.npz")
    catalog = _built(tmp_path / "db.npz")
    assert catalog.surveys == ("gaia_xp", "lamost_lrs") and catalog.column("source_id")[-1] == 10**18 + N - 1
    assert catalog.column("object_id")[0] == f"Gaia DR3 {10**18}"
    np.testing.assert_allclose(catalog.vectors("lamost_lrs").take([3])[0], _unit(both["lamost_lrs"])[3], atol=5e-4)
    names = {"gaia_embeddings": vectors[:, :, None], "lamost_embeddings": vectors[:, :, None]}
    np.savez(tmp_path / "theirs.npz", source_ids=ids.astype(str).astype("S"), **names)  # does not say what made it
    source = open_embeddings(tmp_path / "theirs.npz")
    assert source.weights_sha256 == "" and len(build(source, tmp_path / "theirs")) == N


def test_a_saved_index(tmp_path: Path, vectors: np.ndarray) -> None:
    table = _table(vectors)["object_id", "teff", "mass"]
    SimilarityIndex(vectors, table, model_sha256=WEIGHTS, survey="gaia_xp").save(tmp_path / "i.npz")
    catalog = _built(tmp_path / "i.npz")
    assert catalog.surveys == ("gaia_xp",) and catalog.column("object_id")[-1] == f"star {N - 1}"
    np.testing.assert_allclose(catalog.vectors("gaia_xp").take([N - 1])[0], _unit(vectors)[-1], atol=1e-3)


@pytest.mark.parametrize("suffix", [".fits", ".ecsv", ".vot"])
@pytest.mark.parametrize("column", ["embedding", "gaia_xp_embedding"])
def test_tables_with_a_column_of_vectors(tmp_path: Path, vectors: np.ndarray, suffix: str, column: str) -> None:
    file = tmp_path / f"t{suffix}"
    _write(_table(vectors, column), file)
    said = {"survey": "gaia_xp"} if suffix == ".vot" else {}  # a VOTable keeps no metadata of astropy's
    catalog = _built(file, **said)
    assert (
        catalog.surveys == ("gaia_xp",)
        and catalog.unit("mass") == "solMass"
        and "embedding" not in catalog.schema.names
    )
    np.testing.assert_allclose(catalog.vectors("gaia_xp").take(np.arange(N)), _unit(vectors), atol=5e-4)


def test_parquet_by_its_row_groups(tmp_path: Path, vectors: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    some: list[Any] = [list(map(float, v)) for v in vectors]
    some[5] = None
    columns = {"source_id": 10**18 + np.arange(N), "lamost_lrs": some, "tags": [["a"]] * N}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet", row_group_size=10)
    catalog = _built(tmp_path / "t.parquet")
    assert catalog.surveys == ("lamost_lrs",) and len(catalog.vectors("lamost_lrs")) == N - 1
    assert catalog.column("source_id").tolist() == columns["source_id"].tolist() and "tags" not in catalog.schema.names
    columns["lamost_lrs"] = [*some[:-1], [1.0]]
    pq.write_table(pa.table(columns), tmp_path / "uneven.parquet")
    with pytest.raises(CatalogError, match="column 'lamost_lrs' are of different lengths"):
        build(open_embeddings(tmp_path / "uneven.parquet"), tmp_path / "uneven")


def test_a_catalogue_exported_to_one_file_comes_back(tmp_path: Path, vectors: np.ndarray) -> None:
    _write(_table(vectors), tmp_path / "t.fits")
    first = _built(tmp_path / "t.fits")
    again = _built(export_parquet(first, tmp_path / "out.parquet"))
    for name in first.column_names:
        np.testing.assert_array_equal(again.column(name), first.column(name))
    assert again.unit("mass") == "solMass" and open_embeddings(tmp_path / "out.parquet").weights_sha256 == WEIGHTS
    every = np.arange(N)
    np.testing.assert_allclose(again.vectors("gaia_xp").take(every), first.vectors("gaia_xp").take(every), atol=5e-4)


def test_other_files_are_no_embeddings(tmp_path: Path, vectors: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _table(vectors)
    table.remove_column("embedding")
    _write(table, tmp_path / "labels.fits")
    _write(table, tmp_path / "labels.ecsv")
    pq.write_table(pa.table({"flux": [[1.0, 2.0]], "obsid": [1]}), tmp_path / "spectra.parquet")
    np.savez(tmp_path / "other.npz", a=np.ones(3))
    (tmp_path / "spectrum.txt").write_text("3700 1\n")
    for name in ("labels.fits", "labels.ecsv", "spectra.parquet", "other.npz", "spectrum.txt", "."):
        assert open_embeddings(tmp_path / name) is None, name


# ------------------------------------------------------------------------------------------------- refusals, damage
def test_vectors_of_other_weights_are_refused(tmp_path: Path, vectors: np.ndarray) -> None:
    table = _table(vectors)
    table.meta["weights_sha256"] = "9" * 64
    table.write(tmp_path / "t.ecsv")
    with pytest.raises(CatalogError, match=r"made by other weights .999999999999…. than those of fake .ffffffffffff…."):
        build(open_embeddings(tmp_path / "t.ecsv"), tmp_path / "out")
    table.meta |= {"weights_sha256": WEIGHTS, "survey": "kepler"}
    table.write(tmp_path / "t.ecsv", overwrite=True)
    with pytest.raises(CatalogError, match="vectors of kepler, which fake does not read"):
        build(open_embeddings(tmp_path / "t.ecsv"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_damaged_files_are_said(tmp_path: Path, vectors: np.ndarray) -> None:
    with pytest.raises(NotFoundError, match="There is nothing at"):
        open_embeddings(tmp_path / "nowhere.npz")
    for name in ("noise.npz", "noise.parquet", "noise.fits"):
        (tmp_path / name).write_bytes(b"\x00" * 100)
        with pytest.raises(CatalogError, match=f"{name} is damaged or no"):
            open_embeddings(tmp_path / name)
    header = json.dumps({"format": "specviz embeddings 1", "weights_sha256": WEIGHTS, "surveys": ["gaia_xp"]})
    text = np.frombuffer(header.encode(), np.uint8)
    np.savez(tmp_path / "half.npz", header=text, name=np.array(["a", "b"]))
    with pytest.raises(CatalogError, match=r"half.npz has no gaia_source_id, .*gaia_xp"):
        build(open_embeddings(tmp_path / "half.npz"), tmp_path / "out")
    numbers = {"gaia_source_id": np.zeros(2, int), "obsid": np.zeros(2, int)}
    words = {n: np.array(["", ""]) for n in ("name", "gaia_release", "problem")}
    np.savez(tmp_path / "uneven.npz", header=text, **numbers, **words, gaia_xp=np.ones((3, 16)))
    with pytest.raises(CatalogError, match="arrays of different lengths"):
        build(open_embeddings(tmp_path / "uneven.npz"), tmp_path / "out2")


# ------------------------------------------------------------------------------------------------- the mapping
def test_arrays_are_mapped_where_they_lie(tmp_path: Path) -> None:
    arrays = {"plain": np.arange(12.0).reshape(3, 4), "fortran": np.asfortranarray(np.arange(6).reshape(2, 3)),
              "words": np.array(["a", "é"]), "empty": np.empty((0, 3)), "one": np.array(3)}  # fmt: skip
    np.savez(tmp_path / "stored.npz", **arrays)
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    for name, mapped in (("stored.npz", True), ("packed.npz", False)):
        held = MappedNpz(tmp_path / name)
        assert set(held) == set(arrays) and len(held) == 5 and held.header() == {}
        for key, array in arrays.items():
            np.testing.assert_array_equal(held[key], array)
            assert held[key].dtype == array.dtype
        assert isinstance(held["plain"], np.memmap) is mapped


def test_pickles_and_cut_arrays_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "objects.npz", a=np.array([{}], object))
    with pytest.raises(CatalogError, match=r"a in objects.npz is damaged, or no array without pickles"):
        MappedNpz(tmp_path / "objects.npz")["a"]
    with zipfile.ZipFile(tmp_path / "cut.npz", "w") as archive, archive.open("a.npy", "w") as stream:
        np.lib.format.write_array_header_2_0(stream, {"descr": "<f8", "fortran_order": False, "shape": (10**9,)})
    with pytest.raises(CatalogError, match=r"a in cut.npz is damaged"):
        MappedNpz(tmp_path / "cut.npz")["a"]
