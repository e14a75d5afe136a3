"""``open_searcher``: who searches a survey of a catalogue: an index that fits it, or every vector compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.search.exact import ExactSearch, Searcher
from specviz.catalog.search.faiss_index import FaissSearch
from specviz.catalog.search.faiss_library import has_faiss
from specviz.catalog.search.index_record import IndexRecord, again
from specviz.catalog.search.ranking import Found
from specviz.catalog.store.star_catalog import INDEX, StarCatalog
from specviz.errors import CatalogError, SpecvizError
from specviz.models.device import pick_device

#: Vectors up to which comparing all of them is fast enough that nobody needs an index.
EXACT = 100_000


def open_searcher(catalog: StarCatalog, survey: str, device: str = "cpu") -> Searcher:
    """What finds the nearest of a survey's vectors.

    Parameters
    ----------
    catalog : StarCatalog
    survey : str
    device : str
        "cpu": the index if there is one, and the stars that were added since one by one; without one, all of them.
        "cuda", "mps": all vectors compared on the GPU. "auto": the index; without one the GPU, if there is.

    Returns
    -------
    Searcher
        Its ``note`` says why it is slower than it could be; an index that is damaged or of other stars is not used.

    Raises
    ------
    CatalogError, ModelError
        If the catalogue has no such survey, or this machine no such device.
    """
    vectors = catalog.vectors(survey)
    picked = str(pick_device(device)) if device != "cpu" else "cpu"
    if picked != "cpu" and device != "auto":
        return ExactSearch(vectors, device=picked)
    try:
        index = _index(catalog, survey)
    except CatalogError as error:
        note = _slow(len(vectors), error.what, error.remedy) if picked == "cpu" else ""
        return ExactSearch(vectors, device=picked, note=note)
    added = len(vectors) - len(index)
    if not added:
        return index
    more = f"{added:,} of {len(vectors):,} stars were added since the index was made, and are compared one by one"
    return AppendedSearch(index, ExactSearch(vectors, start=len(index)), more if added > EXACT else "")


def _index(catalog: StarCatalog, survey: str) -> FaissSearch:
    """The index of a survey, or why there is none."""
    record = IndexRecord.read(catalog.path / INDEX, survey)
    if record is None:
        raise CatalogError("There is no index", remedy=again(catalog.path))
    if not has_faiss():
        raise CatalogError("faiss is not installed", remedy="pip install 'jupyter-specviz[catalog]'")
    record.check(catalog)
    return FaissSearch(catalog, record)


class AppendedSearch:
    """An index, and an exact search of what was added since.

    Parameters
    ----------
    index : FaissSearch
    tail : ExactSearch
    note : str
    """

    def __init__(self, index: FaissSearch, tail: ExactSearch, note: str = "") -> None:
        self.index, self.tail, self.note = index, tail, note

    def nearest(self, queries: NDArray[np.float32], k: int, among: NDArray[np.intp] | None = None) -> Found:
        """See :class:`specviz.catalog.search.exact.Searcher`."""
        here, there = self.index.nearest(queries, k, among), self.tail.nearest(queries, k, among)
        numbers = np.concatenate([here[0], there[0]], axis=1)
        cosines = np.concatenate([here[1], there[1]], axis=1)
        order = np.lexsort((numbers, -cosines), axis=1)[:, :k]
        return np.take_along_axis(numbers, order, 1), np.take_along_axis(cosines, order, 1)


def _slow(n: int, why: str, remedy: str) -> str:
    """A note of why all vectors are compared; none where that is fast."""
    if n <= EXACT:
        return ""
    return str(SpecvizError(f"{why}: all {n:,} stars are compared", remedy=remedy))
