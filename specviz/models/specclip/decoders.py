"""Decoders from embedding vectors back to spectra."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DecoderStage(nn.Module):
    """Linear, GELU, batch norm, dropout (in this order): (B, input_dim) -> (B, dim)."""

    def __init__(self, input_dim: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, dim)
        self.norm = nn.BatchNorm1d(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.norm(F.gelu(self.linear(x))))


class SpectrumDecoder(nn.Module):
    """Stages of given widths, then one linear layer to the pixels: (B, input_dim) -> (B, n_pixels)."""

    def __init__(self, input_dim: int, widths: Sequence[int], n_pixels: int, dropout: float) -> None:
        super().__init__()
        sizes = (input_dim, *widths)
        self.stages = nn.ModuleList(DecoderStage(a, b, dropout) for a, b in zip(sizes, widths, strict=False))
        self.output = nn.Linear(sizes[-1], n_pixels)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return self.output(x)


class SharedPrivateDecoder(nn.Module):
    """Reconstruction from [shared, private], each projected to the pixels, joined, and mixed.

    (B, shared_dim + private_dim) -> (B, n_pixels).
    """

    def __init__(self, shared_dim: int, private_dim: int, n_pixels: int) -> None:
        super().__init__()
        self.shared = nn.Linear(shared_dim, n_pixels)
        self.private = nn.Linear(private_dim, n_pixels)
        self.mix = nn.Linear(2 * n_pixels, 2 * n_pixels)
        self.output = nn.Linear(2 * n_pixels, n_pixels)

    def forward(self, embedding: Tensor) -> Tensor:
        shared, private = embedding.split((self.shared.in_features, self.private.in_features), dim=1)
        joined = torch.cat((self.shared(shared), self.private(private)), dim=1)
        return self.output(F.gelu(self.mix(joined)))
