"""The configuration of an official network, read from its weights.

The contrastive checkpoints do not say how wide they are: their constructors were given modules. Widths are in the
shapes; the few numbers that change no shape (heads of the attention, overlap of the slices) are taken from the
encoders' ``hyper_parameters`` and from the pickled heads, and have the released values where these are silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

from specviz.errors import CheckpointError
from specviz.models.restricted_unpickler import ForeignObject
from specviz.models.specclip.config import (
    ClipConfig,
    LabelHeadConfig,
    LamostEncoderConfig,
    SplitConfig,
    XpAutoEncoderConfig,
    XpEncoderConfig,
)

State = Mapping[str, Any]
_LAMOST, _XP = "lamost_lrs_encoder.", "gaia_xp_encoder."


def lamost_encoder(state: State, hyper: Mapping[str, Any], prefix: str = "") -> LamostEncoderConfig:
    """Of the LAMOST masked transformer whose tensors are called ``<prefix>data_embed.weight`` and so on."""
    embed, token = _shape(state, f"{prefix}data_embed.weight")
    values = {
        **_numbers(hyper),
        "embed_dim": embed,
        "input_dim": token,
        "slice_section_length": token - 1,
        "max_len": _shape(state, f"{prefix}position_embed.weight")[0],
        "num_layers": _count(state, lambda i: f"{prefix}blocks.{i}.ln1.weight"),
    }
    return LamostEncoderConfig.from_official(values)


def xp_encoder(state: State, hyper: Mapping[str, Any]) -> XpEncoderConfig:
    """Of the XP masked transformer."""
    values = {
        **_numbers(hyper),
        "embed_dim": _shape(state, "data_embed.weight")[0],
        "max_len": _shape(state, "position_embed.weight")[0],
        "num_layers": _count(state, lambda i: f"blocks.{i}.ln1.weight"),
        "input_dim": 1,
    }
    return XpEncoderConfig.from_official(values)


def xp_autoencoder(state: State, hyper: Mapping[str, Any], prefix: str = "") -> XpAutoEncoderConfig:
    """Of the XP auto-encoder."""
    hidden, entrance = _shape(state, f"{prefix}input_proj.weight")
    values = {
        **_numbers(hyper),
        "input_dim": 1,
        "hidden_dim": hidden,
        "seq_len": entrance - 2,
        "bottleneck_dim": _shape(state, f"{prefix}bottleneck_down.weight")[0],
        "num_encoder_blocks": _count(state, lambda i: f"{prefix}encoder_blocks.{i}.norm.weight"),
        "num_decoder_blocks": _count(state, lambda i: f"{prefix}decoder_blocks.{i}.norm.weight"),
        "expansion_factor": _shape(state, f"{prefix}encoder_blocks.0.mlp.0.weight")[0] // max(hidden, 1),
    }
    return XpAutoEncoderConfig.from_official(values)


def clip(
    kind: str, state: State, hyper: Mapping[str, Any], lamost: Mapping[str, Any], xp: Mapping[str, Any]
) -> ClipConfig:
    """Of ``kind`` "base", "predrecon" or "split".

    Parameters
    ----------
    hyper : mapping
        ``hyper_parameters`` of the checkpoint, with the pickled heads as :class:`ForeignObject`.
    lamost, xp : mapping
        ``hyper_parameters`` of the encoders' checkpoints; may be empty.
    """
    backbone_heads = pickled_number(hyper.get("lamost_lrs_encoder"), ("backbone",), "num_heads")
    lamost_config = lamost_encoder(state, _or(lamost, "num_heads", backbone_heads), f"{_LAMOST}backbone.")
    common: dict[str, Any] = {
        "lamost": lamost_config,
        "xp": xp_autoencoder(state, xp, f"{_XP}backbone."),
        "temperature": _temperature(hyper),
    }
    if kind != "base":
        common["lamost_decoder_widths"] = _widths(state, "lamost_lrs_cross_decoder")
        common["xp_decoder_widths"] = _widths(state, "gaia_xp_cross_decoder")
    heads = hyper.get("lamost_lrs_encoder")
    if kind == "split":
        shared = _shape(state, f"{_XP}shared_projection.weight")[0]
        private = _shape(state, f"{_XP}private_projection.weight")[0]
        return SplitConfig(
            **common,
            embed_dim=shared + private,
            shared_dim=shared,
            private_dim=private,
            feature_hidden=_shape(state, f"{_XP}shared_feature_mlp.0.weight")[0],
            n_heads=pickled_number(heads, ("shared_attention", "multihead_attn"), "num_heads") or 4,
            private_heads=pickled_number(heads, ("private_attention", "multihead_attn"), "num_heads") or 2,
        )
    return ClipConfig(
        **common,
        embed_dim=_shape(state, f"{_XP}projection.weight")[0],
        feature_hidden=_shape(state, f"{_XP}feature_mlp.0.weight")[0],
        n_heads=pickled_number(heads, ("cross_attention", "multihead_attn"), "num_heads") or 4,
        lamost_pooling="mean" if f"{_LAMOST}projection.weight" in state else "query",
    )


def label_head(state: State) -> LabelHeadConfig:
    """Of an MLP label head."""
    n = _count(state, lambda i: f"network.{4 * i}.weight")
    widths = tuple(_shape(state, f"network.{4 * i}.weight")[0] for i in range(n))
    if not widths:
        raise CheckpointError("This is no label head", expected="tensors network.0.weight and so on")
    return LabelHeadConfig(_shape(state, "network.0.weight")[1], widths[:-1], widths[-1])


def pickled_number(module: Any, way: tuple[str, ...], attribute: str) -> int | None:
    """An attribute of a pickled ``nn.Module``, or of a module inside it; None where it does not say."""
    for name in way:
        state = module.state if isinstance(module, ForeignObject) else None
        children = state.get("_modules") if isinstance(state, Mapping) else None
        module = children.get(name) if isinstance(children, Mapping) else None
    state = module.state if isinstance(module, ForeignObject) else None
    value = state.get(attribute) if isinstance(state, Mapping) else None
    return value if isinstance(value, int) and value > 0 else None


def _temperature(hyper: Mapping[str, Any]) -> float:
    value = hyper.get("temperature")
    return float(value) if isinstance(value, int | float) else 15.5


def _or(values: Mapping[str, Any], name: str, value: int | None) -> Mapping[str, Any]:
    return values if name in values or value is None else {**values, name: value}


def _numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """What of ``hyper_parameters`` is plain: other objects in them are no concern of ours."""
    return {str(k): v for k, v in values.items() if isinstance(v, int | float)}


def _widths(state: State, decoder: str) -> tuple[int, ...]:
    """Hidden widths of a decoder: rows of its linear layers 0, 4, 8 ... but the last."""
    n = _count(state, lambda i: f"{decoder}.decoder.{4 * i}.weight")
    return tuple(_shape(state, f"{decoder}.decoder.{4 * i}.weight")[0] for i in range(n - 1))


def _count(state: State, name: Callable[[int], str]) -> int:
    """How many of name(0), name(1) ... there are."""
    n = 0
    while name(n) in state:
        n += 1
    return n


def _shape(state: State, name: str) -> tuple[int, int]:
    """Shape of a matrix."""
    tensor = state.get(name)
    if not isinstance(tensor, Tensor) or tensor.ndim != 2:
        found = f"of shape {tuple(tensor.shape)}" if isinstance(tensor, Tensor) else "absent"
        raise CheckpointError(
            f"{name} is {found} in these weights", expected="the tensors of an official SpecCLIP network"
        )
    return int(tensor.shape[0]), int(tensor.shape[1])
