"""Markov chains of one star: the posterior of its labels without the assumption that it is Gaussian.

The sampler is emcee's (Foreman-Mackey et al. 2013, PASP 125, 306; extra ``mcmc``). A step of all walkers is one batch
of the emulator; the continuum is solved for under each spectrum, as in the fit, so that what is sampled is the profile
over it. The likelihood is that of the fit: chi2 over :attr:`LabelFit.excess`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.errors import ModelError
from specviz.models.phdlspec import priors
from specviz.models.phdlspec.fitting import LabelFitter
from specviz.models.phdlspec.label_fit import LabelFit
from specviz.models.phdlspec.least_squares import LeastSquares
from specviz.models.phdlspec.priors import PARAMETERS

Array = NDArray[np.float64]
#: Walkers beside two a parameter, and spectra that are computed at once.
_LEAST_WALKERS, _TOGETHER = 16, 32


@dataclass(frozen=True, eq=False)
class Chain:
    """What the walkers visited after the burn-in.

    Parameters
    ----------
    names : tuple of str
        Parameters that were free.
    samples : array, shape (n, k)
    acceptance : float
        Mean share of accepted moves; 0.2 to 0.5 is usual, below 0.1 nothing can be trusted.
    autocorrelation : array, shape (k,)
        Steps until a walker has forgotten where it was; rough, for the chain is short: emcee asks for 50 of them.
    steps : int
        Kept, a walker.
    """

    names: tuple[str, ...]
    samples: Array
    acceptance: float
    autocorrelation: Array
    steps: int

    @property
    def long_enough(self) -> bool:
        """Whether the chain is 50 autocorrelation times long."""
        return bool(np.isfinite(self.autocorrelation).all() and self.steps > 50 * self.autocorrelation.max())

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self.samples[:, self.names.index(name)])


class Likelihood:
    """Logarithm of the posterior of one fitted star, of many parameter vectors at once.

    Parameters
    ----------
    fitter : LabelFitter
        After its fit: rejected pixels stay rejected.
    fit : LabelFit
    start : mapping, optional
        The first guess that the prior was centred on; the fitted values by default.
    """

    def __init__(self, fitter: LabelFitter, fit: LabelFit, start: dict[str, float] | None = None) -> None:
        self._fitter, self._fit = fitter, fit
        self._problem = LeastSquares(fitter.emulator.net, [fitter] * _TOGETHER, fitter.emulator.device)
        self._problem.used = self._problem.used & torch.from_numpy(fit.used).to(self._problem.used.device)
        told = dict(zip(PARAMETERS, fit.values.tolist(), strict=True)) if start is None else start
        self._centre = priors.centre(told)

    def __call__(self, theta: Array) -> Array:
        """Of parameter vectors (n, 32); minus infinity outside of what the emulator has learned."""
        out = np.full(len(theta), -np.inf)
        inside = np.flatnonzero(((theta >= self._fitter.low) & (theta <= self._fitter.high)).all(1))
        for i in range(0, len(inside), _TOGETHER):
            at = inside[i : i + _TOGETHER]
            rows = torch.arange(len(at), device=self._problem.flux.device)
            residual = self._problem.residual(torch.from_numpy(theta[at]).to(rows.device), rows)[0]
            out[at] = -0.5 * residual.square().sum(1).cpu().numpy() / self._fit.excess
        away = theta - self._centre
        return np.asarray(out - 0.5 * ((away @ self._fitter.precision) * away).sum(1))


def sample_labels(
    fitter: LabelFitter,
    fit: LabelFit,
    *,
    free: Sequence[str] = PARAMETERS,
    steps: int = 2000,
    burn: int = 500,
    walkers: int | None = None,
    seed: int = 0,
    start: dict[str, float] | None = None,
    stop: Callable[[], None] = lambda: None,
) -> Chain:
    """Sample the posterior of one star around its fit.

    Parameters
    ----------
    fitter, fit : LabelFitter, LabelFit
        The star, and what its fit found.
    free : sequence of str
        Parameters that move, all 32 by default; the others stay where the fit left them.
    steps, burn : int
        Kept and thrown away, a walker.
    walkers : int, optional
        Twice the free parameters and 16 by default.
    seed : int
    start : mapping, optional
        See :class:`Likelihood`.
    stop : callable
        Called at each step; may raise to end the work.

    Raises
    ------
    ModelError
        If emcee is not installed, or a parameter is unknown.

    Notes
    -----
    All 32 parameters: 80 walkers, 2,500 steps, 200,000 spectra at about 3 ms on a CPU core: ten minutes. The Gaussian
    of the fit is as good wherever the labels are well told; chains are for the edge of the box and for low S/N.
    """
    try:
        import emcee
    except ImportError as error:
        raise ModelError("emcee is not installed", remedy="pip install 'jupyter-specviz[mcmc]'") from error
    unknown = [n for n in free if n not in PARAMETERS]
    if unknown or not free:
        raise ModelError("Unknown parameters: " + ", ".join(unknown), expected="some of " + ", ".join(PARAMETERS))
    names = tuple(n for n in PARAMETERS if n in free)
    at = np.array([PARAMETERS.index(n) for n in names])
    posterior = Likelihood(fitter, fit, start)
    n_walkers = walkers or 2 * len(names) + _LEAST_WALKERS

    def log_probability(moved: Array) -> Array:
        stop()
        theta = np.repeat(fit.values[None], len(moved), axis=0)
        theta[:, at] = moved
        return posterior(theta)

    rng = np.random.default_rng(seed)
    # The posterior of some parameters with the others held: the inverse of a block of the precision.
    conditional = np.linalg.inv(np.linalg.inv(fit.statistical)[np.ix_(at, at)])
    first = rng.multivariate_normal(fit.values[at], conditional, n_walkers)
    width = fitter.high[at] - fitter.low[at]
    first = np.clip(first, fitter.low[at] + 1e-6 * width, fitter.high[at] - 1e-6 * width)
    # Differential evolution moves along the correlations of the labels: fewer steps than stretches need.
    moves = [(emcee.moves.DEMove(), 0.8), (emcee.moves.DESnookerMove(), 0.2)]
    sampler = emcee.EnsembleSampler(n_walkers, len(names), log_probability, vectorize=True, moves=moves)
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(first, steps + burn, skip_initial_state_check=True)
    return Chain(
        names,
        np.asarray(sampler.get_chain(discard=burn, flat=True), np.float64),
        float(np.mean(sampler.acceptance_fraction)),
        np.asarray(sampler.get_autocorr_time(discard=burn, quiet=True, tol=0), np.float64),
        steps,
    )
