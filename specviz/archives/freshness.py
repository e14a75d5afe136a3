"""How old what is kept may be, for the work at hand: ask anew, and note where something older had to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_fresh: ContextVar[bool] = ContextVar("specviz fresh", default=False)


@contextmanager
def fresh(yes: bool = True) -> Iterator[None]:
    """In the block services are asked even for what is kept (it still stands in for one that cannot be reached)."""
    token = _fresh.set(yes or _fresh.get())
    try:
        yield
    finally:
        _fresh.reset(token)


_stood_in: ContextVar[set[str] | None] = ContextVar("specviz stood in", default=None)


@contextmanager
def standing_in() -> Iterator[set[str]]:
    """Gathers the services that could not be reached in the block, and for which an older entry was given instead.

    Threads that work for the block share the set if they run in a copy of its context.
    """
    services: set[str] = set()
    token = _stood_in.set(services)
    try:
        yield services
    finally:
        _stood_in.reset(token)


def wants_fresh() -> bool:
    """Whether the work at hand asks anew."""
    return _fresh.get()


def note_stood_in(service: str) -> None:
    """Tell that an older answer of ``service`` was given."""
    services = _stood_in.get()
    if services is not None:
        services.add(service)
