"""The notice bar: one line for what went wrong or is going on, with what to do; nothing is ever a modal dialog."""

from __future__ import annotations

from typing import Any

from specviz.session.state import State
from specviz.views import icons, stylesheet
from specviz.views.controls import button, column, html, icon_button, row, sheet
from specviz.views.formats import text

_CSS = """
:host { border: 1px solid var(--jp-border-color2); border-left: 3px solid TONE; background: var(--jp-layout-color1);
padding: 6px 8px 6px 12px; border-radius: 2px; }
"""
TONES = {"info": "var(--jp-brand-color1)", "warning": "var(--jp-warn-color0)", "error": "var(--jp-error-color1)"}


class NoticeBar:
    """Shown only when there is something to say."""

    def __init__(self, session: Any) -> None:
        self.words = html("", classes=["sv-grow"])
        self.details = html(
            "",
            classes=["sv-details"],
            css="pre { white-space: pre-wrap; font-family: var(--jp-code-font-family); font-size: 12px; max-height: 240px; overflow: auto; }",
        )
        self._more = button("Details", self._toggle)
        self._bars = row(
            self.words,
            self._more,
            icon_button("Close notice", "close", session.dismiss),
            css=_CSS.replace("TONE", TONES["warning"]),
        )
        self.root = column(self._bars, self.details, classes=["sv-notice"], visible=False)
        self.details.visible = False

    def _toggle(self) -> None:
        self.details.visible = not self.details.visible

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        notice = new.notice
        if notice is old.notice:
            return
        self.root.visible = notice is not None
        self.details.visible = False
        if notice is None:
            return
        icon = {"info": "info", "warning": "warning", "error": "error"}[notice.level]
        self._bars.stylesheets = [sheet(stylesheet.ROW + _CSS.replace("TONE", TONES[notice.level]))]
        self.words.object = f'<div role="status" aria-live="polite"><span style="color:{TONES[notice.level]}">{icons.svg(icon)}</span>&ensp;<b>{text(notice.title, 160)}.</b> {text(notice.text, 600)}</div>'
        self._more.visible = bool(notice.details)
        self.details.object = f"<pre>{text(notice.details, 6000)}</pre>" if notice.details else ""


_BUSY_CSS = """
:host { height: 2px; width: 100%; position: absolute; top: -6px; left: 0; overflow: visible; pointer-events: none;
z-index: 3; }
.bar { height: 2px; width: 30%; background: var(--jp-brand-color1); animation: move 1.1s linear infinite; animation-delay: 0.3s; opacity: 0; }
@keyframes move { 0% { margin-left: -30%; opacity: 1; } 100% { margin-left: 100%; opacity: 1; } }
@keyframes show { to { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .bar { animation: show 0.01s linear 0.3s forwards; width: 100%; } }
"""


class BusyLine:
    """A 2 px moving line after 0.3 s, drawn by style alone, so a kernel at work need not tick."""

    def __init__(self) -> None:
        self.root = html("", css=_BUSY_CSS, classes=["sv-busy"])

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        if new.busy != old.busy:
            self.root.object = (
                f'<div role="progressbar" aria-label="{text(new.busy)}"><div class="bar"></div></div>'
                if new.busy
                else ""
            )
