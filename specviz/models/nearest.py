"""``DeviceNearest``: which of many unit vectors have the largest cosine with a few, every one compared, on the CPU or a
GPU.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ModelError
from specviz.models.device import pick_device

if TYPE_CHECKING:
    import torch

#: Vectors compared at once. On a CPU a block that stays in its cache is the fastest (4,096 x 768 float32 are 12 MB), a
#: GPU wants enough to do.
_BLOCK = {"cpu": 4096, "cuda": 262_144, "mps": 65_536}
_SMALLEST, _QUERIES = 256, 1024
#: Share of a GPU's free memory that may be filled with vectors for good.
_RESIDENT = 0.7


class Vectors(Protocol):
    """What is searched, such as :class:`specviz.catalog.store.vectors.StoredVectors`."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N, D)."""
        ...

    def blocks(self, size: int = ..., start: int = ...) -> Iterator[tuple[int, NDArray[Any]]]:
        """Pieces: number of the first, array (b, D)."""
        ...

    def take(self, numbers: Any) -> NDArray[np.float32]:
        """Vectors of these numbers, (k, D)."""
        ...


class DeviceNearest:
    """Exhaustive search by torch.

    Vectors are float16 on disk and on the device, and are compared in float32, block by block: that costs a GPU
    nothing (it waits for its memory) and leaves an error of 1e-6 in a cosine, where half precision leaves 1e-3, in
    which a dense part of a catalogue has hundreds of stars. A GPU keeps the vectors if they fit into what it has free;
    else they are read from disk for each search. A block that does not fit is halved.

    Parameters
    ----------
    vectors : Vectors
    device : str
        "auto", "cpu", "cuda", "cuda:1", "mps".
    start : int
        First vector that is searched.

    Attributes
    ----------
    device : torch.device
    block : int
        Vectors compared at once.

    Raises
    ------
    ModelError
        If this machine has no such device.
    """

    def __init__(self, vectors: Vectors, device: str = "auto", start: int = 0) -> None:
        self._vectors, self._start = vectors, start
        self.device = pick_device(device)
        self.block = _BLOCK.get(self.device.type, 65_536)
        self._held: list[tuple[int, torch.Tensor]] | None = None
        self._lock = threading.Lock()

    @property
    def tolerance(self) -> float:
        """How far a cosine found here may be from the true one."""
        import torch

        reduced = self.device.type == "cuda" and torch.get_float32_matmul_precision() != "highest"
        return 2e-3 if reduced else 4e-6  # TF32 has the mantissa of float16

    def candidates(
        self, queries: NDArray[np.float32], keep: int, among: NDArray[np.intp] | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """The ``keep`` vectors of the largest cosine with each query, best first.

        Parameters
        ----------
        queries : array, shape (q, D)
            Unit vectors.
        keep : int
        among : array of int, optional
            Numbers of the vectors that are searched, sorted.

        Returns
        -------
        numbers, cosines : array, shape (q, min(keep, n))
        """
        found = [self._few(queries[at : at + _QUERIES], keep, among) for at in range(0, len(queries), _QUERIES)]
        return np.concatenate([numbers for numbers, _ in found]), np.concatenate([cosines for _, cosines in found])

    def _few(
        self, queries: NDArray[np.float32], keep: int, among: NDArray[np.intp] | None
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        import torch

        while True:
            try:
                return self._search(queries, keep, among)
            except torch.cuda.OutOfMemoryError as error:
                self._smaller(error)

    def _smaller(self, error: Exception) -> None:
        import torch

        self.block //= 2
        if self.block < _SMALLEST:
            raise ModelError(
                f"The memory of {self.device} does not suffice for a search", remedy="Search on the CPU (device='cpu')"
            ) from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @staticmethod
    def _compared(queries: torch.Tensor, block: torch.Tensor) -> torch.Tensor:
        return queries @ block.float().T

    def _search(
        self, queries: NDArray[np.float32], keep: int, among: NDArray[np.intp] | None
    ) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        import torch

        with torch.inference_mode():
            asked = torch.from_numpy(np.array(queries, np.float32)).to(self.device)
            best = torch.empty((len(queries), 0), dtype=torch.float32, device=self.device)
            numbers = torch.empty((len(queries), 0), dtype=torch.int64, device=self.device)
            # Many neighbours: larger blocks, since each is sorted for itself.
            size = max(self.block, min(32 * keep, 65_536)) if self.device.type == "cpu" else self.block
            for at, block in self._blocks(among, size):
                cosines, place = self._compared(asked, block).topk(min(keep, len(block)), dim=1)
                best, numbers = torch.cat([best, cosines], 1), torch.cat([numbers, at[place]], 1)
                if best.shape[1] > keep:
                    best, place = best.topk(keep, dim=1)
                    numbers = numbers.gather(1, place)
            best, place = best.sort(dim=1, descending=True)
            found = numbers.gather(1, place).cpu().numpy().astype(np.intp, copy=False), best.cpu().numpy()
        return found

    def _blocks(self, among: NDArray[np.intp] | None, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """What is compared: numbers (b,) and vectors (b, D) on the device."""
        import torch

        if among is not None:
            for at in range(0, len(among), size):
                numbers = np.array(among[at : at + size], np.int64)
                taken = torch.from_numpy(self._vectors.take(numbers)).to(self.device)
                yield torch.from_numpy(numbers).to(self.device), taken
            return
        held = self._resident()
        blocks: Any = self._streamed(size) if held is None else held
        for first, whole in blocks:
            for at in range(0, len(whole), size):
                piece = whole[at : at + size]
                yield torch.arange(first + at, first + at + len(piece), device=self.device), piece

    def _streamed(self, size: int) -> Iterator[tuple[int, torch.Tensor]]:
        import torch

        for first, block in self._vectors.blocks(size, self._start):
            yield first, torch.from_numpy(np.array(block)).to(self.device)  # a copy: what is mapped is read-only

    def _resident(self) -> list[tuple[int, torch.Tensor]] | None:
        """The vectors on a GPU that has room for them; None where they are read each time."""
        import torch

        if self.device.type != "cuda":
            return None  # the CPU has them mapped already
        with self._lock:
            if self._held is None:
                n, dim = self._vectors.shape
                free, _ = torch.cuda.mem_get_info(self.device)
                if 2 * dim * (n - self._start) > _RESIDENT * free:
                    return None
                self._held = list(self._streamed(self.block))
            return self._held
