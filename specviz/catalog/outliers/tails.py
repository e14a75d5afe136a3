"""How rare a value is among reference stars: counted where there are many, extrapolated beyond them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: Quantiles that are kept of a reference: even steps, closer in the tail that matters.
LEVELS: Array = np.unique(
    np.concatenate(
        [np.arange(0.0, 0.94, 0.025), np.arange(0.95, 0.99, 0.0025), 1.0 - np.geomspace(0.01, 0.0005, 12), [1.0]]
    )
)
#: Above the last of these quantiles the tail is extrapolated, as steeply as it falls between the first two or the last
#: two, whichever is flatter.
_FROM, _BEND, _TAIL = 0.84, 0.95, 0.99
#: Steepness is bounded: ``ln(1 + z)`` in which the tail falls by a factor e.
_LEAST, _MOST = 0.05, 1.5
#: Fewer reference stars than this know nothing of a tail.
ENOUGH = 50
#: Bins of signal to noise in which median and width are measured: at most so many, of at least so many stars.
_BINS, _IN_BIN = 6, 100
#: Signal to noise beyond which it makes no difference.
_SNR = (0.1, 1e4)
#: Stars of the very same value (nothing found) are at least as odd as each other.
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Tail:
    """One quantity among reference stars, larger = odder.

    Parameters
    ----------
    quantiles : array, shape (len(LEVELS),)
        Of ``z = (x - median) / (q_84 - median)``, at :data:`LEVELS`.
    knots : array, shape (3, k)
        log10 of the signal to noise, and there the median and ``q_84 - median`` of the reference stars: linear between
        the knots, constant beyond. One knot where signal to noise means nothing.
    n : int
        Reference stars that they were taken of.

    Notes
    -----
    Beyond the 99th percentile ``p(z) = 0.01 [(1 + z) / (1 + z_99)]^(-1/s)``: a Pareto tail, which a few heavy outliers
    of ordinary stars do not fool as an exponential would. ``s`` is ``d ln(1 + z) / d ln(1/p)`` between the 84th and the
    95th, or the 95th and the 99th percentile, the larger: some quantities have a bulk and then a few stars in which
    something was found. Anomalies among the reference stars, if there are some, make a tail flatter, not steeper.
    """

    quantiles: Array
    knots: Array
    n: int
    _start: float = field(init=False, repr=False)
    _steep: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        q = np.maximum.accumulate(np.asarray(self.quantiles, np.float64))
        low, bend, start = (math.log1p(max(float(np.interp(level, LEVELS, q)), 0.0)) for level in (_FROM, _BEND, _TAIL))
        steep = max(
            (bend - low) / math.log((1.0 - _FROM) / (1.0 - _BEND)),
            (start - bend) / math.log((1.0 - _BEND) / (1.0 - _TAIL)),
        )
        object.__setattr__(self, "quantiles", q)
        object.__setattr__(self, "_start", start)
        object.__setattr__(self, "_steep", min(max(steep, _LEAST), _MOST))

    @classmethod
    def of(cls, values: ArrayLike, snr: ArrayLike | None = None) -> Tail | None:
        """Of the reference stars' values and signal to noise; None where fewer than :data:`ENOUGH` are finite."""
        x = np.asarray(values, np.float64).ravel()
        s = np.full(x.size, np.nan) if snr is None else np.asarray(snr, np.float64).ravel()
        s, x = s[np.isfinite(x)], x[np.isfinite(x)]
        if x.size < ENOUGH:
            return None
        knots = _knots(x, s)
        return cls(np.quantile(_standardised(x, s, knots), LEVELS), knots, int(x.size))

    def p(self, x: float, snr: float = float("nan")) -> float:
        """Tail probability of ``x``, extrapolated beyond the reference; NaN for NaN."""
        return float(self.many(np.array([x]), np.array([snr]))[0])

    def many(self, x: Array, snr: Array | None = None) -> Array:
        """:meth:`p` of each of ``x`` (m,)."""
        x = np.asarray(x, np.float64)
        z = _standardised(x, np.full(x.shape, np.nan) if snr is None else snr, self.knots)
        counted = 1.0 - np.interp(z - _TIE, self.quantiles, LEVELS)
        beyond = (1.0 - _TAIL) * np.exp(-np.maximum(np.log1p(np.maximum(z, 0.0)) - self._start, 0.0) / self._steep)
        out = np.where(counted > 1.0 - _TAIL, counted, np.minimum(beyond, 1.0 - _TAIL))
        return np.asarray(np.where(np.isfinite(x), out, np.nan))

    def rarity(self, x: float, snr: float = float("nan")) -> float:
        """Fraction of reference stars at least as odd, not below ``1 / (n + 1)``; NaN for NaN."""
        if not math.isfinite(x):
            return float("nan")
        z = float(_standardised(np.array([x]), np.array([snr]), self.knots)[0])
        below = float(np.interp(z - _TIE, self.quantiles, LEVELS)) if z <= self.quantiles[-1] else 1.0
        return max(1.0 - below, 1.0 / (self.n + 1))


def _knots(x: Array, snr: Array) -> Array:
    """Knots (3, k) of :class:`Tail`, k = 1 where the signal to noise of few is known."""
    known = np.isfinite(snr)
    bins = min(_BINS, int(known.sum()) // _IN_BIN)
    if bins < 2 or known.mean() < 0.9:
        return np.array([[0.0], *([v] for v in _middle_and_width(x))])
    log, x = np.log10(np.clip(snr[known], *_SNR)), x[known]
    edges = np.quantile(log, np.linspace(0.0, 1.0, bins + 1))
    found = []
    for low, high in itertools.pairwise(edges):
        inside = (log >= low) & (log <= high)
        found.append((float(np.median(log[inside])), *_middle_and_width(x[inside])))
    return np.array(sorted(found)).T


def _middle_and_width(x: Array) -> tuple[float, float]:
    middle, upper = (float(v) for v in np.quantile(x, (0.5, _FROM)))
    if upper <= middle:  # half of them have one and the same value, such as nothing at all
        upper = max(float(np.quantile(x, 0.99)), middle + 1e-3 * max(abs(middle), 1e-3))
    return middle, upper - middle


def _standardised(x: Array, snr: Array, knots: Array) -> Array:
    """(x - median) / width at each star's signal to noise; at the middle knot where it is not known."""
    at, middle, width = knots
    if at.size == 1:
        return np.asarray((x - middle[0]) / width[0])
    where = np.where(np.isfinite(snr), np.log10(np.clip(snr, *_SNR)), at[at.size // 2])
    return np.asarray((x - np.interp(where, at, middle)) / np.interp(where, at, width))


def harmonic(p: Iterable[float]) -> float:
    """Harmonic mean of tail probabilities; NaN ones do not count, and none at all gives NaN.

    The smallest leads and is corrected for how many were looked at (``m p_min``), several small ones add up, and it
    holds for quantities that depend on each other (Wilson 2019, PNAS 116, 1195). A quantity that is absent changes
    nothing on average.
    """
    known = [value for value in p if math.isfinite(value)]
    return len(known) / sum(1.0 / max(value, 1e-300) for value in known) if known else float("nan")


def minus_log(p: float) -> float:
    """-log10 of a probability; NaN for NaN."""
    return -math.log10(max(p, 1e-300)) if math.isfinite(p) else float("nan")
