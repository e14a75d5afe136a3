"""UMAP or PaCMAP of a sample of a catalogue's vectors."""

from __future__ import annotations

import importlib
import importlib.metadata
import logging
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.maps.placing import Vectors
from specviz.errors import CatalogError, OptionError

#: Stars a map is fitted to.
SAMPLE = 50_000
#: Fewest stars that make a map.
LEAST = 30
PACKAGES = {"umap": "umap-learn", "pacmap": "pacmap"}
#: What the methods are given, beside the seed.
PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "umap": {"n_neighbors": 15, "min_dist": 0.1, "metric": "euclidean"},
    "pacmap": {"n_neighbors": 10, "MN_ratio": 0.5, "FP_ratio": 2.0, "distance": "euclidean"},
}


def chosen(n: int, size: int, seed: int) -> NDArray[np.intp]:
    """Numbers of the stars of a sample, sorted; all if there are no more."""
    if n <= size:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size, replace=False))


def fit(vectors: Vectors, method: str, *, seed: int = 0, parameters: Mapping[str, Any] | None = None) -> Vectors:
    """Places, shape (S, 2), of unit vectors (S, D).

    The distance is the chord between unit vectors, which orders stars as their cosines do. The same vectors, seed and
    versions of the libraries give the same map: UMAP runs on one thread for that.

    Raises
    ------
    CatalogError
        If the method's package is not installed, or there are too few stars.
    OptionError
        If there is no such method.
    """
    return np.asarray(reducer(len(vectors), method, seed=seed, parameters=parameters)(vectors), np.float32)


def reducer(size: int, method: str, *, seed: int = 0, parameters: Mapping[str, Any] | None = None) -> Any:
    """What makes the map of ``size`` vectors: a callable; see :func:`fit`. UMAP's fitted object is its ``made``."""
    if method not in PARAMETERS:
        raise OptionError(f"There is no method {method!r}", expected=", ".join(PARAMETERS))
    if size < LEAST:
        raise CatalogError(f"A map of {size} stars", expected=f"at least {LEAST}")
    given = {**PARAMETERS[method], **(parameters or {})}
    given["n_neighbors"] = min(int(given["n_neighbors"]), size - 1)
    return _Fit(method, given, seed)


class _Fit:
    def __init__(self, method: str, given: dict[str, Any], seed: int) -> None:
        self._method, self._given, self._seed = method, given, seed
        self.made: Any = None

    def __call__(self, vectors: Vectors) -> Any:
        with warnings.catch_warnings():
            # umap: tensorflow is only for its parametric variant; islands make its graph "not fully connected", which
            # is what a catalogue with white dwarfs looks like.
            warnings.filterwarnings("ignore", message="Tensorflow not installed", category=ImportWarning)
            warnings.filterwarnings("ignore", message=".*not fully connected", category=UserWarning)
            if self._method == "umap":
                umap = imported("umap")
                self.made = umap.UMAP(n_components=2, random_state=self._seed, n_jobs=1, **self._given)
                return self.made.fit_transform(vectors)
            pacmap = imported("pacmap")
            logger = logging.getLogger(
                "pacmap.pacmap"
            )  # warns of the seed it was given, and of the search it was asked for
            level = logger.level
            logger.setLevel(logging.ERROR)
            self.made = pacmap.PaCMAP(n_components=2, random_state=self._seed, apply_pca=False, **self._given)
            try:
                return self.made.fit_transform(vectors, init="pca")
            finally:
                logger.setLevel(level)


def imported(name: str) -> Any:
    """A package of the extra ``catalog``, or an error that says how to have it."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise CatalogError(
            f"{PACKAGES.get(name, name)} is not installed", remedy="pip install 'jupyter-specviz[catalog]'"
        ) from error


def library(method: str) -> str:
    """Name and version of a method's package."""
    package = PACKAGES[method]
    return f"{package} {importlib.metadata.version(package)}"
