"""The top bar of the vetting screen: which list, how far one is, whether all is saved; undo, labels, help, close."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

from specviz.session.state import State, Vet
from specviz.views import formats, icons, option_controls
from specviz.views.controls import html, row, show
from specviz.views.formats import text
from specviz.views.help_page import KEYCAP
from specviz.views.stylesheet import QUIET, WARN_TEXT

#: Formats of the labels: the word of the act, and how it is called.
FORMS = {"ecsv": "ECSV", "vot": "VOTable", "csv": "CSV", "json": "JSON"}
#: Longest name of a list in the bar, in letters; the whole is in the tooltip.
LONGEST = 60

_LEFT = f"""
:host {{ overflow: hidden; }}
.left {{ display: flex; align-items: baseline; gap: 8px; white-space: nowrap; height: 32px; line-height: 32px; }}
h2 {{ font-size: 18px; font-weight: 600; margin: 0; line-height: 32px; }}
.list {{ font-size: 12px; color: {QUIET}; overflow: hidden; text-overflow: ellipsis; flex: 0 1 auto; min-width: 40px; }}
.bar {{ align-self: center; flex: 0 1 160px; min-width: 48px; height: 4px; margin: 0 2px 0 16px; background: var(--sv-grid); border-radius: 2px; overflow: hidden; }}
.bar > i {{ display: block; height: 4px; background: var(--jp-brand-color1); }}
.pace {{ font-size: 12px; color: {QUIET}; }}
@container (max-width: 1099px) {{ .bar {{ margin-left: 4px; flex-basis: 90px; }} }}
@container (max-width: 899px) {{ .pace, .bar {{ display: none; }} }}
@container (max-width: 599px) {{ .list {{ display: none; }} }}
@container (max-width: 479px) {{ h2 {{ display: none; }} }}
"""
_STATE = (
    KEYCAP
    + f"""
.state {{ display: flex; align-items: center; gap: 8px; white-space: nowrap; }}
.saved {{ font-size: 12px; color: {QUIET}; min-width: 104px; text-align: right; }}
.saved .sv-icon {{ color: var(--jp-success-color1, #388e3c); margin-right: 4px; }}
.saved.not {{ color: {WARN_TEXT}; font-weight: 600; }} .saved.not .sv-icon {{ color: inherit; }}
.sv-button.sv-bar {{ display: inline-flex; align-items: center; gap: 8px; }}
.sv-button .sv-icon {{ vertical-align: 0; }}
.sv-button[disabled] {{ color: {QUIET}; cursor: default; background: var(--jp-layout-color1); }}
.sv-button[disabled] .sv-icon, .sv-button[disabled] kbd {{ opacity: 0.5; }}
@container (max-width: 1099px) {{ .saved:not(.not) {{ min-width: 0; }} .utc {{ display: none; }} .redo kbd {{ display: none; }} }}
@container (max-width: 699px) {{ .word, .state kbd {{ display: none; }} .sv-button.sv-bar {{ padding: 0 8px; }} }}
"""
)
_ENDS = (
    option_controls.CSS
    + """
:host { position: relative; z-index: 20; }
.ends { display: flex; gap: 8px; align-items: center; }
.sv-menu > summary { font-size: 13px; height: 30px; line-height: 30px; padding: 0 10px; display: flex; align-items: center; gap: 8px; }
.sv-menu > summary::after { content: none; }
.sv-menu > summary .sv-icon, .ends .sv-button .sv-icon { vertical-align: 0; }
.sv-menu > div { top: 34px; min-width: 250px; }
.sv-menu b, .sv-menu p { display: block; padding: 2px 8px; margin: 0; font-size: 12px; line-height: 20px; white-space: normal; }
.sv-menu > div { max-width: 340px; } .sv-menu .agree { max-height: 220px; overflow-y: auto; }
.sv-menu .forms { display: flex; gap: 4px; padding: 2px 8px 4px; }
.ends .help { padding: 0 7px; display: inline-flex; align-items: center; }
@container (max-width: 699px) { .word { display: none; } }
"""
)
_TROUBLE = """
:host { border: 1px solid var(--jp-border-color2); border-left: 3px solid var(--jp-error-color1, #d32f2f); border-radius: 2px;
  background: color-mix(in srgb, var(--jp-error-color1, #d32f2f) 7%, var(--jp-layout-color1)); }
.told { padding: 6px 12px; } .told .sv-icon { color: var(--jp-error-color1, #d32f2f); margin-right: 8px; }
"""


class VettingBar:
    """32 px: what a reviewer wants to know at a glance; below it, only when something is wrong, what is wrong.

    Attributes
    ----------
    root, trouble
        The bar, and the line for what could not be written.
    """

    def __init__(self) -> None:
        self.left = html("", css=_LEFT, classes=["sv-grow"])
        self.state = html("", css=_STATE)
        self.ends = html("", css=_ENDS)
        self.root: Any = row(
            self.left, self.state, self.ends, classes=["sv-vet-bar"], html_attributes={"data-sv-hold": ""}
        )
        self.trouble = html("", css=_TROUBLE, html_attributes={"role": "alert"})
        self._refused = ""
        show(self.trouble.model, False)

    def refuse(self, words: str) -> None:
        """Say why something was not written, until something is or another star is shown."""
        self._refused = words
        self._tell("", words)

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        vet = new.vet
        if vet is None:
            return
        before = old.vet
        if before is None or vet.saved != before.saved or new.star is not old.star:
            self._refused = ""
        self.left.object = _left(vet)
        self.state.object = _state(vet, self._refused)
        self._tell(vet.problem, self._refused)
        self.ends.object = _ends(vet)

    def _tell(self, problem: str, refused: str) -> None:
        words = f"Not saved. {problem}" if problem else refused
        if words:
            self.trouble.object = f'<div class="told">{icons.svg("warning")}{text(words, 600)}</div>'
        show(self.trouble.model, bool(words))


def span(seconds: float) -> str:
    """A time that is left: "40 s", "49 min", "2 h 10 min"."""
    if not math.isfinite(seconds):
        return formats.DASH
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{formats.count(hours)} h" + (f" {rest} min" if rest and hours < 10 else "")


def progress_words(vet: Vet) -> tuple[str, str]:
    """("136 of 500", "8 s each · 49 min left")."""
    progress = vet.progress
    done = f"{formats.count(progress.done)} of {formats.count(progress.total)}"
    each, left = progress.each, progress.left
    if each is None or left is None:
        return done, ""
    pace = f"{each:.1f} s each" if each < 2 else f"{each:.0f} s each" if each < 100 else f"{span(each)} each"
    return done, pace + (f" · {span(left)} left" if progress.done < progress.total else "")


def clock(time: str) -> str:
    """Hours, minutes and seconds (UTC) of an ISO time; "" for none."""
    try:
        return datetime.fromisoformat(time).strftime("%H:%M:%S")
    except ValueError:
        return ""


def _left(vet: Vet) -> str:
    done, pace = progress_words(vet)
    share = 100 * vet.progress.done / max(vet.progress.total, 1)
    role = "deciding as" if vet.adjudicating else "reviewer"
    what = f"{vet.work_list} · {role} {vet.reviewer}"
    return (
        f'<div class="left"><h2>Vetting</h2><span class="list" title="{text(what, 500)}">{text(vet.work_list, LONGEST)} · {role} {text(vet.reviewer, 24)}</span>'
        f'<span class="bar" role="progressbar" aria-label="Labelled" aria-valuemin="0" aria-valuemax="{vet.progress.total}" aria-valuenow="{vet.progress.done}">'
        f'<i style="width:{share:.1f}%"></i></span><b>{done}</b>' + (f'<span class="pace">· {pace}</span>' if pace else "") + "</div>"
    )  # fmt: skip


def _state(vet: Vet, refused: str) -> str:
    if vet.problem:
        said = f'<span class="saved not">{icons.svg("warning", 14)} Not saved</span>'
    elif refused:
        said = f'<span class="saved not">{icons.svg("warning", 14)} Not written</span>'
    elif vet.saved:
        where = f"{vet.saved[:10]}, UTC, in {vet.path}"
        said = f'<span class="saved" title="{text(where, 500)}">{icons.svg("check", 14)}<span class="utc">Saved </span>{clock(vet.saved)}</span>'
    elif vet.can_undo or vet.progress.done:  # said before this page was opened
        said = f'<span class="saved" title="{text(vet.path, 500)}">{icons.svg("check", 14)}All saved</span>'
    else:
        said = f'<span class="saved" title="{text(vet.path, 500)}">Nothing said yet</span>'
    undo = _step("undo", "Undo", "U", vet.can_undo)
    redo = _step("redo", "Redo", "⇧U", vet.can_redo)
    return f'<div class="state">{said}{undo}{redo}</div>'


def _step(word: str, label: str, cap: str, enabled: bool) -> str:
    spoken = f"{label} the last label" if word == "undo" else "Redo what was undone"
    words = f'<span class="word">{label}</span> ' if word == "undo" else ""
    return (
        f'<button class="sv-button sv-bar {word}" data-sv-act="vet-{word}" aria-label="{spoken}" title="{spoken}"{"" if enabled else " disabled"}>'
        f'{icons.svg(word)}{words}<kbd aria-hidden="true">{cap}</kbd></button>'
    )


def _ends(vet: Vet) -> str:
    forms = "".join(
        f'<button class="sv-button" data-sv-act="export labels {form}" aria-label="Labels as {name}">{name}</button>'
        for form, name in FORMS.items()
    )
    items = (
        f'<b>Save the labels as</b><div class="forms">{forms}</div><hr>'
        + _item("file labels", "Take in labels of a file…")
        + _item("vet-filter conflicts", "Go through the conflicts")
        + _item("vet-decide", "Decide the conflicts", pressed=vet.adjudicating)
        + _agreement(vet)
        + "<hr>"
        + _item("vet-blind", "Hide the model's opinion until saved", pressed=vet.blind)
        + _item("vet-move-on", "Move on after a quality key", pressed=vet.move_on)
    )
    label = f'{icons.svg("export", 16)}<span class="word">Labels</span>'
    menu = option_controls.menu(label, items, name="Labels")
    help_ = f'<button class="sv-button sv-bar help" data-sv-act="help" aria-label="Keys and help" title="Keys">{icons.svg("help", 16)}</button>'
    close = '<button class="sv-button sv-bar" data-sv-act="vet-close" title="Everything is saved; specviz.vet opens it again here">Close</button>'
    return f'<div class="ends">{menu}{help_}{close}</div>'


def _item(act: str, label: str, *, pressed: bool | None = None) -> str:
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return f'<button class="sv-item" data-sv-act="{act}"{state}>{text(label)}</button>'


def _agreement(vet: Vet) -> str:
    """How reviewers agree, in words; before that was asked for, how to ask."""
    found = vet.agreement
    ask = _item("vet-agree", "Compare reviewers" if found is None else "Compare reviewers again")
    lines = "" if found is None else "".join(f"<p>{text(line, 300)}</p>" for line in found.text.splitlines()[:12])
    return ask + (f'<div class="agree sv-quiet" role="status">{lines}</div>' if lines else "")
