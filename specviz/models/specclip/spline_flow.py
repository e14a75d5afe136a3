"""``SplineFlow``: a conditional normalising flow rebuilt from its description and tensors alone.

p(labels | star) = N(f(labels; star); 0, 1) |det df/d labels|, where f is a chain of layers, each of them invertible:

* ``affine``: the z-scoring of the labels;
* ``spline``: some labels go through monotonic functions (:mod:`~.rational_quadratic`) whose parameters a network
  (:mod:`~.conditioner`) makes of the star and of other labels. A coupling layer, an autoregressive layer and the layer
  of a single label are the same thing with other ``inputs``, ``outputs`` and ``passes``;
* ``linear``: an invertible matrix as its LU factors;
* ``permutation``.

The official SpecCLIP posteriors are neural spline flows that sbi trained ("nsf", Durkan et al. 2019,
arXiv:1906.04032), pickled. Converted once (:mod:`~.convert_sbi`), they are this class, and neither sbi nor a pickle is
needed to use them. For the same noise it gives the same samples.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from specviz.errors import CheckpointError, ModelError
from specviz.models.specclip.conditioner import conditioner_of, embedding_of
from specviz.models.specclip.rational_quadratic import element_of

#: Written into each description; another version is refused rather than misread.
FORMAT = "specviz-spline-flow-1"
#: Numbers that one step of sampling may hold at a time; stars are taken in blocks that keep to it.
_BLOCK = 1 << 22


class AffineLayer(nn.Module):
    """noise = label * scale + shift."""

    scale: Tensor
    shift: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(size))
        self.register_buffer("shift", torch.zeros(size))

    def to_noise(self, x: Tensor, star: Tensor) -> tuple[Tensor, Tensor]:
        return x * self.scale + self.shift, torch.log(self.scale).expand_as(x).sum(-1)

    def from_noise(self, z: Tensor, star: Tensor) -> Tensor:
        return (z - self.shift) / self.scale


class LinearLayer(nn.Module):
    """noise = lower @ upper @ label + bias; ``lower`` has ones on its diagonal, ``upper`` positive numbers."""

    lower: Tensor
    upper: Tensor
    bias: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        for name, value in (("lower", torch.eye(size)), ("upper", torch.eye(size)), ("bias", torch.zeros(size))):
            self.register_buffer(name, value)

    def to_noise(self, x: Tensor, star: Tensor) -> tuple[Tensor, Tensor]:
        z = (x @ self.upper.T) @ self.lower.T + self.bias
        return z, torch.log(self.upper.diagonal()).sum().expand(z.shape[:-1])

    def from_noise(self, z: Tensor, star: Tensor) -> Tensor:
        flat = (z - self.bias).reshape(-1, z.shape[-1]).T
        flat = torch.linalg.solve_triangular(self.lower, flat, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(self.upper, flat, upper=True).T.reshape(z.shape)


class PermutationLayer(nn.Module):
    """noise[i] = label[order[i]]."""

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        self.order = [int(i) for i in order]
        if sorted(self.order) != list(range(len(self.order))):
            raise CheckpointError("A permutation of this flow is not one")
        self.back = sorted(range(len(self.order)), key=self.order.__getitem__)

    def to_noise(self, x: Tensor, star: Tensor) -> tuple[Tensor, Tensor]:
        return x[..., self.order], x.new_zeros(x.shape[:-1])

    def from_noise(self, z: Tensor, star: Tensor) -> Tensor:
        return z[..., self.back]


class SplineLayer(nn.Module):
    """The labels ``outputs`` through functions that depend on the star and on the labels ``inputs``.

    Parameters
    ----------
    inputs, outputs : sequences of int
        Disjoint in a coupling layer; all labels, both, in an autoregressive one, whose network is masked; no inputs
        where there is one label.
    passes : int
        How often the inverse is applied: once, or until the last label of an autoregressive layer is known.
    element, net : mappings
        See :func:`~.rational_quadratic.element_of` and :func:`~.conditioner.conditioner_of`.
    """

    def __init__(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        passes: int,
        element: Mapping[str, Any],
        net: Mapping[str, Any],
    ) -> None:
        super().__init__()
        self.inputs, self.outputs, self.passes = list(inputs), list(outputs), int(passes)
        self.element, self.net = element_of(element), conditioner_of(net)

    def to_noise(self, x: Tensor, star: Tensor) -> tuple[Tensor, Tensor]:
        moved, log_slope = self.element.to_noise(x[..., self.outputs], self._raw(x, star))
        return self._placed(x, moved), log_slope.sum(-1)

    def from_noise(self, z: Tensor, star: Tensor) -> Tensor:
        x, wanted = z, z[..., self.outputs]
        for _ in range(self.passes):
            x = self._placed(x, self.element.from_noise(wanted, self._raw(x, star)))
        return x

    def _raw(self, x: Tensor, star: Tensor) -> Tensor:
        raw = self.net(x[..., self.inputs] if self.inputs else None, star)
        return raw.unflatten(-1, (len(self.outputs), self.element.n_raw))

    def _placed(self, x: Tensor, moved: Tensor) -> Tensor:
        if len(self.outputs) == x.shape[-1]:
            return moved
        out = x.clone()
        out[..., self.outputs] = moved
        return out


_LAYERS: dict[str, Any] = {
    "affine": AffineLayer,
    "linear": LinearLayer,
    "permutation": PermutationLayer,
    "spline": SplineLayer,
}


class SplineFlow(nn.Module):
    """A conditional flow over ``features`` labels given a vector of ``context`` numbers.

    Parameters
    ----------
    description : mapping
        {"format", "features", "context", "embedding": [...], "layers": [...]}; layers in the order label -> noise.

    Raises
    ------
    CheckpointError
        If the description is of another format or names what is unknown.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        super().__init__()
        if description.get("format") != FORMAT:
            raise CheckpointError(
                f"This flow is described as {description.get('format')!r}",
                expected=FORMAT,
                remedy="Convert the model again, or update specviz",
            )
        try:
            self.features, self.context = int(description["features"]), int(description["context"])
            self.embedding = embedding_of(description["embedding"])
            self.layers = nn.ModuleList(_layer(layer) for layer in description["layers"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"The description of this flow is not sound ({error})", remedy="Convert the model again"
            ) from error

    @classmethod
    def rebuilt(cls, description: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> SplineFlow:
        """A flow with its weights, ready to use (evaluation mode, no gradients to the weights)."""
        flow = cls(description)
        try:
            flow.load_state_dict(dict(tensors), strict=True)
        except RuntimeError as error:
            raise CheckpointError(
                "The tensors of this flow do not fit its description", remedy="Convert the model again"
            ) from error
        if not all(bool(torch.isfinite(t).all()) for t in flow.state_dict().values()):
            raise CheckpointError("This flow holds numbers that are not finite", remedy="Download the model again")
        return flow.eval().requires_grad_(False)

    def log_prob(self, stars: Tensor, labels: Tensor) -> Tensor:
        """log p(labels | star), (B, n), of ``labels`` (B, n, features) given ``stars`` (B, context)."""
        z, log_det = self.to_noise(stars, labels)
        return log_det - 0.5 * z.square().sum(-1) - 0.5 * self.features * math.log(2 * math.pi)

    def to_noise(self, stars: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The noise (B, n, features) that gives ``labels``, and the log determinant (B, n)."""
        star, x = self._embedded(stars), labels
        total = x.new_zeros(x.shape[:-1])
        for layer in self.layers:
            x, log_det = layer.to_noise(x, star)  # type: ignore[operator]
            total = total + log_det
        return x, total

    def from_noise(self, stars: Tensor, noise: Tensor) -> Tensor:
        """Labels (B, n, features) of ``stars`` (B, context) and standard normals (B, n, features)."""
        return torch.cat([self._from_noise(stars[part], noise[part]) for part in self._blocks(noise)])

    def _from_noise(self, stars: Tensor, noise: Tensor) -> Tensor:
        star, z = self._embedded(stars), noise
        for layer in reversed(self.layers):
            z = layer.from_noise(z, star)  # type: ignore[operator]
        return z

    def _embedded(self, stars: Tensor) -> Tensor:
        if stars.ndim != 2 or stars.shape[1] != self.context:
            raise ModelError(
                f"The posterior was given vectors of shape {tuple(stars.shape)}", expected=f"(stars, {self.context})"
            )
        return self.embedding(stars)[:, None]

    def _blocks(self, noise: Tensor) -> Iterator[slice]:
        """Slices of stars that keep a step of the work within bounds."""
        hidden = max((p.shape[0] for p in self.parameters() if p.ndim == 2), default=1) if self.features > 1 else 1
        rows = max(1, noise.shape[1] * noise.shape[2] * hidden)
        step = max(1, _BLOCK // rows)
        return (slice(start, start + step) for start in range(0, max(1, len(noise)), step))


def _layer(description: Mapping[str, Any]) -> nn.Module:
    kind = description.get("kind")
    if kind not in _LAYERS:
        raise CheckpointError(f"Unknown layer {kind!r} in this flow", expected=", ".join(_LAYERS))
    layer: nn.Module = _LAYERS[kind](**{name: value for name, value in description.items() if name != "kind"})
    return layer
