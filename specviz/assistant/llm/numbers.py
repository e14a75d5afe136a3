"""Numbers in what a language model says: each is one of a tool, or is marked as not found there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from specviz.assistant.facts import Fact, facts_of, stars_of
from specviz.assistant.intents.slots import is_name
from specviz.assistant.label_words import unit_named
from specviz.assistant.quantities import written
from specviz.assistant.tools.result import FOREIGN, Answer

#: What every statement of this kind holds: the masses of intervals.
_KNOWN = tuple(Fact(mass, unit=unit_named("%")) for mass in (68.0, 95.0, 100.0))
MARK = "⚠"


def marked(text: str, answers: Iterable[Answer], said: Iterable[str] = ()) -> tuple[str, tuple[str, ...]]:
    """The text with a mark behind every number that no tool gave for what it is said of, and those numbers.

    Parameters
    ----------
    text : str
        Characters that are not seen are taken out of it: they could hide a number.
    answers : iterable of Answer
        Of the tools that were called in the conversation.
    said : iterable of str
        What the person said: their own numbers are no invention.

    Notes
    -----
    A number may be rounded: it is found where it is within half of its last digit of a tool's, sign and all; of a whole
    number the last digit is the unit, so that 5800 is not 5813. Numbers in words count too, and so do other units of
    the same quantity. Where the text says of which label or of which star a number is, the tool's must be of that one
    (:func:`specviz.assistant.quantities.written`): a temperature that is told as an age is marked.

    A number that stands in a star's name, in a title or in
    a header is no measurement, however a file words it: such a text may be repeated where it is a name, or a title in
    quotation marks, and no number of it is known beyond that.
    """
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cs"))
    known, quotable, names = list(_KNOWN), set[str](), set[str]()
    for answer in answers:
        known += [fact for fact in facts_of(answer) if not fact.foreign]
        quotable |= set(_quotable(answer.data))
        names |= {name for name in stars_of(answer) if is_name(name)}
    for words in said:
        known += [Fact(abs(one.value), text=True) for one in written(words)]
        known += [Fact(one.value, text=True) for one in written(words)]
    skipped = [
        m.span() for name in quotable for m in re.finditer(rf"(?<![\w.]){re.escape(name)}(?![\w])", text, re.IGNORECASE)
    ]
    missing, out, end = [], [], 0
    for one in written(text, names):
        if any(a <= one.start < b for a, b in skipped) or any(one.fits(fact) for fact in known):
            continue
        missing.append(one.word)
        out.append(text[end : one.stop] + f" {MARK}")
        end = one.stop
    return "".join([*out, text[end:]]), tuple(missing)


def _quotable(value: Any, key: str = "") -> Iterator[str]:
    """Texts of an answer that may be repeated as they are: names of stars and files, identifiers, titles in quotes."""
    if isinstance(value, Mapping):
        for k, item in value.items():
            yield from _quotable(item, str(k))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _quotable(item, key)
    elif isinstance(value, str) and key in FOREIGN:
        if is_name(value) or (key == "id" and re.fullmatch(r"[\w.:/&+-]{4,40}", value)):
            yield value
        elif key == "title":
            yield from (f"{a}{value}{b}" for a, b in ("“”", '""', "《》", "「」", "**", "__"))
