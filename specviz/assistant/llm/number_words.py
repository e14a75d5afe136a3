"""Numbers that are written in words, in English or Chinese: "five thousand eight hundred", "五千八百", "四点六"."""

from __future__ import annotations

import re
from collections.abc import Iterator

_SMALL = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16,
    "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50,
    "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_LARGE = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "billion": 1_000_000_000}
_WORD = "|".join((*_SMALL, *_LARGE))
#: Only numbers with a hundred or more, or with "point", are measurements; "two stars" is speech.
_ENGLISH = re.compile(
    rf"\b(?:{'|'.join(_SMALL)})(?:[ -]+(?:and )?(?:{_WORD}))*(?: point(?: (?:{'|'.join(_SMALL)}))+)?\b", re.IGNORECASE
)
_HAN = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_TENS = {"十": 10, "百": 100, "千": 1000}
_CHINESE = re.compile(r"[一二三四五六七八九两][一二三四五六七八九两零〇十百千万亿]*(?:点[零〇一二三四五六七八九]+)?")


def written_out(text: str) -> Iterator[tuple[int, int, float, float]]:
    """Numbers in words: where they begin and end, their value, and half of their last digit."""
    for match in _ENGLISH.finditer(text):
        words = re.split(r"[ -]+", match[0].lower())
        if any(w in _LARGE for w in words) or "point" in words:
            yield match.start(), match.end(), *_english([w for w in words if w != "and"])
    for match in _CHINESE.finditer(text):
        if re.search(r"[百千万亿点]", match[0]) and len(match[0]) > 1:
            yield match.start(), match.end(), *_chinese(match[0])


def _english(words: list[str]) -> tuple[float, float]:
    at = words.index("point") if "point" in words else len(words)
    whole, part = 0, 0
    for word in words[:at]:
        if word in _SMALL:
            part += _SMALL[word]
        elif word == "hundred":
            part = (part or 1) * 100
        else:
            whole, part = whole + (part or 1) * _LARGE[word], 0
    return _with_digits(whole + part, [_SMALL[w] for w in words[at + 1 :]])


def _chinese(text: str) -> tuple[float, float]:
    front, _, behind = text.partition("点")
    whole, part, digit = 0, 0, 0
    for c in front:
        if c in _HAN:
            digit = _HAN[c]
        elif c in _TENS:
            part, digit = part + (digit or 1) * _TENS[c], 0
        else:
            whole, part, digit = (whole + part + digit) * {"万": 10_000, "亿": 100_000_000}[c], 0, 0
    return _with_digits(whole + part + digit, [_HAN[c] for c in behind])


def _with_digits(whole: int, digits: list[int]) -> tuple[float, float]:
    value = whole + sum(d * 10.0 ** -(i + 1) for i, d in enumerate(digits))
    return float(value), 0.5 * 10.0 ** -len(digits)
