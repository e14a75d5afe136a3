"""Gaussian smoothing in pixels that leaves gaps alone and carries errors along.

The browser's twin is ``smoothed`` in ``widgets/spectrum_math.js``; a test holds both to the same numbers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import SpectrumError

Array = NDArray[np.float64]
#: Standard deviations on either side within which pixels count; beyond lie 6e-5 of the weight.
REACH = 4.0


def smooth(values: ArrayLike, sigma: float, errors: ArrayLike | None = None) -> tuple[Array, Array | None]:
    """Smooth with a Gaussian of standard deviation ``sigma`` pixels.

    A pixel that is not finite stays as it is and counts nowhere: the kernel is renormalised over the finite pixels it
    covers, at the ends of the spectrum too. With weights k, the error of a smoothed pixel is
    sqrt(sum k^2 s^2) / sum k, that of independent pixels; smoothed pixels are not independent of one another.

    Parameters
    ----------
    values : array, shape (n,)
        NaN where masked.
    sigma : float
        Pixels; 0 changes nothing.
    errors : array, shape (n,), optional
        Standard deviations of the values.

    Returns
    -------
    (values, errors)
        Arrays of shape (n,); errors None if none were given.

    Raises
    ------
    SpectrumError
        If sigma is negative or not finite, or the shapes differ.
    """
    flux = np.asarray(values, np.float64)
    spread = None if errors is None else np.asarray(errors, np.float64)
    if not math.isfinite(sigma) or sigma < 0:
        raise SpectrumError(f"A smoothing of {sigma} pixels", expected="a number of at least 0")
    if flux.ndim != 1 or (spread is not None and spread.shape != flux.shape):
        raise SpectrumError("Values and errors differ in shape", expected="two arrays of shape (n,)")
    if sigma == 0:
        return flux.copy(), None if spread is None else spread.copy()
    half = math.ceil(REACH * sigma)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / sigma) ** 2)
    good = np.isfinite(flux)
    weight = _sum(good.astype(np.float64), kernel)
    with np.errstate(invalid="ignore", divide="ignore"):
        out = np.where(good, _sum(np.where(good, flux, 0.0), kernel) / weight, np.nan)
        if spread is None:
            return out, None
        variance = _sum(np.where(good, spread**2, 0.0), kernel**2)
        return out, np.where(good, np.sqrt(variance) / weight, np.nan)


def _sum(values: Array, kernel: Array) -> Array:
    """Weighted sums around each pixel; kernels are symmetric. As long as ``values``, however wide the kernel."""
    half = kernel.size // 2
    return np.convolve(values, kernel)[half : half + values.size]
