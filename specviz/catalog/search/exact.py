"""``ExactSearch``: every vector compared, block by block, the best kept; exact, and out of core."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.store.vectors import StoredVectors

_BLOCK = 16_384
Found = tuple[NDArray[np.intp], NDArray[np.float32]]


class Searcher(Protocol):
    """What finds the nearest of a survey's vectors."""

    def nearest(self, queries: NDArray[np.float32], k: int, among: NDArray[np.intp] | None = None) -> Found:
        """The ``k`` vectors of the largest cosine with each query.

        Parameters
        ----------
        queries : array, shape (q, D)
            Unit vectors.
        k : int
        among : array of int, optional
            Numbers of the vectors that are searched, sorted; all by default.

        Returns
        -------
        numbers, cosines : array, shape (q, k)
            Best first, equal ones in the order of their numbers; -1 and -inf where there are fewer.
        """
        ...


class ExactSearch:
    """Exhaustive search of mapped vectors.

    Parameters
    ----------
    vectors : StoredVectors
    """

    def __init__(self, vectors: StoredVectors) -> None:
        self._vectors = vectors

    def nearest(self, queries: NDArray[np.float32], k: int, among: NDArray[np.intp] | None = None) -> Found:
        """See :class:`Searcher`."""
        best = Best(len(queries), k)
        if among is None:
            for start, block in self._vectors.blocks(_BLOCK):
                best.add(np.arange(start, start + len(block)), queries @ block.astype(np.float32).T)
        else:
            for start in range(0, len(among), _BLOCK):
                numbers = among[start : start + _BLOCK]
                best.add(numbers, queries @ self._vectors.take(numbers).T)
        return best.found()


class Best:
    """The ``k`` best of what is shown to it, for each of ``q`` queries."""

    def __init__(self, q: int, k: int) -> None:
        self._k = k
        self._numbers = np.full((q, 0), -1, np.intp)
        self._values = np.full((q, 0), -np.inf, np.float32)

    def add(self, numbers: NDArray[np.intp], values: NDArray[np.float32]) -> None:
        """Show the cosines (q, b) of vectors ``numbers`` (b,), or (q, b) where they differ from query to query."""
        every = np.concatenate([self._numbers, np.broadcast_to(numbers, values.shape)], axis=1)
        cosines = np.concatenate([self._values, values], axis=1)
        if cosines.shape[1] > self._k:
            keep = np.argpartition(cosines, cosines.shape[1] - self._k, axis=1)[:, -self._k :]
            every, cosines = np.take_along_axis(every, keep, 1), np.take_along_axis(cosines, keep, 1)
        self._numbers, self._values = every, cosines

    def found(self) -> Found:
        """Numbers and cosines, best first, filled up with -1 and -inf."""
        order = np.lexsort((self._numbers, -self._values), axis=1)
        numbers, values = np.take_along_axis(self._numbers, order, 1), np.take_along_axis(self._values, order, 1)
        lack = self._k - values.shape[1]
        if lack > 0:
            numbers = np.pad(numbers, ((0, 0), (0, lack)), constant_values=-1)
            values = np.pad(values, ((0, 0), (0, lack)), constant_values=-np.inf)
        return np.where(np.isfinite(values), numbers, -1), values
