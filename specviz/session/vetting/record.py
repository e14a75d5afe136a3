"""``Record``: what a journal says of the stars of one list, kept up as it grows."""

from __future__ import annotations

from collections.abc import Sequence

from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.values import ADJUDICATOR, CHANGES, DECISION, Event, Label, label_of, voice


class Record:
    """The events of a journal about some stars: labels, steps that can be taken back, and where each reviewer is.

    Parameters
    ----------
    journal : LabelJournal
    """

    def __init__(self, journal: LabelJournal) -> None:
        self._journal, self._me = journal, journal.reviewer
        self._voice = self._me  # whose labels are mine now
        self._keys: frozenset[str] = frozenset()
        self._events: dict[tuple[str, str], list[Event]] = {}  # (star, voice) -> changes of its label
        self._labels: dict[tuple[str, str], Label] = {}
        self._gone: set[str] = set()
        self._stars: dict[str, str] = {}  # step -> the star it is of
        # My steps that can be taken back, the latest last, and those that can be made again: of my looks, of decisions.
        self._done: dict[str, list[str]] = {self._me: [], DECISION: []}
        self._undone: dict[str, list[str]] = {self._me: [], DECISION: []}
        self._seen: set[str] = set()
        self._last = 0
        self.last_open = ""
        """Key of the star that was before me last."""

    def take_up(self, keys: Sequence[str]) -> None:
        """Read the journal anew for the stars of a list."""
        voice = self._voice
        self.__init__(self._journal)  # type: ignore[misc]
        self._voice = voice
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
        who = event.star, voice(event)
        mine, said = event.reviewer == self._me, who[1]
        if mine and event.kind in (*CHANGES, "open"):
            self.last_open = event.star
        if event.kind in CHANGES:
            self._events.setdefault(who, []).append(event)
            self._stars[event.step] = event.star
            if mine and event.step not in self._done[said][-1:]:
                self._done[said].append(event.step)
                self._undone[said].clear()
        elif event.kind in ("undo", "redo"):
            (self._gone.add if event.kind == "undo" else self._gone.discard)(event.undoes)
            source, other = (self._done, self._undone) if event.kind == "undo" else (self._undone, self._done)
            if mine and event.undoes in source[said]:
                source[said].remove(event.undoes)
                other[said].append(event.undoes)
            if mine:
                self.last_open = event.star
        else:
            return
        self._labels[who] = label_of(self._events.get(who, ()), frozenset(self._gone))

    # ------------------------------------------------------------------ what it says
    def label(self, star: str) -> Label:
        """Mine; the decision, while I decide."""
        return self._labels.get((star, self._voice), Label())

    @property
    def role(self) -> str:
        """:data:`ADJUDICATOR` while I decide, "" while I look."""
        return ADJUDICATOR if self._voice == DECISION else ""

    @role.setter
    def role(self, role: str) -> None:
        self._voice = DECISION if role == ADJUDICATOR else self._me

    def decision(self, star: str) -> Label | None:
        """What was decided on a star, None if nothing was."""
        found = self._labels.get((star, DECISION))
        return found if found is not None and found.done else None

    def others(self, star: str) -> tuple[tuple[str, Label], ...]:
        """What others have finished saying of a star, by their names; while I decide, what I said myself, too."""
        unlike = (self._voice, DECISION)
        found = {who: label for (key, who), label in self._labels.items() if key == star and who not in unlike}
        return tuple((who, found[who]) for who in sorted(found) if found[who].done)

    def finished(self) -> dict[str, dict[str, Label]]:
        """Star -> reviewer -> label, of those that are finished; without decisions."""
        said: dict[str, dict[str, Label]] = {}
        for (star, who), label in self._labels.items():
            if label.done and who != DECISION:
                said.setdefault(star, {})[who] = label
        return said

    def conflicts(self) -> frozenset[str]:
        """Stars whose finished labels differ in class."""
        return frozenset(
            star for star, said in self.finished().items() if len({label.klass for label in said.values()}) > 1
        )

    @property
    def undoable(self) -> str | None:
        """My last step that can be taken back."""
        done = self._done[self._voice]
        return done[-1] if done else None

    @property
    def redoable(self) -> str | None:
        """My last step that was taken back."""
        undone = self._undone[self._voice]
        return undone[-1] if undone else None

    def star_of(self, step: str) -> str:
        """The star that a step is of."""
        return self._stars[step]
