"""The eigenspace of two surveys: the directions along which their embeddings of the same stars vary together.

After DESA (Kamai, Bronstein and Perets, arXiv 2507.10666). There a square matrix A is *learned*: a layer behind the
two encoders, trained so that the quadratic forms <A e1, e1> and <e2, A^T e2> of a star's two embeddings agree. That
loss sees the symmetric part of A only. Its eigenvectors V, sorted by the size of their eigenvalues, are the axes, and a
star's features are (e1 + e2) V.

A contrastive model as ours has no such layer, so A is *estimated*: the cross-covariance of the paired embeddings,

    A = mean over stars of (e1 - m1) (e2 - m2)^T,    (A + A^T) / 2 = V diag(lambda) V^T,

with the means m1, m2 taken off, for they say only how the surveys differ. The axes are then those of a symmetrised
maximum covariance analysis: the first is the direction in which both surveys' embeddings change most, together. Nothing
is learned, so they know nothing of labels; what they follow is measured afterwards (:func:`follows`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.maps.placing import Axes, Vectors, unit
from specviz.errors import CatalogError

#: Axes that are kept.
KEPT = 8
#: Correlation from which an axis is said to follow a label.
_FOLLOWS = 0.3


@dataclass(frozen=True, eq=False)
class Eigenspace:
    """The axes of two surveys.

    Parameters
    ----------
    means : (array, array), each of shape (D,)
        Of the first and of the second survey's vectors.
    axes : array, shape (K, D)
        Orthonormal, by falling size of the eigenvalue; the largest component of each is positive.
    values : array, shape (K,)
        Eigenvalues; negative where the surveys vary against each other.
    """

    means: tuple[Vectors, Vectors]
    axes: Vectors
    values: NDArray[np.float64]

    def placing(self, survey: int) -> Axes:
        """What puts a star on the map that has a spectrum of one survey only: 2 (e - m) V.

        The other survey's vector is taken to lie as far from its mean. The place by both is the mean of the two.
        """
        return Axes(self.means[survey], 2.0 * self.axes)

    def features(self, first: ArrayLike, second: ArrayLike) -> NDArray[np.float32]:
        """(e1 - m1 + e2 - m2) V of vectors (n, D), shape (n, K)."""
        dim = self.axes.shape[1]
        both = unit(first, dim) - self.means[0] + unit(second, dim) - self.means[1]
        return np.asarray(both @ self.axes.T, np.float32)


def eigenspace(first: ArrayLike, second: ArrayLike, kept: int = KEPT) -> Eigenspace:
    """The axes of paired vectors.

    Parameters
    ----------
    first, second : array, shape (n, D)
        Embeddings of the same stars by two surveys, in the space that the model aligned them in.

    Raises
    ------
    CatalogError
        If they have different shapes, or there are fewer than three stars.
    """
    one, two = np.atleast_2d(np.asarray(first)), np.atleast_2d(np.asarray(second))
    if one.shape != two.shape:
        raise CatalogError(f"Vectors of shapes {one.shape} and {two.shape}", expected="pairs in one space")
    if len(one) < 3:
        raise CatalogError(f"The eigenspace of {len(one)} pairs", expected="at least three")
    e1, e2 = (unit(v, one.shape[1]).astype(np.float64) for v in (one, two))
    m1, m2 = e1.mean(axis=0), e2.mean(axis=0)
    a = (e1 - m1).T @ (e2 - m2) / len(e1)
    values, vectors = np.linalg.eigh((a + a.T) / 2.0)
    order = np.argsort(-np.abs(values), kind="stable")[:kept]
    axes = vectors[:, order].T
    axes = axes * np.sign(axes[np.arange(len(axes)), np.argmax(np.abs(axes), axis=1)])[:, None]
    return Eigenspace((m1.astype(np.float32), m2.astype(np.float32)), axes.astype(np.float32), values[order])


def follows(features: NDArray[np.floating], labels: Mapping[str, ArrayLike]) -> list[dict[str, float]]:
    """Spearman's rank correlation of each axis with each label.

    Parameters
    ----------
    features : array, shape (n, K)
    labels : mapping of str to array, shape (n,)
        NaN where a star has none; a label of fewer than 30 stars is left out.

    Returns
    -------
    list of dict, length K
        Label and correlation, the strongest first.
    """
    from scipy.stats import rankdata

    out = []
    for axis in features.T:
        found = {}
        for name, given in labels.items():
            values = np.asarray(given, np.float64)
            good = np.isfinite(values) & np.isfinite(axis)
            if good.sum() < 30 or np.ptp(values[good]) == 0:
                continue
            x, y = rankdata(axis[good]), rankdata(values[good])
            found[name] = round(float(np.corrcoef(x, y)[0, 1]), 3)
        out.append(dict(sorted(found.items(), key=lambda item: -abs(item[1]))))
    return out


def named(number: int, followed: Mapping[str, float], titles: Mapping[str, str]) -> str:
    """Label of an axis, ``"Eigen axis 1 (Teff, ρ = −0.93)"``."""
    name = next(iter(followed), "")
    if not name or abs(followed[name]) < _FOLLOWS:
        return f"Eigen axis {number}"
    value = f"{followed[name]:+.2f}".replace("-", "−")
    return f"Eigen axis {number} ({titles.get(name, name)}, ρ = {value})"
