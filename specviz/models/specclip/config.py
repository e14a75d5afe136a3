"""Shapes and constants of the SpecCLIP networks, as frozen dataclasses without torch.

Defaults are the values of the released checkpoints (Zhao et al., SpecCLIP, ApJ 2026), so ``LamostEncoderConfig()`` is
the official network and ``LamostEncoderConfig(embed_dim=96, n_layers=3, n_heads=4)`` a small one of the same make.
Every class has ``from_official(mapping)``, which reads the constructor arguments that the official checkpoints carry in
``hyper_parameters``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from specviz.errors import CheckpointError

#: Pixels of the SpecCLIP input grids.
LAMOST_PIXELS = 1462
XP_PIXELS = 343

#: "double" divides the attention logits by the head width D (the query is scaled by D**-0.5 and
#: scaled_dot_product_attention scales once more): what the released weights were trained with. "single" divides by
#: sqrt(D), as Vaswani et al. (2017) mean it.
AttentionScaling = Literal["double", "single"]
#: How a LAMOST head gets one vector from the tokens: a learned query (released models) or their mean.
LamostPooling = Literal["query", "mean"]


@dataclass(frozen=True)
class _TransformerConfig:
    """What the two masked transformers share."""

    embed_dim: int = 768
    n_layers: int = 6
    n_heads: int = 6
    max_tokens: int = 150
    mask_runs: int = 6
    mask_width: int = 10
    dropout: float = 0.0
    attention_scaling: AttentionScaling = "double"

    def __post_init__(self) -> None:
        if self.embed_dim < 1 or self.n_layers < 1 or self.n_heads < 1 or self.embed_dim % self.n_heads:
            raise CheckpointError(
                f"No transformer has width {self.embed_dim}, {self.n_layers} layers and {self.n_heads} heads",
                expected="positive numbers, and a width that the number of heads divides",
            )
        if self.attention_scaling not in ("double", "single"):
            raise CheckpointError(
                f"Unknown attention scaling {self.attention_scaling!r}", expected="'double' or 'single'"
            )
        if self.n_tokens > self.max_tokens:
            raise CheckpointError(
                f"A spectrum makes {self.n_tokens} tokens but there are only {self.max_tokens} positions",
                expected="max_tokens at least as large as n_tokens",
            )

    @property
    def head_dim(self) -> int:
        """Width D of one attention head."""
        return self.embed_dim // self.n_heads

    @property
    def attention_scale(self) -> float:
        """Factor on the attention logits: 1/D ("double") or 1/sqrt(D) ("single")."""
        return 1.0 / self.head_dim if self.attention_scaling == "double" else self.head_dim**-0.5

    @property
    def n_tokens(self) -> int:
        """Tokens a spectrum makes, the leading one with its statistics included."""
        raise NotImplementedError


@dataclass(frozen=True)
class LamostEncoderConfig(_TransformerConfig):
    """LAMOST LRS masked transformer (official ``SpecFormerControl20_wstd``).

    A spectrum of ``n_pixels`` is cut in slices of ``slice_length`` pixels that overlap by ``slice_overlap``; the last
    slice is always dropped (the official code does, whatever its length), so 1,462 pixels make 145 slices and 146
    tokens.
    """

    n_pixels: int = LAMOST_PIXELS
    slice_length: int = 20
    slice_overlap: int = 10

    def __post_init__(self) -> None:
        if not 0 <= self.slice_overlap < self.slice_length or self.n_slices < 1:
            raise CheckpointError(
                f"{self.n_pixels} pixels do not make slices of {self.slice_length} with overlap {self.slice_overlap}",
                expected="an overlap smaller than the slice, and room for two slices",
            )
        super().__post_init__()

    @property
    def slice_step(self) -> int:
        return self.slice_length - self.slice_overlap

    @property
    def n_slices(self) -> int:
        """Slices kept: starts 0, step, 2 step ... below n_pixels - overlap, less the last one."""
        return len(range(0, self.n_pixels - self.slice_overlap, self.slice_step)) - 1

    @property
    def n_tokens(self) -> int:
        return self.n_slices + 1

    @property
    def token_dim(self) -> int:
        """One leading feature (log10 std in token 0, zero elsewhere) and the pixels of a slice."""
        return self.slice_length + 1

    @classmethod
    def from_official(cls, values: Mapping[str, Any]) -> LamostEncoderConfig:
        """From the constructor arguments of ``SpecFormerControl20_wstd``; missing ones take the released values."""
        config = cls(
            embed_dim=_whole(values, "embed_dim", 768),
            n_layers=_whole(values, "num_layers", 6),
            n_heads=_whole(values, "num_heads", 6),
            max_tokens=_whole(values, "max_len", 150),
            mask_runs=_whole(values, "mask_num_chunks", 6),
            mask_width=_whole(values, "mask_chunk_width", 10),
            dropout=_real(values, "dropout", 0.0),
            slice_length=_whole(values, "slice_section_length", 20),
            slice_overlap=_whole(values, "slice_overlap", 10),
        )
        _agree("input_dim", values, config.token_dim)
        return config


@dataclass(frozen=True)
class XpEncoderConfig(_TransformerConfig):
    """Gaia XP masked transformer (official ``SpecFormerControl1_stats``): a token of mean and std, then one a pixel."""

    max_tokens: int = 350
    mask_width: int = 20
    n_pixels: int = XP_PIXELS

    @property
    def n_tokens(self) -> int:
        return self.n_pixels + 1

    @property
    def token_dim(self) -> int:
        """(mean, std, 0) in token 0, (0, 0, flux) in the others."""
        return 3

    @classmethod
    def from_official(cls, values: Mapping[str, Any]) -> XpEncoderConfig:
        """From the constructor arguments of ``SpecFormerControl1_stats``; its slices and conv_dim are unused."""
        _agree("input_dim", values, 1)
        _agree("include_stats", values, True)
        return cls(
            embed_dim=_whole(values, "embed_dim", 768),
            n_layers=_whole(values, "num_layers", 6),
            n_heads=_whole(values, "num_heads", 6),
            max_tokens=_whole(values, "max_len", 350),
            mask_runs=_whole(values, "mask_num_chunks", 6),
            mask_width=_whole(values, "mask_chunk_width", 20),
            dropout=_real(values, "dropout", 0.0),
        )


@dataclass(frozen=True)
class XpAutoEncoderConfig:
    """Gaia XP auto-encoder (official ``SpectralMLPAutoencoder_xp``), the XP backbone of every released CLIP model."""

    n_pixels: int = XP_PIXELS
    hidden_dim: int = 1290
    latent_dim: int = 768
    n_encoder_blocks: int = 2
    n_decoder_blocks: int = 2
    expansion: int = 3
    dropout: float = 0.0

    @property
    def input_dim(self) -> int:
        """Mean, std, and the standardised pixels."""
        return self.n_pixels + 2

    @classmethod
    def from_official(cls, values: Mapping[str, Any]) -> XpAutoEncoderConfig:
        """From the constructor arguments of ``SpectralMLPAutoencoder_xp``; its mask arguments change no output."""
        _agree("input_dim", values, 1)
        return cls(
            n_pixels=_whole(values, "seq_len", XP_PIXELS),
            hidden_dim=_whole(values, "hidden_dim", 1290),
            latent_dim=_whole(values, "bottleneck_dim", 768),
            n_encoder_blocks=_whole(values, "num_encoder_blocks", 2),
            n_decoder_blocks=_whole(values, "num_decoder_blocks", 2),
            expansion=_whole(values, "expansion_factor", 3),
            dropout=_real(values, "dropout", 0.0),
        )


@dataclass(frozen=True)
class ClipConfig:
    """Contrastive model of LAMOST LRS and Gaia XP: ``SpecClipBase`` and ``SpecClipPredRecon``.

    ``embed_dim`` is the width of the common space. Decoder widths left None follow the official rule: the XP decoders
    narrow (4, 2, 1 times the width they start from), the LAMOST decoders stay wide (4, 4, 4 times).
    """

    lamost: LamostEncoderConfig = field(default_factory=LamostEncoderConfig)
    xp: XpAutoEncoderConfig = field(default_factory=XpAutoEncoderConfig)
    embed_dim: int = 768
    n_heads: int = 4
    feature_hidden: int = 1160
    temperature: float = 15.5
    dropout: float = 0.1
    reconstruction_weight: float = 1.0
    cross_weight: float = 1.0
    lamost_pooling: LamostPooling = "query"
    lamost_decoder_widths: tuple[int, ...] | None = None
    xp_decoder_widths: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _divides(self.n_heads, self.embed_dim)

    @property
    def decoder_input(self) -> int:
        """Width of what the cross decoders read."""
        return self.embed_dim

    @property
    def lamost_widths(self) -> tuple[int, ...]:
        """Hidden widths of the decoders that end in a LAMOST spectrum."""
        d = self.decoder_input
        return self.lamost_decoder_widths if self.lamost_decoder_widths is not None else (4 * d, 4 * d, 4 * d)

    @property
    def xp_widths(self) -> tuple[int, ...]:
        """Hidden widths of the decoders that end in an XP spectrum."""
        d = self.decoder_input
        return self.xp_decoder_widths if self.xp_decoder_widths is not None else (4 * d, 2 * d, d)

    @classmethod
    def from_official(cls, values: Mapping[str, Any]) -> ClipConfig:
        """From a mapping with ``backbone_lamost``, ``backbone_gaia``, ``embed_dim``, ``n_head``, ``temperature``."""
        return cls(
            lamost=LamostEncoderConfig.from_official(_section(values, "backbone_lamost")),
            xp=XpAutoEncoderConfig.from_official(_section(values, "backbone_gaia")),
            embed_dim=_whole(values, "embed_dim", 768),
            n_heads=_whole(values, "n_head", 4),
            feature_hidden=_whole(values, "feature_mlp_intermediate", 1160),
            temperature=_real(values, "temperature", 15.5),
        )


@dataclass(frozen=True)
class SplitConfig(ClipConfig):
    """``SpecClipSplit``: the common space is ``shared_dim`` wide, each survey keeps ``private_dim`` for itself."""

    shared_dim: int = 512
    private_dim: int = 256
    private_heads: int = 2

    def __post_init__(self) -> None:
        if self.embed_dim != self.shared_dim + self.private_dim:
            raise CheckpointError(
                f"embed_dim {self.embed_dim} is not shared_dim {self.shared_dim} + private_dim {self.private_dim}",
                expected="the width of [shared, private]",
            )
        _divides(self.n_heads, self.shared_dim)
        _divides(self.private_heads, self.private_dim)

    @property
    def decoder_input(self) -> int:
        return self.shared_dim

    @classmethod
    def from_official(cls, values: Mapping[str, Any]) -> SplitConfig:
        """Like ``ClipConfig``; absent loss weights are the 1/1 of the released run, not the 0.5/0.5 of the class."""
        shared, private = _whole(values, "shared_embed_dim", 512), _whole(values, "private_embed_dim", 256)
        wide, narrowing = (4 * shared,) * 3, (4 * shared, 2 * shared, shared)
        widths = {"wide": wide, "narrowing": narrowing}
        for key in ("lamost_cross_decoder", "gaia_cross_decoder"):
            if values.get(key, "wide") not in widths:
                raise CheckpointError(f"Unknown {key} {values[key]!r}", expected="'wide' or 'narrowing'")
        return cls(
            lamost=LamostEncoderConfig.from_official(_section(values, "backbone_lamost")),
            xp=XpAutoEncoderConfig.from_official(_section(values, "backbone_gaia")),
            embed_dim=shared + private,
            n_heads=_whole(values, "n_head", 4),
            feature_hidden=_whole(values, "feature_mlp_intermediate", 1160),
            temperature=_real(values, "temperature", 15.5),
            lamost_decoder_widths=widths[values.get("lamost_cross_decoder", "wide")],
            xp_decoder_widths=widths[values.get("gaia_cross_decoder", "narrowing")],
            shared_dim=shared,
            private_dim=private,
            reconstruction_weight=_real(values, "reconstruction_weight", 1.0),
            cross_weight=_real(values, "cross_modal_weight", 1.0),
        )


@dataclass(frozen=True)
class LabelHeadConfig:
    """MLP label head (official ``ParamRegressor``): embedding -> one label, in its own unit."""

    input_dim: int = 768
    hidden_dims: tuple[int, ...] = (1024, 512, 64)
    n_labels: int = 1
    dropout: float = 0.1

    @classmethod
    def from_official(cls, values: Mapping[str, Any]) -> LabelHeadConfig:
        """From ``input_dim`` and ``hidden_dims``."""
        hidden = tuple(values.get("hidden_dims", (1024, 512, 64)))
        if not all(isinstance(width, int) and width > 0 for width in hidden):
            raise CheckpointError(
                f"hidden_dims are {hidden!r} in this configuration", expected="positive whole numbers"
            )
        return cls(
            input_dim=_whole(values, "input_dim", 768), hidden_dims=hidden, dropout=_real(values, "dropout", 0.1)
        )


def _whole(values: Mapping[str, Any], name: str, default: int) -> int:
    """The whole number ``name`` of an official configuration, which may come from a foreign file."""
    value = values.get(name, default)
    if not isinstance(value, int) or value < 0:
        raise CheckpointError(f"{name} is {value!r} in this configuration", expected="a whole number")
    return value


def _real(values: Mapping[str, Any], name: str, default: float) -> float:
    """The number ``name`` of an official configuration, which may come from a foreign file."""
    value = values.get(name, default)
    if not isinstance(value, int | float):
        raise CheckpointError(f"{name} is {value!r} in this configuration", expected="a number")
    return float(value)


def _section(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The sub-mapping ``name`` of an official configuration; empty where it is absent."""
    section = values.get(name, {})
    if not isinstance(section, Mapping):
        raise CheckpointError(f"{name} is {section!r} in this configuration", expected="a mapping")
    return section


def _divides(n_heads: int, width: int) -> None:
    if n_heads < 1 or width < 1 or width % n_heads:
        raise CheckpointError(
            f"{n_heads} attention heads do not divide a width of {width}", expected="a number of heads that does"
        )


def _agree(name: str, values: Mapping[str, Any], expected: Any) -> None:
    """Refuse a configuration in which ``name`` contradicts what the network is built for."""
    if values.get(name, expected) != expected:
        raise CheckpointError(f"{name} is {values[name]!r} in this configuration", expected=f"{name} {expected!r}")
