"""The list of stars that a name may mean; a press on one shows it. It lies over the page, so that nothing moves."""

from __future__ import annotations

from specviz.session.outcome import service_name
from specviz.session.state import Candidate, State
from specviz.views import formats, icons
from specviz.views.controls import html
from specviz.views.formats import text
from specviz.views.stylesheet import QUIET

_CSS = f"""
:host {{ position: absolute !important; z-index: 20; top: TOP; left: 0; width: min(760px, 100%) !important; box-sizing: border-box;
  background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1); border-radius: 2px; }}
.head {{ display: flex; gap: 8px; align-items: center; padding: 6px 8px 6px 12px; border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }}
.head > :nth-child(2) {{ flex: 1; white-space: nowrap; }}
.rows {{ max-height: 320px; overflow: auto; padding: 4px 0; margin: 0; list-style: none; }}
.pick {{ display: grid; grid-template-columns: minmax(120px, 1.2fr) minmax(100px, 1.4fr) 190px 72px; gap: 0 12px; width: 100%; align-items: baseline;
  font: inherit; text-align: left; line-height: 28px; padding: 0 12px; border: none; background: none; color: inherit; cursor: pointer; }}
.pick > * {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }}
.pick > :not(:first-child) {{ color: {QUIET}; font-size: 12px; }}
.pick:hover {{ background: var(--jp-layout-color2); }}
.pick:focus-visible {{ background: var(--sv-selected); outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }}
@container (max-width: 699px) {{ .pick {{ grid-template-columns: 1fr 1fr; }} .pick > :nth-child(3), .pick > :nth-child(4) {{ display: none; }} }}
"""


class CandidateList:
    """Shown while there is something to choose.

    Parameters
    ----------
    top : str
        Where it hangs, CSS length from the top of what it lies over.
    """

    def __init__(self, top: str) -> None:
        self.root = html(css=_CSS.replace("TOP", top), classes=["sv-candidates"])
        self.root.visible = False

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.candidates is old.candidates and new.question is old.question:
            return
        self.root.object = candidates_html(new.why, new.candidates) if new.candidates else ""
        self.root.visible = bool(new.candidates)


def candidates_html(why: str, candidates: tuple[Candidate, ...]) -> str:
    """Name, class, position and archive of each. Foreign text is escaped here."""
    close = f'<button class="sv-button sv-flat" data-sv-act="dismiss" aria-label="Close choices">{icons.svg("close", 14)}</button>'
    rows = "".join(f"<li>{_row(i, c)}</li>" for i, c in enumerate(candidates[:40]))
    return (
        f'<div role="group" aria-label="Which star is meant"><div class="head"><b>{text(why, 140)}</b>'
        f'<span class="sv-quiet">Choose one</span>{close}</div><ul class="rows">{rows}</ul></div>'
    )


def _row(index: int, candidate: Candidate) -> str:
    position = formats.coordinates(candidate.ra, candidate.dec)
    where = " ".join(position) if position else ""
    cells = [candidate.name, candidate.summary, where, service_name(candidate.archive)]
    spans = "".join(f'<span title="{text(c, 200)}">{text(c, 80)}</span>' for c in cells)
    return f'<button class="pick" data-sv-act="pick {index}">{spans}</button>'
