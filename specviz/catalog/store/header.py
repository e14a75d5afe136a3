"""``Header``: what a catalogue says of itself in ``catalog.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from specviz.errors import CatalogError

FILE = "catalog.json"
_FORMAT, _VERSION = "specviz star catalogue", 1
_AGAIN = "Build it again with the model in use (specviz catalog build)"


@dataclass(frozen=True)
class PartRecord:
    """A part as the header knows it.

    Parameters
    ----------
    name : str
        Of its files, without suffix.
    rows : int
        Stars in it.
    vectors : mapping of survey to int
        How many of them have a vector of that survey.
    digests : mapping of str to str
        Hash of the columns (``"columns"``) and of each survey's vectors: of the content, not of the bytes of the
        Parquet file, which depend on who wrote them.
    table : str
        Stem of the Parquet file where columns were joined later; "" where it is ``name``.
    """

    name: str
    rows: int
    vectors: Mapping[str, int]
    digests: Mapping[str, str]
    table: str = ""

    @property
    def sha256(self) -> str:
        """Hash of all content."""
        return _hashed(f"{what} {digest}" for what, digest in sorted(self.digests.items()))

    @property
    def stem(self) -> str:
        """Of the Parquet file."""
        return self.table or self.name

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> PartRecord:
        """From what ``asdict`` gave, read back from JSON.

        Raises
        ------
        ValueError, KeyError, TypeError
            If it is damaged.
        """
        vectors = {str(k): int(v) for k, v in told["vectors"].items()}
        digests = {str(k): str(v) for k, v in told["digests"].items()}
        for stem in (told["name"], told.get("table", "")):
            if Path(str(stem)).name != str(stem):
                raise ValueError("a part lies outside the catalogue")
        return cls(str(told["name"]), int(told["rows"]), vectors, digests, str(told.get("table", "")))


def _hashed(lines: Iterable[str]) -> str:
    told = hashlib.sha256()
    for line in lines:
        told.update(f"{line}\n".encode())
    return told.hexdigest()


@dataclass(frozen=True)
class Header:
    """What a catalogue is.

    Parameters
    ----------
    model, version, weights_sha256 : str
        The model that made the embeddings; vectors of other weights live in another space.
    release : str
        Releases of the surveys the model reads, such as "LAMOST DR10, Gaia DR3".
    dims : mapping of survey to int
        Length of a vector of each survey in it.
    parts : tuple of PartRecord
        In the order of the rows.
    notes : mapping of str to str
        Where the stars are from, and what else a person should know.
    """

    model: str
    version: str
    weights_sha256: str
    release: str
    dims: Mapping[str, int]
    parts: tuple[PartRecord, ...] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Stars in all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def content_sha256(self) -> str:
        """Hash of all content in the order of the rows; the same for the same stars, whoever wrote them and when."""
        return _hashed([self.weights_sha256, *(part.sha256 for part in self.parts)])

    def vectors_sha256(self, survey: str) -> str:
        """Hash of one survey's vectors and of who has one: what an index or a map was made of. Columns that are joined
        later do not change it.
        """
        pieces = (f"{part.rows} {part.digests.get(survey, '')}" for part in self.parts)
        return _hashed([self.weights_sha256, survey, *pieces])

    @property
    def embeddings_sha256(self) -> str:
        """Hash of all surveys' vectors, whatever columns stand beside them."""
        surveys = {survey for part in self.parts for survey in part.digests} - {"columns"}
        return _hashed([self.weights_sha256, *(self.vectors_sha256(survey) for survey in sorted(surveys))])

    @classmethod
    def of_model(cls, card: Any, dims: Mapping[str, int] | None = None, **notes: str) -> Header:
        """Of a model's name card (:class:`specviz.models.protocol.ModelDescription`), without parts yet."""
        return cls(card.name, card.version, card.weights_sha256, card.release, dict(dims or {}), (), notes)

    def with_parts(self, *parts: PartRecord) -> Header:
        """The same with more parts at its end."""
        return replace(self, parts=(*self.parts, *parts))

    def about(self) -> dict[str, Any]:
        """What goes into the metadata of a Parquet file: all but the parts."""
        told = asdict(self)
        del told["parts"]
        return {"format": _FORMAT, "format_version": _VERSION, **told}

    def check_weights(self, used: str | None, name: str = "The catalogue") -> None:
        """Refuse to be used with other weights than those that made it.

        Raises
        ------
        CatalogError
            If ``used`` is another hash.
        """
        if used and self.weights_sha256 != used:
            raise CatalogError(
                f"{name} was made by other weights ({self.model} {self.weights_sha256[:12]}…) than those in use"
                f" ({used[:12]}…)",
                expected="a catalogue of the same model: similarities across models mean nothing",
                remedy="Embed its stars with this model (specviz catalog build), or load the model that made it",
            )

    def to_json(self) -> str:
        """The text of ``catalog.json``."""
        parts = [{**asdict(part), "sha256": part.sha256} for part in self.parts]
        return json.dumps({**self.about(), "rows": self.rows, "parts": parts}, indent=1)

    @classmethod
    def read(cls, folder: Path) -> Header:
        """The header of the catalogue in ``folder``.

        Raises
        ------
        CatalogError
            If there is none, or it is damaged or of a later version.
        """
        file = folder / FILE
        if not file.is_file():
            for plan, command in (("building.json", "build"), ("merging.json", "merge")):
                if (folder / plan).is_file():
                    raise CatalogError(
                        f"{folder.name} is not finished",
                        remedy=f"Give the same specviz catalog {command} again: it goes on where it was stopped",
                    )
            what = f"There is no catalogue at {folder}" if not folder.exists() else f"{folder} is no star catalogue"
            raise CatalogError(what, expected=f"a folder with {FILE}", remedy="specviz catalog build makes one")
        try:
            told = json.loads(file.read_text("utf-8"))
            if told.get("format") != _FORMAT:
                raise CatalogError(f"{file} belongs to something else", expected=f"the header of a {_FORMAT}")
            if told["format_version"] > _VERSION:
                raise CatalogError(
                    f"{folder.name} was written by a later specviz (format {told['format_version']})",
                    remedy="pip install --upgrade jupyter-specviz",
                )
            parts = tuple(PartRecord.of(p) for p in told["parts"])
            texts = {name: str(told[name]) for name in ("model", "version", "weights_sha256", "release")}
            dims = {str(k): int(v) for k, v in told["dims"].items()}
            return cls(**texts, dims=dims, parts=parts, notes={str(k): str(v) for k, v in told["notes"].items()})
        except CatalogError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
            raise CatalogError(f"{file} is damaged", remedy=_AGAIN) from error
