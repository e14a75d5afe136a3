"""The official release to one folder of safetensors: every number kept, nothing run, nothing left behind."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from specviz.errors import CancelledError, CheckpointError, UnknownModelError
from specviz.models import installed as here
from specviz.models.checkpoint_reader import load_weights, read_checkpoint, sha256_of
from specviz.models.installed import FORMAT, OFFICIAL, Manifest
from specviz.models.specclip import posterior_files, to_official
from specviz.models.specclip.checkpoint import from_official
from specviz.models.specclip.convert import add_posteriors, convert_release
from specviz.models.specclip.official_files import Source, find_release, is_official
from specviz.models.specclip.official_networks import OfficialNetworks
from specviz.models.specclip.routing import ROUTES

SPLIT = "specclip/specclip_model_split_mlp.ckpt"


@pytest.fixture(scope="module")
def converted(tiny_release: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Manifest]]:
    folder = tmp_path_factory.mktemp("converted") / OFFICIAL
    yield folder, convert_release(tiny_release.folder, folder)


@pytest.fixture
def release(tiny_release: Any, tmp_path: Path) -> Path:
    """A copy of the tiny release that a test may change (by replacing files, not by writing into them)."""
    folder = tmp_path / "release"
    shutil.copytree(tiny_release.folder, folder, copy_function=os.link)
    return folder


def altered(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Replace a contrastive checkpoint by a changed one. Its pickled heads cannot be loaded: they are left out."""
    content = read_checkpoint(path)
    content["hyper_parameters"] = {"temperature": 15.5}
    content = {key: content[key] for key in ("state_dict", "hyper_parameters")}
    change(content)
    path.unlink()
    torch.save(content, path)


def folders(where: Path) -> list[str]:
    """What lies in a folder, less the lock, which stays."""
    return [p.name for p in where.iterdir() if p.suffix != ".lock"]


class Writes:
    """Pickles as a call that writes a file."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


def test_the_stand_in_has_the_layout(tiny_release: Any) -> None:
    assert len(tiny_release.files) == 58
    assert all(map(is_official, tiny_release.files))
    assert {r.path for r in ROUTES} <= set(tiny_release.files)
    with pytest.raises(Exception, match="Weights only load failed"):  # as the official notebook says
        torch.load(tiny_release.folder / SPLIT, weights_only=True)


@pytest.mark.parametrize(
    ("kind", "file"), [("predrecon", "specclip_model_predrecon_mlp"), ("split", "specclip_model_split_mlp")]
)
def test_every_number_is_kept(converted: tuple[Path, Manifest], tiny_release: Any, kind: Any, file: str) -> None:
    networks = OfficialNetworks.from_folder(converted[0])
    original = read_checkpoint(tiny_release.folder / f"specclip/{file}.ckpt")["state_dict"]
    back = to_official(networks.network(kind))
    assert back.keys() == original.keys()
    assert all(torch.equal(back[name], tensor) for name, tensor in original.items())
    assert networks.shared == {"lamost_lrs": True, "gaia_xp": True}


def test_the_other_networks_and_heads_are_kept(converted: tuple[Path, Manifest], tiny_release: Any) -> None:
    folder, configs = converted[0], tiny_release.configs
    rest, metadata = load_weights(folder / "base.safetensors")
    backbones, _ = load_weights(folder / "backbones.safetensors")
    base = from_official(
        "base",
        configs["base"],
        read_checkpoint(tiny_release.folder / "specclip/specclip_model_base.ckpt")["state_dict"],
    )
    assert json.loads(metadata["config"])["embed_dim"] == 24
    mine = base.state_dict()
    assert all(torch.equal({**backbones, **rest}[name], tensor) for name, tensor in mine.items())
    encoder, _ = load_weights(folder / "xp_encoder.safetensors")
    state = read_checkpoint(tiny_release.folder / "encoders/xp_encoder.ckpt")["state_dict"]
    theirs = from_official("xp_encoder", configs["xp_encoder"], state).state_dict()
    assert all(torch.equal(encoder[name], tensor) for name, tensor in theirs.items())
    head, metadata = load_weights(folder / "labels/gaia_xp/fe_h.safetensors")
    assert (metadata["kind"], metadata["label"], metadata["encoder"]) == ("mlp", "fe_h", "predrecon")
    statistics = json.loads((tiny_release.folder / "stats/xp/FeH_mean_std.json").read_text())
    torch.testing.assert_close(head["mean"].tolist(), statistics["mean"])
    state = read_checkpoint(tiny_release.folder / "downstream_models/xp/mlp/feh.pt")["model_state_dict"]
    theirs = from_official("mlp_head", configs["mlp_head"], state).state_dict()
    assert all(torch.equal(head[f"net.{name}"], tensor) for name, tensor in theirs.items())


def test_the_manifest_says_what_it_is_made_of(converted: tuple[Path, Manifest], tiny_release: Any) -> None:
    folder, manifest = converted
    assert Manifest.load(folder) == manifest
    assert manifest.format == FORMAT
    assert manifest.version == "1.0.0-no-param" and manifest.source == {"folder": tiny_release.folder.name}
    assert len(manifest.files) == 58 - 11
    for path, entry in manifest.files.items():
        file = tiny_release.folder / path
        assert entry == {"sha256": sha256_of(file), "bytes": file.stat().st_size}
    assert {f: sha256_of(folder / f) for f in manifest.written} == manifest.written
    on_disk = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert on_disk == {*manifest.written, "manifest.json"}
    assert manifest.own_copies == {} and manifest.notes == ()
    assert len(manifest.labels("lamost_lrs")) == 14 and len(manifest.labels("gaia_xp")) == 5
    assert "private" not in (folder / "manifest.json").read_text()


def test_the_backbones_are_written_once(converted: tuple[Path, Manifest]) -> None:
    for kind in ("predrecon", "split", "base"):
        tensors, _ = load_weights(converted[0] / f"{kind}.safetensors")
        assert not [name for name in tensors if name.startswith(("lamost.", "xp."))]


def test_the_same_release_gives_the_same_files(
    converted: tuple[Path, Manifest], tiny_release: Any, tmp_path: Path
) -> None:
    again = convert_release(tiny_release.folder, tmp_path / "again")
    assert again.weights_sha256 == converted[1].weights_sha256 and len(again.weights_sha256) == 64


def test_posteriors_are_left_out_unless_trusted(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: Any, **__: Any) -> None:
        pytest.fail("a pickle was opened")

    monkeypatch.setattr(posterior_files, "convert_posteriors", forbidden)
    manifest = convert_release(release, tmp_path / "out")
    names = {f"{r.survey}/{r.label}" for r in ROUTES if r.head == "sbi"}
    assert manifest.left_out.keys() == names and len(names) == 11
    assert all("--trust-pickle" in why for why in manifest.left_out.values())


def test_a_posterior_that_cannot_be_converted_costs_only_itself(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def convert(jobs: list[Any], *, trust_pickle: bool, cancel: Any) -> dict[Path, str]:
        assert trust_pickle and not cancel()
        tried.append(len(jobs))
        if any(job.label == "age" for job in jobs):
            raise CheckpointError("age.pkl: a flow of another kind")
        for job in jobs:
            job.target.parent.mkdir(parents=True, exist_ok=True)
            job.target.write_bytes(b"tensors")
        return {job.target: "0" * 64 for job in jobs}

    monkeypatch.setattr(posterior_files, "convert_posteriors", convert)
    manifest = convert_release(release, tmp_path / "out", trust_pickle=True)
    assert tried == [11, *[1] * 11]
    assert manifest.left_out == {"lamost_lrs/age": "age.pkl: a flow of another kind."}
    assert len(manifest.labels("lamost_lrs")) == 22 and len(manifest.labels("gaia_xp")) == 7
    assert len(manifest.files) == 58


def test_posteriors_are_added_to_what_is_there(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = convert_release(release, tmp_path / "out")

    def convert(jobs: list[Any], **_: Any) -> dict[Path, str]:
        for job in jobs:
            job.target.write_bytes(b"tensors")
        return {job.target: "1" * 64 for job in jobs}

    monkeypatch.setattr(posterior_files, "convert_posteriors", convert)
    shutil.rmtree(release / "specclip")  # they are not needed a second time
    after = add_posteriors(release, tmp_path / "out")
    assert after.left_out == {} and len(after.written) == len(before.written) + 11
    assert after == Manifest.load(tmp_path / "out")
    assert before.written.items() <= after.written.items()


@pytest.mark.parametrize("where", [SPLIT, "downstream_models/lrs/mlp/feh.pt", "encoders/xp_encoder.ckpt"])
@pytest.mark.parametrize("how", ["system", "open", "write_text", "exec"])
def test_a_malicious_file_is_refused_and_says_why(release: Path, tmp_path: Path, where: str, how: str) -> None:
    """A class whose __reduce__ would write a file, among what Lightning pickles."""
    witness, path = tmp_path / "witness", release / where
    trap = {
        "system": Writes(os.system, f"touch {witness}"),
        "open": Writes(io.open, str(witness), "w"),
        "write_text": Writes(witness.write_text, "here"),
        "exec": Writes(exec, f"open({str(witness)!r}, 'w')"),
    }[how]
    content = read_checkpoint(path)
    content["hyper_parameters"] = {"trap": trap}
    content.pop("callbacks", None)
    content.pop("optimizer_states", None)
    path.unlink()
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"asks to run .*not opened.*Do not use it") as caught:
        convert_release(release, tmp_path / "out" / OFFICIAL)
    assert Path(where).name in str(caught.value)
    assert not witness.exists()
    assert folders(tmp_path / "out") == []


def test_a_failed_conversion_leaves_the_old_model(release: Path, tmp_path: Path) -> None:
    target = tmp_path / "models" / OFFICIAL
    before = convert_release(release, target)
    (release / SPLIT).unlink()
    (release / SPLIT).write_bytes(b"cut short")
    with pytest.raises(CheckpointError, match=r"split_mlp\.ckpt is no checkpoint, or a damaged one"):
        convert_release(release, target)
    assert Manifest.load(target) == before
    assert folders(target.parent) == [OFFICIAL]


@pytest.mark.parametrize("after", [0, 0.3, 0.99])
def test_it_stops_when_told_and_leaves_nothing(release: Path, tmp_path: Path, after: float) -> None:
    stop = threading.Event()

    def progress(done: int, total: int, _: str) -> None:
        if done >= after * total:
            stop.set()

    with pytest.raises(CancelledError):
        convert_release(release, tmp_path / "out" / OFFICIAL, progress=progress, cancel=stop)
    assert folders(tmp_path / "out") == []


def test_progress_goes_up_to_the_end(release: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int, str]] = []
    convert_release(release, tmp_path / "out", progress=lambda *step: seen.append(step))
    assert [s[0] for s in seen] == sorted(s[0] for s in seen)
    assert seen[-1][0] == seen[-1][1] > 50e6 and any("split" in s[2] for s in seen)


def test_both_spellings_of_the_base_file(release: Path, official_release: Any, tmp_path: Path) -> None:
    (release / official_release.CHECKPOINTS["base"]).rename(release / official_release.OTHER_BASE)
    manifest = convert_release(release, tmp_path / "out")
    assert official_release.OTHER_BASE in manifest.files and "base.safetensors" in manifest.written
    (release / official_release.OTHER_BASE).unlink()
    manifest = convert_release(release, tmp_path / "out")
    assert "base.safetensors" not in manifest.written and "not in this copy" in manifest.left_out["base"]


@pytest.mark.parametrize("spelling", ["feh", "FeH", "FEH"])
def test_every_spelling_of_the_iron_statistics(release: Path, tmp_path: Path, spelling: str) -> None:
    (release / "stats/xp/FeH_mean_std.json").rename(release / f"stats/xp/{spelling}_mean_std.json")
    manifest = convert_release(release, tmp_path / "out")
    assert "fe_h" in manifest.labels("gaia_xp")
    assert f"stats/xp/{spelling}_mean_std.json" in manifest.files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no statistics of its embedding"),
        ("{", "damaged"),
        ('{"mean": [1.0]}', "damaged"),
        ('{"mean": [0.0], "std": [1.0]}', "24 finite means"),
        (json.dumps({"mean": [0.0] * 24, "std": [1.0] * 23 + [0.0]}), "positive stds"),
        (json.dumps({"mean": [float("nan")] * 24, "std": [1.0] * 24}), "finite"),
    ],
)
def test_wrong_statistics_are_an_error(release: Path, tmp_path: Path, content: str | None, said: str) -> None:
    """The official code goes on without them, and gives other labels without a word."""
    path = release / "stats/lrs/mgfe_mean_std.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckpointError, match=said):
        convert_release(release, tmp_path / "out")


def test_a_backbone_that_differs_is_kept(official_release: Any, tmp_path: Path) -> None:
    made = official_release.make_release(tmp_path / "release", differ="split")
    manifest = convert_release(made.folder, tmp_path / "out")
    assert manifest.own_copies == {"split": ["xp"]}
    assert "split keeps its own xp backbone" in manifest.notes[0]
    networks = OfficialNetworks.from_folder(tmp_path / "out")
    assert networks.shared == {"lamost_lrs": True, "gaia_xp": False}
    original = read_checkpoint(made.folder / SPLIT)["state_dict"]
    back = to_official(networks.split)
    assert all(torch.equal(back[name], tensor) for name, tensor in original.items())


def test_without_the_encoders_released_values_are_taken(release: Path, tmp_path: Path) -> None:
    shutil.rmtree(release / "encoders")
    manifest = convert_release(release, tmp_path / "out")
    assert len(manifest.notes) == 3 and "released values" in manifest.notes[0]
    assert "xp_encoder.safetensors" not in manifest.written
    # The number of attention heads is in the pickled modules as well; the released 6 do not divide this width of 32.
    assert OfficialNetworks.from_folder(tmp_path / "out").split.config.lamost.n_heads == 4


def test_numbers_of_heads_come_from_the_pickled_modules(official_release: Any, tmp_path: Path) -> None:
    config = {**official_release._CONFIGS["tiny"]["predrecon"], "n_head": 2}
    dice = torch.Generator().manual_seed(3)
    networks = {"predrecon": (config, official_release.random_state("predrecon", config, dice))}
    made = official_release.make_release(tmp_path / "release", networks=networks)
    manifest = convert_release(made.folder, tmp_path / "out")
    ready = OfficialNetworks.from_folder(tmp_path / "out")
    assert ready.predrecon.config.n_heads == 2 and ready.split.config.n_heads == 4
    assert ready.split.config.private_heads == 2
    # Its backbones are its own, and the first network's are the shared ones: the others keep theirs.
    assert manifest.own_copies == {"split": ["lamost", "xp"], "base": ["lamost", "xp"]}
    assert {"lrs_encoder.safetensors", "xp_encoder_mlp.safetensors"} <= manifest.written.keys()


def test_golden_networks_through_the_conversion(shared: Path, official_release: Any, tmp_path: Path) -> None:
    """The official maths, tensor by tensor, is what comes out of a converted file."""
    networks, outputs, inputs = {}, {}, {}
    for kind in ("predrecon", "split", "base"):
        golden = torch.load(shared / "golden/specclip" / f"specclip_{kind}_tiny.pt", weights_only=True)
        state = dict(golden["state_dict"])
        for name, factors in golden.get("state_dict_lowrank", {}).items():
            state[name] = factors["U"] @ factors["V"].T
        networks[kind] = (golden["config"], state)
        outputs[kind], inputs[kind] = golden["outputs"], golden["inputs"]
    made = official_release.make_release(tmp_path / "release", networks=networks)
    convert_release(made.folder, tmp_path / "out")
    ready = OfficialNetworks.from_folder(tmp_path / "out")
    close: dict[str, float] = {"atol": 2e-5, "rtol": 1e-4}
    spectra = {name.partition("_")[0]: value for name, value in inputs["split"].items() if value.ndim == 3}
    with torch.inference_mode():
        pr, split = ready.predrecon, ready.split
        lamost = pr.embed(spectra["lamost"], "lamost_lrs")
        torch.testing.assert_close(lamost, outputs["predrecon"]["lamost_embedding"], **close)
        torch.testing.assert_close(
            pr.cross_predict(lamost, "gaia_xp"), outputs["predrecon"]["gaia_from_lamost"], **close
        )
        for survey, side in (("lamost_lrs", "lamost"), ("gaia_xp", "gaia")):
            found = split.embed(spectra[side], survey)
            torch.testing.assert_close(found, outputs["split"][f"{side}_concat"], **close)


def test_what_is_no_release(tmp_path: Path, release: Path) -> None:
    with pytest.raises(CheckpointError, match="There is no folder"):
        find_release(tmp_path / "absent")
    with pytest.raises(CheckpointError, match=r"is no copy of the SpecCLIP release: it lacks .*predrecon.* and "):
        find_release(release / "stats")
    nested = tmp_path / "cache" / "models--astroshawn--SpecCLIP" / "snapshots" / "0123"
    nested.parent.mkdir(parents=True)
    release.rename(nested)
    assert find_release(tmp_path / "cache").folder == nested  # as the hub's own cache keeps it
    (nested / SPLIT).unlink()
    with pytest.raises(CheckpointError, match=r"it lacks specclip/specclip_model_split_mlp\.ckpt"):
        find_release(nested)


def test_weights_that_do_not_fit_name_their_file(release: Path, tmp_path: Path) -> None:
    def spoil(content: dict[str, Any]) -> None:
        content["state_dict"]["lamost_lrs_decoder.shared_proj.bias"][3] = torch.nan

    altered(release / SPLIT, spoil)
    with pytest.raises(CheckpointError, match=r"split_mlp\.ckpt: .*shared_proj\.bias holds values that are not finite"):
        convert_release(release, tmp_path / "out")

    def lose(content: dict[str, Any]) -> None:
        content["state_dict"]["lamost_lrs_decoder.shared_proj.bias"][3] = 0.0
        del content["state_dict"]["gaia_xp_encoder.shared_projection.weight"]

    altered(release / SPLIT, lose)
    with pytest.raises(CheckpointError, match=r"split_mlp\.ckpt: gaia_xp_encoder\.shared_projection\.weight is absent"):
        convert_release(release, tmp_path / "out")


def test_a_label_head_without_weights(release: Path, tmp_path: Path) -> None:
    path = release / "downstream_models/lrs/mlp/ofe.pt"
    content = torch.load(path, weights_only=True)
    del content["model_state_dict"]
    path.unlink()
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"lrs/mlp/ofe\.pt holds no weights"):
        convert_release(release, tmp_path / "out")


def test_case_is_forgiven(release: Path) -> None:
    (release / "downstream_models/lrs/sbi/DP.pkl").rename(release / "downstream_models/lrs/sbi/dp.pkl")
    source = Source(release)
    assert source.has("downstream_models/lrs/sbi/DP.pkl")
    assert source.spelt("downstream_models/lrs/sbi/DP.pkl").endswith("dp.pkl")


def test_the_installed_model(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPECVIZ_MODELS", str(tmp_path / "models"))
    assert here.installed() is None and here.installed("another") is None
    with pytest.raises(UnknownModelError, match="not on this machine"):
        here.remove(OFFICIAL)
    with pytest.raises(UnknownModelError, match="no model 'x' to pull"):
        here.model_folder("x")
    folder = here.model_folder(OFFICIAL)
    convert_release(release, folder)
    assert here.installed() == folder == tmp_path / "models" / OFFICIAL
    (here.downloads_folder(OFFICIAL)).mkdir(parents=True)
    (tmp_path / "models" / f".{OFFICIAL}.77.part").mkdir()
    assert here.remove(OFFICIAL) > 50e6
    assert here.installed() is None and folders(tmp_path / "models") == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "another"}', f'{{"format": "{FORMAT}", "written": 3}}'])
def test_a_damaged_manifest_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"manifest.json (is damaged|has the format)"):
        Manifest.load(tmp_path)
    with pytest.raises(CheckpointError, match="holds no converted model"):
        Manifest.load(tmp_path / "absent")


def test_models_lie_in_the_data_folder_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPECVIZ_MODELS", raising=False)
    monkeypatch.delenv("SPECVIZ_CATALOGS", raising=False)
    assert here.models_folder().name == "models" and "specviz" in str(here.models_folder())
    assert here.catalogs_folder() == here.models_folder().parent / "catalogs"
