"""``Agreement``: how far reviewers agree, in class, in quality and in each flag."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import numpy as np

from specviz import __version__
from specviz.errors import OptionError
from specviz.session.vetting.conflicts import Apart, Conflict, Said, conflicts, finished
from specviz.session.vetting.kappa import Kappa, Weights, cohen, fleiss, weights_of
from specviz.session.vetting.vocabulary import DEFAULT, Vocabulary

#: What to do with "not sure": as if the reviewer had not seen the star, or a class like the others.
Unsure = Literal["missing", "category"]


@dataclass(frozen=True)
class Between:
    """A kappa and between whom it is.

    Parameters
    ----------
    of : str
        "class", "quality", or "flag NAME".
    reviewers : tuple of str
        Two: Cohen's kappa. All of them: Fleiss'.
    method : {"cohen", "fleiss"}
    kappa : Kappa
    """

    of: str
    reviewers: tuple[str, ...]
    method: Literal["cohen", "fleiss"]
    kappa: Kappa

    @property
    def text(self) -> str:
        """``class, ann and bob: κ = 0.43 ± 0.05, 70 % alike, 200 stars``."""
        k = self.kappa
        who = " and ".join(self.reviewers) if self.method == "cohen" else f"all {len(self.reviewers)}"
        if not k.n:
            return f"{self.of}, {who}: no star rated by two"
        error = f" ± {k.error:.2f}" if np.isfinite(k.error) else ""
        value = f"κ = {_signed(k.value)}{error}" if np.isfinite(k.value) else "κ not defined, one answer only"
        alike = "alike" if not k.weights else f"alike ({k.weights} weights)"
        return f"{self.of}, {who}: {value}, {100 * k.agreement:.0f} % {alike}, {k.n} star{'s' * (k.n != 1)}"


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far reviewers agree. Only finished labels count, and no decisions.

    Parameters
    ----------
    reviewers : tuple of (str, int)
        Who, and how many stars they have finished.
    stars : int
        Stars finished by two or more.
    kappas : tuple of Between
        For class, quality and every flag: all pairs of reviewers, and all of them.
    conflicts : tuple of Conflict
        Stars on which they differ.
    unsure : {"missing", "category"}
        How "not sure" was counted.
    """

    reviewers: tuple[tuple[str, int], ...]
    stars: int
    kappas: tuple[Between, ...]
    conflicts: tuple[Conflict, ...]
    unsure: Unsure = "missing"

    @property
    def open(self) -> tuple[Conflict, ...]:
        """Conflicts on which nothing was decided yet."""
        return tuple(c for c in self.conflicts if c.decision is None)

    def of(self, what: str = "class", *reviewers: str) -> Kappa:
        """One kappa: Cohen's of two reviewers, or Fleiss' of all where none are named.

        Raises
        ------
        OptionError
            There is none of that kind, or no such reviewers.
        """
        for between in self.kappas:
            fits = set(between.reviewers) == set(reviewers) and between.method == "cohen"
            if between.of == what and (fits if reviewers else between.method == "fleiss"):
                return between.kappa
        raise OptionError(
            f"No agreement in {what!r}" + (f" between {' and '.join(reviewers)}" if reviewers else ""),
            expected=f"one of {', '.join(dict.fromkeys(k.of for k in self.kappas)) or 'none yet'}; "
            f"two of {', '.join(name for name, _ in self.reviewers) or 'nobody, for nobody has finished a star'}",
        )

    @property
    def text(self) -> str:
        """For a person: who, how many, how far they agree in class and quality, how many conflicts."""
        if len(self.reviewers) < 2:
            return "Agreement needs finished labels of two reviewers."
        names = ", ".join(f"{name} ({n})" for name, n in self.reviewers)
        lines = [f"{names}; {self.stars} star{'s' * (self.stars != 1)} finished by two or more."]
        lines += [k.text for k in self.kappas if k.of in ("class", "quality")]
        decided = len(self.conflicts) - len(self.open)
        many = len(self.conflicts)
        lines.append(f"{many} conflict{'s' * (many != 1)}, {decided} decided.")
        return "\n".join(lines)

    def table(self) -> Any:
        """All kappas, a row each, as an astropy Table."""
        from specviz.session.vetting.columns import table_of

        rows = [
            {
                "of": b.of, "method": b.method, "reviewers": ";".join(b.reviewers), "kappa": b.kappa.value,
                "kappa_error": b.kappa.error, "agreement": b.kappa.agreement, "chance": b.kappa.chance,
                "n": b.kappa.n, "ratings": b.kappa.ratings, "weights": b.kappa.weights,
            }
            for b in self.kappas
        ]  # fmt: skip
        names = ("of", "method", "reviewers", "kappa", "kappa_error", "agreement", "chance", "n", "ratings", "weights")
        return table_of(
            rows, names, {"content": "agreement", "creator": f"specviz {__version__}", "not_sure": self.unsure}
        )


def agreement(
    labels: Said,
    vocabulary: Vocabulary | None = None,
    *,
    weights: Weights = "linear",
    unsure: Unsure = "missing",
    apart: Apart | None = None,
) -> Agreement:
    """How far reviewers agree.

    Parameters
    ----------
    labels : mapping
        Star -> reviewer -> label (:func:`specviz.session.vetting.conflicts.labels_of`). Only finished ones count.
    vocabulary : Vocabulary, optional
    weights : {"", "linear", "quadratic"}
        Of quality, which has an order: 3 against 4 is less of a disagreement than 0 against 4.
    unsure : {"missing", "category"}
        "Not sure" counts as no rating of the class ("missing"), or as a class of its own.
    apart : Apart, optional
        What is a conflict.

    Returns
    -------
    Agreement
        Of a pair, Cohen's kappa over the stars that both rated. Of all, Fleiss' over the stars that two or more rated,
        whoever they were.

    Raises
    ------
    OptionError
        No such weights, or way to count "not sure".
    """
    if unsure not in ("missing", "category"):
        raise OptionError(f"unsure={unsure!r}", expected='"missing" or "category"')
    weights_of((), weights)  # refuses unknown ones, whether or not there is anything to weigh
    vocabulary = vocabulary or DEFAULT
    said = finished(labels)
    counted: dict[str, int] = {}
    for who in (who for each in said.values() for who in each):
        counted[who] = counted.get(who, 0) + 1
    people = sorted(counted)
    every = [label for each in said.values() for label in each.values()]
    classes = _known((c.name for c in vocabulary.classes), (label.klass for label in every))
    if unsure == "missing":
        classes = [c for c in classes if c != vocabulary.unsure]
    qualities = _known((c.name for c in vocabulary.qualities), (str(x.quality) for x in every if x.quality is not None))
    flags = _known((c.name for c in vocabulary.flags), (flag for label in every for flag in label.flags))
    found = _between("class", classes, {s: {w: x.klass for w, x in e.items()} for s, e in said.items()}, people)
    found += _between(
        "quality",
        sorted(qualities, key=int),
        {s: {w: str(x.quality) for w, x in e.items()} for s, e in said.items()},
        people,
        weights,
    )
    for flag in flags:
        rated = {s: {w: str(flag in x.flags) for w, x in e.items()} for s, e in said.items()}
        found += _between(f"flag {flag}", ["False", "True"], rated, people)
    return Agreement(
        tuple((who, counted[who]) for who in people),
        sum(len(each) > 1 for each in said.values()),
        tuple(found),
        conflicts(labels, vocabulary.unsure, apart),
        unsure,
    )


def _signed(value: float) -> str:
    """Two decimals with a true minus, and none before nought."""
    return f"{round(value, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")


def _known(first: Iterable[str], seen: Iterable[str]) -> list[str]:
    """The words of a vocabulary, and behind them others that were used."""
    return [*(known := list(first)), *sorted(set(seen) - set(known) - {""})]


def _between(
    of: str,
    categories: Sequence[str],
    rated: dict[str, dict[str, str]],
    people: Sequence[str],
    weights: Weights = "",
) -> list[Between]:
    """Kappas of all pairs and of all; what is not among the categories was not rated."""
    if not categories:
        return []
    column = {name: j for j, name in enumerate(categories)}
    places = [float(c) for c in categories] if weights else None
    who = {name: i for i, name in enumerate(people)}
    table = np.full((len(rated), len(people)), -1)
    for i, each in enumerate(rated.values()):
        for name, value in each.items():
            table[i, who[name]] = column.get(value, -1)
    found = []
    for a, b in combinations(range(len(people)), 2):
        both = table[(table[:, a] >= 0) & (table[:, b] >= 0)]
        counts = np.zeros((len(categories), len(categories)))
        np.add.at(counts, (both[:, a], both[:, b]), 1)
        found.append(Between(of, (people[a], people[b]), "cohen", cohen(counts, weights, places)))
    if len(people) > 1:
        votes = np.stack([(table == j).sum(axis=1) for j in range(len(categories))], axis=1)
        found.append(Between(of, tuple(people), "fleiss", fleiss(votes, weights, places)))
    return found
