"""``written``: the numbers of a text, each with its sign, unit, and what it is said of; and whether a tool's is meant.

One set of rules serves both the check of what a language model says (:mod:`specviz.assistant.llm.numbers`) and the
links from numbers to calls (:mod:`specviz.assistant.number_sources`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from specviz.assistant.label_words import kinds_of, mentions, unit_at
from specviz.assistant.llm.number_words import written_out

if TYPE_CHECKING:
    from specviz.assistant.facts import Fact

_MINUS = r"\-−–‐‑﹣－"
_THOUSANDS = ",，' \u2009\u202f"
#: Units that are written right behind a number without a blank.
_GLUED = r"(?:K|k|dex|[GMk]?yrs?|km|mag|nm|AA?|k?pc|ppm|[μµ]?Hz|[dhs]|days?|hours?|Msun|Rsun|Lsun|M|R)"
#: A number that stands for itself: not part of a name (DR3; demo 12 is one: that stands in the answers).
_NUMBER = re.compile(
    rf"(?<![A-Za-z0-9_.])([+＋{_MINUS}]?\d{{1,3}}(?:[{_THOUSANDS}]\d{{3}})+(?!\d)(?:\.\d+)?|[+＋{_MINUS}]?\d+(?:\.\d+)?)"
    rf"(?:(?:[eE]([+{_MINUS}]?\d{{1,3}}))|\s?[×x]\s?10\^?\{{?([{_MINUS}]?\d{{1,2}}|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)\}}?)?"
    rf"(?:(?={_GLUED}(?![A-Za-z0-9]))|(?![A-Za-z0-9_]))(?!\.\d)"
)
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
#: "1." at the beginning of a line, and section marks: no measurement.
_LISTED = re.compile(r"^\s*(?:\d{1,2}[.)、]|[-*])\s", re.MULTILINE)
_RANK = re.compile(r"(?:^|[\s：:])(\d{1,2})[.)]\s(?=\D)")
#: What in front of a number is its sign, and what makes it no sign.
_NEGATIVE = re.compile(r"(?:\bminus|\bnegative|负|零下)\s*$", re.IGNORECASE)
_EITHER = re.compile(r"(?:±|\+ ?/ ?[-−]|\+[-−]|\\pm)\s*$")
#: Words that say which way a number without a sign goes: "0.05 dex below the Sun", "approaching at 94 km/s".
_BELOW = re.compile(
    r"\b(?:below|lower(?:s|ed|ing)?|less than|under|deficien\w+|approach\w*|towards?|blue.?shift\w*|decreas\w+|reduc\w+"
    r"|south\w*|anti.?correlat\w+)\b|低于|降低|拉低|减少|小于|靠近|蓝移|下降|负相关|反相关",
    re.IGNORECASE,
)
#: Between two numbers that are of the same thing: an error, the other end of an interval, one more of a list.
_SAME = re.compile(
    rf"(?:[\s,，、;()（）±/+{_MINUS}~～|:：]|\\pm|\b(?:to|and|or|by|through)\b|至|到|和|与|或|误差|K|Å|A|dex|Gyr|km|s⁻¹|s|d|mag|%|σ)*"
)
#: Between a number and the unit of an interval that both share.
_SHARED = re.compile(
    rf"\s*(?:(?:±|\+ ?/ ?-|\\pm)\s*\d[\d.,]*|[+＋]\s?\d[\d.,]*\s*[/,]?\s*[{_MINUS}]\s?\d[\d.,]*"
    rf"|(?:to|[{_MINUS}~～]|至|到)\s*[+＋{_MINUS}]?\d[\d.,]*)"
)
_DEGREES = re.compile(r"\s*度(?!数)")  # of temperature, or of an angle
_SENTENCE = re.compile(r"[.!?](?=\s)|[。！？；;]|\n")
_CLAUSE = re.compile(r"[,;，；、|()（）]|\b(?:and|with|while|but|or|versus|vs)\b|和|而|与|及|但")
#: How what a number is of follows it: "5813 K is its temperature", "4.4 for log g", "5813 K (Teff)".
_FOLLOWS = re.compile(
    r"\s*(?:(?:is|are|was|were|for|as|of|in)\b|\(|（|的|是|为|即)\s*"
    r"(?:(?:the|its|an?)\s+|(?:它|其|这颗(?:恒)?星|恒星) ?的?\s*)*",
    re.IGNORECASE,
)
#: What may stand between a label and the number that is bound to it.
_BINDS = re.compile(
    r"(?:[\s:：=＝≈~*_`$|]|\\approx|\b(?:is|was|of|equals?|about|approximately|roughly|around)\b|的值|是|为|约|大约|等于)*"
)
_BETWEEN = re.compile(r"(?:\bbetween|\bfrom|介于|在)\s*$", re.IGNORECASE)
_AND = re.compile(rf"\s*(?:and|和|与)\s*[+＋{_MINUS}]?\d[\d.,]*")


@dataclass(frozen=True)
class Written:
    """A number of a text.

    Parameters
    ----------
    start, stop : int
    word : str
        As it is written.
    value, half : float
        With the sign, and half of the last digit.
    sign : {"", "+", "-"}
        "" where none is written, or "±".
    unit : (str, float) or None
        Kind of quantity and scale; None where none is written.
    labels : frozenset of str
        What it is said of; empty where that is not said.
    stars : frozenset of str
        Of which star; empty where that is not said.
    below : bool
        Words beside it say that it goes down, so that it needs no sign.
    """

    start: int
    stop: int
    word: str
    value: float
    half: float
    sign: str = ""
    unit: tuple[str, float] | None = None
    labels: frozenset[str] = frozenset()
    stars: frozenset[str] = frozenset()
    below: bool = False
    bound: bool = False
    behind: bool = False

    def fits(self, fact: Fact) -> bool:
        """Whether it is that number: value to the last digit, sign, unit, and label and star where they are said."""
        return self.measures(fact) and self._is_of(fact)

    def measures(self, fact: Fact) -> bool:
        """Whether value, sign and unit agree."""
        factor = 1.0
        if self.unit is not None and fact.unit is not None:
            if fact.unit[0] not in _kinds(self.unit):
                return False
            factor = self.unit[1] / fact.unit[1]
        value, half = self.value * factor, self.half * factor
        if self.sign and fact.error:
            return self.behind and abs(abs(value) - abs(fact.value)) <= half
        if not self.sign and fact.value < 0:
            return self.below and abs(value + fact.value) <= half
        return abs(value - fact.value) <= half

    def _is_of(self, fact: Fact) -> bool:
        if fact.stars and self.stars and not fact.stars & self.stars:
            return False
        meant = {label for label in self.labels if self.bound or _may_have(label, self.unit)}
        if not meant or fact.labels & meant:
            return True
        if fact.labels:
            return False
        told = self.unit is not None and not self.bound
        return told or fact.unit is None or any(_may_have(label, fact.unit) for label in meant)


def written(text: str, names: Iterable[str] = ()) -> tuple[Written, ...]:
    """The numbers of a text in their order, those in words too.

    Parameters
    ----------
    text : str
    names : iterable of str
        Of stars: which of them a number is said of is looked for, and a number inside one is none.

    Notes
    -----
    What a number is said of is what was named in its sentence since the number before it, or right after it ("4.4 for
    log g"); else what the number before it was said of. A star that was named holds on into the next sentences.
    """
    stars, labels = list(_stars(text, names)), list(mentions(text))
    ranks = _ranks(text)
    found = [n for n in _numbers(text) if n.start not in ranks and not any(a <= n.start < b for a, b, _ in stars)]
    ends = [0, *(m.end() for m in _SENTENCE.finditer(text)), len(text)]
    out, used = list[Written](), set[int]()
    for i, number in enumerate(found):
        begin = max(e for e in ends if e <= number.start)
        stop = min((e for e in ends if e >= number.stop), default=len(text))
        low = max(begin, found[i - 1].stop) if i else begin
        high = min(stop, found[i + 1].start) if i + 1 < len(found) else stop
        unit, told = _unit(text, number.start, number.stop)
        tail = text[told : max(high, told)]
        clause = _CLAUSE.search(tail, _offset(tail))
        end = told + (clause.start() if clause else len(tail))
        of = _said_of(labels, (low, number.start), (told, end), used, text)
        who = _said_of(stars, (low, number.start), (told, end), used, text)
        last = out[-1] if out and out[-1].start >= begin else None
        behind = last is not None and _SAME.fullmatch(text, last.stop, number.start) is not None
        if not of and last is not None and behind:
            of = set(last.labels)
        nearest = max((stop for start, stop, _ in labels if low <= start and stop <= number.start), default=-1)
        bound = nearest >= 0 and _BINDS.fullmatch(text, nearest, number.start) is not None
        if not who:
            who = set(last.stars) if last is not None else _latest(stars, number.start, ends)
        cell = _head_of(text, number.start)
        if cell is not None:  # a table says it in its head, or in the first cell of the row
            of = {label for a, b, meant in labels if cell[0] <= a < cell[1] for label in meant} or of
            who = {star for a, b, meant in stars if cell[0] <= a < cell[1] for star in meant} or who
        below = _BELOW.search(text, low, number.start) or _BELOW.search(text, told, end)
        out.append(
            replace(
                number, unit=unit, labels=frozenset(of), stars=frozenset(who), below=below is not None, bound=bound,
                behind=behind,
            )
        )  # fmt: skip
    return tuple(out)


# ---------------------------------------------------------------------------------------------- numbers
def _numbers(text: str) -> Sequence[Written]:
    """Numbers with their value, half of the last digit and sign."""
    found = []
    skipped = [m.span() for m in _LISTED.finditer(text)]
    for match in _NUMBER.finditer(text):
        if any(a <= match.start() < b for a, b in skipped):
            continue
        plain = re.sub(rf"[{_THOUSANDS}]", "", match[1])
        sign = "-" if plain[0] in _MINUS else "+" if plain[0] in "+＋" else ""
        bare = plain[1:] if sign else plain
        front = text[max(0, match.start() - 10) : match.start()]
        if _EITHER.search(text[: match.start() + len(sign)][-4:]) or _EITHER.search(front):
            sign = ""
        elif not sign and _NEGATIVE.search(front):
            sign = "-"
        raised = (match[2] or match[3] or "0").translate(_RAISED)
        power = int(re.sub(rf"[{_MINUS}]", "-", raised))
        digits = len(bare.split(".")[1]) if "." in bare else 0
        value = float(f"{bare}e{power}") * (-1 if sign == "-" else 1)
        half = 0.5 * 10.0 ** min(power - digits, 0) * 1.0000001
        found.append(Written(match.start(), match.end(), match[0], value, half, sign))
    for start, stop, value, half in written_out(text):
        negative = _NEGATIVE.search(text[max(0, start - 10) : start]) is not None
        found.append(
            Written(start, stop, text[start:stop], -value if negative else value, half * 1.0000001, "-" * negative)
        )
    out = list[Written]()
    for number in sorted(found, key=lambda n: n.start):
        if not out or number.start >= out[-1].stop:
            out.append(number)
    return out


def _unit(text: str, start: int, at: int) -> tuple[tuple[str, float] | None, int]:
    """The unit of a number, and where it ends; that of an interval counts for both of its ends."""
    unit, end = unit_at(text, at)
    if unit is None:
        between = _BETWEEN.search(text[max(0, start - 12) : start])
        shared = _SHARED.match(text, at) or (_AND.match(text, at) if between else None)
        if shared is not None:
            unit, _ = unit_at(text, shared.end())
            return unit, at
        degrees = _DEGREES.match(text, at)
        if degrees is not None:
            return ("degree", 1.0), degrees.end()
    return unit, end


def _ranks(text: str) -> set[int]:
    """Where numbers of a list inside a line stand: "1. ... 2. ..."."""
    found = [(int(m[1]), m.start(1)) for m in _RANK.finditer(text)]
    out, expected, run = set[int](), 1, list[int]()
    for value, at in [*found, (0, 0)]:
        if value == expected:
            run.append(at)
            expected += 1
            continue
        out |= set(run) if len(run) > 1 else set()
        run, expected = ([at], 2) if value == 1 else ([], 1)
    return out


# ---------------------------------------------------------------------------------------------- what they are of
def _stars(text: str, names: Iterable[str]) -> Iterator[tuple[int, int, frozenset[str]]]:
    for name in dict.fromkeys(n.lower() for n in names if n.strip()):
        for match in re.finditer(rf"(?<![\w.]){re.escape(name)}(?![\w])", text, re.IGNORECASE):
            yield match.start(), match.end(), frozenset((name,))


def _said_of(
    named: list[tuple[int, int, frozenset[str]]], before: tuple[int, int], after: tuple[int, int], used: set[int],
    text: str,
) -> set[str]:  # fmt: skip
    """What is named in front of a number and was not said of the one before; what follows it and is said of it."""
    out = set[str]()
    for start, stop, meant in named:
        if before[0] <= start and stop <= before[1] and start not in used:
            out |= meant
    joint = _FOLLOWS.match(text, after[0])
    for start, stop, meant in named:
        closed = joint is None or joint[0].strip() not in ("(", "（") or text[stop : stop + 1] in (")", "）")
        if joint is not None and joint.end() == start and stop <= after[1] + 1 and closed:
            out |= meant
            used.add(start)
    return out


def _latest(stars: list[tuple[int, int, frozenset[str]]], at: int, ends: list[int]) -> set[str]:
    """Stars of the last sentence before a place that names any."""
    earlier = sorted((start, meant) for start, stop, meant in stars if stop <= at)
    if not earlier:
        return set()
    begin = max([e for e in ends if e <= earlier[-1][0]], default=0)
    return set().union(*(meant for start, meant in earlier if start >= begin))


def _head_of(text: str, at: int) -> tuple[int, int] | None:
    """Where the head of a column stands, for a number in a table of Markdown."""
    line = text.rfind("\n", 0, at) + 1
    if not text[line:at].lstrip().startswith("|"):
        return None
    first = line
    while first > 0 and text[text.rfind("\n", 0, first - 1) + 1 :].lstrip(" ").startswith("|"):
        first = text.rfind("\n", 0, first - 1) + 1
    if first == line:
        return None
    column, start = text.count("|", line, at), first
    for _ in range(column):
        start = text.find("|", start) + 1
    stop = min((e for e in (text.find("|", start), text.find("\n", start)) if e >= 0), default=start)
    return start, stop


def _offset(tail: str) -> int:
    """Where the clause after a number may end: behind an opening bracket that tells what it is."""
    match = _FOLLOWS.match(tail)
    return match.end() if match is not None else 0


def _may_have(label: str, unit: tuple[str, float] | None) -> bool:
    kinds = kinds_of(label)
    return unit is None or kinds is None or bool(_kinds(unit) & set(kinds))


def _kinds(unit: tuple[str, float]) -> set[str]:
    return {"temperature", "angle"} if unit[0] == "degree" else {unit[0]}
