"""``Vectors``: the embeddings of a list, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.archives.protocol import Candidate
from specviz.errors import OptionError
from specviz.session.resolve import existing
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: The survey that leads a star's report, whichever that is.
LEADING = "leading"


class Vectors:
    """Embeddings of one model by row, NaN where unknown; of the leading survey, and of each survey by its name.

    Parameters
    ----------
    n : int
        Rows of the list.
    given : array, shape (n, D), or mapping of survey to such, optional
        Embeddings that are known beforehand (``Ranking.embeddings``): an array is of the leading survey of each star.

    Raises
    ------
    OptionError
        An array has another number of rows.
    """

    def __init__(self, n: int, given: ArrayLike | Mapping[str, ArrayLike] | None = None) -> None:
        self._n, self._weights, self._given = n, "", given is not None
        self.version = 0
        """Another number whenever something is added."""
        held = {} if given is None else given if isinstance(given, Mapping) else {LEADING: given}
        self._blocks = {name: np.array(block, np.float32) for name, block in held.items()}
        for block in self._blocks.values():
            if block.ndim != 2 or len(block) != n:
                raise OptionError(f"Embeddings of shape {block.shape} for {n} stars", expected=f"({n}, D)")

    def add(self, row: int, embeddings: Mapping[str, Any], leading: Any, weights: str) -> None:
        """Take what a model says of a row.

        Embeddings of two models are not comparable: what other ``weights`` said before is forgotten, but those that
        were given with the list stay, and what does not fit them is not taken.
        """
        told = dict(embeddings) if leading is None else {LEADING: leading, **embeddings}
        if not told or not 0 <= row < self._n:
            return
        shapes = {name: block.shape[1] for name, block in self._blocks.items()}
        if self._weights not in ("", weights) or any(shapes.get(n, np.size(v)) != np.size(v) for n, v in told.items()):
            if self._given:
                return
            self._blocks = {}
        self._weights = weights
        self.version += 1
        for name, vector in told.items():
            if name not in self._blocks:
                self._blocks[name] = np.full((self._n, np.size(vector)), np.nan, np.float32)
            self._blocks[name][row] = vector

    @property
    def known(self) -> NDArray[np.bool_]:
        """Rows with an embedding (n,)."""
        found = np.zeros(self._n, bool)
        for block in self._blocks.values():
            found |= np.isfinite(block).all(axis=1)
        return found

    def blocks(self) -> list[NDArray[np.float32]]:
        """Copies of what rows are compared by: the surveys that most known rows have, else the leading ones."""
        covered = int(self.known.sum())
        surveys = [b for name, b in self._blocks.items() if name != LEADING and _rows(b) >= max(1, covered // 2)]
        together = np.zeros(self._n, bool)
        for block in surveys:
            together |= np.isfinite(block).all(axis=1)
        if together.sum() < covered and LEADING in self._blocks:
            return [self._blocks[LEADING].copy()]
        return [b.copy() for b in surveys] or [b.copy() for b in self._blocks.values()]


def _rows(block: NDArray[np.float32]) -> int:
    return int(np.isfinite(block).all(axis=1).sum())


def at_hand(target: Any, allow_paths: bool) -> bool:
    """Whether the spectra of a target are on this machine: a star, a file, or a demo star. No archive is asked."""
    if isinstance(target, (Star, Spectrum, Path)):
        return True
    if isinstance(target, Candidate):
        return target.archive == "demo"
    if not isinstance(target, str):
        return False
    return target.lower().startswith("demo ") or (allow_paths and existing(target.strip().strip("'\"")) is not None)
