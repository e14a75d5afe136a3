"""The switch that keeps everything off the network: for the work at hand, or with ``SPECVIZ_OFFLINE=1`` for all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_offline: ContextVar[bool] = ContextVar("specviz offline", default=False)


def online() -> bool:
    """Whether services may be asked."""
    told = os.environ.get("SPECVIZ_OFFLINE", "").strip().lower()
    return not _offline.get() and told not in ("1", "true", "yes", "on")


@contextmanager
def offline(yes: bool = True) -> Iterator[None]:
    """In the block no service is asked: every request raises OfflineError before anything is sent."""
    token = _offline.set(yes or _offline.get())
    try:
        yield
    finally:
        _offline.reset(token)
