"""``position``: right ascension and declination from the many ways in which people write them.

Understood: decimal degrees ("235.7579 -10.9337", "235.7579, -10.9337", "235.7579-10.9337", "235.7579d -10.9337°",
"ra=235.7579 dec=-10.9337", "235,7579 -10,9337") and sexagesimal ("15 43 03.1 -10 56 01", "15:43:03.1 -10:56:01",
"15h43m03.1s -10d56m01s", "15h43m03.1s, -10°56'01\"", "15 43.05 -10 56.0", "235d45m28s -10d56m01s"). Two plain numbers
are degrees; with three (or two) parts each, the first angle is in hours unless it says degrees. ICRS; a word J2000,
ICRS or FK5 may stand before or after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from specviz.errors import NotFoundError

_NUMBER = r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+"
_FRAME = re.compile(r"^(?:icrs|fk5|j2000(?:\.0)?)[ ,:]+|[ ,(]+(?:icrs|fk5|j2000(?:\.0)?)\)?$", re.I)
_LABELS = re.compile(
    r"^\(?(?:ra|α|alpha)[ ]*[:=]?[ ]*(.+?)[ ,;/]*[ ,;/](?:dec|de|decl|δ|delta)[ ]*[:=]?[ ]*([+-]?.+?)\)?$", re.I
)
_COMMAS = re.compile(r"([0-9]+),([0-9]+)(?:[ ]*;[ ]*|[ ]+)([+-]?[ ]?[0-9]+),([0-9]+)")
#: One angle: up to three numbers, each with its mark; the sign belongs to the whole.
_PART = re.compile(
    rf"({_NUMBER})[ ]*(hours?|hrs?|h|degrees?|deg|d|°|minutes?|min|m|''|'|\"|seconds?|sec|s|:)?[ ]*", re.I
)
_ONLY = re.compile(r"[0-9 .,;:/+\-()°'\"hdmsegrtoicnuHDMSEGRTOICNU]+")
_HOUR, _DEGREE = "hour", "degree"
_MARKS = {"h": _HOUR, "d": _DEGREE, "°": _DEGREE, "m": "'", "'": "'", "s": '"', '"': '"', ":": ":", "": ""}


@dataclass(frozen=True)
class _Angle:
    """One angle as it was written: its numbers, what the first is counted in ("" if not said), and its sign."""

    numbers: tuple[str, ...]
    unit: str
    negative: bool
    colons: bool = False

    @property
    def value(self) -> float:
        """In units of the first number."""
        total = sum(float(n) / 60.0**k for k, n in enumerate(self.numbers))
        return -total if self.negative else total


def is_position(text: str) -> bool:
    """Whether ``text`` has the shape of a position (which may still be impossible)."""
    return _split(text) is not None


def position(text: str) -> tuple[float, float]:
    """Right ascension and declination in degrees, ICRS.

    Raises
    ------
    NotFoundError
        If the text is no position, or one that is not on the sky.
    """
    pair = _split(text)
    if pair is None:
        raise NotFoundError(f"“{text[:60]}” is no position", expected="such as 235.7579 -10.9337 or 15:43:03 -10:56:01")
    first, second = pair
    hours = first.unit == _HOUR or (not first.unit and len(first.numbers) > 1)
    whole = 24.0 if hours else 360.0
    for angle in pair:
        if any(float(n) >= 60.0 for n in angle.numbers[1:]):
            raise _impossible(text, "minutes and seconds are below 60")
    if first.negative or not 0.0 <= first.value <= whole:
        raise _impossible(text, f"the right ascension is between 0 and {whole:.0f} {'hours' if hours else 'degrees'}")
    if abs(second.value) > 90.0:
        raise _impossible(text, "the declination is between -90 and +90 degrees")
    return (first.value * (15.0 if hours else 1.0)) % 360.0, second.value


def _impossible(text: str, expected: str) -> NotFoundError:
    return NotFoundError(f"“{text[:60]}” is not on the sky", expected=expected)


def _split(text: str) -> tuple[_Angle, _Angle] | None:
    """The two angles of a position; None if the text is something else."""
    words = _FRAME.sub("", text.strip()).strip()
    if match := _LABELS.fullmatch(words):
        pair = _angle(match[1]), _angle(match[2])
        return _fits(*pair)
    if match := _COMMAS.fullmatch(words):
        words = f"{match[1]}.{match[2]} {match[3]}.{match[4]}"
    if _ONLY.fullmatch(words) is None:
        return None
    words = words.removeprefix("(").removesuffix(")").strip()
    for mark in (";", "/", ","):
        if words.count(mark) == 1:
            one, other = words.split(mark)
            return _fits(_angle(one), _angle(other))
    if words.count(",") > 1:
        # "15,43,03.1,-10,56,01": commas as blanks.
        words = words.replace(",", " ")
    signed = re.match(r"([^+-]+)([+-].*)", words)
    if signed:
        return _fits(_angle(signed[1]), _angle(signed[2]))
    parts = words.split()
    if len(parts) % 2 == 0 and len(parts) <= 6:
        half = len(parts) // 2
        return _fits(_angle(" ".join(parts[:half])), _angle(" ".join(parts[half:])))
    return None


def _fits(first: _Angle | None, second: _Angle | None) -> tuple[_Angle, _Angle] | None:
    """The pair, if two such angles can be a right ascension and a declination."""
    if first is None or second is None or second.unit == _HOUR:
        return None
    if len(first.numbers) != len(second.numbers) and not (first.unit or second.unit or first.colons):
        # "12 34 -5": which of them is in degrees is anybody's guess, unless a mark or a colon says so.
        return None
    return first, second


def _angle(text: str) -> _Angle | None:
    """One angle, such as ``-10 56 01``, ``15h43m``, ``-10.9337°``; None if it is none."""
    words = text.strip()
    sign = words[:1] if words[:1] in "+-" else ""
    words = words[len(sign) :].strip()
    numbers: list[str] = []
    marks: list[str] = []
    at = 0
    while at < len(words):
        match = _PART.match(words, at)
        if match is None:
            return None
        numbers.append(match[1])
        mark = (match[2] or "").lower()
        marks.append(_MARKS.get('"' if mark == "''" else mark[:1], ""))
        at = match.end()
    if not 1 <= len(numbers) <= 3 or any("." in n for n in numbers[:-1]):
        return None
    # The marks stand in their order, if they stand at all: h or d, then minutes, then seconds.
    allowed = ({"", ":", _HOUR, _DEGREE}, {"", ":", "'"}, {"", '"'})
    if any(mark not in allowed[k] for k, mark in enumerate(marks)) or marks[-1] == ":":
        return None
    unit = marks[0] if marks[0] in (_HOUR, _DEGREE) else ""
    return _Angle(tuple(numbers), unit, sign == "-", ":" in marks)
