"""A light curve folded at a period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.light_curve import CleanCurve, flattened

Array = NDArray[np.float64]
BINS = 100


@dataclass(frozen=True, eq=False)
class Folded:
    """One curve against phase.

    Parameters
    ----------
    why : str
        "rotation", "eclipses" (slow variations are taken out), or "strongest": the highest peak of the power spectrum.
    period : float
        Days.
    phase, flux : array, shape (N,)
        Phase from -0.5 to 0.5, relative flux.
    mean_phase, mean : array, shape (M,)
        Means in phase.
    """

    why: str
    period: float
    phase: Array
    flux: Array
    mean_phase: Array
    mean: Array


def fold(curve: CleanCurve, period: float, why: str, epoch: float = 0.0) -> Folded:
    """Fold at a period.

    Parameters
    ----------
    curve : CleanCurve
    period : float
        Days.
    why : str
        See :class:`Folded`.
    epoch : float
        Days since the curve's start at which the phase is 0.
    """
    curve = curve.binned()
    flux = flattened(curve) if why == "eclipses" else curve.flux
    phase = (curve.time - epoch) / period
    phase = phase - np.round(phase)
    # An eclipse is a small part of its period: bins as fine as the cadence, as long as they hold points.
    n = int(np.clip(period / curve.cadence, 20, BINS if why != "eclipses" else 4 * BINS))
    at = np.clip(np.floor((phase + 0.5) * n).astype(np.int64), 0, n - 1)
    where, which, count = np.unique(at, return_inverse=True, return_counts=True)
    mean = np.bincount(which, flux) / count
    return Folded(why, period, phase, flux, (where + 0.5) / n - 0.5, mean)
