"""Spectra on a grid in steps of ln(wavelength), moved to rest and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_COEFF1

Array = NDArray[np.float64]


def to_rest(values: NDArray[np.floating], ivar: NDArray[np.floating], rv: NDArray[np.floating]) -> tuple[Array, Array]:
    """Spectra (B, L) of stars that move with ``rv`` (B,) km/s, on the same grid at rest, with their ivar.

    Cubic convolution (Keys 1981, a = -1/2) of the values, after masked pixels were bridged by straight lines; the ivar
    is the smaller one of the two pixels between which a value lies, 0 where one of them is masked or beyond the end.
    """
    n = values.shape[1]
    bridged = np.array(values, np.float64)
    weight = np.where(np.asarray(ivar) > 0, ivar, 0.0)
    at = np.arange(n, dtype=np.float64)
    for row in np.flatnonzero((weight <= 0).any(axis=1)):
        good = weight[row] > 0
        bridged[row] = np.interp(at, at[good], bridged[row, good]) if good.any() else 1.0
    shift = np.log10(1.0 + np.asarray(rv, np.float64) / C_KM_S) / LAMOST_COEFF1
    whole = np.floor(shift).astype(np.int64)
    t = (shift - whole)[:, None]
    kernel = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    left = np.arange(n)[None] + whole[:, None]
    moved = sum(w * np.take_along_axis(bridged, (left + k - 1).clip(0, n - 1), axis=1) for k, w in enumerate(kernel))
    first, second = (np.take_along_axis(weight, (left + k).clip(0, n - 1), axis=1) for k in (0, 1))
    both = np.where(t > 0, np.minimum(first, second), first)
    outside = (left < 0) | (left + (t > 0) > n - 1)
    return np.asarray(moved), np.where(outside, 0.0, both)
