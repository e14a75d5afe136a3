"""``specviz catalog search``, ``specviz catalog index`` and ``specviz.similar(catalogue=...)``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

import specviz
from specviz.api import default_engine
from specviz.catalog.search.index_record import IndexRecord
from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.cli import main
from specviz.errors import CatalogError, OptionError

from .search_stars import SURVEY, create, vectors


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 made-up stars of one survey."""
    return create(tmp_path_factory.mktemp("command") / "stars", [vectors(300, 16)]).path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    """Twelve demo stars by the default model, of both surveys."""
    engine = default_engine(device="cpu")
    stars = [specviz.open(f"demo {i}") for i in range(1, 13)]
    made = engine.embed(stars)
    catalog = StarCatalog.create(tmp_path_factory.mktemp("demo") / "demo.specviz", Header.of_model(engine.describe()))
    catalog.append(
        {"object_id": [s.name for s in stars], "snr": np.arange(12.0)},
        {survey: np.array([e[survey] for e in made]) for survey in ("lamost_lrs", "gaia_xp")},
    )
    return catalog


def test_a_star_of_the_catalogue_needs_no_model(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "search", str(path), "row:7", "-k", "3"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("star 7: gaia_xp among 300 gaia_xp spectra\n") and "object_id" in told
    assert main(["catalog", "search", str(path), "star 7", "-k", "3"]) == 0
    assert capsys.readouterr().out == told
    assert main(["catalog", "search", str(path), "1000007", "-k", "3"]) == 0  # its source_id
    assert capsys.readouterr().out == told
    index = StarCatalog.open(path).index(SURVEY)
    assert index.search(index.vector_of(7), 3, exclude=7)["object_id"][0] in told


def test_a_table_of_several_with_a_filter(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "near.ecsv"
    command = ["catalog", "search", str(path), "row:1", "row:2", "-k", "4", "--where", "snr>50", "-o", str(out)]
    assert main([*command, "--cone", "180", "0", "120"]) == 0
    table = Table.read(out)
    assert table["query"].tolist() == ["star 1"] * 4 + ["star 2"] * 4 and (table["snr"] > 50).all()
    catalog = StarCatalog.open(path)
    assert (np.abs(catalog.column("ra")[table["row"]] - 180) <= 180).all() and 1 not in table["row"][:4]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["row:300"], "row:0 to row:299"),
        (["row:1", "--where", "tef>5"], "Did you mean 'teff'"),
        (["row:1", "--by", "lamost"], "no lamost_lrs"),
        (["row:1", "--among", "lamost"], "no lamost_lrs"),
        (["row:1", "-o", "table.doc"], "Cannot tell the format"),
    ],
)
def test_what_is_asked_wrongly(path: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["catalog", "search", str(path), *more]) != 0
    assert said in capsys.readouterr().err


def test_index_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faiss = pytest.importorskip("faiss")
    faiss.omp_set_num_threads(1)
    catalog = create(tmp_path / "stars", [vectors(2500, 12)])
    assert main(["catalog", "index", str(catalog.path)]) == 0
    assert "no index is needed" in capsys.readouterr().err
    assert main(["catalog", "index", str(catalog.path), "--kind", "ivf-fp16"]) == 0
    assert "2,500 vectors in 128 lists (ivf-fp16)" in capsys.readouterr().out
    assert IndexRecord.read(catalog.path / "index", SURVEY) is not None
    assert main(["catalog", "index", str(catalog.path), "--survey", "lamost"]) != 0
    assert "holds no lamost_lrs" in capsys.readouterr().err


def test_similar_in_a_catalogue(demo: StarCatalog) -> None:
    star = specviz.open("demo 3")
    found = specviz.similar(star, 4, catalogue=demo)
    assert found.meta["by"] == found.meta["survey"] == "lamost_lrs" and "demo 3" not in found["object_id"]
    assert found.meta["left_out"][0][:2] == ("demo 3", 1)
    assert specviz.similar(2, 4, catalogue=demo.path)["row"].tolist() == found["row"].tolist()
    report = specviz.analyse(star, samples=5)
    assert specviz.similar(report, 4, catalogue=demo)["row"].tolist() == found["row"].tolist()
    across = specviz.similar(star, 12, catalogue=demo, by="lamost", among="xp", where="snr>=5")
    assert across.meta["by"] == "lamost_lrs" and across.meta["survey"] == "gaia_xp" and across["row"].min() == 5
    assert len(specviz.similar([star, 4], 2, catalogue=demo)) == 2


def test_similar_says_what_is_wrong(demo: StarCatalog, path: Path) -> None:
    with pytest.raises(CatalogError, match="made by other weights"):
        specviz.similar(3, catalogue=path)
    with pytest.raises(OptionError, match="Did you mean 'lamost'"):
        specviz.similar(3, catalogue=demo, by="lamst")
    with pytest.raises(OptionError, match="need a catalogue"):
        specviz.similar("demo 3", where="snr>5")
    with pytest.raises(CatalogError, match="No row 12"):
        specviz.similar(12, catalogue=demo)
    with pytest.raises(OptionError, match="dict is no catalogue"):
        specviz.similar(3, catalogue={})


def test_a_spectrum_of_another_star_from_the_command_line(
    demo: StarCatalog, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["catalog", "search", str(demo.path), "demo 30", "-k", "2", "--by", "xp"]) == 0
    assert capsys.readouterr().out.startswith("demo 30: gaia_xp among 12 gaia_xp spectra\n")
