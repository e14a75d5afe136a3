"""The line that says what goes on with the whole list behind the person, and stops it."""

from __future__ import annotations

from specviz.session.state import State
from specviz.views.controls import html
from specviz.views.formats import text
from specviz.views.stylesheet import QUIET

_CSS = f"""
:host {{ font-size: 12px; }} .line {{ display: flex; align-items: center; gap: 8px; color: {QUIET}; }}
"""


class DoingLine:
    """One line, hidden while nothing goes on."""

    def __init__(self) -> None:
        self.root = html("", css=_CSS)
        self.root.visible = False

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        before, now = ("" if s.vet is None else s.vet.doing for s in (old, new))
        if before == now:
            return
        stop = '<button class="sv-button" data-sv-act="vet-stop-ranking">Stop</button>'
        self.root.object = f'<div class="line"><span role="status">{text(now, 120)}</span>{stop}</div>' if now else ""
        self.root.visible = bool(now)
