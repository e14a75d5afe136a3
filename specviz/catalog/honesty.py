"""How well a class is told from others by what was learned, measured on labels that were kept out of the learning."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.active import Floats, Lesson, audited, counted, interval, margins_of

#: Labels of a class below which nothing is said of it, and from which its probabilities are calibrated.
LEAST_TO_SAY, LEAST_TO_CALIBRATE = 5, 10
FOLDS = 5
_BOOTSTRAPS = 200
_NONE = float("nan")
Range = tuple[float, float]


@dataclass(frozen=True)
class ClassHonesty:
    """What kept-out labels say of one class; NaN where nothing can be said. Ranges are 95 % intervals.

    Parameters
    ----------
    klass : str
    n : int
        Labels of it.
    base : float
        Their fraction among all labels: the precision, and the average precision, of guessing.
    called, right : int
        Kept-out stars that were called so (no other class had larger odds), and how many of them are.
    precision, recall, average_precision : float
    precision_range, recall_range, average_precision_range : (float, float)
    sure, sure_right : int
        Kept-out stars given a calibrated probability of 80 % or more, and how many of them are.
    """

    klass: str
    n: int
    base: float
    called: int = 0
    right: int = 0
    precision: float = _NONE
    recall: float = _NONE
    average_precision: float = _NONE
    precision_range: Range = (_NONE, _NONE)
    recall_range: Range = (_NONE, _NONE)
    average_precision_range: Range = (_NONE, _NONE)
    sure: int = 0
    sure_right: int = 0

    @property
    def text(self) -> str:
        """One line for a person."""
        name = self.klass or "no class"
        if not np.isfinite(self.average_precision):
            return f"{name}: {self.n} {'label' if self.n == 1 else 'labels'}: nothing can be said yet"
        parts = [f"{name}: {self.n} labels, {_percent(self.base)} of all"]
        parts.append(f"{self.right} of {self.n} found ({_between(self.recall_range)})")
        if self.called:
            parts.append(f"{self.right} of {self.called} called so are right ({_between(self.precision_range)})")
        else:
            parts.append("none was called so")
        low, high = self.average_precision_range
        parts.append(
            f"average precision {self.average_precision:.2f} ({low:.2f} to {high:.2f}; guessing {self.base:.2f})"
        )
        if self.sure:
            parts.append(f"where it is 80 % sure, {self.sure_right} of {self.sure} are")
        return "; ".join(parts)


@dataclass(frozen=True)
class Honesty:
    """What kept-out labels say of a lesson.

    Parameters
    ----------
    classes : tuple of ClassHonesty
        The most frequent first.
    n : int
        Labels.
    balanced_accuracy : float
        Mean recall of the classes of which something can be said; NaN if they are fewer than two.
    balanced_accuracy_range : (float, float)
        95 %, from resampled labels.
    guessing : float
        The same of guessing.
    text : tuple of str
        Lines for a person.
    """

    classes: tuple[ClassHonesty, ...]
    n: int
    balanced_accuracy: float
    balanced_accuracy_range: Range
    guessing: float
    text: tuple[str, ...]


def honesty(
    lesson: Lesson, *, finished: NDArray[np.bool_] | None = None, step: Callable[[str, float], None] | None = None
) -> Honesty:
    """Learn again, five times without a fifth of the labels, and see what is said of that fifth.

    Parameters
    ----------
    lesson : Lesson
    finished : array of bool, shape (n,), optional
        Stars the reviewer has finished with, undecided ones among them: how far the fair sample reaches.
    step : callable(text, fraction), optional
        Told how far it is; may raise to stop.
    """
    rows, names = np.array(list(lesson.labels)), np.array(list(lesson.labels.values()))
    counts = counted(lesson.labels)
    sayable = [name for name in lesson.classes if LEAST_TO_SAY <= counts[name] <= len(names) - LEAST_TO_SAY]
    fold = _folds(names, lesson.seed)
    out = np.full((len(rows), len(lesson.classes)), np.nan)
    values = lesson.features.values[rows]
    for number in range(FOLDS):
        if step is not None:
            step("Checking on labels kept out", number / FOLDS)
        inside, kept = fold != number, fold == number
        for column, name in enumerate(lesson.classes):
            of_class = names[inside] == name
            if kept.any() and of_class.any() and not of_class.all():
                out[kept, column] = margins_of(values[inside], of_class, values[kept])
    filled = np.where(np.isfinite(out), out, -np.inf)
    called = np.array(lesson.classes)[filled.argmax(axis=1)]
    rng = np.random.default_rng(lesson.seed)
    order = sorted(counts, key=lambda name: (-counts[name], name))
    classes = tuple(
        _of_class(name, names, called, filled[:, lesson.classes.index(name)], fold, rng)
        if name in sayable
        else ClassHonesty(name, counts[name], counts[name] / len(names))
        for name in order
    )
    accuracy, span = _balanced(names, called, sayable, rng)
    guessing = 1.0 / len(lesson.classes)
    return Honesty(
        classes, len(names), accuracy, span, guessing, _words(lesson, classes, accuracy, span, guessing, finished)
    )


def _folds(names: NDArray[np.str_], seed: int) -> NDArray[np.intp]:
    """A number from 0 to 4 for each label; those of one class spread evenly."""
    rng, out, start = np.random.default_rng(seed), np.zeros(len(names), np.intp), 0
    for name in np.unique(names):
        rows = rng.permutation(np.flatnonzero(names == name))
        out[rows] = (start + np.arange(len(rows))) % FOLDS
        start += len(rows)
    return out


def _of_class(
    name: str,
    names: NDArray[np.str_],
    called: NDArray[np.str_],
    margin: Floats,
    fold: NDArray[np.intp],
    rng: np.random.Generator,
) -> ClassHonesty:
    truth, said = names == name, called == name
    n, right = int(truth.sum()), int((truth & said).sum())
    sure = sure_right = 0
    if min(n, len(names) - n) >= LEAST_TO_CALIBRATE:
        confident = _calibrated(margin, truth, fold) >= 0.8
        sure, sure_right = int(confident.sum()), int((confident & truth).sum())
    return ClassHonesty(
        name, n, n / len(names), int(said.sum()), right,
        right / said.sum() if said.any() else _NONE, right / n, average_precision(truth, margin),
        interval(right, int(said.sum())), interval(right, n), _resampled(truth, margin, rng), sure, sure_right,
    )  # fmt: skip


def average_precision(truth: NDArray[np.bool_], score: Floats) -> float:
    """Mean precision at each star of the class, going down the scores; ties count as the worst order of them."""
    order = np.lexsort((truth, -score))
    hits = truth[order]
    return float(np.mean(np.cumsum(hits)[hits] / (np.flatnonzero(hits) + 1.0))) if hits.any() else _NONE


def _resampled(truth: NDArray[np.bool_], score: Floats, rng: np.random.Generator) -> Range:
    inside, outside = np.flatnonzero(truth), np.flatnonzero(~truth)
    found = []
    for _ in range(_BOOTSTRAPS):
        rows = np.concatenate([rng.choice(inside, len(inside)), rng.choice(outside, len(outside))])
        found.append(average_precision(truth[rows], score[rows]))
    low, high = np.percentile(found, (2.5, 97.5))
    return float(low), float(high)


def _calibrated(margin: Floats, truth: NDArray[np.bool_], fold: NDArray[np.intp]) -> Floats:
    """Probabilities of the class among labels like these (Platt 1999), each from the folds that it is not in."""
    from sklearn.linear_model import LogisticRegression

    out = np.full(len(margin), np.nan)
    known = np.isfinite(margin)
    for number in range(FOLDS):
        inside, kept = known & (fold != number), known & (fold == number)
        if kept.any() and truth[inside].any() and not truth[inside].all():
            model = LogisticRegression(C=1.0, max_iter=1000).fit(margin[inside, None], truth[inside])
            out[kept] = model.predict_proba(margin[kept, None])[:, 1]
    return out


def _balanced(
    names: NDArray[np.str_], called: NDArray[np.str_], classes: Sequence[str], rng: np.random.Generator
) -> tuple[float, Range]:
    if len(classes) < 2:
        return _NONE, (_NONE, _NONE)
    right = [(called == name)[names == name] for name in classes]
    found = [np.mean([rng.choice(one, len(one)).mean() for one in right]) for _ in range(_BOOTSTRAPS)]
    low, high = np.percentile(found, (2.5, 97.5))
    return float(np.mean([one.mean() for one in right])), (float(low), float(high))


def _words(
    lesson: Lesson,
    classes: Sequence[ClassHonesty],
    accuracy: float,
    span: Range,
    guessing: float,
    finished: NDArray[np.bool_] | None,
) -> tuple[str, ...]:
    total, known = len(lesson.features), int(lesson.features.known.sum())
    lines = [
        f"Learned from {len(lesson.labels)} labels of {len(classes)} classes; "
        f"{known:,} of {total:,} stars have an embedding to be compared by"
    ]
    if np.isfinite(accuracy):
        lines.append(
            f"On labels kept out: balanced accuracy {accuracy:.2f} "
            f"({span[0]:.2f} to {span[1]:.2f}; guessing {guessing:.2f})"
        )
    else:
        lines.append("How well it works cannot be said yet: that takes five labels or more of two classes")
    lines += [one.text for one in classes]
    lines.append(
        "The labelled stars were chosen, not drawn: these numbers are for stars like them, not for the whole list"
    )
    done = np.zeros(total, bool) if finished is None else finished.copy()
    done[list(lesson.labels)] = True
    lines.append(fair_sample(total, lesson.labels, done, [c.klass for c in classes], lesson.seed))
    return tuple(lines)


def fair_sample(
    total: int, labels: Mapping[int, str], finished: NDArray[np.bool_], classes: Sequence[str], seed: int = 0
) -> str:
    """What the stars that were drawn at random say of the whole list, as a line."""
    said = audited(total, labels, finished, seed)
    if len(said) < LEAST_TO_SAY:
        stars = "1 star drawn at random is" if len(said) == 1 else f"{len(said)} stars drawn at random are"
        return f"Of the whole list {stars} labelled: nothing can be said of it yet"
    parts = []
    for name in classes:
        hits = said.count(name)
        parts.append(f"{hits} {name or 'no class'} ({_between(interval(hits, len(said)))})")
    return f"Of {len(said)} stars of the list drawn at random: " + ", ".join(parts)


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _between(span: Range) -> str:
    return f"{100 * span[0]:.0f} to {100 * span[1]:.0f} %"
