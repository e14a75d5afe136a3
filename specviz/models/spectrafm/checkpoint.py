"""Official weights of SpectraFM and StellarPerceptron: their names in, ours out.

The published folder holds ``config.json`` (sizes, vocabulary, standardisation), ``embed_map.npz`` (which row of the
table a token uses, as ``keys`` and ``values``) and ``weights.pt``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import read_checkpoint
from specviz.models.spectrafm.config import SpectraFMConfig
from specviz.models.spectrafm.modules import SpectraFMNet

_BLOCK = re.compile(r"torch_(encoder|decoder)\.\1_transformer_block_(\d)\.(.+)")
_INSIDE = {"dense_1": "wide", "dense_2": "narrow", "layernorm_1": "norm_attention", "layernorm_2": "norm_dense"}
_HEAD = {"decoder_out": "value", "decoder_logvar_out": "log_variance"}


@dataclass(frozen=True, eq=False)
class Standardisation:
    """``(x - centre) / scale`` of each token, shape (T + 1,), index = token; where ``known`` is False it has none."""

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    known: NDArray[np.bool_]


def our_name(name: str) -> str:
    """Name of a tensor here.

    Raises
    ------
    CheckpointError
        If it is none of the official network's.
    """
    name = name.removeprefix("module.")  # saved from within DistributedDataParallel
    if name == "embedding_layer.embeddings":
        return "embedding.table"
    if name == "embedding_layer.bias":
        return "embedding.bias"
    found = _BLOCK.fullmatch(name)
    if found:
        part, _, rest = found[3].partition(".")
        return f"{found[1]}.{int(found[2]) - 1}.{_INSIDE.get(part, part)}.{rest}"
    found = re.fullmatch(r"torch_decoder\.decoder_dense_([3-6])\.(weight|bias)", name)
    if found:
        return f"head.{int(found[1]) - 3}.{found[2]}"
    found = re.fullmatch(r"torch_decoder\.(decoder_out|decoder_logvar_out)\.(weight|bias)", name)
    if found:
        return f"{_HEAD[found[1]]}.{found[2]}"
    raise CheckpointError(f"{name} is no tensor of SpectraFM")


def from_official(config: SpectraFMConfig, tensors: Mapping[str, Tensor], rows: Tensor | None = None) -> SpectraFMNet:
    """The network of official tensors, in eval mode.

    Raises
    ------
    CheckpointError
        If tensors are missing, unknown or of other shapes.
    """
    net = SpectraFMNet(config, rows)
    own, taken = net.state_dict(), {our_name(name): tensor for name, tensor in tensors.items()}
    wrong = sorted(own.keys() ^ taken.keys()) + [k for k in own.keys() & taken.keys() if own[k].shape != taken[k].shape]
    if wrong:
        raise CheckpointError("These weights do not fit SpectraFM of these sizes: " + ", ".join(wrong[:5]))
    net.load_state_dict({k: v.float() for k, v in taken.items()})
    return net.eval().requires_grad_(False)


def read_official(folder: str | Path) -> tuple[SpectraFMNet, Standardisation]:
    """The network and the standardisation of a published folder.

    Raises
    ------
    CheckpointError
        If a file is absent or damaged, or does not fit the others.
    """
    folder = Path(folder)
    try:
        told = json.loads((folder / "config.json").read_text("utf-8"))
        config = config_of(told)
        norm = _standardisation(told, len(config.vocabulary) + 1)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"There is no config.json in {folder}", expected="a published SpectraFM folder"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"config.json in {folder.name} is damaged or of another model") from error
    content = read_checkpoint(folder / "weights.pt")
    tensors = content.get("model_state_dict")
    if not isinstance(tensors, Mapping):
        raise CheckpointError("weights.pt has no model_state_dict")
    return from_official(config, dict(tensors), _rows(folder / "embed_map.npz", len(config.vocabulary) + 1)), norm


def config_of(told: Mapping[str, Any]) -> SpectraFMConfig:
    """Sizes of an official ``config.json``; its network has the wavelength's origin and scale built in."""
    nn, tokens = told["nn_config"], told["tokenizer_config"]
    return SpectraFMConfig(
        vocabulary=tuple(tokens["vocabs"] if "vocabs" in tokens else tokens["vocab"]),
        context=int(nn["context_length"]),
        width=int(nn["embedding_dim"]),
        encoder_heads=int(nn["encoder_head_num"]),
        encoder_dense=int(nn["encoder_dense_num"]),
        decoder_heads=int(nn["decoder_head_num"]),
        decoder_dense=int(nn["decoder_dense_num"]),
        dropout=float(nn.get("encoder_dropout_rate", 0.0)),
    )


def _standardisation(told: Mapping[str, Any], n: int) -> Standardisation:
    norm = told["norm_config"]
    centre, scale, known = (np.asarray(norm[f"_input_{k}"], float) for k in ("mean", "std", "standardized"))
    if not centre.shape == scale.shape == known.shape == (n,):
        raise CheckpointError(f"The standardisation is of {centre.shape}, not of {n} tokens")
    return Standardisation(centre, scale, known.astype(bool))


def _rows(path: Path, n: int) -> Tensor | None:
    """Row of each token; None where the folder has no map: each token then has its own."""
    if not path.is_file():
        return None
    try:
        with np.load(path, allow_pickle=False) as file:
            keys, values = (np.asarray(file[k], np.int64) for k in ("keys", "values"))
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path.name} is damaged") from error
    rows = np.arange(n)
    if keys.shape != values.shape or not ((keys >= 0) & (keys < n) & (values >= 0) & (values < n)).all():
        raise CheckpointError(f"{path.name} maps tokens that the network does not have")
    rows[keys] = values
    return torch.from_numpy(rows)
