"""The top bar: search, open a file, recent stars; what the archives are doing; model at the right."""

from __future__ import annotations

from typing import Any

from specviz.session.state import Candidate, State
from specviz.views import icons, stylesheet
from specviz.views.controls import Html, column, file_input, html, row, search, select, show
from specviz.views.formats import text
from specviz.views.progress import button_html, told, words_html
from specviz.views.suggest import Suggestions

PLACEHOLDER = "Name, Gaia or LAMOST id, coordinates, or file"
#: Two lines of small type in the 32 px of the bar: four services have room, and nothing below moves.
_WORDS = """
:host { overflow: hidden; } .sv-words { font-size: 12px; line-height: 16px; max-height: 32px; overflow: hidden; }
"""
_BADGE = (
    f'<button class="sv-button sv-bar sv-offline" data-sv-act="online" title="No archive is asked. Press to ask them again">'
    f"{icons.svg('offline', 15)} Offline</button>"
)
_BADGE_CSS = f".sv-offline {{ color: {stylesheet.WARN_TEXT}; border-color: currentColor; }}"
_ROW = """
:host > .sv-search { flex: 0 1 380px !important; min-width: 140px; overflow: visible; }
:host([data-busy]) > .sv-grow { flex: 1 1 300px; }
:host > .sv-model { padding-right: 6px; }
@container (max-width: 1199px) { :host([data-busy]) > .sv-model { display: none; } }
@container (max-width: 919px) { :host > .sv-model, :host([data-busy]) > .sv-recent { display: none; } }
@container (max-width: 699px) { :host([data-busy]) > .sv-file { display: none; } }
"""


class TopBar:
    """32 px; the search field holds what is shown."""

    def __init__(self, session: Any, model: str) -> None:
        self._session = session
        self._quiet = False
        self.field = search(PLACEHOLDER, self._submitted)
        self.field.name = "search"
        self.suggestions = Suggestions(self.field, session.suggest)
        self.recent = select([("", "Recent")], "", self._again)
        self.recent.name = "recent"
        self.recent.css_classes = ["sv-recent"]
        self.recent.html_attributes = {"aria-label": "Recent stars"}
        self.recent.disabled = True
        self.cancel = html("")
        self.cancel.visible = False
        self.words = html("", classes=["sv-grow"], css=_WORDS)
        self.badge = html(_BADGE, css=_BADGE_CSS)
        self.badge.visible = False
        quiet = html(
            f'<span class="sv-quiet" style="white-space:nowrap">Model</span>&ensp;<span style="white-space:nowrap">{text(model)}</span>',
            classes=["sv-model"],
        )
        files = file_input(session.open_bytes, css=stylesheet.FILE_BUTTON)
        files.css_classes = ["sv-file"]
        self.root = row(
            column(self.field, classes=["sv-search"]),
            files,
            self.recent,
            self.cancel,
            self.words,
            self.badge,
            quiet,
            classes=["sv-bar"],
            css=_ROW,
        )

    def _submitted(self, typed: str) -> None:
        submit(self._session, self.suggestions, typed)

    def _again(self, value: str) -> None:
        if value and not self._quiet:
            self._session.open_recent(value)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._quiet = True
        try:
            if new.target != old.target and self.field.value != new.target:
                self.field.value = new.target
            if new.recent is not old.recent:
                self.recent.options = [("", "Recent"), *((r.name, r.name[:48]) for r in new.recent)]
                self.recent.value = ""
                self.recent.disabled = not new.recent
            if told(new) or told(old):
                draw_progress(new, self.cancel, self.words)
            if told(new) != told(old):
                self.root.html_attributes = {"data-busy": "true"} if told(new) else {}
            if new.online != old.online:
                show(self.badge.model, not new.online)
        finally:
            self._quiet = False


def draw_progress(state: State, button: Html, words: Html, *, else_say: str = "") -> None:
    """Draw what goes on, and the button for it, into their places."""
    do = button_html(state)
    button.object = do
    button.visible = bool(do)
    words.object = words_html(state) or else_say


def submit(session: Any, suggestions: Suggestions, typed: str) -> None:
    """Open what was typed, or the suggestion of that name."""
    meant = suggestions.meant(typed)
    suggestions.forget()
    if isinstance(meant, Candidate):
        session.pick(meant)
    else:
        session.open(meant)
