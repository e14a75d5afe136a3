"""``search``: papers by words, ranked with BM25 (Robertson & Zaragoza 2009), in English or Chinese."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from specviz.assistant.papers.bibliography import Paper, bibliography
from specviz.assistant.papers.glossary import ALSO, CHINESE, NOTHING

#: Saturation of a repeated word, and how much a long entry is held against it.
K1, B = 1.2, 0.5
#: How often a word of each field counts.
TITLE, TOPIC, AUTHOR, NOTE = 2, 3, 2, 1
#: Weight of a word that a synonym adds, and of two neighbouring Chinese characters that no term explains.
SYNONYM, PAIR = 0.4, 0.5
#: An answer with less than this part of the best one's score is left out.
LEAST = 0.25
#: Among papers that are equally near, those that specviz is built on come first.
OURS = 1.15

_WORD = re.compile(r"[a-z][a-z0-9]+|\d{4}\.\d{4,5}|\d{4}")
_HAN = re.compile(r"[\u3400-\u9fff]+")
_NOTHING = re.compile("|".join(NOTHING))
_COMMON = """
a an and are as at be by can do does for from has how i in is it its me of on or please should show some
that the there these this to use used using via was we what which who why with you your about any find give
list paper papers literature publication publications reference references cite read article articles work
works study studies star stars stellar spectrum spectra spectral spectroscopic et al data
"""
_STOP = frozenset(_COMMON.split())


@dataclass(frozen=True)
class Hit:
    """A paper, and its score: the larger the better, comparable within one question only."""

    paper: Paper
    score: float


def search(query: str, k: int = 5) -> tuple[Hit, ...]:
    """The papers that a question is about, the best first; none where no word of it is known.

    Parameters
    ----------
    query : str
        English or Chinese words, an author, a year, an identifier.
    k : int
        How many at most.
    """
    wanted = terms(query)
    index = _index()
    scores: dict[int, float] = {}
    for word, weight in wanted.items():
        for at, gain in index.postings.get(word, ()):
            scores[at] = scores.get(at, 0.0) + weight * gain
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    papers = bibliography()
    return tuple(Hit(papers[at], score) for at, score in best[:k] if score >= LEAST * best[0][1])


def terms(query: str) -> dict[str, float]:
    """Words of a question with their weights: English ones reduced to their stem, Chinese ones translated."""
    out: dict[str, float] = {}

    def add(word: str, weight: float) -> None:
        out[word] = max(out.get(word, 0.0), weight)

    text = _NOTHING.sub(" ", _folded(query))
    for part in _parts(text):
        for word in words(CHINESE.get(part, "")):
            add(word, 1.0)
        if part not in CHINESE:
            for at in range(len(part) - 1):
                add(part[at : at + 2], PAIR)
    if "α" in text:
        add("alpha", 1.0)
    for word in words(_HAN.sub(" ", text)):
        add(word, 1.0)
        for other in ALSO.get(word, ()):
            add(stem(other), SYNONYM)
    return out


def english(query: str) -> str:
    """A question for services that know English only: Chinese terms translated, the words that ask left out."""
    text = _NOTHING.sub(" ", unicodedata.normalize("NFKC", query))
    translated = [CHINESE[part] for part in _parts(text) if part in CHINESE]
    plain = (w.strip("?!.,;:") for w in _HAN.sub(" ", text.replace("α", " alpha ")).split())
    plain = (w for w in plain if w and w.lower() not in _STOP)
    return " ".join([*plain, *translated])


def words(text: str) -> list[str]:
    """Stems of the words of an English text, those that say nothing left out."""
    return [stem(word) for word in _WORD.findall(_folded(text)) if word not in _STOP]


def stem(word: str) -> str:
    """A word without its plural: "binaries" and "binary" are one, and so are "flows" and "flow"."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _parts(text: str) -> list[str]:
    """The Chinese of a text as terms of the glossary, the longest first, and what lies between them."""
    out = []
    for run in _HAN.findall(text):
        at = rest = 0
        while at < len(run):
            term = next((run[at : at + n] for n in range(6, 0, -1) if run[at : at + n] in CHINESE), "")
            if term:
                out += [run[rest:at], term]
                rest = at + len(term)
            at += len(term) or 1
        out.append(run[rest:])
    return [part for part in out if part]


def _folded(text: str) -> str:
    """Lower case, full-width letters made plain, accents off."""
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).lower())
    return "".join(c for c in plain if not unicodedata.combining(c)).replace("ł", "l")


@dataclass(frozen=True)
class _Index:
    """Word -> (place of the paper, what the word adds to its score)."""

    postings: dict[str, list[tuple[int, float]]]


@lru_cache(maxsize=1)
def _index() -> _Index:
    counts = [_counted(paper) for paper in bibliography()]
    mean = sum(sum(c.values()) for c in counts) / len(counts)
    known = Counter(word for c in counts for word in c)
    postings: dict[str, list[tuple[int, float]]] = {}
    for at, c in enumerate(counts):
        ours = OURS if "specviz" in bibliography()[at].note else 1.0
        long = K1 * (1.0 - B + B * sum(c.values()) / mean)
        for word, n in c.items():
            rare = math.log(1.0 + (len(counts) - known[word] + 0.5) / (known[word] + 0.5))
            postings.setdefault(word, []).append((at, ours * rare * n * (K1 + 1.0) / (n + long)))
    return _Index(postings)


def _counted(paper: Paper) -> Counter[str]:
    out: Counter[str] = Counter()
    fields: Sequence[tuple[str, int]] = (
        (paper.title.replace("α", "alpha"), TITLE), (" ".join(paper.topics), TOPIC), (paper.authors, AUTHOR),
        (paper.note, NOTE), (f"{paper.year} {paper.id}", NOTE),
    )  # fmt: skip
    for text, weight in fields:
        for word in words(text):
            out[word] += weight
    for run in _HAN.findall(paper.note_zh):
        for at in range(len(run) - 1):
            out[run[at : at + 2]] += NOTE
    return out
