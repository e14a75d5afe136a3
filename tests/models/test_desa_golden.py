"""DESA against tiny instances of the official modules; full-size key manifests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from specviz.errors import CheckpointError
from specviz.models.desa import checkpoint
from specviz.models.desa.config import DesaConfig, DualFormerConfig, LightCurveConfig, SpectrumConfig
from specviz.models.desa.dual_former import DualFormer, DualNet, covariance_loss, duality_loss
from specviz.models.desa.modules import LightCurveSimSiam, SpectrumMultiTask

KINDS = ("cross_self_transpose", "cross_self_normal", "cross_transpose", "self_transpose")
SPECTRUM = SpectrumConfig((4, 8, 16, 16), blocks=2, heads=4)
LIGHT_CURVE = LightCurveConfig((4, 8, 16, 16), width=16, stride=5, blocks=2, heads=4, projection=8)


def load(shared: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(shared / "golden" / "other" / f"desa_{name}.pt", weights_only=True)
    return found


def close(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def former(golden: dict[str, Any]) -> DualFormer:
    told = golden["config"]
    config = DualFormerConfig(
        told["embed_dim"], told["num_layers"], told["num_heads"], told["ffn_dim"], told["latent_dim"],
        told["attention_type"], told["projection_type"],
    )  # fmt: skip
    return checkpoint.from_official(DualFormer(config), golden["state_dict"], checkpoint.DUAL_FORMER)


@pytest.mark.parametrize("kind", KINDS)
def test_dual_former(shared: Path, kind: str) -> None:
    golden = load(shared, f"dualformer_{kind}")
    net, given, out = former(golden), golden["inputs"], golden["outputs"]
    for i, states in enumerate(net.hidden(given["x1"], given["x2"])):
        close(states[0], out["hidden1"][i])
        close(states[1], out["hidden2"][i])
    aligned = net(given["x1"], given["x2"], given["latent"])
    for found, name in zip(aligned, ("emb1", "emb2", "proj1", "proj2"), strict=True):
        close(found, out[name])
    masked = net(given["x1"], given["x2"], given["latent"], (given["mask1"], given["mask2"]))
    close(masked.spectrum, out["masked_emb1"])
    close(masked.light_curve, out["masked_emb2"])
    close(duality_loss(aligned), out["duality_loss"])
    close(covariance_loss(aligned, across=False), out["cov_loss_as_coded"])
    close(covariance_loss(aligned, variance=True, across=False), out["cov_loss_as_coded_var"])
    close(covariance_loss(aligned), out["cov_loss_intended_xy"])


@pytest.mark.parametrize("kind", KINDS)
def test_eigenspace(shared: Path, kind: str) -> None:
    golden = load(shared, f"dualformer_{kind}")
    net = former(golden)
    magnitudes, vectors = net.eigenspace(compat=True)
    close(magnitudes, golden["outputs"]["eig_abs"])
    close(vectors.norm(dim=0), torch.ones(38))
    values, ours = net.eigenspace()
    close(ours.T @ ours, torch.eye(38))
    assert (values.abs().diff() <= 0).all()
    matrix = net.alignment.weight
    e = torch.randn(38, generator=torch.Generator().manual_seed(0))
    close((values * (ours.T @ e) ** 2).sum(), e @ matrix @ e)  # all of A that the duality loss sees


def test_a_latent_that_is_not_given_is_zeros(shared: Path) -> None:
    golden = load(shared, "dualformer_cross_self_transpose")
    net, given = former(golden), golden["inputs"]
    aligned = net(given["x1"], given["x2"])
    assert (aligned.spectrum[:, 32:] == 0).all()
    close(aligned.spectrum[:, :32], golden["outputs"]["emb1"][:, :32])


def test_spectrum_encoder_with_its_tasks(shared: Path) -> None:
    golden = load(shared, "spectra_multitask")
    net = SpectrumMultiTask(SPECTRUM, labels=3, quantiles=5)
    checkpoint.from_official(net, golden["state_dict"], checkpoint.SPECTRUM_MULTITASK)
    out = golden["outputs"]
    close(net.encoder.tokenise(golden["inputs"]["spectrum"]), out["backbone_tokens"])
    quantiles, decoded, encoding = net(golden["inputs"]["spectrum"])
    close(quantiles, out["regression"])
    close(decoded, out["decoded"])
    close(encoding, out["encoding"])


def test_light_curve_encoder_with_its_tasks(shared: Path) -> None:
    golden = load(shared, "lightcurve_simsiam")
    net = LightCurveSimSiam(LIGHT_CURVE, outputs=5)
    checkpoint.from_official(net, golden["state_dict"], checkpoint.LIGHT_CURVE_SIMSIAM)
    given, out = golden["inputs"], golden["outputs"]
    close(net.encoder(given["lc_view1"]), out["backbone_features"])
    close(net.features(given["lc_view1"]), out["encoder_features"])
    loss, z1, z2, quantiles = net(given["lc_view1"], given["lc_view2"])
    close(loss, out["simsiam_loss"])
    close(z1, out["z1"])
    close(z2, out["z2"])
    close(quantiles, out["preds"])


def test_everything_together(shared: Path) -> None:
    golden = load(shared, "dualnet")
    dual = DualFormerConfig(16, 2, 4, 32, 6)
    net = DualNet(DesaConfig(SPECTRUM, LIGHT_CURVE, dual, hidden=16, outputs=3))
    checkpoint.from_official(net, golden["state_dict"], checkpoint.DUAL_NET)
    given, out = golden["inputs"], golden["outputs"]
    aligned, spectrum, light_curve = net(given["spectra"], given["lc"], given["latent"])
    for found, name in zip(aligned, ("emb1", "emb2", "proj1", "proj2"), strict=True):
        close(found, out[name])
    close(spectrum, out["spec_pred"])
    close(light_curve, out["lc_pred"])


@pytest.mark.parametrize("name", ["spectra", "lightcurve", "dualnet"])
def test_full_size_manifests(shared: Path, name: str) -> None:
    told = json.loads((shared / "golden" / "other" / f"desa_{name}_full.manifest.json").read_text())["shapes"]
    with torch.device("meta"):
        net, rules = {
            "spectra": lambda: (SpectrumMultiTask(SpectrumConfig()), checkpoint.SPECTRUM_MULTITASK),
            "lightcurve": lambda: (LightCurveSimSiam(LightCurveConfig()), checkpoint.LIGHT_CURVE_SIMSIAM),
            "dualnet": lambda: (DualNet(DesaConfig()), checkpoint.DUAL_NET),
        }[name]()
    own = {k: list(v.shape) for k, v in net.state_dict().items()}
    assert own == {ours: v for k, v in told.items() if (ours := checkpoint.our_name(k, rules)) is not None}


def test_weights_that_do_not_fit_are_refused(shared: Path, tmp_path: Path) -> None:
    golden = load(shared, "dualformer_cross_self_transpose")
    tensors = golden["state_dict"]
    config = DualFormerConfig(32, 2, 4, 64, 6)
    with pytest.raises(CheckpointError, match="do not fit"):
        checkpoint.from_official(DualFormer(config), {k: v for k, v in tensors.items() if "norm1" not in k},
                                 checkpoint.DUAL_FORMER)  # fmt: skip
    with pytest.raises(CheckpointError, match="no tensor"):
        checkpoint.our_name("layers.0.attention.q3", checkpoint.DUAL_FORMER)
    with pytest.raises(CheckpointError, match="not 1"):
        checkpoint.from_official(
            DualFormer(config), {**tensors, "a.input_factor": torch.tensor(0.5)}, checkpoint.DUAL_FORMER
        )
    torch.save({f"module.module.{k}": v for k, v in tensors.items()}, tmp_path / "desa.pth")
    net = checkpoint.read_official(DualFormer(config), tmp_path / "desa.pth", checkpoint.DUAL_FORMER)
    close(net.alignment.weight, tensors["projection_head.weight"])
    assert DesaConfig.from_dict(json.loads(json.dumps(DesaConfig().to_dict()))) == DesaConfig()
    with pytest.raises(CheckpointError, match="no sizes"):
        DesaConfig.from_dict({"spectrum": {}})
