"""Contrastive models of LAMOST LRS and Gaia XP: base, predict + reconstruct, split.

``survey`` is "lamost_lrs" or "gaia_xp" everywhere. Spectra are float32 (B, L) or (B, L, 1): continuum-normalised flux
on the 1,462-pixel LAMOST grid, flux / flux(550 nm) at the 343 XP wavelengths. Embeddings are not normalised, and a
batch of one keeps its batch axis (the official code squeezes it away).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from specviz.errors import ModelError
from specviz.models.specclip.config import ClipConfig, SplitConfig
from specviz.models.specclip.decoders import SharedPrivateDecoder, SpectrumDecoder
from specviz.models.specclip.heads import FeatureHead, MeanHead, QueryHead, SplitHead
from specviz.models.specclip.masked_transformer import LamostMaskedTransformer
from specviz.models.specclip.tokens import as_batch, standardise
from specviz.models.specclip.xp_autoencoder import XpAutoEncoder

#: The surveys these models know.
CLIP_SURVEYS = ("lamost_lrs", "gaia_xp")


def contrastive_logits(xp: Tensor, lamost: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Logits per XP (B, B) and per LAMOST spectrum (its transpose).

    ``temperature`` multiplies the cosine similarity; it is fixed at 15.5 in the released models, neither learned nor
    exponentiated. The norm is bounded below by 1e-3 as in the official loss.
    """
    logits = temperature * F.normalize(xp, dim=1, eps=1e-3) @ F.normalize(lamost, dim=1, eps=1e-3).T
    return logits, logits.T


def contrastive_loss(xp: Tensor, lamost: Tensor, temperature: float) -> Tensor:
    """Symmetric cross-entropy (scalar): row i of ``xp`` (B, D) and row i of ``lamost`` (B, D) are the same star."""
    per_xp, per_lamost = contrastive_logits(xp, lamost, temperature)
    pairs = torch.arange(per_xp.shape[0], device=per_xp.device)
    return (F.cross_entropy(per_xp, pairs) + F.cross_entropy(per_lamost, pairs)) / 2


def cosine_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarity (N, M) of every row of ``a`` (N, D) with every row of ``b`` (M, D), as retrieval uses it."""
    return F.normalize(a, dim=1, eps=1e-12) @ F.normalize(b, dim=1, eps=1e-12).T


class _ClipModel(nn.Module):
    """Backbones and survey dispatch that the three models share."""

    lamost_head: nn.Module
    xp_head: nn.Module

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = config
        self.lamost = LamostMaskedTransformer(config.lamost)
        self.xp = XpAutoEncoder(config.xp)

    def backbone(self, spectra: Tensor, survey: str) -> Tensor:
        """What the head reads: token embeddings (B, T, E) for LAMOST, the latent vector (B, latent_dim) for XP."""
        if _is_lamost(survey):
            return self.lamost.embedding(spectra)
        return self.xp.latent(spectra)

    def embed(self, spectra: Tensor, survey: str) -> Tensor:
        """Embedding (B, embed_dim): the one encoding of a star from which everything else follows."""
        return (self.lamost_head if _is_lamost(survey) else self.xp_head)(self.backbone(spectra, survey))

    def common_part(self, embedding: Tensor) -> Tensor:
        """The part of an embedding in which the two surveys are compared, and from which one predicts the other."""
        return embedding

    def common(self, spectra: Tensor, survey: str) -> Tensor:
        """:meth:`common_part` of the embedding of spectra."""
        return self.common_part(self.embed(spectra, survey))

    def logits(self, xp: Tensor, lamost: Tensor) -> tuple[Tensor, Tensor]:
        """Contrastive logits (B, B) per XP and per LAMOST spectrum, of embeddings in the common space."""
        return contrastive_logits(xp, lamost, self.config.temperature)

    def clip_loss(self, xp: Tensor, lamost: Tensor) -> Tensor:
        """Contrastive loss (scalar) of embeddings in the common space, row i being the same star in both."""
        return contrastive_loss(xp, lamost, self.config.temperature)

    def forward(self, spectra: Tensor, survey: str) -> Tensor:
        """Same as :meth:`embed`."""
        return self.embed(spectra, survey)


class _DecodingModel(_ClipModel):
    """What the two models with decoders share.

    The XP decoders and the LAMOST cross decoder give flux in the unit of the input; the LAMOST reconstruction is
    standardised.
    """

    xp_decoder: nn.Module
    lamost_decoder: nn.Module
    xp_cross_decoder: nn.Module
    lamost_cross_decoder: nn.Module

    def reconstruct(self, embedding: Tensor, survey: str) -> Tensor:
        """Spectrum (B, L) of the embedded survey: XP flux, or LAMOST flux standardised by its own mean and std."""
        return (self.lamost_decoder if _is_lamost(survey) else self.xp_decoder)(embedding)

    def destandardise_lamost(self, standardised: Tensor, spectra: Tensor) -> Tensor:
        """Flux (B, L) of a LAMOST reconstruction: times the std plus the mean of the input ``spectra``."""
        _, mean, std = standardise(as_batch(spectra, self.config.lamost.n_pixels))
        return standardised * std + mean

    def reconstruct_flux(self, spectra: Tensor, survey: str) -> Tensor:
        """Reconstructed flux (B, L) of spectra, in the unit of the input."""
        output = self.reconstruct(self.embed(spectra, survey), survey)
        return self.destandardise_lamost(output, spectra) if _is_lamost(survey) else output

    def cross_predict(self, common: Tensor, to: str) -> Tensor:
        """Flux (B, L) of survey ``to`` from the :meth:`common_part` of the other survey's embedding."""
        return (self.lamost_cross_decoder if _is_lamost(to) else self.xp_cross_decoder)(common)

    def losses(self, xp_spectra: Tensor, lamost_spectra: Tensor) -> dict[str, Tensor]:
        """Training losses (scalars) of paired spectra: "clip", "reconstruct", "cross" and their weighted sum "total".

        Reconstruction and cross prediction are mean absolute errors, summed over the surveys. Targets: XP flux as
        given; the LAMOST reconstruction meets the standardised spectrum, the LAMOST cross prediction the flux as
        given.
        """
        xp, lamost = self.embed(xp_spectra, "gaia_xp"), self.embed(lamost_spectra, "lamost_lrs")
        xp_common, lamost_common = self.common_part(xp), self.common_part(lamost)
        xp_flux = as_batch(xp_spectra, self.config.xp.n_pixels)
        lamost_flux = as_batch(lamost_spectra, self.config.lamost.n_pixels)
        clip = self.clip_loss(xp_common, lamost_common)
        reconstruct = F.l1_loss(self.reconstruct(xp, "gaia_xp"), xp_flux)
        reconstruct = reconstruct + F.l1_loss(self.reconstruct(lamost, "lamost_lrs"), standardise(lamost_flux)[0])
        cross = F.l1_loss(self.cross_predict(lamost_common, "gaia_xp"), xp_flux)
        cross = cross + F.l1_loss(self.cross_predict(xp_common, "lamost_lrs"), lamost_flux)
        total = clip + self.config.reconstruction_weight * reconstruct + self.config.cross_weight * cross
        return {"clip": clip, "reconstruct": reconstruct, "cross": cross, "total": total}


class SpecClipBase(_ClipModel):
    """Contrastive model only (official ``SpecClipModel_mlp``)."""

    def __init__(self, config: ClipConfig | None = None) -> None:
        c = config or ClipConfig()
        super().__init__(c)
        self.lamost_head: QueryHead | MeanHead
        if c.lamost_pooling == "query":
            self.lamost_head = QueryHead(c.lamost.embed_dim, c.embed_dim, c.n_heads, c.dropout)
        else:
            self.lamost_head = MeanHead(c.lamost.embed_dim, c.embed_dim, c.feature_hidden, c.dropout)
        self.xp_head = FeatureHead(c.xp.latent_dim, c.embed_dim, c.feature_hidden, c.dropout)

    def cross_attention(self, spectra: Tensor) -> Tensor:
        """Output (B, 1, embed_dim) of the learned query over the LAMOST tokens, before the head's residual MLP."""
        if not isinstance(self.lamost_head, QueryHead):
            raise ModelError("This model pools LAMOST tokens by their mean", expected="lamost_pooling 'query'")
        return self.lamost_head.pooling(self.backbone(spectra, "lamost_lrs"))


class SpecClipPredRecon(SpecClipBase, _DecodingModel):
    """Contrast, reconstruction and cross prediction (official ``SpecClipModel_reconstruct_embed768_mlp``)."""

    def __init__(self, config: ClipConfig | None = None) -> None:
        super().__init__(config)
        c = self.config
        self.xp_decoder = SpectrumDecoder(c.embed_dim, c.xp_widths, c.xp.n_pixels, c.dropout)
        self.lamost_decoder = SpectrumDecoder(c.embed_dim, c.lamost_widths, c.lamost.n_pixels, c.dropout)
        self.xp_cross_decoder = SpectrumDecoder(c.embed_dim, c.xp_widths, c.xp.n_pixels, c.dropout)
        self.lamost_cross_decoder = SpectrumDecoder(c.embed_dim, c.lamost_widths, c.lamost.n_pixels, c.dropout)


class SpecClipSplit(_DecodingModel):
    """Shared and private embeddings (official ``SpecClipModel_reconstruct_split_5122562_mlp_recordloss``).

    The embedding is [shared, private]. Contrast, retrieval and cross prediction use the shared part alone;
    reconstruction and labels use both.
    """

    config: SplitConfig

    def __init__(self, config: SplitConfig | None = None) -> None:
        c = config or SplitConfig()
        super().__init__(c)
        e, d = c.lamost.embed_dim, c.dropout
        self.lamost_head: SplitHead = SplitHead(
            QueryHead(e, c.shared_dim, c.n_heads, d), QueryHead(e, c.private_dim, c.private_heads, d)
        )
        self.xp_head: SplitHead = SplitHead(
            FeatureHead(c.xp.latent_dim, c.shared_dim, c.feature_hidden, d),
            FeatureHead(c.xp.latent_dim, c.private_dim, c.feature_hidden, d),
        )
        self.xp_decoder = SharedPrivateDecoder(c.shared_dim, c.private_dim, c.xp.n_pixels)
        self.lamost_decoder = SharedPrivateDecoder(c.shared_dim, c.private_dim, c.lamost.n_pixels)
        self.xp_cross_decoder = SpectrumDecoder(c.shared_dim, c.xp_widths, c.xp.n_pixels, d)
        self.lamost_cross_decoder = SpectrumDecoder(c.shared_dim, c.lamost_widths, c.lamost.n_pixels, d)

    def shared(self, spectra: Tensor, survey: str) -> Tensor:
        """Shared vector (B, shared_dim) of spectra."""
        return self.common(spectra, survey)

    def private(self, spectra: Tensor, survey: str) -> Tensor:
        """Private vector (B, private_dim) of spectra."""
        return self.embed(spectra, survey)[:, self.config.shared_dim :]

    def common_part(self, embedding: Tensor) -> Tensor:
        """The shared part (B, shared_dim) of an embedding (B, shared_dim + private_dim)."""
        return embedding[:, : self.config.shared_dim]


def _is_lamost(survey: str) -> bool:
    if survey not in CLIP_SURVEYS:
        raise ModelError(f"SpecCLIP knows no survey {survey!r}", expected="one of " + ", ".join(CLIP_SURVEYS))
    return survey == "lamost_lrs"
