"""Weights of a Lux model: a layout of our own, for the public code (pollux) ships none.

One safetensors file: ``basis`` (float32) and ``scatter``, ``centre`` and ``scale`` of every number, and the typical
errors by which stars are compared. The header's ``config`` and ``card`` are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_weights, save_weights
from specviz.models.lux.config import LuxConfig
from specviz.models.lux.modules import LuxNet

WEIGHTS_FORMAT = "specviz-lux-1"
_TENSORS = ("basis", "scatter", "centre", "scale", "typical")


@dataclass(frozen=True, eq=False)
class LuxWeights:
    """A fitted model with the units of its data.

    Parameters
    ----------
    net : LuxNet
        Of data that are ``(x - centre) / scale``.
    centre, scale : Tensor, shape (D,)
    typical : Tensor, shape (D,)
        Typical errors of the scaled data: what a difference between two stars is measured by.
    card : mapping
        ``version``, ``labels`` (names), ``ranges``, ``release`` and more.
    """

    net: LuxNet
    centre: Tensor
    scale: Tensor
    typical: Tensor
    card: Mapping[str, Any]


def write(weights: LuxWeights, path: str | Path) -> str:
    """Write a weights file; returns its SHA-256."""
    net = weights.net
    tensors = {
        "basis": net.basis.float(), "scatter": net.scatter.float(), "centre": weights.centre.float(),
        "scale": weights.scale.float(), "typical": weights.typical.float(),
    }  # fmt: skip
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
    tensors, metadata = load_weights(path, sha256)
    name = Path(path).name
    if metadata.get("format") != WEIGHTS_FORMAT:
        raise CheckpointError(f"{name} has the format {metadata.get('format', 'unknown')!r}", expected=WEIGHTS_FORMAT)
    try:
        config, card = LuxConfig.from_dict(json.loads(metadata["config"])), json.loads(metadata["card"])
    except (KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{name} lacks the description of its model", expected=WEIGHTS_FORMAT) from error
    shapes = {key: (config.size, config.latent) if key == "basis" else (config.size,) for key in _TENSORS}
    wrong = [key for key, shape in shapes.items() if key not in tensors or tuple(tensors[key].shape) != shape]
    wrong += [key for key in shapes if key in tensors and not torch.isfinite(tensors[key]).all()]
    if wrong:
        raise CheckpointError(f"{name} does not fit the model it describes: " + ", ".join(wrong))
    net = LuxNet(config)
    net.basis.copy_(tensors["basis"])
    net.scatter.copy_(tensors["scatter"])
    centre, scale, typical = (tensors[key].double() for key in ("centre", "scale", "typical"))
    return LuxWeights(net, centre, scale, typical, card)
