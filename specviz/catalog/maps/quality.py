"""How well a map keeps the neighbours that stars have in the embedding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.maps.placing import NEIGHBOURS, Sample, Vectors, nearest, weights

_BLOCK = 256
#: Stars that are asked.
ASKED = 2_000


def quality(
    sample: Vectors,
    places: NDArray[np.floating],
    vectors: Vectors,
    where: NDArray[np.floating],
    own: NDArray[np.intp] | None = None,
    k: int = NEIGHBOURS,
) -> tuple[float, float]:
    """Trustworthiness, and the share of neighbours that are kept.

    Trustworthiness (Venna and Kaski 2001, ICANN, 485) is 1 when all that lie near on the map are near in the embedding:
    ``T = 1 - 2 / (n k (2 N - 3 k - 1)) sum max(0, r - k)`` with the ranks r in the embedding of the k nearest on the
    map, N the stars of the sample (one more where the asked are not of it); 0.5 is what a random map has.

    Parameters
    ----------
    sample, places : array, shape (S, D) and (S, 2)
    vectors, where : array, shape (m, D) and (m, 2)
        The stars that are asked.
    own : array of int, shape (m,), optional
        Their rows in the sample, if they are of it.
    k : int

    Returns
    -------
    trustworthiness, kept : float
        ``kept``: the mean share of the k nearest in the embedding that are among the k nearest on the map.
    """
    m, size = len(vectors), len(sample) + (own is None)
    if m == 0 or 2 * size - 3 * k - 1 <= 0:
        return float("nan"), float("nan")
    lost, kept = 0.0, 0
    for start in range(0, m, _BLOCK):
        at = slice(start, start + _BLOCK)
        mine = None if own is None else own[at]
        cosine = vectors[at] @ sample.T
        far = ((where[at, None, :] - places[None]) ** 2).sum(axis=2)
        if mine is not None:
            here = np.arange(len(cosine))
            cosine[here, mine], far[here, mine] = -np.inf, np.inf
        on_map = np.argpartition(far, k, axis=1)[:, :k]
        value = np.take_along_axis(cosine, on_map, 1)
        rank = np.stack([(cosine > value[:, i : i + 1]).sum(axis=1) + 1 for i in range(k)], axis=1)
        lost += float(np.maximum(rank - k, 0).sum())
        near, _ = nearest(sample, vectors[at], k, mine)
        kept += sum(len(np.intersect1d(a, b)) for a, b in zip(near, on_map, strict=True))
    return 1.0 - 2.0 / (m * k * (2 * size - 3 * k - 1)) * lost, kept / (m * k)


def of_sample(sample: Sample, seed: int = 0) -> dict[str, Any]:
    """How well a map keeps the neighbours of the stars it was fitted to, and how well it would place them.

    Returns
    -------
    dict
        ``sample``: where the method put them. ``left_out``: each left out in turn and put among the others, with
        ``moved``, how far it then lies from where the method put it (median and 90th percentile, in units of the map's
        size). ``size``: root of the summed variances of the map's axes.
    """
    size = float(np.sqrt(sample.places.astype(np.float64).var(axis=0).sum()))
    rng = np.random.default_rng(seed)
    some = np.sort(rng.choice(len(sample.places), min(ASKED, len(sample.places)), replace=False))
    asked, where = sample.vectors[some], sample.places[some]
    near, chord = nearest(sample.vectors, asked, NEIGHBOURS, some)
    put = np.einsum("mk,mkc->mc", weights(chord), sample.places[near])
    moved = np.percentile(np.linalg.norm(put - where, axis=1) / size, (50, 90))
    kept = told(*quality(sample.vectors, sample.places, asked, where, some), len(some))
    left = told(*quality(sample.vectors, sample.places, asked, put, some), len(some))
    left["moved"] = [round(float(v), 4) for v in moved]
    return {"sample": kept, "left_out": left, "neighbours": NEIGHBOURS, "size": round(size, 4)}


def told(trustworthiness: float, kept: float, stars: int) -> dict[str, Any]:
    """The two numbers of :func:`quality` for JSON, which has no NaN."""
    if not np.isfinite(trustworthiness):
        return {"stars": stars}
    return {"stars": stars, "trustworthiness": round(trustworthiness, 4), "kept": round(kept, 4)}
