"""The table of all models: scores of arrays, simple models, and the shipped one on real and simulated stars."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.training import evaluate
from specviz.training.evaluation import all_models
from specviz.training.evaluation.face_off_sets import LabelledStars, held_out_real, simulated


@pytest.fixture(scope="module")
def stars(shared: Path) -> LabelledStars:
    return simulated(shared, 24, seed=3)


def test_scores_of_what_is_known() -> None:
    truth = np.array([[5000.0, 4.0, 0.0, np.nan], [5100.0, 4.5, -0.5, np.nan], [6000.0, 3.0, -1.0, np.nan]])
    off = np.array([[10.0, 0.1, 0.1, 0.0], [-30.0, 0.1, 0.1, 0.0], [np.nan] * 4])
    row = all_models.score("m", "gaia_xp", truth + off, truth, np.full(truth.shape, 20.0))
    assert (row.n, row.asked) == (2, 3) and set(row.mae) == {"teff", "logg", "fe_h"}
    assert row.mae["teff"] == pytest.approx(20.0) and row.bias["teff"] == pytest.approx(-10.0)
    assert row.covered == {"teff": 0.5, "logg": 1.0, "fe_h": 1.0}


def test_the_table_stars_the_best_and_says_who_loses_to_a_simple_model() -> None:
    def row(model: str, teff: float, **more: bool) -> all_models.Row:
        return all_models.Row(
            model, "lamost_lrs", 9, 9, {"teff": teff, "fe_h": 0.1}, {"teff": 1.0, "fe_h": 0.0}, **more
        )

    text = "\n".join(all_models.table([row("deep", 90.0), row("deeper", 60.0), row("ridge", 75.0, simple=True)]))
    assert "60*" in text and "90 " in text and "75 " in text
    assert "a simple model has a smaller mean error than deep (teff)" in text and "deeper (" not in text


def test_simulated_stars_are_of_the_split_and_follow_from_the_seed(shared: Path, stars: LabelledStars) -> None:
    again = simulated(shared, 24, seed=3)
    first, second = stars.stars[5].spectra["lamost_lrs"], again.stars[5].spectra["lamost_lrs"]
    np.testing.assert_array_equal(first.flux, second.flux)
    assert stars.truth["teff"].min() > 4000 and stars.truth["teff"].max() < 7000
    assert {s.name for s in stars.stars}.isdisjoint(s.name for s in simulated(shared, 24, 3, "train").stars)
    assert stars.grids["gaia_xp"].shape == (24, 343) and np.isfinite(stars.grids["lamost_lrs"]).all()


def test_the_shipped_model_beats_the_simple_ones_on_simulated_stars(
    shared: Path, stars: LabelledStars, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(all_models, "COMPONENTS", 20)
    said: list[str] = []
    all_models.compare(["specclip-small"], stars, simulated(shared, 150, 4, "train"), said.append)
    text = "\n".join(said)
    rows = {tuple(line.split()[:2]): line.split() for line in said if line.startswith(("LAMOST  ", "XP  "))}
    assert set(rows) == {(s, m) for s in ("LAMOST", "XP") for m in ("specclip-small", "ridge", "boosting")}
    assert rows["LAMOST", "specclip-small"][2] == "24"
    assert float(rows["LAMOST", "specclip-small"][3].rstrip("*")) < float(rows["LAMOST", "ridge"][3].rstrip("*"))
    assert "Gaia XP predicted from LAMOST" in text and "off by" in text


def test_real_stars_are_those_of_the_held_out_plates(shared: Path) -> None:
    test, train = held_out_real(shared, 30), held_out_real(shared, 30, train=True)
    assert len(test) == 30 and "held-out plates" in test.title and "training plates" in train.title
    assert {s.name for s in test.stars}.isdisjoint(s.name for s in train.stars)
    assert np.isnan(test.truth["alpha_fe"]).all() and np.isfinite(test.truth["fe_h"]).all()


def test_the_command_finds_the_table_and_refuses_a_model_that_is_not_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate.main(["--models", "no-such"]) == 1
    assert "Not here: no-such" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        evaluate.main(["--models", "all", "--no-such-option"])
