"""Weights of a SpectraFM that specviz trained: one safetensors file.

``net.*`` (float16), of each survey ``pixels.SURVEY.{wavelength,centre,scale}``, ``inflate.SURVEY`` (what errors are
multiplied by) and ``embedding.SURVEY.{centre,scale}``, and ``labels.{centre,scale}``. The header's ``config``,
``pixels``, ``labels`` and ``card`` are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_described, save_weights
from specviz.models.spectrafm.config import SpectraFMConfig
from specviz.models.spectrafm.modules import SpectraFMNet
from specviz.models.spectrafm.pixels import PixelScale

WEIGHTS_FORMAT = "specviz-spectrafm-1"
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SpectraFMWeights:
    """A network with the units of its numbers.

    Parameters
    ----------
    net : SpectraFMNet
    pixels : mapping of survey to (token name, PixelScale)
        What a pixel of a survey is called in the vocabulary, and its standardisation.
    labels : mapping of label (the field's name) to token name
        In the order in which they are given.
    centre, scale : array, shape (K,)
        A label is ``value * scale + centre``.
    inflate : mapping of survey to array, shape (K,)
        The error of a label is ``exp(log_variance / 2) * scale * inflate``.
    embedding : mapping of survey to (centre, scale), array, shape (D,) each
        Of the pooled tokens over typical stars.
    card : mapping
        ``version``, ``ranges``, ``notes``, ``release`` and more.
    """

    net: SpectraFMNet
    pixels: Mapping[str, tuple[str, PixelScale]]
    labels: Mapping[str, str]
    centre: Array
    scale: Array
    inflate: Mapping[str, Array]
    embedding: Mapping[str, tuple[Array, Array]]
    card: Mapping[str, Any]


def write(weights: SpectraFMWeights, path: str | Path) -> str:
    """Write a weights file, the network in float16; returns its SHA-256."""
    tensors = {f"net.{k}": v.detach().half() for k, v in weights.net.state_dict().items()}
    for survey, (_, scale) in weights.pixels.items():
        for key in ("wavelength", "centre", "scale"):
            tensors[f"pixels.{survey}.{key}"] = torch.tensor(getattr(scale, key)).float()
        tensors[f"inflate.{survey}"] = torch.from_numpy(weights.inflate[survey]).float()
        for key, array in zip(("centre", "scale"), weights.embedding[survey], strict=True):
            tensors[f"embedding.{survey}.{key}"] = torch.from_numpy(array).float()
    for key in ("centre", "scale"):
        tensors[f"labels.{key}"] = torch.from_numpy(getattr(weights, key)).float()
    about = {
        "format": WEIGHTS_FORMAT,
        "config": json.dumps(weights.net.config.to_dict()),
        "pixels": json.dumps({survey: token for survey, (token, _) in weights.pixels.items()}),
        "labels": json.dumps(dict(weights.labels)),
        "card": json.dumps(dict(weights.card)),
    }
    return save_weights(path, {k: v.contiguous() for k, v in tensors.items()}, about)


def read(path: str | Path, sha256: str | None = None) -> SpectraFMWeights:
    """The weights of a file, the network in eval mode.

    Raises
    ------
    CheckpointError
        If the file is damaged, is not the one that ``sha256`` names, or was written for another format.
    """
    tensors, told = load_described(path, WEIGHTS_FORMAT, ("config", "pixels", "labels", "card"), sha256)
    name = Path(path).name
    try:
        config, tokens, labels, card = told.values()
        net = SpectraFMNet(SpectraFMConfig.from_dict(config))
        state = {k.removeprefix("net."): v.float() for k, v in tensors.items() if k.startswith("net.")}
        net.load_state_dict(state)
        rest: dict[str, Array] = {
            k: v.float().numpy().astype(np.float64) for k, v in tensors.items() if not k.startswith("net.")
        }
        pixels = {
            survey: (
                str(token),
                PixelScale(*(rest[f"pixels.{survey}.{k}"] for k in ("wavelength", "centre", "scale"))),
            )
            for survey, token in tokens.items()
        }
        weights = SpectraFMWeights(
            net.eval().requires_grad_(False), pixels, labels, rest["labels.centre"], rest["labels.scale"],
            {survey: rest[f"inflate.{survey}"] for survey in tokens},
            {survey: (rest[f"embedding.{survey}.centre"], rest[f"embedding.{survey}.scale"]) for survey in tokens},
            card,
        )  # fmt: skip
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{name} lacks the description of its model", expected=WEIGHTS_FORMAT) from error
    except RuntimeError as error:
        raise CheckpointError(f"{name} does not fit the network its metadata describe") from error
    check(weights, name)
    return weights


def check(weights: SpectraFMWeights, name: str) -> None:
    """Refuse weights whose parts do not fit each other.

    Raises
    ------
    CheckpointError
    """
    sizes = {a.shape for a in (weights.centre, weights.scale, *weights.inflate.values())}
    widths = {a.shape for pair in weights.embedding.values() for a in pair}
    if sizes != {(len(weights.labels),)} or widths != {(weights.net.config.width,)}:
        raise CheckpointError(f"{name} does not fit the network its metadata describe")
    for token in (*weights.labels.values(), *(t for t, _ in weights.pixels.values())):
        weights.net.config.token(token)
    if not all(torch.isfinite(v).all() for v in weights.net.state_dict().values()):
        raise CheckpointError(f"{name} has weights that are not finite")
