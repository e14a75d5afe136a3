"""On which scale Lux is linear in each number: magnitudes are nearly linear in what a star is, fluxes are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Labels that are taken by their natural logarithm.
LOGARITHMIC = ("teff",)
#: f / f(550 nm) below which the scale of XP is that of the flux, above it that of its logarithm ("luptitudes": Lupton,
#: Gunn & Szalay 1999, AJ 118, 1406), so that a faint blue end of negative flux has a place on it.
SOFTENING = 0.04
#: Error of a prepared flux that its ivar does not know, the continuum, the flat field, XP's calibration: of a
#: continuum-normalised flux, and of f / f(550 nm) as a share.
FLOOR = {"lamost_lrs": 0.006, "gaia_xp": 0.004}
#: Independent numbers a sample: XP's 343 samples are made of 110 coefficients.
INDEPENDENT = {"gaia_xp": 110.0 / 343.0}


def spectrum_to_scale(survey: str, flux: NDArray[np.floating], ivar: NDArray[np.floating]) -> tuple[Array, Array]:
    """Prepared flux and ivar on the scale of the model: the number and its error, infinite where ivar is 0."""
    value, weight = np.asarray(flux, np.float64), np.asarray(ivar, np.float64)
    there = (weight > 0) & np.isfinite(value)
    value = np.where(there, value, 1.0)
    floor = FLOOR[survey] * (np.maximum(np.abs(value), 0.05) if survey == "gaia_xp" else 1.0)
    sigma = np.sqrt(1.0 / np.where(there, weight, 1.0) + floor**2)
    if survey == "gaia_xp":
        sigma = sigma / np.hypot(value, SOFTENING)
        value = np.arcsinh(value / SOFTENING)
    return value, np.where(there, sigma / np.sqrt(INDEPENDENT.get(survey, 1.0)), np.inf)


def spectrum_from_scale(survey: str, value: Array, sigma: Array) -> tuple[Array, Array]:
    """Flux and its error of numbers on the scale of the model."""
    if survey != "gaia_xp":
        return value, sigma
    flux = SOFTENING * np.sinh(value)
    return flux, sigma * np.hypot(flux, SOFTENING)


def label_to_scale(name: str, value: Array, error: Array) -> tuple[Array, Array]:
    """A label and its error on the scale of the model; of an infinite error the value may be anything."""
    if name not in LOGARITHMIC:
        return value, error
    safe = np.where(np.isfinite(error), value, 1.0)
    return np.log(safe), error / safe


def label_from_scale(name: str, value: Array) -> Array:
    """A label of a number on the scale of the model."""
    return np.exp(value) if name in LOGARITHMIC else value
