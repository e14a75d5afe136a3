"""``Record``: what a journal says of the stars of one list, kept up as it grows."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.values import ADJUDICATOR, CHANGES, DECISION, Event, Label, label_of, voice


class Record:
    """The events of a journal about some stars: labels, steps that can be taken back, and where each reviewer is.

    Every method may be called from any thread. What counts is the order in the file: events are taken in by their
    numbers, each once, also those that another window of mine wrote between two of mine.

    Parameters
    ----------
    journal : LabelJournal
    """

    def __init__(self, journal: LabelJournal) -> None:
        self._journal, self._me = journal, journal.reviewer
        self._lock = threading.RLock()  # nothing else is waited for while it is held
        self._voice = self._me  # whose labels are mine now
        self._begin(frozenset())

    def _begin(self, keys: frozenset[str]) -> None:
        self._keys = keys
        self._events: dict[tuple[str, str], list[Event]] = {}  # (star, voice) -> what its label comes of
        self._labels: dict[str, dict[str, Label]] = {}  # star -> voice -> label
        self._stars: dict[str, str] = {}  # my step -> the star it is of
        # My steps that can be taken back, the latest last, and those that can be made again: of my looks, of decisions.
        self._done: dict[str, list[str]] = {self._me: [], DECISION: []}
        self._undone: dict[str, list[str]] = {self._me: [], DECISION: []}
        self._last = 0  # number of the last event that was taken in
        self._open = ""
        self._shown: set[str] = set()  # stars of which I saw the model's opinion, or what others say
        self._finished: set[str] = set()  # stars that I have finished with: to look at one of them shows that

    @property
    def last_open(self) -> str:
        """Key of the star that was before me last."""
        return self._open

    def take_up(self, keys: Sequence[str]) -> None:
        """Read the journal anew for the stars of a list."""
        events = self._journal.events()
        with self._lock:
            self._begin(frozenset(keys))
            self._take_all(events)

    def refresh(self) -> frozenset[str]:
        """Read what came to the journal since; gives the stars of the list that something was said of."""
        events = self._journal.events(after=self._last)
        with self._lock:
            return self._take_all(events)

    def add(self, events: Sequence[Event]) -> frozenset[str]:
        """Take in what was just written, and what others wrote before it; gives the stars that it is of."""
        if not events:
            return frozenset()
        with self._lock:
            if events[0].number == self._last + 1:  # numbers have no gaps: nothing lies between
                return self._take_all(events)
        return self.refresh()

    def _take_all(self, events: Sequence[Event]) -> frozenset[str]:
        touched: dict[tuple[str, str], None] = {}
        for event in events:
            if event.number > self._last:  # else another thread was quicker
                self._last = event.number
                if event.star in self._keys and self._take(event):
                    touched[event.star, voice(event)] = None
        for star, said in touched:
            self._labels.setdefault(star, {})[said] = label_of(self._events[star, said])
        return frozenset(star for star, _ in touched)

    def _take(self, event: Event) -> bool:
        """Whether an event is one that labels come of."""
        # What was imported was not said here: it is not where I stopped, nor the last thing I did.
        said, mine = voice(event), event.reviewer == self._me and not event.imported
        if mine and event.kind in (*CHANGES, "open", "undo", "redo"):
            self._open = event.star
        if mine:
            self._note_seen(event, said)
        if event.kind in CHANGES:
            if mine and event.step not in self._stars:
                self._stars[event.step] = event.star
                self._done[said].append(event.step)
                self._undone[said].clear()
        elif event.kind in ("undo", "redo"):
            source, other = (self._done, self._undone) if event.kind == "undo" else (self._undone, self._done)
            if event.undoes in source.get(said, ()):  # decisions can be taken back by whoever decides
                source[said].remove(event.undoes)
                other[said].append(event.undoes)
        else:
            return False
        self._events.setdefault((event.star, said), []).append(event)
        return True

    def _note_seen(self, event: Event, said: str) -> None:
        """Keep of which stars I have seen the model's opinion or that of others; hiding it makes nobody blind again."""
        star = event.star
        if said == DECISION or not event.context.blind or (event.kind == "open" and star in self._finished):
            self._shown.add(star)
        if said == DECISION:
            return
        if event.kind == "done":
            (self._finished.add if event.value else self._finished.discard)(star)
        elif event.kind in ("undo", "redo"):
            label = label_of([*self._events.get((star, said), ()), event])
            (self._finished.add if label.done else self._finished.discard)(star)

    # ------------------------------------------------------------------ what it says
    def label(self, star: str) -> Label:
        """Mine; the decision, while I decide."""
        with self._lock:
            return self._labels.get(star, {}).get(self._voice, Label())

    @property
    def role(self) -> str:
        """:data:`ADJUDICATOR` while I decide, "" while I look."""
        return ADJUDICATOR if self._voice == DECISION else ""

    @role.setter
    def role(self, role: str) -> None:
        self._voice = DECISION if role == ADJUDICATOR else self._me

    def blind(self, star: str) -> bool:
        """Whether I have never seen the model's opinion of a star, nor what others say of it."""
        with self._lock:
            return star not in self._shown

    def decision(self, star: str) -> Label | None:
        """What was decided on a star, None if nothing was."""
        with self._lock:
            found = self._labels.get(star, {}).get(DECISION)
        return found if found is not None and found.done else None

    def others(self, star: str) -> tuple[tuple[str, Label], ...]:
        """What others have finished saying of a star, by their names; while I decide, what I said myself, too."""
        unlike = (self._voice, DECISION)
        with self._lock:
            found = {who: label for who, label in self._labels.get(star, {}).items() if who not in unlike}
        return tuple((who, found[who]) for who in sorted(found) if found[who].done)

    def finished(self) -> dict[str, dict[str, Label]]:
        """Star -> reviewer -> label, of those that are finished; without decisions."""
        with self._lock:
            said = {
                star: {who: label for who, label in labels.items() if label.done and who != DECISION}
                for star, labels in self._labels.items()
            }
        return {star: labels for star, labels in said.items() if labels}

    def conflicts(self) -> frozenset[str]:
        """Stars whose finished labels differ in class."""
        return frozenset(
            star for star, said in self.finished().items() if len({label.klass for label in said.values()}) > 1
        )

    @property
    def undoable(self) -> str | None:
        """My last step that can be taken back."""
        with self._lock:
            done = self._done[self._voice]
            return done[-1] if done else None

    @property
    def redoable(self) -> str | None:
        """My last step that was taken back."""
        with self._lock:
            undone = self._undone[self._voice]
            return undone[-1] if undone else None

    def star_of(self, step: str) -> str:
        """The star that a step of mine is of."""
        return self._stars[step]
