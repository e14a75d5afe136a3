"""SpecCLIP networks with fresh weights: shapes, batch axis, tokens, masks, configurations. Needs no shared folder."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from specviz.errors import CheckpointError, ModelError, SpecvizError
from specviz.models import specclip
from specviz.models.specclip.heads import QueryPooling
from specviz.models.specclip.tokens import mask_tokens, masked_loss, sample_mask_starts

SMALL_LAMOST = specclip.LamostEncoderConfig(embed_dim=16, n_layers=1, n_heads=2)
SMALL_XP = specclip.XpAutoEncoderConfig(hidden_dim=20, latent_dim=12)
SMALL = specclip.ClipConfig(lamost=SMALL_LAMOST, xp=SMALL_XP, embed_dim=8, n_heads=2, feature_hidden=10)
SMALL_SPLIT = specclip.SplitConfig(
    lamost=SMALL_LAMOST, xp=SMALL_XP, embed_dim=12, n_heads=2, feature_hidden=10, shared_dim=8, private_dim=4
)


def spectra(n: int, pixels: int) -> Tensor:
    return 1 + 0.1 * torch.randn(n, pixels, generator=torch.Generator().manual_seed(n + pixels))


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("trailing_axis", [False, True])
def test_shapes_keep_the_batch_axis(batch: int, trailing_axis: bool) -> None:
    lamost, xp = spectra(batch, 1462), spectra(batch, 343)
    if trailing_axis:
        lamost, xp = lamost.unsqueeze(2), xp.unsqueeze(2)
    for model in (specclip.SpecClipBase(SMALL), specclip.SpecClipPredRecon(SMALL), specclip.SpecClipSplit(SMALL_SPLIT)):
        model.eval()
        width = model.config.embed_dim
        a, b = model.embed(lamost, "lamost_lrs"), model.embed(xp, "gaia_xp")
        assert a.shape == b.shape == (batch, width)
        assert model.common(lamost, "lamost_lrs").shape == (batch, 8)
        if isinstance(model, specclip.SpecClipBase):
            assert model.cross_attention(lamost).shape == (batch, 1, 8)
        if not hasattr(model, "cross_predict"):
            continue
        assert model.reconstruct_flux(lamost, "lamost_lrs").shape == (batch, 1462)
        assert model.reconstruct_flux(xp, "gaia_xp").shape == (batch, 343)
        assert model.cross_predict(model.common_part(a), "gaia_xp").shape == (batch, 343)
        assert model.cross_predict(model.common_part(b), "lamost_lrs").shape == (batch, 1462)
        assert all(loss.shape == () and loss.isfinite() for loss in model.losses(xp, lamost).values())
    head = specclip.LabelHead(specclip.LabelHeadConfig(input_dim=8, hidden_dims=(6, 4))).eval()
    assert head(torch.zeros(batch, 8)).shape == (batch, 1)


def test_one_star_is_embedded_the_same_alone_and_in_a_batch() -> None:
    model = specclip.SpecClipPredRecon(SMALL).eval()
    lamost = spectra(5, 1462)
    with torch.inference_mode():
        together = model.embed(lamost, "lamost_lrs")
        torch.testing.assert_close(model.embed(lamost[2:3], "lamost_lrs"), together[2:3], atol=1e-6, rtol=1e-5)


def test_lamost_tokens_by_hand() -> None:
    model = specclip.LamostMaskedTransformer(SMALL_LAMOST)
    flux = spectra(2, 1462)
    tokens = model.tokens(flux)
    assert tokens.shape == (2, 146, 21)
    mean, std = flux.mean(1, keepdim=True), flux.std(1, keepdim=True)  # torch's std is the unbiased one
    values = (flux - mean) / std
    torch.testing.assert_close(tokens[:, 0, 0], torch.log10(std[:, 0]))
    assert not tokens[:, 0, 1:].any() and not tokens[:, 1:, 0].any()
    torch.testing.assert_close(tokens[:, 1, 1:], values[:, :20])
    torch.testing.assert_close(tokens[:, 145, 1:], values[:, 1440:1460])  # the slice from 1450 is dropped
    # Pixels 1460 and 1461 enter through mean and std alone: any change that keeps both keeps the tokens.
    swapped = flux.clone()
    swapped[:, [1460, 1461]] = flux[:, [1461, 1460]]
    torch.testing.assert_close(model.tokens(swapped), tokens)


def test_last_slice_is_dropped_even_when_it_is_whole() -> None:
    config = specclip.LamostEncoderConfig(embed_dim=16, n_layers=1, n_heads=2, n_pixels=100)
    assert config.n_slices == 8  # starts 0 ... 80 are nine whole slices
    assert specclip.LamostMaskedTransformer(config).tokens(spectra(1, 100)).shape == (1, 9, 21)


def test_xp_tokens_by_hand() -> None:
    config = specclip.XpEncoderConfig(embed_dim=16, n_layers=1, n_heads=2)
    flux = spectra(2, 343)
    tokens = specclip.XpMaskedTransformer(config).tokens(flux)
    assert tokens.shape == (2, 344, 3)
    torch.testing.assert_close(tokens[:, 0, 0], flux.mean(1))
    torch.testing.assert_close(tokens[:, 0, 1], flux.std(1))
    assert not tokens[:, 0, 2].any() and not tokens[:, 1:, :2].any()
    torch.testing.assert_close(tokens[:, 1:, 2] * flux.std(1, keepdim=True) + flux.mean(1, keepdim=True), flux)


@pytest.mark.parametrize(("scaling", "scale"), [("double", 1 / 8), ("single", 8**-0.5)])
def test_attention_by_hand(scaling: Any, scale: float) -> None:
    config = replace(SMALL_LAMOST, attention_scaling=scaling)
    attention = specclip.LamostMaskedTransformer(config).blocks[0].attention
    x = torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0)) * 3
    q, k, v = attention.qkv(x).chunk(3, dim=2)
    heads = []
    for i in (slice(0, 8), slice(8, 16)):
        weights = torch.softmax(q[..., i] @ k[..., i].transpose(1, 2) * scale, dim=2)
        heads.append(weights @ v[..., i])
    torch.testing.assert_close(attention(x), attention.out(torch.cat(heads, dim=2)), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("token_dim", [8, 12])
def test_query_pooling_is_torch_multihead_attention(token_dim: int) -> None:
    torch.manual_seed(0)
    pooling = QueryPooling(token_dim, 8, 2, 0.0)
    reference = torch.nn.MultiheadAttention(8, 2, kdim=token_dim, vdim=token_dim, batch_first=True)
    tokens = torch.randn(3, 11, token_dim)
    k, v = pooling.kv.weight.chunk(2)
    with torch.no_grad():
        reference.in_proj_bias.copy_(torch.cat((pooling.q.bias, pooling.kv.bias)))
        if token_dim == 8:
            reference.in_proj_weight.copy_(torch.cat((pooling.q.weight, pooling.kv.weight)))
        else:
            for name, value in (("q", pooling.q.weight), ("k", k), ("v", v)):
                getattr(reference, f"{name}_proj_weight").copy_(value)
        reference.out_proj.load_state_dict(pooling.out.state_dict())
        expected = pooling.norm(reference(pooling.query.expand(3, -1, -1), tokens, tokens)[0])
        torch.testing.assert_close(pooling(tokens), expected, atol=1e-6, rtol=1e-5)


def test_mask_starts_lie_in_their_windows() -> None:
    starts = sample_mask_starts(500, 146, 6, 10, torch.Generator().manual_seed(1))
    windows = torch.tensor([0, 24, 48, 73, 97, 121])
    offset = starts - windows
    assert starts.shape == (500, 6)
    assert offset.min() == 0 and offset.max() == 13  # floor(146 / 6) - 10 = 14 places
    with pytest.raises(ModelError, match="do not fit"):
        sample_mask_starts(1, 60, 6, 10)


def test_masking_hides_the_runs_and_the_loss_sees_only_them() -> None:
    tokens = torch.rand(2, 12, 4) + 0.5
    tokens[:, :, 0] = 0  # a padding column: masking changes nothing there
    masked = mask_tokens(tokens, torch.tensor([[0, 6], [2, 9]]), 3)
    hidden = [[0, 1, 2, 6, 7, 8], [2, 3, 4, 9, 10, 11]]
    for star, rows in enumerate(hidden):
        seen = [i for i in range(12) if i not in rows]
        assert not masked[star, rows].any()
        assert torch.equal(masked[star, seen], tokens[star, seen])
    assert tokens[:, :, 1:].all()  # the input is left alone
    output = tokens.clone()
    for star, rows in enumerate(hidden):
        output[star, rows, 1:] += 0.3
        output[star, [i for i in range(12) if i not in rows]] += 100  # errors elsewhere do not count
        output[star, rows, 0] += 100  # nor does the padding column
    assert masked_loss(output, masked, tokens).item() == pytest.approx(0.09, rel=1e-4)


def test_pretraining_learns() -> None:
    torch.manual_seed(0)
    config = specclip.LamostEncoderConfig(
        embed_dim=16, n_layers=1, n_heads=2, n_pixels=220, mask_runs=2, mask_width=4, attention_scaling="single"
    )
    model = specclip.LamostMaskedTransformer(config)
    phase = torch.linspace(0, 12, 220)
    flux = torch.stack([torch.sin(phase + shift) for shift in torch.linspace(0, 3, 8)])
    starts = model.mask_starts(8, torch.Generator().manual_seed(0))
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = model.masked_loss(flux, starts)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_contrastive_loss_by_hand() -> None:
    xp = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    lamost = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    per_xp, per_lamost = specclip.contrastive_logits(xp, lamost, 15.5)
    torch.testing.assert_close(per_xp, 15.5 * torch.eye(2))
    assert torch.equal(per_lamost, per_xp.T)
    expected = -F.log_softmax(torch.tensor([15.5, 0.0]), dim=0)[0]
    torch.testing.assert_close(specclip.contrastive_loss(xp, lamost, 15.5), expected)
    worse = specclip.contrastive_loss(xp, lamost.flip(0), 15.5)
    assert worse.item() == pytest.approx(15.5, rel=1e-4)


@pytest.mark.parametrize(
    ("shape", "survey"),
    [((1462,), "lamost_lrs"), ((2, 1461), "lamost_lrs"), ((2, 1462, 2), "lamost_lrs"), ((2, 1462), "gaia_xp")],
)
def test_wrong_shapes_are_named(shape: tuple[int, ...], survey: str) -> None:
    model = specclip.SpecClipBase(SMALL)
    with pytest.raises(ModelError, match="do not fit this network") as caught:
        model.embed(torch.zeros(shape), survey)
    assert str(shape) in str(caught.value) and "batch" in str(caught.value)


def test_unknown_survey_is_named() -> None:
    with pytest.raises(ModelError, match=r"no survey 'sdss'.*lamost_lrs, gaia_xp"):
        specclip.SpecClipBase(SMALL).embed(torch.zeros(1, 1462), "sdss")


def test_released_configurations() -> None:
    lamost, xp = specclip.LamostEncoderConfig(), specclip.XpEncoderConfig()
    assert (lamost.n_tokens, lamost.token_dim, lamost.head_dim, lamost.attention_scale) == (146, 21, 128, 1 / 128)
    assert (xp.n_tokens, xp.token_dim, xp.attention_scale) == (344, 3, 1 / 128)
    clip, split = specclip.ClipConfig(), specclip.SplitConfig()
    assert clip.xp_widths == (3072, 1536, 768) and clip.lamost_widths == (3072, 3072, 3072)
    assert split.xp_widths == (2048, 1024, 512) and split.lamost_widths == (2048, 2048, 2048)
    assert clip.temperature == split.temperature == 15.5
    with pytest.raises(FrozenInstanceError):
        lamost.embed_dim = 8  # type: ignore[misc]
    assert specclip.LamostEncoderConfig.from_official({}) == lamost
    assert specclip.SplitConfig.from_official({}).decoder_input == 512


def test_small_configuration_with_other_slices() -> None:
    config = specclip.LamostEncoderConfig(embed_dim=96, n_layers=3, n_heads=4, slice_length=40, slice_overlap=20)
    model = specclip.LamostMaskedTransformer(config).eval()
    assert config.n_tokens == 73
    assert model.embedding(spectra(1, 1462)).shape == (1, 73, 96)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: specclip.LamostEncoderConfig(embed_dim=10, n_heads=4), "heads"),
        (lambda: specclip.LamostEncoderConfig(slice_length=4, slice_overlap=2), "positions"),
        (lambda: specclip.LamostEncoderConfig(slice_overlap=20), "overlap"),
        (lambda: specclip.LamostEncoderConfig(attention_scaling="triple"), "attention scaling"),  # type: ignore[arg-type]
        (lambda: specclip.SplitConfig(shared_dim=500), "embed_dim"),
        (lambda: specclip.ClipConfig(n_heads=5), "do not divide"),
        (lambda: specclip.LamostEncoderConfig.from_official({"input_dim": 12}), "input_dim is 12"),
        (lambda: specclip.LamostEncoderConfig.from_official({"num_layers": "six"}), "num_layers is 'six'"),
        (lambda: specclip.XpEncoderConfig.from_official({"include_stats": False}), "include_stats is False"),
        (lambda: specclip.ClipConfig.from_official({"temperature": None}), "temperature is None"),
        (lambda: specclip.ClipConfig.from_official({"backbone_gaia": 3}), "backbone_gaia is 3"),
        (lambda: specclip.SplitConfig.from_official({"gaia_cross_decoder": "tall"}), "'tall'"),
        (lambda: specclip.LabelHeadConfig.from_official({"hidden_dims": (3, "x")}), "hidden_dims"),
    ],
)
def test_impossible_configurations_are_refused(make: Any, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        make()


def test_importing_specclip_does_not_import_torch() -> None:
    code = (
        "import sys, specviz.models.specclip as s, specviz.models.device, specviz.models.checkpoint_reader;"
        "s.LamostEncoderConfig(); assert 'torch' not in sys.modules;"
        "s.LabelHead; assert 'torch' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert set(specclip.__all__) <= set(dir(specclip))
    assert all(getattr(specclip, name) is not None for name in specclip.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = specclip.Nothing
    assert issubclass(CheckpointError, SpecvizError)
