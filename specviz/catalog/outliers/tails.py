"""How rare a value is among reference stars: counted where there are many, extrapolated beyond them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Quantiles that are kept of a reference: even steps, closer in the tail that matters.
LEVELS: NDArray[np.float64] = np.unique(
    np.concatenate(
        [np.arange(0.0, 0.96, 0.025), np.arange(0.95, 0.99, 0.0025), 1.0 - np.geomspace(0.01, 0.0005, 12), [1.0]]
    )
)
#: Above this quantile the tail is extrapolated; its steepness is measured from the second on (robust: up to 5 % of the
#: reference may be what is looked for).
_TAIL, _FROM = 0.95, 0.84
#: Steepness is bounded: a tail of so many decades a factor e, at least and at most.
_LEAST, _MOST = 0.05, 1.0
#: Fewer reference stars than this know nothing of a tail.
ENOUGH = 50


@dataclass(frozen=True, eq=False)
class Tail:
    """One quantity among reference stars, larger = odder.

    Parameters
    ----------
    quantiles : array, shape (len(LEVELS),)
        At :data:`LEVELS`.
    n : int
        Reference stars that they were taken of.

    Notes
    -----
    Beyond the 95th percentile ``p(x) = 0.05 [(1 + z) / (1 + z_95)]^(-1/s)`` with
    ``z = (x - median) / (q_84 - median)``: a Pareto tail, which a few heavy outliers of ordinary stars do not fool as
    an exponential would. ``s`` is measured between the 84th and the 95th percentile, so that anomalies among the
    reference stars, if there are some, do not flatten it.
    """

    quantiles: NDArray[np.float64]
    n: int
    _middle: float = field(init=False, repr=False)
    _width: float = field(init=False, repr=False)
    _start: float = field(init=False, repr=False)
    _steep: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        q = np.maximum.accumulate(np.asarray(self.quantiles, np.float64))
        middle, upper, at95 = (float(np.interp(level, LEVELS, q)) for level in (0.5, _FROM, _TAIL))
        width = max(upper - middle, 1e-3 * abs(middle), 1e-12)
        start = math.log1p((at95 - middle) / width)
        steep = (start - math.log(2.0)) / math.log((1.0 - _FROM) / (1.0 - _TAIL))
        for name, value in (("quantiles", q), ("_middle", middle), ("_width", width), ("_start", start)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_steep", min(max(steep, _LEAST), _MOST))

    @classmethod
    def of(cls, values: ArrayLike) -> Tail | None:
        """Of the reference stars' values; None where fewer than :data:`ENOUGH` are finite."""
        array = np.asarray(values, np.float64).ravel()
        array = array[np.isfinite(array)]
        return cls(np.quantile(array, LEVELS), int(array.size)) if array.size >= ENOUGH else None

    def p(self, x: float) -> float:
        """Tail probability of ``x``, extrapolated beyond the reference; NaN for NaN."""
        return float(self.many(np.array([x]))[0])

    def many(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        """:meth:`p` of each of ``x`` (m,)."""
        x = np.asarray(x, np.float64)
        counted = 1.0 - np.interp(x, self.quantiles, LEVELS)
        z = np.log1p(np.maximum((x - self._middle) / self._width, 0.0))
        beyond = (1.0 - _TAIL) * np.exp(-np.maximum(z - self._start, 0.0) / self._steep)
        out = np.where(counted > 1.0 - _TAIL, counted, np.minimum(beyond, 1.0 - _TAIL))
        return np.asarray(np.where(np.isfinite(x), out, np.nan))

    def rarity(self, x: float) -> float:
        """Fraction of reference stars at least as odd, not below ``1 / (n + 1)``; NaN for NaN."""
        if not math.isfinite(x):
            return float("nan")
        q = self.quantiles
        below = float(np.interp(x, q, LEVELS)) if x <= q[-1] else 1.0
        return max(1.0 - below, 1.0 / (self.n + 1))


def harmonic(p: Iterable[float]) -> float:
    """Harmonic mean of tail probabilities; NaN ones do not count, and none at all gives NaN.

    The smallest leads and is corrected for how many were looked at (``m p_min``), several small ones add up, and it
    holds for quantities that depend on each other (Wilson 2019, PNAS 116, 1195). A quantity that is absent changes
    nothing on average.
    """
    known = [value for value in p if math.isfinite(value)]
    return len(known) / sum(1.0 / max(value, 1e-300) for value in known) if known else float("nan")
