"""Granulation and solar-like oscillations: their power density, and light curves that have it.

Granulation: two components of Kallinger et al. (2014, A&A 570, A41), model F of their table 2. Oscillations: nu_max and
Delta nu by the scaling relations with the Sun's 3090 and 135.1 muHz (Huber et al. 2011, ApJ 743, 143), a Gaussian
envelope (Kallinger et al. 2014) filled with modes of degree 0 to 2 on the universal pattern (Mosser et al. 2011, A&A
525, L9).

Limits: radial, dipole and quadrupole modes only, no mixed modes, no rotational splitting, one line width; no classical
pulsators (delta Scuti, gamma Doradus, RR Lyrae), so that stars above 6700 K look quieter than they are.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

Array = NDArray[np.float64]
NU_MAX_SUN, DELTA_NU_SUN, TEFF_SUN, LOGG_SUN = 3090.0, 135.1, 5772.0, 4.438
#: muHz in a cycle a day.
MICROHERTZ_PER_DAY = 11.5741
#: Days of one Kepler exposure of long cadence.
LONG_CADENCE = 0.0204336
#: Visibility (power) of degrees 0, 1, 2 and their places, in units of Delta nu after the radial mode.
_DEGREES = ((1.0, 0.0), (1.5, 0.52), (0.5, 0.88))


def nu_max(teff: ArrayLike, logg: ArrayLike) -> Array:
    """Frequency of greatest power, muHz: g / sqrt(Teff) relative to the Sun."""
    g = 10.0 ** (np.asarray(logg, np.float64) - LOGG_SUN)
    return np.asarray(NU_MAX_SUN * g / np.sqrt(np.asarray(teff, np.float64) / TEFF_SUN))


def delta_nu(mass: ArrayLike, radius: ArrayLike) -> Array:
    """Large separation, muHz: the square root of the mean density relative to the Sun's."""
    return np.asarray(DELTA_NU_SUN * np.sqrt(np.asarray(mass, np.float64) / np.asarray(radius, np.float64) ** 3))


def granulation_power(nu: Array, numax: ArrayLike) -> Array:
    """Power density (ppm^2 / muHz) of granulation at frequencies ``nu`` (muHz), shape of both broadcast."""
    numax = np.asarray(numax, np.float64)
    amplitude = 3382.0 * numax**-0.609
    total = np.zeros(np.broadcast_shapes(nu.shape, numax.shape))
    for factor, slope in ((0.317, 0.970), (0.948, 0.992)):
        knee = factor * numax**slope
        total += (2.0 * np.sqrt(2.0) / np.pi) * amplitude**2 / knee / (1.0 + (nu / knee) ** 4)
    return total


def oscillation_power(nu: Array, numax: ArrayLike, separation: ArrayLike) -> Array:
    """Power density (ppm^2 / muHz) of the modes: on average a Gaussian of height 2.03e7 nu_max^-2.38 and width 0.59
    nu_max^0.90 (Kallinger et al. 2014), here in peaks.
    """
    numax, separation = np.asarray(numax, np.float64), np.asarray(separation, np.float64)
    envelope = 2.03e7 * numax**-2.38 * np.exp(-0.5 * ((nu - numax) / (0.59 * numax**0.90)) ** 2)
    # Offset of the radial modes; widths of 0.1 muHz in giants to 1 muHz in dwarfs (roughly).
    epsilon = 0.634 + 0.63 * np.log10(separation)
    width = np.clip(0.1 * (separation / 4.0) ** 0.66, 0.05, 2.0) / separation
    place = nu / separation - epsilon
    comb = np.zeros(np.broadcast_shapes(nu.shape, numax.shape))
    for visibility, where in _DEGREES:
        x = (place - where + 0.5) % 1.0 - 0.5
        comb += visibility / (1.0 + (2.0 * x / width) ** 2) / (np.pi * width / 2.0)
    return np.asarray(envelope * comb / sum(v for v, _ in _DEGREES))


def convective_noise(
    rng: np.random.Generator, samples: int, cadence_days: float, teff: Array, logg: Array, mass: Array, radius: Array,
    *, orders: int = 3,
) -> NDArray[np.float32]:  # fmt: skip
    """Relative flux about 0 from granulation and oscillations, (n, samples); 0 above 6900 K (no convection to see).

    Each sample is a mean over ``cadence_days``; power above Nyquist's frequency is folded back, up to ``orders`` times.
    """
    numax, separation = nu_max(teff, logg), delta_nu(mass, radius)
    shows = np.interp(teff, [6500.0, 6900.0], [1.0, 0.0])
    size = fft.next_fast_len(int(1.2 * samples) + 2, real=True)
    nu = fft.rfftfreq(size, cadence_days) * MICROHERTZ_PER_DAY
    nyquist = 0.5 / cadence_days * MICROHERTZ_PER_DAY
    total = np.zeros((teff.size, nu.size))
    for order in range(orders):
        # The band above, mirrored when the order is odd.
        true = order * nyquist + (nyquist - nu if order % 2 else nu)
        true = np.maximum(true, nu[1])
        averaged = np.sinc(true * max(cadence_days, LONG_CADENCE) / MICROHERTZ_PER_DAY) ** 2
        power = granulation_power(true[None], numax[:, None])
        ringing = np.flatnonzero(numax < 1.6 * (order + 1) * nyquist)
        if ringing.size:
            power[ringing] += oscillation_power(true[None], numax[ringing, None], separation[ringing, None])
        total += power * averaged
    return coloured(rng, np.sqrt(total * nu[1]) * 1e-6 * shows[:, None], size)[:, :samples]


def coloured(rng: np.random.Generator, amplitude: Array, size: int) -> NDArray[np.float32]:
    """Gaussian noise (n, size) whose Fourier components have these rms amplitudes (n, size / 2 + 1); mean zero."""
    shape = amplitude.shape
    parts = rng.standard_normal((2, *shape), dtype=np.float32)
    spectrum = (parts[0] + 1j * parts[1]) * (0.5 * size * amplitude).astype(np.float32)
    spectrum[:, 0] = 0.0
    return np.asarray(fft.irfft(spectrum, n=size, axis=1), np.float32)
