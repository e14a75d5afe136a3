"""ADS: an answer of the layout that its documentation describes, built by hand; only for who has the token."""

from __future__ import annotations

import json
from pathlib import Path

from replay_server import Answer, Asked, Route

_DOCS = [
    {"bibcode": "2019ApJ...879...69T", "title": ["The Payne: Self-consistent ab initio Fitting of Stellar Spectra"],
     "author": ["Ting, Yuan-Sen", "Conroy, Charlie", "Rix, Hans-Walter", "Cargile, Phillip"], "year": "2019",
     "pub": "The Astrophysical Journal"},
    {"bibcode": "2023ApJS..267....8A", "title": ["Metallicities [Fe/H]<SUB>XP</SUB> for 175 Million Stars"],
     "author": ["Andrae, Rene", "Rix, Hans-Walter", "Chandra, Vedant"], "year": "2023", "pub": "ApJS"},
    {"bibcode": "2007ApJ...669.1167B", "title": ["Ages for Illustrative Field Stars"], "author": ["Barnes, Sydney A."],
     "year": "2007"},
    {"bibcode": "1978stat.book.....M", "title": None, "author": None, "year": None},
]  # fmt: skip


def routes(data: Path | None) -> list[Route]:
    def answer(asked: Asked) -> Answer:
        if asked.headers.get("Authorization") != "Bearer good-token":
            return Answer(b'{"error": "Unauthorized"}', 401)
        docs = [] if "nothing" in asked.query.get("q", "") else _DOCS[: int(asked.query.get("rows", "10"))]
        return Answer(json.dumps({"responseHeader": {"status": 0}, "response": {"numFound": 4, "docs": docs}}).encode())

    return [Route("GET", "/v1/search/query", answer, False, "after ADS's documentation")]
