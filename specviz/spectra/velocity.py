"""Radial velocity of a spectrum: weighted cross-correlation with rest-frame templates.

The spectrum and the templates are divided by the same kind of pseudo-continuum. For each trial velocity the template,
kept in fine steps of ln(wavelength), is shifted to the spectrum's own pixels, so that the data, their errors and their
gaps are never resampled. With weights w, the normalised cross-correlation C(v) = sum w f g / sqrt(sum w f^2 sum w g^2)
is what remains of chi^2 once the depth of the lines is fitted, chi^2(v) = sum w f^2 (1 - C^2), and so the logarithm of
the likelihood is -N / 2 log(1 - C^2) (Zucker 2003, MNRAS 342, 1291, section 2). Its peak is the velocity, its curvature
there the error; ``r`` is the peak's height over the antisymmetric part of the whole function (Tonry & Davis 1979, AJ
84, 1511, section III).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from specviz.errors import CoverageError, SpectrumError
from specviz.spectra.continuum import running_quantile_continuum
from specviz.spectra.frames import C_KM_S
from specviz.spectra.lines import TELLURIC_BANDS
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]

#: Velocities that are tried (km/s): no star bound to the Galaxy is faster than about 600.
LIMITS = (-1500.0, 1500.0)
#: Step of the tried velocities, km/s; a peak of R = 1800 is 250 km/s wide.
STEP = 10.0
#: Stretch of the optical range that is used (vacuum Angstrom): redder, the night sky leaves too much.
WINDOW = (3850.0, 8900.0)
#: What is left out beside the telluric bands (vacuum Angstrom): sky lines, and the interstellar sodium in the join of
#: LAMOST's two arms.
LEFT_OUT = ((5574.0, 5584.0), (5700.0, 5910.0), (6297.0, 6307.0))
#: Relative difference between a spectrum and the best of a few templates: no pixel weighs more than it is worth.
MISMATCH = 0.02
#: What templates of other abundances and line widths leave however high the S/N is, km/s: of demo stars at S/N > 100
#: the scatter about the truth exceeds the errors without it by as much. Added in quadrature.
FLOOR = 0.7
#: Share of the range over which the weight rises at each end (Tonry & Davis 1979: 5 %).
TAPER = 0.05
#: Fewest pixels that a velocity may rest on.
LEAST_PIXELS = 300
#: Below this ``r`` a peak may be noise (Kurtz & Mink 1998, PASP 110, 934, ask for 3); below this gain in ln(likelihood)
#: over the best velocity far from it, it is not the only one.
LEAST_R, LEAST_LEAD = 3.0, 6.0
#: Farther than this from the peak, km/s, is another peak.
FAR = 400.0
#: Half of the stretch, km/s, over which a quartic is laid to find the peak and its curvature.
_PEAK = 60.0
#: Lags, pixels, over which neighbouring residuals may depend on each other.
_LAGS = 60


@dataclass(frozen=True, eq=False)
class _Shape:
    """A template / continuum - 1 in steps of STEP of ln(wavelength), from ``start`` on."""

    start: float
    values: Array

    def at(self, x: Array, shift: float) -> Array:
        """The template at a velocity, on the pixels ``x``."""
        place = (x - shift - self.start) / (STEP / C_KM_S)
        left = place.astype(np.intp)
        part = place - left
        return self.values[left] * (1.0 - part) + self.values[left + 1] * part


@dataclass(frozen=True, eq=False)
class Velocity:
    """A radial velocity, and the cross-correlation that it was read from.

    Parameters
    ----------
    rv, sigma : float
        km/s, positive = receding, and its standard error. Heliocentric where the spectrum is (LAMOST, SDSS); of a
        spectrum in the rest frame, what is left after the velocity that was removed.
    r : float
        Height of the peak over the noise of the function (Tonry & Davis); below 3 nothing is measured.
    height : float
        The normalised cross-correlation at the peak, at most 1.
    template : str
        Name of the template that fits best.
    grid, values : array, shape (n,)
        Velocities (km/s) and normalised cross-correlation with that template.
    pixels : int
        Pixels that carry weight.
    others : tuple of (str, float, float)
        Name, velocity of the peak and height of every template, best first.
    """

    rv: float
    sigma: float
    r: float
    height: float
    template: str
    grid: Array
    values: Array
    pixels: int
    others: tuple[tuple[str, float, float], ...] = ()


def cross_correlate(
    spectrum: Spectrum,
    templates: Spectrum | Sequence[Spectrum],
    *,
    limits: tuple[float, float] = LIMITS,
    window: tuple[float, float] = WINDOW,
    stop: Callable[[], None] | None = None,
) -> Velocity:
    """Radial velocity of a spectrum against the best of some templates.

    Parameters
    ----------
    spectrum : Spectrum
        Optical, vacuum wavelengths. Masked pixels and those with ivar = 0 are left out, as are emission and the
        Earth's bands; the others weigh by their ivar. Its velocity is relative to the frame that it is in: LAMOST and
        SDSS publish heliocentric (barycentric) wavelengths, and nothing is added here.
    templates : Spectrum or sequence of Spectrum
        In the rest frame, vacuum wavelengths, of about the spectrum's resolution, such as
        :func:`specviz.simulate.templates.rest_templates` makes; ``meta["object_id"]`` names them.
    limits : (low, high)
        km/s.
    window : (low, high)
        Vacuum Angstrom.
    stop : callable, optional
        Called between templates; may raise to end the work.

    Returns
    -------
    Velocity

    Raises
    ------
    CoverageError
        The spectrum has too few usable pixels in the window, or the templates do not reach over them.
    SpectrumError
        No velocity can be told: no peak stands out, two do, or the highest lies at the edge.
    """
    templates = [templates] if isinstance(templates, Spectrum) else list(templates)
    if not templates:
        raise SpectrumError("There is no template to compare with", expected="at least one rest-frame spectrum")
    if spectrum.survey == "gaia_xp":
        raise CoverageError("A Gaia XP spectrum is too coarse for a radial velocity", expected="an optical spectrum")
    low, high = sorted(float(v) for v in limits)
    if not (-C_KM_S < low < high < C_KM_S) or high - low < 20 * STEP:
        raise SpectrumError(f"Velocities from {low:g} to {high:g} km/s", expected="at least 200 km/s, below light")
    reach = max(abs(low), abs(high)) / C_KM_S * 1.02
    x, flux, weight = _prepared(spectrum, window, reach, templates)
    shifts = np.arange(np.ceil(low / STEP), np.floor(high / STEP) + 1) * STEP / C_KM_S  # ln(1 + z), to 1e-4
    grid = np.tanh(shifts) * C_KM_S
    best: tuple[float, Array, str, _Shape] | None = None
    found: list[tuple[str, float, float]] = []
    for template in templates:
        if stop is not None:
            stop()
        shape = _on_log_grid(template, x, reach)
        values = _correlation(x, flux, weight, shifts, shape)
        peak = int(np.argmax(values))
        name = str(template.meta.get("object_id") or f"template {len(found) + 1}")
        found.append((name, float(grid[peak]), float(values[peak])))
        if best is None or values[peak] > best[0]:
            best = float(values[peak]), values, name, shape
    assert best is not None
    found.sort(key=lambda entry: -entry[2])
    return _read_peak(x, flux, weight, shifts, best, tuple(found))


# ---------------------------------------------------------------------------------------------- the pieces
def _prepared(
    spectrum: Spectrum, window: tuple[float, float], reach: float, templates: Sequence[Spectrum]
) -> tuple[Array, Array, Array]:
    """ln(wavelength), flux / continuum - 1, and weight of the pixels that are used, each (n,)."""
    wave = spectrum.wavelength_angstrom
    low = max(window[0], *(t.wavelength_angstrom[0] * (1.0 + reach) for t in templates))
    high = min(window[1], *(t.wavelength_angstrom[-1] / (1.0 + reach) for t in templates))
    use = spectrum.good & (spectrum.flux != 0.0) & (wave > low) & (wave < high)
    for start, stop in (*((band.start, band.stop) for band in TELLURIC_BANDS), *LEFT_OUT):
        use &= (wave < start) | (wave > stop)
    if use.sum() < LEAST_PIXELS:
        raise CoverageError(
            f"Only {int(use.sum())} usable pixels between {window[0]:.0f} and {window[1]:.0f} A",
            expected=f"at least {LEAST_PIXELS} for a radial velocity",
        )
    continuum = running_quantile_continuum(wave, spectrum.flux, spectrum.ivar, ~spectrum.good)
    value = spectrum.flux[use] / continuum[use]
    if spectrum.has_errors:
        sigma = spectrum.sigma[use] / continuum[use]
    else:  # from the scatter between neighbours
        sigma = np.full(value.size, 1.4826 * float(np.median(np.abs(np.diff(value)))) / np.sqrt(2.0))
    x = np.log(wave[use])
    ramp = np.clip(np.minimum(x - x[0], x[-1] - x) / (TAPER * (x[-1] - x[0])), 0.0, 1.0)
    weight = np.sin(0.5 * np.pi * ramp) ** 2 / (sigma**2 + MISMATCH**2)
    # Emission and what cosmic rays left stand above any absorption spectrum; broken pixels fall below zero.
    weight[(value > 1.0 + np.maximum(5.0 * sigma, 0.2)) | (value < -np.maximum(5.0 * sigma, 0.2))] = 0.0
    return x, value - 1.0, weight


def _on_log_grid(template: Spectrum, x: Array, reach: float) -> _Shape:
    """The template, from the largest shift before the first pixel to that after the last."""
    wave = template.wavelength_angstrom
    good = template.good
    values = template.flux / running_quantile_continuum(wave, template.flux, template.ivar, ~good) - 1.0
    n = int(np.ceil((x[-1] - x[0] + 2.0 * reach) / (STEP / C_KM_S))) + 3
    at = x[0] - reach + STEP / C_KM_S * np.arange(n)
    inside = np.clip(at, np.log(wave[good][0]), np.log(wave[good][-1]))
    return _Shape(float(at[0]), np.asarray(CubicSpline(np.log(wave[good]), values[good])(inside)))


def _correlation(x: Array, flux: Array, weight: Array, shifts: Array, shape: _Shape) -> Array:
    """Normalised weighted cross-correlation at each shift, means taken out."""
    total = weight.sum()
    f = flux - (weight @ flux) / total
    wf, ff = weight * f, float(weight @ (f * f))
    out = np.empty(shifts.size)
    for k, shift in enumerate(shifts):
        g = shape.at(x, float(shift))
        gg = float(weight @ (g * g)) - float(weight @ g) ** 2 / total
        out[k] = (wf @ g) / np.sqrt(max(ff * gg, 1e-300))
    return out


def _read_peak(
    x: Array, flux: Array, weight: Array, shifts: Array,
    best: tuple[float, Array, str, _Shape], found: tuple[tuple[str, float, float], ...],
) -> Velocity:  # fmt: skip
    """The velocity with its error, or the reason why there is none."""
    height, values, name, shape = best
    peak = int(np.argmax(values))
    half = round(_PEAK / STEP)
    grid = np.tanh(shifts) * C_KM_S
    if height <= 0 or not half <= peak < values.size - half:
        raise _refusal(f"The cross-correlation is highest at the edge, {grid[peak]:.0f} km/s, not in a peak")
    near = slice(peak - half, peak + half + 1)
    steps = (shifts[near] - shifts[peak]) * C_KM_S / STEP
    quartic = Polynomial.fit(steps, values[near], 4)
    tops = [float(t.real) for t in quartic.deriv().roots() if abs(t.imag) < 1e-6 and abs(t.real) < 1.5]
    curve = min((float(quartic.deriv(2)(t)) for t in tops), default=0.0)
    if curve >= 0:
        raise _refusal("The cross-correlation has no round peak")
    top = min(tops, key=lambda t: float(quartic.deriv(2)(t)))
    shift = shifts[peak] + top * STEP / C_KM_S
    pixels = int((weight > 0).sum())
    excess = _dependence(x, flux, weight, float(shift), shape)
    sigma = float(np.hypot(np.sqrt(excess * (1.0 - height**2) / (-pixels * height * curve)) * STEP, FLOOR))
    r = _tonry_davis(shifts, values, float(shift))
    far = np.abs(shifts - shift) > FAR / C_KM_S
    rival = float(np.max(values[far].clip(0.0))) if far.any() else 0.0
    lead = -0.5 * pixels / excess * (np.log1p(-(height**2)) - np.log1p(-(rival**2)))
    if r < LEAST_R or lead < LEAST_LEAD:
        raise _refusal(f"No peak of the cross-correlation stands out (R = {r:.1f}, height {height:.2f})")
    return Velocity(float(np.tanh(shift) * C_KM_S), sigma, r, height, name, grid, values, pixels, found)


def _refusal(what: str) -> SpectrumError:
    return SpectrumError(
        what,
        expected=f"one peak with R of at least {LEAST_R:.0f}",
        remedy="The spectrum may be too noisy, or of no kind that the templates show",
    )


def _dependence(x: Array, flux: Array, weight: Array, shift: float, shape: _Shape) -> float:
    """By how much the variance of the velocity exceeds that of independent residuals.

    The velocity is moved by sum w g' r, with g' the slope of the template and r the residuals; if these have the
    autocorrelation rho_r, its variance is that of independent ones times the sum over lags of rho_r rho_g'. Noise that
    a pipeline has resampled and lines that a template lacks both come in so.
    """
    h = STEP / C_KM_S
    g = shape.at(x, shift)
    slope = (shape.at(x, shift - h) - shape.at(x, shift + h)) / (2.0 * h)
    root = np.sqrt(weight)
    total = weight.sum()
    f, g = flux - (weight @ flux) / total, g - (weight @ g) / total
    residual = root * (f - g * float(weight @ (f * g)) / max(float(weight @ (g * g)), 1e-300))
    slope = root * slope
    norm = max(float(residual @ residual) * float(slope @ slope), 1e-300)
    lags = range(1, min(_LAGS, residual.size // 4))
    both = sum(float(residual[:-k] @ residual[k:]) * float(slope[:-k] @ slope[k:]) for k in lags)
    return float(max(1.0, 1.0 + 2.0 * both / norm))


def _tonry_davis(shifts: Array, values: Array, shift: float) -> float:
    """Height over sqrt(2) times the rms of the antisymmetric part about the peak."""
    reach = min(shift - shifts[0], shifts[-1] - shift)
    offsets = np.arange(STEP / C_KM_S, reach, STEP / C_KM_S)
    if offsets.size < 10:
        return 0.0
    odd = np.interp(shift + offsets, shifts, values) - np.interp(shift - offsets, shifts, values)
    rms = float(np.sqrt(np.mean(odd**2) / 2.0))
    return float(np.interp(shift, shifts, values)) / max(np.sqrt(2.0) * rms, 1e-12)
