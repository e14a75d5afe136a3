"""``SimilarityIndex``: which stars look most like this one, to the model. Exact, by cosine."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.embedding_map import EmbeddingMap
from specviz.catalog.npz_file import read_npz
from specviz.catalog.planes import Planes
from specviz.errors import CatalogError

#: Columns of a search result that come from the catalogue's table (masked where it does not have them).
RESULT_COLUMNS = ("object_id", "class", "teff", "logg", "fe_h", "alpha_fe", "snr")
_UNITS = {"teff": "K", "logg": "dex", "fe_h": "dex", "alpha_fe": "dex"}
_TEXT = frozenset({"object_id", "class"})
#: Rows compared at once: a block of 65,536 x 256 float32 is 64 MB.
_BLOCK = 65_536
#: Values whose maximum stands for them when the largest are looked for.
_PARTITION = 64
FORMAT = "specviz similarity index"
#: Degrees within which two positions are one star: LAMOST's fibres are 3.3 arcsec wide, Gaia's positions far better.
_SAME = 2.0 / 3600.0


def unit_query(vector: ArrayLike, size: int, place: str) -> NDArray[np.float32]:
    """A vector to search with, of unit length, shape (``size``,).

    Raises
    ------
    CatalogError
        If it has another length than the vectors of the ``place`` ("index", "catalogue"), is zero or not finite.
    """
    query = np.asarray(vector, np.float32).ravel()
    if query.size != size:
        a = "an" if place[0] in "aeiou" else "a"
        raise CatalogError(
            f"A vector of {query.size} dimensions does not fit this {place} of {size}",
            remedy=f"Use the model that made the {place}, or build {a} {place} with this one",
        )
    length = float(np.linalg.norm(query))
    if not np.isfinite(length) or length == 0:
        raise CatalogError("The vector is zero or not finite")
    return np.asarray(query / length, np.float32)


class SimilarityIndex:
    """Embeddings of a catalogue of stars, searched exhaustively.

    Parameters
    ----------
    vectors : array, shape (N, D)
        One embedding a star; kept as float32 of unit length.
    table : astropy.table.Table
        N rows beside them: ``object_id`` at least, and what there is of ``class, teff, logg, fe_h, alpha_fe, snr``.
    model_sha256 : str
        Hash of the weights that made the vectors: those of other weights live in another space.
    survey : str
        The survey whose spectra were embedded.

    Raises
    ------
    CatalogError
        If vectors and table do not belong together.

    Examples
    --------
    >>> index.search(report.embedding, k=5)  # doctest: +SKIP
    """

    def __init__(self, vectors: ArrayLike, table: Any, *, model_sha256: str, survey: str) -> None:
        array = np.asarray(vectors, np.float32)
        if array.ndim != 2 or array.shape[0] != len(table) or not array.size:
            raise CatalogError(f"Vectors of shape {array.shape} do not fit a table of {len(table)} rows")
        if "object_id" not in table.colnames:
            raise CatalogError("The table has no column object_id", expected="a name a star, unique")
        norm = np.linalg.norm(array, axis=1, keepdims=True)
        if not np.isfinite(norm).all() or not (norm > 0).all():
            raise CatalogError("Some vectors are zero or not finite", remedy="Leave those stars out")
        self.vectors: NDArray[np.float32] = array / norm
        self.vectors.setflags(write=False)
        self.table, self.model_sha256, self.survey = table, str(model_sha256), survey
        self._columns: dict[str, NDArray[Any]] = {}
        self._rows = {str(name): row for row, name in enumerate(table["object_id"])}

    def __len__(self) -> int:
        return int(self.vectors.shape[0])

    def __repr__(self) -> str:
        made = self.model_sha256[:8]
        return f"<SimilarityIndex {len(self)} stars, {self.vectors.shape[1]} dimensions, {self.survey}, weights {made}>"

    def similarity(self, vector: ArrayLike) -> NDArray[np.float32]:
        """Cosine of ``vector`` (shape (D,)) with every star, shape (N,)."""
        query = unit_query(vector, self.vectors.shape[1], "index")
        out = np.empty(len(self), np.float32)
        for start in range(0, len(self), _BLOCK):
            np.dot(self.vectors[start : start + _BLOCK], query, out=out[start : start + _BLOCK])
        return out

    @cached_property
    def map(self) -> EmbeddingMap:
        """The flat picture of the embeddings; ``map.coordinates`` has one row a star."""
        return EmbeddingMap.fit(self.vectors)

    @cached_property
    def planes(self) -> Planes:
        """The planes in which these stars can be drawn."""
        return Planes(self.table, lambda: self.map)

    def rows_of_star(self, star: Any) -> list[int]:
        """Rows that are this star: by its name, by the value of an identifier, or within 2 arcsec of its position where
        the table has ``ra`` and ``dec`` (degrees).
        """
        # A short value, such as a demo star's number, may be anything in another catalogue.
        names = [str(star.name), *(t for i in star.identifiers for t in (str(i), i.value) if len(t) > 5)]
        rows = {self._rows[name] for name in names if name in self._rows}
        if star.ra is not None and star.dec is not None and {"ra", "dec"} <= set(self.table.colnames):
            ra, dec = (self._plain(name) for name in ("ra", "dec"))
            near = np.flatnonzero(np.abs(dec - star.dec) < _SAME)
            across = (np.mod(ra[near] - star.ra + 180.0, 360.0) - 180.0) * np.cos(np.radians(star.dec))
            rows |= {int(r) for r in near[np.hypot(across, dec[near] - star.dec) < _SAME]}
        return sorted(rows)

    def search(self, vector: ArrayLike, k: int = 20, exclude: Any = None, among: Any = None) -> Any:
        """The ``k`` most similar stars, best first.

        Parameters
        ----------
        vector : array, shape (D,)
            An embedding of the same model; its length does not matter.
        k : int
            How many; fewer if the catalogue has fewer.
        exclude : str, int or a collection of them, optional
            object_id or row of stars to leave out, such as the star itself. One that is not here is ignored.
        among : array of int, optional
            Rows that are searched; all by default.

        Returns
        -------
        astropy.table.Table
            rank (from 1), row (of the index), object_id, similarity (cosine), class, teff, logg, fe_h, alpha_fe, snr.
            ``meta["left_out"]`` lists object_id, rank and similarity of those left out, with the rank they would have.
        """
        from astropy.table import Table

        if k < 1:
            raise CatalogError(f"k={k}", expected="at least 1")
        similarity = self.similarity(vector)
        searched = len(self)
        if among is not None:
            rows = np.asarray(among, np.intp).ravel()
            outside = np.ones(len(self), bool)
            outside[rows] = False
            similarity[outside] = -np.inf
            searched = int(len(self) - outside.sum())
        left_out = sorted(row for row in self._rows_of(exclude) if np.isfinite(similarity[row]))
        ranks = [
            (str(self._plain("object_id")[row]), 1 + int((similarity > similarity[row]).sum()), float(similarity[row]))
            for row in left_out
        ]
        similarity[left_out] = -np.inf
        k = min(int(k), searched - len(left_out))
        best = _candidates(similarity, k)
        best = best[np.isfinite(similarity[best])]
        best = best[np.lexsort((best, -similarity[best]))][: max(k, 0)]  # equal ones in the order of their rows
        names = ("rank", "row", "object_id", "similarity", *RESULT_COLUMNS[1:])
        columns = [np.arange(1, len(best) + 1), best, self._column("object_id", best)]
        columns += [similarity[best].astype(np.float64), *(self._column(name, best) for name in RESULT_COLUMNS[1:])]
        meta = {"survey": self.survey, "weights_sha256": self.model_sha256, "searched": searched, "left_out": ranks}
        return Table(columns, names=names, meta=meta, copy=False)

    def _column(self, name: str, rows: NDArray[np.intp]) -> Any:
        """A column of the table at ``rows`` with its unit; masked where the catalogue has none or it is NaN."""
        from astropy.table import MaskedColumn

        values = self._plain(name)[rows]
        if name in _TEXT:
            return MaskedColumn(values, name=name)
        return MaskedColumn(values, mask=~np.isfinite(values), name=name, unit=_UNITS.get(name))

    def _plain(self, name: str) -> NDArray[Any]:
        """A whole column as a plain array, "" or NaN where the catalogue has none; made at its first use and kept:
        a slice of an astropy column costs more than the search.
        """
        if name not in self._columns:
            if name in _TEXT:
                there = name in self.table.colnames
                values = [str(v) for v in self.table[name]] if there else [""] * len(self)
                self._columns[name] = np.array(values, dtype=str)
            elif name in self.table.colnames:
                numbers = np.ma.asarray(self.table[name]).astype(np.float64)
                self._columns[name] = np.asarray(np.ma.filled(numbers, np.nan))
            else:
                self._columns[name] = np.full(len(self), np.nan)
        return self._columns[name]

    def _rows_of(self, exclude: Any) -> set[int]:
        if exclude is None:
            return set()
        items = (
            [exclude] if isinstance(exclude, (str, int, np.integer)) or not isinstance(exclude, Iterable) else exclude
        )
        rows = {self._rows.get(item, -1) if isinstance(item, str) else int(item) for item in items}
        return {row for row in rows if 0 <= row < len(self)}

    # ------------------------------------------------------------------------------------------ files
    def save(self, path: str | Path) -> None:
        """Write vectors (float16), table and header to an ``.npz`` that needs no pickle to be read."""
        header = {
            "format": FORMAT,
            "version": 1,
            "model_sha256": self.model_sha256,
            "survey": self.survey,
            "rows": len(self),
            "units": {
                name: str(self.table[name].unit) for name in self.table.colnames if self.table[name].unit is not None
            },
        }
        columns = {}
        for name in self.table.colnames:
            data = np.ma.asarray(self.table[name])
            columns[f"column_{name}"] = np.ma.filled(data, np.nan) if data.dtype.kind == "f" else np.ma.getdata(data)
        text = np.frombuffer(json.dumps(header).encode(), np.uint8)
        with Path(path).open("wb") as file:  # a file object: numpy would add .npz to a name without it
            np.savez_compressed(
                file, allow_pickle=False, header=text, vectors=self.vectors.astype(np.float16), **columns
            )

    @classmethod
    def load(cls, path: str | Path, *, model_sha256: str | None = None) -> SimilarityIndex:
        """Open a saved index.

        Parameters
        ----------
        path : path
        model_sha256 : str, optional
            The weights in use; an index that others made is refused.

        Raises
        ------
        CatalogError
            If the file is damaged, is something else, or was made by other weights.
        """
        from astropy.table import Column, Table

        path = Path(path)
        if not path.is_file():
            raise CatalogError(f"There is no catalogue at {path}")
        header, arrays = read_npz(path)
        if header.get("format") != FORMAT or "vectors" not in arrays:
            raise CatalogError(f"{path.name} is no similarity index", remedy="Build it again with the model in use")
        columns = {n.removeprefix("column_"): data for n, data in arrays.items() if n.startswith("column_")}
        made = str(header.get("model_sha256"))
        if model_sha256 is not None and made != model_sha256:
            raise CatalogError(
                f"{path.name} was made by other weights ({made[:12]}…) than those in use ({model_sha256[:12]}…)",
                expected="an index of the same model: similarities across models mean nothing",
                remedy="Build the index again with this model, or load the model that made it",
            )
        units = header.get("units", {})
        table = Table([Column(data, name=name, unit=units.get(name)) for name, data in columns.items()])
        return cls(arrays["vectors"], table, model_sha256=made, survey=str(header.get("survey")))


def _candidates(values: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    """Places of the ``k`` largest values, with a few more: every value that reaches the k-th largest of the blocks'
    maxima, which are k values themselves. Ten times faster than a partition of them all.
    """
    blocks = values.size // _PARTITION
    if not 0 < k <= blocks:
        return np.arange(values.size)
    maxima = values[: blocks * _PARTITION].reshape(blocks, _PARTITION).max(axis=1)
    return np.flatnonzero(values >= np.partition(maxima, blocks - k)[blocks - k])
