"""What the readers of sbi's two flow libraries share: layers as description and tensors, and plain networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from specviz.errors import CheckpointError
from specviz.models.specclip.conditioner import ACTIVATIONS

#: The class of an activation, or the name of the function -> its name in a flow's JSON.
_ACTIVATION_NAMES = {kind.__name__: name for name, kind in ACTIVATIONS.items()} | {name: name for name in ACTIVATIONS}


def refused(why: str) -> CheckpointError:
    """This posterior cannot be rebuilt, because ..."""
    return CheckpointError(
        f"This posterior cannot be converted: {why}",
        expected="a flow that sbi trained as nsf, maf, maf_rqs, zuko_nsf or zuko_maf",
        remedy="Tell us which model it is from, so that its kind can be added",
    )


def kinds_of(thing: Any) -> set[str]:
    """Names of an object's class and of the classes it derives from."""
    return {kind.__name__ for kind in type(thing).__mro__}


@dataclass
class Layers:
    """Descriptions of layers, one after another, and their tensors by "index.name"."""

    described: list[dict[str, Any]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)

    def add(self, description: dict[str, Any], tensors: dict[str, Tensor]) -> None:
        """One layer more."""
        prefix = f"{len(self.described)}."
        self.described.append(description)
        self.tensors.update({prefix + name: value for name, value in tensors.items()})


def activation_name(activation: Any) -> str:
    """Name of an activation given as a function or a module; only those with their default constants."""
    name = getattr(activation, "__name__", type(activation).__name__)
    known = _ACTIVATION_NAMES.get(name)
    if known is None:
        raise refused(f"it uses the activation {name}")
    if isinstance(activation, nn.Module):
        default = ACTIVATIONS[known]()
        ignored = ("inplace", "training")
        constants = {n: v for n, v in vars(activation).items() if not n.startswith("_") and n not in ignored}
        if any(getattr(default, n, None) != v for n, v in constants.items()):
            raise refused(f"its activation {name} has constants of its own")
    return known


def masked_weight(layer: Any) -> Tensor:
    """Weight of a linear layer, times its mask if it has one."""
    mask = getattr(layer, "mask", None)
    weight: Tensor = layer.weight.detach()
    return weight if mask is None else weight * mask


def perceptron(layers: Any, labels: int) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """A chain of linear layers and activations whose first ``labels`` inputs are labels and the rest the star."""
    linears: list[Any] = []
    activations: set[str] = set()
    for i, layer in enumerate(layers):
        if isinstance(layer, nn.Linear) or "Linear" in kinds_of(layer):
            if len(linears) * 2 != i or layer.weight.ndim != 2 or layer.bias is None:
                raise refused("its networks are not linear layers with an activation between")
            linears.append(layer)
        elif len(linears) * 2 == i + 1:
            activations.add(activation_name(layer))
        else:
            raise refused("its networks are not linear layers with an activation between")
    if len(layers) % 2 == 0 or len(activations) != 1:
        raise refused("its networks mix activations, or have none")
    weights = [masked_weight(layer) for layer in linears]
    tensors = split_linear("first", weights[0], linears[0].bias, labels)
    for i, (layer, weight) in enumerate(zip(linears[1:], weights[1:], strict=True)):
        tensors.update({f"rest.{i}.weight": weight, f"rest.{i}.bias": layer.bias})
    described = {
        "kind": "perceptron",
        "labels": labels,
        "star": weights[0].shape[1] - labels,
        "outputs": weights[-1].shape[0],
        "hidden": [w.shape[0] for w in weights[:-1]],
        "activation": activations.pop(),
    }
    return described, tensors


def split_linear(name: str, weight: Tensor, bias: Tensor, labels: int) -> dict[str, Tensor]:
    """Tensors of a :class:`~.conditioner.SplitLinear` from one layer on [labels, star]."""
    tensors = {f"{name}.from_star.weight": weight[:, labels:], f"{name}.from_star.bias": bias}
    if labels:
        tensors[f"{name}.from_labels.weight"] = weight[:, :labels]
    return tensors


def norm_tensors(norm: Any) -> dict[str, Tensor]:
    """Tensors of a batch norm with learned scale and running statistics."""
    if norm.running_mean is None or norm.weight is None:
        raise refused("its batch norms keep no statistics")
    return dict(norm.state_dict())


def plain_layers(module: Any, context: int) -> Layers:
    """An embedding net as steps: z-scoring, linear layers, norms and activations one after another."""
    layers, size = Layers(), context
    for step in _flat(module):
        names = kinds_of(step)
        if "Standardize" in names:
            mean, std = (t.reshape(-1).expand(size) for t in (step._mean, step._std))
            layers.add({"kind": "standardise", "size": size}, {"mean": mean, "std": std})
        elif type(step) is nn.Linear and step.bias is not None:
            layers.add(
                {"kind": "linear", "in_features": step.in_features, "out_features": step.out_features},
                dict(step.state_dict()),
            )
            size = step.out_features
        elif type(step) is nn.LayerNorm and len(step.normalized_shape) == 1 and step.elementwise_affine:
            layers.add({"kind": "layer_norm", "normalized_shape": size, "eps": step.eps}, dict(step.state_dict()))
        elif type(step) is nn.BatchNorm1d:
            layers.add({"kind": "batch_norm", "num_features": size, "eps": step.eps}, norm_tensors(step))
        elif names & _ACTIVATION_NAMES.keys():
            layers.add({"kind": activation_name(step)}, {})
        else:
            raise refused(f"its embedding net holds a {type(step).__name__}")
    return layers


def _flat(module: Any) -> list[Any]:
    """Modules of nested chains, in order, without those that do nothing."""
    if module is None or isinstance(module, nn.Identity | nn.Dropout):
        return []
    if isinstance(module, nn.Sequential):
        return [step for part in module for step in _flat(part)]
    if "FCEmbedding" in kinds_of(module) and hasattr(module, "net"):
        return _flat(module.net)
    return [module]
