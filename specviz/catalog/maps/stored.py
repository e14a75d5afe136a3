"""``StoredMap``: a map that is kept with a catalogue; its files, and which stars it covers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.maps.placing import Placing, placing_of
from specviz.catalog.store.header import Header
from specviz.catalog.store.parts import write_whole
from specviz.catalog.store.star_catalog import MAPS, StarCatalog
from specviz.errors import CatalogError

_FORMAT, _VERSION = "specviz map", 1
#: The maps a catalogue may keep: name, title, what it shows.
KINDS: Mapping[str, tuple[str, str]] = {
    "umap": ("UMAP", "Like stars lie together (UMAP of the embeddings); distances between groups mean little"),
    "pacmap": (
        "PaCMAP",
        "Like stars lie together (PaCMAP of the embeddings); groups keep their order better",
    ),
    "eigen": ("Eigenspace", "The axes along which both surveys agree most, after DESA"),
    "embedding": ("Embedding", "The two main axes of the embedding"),
}
_AGAIN = "specviz catalog map makes it again"


@dataclass(frozen=True)
class MapRecord:
    """What a map says of itself.

    Parameters
    ----------
    name : str
        One of :data:`KINDS`.
    survey : str
        Whose embeddings it shows.
    weights_sha256 : str
        Of the model that made them.
    rows : int
        Stars of the catalogue it covers, from the first on.
    content_sha256 : str
        Of the parts that hold those stars (:attr:`specviz.catalog.store.header.Header.embeddings_sha256`).
    labels : (str, str)
        Of its axes.
    parameters : mapping
        What the method was given, with the seed.
    library : str
        Its name and version; "" for a linear map.
    sample : int
        Stars it was fitted to.
    quality : mapping of str to float
        Trustworthiness and share of kept neighbours; see :func:`specviz.catalog.maps.quality.quality`.
    """

    name: str
    survey: str
    weights_sha256: str
    rows: int
    content_sha256: str
    labels: tuple[str, str]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    library: str = ""
    sample: int = 0
    quality: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return KINDS[self.name][0]

    @classmethod
    def read(cls, file: Path) -> MapRecord:
        """From its JSON file.

        Raises
        ------
        CatalogError
            If it is damaged, or of a later version.
        """
        told = read_json(file, _FORMAT, _VERSION)
        try:
            texts = {n: str(told[n]) for n in ("name", "survey", "weights_sha256", "content_sha256", "library")}
            if texts["name"] not in KINDS:
                raise KeyError(texts["name"])
            first, second = told["labels"]
            return cls(
                **texts,
                rows=int(told["rows"]),
                labels=(str(first), str(second)),
                parameters=dict(told["parameters"]),
                sample=int(told["sample"]),
                quality=dict(told["quality"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CatalogError(f"{file.name} is damaged", remedy=_AGAIN) from error

    def write(self, file: Path) -> None:
        """Put the JSON file."""
        write_json(file, {"format": _FORMAT, "format_version": _VERSION, **asdict(self)})


class StoredMap:
    """A map on disk, opened without being read.

    Made by :meth:`open`, and by :func:`specviz.catalog.maps.making.make_map`.

    Parameters
    ----------
    record : MapRecord
    xy : array, shape (record.rows, 2)
        Mapped, where it is on disk.
    placing : callable
        Gives what puts new stars on it, when that is first asked for.
    """

    def __init__(self, record: MapRecord, xy: NDArray[Any], placing: Callable[[], Placing]) -> None:
        self.record, self.xy, self._read = record, xy, placing

    @classmethod
    def of(cls, folder: Path, record: MapRecord) -> StoredMap:
        """The map whose files stand in ``folder``."""
        xy = open_rows(folder / f"{record.name}.xy.npy", record.rows, (2,))
        return cls(record, xy, partial(read_placing, folder / f"{record.name}.placing.npz"))

    @classmethod
    def open(cls, catalog: StarCatalog, survey: str, name: str) -> StoredMap:
        """The map of that name.

        Raises
        ------
        CatalogError
            If there is none, it is damaged, or it was made of other stars than those that are there.
        """
        folder = map_folder(catalog, survey)
        file = folder / f"{name}.json"
        if name not in KINDS or not file.is_file():
            title = KINDS.get(name, (name, ""))[0]
            raise CatalogError(f"This catalogue keeps no {title} map", remedy="specviz catalog map makes one")
        record = MapRecord.read(file)
        check_cover(catalog.header, record.rows, record.content_sha256, f"The {record.title} map")
        return cls.of(folder, record)

    @property
    def labels(self) -> tuple[str, str]:
        """Of its axes."""
        return self.record.labels

    @cached_property
    def placing(self) -> Placing:
        """What puts new stars on it."""
        return self._read()

    def note(self, stars: int) -> str:
        """What a person should know of how it stands to a catalogue of ``stars`` stars; "" if it covers all."""
        if self.record.rows >= stars:
            return ""
        extend = "specviz catalog map --extend adds the others"
        return f"Covers the first {self.record.rows:,} of {stars:,} stars; {extend}"


def map_folder(catalog: StarCatalog, survey: str) -> Path:
    """Where the maps of a survey stand."""
    return catalog.path / MAPS / survey


def check_cover(header: Header, rows: int, content_sha256: str, what: str) -> None:
    """Refuse what was computed of other stars than the first ``rows`` of a catalogue.

    Raises
    ------
    CatalogError
        If the parts that hold those stars are others, or fewer stars are there.
    """
    if covered(header, rows) != content_sha256:
        raise CatalogError(f"{what} was made of other stars than those that are there", remedy=_AGAIN)


def covered(header: Header, rows: int) -> str:
    """``embeddings_sha256`` of the parts that hold the first ``rows`` stars; "" if no parts hold just these."""
    have = 0
    for i, part in enumerate(header.parts):
        have += part.rows
        if have >= rows:
            return replace(header, parts=header.parts[: i + 1]).embeddings_sha256 if have == rows else ""
    return header.embeddings_sha256 if rows == have else ""


def read_placing(file: Path) -> Placing:
    """What puts stars on a map, from its file."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            return placing_of({name: held[name] for name in held.files})
    except Exception as error:  # damaged bytes raise a dozen kinds in zipfile, zlib and numpy
        why = "is damaged" if file.exists() else "is absent"
        raise CatalogError(f"{file.name} {why}", remedy=_AGAIN) from error


def write_placing(file: Path, placing: Placing) -> None:
    """Keep what puts stars on a map."""
    write_whole(file, partial(_savez, placing.arrays()))


def open_rows(file: Path, rows: int, shape: tuple[int, ...] = ()) -> NDArray[Any]:
    """The first ``rows`` rows of an array, mapped; a file that is being replaced may have more.

    Raises
    ------
    CatalogError
        If it is absent or damaged, or has fewer.
    """
    try:
        array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        why = "is damaged" if file.exists() else "is absent"
        raise CatalogError(f"{file.name} {why}", remedy=_AGAIN) from error
    if array.shape[1:] != shape or array.ndim != 1 + len(shape) or len(array) < rows:
        raise CatalogError(f"{file.name} has shape {array.shape}, expected are {rows} rows", remedy=_AGAIN)
    return array[:rows]


def read_json(file: Path, form: str, version: int) -> dict[str, Any]:
    """A JSON file of ours.

    Raises
    ------
    CatalogError
        If it is damaged, something else, or of a later version.
    """
    try:
        told = json.loads(file.read_text("utf-8"))
        if told["format"] != form:
            raise KeyError(form)
        later = int(told["format_version"]) > version
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CatalogError(f"{file.name} is damaged or something else", remedy=_AGAIN) from error
    if later:
        raise CatalogError(f"{file.name} was written by a later specviz", remedy="pip install -U jupyter-specviz")
    return dict(told)


def write_json(file: Path, told: Mapping[str, Any]) -> None:
    """Put a JSON file, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(told, indent=1, allow_nan=False).encode()
    write_whole(file, lambda stream: stream.write(text))


def _savez(arrays: Mapping[str, Any], stream: Any) -> None:
    np.savez(stream, allow_pickle=False, **arrays)
