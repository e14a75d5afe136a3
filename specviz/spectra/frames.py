"""From the observed (heliocentric) frame to the star's rest frame and back.

Relativistic Doppler shift for motion along the line of sight: lambda_obs = lambda_rest * sqrt((1 + b) / (1 - b)), b = v
/ c (e.g. Lindegren & Dravins 2003, A&A 401, 1185, equation 3). Flux per unit wavelength is not rescaled: relative
fluxes are compared in shape only, and at stellar velocities the factor differs from 1 by less than 0.5 %.
"""

from __future__ import annotations

import math

from specviz.errors import SpectrumError
from specviz.spectra.spectrum import Spectrum

#: Speed of light, km/s (exact).
C_KM_S = 299792.458
#: Redshift beyond which nothing is a star of the Galaxy, and error beyond which a redshift says nothing.
STELLAR_Z, STELLAR_Z_ERR = 0.01, 1e-3


def doppler_factor(rv_km_s: float) -> float:
    """lambda_observed / lambda_rest for a radial velocity in km/s (positive = receding)."""
    beta = float(rv_km_s) / C_KM_S
    if not math.isfinite(beta) or abs(beta) >= 1.0:
        raise SpectrumError(f"A radial velocity of {rv_km_s} km/s", expected="a number below the speed of light")
    return math.sqrt((1.0 + beta) / (1.0 - beta))


def header_velocity(spectrum: Spectrum) -> float | None:
    """Radial velocity (km/s) that came with a spectrum: ``meta["rv"]``, else that of ``meta["z"]``.

    None if there is none of a star, or it was removed already. LAMOST writes -9999, or 0 exactly, where it measured
    none. Relativistic: beta = ((1 + z)^2 - 1) / ((1 + z)^2 + 1).
    """
    if spectrum.frame == "rest":
        return None
    rv, z, error = (_finite(spectrum.meta.get(name)) for name in ("rv", "z", "z_err"))
    if rv is not None and abs(rv) < STELLAR_Z * C_KM_S:
        return rv
    if z is None or z == 0.0 or abs(z) >= STELLAR_Z:
        return None
    if error is not None and not 0.0 <= error < STELLAR_Z_ERR:
        return None
    square = (1.0 + z) ** 2
    return C_KM_S * (square - 1.0) / (square + 1.0)


def _finite(value: object) -> float | None:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def to_rest(spectrum: Spectrum, rv_km_s: float) -> Spectrum:
    """The spectrum in the rest frame of a star with radial velocity ``rv_km_s`` (km/s, heliocentric).

    Only the wavelengths change; flux, ivar and mask stay pixel by pixel. ``meta["rv_removed"]`` keeps the velocity.

    Raises
    ------
    SpectrumError
        If the spectrum is in the rest frame already.
    """
    if spectrum.frame == "rest":
        raise SpectrumError(
            "The spectrum is in the rest frame already", remedy="Use to_observed first to change the velocity"
        )
    factor = doppler_factor(rv_km_s)
    meta = {**spectrum.meta, "rv_removed": float(rv_km_s)}
    return spectrum.with_(wavelength=spectrum.wavelength / factor, frame="rest", meta=meta)


def to_observed(spectrum: Spectrum, rv_km_s: float | None = None) -> Spectrum:
    """The inverse of :func:`to_rest`; without a velocity, the one that was removed is put back.

    Raises
    ------
    SpectrumError
        If the spectrum is in the observed frame already, or no velocity is known.
    """
    if spectrum.frame == "observed":
        raise SpectrumError("The spectrum is in the observed frame already")
    velocity = spectrum.meta.get("rv_removed") if rv_km_s is None else rv_km_s
    if velocity is None:
        raise SpectrumError("The velocity that was removed is not known", remedy="Give rv_km_s")
    meta = {k: v for k, v in spectrum.meta.items() if k != "rv_removed"}
    return spectrum.with_(wavelength=spectrum.wavelength * doppler_factor(velocity), frame="observed", meta=meta)
