"""The top bar: search, open a file, recent stars; model at the right."""

from __future__ import annotations

from typing import Any

from specviz.session.state import State
from specviz.views import stylesheet
from specviz.views.controls import button, column, file_input, html, row, search, select, spacer
from specviz.views.formats import text


class TopBar:
    """32 px; the search field holds what is shown."""

    def __init__(self, session: Any, model: str) -> None:
        self._session = session
        self._quiet = False
        self.field = search("Demo star or path", session.open)
        self.field.name = "search"
        self.recent = select([("", "Recent")], "", self._again)
        self.recent.name = "recent"
        self.recent.disabled = True
        self.cancel = button("Cancel", session.cancel, css=stylesheet.BAR_BUTTON, visible=False)
        self.words = html("", classes=["sv-shrink"])
        quiet = html(
            f'<span class="sv-quiet" style="white-space:nowrap">Model</span>&ensp;<span style="white-space:nowrap">{model}</span>',
            classes=["sv-model"],
        )
        self.root = row(
            column(self.field, classes=["sv-search"]),
            file_input(session.open_bytes, css=stylesheet.FILE_BUTTON),
            self.recent,
            self.cancel,
            self.words,
            spacer(),
            quiet,
            classes=["sv-bar"],
            css=":host > .sv-search { flex: 0 1 380px !important; min-width: 140px; } @container (max-width: 699px) { .sv-model { display: none; } }",
        )

    def _again(self, value: str) -> None:
        if value and not self._quiet:
            found = next((r for r in self._session.state.recent if r.name == value), None)
            if found is not None:
                self._session.open(found.target)

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
            if new.slow != old.slow or (new.slow and new.busy != old.busy):
                self.cancel.visible = new.slow
                self.words.object = (
                    f'<span class="sv-quiet" aria-live="polite" style="white-space:nowrap">{text(new.busy)}…</span>'
                    if new.slow
                    else ""
                )
        finally:
            self._quiet = False
