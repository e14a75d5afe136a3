"""Spectral types as numbers, and the effective temperatures of dwarfs of each type."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

CLASSES = "OBAFGKML"
#: "O0" ... "L9"; the index of a type is its number.
SUBTYPES = tuple(f"{c}{i}" for c in CLASSES for i in range(10))

#: Type and Teff (K) of dwarfs: E. Mamajek's table, version 2019.3.22, which extends Pecaut & Mamajek (2013, ApJS 208,
#: 9, table 5). Between its entries values are interpolated.
_DWARFS = (
    ("O5", 41500), ("O6", 39000), ("O7", 36500), ("O8", 34500), ("O9", 32500), ("B0", 31500), ("B1", 26000),
    ("B2", 20600), ("B3", 17000), ("B4", 16700), ("B5", 15700), ("B6", 14500), ("B7", 14000), ("B8", 12500),
    ("B9", 10700), ("A0", 9700), ("A1", 9200), ("A2", 8840), ("A3", 8550), ("A4", 8270), ("A5", 8080), ("A6", 8000),
    ("A7", 7800), ("A8", 7500), ("A9", 7440), ("F0", 7220), ("F1", 7030), ("F2", 6810), ("F3", 6720), ("F4", 6640),
    ("F5", 6510), ("F6", 6340), ("F7", 6240), ("F8", 6170), ("F9", 6060), ("G0", 5920), ("G1", 5880), ("G2", 5770),
    ("G3", 5720), ("G4", 5680), ("G5", 5660), ("G6", 5590), ("G7", 5530), ("G8", 5490), ("G9", 5340), ("K0", 5280),
    ("K1", 5170), ("K2", 5040), ("K3", 4830), ("K4", 4600), ("K5", 4410), ("K6", 4230), ("K7", 4070), ("K8", 4000),
    ("K9", 3940), ("M0", 3870), ("M1", 3700), ("M2", 3550), ("M3", 3410), ("M4", 3200), ("M5", 3030), ("M6", 2850),
    ("M7", 2650), ("M8", 2500), ("M9", 2400), ("L0", 2250), ("L1", 2100), ("L2", 1960), ("L3", 1830), ("L4", 1700),
    ("L5", 1590), ("L6", 1490), ("L7", 1410), ("L8", 1350), ("L9", 1300),
)  # fmt: skip


def subtype_number(subtype: str) -> int:
    """0 for O0, 10 for B0 ... 79 for L9; the number falls with temperature."""
    return SUBTYPES.index(subtype[:2])


_NUMBERS = np.array([subtype_number(t) for t, _ in _DWARFS], float)
_LOG_TEFF = np.log([float(teff) for _, teff in _DWARFS])


def temperature_of(number: ArrayLike) -> NDArray[np.float64]:
    """Teff (K) of dwarfs with these numbers, interpolated in log Teff; held beyond the ends of the table."""
    return np.asarray(np.exp(np.interp(np.asarray(number, float), _NUMBERS, _LOG_TEFF)))


def number_of(teff: ArrayLike) -> NDArray[np.float64]:
    """The inverse of :func:`temperature_of`: a fractional number."""
    values: Any = np.interp(-np.log(np.asarray(teff, float)), -_LOG_TEFF, _NUMBERS)
    return np.asarray(values)


def type_at(teff: float) -> str:
    """The dwarf type nearest to a temperature (K)."""
    return SUBTYPES[round(float(number_of(teff)))]
