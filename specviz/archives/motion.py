"""Where stars stand on the sky, and stood: positions in degrees, separations, proper motion.

Straight-line motion: parallax and radial velocity do not matter at an arcsecond within decades.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Julian years between which catalogues give positions: those before Gaia of J2000, Gaia DR3 of J2016.
EPOCHS = (2000.0, 2016.0)
#: One second of arc in radians.
ARCSEC = math.radians(1.0 / 3600.0)


def vector(ra: Any, dec: Any) -> NDArray[np.float64]:
    """Unit vectors, shape (..., 3), of positions in degrees."""
    a, d = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def place(towards: NDArray[np.float64]) -> tuple[float, float]:
    """The position in degrees of a vector (3,) of any length; the inverse of :func:`vector`."""
    x, y, z = towards.tolist()
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def separation(ra: Any, dec: Any, ra0: Any, dec0: Any) -> NDArray[np.float64]:
    """Angles in arcsec between positions in degrees, of shapes that fit together; NaN where one is NaN.

    From the chord between unit vectors, 2 arcsin(chord / 2): exact at the poles and for small angles.
    """
    chord = np.linalg.norm(vector(ra, dec) - vector(ra0, dec0), axis=-1)
    return np.asarray(2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)) / ARCSEC, np.float64)


def moved(ra: float, dec: float, pm_ra: float | None, pm_dec: float | None, years: float) -> tuple[float, float]:
    """A position after so many years (negative: before) of uniform motion.

    Parameters
    ----------
    ra, dec : float
        Degrees.
    pm_ra, pm_dec : float or None
        mas/yr, ``pm_ra`` with cos dec in it; None or NaN counts as 0.
    years : float

    Returns
    -------
    ra, dec : float
        Degrees. Source: the linear model in the local tangent plane, The Hipparcos Catalogue (ESA SP-1200), eq. 1.5.4.
    """
    mu_ra, mu_dec = (p * 1e-3 * ARCSEC * years for p in (_or_zero(pm_ra), _or_zero(pm_dec)))
    if mu_ra == 0.0 and mu_dec == 0.0:
        return ra, dec
    a, d = math.radians(ra), math.radians(dec)
    east = np.array([-math.sin(a), math.cos(a), 0.0])
    north = np.array([-math.sin(d) * math.cos(a), -math.sin(d) * math.sin(a), math.cos(d)])
    return place(vector(ra, dec) + mu_ra * east + mu_dec * north)


def middle(first: tuple[float, float], last: tuple[float, float]) -> tuple[float, float]:
    """Half way between two near positions in degrees, across 0h and at the poles too."""
    return first if first == last else place(vector(*first) + vector(*last))


def way(
    ra: float, dec: float, pm_ra: float | None, pm_dec: float | None, epoch: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where a star was at the first and the last of :data:`EPOCHS`, given where it is at ``epoch``; degrees."""
    first, last = (moved(ra, dec, pm_ra, pm_dec, year - epoch) for year in EPOCHS)
    return first, last


def from_way(ra: Any, dec: Any, first: tuple[float, float], last: tuple[float, float]) -> NDArray[np.float64]:
    """Arcsec from positions in degrees to the nearest point of a way (short enough to be straight)."""
    point, a, b = vector(ra, dec), vector(*first), vector(*last)
    along = b - a
    length = float(along @ along)
    t = np.clip(((point - a) @ along) / length, 0.0, 1.0) if length > 1e-24 else np.zeros(point.shape[:-1])
    return np.asarray(np.linalg.norm(point - (a + t[..., None] * along), axis=-1) / ARCSEC, np.float64)


def _or_zero(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else 0.0
