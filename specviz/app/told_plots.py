"""``TurnPlots``: the plots of one line of a ``%specviz`` cell: those of the chat, by the same code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from specviz.doors.doc_host import DocHost
from specviz.views.chat import chat_style, prose
from specviz.views.chat.cards import picture_html
from specviz.views.chat.plot_frames import PlotFrames
from specviz.views.controls import column, html, shared_sheets
from specviz.views.palette import PALETTES

if TYPE_CHECKING:
    from specviz.assistant.talk_state import Made

#: Of a plot in a cell: as wide as a page of text, not as the screen.
_ROOT = chat_style.SHOWN + ":host { max-width: 860px !important; padding-bottom: 4px; box-sizing: border-box; }"
_CALLS = chat_style.CALLS + "details.calls { margin-top: 0; padding: 0 10px; }"
#: Views of a ``show`` that an Explorer answers: all of a star, and what is linked to it.
EXPLORED = ("star", "similar")
_PICTURED = {"similar": "Neighbours of", "why": "What was read from", "oddness": "Oddness of"}
GONE = "These plots went with the answers they show. Run the cell again."


class TurnPlots(DocHost):
    """Plots of the calls of one turn, under a line that names the calls; a title leads to its call.

    The document is freed when its last view goes: when the output of the cell is cleared, or the notebook closed.

    Parameters
    ----------
    drawn : Drawn
    again : callable
        Gives the calls once more, None if they are gone.
    """

    def __init__(self, drawn: Drawn, again: Callable[[], Sequence[Made] | None]) -> None:
        def build() -> Any:
            made = again()
            found = None if made is None else draw(made)
            return html(prose.problem_html(GONE), css=chat_style.PROSE).model if found is None else found.root

        palettes = {k: dict(v) for k, v in PALETTES.items()}
        self.sentences = drawn.sentences
        super().__init__(drawn.root, palettes=palettes, spoken="Plots of the answer", again=build)

    def __repr__(self) -> str:
        return f"<specviz plots: {'; '.join(self.sentences)}>"


class Drawn:
    """What is drawn of the calls of a turn.

    Attributes
    ----------
    root : Column
    sentences : tuple of str
        What each plot shows.
    calls : tuple of str
        Those whose plot is among them.
    """

    def __init__(self, root: Any, sentences: tuple[str, ...], calls: tuple[str, ...]) -> None:
        self.root, self.sentences, self.calls = root, sentences, calls


def draw(made: Sequence[Made]) -> Drawn | None:
    """Draw the calls of a turn, one plot an answer; None where no answer has one."""
    frames, shown, sentences = PlotFrames(), list[Any](), list[str]()
    with shared_sheets():
        for one in made:
            answer = one.answer
            if answer.tool == "show" and answer.shown.get("view") in EXPLORED:
                continue
            before = len(frames.plots)
            shown += frames.add(one)
            sentences += [plot.sentence for plot in frames.plots[before:]]
            picture = picture_html(one)
            if picture:
                shown.append(html(picture, css=chat_style.CARD))
                sentences.append(f"{_PICTURED[answer.tool]} {answer.star.name}")
        if not shown:
            return None
        named = html(prose.calls_html(made, "", over=True), css=_CALLS)
        return Drawn(column(named, *shown, css=_ROOT), tuple(sentences), tuple(frames.calls))


#: Cell -> the execution that showed something last, and what that was.
_of_cell: dict[str, tuple[str, list[DocHost]]] = {}


def free_with_cell(widget: DocHost) -> DocHost:
    """Close a widget that nobody has a name for when its cell is run again."""
    run, cell = _run_and_cell()
    if cell:
        _of_cell.setdefault(cell, (run, []))[1].append(widget)
    return widget


def free_earlier() -> None:
    """Close what the cell that runs now showed when it ran before."""
    run, cell = _run_and_cell()
    before = _of_cell.get(cell)
    if before is not None and before[0] != run:
        del _of_cell[cell]
        for widget in before[1]:
            widget.layout.close()  # ipywidgets leaves it
            widget.close()


def _run_and_cell() -> tuple[str, str]:
    """Names of this execution and of its cell; "" where the page gives its cells none."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    parent: Any = getattr(shell, "get_parent", dict)() or {}
    return str(parent.get("header", {}).get("msg_id", "")), str(parent.get("metadata", {}).get("cellId", ""))
