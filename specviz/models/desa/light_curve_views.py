"""Light curves as DESA reads them: two fluxes, autocorrelation and power spectrum, side by side as four channels.

The published order and sizes, for any length and cadence: quarters stitched, gaps bridged, cropped, smoothed
(Savitzky-Golay, 13 samples, order 1), then the channels flux, flux (z-scored), autocorrelation (z-scored) and
ln(1 + |Fourier transform|) stretched to the same length. At Kepler's 48 samples a day, 720 days are the published
34,560 samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft
from scipy.signal import savgol_filter

from specviz.errors import SpectrumError

#: The channels, in the published order.
CHANNELS = ("flux", "std", "acf", "fft")
#: Of the publication: samples, samples a day.
OFFICIAL_LENGTH, OFFICIAL_RATE = 34_560, 48
#: Smoothing: samples and order.
WINDOW, ORDER = 13, 1
#: What one unit of the first channel means: parts per thousand below it, logarithmic above it.
SCALE = 1e-3
FluxChannel = Literal["relative", "magnitude", "raw"]


def stitch(quarters: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Quarters joined, each divided by its own median (a Kepler quarter falls on another detector).

    What changes over more than a quarter is lost. Quarters without a finite sample stay NaN.
    """
    parts = []
    for quarter in quarters:
        flux = np.asarray(quarter, np.float64)
        good = np.isfinite(flux)
        middle = np.median(flux[good]) if good.any() else np.nan
        parts.append(flux / middle if np.isfinite(middle) and middle != 0 else np.full(flux.shape, np.nan))
    return np.concatenate(parts) if parts else np.empty(0)


def regular(time: ArrayLike, flux: ArrayLike, cadence_hours: float) -> NDArray[np.float64]:
    """A light curve on even steps: the mean of what was measured within each step, NaN where nothing was.

    Parameters
    ----------
    time : array (m,)
        Days, in any order.
    flux : array (m,)
    cadence_hours : float
        Of the result. Starts at the first time.
    """
    t, f = np.asarray(time, np.float64), np.asarray(flux, np.float64)
    if t.shape != f.shape or t.ndim != 1:
        raise SpectrumError("Time and flux do not match", expected="1-D arrays of equal length")
    good = np.isfinite(t) & np.isfinite(f)
    if good.sum() < 2:
        raise SpectrumError("Fewer than two samples have a time and a flux", expected="a light curve")
    t, f = t[good], f[good]
    # A tenth of a step of slack: Kepler's cadences drift against whole half hours.
    step = np.floor((t - t.min()) * 24.0 / cadence_hours + 0.1).astype(np.int64)
    count, total = np.bincount(step), np.bincount(step, weights=f)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def bridged(flux: ArrayLike) -> NDArray[np.float64]:
    """Gaps (NaN) filled by straight lines, ends held; rows without a finite sample become zero; (n, L) or (L,)."""
    rows = np.array(np.atleast_2d(np.asarray(flux, np.float64)))
    at = np.arange(rows.shape[1])
    for row in rows:
        good = np.isfinite(row)
        if not good.any():
            row[:] = 0.0
        elif not good.all():
            row[~good] = np.interp(at[~good], at[good], row[good])
    return rows if np.ndim(flux) == 2 else rows[0]


def cropped(flux: ArrayLike, length: int, start: int | ArrayLike = 0) -> NDArray[np.float64]:
    """``length`` samples from ``start`` (one number, or one a row); short curves are continued with their last sample.

    Random starts give the two views of a star that the encoder is trained on.
    """
    rows = np.atleast_2d(np.asarray(flux, np.float64))
    first = np.broadcast_to(np.asarray(start, np.int64), (len(rows),))
    columns = np.minimum(first[:, None].clip(0) + np.arange(length), rows.shape[1] - 1)
    out = np.take_along_axis(rows, columns, axis=1)
    return out if np.ndim(flux) == 2 else out[0]


def zscore(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows less their mean over their standard deviation; a constant row becomes zero."""
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = centred.std(axis=-1, keepdims=True)
    flat = spread <= 1e-12 * (np.abs(x).max(axis=-1, keepdims=True) + 1e-300)
    return np.asarray(np.where(flat, 0.0, centred / np.where(flat, 1.0, spread)))


def autocorrelation(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Autocorrelation of rows at lags 0 to L - 1, 1 at lag 0 (biased: sums over what overlaps)."""
    length = x.shape[-1]
    size = fft.next_fast_len(2 * length, real=True)
    spectrum = fft.rfft(zscore(x), n=size)
    out = fft.irfft(spectrum.real**2 + spectrum.imag**2, n=size)[..., :length]
    return np.asarray(out / np.maximum(out[..., :1], 1e-300))


def log_spectrum(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """ln(1 + |Fourier transform|) of rows, frequencies from 0 to Nyquist's stretched linearly over L samples."""
    size = np.abs(fft.rfft(x))
    length, n = x.shape[-1], size.shape[-1]
    place = np.linspace(0.0, n - 1.0, length)
    left = np.minimum(place.astype(np.int64), n - 2)
    t = place - left
    log = np.log1p(size)
    return np.asarray(log[..., left] * (1.0 - t) + log[..., left + 1] * t)


def light_curve_views(
    flux: ArrayLike,
    cadence_hours: float = 0.5,
    *,
    length: int | None = None,
    start: int | ArrayLike = 0,
    smooth_hours: float | None = None,
    magnitude: ArrayLike | None = None,
    compat: bool = False,
) -> NDArray[np.float32]:
    """The four channels of light curves.

    Parameters
    ----------
    flux : array (n, L) or (L,)
        Flux at even steps, any unit with a median above zero (e-/s, or relative); NaN in gaps.
    cadence_hours : float
        Of ``flux``.
    length : int, optional
        Samples wanted; all by default. 34,560 at 0.5 h as published.
    start : int or array (n,)
        Where the crop begins.
    smooth_hours : float, optional
        Length of the smoothing; the published 13 samples (6.5 h) at any cadence of half an hour. By default as long in
        time, at least three samples; at a cadence of 4 h or more nothing is smoothed.
    magnitude : array (n,), optional
        Absolute magnitudes K: the first channel is then flux / 2^-K / median, as the publication's figure says. They
        tell the model the luminosity of the very star it is asked about.
    compat : bool
        As the published code does: the first channel stays raw flux, because its scheme "mag_median" was never
        written, the Fourier transform is that of the raw flux, and 13 samples are smoothed at any cadence.

    Returns
    -------
    array (n, 4, length), float32
        [flux, std, acf, fft]. By default the first is asinh((flux / median - 1) / 0.001): parts per thousand where
        small, logarithmic where large, so that the amplitude, which a z-score forgets, is kept.
    """
    rows = bridged(np.atleast_2d(np.asarray(flux, np.float64)))
    if rows.shape[1] < 2:
        raise SpectrumError(f"A light curve of {rows.shape[1]} samples", expected="two or more")
    if length is not None:
        rows = cropped(rows, length, start)
    raw = smoothed(rows, WINDOW if compat else window_of(cadence_hours, smooth_hours))
    std = zscore(raw)
    acf = zscore(autocorrelation(raw))
    spectrum = log_spectrum(raw if compat else std)
    if compat:
        first = raw
    else:
        middle = np.median(raw, axis=1, keepdims=True)
        relative = raw / np.where(middle == 0.0, 1.0, middle)
        if magnitude is None:
            first = np.arcsinh((relative - 1.0) / SCALE) * (middle != 0.0)
        else:
            k = np.broadcast_to(np.asarray(magnitude, np.float64), (len(rows),))
            first = relative * 2.0 ** k[:, None]
    return np.stack([first, std, acf, spectrum], axis=1).astype(np.float32)


def window_of(cadence_hours: float, smooth_hours: float | None = None) -> int:
    """Samples (odd) of the smoothing that is 6.5 h long; 1 (none) where the cadence is too slow."""
    hours = WINDOW * 0.5 if smooth_hours is None else smooth_hours
    samples = int(hours / cadence_hours + 1e-9)
    return max(samples - (samples + 1) % 2, 1)


def smoothed(rows: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Savitzky-Golay of order 1; rows shorter than the window, and windows of one sample, stay as they are."""
    if window < 3 or rows.shape[-1] < window:
        return rows
    return np.asarray(savgol_filter(rows, window, ORDER, axis=-1))
