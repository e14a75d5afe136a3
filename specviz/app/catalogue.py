"""``Catalogue``: which stars are searched and drawn on the map: the demo sky, or a catalogue of the person's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from specviz import api
from specviz.analysis.engine import Engine
from specviz.app.catalogue_stars import CatalogueStars
from specviz.archives.protocol import Archive
from specviz.catalog.index import SimilarityIndex
from specviz.catalog.opening import open_catalog
from specviz.catalog.planes import ALIASES, Planes
from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.catalog.store.star_catalog import INDEX, MAPS, StarCatalog
from specviz.errors import CatalogError, OptionError

#: What a star may be called in a table; the first column that is there.
_NAMES = ("object_id", "name", "source_id", "obsid", "designation")
#: Columns with a vector a star.
_VECTORS = ("embedding", "embeddings", "vector")


class Catalogue:
    """What a session asks for similar stars: ``catalogue(engine, survey)`` gives the index of a survey.

    Parameters
    ----------
    given : path, StarCatalog, CatalogIndex, SimilarityIndex, table, or None
        A catalogue of many stars (its folder, or opened), of one survey or of both; an index in memory, or the file of
        one; a table (astropy, or anything that has columns) with ``teff``, ``logg`` and more, which is drawn on the
        map, and searched if it has a column ``embedding`` with a vector a star. None: the demo sky.
    engine : Engine
    sky : Sky, optional
        Where the stars of a catalogue of many are fetched when their spectra are wanted; without, they are not.

    Raises
    ------
    CatalogError
        If it was made by other weights, or a file is none.
    OptionError
        If it is nothing of these.
    """

    def __init__(self, given: Any, engine: Engine, sky: Any = None) -> None:
        self._sky = sky
        self._fetching: dict[str, CatalogueStars] = {}
        self._planes: Planes | None = None
        self._indices: dict[str, Any] = {}
        self._catalog: StarCatalog | None = None
        if given is None:
            return
        used = engine.describe().weights_sha256
        if isinstance(given, (str, Path)):
            path = Path(given).expanduser()
            given = _shared(path) if path.is_dir() else SimilarityIndex.load(path, model_sha256=used)
        if isinstance(given, CatalogIndex):  # its searcher may be one that the person chose
            self._indices[given.survey] = given
            given = given.catalog
        if isinstance(given, StarCatalog):
            given.header.check_weights(used, f"The catalogue {given.path.name}")
            if not given.surveys:
                raise CatalogError(f"{given.path.name} holds no embeddings", remedy="Build it from spectra")
            self._catalog = given
            return
        if not isinstance(given, SimilarityIndex):
            given = _of_table(given, engine)
        if isinstance(given, Planes):
            self._planes = given
            return
        made = given.model_sha256
        if made and made != used:
            raise CatalogError(
                f"The catalogue was made by other weights ({made[:12]}…) than those of {engine.name} ({used[:12]}…)",
                remedy="Embed the catalogue with this model, or explore with the model that made it",
            )
        self._indices[given.survey] = given

    @property
    def surveys(self) -> tuple[str, ...] | None:
        """Whose spectra are in it; None for all that the model knows."""
        if self._catalog is not None:
            return self._catalog.surveys
        return tuple(self._indices) or None

    @property
    def path(self) -> Path | None:
        """The folder of a catalogue of many stars."""
        return None if self._catalog is None else self._catalog.path

    @property
    def words(self) -> str:
        """What its stars are called."""
        if self._catalog is not None:
            return f"stars of {self._catalog.path.stem}"
        return "simulated stars" if self.surveys is None else "stars of the catalogue"

    def __call__(self, engine: Engine, survey: str = "lamost_lrs") -> Any:
        """The index of a survey; of the one that there is, where the catalogue has not that."""
        if self.surveys is None:
            return api.demo_catalog(engine, survey)
        survey = survey if survey in self.surveys else self.surveys[0]
        if survey not in self._indices and self._catalog is not None:
            self._indices[survey] = self._catalog.index(survey)
        if self._catalog is None or self._sky is None:
            return self._indices[survey]
        if survey not in self._fetching:
            self._fetching[survey] = CatalogueStars(self._indices[survey], self._sky)
        return self._fetching[survey]

    def archives(self) -> tuple[Archive, ...]:
        """What gives the stars of a catalogue that no archive has: those of a simulated sky."""
        if self._catalog is None:
            return ()
        from specviz.app.simulated_stars import SimulatedStars

        found = SimulatedStars.of(self._catalog)
        return () if found is None else (found,)

    def background(self) -> Planes | None:
        """Stars for the background of the map where they are not those that are searched."""
        return self._planes


#: Catalogues that some Explorer has open: another one of the same shares what has been read of it. Weak: when the last
#: is closed, the memory is free.
_open: WeakValueDictionary[tuple[Any, ...], StarCatalog] = WeakValueDictionary()


def _shared(path: Path) -> StarCatalog:
    """The catalogue in a folder, opened once as long as somebody has it and nobody has changed it, index and maps."""
    found = open_catalog(path)
    made = sorted(f for part in (INDEX, MAPS) for f in (path / part).rglob("*.json"))
    stamps = tuple((str(file), file.stat().st_mtime_ns) for file in made)
    return _open.setdefault((path.resolve(), found.header.content_sha256, stamps), found)


def _of_table(table: Any, engine: Engine) -> SimilarityIndex | Planes:
    """The index of a table with embeddings; else its planes."""
    from astropy.table import Column, Table

    names = _columns(table)
    if not names:
        raise OptionError(
            f"catalogue={type(table).__name__}",
            expected="the folder of a catalogue, a StarCatalog, a SimilarityIndex, the path of a saved one, or a table"
            " with columns such as teff and logg",
        )
    taken = {name: np.asarray(table[name]) for name in names if name not in _VECTORS}
    label = next((n for n in _NAMES if n in names), None)
    identifiers = taken[label] if label is not None else np.arange(1, len(next(iter(taken.values()))) + 1)
    plain = Table({n: v for n, v in taken.items() if v.ndim == 1 and v.dtype.kind in "fiubUS" and n != "object_id"})
    for name, others in ALIASES.items():  # an index knows the labels by their own names
        there = next((n for n in others if n in plain.colnames), None)
        if there is not None and name not in plain.colnames:
            plain[name] = plain[there]
    plain.add_column(Column(identifiers.astype(str), name="object_id"), 0)
    plain.meta.update(getattr(table, "meta", None) or {})
    column = next((n for n in _VECTORS if n in names), None)
    if column is None:
        return Planes(plain)
    vectors = np.stack([np.asarray(v, np.float32) for v in table[column]])
    survey = str(plain.meta.get("survey", "lamost_lrs"))
    made = str(plain.meta.get("weights_sha256") or engine.describe().weights_sha256)
    return SimilarityIndex(vectors, plain, model_sha256=made, survey=survey)


def _columns(table: Any) -> list[str]:
    """Names of the columns of anything like a table."""
    if hasattr(table, "colnames"):
        return list(table.colnames)
    if isinstance(table, Mapping):
        return [str(n) for n in table]
    columns = getattr(table, "columns", None)
    return [str(n) for n in columns] if columns is not None else []
