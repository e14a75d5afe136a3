"""``Table``: sentences of the library in Chinese; their names and numbers stay as they are."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping

#: A sentence of the library, and the same in Chinese. ``<name>`` stands for whatever is there within a sentence, and is
#: copied; ``<n>``, of one letter, for a number or another word without blanks; ``<name*>`` is said in Chinese too where
#: that is known.
Rows = Iterable[tuple[str, str]]
_BLANKS = re.compile(r"( ?)<(\w+)(\*?)>( ?)")
#: Letters and marks beside which no blank stands.
CHINESE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]")
_SLOT = re.compile(r"<(\w+)(\*?)>")
_SOME, _ONE = r"(?:(?!\. [A-Z“]).)+?", r"\S+?"
#: Where one sentence ends and the next begins.
_BETWEEN = re.compile(r"(?<=[.!?]) (?=[A-Z“]|specviz )")
_WHOLE = re.compile(r"(?P<what>.+?)\. Expected: (?P<expected>.+?)\.(?: (?P<remedy>[A-Z“\d].*))?", re.DOTALL)
#: A word of the English language, other than a unit, the name of a label or of a file.
_ENGLISH = re.compile(r"(?<![\w./-])[A-Za-z][a-z]{2,}(?![\w./-])")
_NAMES = frozenset(("Gaia", "Lux", "Angstrom", "demo", "dex", "teff", "logg", "vsini", "rest", "observed"))
#: In front of what is not known in Chinese.
ORIGINAL = "原文："


class Table:
    """Sentences of the library and their Chinese; of those that fit, the one with the most words of its own is taken.

    Parameters
    ----------
    rows : iterable of (str, str)
    """

    def __init__(self, *rows: Rows) -> None:
        every = sorted((row for table in rows for row in table), key=lambda row: -len(_SLOT.sub("", row[0])))
        self._rows = [(_pattern(english), said) for english, said in every]
        self._find = functools.lru_cache(maxsize=2000)(self._found)

    def chinese(self, text: str) -> str | None:
        """The text in Chinese, without its full stop; None where it is not known."""
        return self._find(text.strip().removesuffix("."))

    def _found(self, text: str) -> str | None:
        for pattern, said in self._rows:
            match = pattern.fullmatch(text)
            if match is not None:
                return self._filled(said, match)
        return text if _is_data(text) else None

    def _filled(self, said: str, match: re.Match[str]) -> str:
        starred = {name for name, star in _SLOT.findall(said) if star}
        found = {k: (self.chinese(v) or v) if k in starred else v for k, v in match.groupdict().items()}
        return filled(said, found)

    def passage(self, text: str) -> str:
        """Several sentences in Chinese, with full stops; what is not known is quoted as it is."""
        parts = _WHOLE.fullmatch(text.strip())
        if parts is not None:
            said = self.passage(parts["what"]) + needed(self.list(parts["expected"]))
            return said + (self.passage(parts["remedy"]) if parts["remedy"] else "")
        whole = self.chinese(text)
        if whole is not None:
            return ended(whole)
        sentences = _BETWEEN.split(text)
        if len(sentences) > 1:
            return "".join(self.passage(sentence) for sentence in sentences)
        return ended(quoted(text)) if text.strip() else ""

    def list(self, text: str) -> str:
        """What is expected, in Chinese; quoted where it is not known."""
        if not text:
            return ""
        if "Expected: " in text or _BETWEEN.search(text):  # an error that is told inside another
            return self.passage(text).removesuffix("。")
        return self.chinese(text) or f"“{text}”"


def filled(said: str, values: Mapping[str, str]) -> str:
    """A phrase with its slots filled; a blank beside a slot stays only between Chinese and other letters."""

    def fill(slot: re.Match[str]) -> str:
        what = values[slot[2]]
        before = "" if CHINESE.match(what) else slot[1]
        return before + what + ("" if CHINESE.match(what[-1:]) else slot[4])

    return _BLANKS.sub(fill, said)


def quoted(text: str) -> str:
    """A text that is not known in Chinese, as it is."""
    return f"{ORIGINAL}“{text.strip().removesuffix('.')}”"


def needed(text: str) -> str:
    """The sentence that says what is expected."""
    return ended(f"需要：{text}") if text else ""


def ended(text: str) -> str:
    """With a full stop, unless it has an end."""
    return text if not text or text[-1] in "。？！" else f"{text}。"


def _pattern(english: str) -> re.Pattern[str]:
    parts, end = [], 0
    for slot in _SLOT.finditer(english):
        parts += [
            re.escape(english[end : slot.start()]),
            f"(?P<{slot[1]}>{_ONE if len(slot[1]) == 1 and not slot[2] else _SOME})",
        ]
        end = slot.end()
    return re.compile("".join([*parts, re.escape(english[end:])]), re.DOTALL)


def _is_data(text: str) -> bool:
    """Whether a text is names, numbers and units only, which are the same in each language."""
    return not any(word not in _NAMES for word in _ENGLISH.findall(text)) or all(
        " " not in part for part in text.split(", ")
    )
