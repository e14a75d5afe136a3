"""Every action of a person as the line of Python that does the same: what the footer shows and its button copies.

Views act through the session alone, so the line is the call of the session's method; where the widget has the method
too, the shorter form is told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Any, TypeVar

#: Methods that ``Explorer`` has under the same name.
ON_WIDGET = frozenset(
    {"set", "undo", "redo", "use_model", "face_off", "study", "measure", "cross_correlate", "indices"}
)
#: Longest line that is told; a region drawn by hand has hundreds of corners.
LONGEST = 200
_inside = threading.local()
F = TypeVar("F", bound=Callable[..., Any])


def call_line(
    name: str, arguments: tuple[Any, ...] = (), options: dict[str, Any] | None = None, widget: str = "explorer"
) -> str:
    """The call as it is written in a notebook; "" if it is too long to read, or has arguments that have no literal."""
    every = [*arguments, *(options or {}).values()]
    if not all(_literal(v) for v in every):
        return ""
    words = [repr(v) for v in arguments] + [f"{k}={v!r}" for k, v in (options or {}).items()]
    on_widget = name in ON_WIDGET or widget != "explorer"  # only the Explorer keeps some methods behind its session
    line = f"{widget if on_widget else f'{widget}.session'}.{name}({', '.join(words)})"
    return line if len(line) <= LONGEST else ""


def told(method: F) -> F:
    """Keep the line of a method that a person's action calls, in ``state.call``; of calls within it nothing is told."""
    return _telling(method, lambda self: nullcontext())


def told_at_once(method: F) -> F:
    """The same for a method that only changes the state: the change and its line are one, heard of once."""
    return _telling(method, lambda self: self._changing())


def _telling(method: F, while_running: Callable[[Any], Any]) -> F:
    @wraps(method)
    def run(self: Any, *arguments: Any, **options: Any) -> Any:
        if getattr(_inside, "now", False):
            return method(self, *arguments, **options)
        with while_running(self):
            _inside.now = True
            before = self.state
            try:
                result = method(self, *arguments, **options)
            finally:
                _inside.now = False
            if self.state is not before:  # what changes nothing is not told
                self._told(call_line(method.__name__, arguments, options, getattr(self, "widget", "explorer")))
        return result

    return run  # type: ignore[return-value]


def _literal(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(_literal(v) for v in value)
    return value is None or isinstance(value, (bool, int, float, str))
