"""From a star and its report to the columns that the spectrum panels draw. Pure functions, no Bokeh.

Wavelengths are vacuum Angstrom for every panel, Gaia XP included (its axis writes nm), so that one cursor serves all
frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.session.state import MODEL_FLOOR, Report
from specviz.spectra.frames import header_velocity
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.spectra.whole_continuum import whole_continuum
from specviz.views import formats

Columns = dict[str, NDArray[np.float64]]
OPTICAL = ("lamost_lrs", "sdss", "other")
XP_UNIT = 1e-16  # W m-2 nm-1
NORMALISED = "Flux / continuum"
XP_NORMALISED = "relative to 550 nm"


def _empty(*names: str) -> Columns:
    return {n: np.empty(0) for n in names}


@dataclass(frozen=True, eq=False)
class OpticalCurves:
    """Everything the LAMOST panel draws: flux ``y`` with its error ``e``, and the ``level`` that it is normalised by.

    Which of the two is drawn is the browser's to compute (``widgets/spectrum_view.js``).
    """

    data: Columns
    model: Columns
    predicted: Columns
    continuum: Columns
    masks: Columns
    residual: Columns
    wavelength: NDArray[np.float64]
    level: NDArray[np.float64]  # the continuum in the unit of the flux: flux over it is normalised
    window: tuple[float, float] | None  # what the model saw
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    label: str  # of the y axis
    judged: Columns  # the residual with the floor by which the anomaly score judges
    fact: str = ""
    note: str = ""
    flux_label: str = "Flux (relative)"  # of the y axis, as flux and as flux over the level
    normal_label: str = NORMALISED


@dataclass(frozen=True)
class XpCurves:
    """Everything the Gaia XP panel draws."""

    data: Columns
    predicted: Columns
    residual: Columns
    y_range: tuple[float, float]
    unit: str
    flux_unit: str
    fact: str = ""
    dust: str = ""


def optical(star: Star | None) -> Spectrum | None:
    """The star's optical spectrum, LAMOST first."""
    return None if star is None else next((star.spectra[s] for s in OPTICAL if s in star.spectra), None)


@lru_cache(maxsize=8)
def optical_curves(star: Star | None, report: Report | None, *, normalised: bool) -> OpticalCurves | None:
    """Columns of the LAMOST panel; None if the star has no optical spectrum and none is predicted.

    Relative flux is divided by its median, so that the axis reads near 1 whatever the pipeline's unit was.
    ``normalised`` says for which of the two the y range is. The latest are kept: several panels draw from them.
    """
    spectrum = optical(star)
    if spectrum is None:
        return _prediction_alone(report)
    wave, good = spectrum.wavelength, spectrum.good
    already = bool(spectrum.meta.get("normalised"))
    inner = good & (wave > 5000) & (wave < 7000)
    unit = abs(float(np.median(spectrum.flux[inner if inner.any() else good]))) if good.any() else 1.0
    unit = unit if unit > 0 and np.isfinite(unit) else 1.0
    level = np.ones_like(wave) if already else whole_continuum(spectrum) / unit
    shown = good if good.any() else np.isfinite(spectrum.flux)  # a masked pixel is a gap under its band, not a spike
    with np.errstate(invalid="ignore", divide="ignore"):
        flux, sigma = spectrum.flux / unit, spectrum.sigma / unit
        drawn = flux / level if normalised else flux
    flux = np.where(shown, flux, np.nan)
    data = dict(x=wave, y=flux, e=sigma, level=level)
    continuum = _empty("x", "y", "level") if already else dict(x=wave, y=level, level=level)
    model, residual, window = _empty("x", "y", "level"), _empty("x", "y"), None
    judged = _empty("x", "y")
    predicted = _empty("x", "y", "e", "level")
    if report is not None:
        made = report.reconstructions.get(spectrum.survey)
        if made is not None:
            x = np.asarray(made.wavelength, float)
            on = np.interp(x, wave, level)
            model = dict(x=x, y=made.flux * on, level=on)
            residual = _residual(wave, flux, sigma, good, x, made.flux * on, made.sigma * on)
            judged = _residual(wave, flux, sigma, good, x, made.flux * on, made.sigma * on, floor=MODEL_FLOOR)
            window = float(x[0]), float(x[-1])
        other = report.predictions.get(spectrum.survey)
        if other is not None:
            x = np.asarray(other.wavelength, float)
            on = np.interp(x, wave, level)
            predicted = dict(x=x, y=other.flux * on, e=other.sigma * on, level=on)
    return OpticalCurves(
        data=data,
        model=model,
        predicted=predicted,
        continuum=continuum,
        masks=mask_runs(wave, ~good),
        residual=residual,
        wavelength=wave,
        level=level,
        window=window,
        x_range=_x_range(wave),
        y_range=y_limits(drawn[good] if good.any() else drawn[shown]),
        label=NORMALISED if normalised else "Flux (relative)",
        judged=judged,
        fact=_fact(spectrum),
        note=_note(spectrum, good),
    )


def _prediction_alone(report: Report | None) -> OpticalCurves | None:
    """What a model expects of a LAMOST spectrum that is not there: relative to the continuum, which is not known."""
    made = None if report is None else report.predictions.get("lamost_lrs")
    if made is None:
        return None
    wave, y, s = np.asarray(made.wavelength, float), np.asarray(made.flux, float), np.asarray(made.sigma, float)
    one = np.ones_like(wave)
    return OpticalCurves(
        data=_empty("x", "y", "e", "level"),
        model=_empty("x", "y", "level"),
        predicted=dict(x=wave, y=y, e=s, level=one),
        continuum=dict(x=wave[[0, -1]], y=np.ones(2), level=np.ones(2)),
        masks=_empty("left", "right"),
        residual=_empty("x", "y"),
        wavelength=wave,
        level=one,
        window=None,
        x_range=(3690.0, 9110.0),
        y_range=y_limits(y),
        label=NORMALISED,
        judged=_empty("x", "y"),
        fact="predicted, not observed",
        flux_label=NORMALISED,
    )


def own_velocity(star: Star | None) -> float | None:
    """Radial velocity (km/s) that came with the star's optical spectrum, None where none did."""
    spectrum = optical(star)
    return None if spectrum is None else header_velocity(spectrum)


def _x_range(wave: NDArray[np.float64]) -> tuple[float, float]:
    margin = 0.004 * (wave[-1] - wave[0])
    return float(wave[0] - margin), float(wave[-1] + margin)


def _fact(spectrum: Spectrum) -> str:
    if spectrum.survey == "lamost_lrs":
        release = str(spectrum.meta.get("release") or "")
        return "R ≈ 1800" + (f" · {release}" if release else "")
    return {"sdss": "SDSS, R ≈ 1800"}.get(spectrum.survey, str(spectrum.meta.get("layout") or ""))


def _note(spectrum: Spectrum, good: NDArray[np.bool_]) -> str:
    snr = spectrum.snr
    if snr is not None and snr < 10:
        return f"S/N {formats.number(snr)}: use with care"
    share = 1.0 - float(good.mean())
    return f"{share:.0%} of the pixels are masked" if share > 0.2 else ""


def y_limits(flux: NDArray[np.float64]) -> tuple[float, float]:
    """The 0.03 to 99.7 percentile of what is shown, with 20 % head room for line labels (VISUAL.md section 5)."""
    values = flux[np.isfinite(flux)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(v) for v in np.percentile(values, (0.03, 99.7)))
    if high <= low:
        low, high = low - 0.5, high + 0.5
    span = high - low
    return low - 0.04 * span, high + 0.20 * span


def mask_runs(wave: NDArray[np.float64], bad: NDArray[np.bool_]) -> Columns:
    """Left and right edges of each run of masked pixels."""
    edges = np.flatnonzero(np.diff(np.r_[0, bad.astype(np.int8), 0]))
    start, stop = edges[::2], edges[1::2] - 1
    half = np.gradient(wave) / 2
    return dict(left=wave[start] - half[start], right=wave[stop] + half[stop])


def _residual(
    wave: NDArray[np.float64],
    flux: NDArray[np.float64],
    sigma: NDArray[np.float64],
    good: NDArray[np.bool_],
    model_wave: NDArray[np.float64],
    model: NDArray[np.float64],
    model_sigma: NDArray[np.float64],
    floor: float = 0.0,
) -> Columns:
    """(observed - model) / sigma on the observed pixels of the model's window; sigma of both, added in quadrature, and
    ``floor`` times the model.

    A model that does not know its error is judged by the data's alone.
    """
    inside = good & np.isfinite(flux) & (wave >= model_wave[0]) & (wave <= model_wave[-1])
    x = wave[inside]
    y, s = np.interp(x, model_wave, model), np.nan_to_num(np.interp(x, model_wave, model_sigma))
    observed = np.where(np.isfinite(sigma[inside]), sigma[inside], 0.0)
    total = np.sqrt(observed**2 + s**2 + (floor * y) ** 2)
    return dict(x=x, y=np.where(total > 0, (flux[inside] - y) / np.where(total > 0, total, 1.0), np.nan))


def residual_columns(residual: Columns, limit: float) -> tuple[Columns, Columns]:
    """Split residuals into the line inside ±limit and triangles at the edge for what is beyond."""
    x, y = residual["x"], residual["y"]
    out = np.abs(y) > limit
    beyond = dict(x=x[out], y=np.sign(y[out]) * limit * 0.93, angle=np.where(y[out] > 0, 0.0, np.pi))
    return dict(x=x, y=np.clip(y, -limit, limit)), beyond


def similar_curve(star: Star | None, curves: OpticalCurves) -> Columns | None:
    """A similar star's normalised spectrum, laid on this star's continuum; None if it has no optical spectrum."""
    spectrum = optical(star)
    if spectrum is None:
        return None
    level = whole_continuum(spectrum)
    good = spectrum.good
    wave = spectrum.wavelength
    inside = good & (wave >= curves.wavelength[0]) & (wave <= curves.wavelength[-1])
    x = wave[inside]
    on = np.interp(x, curves.wavelength, curves.level)
    return dict(x=x, y=spectrum.flux[inside] / level[inside] * on, level=on)


def xp_curves(star: Star | None, report: Report | None, *, normalised: bool = False) -> XpCurves | None:
    """Columns of the Gaia XP panel: observed in 1e-16 W m-2 nm-1, or the prediction alone in units of its value at 550
    nm. ``normalised``: for which of the two, flux or flux relative to 550 nm, unit and y range are said."""
    spectrum = None if star is None else star.spectra.get("gaia_xp")
    made = None if report is None else report.predictions.get("gaia_xp") or report.reconstructions.get("gaia_xp")
    if spectrum is None and made is None:
        return None
    unit = "10⁻¹⁶ W m⁻² nm⁻¹" if spectrum is not None else XP_NORMALISED
    data, residual = _empty("x", "y", "e", "level"), _empty("x", "y")
    predicted = _empty("x", "y", "e", "level")
    divisor, fact = 1.0, ""
    if spectrum is not None:
        normal = bool(spectrum.meta.get("normalised")) or spectrum.flux_unit not in (
            "",
            "W m-2 nm-1",
            "W / (nm m2)",
            "W / (m2 nm)",
        )
        divisor = 1.0 if normal else XP_UNIT
        if normal:
            unit = spectrum.flux_unit or "relative"
        good = spectrum.good
        x = spectrum.wavelength_angstrom[good]
        y, s = spectrum.flux[good] / divisor, spectrum.sigma[good] / divisor
        data = dict(x=x, y=y, e=s, level=np.ones_like(y))
        fact = " ".join(str(spectrum.meta.get(k) or "") for k in ("release", "source_id")).strip()
        if spectrum.meta.get("simulated"):
            fact = "simulated"
    if made is not None:
        scale = np.asarray(made.scale) / divisor if spectrum is not None else 1.0
        x, y, s = made.wavelength * 10.0, made.flux * scale, made.sigma * scale
        predicted = dict(x=np.asarray(x, float), y=y, e=s, level=np.ones_like(y))
        if data["x"].size:
            p, ps = np.interp(data["x"], x, y), np.nan_to_num(np.interp(data["x"], x, s))
            total = np.sqrt(np.where(np.isfinite(data["e"]), data["e"], 0.0) ** 2 + ps**2)
            residual = dict(
                x=data["x"], y=np.where(total > 0, (data["y"] - p) / np.where(total > 0, total, 1.0), np.nan)
            )
    whole = data if data["x"].size else predicted
    at_550 = float(np.interp(5500.0, whole["x"], whole["y"])) if spectrum is not None else 1.0
    if np.isfinite(at_550) and at_550 > 0:  # the normalised form of an XP spectrum
        for columns in (data, predicted):
            columns["level"] = np.full_like(columns["y"], at_550)
    top = float(np.nanpercentile(np.r_[data["y"], predicted["y"]], 99.5))
    flux_unit = unit
    if normalised and at_550 > 0:
        top, unit = top / at_550, XP_NORMALISED
    limits = (-0.03 * top, 1.18 * top) if top > 0 else (0.0, 1.0)
    return XpCurves(data, predicted, residual, limits, unit, flux_unit, fact, _dust(made))


def xp_as_optical(star: Star | None, report: Report | None) -> OpticalCurves | None:
    """An observed XP spectrum in the form of an optical one, for a frame that shows either; None without one.

    Wavelengths in vacuum Angstrom, flux in the unit that its label says, the level its flux at 550 nm.
    """
    if star is None or "gaia_xp" not in star.spectra:
        return None
    curves = xp_curves(star, report)
    if curves is None or not curves.data["x"].size:
        return None
    seen, made = curves.data, curves.predicted
    label = f"Flux ({curves.flux_unit})"
    return OpticalCurves(
        data=seen,
        model={name: made[name] for name in ("x", "y", "level")},
        predicted=_empty("x", "y", "e", "level"),
        continuum=_empty("x", "y", "level"),
        masks=_empty("left", "right"),
        residual=curves.residual,
        wavelength=seen["x"],
        level=seen["level"],
        window=None,
        x_range=_x_range(seen["x"]),
        y_range=curves.y_range,
        label=label,
        judged=curves.residual,
        fact=curves.fact,
        note="Gaia XP spectrum",
        flux_label=label,
        normal_label=f"Flux ({XP_NORMALISED})",
    )


def _dust(made: Any) -> str:
    """What is known of the dust that a prediction stands behind, in a few words."""
    source = "" if made is None else made.ebv_source
    if source == "prior":
        return "reddening unknown: survey prior"
    return f"E(B\u2212V) {formats.number(made.ebv, 2)} {source}" if source else ""
