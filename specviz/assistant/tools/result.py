"""``Answer``: what a tool gives back."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from specviz.analysis.draft import SHOWN

#: Keys whose texts others wrote: names of stars, titles, headers. A number in them is no measurement.
FOREIGN = frozenset(
    ("star", "name", "title", "authors", "id", "file", "query", "release", "from", "object", "journal", "abstract")
)
_NUMBER = re.compile(r"[-+−]?\d+(?:\.\d+)?")


@dataclass(frozen=True, eq=False)
class Answer:
    """Small plain values, what to show with them, and where they come from.

    Parameters
    ----------
    tool : str
    data : mapping
        What JSON can hold: every number that may be said. No spectrum is in it.
    shown : mapping of str to object
        Things of the kernel for the display beside it, by kind ("star", "report", "table", "figure"); they never leave
        the kernel.
    provenance : mapping of str to str
        ``model``, ``version``, ``weights``, ``catalogue``: whatever made the numbers.
    call : str
        Number of the call in its conversation ("c3"); set by the desk.
    arguments : mapping
        What the tool was called with, checked; set by the tool.
    star : Star, optional
        The one in hand after the call; set by the tool.
    """

    tool: str
    data: Mapping[str, Any]
    shown: Mapping[str, Any] = field(default_factory=dict)
    provenance: Mapping[str, str] = field(default_factory=dict)
    call: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    star: Any = None

    def numbered(self, call: str) -> Answer:
        """The same under the number of a call."""
        return replace(self, call=call)

    def numbers(self) -> Iterator[float]:
        """Every finite number in ``data``, wherever it stands, those in its sentences and names too."""
        yield from _numbers(self.data)

    def to_json(self) -> dict[str, Any]:
        """What leaves the kernel, if anything does: data and provenance; a number that is not finite is null."""
        return {"call": self.call, "tool": self.tool, "data": _plain(self.data), "provenance": dict(self.provenance)}


def rounded(value: Any, digits: int = 4) -> Any:
    """A number with as many significant digits as a person reads; None for what is not finite."""
    number = float(value)
    if not math.isfinite(number):
        return None
    return float(f"{number:.{digits}g}")


def spoken(survey: str) -> str:
    """How a survey is called in a sentence: "Gaia XP" of "gaia_xp"."""
    return (SHOWN | {"other": "optical"}).get(survey, survey)


def numbers_in(text: str) -> Iterator[float]:
    """Numbers of a sentence or a name."""
    yield from (float(word.replace("−", "-")) for word in _NUMBER.findall(text.replace(",", "")))


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _numbers(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, str):
        yield from numbers_in(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        yield float(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
