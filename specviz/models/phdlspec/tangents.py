"""The emulator's normalised flux and its derivative by every label, in one pass.

Forward-mode differentiation written out for :class:`~specviz.models.phdlspec.modules.EmulatorNet`: the network itself
runs once a star and 28 tangents go through it beside it. ``torch.func.jvp`` gives the same numbers (a test holds them
together), but carries the network along with every tangent and copies its output matrices.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.modules import N_INPUTS, EmulatorNet, EncoderBlock, ParameterEmbedding

_K = len(LABEL_NAMES)


def norm_and_slopes(net: EmulatorNet, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised flux and its derivatives.

    Parameters
    ----------
    net : EmulatorNet
    labels : tensor, shape (n, 28)
        In physical units.

    Returns
    -------
    norm : tensor, shape (n, m)
    slopes : tensor, shape (n, m, 28)
        Per K, dex or km/s; the labels last, as the collection of pixels reads them.
    """
    with torch.inference_mode():
        return _forward(net, labels)


def _forward(net: EmulatorNet, labels: Tensor) -> tuple[Tensor, Tensor]:
    c, n = net.config, len(labels)
    _, pixels, tokens = c.parts[0]
    x = (net.inputs(labels) - net.input_mean) / net.input_std
    dx = _input_slopes(labels) / net.input_std
    embedded, d_embedded = _embedding(net.embedding, x, dx)
    h = net.wave_encoding(net.token_codes())[None] + embedded[:, None]
    dh = d_embedded[:, :, None, :]  # (n, 28, T, D), the same for all tokens until the first block
    for block in net.blocks:
        assert isinstance(block, EncoderBlock)
        h, dh = _block(block, h, dh)
    weight, inputs = net.head_weight[:tokens], net.head_inputs[:tokens]
    u = torch.baddbmm(net.head_bias[:tokens], h[:, :tokens].transpose(0, 1), weight)
    u = torch.baddbmm(u, x.expand(tokens, -1, -1), inputs).transpose(0, 1).reshape(n, -1)[:, :pixels]
    flat = dh.expand(-1, -1, h.shape[1], -1)[:, :, :tokens].reshape(n * _K, tokens, -1).transpose(0, 1)
    du = torch.bmm(flat, weight)
    du = torch.baddbmm(du, dx.reshape(1, n * _K, N_INPUTS).expand(tokens, -1, -1), inputs)
    du = du.view(tokens, n, _K, c.patch).permute(1, 0, 3, 2).reshape(n, -1, _K)[:, :pixels]
    centre, spread = net.centre[:pixels], net.spread[:pixels]
    u = centre + spread * u
    norm = torch.exp(-F.softplus(u))
    return norm, du * (-norm * torch.sigmoid(u) * spread)[:, :, None]


def _input_slopes(labels: Tensor) -> Tensor:
    """Derivative of :meth:`EmulatorNet.inputs`, (n, 28, 29)."""
    out = labels.new_zeros(len(labels), _K, N_INPUTS)
    teff = labels[:, 0]
    out[:, 0, 0], out[:, 0, 1] = -5040.0 / teff**2, 1.0 / teff
    for k in range(1, _K):
        out[:, k, k + 1] = 1.0
    out[:, LABEL_NAMES.index("fe_h"), 5:] = 1.0  # at fixed [X/Fe] every [X/H] follows
    return out


def _embedding(net: ParameterEmbedding, x: Tensor, dx: Tensor) -> tuple[Tensor, Tensor]:
    z, dz = net.first(x), dx @ net.first.weight.T
    h, dh = F.silu(z), _silu_slope(z)[:, None] * dz
    for layer in net.layers:
        assert isinstance(layer, nn.Linear)
        z, dz = layer(h), dh @ layer.weight.T
        h, dh = h + F.silu(z), dh + _silu_slope(z)[:, None] * dz
    return net.last(h), dh @ net.last.weight.T


def _silu_slope(z: Tensor) -> Tensor:
    s = torch.sigmoid(z)
    return s * (1.0 + z * (1.0 - s))


def _block(block: EncoderBlock, h: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
    normed, d_normed = _layer_norm(block.attention_norm, h, dh)
    mixed, d_mixed = _attend(block, normed, d_normed)
    h, dh = h + mixed, dh + d_mixed
    normed, d_normed = _layer_norm(block.feed_norm, h, dh)
    z = block.feed_first(normed)
    dz = _times(d_normed, block.feed_first).mul_(_gelu_slope(z)[:, None])
    h = h + block.feed_second(F.gelu(z, approximate="tanh"))
    return h, dh.add_(_times(dz, block.feed_second))


def _times(tangent: Tensor, layer: nn.Linear) -> Tensor:
    """A linear layer's action on tangents, which know no bias."""
    return tangent @ layer.weight.T


def _layer_norm(layer: nn.LayerNorm, h: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
    centred = h - h.mean(-1, keepdim=True)
    scale = torch.rsqrt(centred.square().mean(-1, keepdim=True) + layer.eps)
    y = (centred * scale)[:, None]  # (n, 1, T, D)
    along = (y * dh).mean(-1, keepdim=True)
    d = (dh - dh.mean(-1, keepdim=True) - y * along) * (scale[:, None] * layer.weight)
    return y[:, 0] * layer.weight + layer.bias, d


def _attend(block: EncoderBlock, h: Tensor, dh: Tensor) -> tuple[Tensor, Tensor]:
    n, t, d = h.shape
    heads, size = block.n_heads, block.head_dim
    q, k, v = block.query_key_value(h).view(n, 1, t, 3, heads, size).permute(3, 0, 1, 4, 2, 5)
    dq, dk, dv = _times(dh, block.query_key_value).view(n, _K, t, 3, heads, size).permute(3, 0, 1, 4, 2, 5)
    scale = 1.0 / math.sqrt(size)
    weight = torch.softmax((q * scale) @ k.transpose(-1, -2), dim=-1)  # (n, 1, H, T, T)
    slope = (dq * scale) @ k.transpose(-1, -2) + (q * scale) @ dk.transpose(-1, -2)
    slope -= (weight * slope).sum(-1, keepdim=True)
    slope *= weight
    mixed = (weight @ v).transpose(2, 3).reshape(n, t, d)
    d_mixed = (slope @ v + weight @ dv).transpose(2, 3).reshape(n, _K, t, d)
    return block.attention_output(mixed), _times(d_mixed, block.attention_output)


def _gelu_slope(z: Tensor) -> Tensor:
    """Of the tanh form: gelu(z) = z / 2 (1 + tanh(a (z + b z^3)))."""
    a, b = math.sqrt(2.0 / math.pi), 0.044715
    t = torch.tanh(a * (z + b * z**3))
    return 0.5 * (1.0 + t) + 0.5 * z * (1.0 - t * t) * a * (1.0 + 3.0 * b * z * z)
