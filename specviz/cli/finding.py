"""One line of what ``specviz doctor`` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """What was found, and what to do about it.

    Attributes
    ----------
    kind : {"ok", "note", "trouble"}
        A ``trouble`` makes the exit status 1; a ``note`` is only good to know.
    text : str
        What is so, in words.
    remedy : str
        What to do, in words, with the command if there is one; empty where nothing is to be done.
    """

    kind: Literal["ok", "note", "trouble"]
    text: str
    remedy: str = ""
