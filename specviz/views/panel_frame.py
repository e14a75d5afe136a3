"""The anatomy of a panel (VISUAL.md section 6): header with title, one quiet fact and controls; a sub row; the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz.views import icons, stylesheet
from specviz.views.controls import column, html, row, spacer
from specviz.views.formats import text

_HEADER = ":host { min-height: 34px; }"
_SUB = ":host { min-height: 28px; }"


_ENLARGED = ":host([data-sv-enlarged]) > .sv-tall { height: 520px !important; }"
_ENLARGE = """
.sv-icon-button { width: 24px; height: 24px; padding: 0; border: 1px solid transparent; border-radius: 2px; background: none; cursor: pointer;
  color: var(--jp-ui-font-color1); display: flex; align-items: center; justify-content: center; }
.sv-icon-button:hover { background: var(--jp-layout-color2); } .sv-icon-button .sv-icon { vertical-align: 0; }
.sv-icon-button:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }
[aria-pressed="true"] > :first-child, [aria-pressed="false"] > :last-child { display: none; }
"""


def enlarge_button(title: str, word: str) -> str:
    """The switch that makes a panel as wide as the Explorer; its icon follows its state in the browser."""
    name = f"Enlarge {text(title)}"
    return (
        f'<button class="sv-icon-button" data-sv-toggle="enlarged {word}" aria-pressed="false" aria-label="{name}" '
        f'title="{name}">{icons.svg("expand")}{icons.svg("collapse")}</button>'
    )


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
    enlarge : str, optional
        Its word in the option ``enlarged``: the header ends with a button that makes the panel as wide as the
        Explorer, in the browser alone. A child of the body with the class ``sv-tall`` grows in height then.
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
        enlarge: str = "",
    ) -> None:
        self.title = title
        self._fact = html("", classes=["sv-shrink"])
        self.fact("")
        ends = [html(enlarge_button(title, enlarge), css=_ENLARGE)] if enlarge else []
        parts: list[Any] = [row(self._fact, spacer(), *controls, *ends, css=_HEADER)]
        if sub:
            parts.append(row(*sub, css=_SUB + note_css))
        self.root = column(
            *parts,
            *body,
            css=stylesheet.PANEL + (_ENLARGED if enlarge else ""),
            classes=["sv-panel", klass],
            min_height=min_height,
            html_attributes={"data-sv-enlarge": enlarge} if enlarge else {},
        )

    def fact(self, fact: str) -> None:
        """Set the quiet fact beside the title (plain text)."""
        quiet = f'&nbsp; <span class="sv-quiet" style="font-size:12px">{text(fact, 60)}</span>' if fact else ""
        self._fact.object = (
            f'<b style="white-space:nowrap">{text(self.title)}</b><span style="white-space:nowrap">{quiet}</span>'
        )
