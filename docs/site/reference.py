"""What the reference passes over: names that autodoc would take for classes or functions of the module."""

from __future__ import annotations

from types import BuiltinFunctionType, GenericAlias
from typing import Any


def _pass_over(_app: Any, _what: str, _name: str, thing: Any, _skip: bool, _options: Any) -> bool | None:
    """Aliases such as ``tuple[str, int]`` and functions of C have no signature to show."""
    return True if isinstance(thing, (GenericAlias, BuiltinFunctionType)) else None


def setup(app: Any) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("autodoc-skip-member", _pass_over)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
