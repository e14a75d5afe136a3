"""What a stellar foundation model is to the rest of specviz.

The rooms above never see torch: a model takes :class:`~specviz.spectra.spectrum.Spectrum` objects and gives numpy
arrays. The flow is ``prepare`` (one spectrum -> arrays on the model's grid) -> ``embed`` (a batch, one encoding a
star) -> whatever is asked of that encoding. Nothing is encoded twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ModelError
from specviz.models.posterior import Posterior
from specviz.spectra.frames import C_KM_S
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
    ``sigma`` is NaN everywhere where a model does not tell the error of its predictions.

    ``frame`` is "rest" where the model cannot know the radial velocity (a prediction from XP); :meth:`at_velocity`
    brings it to the observed frame. ``dust`` (L,) is k(lambda) - k(550 nm) in mag per unit E(B-V), with k the
    extinction curve of Gordon et al. (2023, ApJ 950, 86) at R_V = 3.1; None where reddening means nothing (a
    continuum-normalised spectrum) or where the model saw it. ``ebv`` and ``ebv_sigma`` are the reddening in mag and
    its standard error that ``flux`` and ``sigma`` hold now; ``ebv_source`` says where they come from: "prior" (the
    survey's), "fitted" (to the observed XP of this star), "catalogue", or "" where there is no dust.
    """

    survey: str
    kind: Literal["reconstruction", "translation"]
    wavelength: NDArray[np.float64]
    flux: NDArray[np.float64]
    sigma: NDArray[np.float64]
    normalisation: Literal["continuum", "f550", "relative"] = "relative"
    scale: Any = 1.0
    source: str = ""  # survey of the input
    frame: Literal["observed", "rest"] = "observed"
    dust: NDArray[np.float64] | None = None
    ebv: float = 0.0
    ebv_sigma: float = 0.0
    ebv_source: Literal["", "prior", "fitted", "catalogue"] = ""

    def with_reddening(
        self, ebv: float, sigma: float = 0.0, source: Literal["", "prior", "fitted", "catalogue"] = ""
    ) -> PredictedSpectrum:
        """The same prediction behind another amount of dust; what it holds now is undone first.

        ``flux = flux_0 a`` and ``sigma^2 = (sigma_0 a)^2 + (0.4 ln(10) dust sigma_ebv flux)^2`` with
        ``a = 10^(-0.4 ebv dust)``: the model's own error, and linear propagation of the error of E(B-V).

        Parameters
        ----------
        ebv, sigma : float
            E(B-V) and its standard error, mag.
        source : str
            Where they come from (``ebv_source``).

        Raises
        ------
        ModelError
            For a prediction without ``dust``: a silent return would pass for a reddened one.
        """
        if self.dust is None:
            raise ModelError(
                f"This {self.kind} to {self.survey} cannot be reddened",
                expected="a predicted spectrum with .dust, such as a translation to gaia_xp",
            )
        if not (np.isfinite(ebv) and np.isfinite(sigma) and sigma >= 0):
            raise ModelError(f"E(B-V) = {ebv} +- {sigma} mag", expected="finite numbers, the error not negative")
        before, after = (10.0 ** (-0.4 * value * self.dust) for value in (self.ebv, ebv))
        slope = 0.4 * np.log(10.0) * self.dust
        own = np.sqrt(np.maximum(self.sigma**2 - (slope * self.ebv_sigma * self.flux) ** 2, 0.0)) / before
        flux = self.flux / before * after
        error = np.hypot(own * after, slope * sigma * flux)
        return replace(self, flux=flux, sigma=error, ebv=float(ebv), ebv_sigma=float(sigma), ebv_source=source)

    def at_velocity(self, rv_kms: float) -> PredictedSpectrum:
        """A rest-frame prediction as a star of that radial velocity shows it, on the same grid.

        The rest wavelength w is seen at ``w (1 + rv / c)``. Cubic convolution of the flux (Keys 1981, a = -1/2; lines
        keep their depth), linear interpolation of sigma; the values at the ends are held.

        Raises
        ------
        ModelError
            If the prediction is in the observed frame already, or ``rv_kms`` is no velocity.
        """
        if self.frame != "rest":
            raise ModelError("This prediction is in the observed frame already", expected="a rest-frame prediction")
        if not (np.isfinite(rv_kms) and abs(rv_kms) < C_KM_S):
            raise ModelError(f"Radial velocity {rv_kms} km/s", expected="a finite number well below the speed of light")
        n = self.wavelength.size
        position = np.interp(self.wavelength / (1.0 + rv_kms / C_KM_S), self.wavelength, np.arange(n, dtype=np.float64))
        whole = np.floor(position).astype(np.int64)
        t = position - whole
        weights = (
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        )
        flux = sum(w * self.flux[np.clip(whole + k - 1, 0, n - 1)] for k, w in enumerate(weights))
        sigma = np.interp(position, np.arange(n), self.sigma)
        return replace(self, flux=np.asarray(flux), sigma=sigma, frame="observed")


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
