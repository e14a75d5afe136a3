"""Light curves made fit for measuring: bad cadences out, flux relative to its median; and how much a star varies.

What is measured of the result: :mod:`specviz.analysis.rotation` (period), :mod:`specviz.analysis.oscillations` (power
spectrum, frequency of maximum power), :mod:`specviz.analysis.eclipses`; all of it by
:func:`specviz.analysis.measured_curve.measure_curve`. Quarters are joined by :func:`specviz.spectra.stitch.stitch`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from specviz.errors import SpectrumError
from specviz.spectra.star import LightCurve
from specviz.spectra.stitch import level

Array = NDArray[np.float64]
#: Cadences that the missions call unusable: attitude tweak, safe mode, coarse point, Earth point, desaturation, manual
#: exclusion, and for Kepler also detector anomaly, no data, thrusters firing, for TESS straylight (Kepler Archive
#: Manual, table 2-3; TESS Archive Manual). Cosmic rays were corrected by the pipelines and stay.
KEPLER_BAD = 1 | 2 | 4 | 8 | 32 | 256 | 16384 | 65536 | 1 << 20
TESS_BAD = 1 | 2 | 4 | 8 | 32 | 128 | 4096 | 16384
#: A single point this many deviations off its neighbours, which agree with each other, is taken out.
SPIKE = 5.0
HALF_HOUR = 0.5 / 24.0  # d; slower signals are measured in bins of this
#: Shortest light curve worth a measurement: points, and days.
LEAST_POINTS, LEAST_DAYS = 60, 1.0


@dataclass(frozen=True, eq=False)
class CleanCurve:
    """A light curve without bad cadences.

    Parameters
    ----------
    time : array, shape (N,)
        Days since ``start``, ascending.
    flux : array, shape (N,)
        Relative to the median: 1 is the median.
    start : float
        Days, in ``time_system``.
    cadence : float
        Days between two points, the median.
    removed : int
        Cadences taken out: flagged by the mission, not finite, or single spikes.
    """

    time: Array
    flux: Array
    start: float
    cadence: float
    removed: int = 0
    time_system: str = "BJD_TDB"

    @property
    def span(self) -> float:
        """Days from the first to the last point."""
        return float(self.time[-1] - self.time[0])

    def binned(self, width: float = HALF_HOUR) -> CleanCurve:
        """Mean flux in bins of ``width`` days that hold any point; itself where the cadence is not shorter."""
        if self.cadence > 0.75 * width:
            return self
        at = np.floor((self.time - self.time[0]) / width).astype(np.int64)
        _, which, count = np.unique(at, return_inverse=True, return_counts=True)
        time, flux = (np.bincount(which, values) / count for values in (self.time, self.flux))
        return CleanCurve(time, flux, self.start, width, self.removed, self.time_system)

    def even(self) -> tuple[Array, NDArray[np.bool_]]:
        """Flux at even times, one ``cadence`` apart from the first, and where there is any; the rest is 1."""
        at = np.rint((self.time - self.time[0]) / self.cadence).astype(np.int64)
        flux, there = np.ones(int(at[-1]) + 1), np.zeros(int(at[-1]) + 1, bool)
        flux[at], there[at] = self.flux, True
        return flux, there


@dataclass(frozen=True)
class Variability:
    """How much the flux varies, in parts per million.

    Parameters
    ----------
    range : float
        Between the 5th and the 95th percentile of the flux in bins of half an hour (R_var of Basri et al. 2010).
    scatter : float
        Standard deviation of the same (S_ph of Garcia et al. 2014 where the rotation is short against the curve).
    noise : float
        Standard deviation from one cadence to the next, without what is slower.
    """

    range: float
    scatter: float
    noise: float


def clean(curve: LightCurve) -> CleanCurve:
    """Take out what the mission flagged, what is not finite and single spikes; divide by the median.

    Raises
    ------
    SpectrumError
        If too little is left to measure anything.
    """
    bad = ~(np.isfinite(curve.time) & np.isfinite(curve.flux))
    if curve.quality is not None:
        flags = TESS_BAD if curve.meta.get("sector") is not None else KEPLER_BAD
        bad |= (np.asarray(curve.quality, np.int64) & flags) != 0
    time, flux = curve.time[~bad], curve.flux[~bad]
    time, first = np.unique(time, return_index=True)
    flux = flux[first]
    if time.size >= LEAST_POINTS:
        flux = flux / level(flux)
        keep = ~_spikes(flux)
        time, flux = time[keep], flux[keep]
    if time.size < LEAST_POINTS or time[-1] - time[0] < LEAST_DAYS:
        days = time[-1] - time[0] if time.size else 0.0
        raise SpectrumError(
            f"The light curve has {time.size} usable points in {days:.2g} d",
            expected=f"at least {LEAST_POINTS} points in {LEAST_DAYS:g} d",
        )
    start = float(time[0])
    cadence = float(np.median(np.diff(time)))
    return CleanCurve(time - start, flux, start, cadence, len(curve) - time.size, curve.time_system)


def variability(curve: CleanCurve) -> Variability:
    """Range, scatter and noise of a curve."""
    slow = curve.binned().flux
    low, high = np.percentile(slow, (5, 95))
    # The difference to the mean of the two neighbours has 1.5 times the variance of the noise.
    steps = curve.flux[1:-1] - 0.5 * (curve.flux[:-2] + curve.flux[2:])
    together = np.abs(np.diff(curve.time) - curve.cadence) < 0.5 * curve.cadence
    steps = steps[together[:-1] & together[1:]]
    noise = _deviation(steps) / np.sqrt(1.5) if steps.size else float("nan")
    return Variability(1e6 * float(high - low), 1e6 * float(slow.std()), 1e6 * float(noise))


def flattened(curve: CleanCurve, window: float = 1.0) -> Array:
    """Flux divided by its running median over ``window`` days: what is slower is gone, an eclipse of hours stays.

    The median is taken twice, the second time of what the first left (Tukey's twicing): a running median alone cuts the
    crests of a spotted star's wave, and what it leaves there looks like an eclipse every half rotation.
    """
    n = max(round(window / curve.cadence) | 1, 3)
    out: Array = curve.flux.copy()
    for part in _stretches(curve, window):
        size = min(n, (part.stop - part.start) | 1)
        for _ in range(2):
            out[part] /= median_filter(out[part], size=size, mode="nearest")
    return out


def _stretches(curve: CleanCurve, gap: float) -> list[slice]:
    """Runs of points without a gap longer than ``gap`` days."""
    cuts = np.flatnonzero(np.diff(curve.time) > gap) + 1
    edges = [0, *cuts.tolist(), curve.time.size]
    return [slice(a, b) for a, b in pairwise(edges)]


def _deviation(values: Array) -> float:
    """Standard deviation of a normal distribution with this median absolute deviation."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _spikes(flux: Array) -> NDArray[np.bool_]:
    """Single points far off both neighbours, which agree with each other: neither eclipse nor flare of two cadences."""
    out = np.zeros(flux.size, bool)
    middle = 0.5 * (flux[:-2] + flux[2:])
    off, apart = flux[1:-1] - middle, np.abs(flux[:-2] - flux[2:])
    sigma = max(_deviation(off), 1e-12)
    out[1:-1] = (np.abs(off) > SPIKE * sigma) & (apart < 3.0 * sigma)
    return out
