"""From a star and its report to the columns that the spectrum panels draw. Pure functions, no Bokeh.

Wavelengths are vacuum Angstrom for every panel, Gaia XP included (its axis writes nm), so that one cursor serves all
frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.session.state import Report
from specviz.spectra.continuum import gaspp_continuum
from specviz.spectra.resample import bridge
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.views import formats

Columns = dict[str, NDArray[np.float64]]
OPTICAL = ("lamost_lrs", "sdss", "other")
#: gaspp's continuum is the filtered flux itself here, which is no continuum to look at: drawn as a straight line
#: instead.
_GAP = (5690.0, 6110.0)
XP_UNIT = 1e-16  # W m-2 nm-1
NORMALISED = "Flux / continuum"


def _empty(*names: str) -> Columns:
    return {n: np.empty(0) for n in names}


@dataclass(frozen=True)
class OpticalCurves:
    """Everything the LAMOST panel draws, in the unit it is shown in."""

    data: Columns
    model: Columns
    predicted: Columns
    continuum: Columns
    masks: Columns
    residual: Columns
    wavelength: NDArray[np.float64]
    level: NDArray[np.float64]  # what normalised curves are multiplied with: the continuum, or 1
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    label: str  # of the y axis
    fact: str = ""
    note: str = ""


@dataclass(frozen=True)
class XpCurves:
    """Everything the Gaia XP panel draws."""

    data: Columns
    predicted: Columns
    residual: Columns
    y_range: tuple[float, float]
    unit: str
    fact: str = ""
    dust: str = ""


def optical(star: Star | None) -> Spectrum | None:
    """The star's optical spectrum, LAMOST first."""
    return None if star is None else next((star.spectra[s] for s in OPTICAL if s in star.spectra), None)


def display_continuum(spectrum: Spectrum) -> NDArray[np.float64]:
    """The model's own continuum over the whole spectrum, with the part where it is not defined bridged."""
    bad = ~spectrum.good
    flux = np.asarray(spectrum.flux)
    if bad.all():
        return np.ones_like(flux)
    clean = bridge(spectrum.wavelength, np.where(np.isfinite(flux), flux, 0.0), bad) if bad.any() else flux
    wave = spectrum.wavelength
    level = gaspp_continuum(wave, clean)
    inside = (wave > _GAP[0]) & (wave < _GAP[1])
    if inside.any() and not inside.all():
        level = np.where(inside, np.interp(wave, wave[~inside], level[~inside]), level)
    return level


def optical_curves(star: Star | None, report: Report | None, *, normalised: bool) -> OpticalCurves | None:
    """Columns of the LAMOST panel; None if the star has no optical spectrum and none is predicted.

    Relative flux is divided by its median, so that the axis reads near 1 whatever the pipeline's unit was.
    """
    spectrum = optical(star)
    if spectrum is None:
        return _prediction_alone(report)
    wave, good = spectrum.wavelength, spectrum.good
    level = display_continuum(spectrum)
    already = bool(spectrum.meta.get("normalised"))
    if already:
        level = np.ones_like(level)
    shown = good if good.any() else np.isfinite(spectrum.flux)  # a masked pixel is a gap under its band, not a spike
    inner = good & (wave > 5000) & (wave < 7000)
    unit = abs(float(np.median(spectrum.flux[inner if inner.any() else good]))) if good.any() else 1.0
    unit = unit if unit > 0 and np.isfinite(unit) else 1.0
    divisor = level if normalised else np.full_like(level, unit)
    scale = np.ones_like(level) if normalised else level / unit
    with np.errstate(invalid="ignore", divide="ignore"):
        flux, sigma = spectrum.flux / divisor, spectrum.sigma / divisor
    flux = np.where(shown, flux, np.nan)
    data = dict(x=wave, y=flux, e=sigma, low=flux - sigma, high=flux + sigma)
    continuum = dict(x=wave, y=scale) if (normalised or not already) else _empty("x", "y")
    model, residual = _empty("x", "y"), _empty("x", "y")
    predicted = _empty("x", "y", "low", "high")
    if report is not None:
        made = report.reconstructions.get(spectrum.survey)
        if made is not None:
            on = np.interp(made.wavelength, wave, scale)
            model = dict(x=np.asarray(made.wavelength, float), y=made.flux * on)
            residual = _residual(wave, flux, sigma, good, made.wavelength, made.flux * on, made.sigma * on)
        other = report.predictions.get(spectrum.survey)
        if other is not None:
            on = np.interp(other.wavelength, wave, scale)
            y, s = other.flux * on, other.sigma * on
            predicted = dict(x=np.asarray(other.wavelength, float), y=y, low=y - s, high=y + s)
    return OpticalCurves(
        data=data,
        model=model,
        predicted=predicted,
        continuum=continuum,
        masks=mask_runs(wave, ~good),
        residual=residual,
        wavelength=wave,
        level=scale,
        x_range=_x_range(wave),
        y_range=y_limits(flux[good] if good.any() else flux[shown]),
        label=NORMALISED if normalised else "Flux (relative)",
        fact=_fact(spectrum),
        note=_note(spectrum, good),
    )


def _prediction_alone(report: Report | None) -> OpticalCurves | None:
    """What a model expects of a LAMOST spectrum that is not there: relative to the continuum, which is not known."""
    made = None if report is None else report.predictions.get("lamost_lrs")
    if made is None:
        return None
    wave, y, s = np.asarray(made.wavelength, float), np.asarray(made.flux, float), np.asarray(made.sigma, float)
    return OpticalCurves(
        data=_empty("x", "y", "e", "low", "high"),
        model=_empty("x", "y"),
        predicted=dict(x=wave, y=y, low=y - s, high=y + s),
        continuum=dict(x=wave[[0, -1]], y=np.ones(2)),
        masks=_empty("left", "right"),
        residual=_empty("x", "y"),
        wavelength=wave,
        level=np.ones_like(wave),
        x_range=(3690.0, 9110.0),
        y_range=y_limits(y),
        label=NORMALISED,
        fact="predicted, not observed",
    )


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
) -> Columns:
    """(observed - model) / sigma on the observed pixels of the model's window; sigma of both, added in quadrature.

    A model that does not know its error is judged by the data's alone.
    """
    inside = good & np.isfinite(flux) & (wave >= model_wave[0]) & (wave <= model_wave[-1])
    x = wave[inside]
    y, s = np.interp(x, model_wave, model), np.nan_to_num(np.interp(x, model_wave, model_sigma))
    observed = np.where(np.isfinite(sigma[inside]), sigma[inside], 0.0)
    total = np.sqrt(observed**2 + s**2)
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
    level = np.ones(len(spectrum)) if spectrum.meta.get("normalised") else display_continuum(spectrum)
    good = spectrum.good
    wave = spectrum.wavelength
    inside = good & (wave >= curves.wavelength[0]) & (wave <= curves.wavelength[-1])
    x = wave[inside]
    return dict(x=x, y=spectrum.flux[inside] / level[inside] * np.interp(x, curves.wavelength, curves.level))


def xp_curves(star: Star | None, report: Report | None) -> XpCurves | None:
    """Columns of the Gaia XP panel: observed in 1e-16 W m-2 nm-1, or the prediction alone in units of its value at 550
    nm."""
    spectrum = None if star is None else star.spectra.get("gaia_xp")
    made = None if report is None else report.predictions.get("gaia_xp") or report.reconstructions.get("gaia_xp")
    if spectrum is None and made is None:
        return None
    unit = "10⁻¹⁶ W m⁻² nm⁻¹" if spectrum is not None else "relative to 550 nm"
    data, residual = _empty("x", "y", "e", "low", "high"), _empty("x", "y")
    predicted = _empty("x", "y", "low", "high")
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
        data = dict(x=x, y=y, e=s, low=y - s, high=y + s)
        fact = " ".join(str(spectrum.meta.get(k) or "") for k in ("release", "source_id")).strip()
        if spectrum.meta.get("simulated"):
            fact = "simulated"
    if made is not None:
        scale = np.asarray(made.scale) / divisor if spectrum is not None else 1.0
        x, y, s = made.wavelength * 10.0, made.flux * scale, made.sigma * scale
        predicted = dict(x=np.asarray(x, float), y=y, low=y - s, high=y + s)
        if data["x"].size:
            p, ps = np.interp(data["x"], x, y), np.nan_to_num(np.interp(data["x"], x, s))
            total = np.sqrt(np.where(np.isfinite(data["e"]), data["e"], 0.0) ** 2 + ps**2)
            residual = dict(
                x=data["x"], y=np.where(total > 0, (data["y"] - p) / np.where(total > 0, total, 1.0), np.nan)
            )
    top = float(np.nanpercentile(np.r_[data["y"], predicted["y"]], 99.5))
    limits = (-0.03 * top, 1.18 * top) if top > 0 else (0.0, 1.0)
    return XpCurves(data, predicted, residual, limits, unit, fact, _dust(made))


def _dust(made: Any) -> str:
    """What is known of the dust that a prediction stands behind, in a few words."""
    source = "" if made is None else made.ebv_source
    if source == "prior":
        return "reddening unknown: survey prior"
    return f"E(B\u2212V) {formats.number(made.ebv, 2)} {source}" if source else ""
