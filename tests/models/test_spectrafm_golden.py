"""SpectraFM and StellarPerceptron against tiny instances of the official modules, and the official layout on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from specviz.errors import CheckpointError
from specviz.models.spectrafm.checkpoint import from_official, our_name, read_official
from specviz.models.spectrafm.config import SpectraFMConfig
from specviz.models.spectrafm.modules import SpectraFMNet, robust_loss


def load(shared: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(shared / "golden" / "other" / f"{name}.pt", weights_only=True)
    return found


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    return load(shared, "spectrafm")


def config_of(told: dict[str, Any]) -> SpectraFMConfig:
    scale = {}
    if "wavelength_min" in told:
        scale = dict(
            wavelength_origin=told["wavelength_min"], wavelength_scale=told["wavelength_max"] - told["wavelength_min"]
        )
    return SpectraFMConfig(
        tuple(told["vocab"]), told["context_length"], told["embedding_dim"], told["encoder_head_num"],
        told["encoder_dense_num"], told["decoder_head_num"], told["decoder_dense_num"],
        **(scale or dict(wavelength_origin=None, wavelength_scale=None)),
    )  # fmt: skip


def net_of(golden: dict[str, Any]) -> SpectraFMNet:
    rows = None
    if "embed_map" in golden:
        rows = torch.tensor([golden["embed_map"][i] for i in range(len(golden["config"]["vocab"]) + 1)])
    return from_official(config_of(golden["config"]), golden["state_dict"], rows)


def close(a: torch.Tensor, b: torch.Tensor, atol: float = 1e-5) -> None:
    torch.testing.assert_close(a, b, rtol=1e-5, atol=atol)


def test_spectrafm_reads_a_bag_as_the_official_network_does(golden: dict[str, Any]) -> None:
    net, given, out = net_of(golden), golden["inputs"], golden["outputs"]
    values = given["values"][..., 0]
    close(net.embedding(given["tokens"], values, given["wavelength"]), out["embedded"])
    seen = net.perceive(given["tokens"], values, given["wavelength"], compat=True)
    close(seen.tokens, out["perception"])
    close(seen.attention, out["encoder_attention"], 1e-6)


@pytest.mark.parametrize("label", ["TEFF", "LOGG", "O_FE", "MG_FE", "FE_H"])
def test_spectrafm_answers_as_the_official_network_does(golden: dict[str, Any], label: str) -> None:
    net, given, out = net_of(golden), golden["inputs"], golden["outputs"]
    seen = net.perceive(given["tokens"], given["values"][..., 0], given["wavelength"], compat=True)
    token = torch.full((3,), net.config.token(label))
    close(net.embedding.request(token), out["request_embedding"][label])
    answer = net.answer(seen, token)
    close(answer.value, out["pred"][label])
    close(answer.log_variance, out["logvar"][label])
    close(answer.attention, out["decoder_attention"][label][:, 0], 1e-6)
    if label == "TEFF":
        close(answer.value, out["full_pred_TEFF"].flatten())
        close(answer.log_variance, out["full_logvar_TEFF"].flatten())


def test_a_pixel_that_is_nan_is_as_if_it_were_not_there(golden: dict[str, Any]) -> None:
    net, given = net_of(golden), golden["inputs"]
    tokens, values, wave = given["tokens"][2:], given["values"][2:, :, 0], given["wavelength"][2:]
    keep = torch.isfinite(values[0])
    assert not keep.all()
    token = torch.tensor([net.config.token("TEFF")])
    with_it = net.answer(net.perceive(tokens, values, wave), token)
    without = net.answer(net.perceive(tokens[:, keep], values[:, keep], wave[:, keep]), token)
    close(with_it.value, without.value)
    assert with_it.attention[0, :-1][~keep].abs().max() == 0
    published = net.answer(net.perceive(tokens, values, wave, compat=True), token)
    assert (published.value - without.value).abs() > 1e-3  # the defect that compat reproduces


def test_the_order_of_the_pixels_does_not_matter(golden: dict[str, Any]) -> None:
    net, given = net_of(golden), golden["inputs"]
    tokens, values, wave = given["tokens"][:1], given["values"][:1, :, 0], given["wavelength"][:1]
    turned = torch.tensor(np.random.default_rng(0).permutation(12))
    token = torch.tensor([net.config.token("FE_H")])
    one = net.answer(net.perceive(tokens, values, wave), token)
    other = net.answer(net.perceive(tokens[:, turned], values[:, turned], wave[:, turned]), token)
    close(one.value, other.value)
    close(one.attention[0, :-1][turned], other.attention[0, :-1], 1e-6)


def test_the_loss_is_the_official_one(shared: Path) -> None:
    golden = load(shared, "spectrafm_loss")
    given = golden["inputs"]
    found = robust_loss(*(given[k][:, 0] for k in ("y_pred", "logvar", "y_true", "label_err")))
    close(found, golden["outputs"]["robust_mse"])


def test_stellarperceptron_is_the_same_network_without_wavelengths(shared: Path) -> None:
    golden = load(shared, "stellarperceptron")
    net, given, out = net_of(golden), golden["inputs"], golden["outputs"]
    values = given["values"][..., 0]
    assert not net.config.knows_wavelength
    close(net.embedding(given["tokens"], values, None), out["embedded"])
    seen = net.perceive(given["tokens"], values, compat=True)
    close(seen.tokens, out["perception"])
    close(seen.attention, out["encoder_attention"], 1e-6)
    for label, wanted in out["pred_logvar"].items():
        answer = net.answer(seen, torch.full((3,), net.config.token(label)))
        close(torch.stack([answer.value, answer.log_variance]), wanted)


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("spectrafm", dict()),
        (
            "stellarperceptron",
            dict(context=64, width=128, encoder_dense=1024, decoder_dense=3096, wavelength_origin=None,
                 wavelength_scale=None),
        ),
    ],
)  # fmt: skip
def test_full_size_manifests(shared: Path, name: str, config: dict[str, Any]) -> None:
    told = json.loads((shared / "golden" / "other" / f"{name}_full.manifest.json").read_text())
    words = told["shapes"]["embedding_layer.embeddings"][0] - 1
    with torch.device("meta"):
        net = SpectraFMNet(SpectraFMConfig(tuple(f"t{i}" for i in range(words)), **config))
    assert sum(p.numel() for p in net.parameters()) == told["n_params"]
    own = {k: list(v.shape) for k, v in net.state_dict().items()}
    assert own == {our_name(k): v for k, v in told["shapes"].items()}


def write_official(folder: Path, golden: dict[str, Any], **changes: Any) -> Path:
    told = golden["config"]
    n = len(told["vocab"]) + 1
    sizes = {k: v for k, v in told.items() if k not in ("vocab", "wavelength_min", "wavelength_max")}
    norm = {f"_input_{k}": [float(i) for i in range(n)] for k in ("mean", "std", "standardized")}
    text = {"nn_config": sizes, "tokenizer_config": {"vocabs": told["vocab"]}, "norm_config": norm, **changes}
    (folder / "config.json").write_text(json.dumps(text))
    np.savez(folder / "embed_map.npz", keys=list(golden["embed_map"]), values=list(golden["embed_map"].values()))
    tensors = {f"module.{k}": v for k, v in golden["state_dict"].items()}
    torch.save({"model_state_dict": tensors, "optimizer": "AdamW", "epoch": 3}, folder / "weights.pt")
    return folder


def test_the_official_folder_is_read(golden: dict[str, Any], tmp_path: Path) -> None:
    net, norm = read_official(write_official(tmp_path, golden))
    given = golden["inputs"]
    seen = net.perceive(given["tokens"], given["values"][..., 0], given["wavelength"], compat=True)
    close(seen.tokens, golden["outputs"]["perception"])
    assert norm.centre[3] == 3 and not norm.known[0] and norm.known[1]


def test_folders_that_are_none_are_refused(golden: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no config\.json"):
        read_official(tmp_path)
    write_official(tmp_path, golden, norm_config={"_input_mean": [0], "_input_std": [1], "_input_standardized": [1]})
    with pytest.raises(CheckpointError, match="standardisation"):
        read_official(tmp_path)
    write_official(tmp_path, golden)
    np.savez(tmp_path / "embed_map.npz", keys=[99], values=[1])
    with pytest.raises(CheckpointError, match="maps tokens"):
        read_official(tmp_path)
    with pytest.raises(CheckpointError, match="no tensor"):
        our_name("torch_decoder.decoder_dense_7.weight")
    with pytest.raises(CheckpointError, match="do not fit"):
        from_official(net_of(golden).config, {})
    with pytest.raises(CheckpointError, match="divide"):
        SpectraFMConfig(("a",), width=30)
