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
        vet, key = self.vet, self._key()
        changes: list[tuple[str, str, Any]] = []
        if quality is not _SAME:
            if quality is not None:
                vet.vocabulary.find("qualities", str(quality))
                quality = int(quality)
            if quality != vet.label.quality:
                changes.append((key, "quality", quality))
        if klass is not _SAME:
            if klass:
                vet.vocabulary.find("classes", klass)
            if (klass or "") != vet.label.klass:
                changes.append((key, "class", klass or ""))
        if flags is not _SAME:
            wanted = {vet.vocabulary.find("flags", f).name for f in flags}
            changes += [(key, "flag", [f, f in wanted]) for f in sorted(wanted ^ set(vet.label.flags))]
        if comment is not _SAME and str(comment or "").strip() != vet.label.comment:
            changes.append((key, "comment", str(comment or "").strip()))
        if changes:
            self._write(changes)
        if quality is not _SAME and quality is not None and vet.move_on and not self.vet.problem:
            self.finish()
        return self.vet.label

    @told
    def flag(self, name: str) -> Label:
        """Set a flag of the star on screen, or take it away again."""
        name = self.vet.vocabulary.find("flags", name).name
        self._write([(self._key(), "flag", [name, name not in self.vet.label.flags])])
        return self.vet.label

    @told
    def comment(self, words: str, row: int | None = None) -> Label:
        """Write a comment on the star on screen, or on a row of the list, counted from 1; "" takes it away.

        Words that were typed for a star that is gone from the screen by now belong to that star.

        Raises
        ------
        OptionError
            There is no such row.
        """
        if row is None:
            row = self._here() + 1
        if not 1 <= row <= len(self.vet.rows):
            raise OptionError(f"There is no row {row}", expected=f"1 to {len(self.vet.rows)}")
        key, words = self.vet.rows[row - 1].key, str(words or "").strip()
        if words != self.vet.rows[row - 1].label.comment:
            self._write([(key, "comment", words)])
        return self.vet.rows[row - 1].label

    @told
    def clear(self) -> Label:
        """Take back everything that I say of the star on screen, in one step."""
        self._write(_nothing(self._key(), self.vet.label))
        return self.vet.label

    @told
    def finish(self) -> Job | None:
        """I have finished with the star on screen: on to the next without a label (stays, if there is none)."""
        here = self._here()
        key, following = self.vet.rows[here].key, self._next_undone(here)
        changes: list[tuple[str, str, Any]] = [] if self.vet.label.done else [(key, "done", True)]
        if following is not None:
            changes.append((self.vet.rows[following].key, "open", following))
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
        with self._writing:
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

    def _here(self) -> int:
        """The row on screen. While another is on its way nothing can be said: it would be of a star nobody has seen."""
        at = self._at
        if at is None or not 0 <= at < len(self.vet.rows):
            raise SpecvizError("No star of the list is on screen", remedy="Choose a row first")
        if self._jobs.current is not None or self._state.position != at:
            name = self.vet.rows[at].key
            raise SpecvizError(f"{name} is still on its way; nothing was written", remedy="Press the key once more")
        return at

    def _key(self) -> str:
        return self.vet.rows[self._here()].key

    # ------------------------------------------------------------------ how it is done
    @told
    def set_blind(self, blind: bool = True) -> None:
        """Hide what the model and others say until a label is saved, or show it at once; the journal keeps which."""
        if blind != self.vet.blind:
            with self._changing():
                self._update(vet=self._told_of(replace(self.vet, blind=bool(blind))))
            at = self._state.position
            self._write([("" if at is None else self.vet.rows[at].key, "blind", bool(blind))], step=False)

    @told
    def set_move_on(self, on: bool = True) -> None:
        """A quality key also saves and goes on."""
        self._update(vet=replace(self.vet, move_on=bool(on)))

    def set_window(self, window: int | None) -> None:
        """Look at a line window (its number), or at none."""
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
