"""``specviz.outliers`` and ``specviz outliers``: what is asked for, found, printed and written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import specviz
from specviz.cli import main
from specviz.errors import OptionError, SpecvizError


@pytest.fixture
def fake_engine(fake_model_class: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The default engine of this process has a model of numpy."""
    from specviz import api
    from specviz.analysis.engine import Engine

    engine = Engine(fake_model_class(), samples=200)
    monkeypatch.setattr(api, "default_engine", lambda model="", device="auto": engine)
    return engine


def test_names_tables_and_reports_are_ranked(fake_engine: Any) -> None:
    from astropy.table import Table

    ranking = specviz.outliers(Table({"name": ["demo 7", "demo 8"]}), online=False, scores=("misfit", "latent"))
    assert ranking.names == ("demo 7", "demo 8") and np.isfinite(ranking.scores).all()
    reports = fake_engine.analyse([specviz.open("demo 7"), specviz.open("demo 8")])
    again = specviz.outliers(reports, scores=("misfit", "latent"))
    assert again.scores == pytest.approx(ranking.scores)
    assert specviz.outliers("demo 7", online=False, scores=("misfit",)).names == ("demo 7",)


def test_a_folder_is_ranked_and_a_star_nobody_knows_keeps_its_row(fake_engine: Any, tmp_path: Path) -> None:
    (tmp_path / "noise.csv").write_text("a,b\n1,2\n")
    ranking = specviz.outliers(tmp_path, online=False)
    assert ranking.names == ("noise.csv",) and ranking.problems[0]
    ranking = specviz.outliers(["demo 7", "HD 999999"], online=False, scores=("misfit",))
    assert not ranking.problems[0] and "HD 999999" in ranking.problems[1]


def test_what_cannot_be_ranked_is_refused_in_words(fake_engine: Any) -> None:
    with pytest.raises(SpecvizError, match="empty"):
        specviz.outliers([])
    with pytest.raises(OptionError, match="samples"):
        specviz.outliers(["demo 7"], samples=0)


def test_the_command_prints_the_oddest_first_and_writes_all(
    fake_engine: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from astropy.table import Table

    out = tmp_path / "r.ecsv"
    assert main(["outliers", "demo 7", "demo 8", "demo 9", "--offline", "--top", "2", "--out", str(out)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert "3 stars, compared with" in said[0] and said[1].split() == ["rank", "name", "score", "why"]
    assert len(said) == 4
    table = Table.read(out)
    assert len(table) == 3 and list(table["score"]) == sorted(table["score"], reverse=True)
    assert said[2].split()[1:3] == str(table["name"][0]).split()


def test_the_command_tells_what_failed(fake_engine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outliers", "demo 7", "HD 999999", "--offline"]) == 1
    assert "HD 999999" in capsys.readouterr().err
    assert main(["outliers", "demo 7", "--out", "x.pdf"]) == 2
