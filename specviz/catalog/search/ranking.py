"""The last step of every search: candidates ranked by the cosine of what is stored, whoever found them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Found = tuple[NDArray[np.intp], NDArray[np.float32]]


def ranked(vectors: Any, queries: NDArray[np.float32], numbers: NDArray[np.intp], k: int) -> Found:
    """The ``k`` best of each query's candidates.

    A sum of 768 float32 products depends in its last digits on the order in which they are added, which differs from
    library to library and with the size of a block. So cosines are added in float64 and rounded once: two searches
    that find the same stars give the same table.

    They are cosines, not products: a stored vector is as long as rounding to float16 has left it. Where star and
    neighbour are alike, most of the error of that rounding is in the length; with it away a cosine among a million
    stars is off by 8e-6, not 5e-5, and 0.4 % more of the 50 true neighbours are among the first 50.

    Parameters
    ----------
    vectors : StoredVectors
    queries : array, shape (q, D)
        Unit vectors.
    numbers : array of int, shape (q, c)
        Candidates, each once a query, in any order; below 0: none.
    k : int

    Returns
    -------
    numbers, cosines : array, shape (q, k)
        Best first, equal ones in the order of their numbers; -1 and -inf where there are fewer.
    """
    out = np.full((len(queries), k), -1, np.intp)
    cosines = np.full((len(queries), k), -np.inf, np.float32)
    for i, query in enumerate(queries):
        own = numbers[i][numbers[i] >= 0]
        whole = vectors.take(own).astype(np.float64)
        values = (whole @ query.astype(np.float64) / np.linalg.norm(whole, axis=1)).astype(np.float32)
        best = np.lexsort((own, -values))[:k]
        out[i, : best.size], cosines[i, : best.size] = own[best], values[best]
    return out, cosines
