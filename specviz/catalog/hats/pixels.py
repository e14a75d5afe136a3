"""Which HEALPix pixels a catalogue is cut into: large where stars are few, small where they are many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.hats.layout import ORDER, hats

#: Order at which stars are counted, and so that of the smallest partition: 3.4 arcmin.
FINEST = 10
#: Bytes of a partition when nobody says how many stars it may have: LSDB works best at some hundred megabytes.
_PARTITION_BYTES = 256 << 20
_FEWEST, _MOST = 10_000, 1_000_000


def healpix(ra: ArrayLike, dec: ArrayLike, order: int = ORDER) -> NDArray[np.int64]:
    """Pixels (N,) of positions in degrees, NESTED scheme."""
    hats()
    from hats.pixel_math.spatial_index import compute_spatial_index

    # Longitudes are wrapped here since 360.0 itself would be refused by some versions.
    pixel = compute_spatial_index(np.mod(np.asarray(ra, np.float64), 360.0), np.asarray(dec, np.float64), order)
    return np.asarray(pixel, np.int64)


def threshold_for(star_bytes: int) -> int:
    """How many stars of this size make a partition of a size that LSDB works well with."""
    return int(np.clip(_PARTITION_BYTES // max(star_bytes, 1), _FEWEST, _MOST))


def choose(pixels: NDArray[np.int64], counts: NDArray[np.int64], threshold: int, order: int = FINEST) -> list[Any]:
    """Pixels with at most ``threshold`` stars each, as large as possible, in the order of the sky's index.

    The rule of ``hats.pixel_math.partition_stats.generate_alignment``, for pixels that have stars only: that one goes
    over all of the sky in Python, 12 million pixels at order 10.

    Parameters
    ----------
    pixels, counts : array of int, shape (P,)
        Pixels of ``order`` that have stars, sorted, and how many. One with more than ``threshold`` is kept as it is.
    threshold : int
    order : int

    Returns
    -------
    list of hats.pixel_math.HealpixPixel
    """
    hats()
    from hats.pixel_math import HealpixPixel

    found: list[tuple[int, int, int]] = []  # first pixel of ``order`` in it, its order, its number
    left, stars = np.asarray(pixels, np.int64), np.asarray(counts, np.int64)
    for coarse in range(order + 1):
        shift = 2 * (order - coarse)
        parents, at = np.unique(left >> shift, return_inverse=True)
        total = np.bincount(at, weights=stars, minlength=len(parents)) if len(parents) else np.zeros(0)
        good = (total <= threshold) | (coarse == order)
        found += [(int(p) << shift, coarse, int(p)) for p in parents[good]]
        if len(parents):
            remain = ~good[at]
            left, stars = left[remain], stars[remain]
    return [HealpixPixel(o, p) for _, o, p in sorted(found)]


def bounds(pixel: Any) -> tuple[int, int]:
    """First and one after the last pixel of order 29 in a pixel."""
    shift = 2 * (ORDER - pixel.order)
    return pixel.pixel << shift, (pixel.pixel + 1) << shift
