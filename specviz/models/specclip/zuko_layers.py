"""Layers of a zuko flow (sbi's "zuko_nsf", "zuko_maf") as description and tensors."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from specviz.models.specclip.sbi_layers import Layers, kinds_of, perceptron, refused


def lazy_layers(transform: Any, features: int) -> Layers:
    """All layers of a lazy ``transform``, in the order label -> noise."""
    layers = Layers()
    steps = list(transform.transforms) if hasattr(transform, "transforms") else [transform]
    for step in steps:
        names = kinds_of(step)
        if names & {"UnconditionalTransform", "Unconditional"}:
            _affine(layers, step, features)
        elif "MaskedAutoregressiveTransform" in names:
            everything = list(range(features))
            _conditioned(layers, step, everything, everything, int(step.passes))
        elif "ElementWiseTransform" in names:  # what a single label is given
            _conditioned(layers, step, [], list(range(features)), 1)
        else:
            raise refused(f"one of its layers is a {type(step).__name__}")
    return layers


def _affine(layers: Layers, step: Any, features: int) -> None:
    function = getattr(step, "f", None) or getattr(step, "meta", None)
    tensors = dict(step.state_dict())
    loc, scale = (next((tensors[n] for n in names if n in tensors), None) for names in (("loc", "_0"), ("scale", "_1")))
    if getattr(function, "__name__", "") != "AffineTransform" or loc is None or scale is None:
        raise refused(f"it transforms its labels by {getattr(function, '__name__', type(function).__name__)}")
    layers.add(
        {"kind": "affine", "size": features},
        {"scale": scale.reshape(-1).expand(features), "shift": loc.reshape(-1).expand(features)},
    )


def _conditioned(layers: Layers, step: Any, inputs: list[int], outputs: list[int], passes: int) -> None:
    if not hasattr(step, "hyper"):
        raise refused("one of its layers does not look at the star")
    net, tensors = perceptron(list(step.hyper), len(inputs))
    layers.add(
        {
            "kind": "spline",
            "inputs": inputs,
            "outputs": outputs,
            "passes": passes,
            "element": _element(step.univariate, step.shapes),
            "net": net,
        },
        {f"net.{name}": value for name, value in tensors.items()},
    )


def _element(univariate: Any, shapes: Any) -> dict[str, Any]:
    given = dict(univariate.keywords) if isinstance(univariate, partial) else {}
    kind = univariate.func if isinstance(univariate, partial) else univariate
    name = getattr(kind, "__name__", type(kind).__name__)
    if name not in ("MonotonicRQSTransform", "MonotonicAffineTransform"):
        raise refused(f"its layers are made of {name}")
    if isinstance(univariate, partial) and univariate.args:
        raise refused("its splines were built in an unusual way")
    # What was not given is what this version of zuko takes: the class keeps its constants as defaults.
    taken = {n: p.default for n, p in inspect.signature(kind).parameters.items() if p.default is not inspect._empty}
    constants = {n: float(given.get(n, taken[n])) for n in ("bound", "slope") if n in taken or n in given}
    if name == "MonotonicAffineTransform":
        return {"rule": "exp", "slope": constants["slope"]}
    bins = [shape[0] for shape in shapes]
    if len(bins) != 3 or bins[0] != bins[1] or bins[2] != bins[0] - 1:
        raise refused("its splines have an unusual number of parameters")
    return {"rule": "zuko", "bins": bins[0], "bound": constants["bound"], "slope": constants["slope"]}
