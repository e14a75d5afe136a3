"""Spectra in HATS catalogues: as a source, by many workers, through LSDB, over HTTP, and by the command."""

from __future__ import annotations

import http.server
import importlib
import re
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.archives.local.arrow_rows import ArrowRows
from specviz.catalog.hats.layout import lsdb
from specviz.catalog.hats.reading import import_hats
from specviz.catalog.scale.build import build
from specviz.catalog.scale.dask_runner import ClusterRunner, on_cluster
from specviz.catalog.scale.hats_source import HatsSpectra
from specviz.catalog.scale.lsdb_embedding import embed_catalog, write_embedded
from specviz.catalog.scale.partition import EngineSpec
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.cli import main
from specviz.errors import CatalogError, NotASpectrumError, NotFoundError

pytest.importorskip("lsdb")
SPEC = EngineSpec(device="cpu", batch=16)
BAD = "made up 3.1"


@pytest.fixture(scope="module")
def stars() -> Iterator[Any]:
    """``dask_stars``, imported from here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        yield importlib.import_module("dask_stars")
    sys.modules.pop("dask_stars", None)


@pytest.fixture(scope="module")
def survey(stars: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 stars with nested XP spectra all over the sky, one of them without; written by LSDB."""
    import nested_pandas
    import pandas as pd

    blocks = [stars.block(i, 10) for i in range(12)]
    spectra = [star.spectra["gaia_xp"] for block in blocks for star in block.stars]
    names = np.concatenate([block.columns["object_id"] for block in blocks])
    base = pd.DataFrame(
        {
            "object_id": names,
            "source_id": np.arange(120) + 2**60,
            "ra": np.concatenate([block.columns["ra"] for block in blocks]),
            "dec": np.concatenate([block.columns["dec"] for block in blocks]),
            "teff": np.linspace(4000, 7000, 120),
            "quality": np.arange(120) % 7,
        }
    )
    kept = [i for i in range(120) if names[i] != BAD]
    rows = np.repeat(kept, 343)
    pixels = {
        "wavelength": np.concatenate([spectra[i].wavelength for i in kept]),
        "flux": np.concatenate([spectra[i].flux for i in kept]),
        "flux_error": np.concatenate([spectra[i].sigma for i in kept]),
    }
    frame = nested_pandas.NestedFrame(base).join_nested(pd.DataFrame(pixels, index=rows), "gaia_xp")
    folder = tmp_path_factory.mktemp("survey") / "xp"
    catalog = lsdb().from_dataframe(frame, catalog_name="xp", partition_rows=8, margin_threshold=None)
    catalog.write_catalog(folder, progress_bar=False)
    return folder


@pytest.fixture(scope="module")
def here(survey: Path, tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    """The catalogue of it, made by this process."""
    return build(HatsSpectra(survey, ArrowRows.of), tmp_path_factory.mktemp("here") / "out", SPEC)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ClusterRunner]:
    with on_cluster(workers=1) as runner:
        yield runner


def test_pixels_are_partitions(survey: Path, here: StarCatalog, stars: Any) -> None:
    source = HatsSpectra(f"hats://{survey}", ArrowRows.of)
    keys = source.keys()
    assert len(source) == 120 and len(keys) >= 20
    assert all(re.fullmatch(r"\d+_\d+", key) for key in keys)
    assert [part.name for part in here.header.parts] == keys
    assert [part.rows for part in here.header.parts] == [source.rows_in(key) for key in keys]
    assert source.fingerprint == HatsSpectra(survey, ArrowRows.of).fingerprint
    names = here.column("object_id")
    order = {name: i for i, name in enumerate(f"made up {b}.{i}" for b in range(12) for i in range(10))}
    rows = np.array([order[name] for name in names])
    np.testing.assert_array_equal(here.column("source_id"), rows + 2**60)
    np.testing.assert_allclose(here.column("teff"), np.linspace(4000, 7000, 120)[rows], rtol=1e-6)
    assert "quality" not in here.column_names and len(here.vectors("gaia_xp")) == 119
    assert [name for name, why in zip(names, here.column("problem"), strict=True) if why] == [BAD]


def test_the_embeddings_are_those_of_the_spectra(here: StarCatalog, stars: Any) -> None:
    block = stars.block(5, 10)
    (row,) = np.flatnonzero(here.column("object_id") == block.stars[4].name)
    expected = SPEC.engine().encode([block.stars[4]])[0].embeddings["gaia_xp"]
    found = here.vectors("gaia_xp").take(here.vectors("gaia_xp").numbers_of([row]))[0]
    np.testing.assert_allclose(found, expected / np.linalg.norm(expected), atol=2e-3)


def test_columns_that_are_asked_for(survey: Path) -> None:
    source = HatsSpectra(survey, ArrowRows.of, columns=["quality"])
    (block, *_) = source.blocks(source.keys()[0])
    assert "quality" in block.columns and "teff" not in block.columns
    with pytest.raises(CatalogError, match="no column 'qualty'"):
        HatsSpectra(survey, ArrowRows.of, columns=["qualty"])


def test_a_cluster_makes_the_same(survey: Path, here: StarCatalog, cluster: ClusterRunner, tmp_path: Path) -> None:
    made = build(HatsSpectra(survey, ArrowRows.of), tmp_path / "out", SPEC, runner=cluster)
    assert made.header.content_sha256 == here.header.content_sha256


def test_over_http(survey: Path, here: StarCatalog, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=str(survey)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        source = HatsSpectra(f"hats://http://127.0.0.1:{server.server_port}/xp", ArrowRows.of)
        assert len(source) == 120 and source.keys() == [part.name for part in here.header.parts]
        (block,) = source.blocks(source.keys()[2])
        np.testing.assert_array_equal(
            block.columns["object_id"], here.table(names=["object_id"])["object_id"][_rows(here, 2)]
        )
        assert all(star is None or "gaia_xp" in star.spectra for star in block.stars)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _rows(catalog: StarCatalog, part: int) -> slice:
    start = sum(record.rows for record in catalog.header.parts[:part])
    return slice(start, start + catalog.header.parts[part].rows)


class Ranges(http.server.SimpleHTTPRequestHandler):
    """Serves pieces of files, as web servers do and Python's own does not."""

    def do_GET(self) -> None:
        path, asked = Path(self.translate_path(self.path)), self.headers.get("Range")
        if asked is None or not path.is_file():
            return super().do_GET()
        first, last = (int(n) if n else None for n in asked.removeprefix("bytes=").split("-"))
        data = path.read_bytes()
        piece = data[first : None if last is None else last + 1] if first is not None else data[-int(last or 0) :]
        self.send_response(206)
        self.send_header("Content-Length", str(len(piece)))
        start = first if first is not None else len(data) - len(piece)
        self.send_header("Content-Range", f"bytes {start}-{start + len(piece) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(piece)
        return None

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


def test_lsdb_has_the_embeddings_as_a_lazy_column(survey: Path, here: StarCatalog, tmp_path: Path) -> None:
    catalog = specviz.embed_catalog(lsdb().open_catalog(survey), device="cpu", batch=16)
    assert str(catalog.dtypes["embedding_gaia_xp"]) == "fixed_size_list<item: float>[128][pyarrow]"
    bright = catalog.query("teff > 6000")
    frame = bright.compute(progress_bar=False)
    assert frame.dtypes["embedding_gaia_xp"] == catalog.dtypes["embedding_gaia_xp"]
    rows = {name: i for i, name in enumerate(here.column("object_id"))}
    vectors = here.vectors("gaia_xp")
    for name, vector in zip(frame["object_id"], frame["embedding_gaia_xp"], strict=True):
        np.testing.assert_allclose(vector, vectors.take(vectors.numbers_of([rows[name]]))[0], atol=1e-3)
    bright.write_catalog(tmp_path / "bright", progress_bar=False)
    taken = import_hats(tmp_path / "bright", tmp_path / "stars.specviz", model_sha256=here.header.weights_sha256)
    assert len(taken) == len(frame) and taken.header.weights_sha256 == here.header.weights_sha256
    with pytest.raises(CatalogError, match="has a column embedding_"):
        embed_catalog(catalog, ArrowRows.of)


def test_the_command_writes_hats_and_goes_on(
    survey: Path, here: StarCatalog, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from specviz.catalog.scale import lsdb_embedding

    out = tmp_path / "out"
    common = ["embed", f"hats://{survey}", "-o", f"hats://{out}", "--device", "cpu", "--batch", "16"]
    real, done = lsdb_embedding.embed, [0]

    def failing(*arguments: Any) -> Any:
        done[0] += 1
        if done[0] == 9:
            raise OSError("the disk is gone")
        return real(*arguments)

    monkeypatch.setattr(lsdb_embedding, "embed", failing)
    assert main(common) != 0
    assert "the disk is gone" in capsys.readouterr().err
    assert main(common) == 1  # a star has no spectrum
    assert "120 stars in the HATS catalogue" in (said := capsys.readouterr().err) and "1 without an embedding" in said
    again = done[0]
    assert main(common) == 1 and done[0] == again + 1  # one probe of the vectors' length, no star
    assert import_hats(out, tmp_path / "stars.specviz").header.dims == here.header.dims
    with pytest.raises(CatalogError, match="something else"):
        write_embedded(survey, tmp_path, ArrowRows.of)


def test_the_command_writes_catalogues_and_arrays(
    survey: Path, here: StarCatalog, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = f"hats://{survey}"
    assert main(["embed", source, "-o", str(tmp_path / "out.specviz"), "--device", "cpu", "--batch", "16"]) == 1
    assert StarCatalog.open(tmp_path / "out.specviz").header.content_sha256 == here.header.content_sha256
    assert main(["embed", source, "-o", str(tmp_path / "out.npz"), "--device", "cpu", "--precision", "float32"]) == 1
    with np.load(tmp_path / "out.npz") as stored:
        np.testing.assert_array_equal(stored["name"], here.column("object_id"))
        found = stored["gaia_xp"][here.vectors("gaia_xp").rows_of(np.arange(119))]
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    np.testing.assert_allclose(found, here.vectors("gaia_xp").take(np.arange(119)), atol=1e-3)
    capsys.readouterr()
    assert main(["embed", source, "-o", str(tmp_path / "more.npz"), "--workers", "2"]) == 1
    assert "one process" in capsys.readouterr().err


def test_what_is_no_survey_of_spectra(tmp_path: Path, survey: Path) -> None:
    import pandas as pd

    with pytest.raises(NotFoundError, match="no HATS catalogue"):
        HatsSpectra(tmp_path, ArrowRows.of)
    frame = pd.DataFrame({"ra": [1.0, 2.0], "dec": [3.0, 4.0], "teff": [5000.0, 6000.0]})
    lsdb().from_dataframe(frame, catalog_name="plain", margin_threshold=None).write_catalog(
        tmp_path / "plain", progress_bar=False
    )
    with pytest.raises(NotASpectrumError, match="plain"):
        HatsSpectra(tmp_path / "plain", ArrowRows.of)


def test_a_damaged_partition_is_named(survey: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(survey, tmp_path / "xp")
    source = HatsSpectra(tmp_path / "xp", ArrowRows.of)
    files = sorted(tmp_path.glob("xp/xp/dataset/Norder=*/Dir=*/Npix=*.parquet"))
    files[0].write_bytes(files[0].read_bytes()[:-40])
    files[1].unlink()
    with pytest.raises(CatalogError, match=r"Partition .* is damaged"), _all_of(source, files[0]) as blocks:
        list(blocks)
    with pytest.raises(CatalogError, match=r"Partition .* is absent"), _all_of(source, files[1]) as blocks:
        list(blocks)


def _all_of(source: HatsSpectra, file: Path) -> Any:
    from contextlib import nullcontext

    order, pixel = re.search(r"Norder=(\d+).*Npix=(\d+)", str(file)).groups()  # type: ignore[union-attr]
    return nullcontext(source.blocks(f"{order}_{pixel}"))
