"""How odd a star is, compared with the stars the model knows, and where in the spectrum that shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.features import name_feature
from specviz.analysis.report import Anomaly, Reason
from specviz.models.protocol import PredictedSpectrum, Prepared

#: Fraction of the flux below which no model of a stellar spectrum is trusted; added in quadrature to every error.
MODEL_FLOOR = 0.01
#: A single pixel (cosmic ray, dead pixel) counts as at most this many sigma in the misfit.
CLIP = 10.0
#: Running mean that finds the stretches: 17 LAMOST pixels are about 20 Angstrom, 7 XP points are 14 nm.
RUNNING_PIXELS: Mapping[str, int] = {"gaia_xp": 7}
_DEFAULT_RUNNING = 17
#: A stretch counts from this many sigma of the running mean of pure noise on; a rise of so many is another stretch.
_LEAST, _RISE = 4.0, 3.0


@dataclass(frozen=True, eq=False)
class ReferenceScores:
    """Scores of the reference stars of one survey, in parallel arrays of shape (n,).

    ``misfit`` as :func:`misfit` gives it, ``ood`` as the model's ``ood_score`` does. Both empty where a model brings
    none; ``absent`` then says why.
    """

    misfit: NDArray[np.float64]
    ood: NDArray[np.float64]
    absent: str = ""

    def __post_init__(self) -> None:
        misfit = np.asarray(self.misfit, np.float64).ravel()
        ood = np.asarray(self.ood, np.float64).ravel()
        good = np.isfinite(misfit)
        if ood.size == misfit.size:
            good &= np.isfinite(ood)
            ood = ood[good]
        else:
            ood = np.empty(0)
        object.__setattr__(self, "misfit", misfit[good])
        object.__setattr__(self, "ood", ood)

    @classmethod
    def of(cls, model: Any, survey: str) -> ReferenceScores:
        """What ``model.reference[survey]`` holds: a mapping or an object with ``misfit`` and ``ood``.

        A model without any may say why in ``no_reference``.
        """
        reference = getattr(model, "reference", None)
        entry = reference.get(survey) if isinstance(reference, Mapping) else None
        if entry is None:
            why = str(getattr(model, "no_reference", "") or "the model has no scores of reference stars of this survey")
            return cls(np.empty(0), np.empty(0), why)
        get = entry.get if isinstance(entry, Mapping) else lambda key, default: getattr(entry, key, default)
        return cls(get("misfit", np.empty(0)), get("ood", np.empty(0)))

    def scores(self, misfit: float, ood: float | None) -> tuple[float, NDArray[np.float64]]:
        """The star's score and the reference stars' sorted scores (see :func:`anomaly`)."""
        if ood is None or not np.isfinite(ood) or not self.ood.size:
            return misfit, self._sorted[0]
        return max(misfit, float(self._as_misfit(ood))), self._sorted[1]

    def _as_misfit(self, ood: Any) -> Any:
        """The misfit that is as far above its median, in robust widths, as ``ood`` is above the median of its own."""
        (misfit_middle, misfit_width), (middle, width) = self._scales
        return misfit_middle + misfit_width * (np.asarray(ood) - middle) / width

    @cached_property
    def _scales(self) -> tuple[tuple[float, float], ...]:
        """Median and (84th percentile - median) of misfit and ood."""
        return tuple(_median_and_width(values) for values in (self.misfit, self.ood) if values.size)

    @cached_property
    def _sorted(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The reference stars' scores by misfit alone, and by misfit and ood; sorted, read-only."""
        both = np.maximum(self.misfit, self._as_misfit(self.ood)) if self.ood.size else self.misfit
        out = np.sort(self.misfit), np.sort(both)
        for scores in out:
            scores.setflags(write=False)
        return out


def _median_and_width(values: NDArray[np.float64]) -> tuple[float, float]:
    middle, upper = np.percentile(values, (50.0, 84.135))
    return float(middle), max(float(upper - middle), 1e-9 * max(abs(float(middle)), 1.0))


def residual_sigma(prepared: Prepared, model: PredictedSpectrum) -> NDArray[np.float64]:
    """(observed - model) / sigma on the model's grid, shape (L,); NaN where nothing was observed.

    ``sigma^2 = 1 / ivar + sigma_model^2 + (MODEL_FLOOR * |model|)^2``: the error of the pixel, the model's own error
    of its reconstruction, and a floor of 1 % of the flux. A spectrum without errors is judged against the last two.
    """
    values = np.asarray(prepared.values, np.float64)
    ivar = np.asarray(prepared.ivar, np.float64)
    flux = np.asarray(model.flux, np.float64)
    known = ivar > 0
    floor = (MODEL_FLOOR * np.abs(flux)) ** 2 + np.nan_to_num(np.asarray(model.sigma, np.float64)) ** 2
    if known.any():
        variance = 1.0 / np.where(known, ivar, 1.0) + floor
    else:
        variance, known = floor, np.ones_like(known)
    out = (values - flux) / np.sqrt(np.maximum(variance, 1e-12))
    return np.where(known & np.isfinite(out), out, np.nan)


def misfit(prepared: Prepared, model: PredictedSpectrum) -> float:
    """Root mean square of :func:`residual_sigma`, each pixel clipped at :data:`CLIP`; NaN where no pixel was observed.

    About 1 for a star that the model describes within the errors.
    """
    return _root_mean_square(residual_sigma(prepared, model))


def _root_mean_square(residual: NDArray[np.float64]) -> float:
    residual = residual[np.isfinite(residual)]
    return float(np.sqrt(np.mean(np.clip(residual, -CLIP, CLIP) ** 2))) if residual.size else float("nan")


def find_reasons(
    prepared: Prepared,
    model: PredictedSpectrum,
    *,
    survey: str | None = None,
    z: float = 0.0,
    teff: float | None = None,
    most: int = 4,
) -> tuple[Reason, ...]:
    """The stretches that differ most from the model: at most ``most``, apart from each other, the strongest first.

    The residual is smoothed by a running mean; from its highest point a stretch reaches to where the mean has fallen
    to half or changed sign; that stretch and its wings (as far as the mean goes on falling) are taken out, and the
    search goes on. A line in the star is named in the star's frame (``z``), sky and detector in the observed one.
    """
    return _stretches(prepared, residual_sigma(prepared, model), survey or prepared.survey, z, teff, most)


def _stretches(
    prepared: Prepared, residual: NDArray[np.float64], survey: str, z: float, teff: float | None, most: int
) -> tuple[Reason, ...]:
    wave = np.asarray(prepared.wavelength, np.float64) * (10.0 if survey == "gaia_xp" else 1.0)
    width = min(RUNNING_PIXELS.get(survey, _DEFAULT_RUNNING), residual.size)
    smooth = _running_mean(np.clip(residual, -3 * CLIP, 3 * CLIP), width)
    ends = (float(wave[0]), float(wave[-1]))
    least = _LEAST / float(np.sqrt(width))
    found: list[Reason] = []
    free = np.isfinite(smooth)
    while len(found) < most and free.any():
        peak = int(np.argmax(np.where(free, np.abs(smooth), 0.0)))
        if abs(smooth[peak]) < least:
            break
        inside = free & (smooth * np.sign(smooth[peak]) > 0.5 * abs(smooth[peak]))
        first, last = _reach(inside, peak)
        signed = np.where(np.isfinite(smooth), smooth, 0.0) * np.sign(smooth[peak])
        before, after = _wing(signed[: first + 1][::-1], width), _wing(signed[last:], width)
        free[max(0, first - max(before, width // 2)) : last + 1 + max(after, width // 2)] = False
        stretch = residual[first : last + 1]
        stretch = stretch[np.isfinite(stretch)]
        mean = float(stretch.mean()) if stretch.size else 0.0
        if abs(mean) < least:
            continue
        low, high = float(wave[first]), float(wave[last])
        name, kind = name_feature(low, high, float(wave[peak]), survey=survey, z=z, window=ends, teff=teff)
        found.append(Reason(name, kind, float(wave[peak]), low, high, mean, survey))
    return tuple(sorted(found, key=lambda reason: -abs(reason.mean_sigma)))


def anomaly(
    prepared: Prepared,
    model: PredictedSpectrum,
    reference: ReferenceScores,
    *,
    ood: float | None = None,
    survey: str | None = None,
    z: float = 0.0,
    teff: float | None = None,
) -> Anomaly:
    """Score, percentile and reasons of one star.

    ``score = max(misfit, median_m + width_m * (ood - median_o) / width_o)`` with median and width (84th percentile -
    median) those of the reference stars: the misfit in sigma, or, if the star is odder by its place in the embedding,
    the misfit that would be as rare. About 1 is typical and there is no upper end, so the score ranks outliers where
    the percentile is already 100. Without reference scores the score is the misfit itself and the percentile is NaN.

    Parameters
    ----------
    prepared, model : Prepared, PredictedSpectrum
        The star as the model saw it, and its reconstruction.
    reference : ReferenceScores
    ood : float, optional
        The model's own distance from its training set (larger = farther).
    survey : str, optional
        Under which survey the reasons are filed (an SDSS spectrum is prepared as LAMOST).
    z : float
        Redshift of the star's lines in ``prepared``, from its radial velocity.
    teff : float, optional
        Effective temperature (K), so that no reason names a molecule the star cannot have.
    """
    residual = residual_sigma(prepared, model)
    value = _root_mean_square(residual)
    reasons = _stretches(prepared, residual, survey or prepared.survey, z, teff, 4)
    latent = float("nan") if ood is None else float(ood)
    if not reference.misfit.size or not np.isfinite(value):
        return Anomaly(value, float("nan"), 0, reasons, misfit=value, ood=latent, note=reference.absent)
    score, scores = reference.scores(value, ood)
    below = 0.5 * (int(np.searchsorted(scores, score, "left")) + int(np.searchsorted(scores, score, "right")))
    return Anomaly(score, 100.0 * below / scores.size, int(scores.size), reasons, scores, misfit=value, ood=latent)


def _reach(inside: NDArray[np.bool_], peak: int) -> tuple[int, int]:
    """First and last index of the run of True that holds ``peak``."""
    before, after = np.flatnonzero(~inside[:peak]), np.flatnonzero(~inside[peak:])
    return (int(before[-1]) + 1 if before.size else 0), (peak + int(after[0]) - 1 if after.size else inside.size - 1)


def _wing(outward: NDArray[np.float64], width: int) -> int:
    """How many pixels outward the values go on falling: up to a change of sign or a rise beyond the noise."""
    lowest = np.minimum.accumulate(outward)
    ends = np.flatnonzero((outward <= 0) | (outward > lowest + _RISE / np.sqrt(width)))
    return int(ends[0]) if ends.size else outward.size


def _running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Mean over the finite pixels of a centred window; NaN where fewer than half of the window is there."""
    good = np.isfinite(values)
    left = width // 2
    sums = np.concatenate([[0.0], np.cumsum(np.where(good, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(good)])
    low = np.clip(np.arange(values.size) - left, 0, None)
    high = np.clip(np.arange(values.size) - left + width, None, values.size)
    number = counts[high] - counts[low]
    return np.where(2 * number >= width, (sums[high] - sums[low]) / np.maximum(number, 1), np.nan)
