"""``verify``: what was changed is found; the published stars are compared; and the commands around it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from specviz.cli import build_parser, main
from specviz.errors import ReadError, SpecvizError
from specviz.models.checkpoint_reader import load_weights, save_weights
from specviz.models.hub import pull as hub_pull
from specviz.models.installed import OFFICIAL, Manifest
from specviz.models.specclip import posterior_files, published
from specviz.models.specclip.convert import convert_release
from specviz.models.specclip.official import SpecClipOfficial
from specviz.models.specclip.verify import Check, compare, verify

REPO = "astroshawn/SpecCLIP"


@pytest.fixture(scope="module")
def converted(tiny_release: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("converted") / OFFICIAL
    convert_release(tiny_release.folder, folder)
    yield folder


@pytest.fixture
def model(converted: Path, tmp_path: Path) -> Path:
    """A copy of the converted model that a test may change."""
    shutil.copytree(converted, tmp_path / OFFICIAL, copy_function=os.link)
    return tmp_path / OFFICIAL


@pytest.fixture
def star_files(tmp_path: Path) -> Path:
    """Made-up spectra under the names of the two published ones."""
    folder = tmp_path / "stars" / "test_data"
    (folder / "xp").mkdir(parents=True)
    nm = np.arange(330.5, 1050.5, 1.0)
    flux = 1e-16 * np.exp(-(((nm - 600) / 250) ** 2)) * (1 + 0.05 * np.sin(nm / 17))
    rows = [",".join(f"{v:.6g}" for v in row) for row in (nm, flux)]
    (folder / "xp" / "sample4_txt_xp.csv").write_text("\n".join(rows))
    return folder.parent


def named(checks: list[Check]) -> dict[str, Check]:
    return {check.name: check for check in checks}


def put(path: Path, data: bytes) -> None:
    """Replace a file (its first copy is linked to the fixture's)."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def test_a_whole_model(model: Path) -> None:
    steps: list[tuple[int, int, str]] = []
    checks = named(verify(model, progress=lambda *step: steps.append(step)))
    assert {c.status for c in checks.values()} == {"ok", "skipped"}
    assert "19 MLP heads" in checks["labels"].text and "24 files" in checks["files"].text
    assert "backbones in common: lamost_lrs, gaia_xp" in checks["networks"].text
    assert checks["posteriors"].status == "skipped" and "--trust-pickle" in checks["posteriors"].lines[0]
    assert all("--stars" in c.text for n, c in checks.items() if n.startswith("published"))
    assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize("what", ["changed", "absent", "strange"])
def test_files_that_are_not_right(model: Path, what: str) -> None:
    file = "labels/gaia_xp/fe_h.safetensors"
    data = bytearray((model / file).read_bytes())
    data[-1] ^= 1
    if what == "changed":
        put(model / file, bytes(data))
    elif what == "absent":
        (model / file).unlink()
    else:
        file = "labels/gaia_xp/rv.safetensors"
        put(model / file, bytes(data))
    checks = verify(model)
    assert [c.status for c in checks] == ["ok", "failed"]
    assert len(checks[1].lines) == 1 and file in checks[1].lines[0]


def test_numbers_that_are_not_as_they_were(model: Path) -> None:
    """Weights and hashes replaced together: the outputs tell."""
    manifest = Manifest.load(model)
    written = dict(manifest.written)
    for file, name in (
        ("split.safetensors", "xp_head.shared.projection.weight"),
        ("labels/lamost_lrs/fe_h.safetensors", "mean"),
    ):
        tensors, metadata = load_weights(model / file)
        tensors[name] = tensors[name] * 1.1 + 0.1
        (model / file).unlink()
        written[file] = save_weights(model / file, tensors, metadata)
    values = json.loads((model / "manifest.json").read_text()) | {"written": written}
    put(model / "manifest.json", json.dumps(values).encode())
    checks = named(verify(model))
    assert checks["files"].status == "ok"
    assert checks["networks"].status == "failed" and all("split/" in line for line in checks["networks"].lines)
    assert checks["labels"].status == "failed" and "lamost_lrs/fe_h" in checks["labels"].lines[0]


def test_no_model_and_a_model_that_does_not_load(model: Path, tmp_path: Path) -> None:
    (check,) = verify(tmp_path / "absent")
    assert check.status == "failed" and "no converted model" in check.text
    manifest = Manifest.load(model)
    tensors, metadata = load_weights(model / "predrecon.safetensors")
    tensors.pop("xp_head.projection.bias")
    (model / "predrecon.safetensors").unlink()
    digest = save_weights(model / "predrecon.safetensors", tensors, metadata)
    values = json.loads((model / "manifest.json").read_text())
    values["written"] = {**manifest.written, "predrecon.safetensors": digest}
    put(model / "manifest.json", json.dumps(values).encode())
    checks = verify(model)
    assert checks[-1].name == "networks" and checks[-1].status == "failed"


def test_the_published_numbers_are_those_of_the_specification() -> None:
    lamost, xp = published.STARS
    assert len(lamost.labels) == 23 and len(xp.labels) == 6
    assert lamost.labels["fe_h"] == (-0.91, None) and lamost.labels["teff"] == (5893.09, 114.0)
    assert xp.labels["teff"] == (4572.81, 268.19) and xp.labels["e_bp_rp"] == (0.49, None)
    # Other runs of the official package on the same star: their samples have no seed.
    assert all(published.agrees(*lamost.labels["teff"], other) for other in (5891.94, 5892.42, 5892.27))
    assert published.agrees(-0.91, None, -0.906) and not published.agrees(-0.91, None, -0.88)
    assert not published.agrees(5893.09, 114.0, 5950.0)


def test_a_published_star_is_compared(model: Path, star_files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = published.find_star(published.STARS[1], star_files)
    assert path is not None
    official = SpecClipOfficial.from_folder(model)
    rows = {row.label: row for row in compare(official, published.STARS[1], path)}
    assert rows.keys() == {"fe_h", "e_bp_rp", "c_fe", "n_fe"}  # teff and logg are posteriors, which were left out
    assert "published" in str(rows["fe_h"]) and "DIFFERS" in str(rows["fe_h"])
    checks = named(verify(model, stars=star_files))
    assert checks["published star, gaia_xp"].status == "failed"
    assert "not here: logg, teff" in checks["published star, gaia_xp"].text
    assert checks["published star, lamost_lrs"].status == "skipped"
    # Had the official package printed what this model says, all would agree.
    labels = {name: (round(row.ours, 2), None) for name, row in rows.items()}
    star = published.PublishedStar("gaia_xp", ("sample4_txt_xp.csv",), MappingProxyType(labels))
    monkeypatch.setattr(published, "STARS", (star,))
    found = named(verify(model, stars=star_files))["published star, gaia_xp"]
    assert found.status == "ok" and found.text == "4 of 4 labels agree" and len(found.lines) == 4


@pytest.mark.parametrize("layout", ["rows", "columns", "header"])
def test_plain_text_spectra(tmp_path: Path, layout: str) -> None:
    nm, flux = np.arange(336.0, 1022.0, 2.0), np.linspace(1.0, 2.0, 343)
    path = tmp_path / "x.csv"
    table = np.array([nm, flux]) if layout == "rows" else np.array([nm, flux]).T
    text = "\n".join(",".join(map(str, row)) for row in table)
    path.write_text(("wavelength,flux\n" if layout == "header" else "") + text)
    spectrum = published.read_star(path, "gaia_xp")
    assert np.array_equal(spectrum.wavelength, nm) and np.array_equal(spectrum.flux, flux)


def test_files_that_are_not_the_star(tmp_path: Path, model: Path) -> None:
    path = tmp_path / "x.csv"
    for text in ("", "hello", "1,2\nx,y", "1\n2"):
        path.write_text(text)
        with pytest.raises(ReadError, match=r"x\.csv is no table"):
            published.read_star(path, "gaia_xp")
    (tmp_path / "sample4_txt_xp.csv").write_text("hello")
    assert named(verify(model, stars=tmp_path))["published star, gaia_xp"].status == "failed"


class TestCommands:
    def test_list_before_and_after(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path / "none"))
        assert main(["models"]) == 0
        assert "not here (specviz models pull specclip-official)" in capsys.readouterr().out
        monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path))
        assert main(["models", "list"]) == 0
        assert "14 of 23 labels from LAMOST, 5 of 7 labels from Gaia XP" in capsys.readouterr().out

    def test_pull_verify_remove(
        self, hub: Callable[..., Any], tiny_release: Any, models_here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        server = hub({REPO: tiny_release.folder})
        assert main(["models", "pull", "--endpoint", server.endpoint]) == 0
        out = capsys.readouterr().out
        assert f"specclip-official is here: {models_here / OFFICIAL}" in out
        assert "left out: lamost_lrs/teff, lamost_lrs/logg" in out and "gaia_xp/logg" in out
        assert "then specviz models pull specclip-official with --trust-pickle" in out
        assert main(["models", "pull", "specclip-official", "--endpoint", server.endpoint]) == 0
        assert "was here already" in capsys.readouterr().out
        assert main(["models", "verify"]) == 0
        assert capsys.readouterr().out.endswith("all well\n")
        put(models_here / OFFICIAL / "base.safetensors", b"")
        assert main(["models", "verify", str(models_here / OFFICIAL)]) == 1
        assert "FAILED  files" in (out := capsys.readouterr().out) and "base.safetensors was changed" in out
        assert main(["models", "remove", "specclip-official"]) == 0
        assert "are free again" in capsys.readouterr().out
        assert main(["models", "remove", "specclip-official"]) == 2
        assert "not on this machine" in capsys.readouterr().err

    def test_convert_to_another_folder(
        self, tiny_release: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def none(jobs: list[Any], **_: Any) -> None:
            raise SpecvizError("unused")

        assert main(["models", "convert", str(tiny_release.folder), "--to", str(tmp_path / "m")]) == 0
        assert "the same command with --trust-pickle" in capsys.readouterr().out
        monkeypatch.setattr(posterior_files, "convert", lambda pickles, *_: ({}, dict.fromkeys(pickles, "no sbi")))
        assert main(["models", "convert", str(tiny_release.folder), "--to", str(tmp_path / "m"), "--trust-pickle"]) == 1
        assert "no sbi" in capsys.readouterr().out
        assert main(["models", "convert", str(tmp_path / "absent")]) == 1
        assert "There is no folder" in capsys.readouterr().err

    def test_catalog(
        self, hub: Callable[..., Any], tmp_path: Path, models_here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "gaia_lamost_test_only.h5").write_bytes(bytes(1000))
        server = hub(datasets={"astroshawn/SpecCLIP-TestData": tmp_path / "data"})
        assert main(["catalog", "pull", "specclip-test", "--endpoint", server.endpoint]) == 0
        path = Path(capsys.readouterr().out.strip())
        assert path.read_bytes() == bytes(1000)
        assert main(["catalog", "pull", "specclip-test-small", "--from", str(path)]) == 0
        assert main(["catalog", "pull", "another"]) == 2

    def test_calibrate(
        self, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        h5py = pytest.importorskip("h5py")
        monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path))
        rng, path = np.random.default_rng(0), tmp_path / "pairs.h5"
        with h5py.File(path, "w") as file:
            file["test/source_ids"] = np.arange(60)
            file["test/lamost_spectra"] = 1 + 0.05 * rng.normal(size=(60, 1462)).astype(np.float32)
            file["test/gaia_spectra"] = 1 + 0.05 * rng.normal(size=(60, 343)).astype(np.float32)
        command = ["models", "calibrate", str(path), "--labels-from", "made up", "--device", "cpu"]
        assert main(command) == 1
        assert "holds no known labels" in capsys.readouterr().err
        with h5py.File(path, "a") as file:
            file["test/labels/fe_h"] = rng.normal(-0.3, 0.2, 60)
            file["test/labels/teff"] = rng.normal(5600, 300, 60)  # a posterior: it has its own width
        assert main(command) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[:2] for line in lines] == [["lamost_lrs", "fe_h"], ["gaia_xp", "fe_h"]]
        assert "dex (68 % of 60 stars)" in lines[0]
        measured = model / "labels/lamost_lrs/fe_h.json"
        assert measured.is_file() and main(["models", "verify"]) == 0

    def test_a_calibration_outlives_a_conversion(self, model: Path, official_release: Any, tiny_release: Any) -> None:
        measured = [model / f"labels/{name}.json" for name in ("lamost_lrs/fe_h", "gaia_xp/c_fe")]
        for path in measured:
            path.write_text("{}")
        convert_release(tiny_release.folder, model)
        assert all(path.is_file() for path in measured)
        other = official_release.make_release(model.parent / "other", seed=5)
        convert_release(other.folder, model)
        assert not any(path.exists() for path in measured)

    def test_wrong_names(self, models_here: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["models", "pull", "desa"]) == 2
        assert "no model 'desa'" in capsys.readouterr().err
        assert main(["models", "verify"]) == 1
        assert main(["models", "pull", "--from", str(models_here / "absent")]) == 1
        assert "There is no folder" in capsys.readouterr().err

    def test_ctrl_c(
        self, monkeypatch: pytest.MonkeyPatch, models_here: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def stop(*_: Any, **__: Any) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(hub_pull, "list_files", stop)
        assert main(["models", "pull"]) == 130


def test_every_option_is_documented() -> None:
    (top,) = [a for a in build_parser()._actions if a.dest == "command"]
    text = (Path(__file__).resolve().parents[2] / "docs/cli.md").read_text("utf-8")
    for command in ("models", "catalog"):
        (actions,) = [a for a in top.choices[command]._actions if a.dest == "action"]
        for name, parser in actions.choices.items():
            options = {o for a in parser._actions for o in a.option_strings if o.startswith("--")} - {"--help"}
            assert {option for option in options if option not in text} == set(), name
            assert name in text
