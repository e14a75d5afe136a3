"""``CatalogIndex``: the stars of a catalogue on disk, asked as a :class:`specviz.catalog.index.SimilarityIndex` is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.index import RESULT_COLUMNS, unit_query
from specviz.catalog.maps.kept import KeptMaps
from specviz.catalog.maps.linear import LEAST
from specviz.catalog.planes import Planes
from specviz.catalog.search.exact import Searcher
from specviz.catalog.search.opening import open_searcher
from specviz.catalog.search.selection import selected
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError

#: Columns that hold words; of a star that has none, they are empty.
_TEXT = frozenset({"object_id", "class"})


class CatalogIndex:
    """One survey of a :class:`StarCatalog`: similar stars, the planes in which they are drawn, which row is a star.

    Parameters
    ----------
    catalog : StarCatalog
    survey : str
        Whose embeddings are searched.
    device : str
        Who searches; see :func:`specviz.catalog.search.opening.open_searcher`.

    Attributes
    ----------
    catalog : StarCatalog
    survey, model_sha256 : str
    searcher : Searcher
    """

    def __init__(self, catalog: StarCatalog, survey: str, device: str = "cpu") -> None:
        self.catalog, self.survey = catalog, survey
        self.model_sha256 = catalog.header.weights_sha256
        self._vectors = catalog.vectors(survey)
        self.searcher: Searcher = open_searcher(catalog, survey, device)

    def __len__(self) -> int:
        return len(self.catalog)

    def __repr__(self) -> str:
        return f"<CatalogIndex {len(self._vectors):,} {self.survey} vectors of {self.catalog!r}>"

    @cached_property
    def planes(self) -> Planes:
        """The planes in which these stars can be drawn."""
        maps = KeptMaps(self.catalog, self.survey)
        return Planes(ColumnTable(self.catalog), maps.embedding if len(self._vectors) >= LEAST else None, maps=maps)

    @property
    def note(self) -> str:
        """What a person should know of how it searches, such as why it is slow; "" if nothing."""
        return self.searcher.note

    def search(self, vector: ArrayLike, k: int = 20, exclude: Any = None, among: Any = None) -> Any:
        """The ``k`` most similar stars, best first; see :meth:`specviz.catalog.index.SimilarityIndex.search`.

        Parameters
        ----------
        vector : array, shape (D,)
            Of the same model; of whatever survey, where the model puts surveys into one space.
        k : int
        exclude : str, int or a collection of them, optional
            Names or rows of stars to leave out.
        among : Selection, str or array of int, optional
            Which stars are searched: a selection, the text of one (``"teff 5000..6000 snr>50"``), or rows.

        Returns
        -------
        astropy.table.Table
            rank, row (of the catalogue), object_id, similarity (cosine), class, teff, logg, fe_h, alpha_fe, snr.
            ``meta["note"]`` is :attr:`note`, ``meta["searched"]`` among how many stars.
        """
        _check_count(k)
        query = unit_query(vector, self._vectors.shape[1], "catalogue")[None]
        left_out = [row for row in self._rows_of(exclude) if 0 <= row < len(self)]
        asked = self._numbers_among(among)
        numbers, cosines = self.searcher.nearest(query, k + len(left_out), asked)
        there = numbers[0] >= 0
        rows, values = self._vectors.rows_of(numbers[0][there]), cosines[0][there]
        ranks = [
            (str(self.catalog.take("object_id", [row])[0]), at + 1, float(values[at]))
            for at, row in enumerate(rows)
            if row in left_out
        ]
        keep = ~np.isin(rows, left_out)
        rows, values = rows[keep][:k], values[keep][:k]
        searched = len(self._vectors) if asked is None else len(asked)
        return self._result(rows, values, {"searched": searched, "left_out": ranks, "note": self.note})

    def search_many(
        self, vectors: ArrayLike, k: int = 20, exclude: Sequence[Any] | None = None, among: Any = None
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The ``k`` most similar stars of each of many, in one go.

        Parameters
        ----------
        vectors : array, shape (q, D)
        k : int
        exclude : sequence of length q, optional
            What is left out for each, as for :meth:`search`.
        among
            As for :meth:`search`, for all of them.

        Returns
        -------
        rows, similarities : array, shape (q, k)
            Best first; -1 and NaN where there are fewer. ``catalog.table(rows[i])`` says who they are.
        """
        _check_count(k)
        given = np.asarray(vectors, np.float32)
        if given.ndim != 2:
            raise CatalogError(f"Vectors of shape {given.shape}", expected="(q, D), a vector a row")
        left_out = [self._rows_of(item) for item in exclude] if exclude is not None else [[] for _ in given]
        if len(left_out) != len(given):
            raise CatalogError(f"{len(left_out)} exclusions for {len(given)} vectors", expected="one for each")
        size = self._vectors.shape[1]
        queries = np.array([unit_query(vector, size, "catalogue") for vector in given]).reshape(len(given), size)
        more = max(map(len, left_out), default=0)
        rows = np.full((len(given), k), -1, np.intp)
        values = np.full((len(given), k), np.nan, np.float32)
        if not len(given):
            return rows, values
        numbers, cosines = self.searcher.nearest(queries, k + more, self._numbers_among(among))
        for i, out in enumerate(left_out):
            there = numbers[i] >= 0
            own, near = self._vectors.rows_of(numbers[i][there]), cosines[i][there]
            keep = np.flatnonzero(~np.isin(own, out))[:k]
            rows[i, : keep.size], values[i, : keep.size] = own[keep], near[keep]
        return rows, values

    def vector_of(self, row: int, survey: str | None = None) -> NDArray[np.float32]:
        """The stored vector of a star, to search with.

        Parameters
        ----------
        row : int
        survey : str, optional
            Of its spectrum of that survey; this index's by default.

        Raises
        ------
        CatalogError
            If there is no such row, the star has no spectrum of that survey, or the model compares each survey with
            itself only.
        """
        by = survey or self.survey
        if not 0 <= row < len(self):
            raise CatalogError(f"No row {row} in {self.catalog.path.name}", expected=f"0 to {len(self) - 1}")
        vectors = self.catalog.vectors(by)
        if vectors.shape[1] != self._vectors.shape[1]:
            raise CatalogError(
                f"{self.catalog.header.model} does not put {by} and {self.survey} spectra into one space",
                expected=f"a search of {self.survey} spectra by {self.survey} spectra",
            )
        number = vectors.numbers_of([row])
        if number[0] < 0:
            name = self.catalog.take("object_id", [row])[0]
            raise CatalogError(f"{name} has no {by} spectrum in {self.catalog.path.name}")
        return vectors.take(number)[0]

    def _numbers_among(self, among: Any) -> NDArray[np.intp] | None:
        """Numbers of the vectors of stars that are searched, sorted; None for all."""
        rows = selected(self.catalog, among)
        if rows is None:
            return None
        numbers = self._vectors.numbers_of(rows)
        return numbers[numbers >= 0]

    def rows_of_star(self, star: Any) -> list[int]:
        """Rows that are this star; see :func:`specviz.catalog.store.star_rows.rows_of_star`."""
        return [int(row) for row in self.catalog.star_rows(star)]

    def _rows_of(self, exclude: Any) -> list[int]:
        """Rows of what shall be left out: rows, or names, of which one that is not here is ignored."""
        if exclude is None:
            return []
        one = isinstance(exclude, (str, int, np.integer)) or not isinstance(exclude, Iterable)
        items = [exclude] if one else list(exclude)
        names = [item for item in items if isinstance(item, str)]
        rows = [int(item) for item in items if not isinstance(item, str)]
        if names:
            rows += [int(r) for r in self.catalog.rows_named(names)]
        return sorted(set(rows))

    def _result(self, rows: NDArray[np.intp], values: NDArray[np.float32], meta: dict[str, Any]) -> Any:
        from astropy.table import MaskedColumn, Table

        columns: list[Any] = [np.arange(1, len(rows) + 1), rows]
        names = ["rank", "row"]
        for name in RESULT_COLUMNS:
            if name not in self.catalog.column_names:
                empty = np.array([""] * len(rows), dtype=str) if name in _TEXT else np.full(len(rows), np.nan)
                cells = empty
            else:
                cells = self.catalog.take(name, rows)
            if name in _TEXT:
                columns.append(MaskedColumn(cells, name=name))
            else:
                numbers = np.asarray(cells, np.float64)
                unit = self.catalog.unit(name) or None
                columns.append(MaskedColumn(numbers, mask=~np.isfinite(numbers), name=name, unit=unit))
            names.append(name)
            if name == "object_id":
                columns.append(values.astype(np.float64))
                names.append("similarity")
        told = {"survey": self.survey, "weights_sha256": self.model_sha256, **meta}
        return Table(columns, names=names, meta=told, copy=False)


def _check_count(k: Any) -> None:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise CatalogError(f"k={k!r}", expected="a whole number of at least 1")


class ColumnTable:
    """A catalogue's columns as :class:`specviz.catalog.planes.Planes` asks for them: each read when it is wanted."""

    def __init__(self, catalog: StarCatalog) -> None:
        self._catalog = catalog

    @property
    def colnames(self) -> list[str]:
        """Names of the columns."""
        return list(self._catalog.column_names)

    def __len__(self) -> int:
        return len(self._catalog)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self._catalog.column(name)

    def some(self, name: str, rows: ArrayLike) -> NDArray[Any]:
        """A column at some rows, without its others."""
        return self._catalog.take(name, rows)
