"""The anatomy of a panel (VISUAL.md section 6): header with title, one quiet fact and controls; a sub row; the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz.views import stylesheet
from specviz.views.controls import column, html, row, spacer
from specviz.views.formats import text

_HEADER = ":host { min-height: 34px; }"
_SUB = ":host { min-height: 28px; }"


class PanelFrame:
    """Header, sub row and body of one panel.

    Parameters
    ----------
    title : str
    klass : str
        CSS class that places the panel in the grid (``sv-lamost`` ...).
    controls : sequence
        Right end of the header, in reading order.
    sub : sequence
        The row below: legend chips first, the readout last.
    body : sequence
        Figures and panes.
    min_height : int, optional
        Pixels, of a frame that has no body yet.
    """

    def __init__(
        self,
        title: str,
        klass: str,
        *,
        controls: Sequence[Any] = (),
        sub: Sequence[Any] = (),
        body: Sequence[Any] = (),
        note_css: str = "",
        min_height: int | None = None,
    ) -> None:
        self.title = title
        self._fact = html("", classes=["sv-shrink"])
        self.fact("")
        parts: list[Any] = [row(self._fact, spacer(), *controls, css=_HEADER)]
        if sub:
            parts.append(row(*sub, css=_SUB + note_css))
        self.root = column(*parts, *body, css=stylesheet.PANEL, classes=["sv-panel", klass], min_height=min_height)

    def fact(self, fact: str) -> None:
        """Set the quiet fact beside the title (plain text)."""
        quiet = f'&nbsp; <span class="sv-quiet" style="font-size:12px">{text(fact, 60)}</span>' if fact else ""
        self._fact.object = (
            f'<b style="white-space:nowrap">{text(self.title)}</b><span style="white-space:nowrap">{quiet}</span>'
        )
