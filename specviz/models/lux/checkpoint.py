"""Weights of a Lux model: a layout of our own, for the public code (pollux) ships none.

One safetensors file: ``basis`` and ``scatter``, ``centre`` and ``scale`` of every number, the typical errors by which
stars are compared, the law of dust, and how far predictions from each source are off (``spread.SOURCE``). The header's
``config`` and ``card`` are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_described, save_weights
from specviz.models.lux.config import LuxConfig
from specviz.models.lux.modules import LuxNet

WEIGHTS_FORMAT = "specviz-lux-1"
_TENSORS = ("basis", "scatter", "centre", "scale", "typical")
_SPREAD = "spread."


@dataclass(frozen=True, eq=False)
class LuxWeights:
    """A fitted model with the units of its data.

    Parameters
    ----------
    net : LuxNet
        Of data that are ``(x - centre) / scale``, with x on the scale of :mod:`specviz.models.lux.scales`.
    centre, scale : Tensor, shape (D,)
    typical : Tensor, shape (D,)
        Typical errors of the scaled data: what a difference between two stars is measured by.
    card : mapping
        ``version``, ``labels`` (names), ``ranges``, ``release`` and more.
    spread : mapping of source to Tensor, shape (D,)
        What is added in quadrature to the error of a number that is predicted from that source ("lamost_lrs", "blue",
        "red", "gaia_xp", "both", "lamost_lrs+ebv"), found on validation stars; the scatter without it.
    dust : Tensor, shape (L,), optional
        k(lambda) - k(550 nm) on the grid of XP; see :class:`specviz.models.protocol.PredictedSpectrum`.
    """

    net: LuxNet
    centre: Tensor
    scale: Tensor
    typical: Tensor
    card: Mapping[str, Any]
    spread: Mapping[str, Tensor] = field(default_factory=dict)
    dust: Tensor | None = None


def write(weights: LuxWeights, path: str | Path) -> str:
    """Write a weights file; returns its SHA-256."""
    net = weights.net
    tensors = {
        "basis": net.basis.float(), "scatter": net.scatter.float(), "centre": weights.centre.float(),
        "scale": weights.scale.float(), "typical": weights.typical.float(),
        **{_SPREAD + source: spread.float() for source, spread in weights.spread.items()},
    }  # fmt: skip
    if weights.dust is not None:
        tensors["dust"] = weights.dust.float()
    about = {
        "format": WEIGHTS_FORMAT,
        "config": json.dumps(net.config.to_dict()),
        "card": json.dumps(dict(weights.card)),
    }
    return save_weights(path, tensors, about)


def read(path: str | Path, sha256: str | None = None) -> LuxWeights:
    """The model of a weights file, float64.

    Raises
    ------
    CheckpointError
        If the file is damaged, is not the one that ``sha256`` names, or was written for another format.
    """
    tensors, told = load_described(path, WEIGHTS_FORMAT, ("config", "card"), sha256)
    name, config, card = Path(path).name, LuxConfig.from_dict(told["config"]), told["card"]
    sources = [key for key in tensors if key.startswith(_SPREAD)]
    shapes: dict[str, tuple[int, ...]] = {
        key: (config.size, config.latent) if key == "basis" else (config.size,) for key in (*_TENSORS, *sources)
    }
    if "dust" in tensors:
        shapes["dust"] = tuple(output.size for output in config.outputs if output.name == "gaia_xp")
    wrong = [key for key, shape in shapes.items() if key not in tensors or tuple(tensors[key].shape) != shape]
    wrong += [key for key in shapes if key in tensors and not torch.isfinite(tensors[key]).all()]
    if wrong:
        raise CheckpointError(f"{name} does not fit the model it describes: " + ", ".join(wrong))
    net = LuxNet(config)
    net.basis.copy_(tensors["basis"])
    net.scatter.copy_(tensors["scatter"])
    centre, scale, typical = (tensors[key].double() for key in ("centre", "scale", "typical"))
    spread = {key.removeprefix(_SPREAD): tensors[key].double() for key in sources}
    dust = tensors["dust"].double() if "dust" in tensors else None
    return LuxWeights(net, centre, scale, typical, card, spread, dust)
