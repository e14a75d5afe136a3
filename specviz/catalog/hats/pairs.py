"""``MatchedPairs``: the pairs that LSDB found, one partner each, as the source of a star catalogue."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.matching import RIGHT, SEPARATION
from specviz.catalog.hats.reading import HatsEmbeddings
from specviz.catalog.scale.partition import Block
from specviz.catalog.store.parts import write_whole

#: After the names of the right catalogue's columns that the left one has too.
SUFFIX = "_right"
#: What is one quantity in whatever catalogue: where the left one does not know it, the right one's is taken. Labels are
#: none: temperatures of two pipelines in one column would be a mixture.
SHARED = (("source_id", "gaia_release"), ("obsid",), ("g_mag",), ("bp_rp",), ("parallax",), ("distance_pc",))


@dataclass(frozen=True)
class MatchedPairs:
    """A :class:`specviz.catalog.scale.partition.Source` of pairs; it can be pickled.

    Parameters
    ----------
    found : HatsEmbeddings
        The catalogue that LSDB wrote.
    ours : tuple of str
        Columns of the left catalogue.
    winners : str
        The ``.npz`` of :func:`resolve`; "" where a right star may have several partners.
    units : tuple of (column, unit)
        Of both catalogues' columns: LSDB does not keep them.
    """

    found: HatsEmbeddings
    ours: tuple[str, ...] = ()
    winners: str = ""
    units: tuple[tuple[str, str], ...] = ()

    @property
    def weights_sha256(self) -> str:
        """Which weights made the embeddings."""
        return self.found.weights_sha256

    @property
    def fingerprint(self) -> str:
        """Of the pairs, and of the rule."""
        return f"{self.found.fingerprint} {'mutual' if self.winners else 'each'}"

    def keys(self) -> Sequence[str]:
        """The pixels of the pairs."""
        return self.found.keys()

    @cached_property
    def _winners(self) -> Mapping[str, NDArray[np.int64]]:
        if not self.winners:
            return {name: np.empty(0, np.int64) for name in ("right", "partition", "row")}
        with np.load(self.winners, allow_pickle=False) as stored:
            return {name: stored[name] for name in ("right", "partition", "row")}

    def blocks(self, key: str) -> Iterator[Block]:
        """The pairs of a pixel."""
        partition, start = self.keys().index(key), 0
        for block in self.found.blocks(key):
            n = len(block.columns["object_id"])
            rows = np.arange(start, start + n)
            start += n
            keep = np.flatnonzero(_wins(self._winners, block.columns[RIGHT], partition, rows))
            if len(keep):
                columns = {name: values[keep] for name, values in block.columns.items() if name != RIGHT}
                columns = filled(columns, self.ours)
                vectors = {survey: array[keep] for survey, array in block.vectors.items()}
                yield Block(columns, (), vectors, {**block.units, **dict(self.units), SEPARATION: "arcsec"})

    def __getstate__(self) -> dict[str, Any]:
        # What is cached was read from the files, and is read again where this arrives.
        return {name: self.__dict__[name] for name in ("found", "ours", "winners", "units")}


def resolve(found: HatsEmbeddings, path: Path) -> tuple[int, int]:
    """Find the partner of each right star that several left stars have taken, and write them down.

    The nearest wins; of equally near ones (visits of one star have one position) that with the highest ``snr``, then
    the first in the order of the sky's index. The others have no partner: that theirs is not in the catalogue is
    likelier than that it is the second nearest.

    Parameters
    ----------
    found : HatsEmbeddings
    path : Path
        Of the ``.npz``: ``right`` stars that were contested, sorted, and the ``partition`` and ``row`` that win.

    Returns
    -------
    pairs, lost : int
        How many pairs there were, and how many of them lost.
    """
    names = found.columns.plain if found.columns is not None else {}
    snr = names.get("snr")
    right, distance, noise, where, row = [], [], [], [], []
    for i, key in enumerate(found.keys()):
        table = found.table(key, [names[RIGHT], names[SEPARATION], *([snr] if snr else [])])
        n = table.num_rows
        right.append(table.column(names[RIGHT]).to_numpy())
        distance.append(table.column(names[SEPARATION]).to_numpy())
        quality = table.column(snr).to_numpy() if snr else np.zeros(n)
        noise.append(-np.nan_to_num(np.asarray(quality, np.float32), nan=-np.inf))
        where.append(np.full(n, i, np.int32))
        row.append(np.arange(n, dtype=np.int32))
    stars, angle = np.concatenate(right), np.concatenate(distance)
    order = np.lexsort((np.concatenate(row), np.concatenate(where), np.concatenate(noise), angle, stars))
    _, first, count = np.unique(stars[order], return_index=True, return_counts=True)
    best = order[first[count > 1]]
    arrays = {
        "right": stars[best].astype(np.int64),
        "partition": np.concatenate(where)[best].astype(np.int64),
        "row": np.concatenate(row)[best].astype(np.int64),
    }
    write_whole(path, lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]
    return len(stars), int((count - 1).sum())


def _wins(
    winners: Mapping[str, NDArray[np.int64]], right: NDArray[np.int64], partition: int, rows: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Which pairs stay: those that nobody contested, and the winners."""
    contested = winners["right"]
    if not len(contested):
        return np.ones(len(rows), bool)
    at = np.minimum(np.searchsorted(contested, right), len(contested) - 1)
    free = contested[at] != right
    return np.asarray(free | ((winners["partition"][at] == partition) & (winners["row"][at] == rows)))


def filled(columns: Mapping[str, Any], ours: Collection[str]) -> dict[str, Any]:
    """Columns with what the left catalogue did not know and the right one does; see :data:`SHARED`.

    ``ours`` are the names of the left catalogue's columns. A source_id and its release always come from one catalogue.
    """
    out = dict(columns)
    for names in SHARED:
        first = names[0]
        if first not in ours or first + SUFFIX not in columns:
            continue
        absent = _absent(columns[first])
        for name in names:
            theirs = columns.get(name + SUFFIX if name in ours else name)
            mine = columns[name] if name in ours else None
            if theirs is not None or mine is not None:
                nothing = np.zeros_like(theirs if mine is None else mine)
                out[name] = np.where(absent, nothing if theirs is None else theirs, nothing if mine is None else mine)
    return out


def _absent(values: NDArray[Any]) -> NDArray[np.bool_]:
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.asarray(values == ("" if values.dtype.kind == "U" else 0))
