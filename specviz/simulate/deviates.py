"""``Deviates``: the random numbers of each star, a fixed row of them, so that star i follows from (seed, i) alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, ndtri

from specviz.errors import SpecvizError

#: Numbers a star may use up.
WIDTH = 96


class Deviates:
    """Rows of uniform numbers, handed out column by column in the order of the calls.

    Because every star has a row of its own and every quantity a column of its own, neither the number of stars in a
    batch nor their order changes a star.
    """

    def __init__(self, uniform: NDArray[np.float64]) -> None:
        self._u, self._next = np.clip(uniform, 1e-12, 1.0 - 1e-12), 0

    @classmethod
    def of_stars(cls, seed: int, index: ArrayLike, stream: int = 0) -> Deviates:
        """The numbers of the stars ``index`` of a survey with this seed."""
        rows = np.atleast_1d(np.asarray(index, np.int64))
        if (rows < 0).any():
            raise SpecvizError("Negative star numbers", expected="0, 1, 2 ...")
        return cls(np.stack([np.random.default_rng([seed, stream, int(i)]).random(WIDTH) for i in rows]))

    @classmethod
    def from_rng(cls, rng: np.random.Generator, n: int) -> Deviates:
        return cls(rng.random((n, WIDTH)))

    def __len__(self) -> int:
        return len(self._u)

    def uniform(self) -> NDArray[np.float64]:
        """The next number of every star, in (0, 1); shape (n,)."""
        if self._next >= self._u.shape[1]:
            raise SpecvizError("No random numbers left", expected=f"at most {self._u.shape[1]} a star")
        self._next += 1
        return self._u[:, self._next - 1]

    def normal(self) -> NDArray[np.float64]:
        """Standard normal, shape (n,)."""
        return np.asarray(ndtri(self.uniform()))

    def gamma(self, shape: NDArray[np.float64]) -> NDArray[np.float64]:
        """Gamma-distributed with these shapes and scale 1, shape (n,)."""
        return np.asarray(gammaincinv(shape, self.uniform()))
