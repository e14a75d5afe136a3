"""Brute force by torch: the candidates of numpy, whatever the block, on the CPU and where there is one on a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from specviz.errors import ModelError
from specviz.models.nearest import DeviceNearest


class Held:
    """Vectors in memory."""

    def __init__(self, array: NDArray[np.float16]) -> None:
        self.array, self.shape = array, array.shape

    def blocks(self, size: int = 1000, start: int = 0) -> Iterator[tuple[int, NDArray[Any]]]:
        for at in range(start, len(self.array), size):
            yield at, self.array[at : at + size]

    def take(self, numbers: Any) -> NDArray[np.float32]:
        return self.array[numbers].astype(np.float32)


def _unit(n: int, seed: int) -> NDArray[np.float32]:
    made = np.random.default_rng(seed).normal(size=(n, 96)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def _check(device: str, n: int = 3000) -> None:
    held, queries = Held(_unit(n, 0).astype(np.float16)), _unit(11, 1)
    for start, among in ((0, None), (700, None), (0, np.arange(0, n, 7))):
        search = DeviceNearest(held, device, start)
        for block in (search.block, 500):
            search.block = block
            numbers, cosines = search.candidates(queries, 40, among)
            rows = np.arange(start, n) if among is None else among
            every = queries.astype(np.float64) @ held.array[rows].astype(np.float64).T
            true = rows[np.argsort(-every, axis=1)[:, :40]]
            assert np.array_equal(np.sort(numbers, axis=1), np.sort(true, axis=1))
            assert np.abs(cosines - -np.sort(-every, axis=1)[:, :40]).max() < search.tolerance
            assert (np.diff(cosines, axis=1) <= 0).all()
    assert DeviceNearest(held, device).candidates(queries[:1], 2 * n)[0].shape == (1, n)


def test_finds_what_numpy_finds() -> None:
    _check("cpu")


@pytest.mark.gpu
def test_finds_it_on_a_gpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    _check("cuda", 50_000)


def test_a_block_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    held, queries = Held(_unit(3000, 0).astype(np.float16)), _unit(3, 1)
    true, _ = DeviceNearest(held, "cpu").candidates(queries, 5)
    whole = DeviceNearest._compared

    def small(asked: torch.Tensor, block: torch.Tensor) -> torch.Tensor:
        if len(block) > 600:
            raise torch.OutOfMemoryError("out of memory")
        return whole(asked, block)

    monkeypatch.setattr(DeviceNearest, "_compared", staticmethod(small))
    search = DeviceNearest(held, "cpu")
    assert np.array_equal(search.candidates(queries, 5)[0], true) and search.block == 512


def test_no_memory_at_all_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(asked: torch.Tensor, block: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(DeviceNearest, "_compared", staticmethod(never))
    with pytest.raises(ModelError, match="Search on the CPU"):
        DeviceNearest(Held(_unit(300, 0).astype(np.float16)), "cpu").candidates(_unit(1, 1), 3)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(ModelError, match="device"):
        DeviceNearest(Held(_unit(10, 0).astype(np.float16)), "cuda:77")
