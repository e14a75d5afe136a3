"""Serialise Bokeh models without asking for what they do not hold.

Bokeh 3.9 computes the value of every property of a model, defaults with all their checks included, and then throws away
those that were not set: three quarters of the time to encode the Explorer. While this module's context is open on a
thread the question is asked of the set ones alone; elsewhere, and for other documents, Bokeh does as it always did.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from bokeh.core.has_props import HasProps
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.core.property.wrappers import PropertyValueContainer

_quick = threading.local()
_ask_all = HasProps.query_properties_with_values


@cache
def _descriptors(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Properties of a class with their descriptors, in Bokeh's order."""
    return tuple((key, kind.lookup(key)) for key in kind.properties(_with_props=True))


def _ask_what_is_set(
    self: Any, query: Callable[[Any], bool], *, include_defaults: bool = True, include_undefined: bool = False
) -> dict[str, Any]:
    """The same answer as Bokeh's for a model whose required properties are set; one that lacks any is asked Bokeh's
    way, which raises.
    """
    if include_defaults or include_undefined or not getattr(_quick, "depth", 0):
        return _ask_all(self, query, include_defaults=include_defaults, include_undefined=include_undefined)
    themed = self.themed_values() or {}
    unstable = self._unstable_default_values
    chosen = self._property_values.keys() | unstable.keys() | themed.keys()
    result: dict[str, Any] = {}
    for key, descriptor in _descriptors(self.__class__):
        if key not in chosen or not query(descriptor):
            continue
        try:
            value = descriptor.get_value(self)
        except UnsetValueError:
            return _ask_all(self, query, include_defaults=False)
        if key not in themed and isinstance(value, PropertyValueContainer) and key in unstable:
            continue
        result[key] = value
    return result


HasProps.query_properties_with_values = _ask_what_is_set  # type: ignore[method-assign]


@contextmanager
def quick_models() -> Iterator[None]:
    """Within this context models are asked for what was set."""
    _quick.depth = getattr(_quick, "depth", 0) + 1
    try:
        yield
    finally:
        _quick.depth -= 1
