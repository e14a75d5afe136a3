"""``specviz --version``: what answers come from can be told and checked."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from specviz.cli import main, version
from specviz.cli.version import WeightsFile, weights
from specviz.models.registry import WEIGHTS_FOLDER, available_models, load_model


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder of weights with two files, one of them small."""
    for name in ("spectrafm_small.safetensors", "lux_small.safetensors"):
        shutil.copy(WEIGHTS_FOLDER / name, tmp_path)
    lines = (WEIGHTS_FOLDER / "SHA256SUMS").read_text().splitlines()
    kept = [line for line in lines if line.endswith(("spectrafm_small.safetensors", "lux_small.safetensors"))]
    (tmp_path / "SHA256SUMS").write_text("\n".join(kept) + "\n")
    return tmp_path


def test_every_file_of_weights_is_told_with_its_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    told = {name: digest for digest, name in (line.split("  ") for line in lines) if name.endswith(".safetensors")}
    assert told == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in WEIGHTS_FOLDER.glob("*.safetensors")}


@pytest.mark.parametrize("name", [n for n in available_models() if n.endswith("-small")])
def test_it_is_the_hash_that_answers_carry(name: str) -> None:
    told = {file.name: file.sha256 for file in weights(WEIGHTS_FOLDER)}
    assert load_model(name, device="cpu").describe().weights_sha256 in told.values()


def test_a_damaged_and_a_missing_file_are_said(copy: Path) -> None:
    assert [file.problem for file in weights(copy)] == ["", ""]
    damaged = copy / "lux_small.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (copy / "spectrafm_small.safetensors").unlink()
    found = {file.name: file for file in weights(copy)}
    assert found["lux_small.safetensors"].problem == "is not the file this version was shipped with"
    assert found["spectrafm_small.safetensors"].problem.startswith("is missing")


def test_then_the_status_is_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(version, "weights", lambda: iter([WeightsFile("a.safetensors", "", "is missing")]))
    assert main(["--version"]) == 1
    said = capsys.readouterr()
    assert said.out.startswith("specviz ") and said.err == "specviz: a.safetensors is missing\n"


def test_a_folder_without_sums(tmp_path: Path) -> None:
    (only,) = weights(tmp_path)
    assert only.name == "SHA256SUMS" and only.problem.startswith("is missing")
