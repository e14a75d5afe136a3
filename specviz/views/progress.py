"""What the archives are doing, in words and bytes: "SIMBAD: found · LAMOST: 48 of 57 kB · Gaia: asking, 4 s".

That it was stopped stands in the same place: it comes at once, since nothing on the page moves for it.
"""

from __future__ import annotations

from specviz.session.outcome import service_name
from specviz.session.state import Progress, State
from specviz.views.formats import text

_BUTTON = '<button class="sv-button sv-bar" data-sv-act="{act}">{words}</button>'


def kilobytes(count: int) -> str:
    """Bytes as a person reads them: 57 kB, 1.4 MB."""
    return f"{count / 1e6:.1f} MB" if count >= 999_500 else f"{count / 1e3:.0f} kB"


def received(count: int, total: int | None) -> str:
    """ "48 of 57 kB" """
    if total is None or total < count:
        return kilobytes(count)
    whole = kilobytes(total)
    part = f"{count / 1e6:.1f}" if whole.endswith("MB") else f"{count / 1e3:.0f}"
    return f"{part} of {whole}"


def said(progress: Progress) -> str:
    """What one service does (plain text)."""
    step = progress.step
    words = received(step.received, step.total) if step.words == "receiving" and step.received else step.words
    # Seconds only for what goes on: "asking, 4 s", never "found, 4 s".
    if words == step.words and progress.seconds >= 1 and step.words.split(" ")[0].endswith("ing"):
        words += f", {progress.seconds} s"
    if step.attempt > 1 and not words.startswith("found"):
        words += f", try {step.attempt}"
    return f"{service_name(step.service)}: {words}"


def words(state: State) -> str:
    """All of it (plain text)."""
    return " · ".join(said(p) for p in state.steps) or (f"{state.busy}…" if state.busy else "")


def told(state: State) -> bool:
    """Whether there is something to say beside the search field."""
    return state.slow or (state.notice is not None and state.notice.level == "info")


def button_html(state: State) -> str:
    """What can be done about it: Cancel, and after that Try again; empty if nothing."""
    if state.slow:
        return _BUTTON.format(act="cancel", words="Cancel")
    if state.notice is not None and state.notice.level == "info" and "retry" in state.notice.actions:
        return _BUTTON.format(act="retry", words="Try again")
    return ""


def words_html(state: State) -> str:
    """What is said there; empty while nothing takes long."""
    if not told(state):
        return ""
    if not state.slow and state.notice is not None:
        notice = state.notice
        return f'<div class="sv-words"><b>{text(notice.title)}.</b> <span class="sv-quiet">{text(notice.text)}.</span></div>'
    parts = [f'<span style="white-space:nowrap">{text(said(p), 80)}</span>' for p in state.steps]
    shown = " · ".join(parts) or f"{text(state.busy)}…"
    return f'<div class="sv-quiet sv-words" title="{text(words(state), 400)}">{shown}</div>'
