"""Cramer-Rao bounds: how well a spectrum could tell a star's labels at best, from the emulator's own gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from specviz.models.phdlspec import priors
from specviz.models.phdlspec.fitting import LabelFitter
from specviz.models.phdlspec.model import Emulator
from specviz.models.phdlspec.priors import PARAMETERS
from specviz.spectra.grids import LAMOST_NATIVE

#: Labels with lines enough at R = 1800 to be told without a prior.
STRONG_LABELS = ("teff", "logg", "vmic", "fe_h", "c_fe", "n_fe", "o_fe", "na_fe", "mg_fe", "al_fe", "si_fe", "ca_fe",
                 "ti_fe", "v_fe", "cr_fe", "mn_fe", "ni_fe", "ba_fe")  # fmt: skip


def cramer_rao(
    emulator: Emulator,
    labels: Mapping[str, float],
    snr: float,
    *,
    free: Sequence[str] = PARAMETERS,
    continuum: bool = True,
    prior: bool = True,
    wave: NDArray[np.float64] = LAMOST_NATIVE,
) -> dict[str, float]:
    """Smallest standard errors of an unbiased fit, with independent noise and a perfect model.

    Parameters
    ----------
    emulator : Emulator
    labels : mapping of str to float
        Of the star; teff, logg and fe_h at least.
    snr : float
        In every pixel, of the continuum.
    free : sequence of str
        What is not known beforehand; all 32 parameters of a fit by default.
    continuum : bool
        Whether the continuum is fitted along, as :class:`LabelFitter` does.
    prior : bool
        Whether the fit's prior is known too.
    wave : array, shape (L,)
        Vacuum Angstrom; LAMOST's pixels by default. Those that a fit leaves out are left out.
    """
    fitter = LabelFitter(emulator, wave, np.ones(wave.size), np.full(wave.size, float(snr) ** 2))
    theta, _ = fitter.start_of(labels)
    used = fitter.used
    slope = fitter.jacobian(theta)[used] * snr
    if continuum:
        design = (fitter.basis * fitter.normalised(theta)[:, None])[used]
        slope = slope - design @ np.linalg.lstsq(design, slope, rcond=None)[0]
    at = [PARAMETERS.index(name) for name in free]
    information = slope[:, at].T @ slope[:, at]
    if prior:
        information += np.linalg.inv(priors.covariance()[np.ix_(at, at)])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return {name: float(e) for name, e in zip(free, errors, strict=True)}
