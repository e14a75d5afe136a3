"""From two stars to the columns that the comparison draws. Pure functions, no Bokeh.

Wavelengths are vacuum Angstrom in every panel, Gaia XP included. Two stars differ in brightness, so each spectrum is
brought to a scale of its own: its continuum, its median from 5000 to 7000 Angstrom, or its XP flux at 550 nm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from specviz.session.pairing import Side
from specviz.spectra.frames import doppler_factor
from specviz.spectra.resample import resample_linear
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.whole_continuum import whole_continuum
from specviz.views.spectrum_data import NORMALISED, optical, y_limits

Array = NDArray[np.float64]
EMPTY: Array = np.empty(0)
Columns = dict[str, Array]
_SURVEYS = {"lamost_lrs": "LAMOST", "sdss": "SDSS", "gaia_xp": "XP", "other": "optical"}


@dataclass(frozen=True)
class PairCurves:
    """What one panel of the comparison draws.

    ``curves`` holds x, y, low and high of each star (empty where it has no such spectrum), ``difference`` x and y in
    standard errors, of which 98 % lie within ± ``reach``; ``note`` says what is left out
    and why, ``remark`` what the difference holds beside noise.
    """

    curves: tuple[Columns, Columns]
    difference: Columns
    y_range: tuple[float, float]
    x_range: tuple[float, float]
    label: str
    note: str = ""
    rms: float = float("nan")
    reach: float = 0.0
    remark: str = ""


@dataclass(frozen=True)
class _Scaled:
    wave: Array
    flux: Array
    ivar: Array
    good: NDArray[np.bool_]


def optical_pair(sides: tuple[Side, Side], *, normalised: bool, rest: bool) -> PairCurves:
    """The two optical spectra, in the observed or in the stars' rest frames."""
    notes = []
    scaled: list[_Scaled | None] = []
    for side in sides:
        spectrum = optical(side.star)
        if spectrum is None:
            scaled.append(None)
            continue
        wave = spectrum.wavelength
        if rest and spectrum.frame == "observed":
            if side.rv is None:
                notes.append(f"{side.name}: no velocity known, not shifted")
            else:
                wave = wave / doppler_factor(side.rv)
        scaled.append(_scaled(spectrum, wave, _level(spectrum, normalised)))
    label = NORMALISED if normalised else "Flux (relative)"
    made = _pair((scaled[0], scaled[1]), label, notes, zero=False)
    return made if normalised else replace(made, remark=", flux calibration included")


def xp_pair(sides: tuple[Side, Side]) -> PairCurves:
    """The two Gaia XP spectra, each over its flux at 550 nm; never shifted (a resolution element is 3000 km/s wide)."""
    scaled: list[_Scaled | None] = []
    for side in sides:
        spectrum = None if side.star is None else side.star.spectra.get("gaia_xp")
        if spectrum is None:
            scaled.append(None)
            continue
        wave, good = spectrum.wavelength_angstrom, spectrum.good
        level = float(np.interp(5500.0, wave[good], spectrum.flux[good])) if good.any() else 1.0
        scaled.append(_scaled(spectrum, wave, np.full(wave.size, level if level > 0 else 1.0)))
    return _pair((scaled[0], scaled[1]), "Flux / flux (550 nm)", [], zero=True)


def _level(spectrum: Spectrum, normalised: bool) -> Array:
    """What a spectrum is divided by, a pixel."""
    if spectrum.meta.get("normalised"):
        return np.ones(len(spectrum))
    if normalised:
        return whole_continuum(spectrum)
    good, wave = spectrum.good, spectrum.wavelength
    inner = good & (wave > 5000) & (wave < 7000)
    use = inner if inner.any() else good
    unit = abs(float(np.median(spectrum.flux[use]))) if use.any() else 1.0
    return np.full(len(spectrum), unit if np.isfinite(unit) and unit > 0 else 1.0)


def _scaled(spectrum: Spectrum, wave: Array, level: Array) -> _Scaled:
    assert spectrum.ivar is not None
    with np.errstate(invalid="ignore", divide="ignore"):
        flux = spectrum.flux / level
    good = spectrum.good & np.isfinite(flux) & (level > 0)
    return _Scaled(wave, flux, spectrum.ivar * level**2, good)


def _pair(scaled: tuple[_Scaled | None, _Scaled | None], label: str, notes: list[str], *, zero: bool) -> PairCurves:
    first, second = scaled
    difference: Columns = dict(x=EMPTY, y=EMPTY)
    rms, reach = float("nan"), 0.0
    if first is not None and second is not None:
        difference = _difference(first, second)
        values = difference["y"][np.isfinite(difference["y"])]
        if not (first.ivar > 0).any() and not (second.ivar > 0).any():
            notes.append("No errors are known, so no difference in σ")
        elif values.size == 0:
            notes.append("The two spectra do not overlap")
        else:
            rms, reach = float(np.sqrt(np.mean(values**2))), float(np.percentile(np.abs(values), 98))
    shown = [s for s in scaled if s is not None]
    flux = np.concatenate([s.flux[s.good] for s in shown]) if shown else EMPTY
    waves = np.concatenate([s.wave[[0, -1]] for s in shown]) if shown else np.array([3690.0, 9110.0])
    low, high = y_limits(flux)
    margin = 0.004 * float(np.ptp(waves))
    return PairCurves(
        curves=(_columns(first), _columns(second)),
        difference=difference,
        y_range=(min(0.0, low), high) if zero else (low, high),
        x_range=(float(waves.min()) - margin, float(waves.max()) + margin),
        label=label,
        note=". ".join(notes),
        rms=rms,
        reach=reach,
    )


def _columns(scaled: _Scaled | None) -> Columns:
    if scaled is None:
        return dict(x=EMPTY, y=EMPTY, low=EMPTY, high=EMPTY)
    with np.errstate(divide="ignore"):
        sigma = np.where(scaled.ivar > 0, 1.0 / np.sqrt(scaled.ivar), np.nan)
    flux = np.where(scaled.good, scaled.flux, np.nan)
    return dict(x=scaled.wave, y=flux, low=flux - sigma, high=flux + sigma)


def _difference(first: _Scaled, second: _Scaled) -> Columns:
    """(first - second) / sqrt(both variances), at the pixels of the first that lie within the second.

    Where one of the two comes without errors, those of the other alone are meant.
    """
    inside = first.good & (first.wave >= second.wave[0]) & (first.wave <= second.wave[-1])
    x = first.wave[inside]
    if x.size == 0:
        return dict(x=EMPTY, y=EMPTY)
    other = resample_linear(x, second.wave, second.flux, second.ivar, ~second.good)
    with np.errstate(divide="ignore", invalid="ignore"):
        mine = np.where(first.ivar[inside] > 0, 1.0 / first.ivar[inside], 0.0)
        theirs = np.where(other.ivar > 0, 1.0 / other.ivar, 0.0)
        sigma = (first.flux[inside] - other.flux) / np.sqrt(mine + theirs)
    bad = other.mask | ~np.isfinite(sigma)
    return dict(x=x, y=np.where(bad, np.nan, sigma))


def survey_name(survey: str) -> str:
    """ "LAMOST", "XP" """
    return _SURVEYS.get(survey, survey)
