"""The figures of the model card, on the shipped weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.models.registry import load_model
from specviz.training.evaluate import BAR, dr1_transfer, held_out_plates, main, not_stars


@pytest.fixture(scope="module")
def said() -> list[str]:
    return []


def test_held_out_plates_beat_the_bar(shared: Path, said: list[str]) -> None:
    mae = held_out_plates(load_model(device="cpu"), shared, said.append, reference=False)
    assert np.less(mae, BAR).all() and np.less(mae, (120.0, 0.11, 0.08)).all()
    assert "n=239" in said[1] and f"MAE {mae[0]:6.1f} K" in said[1]
    alpha = [float(part.split()[0]) for part in said[4].split(": ")[1].split(", ")]
    assert abs(alpha[0]) < 0.07 and alpha[0] < alpha[1] < alpha[2] < 0.4  # solar at solar metallicity, rising below


def test_other_data_release(shared: Path) -> None:
    lines: list[str] = []
    dr1_transfer(load_model(device="cpu"), shared, lines.append)
    mae_teff = float(lines[-1].split("MAE")[1].split()[0])
    assert mae_teff < 120


def test_what_is_no_star_stands_out(shared: Path) -> None:
    lines: list[str] = []
    not_stars(load_model(device="cpu"), shared, lines.append)
    auc = [float(line.split("AUC")[1]) for line in lines[1:] if " AUC " in line]
    assert len(auc) == 4 and min(auc) > 0.95
    galaxies = [float(line.split("above")[1].split()[0]) for line in lines if line.startswith("galaxy")]
    assert len(galaxies) == 3 and min(galaxies) >= 97


def test_absent_material_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--shared", str(tmp_path)]) == 1
    assert "SPECVIZ_SHARED" in capsys.readouterr().err
