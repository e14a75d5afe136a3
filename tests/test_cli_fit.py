"""``specviz fit``: the table of a demo star, a file of it, and what could not be fitted."""

from __future__ import annotations

from pathlib import Path

import pytest

from specviz.cli import main


def test_labels_of_a_star_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "demo 17", "--device", "cpu", "--offline"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("demo 17: ") and "first guess: grid" in lines[0] and "phdlspec-small" in lines[0]
    labels = {line.split()[0]: line.split() for line in lines[2:] if line[:1].islower()}
    assert abs(float(labels["teff"][1]) - 5420) < 60 and labels["teff"][3] == "K"
    assert "zn_fe" not in labels and "zn_fe" in lines[-1]


def test_what_cannot_be_fitted_does_not_stop_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.fits"
    bad.write_bytes(b"nothing")
    table = tmp_path / "labels.csv"
    assert main(["fit", str(bad), "demo 17", "--device", "cpu", "--offline", "-o", str(table)]) == 1
    said = capsys.readouterr()
    assert "bad.fits" in said.err and "wrote 28 rows" in said.err and said.out == ""
    rows = table.read_text().splitlines()
    assert rows[0].startswith("star,label,value,error") and len(rows) == 29


def test_a_calibration_that_is_absent_or_a_wrong_suffix_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "demo 17", "--offline", "--calibration", str(tmp_path / "none.json")]) == 1
    assert "cannot be read" in capsys.readouterr().err
    assert main(["fit", "demo 17", "--offline", "-o", "labels.doc"]) == 2
