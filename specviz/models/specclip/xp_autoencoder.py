"""Gaia XP ordinary auto-encoder, the XP backbone of the contrastive models."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from specviz.models.specclip.config import XpAutoEncoderConfig
from specviz.models.specclip.tokens import as_batch, standardise


class FeedForwardBlock(nn.Module):
    """``contract(GELU(expand(norm(x))))`` on (B, H), without residual."""

    def __init__(self, dim: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.expand = nn.Linear(dim, expansion * dim)
        self.contract = nn.Linear(expansion * dim, dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.contract(self.dropout(F.gelu(self.expand(self.norm(x))))))


class XpAutoEncoder(nn.Module):
    """Official ``SpectralMLPAutoencoder_xp`` (specification section 1.4).

    Input: flux / flux(550 nm), (B, 343) or (B, 343, 1). Mean, std and the standardised pixels (B, 345) go through a
    bottleneck.
    """

    def __init__(self, config: XpAutoEncoderConfig | None = None) -> None:
        super().__init__()
        c = self.config = config or XpAutoEncoderConfig()
        self.input = nn.Linear(c.input_dim, c.hidden_dim)
        self.encoder = nn.ModuleList(
            FeedForwardBlock(c.hidden_dim, c.expansion, c.dropout) for _ in range(c.n_encoder_blocks)
        )
        self.bottleneck_down = nn.Linear(c.hidden_dim, c.latent_dim)
        self.bottleneck_norm = nn.LayerNorm(c.latent_dim)
        self.bottleneck_up = nn.Linear(c.latent_dim, c.hidden_dim)
        self.decoder = nn.ModuleList(
            FeedForwardBlock(c.hidden_dim, c.expansion, c.dropout) for _ in range(c.n_decoder_blocks)
        )
        self.output = nn.Linear(c.hidden_dim, c.input_dim)

    def preprocess(self, spectra: Tensor) -> Tensor:
        """(B, L) -> (B, L + 2): mean, std, standardised pixels."""
        values, mean, std = standardise(as_batch(spectra, self.config.n_pixels))
        return torch.cat((mean, std, values), dim=1)

    def latent(self, spectra: Tensor) -> Tensor:
        """Latent vector (B, latent_dim) of spectra."""
        return self.encode(self.preprocess(spectra))

    def encode(self, preprocessed: Tensor) -> Tensor:
        """Latent vector (B, latent_dim) of preprocessed spectra (B, L + 2)."""
        x = self.input(preprocessed)
        for block in self.encoder:
            x = block(x)
        return self.bottleneck_norm(self.bottleneck_down(x))

    def decode(self, latent: Tensor) -> Tensor:
        """(B, latent_dim) -> (B, L + 2): mean, std, standardised pixels, as the network believes them."""
        x = self.bottleneck_up(latent)
        for block in self.decoder:
            x = block(x)
        return self.output(x)

    def reconstruction(self, spectra: Tensor) -> Tensor:
        """Reconstructed mean, std and standardised pixels (B, L + 2)."""
        return self.decode(self.latent(spectra))

    def reconstructed_flux(self, spectra: Tensor, statistics: Literal["true", "predicted"] = "true") -> Tensor:
        """Reconstructed flux (B, L) in the unit of the input, with the mean and std of the input or as predicted."""
        preprocessed = self.preprocess(spectra)
        output = self.decode(self.encode(preprocessed))
        source = preprocessed if statistics == "true" else output
        return output[:, 2:] * source[:, 1:2] + source[:, :1]

    def loss(self, spectra: Tensor) -> Tensor:
        """Training loss (scalar): mean squared error over mean, std and pixels alike."""
        preprocessed = self.preprocess(spectra)
        return F.mse_loss(self.decode(self.encode(preprocessed)), preprocessed)

    def forward(self, spectra: Tensor) -> dict[str, Tensor]:
        """``{"latent": (B, latent_dim), "reconstructions": (B, L + 2)}``, as the official forward gives them."""
        latent = self.latent(spectra)
        return {"latent": latent, "reconstructions": self.decode(latent)}
