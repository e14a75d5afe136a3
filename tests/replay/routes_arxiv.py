"""arXiv: an Atom feed of the layout that its manual describes, built by hand; its errors are entries too."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from replay_server import Answer, Asked, Route

_PAPERS = [
    ("1804.01530v2", "The Payne: Self-consistent ab initio Fitting\n  of Stellar Spectra", "2018-04-04T18:00:01Z",
     ("Yuan-Sen Ting", "Charlie Conroy", "Hans-Walter Rix", "Phillip Cargile")),
    ("2607.24141v1", "The Payne Zero Project I: Stellar Spectra from Physical Models in Seconds",
     "2026-07-27T00:00:00Z",
     ("Yuan-Sen Ting", "Elliot M. Kim")),
    ("astro-ph/0405087v1", "New Grids of ATLAS9 Model Atmospheres <script>alert(1)</script>", "2004-05-05T10:00:00Z",
     ("F. Castelli", "R. L. Kurucz")),
]  # fmt: skip
_HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
    '<title type="html">ArXiv Query</title>'
)


def routes(data: Path | None) -> list[Route]:
    def answer(asked: Asked) -> Answer:
        words = asked.query.get("search_query", "").lower()
        wanted = asked.query.get("id_list", "")
        found = _PAPERS
        if wanted:
            found = [p for p in _PAPERS if p[0].startswith(wanted)]
        elif "nothing" in words:
            found = []
        elif "wrong" in words:
            body = f"{_HEAD}<entry><id>http://arxiv.org/api/errors#incorrect_id</id><title>Error</title></entry></feed>"
            return Answer(body.encode(), 200, "application/atom+xml")
        entries = "".join(
            f"<entry><id>http://arxiv.org/abs/{number}</id><published>{when}</published><title>{escape(title)}</title>"
            f"<summary>not kept</summary>{''.join(f'<author><name>{a}</name></author>' for a in authors)}</entry>"
            for number, title, when, authors in found[: int(asked.query.get("max_results", "10"))]
        )
        return Answer(f"{_HEAD}{entries}</feed>".encode(), 200, "application/atom+xml")

    return [Route("GET", "/api/query", answer, False, "after the manual of arXiv's interface")]
