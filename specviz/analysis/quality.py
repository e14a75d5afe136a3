"""Quality checks of one star: what a person should know before trusting the numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.report import QualityFlag, Report
from specviz.models.posterior import Posterior
from specviz.models.protocol import PredictedSpectrum, Prepared
from specviz.spectra.spectrum import Spectrum

#: The six checks that the panel always shows, in its order.
HEADLINE = ("low_snr", "masked", "xp_disagrees", "out_of_range", "arm_step", "telluric")
#: Label names as a person reads them.
LABEL_WORDS: Mapping[str, str] = {
    "teff": "Teff",
    "logg": "log g",
    "fe_h": "[Fe/H]",
    "alpha_fe": "[α/Fe]",
    "rv": "RV",
    "vsini": "v sin i",
    "ebv": "E(B-V)",
    "e_bp_rp": "E(BP-RP)",
}
#: Labels that the flag of the training range names before it counts.
_NAMED = 3

LOW_SNR = 10.0
MASKED_SHARE = 0.10
NEGATIVE_SHARE = 0.03
OUTSIDE_SHARE = 0.20
OOD_RANGE_QUANTILE, OOD_STAR_QUANTILE = 0.99, 0.999
XP_CHI2 = 4.0
#: A departure at the join of the arms, or in the oxygen band, counts from this fraction of the flux and this many
#: sigma on.
STEP_SHARE, STEP_SIGMA = 0.10, 5.0
TELLURIC_SHARE, TELLURIC_SIGMA = 0.03, 5.0
#: Ranges in vacuum Angstrom. The arms of LAMOST overlap at 5700-5900; their ends, always noisy, are left out.
_BLUE, _RED, _JOIN = (3850.0, 5700.0), (5900.0, 8900.0), 5850.0
_O2_A, _O2_SIDES = (7596.0, 7660.0), ((7530.0, 7580.0), (7710.0, 7760.0))
_LAMOST_LIKE = ("lamost_lrs", "sdss")


def headline_flags(report: Report) -> tuple[QualityFlag, ...]:
    """The six checks of the panel in their fixed order, passed ones too, then every other check that failed.

    A check that was not made (a report with a problem, a star without that survey) is there with ``passed=None``.
    """
    by_name = {flag.name: flag for flag in report.flags}
    six = tuple(by_name.get(name) or QualityFlag(name, None, _NOT_MADE[name]) for name in HEADLINE)
    return six + tuple(flag for flag in report.flags if flag.name not in HEADLINE and flag.passed is False)


def label_words(name: str) -> str:
    """A label as a person reads it: ``mg_fe`` is [Mg/Fe]."""
    if name not in LABEL_WORDS and name.endswith("_fe"):
        return f"[{name.removesuffix('_fe').capitalize()}/Fe]"
    return LABEL_WORDS.get(name, name)


_NOT_MADE = {
    "low_snr": "S/N unknown",
    "masked": "Masks not checked",
    "xp_disagrees": "XP not checked",
    "out_of_range": "Training range not checked",
    "arm_step": "Arm join not checked",
    "telluric": "Telluric not checked",
}


def spectrum_flags(spectrum: Spectrum, window: tuple[float, float] | None = None) -> tuple[QualityFlag, ...]:
    """The checks that need no model: S/N, masks, arm join, telluric residual, missing arm, class, negative flux.

    Parameters
    ----------
    spectrum : Spectrum
        The spectrum that leads the report.
    window : (low, high), optional
        The range the model uses, in the spectrum's unit; masks and negative flux are counted there.
    """
    return (
        low_snr(spectrum),
        masked(spectrum, window),
        arm_step(spectrum),
        telluric(spectrum),
        missing_arm(spectrum),
        not_a_star(spectrum),
        negative_flux(spectrum, window),
    )


def low_snr(spectrum: Spectrum) -> QualityFlag:
    """S/N (g band for LAMOST, median per pixel elsewhere) of at least :data:`LOW_SNR`."""
    snr = spectrum.snr
    if snr is None or not np.isfinite(snr):
        return QualityFlag("low_snr", None, _NOT_MADE["low_snr"])
    if snr >= LOW_SNR:
        return QualityFlag("low_snr", True, f"S/N {snr:.0f}")
    shown = f"{snr:.0f}" if snr >= 1 else f"{snr:.1f}"
    return QualityFlag("low_snr", False, f"S/N {shown}: use with care", f"below {LOW_SNR:.0f} errors grow quickly")


def masked(spectrum: Spectrum, window: tuple[float, float] | None) -> QualityFlag:
    """Count and share of pixels in the model's window that carry no information (masked or ivar = 0)."""
    inside = _within(spectrum.wavelength, window)
    total = int(inside.sum())
    if not total:
        return QualityFlag("masked", None, _NOT_MADE["masked"])
    bad = int((~spectrum.good & inside).sum())
    share = bad / total
    where = "" if window is None else f"of {total} pixels at {window[0]:.0f}-{window[1]:.0f} {spectrum.wavelength_unit}"
    return QualityFlag("masked", share <= MASKED_SHARE, f"{bad} px masked ({100 * share:.1f} %)", where)


def negative_flux(spectrum: Spectrum, window: tuple[float, float] | None) -> QualityFlag:
    """At most :data:`NEGATIVE_SHARE` of the good pixels in the window below zero by more than their error.

    Else the sky was over-subtracted, or there is no signal at all. Faint red stars cross zero at the blue end of XP by
    less.
    """
    use = spectrum.good & _within(spectrum.wavelength, window)
    if not use.any():
        return QualityFlag("negative_flux", None, "Sign of the flux not checked")
    share = float(np.mean(spectrum.flux[use] < -np.nan_to_num(spectrum.sigma[use])))
    if share <= NEGATIVE_SHARE:
        return QualityFlag("negative_flux", True, "Flux is positive")
    return QualityFlag("negative_flux", False, f"{100 * share:.0f} % of the flux is negative")


def missing_arm(spectrum: Spectrum) -> QualityFlag:
    """Both LAMOST arms have signal: at least 30 % good pixels that are not all alike."""
    if spectrum.survey not in _LAMOST_LIKE:
        return QualityFlag("missing_arm", None, "No arms in this survey")
    dead = [name for name, arm in (("Blue", _BLUE), ("Red", _RED)) if not _alive(spectrum, arm)]
    if not dead:
        return QualityFlag("missing_arm", True, "Both arms present")
    return QualityFlag(
        "missing_arm", False, " and ".join(dead).capitalize() + (" arm" if len(dead) == 1 else " arms") + " missing"
    )


def not_a_star(
    spectrum: Spectrum, ood: float | None = None, reference: NDArray[np.float64] | None = None
) -> QualityFlag:
    """The pipeline's class is STAR, and the model has not put it beyond 99.9 % of its reference stars."""
    kind = str(spectrum.meta.get("class") or "").strip()
    if kind and kind.upper() != "STAR":
        text = "Class unknown: may not be a star" if kind.upper() == "UNKNOWN" else f"Class {kind}: not a star"
        return QualityFlag("not_a_star", False, text, "class of the survey pipeline")
    if _beyond(ood, reference, OOD_STAR_QUANTILE):
        return QualityFlag("not_a_star", False, "Unlike any reference star", "the embedding lies beyond 99.9 % of them")
    if kind:
        return QualityFlag("not_a_star", True, "Class STAR")
    known = ood is not None and reference is not None and reference.size
    return QualityFlag("not_a_star", True if known else None, "Looks like a star" if known else "Class not given")


def arm_step(spectrum: Spectrum) -> QualityFlag:
    """The flux runs smoothly through the join of the arms.

    A straight line is fitted at 5500-5700 and 6110-6290 Angstrom together. Between them, the median flux of boxes of
    40 Angstrom is compared with it (the box of Na D is left out): the largest departure must stay below
    :data:`STEP_SHARE` of the flux, or below :data:`STEP_SIGMA` times its error. M stars are not checked: their TiO
    band starts just there.
    """
    if spectrum.survey != "lamost_lrs" or str(spectrum.meta.get("subclass") or "").lstrip("d").startswith("M"):
        return QualityFlag("arm_step", None, _NOT_MADE["arm_step"])
    wave, flux, good = _cut(spectrum, (5500.0, 6290.0))
    sides = good & (
        _within(wave, (5500.0, 5700.0)) & ~_within(wave, (5570.0, 5588.0)) | _within(wave, (6110.0, 6290.0))
    )
    line, scatter = _fit_line(wave[sides], flux[sides], _JOIN) if sides.sum() > 200 else (np.zeros(2), 0.0)
    level = float(line[1])
    worst, error, boxes = 0.0, 0.0, 0
    inside = good & _within(wave, (5720.0, 6120.0)) & ~_within(wave, (5884.0, 5906.0))
    x = wave[inside]
    departure = (flux[inside] - _on(line, x - _JOIN)) / (level if level > 0 else np.inf)
    for box in np.split(departure, np.searchsorted(x, np.arange(5760.0, 6120.0, 40.0))):
        if box.size < 10 or level <= 0:
            continue
        boxes += 1
        middle = float(np.partition(box, box.size // 2)[box.size // 2])
        if abs(middle) > abs(worst):
            worst, error = middle, 1.25 * scatter / level / float(np.sqrt(box.size))
    if boxes < 6:
        return QualityFlag("arm_step", None, _NOT_MADE["arm_step"])
    detail = f"{100 * worst:+.1f} ± {100 * error:.1f} % of the flux at the join of the arms"
    if abs(worst) > max(STEP_SHARE, STEP_SIGMA * error):
        return QualityFlag("arm_step", False, "Step at 5850 Å", detail)
    return QualityFlag("arm_step", True, "No step at 5850 Å", detail)


def telluric(spectrum: Spectrum) -> QualityFlag:
    """What the telluric correction left at the oxygen A band: mean depth at 7596-7660 Angstrom below the line
    through its sides.
    """
    if spectrum.survey not in _LAMOST_LIKE:
        return QualityFlag("telluric", None, _NOT_MADE["telluric"])
    wave, flux, good = _cut(spectrum, (_O2_SIDES[0][0], _O2_SIDES[1][1]))
    band, blue = good & _within(wave, _O2_A), good & _within(wave, _O2_SIDES[0])
    side = blue | good & _within(wave, _O2_SIDES[1])
    if band.sum() < 20 or blue.sum() < 15 or side.sum() < 30:
        there = _within(wave, _O2_A).sum() >= 20  # LAMOST DR1 masks the whole band
        return QualityFlag("telluric", None, "Telluric band masked" if there else _NOT_MADE["telluric"])
    line, _ = _fit_line(wave[side], flux[side], 7640.0)
    expected = _on(line, wave[band] - 7640.0)
    level = float(np.mean(expected))
    if level <= 0:
        return QualityFlag("telluric", None, _NOT_MADE["telluric"])
    depth = float(np.mean(expected - flux[band])) / level
    scatter = float(np.std(flux[side] - _on(line, wave[side] - 7640.0))) / level
    error = scatter * float(np.sqrt(1 / band.sum() + 1 / side.sum()))
    detail = f"{100 * depth:+.1f} ± {100 * error:.1f} % of the flux missing in the O₂ A band"
    if abs(depth) > max(TELLURIC_SHARE, TELLURIC_SIGMA * error):
        return QualityFlag("telluric", False, "Telluric residual", detail)
    return QualityFlag("telluric", True, "No telluric residual", detail)


def out_of_range(
    posterior: Posterior | None,
    ranges: Mapping[str, tuple[float, float]],
    ood: float | None = None,
    reference: NDArray[np.float64] | None = None,
) -> QualityFlag:
    """The posterior lies within the range of the training set, and the star is not far from it in the embedding.

    Fails for a label whose median is outside, or that has more than :data:`OUTSIDE_SHARE` of its samples outside.
    """
    outside, checked = [], False
    if posterior is not None:
        limits = {**ranges, **posterior.prior}
        for column, name in enumerate(posterior.names):
            if name not in limits:
                continue
            checked = True
            low, high = limits[name]
            values = posterior.samples[:, column]
            share = (np.count_nonzero(values < low) + np.count_nonzero(values > high)) / values.size
            if share > OUTSIDE_SHARE:
                outside.append((label_words(name), share))
    if outside:
        detail = ", ".join(f"{100 * share:.0f} % of the {name} posterior" for name, share in outside)
        shown = ", ".join(name for name, _ in outside[:_NAMED])
        if len(outside) > _NAMED:
            shown += f" and {len(outside) - _NAMED} more"
        return QualityFlag("out_of_range", False, f"{shown} outside training range", detail)
    if _beyond(ood, reference, OOD_RANGE_QUANTILE):
        return QualityFlag(
            "out_of_range", False, "Unlike the training set", "the embedding lies beyond 99 % of the reference stars"
        )
    return QualityFlag(
        "out_of_range", True if checked else None, "Within training range" if checked else _NOT_MADE["out_of_range"]
    )


def xp_disagrees(observed: Prepared | None, predicted: PredictedSpectrum | None) -> QualityFlag:
    """Observed XP against the XP predicted from the other survey: reduced chi square with both errors, scale fitted
    (:func:`xp_residual`).
    """
    if observed is None or predicted is None:
        return QualityFlag("xp_disagrees", None, _NOT_MADE["xp_disagrees"])
    if not np.isfinite(predicted.sigma).any():  # against the data's errors alone, every prediction would be wrong
        return QualityFlag(
            "xp_disagrees", None, _NOT_MADE["xp_disagrees"], "the model gives no error of its prediction"
        )
    residual = xp_residual(observed, predicted)
    if residual is None:
        return QualityFlag("xp_disagrees", None, _NOT_MADE["xp_disagrees"])
    chi2 = float(np.nanmean(residual**2))
    shown = f"{chi2:.1f}" if chi2 < 100 else f"{chi2:.0f}"
    if chi2 <= XP_CHI2:
        return QualityFlag("xp_disagrees", True, f"XP agrees, χ²/N {shown}")
    return QualityFlag("xp_disagrees", False, f"XP disagrees, χ²/N {shown}")


def xp_residual(observed: Prepared, predicted: PredictedSpectrum) -> NDArray[np.float64] | None:
    """(observed - scale * predicted) / sigma of both, shape (L,), NaN where nothing was observed; the scale is fitted.

    A reddening that was fitted to this very spectrum has no error of its own here: only the shape is judged. None where
    fewer than 10 points can be compared, or the prediction has no errors.
    """
    if predicted.dust is not None and predicted.ebv_source == "fitted":
        predicted = predicted.with_reddening(predicted.ebv, 0.0, "fitted")
    values, ivar = np.asarray(observed.values, np.float64), np.asarray(observed.ivar, np.float64)
    flux, sigma = np.asarray(predicted.flux, np.float64), np.asarray(predicted.sigma, np.float64)
    use = ivar > 0
    if use.sum() < 10 or flux.shape != values.shape or not np.isfinite(sigma).any():
        return None
    sigma = np.nan_to_num(sigma)
    weight = 1.0 / (1.0 / ivar[use] + sigma[use] ** 2)
    scale = float(np.sum(weight * values[use] * flux[use]) / np.sum(weight * flux[use] ** 2))
    out = np.full(values.shape, np.nan)
    out[use] = np.sqrt(weight) * (values[use] - scale * flux[use])
    return out


def xp_release(spectrum: Spectrum | None, trained_on: str) -> QualityFlag:
    """The XP spectrum is of a Gaia release the model was trained on: each has its own bases and calibration.

    Parameters
    ----------
    spectrum : Spectrum or None
        The star's XP spectrum; ``meta["release"]`` says whose it is.
    trained_on : str
        ``ModelDescription.release``, such as "LAMOST DR10, Gaia DR3".
    """
    known = re.findall(r"Gaia[ _-]?(E?DR\d+)", trained_on, re.IGNORECASE)
    release = "" if spectrum is None else str(spectrum.meta.get("release") or "").upper().removeprefix("GAIA").strip()
    if not known or not re.fullmatch(r"E?DR\d+", release):  # a simulated spectrum is of no release
        return QualityFlag("xp_release", None, "XP release not checked")
    if release in {name.upper() for name in known}:
        return QualityFlag("xp_release", True, f"XP of Gaia {release}, as in training")
    detail = "releases differ in bases and calibration: labels and predictions may be biased"
    return QualityFlag("xp_release", False, f"XP of Gaia {release}; model knows {' and '.join(known)}", detail)


# ---------------------------------------------------------------------------------------------- small pieces
def _beyond(value: float | None, reference: NDArray[np.float64] | None, quantile: float) -> bool:
    if value is None or reference is None or not np.isfinite(value) or reference.size * (1 - quantile) < 1:
        return False  # too few reference stars to speak of that quantile
    return bool(value > np.quantile(reference, quantile))


def _within(wave: NDArray[np.float64], window: tuple[float, float] | None) -> NDArray[np.bool_]:
    return np.ones(wave.shape, bool) if window is None else (wave >= window[0]) & (wave <= window[1])


def _cut(spectrum: Spectrum, window: tuple[float, float]) -> tuple[NDArray[np.float64], NDArray[np.float64], Any]:
    """Wavelength, flux and good pixels inside a window: what follows need not run over the whole spectrum."""
    wave = spectrum.wavelength
    low, high = int(np.searchsorted(wave, window[0], "left")), int(np.searchsorted(wave, window[1], "right"))
    return wave[low:high], spectrum.flux[low:high], spectrum.good[low:high]


def _alive(spectrum: Spectrum, arm: tuple[float, float]) -> bool:
    _, flux, good = _cut(spectrum, arm)
    if not flux.size:
        return False
    return bool(good.sum() > 0.3 * flux.size and np.ptp(flux[good]) > 0)


def _on(line: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    return line[0] * x + line[1]


def _median(values: NDArray[np.float64]) -> float:
    """As ``numpy.median``, five times faster for a few hundred values."""
    half = values.size // 2
    if values.size % 2:
        return float(np.partition(values, half)[half])
    part = np.partition(values, (half - 1, half))
    return 0.5 * float(part[half - 1] + part[half])


def _fit_line(x: NDArray[np.float64], y: NDArray[np.float64], at: float) -> tuple[NDArray[np.float64], float]:
    """Straight line about ``at`` by least squares, once again without the points beyond 3 sigma: coefficients,
    robust scatter.
    """
    keep = np.ones(x.shape, bool)
    for _ in range(2):
        xs, ys = x[keep], y[keep]
        middle = float(xs.sum()) / xs.size
        dx = xs - middle
        slope = float(dx @ ys) / float(dx @ dx)
        line = np.array([slope, float(ys.sum()) / ys.size + slope * (at - middle)])
        rest = y - _on(line, x - at)
        scatter = 1.4826 * _median(np.abs(rest[keep]))
        inside = np.abs(rest) <= 3 * scatter
        keep = inside if inside.sum() >= 10 else keep
    return line, scatter
