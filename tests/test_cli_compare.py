"""``specviz compare``: a column a model and spectrum, the predicted XP, run times; and how it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from astropy.table import Table

from specviz.cli import main


def test_a_star_by_one_model(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["compare", "demo 1", "--models", "specclip-small", "--offline", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["specclip-small", "specclip-small", "Simulation"]
    assert lines[2].split() == ["label", "unit", "LAMOST", "XP"]
    assert re.search(r"^teff +K +5\d\d\d ±\d+ +5\d\d\d ±\d+ +5779$", lines[3])
    text = "\n".join(lines)
    assert "Gaia XP predicted" in text and re.search(r"^specclip-small +lamost_lrs +0\.\d\d", text, re.M)
    assert re.search(r"^specclip-small \S+: \d+\.\d\d s, 16 values$", text, re.M)

    path = tmp_path / "compared.ecsv"
    assert main(["compare", "demo 1", "--models", "specclip-small", "--offline", "-o", str(path)]) == 0
    assert {"label", "median", "p16", "p84", "seconds"} <= set(Table.read(path).colnames)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["compare", "demo 1", "--models", "no-such"], 2, "no model 'no-such'"),
        (["compare", "demo 1", "-o", "x.txt"], 2, ".ecsv"),
        (["compare", "no such star", "--offline"], 1, "Offline"),
        (["compare", "demo 1", "--models", ","], 1, "at least one model"),
    ],
)
def test_what_it_refuses(words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == status
    assert said in capsys.readouterr().err
