"""``predicted_xp``: the Gaia XP spectrum that each model predicts from the optical one, against the observed one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.face_off import FaceOff
from specviz.analysis.quality import xp_residual
from specviz.analysis.report import Report

Array = NDArray[np.float64]
SURVEY = "gaia_xp"


@dataclass(frozen=True, eq=False)
class PredictedXp:
    """One model's prediction of the XP spectrum, put on the observed one where there is one.

    Parameters
    ----------
    model : str
    source : str
        The survey it was predicted from.
    wavelength : array, shape (L,)
        nm, vacuum.
    flux, sigma : array, shape (L,)
        Relative to the flux at 550 nm, times the factor that fits best to what was observed; sigma is NaN where the
        model tells no error.
    observed, error : array, shape (L,), or None
        In the same unit; NaN where a point is missing. None: the star has no XP spectrum that the model reads.
    typical : float
        Median of ``|observed - predicted| / observed``; NaN without an observed spectrum.
    chi2 : float
        Mean of the squared residual in units of both errors; NaN where the model tells no error.
    """

    model: str
    source: str
    wavelength: Array
    flux: Array
    sigma: Array
    observed: Array | None = None
    error: Array | None = None
    typical: float = float("nan")
    chi2: float = float("nan")


def predicted_xp(result: FaceOff) -> tuple[PredictedXp, ...]:
    """What every model of a face-off predicts, in its order; models that predict nothing are left out."""
    made = [(a.model, a.report) for a in result.answers if a.report is not None]
    return tuple(found for model, report in made if (found := xp_of(report, model)) is not None)


def xp_of(report: Report, model: str = "") -> PredictedXp | None:
    """What one report predicts, under ``model`` or its own model's name; None if nothing."""
    predicted = report.predictions.get(SURVEY)
    if predicted is None:
        return None
    name = model or report.provenance.model
    wave, flux, sigma = (np.asarray(a, np.float64) for a in (predicted.wavelength, predicted.flux, predicted.sigma))
    seen = report.prepared.get(SURVEY)
    if seen is None or np.shape(seen.values) != flux.shape:
        return PredictedXp(name, predicted.source, wave, flux, sigma)
    good = np.asarray(seen.ivar) > 0
    observed = np.where(good, np.asarray(seen.values, np.float64), np.nan)
    error = np.where(good, np.maximum(seen.ivar, 1e-30) ** -0.5, np.nan)
    scale = _scale(observed, error, flux)
    away = np.abs(observed - scale * flux)[good & (observed > 0)] / observed[good & (observed > 0)]
    residual = xp_residual(seen, predicted)
    chi2 = float("nan") if residual is None else float(np.nanmean(residual**2))
    typical = float(np.median(away)) if away.size else float("nan")
    return PredictedXp(name, predicted.source, wave, scale * flux, scale * sigma, observed, error, typical, chi2)


def _scale(observed: Array, error: Array, flux: Array) -> float:
    """The factor of a prediction that fits best: nobody measured the brightness that it is relative to."""
    use = np.isfinite(observed) & np.isfinite(error) & np.isfinite(flux)
    if use.sum() < 10:
        return 1.0
    weight = error[use] ** -2.0
    return float(np.sum(weight * observed[use] * flux[use]) / np.sum(weight * flux[use] ** 2))


def predictions_table(predictions: Iterable[PredictedXp]) -> Any:
    """An astropy Table, a row a model: model, source, typical (% of the flux), chi2 (mean squared residual)."""
    from astropy.table import Table

    names, types = ("model", "source", "typical", "chi2"), ("U60", "U32", float, float)
    rows = [(p.model, p.source, 100 * p.typical, p.chi2) for p in predictions]
    table = Table(rows=rows, names=names, dtype=types) if rows else Table(names=names, dtype=types)
    table["typical"].unit = "%"
    return table
