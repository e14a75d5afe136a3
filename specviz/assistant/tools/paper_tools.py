"""Tools that find papers: in the bibliography that comes with specviz, and in the literature services."""

from __future__ import annotations

from typing import Any, Literal

from specviz.assistant.desk import Desk
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer
from specviz.errors import NotFoundError, OptionError
from specviz.spectra.star import Star

tools = Registry()
#: Most papers that one answer lists.
MOST = 20


@tools.add
def papers(desk: Desk, query: str, k: int = 5) -> Answer:
    """Papers of the field by topic, author, year or identifier, from the bibliography that comes with specviz.

    Parameters
    ----------
    query : str
        What they are about, in English or Chinese; an author and a year; an arXiv number.
    k : int
        How many, 1 to 20.
    """
    from specviz.assistant.intents.vocabulary import language_of
    from specviz.assistant.papers.bibliography import bibliography
    from specviz.assistant.papers.search import search

    _few(k)
    chinese = language_of(query) == "zh"
    rows = [
        {
            "title": hit.paper.title, "authors": hit.paper.authors, "year": hit.paper.year, "id": hit.paper.id,
            "url": hit.paper.url, "note": hit.paper.note_zh if chinese else hit.paper.note,
        }
        for hit in search(query, k)
    ]  # fmt: skip
    data: dict[str, Any] = {"query": query[:200], "papers": rows, "among": len(bibliography())}
    return Answer("papers", data, {"papers": rows}, {"catalogue": "bibliography of specviz"})


@tools.add(reaches="network")
def papers_online(
    desk: Desk, query: str = "", k: int = 5, where: Literal["any", "arxiv", "ads", "simbad"] = "any"
) -> Answer:
    """Ask arXiv or ADS for papers on a topic, or SIMBAD for the papers about the star in hand.

    Parameters
    ----------
    query : str
        What they are about; for SIMBAD the name of an object, the star in hand if empty.
    k : int
        How many, 1 to 20.
    where : str
        "any" is SIMBAD without a query; with one ADS where the person has a token for it, else arXiv.
    """
    from specviz.archives.bibliography import ads_token, references_of, search_ads, search_arxiv
    from specviz.archives.transport import offline, title
    from specviz.assistant.papers.search import english

    _few(k)
    service = where
    if where == "any":
        service = "simbad" if not query.strip() else "ads" if ads_token() else "arxiv"
    asked = query.strip() or _name_of(desk.in_hand()) if service == "simbad" else english(query)
    with offline(not desk.sky.online):
        if service == "simbad":
            found = references_of(asked, k)
        else:
            found = search_ads(asked, k) if service == "ads" else search_arxiv(asked, k)
    rows = [
        {"title": r.title, "authors": r.authors, "year": r.year or "", "id": r.id, "url": r.url, "note": ""}
        for r in found
    ]
    data: dict[str, Any] = {"query": (query.strip() or asked)[:200], "papers": rows, "from": title(service)}
    return Answer("papers_online", data, {"papers": rows}, {"catalogue": title(service)})


def _name_of(star: Star) -> str:
    """A name that SIMBAD may know a star by: its Gaia number, another identifier, else what it is called."""
    if star.meta.get("simulated"):
        raise NotFoundError(
            f"{star.name} is simulated: no paper is about it", remedy="Open a real star, or name a topic"
        )
    source = star.source_id
    if source is not None:
        return f"Gaia {source.release or 'DR3'} {source.value}"
    known = {i.archive: i for i in star.identifiers}
    return next((f"{kind} {known[kind].value}" for kind in ("KIC", "EPIC", "TIC") if kind in known), star.name)


def _few(k: int) -> None:
    if not 1 <= k <= MOST:
        raise OptionError(f"k={k}", expected=f"1 to {MOST} papers")
