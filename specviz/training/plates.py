"""The split of the real LAMOST training set into training, validation and held-out plates.

Two spectra of one plate share the sky, the flat field and the flux calibration; two spectra of one star share the
star. Neither may lie on both sides, or the held-out figure flatters: spectra are joined into groups by plate and by
star, and whole groups are dealt out.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Fixed for good: every number in a model card is of these plates.
SPLIT_SEED = 20261120
TEST_FRACTION, VALIDATION_FRACTION = 0.22, 0.13
TRAIN, VALIDATION, TEST = 0, 1, 2


def group_by_plate_and_star(planid: ArrayLike, ra: ArrayLike, dec: ArrayLike, radius: float = 3.0) -> NDArray[np.int64]:
    """Number of the group each spectrum belongs to: connected through a common plate or a common star.

    Parameters
    ----------
    planid : array of str, shape (n,)
    ra, dec : array, shape (n,)
        Degrees, ICRS.
    radius : float
        Spectra closer than this (arcsec) are of one star.

    Returns
    -------
    array of int64, shape (n,)
        Groups are numbered from 0 in the order of their first spectrum.
    """
    return joined(np.asarray(planid).size, same_word(planid), same_place(ra, dec, radius))


def same_place(ra: ArrayLike, dec: ArrayLike, radius: float = 3.0) -> NDArray[np.int64]:
    """Pairs (m, 2) of rows closer than ``radius`` (arcsec); rows without a position are paired with none."""
    from scipy.spatial import cKDTree

    alpha, delta = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
    rows = np.flatnonzero(np.isfinite(alpha) & np.isfinite(delta))
    alpha, delta = alpha[rows], delta[rows]
    xyz = np.stack([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], axis=1)
    pairs = cKDTree(xyz).query_pairs(2 * np.sin(np.radians(radius / 3600) / 2), output_type="ndarray")
    return np.asarray(rows[pairs.reshape(-1, 2)], np.int64)


def same_word(words: ArrayLike) -> NDArray[np.int64]:
    """Pairs (m, 2) that chain all rows of one word; rows of the empty word are paired with none."""
    values = np.asarray(words)
    _, word = np.unique(values, return_inverse=True)
    order = np.argsort(word, kind="stable")
    same = (word[order][:-1] == word[order][1:]) & (values[order][:-1] != "")
    return np.stack([order[:-1], order[1:]], axis=1)[same].astype(np.int64)


def joined(n: int, *pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the group of each of ``n`` rows: connected through pairs of any kind."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    both = np.concatenate([np.zeros((0, 2), np.int64), *pairs])
    graph = coo_matrix((np.ones(len(both)), (both[:, 0], both[:, 1])), shape=(n, n))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def split_plates(planid: ArrayLike, ra: ArrayLike, dec: ArrayLike, seed: int = SPLIT_SEED) -> NDArray[np.int8]:
    """0 train, 1 validation, 2 test, for each spectrum; whole groups of plates and stars on one side.

    Groups are visited in a seeded order; one that is too large for what is still missing in the test (then
    validation) part goes to training, so the parts come out near :data:`TEST_FRACTION` and :data:`VALIDATION_FRACTION`.
    """
    return dealt(group_by_plate_and_star(planid, ra, dec), {TEST: TEST_FRACTION, VALIDATION: VALIDATION_FRACTION}, seed)


def dealt(group: NDArray[np.int64], shares: Mapping[int, float], seed: int) -> NDArray[np.int8]:
    """The part of each row, whole groups on one side; ``shares`` of the rows by part, the rest is :data:`TRAIN`."""
    sizes = np.bincount(group)
    out = np.full(group.shape, TRAIN, np.int8)
    missing = {part: share * len(group) for part, share in shares.items()}
    for g in np.random.default_rng(seed).permutation(len(sizes)):
        for part in missing:
            if sizes[g] <= missing[part] * 1.05:
                out[group == g] = part
                missing[part] -= sizes[g]
                break
    return out
