"""Rotation and instrument: how stellar lines become wider. Pure functions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import j1

from specviz.spectra.frames import C_KM_S

#: Resolving power (FWHM) that the synthetic grid, and what was learned from it, already has.
GRID_RESOLUTION = 5000.0
#: Resolving power (FWHM) that a LAMOST low-resolution spectrum has in the middle of both arms.
RESOLUTION = 1700.0
#: Limb darkening of the rotation profile (Gray, The Observation and Analysis of Stellar Photospheres, eq. 18.14).
LIMB_DARKENING = 0.6


def rotation_transfer(u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fourier transform of the rotation profile with linear limb darkening; ``u`` = 2 pi * frequency * half-width. 1 at
    u = 0.
    """
    small = np.abs(u) < 1e-2
    x = np.where(small, 1.0, u)
    disc = np.where(small, 0.5 - u**2 / 16.0, j1(x) / x)
    limb = np.where(small, 1.0 / 3.0 - u**2 / 30.0, (np.sin(x) - x * np.cos(x)) / x**3)
    eps = LIMB_DARKENING
    return np.asarray((2.0 * (1.0 - eps) * disc + 2.0 * eps * limb) / (1.0 - eps / 3.0))


def blurred(norm: NDArray[np.float64], wave: NDArray[np.float64], vsini: Any) -> NDArray[np.float64]:
    """Spectra as LAMOST would see rotating stars, one product in Fourier space.

    Parameters
    ----------
    norm : array, shape (b, m)
        Flux over continuum at R = 5000; beyond its ends pure continuum is assumed.
    wave : array, shape (m,)
        Vacuum Angstrom, constant step in its logarithm.
    vsini : array, shape (b,)
        km/s.

    Returns
    -------
    array, shape (b, m)
        At R = 1700, a Gaussian.
    """
    step = float(np.log(wave[1] / wave[0]))
    n, margin = norm.shape[1], 200
    size = fft.next_fast_len(n + margin, real=True)
    padded = np.zeros((len(norm), size))
    padded[:, :n] = norm - 1.0  # beyond the ends: pure continuum
    frequency = np.arange(size // 2 + 1) / size
    sigma = np.sqrt(RESOLUTION**-2.0 - GRID_RESOLUTION**-2.0) / np.sqrt(8.0 * np.log(2.0)) / step
    half_width = np.asarray(vsini, float)[:, None] / C_KM_S / step
    transfer = rotation_transfer(2.0 * np.pi * half_width * frequency) * np.exp(-2.0 * (np.pi * sigma * frequency) ** 2)
    return np.asarray(fft.irfft(fft.rfft(padded, axis=1) * transfer, n=size, axis=1)[:, :n] + 1.0)
