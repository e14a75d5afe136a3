"""A reviewer who knows the truth goes through a list: how many stars must be looked at until a class is found?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.active import LEAST, LEAST_CLASSES, LEAST_OF_CLASS, Features, Learner, Lesson, like, teach, useful
from specviz.catalog.honesty import average_precision

#: Labels between two orders, as in a vetting session; from 500 on a fiftieth of the labels, for the sake of time.
EVERY, PART = 10, 50
#: An order that takes so many times the looks of the static one is given up.
GIVEN_UP = 4
#: What the reviewer says of a star that is nothing special.
ORDINARY = "star"
Names = NDArray[np.str_]
Order = NDArray[np.intp]


@dataclass(frozen=True)
class Found:
    """Looks that it takes to find ``need`` of the ``n`` stars of a class, in different orders; infinite: given up.

    ``chance`` is expected of an order drawn at random, ``chance_low`` and ``chance_high`` hold 90 % of such orders.
    """

    klass: str
    n: int
    need: int
    static: int
    active: float
    active_wrong: float
    chance: float
    chance_low: float
    chance_high: float

    @property
    def gain(self) -> float:
        """Looks in the static order for one in the active one."""
        return self.static / self.active

    @property
    def gain_wrong(self) -> float:
        """The same with a reviewer who is wrong at times."""
        return self.static / self.active_wrong


def compare(
    known: Features,
    truth: Names,
    score: ArrayLike,
    klass: str,
    *,
    share: float = 0.8,
    wrong: float = 0.05,
    seed: int = 0,
) -> Found:
    """Static, active and random order for one class.

    Parameters
    ----------
    known : Features
    truth : array of str, shape (n,)
        Class of each star.
    score : array of float, shape (n,)
        What the static order goes by, larger = earlier.
    share : float
        Part of the class that shall be found.
    wrong : float
        Share of wrong answers of the reviewer who is wrong at times.
    """
    static = static_order(score)
    n = int((truth == klass).sum())
    need = math.ceil(share * n)
    most = GIVEN_UP * looks(static, truth == klass, need)
    perfect = active_looks(known, truth, score, klass, need, most=most, seed=seed)
    at_times = active_looks(known, truth, score, klass, need, wrong=wrong, most=most, seed=seed)
    low, high = random_range(len(truth), n, need, seed=seed)
    return Found(klass, n, need, looks(static, truth == klass, need), perfect, at_times,
                 need * (len(truth) + 1) / (n + 1), low, high)  # fmt: skip


def static_order(score: ArrayLike) -> Order:
    """Rows, the largest score first; unknown ones last."""
    values = np.asarray(score, np.float64)
    return np.argsort(np.where(np.isfinite(values), -values, np.inf), kind="stable")


def looks(order: Order, wanted: NDArray[np.bool_], need: int) -> int:
    """Stars looked at in ``order`` until ``need`` of the wanted ones are found."""
    return int(np.flatnonzero(wanted[order])[need - 1]) + 1


def random_range(n: int, of_class: int, need: int, *, seed: int = 0, draws: int = 2000) -> tuple[float, float]:
    """5th and 95th percentile of the looks in an order drawn at random."""
    rng = np.random.default_rng(seed)
    places = [np.sort(rng.choice(n, of_class, replace=False))[need - 1] + 1 for _ in range(draws)]
    low, high = np.percentile(places, (5.0, 95.0))
    return float(low), float(high)


def active_looks(
    known: Features,
    truth: Names,
    score: ArrayLike,
    klass: str,
    need: int,
    *,
    wrong: float = 0.0,
    most: float = math.inf,
    seed: int = 0,
    learner: Learner | None = None,
) -> float:
    """Looks of a reviewer who labels ten stars in the static order, goes on in "useful" until one star of the class is
    found, and then in "like:CLASS", each made anew every ten labels; infinite where it takes more than ``most``.

    A star of the class that is wrongly named is found all the same (no order mends that), but teaches what is wrong.
    """
    rng = np.random.default_rng(seed)
    kinds = np.unique(truth)
    labels: dict[int, str] = {}
    order, found = static_order(score), 0
    while found < need:
        batch = _next(order, labels)
        if not batch or len(labels) >= most:
            return math.inf
        for row in batch:
            said = str(truth[row])
            if wrong and rng.random() < wrong:
                said = str(rng.choice(kinds[kinds != said]))
            labels[row] = said
            found += bool(truth[row] == klass)
            if found == need:
                return float(len(labels))
        held = list(labels.values())
        if len(held) >= LEAST and len(set(held)) >= LEAST_CLASSES:
            if held.count(klass) >= LEAST_OF_CLASS:
                order = static_order(like(teach_one(known, labels, klass, seed, learner), klass, odd=score))
            else:
                order = static_order(useful(teach(known, labels, seed=seed, learner=learner)))
    return float(len(labels))


def taught(
    known: Features, truth: Names, score: ArrayLike, by: str, checkpoints: Sequence[int], *, seed: int = 0
) -> list[float]:
    """How well all rare classes can be told after so many labels: mean average precision among stars put aside.

    Half of the list, drawn at random, is labelled; the other half, the same for every order, is what is asked of.
    ``by``: "static", "random", or "useful", which starts in the static order and is made anew every ten labels. A class
    that no label was given of counts 0.
    """
    rng = np.random.default_rng(seed)
    aside = rng.permutation(len(truth)) % 2 == 0
    chance = rng.permutation(len(truth))
    order = chance if by == "random" else static_order(score)
    labels: dict[int, str] = {}
    out = []
    for wanted in checkpoints:
        while len(labels) < wanted:
            labels |= {row: str(truth[row]) for row in _next(order[~aside[order]], labels)[: wanted - len(labels)]}
            if by == "useful" and len(labels) >= LEAST and len(set(labels.values())) > 1:
                order = static_order(useful(teach(known, labels, seed=seed)))
        if len(set(labels.values())) < LEAST_CLASSES:
            out.append(0.0)
            continue
        lesson = teach(known, labels, seed=seed)
        rest = known.known & aside
        precision = []
        for klass in sorted(set(truth) - {ORDINARY}):
            of_class = truth[rest] == klass
            if of_class.any():
                held = klass in lesson.classes
                precision.append(average_precision(of_class, lesson.margin(klass)[rest]) if held else 0.0)
        out.append(float(np.mean(precision)) if precision else math.nan)
    return out


def teach_one(known: Features, labels: dict[int, str], klass: str, seed: int, learner: Learner | None = None) -> Lesson:
    """What a session learns, of one class alone (each has a regression of its own): the same order, sooner."""
    two = {row: said if said == klass else f"not {klass}" for row, said in labels.items()}
    return teach(known, two, seed=seed, learner=learner)


def _next(order: Order, labels: dict[int, str]) -> list[int]:
    batch: list[int] = []
    size = max(EVERY, len(labels) // PART)
    for row in order:
        if int(row) not in labels:
            batch.append(int(row))
            if len(batch) == size:
                break
    return batch


# ---------------------------------------------------------------------------------------------- the static order
def purity(order: Order, truth: Names, top: int) -> float:
    """Share of planted stars among the first ``top``."""
    return float(np.mean(truth[order[:top]] != ORDINARY))


def recall(order: Order, truth: Names, klass: str, top: int) -> float:
    """Share of a class that is among the first ``top``."""
    wanted = truth == klass
    return float(wanted[order[:top]].sum() / max(1, wanted.sum()))
