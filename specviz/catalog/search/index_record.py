"""``IndexRecord``: what is known of an index beside its files: what it covers, how it was made, how well it finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from specviz.catalog.store.header import Header
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import INDEX, StarCatalog
from specviz.errors import CatalogError

_FORMAT, _VERSION = "specviz search index", 1
#: Suffixes of the files of an index, each after ``SURVEY.NUMBER``.
TRAINED, LISTS, CODES = ".faiss", ".lists.npy", ".ivfdata"
KINDS = ("ivf-fp16", "ivf-pq")


@dataclass(frozen=True)
class IndexRecord:
    """The content of ``index/SURVEY.json``, which is written last: an index that has one is whole.

    Parameters
    ----------
    survey, kind : str
    name : str
        Of its files, without suffix.
    content_sha256 : str
        Hash of the vectors that it covers; see :func:`content_of`.
    parts, rows, vectors : int
        How many parts, stars and vectors those are.
    dim, nlist : int
    nprobe : mapping of str to int
        Lists that are searched for that many neighbours (JSON has no other keys than words).
    depth : int
        Candidates of a compressed index that are ranked, as a multiple of the neighbours asked for.
    recall : mapping of str to float
        Share of the true nearest neighbours of held-out queries that were found with ``nprobe``, measured at the end of
        the build, by number of neighbours.
    milliseconds : float
        A query took (50 neighbours, one thread), measured then.
    queries, sample : int
        How many queries that were; vectors that the lists were learned from.
    seed : int
    seconds : float
        What building took.
    bytes : mapping of str to int
        Lengths of the files, by suffix.
    trained_sha256 : str
        Hash of the one that is read whole.
    made_with : str
        Version of faiss.
    """

    survey: str
    kind: str
    name: str
    content_sha256: str
    parts: int
    rows: int
    vectors: int
    dim: int
    nlist: int
    nprobe: Mapping[str, int]
    depth: int
    recall: Mapping[str, float]
    milliseconds: float
    queries: int
    sample: int
    seed: int
    seconds: float
    bytes: Mapping[str, int]
    trained_sha256: str
    made_with: str

    def probes(self, k: int) -> int:
        """Lists to search for ``k`` neighbours: as calibrated, in proportion beyond what was."""
        known = sorted((int(text), probes) for text, probes in self.nprobe.items())
        for upto, probes in known:
            if k <= upto:
                return probes
        upto, probes = known[-1]
        return min(-(-probes * k // upto), self.nlist)

    def with_seconds(self, seconds: float) -> IndexRecord:
        """The same, built in so many seconds."""
        return replace(self, seconds=round(seconds, 1))

    def write(self, folder: Path) -> None:
        """Put it into place; what searches the catalogue from then on uses this index."""
        told = {"format": _FORMAT, "format_version": _VERSION, **asdict(self)}
        write_whole(record_file(folder, self.survey), lambda stream: stream.write(json.dumps(told, indent=1).encode()))

    @classmethod
    def read(cls, folder: Path, survey: str) -> IndexRecord | None:
        """The record of a survey's index in ``folder``; None if there is none.

        Raises
        ------
        CatalogError
            If it is damaged or of a later version.
        """
        file = record_file(folder, survey)
        if not file.is_file():
            return None
        try:
            told = json.loads(file.read_text("utf-8"))
            if told.pop("format") != _FORMAT or told.pop("format_version") > _VERSION:
                raise CatalogError(f"{file.name} is of another version of specviz", remedy=again(folder.parent))
            record = cls(**told)
            record.probes(1)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, OSError) as error:
            raise CatalogError(f"{file.name} is damaged", remedy=again(folder.parent)) from error
        return record

    def check(self, catalog: StarCatalog) -> None:
        """Refuse files that are absent or cut short, and an index of other stars than the catalogue's first.

        Raises
        ------
        CatalogError
        """
        folder = catalog.path / INDEX
        header = catalog.header
        if self.parts > len(header.parts) or content_of(header, self.survey, self.parts) != self.content_sha256:
            raise CatalogError(
                f"The index of {self.survey} belongs to other stars than {catalog.path.name} holds",
                remedy=again(catalog.path),
            )
        for suffix, length in self.bytes.items():
            file = folder / f"{self.name}{suffix}"
            if not file.is_file() or file.stat().st_size != length:
                what = "is damaged" if file.is_file() else "is absent"
                raise CatalogError(f"{file.name} of the index {what}", remedy=again(catalog.path))
        trained = (folder / f"{self.name}{TRAINED}").read_bytes()
        if hashlib.sha256(trained).hexdigest() != self.trained_sha256:
            raise CatalogError(f"{self.name}{TRAINED} of the index is damaged", remedy=again(catalog.path))


def record_file(folder: Path, survey: str) -> Path:
    return folder / f"{survey}.json"


def content_of(header: Header, survey: str, parts: int) -> str:
    """Hash of a survey's vectors in the first parts of a catalogue: what an index of those is made of."""
    return replace(header, parts=header.parts[:parts]).vectors_sha256(survey)


def again(path: Path) -> str:
    """How a person makes the index anew."""
    return f"specviz catalog index {path.name} makes it"
