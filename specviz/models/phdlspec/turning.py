"""``Turning``: the spectrum that other labels would give, seen as a fit saw it; nothing is fitted again."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.models.phdlspec.fitting import LabelFitter
from specviz.models.phdlspec.label_fit import LabelFit
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.observing import collect
from specviz.models.threads import alone

Array = NDArray[np.float64]


class Turning:
    """A fitted star whose labels can be turned.

    Parameters
    ----------
    emulator : Emulator
        The one that the fit was made with.
    fit : LabelFit
        Its pixels, errors, velocity and widths are kept.
    """

    def __init__(self, emulator: Emulator, fit: LabelFit) -> None:
        self._emulator, self._fit = emulator, fit
        self._fitter = LabelFitter(emulator, fit.wave, fit.flux, fit.used.astype(np.float64))
        # Those of the fit: outliers left out, the model's error added.
        self._fitter.used, self._fitter.sigma = fit.used, fit.sigma
        self._rows, self._weight = self._fitter.observer.weights(fit.seeing)
        scale = 1.0 / fit.sigma[fit.used]
        self._basis = torch.from_numpy(self._fitter.basis)
        self._design = torch.from_numpy(self._fitter.basis[fit.used] * scale[:, None])
        self._data = torch.from_numpy(fit.flux[fit.used] * scale)
        self._used = torch.from_numpy(fit.used)

    def spectrum(self, labels: Array) -> tuple[Array, float]:
        """The model on the continuum that suits it best, in the spectrum's unit (L,), and its chi square.

        Parameters
        ----------
        labels : array, shape (28,)
            In the order of ``label_names``; beyond what the emulator has learned they are moved to the edge.
        """
        with alone(), torch.inference_mode():
            norm = self._emulator.spectra(labels[None], continuum=False, sed=False, outside="clip").norm
            assert norm is not None
            normalised = collect(torch.from_numpy(norm).double(), self._rows, self._weight)[0]
            design = self._design * normalised[self._used, None]
            gram = design.T @ design
            gram += 1e-8 * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)  # as in the fit
            coefficients = torch.linalg.solve(gram, design.T @ self._data)
            chi2 = float((self._data - design @ coefficients).square().sum())
            return np.asarray((normalised * (self._basis @ coefficients)).numpy()), chi2

    def slopes(self) -> Array:
        """Derivative of the normalised flux by each label at the fit, exact, (L, 28)."""
        return self._fitter.jacobian(self._fit.values)[:, : len(LABEL_NAMES)]
