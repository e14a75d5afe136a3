"""Weights of a DESA that specviz trained: a layout of our own, for the published one has no heads that answer.

One safetensors file: matrices as float16, vectors as float32; the background stars beside them (``background.*``). The
header's ``config`` and ``card`` are JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import load_described, save_weights
from specviz.models.desa.config import DesaConfig
from specviz.models.desa.look import Background
from specviz.models.desa.networks import DesaNet

WEIGHTS_FORMAT = "specviz-desa-1"
_BACKGROUND = "background."


@dataclass(frozen=True, eq=False)
class DesaWeights:
    """Networks with what is needed to ask them.

    Parameters
    ----------
    net : DesaNet
    card : mapping
        ``version``, ``days`` and ``cadence_hours`` of a light curve, ``conformal`` (what is added to quantiles, by
        head), ``diagram_error``, ``ranges``, ``release`` and more.
    background : mapping of bool to Background
        Without and with catalogue values; empty where there is none.
    """

    net: DesaNet
    card: Mapping[str, Any]
    background: Mapping[bool, Background] = field(default_factory=dict)


def write(weights: DesaWeights, path: str | Path) -> str:
    """Write a weights file; returns its SHA-256."""
    state = weights.net.state_dict()
    tensors: dict[str, Tensor] = {
        k: v.half() if v.ndim > 1 else v for k, v in state.items() if not k.endswith("num_batches_tracked")
    }
    card = dict(weights.card)
    for latent, stars in weights.background.items():
        at = f"{_BACKGROUND}{'with' if latent else 'without'}."
        kinds = sorted(set(stars.kind.tolist()))
        card["kinds"], card["background_labels"] = kinds, sorted(stars.labels)
        tensors |= {
            at + "plane": torch.from_numpy(stars.plane).half(), at + "eigen": torch.from_numpy(stars.eigen).half(),
            at + "duality": torch.from_numpy(stars.duality).float(),
            _BACKGROUND + "kind": torch.tensor([kinds.index(k) for k in stars.kind.tolist()], dtype=torch.uint8),
            _BACKGROUND + "labels": torch.tensor(np.stack([stars.labels[k] for k in sorted(stars.labels)], 1)).float(),
        }  # fmt: skip
    about = {
        "format": WEIGHTS_FORMAT,
        "config": json.dumps(weights.net.config.to_dict()),
        "card": json.dumps(card),
    }
    return save_weights(path, tensors, about)


def read(path: str | Path, sha256: str | None = None) -> DesaWeights:
    """The networks of a weights file, in eval mode, float32.

    Raises
    ------
    CheckpointError
        If the file is damaged, is not the one that ``sha256`` names, or was written for another format.
    """
    tensors, told = load_described(path, WEIGHTS_FORMAT, ("config", "card"), sha256)
    name, config, card = Path(path).name, DesaConfig.from_dict(told["config"]), told["card"]
    net = DesaNet(config)
    own = {k: v for k, v in net.state_dict().items() if not k.endswith("num_batches_tracked")}
    given = {k: v for k, v in tensors.items() if not k.startswith(_BACKGROUND)}
    wrong = sorted(own.keys() ^ given.keys())
    wrong += [k for k in own.keys() & given.keys() if own[k].shape != given[k].shape]
    wrong += [k for k, v in tensors.items() if not torch.isfinite(v).all()]
    if wrong:
        raise CheckpointError(f"{name} does not fit the networks it describes: " + ", ".join(wrong[:5]))
    net.load_state_dict({k: v.float() for k, v in given.items()}, strict=False)
    return DesaWeights(net.eval().requires_grad_(False), card, _background(tensors, card, name))


def _background(tensors: Mapping[str, Tensor], card: Mapping[str, Any], name: str) -> dict[bool, Background]:
    if _BACKGROUND + "kind" not in tensors:
        return {}
    try:
        kind = np.array(card["kinds"])[tensors[_BACKGROUND + "kind"].numpy()]
        values = tensors[_BACKGROUND + "labels"].double().numpy()
        labels = {label: values[:, i] for i, label in enumerate(card["background_labels"])}
        parts = {
            latent: [tensors[f"{_BACKGROUND}{word}.{part}"].double().numpy() for part in ("plane", "eigen", "duality")]
            for latent, word in ((False, "without"), (True, "with"))
        }
    except (KeyError, IndexError) as error:
        raise CheckpointError(f"The background stars of {name} are incomplete", expected=WEIGHTS_FORMAT) from error
    return {latent: Background(part[0], part[1], part[2], kind, labels) for latent, part in parts.items()}
