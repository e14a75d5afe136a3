"""The tool that says what there is to ask."""

from __future__ import annotations

from specviz.assistant.desk import Desk
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer

tools = Registry()


@tools.add
def help_(desk: Desk) -> Answer:
    """What can be asked: every tool, what it does, and whether it reaches the network or the disk."""
    from specviz.assistant.tools.catalogue import all_tools

    return Answer("help", {"tools": [{"name": t.name, "does": t.summary, "reaches": t.reaches} for t in all_tools()]})
