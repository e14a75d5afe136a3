"""Spectral lines and telluric bands to mark on a spectrum. Wavelengths in vacuum, Angstrom.

Atomic lines: NIST Atomic Spectra Database values; where only air wavelengths are common (Ca I, Mg I, Na I, Fe I), they
were converted with :func:`specviz.spectra.air.air_to_vacuum`. Molecular band heads: CH and CN after Gray & Corbally
(2009, "Stellar Spectral Classification"), TiO heads after Kirkpatrick, Henry & McCarthy (1991, ApJS 77, 417). Diffuse
interstellar bands: Hobbs et al. (2008, ApJ 680, 1256).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Line:
    """One line: ``label`` (short, for the plot), ``wavelength`` (vacuum, Angstrom), ``element``."""

    label: str
    wavelength: float
    element: str


@dataclass(frozen=True)
class Band:
    """A range of wavelengths (vacuum, Angstrom)."""

    label: str
    start: float
    stop: float


def _lines(element: str, *pairs: tuple[str, float]) -> tuple[Line, ...]:
    return tuple(Line(label, wavelength, element) for label, wavelength in pairs)


#: Lines by group; the keys are what a menu shows.
LINES: dict[str, tuple[Line, ...]] = {
    "H": _lines(
        "H",
        ("Hα", 6564.61),
        ("Hβ", 4862.68),
        ("Hγ", 4341.68),
        ("Hδ", 4102.89),
        ("Hε", 3971.19),
        ("Hζ", 3890.15),
        ("Hη", 3836.47),
        ("Pa12", 8752.88),
        ("Pa14", 8600.75),
    ),
    "He": _lines(
        "He",
        ("He I", 4027.33),
        ("He I", 4472.73),
        ("He II", 4687.02),
        ("He I", 4923.30),
        ("He I", 5017.08),
        ("He I", 5877.25),
        ("He I", 6680.00),
        ("He I", 7067.14),
    ),
    "Ca": _lines(
        "Ca",
        ("Ca K", 3934.78),
        ("Ca H", 3969.59),
        ("Ca I", 4227.92),
        ("Ca I", 6163.88),
        ("Ca II T", 8500.36),
        ("Ca II T", 8544.44),
        ("Ca II T", 8664.52),
    ),
    "Mg": _lines("Mg", ("Mg b", 5168.76), ("Mg b", 5174.13), ("Mg b", 5185.05), ("Mg II", 4482.58)),
    "Na": _lines("Na", ("Na D", 5891.58), ("Na D", 5897.56), ("Na I", 8185.51), ("Na I", 8197.08)),
    "Fe": _lines(
        "Fe",
        ("Fe I", 4046.96),
        ("Fe I", 4272.96),
        ("Fe I", 4384.78),
        ("Fe I", 4405.99),
        ("Fe II", 4925.30),
        ("Fe I", 4958.98),
        ("Fe II", 5019.84),
        ("Fe I", 5271.00),
        ("Fe I", 5329.52),
        ("Fe I", 5372.98),
    ),
    "CH": _lines("CH", ("CH G", 4305.61)),
    "CN": _lines("CN", ("CN", 3884.30), ("CN", 4217.20)),
    "TiO": _lines(
        "TiO",
        ("TiO", 4762.5),
        ("TiO", 4955.9),
        ("TiO", 5168.7),
        ("TiO", 5449.4),
        ("TiO", 5848.4),
        ("TiO", 6160.4),
        ("TiO", 6652.5),
        ("TiO", 7055.4),
        ("TiO", 7590.9),
        ("TiO", 8434.3),
    ),
    "DIB": _lines(
        "DIB", ("DIB", 4429.33), ("DIB", 5781.96), ("DIB", 5798.58), ("DIB", 6285.73), ("DIB", 6615.46), ("DIB", 8623.4)
    ),
}

#: Absorption of the Earth's atmosphere.
TELLURIC_BANDS: tuple[Band, ...] = (
    Band("O₂ B", 6864.0, 6950.0),
    Band("H₂O", 7160.0, 7340.0),
    Band("O₂ A", 7590.0, 7710.0),
    Band("H₂O", 8130.0, 8345.0),
)


def lines_between(low: float, high: float, groups: tuple[str, ...] | None = None) -> list[Line]:
    """Lines of the groups (all by default) with ``low <= wavelength <= high`` (Angstrom), by wavelength.

    Raises
    ------
    SpectrumError
        For a group that does not exist.
    """
    from specviz.errors import SpectrumError

    wanted = tuple(LINES) if groups is None else groups
    unknown = [g for g in wanted if g not in LINES]
    if unknown:
        raise SpectrumError(f"No line group {', '.join(unknown)}", expected="some of " + ", ".join(LINES))
    return sorted(
        (line for g in wanted for line in LINES[g] if low <= line.wavelength <= high), key=lambda line: line.wavelength
    )
