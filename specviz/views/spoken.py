"""Values as a screen reader says them: whole words, "minus" for the sign that is drawn, units in full."""

from __future__ import annotations

import math

from specviz.views import formats

_NAMES = {
    "teff": "effective temperature",
    "logg": "log g",
    "fe_h": "iron abundance",
    "alpha_fe": "alpha to iron",
    "rv": "radial velocity",
    "ebv": "reddening",
    "e_bp_rp": "reddening in BP minus RP",
    "vsini": "rotation",
    "vmic": "microturbulence",
    "nu_max": "nu max",
    "dnu": "delta nu",
}
_UNITS = {
    "K": "kelvin",
    "dex": "dex",
    "km s⁻¹": "kilometres per second",
    "mag": "magnitudes",
    "M☉": "solar masses",
    "R☉": "solar radii",
    "Gyr": "billion years",
    "μHz": "microhertz",
    "s": "seconds",
}


def words(text: str) -> str:
    """A number as it is drawn, in words and digits: "−0.28" is "minus 0.28", "+45" "plus 45"."""
    return text.replace(formats.MINUS, "minus ").replace("+", "plus ").replace(formats.DASH, "no value")


def name(label: str) -> str:
    """A label's name: "effective temperature"."""
    if label not in _NAMES and label.endswith("_fe"):
        return f"{label.removesuffix('_fe')} to iron"
    return _NAMES.get(label, label.replace("_", " "))


def value(label: str, median: float, low: float, high: float) -> str:
    """A label with its 68 % errors: "effective temperature 5984 plus 45 minus 47 kelvin"."""
    if not math.isfinite(median):
        return f"{name(label)} not known"
    up, down = formats.error_pair(label, median, low, high)
    errors = f" {words(up)} {words(down)}" if up else ""
    unit = _UNITS.get(formats.unit(label), "")
    return f"{name(label)} {words(formats.label(label, median))}{errors}{' ' + unit if unit else ''}" + (
        "" if up else ", no uncertainty"
    )


def distance(sigma: float) -> str:
    """How far a catalogue is from us: "1.0 sigma below"."""
    side = "above" if sigma > 0 else "below"
    return f"{abs(sigma):.1f} sigma {side}"
