"""The line of keys at the bottom of a view, and whether they work now.

Whether the view has the keyboard is known in the browser alone: the door's style sets ``--sv-keys-on`` and ``-off``
(``widgets/holder.js``), so nothing travels when the focus comes and goes.
"""

from __future__ import annotations

from typing import Any

from specviz.session.outcome import service_name
from specviz.session.state import State
from specviz.views.controls import SPOKEN, Html, html, row
from specviz.views.formats import text
from specviz.views.help_page import HELP_CSS, KEYCAP, help_html, keycap
from specviz.views.keys import Key, KeyTable
from specviz.views.stylesheet import QUIET

_CSS = (
    KEYCAP
    + f"""
:host {{ font-size: 12px; line-height: 24px; color: {QUIET}; }}
.hints {{ display: flex; flex-wrap: wrap; gap: 0 16px; height: 24px; overflow: hidden; }}
.hints > * {{ white-space: nowrap; position: relative; }}
label {{ cursor: text; }}
input {{ font: inherit; height: 22px; width: 1px; opacity: 0; padding: 0; border: none; box-sizing: border-box; color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1); border-radius: 2px; }}
input:focus {{ width: 56px; opacity: 1; padding: 0 6px; margin-left: 4px; border: 1px solid var(--jp-brand-color1); outline: 1px solid var(--jp-brand-color1); }}
"""
)
_STATE = (
    KEYCAP
    + HELP_CSS
    + f"""
:host {{ font-size: 12px; line-height: 24px; white-space: nowrap; }}
.on {{ display: var(--sv-keys-on, none); }} .off {{ display: var(--sv-keys-off, none); }}
.on::before {{ content: ""; display: inline-block; width: 8px; height: 8px; border-radius: 4px; margin-right: 8px; background: var(--jp-success-color1, #388e3c); }}
.sv-button {{ color: {QUIET}; }}
"""
)
_SAID = f"""
:host {{ font-size: 12px; line-height: 24px; white-space: nowrap; text-overflow: ellipsis; color: {QUIET}; position: relative; }}
.unseen {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }}
"""
_STATE_HTML = (
    '<span class="on">Keys active</span>'
    '<button class="sv-button sv-flat off" data-sv-act="keys" tabindex="-1">Click here to use keys</button>'
)
_ROW = ":host { display: var(--sv-keys-bar, none) !important; min-height: 24px; gap: 16px !important; }"


class HintBar:
    """Keys left; what the last one did; at the right whether they work.

    Attributes
    ----------
    root : Row
    said : Html
        What the last key has done; also what goes on, which is for screen readers alone.
    """

    def __init__(self, table: KeyTable) -> None:
        self.hints = html(hints_html(table), css=_CSS, classes=["sv-grow"])
        # A screen reader speaks what changes in an element that stays: the pane, not the text in it.
        self.said: Html = html("", css=_SAID, classes=["sv-shrink"], html_attributes=dict(SPOKEN))
        self.state = html(help_html(table) + _STATE_HTML, css=_STATE)
        self.root: Any = row(self.hints, self.said, self.state, classes=["sv-hints"], css=_ROW)

    def say(self, words: str) -> None:
        """Tell what a key has done."""
        self.said.object = text(words, 80)

    def update(self, old: State, new: State) -> None:
        """Tell a screen reader what goes on: each step once, without the seconds that tick on screen."""
        if new.slow:
            steps = [f"{service_name(p.step.service)}: {p.step.words}" for p in new.steps]
            self._whisper(", ".join(steps) or new.busy)
        elif new.star is not None and new.star is not old.star:
            self._whisper(f"{new.star.name} is shown")

    def _whisper(self, words: str) -> None:
        self.said.object = f'<span class="unseen">{text(words, 300)}</span>'


def hints_html(table: KeyTable) -> str:
    """The keys that are worth a place, in the order of the table; those that do not fit fall out of the line."""
    return f'<div class="hints">{"".join(map(_hint, table.hints))}</div>'


def _hint(key: Key) -> str:
    cap = f"<kbd>{text(key.cap)}</kbd>" if key.cap else keycap(key)
    words = f"{cap} {text(key.hint)}"
    if not key.field:
        return f"<span>{words}</span>"
    # Seen while it has the focus, which the key and a click on its words give it.
    field = (
        f'<input aria-label="{text(key.words)}" inputmode="numeric" maxlength="7" autocomplete="off" tabindex="-1" '
        f'aria-keyshortcuts="{text(key.key)}" data-sv-enter="{text(key.field)}">'
    )
    return f"<label>{words} {field}</label>"
