"""The notice bar: one line for what went wrong, with what to do; nothing is ever a modal dialog.

Notices of level "info" stand beside the search field instead (``progress``).
"""

from __future__ import annotations

from specviz.session.state import Notice, State
from specviz.views import icons
from specviz.views.controls import SPOKEN, column, html, row, show
from specviz.views.formats import text

TONES = {"info": "var(--jp-brand-color1)", "warning": "var(--jp-warn-color0)", "error": "var(--jp-error-color1)"}
_CSS = """
:host { border: 1px solid var(--jp-border-color2); border-left: 3px solid var(--tone); padding: 6px 8px 6px 12px; border-radius: 2px;
  background: color-mix(in srgb, var(--tone) 7%, var(--jp-layout-color1)); }
:host > .sv-actions { align-self: flex-start; }
@container (max-width: 699px) { :host { flex-wrap: wrap !important; } }
""" + "".join(f':host([data-level="{level}"]) {{ --tone: {tone}; }}\n' for level, tone in TONES.items())
_BUTTONS = {
    "retry": ("retry", "Try again"),
    "online": ("online", "Try again"),
    "file": ("file", "Use a file"),
    "details": ("details", "Details"),
}
_DETAILS = "pre { white-space: pre-wrap; font-family: var(--jp-code-font-family); font-size: 12px; line-height: 17px; margin: 0; padding: 8px 12px; max-height: 240px; overflow: auto; }"


class NoticeBar:
    """Shown only when there is something to say."""

    def __init__(self) -> None:
        self.words = html("", classes=["sv-grow"], html_attributes=dict(SPOKEN))
        self.actions = html("", classes=["sv-actions"], css=":host { display: flex; } div { display: flex; gap: 8px; }")
        self.details = html("", classes=["sv-details"], css=_DETAILS)
        self._bar = row(self.words, self.actions, css=_CSS)
        self.root = column(self._bar, self.details, classes=["sv-notice"])
        show(self.root, False)
        self.details.visible = False

    def toggle_details(self) -> None:
        """Show or hide what is known beside the one line."""
        self.details.visible = not self.details.visible

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        notice, before = (None if s.notice is None or s.notice.level == "info" else s.notice for s in (new, old))
        if notice is before:
            return
        show(self.root, notice is not None)
        self.details.visible = False
        if notice is None:
            return
        self._bar.html_attributes = {"data-level": notice.level}
        self.words.object = words_html(notice, "offline" if "online" in notice.actions else notice.level)
        self.actions.object = actions_html(notice)
        self.details.object = f"<pre>{text(notice.details, 6000)}</pre>" if notice.details else ""


def words_html(notice: Notice, icon: str) -> str:
    """Icon, title and text of a notice."""
    return (
        f'<div><span style="color:{TONES[notice.level]}">{icons.svg(icon)}</span>&ensp;'
        f"<b>{text(notice.title, 160).rstrip('.')}.</b> {text(notice.text, 600)}</div>"
    )


def actions_html(notice: Notice) -> str:
    """The buttons of a notice."""
    kinds = [*notice.actions, *(["details"] if notice.details else [])]
    buttons = "".join(
        f'<button class="sv-button{" sv-flat" if kind == "details" else ""}" data-sv-act="{_BUTTONS[kind][0]}">{_BUTTONS[kind][1]}</button>'
        for kind in kinds
    )
    close = f'<button class="sv-button sv-flat" style="padding:0 4px" data-sv-act="dismiss" aria-label="Close notice">{icons.svg("close", 14)}</button>'
    return f"<div>{buttons}{close}</div>"


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
