"""``SortedRuns``: tables sorted by their place on the sky, on disk, from which the rows of a pixel are gathered.

An external sort: each table that is put in is sorted alone, and a pixel's rows are a slice of each. So a catalogue of
any order becomes one by pixels with one table or one pixel in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.hats.layout import HEALPIX, ORDER
from specviz.catalog.store.columns import pyarrow
from specviz.catalog.store.parts import write_whole
from specviz.errors import CatalogError

_SUFFIX = ".arrow"


class SortedRuns:
    """Arrow files of a folder, uncompressed so that they can be mapped.

    Parameters
    ----------
    folder : Path
        Made at the first :meth:`put`.
    key : str
        Column of integers by which they are sorted.
    """

    def __init__(self, folder: Path, key: str = HEALPIX) -> None:
        self.folder, self.key = folder, key

    def put(self, name: str, table: Any) -> None:
        """Sort a table and keep it; the file is whole or not there."""
        pa = pyarrow()
        order = np.argsort(table.column(self.key).to_numpy(), kind="stable")
        ordered = table.combine_chunks().take(pa.array(order))

        def write(stream: Any) -> None:
            with pa.ipc.new_file(stream, ordered.schema) as writer:
                writer.write_table(ordered)

        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self.folder / f"{name}{_SUFFIX}", write)

    def has(self, name: str) -> bool:
        """Whether this table was put in."""
        return (self.folder / f"{name}{_SUFFIX}").is_file()

    def table(self, name: str) -> Any:
        """A run, mapped."""
        pa = pyarrow()
        file = self.folder / f"{name}{_SUFFIX}"
        try:
            return pa.ipc.open_file(pa.memory_map(str(file))).read_all()
        except (pa.ArrowException, OSError) as error:
            raise CatalogError(
                f"{file} is damaged", remedy="Delete it and run the same again: only it is redone"
            ) from error

    def counts(self, names: Sequence[str], order: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Pixels of ``order`` that have rows, sorted, and how many, all runs together; the key is of order 29."""
        shift = 2 * (ORDER - order)
        pixels, counts = np.empty(0, np.int64), np.empty(0, np.int64)
        for name in names:
            own, number = np.unique(self.table(name).column(self.key).to_numpy() >> shift, return_counts=True)
            pixels, at = np.unique(np.concatenate([pixels, own]), return_inverse=True)
            counts = np.bincount(at, weights=np.concatenate([counts, number]), minlength=len(pixels)).astype(np.int64)
        return pixels, counts

    def gather(
        self, names: Sequence[str], ranges: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[int, list[tuple[str, Any]]]]:
        """For each range [first, end) of the key, in turn: its number, and the slices of the runs that have rows.

        Runs are opened one after the other for each range: their number is not limited by open files.
        """
        edges = np.asarray(ranges, np.int64).reshape(-1, 2)
        cuts = np.empty((len(names), len(edges), 2), np.int64)
        for i, name in enumerate(names):
            keys = self.table(name).column(self.key).to_numpy()
            cuts[i] = np.searchsorted(keys, edges)
        for k in range(len(edges)):
            there = np.flatnonzero(cuts[:, k, 1] > cuts[:, k, 0])
            slices = []
            for i in there.tolist():
                first, end = (int(c) for c in cuts[i, k])
                slices.append((names[i], self.table(names[i]).slice(first, end - first)))
            yield k, slices
