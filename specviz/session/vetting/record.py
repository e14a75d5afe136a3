"""``Record``: what a journal says of the stars of one list, kept up as it grows."""

from __future__ import annotations

from collections.abc import Sequence

from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.values import CHANGES, Event, Label, label_of


class Record:
    """The events of a journal about some stars: labels, steps that can be taken back, and where each reviewer is.

    Parameters
    ----------
    journal : LabelJournal
    """

    def __init__(self, journal: LabelJournal) -> None:
        self._journal, self._me = journal, journal.reviewer
        self._keys: frozenset[str] = frozenset()
        self._events: dict[tuple[str, str], list[Event]] = {}  # (star, reviewer) -> changes of its label
        self._labels: dict[tuple[str, str], Label] = {}
        self._gone: set[str] = set()
        self._stars: dict[str, str] = {}  # step -> the star it is of
        self._done: list[str] = []  # my steps that can be taken back, the latest last
        self._undone: list[str] = []  # and those that can be made again
        self._seen: set[str] = set()
        self._last = 0
        self.last_open = ""
        """Key of the star that was before me last."""

    def take_up(self, keys: Sequence[str]) -> None:
        """Read the journal anew for the stars of a list."""
        self.__init__(self._journal)  # type: ignore[misc]
        self._keys = frozenset(keys)
        self.refresh()

    def refresh(self) -> bool:
        """Read what came to the journal since; tells whether something did."""
        return self.add(self._journal.events(after=self._last), read=True)

    def add(self, events: Sequence[Event], *, read: bool = False) -> bool:
        """Take events in. Those just written may be read again later: each counts once.

        (``read``: they are all that the journal has up to the last of them. What others wrote between two of mine has
        smaller numbers than what I have just written, so that alone does not tell how far was read.)
        """
        new = [e for e in events if e.uuid not in self._seen]
        for event in new:
            self._seen.add(event.uuid)
            self._take(event)
        if read and events:
            self._last = max(self._last, events[-1].number)
        return bool(new)

    def _take(self, event: Event) -> None:
        if event.star not in self._keys:
            return
        mine, who = event.reviewer == self._me, (event.star, event.reviewer)
        if mine and event.kind in (*CHANGES, "open"):
            self.last_open = event.star
        if event.kind in CHANGES:
            self._events.setdefault(who, []).append(event)
            self._stars[event.step] = event.star
            if mine and event.step not in self._done[-1:]:
                self._done.append(event.step)
                self._undone.clear()
        elif event.kind in ("undo", "redo"):
            (self._gone.add if event.kind == "undo" else self._gone.discard)(event.undoes)
            source, other = (self._done, self._undone) if event.kind == "undo" else (self._undone, self._done)
            if mine and event.undoes in source:
                source.remove(event.undoes)
                other.append(event.undoes)
            if mine:
                self.last_open = event.star
        else:
            return
        self._labels[who] = label_of(self._events.get(who, ()), frozenset(self._gone))

    # ------------------------------------------------------------------ what it says
    def label(self, star: str) -> Label:
        """Mine."""
        return self._labels.get((star, self._me), Label())

    def others(self, star: str) -> tuple[tuple[str, Label], ...]:
        """What others have finished saying of a star, by their names."""
        found = [(who, label) for (key, who), label in self._labels.items() if key == star and who != self._me]
        return tuple(sorted((who, label) for who, label in found if label.done))

    def conflicts(self) -> frozenset[str]:
        """Stars whose finished labels differ in class."""
        said: dict[str, set[str]] = {}
        for (star, _), label in self._labels.items():
            if label.done:
                said.setdefault(star, set()).add(label.klass)
        return frozenset(star for star, classes in said.items() if len(classes) > 1)

    @property
    def undoable(self) -> str | None:
        """My last step that can be taken back."""
        return self._done[-1] if self._done else None

    @property
    def redoable(self) -> str | None:
        """My last step that was taken back."""
        return self._undone[-1] if self._undone else None

    def star_of(self, step: str) -> str:
        """The star that a step is of."""
        return self._stars[step]
