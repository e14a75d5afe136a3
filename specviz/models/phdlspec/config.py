"""Shapes and constants of the emulator, without torch.

The paper (Wu et al. 2026, arXiv 2604.02730) publishes neither sizes nor weights: the build (wavelength encoding plus
parameter embedding, encoder blocks, fully connected output) is theirs, every number here is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CheckpointError

#: The elements of the grid's ratios [X/Fe], by atomic number.
ELEMENTS = (
    "c", "n", "o", "na", "mg", "al", "si", "s", "k", "ca", "ti", "v", "cr", "mn", "ni", "cu", "zn", "sr", "y", "zr",
    "ba", "la", "nd", "eu",
)  # fmt: skip
#: What the emulator takes, in order: K, log10(cm s-2), km/s, and dex relative to the Sun (Asplund et al. 2009).
LABEL_NAMES: tuple[str, ...] = ("teff", "logg", "vmic", "fe_h", *(f"{x}_fe" for x in ELEMENTS))
#: Elements that move together in [alpha/Fe], as in the reference gradients (their Ne and Ar have no lines here).
ALPHA_LABELS = ("o_fe", "mg_fe", "si_fe", "s_fe", "ca_fe", "ti_fe")


@dataclass(frozen=True)
class PhdlspecConfig:
    """Sizes of an :class:`~specviz.models.phdlspec.modules.EmulatorNet`; plain numbers, kept beside the weights.

    Parameters
    ----------
    norm_start, norm_log_step : float
        First wavelength of the normalised flux (Angstrom, vacuum) and its step in log10.
    smooth_start, smooth_end : float
        Ends of the grids of continuum and SED (Angstrom, vacuum), which are even in log lambda.
    n_norm, n_continuum, n_sed : int
        Pixels of the normalised flux, of the line-free continuum and of the low-resolution flux.
    patch : int
        Pixels that one token describes.
    width, depth, n_heads, feed_forward : int
        Token width, encoder blocks, attention heads, and the width of the feed-forward layer in units of ``width``.
    embed_width, embed_depth : int
        Hidden width and number of residual layers of the parameter embedding.
    n_frequencies : int
        Sine-cosine pairs of the wavelength encoding.
    """

    norm_start: float = 3650.0
    norm_log_step: float = 5e-5
    smooth_start: float = 3200.0
    smooth_end: float = 10600.0
    n_norm: int = 8077
    n_continuum: int = 160
    n_sed: int = 720
    patch: int = 80
    width: int = 192
    depth: int = 3
    n_heads: int = 6
    feed_forward: int = 2
    embed_width: int = 512
    embed_depth: int = 3
    n_frequencies: int = 24

    def __post_init__(self) -> None:
        sizes = (v for k, v in asdict(self).items() if k not in ("norm_log_step", "depth"))
        if min(sizes) < 1 or self.depth < 0 or self.norm_log_step <= 0:
            raise CheckpointError("An emulator needs positive sizes", expected="whole numbers above 0")
        if self.width % self.n_heads:
            raise CheckpointError(
                f"No emulator has width {self.width} and {self.n_heads} heads", expected="a width that they divide"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> PhdlspecConfig:
        """The inverse of :meth:`to_dict`."""
        unknown = set(values) - set(cls.__dataclass_fields__)
        if unknown:
            raise CheckpointError("The emulator's configuration has unknown entries: " + ", ".join(sorted(unknown)))
        return cls(**values)

    def to_dict(self) -> dict[str, float]:
        return asdict(self)

    @property
    def parts(self) -> tuple[tuple[str, int, int], ...]:
        """(name, pixels, tokens) of the three outputs, in the order of the tokens."""
        sizes = (("norm", self.n_norm), ("continuum", self.n_continuum), ("sed", self.n_sed))
        return tuple((name, n, -(-n // self.patch)) for name, n in sizes)

    @property
    def waves(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Vacuum wavelengths of normalised flux, continuum and SED, Angstrom."""
        norm = self.norm_start * np.power(10.0, self.norm_log_step * np.arange(self.n_norm, dtype=np.float64))
        continuum, sed = (np.geomspace(self.smooth_start, self.smooth_end, n) for n in (self.n_continuum, self.n_sed))
        return norm, continuum, sed

    @property
    def n_tokens(self) -> int:
        return sum(tokens for _, _, tokens in self.parts)
