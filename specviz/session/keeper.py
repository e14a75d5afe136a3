"""``Keeper``: the one state of a session, changed under one lock, and those who hear of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from specviz.session.state import State

_log = logging.getLogger(__name__)
Listener = Callable[[State, State], None]


class Keeper:
    """Holds the state. Every method may be called from any thread."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lock = threading.RLock()
        self._depth = 0
        self._listeners: list[Listener] = []

    @property
    def state(self) -> State:
        return self._state

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener(old, new)`` after each change; gives back the function that ends it."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def _update(self, **changes: Any) -> None:
        with self._changing():
            self._state = replace(self._state, **changes)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Change the state under the lock; tell the listeners after the outermost change, without it.

        A listener waits for its display's own lock, and a display's callback waits for this one: were listeners called
        with
        the lock held, the two could wait for each other.
        """
        with self._lock:
            old = self._state
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
            changed = self._depth == 0 and self._state is not old
            new = self._state
        if changed:
            self._changed(old, new)

    def _changed(self, old: State, new: State) -> None:
        """Tell the listeners; called without the lock."""
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            try:
                listener(old, new)
            except Exception:  # noqa: BLE001 - a view that cannot draw must not stop the others, nor the job
                _log.exception("a view failed to draw")
