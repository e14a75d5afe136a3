"""What lies at a wavelength: lines of the star, bands of the Earth's air, joins of the instrument."""

from __future__ import annotations

from typing import Literal

Kind = Literal["star", "sky", "detector"]

#: Night-sky emission lines, vacuum Angstrom; subtracted imperfectly by the pipeline.
SKY_LINES = (("Sky line 5577 Å", 5578.9), ("Sky line 6300 Å", 6302.0), ("Sky line 6364 Å", 6365.5))
_SKY_REACH = 12.0
#: Absorption by the Earth's air, vacuum Angstrom.
TELLURIC_BANDS = (
    ("Telluric O₂ B band", 6860.0, 6965.0),
    ("Telluric H₂O band", 7160.0, 7345.0),
    ("Telluric O₂ A band", 7592.0, 7710.0),
    ("Telluric H₂O band", 8130.0, 8360.0),
    ("Telluric H₂O band", 8930.0, 9100.0),
)
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
#: Strong lines of the star, rest frame, vacuum Angstrom, the strongest of their neighbourhood.
STAR_LINES = (
    ("Ca II K", 3934.8),
    ("Ca II H, Hε", 3969.6),
    ("Hδ", 4102.9),
    ("Sr II 4077", 4078.9),
    ("Ca I 4227", 4227.9),
    ("Fe I 4046", 4046.9),
    ("Fe I 4144", 4145.0),
    ("Fe I 4272", 4272.9),
    ("Hγ", 4341.7),
    ("Fe I 4383", 4384.8),
    ("He I 4471", 4472.7),
    ("Mg II 4481", 4482.4),
    ("Ba II 4554", 4555.3),
    ("He II 4686", 4687.0),
    ("C III, N III 4640", 4641.0),
    ("Hβ", 4862.7),
    ("He I 4922", 4923.3),
    ("Fe II, Ba II 4924", 4927.0),
    ("[O III] 4959", 4960.3),
    ("[O III] 5007", 5008.2),
    ("Fe I 4957", 4958.8),
    ("Fe II 5018", 5019.8),
    ("Mg b", 5175.0),
    ("Fe I 5270", 5271.0),
    ("Fe I 5328", 5330.0),
    ("Fe I 5406", 5407.3),
    ("Mg I 5528", 5530.0),
    ("Na D", 5893.5),
    ("He I 5876", 5877.2),
    ("Hα", 6564.6),
    ("Li I 6708", 6709.7),
    ("K I 7665, 7699", 7685.0),
    ("Ca II 8498", 8500.4),
    ("Ca II 8542", 8544.4),
    ("Ca II 8662", 8664.5),
    ("Na I 8183, 8195", 8191.0),
)
_WIDE = 60.0


def name_feature(
    low: float, high: float, peak: float, *, survey: str = "lamost_lrs", z: float = 0.0
) -> tuple[str, Kind]:
    """Name and kind of the stretch ``low``-``high`` (vacuum Angstrom, observed) whose residual peaks at ``peak``.

    What is fixed to the Earth or the instrument is asked first, for it can mimic anything; then the lines and bands of
    the star, moved by ``z``. A wide stretch that holds the peak of none of them is "Continuum", a narrow one
    "Unidentified".
    """
    narrow = high - low <= _WIDE
    for name, wave in SKY_LINES:
        if narrow and low - _SKY_REACH <= wave <= high + _SKY_REACH and abs(peak - wave) <= 2 * _SKY_REACH:
            return name, "sky"
    for name, start, end in DETECTOR_RANGES.get(survey, ()):
        if start <= peak < end:
            return name, "detector"
    for name, start, end in TELLURIC_BANDS:
        if start <= peak <= end:
            return name, "sky"
    rest = peak / (1.0 + z)
    if survey == "gaia_xp":  # resolution of tens of Angstrom: only the widest features can be told
        near = [(abs(rest - wave), name) for name, wave in STAR_LINES if name in _XP_LINES and abs(rest - wave) <= 80.0]
    else:
        reach = max(12.0, 0.5 * min(high - low, _WIDE))
        near = [(abs(rest - wave), name) for name, wave in STAR_LINES if abs(rest - wave) <= reach]
    bands = [(name, end - start) for name, start, end in STAR_BANDS if start - 5 <= rest <= end + 5]
    if near and (min(near)[0] <= 12.0 or not bands):
        return min(near)[1], "star"
    if bands:
        return min(bands, key=lambda band: band[1])[0], "star"
    return ("Continuum" if not narrow else "Unidentified"), "star"


_XP_LINES = ("Ca II K", "Hδ", "Hγ", "Hβ", "Mg b", "Na D", "Hα", "Ca II 8542")
