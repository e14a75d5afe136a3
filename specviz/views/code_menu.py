"""The Code menu: the cell of Python that shows the same star in the same way, with a button that copies it."""

from __future__ import annotations

from specviz.session.sharing import code_cell
from specviz.session.state import State
from specviz.views import icons
from specviz.views.formats import text
from specviz.views.option_controls import menu

LONGEST = 20_000  # letters of a cell

CSS = """
.sv-menu .sv-code { padding: 4px 8px 6px; width: min(520px, 80cqw); box-sizing: border-box; font-size: 12px; }
.sv-menu .sv-code pre { margin: 0 0 8px; padding: 8px; font-family: var(--jp-code-font-family); font-size: 12px; line-height: 18px; white-space: pre-wrap;
  overflow-wrap: anywhere; max-height: 240px; overflow: auto; background: var(--jp-layout-color2); border-radius: 2px; user-select: text; }
.sv-menu .sv-code > div { display: flex; gap: 8px; align-items: center; justify-content: space-between; }
"""


def code_menu(state: State) -> str:
    """The menu for a state."""
    cell = code_cell(state)
    items = (
        f'<div class="sv-code"><pre tabindex="0" aria-label="Python cell">{text(cell, LONGEST)}</pre><div>'
        '<span class="sv-quiet">Runs in a notebook to this view</span>'
        f'<button class="sv-button" data-sv-copy="{text(cell, LONGEST)}" aria-label="Copy the cell">'
        f"{icons.svg('copy', 14)} Copy</button></div></div>"
    )
    label = f'{icons.svg("code", 16)}<span class="sv-word">Code</span>'
    star = "" if state.star is None else text(state.star.name, 200)  # after which pictures are called
    return f'<span title="Code" data-sv-star="{star}">{menu(label, items, name="Code")}</span>'
