"""Where a star stood when LAMOST's input catalogues were made, and how far a row is from it.

The ``ra`` and ``dec`` of LAMOST are those of the input catalogue: about J2000 for the older plates, a Gaia position
(epoch J2015.5 or J2016) for some newer ones. A star of large proper motion is therefore looked for along its way from
2000 to 2016. Straight-line motion on the sphere; parallax and radial velocity do not matter at 3 arcsec.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.positions import position
from specviz.errors import OptionError

#: Years between which the input catalogues' epochs lie.
EPOCHS = (2000.0, 2016.0)
ARCSEC = math.radians(1.0 / 3600.0)
_UNITS = {
    "": None, "deg": 1.0, "degree": 1.0, "degrees": 1.0, "d": 1.0, "°": 1.0, "arcmin": 1 / 60, "'": 1 / 60, "′": 1 / 60,
    "arcsec": 1 / 3600, '"': 1 / 3600, "″": 1 / 3600, "mas": 1 / 3.6e6,
}  # fmt: skip


def vector(ra: Any, dec: Any) -> NDArray[np.float64]:
    """Unit vectors, shape (..., 3), of positions in degrees."""
    a, d = np.radians(np.asarray(ra, np.float64)), np.radians(np.asarray(dec, np.float64))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def separation(ra: Any, dec: Any, ra0: Any, dec0: Any) -> NDArray[np.float64]:
    """Angles in arcsec between positions in degrees; exact at the poles and for small angles."""
    one, two = vector(ra, dec), vector(ra0, dec0)
    chord = np.linalg.norm(one - two, axis=-1)
    return np.asarray(2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0)) / ARCSEC, np.float64)


def moved(ra: float, dec: float, pm_ra: float | None, pm_dec: float | None, years: float) -> tuple[float, float]:
    """A position after so many years (negative: before), in degrees.

    Parameters
    ----------
    ra, dec : float
        Degrees.
    pm_ra, pm_dec : float or None
        mas/yr, ``pm_ra`` with cos dec in it; None or NaN counts as 0.
    years : float
    """
    mu_ra, mu_dec = (p * 1e-3 * ARCSEC * years for p in (_number(pm_ra), _number(pm_dec)))
    if mu_ra == 0.0 and mu_dec == 0.0:
        return ra, dec
    a, d = math.radians(ra), math.radians(dec)
    east = np.array([-math.sin(a), math.cos(a), 0.0])
    north = np.array([-math.sin(d) * math.cos(a), -math.sin(d) * math.sin(a), math.cos(d)])
    x, y, z = vector(ra, dec) + mu_ra * east + mu_dec * north
    return math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y)))


def way(
    ra: float, dec: float, pm_ra: float | None, pm_dec: float | None, epoch: float
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where the star was at the first and the last of :data:`EPOCHS`, given where it is at ``epoch``; degrees."""
    first, last = (moved(ra, dec, pm_ra, pm_dec, year - epoch) for year in EPOCHS)
    return first, last


def from_way(ra: Any, dec: Any, first: tuple[float, float], last: tuple[float, float]) -> NDArray[np.float64]:
    """Arcsec from positions in degrees to the nearest point of a way (short enough to be straight)."""
    point, a, b = vector(ra, dec), vector(*first), vector(*last)
    along = b - a
    length = float(along @ along)
    t = np.clip(((point - a) @ along) / length, 0.0, 1.0) if length > 1e-24 else np.zeros(point.shape[:-1])
    return np.asarray(np.linalg.norm(point - (a + t[..., None] * along), axis=-1) / ARCSEC, np.float64)


def _number(value: float | None) -> float:
    return float(value) if value is not None and math.isfinite(value) else 0.0


def parse_position(coordinates: Any) -> tuple[float, float]:
    """ICRS degrees of a SkyCoord, a pair of degrees, or a text ("10.68 41.27", "00 42 44.3 +41 16 09").

    Raises
    ------
    OptionError, NotFoundError
    """
    try:
        ra, dec = _pair(coordinates)
    except (ValueError, TypeError, AttributeError) as error:
        raise OptionError(
            f"{str(coordinates)[:80]!r} is no position",
            expected="a SkyCoord, (ra, dec) in degrees, or a text like '10.68 41.27'",
        ) from error
    if not (math.isfinite(ra) and math.isfinite(dec) and -90.0 <= dec <= 90.0 and -360.0 <= ra <= 720.0):
        raise OptionError(f"{ra}, {dec} is no position", expected="degrees, the declination between -90 and 90")
    return ra % 360.0, dec


def _pair(coordinates: Any) -> tuple[float, float]:
    if hasattr(coordinates, "icrs"):
        there = coordinates.icrs
        if not there.isscalar:
            raise ValueError("several positions")
        return float(there.ra.deg), float(there.dec.deg)
    if not isinstance(coordinates, str):
        ra, dec = (float(getattr(c, "deg", c)) for c in coordinates)
        return ra, dec
    return position(coordinates)


def parse_angle(angle: Any, *, bare: str) -> float:
    """Degrees of a Quantity, a text ("5 arcsec") or a bare number in ``bare`` ("deg" or "arcsec").

    Raises
    ------
    OptionError
        Unless it is positive and at most 180 degrees.
    """
    try:
        if hasattr(angle, "to_value"):
            value = float(angle.to_value("deg"))
        elif isinstance(angle, str):
            match = re.fullmatch(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*([^\d\s.]*)\s*", angle)
            if match is None or match[2] not in _UNITS:
                raise ValueError("no angle")
            value = float(match[1]) * (_UNITS[match[2]] or _UNITS[bare] or 1.0)
        else:
            value = float(angle) * (_UNITS[bare] or 1.0)
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{str(angle)[:60]!r} is no angle", expected=f"a Quantity, '5 arcsec', or a number in {bare}"
        ) from error
    if not 0.0 < value <= 180.0:
        raise OptionError(f"A radius of {value} degrees makes no sense", expected="more than 0 and at most 180 degrees")
    return value
