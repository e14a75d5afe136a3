"""How a view tree reaches a screen: notebooks, served pages, saved pages. Knows nothing of stars.

* :class:`DocHost`, :func:`host_layout`: an ipywidget for JupyterLab, Notebook 7, Voila, VS Code and Colab.
* :func:`serve`: the same tree on a loopback address.
* :func:`save_html`: the same tree as one file.
* :func:`doors_here`: which of them work where this process runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .doc_host import DocHost, host_layout
    from .environment import Door, doors_here, where
    from .inbox import Inbox, KeyPress
    from .server import serve
    from .static_html import save_html

__all__ = ["DocHost", "Door", "Inbox", "KeyPress", "doors_here", "host_layout", "save_html", "serve", "where"]

_HOMES = {
    "DocHost": "doc_host",
    "host_layout": "doc_host",
    "Door": "environment",
    "doors_here": "environment",
    "where": "environment",
    "Inbox": "inbox",
    "KeyPress": "inbox",
    "serve": "server",
    "save_html": "static_html",
}


def __getattr__(name: str) -> Any:
    # Bokeh and anywidget cost half a second: they come with the first name that needs them.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
