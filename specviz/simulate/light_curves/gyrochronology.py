"""How fast a star of a given colour and age rotates.

P = 0.407 (B-V - 0.495)^0.325 t^0.566 days, t in Myr (Mamajek & Hillenbrand 2008, ApJ 687, 1264, equations 12 to 14),
until the Rossby number reaches 2.16 (van Saders et al. 2016, Nature 529, 181). Young stars may still be on the fast
sequence (Barnes 2003, ApJ 586, 464). Above the Kraft break and on the giant branch there is no such clock.

Limits: the relation is calibrated for 0.5 < B-V < 0.9; redder stars are extrapolated (they stall at about 1 Gyr in
reality, Curtis et al. 2019). Metallicity does not enter. Scatter beyond 10 % (binaries, planets) is left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.simulate.conditions import mean_vsini

Array = NDArray[np.float64]
#: a, b, c, n of the relation.
MAMAJEK_HILLENBRAND = (0.407, 0.325, 0.495, 0.566)
#: Rossby number at which braking stops.
ROSSBY_STALL = 2.16
#: Teff (K) over which the clock fades out (Kraft break), scatter of periods (ln).
KRAFT = (6000.0, 6300.0)
SCATTER = 0.10
#: Period in days of one solar radius turning at 1 km/s.
DAYS_KM_S = 50.6


def colour_bv(teff: ArrayLike) -> Array:
    """B-V of a black body seen through B and V (Ballesteros 2012, EPL 97, 34008), its equation 14 solved for B-V."""
    ratio = 4600.0 / np.asarray(teff, np.float64)
    # Teff / 4600 (x + 1.7) (x + 0.62) = 2 x + 2.32 with x = 0.92 (B-V).
    p, q = 2.32 - 2.0 * ratio, 1.7 * 0.62 - 2.32 * ratio
    return np.asarray((-p + np.sqrt(p * p - 4.0 * q)) / 2.0 / 0.92)


def turnover_time(teff: ArrayLike) -> Array:
    """Convective turnover time in days (Cranmer & Saar 2011, ApJ 741, 54, equation 36); 3300 to 7000 K."""
    t = np.clip(np.asarray(teff, np.float64), 3300.0, 7000.0)
    return np.asarray(314.24 * np.exp(-t / 1952.5 - (t / 6250.0) ** 18) + 0.002)


def gyro_period(teff: ArrayLike, age_gyr: ArrayLike, *, stall: bool = True) -> Array:
    """Rotation period (days) of a cool dwarf on the slow sequence, without scatter."""
    a, b, c, n = MAMAJEK_HILLENBRAND
    colour = np.maximum(colour_bv(teff) - c, 0.005)
    period = a * colour**b * (1e3 * np.asarray(age_gyr, np.float64)) ** n
    return np.asarray(np.minimum(period, ROSSBY_STALL * turnover_time(teff)) if stall else period)


def draw_periods(
    rng: np.random.Generator, teff: Array, logg: Array, age_gyr: Array, mass: Array, radius: Array
) -> Array:
    """Rotation periods (days) of single stars.

    Parameters
    ----------
    rng : numpy.random.Generator
    teff, logg, age_gyr, mass, radius : array (n,)
        K, cgs, Gyr, solar.

    Notes
    -----
    Dwarfs above the Kraft break rotate at a velocity drawn about :func:`~specviz.simulate.conditions.mean_vsini`. Stars
    that have left the main sequence slow down as they grow, by conservation of angular momentum: P ~ R^2.
    """
    n = teff.size
    slow = gyro_period(teff, age_gyr) * np.exp(SCATTER * rng.standard_normal(n))
    # On the fast sequence for the first few hundred Myr, longer for cooler stars.
    stay = np.interp(teff, [3800.0, 4500.0, 5200.0, 5800.0, 6300.0], [0.6, 0.30, 0.15, 0.08, 0.04])
    fast = rng.random(n) < np.exp(-age_gyr / stay)
    slow = np.where(fast, 0.3 * (np.maximum(slow, 0.6) / 0.3) ** rng.random(n), slow)
    hot_speed = np.clip(mean_vsini(np.maximum(teff, 6000.0), 4.3) * 4.0 / np.pi, 6.0, None)
    shape = np.where(hot_speed > 25.0, 2.2, 3.0)
    speed = np.clip(rng.gamma(shape, hot_speed / shape), 2.0, 320.0)
    hot = DAYS_KM_S * radius / speed
    cool = rng.random(n) < np.interp(teff, KRAFT, [1.0, 0.0])
    period = np.where(cool, slow, hot)
    # What they had at the end of the main sequence: light stars the slow sequence's at their age, heavier ones 4 days.
    own_size = 1.35 * np.maximum(mass, 0.5) ** 0.9
    evolved = (radius > 1.3 * own_size) & (logg < 4.0)
    before = np.where(mass < 1.25, np.maximum(slow, 15.0), 4.0 * np.exp(0.4 * rng.standard_normal(n)))
    grown = before * (radius / own_size) ** 2
    period = np.where(evolved, np.minimum(grown, 1000.0), period)
    # No faster than break-up (with some room).
    return np.asarray(np.maximum(period, 0.116 * np.sqrt(radius**3 / np.maximum(mass, 0.1)) * 1.5))


def v_sin_i(radius: ArrayLike, period: ArrayLike, sin_i: ArrayLike) -> Array:
    """Projected rotation, km/s, of radii in Rsun and periods in days."""
    return np.asarray(DAYS_KM_S * np.asarray(radius) / np.asarray(period) * np.asarray(sin_i))
