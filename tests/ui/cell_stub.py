"""Runs a notebook's cell without specviz, to hear what it would explore."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any
from unittest import mock


def explored(source: str) -> Any:
    """What the cell hands to ``specviz.explore``; None if nothing. Fails if the cell does not."""
    asked: list[tuple[Any, ...]] = []
    stub = ModuleType("specviz")
    stub.explore = lambda *what: asked.append(what)  # type: ignore[attr-defined]
    with mock.patch.dict(sys.modules, {"specviz": stub}):
        exec(source, {})
    (what,) = asked
    return what[0] if what else None
