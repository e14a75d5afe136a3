"""``StoredVectors``: the embeddings of one survey in all parts of a catalogue, as if they were one array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


class StoredVectors:
    """Vectors (m, D), memory-mapped; ``rows`` says which star each belongs to.

    Parameters
    ----------
    arrays : sequence of array, shape (m_i, D)
        Unit vectors of each part, float16.
    rows : sequence of array, shape (m_i,), or None
        Their rows in the part; None: all of them.
    starts : sequence of int
        First row of each part in the catalogue.
    dim : int
    """

    def __init__(
        self, arrays: Sequence[NDArray[Any]], rows: Sequence[NDArray[Any] | None], starts: Sequence[int], dim: int
    ) -> None:
        self._arrays, self._rows, self._row_starts = list(arrays), list(rows), list(starts)
        self._starts = np.cumsum([0, *(len(a) for a in self._arrays)])
        self._dim = dim

    def __len__(self) -> int:
        return int(self._starts[-1])

    @property
    def shape(self) -> tuple[int, int]:
        """(m, D)."""
        return len(self), self._dim

    @property
    def complete(self) -> bool:
        """Whether every star has a vector, so that the vector's number is the star's row."""
        return all(rows is None for rows in self._rows)

    def blocks(self, size: int = 65_536, start: int = 0) -> Iterator[tuple[int, NDArray[np.float16]]]:
        """Pieces of at most ``size`` vectors from the ``start``-th on: (number of the first, array (b, D))."""
        for first, array in zip(self._starts[:-1], self._arrays, strict=True):
            for at in range(max(start - int(first), 0), len(array), size):
                yield int(first) + at, array[at : at + size]

    def take(self, numbers: ArrayLike) -> NDArray[np.float32]:
        """Vectors of these numbers (0 to m - 1), shape (k, D), read from disk in the order in which they lie there."""
        asked = np.asarray(numbers, np.intp).ravel()
        out = np.empty((asked.size, self._dim), np.float32)
        part = self._part_of(asked)
        for i in np.unique(part):
            there = np.flatnonzero(part == i)
            there = there[np.argsort(asked[there], kind="stable")]
            out[there] = self._arrays[i][asked[there] - self._starts[i]]
        return out

    def rows_of(self, numbers: ArrayLike) -> NDArray[np.intp]:
        """Rows of the catalogue of the stars that these vectors belong to."""
        asked = np.asarray(numbers, np.intp)
        out = np.empty(asked.shape, np.intp)
        part = self._part_of(asked)
        for i in np.unique(part):
            there = part == i
            own = asked[there] - self._starts[i]
            rows = self._rows[i]
            out[there] = self._row_starts[i] + (own if rows is None else rows[own])
        return out

    def numbers_of(self, rows: ArrayLike) -> NDArray[np.intp]:
        """Numbers of the vectors of these stars; -1 where a star has none of this survey."""
        asked = np.asarray(rows, np.intp)
        out = np.full(asked.shape, -1, np.intp)
        ends = [*self._row_starts[1:], np.iinfo(np.intp).max][: len(self._row_starts)]
        for i, (first, end) in enumerate(zip(self._row_starts, ends, strict=True)):
            there = np.flatnonzero((asked >= first) & (asked < end))
            own = asked[there] - first
            held = self._rows[i]
            if held is None:
                good = own < len(self._arrays[i])
                out[there[good]] = own[good] + self._starts[i]
            elif len(held):
                at = np.minimum(np.searchsorted(held, own), len(held) - 1)
                good = held[at] == own
                out[there[good]] = at[good] + self._starts[i]
        return out

    def _part_of(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """In which array each of these vectors is."""
        if numbers.size and not (numbers.min() >= 0 and numbers.max() < len(self)):
            raise IndexError(f"vectors are numbered 0 to {len(self) - 1}")
        return np.searchsorted(self._starts, numbers, side="right") - 1
