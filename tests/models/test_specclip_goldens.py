"""Our SpecCLIP networks against outputs of the official maths (shared/golden/specclip), tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from specviz.models import specclip

FILES = {
    "lrs_encoder": "lrs_encoder_tiny.pt",
    "xp_encoder": "xp_encoder_tiny.pt",
    "xp_encoder_mlp": "xp_encoder_mlp_tiny.pt",
    "base": "specclip_base_tiny.pt",
    "predrecon": "specclip_predrecon_tiny.pt",
    "split": "specclip_split_tiny.pt",
    "mlp_head": "mlp_head_tiny.pt",
}
MANIFESTS = {
    "lrs_encoder": ("manifest_lrs_encoder.json", 91, 42_677_013),
    "xp_encoder": ("manifest_xp_encoder.json", 91, 42_802_947),
    "xp_encoder_mlp": ("manifest_xp_encoder_mlp.json", 34, 42_846_129),
    "base": ("manifest_specclip_model_base.json", 150, 99_710_814),
    "predrecon": ("manifest_specclip_model_predrecon_mlp.json", 242, 168_293_752),
    "split": ("manifest_specclip_model_split_mlp.json", 241, 126_229_506),
    "mlp_head": ("manifest_mlp_head.json", 23, 1_348_353),
}


@pytest.fixture(scope="module")
def golden(shared: Path) -> Callable[[str], Any]:
    def load(kind: str) -> Any:
        return torch.load(shared / "golden" / "specclip" / FILES[kind], weights_only=True)

    return load


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def compare(
    golden: Mapping[str, Tensor], ours: Mapping[str, Tensor], *, untested: frozenset[str] = frozenset()
) -> None:
    """Every golden output, and nothing else, within the tolerance of the golden files."""
    assert golden.keys() - untested == ours.keys()
    for name, value in ours.items():
        loss = golden[name].ndim == 0
        torch.testing.assert_close(
            value, golden[name], atol=0 if loss else 2e-5, rtol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


@pytest.mark.parametrize("kind", ["lrs_encoder", "xp_encoder"])
def test_masked_transformer(golden: Callable[[str], Any], kind: str) -> None:
    file = golden(kind)
    model = specclip.from_official(kind, file["config"], file["state_dict"])
    spectra, starts = file["inputs"]["spectra"], file["outputs"]["mask_starts"]
    tokens = model.tokens(spectra)
    embedded = model.embed_tokens(tokens)
    blocks = model.block_outputs(spectra)
    masked = model.masked_tokens(spectra, starts)
    ours = {
        "tokens": tokens,
        "embedded_tokens": embedded,
        "block0_attention": model.blocks[0].attention(model.blocks[0].norm1(embedded)),
        "block0": blocks[0],
        "block1": blocks[1],
        "embedding": model.embedding(spectra),
        "reconstructions": model.reconstruction(spectra),
        "embedding_mean": model.pooled_embedding(spectra),
        "masked_tokens": masked,
        "masked_reconstructions": model.reconstruct_tokens(masked),
        "masked_loss": model.masked_loss(spectra, starts),
        "single_input_embedding_mean": model.pooled_embedding(spectra[:1]),
    }
    compare(file["outputs"], ours, untested=frozenset({"mask_starts"}))
    forward = model(spectra)
    assert torch.equal(forward["embedding"], ours["embedding"])
    assert torch.equal(forward["reconstructions"], ours["reconstructions"])


def test_correct_attention_scaling_does_not_fit_the_released_weights(golden: Callable[[str], Any]) -> None:
    """The golden attention tells the two scalings apart by more than 2, so the comparison above means something."""
    from dataclasses import replace

    file = golden("lrs_encoder")
    official = specclip.LamostEncoderConfig.from_official(file["config"]["hyper_parameters"])
    assert official.attention_scaling == "double" and official.attention_scale == 1 / 8
    single = replace(official, attention_scaling="single")
    assert single.attention_scale == pytest.approx(8**-0.5)
    model = specclip.from_official("lrs_encoder", single, file["state_dict"])
    embedded = file["outputs"]["embedded_tokens"]
    attention = model.blocks[0].attention(model.blocks[0].norm1(embedded))
    assert (attention - file["outputs"]["block0_attention"]).abs().max() > 2


def test_xp_autoencoder(golden: Callable[[str], Any]) -> None:
    file = golden("xp_encoder_mlp")
    model = specclip.from_official("xp_encoder_mlp", file["config"], file["state_dict"])
    spectra = file["inputs"]["spectra"]
    ours = {
        "preprocessed": model.preprocess(spectra),
        "latent": model.latent(spectra),
        "reconstructions": model.reconstruction(spectra),
        "loss": model.loss(spectra),
        "derived_flux_true_stats": model.reconstructed_flux(spectra),
        "derived_flux_pred_stats": model.reconstructed_flux(spectra, "predicted"),
    }
    compare(file["outputs"], ours)
    forward = model(spectra)
    assert torch.equal(forward["latent"], ours["latent"])
    assert torch.equal(forward["reconstructions"], ours["reconstructions"])


def _contrast(model: Any, xp: Tensor, lamost: Tensor) -> dict[str, Tensor]:
    per_xp, per_lamost = model.logits(xp, lamost)
    return {
        "logits_per_gaia": per_xp,
        "logits_per_lamost": per_lamost,
        "clip_loss": model.clip_loss(xp, lamost),
        "cosine_gaia_lamost": specclip.cosine_similarity(xp, lamost),
        "cosine_gaia_gaia": specclip.cosine_similarity(xp, xp),
        "cosine_lamost_lamost": specclip.cosine_similarity(lamost, lamost),
    }


@pytest.mark.parametrize("kind", ["base", "predrecon"])
def test_contrastive_model(golden: Callable[[str], Any], kind: str) -> None:
    file = golden(kind)
    model = specclip.from_official(kind, file["config"], file["state_dict"])
    xp_spectra, lamost_spectra = file["inputs"]["gaia_spectra"], file["inputs"]["lamost_spectra"]
    xp, lamost = model.embed(xp_spectra, "gaia_xp"), model.embed(lamost_spectra, "lamost_lrs")
    # The official code squeezes a batch of one to a vector; ours keeps its axis.
    singles = model(xp_spectra[:1], "gaia_xp"), model(lamost_spectra[:1], "lamost_lrs")
    assert [tuple(s.shape) for s in singles] == [(1, 32), (1, 32)]
    ours = {
        "gaia_embedding": xp,
        "lamost_embedding": lamost,
        "gaia_embedding_single": singles[0][0],
        "lamost_embedding_single": singles[1][0],
        **_contrast(model, xp, lamost),
    }
    if kind == "base":
        ours["gaia_backbone_latent"] = model.backbone(xp_spectra, "gaia_xp")
        ours["lamost_backbone_embedding"] = model.backbone(lamost_spectra, "lamost_lrs")
        ours["lamost_cross_attention"] = model.cross_attention(lamost_spectra)
    else:
        losses = model.losses(xp_spectra, lamost_spectra)
        standardised = model.reconstruct(lamost, "lamost_lrs")
        ours["gaia_reconstruction"] = model.reconstruct(xp, "gaia_xp")
        ours["lamost_reconstruction_standardized"] = standardised
        ours["derived_lamost_reconstruction_flux"] = model.destandardise_lamost(standardised, lamost_spectra)
        ours["gaia_from_lamost"] = model.cross_predict(lamost, "gaia_xp")
        ours["lamost_from_gaia"] = model.cross_predict(xp, "lamost_lrs")
        ours["loss_reconstruct"] = losses["reconstruct"]
        ours["loss_predict"] = losses["cross"]
        ours["loss_total"] = losses["total"]
        assert losses["clip"] == ours["clip_loss"]
    compare(file["outputs"], ours)


def test_split_model(golden: Callable[[str], Any]) -> None:
    file = golden("split")
    model = specclip.from_official("split", file["config"], file["state_dict"], file["state_dict_lowrank"])
    xp_spectra, lamost_spectra = file["inputs"]["gaia_spectra"], file["inputs"]["lamost_spectra"]
    xp, lamost = model.embed(xp_spectra, "gaia_xp"), model.embed(lamost_spectra, "lamost_lrs")
    xp_shared, lamost_shared = model.common_part(xp), model.common_part(lamost)
    losses = model.losses(xp_spectra, lamost_spectra)
    single = model.shared(lamost_spectra[:1], "lamost_lrs")
    assert single.shape == (1, 24)
    ours = {
        "gaia_shared": model.shared(xp_spectra, "gaia_xp"),
        "gaia_private": model.private(xp_spectra, "gaia_xp"),
        "lamost_shared": model.shared(lamost_spectra, "lamost_lrs"),
        "lamost_private": model.private(lamost_spectra, "lamost_lrs"),
        "gaia_concat": xp,
        "lamost_concat": lamost,
        "gaia_shared_single": model.shared(xp_spectra[:1], "gaia_xp")[0],
        "lamost_shared_single": single[0],
        "lamost_private_single": model.private(lamost_spectra[:1], "lamost_lrs")[0],
        "gaia_reconstruction": model.reconstruct_flux(xp_spectra, "gaia_xp"),
        "lamost_reconstruction_standardized": model.reconstruct(lamost, "lamost_lrs"),
        "derived_lamost_reconstruction_flux": model.reconstruct_flux(lamost_spectra, "lamost_lrs"),
        "gaia_from_lamost": model.cross_predict(lamost_shared, "gaia_xp"),
        "lamost_from_gaia": model.cross_predict(xp_shared, "lamost_lrs"),
        "loss_reconstruct": losses["reconstruct"],
        "loss_cross": losses["cross"],
        "loss_total": losses["total"],
        **_contrast(model, xp_shared, lamost_shared),
    }
    compare(file["outputs"], ours)


def test_label_head(golden: Callable[[str], Any]) -> None:
    file = golden("mlp_head")
    model = specclip.from_official("mlp_head", file["config"], file["state_dict"])
    inputs = file["inputs"]
    ours = {
        "prediction": model.predict(inputs["embedding"], inputs["stats_mean"], inputs["stats_std"]),
        "prediction_without_stats": model(inputs["embedding"]),
    }
    compare(file["outputs"], ours)


@pytest.mark.parametrize("kind", sorted(FILES))
def test_official_names_come_back_unchanged(golden: Callable[[str], Any], kind: str) -> None:
    """In and out again: every tensor returns under its official name, bit by bit, and the source is not shared."""
    file = golden(kind)
    model = specclip.from_official(kind, file["config"], file["state_dict"], file.get("state_dict_lowrank"))
    back = specclip.to_official(model)
    for name, tensor in file["state_dict"].items():
        assert torch.equal(back[name], tensor), name
    assert back.keys() - file["state_dict"].keys() == set(file.get("state_dict_lowrank", ()))
    assert {k: tuple(t.shape) for k, t in back.items()} == specclip.official_shapes(model)
    sources = {t.data_ptr() for t in file["state_dict"].values()}
    assert not sources & {t.data_ptr() for t in model.state_dict().values()}
    assert not model.training


@pytest.mark.parametrize("kind", sorted(MANIFESTS))
def test_full_size_networks_match_the_manifests(shared: Path, kind: str) -> None:
    import json

    name, n_keys, n_parameters = MANIFESTS[kind]
    manifest = json.loads((shared / "golden" / "specclip" / name).read_text())
    model = specclip.build(kind, device="meta")
    ours = {key: list(shape) for key, shape in specclip.official_shapes(model).items()}
    assert ours == manifest
    assert len(ours) == n_keys
    assert sum(p.numel() for p in model.parameters()) == n_parameters
