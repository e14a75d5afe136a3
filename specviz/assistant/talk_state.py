"""``TalkState``: what a display knows of a conversation, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specviz.assistant.conversation import Turn
from specviz.assistant.intents.vocabulary import Language
from specviz.assistant.llm.endpoint import Endpoint
from specviz.assistant.number_sources import Piece
from specviz.assistant.tools.result import Answer
from specviz.assistant.wording.problems import remark_in


@dataclass(frozen=True, eq=False)
class Made:
    """One call of a tool as it is shown.

    Parameters
    ----------
    answer : Answer
    seconds : float
        That the tool took.
    origin : str
        Call, tool, model, version and weights, in a line.
    extra : mapping
        What the display needs beside the answer, worked out where nobody waits (:mod:`specviz.assistant.exhibits`).
    language : {"en", "zh"}
        Of the question.
    """

    answer: Answer
    seconds: float
    origin: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    language: Language = "en"

    def say(self, words: str) -> str:
        """Words of the library (a note, a check, a class, the head of a column) in the language of the question."""
        return remark_in(self.language, words)


@dataclass(frozen=True, eq=False)
class Exchange:
    """What was said and what came of it, so far.

    Parameters
    ----------
    number : int
        From 1 on; the name of the exchange.
    said : str
    files : tuple of str
        Names of the files that were handed over with it.
    made : tuple of Made
    doing : str
        Tool that is at work, "" between two.
    streamed : str
        What was said back so far.
    turn : Turn or None
        None until it is over.
    pieces : tuple of Piece
        The text of the turn, each number in it with the call that gave it.
    next : tuple of str
        What could be asked next.
    by : str
        Who chose the tools: "" the grammar, else the language model's name.
    seconds : float
    """

    number: int
    said: str
    files: tuple[str, ...] = ()
    made: tuple[Made, ...] = ()
    doing: str = ""
    streamed: str = ""
    turn: Turn | None = None
    pieces: tuple[Piece, ...] = ()
    next: tuple[str, ...] = ()
    by: str = ""
    seconds: float = 0.0

    def __repr__(self) -> str:
        told = "…" if self.turn is None else self.turn.text or self.turn.problem
        return f"<Exchange {self.number}: {self.said or ', '.join(self.files)} -> {told}>"


@dataclass(frozen=True, eq=False)
class TalkState:
    """Everything a display may show of a conversation.

    Parameters
    ----------
    exchanges : tuple of Exchange
        The oldest first; those without a turn run or wait.
    running : bool
    attached : tuple of str
        Files that go with what is said next.
    star : str
        The one in hand, "" if none.
    base_url, model : str
        Of the language model that is asked; "" for the grammar.
    leaves : str
        What leaves this machine, in a sentence.
    may_ask_elsewhere : bool
        Whether the person may name a language model.
    problem : str
        Why the last change of settings was not taken.
    first : tuple of str
        What could be said at first.
    offered : (str, str)
        Address and name of the language model that the environment names; it is not asked until the person says so.
    """

    exchanges: tuple[Exchange, ...] = ()
    running: bool = False
    attached: tuple[str, ...] = ()
    star: str = ""
    base_url: str = ""
    model: str = ""
    leaves: str = ""
    may_ask_elsewhere: bool = True
    problem: str = ""
    first: tuple[str, ...] = ()
    offered: tuple[str, str] = ("", "")

    def __repr__(self) -> str:
        return f"<TalkState: {len(self.exchanges)} exchanges, {'at work' if self.running else 'idle'}>"


def leaves(endpoint: Endpoint | None, online: bool) -> str:
    """What leaves this machine, in a sentence."""
    names = "names and positions that you ask archives for" if online else ""
    if endpoint is None:
        return f"Nothing leaves this machine but {names}." if names else "Nothing leaves this machine."
    where = "the language model on this machine" if endpoint.local else endpoint.host
    told = f"To {where}: your words, names of files, and the small results of tools; never a spectrum or a file."
    return told + (f" To archives: {names}." if names else "")
