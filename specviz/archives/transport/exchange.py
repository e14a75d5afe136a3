"""``Exchange``: one request under way, which can be broken off from another thread at any moment.

A thread that waits in ``recv`` cannot look at a switch. It is woken by shutting its connection down: every connection
keeps a second handle on its socket (``socket.fromfd``, because wrapping a socket in TLS takes the first one away), and
the exchange at hand shuts that handle when the person cancels or when the time is up.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from specviz.archives.transport.monitor import Monitor
from specviz.errors import CancelledError


class DeadlineError(OSError):
    """The time for one request is up; becomes a ServiceTimeoutError with the service's name."""


class Exchange:
    """One request from the first look-up of the host to the last byte.

    Parameters
    ----------
    monitor : Monitor
    seconds : float
        What it may take in all.
    """

    def __init__(self, monitor: Monitor, seconds: float) -> None:
        self.monitor, self.ends = monitor, time.monotonic() + seconds
        self._lock = threading.Lock()
        self._handle: socket.socket | None = None
        self._broken = False

    def attach(self, handle: socket.socket) -> None:
        """Shut ``handle`` when the exchange is broken off."""
        with self._lock:
            self._handle = handle
            broken = self._broken
        if broken:
            self._shut()

    def detach(self, handle: socket.socket | None = None) -> None:
        """The connection (that one, or whichever it is) is not this exchange's any more."""
        with self._lock:
            if handle is None or handle is self._handle:
                self._handle = None

    def abort(self) -> None:
        """Wake the thread that waits for the service."""
        with self._lock:
            self._broken = True
        self._shut()

    def _shut(self) -> None:
        with self._lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):  # closed already: that is what was wanted
                    self._handle.shutdown(socket.SHUT_RDWR)

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.ends - time.monotonic()

    def check(self) -> None:
        """Raise CancelledError or DeadlineError if it is over."""
        self.monitor.check()
        if self.left() <= 0:
            raise DeadlineError("the time is up")


_at_hand: ContextVar[Exchange | None] = ContextVar("specviz exchange", default=None)


def at_hand() -> Exchange | None:
    """The exchange of this thread, if there is one."""
    return _at_hand.get()


@contextmanager
def exchanging(monitor: Monitor, seconds: float) -> Iterator[Exchange]:
    """Begin an exchange; whatever its end makes the network library raise leaves as CancelledError or DeadlineError."""
    exchange = Exchange(monitor, seconds)
    token = _at_hand.set(exchange)
    watch = threading.Thread(target=_watch, args=(exchange, done := threading.Event()), daemon=True)
    watch.name = "specviz-http-watch"
    watch.start()
    try:
        with monitor.on_cancel(exchange.abort):
            exchange.check()
            yield exchange
    except CancelledError:
        raise
    except Exception:
        exchange.check()  # broken off by us: say so, whatever the library made of it
        raise
    finally:
        done.set()
        watch.join(0.2)  # it wakes at once, unless the person's own switch is slow
        exchange.detach()
        _at_hand.reset(token)


def _watch(exchange: Exchange, done: threading.Event) -> None:
    """Abort at the deadline, and when an outer switch (which has no listeners) is turned."""
    while not done.is_set():
        left = exchange.left()
        if left <= 0:
            exchange.abort()
            return
        done.wait(min(left, 0.05) if exchange.monitor.watches else left)
        if exchange.monitor.watches and not done.is_set() and exchange.monitor.cancelled:
            exchange.abort()
            return
