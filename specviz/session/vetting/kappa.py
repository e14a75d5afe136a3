"""Agreement beyond chance: Cohen's kappa of two reviewers, Fleiss' of several, plain and weighted. Pure numbers.

Both are (po - pe) / (1 - pe): po the observed agreement, pe the one that chance alone would give. They differ in what
chance is: for Cohen each reviewer has shares of classes of their own, for Fleiss all draw from the same shares.

References
----------
Cohen 1960, Educational and Psychological Measurement 20, 37 (kappa).
Cohen 1968, Psychological Bulletin 70, 213 (weights).
Fleiss, Cohen & Everitt 1969, Psychological Bulletin 72, 323 (standard error of both).
Fleiss 1971, Psychological Bulletin 76, 378 (several reviewers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import OptionError

Weights = Literal["", "linear", "quadratic"]
_Array = NDArray[np.float64]
#: Chance agreement as near to 1 as this means that one class only was named: kappa is not defined.
_ONE = 1 - 1e-12


@dataclass(frozen=True)
class Kappa:
    """One kappa.

    Parameters
    ----------
    value : float
        At most 1; 0 is chance, below it is worse than chance. NaN where nothing can be said: no star was rated by two,
        or all named one and the same class (chance alone would agree then).
    error : float
        Standard error; NaN where it cannot be had.
    agreement, chance : float
        Observed agreement and that of chance (po and pe), 0 to 1; weighted where kappa is.
    n : int
        Stars that it rests on: those rated by at least two.
    ratings : int
        Ratings of these stars.
    weights : {"", "linear", "quadratic"}
    """

    value: float
    error: float
    agreement: float
    chance: float
    n: int
    ratings: int
    weights: Weights = ""


def weights_of(places: ArrayLike, weights: Weights) -> _Array:
    """How much of an agreement it is when one says category i and the other j: 1 on the diagonal, 0 at the farthest.

    Parameters
    ----------
    places : array of float, shape (k,)
        Where the categories stand on their scale.
    weights : {"", "linear", "quadratic"}
        "" only the same counts; linear 1 - d / dmax; quadratic 1 - (d / dmax)^2, with d the distance (Cohen 1968).

    Returns
    -------
    array of float, shape (k, k)

    Raises
    ------
    OptionError
        No such weights.
    """
    if weights not in ("", "linear", "quadratic"):
        raise OptionError(f"There are no weights {weights!r}", expected='"", "linear" or "quadratic"')
    where = np.asarray(places, np.float64)
    apart = np.abs(where[:, None] - where[None, :])
    if not weights or not apart.size or apart.max() == 0:
        return np.asarray(apart == 0, np.float64) if weights else np.eye(len(where))
    return np.asarray(1 - (apart / apart.max()) ** (2 if weights == "quadratic" else 1))


def cohen(table: ArrayLike, weights: Weights = "", places: ArrayLike | None = None) -> Kappa:
    """Cohen's kappa of two reviewers.

    Parameters
    ----------
    table : array of int, shape (k, k)
        Stars that the first put into category i and the second into j.
    weights : {"", "linear", "quadratic"}
    places : array of float, shape (k,), optional
        Where the categories stand, for the weights; by default 0, 1, 2 ...

    Returns
    -------
    Kappa
        The error is that of Fleiss, Cohen & Everitt 1969 for large n: with w the weights, p the shares of the table,
        wi and wj the weights' means over the other's shares, var = (sum p (w - (wi + wj)(1 - kappa))^2 -
        (kappa - pe (1 - kappa))^2) / (n (1 - pe)^2).
    """
    counts = np.asarray(table, np.float64)
    k, total = len(counts), float(counts.sum())
    if total == 0:
        return Kappa(np.nan, np.nan, np.nan, np.nan, 0, 0, weights)
    w = weights_of(np.arange(k) if places is None else places, weights)
    p = counts / total
    first, second = p.sum(axis=1), p.sum(axis=0)
    agreement, chance = float((w * p).sum()), float(first @ w @ second)
    if chance > _ONE:
        return Kappa(np.nan, np.nan, agreement, chance, int(total), 2 * int(total), weights)
    value = (agreement - chance) / (1 - chance)
    spread = w - ((w @ second)[:, None] + (w.T @ first)[None, :]) * (1 - value)
    variance = (float((p * spread**2).sum()) - (value - chance * (1 - value)) ** 2) / (total * (1 - chance) ** 2)
    return Kappa(
        value, float(np.sqrt(max(variance, 0.0))), agreement, chance, int(total), 2 * int(total), weights
    )  # fmt: skip


def fleiss(counts: ArrayLike, weights: Weights = "", places: ArrayLike | None = None) -> Kappa:
    """Fleiss' kappa of several reviewers, of whom not everyone need have rated every star.

    Parameters
    ----------
    counts : array of int, shape (n, k)
        How many reviewers put star i into category j. Stars with fewer than two ratings say nothing and are left out.
    weights : {"", "linear", "quadratic"}
        As of :func:`cohen`; "" is Fleiss 1971.
    places : array of float, shape (k,), optional

    Returns
    -------
    Kappa
        po is the mean over the stars of the agreement among the pairs of their own ratings, each star counting once;
        pe is from the shares of the categories among all these ratings. Where all stars have equally many ratings that
        is Fleiss 1971, eqs. 2 to 7, exactly. The error is that of the jackknife over stars, which needs neither equally
        many ratings nor a hypothesis about kappa.
    """
    every = np.asarray(counts, np.float64)
    used = every[every.sum(axis=1) >= 2]
    n, ratings = len(used), int(used.sum())
    if n == 0:
        return Kappa(np.nan, np.nan, np.nan, np.nan, 0, 0, weights)
    w = weights_of(np.arange(used.shape[1]) if places is None else places, weights)
    each = used.sum(axis=1)
    # Of n (n - 1) ordered pairs of a star's ratings; w is 1 on the diagonal, so that the n pairs with itself are n.
    pairs = (np.einsum("ij,jk,ik->i", used, w, used) - each) / (each * (each - 1))
    agreement, chance = float(pairs.mean()), _chance(used.sum(axis=0), w)
    if chance > _ONE:
        return Kappa(np.nan, np.nan, agreement, chance, n, ratings, weights)
    value = (agreement - chance) / (1 - chance)
    return Kappa(value, _jackknife(used, pairs, w), agreement, chance, n, ratings, weights)


def _chance(sums: _Array, w: _Array) -> Any:
    shares = sums / sums.sum(axis=-1, keepdims=True)
    return np.einsum("...j,jk,...k->...", shares, w, shares)


def _jackknife(used: _Array, pairs: _Array, w: _Array) -> float:
    """Standard error of Fleiss' kappa: every star left out once (Efron & Tibshirani 1993, eq. 11.5)."""
    n = len(used)
    if n < 3:
        return float("nan")
    agreement = (pairs.sum() - pairs) / (n - 1)
    chance = _chance(used.sum(axis=0) - used, w)
    if np.any(chance > _ONE):
        return float("nan")
    values = (agreement - chance) / (1 - chance)
    return float(np.sqrt((n - 1) / n * np.sum((values - values.mean()) ** 2)))
