"""``bibliography``: the papers that come with specviz.

Each entry's identifier, title and authors were found together on the arXiv, in ADS or in published reference lists
before it was taken in; the notes are our own words. No abstract is here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

_FILE = Path(__file__).with_name("bibliography.json")
_PLACES = {
    "arXiv": "https://arxiv.org/abs/{}",
    "bibcode": "https://ui.adsabs.harvard.edu/abs/{}",
    "doi": "https://doi.org/{}",
}


@dataclass(frozen=True)
class Paper:
    """One paper.

    Parameters
    ----------
    id : str
        With what it is one of: "arXiv:2507.01939", "bibcode:2015RAA....15.1095L", "doi:10.1086/167900".
    title : str
    authors : str
        Short: "Ting et al.".
    year : int
    topics : tuple of str
    note, note_zh : str
        What it is for, in a line.
    """

    id: str
    title: str
    authors: str
    year: int
    topics: tuple[str, ...] = ()
    note: str = ""
    note_zh: str = ""

    @property
    def url(self) -> str:
        """Where it can be read."""
        kind, _, value = self.id.partition(":")
        return _PLACES[kind].format(quote(value, safe="/:.()&"))


@lru_cache(maxsize=1)
def bibliography() -> tuple[Paper, ...]:
    """Every paper, in the order of the file."""
    rows = json.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(Paper(**{**row, "topics": tuple(row["topics"])}) for row in rows)
