"""Stars that are not named but pointed at: "the second one", "the previous star", "all of them", "第二颗"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from specviz.assistant.intents.meaning import Before
from specviz.assistant.intents.vocabulary import NUMBER_WORDS

_ORDINALS = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10,
}  # fmt: skip
_THING = (
    r"(?:one|star|of (?:them|these|those)|neighbou?r|match|twin|file|spectrum|result|on the list|in the list|similar)"
)
_THINGS = re.compile(rf"^ (?:\w+ )?{_THING}\b")
_NTH = re.compile(
    rf"\b(?:the )?(?P<word>{'|'.join(_ORDINALS)}|(?P<number>\d{{1,3}})(?:st|nd|rd|th))\b"
    rf"(?= (?:\w+ )?{_THING}\b|\W*$|,| please)"
    r"|(?:\bnumber|\bno\.?|#) ?(?P<hash>\d{1,3})\b"
    r"|第 ?(?P<han>[一二三四五六七八九十]{1,3}|\d{1,3}) ?(?:颗|个|位|条|名|份|$|呢)"
)
_LAST = re.compile(rf"\b(?:the )?last {_THING}\b(?! (?:again|before))|最后(?:一)?(?:颗|个)")
_TOP = re.compile(
    rf"\b(?:open|load|take|show me|show|go to|try|analy[sz]e|look at|about|parameters of) the "
    rf"(?:nearest|closest|most similar|best|oddest|strangest|weirdest|top) {_THING}\b"
    r"|(?:打开|看看?|换成|换到|分析|取|那|加载)(?:最(?:相似|像|近|接近|异常|奇怪|怪))的?(?:那|一)*(?:颗|个)"
    r"|\bits (?:nearest|closest) neighbou?r\b(?=.*\b(?:open|load|parameters|temperature)\b)"
)
_BACK = re.compile(
    r"\b(?:go )?back(?: to (?:the )?(?:previous|last|earlier|other|one before)\b.*)?\W*$|\bprevious (?:star|one)\b"
    r"|\bthe (?:star|one) (?:before|from before)\b|\bback to (?:it|that)\b"
    r"|(?:上|前)一 ?(?:颗|个)|返回|回(?:到|去)(?:刚才|之前|上|前|$)?|刚才(?:那|的)(?:那)?(?:颗|个)|之前那颗"
)
_FIRST = re.compile(
    r"\bback to the (?:first|original) (?:one|star)\b|回到(?:第一|最初|原来)(?:的)?(?:那)?(?:颗|个)?|最初那颗"
)
_ALL = re.compile(
    r"\b(?:all|both|each|every|any|which|one)(?: one)?(?: of)? (?:them|these|those|(?:the|my)? ?(?:files?|uploads?"
    r"|uploaded \w+|two|three|"
    r"four|five))\b|\b(?:these|those|my|the) (?:files|uploads|two|three|spectra|uploaded)\b|\brank (?:them|these|all)\b"
    r"|\b(?:compare|rank) (?:them|these|both)\b|\bthem\b.*\b(?:oddest|strangest|weirdest|unusual)\b"
    r"|它们|[这那]些(?!参数|数|值|谱线|线|模型|丰度|结果|误差)|[这那](?:两|三|几|四|五)(?:颗|个)|每(?:个文件|颗"
    r"|一颗)|两颗都|全部文件|其中|(?:哪|那)(?:一)?颗最|上传的"
)


@dataclass(frozen=True)
class Pointed:
    """What a text points at.

    Parameters
    ----------
    names : tuple of str
    points : bool
        True with no name where it points at something that is not there.
    rest : str
        The text without the words that point.
    """

    names: tuple[str, ...]
    points: bool
    rest: str


def pointed_at(lower: str, before: Before, uploads: Sequence[str]) -> Pointed:
    """The star that a text points at.

    Parameters
    ----------
    lower : str
        The text without names, small letters.
    before : Before
    uploads : sequence of str
    """
    among = before.listed or tuple(uploads) or before.stars
    if re.search(r"\bfiles?\b|\buploads?\b|文件|上传", lower) and uploads:
        among = tuple(uploads)
    at = _nth(lower)
    for pattern, names in (
        (_FIRST, before.stars[:1]), (_BACK, before.stars[-2:-1]), (_NTH, among[at - 1 : at] if at else ()),
        (_TOP, among[:1]), (_LAST, among[-1:]),
    ):  # fmt: skip
        match = pattern.search(lower)
        if match is not None:
            return Pointed(names, True, lower[: match.start()] + " " + _THINGS.sub(" ", lower[match.end() :], 1))
    return Pointed((), False, lower)


def group(lower: str, before: Before, uploads: Sequence[str]) -> tuple[str, ...]:
    """The stars that "all of them" means: the files, else the last list, else those that were in hand."""
    if not _ALL.search(lower):
        return ()
    if re.search(r"\bfiles?\b|\buploads?\b|\buploaded\b|文件|上传", lower):
        return tuple(uploads)
    return next((g for g in (before.listed, tuple(uploads), before.stars) if len(g) > 1), ())


def _nth(lower: str) -> int | None:
    match = _NTH.search(lower)
    if match is None:
        return None
    digits = match["number"] or match["hash"]
    if digits:
        return int(digits)
    if match["word"]:
        return _ORDINALS[match["word"]]
    han = match["han"]
    return int(han) if han.isdigit() else NUMBER_WORDS.get(han, 0)
