"""``ExactSearch``: every vector compared, block by block; exact, and out of core."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.search.faiss_library import faiss, has_faiss
from specviz.catalog.search.passing import Passing
from specviz.catalog.search.ranking import Found, ranked
from specviz.catalog.store.vectors import StoredVectors

if TYPE_CHECKING:
    from specviz.models.nearest import DeviceNearest

__all__ = ["ExactSearch", "Found", "Searcher"]

#: Candidates: so many times those asked for, and some. The first pass puts neighbours in another order; where too few
#: are taken, all vectors are read again.
_WIDER, _SLACK = 2, 16
#: How far a product of the first pass may be from the cosine: float16 leaves a unit vector's length right to 2**-11;
#: float32 adds 1e-6 at 768 dimensions.
_TOLERANCE = 5e-4
#: Queries up to which, and bytes of vectors up to which, faiss makes the first pass, and the rows it takes at once.
_FEW, _HELD, _ADDED = 4, 400_000_000, 65_536
#: A part of the vectors of which one in so many is wanted is looked for among all of them.
_DENSE = 16


class Searcher(Protocol):
    """What finds the nearest of a survey's vectors. Several threads may ask at once.

    Attributes
    ----------
    note : str
        What a person should know of how it searches; "" if there is nothing to say.
    """

    note: str

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
    """Exhaustive search of mapped vectors: what brute force in float64 gives, equal stars by their number.

    A first pass in float32 finds candidates, :func:`~specviz.catalog.search.ranking.ranked` ranks them. Where the
    candidates end among vectors that the first pass cannot tell apart (a star that is in the catalogue a thousand
    times), more are taken.

    Who is best at the first pass was measured (100,000 vectors, one thread of a Xeon with AVX-512, ms for 1, 16 and
    256 queries): of 128 dimensions, faiss's float16 scalar quantizer 1.7, 21, -; torch from float16 to float32 in
    blocks of 4,096 8.7, 8.4, 39; numpy in blocks 17, 27, 104; numpy on a float32 copy 7.3, 13, 49. Of 768 dimensions:
    faiss 16, 318, -; torch 32, 54, 235; numpy 95, 130, 339; float32 copy 20, 76, 290. torch in bfloat16 (19, 20, 78)
    needs a copy too and is off by 1e-3. So faiss answers few queries of a small catalogue, of which it holds a copy
    (float16, as stored), and torch everything else from the mapped files.

    Parameters
    ----------
    vectors : StoredVectors, or what reads them otherwise
    start : int
        First vector that is searched.
    device : str
        Where the first pass is made.
    note : str
    copied : bool
        Whether it may hold a copy of a small catalogue.
    """

    def __init__(
        self,
        vectors: StoredVectors | Passing,
        *,
        start: int = 0,
        device: str = "cpu",
        note: str = "",
        copied: bool = True,
    ) -> None:
        self._vectors, self._start, self.note = vectors, start, note
        self._on, self._copied, self._lock = device, copied, threading.Lock()
        self._flat: Any = None
        if device != "cpu":
            self._device  # noqa: B018 - made now: one for all threads, and what is wrong with it is said

    def __len__(self) -> int:
        return max(len(self._vectors) - self._start, 0)

    def nearest(self, queries: NDArray[np.float32], k: int, among: NDArray[np.intp] | None = None) -> Found:
        """See :class:`Searcher`."""
        if among is not None:
            among = among[np.searchsorted(among, self._start) :]
        n = len(self) if among is None else len(among)
        if n == 0:
            return ranked(self._vectors, queries, np.empty((len(queries), 0), np.intp), k)
        keep = min(_WIDER * k + _SLACK, n)
        numbers, cosines = self._candidates(queries, keep, among)
        best, values = ranked(self._vectors, queries, numbers, k)
        # Every vector as good as the last that is given must have been a candidate; those queries that lack some ask
        # again together.
        lacking = np.flatnonzero(cosines[:, -1] >= values[:, -1] - self._tolerance)
        while len(lacking) and keep < n:
            keep = min(4 * keep, n)
            numbers, cosines = self._candidates(queries[lacking], keep, among)
            best[lacking], values[lacking] = ranked(self._vectors, queries[lacking], numbers, k)
            lacking = lacking[cosines[:, -1] >= values[lacking, -1] - self._tolerance]
        return best, values

    @cached_property
    def _device(self) -> DeviceNearest:
        """torch, imported when it is wanted: faiss alone answers most."""
        from specviz.models.nearest import DeviceNearest

        return DeviceNearest(self._vectors, self._on, self._start)

    @property
    def _tolerance(self) -> float:
        return _TOLERANCE if self._on == "cpu" else self._device.tolerance + _TOLERANCE

    def _candidates(self, queries: NDArray[np.float32], keep: int, among: NDArray[np.intp] | None) -> Found:
        """The first pass: numbers and cosines (q, keep), best first."""
        small = self._copied and 2 * len(self) * self._vectors.shape[1] <= _HELD
        # Of a large part, all are read and the others passed over: 300,000 of a million take 37 ms, not 560.
        dense = among is None or len(among) * _DENSE > len(self)
        if self._on == "cpu" and dense and len(queries) <= _FEW and small and has_faiss():
            held, wanted = self._held(), None
            if among is not None:
                asked = np.zeros(len(self), bool)
                asked[among - self._start] = True
                bits = np.packbits(asked, bitorder="little")
                wanted = faiss().SearchParameters(sel=faiss().IDSelectorBitmap(bits))
            cosines, numbers = held.search(np.ascontiguousarray(queries), keep, params=wanted)
            return numbers.astype(np.intp, copy=False) + self._start, cosines
        return self._device.candidates(queries, keep, among)

    def _held(self) -> Any:
        """faiss's copy of the vectors; its codes are what is stored, bit by bit."""
        module = faiss()
        with self._lock:
            if self._flat is None:
                dim = self._vectors.shape[1]
                flat = module.IndexScalarQuantizer(dim, module.ScalarQuantizer.QT_fp16, module.METRIC_INNER_PRODUCT)
                flat.is_trained = True  # there is nothing to learn for float16
                for _, block in self._vectors.blocks(_ADDED, self._start):
                    flat.add_sa_codes(np.ascontiguousarray(block).view(np.uint8).reshape(len(block), -1))
                self._flat = flat
        return self._flat
