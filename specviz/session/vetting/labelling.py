"""``Labelling``: what a person says of the star on screen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from specviz.errors import OptionError, SpecvizError
from specviz.session.jobs import Job
from specviz.session.telling import told
from specviz.session.vetting.queueing import Queueing
from specviz.session.vetting.values import Label

_SAME = object()


class Labelling(Queueing):
    """The part of a vetting session that writes labels; every method returns when they are on disk."""

    @told
    def label(self, quality: Any = _SAME, klass: Any = _SAME, comment: Any = _SAME, flags: Any = _SAME) -> Label:
        """Say something of the star on screen; what is not given stays. On disk when this returns.

        Parameters
        ----------
        quality : int or None
        klass : str
            Name of a class, "" for none.
        comment : str
        flags : sequence of str
            All flags that shall be set.

        Returns
        -------
        Label

        Raises
        ------
        OptionError
            A word that is not in the vocabulary; nothing is written then.
        """
        with self._saying():
            here = self._here()
            vet = self.vet
            key, said = vet.rows[here].key, self._said(here)
            changes: list[tuple[str, str, Any]] = []
            if quality is not _SAME:
                if quality is not None:
                    vet.vocabulary.find("qualities", str(quality))
                    quality = int(quality)
                if quality != said.quality:
                    changes.append((key, "quality", quality))
            if klass is not _SAME:
                if klass:
                    vet.vocabulary.find("classes", klass)
                if (klass or "") != said.klass:
                    changes.append((key, "class", klass or ""))
            if flags is not _SAME:
                wanted = {vet.vocabulary.find("flags", f).name for f in flags}
                changes += [(key, "flag", [f, f in wanted]) for f in sorted(wanted ^ set(said.flags))]
            if comment is not _SAME and str(comment or "").strip() != said.comment:
                changes.append((key, "comment", str(comment or "").strip()))
            if quality is not _SAME and quality is not None and vet.move_on:
                self._finish(here, changes)  # one key, one step: it is taken back as one
            else:
                self._write(changes)
            return self._record.label(key)

    @told
    def flag(self, name: str) -> Label:
        """Set a flag of the star on screen, or take it away again."""
        name = self.vet.vocabulary.find("flags", name).name
        with self._saying():
            row = self.vet.rows[self._here()]
            self._write([(row.key, "flag", [name, name not in row.label.flags])])  # what was on screen decides
            return self._record.label(row.key)

    @told
    def comment(self, words: str, row: int | None = None) -> Label:
        """Write a comment on the star on screen, or on a row of the list, counted from 1; "" takes it away.

        Words that were typed for a star that is gone from the screen by now belong to that star.

        Raises
        ------
        OptionError
            There is no such row.
        """
        words = str(words or "").strip()
        with self._saying():
            if row is None:
                row = self._here() + 1
            if not 1 <= row <= len(self.vet.rows):
                raise OptionError(f"There is no row {row}", expected=f"1 to {len(self.vet.rows)}")
            key = self.vet.rows[row - 1].key
            self._write([(key, "comment", words)] if words != self._said(row - 1).comment else [])
            return self._record.label(key)

    @told
    def clear(self) -> Label:
        """Take back everything that I say of the star on screen, in one step."""
        with self._saying():
            here = self._here()
            key = self.vet.rows[here].key
            self._write(_nothing(key, self._said(here)))
            return self._record.label(key)

    @told
    def finish(self) -> Job | None:
        """I have finished with the star on screen: on to the next without a label (stays, if there is none)."""
        with self._saying():
            return self._finish(self._here(), [])

    def _finish(self, here: int, changes: list[tuple[str, str, Any]]) -> Job | None:
        """Write ``changes`` of a row, that I have finished with it, and where I am then, in one step; and go there."""
        key = self.vet.rows[here].key
        done = self._said(here).done
        following = self._next_undone(here)
        changes = changes if done else [*changes, (key, "done", True)]
        if following is not None:
            changes = [*changes, (self.vet.rows[following].key, "open", following)]
        if not self._write(changes):
            return None
        self._pace.finished(key)
        return None if following is None else self.go(following)

    @told
    def undo_label(self) -> bool:
        """Take back the last thing I said, whichever star it was of (and show that star); False if there is none."""
        return self._step_labels("undo")

    @told
    def redo_label(self) -> bool:
        """Say again what was taken back last; False if there is nothing."""
        return self._step_labels("redo")

    def _step_labels(self, kind: str) -> bool:
        with self._saying():
            if not self.refresh():  # another window of mine may have gone on, or taken back the same
                return False
            step = self._record.undoable if kind == "undo" else self._record.redoable
            if step is None:
                return False
            star = self._record.star_of(step)
            if not self._write([(star, kind, None)], undoes=step):
                return False
            position = next((i for i, row in enumerate(self.vet.rows) if row.key == star), None)
            if position is not None and position != self._at:
                self.go(position)
            return True

    def _said(self, position: int) -> Label:
        """What I say of a row by now, in whichever window; as it is on screen where the journal cannot be read."""
        self.refresh()
        return self.vet.rows[position].label

    def _here(self) -> int:
        """The row on screen. While another is on its way nothing can be said: it would be of a star nobody has seen."""
        idle = self._idle.is_set()  # asked first: what was on its way then is on screen below
        state, rows, at = self._state, self.vet.rows, self._at
        here = state.position
        if self._jobs.current is not None or (here != at and not idle):
            name = rows[at].key[:60] if at is not None and at < len(rows) else "A star"
            raise SpecvizError(f"{name} is still on its way; nothing was written", remedy="Press the key once more")
        if here is None or not 0 <= here < len(rows):
            raise SpecvizError("No star of the list is on screen; nothing was written", remedy="Choose a row first")
        return here

    # ------------------------------------------------------------------ how it is done
    @told
    def set_blind(self, blind: bool = True) -> None:
        """Hide what the model and others say until a label is saved, or show it at once; the journal keeps which."""
        with self._saying():
            if blind == self.vet.blind:
                return
            with self._changing():
                self._update(vet=self._told_of(replace(self.vet, blind=bool(blind))))
            at, rows = self._state.position, self.vet.rows
            key = rows[at].key if at is not None and at < len(rows) else ""
            self._write([(key, "blind", bool(blind))])

    @told
    def set_move_on(self, on: bool = True) -> None:
        """A quality key also saves and goes on."""
        with self._changing():
            self._update(vet=replace(self.vet, move_on=bool(on)))

    def set_window(self, window: int | None) -> None:
        """Look at a line window (its number), or at none."""
        with self._changing():
            self._update(vet=replace(self.vet, window=window))


def _nothing(key: str, label: Label) -> list[tuple[str, str, Any]]:
    changes: list[tuple[str, str, Any]] = []
    if label.quality is not None:
        changes.append((key, "quality", None))
    if label.klass:
        changes.append((key, "class", ""))
    changes += [(key, "flag", [f, False]) for f in label.flags]
    if label.comment:
        changes.append((key, "comment", ""))
    if label.done:
        changes.append((key, "done", False))
    return changes
