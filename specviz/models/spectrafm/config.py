"""Sizes and vocabulary of a SpectraFM network, without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from specviz.errors import CheckpointError

#: A value this many (robust) standard deviations from its median is no measurement.
CLIP = 10.0


@dataclass(frozen=True)
class SpectraFMConfig:
    """Plain numbers, kept beside the weights.

    Parameters
    ----------
    vocabulary : tuple of str
        Names of the tokens; the token of name i is i + 1, token 0 is padding.
    context : int
        Tokens that are read at once; a longer spectrum is read in bags.
    width : int
        Length of a token's vector.
    encoder_heads, encoder_dense : int
        Of the first encoder block; the second has half.
    decoder_heads, decoder_dense : int
        Of the first decoder block; the second has half, the third a quarter.
    dropout : float
    wavelength_origin, wavelength_scale : float or None
        Angstrom: the code of a wavelength is a function of (wavelength - origin) / scale. None: tokens have no
        wavelength (StellarPerceptron). The published network has 15,000 and 2,000 built in.
    """

    vocabulary: tuple[str, ...]
    context: int = 512
    width: int = 256
    encoder_heads: int = 16
    encoder_dense: int = 2048
    decoder_heads: int = 16
    decoder_dense: int = 2048
    dropout: float = 0.05
    wavelength_origin: float | None = 15_000.0
    wavelength_scale: float | None = 2_000.0

    def __post_init__(self) -> None:
        heads = (self.encoder_heads // 2, self.decoder_heads // 4)
        if min(heads) < 1 or any(self.width % h for h in (self.encoder_heads, self.decoder_heads, *heads)):
            raise CheckpointError(
                f"Heads of {self.encoder_heads} and {self.decoder_heads} do not divide a width of {self.width}",
                expected="encoder_heads of at least 2, decoder_heads of at least 4",
            )
        if len(set(self.vocabulary)) != len(self.vocabulary) or not self.vocabulary:
            raise CheckpointError("The vocabulary is empty or has a name twice")
        if (self.wavelength_origin is None) != (self.wavelength_scale is None):
            raise CheckpointError("A wavelength code needs both an origin and a scale")

    @property
    def knows_wavelength(self) -> bool:
        """Whether tokens carry their wavelength."""
        return self.wavelength_scale is not None

    def token(self, name: str) -> int:
        """The token of a name.

        Raises
        ------
        CheckpointError
            If the network does not know it.
        """
        try:
            return self.vocabulary.index(name) + 1
        except ValueError:
            raise CheckpointError(f"This network has no token {name!r}") from None

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> SpectraFMConfig:
        """From what :meth:`to_dict` gave; a name that is not known is refused."""
        unknown = sorted(set(told) - {f.name for f in fields(cls)})
        if unknown or "vocabulary" not in told:
            raise CheckpointError("These are no sizes of a SpectraFM network: " + ", ".join(unknown or ["vocabulary"]))
        return cls(**{**told, "vocabulary": tuple(str(n) for n in told["vocabulary"])})
