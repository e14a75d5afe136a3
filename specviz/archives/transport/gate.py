"""``Gate``: the polite pace of one service, shared by every thread of this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from specviz.archives.transport.monitor import Monitor
from specviz.archives.transport.services import Service
from specviz.archives.transport.settings import setting

_POLL = 0.05  # seconds between looks at an outer cancel switch


class Gate:
    """Lets ``at_once`` requests through at a time, and no more than ``per_second`` a second.

    Parameters
    ----------
    service : Service
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._condition = threading.Condition()
        self._inside = 0
        self._next = 0.0

    @contextmanager
    def turn(self, monitor: Monitor) -> Iterator[None]:
        """Wait for a turn, and hold it while the block runs.

        Raises
        ------
        CancelledError
            If ``monitor`` was cancelled while waiting.
        """
        self._enter(monitor)
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify()

    def _enter(self, monitor: Monitor) -> None:
        def wake() -> None:
            with self._condition:
                self._condition.notify_all()

        with monitor.on_cancel(wake), self._condition:
            while self._inside >= self._service.at_once:
                monitor.check()
                self._condition.wait(_POLL if monitor.watches else 1.0)
            monitor.check()
            now = time.monotonic()
            start = max(now, self._next)
            self._next = start + spacing(self._service)
            self._inside += 1
        try:
            if start > now:
                monitor.wait(start - now)
        except BaseException:
            with self._condition:
                self._inside -= 1
                self._condition.notify()
            raise


def spacing(service: Service) -> float:
    """Seconds between the starts of two requests (``SPECVIZ_PACE`` multiplies them; tests set it to 0)."""
    return setting("SPECVIZ_PACE", 1.0) / service.per_second


_gates: dict[str, Gate] = {}
_lock = threading.Lock()


def gate(service: Service) -> Gate:
    """The gate of a service: one a process."""
    with _lock:
        if service.key not in _gates:
            _gates[service.key] = Gate(service)
        return _gates[service.key]
