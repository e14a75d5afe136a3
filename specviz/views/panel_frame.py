"""The anatomy of a panel (VISUAL.md section 6): header with title, one quiet fact and controls; a sub row; the body."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from specviz.views import icons, stylesheet
from specviz.views.controls import column, html, row, spacer
from specviz.views.formats import text
from specviz.views.save_figure import PICTURED, save_button
from specviz.views.stylesheet import NARROW

_HEADER = ":host { min-height: 34px; } @container (max-width: 699px) { :host { flex-wrap: wrap !important; } }"
#: The title stays whole; the fact gives way part by part: what has no room falls into a second line, which is not
#: shown. Dots would cut within a number ("R ≈ 180…").
_FACT = """
:host { min-width: min-content !important; }
.sv-head { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 10px; align-items: baseline; white-space: nowrap; }
.sv-fact { font-size: 12px; overflow: hidden; height: 20px; white-space: normal; }
.sv-fact::before { content: ""; display: inline-block; } .sv-fact > span { display: inline-block; white-space: nowrap; }
"""
_SUB = ":host { min-height: 28px; }"


_ENLARGED = """
:host([data-sv-enlarged]) { --sv-plot-height: 520px; } :host([data-sv-enlarged]) > .sv-tall { flex: 0 0 520px !important; height: auto !important; }
"""
#: Where the header wraps, the buttons at its end stay in the row that is not full (a long row of options comes after).
_ENLARGE = f"""
@container {NARROW} {{ :host {{ order: 1; }} }}
.sv-ends {{ display: flex; gap: 8px; }}
.sv-icon-button {{ width: 24px; height: 24px; padding: 0; border: 1px solid transparent; border-radius: 2px; background: none; cursor: pointer;
  color: var(--jp-ui-font-color1); display: flex; align-items: center; justify-content: center; }}
.sv-icon-button:hover {{ background: var(--jp-layout-color2); }} .sv-icon-button .sv-icon {{ vertical-align: 0; }}
.sv-icon-button:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
[aria-pressed="true"] > :first-child, [aria-pressed="false"] > :last-child {{ display: none; }}
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
    reset : str, optional
        HTML of the button that shows the whole range again: it stands with those that save and enlarge, and where the
        header wraps they stay together.
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
        reset: str = "",
    ) -> None:
        self.title = title
        self._fact = html("", css=_FACT, classes=["sv-shrink"])
        self.fact("")
        buttons = reset + (save_button(title) if klass in PICTURED else "")
        buttons += enlarge_button(title, enlarge) if enlarge else ""
        ends = [html(f'<span class="sv-ends">{buttons}</span>', css=_ENLARGE)] if buttons else []
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

    def fact(self, fact: str, more: str = "") -> None:
        """Set the quiet fact beside the title (plain text); the pointer on it shows ``more`` too."""
        parts = [part if k == 0 else f"\u00a0· {part}" for k, part in enumerate(text(fact, 60).split(" · "))]
        shown = "".join(f"<span>{part}</span>" for part in parts)
        quiet = (
            f'<span class="sv-quiet sv-fact" title="{text(f"{fact}. {more}" if more else fact, 300)}">{shown}</span>'
            if fact
            else ""
        )
        self._fact.object = f'<div class="sv-head"><b>{text(self.title)}</b>{quiet}</div>'
