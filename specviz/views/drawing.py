"""Drawing the parts of a view from one state to another."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from specviz.session.state import State

_log = logging.getLogger(__name__)


def update_parts(parts: Iterable[Any], old: State, new: State) -> None:
    """Let each part draw what changed between two states; one that fails leaves the others alone."""
    for part in parts:
        try:
            part.update(old, new)
        except Exception:  # noqa: BLE001 - one panel that cannot draw leaves the others alone; the log has the traceback
            _log.exception("%s failed to draw", type(part).__name__)
