"""What a stellar foundation model is to the rest of specviz.

The rooms above never see torch: a model takes :class:`~specviz.spectra.spectrum.Spectrum` objects and gives numpy
arrays. The flow is ``prepare`` (one spectrum -> arrays on the model's grid) -> ``embed`` (a batch, one encoding a
star) -> whatever is asked of that encoding. Nothing is encoded twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from specviz.models.posterior import Posterior
from specviz.spectra.spectrum import Spectrum

#: What a model may be able to do; views draw only what is in ``StellarModel.capabilities``.
CAPABILITIES = ("embed", "posterior", "reconstruct", "translate", "attribute", "fit")


@dataclass(frozen=True)
class ModelDescription:
    """A model's name card: what every number it produces is stamped with.

    ``labels`` maps survey -> label names; ``ranges`` label -> (low, high) of the training set; ``windows`` survey ->
    (low, high) wavelength used, in the survey's unit; ``citation`` is a bibliographic line.
    """

    name: str
    version: str
    weights_sha256: str
    capabilities: frozenset[str]
    surveys: tuple[str, ...]
    labels: Mapping[str, tuple[str, ...]]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    windows: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    citation: str = ""
    release: str = ""  # release of the training data, e.g. "Gaia DR3, LAMOST DR10"


@dataclass(frozen=True, eq=False)
class Prepared:
    """One spectrum on a model's input grid.

    Parameters
    ----------
    survey : str
    wavelength : array, shape (L,)
        In the survey's unit.
    values : array of float32, shape (L,)
        What the network sees (continuum-normalised flux for LAMOST, flux / flux(550 nm) for XP). Finite everywhere.
    ivar : array of float32, shape (L,)
        Inverse variance of ``values``; 0 where unknown or masked.
    scale : array or float
        ``values * scale`` is the flux of the spectrum, in its own unit: the continuum on the grid for LAMOST, the
        flux at 550 nm for XP. So a model's output goes back on top of the data by one multiplication.
    filled : float
        Fraction of the grid that had to be filled by interpolation over masked pixels.
    """

    survey: str
    wavelength: NDArray[np.float64]
    values: NDArray[np.float32]
    ivar: NDArray[np.float32]
    scale: Any
    filled: float = 0.0


@dataclass(frozen=True, eq=False)
class Encoding:
    """A batch of stars of one survey, encoded once.

    ``vectors`` is (B, D) float32, in the space where surveys are compared (not normalised). ``state`` belongs to the
    model that made it (tokens, statistics) and is opaque to everybody else.
    """

    survey: str
    vectors: NDArray[np.float32]
    prepared: tuple[Prepared, ...]
    state: Any = None

    def __len__(self) -> int:
        return int(self.vectors.shape[0])


@dataclass(frozen=True, eq=False)
class PredictedSpectrum:
    """A spectrum as a model sees it, on the model's grid, with the standard deviation of the prediction.

    ``kind`` is "reconstruction" (same survey as the input) or "translation" (another one). ``flux`` and ``sigma`` are
    in the model's normalised unit (``normalisation``: "continuum" or "f550"); multiply by ``scale`` to lie on the
    data. For a translation nobody measured the scale, so it is 1 unless an observed spectrum of that survey exists.
    """

    survey: str
    kind: Literal["reconstruction", "translation"]
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    sigma: NDArray[np.float64]
    normalisation: Literal["continuum", "f550", "relative"] = "relative"
    scale: Any = 1.0
    source: str = ""  # survey of the input


@runtime_checkable
class StellarModel(Protocol):
    """The protocol every system under ``specviz.models`` meets."""

    @property
    def capabilities(self) -> frozenset[str]: ...

    def describe(self) -> ModelDescription: ...

    def prepare(self, spectrum: Spectrum) -> Prepared:
        """Put one spectrum on the model's grid. Raises CoverageError where it does not reach."""
        ...

    def embed(self, prepared: Sequence[Prepared]) -> Encoding:
        """Encode a batch of one survey."""
        ...

    def posterior(self, encoding: Encoding, *, samples: int = 10_000, seed: int | None = 0) -> list[Posterior]:
        """Joint posterior of each star's labels."""
        ...

    def reconstruct(self, encoding: Encoding) -> list[PredictedSpectrum]:
        """The spectra the model believes it saw."""
        ...

    def translate(self, encoding: Encoding, to: str) -> list[PredictedSpectrum]:
        """The same stars as the survey ``to`` would see them."""
        ...
