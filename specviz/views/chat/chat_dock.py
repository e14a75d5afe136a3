"""``ChatDock``: the chat at the side of the Explorer, above it where there is no room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.views.controls import column, is_shown, show

#: It stays in sight while the panels beside it are scrolled.
_CSS = """
:host { overflow: visible !important; max-height: none !important; }
:host > .sv-chat { position: sticky !important; top: 8px; height: var(--dock-height, min(760px, 86vh)); }
"""


class ChatDock:
    """Empty until it is opened first; closed, it keeps what was said.

    Parameters
    ----------
    layout : Column
        The Explorer's; its style sheet makes room (``data-sv-chat``).
    dispatch : callable
        ``dispatch(draw, later=False)`` draws where the door allows.
    lock : RLock
        Held by whoever changes the layout.

    Attributes
    ----------
    talk : object or None
        Gives the conversation: ``get``, ``deliver``, ``close``; given by the door.
    parts : list
        What stands in the layout beside the panels.
    """

    def __init__(self, layout: Any, dispatch: Callable[..., None], lock: Any) -> None:
        self._layout, self._dispatch, self._lock = layout, dispatch, lock
        self.talk: Any = None
        self.parts: list[Any] = []
        self._view: Any = None

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return bool(self.parts) and is_shown(self.parts[0])

    def open(self, on: bool = True) -> None:
        """Open the chat, or close it."""
        if self.talk is None or (not on and self._view is None):
            return
        if self._view is None:
            from specviz.views.chat.chat_view import ChatView

            self._view = ChatView(self.talk.get(), closes=True)
            self._view.connect(self._dispatch)
            self._view.deliver, self._view.close_asked = self.talk.deliver, lambda: self.open(False)
            with self._lock:
                self.parts = [column(self._view.layout, css=_CSS, classes=["sv-chat-dock"])]
                self._layout.children = [*self._layout.children, *self.parts]
        show(self.parts[0], on)
        self._layout.html_attributes = {"data-sv-chat": "open"} if on else {}

    def act(self, act: str) -> bool:
        """Act on a button; False if it is not about the chat."""
        if act == "chat":
            self.open(not self.is_open)
            return True
        return self._view is not None and bool(self._view.act(act))

    def attach(self, name: str, data: bytes) -> None:
        """Take a file that was dropped on the chat, or chosen for it."""
        if self._view is not None:
            self._view.attach(name, data)

    def close(self) -> None:
        """End the conversation."""
        if self._view is not None:
            self._view.close()
        if self.talk is not None:
            self.talk.close()
