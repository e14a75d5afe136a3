"""Where reviewers differ, what was decided, and what all of them together say of each star."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from specviz.session.vetting.values import CHANGES, DECISION, Event, Label, by_star, in_time, label_of, undone, voice
from specviz.session.vetting.vocabulary import DEFAULT, Vocabulary

#: Star -> reviewer -> label.
Said = Mapping[str, Mapping[str, Label]]


@dataclass(frozen=True)
class Apart:
    """How far finished labels of a star may be apart before it is a conflict.

    Parameters
    ----------
    classes : bool
        Any two classes differ. "Not sure" is no class: who is not sure contradicts nobody.
    quality : int or None
        The best and the worst quality differ by more than this: 1 is one step of taste. None: never.
    flags : bool
        A flag was set by some and not by others.
    """

    classes: bool = True
    quality: int | None = None
    flags: bool = False


@dataclass(frozen=True)
class Conflict:
    """A star on which reviewers differ.

    Parameters
    ----------
    star : str
    what : tuple of str
        "class", "quality", "flag NAME".
    said : tuple of (str, Label)
        What each reviewer has finished saying, by name.
    decision : Label or None
        What was decided, if it was.
    """

    star: str
    what: tuple[str, ...]
    said: tuple[tuple[str, Label], ...]
    decision: Label | None = None


def labels_of(events: Iterable[Event]) -> dict[str, dict[str, Label]]:
    """Star -> voice (a reviewer, or :data:`~specviz.session.vetting.values.DECISION`) -> label, finished or not."""
    listed = list(events)
    found: dict[str, dict[str, Label]] = {}
    for (star, who), said in by_star(listed).items():
        label = label_of(said, undone(said))
        if label.time:
            found.setdefault(star, {})[who] = label
    return found


def finished(labels: Said) -> dict[str, dict[str, Label]]:
    """Only what reviewers have finished saying; decisions left out, and stars nobody has finished."""
    found = {
        star: {who: label for who, label in said.items() if label.done and who != DECISION}
        for star, said in labels.items()
    }
    return {star: said for star, said in found.items() if said}


def differences(said: Mapping[str, Label], unsure: str = "", apart: Apart | None = None) -> tuple[str, ...]:
    """In what the finished labels of one star differ: "class", "quality", "flag NAME"."""
    apart, labels = apart or Apart(), [label for label in said.values() if label.done]
    found = []
    classes = {label.klass for label in labels} - {"", unsure}
    if apart.classes and len(classes) > 1:
        found.append("class")
    qualities = [label.quality for label in labels if label.quality is not None]
    if apart.quality is not None and qualities and max(qualities) - min(qualities) > apart.quality:
        found.append("quality")
    if apart.flags:
        counted = Counter(flag for label in labels for flag in label.flags)
        found += [f"flag {flag}" for flag in sorted(counted) if counted[flag] < len(labels)]
    return tuple(found)


def conflicts(labels: Said, unsure: str = "", apart: Apart | None = None) -> tuple[Conflict, ...]:
    """The stars on which reviewers differ, as they come in ``labels`` (see :func:`labels_of`)."""
    found = []
    for star, said in finished(labels).items():
        if what := differences(said, unsure, apart):
            decision = labels[star].get(DECISION)
            decided = decision if decision is not None and decision.done else None
            found.append(Conflict(star, what, tuple(sorted(said.items(), key=lambda pair: pair[0])), decided))
    return tuple(found)


def conflict_table(found: Iterable[Conflict]) -> Any:
    """Conflicts as a table: a row a star and reviewer, ``decided`` the class that was decided on."""
    from specviz.session.vetting.columns import table_of

    rows = [
        {
            "star": c.star, "differ": "; ".join(c.what), "reviewer": who, "quality": label.quality,
            "class": label.klass, "flags": ";".join(label.flags), "comment": label.comment, "time": label.time,
            "blind": label.blind, "decided": "" if c.decision is None else c.decision.klass,
        }
        for c in found
        for who, label in c.said
    ]  # fmt: skip
    names = ("star", "differ", "reviewer", "quality", "class", "flags", "comment", "time", "blind", "decided")
    return table_of(rows, names, {"content": "conflicts"})


def consensus(events: Iterable[Event], vocabulary: Vocabulary | None = None) -> Any:
    """What all reviewers together say: a row a star that somebody has finished.

    Parameters
    ----------
    events : iterable of Event
    vocabulary : Vocabulary, optional
        For the class that means "not sure", which is no vote.

    Returns
    -------
    astropy.table.Table
        ``how`` is "decided" (an adjudicator has), "unanimous", "majority" (more than half of at least two votes),
        "single" (one vote only), "conflict" (no class has more than half; ``class`` is empty) or "undecided" (nobody
        named a class). ``votes`` counts those who named a class, ``unsure`` those who were not, and ``agreement`` is
        the share of the votes that ``class`` has: of a decision, too, which may have few. ``quality_median`` is the
        decided quality or the median, ``quality_min`` and ``quality_max`` are what was said. ``flags`` are the decided
        ones or those that more than half of the reviewers set.
    """
    from specviz.session.vetting.columns import table_of

    unsure = (vocabulary or DEFAULT).unsure
    listed = list(events)
    labels = labels_of(listed)
    deciders = {e.star: e.reviewer for e in in_time(listed) if voice(e) == DECISION and e.kind in CHANGES}
    rows = [
        _agreed(star, said, deciders.get(star, ""), unsure)
        for star, said in labels.items()
        if any(label.done for label in said.values())
    ]
    names = (
        "star", "class", "how", "agreement", "votes", "unsure", "n_reviewers", "quality_median", "quality_min",
        "quality_max", "flags", "comment", "decided_by", "time",
    )  # fmt: skip
    return table_of(rows, names, {"content": "consensus"})


def _agreed(star: str, everyone: Mapping[str, Label], decider: str, unsure: str) -> dict[str, Any]:
    said = [label for who, label in everyone.items() if label.done and who != DECISION]
    decision = everyone.get(DECISION)
    decision = decision if decision is not None and decision.done else None
    votes = Counter(label.klass for label in said if label.klass and label.klass != unsure)
    total = sum(votes.values())
    best, most = votes.most_common(1)[0] if votes else ("", 0)
    if decision is not None:
        klass, how = decision.klass, "decided"
    elif not total:
        klass, how = unsure if any(label.klass == unsure for label in said) else "", "undecided"
    elif 2 * most > total:
        klass, how = best, "single" if total == 1 else "unanimous" if most == total else "majority"
    else:
        klass, how = "", "conflict"
    flags = Counter(flag for label in said for flag in label.flags)
    kept = sorted(flag for flag, n in flags.items() if 2 * n > len(said)) if decision is None else decision.flags
    qualities = [label.quality for label in said if label.quality is not None]
    decided_quality = None if decision is None else decision.quality
    middle = float(np.median(qualities)) if qualities else None
    return {
        "star": star, "class": klass, "how": how, "agreement": votes[klass] / total if total and klass else None,
        "votes": total, "unsure": sum(label.klass == unsure != "" for label in said), "n_reviewers": len(said),
        "quality_median": middle if decided_quality is None else float(decided_quality),
        "quality_min": min(qualities, default=None), "quality_max": max(qualities, default=None),
        "flags": ";".join(kept), "comment": "" if decision is None else decision.comment,
        "decided_by": "" if decision is None else decider,
        "time": max(label.time for label in everyone.values() if label.done),
    }  # fmt: skip
