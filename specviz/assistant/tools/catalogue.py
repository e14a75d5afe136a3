"""``all_tools``: every tool in one registry."""

from __future__ import annotations

from specviz.assistant.tools import help_tools, model_tools, paper_tools, search_tools, star_tools, system_tools
from specviz.assistant.tools.registry import Registry


def all_tools() -> Registry:
    """Those that bring stars, ask models and systems, search, write, know papers, say what there is; in this order."""
    out = Registry()
    for part in (star_tools, model_tools, system_tools, search_tools, paper_tools, help_tools):
        out.update(part.tools)
    return out
