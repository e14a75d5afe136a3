"""Statistics of an evaluation on plain arrays: errors, coverage, calibration, pairs of visits, ranks, ROC curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
#: Mass of the central intervals that are called 68 and 95 %: one and two sigma.
ONE_SIGMA, TWO_SIGMA = 0.6827, 0.9545


@dataclass(frozen=True, eq=False)
class LabelScores:
    """Errors of posterior medians and coverage of central intervals, a label: every array is (k,).

    ``mae`` mean and ``typical`` median absolute error, ``bias`` median of (posterior median - truth); ``cover68`` and
    ``cover95`` fractions of the stars.
    """

    n: int
    mae: Array
    typical: Array
    bias: Array
    cover68: Array
    cover95: Array


def label_scores(samples: NDArray[Any], truth: NDArray[Any]) -> LabelScores:
    """Scores of posterior ``samples`` (n, S, k) against ``truth`` (n, k)."""
    median = np.median(samples, axis=1)
    error = median - truth
    return LabelScores(
        n=len(truth),
        mae=np.abs(error).mean(axis=0),
        typical=np.median(np.abs(error), axis=0),
        bias=np.median(error, axis=0),
        cover68=covered(samples, truth, ONE_SIGMA).mean(axis=0),
        cover95=covered(samples, truth, TWO_SIGMA).mean(axis=0),
    )


def robust_sigma(values: ArrayLike) -> float:
    """1.4826 times the median absolute deviation from the median; NaN of nothing."""
    array = np.asarray(values, np.float64)
    return float(1.4826 * np.median(np.abs(array - np.median(array)))) if array.size else float("nan")


def covered(samples: NDArray[Any], truth: NDArray[Any], level: float) -> NDArray[np.bool_]:
    """Whether each truth (n, k) lies in the central ``level`` interval of its samples (n, S, k)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=1)
    return np.asarray((truth >= low) & (truth <= high))


def half_widths(samples: NDArray[Any]) -> Array:
    """Half of the central 68 % interval of samples (n, S, k), (n, k): a sigma that long tails do not move."""
    low, high = np.quantile(samples, [(1 - ONE_SIGMA) / 2, (1 + ONE_SIGMA) / 2], axis=1)
    return np.asarray(0.5 * (high - low))


def ranks(samples: NDArray[Any], truth: NDArray[Any]) -> Array:
    """Where each truth (n, k) falls among its samples (n, S, k), as a fraction in (0, 1).

    Uniform where posteriors are calibrated (simulation-based calibration: Talts et al. 2018, arXiv:1804.06788).
    """
    below = (samples < truth[:, None]).sum(axis=1)
    equal = (samples == truth[:, None]).sum(axis=1)
    return np.asarray((below + 0.5 * equal + 0.5) / (samples.shape[1] + 1))


@dataclass(frozen=True)
class Uniformity:
    """How uniform ranks are: chi2 of a histogram and the Kolmogorov-Smirnov distance, with the p value of each."""

    chi2: float
    degrees: int
    chi2_p: float
    ks: float
    ks_p: float


def uniformity(fractions: ArrayLike, bins: int = 20) -> Uniformity:
    """Tests of fractions in (0, 1) against the uniform distribution."""
    from scipy import stats

    x = np.asarray(fractions, np.float64)
    counts = np.histogram(x, bins, (0.0, 1.0))[0]
    expected = x.size / bins
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    ks = stats.kstest(x, "uniform")
    return Uniformity(chi2, bins - 1, float(stats.chi2.sf(chi2, bins - 1)), float(ks.statistic), float(ks.pvalue))


def pair_chi2(value: NDArray[Any], sigma: NDArray[Any], pairs: NDArray[np.int64]) -> Array:
    """(difference)^2 / (sum of the two variances) of the visits ``pairs`` (p, 2); (p, ...)."""
    first, second = pairs.T
    return np.asarray((value[first] - value[second]) ** 2 / (sigma[first] ** 2 + sigma[second] ** 2))


def pairs_within(ra: ArrayLike, dec: ArrayLike, radius: float = 3.0) -> NDArray[np.int64]:
    """All pairs (p, 2) of positions (degrees) closer than ``radius`` arcsec."""
    from scipy.spatial import cKDTree

    alpha, delta = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    xyz = np.stack([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], axis=1)
    found = cKDTree(xyz).query_pairs(2 * np.sin(np.radians(radius / 3600) / 2), output_type="ndarray")
    pairs = np.sort(np.asarray(found.reshape(-1, 2), np.int64), axis=1)
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def auc(odd: ArrayLike, usual: ArrayLike) -> float:
    """Area under the ROC curve: the chance that an odd one scores higher than a usual one (ties count half)."""
    odd, usual = np.asarray(odd, float), np.sort(np.asarray(usual, float))
    below, upto = np.searchsorted(usual, odd, "left"), np.searchsorted(usual, odd, "right")
    return float(np.mean(0.5 * (below + upto)) / usual.size)


def roc(odd: ArrayLike, usual: ArrayLike) -> tuple[Array, Array]:
    """False and true positive rates at every threshold, from (0, 0) to (1, 1)."""
    odd, usual = np.sort(np.asarray(odd, float)), np.sort(np.asarray(usual, float))
    at = np.concatenate([[np.inf], np.unique(np.concatenate([odd, usual]))[::-1]])
    true = 1 - np.searchsorted(odd, at, "left") / odd.size
    false = 1 - np.searchsorted(usual, at, "left") / usual.size
    return np.asarray(false), np.asarray(true)


@dataclass(frozen=True)
class Retrieval:
    """Finding each star's own spectrum of the other survey among n: fractions at rank 1 and 10, and the median rank."""

    n: int
    top1: float
    top10: float
    median: float

    def __str__(self) -> str:
        return (
            f"top-1 {100 * self.top1:5.1f} %, top-10 {100 * self.top10:5.1f} %, median rank {self.median:6.0f} "
            f"among {self.n}"
        )


def retrieval(queries: NDArray[Any], candidates: NDArray[Any], *, cosine: bool) -> Retrieval:
    """How near candidate i comes to query i, compared with the other candidates.

    By the cosine of the angle, or by Euclidean distance. A candidate as near as the right one stands before it in half
    of the cases: with t ties and b nearer ones, the right one has each of the ranks b + 1 ... b + 1 + t equally often.
    """
    a, b = np.asarray(queries, np.float64), np.asarray(candidates, np.float64)
    if cosine:
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    n = len(a)
    before, ties = np.empty(n), np.empty(n)
    for start in range(0, n, 512):  # a block at a time: n x n distances of 5,000 stars would take 200 MB
        part = slice(start, min(start + 512, n))
        near = a[part] @ b.T if cosine else -(((a[part, None] - b[None]) ** 2).sum(axis=2))
        own = near[np.arange(near.shape[0]), np.arange(part.start, part.stop)][:, None]
        before[part] = (near > own).sum(axis=1)
        ties[part] = (near == own).sum(axis=1) - 1
    within = [np.clip(k - before, 0, ties + 1) / (ties + 1) for k in (1, 10)]
    return Retrieval(n, float(within[0].mean()), float(within[1].mean()), float(np.median(before + 1 + 0.5 * ties)))


@dataclass(frozen=True)
class BandScores:
    """Predicted spectra against clean ones: median relative error, and the share of pixels within one and two sigma."""

    error: float
    one: float
    two: float


def band_scores(flux: NDArray[Any], sigma: NDArray[Any], clean: NDArray[Any]) -> BandScores:
    """Scores of predictions (n, L); the error is relative to the flux, but to at least 0.02 of the reference flux."""
    error = np.abs(flux - clean)
    return BandScores(
        float(np.median(error / np.abs(clean).clip(0.02))),
        float(np.mean(error < sigma)),
        float(np.mean(error < 2 * sigma)),
    )


def line_through(x: ArrayLike, y: ArrayLike) -> tuple[float, float, float]:
    """Slope, offset at x = 0 and correlation of a least-squares line."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    slope, offset = np.polyfit(x, y, 1)
    return float(slope), float(offset), float(np.corrcoef(x, y)[0, 1])
