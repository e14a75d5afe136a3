"""From an sbi posterior in memory to a flow's description and tensors (:class:`~.spline_flow.SplineFlow`).

What is understood: a trained ``NPE`` / ``SNPE_B`` / ``SNPE_C`` (or the ``DirectPosterior`` built from one) whose
density estimator is "nsf", "maf" or "maf_rqs" (nflows), "zuko_nsf" or "zuko_maf" (zuko), over one label or several,
z-scored labels and inputs or not, and an embedding net that is the identity or plain layers one after another.
Everything else is refused in words: a posterior that is nearly right is worse than none.

Classes are told by their name, because sbi moved them between modules from version to version. This module imports
neither sbi nor nflows nor zuko; it is handed objects that :mod:`~.convert_sbi` unpickled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from specviz.errors import CheckpointError
from specviz.models.specclip.nflows_layers import transform_layers
from specviz.models.specclip.sbi_layers import Layers, kinds_of, plain_layers, refused
from specviz.models.specclip.spline_flow import FORMAT
from specviz.models.specclip.zuko_layers import lazy_layers

#: Methods of sbi that model something else than p(labels | star), or model it otherwise.
_OTHER_METHODS = (
    *("NLE_A", "SNLE_A", "MNLE", "NRE_A", "NRE_B", "NRE_C", "SNRE_A", "SNRE_B", "SNRE_C", "BNRE"),
    *("NPE_A", "SNPE_A", "MNPE", "NPE_PFN", "FMPE", "NPSE"),
)


@dataclass(frozen=True)
class ReadPosterior:
    """What was found in a pickle.

    Attributes
    ----------
    description, tensors
        As :meth:`SplineFlow.rebuilt` takes them.
    mean, std : Tensor
        (features,): label = sample * std + mean.
    low, high : Tensor or None
        (features,), in the units of the flow: samples outside are drawn again, as sbi does with a bounded prior.
    estimator : nn.Module
        sbi's own network, in evaluation mode, to compare with.
    """

    description: dict[str, Any]
    tensors: dict[str, Tensor]
    mean: Tensor
    std: Tensor
    low: Tensor | None
    high: Tensor | None
    estimator: Any


def read_posterior(content: Any) -> ReadPosterior:
    """Understand the content of a posterior's pickle.

    Parameters
    ----------
    content : dict
        {"inference": sbi object, "mean": ..., "std": ...}, or with "means" and "stds" (specification section 4.2).

    Raises
    ------
    CheckpointError
        If it is something else, or a posterior that cannot be rebuilt exactly.
    """
    if not isinstance(content, dict):
        raise CheckpointError(
            f"The pickle holds a {type(content).__name__}", expected="a dictionary with inference, mean and std"
        )
    inference = next((content[name] for name in ("inference", "posterior") if name in content), None)
    if inference is None:
        raise CheckpointError(
            f"The pickle holds {', '.join(map(str, list(content)[:6])) or 'nothing'}",
            expected="a dictionary with inference, mean and std",
        )
    estimator = _estimator(inference)
    flow = getattr(estimator, "net", estimator)
    embedding = getattr(flow, "_embedding_net", None) or getattr(estimator, "_embedding_net", None)
    layers, features, star = _flow_layers(flow)
    context = _context(estimator, embedding, star)
    steps = plain_layers(embedding, context)
    tensors = {f"layers.{name}": value for name, value in layers.tensors.items()}
    tensors.update({f"embedding.{name}": value for name, value in steps.tensors.items()})
    description = {
        "format": FORMAT,
        "features": features,
        "context": context,
        "embedding": steps.described,
        "layers": layers.described,
    }
    low, high = _support(_prior(inference), features)
    return ReadPosterior(
        description,
        {name: value.detach().cpu().float().clone() for name, value in tensors.items()},
        _constants(content, ("mean", "means"), features),
        _constants(content, ("std", "stds"), features),
        low,
        high,
        estimator.cpu().float().eval(),
    )


def _estimator(inference: Any) -> Any:
    """The trained network of an inference object, of a posterior, or itself."""
    names = kinds_of(inference)
    other = [name for name in _OTHER_METHODS if name in names]
    if other:
        raise refused(f"it was trained by sbi's method {other[0]}, which does not give a flow over the labels")
    if "EnsemblePosterior" in names:
        raise refused("it is an ensemble of posteriors")
    found = next((getattr(inference, a) for a in ("_neural_net", "posterior_estimator") if hasattr(inference, a)), None)
    if found is None:
        found = inference
    if not isinstance(found, nn.Module):
        if hasattr(inference, "_neural_net"):
            raise CheckpointError("The posterior in this pickle was never trained")
        raise refused(f"it holds a {type(inference).__name__}")
    return found


def _flow_layers(flow: Any) -> tuple[Layers, int, int]:
    """Layers, number of labels, and length of the star's vector after the embedding."""
    if hasattr(flow, "_transform") and hasattr(flow, "_distribution"):
        if "StandardNormal" not in kinds_of(flow._distribution):
            raise refused(f"its base distribution is {type(flow._distribution).__name__}, not the standard normal")
        features = math.prod(flow._distribution._shape)
        layers = transform_layers(flow._transform, features)
    elif hasattr(flow, "transform") and hasattr(flow, "base"):
        features = _zuko_features(flow.base)
        layers = lazy_layers(flow.transform, features)
    else:
        raise refused(f"its density estimator is a {type(flow).__name__}")
    stars = {int(d["net"]["star"]) for d in layers.described if d["kind"] == "spline"}
    if len(stars) != 1:
        raise refused("its layers do not agree on the length of the star's vector")
    return layers, features, stars.pop()


def _zuko_features(base: Any) -> int:
    function = getattr(base, "f", None) or getattr(base, "meta", None)
    tensors = dict(base.state_dict())
    loc, scale = (next((tensors[n] for n in names if n in tensors), None) for names in (("loc", "_0"), ("scale", "_1")))
    standard = loc is not None and scale is not None and bool((loc == 0).all()) and bool((scale == 1).all())
    if getattr(function, "__name__", "") != "DiagNormal" or not standard:
        raise refused("its base distribution is not the standard normal")
    assert loc is not None
    return int(loc.numel())


def _context(estimator: Any, embedding: Any, star: int) -> int:
    """Length of the vector a star is given as."""
    shape = getattr(estimator, "condition_shape", None) or getattr(estimator, "_condition_shape", None)
    if shape is not None:
        if len(shape) != 1:
            raise refused(f"it expects stars of shape {tuple(shape)}")
        return int(shape[0])
    for module in embedding.modules() if isinstance(embedding, nn.Module) else ():
        if isinstance(module, nn.Linear):
            return module.in_features
    return star


def _prior(inference: Any) -> Any:
    return next((getattr(inference, name) for name in ("_prior", "prior") if hasattr(inference, name)), None)


def _support(prior: Any, features: int) -> tuple[Tensor | None, Tensor | None]:
    """The box that sbi keeps samples in, or None and None where it takes all of them."""
    if prior is None or "ImproperEmpirical" in kinds_of(prior):
        return None, None
    try:
        bounds = list(_bounds(prior.support, features))
    except (AttributeError, NotImplementedError) as error:
        raise refused(f"its prior is a {type(prior).__name__}, whose bounds cannot be read") from error
    low, high = (torch.cat([pair[i].reshape(-1) for pair in bounds]) for i in (0, 1))
    low, high = (x.expand(features).clone() if x.numel() == 1 else x for x in (low, high))
    if len(low) != features or len(high) != features:
        raise refused(f"its prior is over {len(low)} labels and the flow over {features}")
    if bool(torch.isinf(low).all()) and bool(torch.isinf(high).all()):
        return None, None
    return low, high


def _bounds(constraint: Any, features: int) -> Iterator[tuple[Tensor, Tensor]]:
    name = type(constraint).__name__
    if hasattr(constraint, "base_constraint"):
        yield from _bounds(constraint.base_constraint, features)
    elif hasattr(constraint, "cseq"):  # several one after another
        lengths = getattr(constraint, "lengths", [1] * len(constraint.cseq))
        for part, length in zip(constraint.cseq, lengths, strict=True):
            yield from ((low.expand(length), high.expand(length)) for low, high in _bounds(part, length))
    elif name in ("_Real", "_RealVector"):
        yield torch.full((features,), -math.inf), torch.full((features,), math.inf)
    elif name in ("_Interval", "_HalfOpenInterval", "_GreaterThan", "_GreaterThanEq", "_LessThan"):
        low = torch.as_tensor(getattr(constraint, "lower_bound", -math.inf), dtype=torch.float32).cpu()
        high = torch.as_tensor(getattr(constraint, "upper_bound", math.inf), dtype=torch.float32).cpu()
        low, high = torch.broadcast_tensors(low.reshape(-1), high.reshape(-1))
        yield low.clone(), high.clone()
    else:
        raise refused(f"its prior has bounds of the kind {name.lstrip('_')}")


def _constants(content: dict[Any, Any], names: tuple[str, str], features: int) -> Tensor:
    """The mean or the standard deviation of the labels, one each."""
    found = next((content[name] for name in names if name in content), None)
    if found is None:
        raise CheckpointError(f"The pickle holds no {names[0]} of the label", expected="inference, mean and std")
    try:
        value = torch.as_tensor(found, dtype=torch.float64).detach().cpu().reshape(-1)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"The {names[0]} in this pickle is not a number ({type(found).__name__})") from error
    if value.numel() not in (1, features) or not bool(torch.isfinite(value).all()):
        raise CheckpointError(f"The {names[0]} in this pickle has {value.numel()} values", expected=f"{features}")
    if names[0] == "std" and not bool((value > 0).all()):
        raise CheckpointError("A standard deviation in this pickle is not positive")
    return value.expand(features).float().clone()
