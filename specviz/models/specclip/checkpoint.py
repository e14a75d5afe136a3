"""Official weights in, our modules out, and back: :func:`from_official` is the one door to all released networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from specviz.errors import CheckpointError
from specviz.models.checkpoint_reader import read_checkpoint
from specviz.models.restricted_unpickler import ForeignObject
from specviz.models.specclip.clip import SpecClipBase, SpecClipPredRecon, SpecClipSplit
from specviz.models.specclip.config import (
    ClipConfig,
    LabelHeadConfig,
    LamostEncoderConfig,
    SplitConfig,
    XpAutoEncoderConfig,
    XpEncoderConfig,
)
from specviz.models.specclip.label_head import LabelHead
from specviz.models.specclip.masked_transformer import LamostMaskedTransformer, XpMaskedTransformer
from specviz.models.specclip.official_names import relations
from specviz.models.specclip.xp_autoencoder import XpAutoEncoder

#: Every kind of official network: its configuration and our module.
KINDS: Mapping[str, tuple[Any, Any]] = {
    "lrs_encoder": (LamostEncoderConfig, LamostMaskedTransformer),
    "xp_encoder": (XpEncoderConfig, XpMaskedTransformer),
    "xp_encoder_mlp": (XpAutoEncoderConfig, XpAutoEncoder),
    "base": (ClipConfig, SpecClipBase),
    "predrecon": (ClipConfig, SpecClipPredRecon),
    "split": (SplitConfig, SpecClipSplit),
    "mlp_head": (LabelHeadConfig, LabelHead),
}


def from_official(
    kind: str,
    config: Any,
    state_dict: Mapping[str, Any],
    state_dict_lowrank: Mapping[str, Mapping[str, Tensor]] | None = None,
) -> Any:
    """One of the official networks, with its weights, in eval mode.

    Parameters
    ----------
    kind : str
        "lrs_encoder", "xp_encoder", "xp_encoder_mlp", "base", "predrecon", "split" or "mlp_head".
    config : mapping, one of our configuration dataclasses, or None
        The constructor arguments in official terms (bare, or under ``hyper_parameters``); None for the released values.
    state_dict : mapping of str to tensor
        Weights under their official names. Strict: a missing, unexpected or misshapen tensor is an error. They are
        copied.
    state_dict_lowrank : mapping of str to {"U", "V"}, optional
        Weights given as ``U @ V.T``.

    Raises
    ------
    CheckpointError
        Naming the tensors that are missing, unexpected, of another shape, or not finite.
    """
    if not isinstance(state_dict, Mapping):
        raise CheckpointError(
            f"The weights are a {type(state_dict).__name__}", expected="a mapping of names to tensors"
        )
    weights = dict(state_dict)
    for name, factors in (state_dict_lowrank or {}).items():
        weights[name] = factors["U"] @ factors["V"].T
    module = build(kind, config, names=tuple(weights), device="meta")
    _check(kind, official_shapes(module), weights)
    ours = _convert(module, weights, official_in=True)
    module.load_state_dict(ours, strict=True, assign=True)
    return module.eval()


def from_official_file(kind: str, path: str | Path, config: Any = None) -> Any:
    """Like :func:`from_official`, from an official ``.ckpt`` or ``.pt``, opened without running anything in it.

    Without ``config`` the encoders' own ``hyper_parameters`` are used; the other kinds take the released values.
    """
    content = read_checkpoint(path)
    key = next((k for k in ("state_dict", "model_state_dict") if k in content), None)
    if key is None:
        raise CheckpointError(
            f"{Path(path).name} holds no weights", expected="'state_dict' or 'model_state_dict' inside"
        )
    if config is None and kind in ("lrs_encoder", "xp_encoder", "xp_encoder_mlp"):
        config = content.get("hyper_parameters")
        if isinstance(config, ForeignObject):  # Lightning's own kind of dictionary
            config = config.entries
    return from_official(kind, config, content[key])


def build(kind: str, config: Any = None, *, names: Sequence[str] = (), device: str = "cpu") -> Any:
    """The module of ``kind`` with fresh weights, in training mode.

    On ``device="meta"`` it has shapes but no memory. ``names`` are the official names of weights to come: they tell
    how the LAMOST head of a base or predrecon model pools its tokens.
    """
    if kind not in KINDS:
        raise CheckpointError(f"Unknown kind of SpecCLIP network {kind!r}", expected="one of " + ", ".join(KINDS))
    config_class, module_class = KINDS[kind]
    if config is None:
        config = config_class()
    elif isinstance(config, Mapping):
        values = config.get("hyper_parameters", config)
        if not isinstance(values, Mapping):
            raise CheckpointError(f"The hyper_parameters are a {type(values).__name__}", expected="a mapping")
        config = config_class.from_official(values)
    elif type(config) is not config_class:
        raise CheckpointError(
            f"A {type(config).__name__} does not describe a {kind}", expected=f"a mapping or a {config_class.__name__}"
        )
    if kind in ("base", "predrecon") and "lamost_lrs_encoder.projection.weight" in names:
        config = replace(config, lamost_pooling="mean")
    with torch.device(device):
        return module_class(config)


def to_official(module: nn.Module) -> dict[str, Tensor]:
    """The weights of one of our SpecCLIP modules under their official names and in their official shapes."""
    return _convert(module, module.state_dict(), official_in=False)


def official_shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the official state_dict of one of our SpecCLIP modules.

    Plain arithmetic, because the first operation on meta tensors makes torch import its compiler, which takes seconds.
    """
    own = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    shapes: dict[str, tuple[int, ...]] = {}
    for relation in relations(module):
        first = own[relation.ours[0]]
        if len(relation.ours) == len(relation.official) == 1:
            shapes[relation.official[0]] = first
            continue
        unit = sum(own[name][0] for name in relation.ours) // sum(relation.official_parts)
        for name, part in zip(relation.official, relation.official_parts, strict=True):
            shapes[name] = (unit * part, *first[1:])
    return shapes


def _convert(module: nn.Module, tensors: Mapping[str, Tensor], *, official_in: bool) -> dict[str, Tensor]:
    own = module.state_dict()
    result: dict[str, Tensor] = {}
    for relation in relations(module):
        if official_in:
            source, target, parts = relation.official, relation.ours, relation.ours_parts
        else:
            source, target, parts = relation.ours, relation.official, relation.official_parts
        dtype = own[relation.ours[0]].dtype
        found = [tensors[name].detach().to(dtype) for name in source]
        if len(source) == len(target) == 1:
            result[target[0]] = found[0].clone()
            continue
        joined = torch.cat(found)
        unit = joined.shape[0] // sum(parts)
        pieces = joined.split([unit * part for part in parts])
        result.update((name, piece.clone()) for name, piece in zip(target, pieces, strict=True))
    return result


def _check(kind: str, expected: Mapping[str, tuple[int, ...]], given: Mapping[str, Any]) -> None:
    """Raise one CheckpointError that lists everything that does not fit."""
    missing = sorted(expected.keys() - given.keys())
    unexpected = sorted(given.keys() - expected.keys())
    wrong = []
    for name in sorted(expected.keys() & given.keys()):
        tensor = given[name]
        if not isinstance(tensor, Tensor):
            wrong.append(f"{name} is a {type(tensor).__name__}, not a tensor")
        elif tuple(tensor.shape) != expected[name]:
            wrong.append(f"{name} is {tuple(tensor.shape)}, not {expected[name]}")
        elif not torch.isfinite(tensor).all():
            wrong.append(f"{name} holds values that are not finite")
    problems = [
        f"{label}: {'; '.join(names)}"
        for label, names in (("missing", missing), ("unexpected", unexpected), ("wrong", wrong))
        if names
    ]
    if problems:
        raise CheckpointError(
            f"These weights do not fit a SpecCLIP {kind} ({' | '.join(problems)})",
            expected=f"the {len(expected)} tensors of the official network",
            remedy="Check the kind and the configuration against the file",
        )
