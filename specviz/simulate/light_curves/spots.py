"""Starspots: dark patches that emerge, turn with the star at a rate that depends on latitude, and decay.

Each spot is small (the model of Dorren 1987, ApJ 320, 756, and of Aigrain, Pont & Zucker 2012, MNRAS 419, 3147): what
it hides is its area times the cosine of its angle to the line of sight times the limb darkening there. Its size grows
and decays as a Gaussian of two widths.

Limits: no faculae (which dominate old, slow stars), no penumbrae, no cycles of years, no flares. The run of amplitude
with Rossby number is ours, set to the ranges of Kepler's rotators (McQuillan et al. 2014, ApJS 211, 24: a few per cent
for the fastest, 0.1 % and less at the Sun's rotation); single giants rarely show spots (Gaulme et al. 2020, A&A 639,
A63: 8 % of red giants, mostly in close binaries).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: Range of the flux (5-95 %) of saturated stars, the Rossby number below which they are, the slope beyond it, and the
#: scatter (dex).
SATURATED, ROSSBY_SATURATED, SLOPE, SCATTER_DEX = 0.025, 0.13, -1.2, 0.25
#: Linear limb darkening, and mean number of spots alive.
LIMB, ALIVE = 0.6, 7.0


def mean_range(rossby: ArrayLike) -> Array:
    """Median photometric range of a star seen equator-on at this Rossby number (period over turnover time)."""
    return np.asarray(
        SATURATED * (np.maximum(np.asarray(rossby, np.float64), ROSSBY_SATURATED) / ROSSBY_SATURATED) ** SLOPE
    )


def draw_ranges(
    rng: np.random.Generator, teff: Array, logg: Array, rossby: Array, *, tidal: NDArray[np.bool_]
) -> Array:
    """Photometric range that each star's spots are given; 0 for stars without spots.

    Above 6300 K convection zones, and spots, fade out; ``tidal`` marks stars spun up by a companion, which keep theirs
    as giants.
    """
    n = teff.size
    size = mean_range(rossby) * 10.0 ** (SCATTER_DEX * rng.standard_normal(n))
    size *= np.interp(teff, [6200.0, 6700.0, 7200.0], [1.0, 0.15, 0.0])
    giant = (logg < 3.7) & ~tidal
    active = rng.random(n) < 0.06
    return np.asarray(np.where(giant, np.where(active, 0.01 * 10.0 ** (0.3 * rng.standard_normal(n)), 0.0), size))


def shear(teff: ArrayLike) -> Array:
    """Difference between the rates of equator and pole, rad/day: 0.053 (Teff / 5130 K)^8.6 (Collier Cameron 2007, AN
    328, 1030), at most 0.15 (the Sun has 0.06, below this relation).
    """
    return np.asarray(np.minimum(0.053 * (np.asarray(teff, np.float64) / 5130.0) ** 8.6, 0.15))


def lifetimes(rng: np.random.Generator, teff: Array, period: Array) -> Array:
    """e-folding time of the spots' decay in days: 15 for the Sun, longer for cooler stars (the trend of Giles et al.
    2017, MNRAS 472, 1618), not below half a rotation of fast stars.
    """
    days = 15.0 * (5772.0 / teff) ** 4 * np.exp(0.5 * rng.standard_normal(teff.size))
    return np.asarray(np.clip(days, np.minimum(0.5 * period, 12.0), 200.0))


def spot_modulation(
    rng: np.random.Generator, time: Array, period: Array, inclination: Array, size: Array, life: Array,
    rate_shear: Array, *, cadence: float = 0.0,
) -> NDArray[np.float32]:  # fmt: skip
    """Relative flux (about 1) of spotted stars.

    Parameters
    ----------
    rng : numpy.random.Generator
    time : array (L,)
        Days.
    period, inclination, size, life, rate_shear : array (n,)
        Rotation of the equator (days), angle between axis and line of sight (rad), photometric range (5-95 %) if seen
        equator-on, decay time (days), shear (rad/day).
    cadence : float
        Length (days) over which each sample is a mean.

    Returns
    -------
    array (n, L), float32
    """
    out = np.ones((period.size, time.size), np.float32)
    start, span = float(time[0]), float(time[-1] - time[0])
    t = (time - start).astype(np.float32)
    # Averaging over a cadence damps the first harmonic by this much.
    damping = np.sinc(cadence / period)
    for i in range(period.size):
        if size[i] <= 0.0:
            continue
        width = 1.5 * life[i]
        extent = span + 3.0 * width
        count = int(np.clip(rng.poisson(ALIVE * extent / (2.0 * width)), 3, 160))
        born = rng.uniform(-1.5 * width, span + 1.5 * width, count)
        # Two active longitudes, loosely kept.
        home = rng.uniform(0.0, 2.0 * np.pi) + np.pi * (rng.random(count) < 0.35)
        longitude = np.where(rng.random(count) < 0.6, home + 0.5 * rng.standard_normal(count),
                             rng.uniform(0.0, 2.0 * np.pi, count))  # fmt: skip
        band = 0.45 if size[i] < 0.008 else 0.9  # active stars have spots nearer to the poles
        latitude = np.clip(rng.normal(0.0, band / 1.6, count), -1.45, 1.45)
        area = rng.lognormal(0.0, 0.6, count)
        equator = 2.0 * np.pi / period[i]
        rate = equator - np.minimum(rate_shear[i], 0.3 * equator) * np.sin(latitude) ** 2
        dark = _hidden(t, born, life[i], area, longitude, latitude, rate, float(inclination[i]))
        out[i] -= (size[i] * damping[i] / _UNIT_RANGE) * dark
    return out


#: 5-95 % range of :func:`_hidden` for stars seen equator-on, median of 400 (``ALIVE`` spots of log-normal area).
_UNIT_RANGE = 3.4


def _hidden(
    t: NDArray[np.float32], born: Array, life: float, area: Array, longitude: Array, latitude: Array, rate: Array,
    inclination: float,
) -> NDArray[np.float32]:  # fmt: skip
    """What all spots of a star hide at each time, in units of a spot of area 1 in the middle of the disc."""
    f32 = np.float32
    offset = t[None, :] - born[:, None].astype(f32)
    scale = np.where(offset < 0, f32(-1.0 / (0.5 * life) ** 2), f32(-1.0 / life**2)) * f32(0.5)
    weight = area[:, None].astype(f32) * np.exp(offset * offset * scale)
    phase = (longitude[:, None] + rate[:, None] * t[None, :]) % (2.0 * np.pi)
    mu = (np.cos(inclination) * np.sin(latitude))[:, None].astype(f32)
    mu = mu + (np.sin(inclination) * np.cos(latitude))[:, None].astype(f32) * np.cos(phase.astype(f32))
    np.maximum(mu, 0.0, out=mu)
    return np.asarray((weight * mu * (f32(1.0 - LIMB) + f32(LIMB) * mu)).sum(axis=0) / f32(1.0 - LIMB / 3.0))
