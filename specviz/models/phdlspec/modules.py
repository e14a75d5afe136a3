"""The emulator's network: labels -> tokens along the wavelength -> normalised flux, continuum and SED.

After PhDLspec (Wu et al. 2026): every token is the sum of a wavelength encoding and of an embedding of the parameters;
encoder blocks (multi-head attention, LayerNorm, feed-forward) mix them; a fully connected output makes pixels of them.
What is ours: a token stands for a patch of pixels and has its own output matrix, which also reads the inputs; the
blocks start as the identity, so that training begins with embedding and outputs alone (a Payne: Ting et al. 2019, ApJ
879, 69); the output passes through :func:`transmission`, whose logarithm is linear in abundance
for a weak line; the continuum is predicted relative to a black body.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from specviz.models.phdlspec.config import LABEL_NAMES, PhdlspecConfig

#: hc / k in Angstrom K, and 2 pi h c**2 in erg s-1 cm-2 A-1 A**5 (CODATA 2018).
_SECOND_RADIATION = 1.438776877e8
_FIRST_RADIATION = 3.741771852e27
#: Inputs of the embedding: 5040 K / teff, ln teff, then logg, vmic, [Fe/H] and every [X/H].
N_INPUTS = len(LABEL_NAMES) + 1


def transmission(u: Tensor) -> Tensor:
    """exp(-softplus(u)): normalised flux in (0, 1). A weak line has depth exp(u), so u is linear in abundance."""
    return torch.exp(-F.softplus(u))


def opacity(flux: Tensor) -> Tensor:
    """The inverse of :func:`transmission`, with the flux kept in 0.02-0.9985, where it is well conditioned."""
    return torch.log(torch.expm1(-torch.log(flux.clamp(0.02, 0.9985))))


def ln_black_body(teff: Tensor, wave: Tensor) -> Tensor:
    """ln of pi B_lambda(teff) in erg s-1 cm-2 A-1: teff (n, 1) in K, wave (L,) in Angstrom -> (n, L)."""
    x = _SECOND_RADIATION / (wave * teff)
    return math.log(_FIRST_RADIATION) - 5.0 * torch.log(wave) - torch.log(torch.expm1(x))


class EncoderBlock(nn.Module):
    """Pre-norm attention and feed-forward, whose output matrices start at zero; (n, T, D) -> (n, T, D).

    The attention is written out because the fused kernels have no forward-mode derivative.
    """

    def __init__(self, config: PhdlspecConfig) -> None:
        super().__init__()
        d = config.width
        self.n_heads, self.head_dim = config.n_heads, d // config.n_heads
        self.attention_norm, self.feed_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.query_key_value, self.attention_output = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.feed_first, self.feed_second = nn.Linear(d, config.feed_forward * d), nn.Linear(config.feed_forward * d, d)
        for layer in (self.attention_output, self.feed_second):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, h: Tensor) -> Tensor:
        h = h + self.attend(self.attention_norm(h))
        return h + self.feed_second(F.gelu(self.feed_first(self.feed_norm(h)), approximate="tanh"))

    def attend(self, h: Tensor) -> Tensor:
        n, t, d = h.shape
        q, k, v = self.query_key_value(h).view(n, t, 3, self.n_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        weight = torch.softmax((q / math.sqrt(self.head_dim)) @ k.transpose(-1, -2), dim=-1)
        mixed: Tensor = self.attention_output((weight @ v).transpose(1, 2).reshape(n, t, d))
        return mixed


class ParameterEmbedding(nn.Module):
    """Standardised inputs (n, N_INPUTS) -> (n, D): a residual network without normalisation."""

    def __init__(self, config: PhdlspecConfig) -> None:
        super().__init__()
        w = config.embed_width
        self.first = nn.Linear(N_INPUTS, w)
        self.layers = nn.ModuleList(nn.Linear(w, w) for _ in range(config.embed_depth))
        self.last = nn.Linear(w, config.width)

    def forward(self, x: Tensor) -> Tensor:
        h = F.silu(self.first(x))
        for layer in self.layers:
            h = h + F.silu(layer(h))
        out: Tensor = self.last(h)
        return out


class EmulatorNet(nn.Module):
    """Labels (n, 28) in physical units -> normalised flux, ln continuum, ln SED.

    Buffers, all fixed before the training: ``wave`` (norm, continuum, SED one after the other, Angstrom, vacuum; from
    the configuration), ``input_mean`` and ``input_std`` of the embedding's inputs, ``centre`` and ``spread`` of every
    output pixel (of the opacity for the normalised flux, of ln(flux / black body) for the other two), ``low`` and
    ``high`` of the labels.
    """

    def __init__(self, config: PhdlspecConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or PhdlspecConfig()
        n_pixels, t = c.n_norm + c.n_continuum + c.n_sed, c.n_tokens
        self.embedding = ParameterEmbedding(c)
        self.wave_encoding = nn.Linear(2 * c.n_frequencies + len(c.parts), c.width)
        self.blocks = nn.ModuleList(EncoderBlock(c) for _ in range(c.depth))
        # Of the inputs, read beside the token: an element with few lines need not pass through the embedding.
        self.head_inputs = nn.Parameter(torch.zeros(t, N_INPUTS, c.patch))
        self.head_weight = nn.Parameter(torch.randn(t, c.width, c.patch) * 0.5 / math.sqrt(c.width))
        self.head_bias = nn.Parameter(torch.zeros(t, 1, c.patch))
        #: Computes the blocks in bfloat16 (outputs stay float32): for training on CPUs that multiply it faster.
        self.half_blocks = False
        #: Leaves the blocks out: the same function while they are the identity, at a tenth of the cost.
        self.skip_blocks = False
        self.wave: Tensor
        self.input_mean: Tensor
        self.input_std: Tensor
        self.centre: Tensor
        self.spread: Tensor
        self.low: Tensor
        self.high: Tensor
        wave = np.concatenate(c.waves).astype(np.float32)
        self.register_buffer("wave", torch.tensor(wave.tolist()), persistent=False)
        self.register_buffer("input_mean", torch.zeros(N_INPUTS))
        self.register_buffer("input_std", torch.ones(N_INPUTS))
        self.register_buffer("centre", torch.zeros(n_pixels))
        self.register_buffer("spread", torch.ones(n_pixels))
        self.register_buffer("low", torch.zeros(len(LABEL_NAMES)))
        self.register_buffer("high", torch.ones(len(LABEL_NAMES)))

    def inputs(self, labels: Tensor) -> Tensor:
        """What the embedding reads, not standardised: line strength follows [X/H], excitation follows 1 / teff."""
        teff, fe_h = labels[:, :1], labels[:, 3:4]
        return torch.cat((5040.0 / teff, torch.log(teff), labels[:, 1:4], labels[:, 4:] + fe_h), dim=1)

    def token_codes(self) -> Tensor:
        """Sines and cosines of ln lambda at each token's centre and the kind of its output, (T, 2 F + 3)."""
        c, codes, start = self.config, [], 0
        # Periods from 4 (the whole range is about 1.2 in ln lambda) down to two tokens.
        frequency = 2 * math.pi / torch.logspace(math.log10(4.0), math.log10(0.016), c.n_frequencies,
                                                 device=self.wave.device)  # fmt: skip
        for kind, (_, pixels, tokens) in enumerate(c.parts):
            wave = self.wave[start : start + pixels]
            middle = torch.arange(tokens, device=wave.device) * c.patch + c.patch // 2
            phase = torch.log(wave[middle.clamp(max=pixels - 1)] / 6000.0)[:, None] * frequency
            kinds = F.one_hot(torch.full((tokens,), kind, device=wave.device), len(c.parts)).to(wave.dtype)
            codes.append(torch.cat((torch.sin(phase), torch.cos(phase), kinds), dim=1))
            start += pixels
        return torch.cat(codes)

    def tokens(self, inputs: Tensor) -> Tensor:
        """Standardised inputs -> tokens (n, T, D) as the output layers read them."""
        h: Tensor = self.wave_encoding(self.token_codes())[None] + self.embedding(inputs)[:, None]
        with torch.autocast(inputs.device.type, dtype=torch.bfloat16, enabled=self.half_blocks):
            for block in () if self.skip_blocks else self.blocks:
                h = block(h)
        return h.to(inputs.dtype)

    def forward(self, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Normalised flux (n, n_norm), ln continuum (n, n_continuum) and ln SED (n, n_sed), of erg s-1 cm-2 A-1."""
        c, x = self.config, (self.inputs(labels) - self.input_mean) / self.input_std
        # One product a token: (T, n, D) @ (T, D, P).
        pixels = torch.baddbmm(self.head_bias, self.tokens(x).transpose(0, 1), self.head_weight)
        pixels = torch.baddbmm(pixels, x.expand(c.n_tokens, -1, -1), self.head_inputs).transpose(0, 1).flatten(1)
        values, first, start = [], 0, 0
        for name, n, tokens in c.parts:
            part = slice(start, start + n)
            value = self.centre[part] + self.spread[part] * pixels[:, first : first + n]
            if name == "norm":
                value = transmission(value)
            else:
                value = value + ln_black_body(labels[:, :1], self.wave[part])
            values.append(value)
            first, start = first + tokens * c.patch, start + n
        return values[0], values[1], values[2]
