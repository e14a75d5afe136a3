"""``pieces_of``: a text cut into pieces, each number in it with the call of a tool that gave it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specviz.assistant.facts import Fact, facts_of, stars_of
from specviz.assistant.intents.slots import is_name
from specviz.assistant.llm.numbers import MARK
from specviz.assistant.quantities import Written, written
from specviz.assistant.tools.result import Answer


@dataclass(frozen=True, eq=False)
class Piece:
    """A stretch of a text.

    Parameters
    ----------
    text : str
    answer : Answer or None
        Whose number it is; None for words, and for numbers of nobody.
    unknown : bool
        A number that no tool gave.
    """

    text: str
    answer: Answer | None = None
    unknown: bool = False


def pieces_of(text: str, answers: Sequence[Answer], older: Sequence[Answer] = ()) -> tuple[Piece, ...]:
    """Cut a text at the numbers that an answer holds; joined, the pieces are the text.

    Parameters
    ----------
    text : str
    answers : sequence of Answer
        Those that the text tells, the newest last: of two that hold a number, the one of the number before has it, else
        the newer.
    older : sequence of Answer
        Earlier ones, for what none of ``answers`` holds.

    Notes
    -----
    A number is an answer's where it is within half of its last digit of one that stands there, with its sign
    ("+89 −120" are two errors, which have none there), and best of the label and the star that the text names; the
    rules are those of :mod:`specviz.assistant.quantities`. Of older answers those in names and sentences do not count.
    """
    known = [(answer, facts_of(answer)) for answer in reversed(answers)]
    known += [(answer, tuple(f for f in facts_of(answer) if not f.text)) for answer in reversed(older)]
    names = {name for answer, _ in known for name in stars_of(answer) if is_name(name)}
    last: list[tuple[Answer, tuple[Fact, ...]]] = []
    out, end = list[Piece](), 0
    for number in written(text, names):
        if text[: number.start].lower().endswith("demo "):
            continue
        marked = text[number.stop :].startswith(f" {MARK}")
        answer = None if marked else _holder(number, [*last, *known])
        if answer is None and not marked:
            continue
        last = [one for one in known if one[0] is answer]
        out.append(Piece(text[end : number.start]))
        end = number.stop + (len(MARK) + 1 if marked else 0)
        out.append(Piece(text[number.start : end], answer, marked))
    return tuple(piece for piece in (*out, Piece(text[end:])) if piece.text)


def _holder(number: Written, known: Sequence[tuple[Answer, tuple[Fact, ...]]]) -> Answer | None:
    """The first that holds it as what the text says it is; else the first that holds the value."""
    for agrees in (number.fits, number.measures):
        for answer, facts in known:
            if any(agrees(fact) for fact in facts):
                return answer
    return None
