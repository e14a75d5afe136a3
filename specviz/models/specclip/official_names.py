"""Which official tensor is which of ours (official names read from the released classes, specification sections 1 and
2).

Most relations rename one tensor. Ours keep query, key and value of the self-attention in one matrix where the
official code has two, and those of the learned-query attention in two where ``nn.MultiheadAttention`` has one or
three; such a relation joins the tensors of one side along the rows and cuts them again for the other side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn

from specviz.models.specclip.clip import SpecClipBase, SpecClipPredRecon, SpecClipSplit
from specviz.models.specclip.decoders import SharedPrivateDecoder, SpectrumDecoder
from specviz.models.specclip.heads import FeatureHead, QueryHead, SplitHead
from specviz.models.specclip.label_head import LabelHead
from specviz.models.specclip.masked_transformer import MaskedTransformer
from specviz.models.specclip.xp_autoencoder import XpAutoEncoder

_BATCH_NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_AFFINE = ("weight", "bias")


@dataclass(frozen=True)
class Relation:
    """The rows of the tensors ``ours``, one below the other, are the rows of the tensors ``official``.

    ``*_parts`` are the relative row counts where a side has several tensors: (1, 2) is one third and two thirds.
    """

    ours: tuple[str, ...]
    official: tuple[str, ...]
    ours_parts: tuple[int, ...] = (1,)
    official_parts: tuple[int, ...] = (1,)


def relations(module: nn.Module) -> list[Relation]:
    """Every relation between one of our modules and its official state_dict."""
    if isinstance(module, MaskedTransformer):
        return list(_transformer(module, "", ""))
    if isinstance(module, XpAutoEncoder):
        return list(_autoencoder(module, "", ""))
    if isinstance(module, LabelHead):
        return list(_label_head(module))
    if isinstance(module, SpecClipBase | SpecClipSplit):
        return list(_clip(module))
    raise TypeError(f"{type(module).__name__} is no SpecCLIP network")


def _same(ours: str, official: str, fields: tuple[str, ...] = _AFFINE) -> Iterator[Relation]:
    for name in fields:
        yield Relation((f"{ours}.{name}",), (f"{official}.{name}",))


def _transformer(module: MaskedTransformer, ours: str, official: str) -> Iterator[Relation]:
    yield from _same(f"{ours}token_embed", f"{official}data_embed")
    yield Relation((f"{ours}positions",), (f"{official}position_embed.weight",))
    for i in range(len(module.blocks)):
        a, b = f"{ours}blocks.{i}.", f"{official}blocks.{i}."
        for name in _AFFINE:
            parts = (f"{b}attention.q_proj.{name}", f"{b}attention.kv_proj.{name}")
            yield Relation((f"{a}attention.qkv.{name}",), parts, official_parts=(1, 2))
        yield from _same(f"{a}attention.out", f"{b}attention.out_proj")
        yield from _same(f"{a}norm1", f"{b}ln1")
        yield from _same(f"{a}norm2", f"{b}ln2")
        yield from _same(f"{a}expand", f"{b}mlp.0")
        yield from _same(f"{a}contract", f"{b}mlp.2")
    yield from _same(f"{ours}final_norm", f"{official}final_layernorm")
    yield from _same(f"{ours}head", f"{official}head")


def _autoencoder(module: XpAutoEncoder, ours: str, official: str) -> Iterator[Relation]:
    yield from _same(f"{ours}input", f"{official}input_proj")
    for a, b, blocks in (("encoder", "encoder_blocks", module.encoder), ("decoder", "decoder_blocks", module.decoder)):
        for i in range(len(blocks)):
            yield from _same(f"{ours}{a}.{i}.norm", f"{official}{b}.{i}.norm")
            yield from _same(f"{ours}{a}.{i}.expand", f"{official}{b}.{i}.mlp.0")
            yield from _same(f"{ours}{a}.{i}.contract", f"{official}{b}.{i}.mlp.3")
    for name in ("bottleneck_down", "bottleneck_norm", "bottleneck_up"):
        yield from _same(f"{ours}{name}", f"{official}{name}")
    yield from _same(f"{ours}output", f"{official}output_proj")


def _clip(module: SpecClipBase | SpecClipSplit) -> Iterator[Relation]:
    yield from _transformer(module.lamost, "lamost.", "lamost_lrs_encoder.backbone.")
    yield from _autoencoder(module.xp, "xp.", "gaia_xp_encoder.backbone.")
    sides = (("lamost_head", "lamost_lrs_encoder", module.lamost_head), ("xp_head", "gaia_xp_encoder", module.xp_head))
    for ours, official, head in sides:
        if isinstance(head, SplitHead):
            yield from _head(head.shared, f"{ours}.shared.", f"{official}.shared_", "attention")
            yield from _head(head.private, f"{ours}.private.", f"{official}.private_", "attention")
        else:
            yield from _head(head, f"{ours}.", f"{official}.", "cross_attention")
    if isinstance(module, SpecClipPredRecon | SpecClipSplit):
        for kind in ("decoder", "cross_decoder"):
            yield from _decoder(getattr(module, f"xp_{kind}"), f"xp_{kind}.", f"gaia_xp_{kind}.")
            yield from _decoder(getattr(module, f"lamost_{kind}"), f"lamost_{kind}.", f"lamost_lrs_{kind}.")


def _head(head: nn.Module, ours: str, official: str, attention: str) -> Iterator[Relation]:
    if isinstance(head, QueryHead):
        pooling = head.pooling
        a, b = f"{ours}pooling.", f"{official}{attention}."
        mha = f"{b}multihead_attn."
        yield Relation((f"{a}query",), (f"{b}query",))
        if pooling.kv.in_features == pooling.q.in_features:  # nn.MultiheadAttention joins them when the widths agree
            weights = (f"{a}q.weight", f"{a}kv.weight")
            yield Relation(weights, (f"{mha}in_proj_weight",), ours_parts=(1, 2))
        else:
            yield Relation((f"{a}q.weight",), (f"{mha}q_proj_weight",))
            parts = (f"{mha}k_proj_weight", f"{mha}v_proj_weight")
            yield Relation((f"{a}kv.weight",), parts, official_parts=(1, 1))
        yield Relation((f"{a}q.bias", f"{a}kv.bias"), (f"{mha}in_proj_bias",), ours_parts=(1, 2))
        yield from _same(f"{a}out", f"{mha}out_proj")
        yield from _same(f"{a}norm", f"{b}layernorm")
    elif isinstance(head, FeatureHead):
        yield from _same(f"{ours}projection", f"{official}projection")
        names = ("expand", "expand_norm", "contract", "contract_norm")
        for name, stage in zip(names, (0, 1, 3, 4), strict=True):
            yield from _same(f"{ours}{name}", f"{official}feature_mlp.{stage}")
    yield from _same(f"{ours}mlp.expand", f"{official}mlp.encoder")
    yield from _same(f"{ours}mlp.contract", f"{official}mlp.decoder")


def _decoder(decoder: nn.Module, ours: str, official: str) -> Iterator[Relation]:
    if isinstance(decoder, SharedPrivateDecoder):
        names = (
            ("shared", "shared_proj"),
            ("private", "private_proj"),
            ("mix", "final_layer.0"),
            ("output", "final_layer.2"),
        )
        for a, b in names:
            yield from _same(f"{ours}{a}", f"{official}{b}")
    elif isinstance(decoder, SpectrumDecoder):
        n = len(decoder.stages)
        for i in range(n):  # official order in a stage: linear, GELU, batch norm, dropout
            yield from _same(f"{ours}stages.{i}.linear", f"{official}decoder.{4 * i}")
            yield from _same(f"{ours}stages.{i}.norm", f"{official}decoder.{4 * i + 2}", _BATCH_NORM)
        yield from _same(f"{ours}output", f"{official}decoder.{4 * n}")


def _label_head(head: LabelHead) -> Iterator[Relation]:
    n = len(head.stages)
    for i in range(n):  # official order in a stage: linear, batch norm, ReLU, dropout
        yield from _same(f"stages.{i}.linear", f"network.{4 * i}")
        yield from _same(f"stages.{i}.norm", f"network.{4 * i + 1}", _BATCH_NORM)
    yield from _same("output", f"network.{4 * n}")
