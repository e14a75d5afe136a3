"""``CatalogueStars``: the index of a catalogue whose stars are in archives or files, fetched when one is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from specviz.catalog.search.catalog_index import CatalogIndex
from specviz.errors import NotFoundError, OfflineError, SpecvizError
from specviz.session.resolve import describe, resolve
from specviz.spectra.star import Star

#: Columns that say in which file the spectra of a star are.
PATHS = ("path", "file", "filename")
_KEPT = 16  # stars kept that were fetched


class CatalogueStars:
    """A :class:`CatalogIndex` that can also give the stars; everything else is the index's own.

    Parameters
    ----------
    index : CatalogIndex
    sky : Sky
        Asked for them.
    allow_paths : bool
        Whether files may be read that the catalogue names.

    Attributes
    ----------
    far_stars : bool
        True: a star takes the time of an archive, so none is fetched on the thread of a display.
    """

    far_stars = True

    def __init__(self, index: CatalogIndex, sky: Any, *, allow_paths: bool = True) -> None:
        self._index, self._sky, self._allow_paths = index, sky, allow_paths
        self._kept: dict[int, Star] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._index, name)

    def __len__(self) -> int:
        return len(self._index)

    def __repr__(self) -> str:
        return repr(self._index)

    def neighbour_target(self, row: int) -> str | Path:
        """What opens the star of a row: its file, its name if it is a demo or simulated star, the id of the spectrum
        that was embedded, the id in the other survey, else its name in the catalogue.
        """
        catalog = self._index.catalog
        for name in PATHS if self._allow_paths else ():
            if words := self._word(name, row):
                return catalog.path / words  # an absolute path stays what it is
        name = self._word("object_id", row)
        if name.lower().startswith(("demo ", "sim ")):
            return name
        gaia, obsid = self._number("source_id", row), self._number("obsid", row)
        release = self._word("gaia_release", row) or "DR3"
        ids = [f"obsid {obsid}" if obsid else "", f"Gaia {release} {gaia}" if gaia else ""]
        if self._index.survey == "gaia_xp":
            ids.reverse()
        return next((i for i in ids if i), name)

    def neighbour_star(self, row: int) -> Star:
        """The star of a row of the catalogue, with its spectra; may ask archives.

        Raises
        ------
        SpecvizError
            If it cannot be had, with the reason: no network, no such file, nobody knows its name.
        """
        if row not in self._kept:
            target = self.neighbour_target(row)
            try:
                star = resolve(target, sky=self._sky, allow_paths=self._allow_paths)
            except OfflineError as error:
                raise OfflineError(
                    f"Offline: the spectra of {describe(target)[:80]} are in an archive",
                    remedy="Select it again when there is a network",
                ) from error
            except NotFoundError as error:
                raise NotFoundError(
                    f"No archive knows {describe(target)[:80]}",
                    expected="a column obsid, source_id or path in the catalogue that says where its spectra are",
                ) from error
            except FileNotFoundError as error:
                raise SpecvizError(f"The file {describe(target)[:80]} that the catalogue names is not there") from error
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)), None)
            self._kept[row] = star
        return self._kept[row]

    def _word(self, name: str, row: int) -> str:
        catalog = self._index.catalog
        return str(catalog.take(name, [row])[0]).strip() if name in catalog.column_names else ""

    def _number(self, name: str, row: int) -> int:
        catalog = self._index.catalog
        return int(catalog.take(name, [row])[0]) if name in catalog.column_names else 0
