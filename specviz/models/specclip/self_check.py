"""Numbers that a network gives for fixed inputs: kept when it is converted, asked for again when it is verified."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from specviz.models.specclip.clip import CLIP_SURVEYS, SpecClipPredRecon, SpecClipSplit
from specviz.models.specclip.label_head import LabelHead


def fixed_spectra(survey: str, n_pixels: int) -> Tensor:
    """Two smooth made-up spectra (2, L): a continuum with lines for LAMOST, two bumps for XP. The same everywhere."""
    x = torch.linspace(0.0, 1.0, n_pixels, dtype=torch.float64)
    if survey == "lamost_lrs":
        centres = torch.tensor([0.1, 0.22, 0.55, 0.74, 0.9], dtype=torch.float64).unsqueeze(1)
        lines = 0.4 * torch.exp(-(((x - centres) / 0.004) ** 2)).sum(dim=0)
        rows = (1 - lines, 1 - 0.5 * lines + 0.02 * torch.sin(40 * math.pi * x))
    else:
        rows = (0.5 + 1.5 * torch.exp(-(((x - 0.4) / 0.3) ** 2)), 0.2 + 2.0 * x - 0.3 * torch.cos(9 * x))
    return torch.stack(rows).to(torch.float32)


@torch.inference_mode()
def network_numbers(network: SpecClipPredRecon | SpecClipSplit, kind: str) -> dict[str, list[float]]:
    """Eight numbers of the embedding and of each prediction of the other survey's spectrum, by what they are."""
    found = {}
    sizes = {"lamost_lrs": network.config.lamost.n_pixels, "gaia_xp": network.config.xp.n_pixels}
    for survey in CLIP_SURVEYS:
        other = "gaia_xp" if survey == "lamost_lrs" else "lamost_lrs"
        embedding = network.embed(fixed_spectra(survey, sizes[survey]), survey)
        found[f"{kind}/{survey}/embedding"] = _eight(embedding)
        found[f"{kind}/{survey}/to/{other}"] = _eight(network.cross_predict(network.common_part(embedding), other))
        found[f"{kind}/{survey}/rebuilt"] = _eight(network.reconstruct(embedding, survey))
    return found


@torch.inference_mode()
def head_numbers(head: LabelHead, mean: Tensor, std: Tensor, name: str) -> dict[str, list[float]]:
    """The label of two fixed embeddings."""
    angle = torch.arange(2 * head.config.input_dim, dtype=torch.float64).view(2, -1)
    embedding = torch.sin(1.7 * angle).to(torch.float32)
    return {f"label/{name}": head.predict(embedding, mean, std).flatten().tolist()}


def _eight(output: Tensor) -> list[float]:
    """Norm of each row, and three values of each."""
    picks = [0, output.shape[1] // 3, output.shape[1] - 1]
    return [*output.norm(dim=1).tolist(), *output[:, picks].flatten().tolist()]
