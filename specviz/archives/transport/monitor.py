"""``Monitor``: how a person's cancel reaches a socket, and how bytes and words come back.

Astroquery and pyvo call our session from the inside, so what they do cannot be handed an argument: the monitor of the
work at hand is in a context variable. A thread that works for another takes it along with
``contextvars.copy_context()``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from specviz.errors import CancelledError


@dataclass(frozen=True)
class Step:
    """What one service is doing at the moment.

    ``words`` says it in the present tense ("asking", "reading", "waiting to try again"); ``received`` and ``total`` in
    bytes (``total`` None where the service does not say); ``attempt`` counts from 1.
    """

    service: str
    words: str
    received: int = 0
    total: int | None = None
    attempt: int = 1


class Monitor:
    """A cancel switch with listeners, and an ear for progress. Every method may be called from any thread.

    Parameters
    ----------
    progress : callable(Step), optional
        Called on the thread that works.
    cancel : threading.Event or callable() -> bool, optional
        Another switch to obey; it is looked at every 50 ms while something waits.
    """

    def __init__(self, progress: Callable[[Step], None] | None = None, cancel: Any = None) -> None:
        self._progress = progress
        self._outer: Callable[[], bool] | None = getattr(cancel, "is_set", cancel)
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: dict[object, Callable[[], None]] = {}

    def cancel(self) -> None:
        """Stop the work: sockets in use are shut at once, waits end."""
        self._event.set()
        with self._lock:
            callbacks = list(self._callbacks.values())
        for callback in callbacks:
            callback()

    @property
    def cancelled(self) -> bool:
        if not self._event.is_set() and self._outer is not None and self._outer():
            self.cancel()
        return self._event.is_set()

    @property
    def watches(self) -> bool:
        """Whether there is an outer switch that has to be polled."""
        return self._outer is not None

    def check(self) -> None:
        """Raise CancelledError if the work is to stop."""
        if self.cancelled:
            raise CancelledError("Stopped")

    def wait(self, seconds: float) -> None:
        """Sleep, unless cancelled: then raise CancelledError at once."""
        left = seconds
        while left > 0 and not self.cancelled:
            nap = min(left, 0.05) if self._outer is not None else left
            self._event.wait(nap)
            left -= nap
        self.check()

    @contextmanager
    def on_cancel(self, callback: Callable[[], None]) -> Iterator[None]:
        """Call ``callback`` when the work is cancelled while the block runs (at once, if it is already)."""
        token = object()
        with self._lock:
            self._callbacks[token] = callback
        try:
            if self._event.is_set():
                callback()
            yield
        finally:
            with self._lock:
                self._callbacks.pop(token, None)

    def step(self, service: str, words: str, received: int = 0, total: int | None = None, attempt: int = 1) -> None:
        """Say what a service is doing; raises CancelledError if the work is to stop."""
        self.check()
        if self._progress is not None:
            self._progress(Step(service, words, received, total, attempt))


_SILENT = Monitor()
_current: ContextVar[Monitor] = ContextVar("specviz monitor", default=_SILENT)


def current() -> Monitor:
    """The monitor of the work at hand; one that nobody listens to where none was set."""
    return _current.get()


@contextmanager
def watching(monitor: Monitor | None) -> Iterator[Monitor]:
    """Everything in the block reports to ``monitor`` and stops with it; None leaves the present one."""
    if monitor is None:
        yield current()
        return
    token = _current.set(monitor)
    try:
        yield monitor
    finally:
        _current.reset(token)
