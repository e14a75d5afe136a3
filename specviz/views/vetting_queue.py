"""The queue of the vetting screen: the rows around the one on screen, which rows there are, and in which order."""

from __future__ import annotations

import math
import re
from typing import Any

from specviz.session.state import Label, State, Vet, VetRow
from specviz.views import formats, icons, option_controls
from specviz.views.controls import SPOKEN, Html, column, html
from specviz.views.formats import text
from specviz.views.stylesheet import HIDE, QUIET, WARN_TEXT
from specviz.views.vetting_counts import FilterCounts
from specviz.views.vetting_keys import said

#: Rows in front of the one on screen and behind it that are in the page; what is in front must fit without scrolling.
BEFORE, AFTER, AT_MOST_BEFORE = 6, 24, 14
#: What the plain filters are called.
FILTERS = {
    "all": "All",
    "unlabelled": "Unlabelled",
    "labelled": "Labelled",
    "undecided": "Undecided",
    "conflicts": "Conflicts",
}
ORDERS = {"list": "As listed", "odd": "Oddest first", "useful": "Most useful first"}
_DESIGNATION = re.compile(r"J(\d{4})\d\d(?:\.\d*)?([+\-\u2212\u2013])(\d{4})\d\d(?:\.\d*)?$")

_PANEL = (
    HIDE
    + """
:host { border: 1px solid var(--jp-border-color2); background: var(--jp-layout-color1); border-radius: 2px; box-sizing: border-box; position: relative;
  gap: 0 !important; overflow: visible; min-height: 240px; }
:host > .rows { flex: 1 1 0 !important; min-height: 0 !important; height: auto !important; overflow: hidden; }
@container (max-width: 899px) { :host { min-height: 0; } :host > .rows { display: none !important; } :host > .find, :host > .learned { display: none !important; } }
"""
)
_HEAD = (
    option_controls.CSS
    + f"""
:host {{ position: relative; z-index: 15; }}
.head {{ display: flex; align-items: center; gap: 8px; height: 36px; padding: 0 8px 0 12px; white-space: nowrap; }}
.head > b {{ flex: none; }} .head > .n {{ flex: 1 1 0; min-width: 0; overflow: hidden; text-overflow: ellipsis; font-size: 12px; color: {QUIET}; }}
.head .at {{ display: none; }} @container (max-width: 899px) {{ .head .at {{ display: inline; }} }}
.sv-menu > summary {{ max-width: 96px; overflow: hidden; text-overflow: ellipsis; }}
.sv-menu > div {{ max-height: 460px; overflow-y: auto; min-width: 190px; z-index: 41; }}
.sv-menu .sv-item > span {{ overflow: hidden; text-overflow: ellipsis; flex: 1 1 auto; }} .sv-menu .sv-item > i {{ font-style: normal; color: {QUIET}; }}
.sv-menu b {{ display: block; font-size: 12px; padding: 4px 8px 2px; }}
"""
)
_FIND = f"""
:host {{ height: 34px; border-bottom: 1px solid var(--jp-border-color2); box-sizing: border-box; }}
.find {{ position: relative; padding: 0 8px; color: {QUIET}; }} .find .sv-icon {{ position: absolute; left: 16px; top: 6px; vertical-align: 0; }}
input {{ font: inherit; font-size: 12px; height: 26px; width: 100%; box-sizing: border-box; padding: 0 8px 0 28px; border-radius: 2px; background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1); border: 1px solid var(--jp-border-color2); text-overflow: ellipsis; }}
input::placeholder {{ color: {QUIET}; opacity: 1; }}
input:focus {{ border-color: var(--jp-brand-color1); outline: 1px solid var(--jp-brand-color1); }}
"""
_LEARNED = f"""
:host {{ border-bottom: 1px solid var(--jp-border-color2); box-sizing: border-box; }}
.learned {{ padding: 6px 12px; font-size: 12px; line-height: 17px; color: {QUIET}; max-height: 128px; overflow-y: auto; overflow-wrap: anywhere; }}
.learned p {{ margin: 0 0 4px; }} .learned .sv-button {{ margin: 2px 4px 0 0; }}
"""
_ROWS = f"""
:host {{ width: 100%; position: relative; }}
ol {{ list-style: none; margin: 0; padding: 0; position: absolute; inset: 0; overflow-y: auto; scrollbar-width: thin; outline: none; }}
li {{ display: flex; align-items: center; gap: 6px; height: 36px; box-sizing: border-box; padding: 0 8px 0 8px; border-left: 3px solid transparent; white-space: nowrap; cursor: pointer;
  border-bottom: 1px solid var(--jp-border-color3, var(--jp-border-color2)); outline: none; }}
li:hover {{ background: var(--jp-layout-color2); }}
li:focus-visible {{ outline: 2px solid var(--jp-brand-color1); outline-offset: -2px; }}
li i {{ font-style: normal; color: {QUIET}; flex: none; min-width: 26px; text-align: right; }}
li span {{ flex: 1 1 auto; min-width: 64px; overflow: hidden; text-overflow: ellipsis; }}
li.w span {{ color: {QUIET}; }}
li em {{ font-style: normal; font-size: 12px; color: {QUIET}; flex: 0 1 auto; min-width: 0; overflow: hidden; text-overflow: ellipsis; }}
li u {{ text-decoration: none; flex: none; width: 22px; height: 22px; line-height: 22px; text-align: center; border-radius: 2px; font-weight: 600; background: var(--jp-layout-color2); }}
li.w u, li.b u {{ background: none; font-weight: 400; color: {QUIET}; }}
li.u u {{ background: none; box-shadow: inset 0 0 0 1px var(--jp-border-color1); }}
li q {{ quotes: none; flex: none; font-weight: 600; color: {WARN_TEXT}; }}
li s {{ text-decoration: none; display: none; font-size: 12px; color: {QUIET}; flex: none; }}
li[aria-selected="true"] {{ background: var(--sv-selected); border-left-color: var(--jp-brand-color1); }}
li[aria-selected="true"] span {{ font-weight: 600; color: var(--jp-ui-font-color1); }}
li.more {{ justify-content: center; font-size: 12px; color: {QUIET}; cursor: default; }}
.none {{ padding: 10px 12px; }} .none .sv-button {{ margin-top: 6px; }}
@container (min-width: 1400px) {{ li s {{ display: block; }} }}
@container (max-width: 1099px) {{ li em {{ display: none; }} }}
"""


class VettingQueue:
    """What waits and what is done; a press shows a row, and the menu says which rows there are and in which order.

    Attributes
    ----------
    root : Column
    head, find, rows : Html
    """

    def __init__(self) -> None:
        self._typed, self._serial = "", 0
        self._counts = FilterCounts()
        self.head = html("", css=_HEAD)
        self.find = html(_find("", 0), css=_FIND, classes=["find"])
        self.learned = html("", css=_LEARNED, classes=["learned"], html_attributes=dict(SPOKEN))
        self.learned.visible = False
        self.rows: Html = html("", css=_ROWS, classes=["rows"])
        self.root: Any = column(
            self.head,
            self.find,
            self.learned,
            self.rows,
            css=_PANEL,
            classes=["sv-vet-queue"],
            html_attributes={"data-sv-hold": ""},
        )
        self.menu = _Menu(self.head, self.learned, self._counts)

    def typed(self, words: str) -> str:
        """What was typed into the field, as a filter."""
        self._typed = " ".join(words.split())
        return self._typed or "all"

    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        vet = new.vet
        if vet is None:
            return
        before = old.vet
        if before is None or any(
            getattr(vet, n) is not getattr(before, n) for n in ("rows", "order", "vocabulary", "filter", "blind", "agreement")
        ) or new.position != old.position or len(new.work) != len(old.work):  # fmt: skip
            self.rows.object = rows_html(new, vet)
        wanted = vet.filter if is_search(vet.filter) else ""
        if wanted != self._typed:
            self._typed, self._serial = wanted, self._serial + 1
            self.find.object = _find(wanted, self._serial)


class _Menu:
    """Head and menu of the queue, which are written after the star is on screen: counting and a long list take time."""

    def __init__(self, head: Html, learned: Html, counts: FilterCounts) -> None:
        self._head, self._learned, self._counts = head, learned, counts

    def update(self, old: State, new: State) -> None:
        vet = new.vet
        if vet is not None:
            self._counts.update(vet.rows, vet.vocabulary.unsure)
            self._head.object = head_html(vet, self._counts, new.position)
            words = learned_html(vet)
            self._learned.object = words or self._learned.object
            self._learned.visible = bool(words)


def is_search(which: str) -> bool:
    """Whether a filter is words to find."""
    return bool(which) and which not in FILTERS and which.partition(":")[0] not in ("class", "flag")


def short_name(name: str) -> str:
    """A name in the room of the queue: "LAMOST J040232.43-001800.5" is "J0402−0018"; others stay as they are."""
    found = _DESIGNATION.search(name)
    if found is None:
        return name.removeprefix("LAMOST ")
    right, sign, down = found.groups()
    return f"J{right}{'+' if sign == '+' else formats.MINUS}{down}"


def window_of(vet: Vet, position: int | None) -> tuple[int, int]:
    """First and last place of ``vet.order`` (half open) whose rows are in the page."""
    n = len(vet.order)
    place = vet.place(position)
    if place is None:
        return 0, min(n, AFTER)
    before = max(BEFORE, min(AT_MOST_BEFORE, AT_MOST_BEFORE + 1 - (n - place)))
    return max(0, place - before), min(n, place + AFTER + 1)


def rows_html(state: State, vet: Vet) -> str:
    """The rows around the one on screen."""
    if not vet.order:
        return _none(vet)
    start, stop = window_of(vet, state.position)
    shown = vet.order[start:stop]
    reached = state.position if state.position in shown else shown[0]  # by Tab
    differ = frozenset() if vet.agreement is None else frozenset(c.star for c in vet.agreement.open)
    rows = "".join(_row(state, vet, p, reached, differ) for p in shown)
    behind = len(vet.order) - stop
    end = f'<li class="more" role="presentation">{formats.count(behind)} more</li>' if behind else ""
    return f'<ol role="listbox" aria-label="Queue" data-sv-rows="vet-row">{rows}{end}</ol>'


def _none(vet: Vet) -> str:
    what = {
        "unlabelled": f"All {formats.count(len(vet.rows))} are labelled.",
        "undecided": "Nothing is undecided.",
        "conflicts": "No conflicts: reviewers agree on the class of every star.",
        "labelled": "Nothing is labelled yet.",
    }.get(vet.filter, f"No row fits “{text(filter_words(vet), 60)}”.")
    return f'<div class="none" role="status">{what}<br><button class="sv-button" data-sv-act="vet-filter all">Show all</button></div>'


def _row(state: State, vet: Vet, position: int, reached: int, differ: frozenset[str]) -> str:
    row, here = vet.rows[position], position == state.position
    item = state.work[position] if position < len(state.work) else None
    name = row.key if item is None else item.name
    label = row.label
    status = label.status(vet.vocabulary.unsure)
    what, badge = _kind(label), _badge(label, status)
    if not what and item is not None and item.status == "failed":
        what = "not opened"
    conflict = row.key in differ and _revealed(vet, row)
    spoken = (
        f"{position + 1}, {name}, {'not labelled' if status == 'waiting' else status}: {said(label, vet.vocabulary)}"
        + (", reviewers differ" if conflict else "")
    )
    score = formats.number(row.score, 1) if _revealed(vet, row) and math.isfinite(row.score) else ""
    title = f"{name}{f', oddness {score}' if score else ''}{f': {label.comment}' if label.comment else ''}"
    return (
        f'<li role="option" data-sv-row="{position + 1}" tabindex="{0 if position == reached else -1}" aria-selected="{str(here).lower()}" class="{status[0]}" '
        f'aria-label="{text(spoken, 300)}" title="{text(title, 300)}"><i>{position + 1}</i><span>{text(short_name(name), 100)}</span>'
        + (f"<s>{score}</s>" if score else "")
        + (f"<em>{text(what, 40)}</em>" if what else "")
        + ('<q title="Reviewers differ">≠</q>' if conflict else "")
        + f"<u>{badge}</u></li>"
    )


def _revealed(vet: Vet, row: VetRow) -> bool:
    return not vet.blind or row.label.done or vet.adjudicating


def _kind(label: Label) -> str:
    """The class in a word, else the first flag."""
    name = label.klass or (label.flags[0] if label.flags else "")
    return name.replace("_", " ").capitalize() if name else ""


def _badge(label: Label, status: str) -> str:
    if label.quality is not None:
        return str(label.quality)
    return {"undecided": "?", "begun": "…", "labelled": "✓"}.get(status, formats.DASH)


def filter_words(vet: Vet) -> str:
    """A filter as it is called on screen."""
    group, _, name = vet.filter.partition(":")
    choices = {"class": vet.vocabulary.classes, "flag": vet.vocabulary.flags}.get(group)
    if choices is not None:
        return next((c.words or c.name for c in choices if c.name == name), name)
    return FILTERS.get(vet.filter, vet.filter)


def head_html(vet: Vet, counts: FilterCounts, position: int | None = None) -> str:
    """Title, how many rows there are, and the menu of filters and orders."""
    items = "".join(
        _filter(vet, which, label, counts[which] if which != "conflicts" else None) for which, label in FILTERS.items()
    )
    for title, group, choices in (("Class", "class", vet.vocabulary.classes), ("Flag", "flag", vet.vocabulary.flags)):
        if choices:
            items += f"<hr><b>{title}</b>" + "".join(
                _filter(vet, f"{group}:{c.name}", c.words or c.name, counts[f"{group}:{c.name}"]) for c in choices
            )
    orders = {**ORDERS, **{f"like:{c.name}": f"Most like: {c.words or c.name}" for c in vet.vocabulary.classes}}
    ranked = any(math.isfinite(r.score) for r in vet.rows[:1000])
    order = "".join(
        f'<button class="sv-item" data-sv-act="vet-order {text(by, 200)}" aria-pressed="{str(vet.order_by == by).lower()}"'
        f"><span>{text(label, 60)}{'' if by != 'odd' or ranked else ' (ranks the list)'}</span></button>"
        for by, label in orders.items()
        if not by.startswith("like:") or counts[by.replace("like", "class")] or vet.order_by == by
    )
    menu = option_controls.menu(
        text(filter_words(vet), 40), f"<b>Show</b>{items}<hr><b>Order</b>{order}", name=f"Rows shown: {filter_words(vet)}", left=True
    )  # fmt: skip
    shown = formats.count(len(vet.order)) if vet.filter != "all" else ""
    by = "" if vet.order_by == "list" else orders.get(vet.order_by, vet.order_by).lower()
    note = " · ".join(filter(None, (shown, by)))
    at = "" if position is None else f"row {formats.count(position + 1)} of {formats.count(len(vet.rows))}"
    return f'<div class="head"><b>Queue</b><span class="n" title="{text(note)}"><span class="at">{at} </span>{text(note)}</span>{menu}</div>'


def learned_html(vet: Vet) -> str:
    """How far a learned order can be trusted, or what is being learned; "" where the order is another."""
    known = vet.learned
    if known is None or not (known.running or known.problem or vet.order_by == known.order):
        return ""
    lines = [known.problem] if known.problem else list(known.text)
    if known.running:
        share = "" if known.progress is None else f", {100 * known.progress:.0f} %"
        lines.insert(0, f"{known.running}{share}")
    button = ("vet-stop-learning", "Stop") if known.running else ("vet-learn", "Learn again")
    said_ = "".join(f"<p>{text(line, 300)}</p>" for line in lines)
    return f'<div class="learned">{said_}<button class="sv-button" data-sv-act="{button[0]}">{button[1]}</button></div>'


def _filter(vet: Vet, which: str, label: str, count: int | None) -> str:
    number = "" if count is None else f"<i>{formats.count(count)}</i>"
    return (
        f'<button class="sv-item" data-sv-act="vet-filter {text(which, 300)}" aria-pressed="{str(vet.filter == which).lower()}">'
        f"<span>{text(label, 60)}</span>{number}</button>"
    )


def _find(words: str, serial: int) -> str:
    """The field; ``serial`` makes it another text, so that it is written again."""
    value = text(words, 200)
    return (
        f'<div class="find" data-n="{serial}">{icons.svg("search", 14)}<input data-sv-typed="vet-find" data-sv-leave data-sv-told="{value}" value="{value}" aria-keyshortcuts="/" '
        'placeholder="Name, class or comment" aria-label="Find rows" spellcheck="false" maxlength="200" autocomplete="off"></div>'
    )
