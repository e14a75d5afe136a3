"""The form of the vetting screen: quality, class, flags, comment, and on to the next star."""

from __future__ import annotations

from typing import Any

from specviz.session.state import Choice, Label, State, Vet
from specviz.views import formats, icons
from specviz.views.controls import SPOKEN, Html, column, html
from specviz.views.formats import text
from specviz.views.help_page import KEYCAP
from specviz.views.stylesheet import HIDE, QUIET
from specviz.views.vetting_guidelines import GUIDELINES_CSS, guidelines_html
from specviz.views.vetting_keys import said

LONGEST_COMMENT = 4000
#: Words longer than this (letters) get the whole width, in a list that is not longer than that.
LONG_WORD, LONG_LIST = 14, 10
_PANEL = (
    HIDE
    + """
:host { border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; box-sizing: border-box; padding: 8px 12px 12px;
  gap: 0 !important; overflow: visible; position: relative; }
"""
)
_HEAD = (
    GUIDELINES_CSS
    + f"""
.top {{ display: flex; align-items: center; justify-content: space-between; height: 24px; font-size: 12px; color: {QUIET}; }}
.top .sv-link {{ line-height: 22px; }}
"""
)
_CHOICES = (
    KEYCAP
    + f"""
.label {{ font-size: 12px; line-height: 20px; color: {QUIET}; margin: 10px 0 3px; }}
.grid {{ display: grid; grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); gap: 4px; }}
.grid.roomy {{ grid-template-columns: minmax(0, 1fr); }}
.quality {{ display: grid; grid-auto-flow: column; grid-auto-columns: minmax(0, 1fr); gap: 4px; }}
button.c {{ font: inherit; color: var(--jp-ui-font-color1); background: var(--jp-layout-color1); border: 1px solid var(--jp-border-color1); border-radius: 2px; box-sizing: border-box;
  cursor: pointer; height: 32px; display: flex; align-items: center; gap: 6px; padding: 0 3px 0 4px; text-align: left; min-width: 0; }}
button.c > span {{ overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 12px; line-height: 30px; }}
button.c > kbd {{ flex: none; line-height: 18px; min-width: 20px; color: {QUIET}; }}
.quality button.c {{ height: 34px; justify-content: center; font-size: 16px; font-weight: 600; padding: 0; }}
button.c:hover {{ background: var(--jp-layout-color2); }}
button.c[aria-pressed="true"] {{ background: var(--sv-selected); border-color: var(--jp-brand-color1); box-shadow: inset 0 0 0 1px var(--jp-brand-color1); }}
button.c[aria-pressed="true"] > span {{ font-weight: 600; }}
button.c:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
.why {{ font-size: 12px; line-height: 18px; height: 36px; margin-top: 6px; overflow: hidden; color: {QUIET}; }}
.why b {{ color: var(--jp-ui-font-color1); }}
.why + .label {{ margin-top: 4px; }}
@container (max-width: 899px) {{ .grid {{ grid-template-columns: repeat(auto-fill, minmax(130px, 1fr)); }} .why {{ height: 18px; }} }}
"""
)
_COMMENT = (
    KEYCAP
    + f"""
:host {{ overflow: visible; }}
label {{ display: block; font-size: 12px; line-height: 20px; color: {QUIET}; margin: 10px 0 3px; }} label kbd {{ margin-left: 6px; }}
textarea {{ font: inherit; font-size: 12px; line-height: 18px; width: 100%; height: 58px; box-sizing: border-box; padding: 4px 8px; resize: vertical; border-radius: 2px; display: block;
  background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color1); }}
textarea:focus {{ border-color: var(--jp-brand-color1); outline: 1px solid var(--jp-brand-color1); }}
textarea::placeholder {{ color: {QUIET}; opacity: 1; }}
"""
)
_SAVE = (
    KEYCAP
    + f"""
.save {{ font: inherit; font-weight: 600; width: 100%; height: 40px; margin-top: 12px; border-radius: 2px; cursor: pointer; color: white; display: flex; align-items: center; justify-content: center; gap: 12px;
  border: 1px solid transparent; background: var(--jp-brand-color1); background: light-dark(var(--jp-brand-color1), var(--jp-brand-color0)); }}
.save:hover {{ filter: brightness(0.94); }} .save:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 2px; }}
.save kbd {{ background: none; color: inherit; border-color: color-mix(in srgb, white 60%, transparent); line-height: 18px; padding: 0 6px; font-weight: 400; }}
.on {{ font: inherit; font-size: 12px; line-height: 24px; height: 24px; display: flex; gap: 8px; align-items: center; margin: 8px 0 0; padding: 0 2px; border: none; background: none; color: {QUIET}; cursor: pointer; }}
.on::before {{ content: ""; width: 12px; height: 12px; flex: none; border: 1px solid var(--jp-border-color1); border-radius: 2px; line-height: 12px; text-align: center; font-size: 11px; }}
.on[aria-checked="true"]::before {{ content: "✓"; content: "✓" / ""; background: var(--jp-brand-color1); border-color: var(--jp-brand-color1); color: white; }}
.on:hover {{ color: var(--jp-ui-font-color1); }} .on:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: 1px; }}
"""
)
_OTHERS = f"""
.done {{ margin-top: 12px; padding: 8px 10px; border: 1px solid var(--jp-border-color2); border-left: 3px solid var(--jp-success-color1, #388e3c); border-radius: 2px; font-size: 12px; line-height: 18px; }}
.done .acts {{ display: flex; flex-wrap: wrap; gap: 6px; margin-top: 6px; }}
.label {{ font-size: 12px; line-height: 20px; color: {QUIET}; margin: 12px 0 2px; }}
.who {{ display: grid; grid-template-columns: minmax(0, 1fr) max-content; gap: 0 8px; font-size: 12px; line-height: 18px; padding: 4px 0; border-top: 1px solid var(--jp-border-color2); }}
.who > span {{ min-width: 0; overflow-wrap: anywhere; }} .who .unlike {{ font-weight: 600; }}
.who p {{ grid-column: 1 / -1; margin: 0; color: {QUIET}; overflow-wrap: anywhere; }}
"""


class VettingForm:
    """What a reviewer says of the star on screen; every button is a key, and every press is on disk before it is drawn.

    The comment stands in a pane of its own, which is written only when another star comes or the comment changes by
    something else than typing: a label that is given meanwhile leaves the caret where it is.
    """

    def __init__(self) -> None:
        self.head = html("", css=_HEAD)
        self.choices = html("", css=_CHOICES)
        self.comment = html("", css=_COMMENT)
        self.save = html("", css=_SAVE)
        self.others: Html = html("", css=_OTHERS, html_attributes=dict(SPOKEN))
        self._shown: tuple[Any, str] = (None, "")  # row and comment that the field shows
        self._serial = 0
        self.unsaved: dict[int, str] = {}
        self.root: Any = column(
            self.head, self.choices, self.comment, self.save, self.others,
            css=_PANEL, classes=["sv-vet-form"], html_attributes={"data-sv-hold": "", "role": "group", "aria-label": "Label"},
        )  # fmt: skip

    def typed(self, row: int, words: str) -> None:
        """The field says this already."""
        if self._shown[0] == row:
            self._shown = row, words.strip()

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        vet = new.vet
        if vet is None:
            return
        before = old.vet
        if before is None or vet.vocabulary is not before.vocabulary:
            self.head.object = guidelines_html(vet.vocabulary)
        row = None if new.position is None else new.position + 1
        self.choices.object = choices_html(vet)
        words = self.unsaved.get(row or 0, vet.label.comment)
        if (row, words) != self._shown:
            self._shown, self._serial = (row, words), self._serial + 1
            self.comment.object = comment_html(row, words, self._serial)
        self.save.object = save_html(vet)
        self.others.object = others_html(vet)


def choices_html(vet: Vet) -> str:
    """Quality with the guidance of the chosen one, class, flags."""
    words, label = vet.vocabulary, vet.label
    chosen = "" if label.quality is None else str(label.quality)
    quality = "".join(
        f'<button class="c" data-sv-act="vet-quality {text(c.name)}" aria-pressed="{_bool(c.name == chosen)}" aria-label="Quality {text(c.name)}: {text(c.words)}" '
        f'title="{text(_title(c), 300)}">{text(c.name)}</button>'
        for c in words.qualities
    )
    parts = [f'<div class="quality" role="group" aria-label="Quality">{quality}</div>', _guidance(vet)]
    for title, act, choices, on in (
        ("Class", "vet-class", words.classes, {label.klass}),
        ("Flags", "vet-flag", words.flags, set(label.flags)),
    ):
        if choices:
            buttons = "".join(_choice(act, c, c.name in on) for c in choices)
            roomy = len(choices) <= LONG_LIST and any(len(c.words or c.name) > LONG_WORD for c in choices)
            parts.append(
                f'<div class="label">{title}</div><div class="grid{" roomy" if roomy else ""}" role="group" aria-label="{title}">{buttons}</div>'
            )
    return "".join(parts)


def _choice(act: str, choice: Choice, on: bool) -> str:
    words = choice.words or choice.name
    return (
        f'<button class="c" data-sv-act="{act} {text(choice.name, 300)}" aria-pressed="{_bool(on)}" title="{text(_title(choice), 300)}">'
        f'<kbd aria-hidden="true">{text(choice.key.upper())}</kbd><span>{text(words)}</span></button>'
    )


def _title(choice: Choice) -> str:
    return f"{choice.words or choice.name} ({choice.key.upper()})" + (f": {choice.guidance}" if choice.guidance else "")


def _guidance(vet: Vet) -> str:
    """One line for the chosen quality; before one is chosen, what the ends of the scale mean."""
    qualities = vet.vocabulary.qualities
    for choice in qualities:
        if str(vet.label.quality) == choice.name:
            return (
                f'<div class="why"><b>{text(choice.name)} {text(choice.words)}.</b> {text(choice.guidance, 200)}</div>'
            )
    ends = f"{qualities[0].name} {qualities[0].words}, {qualities[-1].name} {qualities[-1].words}" if qualities else ""
    return f'<div class="why">{text(ends)}</div>'


def comment_html(row: int | None, words: str, serial: int) -> str:
    """The field; what is typed belongs to ``row``, also where another star is shown by the time it is kept."""
    words = words.replace("\r\n", "\n").replace("\r", "\n")  # as the field gives it back
    said_ = text(words, len(words) + 1)  # never cut: it is written back when a letter is changed
    return (
        f'<label for="sv-comment" data-n="{serial}">Comment <kbd aria-hidden="true">C</kbd></label>'
        f'<textarea id="sv-comment" aria-keyshortcuts="c" data-sv-kept="vet-comment {row or 0}" data-sv-seen="{row or 0}" data-sv-told="{said_}" maxlength="{LONGEST_COMMENT}" '
        f'{"" if row else "disabled "}placeholder="What you see, in your words">\n{said_}</textarea>'
    )  # the first line break belongs to the tag


def save_html(vet: Vet) -> str:
    """On to the next star; a star that nothing was said of is put aside as undecided."""
    words = "Next" if vet.label.done else "Put aside, next" if vet.label.empty else "Save and next"
    title = "Nothing is said of it: it is kept as undecided" if vet.label.empty else "Finished with this star"
    return (
        f'<button class="save" data-sv-act="vet-finish" title="{title}">{words} <kbd aria-hidden="true">Enter</kbd></button>'
        f'<button class="on" role="checkbox" data-sv-act="vet-move-on" aria-checked="{_bool(vet.move_on)}">Move on after a quality key</button>'
    )


def others_html(vet: Vet) -> str:
    """That the list is finished, and what others say where that may be seen."""
    parts = [_finished(vet)] if vet.progress.total and vet.progress.done == vet.progress.total else []
    if vet.others:
        rows = "".join(_other(vet, who, label) for who, label in vet.others)
        parts.append(
            f'<div class="label">{"What reviewers say" if vet.adjudicating else "Other reviewers"}</div>{rows}'
        )
    decided = vet.decision
    if decided is not None and not vet.adjudicating:
        parts.append(
            f'<div class="label">Decided</div><div class="who"><span>{text(said(decided, vet.vocabulary), 300)}</span></div>'
        )
    return "".join(parts)


def _other(vet: Vet, who: str, label: Label) -> str:
    unlike = " class='unlike'" if label.klass != vet.label.klass else ""
    plain = Label(label.quality, label.klass, label.flags)
    said_by = f"Decide as {text(who, 40)} says" if vet.adjudicating else f"Say what {text(who, 40)} says"
    comment = f"<p>{text(label.comment, 300)}</p>" if label.comment else ""
    return (
        f'<div class="who"><span><b>{text(who, 40)}</b> <span{unlike}>{text(said(plain, vet.vocabulary), 200)}</span></span>'
        f'<button class="sv-button" data-sv-act="vet-take {text(who, 300)}" aria-label="{said_by}">{"Decide so" if vet.adjudicating else "Take"}</button>{comment}</div>'
    )


def _finished(vet: Vet) -> str:
    total = formats.count(vet.progress.total)
    undecided = sum(r.label.status(vet.vocabulary.unsure) == "undecided" for r in vet.rows)
    look = (
        f'<button class="sv-button" data-sv-act="vet-filter undecided">Look at the {formats.count(undecided)} undecided</button>'
        if undecided
        else ""
    )
    return (
        f'<div class="done" role="status">{icons.svg("check", 14)} <b>All {total} labelled.</b>'
        f'<div class="acts"><button class="sv-button" data-sv-act="export labels ecsv">Save the table</button>{look}</div></div>'
    )


def _bool(value: bool) -> str:
    return str(bool(value)).lower()
