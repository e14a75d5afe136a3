"""Layers of an nflows transform (sbi's "nsf", "maf", "maf_rqs") as description and tensors."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from specviz.models.specclip.sbi_layers import (
    Layers,
    activation_name,
    kinds_of,
    masked_weight,
    norm_tensors,
    perceptron,
    refused,
    split_linear,
)


def transform_layers(transform: Any, features: int) -> Layers:
    """All layers of ``transform``, in the order label -> noise."""
    layers = Layers()
    for step in _flat(transform):
        names = kinds_of(step)
        if "IdentityTransform" in names:
            continue
        if "PointwiseAffineTransform" in names:
            scale, shift = (t.reshape(-1).expand(features) for t in (step._scale, step._shift))
            layers.add({"kind": "affine", "size": features}, {"scale": scale, "shift": shift})
        elif "LULinear" in names:
            lower, upper = step._create_lower_upper()
            layers.add({"kind": "linear", "size": features}, {"lower": lower, "upper": upper, "bias": step.bias})
        elif "Permutation" in names:
            layers.add({"kind": "permutation", "order": step._permutation.tolist()}, {})
        elif "PiecewiseRationalQuadraticCouplingTransform" in names:
            _coupling(layers, step)
        elif "MaskedPiecewiseRationalQuadraticAutoregressiveTransform" in names:
            _autoregressive(layers, step, features, _spline(step, step.autoregressive_net))
        elif "MaskedAffineAutoregressiveTransform" in names:
            _autoregressive(layers, step, features, {"rule": "softplus", "least": getattr(step, "_epsilon", 1e-3)})
        else:
            raise refused(f"one of its layers is a {type(step).__name__}")
    return layers


def _flat(transform: Any) -> list[Any]:
    if "CompositeTransform" in kinds_of(transform):
        return [step for part in transform._transforms for step in _flat(part)]
    return [transform]


def _spline(step: Any, net: Any) -> dict[str, Any]:
    if step.tails != "linear":
        raise refused("its splines have no linear tails")
    # nflows divides the raw widths and heights by this where the network tells its width.
    hidden = getattr(net, "hidden_features", None)
    return {
        "rule": "nflows",
        "bins": int(step.num_bins),
        "bound": float(step.tail_bound),
        "min_width": float(step.min_bin_width),
        "min_height": float(step.min_bin_height),
        "min_slope": float(step.min_derivative),
        "divisor": math.sqrt(hidden) if hidden else 1.0,
    }


def _coupling(layers: Layers, step: Any) -> None:
    if step.unconditional_transform is not None:
        raise refused("its coupling layers also move the labels they look at")
    net, inputs = step.transform_net, step.identity_features.tolist()
    names = kinds_of(net)
    if "ContextSplineMap" in names:  # one label: the network sees the star alone
        if inputs:
            raise refused("its splines of several labels look at none of them")
        described, tensors = perceptron(list(net.spline_predictor), 0)
    elif "ResidualNet" in names:
        described, tensors = _residual(net, len(inputs))
    else:
        raise refused(f"the network of its splines is a {type(net).__name__}")
    _add(layers, inputs, step.transform_features.tolist(), 1, _spline(step, net), described, tensors)


def _residual(net: Any, labels: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    weight = net.initial_layer.weight
    blocks = list(net.blocks)
    if net.context_features is None or not blocks:
        raise refused("the network of its splines does not look at the star")
    tensors = split_linear("first", weight, net.initial_layer.bias, labels)
    norm = bool(blocks[0].use_batch_norm)
    for i, block in enumerate(blocks):
        parts = {f"linears.{j}": layer.state_dict() for j, layer in enumerate(block.linear_layers)}
        parts["gate"] = block.context_layer.state_dict()
        if norm:
            parts |= {f"norms.{j}": norm_tensors(layer) for j, layer in enumerate(block.batch_norm_layers)}
        tensors.update({f"blocks.{i}.{name}.{key}": t for name, part in parts.items() for key, t in part.items()})
    tensors.update({f"last.{key}": t for key, t in net.final_layer.state_dict().items()})
    described = {
        "kind": "residual",
        "labels": labels,
        "star": weight.shape[1] - labels,
        "outputs": net.final_layer.out_features,
        "width": weight.shape[0],
        "blocks": len(blocks),
        "activation": activation_name(blocks[0].activation),
        "norm": norm,
    }
    return described, tensors


def _autoregressive(layers: Layers, step: Any, features: int, element: dict[str, Any]) -> None:
    net = step.autoregressive_net
    if "MADE" not in kinds_of(net) or net.use_residual_blocks or not hasattr(net, "context_layer"):
        raise refused("the network of its autoregressive layers is not a feed-forward one that looks at the star")
    blocks = list(net.blocks)
    width = net.initial_layer.out_features
    tensors: dict[str, Tensor] = {}
    ends = {"from_labels": net.initial_layer, "from_star": net.context_layer, "last": net.final_layer}
    for name, layer in ends.items():
        tensors |= {f"{name}.weight": masked_weight(layer), f"{name}.bias": layer.bias}
    norms = [block.batch_norm for block in blocks]
    for i, block in enumerate(blocks):
        tensors |= {f"blocks.{i}.weight": masked_weight(block.linear), f"blocks.{i}.bias": block.linear.bias}
        if norms[i] is not None:
            tensors |= {f"norms.{i}.{key}": t for key, t in norm_tensors(norms[i]).items()}
    described = {
        "kind": "masked",
        "labels": features,
        "star": net.context_layer.in_features,
        "outputs": net.final_layer.out_features,
        "width": width,
        "blocks": len(blocks),
        "activation": activation_name(net.activation),
        "norm": any(norm is not None for norm in norms),
    }
    everything = list(range(features))
    _add(layers, everything, everything, features, element, described, tensors)


def _add(
    layers: Layers,
    inputs: list[int],
    outputs: list[int],
    passes: int,
    element: dict[str, Any],
    net: dict[str, Any],
    tensors: dict[str, Tensor],
) -> None:
    layers.add(
        {"kind": "spline", "inputs": inputs, "outputs": outputs, "passes": passes, "element": element, "net": net},
        {f"net.{name}": value for name, value in tensors.items()},
    )
