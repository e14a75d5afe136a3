"""Papers from the literature services: arXiv, ADS, and those that SIMBAD has of an object.

arXiv is asked through its public interface, at most once in three seconds as it asks for; ADS with a token of the
person's own, in words that astroquery writes; SIMBAD through its TAP service.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

from specviz.archives import tap
from specviz.archives.astroquery_requests import ads_request
from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.simbad import Simbad
from specviz.archives.transport import request
from specviz.errors import BadReplyError, NotFoundError, OptionError

ARXIV_URL = "https://export.arxiv.org/api/query"
_ATOM = {"a": "http://www.w3.org/2005/Atom"}
_ARXIV_ID = re.compile(r"(?:arXiv:)?(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?", re.IGNORECASE)
#: Where the ADS token is looked for, as the field's Python clients do.
TOKEN_NAMES, TOKEN_FILE = ("ADS_DEV_KEY", "ADS_API_TOKEN"), Path(".ads") / "dev_key"
#: A title is no longer, and an answer holds no more papers.
LONGEST, MOST = 300, 50
_SIMBAD = (
    "SELECT TOP {n} ref.bibcode, ref.title, ref.\"year\", ref.journal, ref.doi FROM ref "
    "JOIN has_ref ON has_ref.oidbibref = ref.oidbib JOIN ident ON ident.oidref = has_ref.oidref "
    "WHERE ident.id = {name} ORDER BY ref.\"year\" DESC"
)  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """A paper as a service lists it; the text in it is the service's.

    Parameters
    ----------
    id : str
        "arXiv:1804.01530", "bibcode:2019ApJ...879...69T".
    title, authors : str
        ``authors`` short: "Ting et al."; "" where the service gives none.
    year : int or None
    url : str
    journal : str
    """

    id: str
    title: str
    authors: str
    year: int | None
    url: str
    journal: str = ""


def search_arxiv(words: str, n: int = 5) -> list[Reference]:
    """The papers on arXiv that words are about, the most relevant first; an arXiv number gives that paper.

    Raises
    ------
    OptionError
        For words that hold nothing to look for, or a count out of range.
    ArchiveError
        arXiv cannot be asked.
    """
    _check(n)
    number = _ARXIV_ID.fullmatch(words.strip())
    asked = re.findall(r"[\w.+-]{2,}", words)[:12]
    if not asked:
        raise OptionError(f"{words[:40]!r} holds no words", expected="what the papers are about, in English")
    query = {"id_list": number[1]} if number else {"search_query": " AND ".join(f"all:{word}" for word in asked)}
    params = {**query, "start": "0", "max_results": str(n), "sortBy": "relevance"}

    def produce() -> bytes:
        return request("arxiv", "GET", ARXIV_URL, params=params).body

    key = Key("arxiv", "", f"query:{n}:{next(iter(query.values()))}")
    return _atom(cache().remember(key, produce, max_age=QUERY_AGE, check=_atom))[:n]


def search_ads(words: str, n: int = 5, *, token: str = "") -> list[Reference]:
    """The papers in ADS that words are about, the most relevant first.

    Parameters
    ----------
    words : str
        In ADS's own language: plain words, ``author:"^Ting" year:2019``, ``object:"HD 140283"``.
    n : int
    token : str, optional
        By default :func:`ads_token`.

    Raises
    ------
    OptionError
        Without a token, for no words, or a count out of range.
    ArchiveError
        ADS cannot be asked.
    """
    _check(n)
    token = token or ads_token()
    if not words.strip():
        raise OptionError("There are no words to look for", expected="what the papers are about")
    if not token:
        raise OptionError(
            "ADS answers only with a token", expected=f"one in {TOKEN_NAMES[0]} or in ~/{TOKEN_FILE}",
            remedy="Get one at https://ui.adsabs.harvard.edu/user/settings/token, or ask arXiv",
        )  # fmt: skip
    url = ads_request(words.strip()[:500], n)

    def produce() -> bytes:
        return request("ads", "GET", url, headers={"Authorization": f"Bearer {token}"}).body

    key = Key("ads", "", f"query:{n}:{words.strip()[:500]}")  # never the token
    return _ads(cache().remember(key, produce, max_age=QUERY_AGE, check=_ads))[:n]


def references_of(name: str, n: int = 5) -> list[Reference]:
    """The newest papers that SIMBAD has of an object.

    Raises
    ------
    NotFoundError
        SIMBAD knows no object of that name.
    ArchiveError
        SIMBAD cannot be asked.
    """
    _check(n)
    found = Simbad().lookup([name])[0]
    if found is None:
        raise NotFoundError(f"SIMBAD knows no {name[:60]}", remedy="Ask by another of its names")
    rows = tap.query("simbad", _SIMBAD.format(n=int(n), name=tap.literal(found.main_id)))
    columns = {column.lower(): column for column in rows.colnames}
    if "bibcode" not in columns or "title" not in columns:
        raise BadReplyError("SIMBAD's answer has no bibcode or title", service="simbad")

    def text(row: Any, name: str) -> str:
        value = row[columns[name]] if name in columns else ""
        return "" if value is None or value is _masked() else _clean(str(value))

    return [
        Reference(f"bibcode:{text(row, 'bibcode')}", text(row, "title"), "", _year(text(row, "year")),
                  _at_ads(text(row, "bibcode")), text(row, "journal"))
        for row in rows
    ]  # fmt: skip


def ads_token() -> str:
    """The person's own ADS token, from the environment or the file that ADS clients use; "" if there is none."""
    for name in TOKEN_NAMES:
        if told := os.environ.get(name, "").strip():
            return told
    try:
        return (Path.home() / TOKEN_FILE).read_text(encoding="utf-8").strip()
    except (OSError, RuntimeError, UnicodeDecodeError):  # no such file, no home, no text
        return ""


# ---------------------------------------------------------------------------------------------- answers
def _atom(body: bytes) -> list[Reference]:
    """The entries of an Atom feed.

    Raises
    ------
    BadReplyError
        If it is none.
    """
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:  # a feed has no need of either, an attack has
        raise BadReplyError("arXiv answered with something that is no feed", service="arxiv")
    try:
        feed = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise BadReplyError("arXiv answered with something that is no feed", service="arxiv") from error
    if feed.tag != f"{{{_ATOM['a']}}}feed":
        raise BadReplyError("arXiv answered with something that is no feed", service="arxiv")
    out = []
    for entry in feed.findall("a:entry", _ATOM):
        number = _ARXIV_ID.search((entry.findtext("a:id", "", _ATOM)).rsplit("/abs/", 1)[-1])
        title = _clean(entry.findtext("a:title", "", _ATOM))
        if number is None or not title:  # arXiv reports errors as an entry
            continue
        names = [_clean(a.findtext("a:name", "", _ATOM)).split(" ")[-1] for a in entry.findall("a:author", _ATOM)]
        year = _year(entry.findtext("a:published", "", _ATOM)[:4])
        out.append(
            Reference(f"arXiv:{number[1]}", title, short(names), year, f"https://arxiv.org/abs/{number[1]}", "arXiv")
        )
    return out


def _ads(body: bytes) -> list[Reference]:
    """The documents of an answer of ADS.

    Raises
    ------
    BadReplyError
        If it is none.
    """
    import json

    try:
        documents = json.loads(body)["response"]["docs"]
        return [
            Reference(
                f"bibcode:{doc['bibcode']}", _clean(" ".join(doc.get("title") or [])),
                short([_clean(name).split(",")[0] for name in doc.get("author") or []]),
                _year(str(doc.get("year") or "")), _at_ads(str(doc["bibcode"])), _clean(str(doc.get("pub") or "")),
            )
            for doc in documents
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadReplyError("ADS answered with something that is no list of papers", service="ads") from error


def short(names: Sequence[str]) -> str:
    """Family names as a reference has them: "Ting", "Ting & Kim", "Andrae, Rix & Chandra", "Ting et al."."""
    if len(names) > 3:
        return f"{names[0]} et al."
    return " & ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def _clean(text: str) -> str:
    """One line, without the tags that ADS has in titles."""
    return " ".join(re.sub(r"</?(?:SUB|SUP|I|B|MATH)\b[^>]*>", "", text, flags=re.IGNORECASE).split())[:LONGEST]


def _year(text: str) -> int | None:
    found = re.match(r"\s*(\d{4})\b", text)
    return int(found[1]) if found else None


def _at_ads(bibcode: str) -> str:
    return f"https://ui.adsabs.harvard.edu/abs/{quote(bibcode, safe='.')}"


def _masked() -> Any:
    import numpy as np

    return np.ma.masked


def _check(n: int) -> None:
    if not 1 <= n <= MOST:
        raise OptionError(f"n={n}", expected=f"1 to {MOST} papers")
