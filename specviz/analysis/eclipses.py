"""Eclipses and transits: box least squares (Kovacs, Zucker & Mazeh 2002) on a light curve without its slow part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.light_curve import CleanCurve, flattened
from specviz.errors import SpectrumError

Array = NDArray[np.float64]
#: Shortest period (d), trial durations (d), the step of the period as a part of the shortest duration that it may
#: shift over the whole curve, and most periods tried: beyond, the step is wider and shallow transits may be missed.
SHORTEST, DURATIONS, STEP, MOST = 0.5, (0.06, 0.1, 0.16, 0.26), 0.5, 60_000
#: Least signal-to-noise ratio of the depth, least height of the peak over the other periods in their standard
#: deviations, least events, and least depth over the scatter of the folded curve outside, of what is called an eclipse.
LEAST_SNR, LEAST_PEAK, LEAST_EVENTS, LEAST_CONTRAST = 8.0, 9.0, 3, 10.0


@dataclass(frozen=True, eq=False)
class Eclipses:
    """Equal, periodic dips.

    Parameters
    ----------
    period, error : float
        Days; NaN where there are none.
    epoch : float
        Middle of the first dip, days on the time scale of the curve (not since its start).
    duration : float
        Hours, of the best box.
    depth, odd, even : float
        ppm; of all, and of every other dip. Dips that differ are two stars eclipsing each other at twice the period.
    snr : float
        Depth over its error.
    peak : float
        Height of the peak in standard deviations of the periodogram (signal detection efficiency).
    events : int
        Dips with at least one point in them.
    contrast : float
        Depth over the scatter of the folded curve outside the dip, in pieces as long as it: a wave has about 1.
    periods, power : array
        The periodogram: days, and the log likelihood of the best box.
    """

    period: float
    error: float
    epoch: float
    duration: float
    depth: float
    odd: float
    even: float
    snr: float
    peak: float
    events: int
    contrast: float
    periods: Array
    power: Array

    @property
    def found(self) -> bool:
        """Whether the dips are deep, many and alone enough."""
        return bool(np.isfinite(self.period))


def eclipses(curve: CleanCurve) -> Eclipses:
    """Look for dips from :data:`SHORTEST` days to a third of the curve's length.

    Raises
    ------
    SpectrumError
        If the curve is too short for any.
    """
    from astropy.timeseries import BoxLeastSquares

    curve = curve.binned()
    longest = curve.span / LEAST_EVENTS
    if longest <= 1.5 * SHORTEST:
        raise SpectrumError(
            f"The light curve is {curve.span:.1f} d long", expected=f"{LEAST_EVENTS * 1.5 * SHORTEST:g} d for eclipses"
        )
    flux = flattened(curve) - 1.0
    sigma = 1.4826 * float(np.median(np.abs(flux - np.median(flux))))
    sigma = max(sigma, 1e-12)
    keep = flux < 4.0 * sigma  # flares
    search = BoxLeastSquares(curve.time[keep], flux[keep], sigma)
    periods = _periods(curve.span, longest, DURATIONS[0])
    tried = search.power(periods, DURATIONS, oversample=3)
    power = np.asarray(tried.power)
    best = int(np.argmax(power))
    # A second look around the best: a tenth of the step, and the error where the likelihood has fallen by a half.
    step = periods[best] * STEP * DURATIONS[0] / curve.span
    near = periods[best] + np.arange(-20, 21) * 0.1 * max(step, abs(periods[best] - periods[max(best - 1, 0)]))
    fine = search.power(near, DURATIONS, oversample=10)
    at = int(np.argmax(fine.power))
    period, duration, middle = float(near[at]), float(fine.duration[at]), float(fine.transit_time[at])
    stats = search.compute_stats(period, duration, middle)
    events = int((np.asarray(stats["per_transit_count"]) > 0).sum())
    snr = float(fine.depth_snr[at])
    peak = float((power[best] - power.mean()) / max(power.std(), 1e-300))
    contrast = float(fine.depth[at]) / max(_outside(curve.time[keep], flux[keep], period, duration, middle), 1e-12)
    good = snr >= LEAST_SNR and peak >= LEAST_PEAK and events >= LEAST_EVENTS and contrast >= LEAST_CONTRAST
    # A straight line through the times of the events; one of them is known to a cadence, evenly distributed.
    error = curve.cadence / np.sqrt(12.0) * np.sqrt(12.0 / max(events * (events**2 - 1), 1))
    return Eclipses(
        period if good else float("nan"),
        float(error) if good else float("nan"),
        middle + curve.start,
        24.0 * duration,
        1e6 * float(fine.depth[at]),
        1e6 * float(stats["depth_odd"][0]),
        1e6 * float(stats["depth_even"][0]),
        snr,
        peak,
        events,
        contrast,
        periods,
        power,
    )


def _outside(time: Array, flux: Array, period: float, duration: float, middle: float) -> float:
    """Scatter of the folded curve outside the dip, in bins as long as it."""
    away = (time - middle + 0.5 * period) % period - 0.5 * period
    out = np.abs(away) > duration
    if out.sum() < 10:
        return float("inf")
    at = np.floor(away[out] / duration).astype(np.int64)
    _, which, count = np.unique(at, return_inverse=True, return_counts=True)
    means = np.bincount(which, flux[out]) / count
    return float(means.std()) if means.size > 2 else float("inf")


def _periods(span: float, longest: float, duration: float) -> Array:
    """Periods in equal steps of their logarithm: one step moves the last event by a part of the duration."""
    step = STEP * duration / span
    n = int(np.ceil(np.log(longest / SHORTEST) / step)) + 1
    out: Array = np.geomspace(SHORTEST, longest, min(n, MOST))
    return out
