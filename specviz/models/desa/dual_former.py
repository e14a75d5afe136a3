"""The DualFormer: two streams of features that attend to themselves and each other, and the matrix A that aligns them.

Every feature of an encoder is a token: a number, put into W dimensions by one linear layer that all share.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specviz.models.desa.config import DesaConfig, DualFormerConfig
from specviz.models.desa.modules import LightCurveEncoder, Projector, SpectrumEncoder, rotated, split_heads


class Aligned(NamedTuple):
    """Both embeddings of a star (B, D), and their projections: ``A e1`` and ``A^T e2`` (or ``A e2``)."""

    spectrum: Tensor
    light_curve: Tensor
    spectrum_projected: Tensor
    light_curve_projected: Tensor


class DualFeedForward(nn.Module):
    """Wider, GELU, layer norm, back; a set of weights a stream."""

    def __init__(self, width: int, dense: int) -> None:
        super().__init__()
        self.wide, self.norm, self.narrow = nn.Linear(width, dense), nn.LayerNorm(dense), nn.Linear(dense, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(self.norm(F.gelu(self.wide(x))))


class DualLayer(nn.Module):
    """One layer of both streams, pre-norm: attention, then feed-forward."""

    def __init__(self, config: DualFormerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.kind = config.heads, config.attention

        def pair(make: type[nn.Module], *sizes: int) -> nn.ModuleList:
            return nn.ModuleList(make(*sizes) for _ in range(2))

        self.norm_attention, self.norm_dense = pair(nn.LayerNorm, width), pair(nn.LayerNorm, width)
        self.query, self.key, self.value, self.output = (pair(nn.Linear, width, width) for _ in range(4))
        self.dense = pair(DualFeedForward, width, config.dense)

    def forward(self, streams: list[Tensor], masks: list[Tensor] | None) -> list[Tensor]:
        """Two streams (B, T_i, W); ``masks`` (B, T_i) say which tokens are attended to."""
        normed = [norm(x) for norm, x in zip(self.norm_attention, streams, strict=True)]
        q, k, v = (
            [split_heads(layer(x), self.heads) for layer, x in zip(layers, normed, strict=True)]
            for layers in (self.query, self.key, self.value)
        )
        q, k = [rotated(x) for x in q], [rotated(x) for x in k]
        out = []
        for i, x in enumerate(streams):
            sources = [1 - i] * ("cross" in self.kind) + [i] * ("self" in self.kind)
            found = [
                F.scaled_dot_product_attention(
                    q[i], k[j], v[j], attn_mask=None if masks is None else masks[j][:, None, None]
                )
                for j in sources
            ]
            attended = torch.stack(found).sum(0).transpose(1, 2).flatten(2)
            x = x + self.output[i](attended)
            out.append(x + self.dense[i](self.norm_dense[i](x)))
        return out


class DualFormer(nn.Module):
    """Features of both encoders to aligned embeddings.

    Parameters
    ----------
    config : DualFormerConfig
    """

    def __init__(self, config: DualFormerConfig) -> None:
        super().__init__()
        self.config = config
        self.embedding = nn.Linear(1, config.width)
        self.layers = nn.ModuleList(DualLayer(config) for _ in range(config.layers))
        self.norms = nn.ModuleList(nn.LayerNorm(config.width) for _ in range(2))
        self.alignment = nn.Linear(config.size, config.size, bias=False)

    def hidden(self, spectrum: Tensor, light_curve: Tensor, masks: list[Tensor] | None = None) -> list[list[Tensor]]:
        """Both streams before the first layer and after each."""
        states = [[self.embedding(x[..., None]) for x in (spectrum, light_curve)]]
        for layer in self.layers:
            states.append(layer(states[-1], masks))
        return states

    def forward(
        self,
        spectrum: Tensor,
        light_curve: Tensor,
        latent: Tensor | None = None,
        masks: tuple[Tensor, Tensor] | None = None,
    ) -> Aligned:
        """Align two sets of features.

        Parameters
        ----------
        spectrum, light_curve : Tensor, shape (B, T_1), (B, T_2)
            What the encoders give.
        latent : Tensor, shape (B, latent), optional
            Catalogue labels that are appended; zeros where not given.
        masks : pair of Tensor, shape (B, T_i), optional
            1 or True: this feature counts.
        """
        seen = None if masks is None else [mask.bool() for mask in masks]
        last = [norm(x) for norm, x in zip(self.norms, self.hidden(spectrum, light_curve, seen)[-1], strict=True)]
        if seen is None:
            pooled = [x.mean(1) for x in last]
        else:
            pooled = [
                (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
                for x, mask in zip(last, seen, strict=True)
            ]
        if self.config.latent:
            if latent is None:
                latent = pooled[0].new_zeros(len(pooled[0]), self.config.latent)
            pooled = [torch.cat([x, latent], 1) for x in pooled]
        first, second = pooled
        matrix = self.alignment.weight
        other = second @ matrix if self.config.projection == "transpose" else second @ matrix.T
        return Aligned(first, second, first @ matrix.T, other)

    def eigenspace(self, *, compat: bool = False) -> tuple[Tensor, Tensor]:
        """Eigenvalues (D,), the largest in magnitude first, and eigenvectors (D, D) in columns of the alignment.

        By default those of ``(A + A^T) / 2``: real, orthonormal, and all of A that the duality loss sees, since
        ``e^T A e`` knows no other part. ``compat``: as published, of A itself, real parts of complex eigenvectors
        brought to unit length; the eigenvalues are then magnitudes.
        """
        matrix = self.alignment.weight.detach()
        if not compat:
            values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
            order = values.abs().argsort(descending=True)
            return values[order], vectors[:, order]
        found, complex_vectors = torch.linalg.eig(matrix)
        order = found.abs().argsort(descending=True)
        return found.abs()[order], F.normalize(complex_vectors.real[:, order], dim=0)


class PredictionHead(nn.Module):
    """Two hidden layers with layer norm and SiLU, then the outputs."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)])
        self.norms = nn.ModuleList(nn.LayerNorm(hidden) for _ in range(2))
        self.last = nn.Linear(hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.silu(norm(layer(x)))
        return self.last(x)


class DualNet(nn.Module):
    """Both encoders, the DualFormer on their features, and a head for each encoder."""

    def __init__(self, config: DesaConfig) -> None:
        super().__init__()
        self.config = config
        light = config.light_curve
        self.spectrum, self.light_curve = SpectrumEncoder(config.spectrum), LightCurveEncoder(light)
        self.projector = Projector(light.channels[-1] + light.width, light.projection)
        self.dual = DualFormer(config.dual)
        self.spectrum_head = PredictionHead(config.spectrum.width, config.hidden, config.outputs)
        self.light_curve_head = PredictionHead(light.projection, config.hidden, config.outputs)

    def forward(
        self, spectrum: Tensor, light_curve: Tensor, latent: Tensor | None = None
    ) -> tuple[Aligned, Tensor, Tensor]:
        """Embeddings of spectra (B, L) and light curves (B, 4, L'), and what each head says (B, outputs)."""
        one, other = self.spectrum(spectrum), self.projector(self.light_curve(light_curve))
        return self.dual(one, other, latent), self.spectrum_head(one), self.light_curve_head(other)


def duality_loss(aligned: Aligned) -> Tensor:
    """``mean (<A e1, e1> - <e2, A^T e2>)^2``: A must see the same in both embeddings of a star."""
    one = (aligned.spectrum_projected * aligned.spectrum).sum(1)
    other = (aligned.light_curve * aligned.light_curve_projected).sum(1)
    return ((one - other) ** 2).mean()


def covariance_loss(aligned: Aligned, *, variance: bool = False, across: bool = True) -> Tensor:
    """How much the dimensions of the projections repeat each other (VICReg, Bardes et al. 2022).

    Squares of the covariances off the diagonal, over the number of dimensions, summed over both projections.

    Parameters
    ----------
    aligned : Aligned
    variance : bool
        Add half the mean of ``max(0, 1 - std)`` of each: no dimension may collapse.
    across : bool
        Add the covariance between the two projections. The published code meant to and does not (the term stands on a
        line of its own); False reproduces it.
    """
    pair = (aligned.spectrum_projected, aligned.light_curve_projected)
    one, other = (x - x.mean(0) for x in pair)
    n, size = one.shape
    kinds = [(one, one), (other, other), *([(one, other)] if across else [])]
    loss = one.new_zeros(())
    for a, b in kinds:
        c = a.T @ b / (n - 1)
        loss = loss + ((c**2).sum() - (c.diagonal() ** 2).sum()) / size
    if variance:
        for x in pair:
            loss = loss + 0.5 * F.relu(1.0 - (x.var(0) + 1e-4).sqrt()).mean()
    return loss
