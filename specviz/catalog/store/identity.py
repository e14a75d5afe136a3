"""Which rows are the same star, or the same spectrum, as numbers that can be sorted and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.store.star_rows import plain_release

#: What a row can be known by, and the columns that this takes. "spectrum": its LAMOST obsid, else its Gaia source_id,
#: else its name, so that two observations of one star stay two.
KNOWN_BY: Mapping[str, tuple[str, ...]] = {
    "spectrum": ("obsid", "source_id", "gaia_release", "object_id"),
    "source_id": ("source_id", "gaia_release"),
    "obsid": ("obsid",),
    "object_id": ("object_id",),
}
_NOBODY, _NAME, _OBSID, _GAIA = 0, 1, 2, 3


class Identities:
    """Numbers rows by what they are known by; releases are numbered as they are met, so one object serves all parts.

    Parameters
    ----------
    by : str
        A key of :data:`KNOWN_BY`.
    """

    def __init__(self, by: str) -> None:
        self.by = by
        self._releases: dict[str, int] = {}

    def of(self, columns: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Number (n,) of each row, and of what kind it is (n,): 0 for a row that has no such identifier and is like no
        other.

        Parameters
        ----------
        columns : mapping of str to array, shape (n,)
            Those of :data:`KNOWN_BY` that there are.
        """
        n = len(next(iter(columns.values())))
        numbers, kinds = np.zeros(n, np.int64), np.full(n, _NOBODY, np.int32)
        if self.by in ("spectrum", "object_id") and "object_id" in columns:
            named = columns["object_id"] != ""
            numbers[named] = text_numbers(columns["object_id"])[named]
            kinds[named] = _NAME
        if self.by in ("spectrum", "source_id") and "source_id" in columns:
            known = columns["source_id"] > 0
            numbers[known] = columns["source_id"][known]
            kinds[known] = _GAIA
            if "gaia_release" in columns:
                told, which = np.unique(columns["gaia_release"], return_inverse=True)
                codes = [self._releases.setdefault(plain_release(str(t)), len(self._releases)) for t in told]
                kinds[known] += np.array(codes, np.int32)[which.ravel()][known]
        if self.by in ("spectrum", "obsid") and "obsid" in columns:
            known = columns["obsid"] > 0
            numbers[known], kinds[known] = columns["obsid"][known], _OBSID
        return numbers, kinds


def is_name(kinds: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which numbers stand for names: two names may, once in 1e19, share one."""
    return kinds == _NAME


def text_numbers(words: NDArray[np.str_]) -> NDArray[np.int64]:
    """A number for each word, the same for the same word, whatever stands beside it (FNV-1a of 64 bits)."""
    width = words.dtype.itemsize // 4
    letters = np.ascontiguousarray(words).view(np.uint32).reshape(len(words), width) if width else np.empty((0, 0))
    told = np.full(len(words), 14695981039346656037, np.uint64)
    for column in letters.T:
        told = np.where(column != 0, (told ^ column.astype(np.uint64)) * np.uint64(1099511628211), told)
    told ^= told >> np.uint64(32)
    return told.view(np.int64)
