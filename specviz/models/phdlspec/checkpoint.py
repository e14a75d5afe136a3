"""Weights of the emulator: a layout of our own, for PhDLspec (arXiv 2604.02730) has published no weights and no code.

One safetensors file. Tensors have the names of :class:`~specviz.models.phdlspec.modules.EmulatorNet`; matrices are
stored as float16, vectors and the fixed buffers as float32, and everything is computed in float32. The header's
``config`` and ``card`` are JSON. Should official weights appear, their names are to be translated here, nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_described, save_weights
from specviz.models.phdlspec.config import LABEL_NAMES, PhdlspecConfig
from specviz.models.phdlspec.modules import EmulatorNet

#: ``format`` in the header of a weights file; another one cannot be read.
WEIGHTS_FORMAT = "specviz-phdlspec-1"


def shipped(net: EmulatorNet) -> dict[str, Tensor]:
    """The tensors as they are stored."""
    return {k: v.half() if v.ndim > 1 else v for k, v in net.state_dict().items()}


def write(net: EmulatorNet, path: Path, card: Mapping[str, Any]) -> str:
    """Write a network's weights; returns the SHA-256 of the file."""
    metadata = {
        "format": WEIGHTS_FORMAT,
        "config": json.dumps(net.config.to_dict()),
        "labels": json.dumps(LABEL_NAMES),
        "card": json.dumps(dict(card)),
    }
    return save_weights(path, shipped(net), metadata)


def read(path: Path, sha256: str | None = None) -> tuple[EmulatorNet, dict[str, Any]]:
    """The network, in eval mode and without gradients to its weights, and the card of a weights file.

    Raises
    ------
    CheckpointError
        If the file is damaged, is not the one that ``sha256`` names, or was written for another format or labels.
    """
    tensors, told = load_described(path, WEIGHTS_FORMAT, ("labels", "config", "card"), sha256)
    name, (labels, config, card) = Path(path).name, told.values()
    if tuple(labels) != LABEL_NAMES:
        raise CheckpointError(f"{name} takes other labels", expected=", ".join(LABEL_NAMES))
    net = EmulatorNet(PhdlspecConfig.from_dict(config))
    own = net.state_dict()
    wrong = sorted(own.keys() ^ tensors.keys())
    wrong += [k for k, v in tensors.items() if k in own and v.shape != own[k].shape]
    if wrong:
        raise CheckpointError(f"{name} does not fit the network it describes: " + ", ".join(wrong[:5]))
    broken = [k for k, v in tensors.items() if not torch.isfinite(v).all()]
    if broken:
        raise CheckpointError(f"{name} holds values that are not finite: " + ", ".join(broken[:5]))
    net.load_state_dict({k: v.float() for k, v in tensors.items()})
    return net.eval().requires_grad_(False), card
