"""What lies at a wavelength: lines of the star, bands of the Earth's air, joins of the instrument."""

from __future__ import annotations

from typing import Literal

import numpy as np

from specviz.spectra.air import vacuum_to_air
from specviz.spectra.lines import LINES, TELLURIC_BANDS

Kind = Literal["star", "sky", "detector"]

#: Night-sky emission lines, vacuum Angstrom; subtracted imperfectly by the pipeline.
SKY_LINES = (("Sky line 5577 Å", 5578.9), ("Sky line 6300 Å", 6302.0), ("Sky line 6364 Å", 6365.5))
_SKY_REACH = 12.0
#: Where the instrument shows, by survey, vacuum Angstrom.
DETECTOR_RANGES = {
    "lamost_lrs": (("Blue end", 0.0, 3800.0), ("Join of the arms", 5700.0, 5950.0), ("Red end", 8980.0, 1e9)),
    "gaia_xp": (("Blue end", 0.0, 3700.0), ("Join of BP and RP", 6300.0, 6800.0), ("Red end", 9800.0, 1e9)),
}
#: Molecular bands of the star, rest frame, vacuum Angstrom.
STAR_BANDS = (
    ("CN band 3883 Å", 3840.0, 3884.0),
    ("CN band 4215 Å", 4140.0, 4217.0),
    ("CH G band", 4285.0, 4318.0),
    ("C₂ band 4737 Å", 4660.0, 4740.0),
    ("TiO band 4761 Å", 4760.0, 4830.0),
    ("TiO band 4954 Å", 4954.0, 5010.0),
    ("MgH and Mg b", 5080.0, 5195.0),
    ("TiO band 5448 Å", 5448.0, 5500.0),
    ("TiO band 5847 Å", 5847.0, 5990.0),
    ("TiO band 6158 Å", 6158.0, 6310.0),
    ("CaH band 6385 Å", 6380.0, 6400.0),
    ("TiO band 6651 Å", 6651.0, 6780.0),
    ("CaH band 6800 Å", 6780.0, 6850.0),
    ("TiO band 7054 Å", 7054.0, 7160.0),
    ("TiO band 7590 Å", 7710.0, 7860.0),
    ("TiO band 8432 Å", 8432.0, 8480.0),
)
#: Lines that mark odd stars more often than plots; vacuum Angstrom (NIST Atomic Spectra Database), named by their air
#: wavelength.
_ODD_LINES = (
    ("Sr II 4078", 4078.86),
    ("Fe I 4132", 4133.23),
    ("Fe I 4144", 4145.04),
    ("Ba II 4554", 4555.31),
    ("C III, N III 4640", 4641.3),
    ("[O III] 4959", 4960.30),
    ("[O III] 5007", 5008.24),
    ("Fe I 5227", 5228.63),
    ("Fe I 5406", 5407.28),
    ("Mg I 5528", 5529.95),
    ("Li I 6708", 6709.7),
    ("K I 7665, 7699", 7684.0),
)
_PLAIN = {"Mg b": "Mg b", "Na D": "Na D", "Ca II T": "Ca II triplet", "Ca K": "Ca II K", "Ca H": "Ca II H, Hε"}
#: Groups of :data:`specviz.spectra.lines.LINES` that are bands, not lines: they are in :data:`STAR_BANDS`.
_MOLECULES = ("CH", "CN", "TiO")


def _star_lines() -> tuple[tuple[str, float], ...]:
    """Name and rest wavelength of every line; all but the best known carry their air wavelength."""
    named = []
    for group, lines in LINES.items():
        for line in lines if group not in _MOLECULES else ():
            air = f"{line.label} {float(vacuum_to_air(np.array([line.wavelength]))[0]):.0f}"
            named.append((line.label if group == "H" else _PLAIN.get(line.label, air), line.wavelength))
    return (*named, *_ODD_LINES)


STAR_LINES = _star_lines()
_WIDE = 60.0
#: Stars hotter than this (K) do not have the molecule.
_HOTTEST = {"TiO": 4700.0, "CaH": 4700.0, "CN": 7000.0, "CH": 7000.0, "C₂": 7000.0, "MgH": 7000.0}
_BALMER = ("Hα", "Hβ", "Hγ", "Hδ")
_BALMER_WING = 30.0
#: A stretch that peaks this close (Angstrom) to the end of the model's window is an effect of that end.
_EDGE = 12.0


def name_feature(
    low: float,
    high: float,
    peak: float,
    *,
    survey: str = "lamost_lrs",
    z: float = 0.0,
    window: tuple[float, float] | None = None,
    teff: float | None = None,
) -> tuple[str, Kind]:
    """Name and kind of the stretch ``low``-``high`` (vacuum Angstrom, observed) whose residual peaks at ``peak``.

    What is fixed to the Earth or the instrument is asked first, for it can mimic anything, then the ends of the model's
    ``window``; then the lines and bands of the star, moved by ``z``, without the molecules that a star of ``teff`` (K)
    does not have. A wide stretch that holds the peak of none of them is "Continuum", a narrow one "Unidentified".
    """
    narrow = high - low <= _WIDE
    for name, wave in SKY_LINES:
        if narrow and low - _SKY_REACH <= wave <= high + _SKY_REACH and abs(peak - wave) <= 2 * _SKY_REACH:
            return name, "sky"
    for name, start, end in DETECTOR_RANGES.get(survey, ()):
        if start <= peak < end:
            return name, "detector"
    for band in TELLURIC_BANDS:
        if band.start <= peak <= band.stop:
            return f"Telluric {band.label} band", "sky"
    if narrow and window is not None and min(peak - window[0], window[1] - peak) < _EDGE:
        return "End of the model's range", "detector"
    rest = peak / (1.0 + z)
    if survey == "gaia_xp":  # resolution of tens of Angstrom: only the widest features can be told
        reach = 80.0 if high - low <= 400.0 else -1.0
        near = [
            (abs(rest - wave), name) for name, wave in STAR_LINES if name in _XP_LINES and abs(rest - wave) <= reach
        ]
    elif not narrow:  # a stretch this wide is no weak line
        near = [(abs(rest - wave), name) for name, wave in STAR_LINES if name in _STRONG and abs(rest - wave) <= 30.0]
    else:
        reach = max(12.0, 0.5 * min(high - low, _WIDE))
        near = [(abs(rest - wave), name) for name, wave in STAR_LINES if abs(rest - wave) <= reach]
    slack = 150.0 if survey == "gaia_xp" else _WIDE  # a band explains a stretch of its own size, not half a spectrum
    bands = [
        (name, end - start)
        for name, start, end in STAR_BANDS
        if start - 5 <= rest <= end + 5 and high - low <= 2 * (end - start) + slack and _has(name, teff)
    ]
    if near and (not narrow or min(near)[0] <= 12.0 or not bands):
        return min(near)[1], "star"
    if bands:
        return min(bands, key=lambda band: band[1])[0], "star"
    if narrow and survey != "gaia_xp":
        for name, wave in STAR_LINES:
            if name in _BALMER and abs(rest - wave) <= _BALMER_WING:
                return f"Wing of {name}", "star"
    return ("Continuum" if not narrow else "Unidentified"), "star"


_XP_LINES = ("Ca II K", "Hδ", "Hγ", "Hβ", "Mg b", "Na D", "Hα", "Ca II triplet")
_STRONG = (*_XP_LINES, "Ca II H, Hε", "Hζ")


def _has(band: str, teff: float | None) -> bool:
    """Whether a star of that temperature can show the band."""
    return teff is None or teff <= _HOTTEST[band.split()[0]]
