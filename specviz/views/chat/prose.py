"""What is said, as HTML: the person's words, the calls behind an answer, and the answer with the source of each number.

All of it may hold what a file, an archive or a language model wrote: everything is escaped, and of Markdown only
paragraphs, lists, bold and code are drawn, never a link or a picture.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from specviz.views import formats, icons
from specviz.views.formats import text

#: Letters of a piece of text, and of the JSON of a call, that are drawn.
LONGEST, LONGEST_CALL = 20_000, 6_000
_BULLET, _ORDERED = re.compile(r"^\s*[-*•]\s+"), re.compile(r"^\s*\d{1,2}[.)]\s+")


def said_html(words: str, files: Sequence[str]) -> str:
    """The person's words with the files that were handed over."""
    handed = "".join(f'<div class="file">{icons.svg("folder", 14)}{text(name, 120)}</div>' for name in files)
    shown = text(words, LONGEST) if words else ""
    return f'<div class="row"><div class="said"><span class="who">You: </span>{handed}{shown}</div></div>'


def prose_html(pieces: Iterable[Any], origins: dict[str, str]) -> str:
    """An answer in words.

    Parameters
    ----------
    pieces : iterable of Piece
        Joined, they are the text; each number has its answer.
    origins : dict of str to str
        Call -> model, version, weights.
    """
    marked = "".join(_piece(piece, origins) for piece in pieces)
    return blocks(marked)


def streamed_html(words: str) -> str:
    """An answer that is still being written."""
    return blocks(text(words, LONGEST))


def blocks(safe: str) -> str:
    """Paragraphs and lists of text that is HTML already."""
    out: list[str] = []
    paragraph: list[str] = []
    listed = ""

    def end(now: str = "") -> None:
        nonlocal listed
        if paragraph:
            out.append(f"<p>{chr(10).join(paragraph)}</p>")
            paragraph.clear()
        if listed != now:
            out.append((f"</{listed}>" if listed else "") + (f"<{now}>" if now else ""))
            listed = now

    for line in safe.split("\n"):
        kind = "ul" if _BULLET.match(line) else "ol" if _ORDERED.match(line) else ""
        if kind:
            end(kind)
            out.append(f"<li>{_inline((_BULLET if kind == 'ul' else _ORDERED).sub('', line))}</li>")
        elif not line.strip():
            end()
        else:
            if listed:
                end()
            paragraph.append(_inline(re.sub(r"^#{1,6}\s+", "", line)))
    end()
    return "".join(out)


def _inline(safe: str) -> str:
    safe = re.sub(r"`([^`\n]+)`", r"<code>\1</code>", safe)
    return re.sub(r"\*\*([^*\n]+)\*\*", r"<b>\1</b>", safe)


def _piece(piece: Any, origins: dict[str, str]) -> str:
    words = text(piece.text, LONGEST)
    if piece.unknown:
        return f'<span class="lost" title="No tool gave this number">{words}</span>'
    if piece.answer is None:
        return words
    return number(words, piece.answer.call, origins.get(piece.answer.call, ""))


def number(shown: str, call: str, origin: str) -> str:
    """A number (HTML that is safe) that leads to its call and says at the pointer who made it."""
    if not call:
        return shown
    return f'<span class="num" data-sv-call="{text(call, 12)}" title="{text(origin or call, 300)}">{shown}</span>'


# ---------------------------------------------------------------------------------------------- calls
def calls_html(made: Sequence[Any], doing: str, *, over: bool, by: str = "") -> str:
    """The calls of an exchange, folded: name, arguments and time; in each what came back and who made it."""
    if over and not made:
        return ""
    working = "" if over else _doing(doing)
    if not made:
        return working
    called = [m for m in made if m.answer.tool != "help"]
    if not called:
        return working
    count = "1 call" if len(called) == 1 else f"{len(called)} calls"
    took = seconds(sum(m.seconds for m in called))
    chosen = f" chosen by {text(by, 60)}" if by else ""
    names = ", ".join(dict.fromkeys(m.answer.tool for m in called))
    lines = "".join(_call(m) for m in called)
    summary = f"<summary>{count}{chosen}: {text(names, 120)}<span class=took>{took}</span></summary>"
    return f'<details class="calls">{summary}{lines}</details>{working}'


def _doing(tool: str) -> str:
    what = f"<code>{text(tool, 40)}</code>" if tool else "Working"
    return f'<div class="doing" role="status">{what} …</div>'


def _call(made: Any) -> str:
    answer = made.answer
    arguments = ", ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in answer.arguments.items())
    head = f"<code>{text(answer.call, 12)} {text(answer.tool, 40)}({text(arguments, 300)})</code>"
    data = json.dumps(answer.to_json()["data"], ensure_ascii=False, indent=1)
    who = text(made.origin, 300)
    return (
        f'<details class="call" data-sv-call-id="{text(answer.call, 12)}"><summary>{head}'
        f"<span class=took>{seconds(made.seconds)}</span></summary><div>{who}</div><pre>{text(data, LONGEST_CALL)}</pre></details>"
    )


def seconds(value: float) -> str:
    """A time that something took."""
    return f"{formats.number(1000 * value)} ms" if value < 0.995 else f"{formats.number(value, 1)} s"


# ---------------------------------------------------------------------------------------------- what could be said
def asks_html(questions: Sequence[str], label: str = "") -> str:
    """Questions to press in place of writing them."""
    buttons = "".join(
        f'<button class="ask" data-sv-act="chat-say {text(q, 200)}">{text(q, 200)}</button>' for q in questions
    )
    said = f'<span class="sv-quiet">{text(label)}</span>' if label else ""
    return f'<div class="foot" role="group" aria-label="What could be asked">{said}{buttons}</div>' if buttons else ""


def problem_html(problem: str) -> str:
    """Why something could not be done."""
    return f'<div class="problem">{icons.svg("warning", 14)}<span>{text(problem, 1200)}</span></div>' if problem else ""
