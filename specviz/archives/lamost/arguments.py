"""Positions and angles as callers of astroquery's methods write them."""

from __future__ import annotations

import math
import re
from typing import Any

from specviz.archives.positions import position
from specviz.errors import OptionError

_UNITS = {
    "": None, "deg": 1.0, "degree": 1.0, "degrees": 1.0, "d": 1.0, "°": 1.0, "arcmin": 1 / 60, "'": 1 / 60, "′": 1 / 60,
    "arcsec": 1 / 3600, '"': 1 / 3600, "″": 1 / 3600, "mas": 1 / 3.6e6,
}  # fmt: skip


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
