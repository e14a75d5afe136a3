"""Rotation period from the autocorrelation of a light curve, after McQuillan, Aigrain & Mazeh (2013, MNRAS 432, 1203).

Spots come back with the star's rotation, at other phases and depths: the autocorrelation keeps its peak at the period
where a periodogram is split or finds a harmonic.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from specviz.analysis.light_curve import CleanCurve

Array = NDArray[np.float64]
#: Standard deviation (samples of half an hour) of the smoothing before the peaks are looked for, and the same in
#: periods where that is short.
SMOOTHING, SMOOTHING_OF_PERIOD = 18.0, 0.1
#: Least height of a peak over the troughs beside it that is called a period.
LEAST_HEIGHT = 0.25
#: Longest period that is believed, as a part of the curve's length: slower changes are seen too seldom.
LONGEST_PART = 0.25
#: By how much the second peak must be higher than the first to be the period itself.
CLEARLY = 0.05
#: Peaks at multiples of the period that its error is measured from.
MULTIPLES = 4
LONGEST = 100.0  # d, of a lag


@dataclass(frozen=True, eq=False)
class Rotation:
    """The autocorrelation of a light curve and the period it shows.

    Parameters
    ----------
    period, error : float
        Days; NaN where no peak is high enough. The error is the standard error of the peaks at up to
        :data:`MULTIPLES` multiples of the period; with fewer than three, the half width of the first at half height.
    height : float
        Of the peak over the mean of the troughs beside it: 0 none, 2 a pure sine.
    lag, acf : array, shape (K,)
        Days, and correlation of pairs that far apart; gaps count in neither.
    peaks : array
        Lags (d) of the peaks that the period is measured from.
    """

    period: float
    error: float
    height: float
    lag: Array
    acf: Array
    peaks: Array

    @property
    def found(self) -> bool:
        """Whether a period was found."""
        return bool(np.isfinite(self.period))


def autocorrelation(curve: CleanCurve) -> tuple[Array, Array]:
    """Lag (d) and autocorrelation up to half the curve's length, :data:`LONGEST` at most.

    A straight line is taken out. Each lag is the mean over the pairs that were both observed, so gaps need no filling.
    """
    flux, there = curve.even()
    at = np.flatnonzero(there)
    line = np.polynomial.Polynomial.fit(at, flux[at], 1)
    values = np.zeros(flux.size)
    values[at] = flux[at] - line(at)
    most = max(int(min(0.5 * curve.span, LONGEST) / curve.cadence), 2)
    pairs, product = (_lagged(x, most) for x in (there.astype(np.float64), values))
    known = pairs > 0.05 * pairs[0]
    acf = np.zeros(most)
    acf[known] = product[known] / pairs[known]
    acf /= acf[0] if acf[0] > 0 else 1.0
    lag = np.arange(most, dtype=np.float64) * float(curve.cadence)
    return lag, acf


def rotation(curve: CleanCurve, about: float = float("nan")) -> Rotation:
    """The period at which the light curve repeats.

    Parameters
    ----------
    curve : CleanCurve
        Binned to half an hour (:meth:`CleanCurve.binned`) where its cadence is shorter.
    about : float
        Days; period of the strongest peak in the power spectrum. Only tells how much may be smoothed.
    """
    curve = curve.binned()
    lag, acf = autocorrelation(curve)
    sigma = SMOOTHING * min(1.0, (0.5 / 24.0) / curve.cadence)
    if np.isfinite(about):
        sigma = min(sigma, SMOOTHING_OF_PERIOD * about / curve.cadence)
    smooth = gaussian_filter1d(acf, max(sigma, 0.5), mode="mirror")
    tops, _ = find_peaks(smooth)
    nothing = Rotation(float("nan"), float("nan"), 0.0, lag, acf, np.empty(0))
    if not tops.size:
        return nothing
    heights = np.array([_height(smooth, tops, i) for i in range(tops.size)])
    first = 0
    if tops.size > 1 and heights[1] > heights[0] + CLEARLY:  # two spots on opposite sides: half the period
        first = 1
    if heights[first] < LEAST_HEIGHT or lag[tops[first]] > LONGEST_PART * curve.span:
        return Rotation(float("nan"), float("nan"), float(heights[first]), lag, acf, np.empty(0))
    top = int(tops[first])
    found = [_vertex(smooth, top)]
    for k in range(2, MULTIPLES + 1):
        expected = k * found[0]
        near = tops[np.argmin(np.abs(tops - expected))]
        if abs(near - expected) > 0.2 * found[0]:
            break
        found.append(_vertex(smooth, int(near)))
    periods = np.array(found) / np.arange(1, len(found) + 1)
    orders = np.arange(1, len(found) + 1)
    # Least squares of lag = k * period.
    period = float((orders * found).sum() / (orders**2).sum())
    if len(found) >= 3:
        error = float(periods.std(ddof=1) / np.sqrt(len(found)))
    else:
        error = _half_width(smooth, top)
    error = max(error, 0.5 / len(found))  # no better than half a sample over the multiples
    step = curve.cadence
    return Rotation(period * step, error * step, float(heights[first]), lag, acf, np.array(found) * step)


def _lagged(x: Array, most: int) -> Array:
    """Sum of products of samples 0 ... most-1 apart, by FFT."""
    n = 1 << int(np.ceil(np.log2(2 * x.size)))
    spectrum = np.fft.rfft(x, n)
    out: Array = np.fft.irfft(spectrum * np.conj(spectrum), n)[:most]
    return out


def _height(smooth: Array, tops: NDArray[np.int64], i: int) -> float:
    """Of peak ``i`` over the mean of the lowest points between it and the peaks beside it."""
    top = int(tops[i])
    before = int(tops[i - 1]) if i else 0
    after = int(tops[i + 1]) if i + 1 < tops.size else smooth.size - 1
    troughs = 0.5 * (smooth[before : top + 1].min() + smooth[top : after + 1].min())
    return float(smooth[top] - troughs)


def _vertex(y: Array, i: int) -> float:
    """Where the parabola through a peak and its neighbours is highest."""
    if not 0 < i < y.size - 1:
        return float(i)
    curvature = y[i - 1] - 2 * y[i] + y[i + 1]
    return float(i) if curvature >= 0 else float(i + 0.5 * (y[i - 1] - y[i + 1]) / curvature)


def _half_width(y: Array, top: int) -> float:
    """Samples from a peak to half its height over the lower side's trough."""
    low = y[:top].min() if top else 0.0
    half = 0.5 * (y[top] + low)
    left = np.flatnonzero(y[:top] < half)
    right = np.flatnonzero(y[top:] < half)
    widths = [top - left[-1]] if left.size else []
    widths += [int(right[0])] if right.size else []
    return float(min(widths)) if widths else float(top)
