"""Power spectrum of a light curve: Lomb-Scargle with its false-alarm level, and the hump of solar-like oscillations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.light_curve import CleanCurve

Array = NDArray[np.float64]
DAY = 86400.0
TO_MICROHERTZ = 1e6 / DAY  # of a frequency in 1/d
#: Frequencies a resolution element of the periodogram.
OVERSAMPLING = 5
FALSE_ALARM = 0.01
#: Bins a decade of frequency in which the background is fitted, and where the fit begins (microhertz).
BINS, LOWEST = 60, 3.0
#: Exponents of the background's terms (Harvey 1985 has 2, later fits 4): both are tried, the likelier counts.
EXPONENTS = (2.0, 4.0)
#: Gain in log likelihood by which a hump must be better than none: three parameters, and a dozen places to look.
LEAST_GAIN = 12.0
#: Largest error of nu_max, as a part of it, at which a hump is one.
LARGEST_ERROR = 0.25
#: Largest part of the hump's power in one resolution element; a pulsation or rotation of one period has all of it.
MOST_IN_ONE = 0.35


@dataclass(frozen=True, eq=False)
class PowerSpectrum:
    """Lomb-Scargle periodogram as power density.

    Parameters
    ----------
    frequency : array, shape (K,)
        Microhertz, up to the Nyquist frequency.
    power : array, shape (K,)
        ppm^2 per microhertz; its integral is the variance of the flux.
    period : float
        Days, of the highest peak; NaN for a constant star.
    false_alarm : float
        Probability that white noise of this variance makes a peak as high anywhere (Baluev 2008). Spots, granulation
        and drifts of the instrument are not white noise: for those it is far too small.
    level : float
        Power density of a peak whose false-alarm probability is :data:`FALSE_ALARM`.
    """

    frequency: Array
    power: Array
    period: float
    false_alarm: float
    level: float


@dataclass(frozen=True)
class Oscillations:
    """The hump of solar-like oscillations over granulation and noise.

    Parameters
    ----------
    nu_max, error : float
        Microhertz; frequency of maximum power, NaN where there is no hump.
    gain : float
        By how much the log likelihood is better with a hump than without.
    logg : float
        Surface gravity (dex) from the scaling relation g ~ nu_max sqrt(Teff) (Brown et al. 1991; Kjeldsen & Bedding
        1995), at the temperature that was given; NaN without one.
    """

    nu_max: float
    error: float
    gain: float
    logg: float = float("nan")

    @property
    def found(self) -> bool:
        """Whether there is a hump."""
        return bool(np.isfinite(self.nu_max))


def power_spectrum(curve: CleanCurve) -> PowerSpectrum:
    """The Lomb-Scargle periodogram from one cycle in the curve's length to the Nyquist frequency."""
    from astropy.timeseries import LombScargle

    y = curve.flux - curve.flux.mean()
    most = 0.5 / curve.cadence
    step = 1.0 / (OVERSAMPLING * curve.span)
    frequency = np.arange(1.0 / curve.span, most, step)
    if not y.any():
        nothing = np.zeros(frequency.size)
        return PowerSpectrum(frequency * TO_MICROHERTZ, nothing, float("nan"), 1.0, 0.0)
    made = LombScargle(curve.time, y)
    standard = np.clip(made.power(frequency, method="fast", assume_regular_frequency=True), 0.0, 1.0)
    best = int(np.argmax(standard))
    # The fast method is an approximation that may pass 1 by rounding for a pure sine.
    known = dict(method="baluev", minimum_frequency=float(frequency[0]), maximum_frequency=float(most))
    chance = float(made.false_alarm_probability(min(float(standard[best]), 1 - 1e-12), **known))
    level = float(made.false_alarm_level(FALSE_ALARM, **known))
    in_microhertz = frequency * TO_MICROHERTZ
    scale = float(1e12 * y.var() / max(standard.sum() * step * TO_MICROHERTZ, 1e-300))
    return PowerSpectrum(
        in_microhertz, standard * scale, float(1.0 / _vertex(frequency, standard, best)), chance, level * scale
    )


def oscillations(spectrum: PowerSpectrum, teff: float | None = None) -> Oscillations:
    """Look for the hump of solar-like oscillations.

    The spectrum is averaged in bins of equal width in log frequency. Two Harvey terms and white noise are fitted with
    and without a Gaussian whose width follows nu_max (Mosser et al. 2012), maximising the likelihood of exponentially
    distributed power. The error holds the curvature of that and the difference between backgrounds of both
    :data:`EXPONENTS`.

    Parameters
    ----------
    spectrum : PowerSpectrum
    teff : float, optional
        K, for the surface gravity.
    """
    nu, power, count = _log_bins(spectrum)
    if nu.size < 30 or _one_period(spectrum):
        return Oscillations(float("nan"), float("nan"), 0.0)
    fits = [_fit(spectrum, nu, power, count, exponent) for exponent in EXPONENTS]
    none = min(fit[0] for fit in fits)
    humps = sorted((fit[1:] for fit in fits if np.isfinite(fit[2])), key=lambda hump: hump[0])
    gain = max(none - humps[0][0], 0.0) if humps else 0.0
    if gain < LEAST_GAIN:
        return Oscillations(float("nan"), float("nan"), float(gain))
    _, nu_max, error = humps[0]
    error = float(np.hypot(error, humps[-1][1] - nu_max))
    if not error < LARGEST_ERROR * nu_max:  # each background needs a hump elsewhere: it mends them, no more
        return Oscillations(float("nan"), float("nan"), float(gain))
    return Oscillations(nu_max, error, float(gain), _gravity(nu_max, teff))


def _fit(
    spectrum: PowerSpectrum, nu: Array, power: Array, count: Array, exponent: float
) -> tuple[float, float, float, float]:
    """Cost without a hump, cost with the best one, its nu_max and the error of that; NaN where there is none."""
    from scipy.optimize import minimize

    def cost(p: Array) -> float:
        model = _model(nu, p, exponent)
        return float((count * (np.log(model) + power / model)).sum())

    def fitted(start: Array, limits: list[tuple[float | None, float | None]]) -> tuple[float, Array]:
        best = minimize(cost, start, method="L-BFGS-B", bounds=limits, options=dict(maxiter=400))
        return float(best.fun), np.asarray(best.x, np.float64)

    edge = max(nu.size // 10, 3)
    white, red = float(np.median(power[-edge:])), float(np.median(power[:edge]))
    between = max(float(np.median(power)), white)
    free = (None, None)
    bounds = [free, (np.log(nu[0] / 10), np.log(nu[-1])), free, (np.log(nu[0]), np.log(3 * nu[-1])), free]
    # Local optima: where the second term begins decides which is found.
    none, background = min(
        (
            fitted(np.log([max(red, white), 3 * nu[0], between, at, white]), bounds)
            for at in np.geomspace(3 * nu[0], nu[-1], 4)
        ),
        key=lambda tried: tried[0],
    )
    low, high = max(2.0 * LOWEST, 2.0 * nu[0]), 0.9 * nu[-1]
    best, found = none, None
    for at in np.geomspace(low * 1.2, high * 0.9, 14):
        height = np.log(max(0.5 * float(np.interp(at, nu, power)), 1e-12))
        start = np.array([*background, height, np.log(at)])
        value, p = fitted(start, [*bounds, free, (np.log(low), np.log(high))])
        inside = np.log(low) + 0.05 < p[6] < np.log(high) - 0.05  # at the ends it is background
        if value < best and inside and not _is_spike(spectrum, p, exponent):
            best, found = value, p
    if found is None:
        return none, none, float("nan"), float("nan")
    nu_max = float(np.exp(found[6]))
    return none, best, nu_max, nu_max * _error(cost, found, 6)


def _model(nu: Array, p: Array, exponent: float) -> Array:
    """Two Harvey terms, white noise, and a Gaussian if ``p`` has seven numbers; all as logarithms."""
    e = np.exp(np.clip(p, -60, 60))
    out = e[0] / (1 + (nu / e[1]) ** exponent) + e[2] / (1 + (nu / e[3]) ** exponent) + e[4]
    if p.size > 5:
        # Full width at half maximum 0.66 nu_max^0.88 (Mosser et al. 2012, A&A 537, A30).
        sigma = 0.66 * e[6] ** 0.88 / 2.3548
        out = out + e[5] * np.exp(-0.5 * ((nu - e[6]) / sigma) ** 2)
    full: Array = out
    return full


def _one_period(spectrum: PowerSpectrum) -> bool:
    """Whether one frequency has most of the power: a pulsator or a close binary, whose sidelobes bury a hump."""
    power = spectrum.power[spectrum.frequency >= LOWEST]
    top = int(np.argmax(power))
    return bool(power[max(top - OVERSAMPLING, 0) : top + OVERSAMPLING + 1].sum() > 0.5 * power.sum())


def _is_spike(spectrum: PowerSpectrum, p: Array, exponent: float) -> bool:
    """Whether what the Gaussian describes is one frequency."""
    nu_max = float(np.exp(p[6]))
    near = np.abs(spectrum.frequency - nu_max) < 0.66 * nu_max**0.88
    over = np.clip(spectrum.power[near] - _model(spectrum.frequency[near], p[:5], exponent), 0.0, None)
    if not over.size:
        return True
    top = int(np.argmax(over))
    one = over[max(top - OVERSAMPLING, 0) : top + OVERSAMPLING + 1].sum()
    return bool(one > MOST_IN_ONE * over.sum())


def _log_bins(spectrum: PowerSpectrum) -> tuple[Array, Array, Array]:
    """Frequency, mean power and number of independent values in bins of log frequency."""
    use = spectrum.frequency >= LOWEST
    nu, power = spectrum.frequency[use], spectrum.power[use]
    if nu.size < 2:
        return np.empty(0), np.empty(0), np.empty(0)
    at = np.floor(np.log10(nu / LOWEST) * BINS).astype(np.int64)
    _, which, count = np.unique(at, return_inverse=True, return_counts=True)
    enough = count >= OVERSAMPLING  # at least one independent value
    means = [np.bincount(which, x) / count for x in (nu, power)]
    return means[0][enough], np.maximum(means[1][enough], 1e-12), count[enough] / OVERSAMPLING


def _error(cost: Callable[[Array], float], p: Array, which: int) -> float:
    """One sigma of a parameter with the others held, from the curvature of the log likelihood."""
    step = 1e-2
    up, down = p.copy(), p.copy()
    up[which] += step
    down[which] -= step
    curvature = (cost(up) - 2 * cost(p) + cost(down)) / step**2
    return float(1 / np.sqrt(curvature)) if curvature > 0 else float("nan")


def _gravity(nu_max: float, teff: float | None) -> float:
    """log g (cgs): the Sun has nu_max 3090 microhertz (Huber et al. 2011), log g 4.438 and 5772 K."""
    if teff is None or not np.isfinite(teff) or teff <= 0:
        return float("nan")
    return float(4.438 + np.log10(nu_max / 3090.0) + 0.5 * np.log10(teff / 5772.0))


def _vertex(x: Array, y: Array, i: int) -> float:
    """Frequency of the highest point of the parabola through a peak and its neighbours."""
    if not 0 < i < y.size - 1:
        return float(x[i])
    curvature = y[i - 1] - 2 * y[i] + y[i + 1]
    shift = 0.0 if curvature >= 0 else 0.5 * (y[i - 1] - y[i + 1]) / curvature
    return float(x[i] + shift * (x[1] - x[0]))
