"""The emulator's training on a tiny made-up grid: the data, the losses, resuming, exporting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

from specviz.errors import NotFoundError, SpecvizError
from specviz.models.phdlspec.config import ALPHA_LABELS, LABEL_NAMES, PhdlspecConfig
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.modules import ln_black_body
from specviz.training.emulator import DEFAULT_RECIPE, Trainer, prepare, read_recipe, run_stage
from specviz.training.emulator_data import TRAIN, Anchors, GridSpectra, pixel_pairs
from specviz.training.emulator_export import export, trained

RECIPE: dict[str, Any] = {
    "name": "tiny", "version": "0", "seed": 3, "stages": ["embed", "blocks"],
    "network": {"n_norm": 61, "n_continuum": 6, "n_sed": 12, "patch": 20, "width": 8, "depth": 1, "n_heads": 2,
                "embed_width": 16, "embed_depth": 1, "n_frequencies": 3},
    "loss": {"huber": 0.01, "cool_weight": 0.35, "smooth": 0.02, "gradient": 1.0},
    "embed": {"blocks": False, "steps": 12, "batch": 8, "lr": 1e-2, "end": 0.2, "warmup": 2, "weight_decay": 0.01,
              "average": 0.9, "anchors": 2, "directions": 3},
    "blocks": {"blocks": True, "half": False, "steps": 6, "batch": 8, "lr": 1e-3, "end": 0.2, "warmup": 2,
               "weight_decay": 0.01, "average": 0.9, "anchors": 2, "directions": 3},
}  # fmt: skip
NAMES = ("teff", "logg", "fe_h", "alpha_fe", "vmic", *LABEL_NAMES[4:])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grid whose normalised flux depends on teff and magnesium alone."""
    folder = tmp_path_factory.mktemp("shared")
    (folder / "synthetic").mkdir()
    rng = np.random.default_rng(0)
    norm_wave, cont_wave, sed_wave = PhdlspecConfig(**RECIPE["network"]).waves

    def labels(n: int) -> dict[str, Any]:
        return {
            "teff": rng.uniform(4000, 8000, n), "logg": rng.uniform(1, 5, n), "vmic": rng.uniform(0.5, 3, n),
            "fe_h": rng.uniform(-2, 0.4, n), **{k: rng.uniform(-0.3, 0.3, n) for k in LABEL_NAMES[4:]}
        }  # fmt: skip

    def depth(x: dict[str, Any]) -> Any:
        return (0.3 * (x["teff"] / 4000) ** -2 * 10 ** (0.3 * x["mg_fe"]))[:, None] * np.linspace(1, 0, 61)

    x = labels(120)
    with h5py.File(folder / "synthetic" / "lte_grid.h5", "w") as f:
        for k, v in x.items():
            f[f"labels/{k}"] = v.astype(np.float32)
        f["split"] = np.repeat([0, 1, 2], [80, 20, 20]).astype(np.int8)
        f["norm_flux"] = np.round((1 - depth(x)) / 5e-4).astype(np.uint16)
        f["norm_flux"].attrs["scale"] = 5e-4
        f["wave_vac"], f["cont_wave_vac"], f["sed_wave_vac"] = norm_wave, cont_wave, sed_wave
        teff = torch.tensor(x["teff"])[:, None]
        f["cont_flux"] = ln_black_body(teff, torch.tensor(cont_wave)).exp().numpy().astype(np.float32)
        f["sed_flux"] = 0.9 * ln_black_body(teff, torch.tensor(sed_wave)).exp().numpy().astype(np.float32)
    a = labels(10)
    d_mg = -depth(a) * 0.3 * np.log(10)
    gradient = np.zeros((10, 29, 30), np.float32)
    for name in ("mg_fe", "alpha_fe"):
        gradient[:, NAMES.index(name)] = pixel_pairs(torch.tensor(d_mg)).numpy()
    gradient[:, 0] = pixel_pairs(torch.tensor(2 * depth(a) / a["teff"][:, None])).numpy()
    scale = np.abs(gradient).max(axis=(0, 2)).clip(1e-9)
    with h5py.File(folder / "synthetic" / "lte_gradients.h5", "w") as f:
        for k, v in a.items():
            f[f"labels/{k}"] = v.astype(np.float32)
        f["label_names"] = np.array(NAMES, "S8")
        f["scale"] = scale.astype(np.float32)
        f["dflux_dlabel"] = np.round(gradient / scale[None, :, None] * 30000).astype(np.int16)
        f["dlnsed_dlabel"] = np.zeros((10, 29, 12), np.float32)
        f["norm_flux"] = pixel_pairs(torch.tensor(1 - depth(a))).numpy().astype(np.float32)
    return folder


def run(folder: Path, runs: Path, **options: Any) -> Trainer:
    trainer = prepare(RECIPE, folder)
    for number, name in enumerate(RECIPE["stages"]):
        run_stage(trainer, name, number, RECIPE[name], runs, progress=False, report_every=6, **options)
    return trainer


def test_the_test_rows_stay_in_the_file(folder: Path) -> None:
    grid = GridSpectra.load(folder)
    assert len(grid.labels) == 100 and len(grid.rows(TRAIN)) == 80
    assert len(GridSpectra.load(folder, (2,)).labels) == 20
    with pytest.raises(NotFoundError, match=r"lte_grid\.h5.*--shared"):
        GridSpectra.load(folder / "nowhere")


def test_anchors_move_what_their_names_say(folder: Path) -> None:
    anchors = Anchors.load(folder)
    step = dict(zip(anchors.names, anchors.steps, strict=True))
    moved = {k: {LABEL_NAMES[i]: round(float(v[i]), 4) for i in v.nonzero()[:, 0]} for k, v in step.items()}
    assert moved["teff"] == {"teff": 50.0} and moved["vmic"] == {"vmic": 0.2} and moved["fe_h"] == {"fe_h": 0.1}
    assert moved["alpha_fe"] == dict.fromkeys(ALPHA_LABELS, 0.1)
    held = anchors.held_out()
    assert held.sum() == 2 and np.array_equal(held, Anchors.load(folder).held_out())


def test_training_anchors_are_not_the_held_out_ones(folder: Path) -> None:
    trainer = prepare(RECIPE, folder)
    assert not trainer.anchors.held_out()[trainer.anchor_rows.numpy()].any() and len(trainer.anchor_rows) == 8


def test_a_killed_run_ends_where_an_uninterrupted_one_does(folder: Path, tmp_path: Path) -> None:
    whole = run(folder, tmp_path / "whole")
    assert not run_stage(prepare(RECIPE, folder), "embed", 0, RECIPE["embed"], tmp_path / "cut", progress=False,
                         report_every=6, stop_after=5)  # fmt: skip
    cut = run(folder, tmp_path / "cut")
    for k, v in whole.net.state_dict().items():
        assert torch.equal(v, cut.net.state_dict()[k]), k
    # The blocks, which start as the identity, have moved.
    assert all(bool(v.any()) for k, v in whole.net.state_dict().items() if "feed_second" in k)
    log = (tmp_path / "whole" / "log.csv").read_text().splitlines()
    assert log[0].startswith("stage,step,seconds,flux") and [x.split(",")[:2] for x in log[1:]] == [
        ["embed", "6"], ["embed", "12"], ["blocks", "6"]
    ]  # fmt: skip


def test_learning_lowers_flux_and_gradient_errors(folder: Path, tmp_path: Path) -> None:
    trainer = prepare(RECIPE, folder)
    rows, stage = trainer.train_rows, {**RECIPE["embed"], "steps": 150}

    def errors() -> tuple[float, float]:
        with torch.no_grad():
            slope = trainer.gradient_loss(8, 29, torch.Generator().manual_seed(0))
            return float(trainer.flux_loss(rows)[0]), float(slope)

    before = errors()
    run_stage(trainer, "embed", 0, stage, tmp_path, progress=False)
    after = errors()
    assert after[0] < 0.3 * before[0] and after[1] < 0.95 * before[1]


def test_without_the_regulariser_no_anchor_is_read(folder: Path) -> None:
    trainer = prepare({**RECIPE, "loss": {**RECIPE["loss"], "gradient": 0.0}}, folder)
    _, parts = trainer.step_loss(RECIPE["embed"], torch.Generator().manual_seed(0))
    assert set(parts) == {"flux", "smooth"}


def test_a_training_state_becomes_weights(folder: Path, tmp_path: Path) -> None:
    run_stage(prepare(RECIPE, folder), "embed", 0, RECIPE["embed"], tmp_path, progress=False, stop_after=4)
    recipe = tmp_path / "tiny.toml"
    recipe.write_text("\n".join(
        ['name = "tiny"', 'version = "0"', "seed = 3", 'stages = ["embed"]', "[loss]", "[embed]", "[network]"]
        + [f"{k} = {v}" for k, v in RECIPE["network"].items()]))  # fmt: skip
    net, step = trained(tmp_path / "embed.pt", recipe)
    digest = export(net, RECIPE, tmp_path / "w.safetensors")
    assert step == 4 and (tmp_path / "SHA256SUMS").read_text() == f"{digest}  w.safetensors\n"
    emulator = Emulator.from_file(tmp_path / "w.safetensors", sha256=digest)
    assert emulator.ranges["teff"][0] == pytest.approx(4000, abs=400) and emulator.wave.shape == (61,)


def test_recipes_are_checked(tmp_path: Path) -> None:
    recipe = read_recipe(DEFAULT_RECIPE)
    assert recipe["kind"] == "emulator" and all(name in recipe for name in recipe["stages"])
    path = tmp_path / "r.toml"
    path.write_text('name = "x"\nstages = ["one"]\n')
    with pytest.raises(SpecvizError, match="lacks version, seed, network, loss, one"):
        read_recipe(path)
    path.write_text("name = ")
    with pytest.raises(SpecvizError, match="not TOML"):
        read_recipe(path)
