"""``LabelFit``: what the fit of a star's labels found."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.observing import Seeing
from specviz.models.phdlspec.priors import PARAMETERS

Array = NDArray[np.float64]
#: Below this many times the width of the prior, a label is what was believed before, not what the spectrum says.
LEAST_GAIN = 1.2


@dataclass(frozen=True, eq=False)
class LabelFit:
    """What a fit found.

    Parameters
    ----------
    values : array, shape (32,)
        Of :data:`specviz.models.phdlspec.priors.PARAMETERS`: 28 labels, then rv (km/s), broadening (km/s) and the ln of
        the instrument's width in both arms.
    covariance : array, shape (32, 32)
        Of the posterior (Gaussian, prior included): see :class:`~specviz.models.phdlspec.fitting.LabelFitter` for
        what it holds beside the noise.
    prior_sigma : array, shape (32,)
    chi2 : float
    dof : int
    wave, flux, model, continuum, sigma : array, shape (L,)
        The spectrum (vacuum Angstrom, as observed), the fitted model and its continuum in the spectrum's unit, the
        error that was used.
    used : array of bool, shape (L,)
        Pixels that were fitted.
    steps : int
    converged : bool
    at_edge : tuple of str
        Labels that lie at the edge of what the emulator has learned.
    excess : float
        By how much the variance of a label exceeds that of independent pixels with the given errors: neighbours that
        a pipeline has resampled together, and a model that is not perfect.
    model_sigma : array, shape (L,)
        What the errors of the parameters do to the model, in the spectrum's unit (the continuum follows them).
    systematic : array, shape (32,)
        Variances inside ``covariance`` that are no noise: what the fit cannot tell at any S/N.
    """

    values: Array
    covariance: Array
    prior_sigma: Array
    chi2: float
    dof: int
    wave: Array
    flux: Array
    model: Array
    continuum: Array
    sigma: Array
    used: NDArray[np.bool_]
    steps: int
    converged: bool
    at_edge: tuple[str, ...]
    excess: float = 1.0
    model_sigma: Array = field(default_factory=lambda: np.zeros(0))
    systematic: Array = field(default_factory=lambda: np.zeros(len(PARAMETERS)))

    def __getitem__(self, name: str) -> float:
        """The value of one parameter."""
        return float(self.values[PARAMETERS.index(name)])

    @property
    def labels(self) -> dict[str, float]:
        """The 28 labels."""
        return {name: float(v) for name, v in zip(LABEL_NAMES, self.values, strict=False)}

    @cached_property
    def errors(self) -> dict[str, float]:
        """Standard error of each parameter."""
        return {name: float(v) for name, v in zip(PARAMETERS, np.sqrt(np.diag(self.covariance)), strict=True)}

    @cached_property
    def gain(self) -> dict[str, float]:
        """How many times narrower the posterior of a parameter is than its prior: near 1, the spectrum said nothing."""
        sigma = np.sqrt(np.diag(self.covariance))
        return {name: float(p / s) for name, p, s in zip(PARAMETERS, self.prior_sigma, sigma, strict=True)}

    @property
    def statistical(self) -> Array:
        """The covariance without ``systematic``: of the likelihood and the prior alone."""
        return np.asarray(self.covariance - np.diag(self.systematic))

    @property
    def seeing(self) -> Seeing:
        """Velocity and widths."""
        return Seeing(*self.values[len(LABEL_NAMES) :])

    def samples(self, n: int, seed: int | None = 0) -> Array:
        """Draws (n, 28) of the labels from the Gaussian posterior."""
        k = len(LABEL_NAMES)
        return np.random.default_rng(seed).multivariate_normal(self.values[:k], self.covariance[:k, :k], n)
