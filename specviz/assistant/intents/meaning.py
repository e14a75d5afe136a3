"""``Call``, ``Before``, ``Understood``: what a text means, and what was said before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from specviz.assistant.intents.vocabulary import Language


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Understood:
    """What a text asks for.

    Parameters
    ----------
    language : {"en", "zh"}
    calls : tuple of Call
        In the order in which they are made; empty where nothing is to be called.
    suggestions : tuple of str
        What could be said, where nothing was understood or something is missing.
    missing : {"", "label", "file", "stars", "which"}
        What the text would have to name.
    reply : str
        What is said without a tool: a greeting, what lies outside, a term of the glossary ("term:logg").
    """

    language: Language
    calls: tuple[Call, ...] = ()
    suggestions: tuple[str, ...] = ()
    missing: str = ""
    reply: str = ""


@dataclass(frozen=True)
class Before:
    """What was said so far.

    Parameters
    ----------
    calls : tuple of Call
        Of the last turn that asked something of a star.
    label : str
        What it was about.
    has_star : bool
    stars : tuple of str
        That were in hand, the present one last, as they are loaded.
    listed : tuple of str
        The stars of the last list: similar ones, oddest ones, files that were handed over.
    together : tuple of str
        The stars of the last question, where it was asked of several.
    language : {"", "en", "zh"}
        Of the last turn: a bare name or number has none of its own.
    """

    calls: tuple[Call, ...] = ()
    label: str = ""
    has_star: bool = False
    stars: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    together: tuple[str, ...] = ()
    language: Language | str = ""


def label_of(calls: Iterable[Call]) -> str:
    """The label that calls are about, "" if none."""
    for call in calls:
        if call.arguments.get("label"):
            return str(call.arguments["label"])
        only = call.arguments.get("only")
        if only:
            return str(only[0])
    return ""
