"""``FaissSearch``: the lists of an inverted file, mapped from disk, of which the likely ones are searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.search.exact import ExactSearch
from specviz.catalog.search.faiss_library import faiss
from specviz.catalog.search.index_record import CODES, LISTS, TRAINED, IndexRecord, again
from specviz.catalog.search.ranking import Found, ranked
from specviz.catalog.store.star_catalog import INDEX, StarCatalog
from specviz.errors import CatalogError

#: Candidates beyond those asked for: equal stars, and the order of float32.
_SLACK = 16
#: Stars up to which a selection is compared one by one: as many as are compared in the lists of a usual search.
COMPARED = 20_000
#: In a selection, as many times more selected stars are compared as stars in a search of all.
_WIDER = 2


class FaissSearch:
    """Approximate search among the vectors that an index covers, re-ranked by what is stored.

    faiss's indexes may be searched by several threads at once if nobody changes them; ``nprobe`` and selectors are
    handed over with each search, so nobody does.

    Parameters
    ----------
    catalog : StarCatalog
    record : IndexRecord
        Checked (:meth:`IndexRecord.check`).

    Attributes
    ----------
    record : IndexRecord
    note : str

    Raises
    ------
    CatalogError
        If faiss is not installed or cannot read the files.
    """

    def __init__(self, catalog: StarCatalog, record: IndexRecord) -> None:
        module = faiss()
        self.record, self.note = record, ""
        self._vectors = catalog.vectors(record.survey)
        self._exact = ExactSearch(self._vectors, copied=False)
        folder = catalog.path / INDEX
        try:
            self.lists: NDArray[np.int32] = np.load(folder / f"{record.name}{LISTS}", mmap_mode="r", allow_pickle=False)
            self._whole = module.read_index(str(folder / f"{record.name}{TRAINED}"))
            self._ivf = module.extract_index_ivf(self._whole)
            sizes = np.bincount(self.lists, minlength=record.nlist)
            if self.lists.shape != (record.vectors,) or len(sizes) != record.nlist or self._ivf.d != record.dim:
                raise ValueError("lengths")
            attach(module, self._ivf, sizes, folder / f"{record.name}{CODES}")
        except (RuntimeError, ValueError, OSError, EOFError) as error:
            raise CatalogError(f"The index of {record.survey} is damaged", remedy=again(catalog.path)) from error
        self._turned = turned_by(module, self._whole)
        self._flat = not hasattr(module.downcast_index(self._ivf.quantizer), "hnsw")

    def __len__(self) -> int:
        return self.record.vectors

    def nearest(self, queries: NDArray[np.float32], k: int, among: NDArray[np.intp] | None = None) -> Found:
        """See :class:`specviz.catalog.search.exact.Searcher`."""
        if among is not None:
            among = among[: np.searchsorted(among, len(self))]
            if len(among) <= max(COMPARED, k):
                return self._exact.nearest(queries, k, among)
            numbers = self.candidates_among(queries, k, among)
        else:
            numbers = self.candidates(queries, k)
        return ranked(self._vectors, queries, numbers, k)

    def candidates(
        self, queries: NDArray[np.float32], k: int, nprobe: int | None = None, depth: int | None = None
    ) -> NDArray[np.intp]:
        """Numbers (q, c) of vectors among which the ``k`` nearest are, as likely as ``nprobe`` makes it."""
        module = faiss()
        keep = min(k * (depth or self.record.depth) + _SLACK, len(self))
        probes = min(nprobe or self.record.probes(k), self.record.nlist)
        turned = self._turn(queries)
        while True:
            told = module.SearchParametersIVF(nprobe=probes, quantizer_params=self._coarsely(module, probes))
            _, numbers = self._ivf.search(turned, keep, params=told)
            # Small lists may hold fewer than are wanted: then more of them.
            if nprobe is not None or probes >= self.record.nlist or (numbers >= 0).sum(axis=1).min() >= min(k, keep):
                return numbers.astype(np.intp, copy=False)
            probes = min(4 * probes, self.record.nlist)

    def candidates_among(self, queries: NDArray[np.float32], k: int, among: NDArray[np.intp]) -> NDArray[np.intp]:
        """The same of selected vectors only.

        The lists near a star may hold none that is selected (hot stars among cool ones). So lists without are passed
        over, and as many of the others are searched as hold, together, more selected vectors than a search of all
        would compare.
        """
        module = faiss()
        held = np.bincount(self.lists[among], minlength=self.record.nlist)
        mask = np.zeros(len(self), bool)
        mask[among] = True
        selected = module.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        keep = min(k * self.record.depth + _SLACK, len(among))
        wanted = max(_WIDER * self.record.probes(k) * len(self) // self.record.nlist, 4 * keep)
        turned = self._turn(queries)
        out = np.full((len(queries), keep), -1, np.int64)
        for i in range(len(queries)):
            near, place = self._all_lists(module, turned[i : i + 1])
            there = held[place] > 0
            near, place = near[there], place[there]
            probes = int(np.searchsorted(np.cumsum(held[place]), wanted)) + 1
            near, place = np.ascontiguousarray(near[:probes]), np.ascontiguousarray(place[:probes], np.int64)
            told = module.SearchParametersIVF(nprobe=len(place), sel=selected)
            # faiss's Python method of this name takes no parameters; the C++ one does.
            pointer, cosines = module.swig_ptr, np.empty(keep, np.float32)
            self._ivf.search_preassigned_c(
                1, pointer(turned[i : i + 1]), keep, pointer(place), pointer(near), pointer(cosines), pointer(out[i]),
                False, told, None,
            )  # fmt: skip
        return out.astype(np.intp, copy=False)

    def _turn(self, queries: NDArray[np.float32]) -> NDArray[np.float32]:
        turned = queries if self._turned is None else queries @ self._turned.T
        return np.ascontiguousarray(turned, np.float32)

    def _coarsely(self, module: Any, probes: int) -> Any:
        return None if self._flat else module.SearchParametersHNSW(efSearch=max(64, 2 * probes))

    def _all_lists(self, module: Any, query: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Cosines with the centres of all lists, and the lists, nearest first."""
        if not hasattr(self, "_centres"):
            quantizer = module.downcast_index(self._ivf.quantizer)
            storage = quantizer if self._flat else module.downcast_index(quantizer.storage)
            self._centres = storage.reconstruct_n(0, storage.ntotal)
        near = self._centres @ query[0]
        place = np.argsort(-near, kind="stable")
        return near[place], place


def turned_by(module: Any, index: Any) -> NDArray[np.float32] | None:
    """The rotation (D, D) before a compressed index; None if there is none."""
    if not isinstance(index, module.IndexPreTransform):
        return None
    chain = module.downcast_VectorTransform(index.chain.at(0))
    return np.asarray(module.vector_to_array(chain.A).reshape(chain.d_out, chain.d_in))


def attach(module: Any, ivf: Any, sizes: NDArray[np.intp], path: Path) -> None:
    """Give an index the lists that lie in a file, list after list: codes, then numbers (int64).

    That is how faiss lays its own on-disk lists out. It writes the file's whole path into an index, and prints a line
    when the folder was moved; so what a list is (its size) is kept beside the index, and the lists are mapped here.
    """
    width = ivf.code_size + 8
    starts = np.concatenate([[0], np.cumsum(sizes)]) * width
    if path.stat().st_size != starts[-1]:
        raise ValueError("length of the lists")
    if hasattr(module, "OnDiskInvertedLists"):
        lists = module.OnDiskInvertedLists()
        lists.nlist, lists.code_size = len(sizes), ivf.code_size
        lists.filename, lists.totsize = str(path), int(starts[-1])
        lists.read_only = True
        lists.prefetch_nthread = 0  # else each search starts 32 threads that touch pages which are in memory mostly
        one = module.OnDiskOneList()
        for size, start in zip(sizes.tolist(), starts.tolist(), strict=False):
            one.size, one.capacity, one.offset = size, size, start
            lists.lists.push_back(one)
        lists.do_mmap()
    else:  # faiss cannot map files on Windows: then they are read
        lists, content = module.ArrayInvertedLists(len(sizes), ivf.code_size), np.memmap(path, np.uint8, "r")
        for i, (size, start) in enumerate(zip(sizes.tolist(), starts.tolist(), strict=False)):
            if size:
                codes = np.array(content[start : start + size * ivf.code_size])
                numbers = np.array(content[start + size * ivf.code_size : start + size * width]).view(np.int64)
                lists.add_entries(i, size, module.swig_ptr(numbers), module.swig_ptr(codes))
    ivf.replace_invlists(lists, True)
    lists.this.disown()
    ivf.ntotal = int(sizes.sum())
