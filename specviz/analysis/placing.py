"""Predictions laid on what was observed: scale and reddening of a predicted XP, velocity of a predicted LAMOST.

A continuum-normalised spectrum knows neither the dust before the star nor its brightness, and a spectrum without
resolution knows no radial velocity; the model predicts what the star looks like without them. Where the star has been
observed by the survey that is predicted, the missing numbers are fitted here, so that what is left over is the shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.posterior import Posterior
from specviz.models.protocol import PredictedSpectrum, Prepared
from specviz.spectra.frames import header_velocity
from specviz.spectra.spectrum import Spectrum

#: A point farther off than this many sigma weighs less in the fit of the reddening (Huber 1964).
HUBER = 2.5
#: Error of a catalogue's E(B-V) where the row gives none: 16 % (Schlegel et al. 1998, ApJ 500, 525), at least 0.01.
_EBV_SHARE, _EBV_LEAST = 0.16, 0.01
_LARGEST_EBV = 5.0
_STEPS = 12


def place(
    predicted: PredictedSpectrum,
    observed: Prepared | None,
    *,
    rv: float | None = None,
    catalogue: Mapping[str, Any] | None = None,
) -> PredictedSpectrum:
    """A translation on the star's own scale, behind its own dust, at its own velocity, as far as they are known.

    Parameters
    ----------
    predicted : PredictedSpectrum
        As the model gave it: scale 1, the reddening of the survey's prior, perhaps the rest frame.
    observed : Prepared or None
        The star's own spectrum of that survey. With it scale and E(B-V) are fitted.
    rv : float, optional
        Radial velocity (km/s) of the observed spectrum of that survey.
    catalogue : mapping, optional
        The star's row; ``ebv`` (mag, and ``ebv_err``) is taken where there is nothing to fit to.
    """
    if rv is not None and predicted.frame == "rest":
        predicted = predicted.at_velocity(rv)
    if observed is not None:
        fitted = None if predicted.dust is None else fit_reddening(observed, predicted)
        if fitted is not None:
            ebv, error, factor = fitted
            return replace(predicted.with_reddening(ebv, error, "fitted"), scale=observed.scale * factor)
        predicted = replace(predicted, scale=fitted_scale(observed, predicted))
    if predicted.dust is not None:
        known = catalogue_reddening(catalogue or {})
        if known is not None:
            return predicted.with_reddening(*known, "catalogue")
    return predicted


def fit_reddening(observed: Prepared, predicted: PredictedSpectrum) -> tuple[float, float, float] | None:
    """E(B-V) >= 0, its standard error (mag), and the factor that lay a prediction on an observed spectrum.

    Weighted least squares of ``v = factor f_0 10^(-0.4 E dust)`` (Gauss-Newton; the weight is the inverse of the
    variance of the data plus that of the dust-free prediction, and falls as Huber's beyond :data:`HUBER` sigma). The
    error has two parts, added in quadrature: the noise of the data, which is independent from point to point, and
    the error of the prediction, which is not (a wrong temperature tilts the whole spectrum as dust does), so it is
    propagated as if all points erred together in the direction of the dust.

    Returns
    -------
    (ebv, sigma, factor) or None
        None where fewer than ten points can be compared.
    """
    bare = predicted.with_reddening(0.0)
    values, ivar = np.asarray(observed.values, np.float64), np.asarray(observed.ivar, np.float64)
    if values.shape != bare.flux.shape or bare.dust is None:
        return None
    use = (ivar > 0) if (ivar > 0).any() else np.ones(ivar.shape, bool)
    use &= np.isfinite(values) & np.isfinite(bare.flux) & np.isfinite(bare.sigma)
    if use.sum() < 10:
        return None
    v, flux, band, dust = values[use], bare.flux[use], bare.sigma[use], np.asarray(bare.dust, np.float64)[use]
    noise = 1.0 / np.where(ivar[use] > 0, ivar[use], np.inf)
    k = 0.4 * np.log(10.0) * dust
    ebv, factor = min(max(predicted.ebv, 0.0), _LARGEST_EBV), 1.0
    model = flux * np.exp(-ebv * k)
    factor = _ratio(v, model, 1.0 / np.maximum(noise + (band * np.exp(-ebv * k)) ** 2, _TINY))
    for _ in range(_STEPS):
        attenuation = np.exp(-ebv * k)
        model = factor * flux * attenuation
        own = np.abs(factor) * band * attenuation
        rest, weight = _weighted(v, model, noise, own)
        # Unknowns d(ln factor) and dE; the model's slopes are ``model`` and ``-k model``.
        a, b = weight * model, weight * model * k
        aa, ab, bb = float(a @ model), float(b @ model), float((b * k) @ model)
        ra, rb = float(a @ rest), -float(b @ rest)
        below = aa * bb - ab * ab
        if not (aa > 0 and below > 1e-12 * aa * bb):
            return None
        step = float(np.clip((aa * rb + ab * ra) / below, -0.5, 0.5))
        ebv, old = float(np.clip(ebv + step, 0.0, _LARGEST_EBV)), ebv
        attenuation = np.exp(-ebv * k)
        model = flux * attenuation
        _, weight = _weighted(v, factor * model, noise, np.abs(factor) * band * attenuation)
        factor = _ratio(v, model, weight)
        if abs(ebv - old) < 1e-5:
            break
    if not (np.isfinite(ebv) and np.isfinite(factor) and factor > 0):
        return None
    # dE / dv of each point, with the factor free.
    answer = -(aa * b - ab * a) / below
    error = np.sqrt(float((answer**2) @ noise) + float(np.abs(answer) @ own) ** 2)
    return ebv, float(error), factor


_TINY = 1e-30


def _weighted(
    v: NDArray[np.float64], model: NDArray[np.float64], noise: NDArray[np.float64], own: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Residuals and Huber's weights over the variance."""
    rest = v - model
    inverse = 1.0 / np.maximum(noise + own**2, _TINY)
    away = np.abs(rest) * np.sqrt(inverse)
    return rest, inverse * np.where(away > HUBER, HUBER / np.maximum(away, _TINY), 1.0)


def _ratio(v: NDArray[np.float64], model: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    below = float((weight * model) @ model)
    return float((weight * model) @ v) / below if below > 0 else 1.0


def fitted_scale(observed: Prepared, predicted: PredictedSpectrum) -> Any:
    """The scale that lays a prediction on the observed spectrum: the data's own times a least-squares factor.

    ``factor = sum(w v m) / sum(w m^2)`` with v the observed and m the predicted normalised flux, w the ivar.
    """
    values, model = np.asarray(observed.values, np.float64), np.asarray(predicted.flux, np.float64)
    if values.shape != model.shape:
        return observed.scale
    weight = np.asarray(observed.ivar, np.float64)
    weight = weight if (weight > 0).any() else np.ones_like(values)
    factor = _ratio(values, model, weight)
    return observed.scale * (factor if np.isfinite(factor) and factor > 0 else 1.0)


def catalogue_reddening(catalogue: Mapping[str, Any]) -> tuple[float, float] | None:
    """E(B-V) and its error (mag) of a catalogue row; None where it has none."""
    ebv = _number(catalogue.get("ebv"))
    if ebv is None or not 0.0 <= ebv <= _LARGEST_EBV:
        return None
    error = _number(catalogue.get("ebv_err"))
    return ebv, error if error is not None and error > 0 else max(_EBV_SHARE * ebv, _EBV_LEAST)


def velocity(spectrum: Spectrum, posterior: Posterior | None = None) -> float | None:
    """The header's velocity (km/s), or the median of the posterior's ``rv``, or None."""
    measured = 0.0 if spectrum.frame == "rest" else header_velocity(spectrum)
    if measured is None and posterior is not None and "rv" in posterior.names:
        return float(np.median(posterior["rv"]))
    return measured


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
