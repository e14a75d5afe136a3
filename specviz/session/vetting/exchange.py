"""Labels brought into a journal: from files of other reviewers, from tables, from other journals; each thing once."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from specviz import __version__
from specviz.errors import OptionError, SpecvizError
from specviz.session.vetting.conflicts import labels_of
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.label_reading import Form, Incoming, LabelRow, read_labels, tidy
from specviz.session.vetting.values import ADJUDICATOR, CHANGES, DECISION, Event, Label, voice
from specviz.session.vetting.vocabulary import Vocabulary

#: What becomes of a word that is not in the vocabulary.
Unknown = Literal["refuse", "keep"]
#: Names of events that are made of rows of a table: the same row gives the same name on every machine.
_NAMES = uuid.UUID("6f3c1d0e-5b7a-5c1e-9d52-7a1f0c2b9e44")


@dataclass(frozen=True)
class Imported:
    """What came of one file.

    Parameters
    ----------
    name, form : str
        Of the file.
    events : int
        New events in the journal.
    labels : tuple of (str, int)
        Reviewer -> stars of theirs that changed.
    same : int
        Events, or rows of a table, that were here already.
    older : int
        Rows of a table that the journal has something newer of; they were left out.
    unlisted : int
        Stars among the new ones that are not in the list; their labels are in the journal all the same.
    unknown : tuple of str
        Words that are not in the vocabulary, and were kept.
    """

    name: str
    form: Form
    events: int = 0
    labels: tuple[tuple[str, int], ...] = ()
    same: int = 0
    older: int = 0
    unlisted: int = 0
    unknown: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One sentence for a person."""
        if not self.events:
            words = "nothing new"
        else:
            words = "labels of " + ", ".join(f"{n} star{'s' * (n != 1)} by {who}" for who, n in self.labels)
            words = words if self.labels else f"{self.events} events"
        more = [
            f"{self.same} known already" if self.same else "",
            f"{self.older} left out, for newer ones are here" if self.older else "",
            f"{self.unlisted} star{'s' * (self.unlisted != 1)} not in this list" if self.unlisted else "",
            f"not in the vocabulary: {', '.join(self.unknown)}" if self.unknown else "",
        ]
        return "; ".join([f"{self.name}: {words}", *(m for m in more if m)])


@dataclass(frozen=True)
class MergeReport:
    """What came of merging several files.

    Parameters
    ----------
    into : Path
    sources : tuple of Imported
    reviewers : tuple of (str, int)
        Everyone in the journal now, and the stars that they have finished.
    """

    into: Path
    sources: tuple[Imported, ...]
    reviewers: tuple[tuple[str, int], ...]

    @property
    def text(self) -> str:
        """A line a source, and who is in the journal now."""
        everyone = ", ".join(f"{who} ({n} finished)" for who, n in self.reviewers)
        return "\n".join([*(s.text for s in self.sources), f"{self.into.name}: {everyone or 'nobody'}"])


def import_labels(
    path: str | Path,
    journal: LabelJournal,
    *,
    reviewer: str | None = None,
    vocabulary: Vocabulary | None = None,
    unknown: Unknown = "refuse",
    listed: Iterable[str] | None = None,
) -> Imported:
    """Bring a file of labels, or another journal, into a journal. All of it comes, or (if this raises) nothing.

    Journals and JSON are copied event by event, each once. A row of a table is compared with what the journal has of
    that reviewer and star: what differs becomes events in the reviewer's name, at the time of the row; a row that is
    older than what is here is left out. The same file again changes nothing.

    Parameters
    ----------
    path : str or Path
        Told by its content: a journal, JSON, ECSV, VOTable or CSV.
    journal : LabelJournal
    reviewer : str, optional
        Who said it, where a table does not name them.
    vocabulary : Vocabulary, optional
        Words that are not in it are refused; without, none are.
    unknown : {"refuse", "keep"}
    listed : iterable of str, optional
        Stars of the list at hand; others are counted.

    Raises
    ------
    SpecvizError
        It cannot be read, or holds a word that is not in the vocabulary: the row and the word are named.
    """
    if Path(path).expanduser().absolute() == journal.path:
        raise OptionError(f"{journal.path.name} is the journal itself", expected="another file")
    return take_in(read_labels(path, reviewer), journal, vocabulary=vocabulary, unknown=unknown, listed=listed)


def take_in(
    incoming: Incoming,
    journal: LabelJournal,
    *,
    vocabulary: Vocabulary | None = None,
    unknown: Unknown = "refuse",
    listed: Iterable[str] | None = None,
) -> Imported:
    """The same of a file that was read already."""
    events, report = new_events(incoming, journal.events(), vocabulary, unknown, listed)
    journal.add(events)
    return report


def merge(
    paths: Sequence[str | Path],
    into: str | Path,
    *,
    reviewer: str | None = None,
    vocabulary: Vocabulary | None = None,
    unknown: Unknown = "refuse",
) -> MergeReport:
    """Bring several journals or files of labels into one journal, which is made where it is not there.

    All of them come, or (if this raises) none. The sources stay as they are; merging them again changes nothing.

    Parameters
    ----------
    paths : sequence of str or Path
    into : str or Path
    reviewer, vocabulary, unknown
        As of :func:`import_labels`.

    Returns
    -------
    MergeReport

    Raises
    ------
    SpecvizError
        One cannot be read; nothing was written then.
    """
    into = Path(into).expanduser().absolute()
    others = [p for p in map(Path, paths) if p.expanduser().absolute() != into]
    if not others:
        raise OptionError("There is nothing to merge", expected="at least one journal or file besides the one to fill")
    incoming = [read_labels(p, reviewer) for p in others]
    known: list[Event] = []
    if into.exists():
        known = list(read_labels(into).events)
    new: list[Event] = []
    reports = []
    for source in incoming:
        events, report = new_events(source, known, vocabulary, unknown)
        new += events
        known += events
        reports.append(report)
    journal = LabelJournal(into, "merge")
    try:
        journal.add(new)
        labels = labels_of(journal.events())
    finally:
        journal.close()
    people = Counter(who for said in labels.values() for who, label in said.items() if who != DECISION and label.done)
    everyone = {who for said in labels.values() for who in said} - {DECISION}
    return MergeReport(into, tuple(reports), tuple((who, people[who]) for who in sorted(everyone)))


def journal_events(path: str | Path) -> list[Event]:
    """The events of a journal, or of a file of labels.

    Raises
    ------
    NotFoundError, ReadError
        There is no such file, or it is something else.
    """
    incoming = read_labels(path)
    return new_events(incoming, (), None, "keep")[0]


def new_events(
    incoming: Incoming,
    known: Iterable[Event],
    vocabulary: Vocabulary | None = None,
    unknown: Unknown = "refuse",
    listed: Iterable[str] | None = None,
) -> tuple[list[Event], Imported]:
    """The events of a file that a journal of the events ``known`` does not have, and what is to be said of it."""
    if unknown not in ("refuse", "keep"):
        raise OptionError(f"unknown={unknown!r}", expected='"refuse" or "keep"')
    kept = _unknown_words(incoming, vocabulary, unknown)
    known = list(known)
    if incoming.form in ("journal", "json") and not incoming.rows:
        have = {e.uuid for e in known}
        new = [e for e in {e.uuid: e for e in incoming.events}.values() if e.uuid not in have]
        same, older = len(incoming.events) - len(new), 0
    else:
        new, same, older = _events_of_rows(incoming, known)
    said = (*CHANGES, "undo", "redo")  # not: which star was on screen
    changed = Counter(who for who, _ in {(e.reviewer, e.star) for e in new if e.star and e.kind in said})
    stars = {e.star for e in new if e.star}
    report = Imported(
        incoming.name, incoming.form, len(new), tuple(sorted(changed.items())), same, older,
        0 if listed is None else len(stars - set(listed)), kept,
    )  # fmt: skip
    return new, report


# ------------------------------------------------------------------------------------------------ rows
def _events_of_rows(incoming: Incoming, known: Sequence[Event]) -> tuple[list[Event], int, int]:
    labels = {(star, who): label for star, said in labels_of(known).items() for who, label in said.items()}
    latest: dict[tuple[str, str], str] = {}
    for event in known:
        key = event.star, voice(event)
        latest[key] = max(latest.get(key, ""), event.time)
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    steps = {e.step for e in known}
    new: list[Event] = []
    same = older = 0
    for row in incoming.rows:
        key = row.star, DECISION if row.role == ADJUDICATOR else row.reviewer
        has, last = labels.get(key, Label()), latest.get(key, "")
        changes = _changes(row, has)
        if not changes:
            same += 1
            continue
        if row.time and row.time < last:
            older += 1
            continue
        # A row that says something else at the very time of the label was edited after its export: it is said now. So
        # is a row without a time. Such a row is known again by the file that it is in.
        timed = row.time > last
        time = row.time if timed else max(now, _after(last))
        events = _made(row, changes, time, "" if timed else incoming.digest)
        if events[0].step in steps:
            same += 1
            continue
        new += events
        latest[key] = time
        labels[key] = _with(has, row, time)
    return new, same, older


def _after(time: str) -> str:
    """A microsecond later."""
    if not time:
        return ""
    later = datetime.fromisoformat(time) + timedelta(microseconds=1)
    return later.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _changes(row: LabelRow, has: Label) -> list[tuple[str, Any]]:
    """What a row says that the label does not; a column that is not there says nothing."""
    changes: list[tuple[str, Any]] = []
    if row.has_quality and row.quality != has.quality:
        changes.append(("quality", row.quality))
    if row.klass is not None and row.klass != has.klass:
        changes.append(("class", row.klass))
    if row.flags is not None:
        changes += [("flag", [f, f in row.flags]) for f in sorted(set(row.flags) ^ set(has.flags))]
    if row.comment is not None and row.comment != tidy(has.comment):
        changes.append(("comment", row.comment))
    says = row.quality is not None or bool(row.klass or row.flags or row.comment)
    done = row.done if row.done is not None else (says or has.done)  # a label in a table is a finished one
    if done != has.done:
        changes.append(("done", done))
    return changes


def _with(has: Label, row: LabelRow, time: str) -> Label:
    made = replace(has, time=time)
    for kind, value in _changes(row, has):
        if kind == "flag":
            made = replace(made, flags=row.flags or ())
        else:
            made = replace(made, **{"klass" if kind == "class" else kind: value})
    return made


def _made(row: LabelRow, changes: Sequence[tuple[str, Any]], time: str, digest: str) -> list[Event]:
    """Events in the name of the row's reviewer; their names follow from what they say."""
    base = [digest or time, row.reviewer, row.role, row.star]

    def name(*more: Any) -> str:
        return uuid.uuid5(_NAMES, json.dumps([*base, *more])).hex

    step = name("step")
    return [
        Event(0, name(kind, value), step, row.star, row.reviewer, time, kind, value, "", row.context, __version__)
        for kind, value in changes
    ]


# ------------------------------------------------------------------------------------------------ words
def _unknown_words(incoming: Incoming, vocabulary: Vocabulary | None, unknown: Unknown) -> tuple[str, ...]:
    """The words of a file that are not in the vocabulary.

    Raises
    ------
    SpecvizError
        There are some, and they shall not be kept.
    """
    if vocabulary is None:
        return ()
    found: dict[str, None] = {}
    for where, group, word in _words(incoming):
        try:
            vocabulary.find(group, word)
        except OptionError as error:
            if unknown == "refuse":
                raise SpecvizError(
                    f"{incoming.name}, {where}: {error.what[0].lower()}{error.what[1:]}",
                    expected=error.expected,
                    remedy="Correct the word, use the vocabulary that it is from, or keep words that are not in this "
                    'one (unknown="keep")',
                ) from error
            found[word] = None
    return tuple(found)


def _words(incoming: Incoming) -> Iterable[tuple[str, str, str]]:
    """(where, group, word) of every word."""
    for number, event in enumerate(incoming.events, 1):
        where = f"event {number} ({event.star})"
        if event.kind == "quality" and event.value is not None:
            yield where, "qualities", str(event.value)
        elif event.kind == "class" and event.value:
            yield where, "classes", event.value
        elif event.kind == "flag":
            yield where, "flags", event.value[0]
    for row in incoming.rows:
        where = f"row {row.number} ({row.star})"
        if row.quality is not None:
            yield where, "qualities", str(row.quality)
        if row.klass:
            yield where, "classes", row.klass
        for flag in row.flags or ():
            yield where, "flags", flag
