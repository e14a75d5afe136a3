"""Attention equals what the networks use (goldens), and integrated gradients add up and point at lines (real stars)."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from specviz.errors import ModelError
from specviz.models import registry
from specviz.models.protocol import Prepared
from specviz.models.specclip import from_official
from specviz.models.specclip.attribution import (
    COMPLETENESS,
    Target,
    attribute,
    head_attention,
    integrated_gradients,
    over_pixels,
)
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.spectra.spectrum import Spectrum
from specviz.training.plates import TEST, split_plates


def _golden(shared: Path, name: str, kind: str) -> tuple[Any, Any]:
    file = torch.load(shared / "golden" / "specclip" / f"{name}_tiny.pt", weights_only=True)
    return from_official(kind, file["config"], file["state_dict"], file.get("state_dict_lowrank")), file


@pytest.fixture(scope="module")
def small() -> Any:
    return registry.load_model("specclip-small", device="cpu")


@pytest.fixture(scope="module")
def sunlike(shared: Path, small: Any) -> list[Spectrum]:
    """Two real sun-like dwarfs of held-out plates."""
    with np.load(shared / "data" / "lamost_dr10_afg_train.npz") as f:
        held_out = split_plates(f["planid"], f["ra"], f["dec"]) == TEST
        rows = np.flatnonzero(held_out & (f["snrg"] > 80) & (np.abs(f["teff"] - 5800) < 250) & (f["logg"] > 4.1))[:2]
        return [Spectrum(f["wave_vac"], f["flux"][i], f["ivar"][i], survey="lamost_lrs") for i in rows]


# ---------------------------------------------------------------------------------------------- attention
def test_the_block_attention_is_the_one_of_the_official_network(shared: Path) -> None:
    """Rebuilt from the weights, the attention output of block 0 is the golden one: double scaling included."""
    net, file = _golden(shared, "lrs_encoder", "lrs_encoder")
    spectra = _lamost(file)
    with torch.no_grad():
        block, x = net.blocks[0], net.embed_tokens(net.tokens(spectra))
        normed = block.norm1(x)
        weights = block.attention.weights(normed)
        rebuilt = block.attention.mixed(normed, weights)
    golden = file["outputs"]["block0_attention"]
    assert torch.allclose(weights.sum(dim=3), torch.ones(()), atol=1e-5)
    assert float((rebuilt - golden).abs().max()) < 2e-5
    with torch.no_grad():  # the official "return weights" branch scales once: another attention than the one in use
        q, k, _ = block.attention._projected(normed)
        once = torch.softmax(q @ k.transpose(2, 3) * q.shape[-1] ** -0.5, dim=3)
        assert float((block.attention.mixed(normed, once) - golden).abs().max()) > 0.1
    assert torch.equal(net.attention_weights(net.tokens(spectra))[0], weights)


@pytest.mark.parametrize(("name", "kind"), [("specclip_base", "base"), ("specclip_predrecon", "predrecon")])
def test_the_head_is_rebuilt_from_its_attention(shared: Path, name: str, kind: str) -> None:
    net, file = _golden(shared, name, kind)
    with torch.no_grad():
        tokens = net.backbone(_lamost(file), "lamost_lrs")
        weights = head_attention(net.lamost_head, tokens)
        assert weights is not None
        rebuilt = net.lamost_head.mlp(net.lamost_head.pooling.pooled(tokens, weights)).squeeze(1)
        assert float((rebuilt - net.lamost_head(tokens)).abs().max()) < 1e-5
        assert float((rebuilt - file["outputs"]["lamost_embedding"]).abs().max()) < 2e-5


def test_both_halves_of_a_split_head_are_rebuilt(shared: Path) -> None:
    net, file = _golden(shared, "specclip_split", "split")
    with torch.no_grad():
        tokens = net.backbone(_lamost(file), "lamost_lrs")
        weights = head_attention(net.lamost_head, tokens)
        assert weights is not None
        parts, first = [], 0
        for half in (net.lamost_head.shared, net.lamost_head.private):
            own = weights[:, first : first + half.pooling.n_heads]
            parts.append(half.mlp(half.pooling.pooled(tokens, own)).squeeze(1))
            first += half.pooling.n_heads
    assert first == weights.shape[1] == 6
    assert float((torch.cat(parts, dim=1) - file["outputs"]["lamost_concat"]).abs().max()) < 2e-5


def _lamost(file: Any) -> Tensor:
    return next(v for v in file["inputs"].values() if v.ndim == 3 and v.shape[1] == SPECCLIP_WAVELENGTH.size)


def test_attention_over_pixels_is_shared_out_whole(shared: Path) -> None:
    net, _ = _golden(shared, "specclip_base", "base")
    weights = np.random.default_rng(0).dirichlet(np.ones(146))
    pixels, elsewhere = over_pixels(weights, net.config.lamost)
    assert pixels.shape == (1462,) and elsewhere == weights[0]
    assert pixels.sum() + elsewhere == pytest.approx(1.0, abs=1e-12)
    assert (pixels[1460:] == 0).all()  # the released network does not read them


# ---------------------------------------------------------------------------------------------- gradients
def _target(net: Any, survey: str, label: str = "fe_h") -> Target:
    lamost = survey == "lamost_lrs"
    generator = torch.Generator().manual_seed(3)
    weights = torch.randn(net.config.embed_dim, generator=generator)
    return Target(
        label, survey, net.lamost if lamost else net.xp, net.lamost_head if lamost else net.xp_head,
        lambda embedding: torch.tanh(embedding @ weights / 4) + 0.1 * embedding[:, 0] ** 2,
    )  # fmt: skip


@pytest.mark.parametrize("kind", ["predrecon", "split"])
@pytest.mark.parametrize("survey", ["lamost_lrs", "gaia_xp"])
def test_the_contributions_add_up_on_official_modules(shared: Path, kind: str, survey: str) -> None:
    net, file = _golden(shared, f"specclip_{kind}", kind)
    n = SPECCLIP_WAVELENGTH.size if survey == "lamost_lrs" else XP_WAVELENGTH_NM.size
    spectra = next(v for v in file["inputs"].values() if v.ndim == 3 and v.shape[1] == n)[:2, :, 0]
    grid = SPECCLIP_WAVELENGTH if survey == "lamost_lrs" else XP_WAVELENGTH_NM
    target = _target(net, survey)
    prepared = [Prepared(survey, grid, row.numpy(), np.ones(n, np.float32), 2.0) for row in spectra]
    for row, result in zip(spectra, attribute(target, prepared), strict=True):
        head = net.lamost_head if survey == "lamost_lrs" else net.xp_head
        with torch.no_grad():
            value = float(target.value(head(net.backbone(row[None], survey))))
        assert result.value == pytest.approx(value, abs=1e-5)  # holding the statistics does not change the star
        assert result.completeness <= COMPLETENESS
        assert result.contribution.sum() == pytest.approx(value - result.baseline_value, rel=0.02, abs=0.02)
        assert (result.attention is None) == (survey == "gaia_xp")
        if survey == "lamost_lrs":
            assert (result.contribution[1460:] == 0).all()


def test_a_linear_network_is_taken_apart_exactly() -> None:
    """With label = weights . standardised spectrum the contribution of a pixel is known."""

    class Linear(Target):
        def of_standardised(self, values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
            return (values * weights).sum(dim=1) + 5.0

    rng = np.random.default_rng(1)
    weights = torch.from_numpy(rng.normal(size=40).astype(np.float32))
    spectrum = torch.from_numpy((1 + 0.1 * rng.normal(size=(1, 40))).astype(np.float32))
    target = Linear("teff", "lamost_lrs", torch.nn.Identity(), torch.nn.Identity(), lambda x: x)  # type: ignore[arg-type]
    pixels, value, base, gap, _ = integrated_gradients(target, spectrum)
    expected = ((spectrum[0] - 1) / spectrum.std() * weights).double().numpy()
    assert np.allclose(pixels, expected, atol=1e-5) and gap < 1e-4
    assert value - base == pytest.approx(expected.sum(), abs=1e-4)


def test_a_network_that_cannot_be_integrated_is_said(small: Any) -> None:
    class Step(Target):
        def of_standardised(self, values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
            return (values.sum(dim=1) > 0.3).float() + 0 * values.sum(dim=1)

    flat = Prepared("lamost_lrs", np.arange(40.0), np.linspace(0, 1, 40, dtype=np.float32), np.ones(40, np.float32), 1)
    target = Step("teff", "lamost_lrs", torch.nn.Identity(), torch.nn.Linear(1, 1), lambda x: x)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="do not add up"):
        attribute(target, [flat])


def test_the_centre_of_the_flow_is_near_the_posterior(small: Any, sunlike: list[Spectrum]) -> None:
    encoding = small.embed([small.prepare(s) for s in sunlike])
    posteriors = small.posterior(encoding, samples=2000)
    for label in ("teff", "fe_h", "mg_fe"):
        for posterior, result in zip(posteriors, small.attribute(encoding, label), strict=True):
            median, low, high = posterior.summary()[label]
            assert abs(result.value - median) < 0.35 * (high - low), label


def test_real_stars_point_at_the_lines_that_say_it(small: Any, sunlike: list[Spectrum]) -> None:
    """Teff of a sun-like dwarf comes from Balmer lines, logg and [Mg/Fe] from Mg b: of what the model really shows,
    the part that holds for every one of these stars.
    """
    encoding = small.embed([small.prepare(s) for s in sunlike])
    for label, wanted in (("teff", {"Hβ", "Hγ", "Hδ"}), ("logg", {"Mg b"}), ("mg_fe", {"Mg b"})):
        for result in small.attribute(encoding, label):
            assert result.completeness <= COMPLETENESS
            leading = {name for share in result.lines()[:3] for name in share.name.split(", ")}
            assert leading & wanted, (label, result)
            inside = sum(
                int(((result.wavelength >= s.low) & (result.wavelength <= s.high)).sum()) for s in result.lines()
            )
            weight = sum(share.weight for share in result.lines())
            assert weight > 1.3 * inside / result.wavelength.size  # lines weigh more than their share of the pixels


def test_attribution_says_what_it_is(small: Any, sunlike: list[Spectrum]) -> None:
    encoding = small.embed([small.prepare(sunlike[0])])
    (result,) = small.attribute(encoding, "fe_h")
    table = result.to_table()
    assert table.meta["label"] == "fe_h" and len(table) == result.wavelength.size and "attention" in table.colnames
    assert result.attention is not None and result.rollout is not None
    assert result.attention.sum() + result.attention_elsewhere == pytest.approx(1.0, abs=1e-6)
    assert "fe_h" in repr(result) and "without its lines" in repr(result)
    stretches = result.stretches(5)
    assert len(stretches) == 5 and [s.weight for s in stretches] == sorted((s.weight for s in stretches), reverse=True)
    bounds = sorted((s.low, s.high) for s in stretches)
    assert all(a[1] <= b[0] for a, b in pairwise(bounds))
    with pytest.raises(ModelError, match="gives no 'nothing'"):
        small.attribute(encoding, "nothing")
