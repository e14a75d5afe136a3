"""How the demo stars' spectra are kept in a few bits a pixel.

Noise does not compress, so it is not kept finer than it means anything: flux is rounded to 0.65 of the quoted error
(which adds 1.7 % to it), errors to steps of 10 %. What remains are small integers that change little from pixel to
pixel: differences, zigzag mapping (0, -1, 1, -2 -> 0, 1, 2, 3) and two byte planes leave the rest to the npz's own
compression.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Errors are kept in steps of this in ln(sigma).
SIGMA_STEP = 0.1
#: Finest error that the flux's steps follow, in units of the typical flux: no spectrum is calibrated better from pixel
#: to pixel.
FLOOR = 0.003


def pack(flux: NDArray[Any], sigma: NDArray[Any], fraction: float) -> dict[str, NDArray[np.uint8]]:
    """Encode spectra.

    Parameters
    ----------
    flux, sigma : array, shape (b, n)
        In units in which the numbers are of order one; ``sigma`` positive everywhere (masks are kept apart).
    fraction : float
        Steps of the flux in units of sigma; 0.65 raises the noise by 1.7 %.

    Returns
    -------
    dict of arrays of uint8, shape (b, n)
        ``flux_low``, ``flux_high``, ``sigma_low``, ``sigma_high``.

    Raises
    ------
    ValueError
        If a value does not fit 16 bits.
    """
    level = np.rint(np.log(sigma) / SIGMA_STEP)
    step = fraction * np.hypot(np.exp(SIGMA_STEP * level), FLOOR)
    out = {}
    for name, values in (("flux", np.rint(flux / step)), ("sigma", level)):
        delta = np.diff(values.astype(np.int64), axis=1, prepend=0)
        zigzag = np.where(delta >= 0, 2 * delta, -2 * delta - 1)
        if zigzag.max() > 65535:
            raise ValueError(f"{name} changes by more than 32767 steps between two pixels")
        out[f"{name}_low"] = (zigzag & 255).astype(np.uint8)
        out[f"{name}_high"] = (zigzag >> 8).astype(np.uint8)
    return out


def unpack(
    packed: dict[str, NDArray[np.uint8]], row: int, fraction: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Flux and sigma of one spectrum, each (n,), from what :func:`pack` made."""

    def values(name: str) -> NDArray[np.int64]:
        zigzag = packed[f"{name}_low"][row].astype(np.int64) | (packed[f"{name}_high"][row].astype(np.int64) << 8)
        return np.cumsum(np.where(zigzag & 1, -((zigzag + 1) >> 1), zigzag >> 1))

    sigma = np.exp(SIGMA_STEP * values("sigma"))
    return values("flux") * (fraction * np.hypot(sigma, FLOOR)), sigma
