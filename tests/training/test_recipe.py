"""The recipe on a toy scale: it runs to shipped weights, resumes after a kill, and says what is wrong with a recipe."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specviz.errors import SpecvizError
from specviz.training.loop import Average, _Log, run_stage, schedule
from specviz.training.recipe import DEFAULT_RECIPE, main, read_recipe, train
from specviz.training.stages import Stage


@pytest.fixture
def toy_recipe() -> dict[str, Any]:
    recipe = read_recipe(DEFAULT_RECIPE)
    recipe["network"] |= {"embed_dim": 16, "n_layers": 1, "n_heads": 2, "decoder_widths": (16, 16), "scatter_width": 8}
    recipe["network"] |= {"xp_hidden": 24, "xp_latent": 16}
    recipe["data"] = {"pairs": 192, "pairs_validation": 64, "pairs_test": 64}
    recipe["cross_fit"] = {"folds": 2, "steps": 2}
    for stage in ("pretrain", "align", "adapt", "polish"):
        recipe[stage] |= {"steps": 3, "batch": 16, "warmup": 1, "report_every": 2, "scatter_from": 1}
    return recipe


def test_from_recipe_to_weights_that_load(shared: Path, tmp_path: Path, toy_recipe: dict[str, Any]) -> None:
    from specviz.models.registry import expected_sha256
    from specviz.models.specclip.model import SpecClipSmall

    weights = tmp_path / "toy.safetensors"
    digest = train(toy_recipe, shared, tmp_path / "runs", weights, progress=False)
    assert digest == expected_sha256(weights)
    model = SpecClipSmall.from_file(weights, sha256=digest)
    assert model.describe().version == toy_recipe["version"]
    for survey in ("lamost_lrs", "gaia_xp"):
        reference = model.reference[survey]
        assert len(reference["misfit"]) == len(reference["ood"]) > 30
        assert np.isfinite(reference["ood"]).all() and (reference["ood"] > 0).all()
    rows = list(csv.DictReader((tmp_path / "runs" / "adapt.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["2", "3"] and float(rows[-1]["mae_teff"]) > 0
    # All stages are done: the same command only calibrates and writes again, the same bytes.
    assert train(toy_recipe, shared, tmp_path / "runs", tmp_path / "again.safetensors", progress=False) == digest


class _Toy(Stage):
    """Least squares on a network with two numbers; may be killed at a step."""

    name = "toy"
    killed_at = -1

    def parameter_groups(self) -> list[dict[str, Any]]:
        return [{"params": list(self.net.parameters()), "factor": 1.0}]

    def loss(self, step: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        if step == self.killed_at:
            raise KeyboardInterrupt
        x = torch.from_numpy(rng.normal(size=(8, 2)).astype(np.float32)) + 0.1 * torch.randn(8, 2)
        return {"squares": (self.net(x) - x.sum(dim=1, keepdim=True)).square().mean()}


def _toy(killed_at: int = -1) -> _Toy:
    torch.manual_seed(3)
    settings = {"steps": 30, "lr": 0.05, "weight_decay": 0.0, "warmup": 3, "average": 0.9, "report_every": 10}
    stage = _Toy(torch.nn.Linear(2, 1), None, settings)  # type: ignore[arg-type]
    stage.killed_at = killed_at
    return stage


def test_a_killed_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    whole, killed, resumed = _toy(), _toy(17), _toy()
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    how: dict[str, Any] = {"seed": 5, "validate": None, "save_every": 0.0, "progress": False}
    run_stage(whole, tmp_path / "a", **how)
    with pytest.raises(KeyboardInterrupt):
        run_stage(killed, tmp_path / "b", **how)
    run_stage(resumed, tmp_path / "b", **how)
    for a, b in zip(whole.net.parameters(), resumed.net.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(next(whole.net.parameters()), next(_toy().net.parameters()))


def test_schedule_warms_up_and_comes_down() -> None:
    factors = [schedule(i, 100, 10) for i in range(100)]
    assert factors[0] == pytest.approx(0.1) and factors[9] == pytest.approx(1.0) and factors[-1] < 0.03
    assert all(np.diff(factors[10:]) <= 0)


def test_average_follows_the_network() -> None:
    net = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(net.weight)
    average = Average(net, 0.5)  # type: ignore[arg-type]
    torch.nn.init.ones_(net.weight)
    for _ in range(40):
        average.update(net)  # type: ignore[arg-type]
    assert float(average.state["weight"]) == pytest.approx(1.0, abs=1e-6)


def test_faulty_recipes_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SpecvizError, match="cannot be read"):
        read_recipe(tmp_path / "absent.toml")
    bad = tmp_path / "bad.toml"
    bad.write_text("name = ")
    with pytest.raises(SpecvizError, match="not TOML"):
        read_recipe(bad)
    bad.write_text("name = 'x'\nversion = '1'\nseed = 1\n[network]\n[data]\n")
    assert main([str(bad), "--quiet"]) == 1
    assert "lacks pretrain, align, adapt" in capsys.readouterr().err


def test_absent_material_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--shared", str(tmp_path), "--runs", str(tmp_path / "runs"), "--quiet"]) == 1
    assert "SPECVIZ_SHARED" in capsys.readouterr().err


def test_a_resumed_log_has_one_header_and_no_row_twice(tmp_path: Path) -> None:
    path = tmp_path / "stage.csv"
    log = _Log(path, 0)
    for step in (10, 20, 30):
        log.write(step, {"loss": 1.0 / step}, {})
    resumed = _Log(path, 20)  # killed after step 30, whose checkpoint is of step 20
    resumed.write(30, {"loss": 0.5}, {})
    rows = list(csv.reader(path.read_text().splitlines()))
    assert [row[0] for row in rows] == ["step", "10", "20", "30"] and rows[-1][-1] == "0.5"
    _Log(path, 0).write(10, {"loss": 2.0}, {})  # from the start again
    assert [row[0] for row in csv.reader(path.read_text().splitlines())] == ["step", "10"]


def test_another_recipe_does_not_replace_the_packaged_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_recipe: dict[str, Any]
) -> None:
    """Only the default recipe writes into the package; an emulator's recipe goes to the emulator's training."""
    from specviz.training import emulator, recipe

    asked: list[Any] = []

    def remember(r: Any, shared: Path, runs: Path, weights: Path, *, progress: bool) -> str:
        asked.append((runs, weights))
        return "0"

    monkeypatch.setattr(recipe, "train", remember)
    monkeypatch.setattr(recipe, "read_recipe", lambda path: {**toy_recipe, "name": "specclip-wide"})
    assert main(["any.toml"]) == 0
    assert asked == [(Path("runs/specclip_wide"), Path("runs/specclip_wide/specclip_wide.safetensors"))]
    monkeypatch.setattr(emulator, "main", lambda argv: asked.append(argv) or 7)
    (tmp_path / "e.toml").write_text('kind = "emulator"\n')
    assert main([str(tmp_path / "e.toml"), "--no-gradients"]) == 7 and asked[-1][-1] == "--no-gradients"
