"""``specviz train --hdf5`` from the file to weights that work; a killed run ends where an uninterrupted one does."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch

import specviz
from specviz.cli import main
from specviz.errors import CheckpointError
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.training.official_layout import write_official_hdf5

Group, Recipe = Callable[..., Any], Callable[..., str]


@pytest.fixture(scope="module")
def own_file(tmp_path_factory: pytest.TempPathFactory, own_group: Group) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.h5"
    write_official_hdf5(path, own_group(400, 1), own_group(60, 2))
    return path


def words(folder: Path, recipe: str, own_file: Path, name: str) -> list[str]:
    """The command that trains in ``folder/name``."""
    path = folder / f"{name}.toml"
    path.write_text(recipe)
    return ["train", str(path), "--hdf5", str(own_file), "--runs", str(folder / name), "--quiet"]


def sha256(folder: Path) -> str:
    return hashlib.sha256((folder / "own.safetensors").read_bytes()).hexdigest()


def test_from_an_own_file_to_weights_that_work(
    own_file: Path, tmp_path: Path, own_group: Group, own_recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, own_recipe(48), own_file, "a")) == 0
    out, err = capsys.readouterr()
    assert out.splitlines() == [str(tmp_path / "a" / "own.safetensors"), f"sha256 {sha256(tmp_path / 'a')}"]
    assert "360 pairs to train, 40 to validate, 60 to test; labels: fe_h, teff" in err and "retrieval top-10" in err

    for stage in ("pretrain", "align", "adapt"):
        lines = (tmp_path / "a" / f"{stage}.csv").read_text().splitlines()
        rows = [r for r in csv.DictReader(lines) if r["step"] != "step"]
        assert [int(float(r["step"])) for r in rows] == list(range(4, 49, 4))
    assert float(rows[-1]["validation_flow_g"]) < float(rows[0]["validation_flow_g"]) - 0.1  # it learns
    figures = dict(list(csv.reader((tmp_path / "a" / "test.csv").read_text().splitlines()))[1:])
    assert float(figures["stars"]) == 60 and 0 < float(figures["gaia_xp teff MAE"]) < 600

    test = own_group(60, 2)
    lamost = Spectrum(SPECCLIP_WAVELENGTH, test.lamost[0], test.lamost_ivar[0], survey="lamost_lrs")
    xp = Spectrum(XP_WAVELENGTH_NM, test.gaia[0], test.gaia_ivar[0], survey="gaia_xp")
    weights = str(tmp_path / "a" / "own.safetensors")
    model = specviz.load_model(weights, device="cpu")
    assert model is specviz.load_model(weights, device="cpu")
    card = model.describe()
    assert card.labels == dict.fromkeys(("lamost_lrs", "gaia_xp"), ("teff", "fe_h")) and card.release == "own.h5"
    assert card.ranges["teff"][0] == pytest.approx(4500, abs=60) and card.version.startswith("0.1+")
    for spectrum, other in ((lamost, "gaia_xp"), (xp, "lamost_lrs")):
        report = specviz.analyse(spectrum, model=weights, device="cpu", samples=500)
        assert not report.problem and report.embeddings[spectrum.survey].shape == (16,)
        assert np.isfinite(report.posterior.samples).all() and report.posterior.names == ("teff", "fe_h")
        assert np.isfinite(report.predictions[other].flux).all() and report.predictions[other].frame == "observed"
        assert report.anomaly is not None and np.isfinite(report.anomaly.score)
        assert report.provenance.weights_sha256 == sha256(tmp_path / "a")


def test_the_same_seed_gives_the_same_weights(own_file: Path, tmp_path: Path, own_recipe: Recipe) -> None:
    recipe = own_recipe(4)
    for name, text in (("a", recipe), ("b", recipe), ("c", recipe.replace("seed = 3", "seed = 4"))):
        assert main(words(tmp_path, text, own_file, name)) == 0
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b") != sha256(tmp_path / "c")
    # All stages are done: the command writes the same bytes again.
    (tmp_path / "a" / "own.safetensors").unlink()
    assert main(words(tmp_path, recipe, own_file, "a")) == 0
    assert sha256(tmp_path / "a") == sha256(tmp_path / "b")


def kill_in(stage: str, command: list[str], checkpoint: Path) -> int:
    """Start the command, kill it after the first checkpoint of a stage, and return the step it had reached."""
    run = [sys.executable, "-c", "import sys; from specviz.cli import main; sys.exit(main(sys.argv[1:]))", *command]
    with subprocess.Popen(run, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        try:
            until = time.monotonic() + 60
            while not checkpoint.exists() and process.poll() is None and time.monotonic() < until:
                time.sleep(0.005)
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    kept = torch.load(checkpoint, weights_only=True)
    assert not kept["done"], f"{stage} was over before it was killed"
    return int(kept["step"])


def test_a_killed_run_ends_where_an_uninterrupted_one_does(own_file: Path, tmp_path: Path, own_recipe: Recipe) -> None:
    recipe = own_recipe(16, save_every=0.0)  # a checkpoint a step
    assert main(words(tmp_path, recipe, own_file, "whole")) == 0
    command = words(tmp_path, recipe, own_file, "killed")
    assert 0 < kill_in("adapt", command, tmp_path / "killed" / "adapt.pt") < 16
    assert not (tmp_path / "killed" / "own.safetensors").exists()
    assert main(command) == 0
    assert sha256(tmp_path / "killed") == sha256(tmp_path / "whole")


def test_another_recipe_does_not_go_on_from_the_checkpoints(
    own_file: Path, tmp_path: Path, own_recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(tmp_path, own_recipe(2), own_file, "a")) == 0
    assert main(words(tmp_path, own_recipe(3), own_file, "a")) == 1
    assert "a training with another recipe or other files" in capsys.readouterr().err
    (tmp_path / "a" / "training.sha256").unlink()
    assert main(words(tmp_path, own_recipe(2), own_file, "a")) == 1
    assert "checkpoints of another training" in capsys.readouterr().err


def test_without_labels_and_ivar(own_file: Path, tmp_path: Path, own_group: Group, own_recipe: Recipe) -> None:
    bare = {"labels": {}, "gaia_ivar": None, "lamost_ivar": None, "source_ids": None}
    write_official_hdf5(tmp_path / "own.h5", own_group(100, 1, **bare), own_group(20, 2, **bare))
    with h5py.File(tmp_path / "lamost.h5", "w") as f:
        f["train/spectra"] = np.asarray(own_group(50, 5).lamost, np.float32)
    command = words(tmp_path, own_recipe(4), tmp_path / "own.h5", "a")
    assert main([*command, "--hdf5", str(tmp_path / "lamost.h5")]) == 0
    lamost = Spectrum(SPECCLIP_WAVELENGTH, np.asarray(own_group(1, 2).lamost)[0], survey="lamost_lrs")
    report = specviz.analyse(lamost, model=str(tmp_path / "a" / "own.safetensors"), device="cpu")
    assert report.posterior is None and np.isfinite(report.predictions["gaia_xp"].flux).all()
    assert "flow_l" not in (tmp_path / "a" / "adapt.csv").read_text()


FAULTS = {
    "[network]\n": ("[network]\nembed_dims = 5\n", "embed_dims"),
    "clip_weight = 0.3\n": ("", "The section align of the recipe lacks numbers for clip_weight"),
    "[data]\n": ("[data]\nwide = true\n", "wide LAMOST range"),
}


@pytest.mark.parametrize("old", FAULTS)
def test_faulty_recipes_are_explained(
    old: str, own_file: Path, tmp_path: Path, own_recipe: Recipe, capsys: pytest.CaptureFixture[str]
) -> None:
    new, why = FAULTS[old]
    assert main(words(tmp_path, own_recipe(2).replace(old, new), own_file, "a")) == 1
    assert why in capsys.readouterr().err and not list((tmp_path / "a").glob("*.pt"))


def test_faulty_files_are_explained(tmp_path: Path, own_recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.h5").write_text("<html>not found</html>")
    assert main(words(tmp_path, own_recipe(2), tmp_path / "own.h5", "a")) == 1
    err = capsys.readouterr().err
    assert "is no HDF5 file" in err and "Traceback" not in err and len(err.splitlines()) == 1
    assert main(words(tmp_path, own_recipe(2).replace("[data]", "[data]\nhdf5 = 3"), tmp_path / "own.h5", "b")[:2]) == 1
    assert "hdf5 = 3" in capsys.readouterr().err


def test_weights_that_are_not_there_are_explained(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="There are no weights"):
        specviz.load_model(str(tmp_path / "none.safetensors"))
