"""Air and vacuum wavelengths.

Refractive index of standard air (15 C, 101325 Pa, 450 ppm CO2) after Ciddor (1996, Applied Optics 35, 1566, equation
1), the convention of VALD and of most stellar work; it differs from Morton (1991) by less than 1e-8 in n, 6e-5 A at
6000 A. With s = 1e4 / lambda_vacuum [1/um]:  n = 1 + 0.05792105 / (238.0185 - s^2) + 0.00167917 / (57.362 - s^2).
Below 2000 A spectroscopists quote vacuum wavelengths, so both functions return such values unchanged.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import SpectrumError

Array = NDArray[np.float64]


def vacuum_to_air(wave_vacuum: ArrayLike) -> Array:
    """Air wavelength (Angstrom) of vacuum wavelengths (Angstrom), any shape; unchanged below 2000 A."""
    wave = _checked(wave_vacuum)
    return np.where(wave < 2000.0, wave, wave / _index(np.maximum(wave, 2000.0)))


def air_to_vacuum(wave_air: ArrayLike) -> Array:
    """Vacuum wavelength (Angstrom) of air wavelengths (Angstrom), any shape; unchanged below 2000 A (vacuum).

    The index depends on the vacuum wavelength, so it is found by four fixed-point steps; each gains a factor of about
    1e-5, and the round trip closes to rounding (< 1e-9 A).
    """
    wave = _checked(wave_air)
    limit = 2000.0 / float(_index(np.array(2000.0)))
    vacuum = np.maximum(wave, limit)
    for _ in range(4):
        vacuum = np.maximum(wave, limit) * _index(np.maximum(vacuum, 2000.0))
    return np.where(wave < limit, wave, vacuum)


def _index(wave_vacuum: Array) -> Array:
    s2 = (1e4 / wave_vacuum) ** 2
    return 1.0 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2)


def _checked(wave: ArrayLike) -> Array:
    out = np.asarray(wave, np.float64)
    if not np.all(np.isfinite(out)) or np.any(out <= 0):
        raise SpectrumError("A wavelength is not positive and finite", expected="Angstrom")
    return out
