"""Strict loading of official weights, official files, and the errors a wrong file gives. Needs no shared materials."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models import specclip
from specviz.models.checkpoint_reader import read_checkpoint
from specviz.models.restricted_unpickler import ForeignObject

ENCODER = {"input_dim": 21, "embed_dim": 16, "num_layers": 1, "num_heads": 2, "max_len": 150}
XP = {"hidden_dim": 20, "bottleneck_dim": 12}
CLIP = {"backbone_lamost": ENCODER, "backbone_gaia": XP, "embed_dim": 8, "feature_mlp_intermediate": 10, "n_head": 2}


def weights(kind: str, config: Any) -> dict[str, Tensor]:
    torch.manual_seed(0)
    return specclip.to_official(specclip.build(kind, config))


def test_wrong_names_are_listed() -> None:
    state = weights("lrs_encoder", ENCODER)
    state["surprise"] = state.pop("head.bias")
    with pytest.raises(CheckpointError) as caught:
        specclip.from_official("lrs_encoder", ENCODER, state)
    text = str(caught.value)
    assert "missing: head.bias" in text and "unexpected: surprise" in text and "lrs_encoder" in text


def test_wrong_shapes_and_values_are_named() -> None:
    state: dict[str, Any] = weights("lrs_encoder", ENCODER)
    state["head.weight"] = torch.zeros(21, 17)
    state["blocks.0.attention.q_proj.weight"] = torch.zeros(17, 16)
    state["ln"] = state.pop("blocks.0.ln1.bias")
    state["head.bias"] = [0.0] * 21
    state["final_layernorm.bias"] = torch.full((16,), torch.nan)
    with pytest.raises(CheckpointError) as caught:
        specclip.from_official("lrs_encoder", ENCODER, state)
    text = str(caught.value)
    assert "head.weight is (21, 17), not (21, 16)" in text
    assert "blocks.0.attention.q_proj.weight is (17, 16), not (16, 16)" in text
    assert "missing: blocks.0.ln1.bias" in text
    assert "head.bias is a list, not a tensor" in text
    assert "final_layernorm.bias holds values that are not finite" in text


def test_loading_does_not_wake_the_compiler(tmp_path: Path) -> None:
    """torch's compiler takes seconds to import, and a person waits for the first view meanwhile."""
    torch.save(weights("predrecon", CLIP), tmp_path / "w.pt")
    code = (
        "import sys, torch; from specviz.models import specclip;"
        f"state = torch.load({str(tmp_path / 'w.pt')!r});"
        f"specclip.from_official('predrecon', {CLIP!r}, state).embed(torch.rand(1, 343), 'gaia_xp');"
        "assert not {'torch._dynamo', 'torch._inductor'} & sys.modules.keys()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_wrong_kind_or_configuration() -> None:
    state = weights("lrs_encoder", ENCODER)
    with pytest.raises(CheckpointError, match=r"Unknown kind.*'lrs'.*lrs_encoder, xp_encoder"):
        specclip.from_official("lrs", ENCODER, state)
    with pytest.raises(CheckpointError, match="XpEncoderConfig does not describe a lrs_encoder"):
        specclip.from_official("lrs_encoder", specclip.XpEncoderConfig(), state)
    with pytest.raises(CheckpointError, match="do not fit a SpecCLIP xp_encoder"):
        specclip.from_official("xp_encoder", {**ENCODER, "input_dim": 1, "max_len": 350}, state)
    with pytest.raises(CheckpointError, match="weights are a list"):
        specclip.from_official("lrs_encoder", ENCODER, list(state))  # type: ignore[arg-type]


def test_half_precision_weights_become_float32() -> None:
    state = {name: t.half() if t.is_floating_point() else t for name, t in weights("predrecon", CLIP).items()}
    model = specclip.from_official("predrecon", CLIP, state)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.xp_decoder.stages[0].norm.num_batches_tracked.dtype == torch.int64


@pytest.mark.parametrize("kind", ["base", "predrecon"])
def test_lamost_head_is_detected_from_the_names(kind: str) -> None:
    config = specclip.ClipConfig.from_official(CLIP)
    variant = weights(kind, replace(config, lamost_pooling="mean"))
    assert "lamost_lrs_encoder.projection.weight" in variant
    assert "lamost_lrs_encoder.cross_attention.query" not in variant
    model = specclip.from_official(kind, CLIP, variant)
    assert model.config.lamost_pooling == "mean"
    flux = 1 + 0.1 * torch.randn(2, 1462, generator=torch.Generator().manual_seed(3))
    with torch.inference_mode():
        # The mean variant is the XP kind of head on the mean token.
        pooled = model.lamost.pooled_embedding(flux)
        head = super(type(model.lamost_head), model.lamost_head)
        torch.testing.assert_close(model.embed(flux, "lamost_lrs"), head.forward(pooled))
    usual = specclip.from_official(kind, CLIP, weights(kind, CLIP))
    assert usual.config.lamost_pooling == "query"


def test_separate_query_key_value_in_the_split_model() -> None:
    names = set(weights("split", {**CLIP, "shared_embed_dim": 8, "private_embed_dim": 4}))
    mha = "lamost_lrs_encoder.shared_attention.multihead_attn."
    assert {mha + n for n in ("q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias")} <= names
    assert mha + "in_proj_weight" not in names


class _Module(torch.nn.Module):
    """A class our reader has no reason to import; stands for the heads that Lightning pickles."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.num_heads = 4


def lightning_file(path: Path, state: dict[str, Tensor], **hyper_parameters: Any) -> Path:
    """A file with the top-level keys of the official checkpoints (Lightning 1.9)."""
    content = {
        "epoch": 110,
        "global_step": 11_000,
        "pytorch-lightning_version": "1.9.1",
        "state_dict": state,
        "callbacks": {
            "ModelCheckpoint{'monitor': 'val_loss'}": {"best_model_score": torch.tensor(0.5), "dirpath": path}
        },
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": hyper_parameters,
    }
    torch.save(content, path)
    return path


def test_lightning_file_with_pickled_modules(tmp_path: Path) -> None:
    state = weights("predrecon", CLIP)
    path = lightning_file(tmp_path / "clip.ckpt", state, lamost_lrs_encoder=_Module(), temperature=15.5, lr=1e-4)
    with pytest.raises(Exception, match="Weights only load failed"):
        torch.load(path, weights_only=True)
    content = read_checkpoint(path)
    assert content["epoch"] == 110
    stub = content["hyper_parameters"]["lamost_lrs_encoder"]
    assert isinstance(stub, ForeignObject) and stub.name.endswith("_Module") and stub.state["num_heads"] == 4
    assert repr(stub).startswith("<foreign ")
    model = specclip.from_official_file("predrecon", path, CLIP)
    back = specclip.to_official(model)
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())


def test_encoder_file_brings_its_own_configuration(tmp_path: Path) -> None:
    path = lightning_file(tmp_path / "lrs.ckpt", weights("lrs_encoder", ENCODER), **ENCODER)
    model = specclip.from_official_file("lrs_encoder", path)
    assert model.config.embed_dim == 16 and model.config.n_heads == 2


def test_label_head_file(tmp_path: Path) -> None:
    config = {"input_dim": 8, "hidden_dims": [6, 4]}
    path = tmp_path / "feh.pt"
    torch.save({"model_state_dict": weights("mlp_head", config), "optimizer_state_dict": {}}, path)
    assert specclip.from_official_file("mlp_head", path, config).config.hidden_dims == (6, 4)
    torch.save({"weights": {}}, path)
    with pytest.raises(CheckpointError, match="holds no weights"):
        specclip.from_official_file("mlp_head", path, config)
