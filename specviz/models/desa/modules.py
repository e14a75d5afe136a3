"""DESA's encoders of spectra and light curves. Shapes: B stars, T tokens, W the width of a token."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specviz.models.desa.config import LightCurveConfig, SpectrumConfig

Activation = Callable[[Tensor], Tensor]


def rotated(x: Tensor, share: float = 0.5, base: float = 1e4) -> Tensor:
    """Rotary positions (Su et al. 2021) on the first ``share`` of the channels of queries or keys (..., T, d).

    Channel pairs are (i, i + n) of the n rotating pairs, as in GPT-NeoX; the rest of the channels know no position.
    """
    turning = int(x.shape[-1] * share) // 2 * 2
    half = turning // 2
    rate = base ** (-torch.arange(half, device=x.device, dtype=torch.float32) / max(half, 1))
    angle = torch.outer(torch.arange(x.shape[-2], device=x.device, dtype=torch.float32), rate).to(x.dtype)
    first, second, rest = x[..., :half], x[..., half:turning], x[..., turning:]
    cos, sin = angle.cos(), angle.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin, rest], -1)


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, W) as (B, heads, T, W / heads)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


class Convolution(nn.Module):
    """Convolution that keeps the length, batch norm, activation: (B, C, T) to (B, C', T)."""

    def __init__(self, before: int, after: int, kernel: int, activation: Activation = F.silu) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(before, after, kernel, padding="same", bias=False)
        self.norm, self.activation = nn.BatchNorm1d(after), activation

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.norm(self.convolution(x)))


class ConvolutionalTokens(nn.Module):
    """Convolutions, each but the first followed by a maximum of two samples: (B, C, L) to (B, W, L / 2^blocks)."""

    def __init__(self, inputs: int, channels: tuple[int, ...], kernel: int, activation: Activation = F.silu) -> None:
        super().__init__()
        self.first = Convolution(inputs, channels[0], kernel, activation)
        self.layers = nn.ModuleList(Convolution(a, b, kernel, activation) for a, b in pairwise(channels))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for layer in self.layers:
            x = F.max_pool1d(layer(x), 2)
        return x


class SelfAttention(nn.Module):
    """Multi-head attention of tokens (B, T, W) to each other, with rotary positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.output = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (split_heads(layer(x), self.heads) for layer in (self.query, self.key, self.value))
        found = F.scaled_dot_product_attention(rotated(q), rotated(k), v)
        return self.output(found.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Layer norm, four times the width, back."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.wide, self.narrow = (
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.narrow(F.silu(self.wide(self.norm(x))))


class ConformerBlock(nn.Module):
    """Attention, convolution and (where wanted) a feed-forward layer, each added to what came in and normalised.

    Parameters
    ----------
    width, heads, kernel : int
    feed_forward : bool
        The encoder of spectra has it, that of light curves has not.
    """

    def __init__(self, width: int, heads: int, kernel: int, *, feed_forward: bool) -> None:
        super().__init__()
        self.attention, self.convolution = SelfAttention(width, heads), Convolution(width, width, kernel)
        self.feed_forward = FeedForward(width) if feed_forward else None
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if feed_forward else 2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norms[0](x + self.attention(x))
        x = self.norms[1](x + self.convolution(x.transpose(1, 2)).transpose(1, 2))
        return x if self.feed_forward is None else self.norms[2](x + self.feed_forward(x))


class SpectrumEncoder(nn.Module):
    """A normalised spectrum (B, L) to a vector (B, W): the sum of the tokens after the conformer."""

    def __init__(self, config: SpectrumConfig) -> None:
        super().__init__()
        self.tokens = ConvolutionalTokens(1, config.channels, config.kernel)
        self.blocks = nn.ModuleList(
            ConformerBlock(config.width, config.heads, config.kernel, feed_forward=True) for _ in range(config.blocks)
        )

    def tokenise(self, spectrum: Tensor) -> Tensor:
        """Tokens (B, T, W) before the conformer."""
        return self.tokens(spectrum[:, None]).transpose(1, 2)

    def attend(self, tokens: Tensor) -> Tensor:
        """Tokens (B, T, W) after the conformer."""
        for block in self.blocks:
            tokens = block(tokens)
        return tokens

    def encode(self, tokens: Tensor) -> Tensor:
        """The vector of tokens."""
        return self.attend(tokens).sum(1)

    def forward(self, spectrum: Tensor) -> Tensor:
        return self.encode(self.tokenise(spectrum))


class SpectrumMultiTask(nn.Module):
    """The encoder of spectra with what it is trained by: quantiles of labels, and the spectrum back from its tokens.

    Parameters
    ----------
    config : SpectrumConfig
    labels, quantiles : int
    through : bool
        Decode the tokens after the conformer, so that the loss of the reconstruction trains it. As published (False),
        the decoder takes the tokens before the conformer.
    """

    def __init__(self, config: SpectrumConfig, labels: int = 3, quantiles: int = 5, *, through: bool = False) -> None:
        super().__init__()
        width, self.through = config.width, through
        self.encoder = SpectrumEncoder(config)
        back = (width, *reversed(config.channels[:-2]), config.channels[0])
        self.up = nn.ModuleList(nn.ConvTranspose1d(a, b, 4, 2, 1, bias=False) for a, b in pairwise(back))
        self.up_norms = nn.ModuleList(nn.BatchNorm1d(c) for c in back[1:])
        self.last = nn.ConvTranspose1d(back[-1], 1, 3, padding=1)
        self.hidden, self.hidden_norm = nn.Linear(width, width // 2), nn.BatchNorm1d(width // 2)
        self.quantiles = nn.Linear(width // 2, labels * quantiles)

    def forward(self, spectrum: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Quantiles (B, labels x quantiles), the spectrum decoded (B, L), the encoding (B, W)."""
        tokens = self.encoder.tokenise(spectrum)
        attended = self.encoder.attend(tokens)
        encoding = attended.sum(1)
        x = (attended if self.through else tokens).transpose(1, 2)
        for layer, norm in zip(self.up, self.up_norms, strict=True):
            x = F.silu(norm(layer(x)))
        found = self.quantiles(F.silu(self.hidden_norm(self.hidden(encoding))))
        return found, self.last(x)[:, 0], encoding


class LightCurveEncoder(nn.Module):
    """A light curve as four channels (B, 4, L): two fluxes, ACF, power spectrum; to features (B, W' + W).

    The last two channels go through convolutions with a sine as activation, the fluxes through an Astroconformer (Pan
    et al. 2024); means over the tokens, side by side.
    """

    def __init__(self, config: LightCurveConfig) -> None:
        super().__init__()
        self.spectral = ConvolutionalTokens(2, config.channels, config.kernel, torch.sin)
        self.extractor = nn.Conv1d(2, config.width, config.stride, config.stride)
        self.extractor_norm = nn.BatchNorm1d(config.width)
        self.blocks = nn.ModuleList(
            ConformerBlock(config.width, config.heads, config.kernel, feed_forward=False) for _ in range(config.blocks)
        )

    def forward(self, light_curve: Tensor) -> Tensor:
        spectral = self.spectral(light_curve[:, -2:]).mean(2)
        x = F.silu(self.extractor_norm(self.extractor(light_curve[:, :2]))).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return torch.cat([spectral, x.mean(1)], 1)


class Projector(nn.Module):
    """Three linear layers, each with batch norm, the first two with ReLU: SimSiam's projection head."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, after) for a in (before, after, after))
        self.norms = nn.ModuleList(nn.BatchNorm1d(after) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = norm(layer(x))
            x = F.relu(x) if i < 2 else x
        return x


class LightCurveSimSiam(nn.Module):
    """The encoder of light curves with what it is trained by: two views of a star must agree, and quantiles of labels.

    Parameters
    ----------
    config : LightCurveConfig
    outputs : int
        Labels times quantiles.
    """

    def __init__(self, config: LightCurveConfig, outputs: int = 5) -> None:
        super().__init__()
        size = config.projection
        self.encoder = LightCurveEncoder(config)
        self.projector = Projector(config.channels[-1] + config.width, size)
        self.predictor = nn.ModuleList([nn.Linear(size, size), nn.Linear(size, size)])
        self.predictor_norm = nn.BatchNorm1d(size)
        self.hidden, self.hidden_norm = nn.Linear(2 * size, size), nn.BatchNorm1d(size)
        self.quantiles = nn.Linear(size, outputs)

    def features(self, light_curve: Tensor) -> Tensor:
        """What is given to the DualFormer, (B, projection)."""
        return self.projector(self.encoder(light_curve))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss of the two views (SimSiam, Chen & He 2021: gradients stop at the targets), their projections, and
        quantiles of both together.
        """
        z1, z2 = self.features(first), self.features(second)
        p1, p2 = (self.predictor[1](F.relu(self.predictor_norm(self.predictor[0](z)))) for z in (z1, z2))
        loss = -0.5 * (F.cosine_similarity(p1, z2.detach()).mean() + F.cosine_similarity(p2, z1.detach()).mean())
        both = F.gelu(self.hidden_norm(self.hidden(torch.cat([z1, z2], 1))))
        return loss, z1, z2, self.quantiles(both)
