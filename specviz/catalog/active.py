"""Active learning: from the labels of some stars to an order in which all of them are looked at. Pure functions.

A logistic regression for each class on the whitened embeddings and the outlier scores. It was chosen by measurement
among k nearest neighbours, support vectors, extremely randomised trees and other whitenings (``docs/active.md``): with
five examples of a class among ten thousand stars a plane is all that can be learned.

No order hides a star: each has a place, and some places in front go to stars that the order would not have brought.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CatalogError, OptionError

#: Labels that it takes to learn anything, and of how many classes; a class that stars are to be like needs so many.
LEAST, LEAST_CLASSES, LEAST_OF_CLASS = 10, 2, 1
#: Directions of the embedding that are kept, and stars that each must be backed by.
DIRECTIONS, STARS_A_DIRECTION = 64, 10
#: Inverse strength of the regression's penalty on whitened directions.
INVERSE_PENALTY = 0.01
#: Weight of an outlier score beside a direction of the embedding, each of unit variance. What is seen in a few pixels
#: (a cosmic ray, an emission line) hardly moves an embedding; weights of 1 lose it among the directions.
SCORE_WEIGHT = 3.0
#: Every so many places of an order one is drawn at random, and one is the oddest that is left.
BY_CHANCE, BY_ODDITY = 20, 10
#: Uncertain stars among which those that are put first are chosen to be unlike each other, and how many are.
_POOL, _DIVERSE = 400, 40
_EXTRA = "pip install 'jupyter-specviz[vet]'"

Floats = NDArray[np.float64]
Step = Callable[[str, float], None]
#: (values (m, F), of the class? (m,), values of all (n, F)) -> how much of the class each is (n,).
Learner = Callable[[Floats, NDArray[np.bool_], Floats], Floats]


@dataclass(frozen=True, eq=False)
class Features:
    """What stars are compared by: ``values`` (n, F), and for which stars they are ``known`` (n,)."""

    values: Floats
    known: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.known)


def features(embeddings: Sequence[ArrayLike] | NDArray[Any], scores: Sequence[ArrayLike] = ()) -> Features:
    """Embeddings, whitened, and outlier scores, made normal deviates by their ranks and then :data:`SCORE_WEIGHT` as
    large.

    Parameters
    ----------
    embeddings : array, shape (n, D), or a sequence of them
        One for each survey; NaN where a star has none. A star without any is not known.
    scores : sequence of array, shape (n,)
        NaN where unknown (counts as usual).

    Raises
    ------
    CatalogError
        The arrays are not of one length.
    """
    blocks = [np.asarray(embeddings)] if isinstance(embeddings, np.ndarray) else [np.asarray(e) for e in embeddings]
    if any(b.ndim != 2 for b in blocks) or len({len(b) for b in (*blocks, *map(np.asarray, scores))}) != 1:
        raise CatalogError("Embeddings and scores are not of the same stars", expected="arrays (n, D) and (n,)")
    there = [np.isfinite(b).all(axis=1) for b in blocks]
    known = np.logical_or.reduce(there)
    joined = np.hstack([_standard(b, rows) for b, rows in zip(blocks, there, strict=True)])
    columns = [_white(joined, known)]
    columns += [SCORE_WEIGHT * _deviates(np.asarray(s, np.float64), known)[:, None] for s in scores]
    return Features(np.hstack(columns), known)


def rarities(oddities: Sequence[Any]) -> list[Floats]:
    """The scores of some :class:`~specviz.catalog.outliers.oddity.Oddity` as :func:`features` takes them.

    One array (n,) for each name: minus the rarity, since values of a score are of several quantities and its rarity is
    of one kind; NaN where there is none. Scores that no star has are left out.
    """
    said = [{one.name: -float(one.rarity) for one in getattr(oddity, "scores", ())} for oddity in oddities]
    names = sorted({name for each in said for name, value in each.items() if np.isfinite(value)})
    return [np.array([each.get(name, np.nan) for each in said]) for name in names]


def _standard(block: NDArray[Any], rows: NDArray[np.bool_]) -> Floats:
    """Zero mean, unit variance over ``rows``; 0 in the others."""
    out = np.zeros(block.shape, np.float64)
    if rows.any():
        values = block[rows].astype(np.float64)
        out[rows] = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    return out


def _white(joined: Floats, known: NDArray[np.bool_]) -> Floats:
    """The leading principal directions, each of unit variance: rare kinds stand out in those of small variance."""
    count = int(known.sum())
    keep = min(DIRECTIONS, joined.shape[1], max(2, count // STARS_A_DIRECTION))
    if count < 2:
        return np.zeros((len(joined), keep))
    centred = joined - joined[known].mean(axis=0)
    variance, directions = np.linalg.eigh(centred[known].T @ centred[known] / count)
    variance, directions = variance[::-1][:keep], directions[:, ::-1][:, :keep]
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(keep)])  # the same on every machine
    out = centred @ (directions * signs) / np.sqrt(np.maximum(variance, 1e-9 * max(float(variance[0]), 1e-30)))
    out[~known] = 0.0
    return np.asarray(out, np.float64)


def _deviates(score: Floats, known: NDArray[np.bool_]) -> Floats:
    """Normal deviates of the same ranks."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    rows = known & np.isfinite(score)
    out = np.zeros(len(score))
    if rows.any():
        out[rows] = ndtri((rankdata(score[rows]) - 0.5) / rows.sum())
    return out


# ---------------------------------------------------------------------------------------------- what is learned
@dataclass(frozen=True, eq=False)
class Lesson:
    """What was learned of labels.

    Parameters
    ----------
    features : Features
    classes : tuple of str
        Those with :data:`LEAST_OF_CLASS` labels or more, sorted.
    margins : array, shape (n, K)
        Log odds of each class by its regression (classes weighted alike, so 0 is not one in two); NaN where unknown.
    labels : mapping of int to str
        The labels it was taught, by row; rows without an embedding are left out.
    seed : int
    """

    features: Features
    classes: tuple[str, ...]
    margins: Floats
    labels: Mapping[int, str]
    seed: int = 0

    def margin(self, klass: str) -> Floats:
        """Log odds of one class (n,).

        Raises
        ------
        CatalogError
            If there are too few labels of it.
        """
        if klass not in self.classes:
            held = sum(name == klass for name in self.labels.values())
            raise CatalogError(
                f"{held} {'star' if held == 1 else 'stars'} labelled {klass!r}: too few to find more of them",
                expected=f"at least {LEAST_OF_CLASS}, with an embedding",
                remedy="Order by the odd ones, or jump to one that you know, and label it",
            )
        return np.asarray(self.margins[:, self.classes.index(klass)])

    @cached_property
    def shares(self) -> Floats:
        """Probabilities (n, K) that add up to 1, as if the classes were alike frequent; NaN where unknown."""
        raised = np.exp(self.margins - self.margins.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    @property
    def unsure(self) -> Floats:
        """How little the lesson tells of each star (n,): 1 - (largest share - second); NaN where unknown."""
        ordered = np.sort(self.shares, axis=1)
        return np.asarray(1.0 - (ordered[:, -1] - ordered[:, -2]))


def teach(
    known: Features,
    labels: Mapping[int, str],
    *,
    seed: int = 0,
    step: Step | None = None,
    learner: Learner | None = None,
) -> Lesson:
    """Learn classes from the labels of some rows.

    Parameters
    ----------
    known : Features
    labels : mapping of int to str
        Row -> class. Leave out what nobody is sure of.
    seed : int
        Of what follows; the regression itself has none.
    step : callable(text, fraction), optional
        Told how far it is; may raise to stop.
    learner : callable, optional
        Another than :func:`margins_of`, for comparison.

    Raises
    ------
    CatalogError
        There are too few labels to learn from; it says how many are missing. Or scikit-learn is not installed.
    """
    held = {row: name for row, name in sorted(labels.items()) if known.known[row]}
    counts = counted(held)
    classes = tuple(name for name, count in counts.items() if count >= LEAST_OF_CLASS)
    if len(held) < LEAST or len(counts) < LEAST_CLASSES or not classes:
        without = len(labels) - len(held)
        raise CatalogError(
            f"{len(held)} labels of {len(counts)} {'class' if len(counts) == 1 else 'classes'}: "
            "too few to learn from" + (f" ({without} more are of stars without an embedding)" if without else ""),
            expected=f"{LEAST} labels or more, of {LEAST_CLASSES} classes, {LEAST_OF_CLASS} of one of them",
            remedy="Label some more stars first",
        )
    rows = np.array(list(held))
    names = np.array(list(held.values()))
    margins = np.full((len(known), len(classes)), np.nan)
    for column, name in enumerate(classes):
        if step is not None:
            step(f"Learning {name}", column / len(classes))
        margins[:, column] = (learner or margins_of)(known.values[rows], names == name, known.values)
    margins[~known.known] = np.nan
    return Lesson(known, classes, margins, held, seed)


def margins_of(values: Floats, of_class: NDArray[np.bool_], at: Floats) -> Floats:
    """Log odds at ``at`` (m,) of the regression that parts ``of_class`` from the rest of ``values``."""
    try:
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise CatalogError("Learning from labels needs scikit-learn, which is not installed", remedy=_EXTRA) from error
    model = LogisticRegression(C=INVERSE_PENALTY, class_weight="balanced", max_iter=1000)
    return np.asarray(model.fit(values, of_class).decision_function(at), np.float64)


def counted(labels: Mapping[int, str]) -> dict[str, int]:
    """How many labels there are of each class, by name."""
    names = list(labels.values())
    return {name: names.count(name) for name in sorted(set(names))}


# ---------------------------------------------------------------------------------------------- orders
def like(lesson: Lesson, klass: str, *, seen: ArrayLike | None = None, odd: ArrayLike | None = None) -> Floats:
    """Scores (n,) that put the stars first that are most like a class; the larger, the earlier; NaN: unknown.

    Every twentieth place is for a star drawn at random (:func:`drawn`), every tenth for the oddest that is left, should
    the class not be seen in what stars are compared by.

    Parameters
    ----------
    lesson : Lesson
    klass : str
    seen : array of bool, shape (n,), optional
        Finished stars: they take no place in front (they come last, with a place all the same).
    odd : array of float, shape (n,), optional
        How odd each star is, larger = odder.
    """
    return _explored(lesson, lesson.margin(klass), _finished(lesson, seen), odd)


def useful(lesson: Lesson, *, seen: ArrayLike | None = None) -> Floats:
    """Scores (n,) that put the stars first whose label would teach most: those between classes, unlike each other.

    ``seen`` as in :func:`like`. Every twentieth place is for a star drawn at random.
    """
    done = _finished(lesson, seen)
    unsure = lesson.unsure if len(lesson.classes) > 1 else -np.abs(lesson.margins[:, 0])
    value = np.where(done, -np.inf, unsure)
    order = np.argsort(np.where(np.isfinite(value), -value, np.inf), kind="stable")
    order = order[np.isfinite(value[order])]
    first = _unlike(lesson.features.values, order[:_POOL], value)
    ranked = unsure.copy()
    top = np.nanmax(unsure) if np.isfinite(unsure).any() else 0.0
    ranked[first] = top + 1.0 + np.arange(len(first), 0, -1)
    return _explored(lesson, ranked, done)


def _unlike(values: Floats, pool: NDArray[np.intp], worth: Floats) -> NDArray[np.intp]:
    """Rows of ``pool``, each the one of the largest worth times its distance from those taken before it."""
    if not pool.size:
        return pool
    weight = worth[pool] - worth[pool].min() + 0.1
    taken = [int(np.argmax(weight))]
    nearest = np.full(len(pool), np.inf)
    while len(taken) < min(_DIVERSE, len(pool)):
        nearest = np.minimum(nearest, np.linalg.norm(values[pool] - values[pool[taken[-1]]], axis=1))
        nearest[taken] = -1.0
        taken.append(int(np.argmax(weight * nearest)))
    return pool[taken]


def _finished(lesson: Lesson, seen: ArrayLike | None) -> NDArray[np.bool_]:
    done = np.zeros(len(lesson.features), bool) if seen is None else np.array(seen, bool)
    done[list(lesson.labels)] = True
    return done


def _explored(lesson: Lesson, value: Floats, done: NDArray[np.bool_], odd: ArrayLike | None = None) -> Floats:
    """Places (n,), n the first: by ``value``, some by chance and by oddity; NaN where unknown."""
    known = lesson.features.known
    open_ = known & ~done
    queues = [(BY_CHANCE, drawn(len(known), lesson.seed), 0.5)]
    if odd is not None and np.isfinite(odd).any():
        scores = np.asarray(odd, np.float64)
        queues.append((BY_ODDITY, np.argsort(np.where(np.isfinite(scores), -scores, np.inf), kind="stable"), 2.5))
    place = np.full(len(known), np.inf)
    rows = np.flatnonzero(open_)
    left = 1.0 - sum(1.0 / every for every, _, _ in queues)
    place[rows[np.argsort(-value[rows], kind="stable")]] = np.arange(len(rows)) / left
    for every, order, before in queues:
        rows = order[open_[order]]
        place[rows] = np.minimum(place[rows], every * (1.0 + np.arange(len(rows))) - before)
    order = np.argsort(np.where(known & done, np.finfo(float).max, place), kind="stable")[: int(known.sum())]
    out = np.full(len(known), np.nan)
    out[order] = np.arange(len(known), len(known) - len(order), -1)
    return out


def drawn(n: int, seed: int = 0) -> NDArray[np.intp]:
    """All ``n`` rows in an order drawn at random, always the same: as far as it is finished, it is a fair sample."""
    return np.random.default_rng([seed, n]).permutation(n)


def audited(n: int, labels: Mapping[int, str], finished: ArrayLike, seed: int = 0) -> list[str]:
    """Classes of the fair sample: of :func:`drawn`, all before the first unfinished star ("" where none was given).

    How far it reaches depends a little on which stars were brought by other orders; not which star stands where.
    """
    done = np.asarray(finished, bool)
    out = []
    for row in drawn(n, seed):
        if not done[row]:
            break
        out.append(labels.get(int(row), ""))
    return out


def check_order(by: str, klass: str) -> None:
    """Raise OptionError unless ``by`` is "useful", or "like" with the name of a class."""
    if by not in ("useful", "like"):
        raise OptionError(f"There is no order {by!r} to be learned", expected='"useful" or "like"')
    if by == "like" and not klass:
        raise OptionError("Like what? A class is missing", expected='by="like", klass="binary"')


def interval(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a fraction of which ``hits`` of ``n`` were seen (Wilson 1927, JASA 22, 209)."""
    if n == 0:
        return 0.0, 1.0
    p, shrink = hits / n, 1.0 + z * z / n
    middle = (p + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)
