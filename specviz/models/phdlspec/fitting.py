"""``LabelFitter``: 28 labels of a star from one optical spectrum, by least squares with the emulator's exact Jacobian.

The model of a pixel is (local continuum) x (emulated normalised flux, shifted, broadened, collected). The continuum is
a cubic spline whose coefficients are solved for, linearly, wherever the labels are (variable projection: Golub &
Pereyra 1973, Jacobian after Kaufman 1975); the rest is Levenberg-Marquardt with Gaussian priors in the box of the
emulator's training set. PhDLspec (Wu et al. 2026, arXiv 2604.02730) fits about 30 labels in this spirit; it has
published no code, and every number here is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from specviz.errors import CoverageError, ModelError
from specviz.models.phdlspec import priors
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.model import Emulator, load_forward_mode
from specviz.models.phdlspec.observing import NUISANCES, Observer, Seeing
from specviz.models.phdlspec.priors import PARAMETERS

Array = NDArray[np.float64]
#: Distance of the continuum's knots, Angstrom: narrower than a calibration error, wider than a blend.
KNOTS = 200.0
#: Error of model and flat field that ivar does not know, relative to the flux.
FLOOR = 0.006
#: Stretches that are not fitted (vacuum Angstrom): sky lines, interstellar Na D, the join of the arms, telluric bands.
SKIPPED = ((5570.0, 5588.0), (5820.0, 5905.0), (6294.0, 6310.0), (6860.0, 6970.0), (7160.0, 7340.0), (7580.0, 7720.0),
           (8120.0, 8360.0), (8930.0, 9300.0))  # fmt: skip
_STEPS, _LEAST_PIXELS = 30, 300
#: Sigma of a difference that is no longer fitted: cosmic rays, emission.
_CLIP = 6.0
_RANGES = {"rv": (-900.0, 900.0), "broadening": (0.0, 250.0), "blue": (-0.5, 0.5), "red": (-0.5, 0.5)}


@dataclass(frozen=True, eq=False)
class LabelFit:
    """What a fit found.

    Parameters
    ----------
    values : array, shape (32,)
        Of :data:`specviz.models.phdlspec.priors.PARAMETERS`: 28 labels, then rv (km/s), broadening (km/s) and the ln of
        the instrument's width in both arms.
    covariance : array, shape (32, 32)
        Of the posterior (Gaussian, prior included); errors are scaled by sqrt(chi2 / dof) where that is above 1.
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
    def seeing(self) -> Seeing:
        """Velocity and widths."""
        return Seeing(*self.values[len(LABEL_NAMES) :])

    def samples(self, n: int, seed: int | None = 0) -> Array:
        """Draws (n, 28) of the labels from the Gaussian posterior."""
        k = len(LABEL_NAMES)
        return np.random.default_rng(seed).multivariate_normal(self.values[:k], self.covariance[:k, :k], n)


class LabelFitter:
    """One spectrum and the emulator, ready to be compared.

    Parameters
    ----------
    emulator : Emulator
    wave, flux, ivar : array, shape (L,)
        Vacuum Angstrom as observed; pixels that shall not be fitted have ivar 0 (flux may be anything finite there).
    observer : Observer, optional
        How the spectrograph sees; LAMOST by default.

    Raises
    ------
    CoverageError
        If fewer than 300 pixels can be used.
    """

    def __init__(
        self, emulator: Emulator, wave: Array, flux: Array, ivar: Array, observer: Observer | None = None
    ) -> None:
        self._emulator = emulator
        self.wave, self.flux = np.asarray(wave, np.float64), np.asarray(flux, np.float64)
        self.observer = observer or Observer(emulator.wave, self.wave)
        good = (np.asarray(ivar) > 0) & np.isfinite(self.flux) & self.observer.reached(_RANGES["rv"][0])
        good &= self.observer.reached(_RANGES["rv"][1])
        for low, high in SKIPPED:
            good &= (self.wave < low) | (self.wave > high)
        self.used = good
        if good.sum() < _LEAST_PIXELS:
            raise CoverageError(
                f"{int(good.sum())} pixels can be fitted",
                expected=f"at least {_LEAST_PIXELS} between {emulator.wave[0]:.0f} and {emulator.wave[-1]:.0f} Å",
            )
        level = max(float(np.median(np.abs(self.flux[good]))), 1e-300)
        variance = 1.0 / np.where(good, ivar, 1.0) + (FLOOR * np.maximum(np.abs(self.flux), 0.05 * level)) ** 2
        self.sigma = np.sqrt(variance)
        self._basis = _splines(self.wave)
        ranges = {**emulator.ranges, **_RANGES}
        self._low, self._high = np.array([ranges[name] for name in PARAMETERS], np.float64).T.copy()
        self._prior = priors.covariance()
        self._precision = np.linalg.inv(self._prior)

    # ------------------------------------------------------------------------------------------ the model
    def normalised(self, theta: Array) -> Array:
        """The emulated flux over its continuum at the pixels, shape (L,)."""
        norm = self._emulator.spectra(theta[None, : len(LABEL_NAMES)], continuum=False, sed=False, outside="clip").norm
        assert norm is not None
        return np.asarray(self.observer.see(torch.from_numpy(norm).double(), _seeing(theta))[0].numpy())

    def continuum(self, normalised: Array) -> Array:
        """The continuum that fits best, shape (L,)."""
        return np.asarray(self._basis @ self._coefficients(normalised))

    def _coefficients(self, normalised: Array) -> Array:
        design = self._basis[self.used] * (normalised / self.sigma)[self.used, None]
        return np.asarray(np.linalg.solve(_gram(design), design.T @ (self.flux / self.sigma)[self.used]))

    def _residual(self, theta: Array) -> tuple[Array, Array, Array]:
        """(flux - model) / sigma of the used pixels; the model's normalised flux and continuum at all."""
        normalised = self.normalised(theta)
        continuum = self.continuum(normalised)
        return ((self.flux - continuum * normalised) / self.sigma)[self.used], normalised, continuum

    def jacobian(self, theta: Array) -> Array:
        """Derivative (L, 32) of the normalised flux at the pixels by each parameter: the labels' exact, by
        forward-mode differentiation of the emulator; of the other four by central differences.
        """
        labels = torch.from_numpy(np.ascontiguousarray(theta[None, : len(LABEL_NAMES)], np.float32))
        load_forward_mode()
        every = labels.expand(len(LABEL_NAMES), -1).contiguous().to(self._emulator.device)
        tangents = torch.eye(len(LABEL_NAMES), device=every.device)
        with torch.no_grad():
            result = torch.func.jvp(lambda x: self._emulator.net(x)[0], (every,), (tangents,))
        norm, slopes = result[0], result[1]
        rows, weight = self.observer.weights(_seeing(theta))
        slopes, norm = slopes.double().cpu(), norm[:1].double().cpu()
        columns = [torch.einsum("nlk,lk->nl", slopes[i : i + 4][:, rows], weight) for i in range(0, len(slopes), 4)]
        out = [np.asarray(torch.cat(columns).numpy())]
        for name, step in zip(NUISANCES, (2.0, 2.0, 0.01, 0.01), strict=True):
            ends = []
            for sign in (1.0, -1.0):
                moved = theta.copy()
                moved[PARAMETERS.index(name)] += sign * step
                ends.append(self.observer.see(norm, _seeing(moved))[0].numpy())
            out.append((ends[0] - ends[1])[None] / (2.0 * step))
        return np.concatenate(out).T

    # ------------------------------------------------------------------------------------------ the fit
    def fit(
        self, start: Mapping[str, float], *, steps: int = _STEPS, stop: Callable[[], None] = lambda: None
    ) -> LabelFit:
        """Levenberg-Marquardt from a first guess.

        Parameters
        ----------
        start : mapping of str to float
            teff, logg, fe_h at least, rv where known (else 0), and any other label.
        steps : int
            At most.
        stop : callable
            Called before each step; may raise to end the work.

        Raises
        ------
        ModelError
            If the first guess lacks something or is not finite.
        """
        lacking = [n for n in ("teff", "logg", "fe_h") if n not in start]
        if lacking or not np.isfinite([float(v) for v in start.values()]).all():
            raise ModelError("The first guess is incomplete", expected="finite teff, logg and fe_h")
        centre = priors.centre(start)
        theta = centre.copy()
        for name, value in start.items():
            if name in PARAMETERS:
                theta[PARAMETERS.index(name)] = float(value)
        theta = np.clip(theta, self._low, self._high)
        damping, converged, taken = 1e-2, False, 0
        residual, normalised, continuum = self._residual(theta)
        self._reject(residual)
        residual, normalised, continuum = self._residual(theta)
        cost = self._cost(residual, theta, centre)
        for taken in range(1, steps + 1):
            stop()
            slope = self._projected(self.jacobian(theta), normalised, continuum)
            hessian = slope.T @ slope + self._precision
            gradient = slope.T @ residual - self._precision @ (theta - centre)
            improved = False
            while damping < 1e6:
                step = np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)), gradient)
                tried = np.clip(theta + step, self._low, self._high)
                new = self._residual(tried)
                new_cost = self._cost(new[0], tried, centre)
                if new_cost < cost:
                    improved = True
                    break
                damping *= 5.0
            if not improved:
                converged = True  # nothing better in any direction
                break
            moved = np.abs(tried - theta) / np.sqrt(np.diag(np.linalg.inv(hessian)))
            drop = cost - new_cost
            theta, (residual, normalised, continuum), cost = tried, new, new_cost
            damping = max(damping / 10.0, 1e-8)
            if taken == 3:  # the model is near now: what still stands out is no part of the star
                self._reject(residual)
                residual, normalised, continuum = self._residual(theta)
                cost = self._cost(residual, theta, centre)
            elif moved.max() < 0.02 or drop < 1e-3:
                converged = True
                break
        return self._result(theta, centre, normalised, continuum, residual, taken, converged)

    def _cost(self, residual: Array, theta: Array, centre: Array) -> float:
        away = theta - centre
        return float(residual @ residual + away @ self._precision @ away)

    def _projected(self, jacobian: Array, normalised: Array, continuum: Array) -> Array:
        """Derivative of the model over sigma with what a change of the continuum can imitate taken out."""
        scale = 1.0 / self.sigma[self.used, None]
        slope = jacobian[self.used] * continuum[self.used, None] * scale
        design = self._basis[self.used] * normalised[self.used, None] * scale
        return np.asarray(slope - design @ np.linalg.solve(_gram(design), design.T @ slope))

    def _reject(self, residual: Array) -> None:
        """Leave out what stands far above the rest; relative to the scatter, for the model may be far off yet."""
        scatter = max(1.0, 1.4826 * float(np.median(np.abs(residual))))
        far = np.abs(residual) > _CLIP * scatter
        if far.mean() < 0.1:  # more are no outliers
            self.used = self.used.copy()
            self.used[np.flatnonzero(self.used)[far]] = False

    def _result(
        self, theta: Array, centre: Array, normalised: Array, continuum: Array, residual: Array, steps: int, done: bool
    ) -> LabelFit:
        slope = self._projected(self.jacobian(theta), normalised, continuum)
        dof = max(int(self.used.sum()) - self._basis.shape[1] - len(PARAMETERS), 1)
        chi2 = float(residual @ residual)
        inflation = max(1.0, chi2 / dof)
        covariance = np.linalg.inv(slope.T @ slope / inflation + self._precision)
        width = self._high - self._low
        edge = (theta - self._low < 1e-3 * width) | (self._high - theta < 1e-3 * width)
        names = tuple(name for name, at in zip(PARAMETERS, edge, strict=True) if at and name in LABEL_NAMES)
        return LabelFit(
            theta, covariance, np.sqrt(np.diag(self._prior)), chi2, dof, self.wave, self.flux, continuum * normalised,
            continuum, self.sigma, self.used, steps, done, names,
        )  # fmt: skip


def _gram(design: Array) -> Array:
    """``design^T design``, a little damped: a knot whose pixels are all masked has no continuum of its own."""
    gram = design.T @ design
    return np.asarray(gram + 1e-8 * np.trace(gram) / len(gram) * np.eye(len(gram)))


def _seeing(theta: Array) -> Seeing:
    return Seeing(*(float(v) for v in theta[len(LABEL_NAMES) :]))


def _splines(wave: Array) -> Array:
    """Cubic B-splines at the pixels, shape (L, k), a knot each :data:`KNOTS`."""
    inner = np.linspace(wave[0], wave[-1], max(round((wave[-1] - wave[0]) / KNOTS), 1) + 1)
    knots = np.concatenate([[wave[0]] * 3, inner, [wave[-1]] * 3])
    return np.asarray(BSpline.design_matrix(wave, knots, 3).toarray())
