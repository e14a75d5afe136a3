"""Sizes of DESA's networks, without torch. The defaults are the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from specviz.errors import CheckpointError

Attention = Literal["cross_self", "cross", "self"]
Projection = Literal["transpose", "normal"]


@dataclass(frozen=True)
class SpectrumConfig:
    """Of the encoder of spectra: convolutions to tokens, then conformer blocks.

    Parameters
    ----------
    channels : tuple of int
        Of the first convolution, and of each block after it; the last is the width of a token.
    blocks, heads : int
        Conformer blocks, and attention heads in each.
    kernel : int
    """

    channels: tuple[int, ...] = (64, 128, 256, 1024, 2048, 2048)
    blocks: int = 8
    heads: int = 8
    kernel: int = 3

    @property
    def width(self) -> int:
        """Length of a token, and of what the encoder gives."""
        return self.channels[-1]


@dataclass(frozen=True)
class LightCurveConfig:
    """Of the encoder of light curves: convolutions for ACF and power spectrum, an Astroconformer for the two fluxes.

    Parameters
    ----------
    channels : tuple of int
        Of the convolutions.
    width, stride, blocks, heads : int
        Of the Astroconformer: token length, samples a token, blocks, heads.
    projection : int
        Length of what the encoder gives.
    kernel : int
    """

    channels: tuple[int, ...] = (32, 64, 128, 256, 512, 512, 512)
    width: int = 512
    stride: int = 20
    blocks: int = 5
    heads: int = 8
    projection: int = 256
    kernel: int = 3


@dataclass(frozen=True)
class DualFormerConfig:
    """Of the transformer of two streams.

    Parameters
    ----------
    width, layers, heads, dense : int
    latent : int
        Catalogue labels appended to both embeddings; 0: none. The published network has six (Teff, log g, rotation
        period, [Fe/H], radius, RUWE) of the very star it is asked about: they leak into everything after them.
    attention : {"cross_self", "cross", "self"}
        What a stream attends to: the other one, itself, or both (the sum).
    projection : {"transpose", "normal"}
        What the second embedding is multiplied by: A^T or A; the first always by A.
    """

    width: int = 256
    layers: int = 4
    heads: int = 8
    dense: int = 2048
    latent: int = 6
    attention: Attention = "cross_self"
    projection: Projection = "transpose"

    @property
    def size(self) -> int:
        """Length of an embedding."""
        return self.width + self.latent


@dataclass(frozen=True)
class DesaConfig:
    """Of the whole: both encoders, the DualFormer, and a head for each encoder.

    Parameters
    ----------
    hidden, outputs : int
        Of the heads.
    """

    spectrum: SpectrumConfig = field(default_factory=SpectrumConfig)
    light_curve: LightCurveConfig = field(default_factory=LightCurveConfig)
    dual: DualFormerConfig = field(default_factory=DualFormerConfig)
    hidden: int = 128
    outputs: int = 3

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> DesaConfig:
        """From what :meth:`to_dict` gave.

        Raises
        ------
        CheckpointError
            If it is something else.
        """
        try:
            spectrum, light_curve = (dict(told[k]) for k in ("spectrum", "light_curve"))
            for part in (spectrum, light_curve):
                part["channels"] = tuple(int(c) for c in part["channels"])
            return cls(
                SpectrumConfig(**spectrum), LightCurveConfig(**light_curve), DualFormerConfig(**told["dual"]),
                int(told["hidden"]), int(told["outputs"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                "These are no sizes of DESA", expected="spectrum, light_curve, dual, hidden, outputs"
            ) from error
