"""How numbers are written on screen (VISUAL.md section 9): decimals a quantity, true minus, thin spaces, errors as
pairs."""

from __future__ import annotations

import math
from html import escape
from typing import Any

MINUS, THIN, NARROW, DASH = "\u2212", "\u2009", "\u202f", "\u2013"
#: Decimals and whether a sign is always shown, by label.
DECIMALS = {"teff": 0, "logg": 2, "fe_h": 2, "alpha_fe": 2, "vmic": 2, "vsini": 0, "rv": 0, "ebv": 2, "e_bp_rp": 2}
DECIMALS |= {"mass": 2, "radius": 2, "age": 1, "dnu": 2, "nu_max": 0, "delta_pi1": 1, "prot": 1}
#: Headings in HTML and as canvas text, by label.
HEADINGS_HTML = {
    "teff": "T<sub>eff</sub>",
    "logg": "log <i>g</i>",
    "fe_h": "[Fe/H]",
    "alpha_fe": "[α/Fe]",
    "vmic": "<i>v</i><sub>mic</sub>",
    "nu_max": "ν<sub>max</sub>",
    "delta_pi1": "ΔΠ<sub>1</sub>",
}
HEADINGS_TEXT = {
    "teff": "Teff",
    "logg": "log g",
    "fe_h": "[Fe/H]",
    "alpha_fe": "[α/Fe]",
    "rv": "RV",
    "vsini": "v sin i",
    "ebv": "E(B−V)",
    "e_bp_rp": "E(BP−RP)",
    "mass": "Mass",
    "radius": "Radius",
    "age": "Age",
    "dnu": "Δν",
    "nu_max": "νmax",
    "delta_pi1": "ΔΠ₁",
    "prot": "Rotation",
}
UNITS = {
    "teff": "K",
    "logg": "dex",
    "fe_h": "dex",
    "alpha_fe": "dex",
    "rv": "km s⁻¹",
    "vsini": "km s⁻¹",
    "vmic": "km s⁻¹",
    "ebv": "mag",
    "e_bp_rp": "mag",
    "mass": "M☉",
    "radius": "R☉",
    "age": "Gyr",
    "dnu": "μHz",
    "nu_max": "μHz",
    "delta_pi1": "s",
    "prot": "d",
}


def number(value: Any, decimals: int = 0, *, sign: bool = False) -> str:
    """A number with a fixed count of decimals, a true minus, and "–" for what is not there."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return DASH
    if not math.isfinite(value):
        return DASH
    text = f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}"
    if float(text) == 0:  # −0.00 is 0.00, and +0.00 keeps its sign for abundances
        text = text.replace("-", "+" if sign else "")
    return text.replace("-", MINUS)


def count(value: int) -> str:
    """A count with a thin space between thousands from 1 000."""
    return f"{int(value):,}".replace(",", NARROW)


def is_abundance(name: str) -> bool:
    """Whether a label is an abundance ratio: those carry their sign."""
    return name == "fe_h" or name.endswith("_fe")


def heading(name: str) -> str:
    """A label's heading as plain text: ``mg_fe`` is [Mg/Fe]."""
    if name not in HEADINGS_TEXT and name.endswith("_fe"):
        return f"[{name.removesuffix('_fe').capitalize()}/Fe]"
    return HEADINGS_TEXT.get(name, name)


def heading_html(name: str) -> str:
    """A label's heading as HTML."""
    return HEADINGS_HTML.get(name) or text(heading(name))


def unit(name: str) -> str:
    """A label's unit as it is shown, "" if it has none."""
    return UNITS.get(name, "dex" if name.endswith("_fe") else "")


def label(name: str, value: Any) -> str:
    """The value of a stellar label."""
    return number(value, DECIMALS.get(name, 2), sign=is_abundance(name))


def error_pair(name: str, median: float, low: float, high: float) -> tuple[str, str]:
    """Upper and lower error as text: ("+62", "−58"); nothing where a label comes without an uncertainty."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return "", ""
    decimals = DECIMALS.get(name, 2)
    return f"+{number(abs(high - median), decimals)}", f"{MINUS}{number(abs(median - low), decimals)}"


def plus_minus(value: Any, error: Any, decimals: int = 0, unit: str = "") -> str:
    """ "16 ± 4 km s⁻¹" """
    text = f"{number(value, decimals)} ± {number(error, decimals)}"
    return f"{text}\u00a0{unit}" if unit else text


def ordinal(value: Any) -> str:
    """63 -> "63rd"; "–" for what is not there."""
    try:
        n = round(float(value))
    except (TypeError, ValueError, OverflowError):
        return DASH
    suffix = "th" if 10 <= n % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
    return f"{n}{suffix}"


def coordinates(ra: float | None, dec: float | None) -> tuple[str, str] | None:
    """ICRS degrees to sexagesimal text: ("18 57 32.80", "+41 18 07.2")."""
    if ra is None or dec is None or not (math.isfinite(ra) and math.isfinite(dec)):
        return None
    centi = round((ra % 360.0) * 24000.0)  # hundredths of a second of time
    h, rest = divmod(centi, 360000)
    m, s = divmod(rest, 6000)
    deci = round(abs(dec) * 36000.0)
    d, rest2 = divmod(deci, 36000)
    dm, ds = divmod(rest2, 600)
    sign = MINUS if dec < 0 else "+"
    return f"{h % 24:02d} {m:02d} {s / 100:05.2f}", f"{sign}{d:02d} {dm:02d} {ds / 10:04.1f}"


def text(value: Any, limit: int = 120) -> str:
    """Foreign text (names, headers, file names) made safe for HTML, and cut where it would break the layout."""
    raw = "" if value is None else str(value)
    return escape(raw if len(raw) <= limit else raw[: limit - 1] + "…", quote=True)
