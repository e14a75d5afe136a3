"""The nouns of vetting, all values: what was said of a star, the event that says it, and what a view shows of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from specviz.session.vetting.vocabulary import Vocabulary

Status = Literal["waiting", "begun", "labelled", "undecided"]
#: Kinds of events that change a label, what ``value`` is: the number or None; a name; [name, on]; a text; True or
#: False ("done": the reviewer has finished with the star).
CHANGES = ("quality", "class", "flag", "comment", "done")
#: Others: which star is on screen, whether the model's opinion is hidden, and steps taken back or made again.
OTHERS = ("open", "blind", "undo", "redo")
#: Role of one who decides where reviewers differ; and whose label such a decision is (nobody's own): see :func:`voice`.
ADJUDICATOR, DECISION = "adjudicator", ""


@dataclass(frozen=True)
class Label:
    """What one reviewer says of one star.

    Parameters
    ----------
    quality : int or None
    klass : str
        Name of a class of the vocabulary, "" for none (``class`` in tables).
    flags : tuple of str
        Names of flags, sorted.
    comment : str
    done : bool
        The reviewer has finished with the star (Enter).
    time : str
        Of the last change, ISO 8601 UTC; "" if there was none.
    blind : bool
        The model's opinion was hidden at every change of it.
    """

    quality: int | None = None
    klass: str = ""
    flags: tuple[str, ...] = ()
    comment: str = ""
    done: bool = False
    time: str = ""
    blind: bool = True

    @property
    def empty(self) -> bool:
        """Nothing was said."""
        return self.quality is None and not self.klass and not self.flags and not self.comment

    def status(self, unsure: str = "") -> Status:
        """Where the star stands; ``unsure`` is the class that means "not decided"."""
        if not self.done:
            return "waiting" if self.empty else "begun"
        if self.klass == unsure != "" or (self.quality is None and not self.klass):
            return "undecided"
        return "labelled"


@dataclass(frozen=True)
class Context:
    """Under which circumstances an event came to be; kept with it.

    Parameters
    ----------
    model, model_version, weights_sha256 : str
        The model whose reconstruction was on screen.
    data : str
        Hash of the spectra that were on screen, with their release (:func:`specviz.session.vetting.keys.data_version`).
    blind : bool
        The model's score and reasons were hidden.
    vocabulary : str
        :attr:`Vocabulary.version`.
    work_list : str
        Name of the list.
    role : str
        :data:`ADJUDICATOR` where the event belongs to a decision on what reviewers said, "" where it is a look of one's
        own.
    source : str
        Name of the file that it was imported from, "" if it was said here.
    """

    model: str = ""
    model_version: str = ""
    weights_sha256: str = ""
    data: str = ""
    blind: bool = True
    vocabulary: str = ""
    work_list: str = ""
    role: str = ""
    source: str = ""


@dataclass(frozen=True)
class Event:
    """One line of a journal; never changed, never removed.

    Parameters
    ----------
    number : int
        Its place in the journal it was read from.
    uuid : str
        Of the event, the same in every journal it is copied to.
    step : str
        Of the step it belongs to: events of one step are taken back together.
    star : str
        Key of the star (:func:`specviz.session.vetting.keys.star_key`).
    reviewer, time, kind
        Who, when (ISO 8601 UTC, microseconds), and one of :data:`CHANGES` or :data:`OTHERS`.
    value
        See :data:`CHANGES`; anything that JSON holds.
    undoes : str
        For "undo" and "redo": the step that is meant.
    context : Context
    specviz : str
        Version that wrote it.
    imported : bool
        It came into this journal from another one, or from a table.
    """

    number: int
    uuid: str
    step: str
    star: str
    reviewer: str
    time: str
    kind: str
    value: Any = None
    undoes: str = ""
    context: Context = field(default_factory=Context)
    specviz: str = ""
    imported: bool = False


def value_fits(kind: str, value: Any) -> bool:
    """Whether an event of that kind can have that value; kinds of a later specviz may have any."""
    if kind == "quality":
        return value is None or (isinstance(value, int) and not isinstance(value, bool))
    if kind in ("class", "comment"):
        return value is None or isinstance(value, str)
    if kind == "flag":
        pair = isinstance(value, (list, tuple)) and len(value) == 2
        return pair and isinstance(value[0], str) and isinstance(value[1], bool)
    return kind != "done" or isinstance(value, bool)


def voice(event: Event) -> str:
    """Whose label an event belongs to: its reviewer's, or :data:`DECISION`, which adjudicators write together."""
    return DECISION if event.context.role == ADJUDICATOR else event.reviewer


def in_time(events: Iterable[Event]) -> list[Event]:
    """Events in the order in which they came to be, wherever they were written; those of one moment as they stand.

    A journal that others were merged into holds older events behind newer ones.
    """
    return sorted(events, key=lambda e: e.time)


def undone(events: Iterable[Event]) -> frozenset[str]:
    """The steps that are taken back at the end of ``events``."""
    gone: set[str] = set()
    for event in in_time(events):
        if event.kind == "undo":
            gone.add(event.undoes)
        elif event.kind == "redo":
            gone.discard(event.undoes)
    return frozenset(gone)


def label_of(events: Iterable[Event], gone: frozenset[str] | None = None) -> Label:
    """What the events of one :func:`voice` about one star add up to, in the order of their times.

    ``gone``: steps that are taken back, where the events that say so are not among ``events``.
    """
    listed = in_time(events)
    gone = undone(listed) if gone is None else gone
    quality: int | None = None
    klass = comment = time = ""
    flags: set[str] = set()
    done, blind = False, True
    for event in listed:
        if event.kind not in CHANGES or event.step in gone:
            continue
        time, blind = event.time, blind and event.context.blind
        if event.kind == "quality":
            quality = None if event.value is None else int(event.value)
        elif event.kind == "class":
            klass = str(event.value or "")
        elif event.kind == "flag":
            name, on = event.value
            (flags.add if on else flags.discard)(str(name))
        elif event.kind == "comment":
            comment = str(event.value or "")
        else:
            done = bool(event.value)
    return Label(quality, klass, tuple(sorted(flags)), comment, done, time, blind)


@dataclass(frozen=True)
class VetRow:
    """One row of the list: its key in the journal, what I say of it, and how odd it is (NaN: not known)."""

    key: str
    label: Label = field(default_factory=Label)
    score: float = float("nan")


@dataclass(frozen=True)
class Progress:
    """How far one is: ``done`` of ``total``, seconds a star (None before the first ones) and seconds left."""

    done: int
    total: int
    each: float | None = None

    @property
    def left(self) -> float | None:
        return None if self.each is None else self.each * (self.total - self.done)


@dataclass(frozen=True, eq=False)
class Vet:
    """What a vetting view shows besides the star; ``State.vet``.

    Parameters
    ----------
    work_list, reviewer, path : str
        Name of the list, who is at work, and the file of the journal.
    vocabulary : Vocabulary
    rows : tuple of VetRow
        As ``State.work``, in the same order.
    order : tuple of int
        Rows in the order in which they are gone through. It changes only when a filter or an order is chosen, so that
        nothing moves while a person works.
    filter : str
        "all", "unlabelled", "labelled", "undecided", "conflicts", "class:NAME", "flag:NAME", or words to find.
    order_by : str
        "list", "odd", or what a model of this reviewer's labels orders by: "useful", "like:CLASS".
    label : Label
        Mine, of the star on screen.
    others : tuple of (str, Label)
        What other reviewers say of it; empty while hidden.
    blind : bool
        Hide the model's score and reasons and the labels of others until the label is saved.
    revealed : bool
        They are shown for the star on screen.
    odd : object or None
        Why the star is odd (:class:`specviz.catalog.outliers.Oddity`), whether or not it may be shown now.
    window : int or None
        The line window that is looked at.
    move_on : bool
        A quality key also saves and goes on.
    adjudicating : bool
        ``label`` and the labels of ``rows`` are not mine but the decisions on what reviewers said; ``others`` holds
        what every reviewer said, and nothing is hidden.
    decision : Label or None
        What was decided on the star on screen; None while hidden, and where nothing was.
    saved : str
        When the last event was on disk, ISO 8601 UTC; "" before the first.
    problem : str
        Why the last thing could not be written, "" if it was. The label on screen is what is on disk.
    progress : Progress
    can_undo, can_redo : bool
    learned : object or None
        What was learned of this reviewer's labels (:mod:`specviz.session.vetting.learning`).
    agreement : object or None
        How reviewers agree (:mod:`specviz.session.vetting.agreement`).
    doing : str
        What goes on with the whole list behind the person ("Ranking the list: 64 of 600 stars"), "" if nothing does.
    """

    work_list: str
    reviewer: str
    path: str
    vocabulary: Vocabulary
    rows: tuple[VetRow, ...] = ()
    order: tuple[int, ...] = ()
    filter: str = "all"
    order_by: str = "list"
    label: Label = field(default_factory=Label)
    others: tuple[tuple[str, Label], ...] = ()
    blind: bool = True
    revealed: bool = False
    odd: Any = None
    window: int | None = None
    move_on: bool = False
    adjudicating: bool = False
    decision: Label | None = None
    saved: str = ""
    problem: str = ""
    progress: Progress = field(default_factory=lambda: Progress(0, 0))
    can_undo: bool = False
    can_redo: bool = False
    learned: Any = None
    agreement: Any = None
    doing: str = ""

    def place(self, position: int | None) -> int | None:
        """Where a row stands in ``order``; None if it is filtered out."""
        return self.order.index(position) if position is not None and position in self.order else None


def by_star(events: Sequence[Event]) -> dict[tuple[str, str], list[Event]]:
    """(star, :func:`voice`) -> its events, in order."""
    found: dict[tuple[str, str], list[Event]] = {}
    for event in events:
        found.setdefault((event.star, voice(event)), []).append(event)
    return found
