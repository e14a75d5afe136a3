"""``Viewing``: the options of the view in the session's state, with undo and redo."""

from __future__ import annotations

import time
from typing import Any

from specviz.session.keeper import Keeper
from specviz.session.state import State
from specviz.session.telling import told_at_once
from specviz.session.view_options import ViewOptions

#: Steps that can be undone. A step holds one small value.
DEPTH = 200
#: Seconds within which further changes of the same options belong to one step: a slider is dragged, not clicked.
BURST = 1.0


class Viewing(Keeper):
    """The part of :class:`specviz.session.session.Session` that keeps what the person chose to see."""

    def __init__(self, state: State) -> None:
        super().__init__(state)
        self._undo: list[ViewOptions] = []
        self._redo: list[ViewOptions] = []
        self._burst: tuple[frozenset[str], float] = (frozenset(), 0.0)

    @told_at_once
    def set(self, **options: Any) -> ViewOptions:
        """Change how things are shown; see :class:`~specviz.session.view_options.ViewOptions` for the options.

        Raises
        ------
        OptionError
            For an option or a value that does not exist; nothing is changed then.
        """
        with self._changing():
            old = self._state.view
            new = old.with_(**options)
            if new == old:
                return old
            changed, now = frozenset(new.changes_from(old)), time.monotonic()
            names, when = self._burst
            if not (self._undo and changed == names and now - when < BURST):
                self._undo = [*self._undo, old][-DEPTH:]
            elif new == self._undo[-1]:  # there and back again: no step that would undo nothing
                self._undo.pop()
                changed = frozenset()  # whatever comes next is a step of its own
            self._burst = (changed, now)
            self._redo = []
            self._show(new)
            return new

    @told_at_once
    def undo(self) -> bool:
        """Take the last change of the view back; False if there is none."""
        return self._step(self._undo, self._redo)

    @told_at_once
    def redo(self) -> bool:
        """Make the last change that was undone again; False if there is none."""
        return self._step(self._redo, self._undo)

    def _step(self, source: list[ViewOptions], other: list[ViewOptions]) -> bool:
        with self._changing():
            if not source:
                return False
            other.append(self._state.view)
            self._burst = (frozenset(), 0.0)
            self._show(source.pop())
            return True

    def _told(self, line: str) -> None:
        if line and line != self._state.call:
            self._update(call=line)

    def _show(self, view: ViewOptions) -> None:
        self._update(view=view, can_undo=bool(self._undo), can_redo=bool(self._redo))
