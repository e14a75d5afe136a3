"""``EmbeddingMap``: a flat picture of an embedding, into which new stars can be put."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CatalogError

#: Stars that the axes are found from, and that are projected at once: 1e6 x 256 float32 are a gigabyte.
_FITTED = 50_000


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """The two principal axes of a set of embeddings.

    Parameters
    ----------
    mean : array, shape (D,)
    axes : array, shape (2, D)
        Orthonormal; the direction of each is chosen so that its largest component is positive (a map does not flip
        between runs).
    coordinates : array, shape (N, 2)
        The stars the map was made of.
    explained : tuple of float
        Share of the variance along each axis.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    coordinates: NDArray[np.float32]
    explained: tuple[float, float]

    @classmethod
    def fit(cls, vectors: ArrayLike) -> EmbeddingMap:
        """From vectors of shape (N, D), each brought to unit length first (as the index compares them)."""
        every = np.atleast_2d(np.asarray(vectors, np.float32))
        unit = _unit(every[:: max(1, len(every) // _FITTED)])  # the axes of many stars are those of an even part
        if unit.shape[0] < 3 or unit.shape[1] < 2:
            raise CatalogError(f"A map of {unit.shape[0]} stars", expected="at least three")
        mean = unit.mean(axis=0)
        covariance = np.cov((unit - mean).T.astype(np.float64))
        values, vectors_ = np.linalg.eigh(covariance)
        axes = vectors_[:, ::-1][:, :2].T
        axes *= np.sign(axes[np.arange(2), np.argmax(np.abs(axes), axis=1)])[:, None]
        axes = axes.astype(np.float32)
        share = values[::-1][:2] / max(float(values.sum()), 1e-30)
        blocks = [every[start : start + _FITTED] for start in range(0, len(every), _FITTED)]
        coordinates = np.concatenate([np.asarray((_unit(b) - mean) @ axes.T, np.float32) for b in blocks])
        return cls(mean, axes, coordinates, (float(share[0]), float(share[1])))

    def project(self, vector: ArrayLike) -> NDArray[np.float32]:
        """Where new embedding(s) lie: shape (D,) gives (2,), shape (M, D) gives (M, 2)."""
        unit = _unit(vector)
        if unit.shape[1] != self.mean.size:
            raise CatalogError(f"A vector of {unit.shape[1]} dimensions does not fit this map of {self.mean.size}")
        out = np.asarray((unit - self.mean) @ self.axes.T, np.float32)
        return out[0] if np.ndim(vector) == 1 else out


def _unit(vectors: ArrayLike) -> NDArray[np.float32]:
    array = np.atleast_2d(np.asarray(vectors, np.float32))
    norm = np.linalg.norm(array, axis=1, keepdims=True)
    if not np.isfinite(norm).all() or not (norm > 0).all():
        raise CatalogError("Some vectors are zero or not finite")
    return np.asarray(array / norm, np.float32)
