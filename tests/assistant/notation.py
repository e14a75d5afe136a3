"""Calls of tools as they stand in the files of dialogues and phrasings: ``labels(only=['teff']), similar(k=3)``."""

from __future__ import annotations

import ast
from typing import Any

Called = tuple[str, dict[str, Any]]


def read_calls(text: str) -> list[Called]:
    """Tools and their arguments in the order in which they are called; nothing for ""."""
    if not text:
        return []
    tree = ast.parse(f"({text},)", mode="eval").body
    assert isinstance(tree, ast.Tuple)
    out: list[Called] = []
    for call in tree.elts:
        assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args, text
        out.append((call.func.id, {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}))
    return out
