"""``Passing``: stored vectors read once, from the first to the last, without filling memory with them."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.store.vectors import StoredVectors


class Passing:
    """Vectors of which each block is given back after it was used.

    Mapped pages that were read stay in a process until the system wants them; whoever looks sees a process of the size
    of the catalogue. What is not needed again is given back instead; it stays in the system's own cache.

    Parameters
    ----------
    vectors : StoredVectors
    """

    def __init__(self, vectors: StoredVectors) -> None:
        self._vectors = vectors
        self.shape = vectors.shape

    def __len__(self) -> int:
        return len(self._vectors)

    def blocks(self, size: int = 65_536, start: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
        """See :meth:`StoredVectors.blocks`; a block must not be used after the next was asked for."""
        for first, block in self._vectors.blocks(size, start):
            yield first, block
            give_back(block)

    def take(self, numbers: ArrayLike) -> NDArray[np.float32]:
        """See :meth:`StoredVectors.take`."""
        return self._vectors.take(numbers)


def give_back(array: Any) -> None:
    """Let the system have the pages of a mapped array's file; they are read again when they are wanted."""
    while isinstance(array, np.ndarray):
        array = array.base
    if isinstance(array, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # not on Windows
        array.madvise(mmap.MADV_DONTNEED)
