"""``LabelFitter``: 28 labels of a star from one optical spectrum, by least squares with the emulator's exact Jacobian.

The model of a pixel is (local continuum) x (emulated normalised flux, shifted, broadened, collected). The continuum is
a cubic spline in each arm; the rest is Levenberg-Marquardt with Gaussian priors in the box of the emulator's training
set (:mod:`specviz.models.phdlspec.least_squares`). PhDLspec (Wu et al. 2026, arXiv 2604.02730) fits about 30 labels in
this spirit; it has published no code, and every number here is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.interpolate import BSpline

from specviz.errors import CoverageError, ModelError
from specviz.models.phdlspec import priors
from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.label_fit import LabelFit
from specviz.models.phdlspec.least_squares import LeastSquares
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.observing import Observer, Seeing
from specviz.models.phdlspec.priors import PARAMETERS
from specviz.models.threads import one_thread

__all__ = ["LabelFit", "LabelFitter", "fit_many"]

Array = NDArray[np.float64]
#: Distance of the continuum's knots, Angstrom: narrower than an error of the calibration, wider than the wings of a
#: Balmer line. With 200 A, 60 real stars of training plates scatter by 92 K, 0.22 and 0.12 dex about LASP's teff, logg
#: and fe_h, with 400 A by 78 K, 0.15 and 0.08.
KNOTS = 400.0
#: Where the arms join (vacuum Angstrom, inside a stretch that is not fitted): each has a continuum of its own.
JOIN = 5862.0
#: Error of model and flat field that ivar does not know, relative to the flux, at some wavelengths (vacuum Angstrom);
#: linear between. What 120 real spectra of LAMOST's training plates leave beyond their noise, the same in every star.
FLOOR = ((3700.0, 0.022), (3800.0, 0.018), (3950.0, 0.014), (4100.0, 0.011), (4500.0, 0.008), (5000.0, 0.007),
         (5500.0, 0.006), (9300.0, 0.006))  # fmt: skip
#: Standard errors that no S/N takes away: scatter of the fits of 60 noiseless spectra of the grid's validation rows
#: (4500-7000 K, [Fe/H] > -1) as LAMOST would see them: the emulator, the line width, the continuum. K, km/s or dex.
SYSTEMATIC: Mapping[str, float] = {
    "teff": 9.0, "logg": 0.033, "vmic": 0.019, "fe_h": 0.010, "c_fe": 0.023, "n_fe": 0.028, "o_fe": 0.04,
    "na_fe": 0.03, "mg_fe": 0.014, "al_fe": 0.03, "si_fe": 0.03, "s_fe": 0.04, "ca_fe": 0.010, "ti_fe": 0.024,
    "v_fe": 0.03, "cr_fe": 0.02, "mn_fe": 0.025, "ni_fe": 0.017, "sr_fe": 0.04, "y_fe": 0.04, "zr_fe": 0.04,
    "ba_fe": 0.035, "la_fe": 0.05, "nd_fe": 0.04, "eu_fe": 0.05, "rv": 0.3,
}  # fmt: skip
#: Stretches that are not fitted (vacuum Angstrom): sky lines, interstellar Na D and the diffuse band at 6284, the join
#: of the arms, telluric bands.
SKIPPED = ((5570.0, 5588.0), (5820.0, 5905.0), (6272.0, 6310.0), (6860.0, 6970.0), (7160.0, 7340.0), (7580.0, 7720.0),
           (8120.0, 8360.0), (8930.0, 9300.0))  # fmt: skip
_STEPS, _LEAST_PIXELS = 30, 300
_RANGES = {"rv": (-900.0, 900.0), "broadening": (0.0, 250.0), "blue": (-0.5, 0.5), "red": (-0.5, 0.5)}
#: Stars that are fitted together, on a CPU and elsewhere: a Jacobian is (stars, 8077, 28).
_TOGETHER = {"cpu": 4, "cuda": 128, "mps": 16}


class LabelFitter:
    """One spectrum and the emulator, ready to be compared.

    Parameters
    ----------
    emulator : Emulator
    wave, flux, ivar : array, shape (L,)
        Vacuum Angstrom as observed; pixels that shall not be fitted have ivar 0 (flux may be anything finite there).
    observer : Observer, optional
        How the spectrograph sees; LAMOST by default.

    Attributes
    ----------
    used : array of bool, shape (L,)
        Pixels that are fitted; after :meth:`fit` without those that it rejected. ``usable`` keeps them all.

    Notes
    -----
    The errors of a fit hold the noise, :data:`FLOOR`, the scatter of the residuals where that is larger (chi2 / dof),
    and the correlation of neighbouring residuals: LAMOST's pipeline resamples, so that adjacent pixels share noise
    (0.25), and lines that the model lacks are wider than a pixel; and :data:`SYSTEMATIC`, as far as the spectrum and
    not the prior decides.

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
        self.usable = self.used = good
        if good.sum() < _LEAST_PIXELS:
            raise CoverageError(
                f"{int(good.sum())} pixels can be fitted",
                expected=f"at least {_LEAST_PIXELS} between {emulator.wave[0]:.0f} and {emulator.wave[-1]:.0f} Å",
            )
        level = max(float(np.median(np.abs(self.flux[good]))), 1e-300)
        floor = np.interp(self.wave, *np.array(FLOOR).T)
        variance = 1.0 / np.where(good, ivar, 1.0) + (floor * np.maximum(np.abs(self.flux), 0.05 * level)) ** 2
        self.sigma = np.sqrt(variance)
        self.basis = _splines(self.wave)
        ranges = {**emulator.ranges, **_RANGES}
        self.low, self.high = np.array([ranges[name] for name in PARAMETERS], np.float64).T.copy()
        self._prior = priors.covariance()
        self.precision = np.linalg.inv(self._prior)

    # ------------------------------------------------------------------------------------------ the model
    def normalised(self, theta: Array) -> Array:
        """The emulated flux over its continuum at the pixels, shape (L,)."""
        norm = self._emulator.spectra(theta[None, : len(LABEL_NAMES)], continuum=False, sed=False, outside="clip").norm
        assert norm is not None
        return np.asarray(self.observer.see(torch.from_numpy(norm).double(), _seeing(theta))[0].numpy())

    def continuum(self, normalised: Array) -> Array:
        """The continuum that fits best, shape (L,)."""
        design = self.basis[self.used] * (normalised / self.sigma)[self.used, None]
        gram = design.T @ design
        gram += 1e-8 * np.trace(gram) / len(gram) * np.eye(len(gram))  # a knot whose pixels are all masked
        return np.asarray(self.basis @ np.linalg.solve(gram, design.T @ (self.flux / self.sigma)[self.used]))

    def jacobian(self, theta: Array) -> Array:
        """Derivative (L, 32) of the normalised flux at the pixels by each parameter, exact."""
        problem = LeastSquares(self._emulator.net, [self], self._emulator.device)
        return np.asarray(problem.jacobian(torch.from_numpy(theta[None]), torch.tensor([0]))[0].cpu().numpy())

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
        return fit_many([self], [start], steps=steps, stop=stop)[0]

    def start_of(self, start: Mapping[str, float]) -> tuple[Array, Array]:
        """First guess and centre of the prior, (32,) both.

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
        return theta, centre

    @property
    def emulator(self) -> Emulator:
        return self._emulator

    @property
    def prior_sigma(self) -> Array:
        """Standard deviation of the prior, (32,)."""
        return np.asarray(np.sqrt(np.diag(self._prior)))


def fit_many(
    fitters: Sequence[LabelFitter],
    starts: Sequence[Mapping[str, float]],
    *,
    steps: int = _STEPS,
    together: int | None = None,
    stop: Callable[[], None] = lambda: None,
    report: Callable[[int], None] = lambda done: None,
) -> list[LabelFit]:
    """Fit many stars; the same numbers as one at a time, to the rounding of float32.

    Parameters
    ----------
    fitters : sequence of LabelFitter
        Of one emulator, whose device does the work; spectra may differ in length.
    starts : sequence of mapping
        A first guess each, see :meth:`LabelFitter.fit`.
    steps : int
        At most, a star.
    together : int, optional
        Stars in a batch: 4 on a CPU, 128 on a GPU by default.
    stop : callable
        Called before each step of each batch; may raise to end the work.
    report : callable
        Told after each batch how many are done.

    Raises
    ------
    ModelError
        If a first guess lacks something, or the lists differ in length.
    """
    if len(fitters) != len(starts):
        raise ModelError(f"{len(fitters)} spectra and {len(starts)} first guesses", expected="one a spectrum")
    begun = [f.start_of(s) for f, s in zip(fitters, starts, strict=True)]
    device = fitters[0].emulator.device if fitters else "cpu"
    size = together or _TOGETHER.get(str(device).split(":")[0], 16)
    out: list[LabelFit] = []
    # Batches of four are hundreds of small products: two threads that wait for each other are slower than one, and on a
    # busy machine twenty times slower.
    with one_thread() if str(device).startswith("cpu") else nullcontext():
        for i in range(0, len(fitters), size):
            part = fitters[i : i + size]
            theta, centre = (np.stack(rows) for rows in zip(*begun[i : i + size], strict=True))
            found = LeastSquares(part[0].emulator.net, part, device).solve(theta, centre, steps, stop)
            for k, fitter in enumerate(part):
                n = fitter.wave.size
                fitter.used = found.used[k, :n]
                values, width = found.theta[k], fitter.high - fitter.low
                edge = (values - fitter.low < 1e-3 * width) | (fitter.high - values < 1e-3 * width)
                names = tuple(name for name, at in zip(PARAMETERS, edge, strict=True) if at and name in LABEL_NAMES)
                continuum = found.continuum[k, :n]
                added = _systematic(found.covariance[k], fitter.prior_sigma)
                out.append(
                    LabelFit(
                        values,
                        found.covariance[k] + np.diag(added),
                        fitter.prior_sigma,
                        float(found.chi2[k]),
                        int(found.dof[k]),
                        fitter.wave,
                        fitter.flux,
                        continuum * found.normalised[k, :n],
                        continuum,
                        fitter.sigma,
                        fitter.used,
                        int(found.steps[k]),
                        bool(found.converged[k]),
                        names,
                        float(found.excess[k]),
                        found.model_sigma[k, :n],
                        added,
                    )
                )
            report(len(out))
    return out


def _systematic(covariance: Array, prior_sigma: Array) -> Array:
    """Variances that are added, (32,): :data:`SYSTEMATIC` by the share that the spectrum has in a label."""
    own = np.array([SYSTEMATIC.get(name, 0.0) for name in PARAMETERS])
    return np.asarray(own**2 * np.clip(1.0 - np.diag(covariance) / prior_sigma**2, 0.0, 1.0))


def _seeing(theta: Array) -> Seeing:
    return Seeing(*(float(v) for v in theta[len(LABEL_NAMES) :]))


def _splines(wave: Array) -> Array:
    """Cubic B-splines at the pixels, shape (L, k), a knot each :data:`KNOTS`, broken where the arms join."""
    parts = [wave[wave < JOIN], wave[wave >= JOIN]]
    blocks = []
    for part in parts:
        if part.size < 2:
            blocks.append(np.ones((part.size, 1 if part.size else 0)))
            continue
        inner = np.linspace(part[0], part[-1], max(round((part[-1] - part[0]) / KNOTS), 1) + 1)
        knots = np.concatenate([[part[0]] * 3, inner, [part[-1]] * 3])
        blocks.append(BSpline.design_matrix(part, knots, 3).toarray())
    out = np.zeros((wave.size, sum(b.shape[1] for b in blocks)))
    first = blocks[0].shape
    out[: first[0], : first[1]], out[first[0] :, first[1] :] = blocks
    return out
