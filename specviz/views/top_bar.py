"""The top bar: search, open a file, recent stars; what the archives are doing; model, code, export, help at the right."""

from __future__ import annotations

from typing import Any

from specviz.session.state import Candidate, State
from specviz.views import code_menu, export_menu, icons, option_controls, stylesheet
from specviz.views.controls import Drawing, Html, column, file_input, html, row, search, select, show
from specviz.views.model_menu import model_menu
from specviz.views.progress import button_html, told, words_html
from specviz.views.suggest import Suggestions

PLACEHOLDER = "Name, Gaia or LAMOST id, coordinates, or file"
#: Two lines of small type in the 32 px of the bar: four services have room, and nothing below moves.
_WORDS = """
:host { overflow: hidden; } .sv-words { font-size: 12px; line-height: 16px; max-height: 32px; overflow: hidden; }
"""
_BADGE = (
    f'<button class="sv-button sv-bar sv-offline" data-sv-act="online" title="No archive is asked. Press to ask them again">'
    f'{icons.svg("offline", 15)} <span class="sv-word">Offline</span></button>'
)
_BADGE_CSS = (
    f".sv-offline {{ color: {stylesheet.WARN_TEXT}; border-color: currentColor; }}"
    " @container (max-width: 559px) { .sv-word { display: none; } }"
)
#: The menus at 32 px; below 920 px of the view their words give way to the icons.
_MENU = (
    option_controls.CSS
    + """
:host { position: relative; z-index: 20; }
.sv-menu > summary { font-size: 13px; height: 30px; line-height: 30px; padding: 0 10px; display: flex; align-items: center; gap: 8px; }
.sv-menu > summary::after { content: none; }
.sv-menu > summary .sv-icon { vertical-align: 0; }
.sv-menu > div { top: 34px; }
"""
)
_MODEL_MENU = (
    _MENU
    + """
.sv-menu > summary { padding-right: 28px; gap: 6px; } .sv-menu > summary::after { content: ""; right: 10px; top: 10px; }
@container (max-width: 919px) { .sv-menu > summary > .sv-quiet { display: none; } }
"""
)
_ICONS = "@container (max-width: 919px) { .sv-word { display: none; } .sv-menu > summary { padding: 0 8px; } }"
_HELP = (
    '<button class="sv-button sv-bar sv-help-button" data-sv-act="help" aria-label="Keys and help" title="Keys">'
    f"{icons.svg('help', 16)}</button>"
)
_HELP_CSS = (
    ".sv-ends { display: flex; gap: 8px; }"
    " .sv-button.sv-help-button { padding: 0 7px; display: var(--sv-keys-bar, none); align-items: center; }"
    " .sv-help-button .sv-icon { vertical-align: 0; }"
)
_FILE = """
@container (max-width: 919px) { :host { width: 40px !important; } :host::before { content: "" !important; } }
"""
_ROW = """
:host > .sv-search { flex: 0 1 380px !important; min-width: 140px; overflow: visible; }
:host([data-busy]) > .sv-grow { flex: 1 1 300px; }
:host > .sv-file, :host > .sv-recent, :host > .sv-model, :host > .sv-badge { display: var(--sv-keys-bar, none); }
@container (max-width: 1199px) { :host([data-busy]) > .sv-model { display: none; } }
@container (max-width: 919px) { :host([data-busy]) > .sv-recent { display: none; } }
@container (max-width: 479px) { :host { gap: 4px !important; } :host > .sv-search { min-width: 96px; } }
@container (max-width: 699px) { :host([data-busy]) > .sv-file, :host > .sv-recent, :host > .sv-model { display: none; } }
"""


_CHAT = (
    '<button class="sv-button sv-bar sv-chat-button" data-sv-act="chat" aria-label="Chat" title="Ask in words">'
    f'{icons.svg("chat", 16)}<span class="sv-word">Chat</span></button>'
)
_CHAT_CSS = _ICONS + (
    " .sv-chat-button { display: var(--sv-keys-bar, none); align-items: center; gap: 8px; } .sv-chat-button .sv-icon { vertical-align: 0; }"
)


class TopBar:
    """32 px; the search field holds what is shown."""

    def __init__(self, session: Any, model: str) -> None:
        self._session, self._model = session, model
        self._drawing = Drawing()
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
        self.badge = html(_BADGE, css=_BADGE_CSS, classes=["sv-badge"])
        self.badge.visible = False
        self.model = html("", classes=["sv-model"], css=_MODEL_MENU)
        self.code = html("", css=_MENU + code_menu.CSS + _ICONS)
        ends = f'<span class="sv-ends">{export_menu.export_menu()}{_HELP}</span>'
        self.export = html(ends, css=_MENU + export_menu.CSS + _ICONS + _HELP_CSS)
        files = file_input(session.open_bytes, css=stylesheet.FILE_BUTTON + _FILE)
        files.css_classes = ["sv-file"]
        self.root = row(
            column(self.field, classes=["sv-search", "sv-asks"]),
            files,
            self.recent,
            self.cancel,
            self.words,
            self.badge,
            self.model,
            html(_CHAT, css=_CHAT_CSS),
            self.code,
            self.export,
            classes=["sv-bar"],
            css=_ROW,
        )

    def _submitted(self, typed: str) -> None:
        submit(self._session, self.suggestions, typed)

    def _again(self, value: str) -> None:
        if value and not self._drawing.here:
            self._session.open_recent(value)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        with self._drawing:
            if new.target != old.target and self.field.value != new.target:
                self.field.value = new.target
            if new.recent is not old.recent:
                self.recent.options = [("", "Recent"), *((r.name, r.name[:48]) for r in new.recent)]
                self.recent.value = ""
                self.recent.disabled = not new.recent
            self._menus(old, new)
            if told(new) or told(old):
                draw_progress(new, self.cancel, self.words)
            if told(new) != told(old):
                self.root.html_attributes = {"data-busy": "true"} if told(new) else {}
            if new.online != old.online:
                show(self.badge.model, not new.online)

    def _menus(self, old: State, new: State) -> None:
        """The menus at the right; each only when what it offers has changed, since a change closes it.

        (Export's never changes.)
        """
        if (
            new.model != old.model
            or (new.view.face_off, new.view.study) != (old.view.face_off, old.view.study)
            or not self.model.object
        ):
            name = new.model or self._model
            self.model.object = model_menu(
                self._session.model_choices(),
                name,
                comparing=new.view.face_off,
                study=new.view.study if getattr(self._session, "studies", None) else None,
            )
        if not self.code.object or any(
            getattr(new, n) is not getattr(old, n) for n in ("star", "target", "model", "view")
        ):
            self.code.object = code_menu.code_menu(new)


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
