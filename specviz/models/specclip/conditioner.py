"""The networks inside a conditional flow: what turns a star's vector (and other labels) into spline parameters.

Each takes the labels it may look at, (B, n, I) or None where it looks at none, and the star's vector, (B, 1, C), and
gives raw parameters (B, n, outputs), or (B, 1, outputs) without labels. Layers that see both are split in two, so that
the star's part is computed once a star and not once a sample: with 768 numbers a star and 10,000 samples that is
nearly all the work.

Masks of autoregressive networks are multiplied into the weights when a flow is converted; dropout is off and batch
norms use what they learned.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from specviz.errors import CheckpointError

#: Activations without parameters, by the name they have in a flow's JSON.
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
}


def activation_of(name: Any) -> nn.Module:
    """The activation of that name, with its default constants."""
    if name not in ACTIVATIONS:
        raise CheckpointError(f"Unknown activation {name!r}", expected=", ".join(ACTIVATIONS))
    return ACTIVATIONS[name]()


class SplitLinear(nn.Module):
    """A linear layer on [labels, star], kept as two; either may be empty."""

    def __init__(self, labels: int, star: int, outputs: int) -> None:
        super().__init__()
        self.from_labels = nn.Linear(labels, outputs, bias=False) if labels else None
        self.from_star = nn.Linear(star, outputs)

    def forward(self, labels: Tensor | None, star: Tensor) -> Tensor:
        out = self.from_star(star)
        if self.from_labels is not None:
            assert labels is not None
            out = out + self.from_labels(labels)
        return out


class Perceptron(nn.Module):
    """Linear layers with an activation between: sbi's context net of a single label, and zuko's networks."""

    def __init__(self, labels: int, star: int, outputs: int, hidden: list[int], activation: str) -> None:
        super().__init__()
        sizes = [*hidden, outputs]
        self.first = SplitLinear(labels, star, sizes[0])
        self.rest = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.activation = activation_of(activation)

    def forward(self, labels: Tensor | None, star: Tensor) -> Tensor:
        h = self.first(labels, star)
        for layer in self.rest:
            h = layer(self.activation(h))
        return h


class GatedBlock(nn.Module):
    """Residual block of nflows' ``ResidualNet``: pre-activation, the star enters through a gate at the end."""

    def __init__(self, star: int, width: int, activation: str, norm: bool) -> None:
        super().__init__()
        self.linears = nn.ModuleList(nn.Linear(width, width) for _ in range(2))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, eps=1e-3) for _ in range(2)) if norm else None
        self.gate = nn.Linear(star, width)
        self.activation = activation_of(activation)

    def forward(self, h: Tensor, star: Tensor) -> Tensor:
        inner = h
        for i, linear in enumerate(self.linears):
            if self.norms is not None:
                inner = _normed(self.norms[i], inner)
            inner = linear(self.activation(inner))
        return h + inner * torch.sigmoid(self.gate(star))


class ResidualNet(nn.Module):
    """nflows' ``ResidualNet`` with a context: conditioner of sbi's "nsf" for two labels and more."""

    def __init__(
        self, labels: int, star: int, outputs: int, width: int, blocks: int, activation: str, norm: bool = False
    ) -> None:
        super().__init__()
        self.first = SplitLinear(labels, star, width)
        self.blocks = nn.ModuleList(GatedBlock(star, width, activation, norm) for _ in range(blocks))
        self.last = nn.Linear(width, outputs)

    def forward(self, labels: Tensor | None, star: Tensor) -> Tensor:
        h = self.first(labels, star)
        for block in self.blocks:
            h = block(h, star)
        return self.last(h)


class MaskedNet(nn.Module):
    """nflows' ``MADE`` with feed-forward blocks: conditioner of sbi's "maf" and "maf_rqs".

    The activation is applied to the star's part alone before both are added, and to the sum after.
    """

    def __init__(
        self, labels: int, star: int, outputs: int, width: int, blocks: int, activation: str, norm: bool = False
    ) -> None:
        super().__init__()
        self.from_labels = nn.Linear(labels, width)
        self.from_star = nn.Linear(star, width)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        self.norms = nn.ModuleList(nn.BatchNorm1d(width, eps=1e-3) for _ in range(blocks)) if norm else None
        self.last = nn.Linear(width, outputs)
        self.activation = activation_of(activation)

    def forward(self, labels: Tensor | None, star: Tensor) -> Tensor:
        assert labels is not None
        h = self.activation(self.from_labels(labels) + self.activation(self.from_star(star)))
        for i, layer in enumerate(self.blocks):
            if self.norms is not None:
                h = _normed(self.norms[i], h)
            h = self.activation(layer(h))
        return self.last(h)


class Standardise(nn.Module):
    """(x - mean) / std with constants, one each or one for all."""

    mean: Tensor
    std: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("std", torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


def conditioner_of(description: Mapping[str, Any]) -> nn.Module:
    """The network that ``description`` (the part "net" of a flow's JSON) speaks of, with weights still to come."""
    kinds = {"perceptron": Perceptron, "residual": ResidualNet, "masked": MaskedNet}
    return _built(kinds, description)


def embedding_of(steps: list[Mapping[str, Any]]) -> nn.Sequential:
    """What is done to a star's vector before the flow sees it: standardisation, an embedding net if there is one."""
    kinds: dict[str, Any] = {
        "standardise": Standardise,
        "linear": nn.Linear,
        "layer_norm": nn.LayerNorm,
        "batch_norm": nn.BatchNorm1d,
        **ACTIVATIONS,
    }
    return nn.Sequential(*(_built(kinds, step) for step in steps))


def _built(kinds: Mapping[str, Any], description: Mapping[str, Any]) -> nn.Module:
    kind = str(description.get("kind"))
    if kind not in kinds:
        raise CheckpointError(f"Unknown network {kind!r}", expected=", ".join(kinds))
    module: nn.Module = kinds[kind](**{name: value for name, value in description.items() if name != "kind"})
    return module


def _normed(norm: nn.Module, h: Tensor) -> Tensor:
    """A batch norm over the last axis of (B, n, width), with the statistics it learned."""
    assert isinstance(norm, nn.BatchNorm1d)
    flat = h.reshape(-1, h.shape[-1])
    flat = F.batch_norm(flat, norm.running_mean, norm.running_var, norm.weight, norm.bias, False, 0.0, norm.eps)
    return flat.reshape(h.shape)
