"""What Gaia says of a star besides its spectrum: colour, and how badly a single star's motion fits (RUWE).

Colour: Mucciarelli, Bellazzini & Massari (2021, A&A 653, A90), 5040 / Teff as a polynomial of BP-RP, solved for it.
RUWE: Belokurov et al. (2020, MNRAS 496, 1922), the wobble of the photocentre over the error of one scan, added in
quadrature. Schematic: good for which stars stand out, not for the number itself.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
_DWARFS = (0.4929, 0.5092, -0.0353, 0.0192, -0.0020, -0.0395)
_GIANTS = (0.5323, 0.4775, -0.0344, -0.0110, -0.0020, -0.0009)
#: Years of DR3's scans.
BASELINE_YEARS = 2.83


def colour_bp_rp(teff: ArrayLike, logg: ArrayLike, fe_h: ArrayLike) -> Array:
    """BP-RP without dust, mag; calibrated for 0.4 to 1.5 (dwarfs) and 0.3 to 1.8 (giants), extrapolated beyond."""
    teff, logg, fe_h = (np.asarray(x, np.float64) for x in (teff, logg, fe_h))

    def solved(b: tuple[float, ...]) -> Array:
        constant = b[0] + b[3] * fe_h + b[4] * fe_h**2 - 5040.0 / teff
        linear = b[1] + b[5] * fe_h
        root = np.sqrt(np.maximum(linear**2 - 4.0 * b[2] * constant, 0.0))
        return np.asarray(-2.0 * constant / (linear + root))

    share = np.clip((np.asarray(logg) - 3.3) / 0.6, 0.0, 1.0)
    return share * solved(_DWARFS) + (1.0 - share) * solved(_GIANTS)


def blended_colour(first: Array, second: Array, light: Array) -> Array:
    """Colour of two stars as one: ``light`` is the second's share in G. BP and RP lie about as far from G for both."""
    # G - RP and BP - G are each about half of BP - RP for FGK stars.
    blue = (1.0 - light) * 10.0 ** (-0.2 * first) + light * 10.0 ** (-0.2 * second)
    red = (1.0 - light) * 10.0 ** (0.2 * first) + light * 10.0 ** (0.2 * second)
    return np.asarray(-2.5 * np.log10(blue / red))


def scan_error(g_mag: ArrayLike) -> Array:
    """Error of one scan along it, mas, at G: 0.2 up to 13, growing to 0.6 at 17 (roughly, Lindegren et al. 2021)."""
    return np.interp(np.asarray(g_mag), [8.0, 13.0, 15.0, 17.0, 18.0], [0.20, 0.20, 0.28, 0.60, 1.0])


def draw_ruwe(
    rng: np.random.Generator, g_mag: Array, distance_pc: Array, period_days: Array, mass: Array, q: Array, light: Array
) -> Array:
    """RUWE of stars; ``q`` 0 for those without a companion (a narrow distribution about 1.01 with a faint tail)."""
    n = g_mag.size
    single = 1.01 + 0.055 * rng.standard_normal(n) + np.where(rng.random(n) < 0.03, rng.exponential(0.25, n), 0.0)
    have = (q > 0) & (period_days > 0)
    years = np.where(have, period_days, 1.0) / 365.25
    axis = np.cbrt(mass * (1.0 + q) * years**2)  # au
    wobble = np.abs(q / (1.0 + q) - light) * axis / distance_pc * 1e3  # mas
    # Orbits longer than the scans look like proper motion, but for their curvature.
    wobble *= np.minimum(1.0, (BASELINE_YEARS / years) ** 2)
    # Partly resolved pairs disturb the fit by themselves: 0.15 to 1.2 arcsec, both stars bright enough.
    apart = axis / distance_pc
    disturbed = (apart > 0.15) & (apart < 1.2) & (light > 0.05)
    extra = np.where(have, 0.7 * wobble / scan_error(g_mag), 0.0)
    extra += np.where(have & disturbed, rng.exponential(1.5, n), 0.0)
    return np.asarray(np.clip(np.hypot(np.clip(single, 0.8, None), extra), 0.8, 60.0))
