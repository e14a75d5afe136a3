"""What Kepler adds to a star's flux: photon and readout noise, slow residuals, gaps, quarters, outliers.

Noise: sigma = sqrt(c + 9.5e5 (14 / Kp)^5) / c per minute with c = 1.28e7 x 10^(0.4 (12 - Kp)) electrons (Gilliland et
al. 2010, PASP 122, 131), 30 of which make a long cadence: 54 ppm at Kp = 12. Gaia's G stands for Kp (they agree to some
0.1 mag for FGK stars).

Limits: what the pipeline's detrending leaves is a Gaussian process of about two weeks, and a decay after each pause;
crowding, rolling bands and argabrightenings are left out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from specviz.simulate.light_curves.convection import coloured

Array = NDArray[np.float64]
#: Days of a quarter, of a month between two downlinks, and of the pause that a downlink costs.
QUARTER, MONTH, PAUSE = 93.3, 31.1, 0.9
#: Hours of a long cadence, and minutes of exposure in one short one.
CADENCE_HOURS, SHORT_PER_LONG = 0.4904, 30.0
#: Real stars are noisier than the formula, by this factor and scatter (ln): 0.9 to 1.5 in four files of three stars.
EXTRA_NOISE = (1.15, 0.20)
#: Share of single samples lost, of outliers (cosmic rays), and median size (ppm) of the slow residuals.
LOST, OUTLIERS, RESIDUAL_PPM = 0.01, 0.0007, 60.0


def photon_noise(kp: ArrayLike, cadence_hours: float = CADENCE_HOURS) -> Array:
    """Relative standard deviation of a sample at Kepler magnitudes ``kp``, a mean over ``cadence_hours``."""
    kp = np.asarray(kp, np.float64)
    electrons = 1.28e7 * 10.0 ** (0.4 * (12.0 - kp))
    per_minute = np.sqrt(electrons + 9.5e5 * (14.0 / kp) ** 5) / electrons
    return np.asarray(per_minute / np.sqrt(SHORT_PER_LONG * cadence_hours / CADENCE_HOURS))


def observe(
    rng: np.random.Generator, flux: ArrayLike, time: Array, kp: Array, cadence_hours: float
) -> NDArray[np.float32]:
    """Light curves as they come from the archive, stitched.

    Parameters
    ----------
    rng : numpy.random.Generator
    flux : array (n, L)
        True relative flux.
    time : array (L,)
        Days, at even steps of ``cadence_hours``.
    kp : array (n,)

    Returns
    -------
    array (n, L), float32
        NaN in gaps; each quarter divided by its own median, so that what changes more slowly is lost, as in reality.
    """
    out = np.array(flux, np.float32)
    n, samples = out.shape
    worse, spread = EXTRA_NOISE
    sigma = (photon_noise(kp, cadence_hours) * worse * np.exp(spread * rng.standard_normal(n))).astype(np.float32)
    out += rng.standard_normal((n, samples), dtype=np.float32) * sigma[:, None]
    out += _slow_residuals(rng, n, samples, cadence_hours / 24.0)
    begin = np.asarray(rng.uniform(0.0, QUARTER, n), np.float64)  # where in the mission's calendar the stretch begins
    for i in range(n):
        row: NDArray[np.float32] = out[i]
        day: Array = np.asarray(time - time[0], np.float64) + begin[i]
        since = day % MONTH
        # Warming up after a pause: focus changes over a day or two.
        month = (day // MONTH).astype(int)
        warm = 1e-6 * RESIDUAL_PPM * 2.0 * rng.standard_normal(int(month[-1]) + 1)
        row += (warm[month] * np.exp(-since / 1.2)).astype(np.float32)
        quarter = (day // QUARTER).astype(int)
        row *= np.exp(0.02 * rng.standard_normal(int(quarter[-1]) + 1))[quarter].astype(np.float32)
        hit = np.flatnonzero(rng.random(samples) < OUTLIERS)
        row[hit] += (sigma[i] * (3.0 + rng.exponential(6.0, hit.size))).astype(np.float32)
        gone = (since < PAUSE * rng.uniform(0.8, 1.3)) | (rng.random(samples) < LOST)
        if rng.random() < 0.15:  # a safe mode
            start = rng.uniform(day[0], day[-1])
            gone |= (day > start) & (day < start + rng.uniform(1.0, 5.0))
        if gone.all():
            gone[:] = False
        row[gone] = np.nan
        for k in np.unique(quarter):
            here = quarter == k
            middle = np.nanmedian(row[here]) if np.isfinite(row[here]).any() else np.nan
            row[here] = row[here] / middle if middle > 0 else np.nan
    return out


def _slow_residuals(rng: np.random.Generator, n: int, samples: int, step_days: float) -> NDArray[np.float32]:
    """What detrending leaves, correlated over some two weeks; log-normal sizes."""
    size = fft.next_fast_len(2 * samples, real=True)
    cycles = fft.rfftfreq(size, step_days)
    knee = 1.0 / 25.0
    density = 1.0 / (1.0 + (cycles / knee) ** 4)
    density[0] = 0.0
    rms = 1e-6 * RESIDUAL_PPM * np.exp(0.6 * rng.standard_normal(n))
    amplitude = np.sqrt(density / density.sum())[None, :] * rms[:, None]
    return coloured(rng, amplitude, size)[:, :samples]
