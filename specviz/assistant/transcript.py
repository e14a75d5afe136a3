"""``notebook_of`` and ``python_of``: a conversation to keep, as a notebook or a script that computes it again;
``plain_of``: a turn as JSON for other programs.

What was said stands in Markdown cells (comments in a script), and under it each call as the lines of Python that do the
same without an assistant: whoever reads it sees how a number was made, and gets the same one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from specviz import __version__
from specviz.assistant.call_code import CallWriter
from specviz.assistant.conversation import Turn
from specviz.assistant.tools.result import Answer
from specviz.errors import SpecvizError

_WORDS = {
    "en": {
        "title": "A conversation with specviz",
        "about": "Questions and answers are in the text, the calls behind them in the code. Made by specviz {version}.",
        "files": "It reads files that were handed over; put them beside this one: {files}.",
        "problem": "This could not be done: {problem}",
    },
    "zh": {
        "title": "与 specviz 的对话",
        "about": "文字为问与答，代码为其背后的调用。由 specviz {version} 生成。",
        "files": "其中会读取您上传的文件，请放在同一文件夹：{files}。",
        "problem": "未能完成：{problem}",
    },
}
#: Of a notebook, of a script.
SUFFIXES = (".ipynb", ".py")
#: What Markdown could read as more than text: links, pictures that a browser would fetch, emphasis, formulas, tables.
_MARKUP = re.compile(r"([\\`*_\[\]$~|#])")


@dataclass(frozen=True)
class _Cell:
    """A piece of a transcript: text, or code with the expression that it ends with."""

    id: str
    text: str = ""
    said: bool = False
    lines: tuple[str, ...] = ()
    shown: str = ""
    about: dict[str, Any] = field(default_factory=dict)


def keep(turns: Iterable[Turn], path: Path) -> None:
    """Write a conversation to a file, whole or not at all: a notebook, or a script.

    Parameters
    ----------
    turns : iterable of Turn
    path : Path
        Its name ends in one of ``SUFFIXES``.
    """
    from specviz.spectra.writers.tables import write_whole

    write_whole(path, notebook_of(turns) if path.suffix == SUFFIXES[0] else python_of(turns).encode("utf-8"))


def notebook_of(turns: Iterable[Turn]) -> bytes:
    """A conversation as a Jupyter notebook.

    Parameters
    ----------
    turns : iterable of Turn

    Returns
    -------
    bytes
        Of an ``.ipynb`` file without outputs; each code cell's metadata name the call, its model, version and weights.

    Raises
    ------
    SpecvizError
        If the library that writes notebooks is not installed.
    """
    try:
        import nbformat
        from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
    except ImportError:
        raise SpecvizError(
            "Writing a notebook needs nbformat", remedy="pip install 'jupyter-specviz[lab]', or take the Python text"
        ) from None
    made = []
    for cell in _cells(list(turns)):
        if cell.lines or cell.shown:
            source = "\n".join([*cell.lines, *([cell.shown] if cell.shown else [])])
            made.append(new_code_cell(source, id=cell.id, metadata={"specviz": cell.about} if cell.about else {}))
        else:
            made.append(new_markdown_cell(_markdown(cell), id=cell.id))
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    book = new_notebook(cells=made, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.validate(book)
    return (nbformat.writes(book) + "\n").encode("utf-8")


def python_of(turns: Iterable[Turn]) -> str:
    """A conversation as a script, in cells that editors know (``# %%``); what was asked for is printed.

    Parameters
    ----------
    turns : iterable of Turn
    """
    parts = []
    for cell in _cells(list(turns)):
        if cell.lines or cell.shown:
            lines = ["# %%", *cell.lines, *([f"print({cell.shown})"] if cell.shown else [])]
        else:
            lines = [
                "# %% [markdown]",
                *(f"# {'> ' if cell.said else ''}{line}".rstrip() for line in _lines(cell.text)),
            ]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def plain_of(turn: Turn) -> dict[str, Any]:
    """A turn in values that JSON can hold: what was said, and each answer with its call, arguments and provenance."""
    return {
        "said": turn.said,
        "language": turn.language,
        "text": turn.text,
        "problem": turn.problem,
        "suggestions": list(turn.suggestions),
        "answers": [{**a.to_json(), "arguments": dict(a.arguments)} for a in turn.answers],
    }


def made_by(answer: Answer) -> str:
    """Who made the numbers of an answer, in a line: ``c2 labels: specclip-small 2.0, weights d53986dac4eb``."""
    made = answer.provenance
    who = " ".join(str(made[k]) for k in ("model", "version") if made.get(k))
    weights = f", weights {made['weights']}" if made.get("weights") else ""
    if not who and made:  # of several models: each with its version
        who = ", ".join(f"{k} {v}" for k, v in made.items())
    return _one_line(f"{answer.call} {answer.tool}" + (f": {who}{weights}" if who else "")).strip()


def _cells(turns: list[Turn]) -> Iterator[_Cell]:
    words = _WORDS[turns[-1].language if turns else "en"]
    writer, cells, files = CallWriter(), list[_Cell](), list[str]()
    for i, turn in enumerate(turns, 1):
        if turn.said.strip():
            cells.append(_Cell(f"turn-{i}-said", turn.said, said=True))
        for j, answer in enumerate(turn.answers, 1):
            code = writer.write(answer)
            if code.file and code.file not in files:
                files.append(code.file)
            if code.lines or code.shown:
                lines = (_comment(answer), *code.lines)
                cells.append(_Cell(f"turn-{i}-call-{j}", lines=lines, shown=code.shown, about=_about(answer)))
        told = _WORDS[turn.language]["problem"].format(problem=turn.problem) if turn.problem else ""
        if text := "\n".join(filter(None, (turn.text, told))):
            cells.append(_Cell(f"turn-{i}-told", text))
    about = words["about"].format(version=__version__)
    handed = words["files"].format(files=", ".join(files)) if files else ""
    yield _Cell("title", "\n".join(filter(None, (words["title"], about, handed))))
    yield _Cell("imports", lines=tuple(writer.imports))
    yield from cells


def _comment(answer: Answer) -> str:
    """Which call it is and who made its numbers."""
    called = ", ".join(f"{k}={v!r}" for k, v in answer.arguments.items())
    return "# " + _one_line(made_by(answer).replace(answer.tool, f"{answer.tool}({called})", 1))


def _about(answer: Answer) -> dict[str, Any]:
    return {"call": answer.call, "tool": answer.tool, **{k: _one_line(str(v)) for k, v in answer.provenance.items()}}


def _markdown(cell: _Cell) -> str:
    """Text as Markdown that shows just this text: it may hold what a file or a page says of itself."""
    lines = [_MARKUP.sub(r"\\\1", html.escape(line, quote=False)) for line in _lines(cell.text)]
    if cell.id == "title":
        return "# " + "\n\n".join(lines)
    # A line that begins like a list or a heading's underline is none; two blanks keep the line's end.
    lines = [re.sub(r"^(\s*)([-+=])", r"\1\\\2", line) for line in lines]
    return "\n".join(f"{'> ' if cell.said else ''}{line}  " for line in lines).rstrip()


def _lines(text: str) -> list[str]:
    return [_one_line(line) for line in text.splitlines()]


def _one_line(text: str) -> str:
    """Printable (a lone surrogate is not), and certain to stay in its line: it becomes a comment."""
    return "".join(c if c.isprintable() else " " for c in text)
