"""Where a star that a map was not made of belongs on it, without the library that made the map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CatalogError

Vectors = NDArray[np.float32]
#: ``search(vectors, k)`` gives (rows of the sample, chords), each (m, k), by chord.
Search = Callable[[Vectors, int], tuple[NDArray[np.intp], Vectors]]
#: Sample stars that say where another is.
NEIGHBOURS = 15
#: Distances computed at once, 64 MB.
_CELLS = 16_000_000
#: Chord below which a star is the sample's own: that of two equal vectors in float32 is up to 1e-3.
_OWN = 2e-3


class Placing(Protocol):
    """What puts stars on a map."""

    def place(self, vectors: ArrayLike) -> Vectors:
        """Places, shape (m, 2), of vectors (m, D)."""
        ...

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What :func:`placing_of` makes it from again."""
        ...


@dataclass(frozen=True, eq=False)
class Axes:
    """A linear map: ``(unit vector - mean) @ axes.T``.

    Parameters
    ----------
    mean : array, shape (D,)
    axes : array, shape (K, D)
        The first two are the map's.
    """

    mean: Vectors
    axes: Vectors

    def place(self, vectors: ArrayLike) -> Vectors:
        """See :class:`Placing`."""
        return np.asarray((unit(vectors, self.mean.size) - self.mean) @ self.axes[:2].T, np.float32)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """See :class:`Placing`."""
        return {"mean": self.mean, "axes": self.axes}


@dataclass(frozen=True, eq=False)
class Sample:
    """A sample of stars whose places are known; another star is put among those that are nearest to it.

    The place is the mean of the places of the :data:`NEIGHBOURS` nearest sample stars, weighted by 1 / distance squared
    (Shepard 1968): a star of the sample lies where it is, one between two lies between them. UMAP's own ``transform``
    begins with such a mean (other weights) and then moves the star a little; docs/maps.md says by how much they differ.

    Parameters
    ----------
    vectors : array, shape (S, D)
        Unit vectors.
    places : array, shape (S, 2)
    labels : array of int32, shape (S,)
        The cluster of each; -1: none.
    """

    vectors: Vectors
    places: Vectors
    labels: NDArray[np.int32]

    def place(self, vectors: ArrayLike) -> Vectors:
        """See :class:`Placing`."""
        return self.put(vectors)[0]

    def put(self, vectors: ArrayLike, search: Search | None = None) -> tuple[Vectors, NDArray[np.int32]]:
        """Places (m, 2), and clusters (m,): the one that most of the nearest sample stars' weight has.

        Parameters
        ----------
        vectors : array, shape (m, D)
        search : callable, optional
            Finds the nearest sample stars of many faster than :func:`nearest`; see :mod:`.searching`.
        """
        query = unit(vectors, self.vectors.shape[1])
        near, chord = nearest(self.vectors, query, NEIGHBOURS) if search is None else search(query, NEIGHBOURS)
        weight = weights(chord)
        xy = np.einsum("mk,mkc->mc", weight, self.places[near]).astype(np.float32)
        return xy, vote(self.labels[near], weight)

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """See :class:`Placing`."""
        return {"vectors": self.vectors.astype(np.float16), "places": self.places, "labels": self.labels}


def placing_of(arrays: dict[str, NDArray[np.generic]]) -> Placing:
    """What :meth:`Placing.arrays` gave, read back."""
    if "axes" in arrays:
        return Axes(np.asarray(arrays["mean"], np.float32), np.asarray(arrays["axes"], np.float32))
    vectors = np.asarray(arrays["vectors"], np.float32)
    vectors = unit(vectors, vectors.shape[1])  # the length of one rounded to float16 is off by up to 3e-4
    return Sample(vectors, np.asarray(arrays["places"], np.float32), np.asarray(arrays["labels"], np.int32))


def unit(vectors: ArrayLike, dim: int) -> Vectors:
    """Vectors (m, D) or (D,) as rows of unit length.

    Raises
    ------
    CatalogError
        If they have other dimensions, or one is zero or not finite.
    """
    array = np.atleast_2d(np.asarray(vectors, np.float32))
    if array.shape[1] != dim:
        raise CatalogError(f"A vector of {array.shape[1]} dimensions does not fit this map of {dim}")
    length = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(length).all() or not (length > 0).all():
        raise CatalogError("Some vectors are zero or not finite")
    return np.asarray(array / length, np.float32)


def nearest(
    sample: Vectors, vectors: Vectors, k: int, own: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], Vectors]:
    """The ``k`` sample vectors nearest to each unit vector, exactly; see :data:`Search`.

    Parameters
    ----------
    sample : array, shape (S, D)
    vectors : array, shape (m, D)
    k : int
        Fewer where the sample is smaller.
    own : array of int, shape (m,), optional
        A row of the sample that is left out for each vector: itself.
    """
    k = min(k, len(sample) - (own is not None))
    rows, chords = np.empty((len(vectors), k), np.intp), np.empty((len(vectors), k), np.float32)
    step = max(1, _CELLS // max(len(sample), 1))
    for start in range(0, len(vectors), step):
        block = vectors[start : start + step]
        cosine = block @ sample.T
        if own is not None:
            cosine[np.arange(len(block)), own[start : start + step]] = -np.inf
        best = _largest(cosine, k)
        value = np.take_along_axis(cosine, best, 1)
        order = np.lexsort((best, -value), axis=1)
        rows[start : start + step] = np.take_along_axis(best, order, 1)
        chords[start : start + step] = np.sqrt(np.maximum(2.0 - 2.0 * np.take_along_axis(value, order, 1), 0.0))
    return rows, chords


def _largest(values: Vectors, k: int) -> NDArray[np.intp]:
    """Columns of the ``k`` largest values of each row."""
    if k >= values.shape[1]:
        return np.broadcast_to(np.arange(values.shape[1]), values.shape)
    return np.argpartition(values, values.shape[1] - k, axis=1)[:, -k:]


def weights(chord: Vectors) -> NDArray[np.float64]:
    """Weights (m, k) of neighbours at these chords, 1 / d², of sum one; one that is the star itself has them all."""
    distance = np.maximum(chord.astype(np.float64), _OWN)
    weight = np.where(chord[:, :1] < _OWN, chord < _OWN, distance**-2)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def vote(labels: NDArray[np.int32], weight: NDArray[np.float64]) -> NDArray[np.int32]:
    """The label (m,) that has most weight among neighbours (m, k); "none" (-1) is one of them."""
    share = np.stack(
        [np.where(labels == labels[:, i : i + 1], weight, 0.0).sum(axis=1) for i in range(labels.shape[1])]
    )
    return labels[np.arange(len(labels)), share.argmax(axis=0)]
