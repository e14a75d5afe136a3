"""The maps of the demo sky that come with the package, so that they can be looked at with nothing installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.maps import clusters as groups
from specviz.catalog.maps.clusters import Clusters
from specviz.catalog.maps.eigenspace import eigenspace
from specviz.catalog.maps.fitting import PARAMETERS, fit, library
from specviz.catalog.maps.linear import axes_followed
from specviz.catalog.maps.placing import Axes, Placing, Sample, unit
from specviz.catalog.maps.quality import of_sample
from specviz.catalog.maps.stored import MapRecord, StoredMap
from specviz.catalog.maps.summaries import LABELS, summarise
from specviz.catalog.npz_file import read_npz
from specviz.errors import CatalogError

#: Made by ``python -m specviz.training.make_demo_maps``.
PACKAGED = Path(__file__).parents[1] / "data" / "demo_maps.npz"
_FORMAT, _VERSION = "specviz demo maps", 1
_STEPS = 65_535


class PackagedMaps:
    """The maps of the demo sky by one survey; see :class:`specviz.catalog.planes.Maps`.

    Parameters
    ----------
    file : Path
    survey : str
    vectors : array, shape (N, D)
        Of the demo catalogue, of unit length: they put new stars on the map.
    """

    def __init__(self, file: Path, survey: str, vectors: NDArray[np.float32]) -> None:
        self._header, self._arrays = _read(file)
        self._survey, self._vectors = survey, vectors

    @classmethod
    def of(
        cls, survey: str, vectors: NDArray[np.float32], sha: str, stars: str, file: Path = PACKAGED
    ) -> PackagedMaps | None:
        """Those of the package if they show these vectors: of these weights, of this set of stars, all of them."""
        if not file.is_file():
            return None
        maps = cls(file, survey, vectors)
        told = maps._header
        rows = maps._arrays.get(f"clusters_{survey}", np.empty(0))
        fits = (told.get("format"), told.get("version"), told.get("model_sha256"), told.get("stars"), len(rows))
        return maps if fits == (_FORMAT, _VERSION, sha, stars, len(vectors)) else None

    def names(self) -> tuple[str, ...]:
        """Maps of this survey."""
        return tuple(self._header["maps"][self._survey])

    def open(self, name: str) -> StoredMap:
        """One of them."""
        told = self._header["maps"][self._survey].get(name)
        if told is None:
            raise CatalogError(f"The demo sky has no map {name!r}", expected=", ".join(self.names()))
        record = MapRecord(**{**told, "labels": tuple(told["labels"])})
        codes, low, high = (self._arrays[f"{name}_{part}_{self._survey}"] for part in ("codes", "low", "high"))
        xy = (low + codes * ((high - low) / _STEPS)).astype(np.float32)
        return StoredMap(record, xy, lambda: self._placing(name, xy))

    def _placing(self, name: str, xy: NDArray[np.float32]) -> Placing:
        if name == "eigen":
            return Axes(self._arrays[f"eigen_mean_{self._survey}"], self._arrays[f"eigen_axes_{self._survey}"])
        return Sample(self._vectors, xy, self._labels())

    def _labels(self) -> NDArray[np.int32]:
        return self._arrays[f"clusters_{self._survey}"].astype(np.int32)

    def clusters(self) -> Clusters:
        """The clusters of the demo sky."""
        labels = self._labels()
        summaries = tuple(groups.summary_of(told) for told in self._header["clusters"][self._survey])
        return Clusters(labels, summaries, groups.between(float((labels < 0).mean())))


@cache
def _read(file: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    return read_npz(file)


def content(
    vectors: Mapping[str, NDArray[np.float32]],
    rows: Mapping[str, NDArray[np.integer]],
    columns: Mapping[str, NDArray[Any]],
    *,
    model_sha256: str,
    stars: str,
    seed: int = 0,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of the packaged file.

    Parameters
    ----------
    vectors : mapping of survey to array, shape (n, D)
    rows : mapping of survey to array, shape (n,)
        Their stars.
    columns : mapping of str to array, shape (N,)
        Labels of all stars.
    model_sha256, stars : str
        Hash of the weights, and of the set of stars.
    seed : int
    """
    header: dict[str, Any] = {"format": _FORMAT, "version": _VERSION, "model_sha256": model_sha256, "stars": stars,
                              "maps": {}, "clusters": {}}  # fmt: skip
    arrays: dict[str, NDArray[Any]] = {}
    for survey, given in vectors.items():
        fitted = unit(given, given.shape[1])
        places = fit(fitted, "umap", seed=seed)
        labels = groups.find(places, fitted)
        sample = Sample(fitted, places, labels)
        record = MapRecord(
            name="umap",
            survey=survey,
            weights_sha256=model_sha256,
            rows=len(places),
            content_sha256="",
            labels=("UMAP axis 1", "UMAP axis 2"),
            parameters={**PARAMETERS["umap"], "seed": seed},
            library=library("umap"),
            sample=len(places),
            quality=of_sample(sample, seed),
        )
        header["maps"][survey] = {"umap": asdict(record)}
        arrays |= _coded("umap", survey, places)
        arrays[f"clusters_{survey}"] = labels.astype(np.int16)
        own = {n: v[rows[survey]] for n, v in columns.items()}
        found = summarise(labels, own, groups.central(sample, np.arange(len(labels))))
        header["clusters"][survey] = [asdict(summary) for summary in found]
    if len(vectors) == 2:
        arrays |= _eigen(vectors, rows, columns, header, model_sha256)
    return header, arrays


def _eigen(
    vectors: Mapping[str, NDArray[np.float32]],
    rows: Mapping[str, NDArray[np.integer]],
    columns: Mapping[str, NDArray[Any]],
    header: dict[str, Any],
    model_sha256: str,
) -> dict[str, NDArray[Any]]:
    """The eigenspace of both surveys."""
    one, two = vectors
    both, i, j = np.intersect1d(rows[one], rows[two], return_indices=True)
    e1, e2 = vectors[one][i], vectors[two][j]
    space = eigenspace(e1, e2)
    labels, followed = axes_followed(space, e1, e2, {n: columns[n][both] for n in LABELS if n in columns})
    features = space.features(e1, e2)[:, :2]
    arrays: dict[str, NDArray[Any]] = {}
    for at, (survey, given) in enumerate(vectors.items()):
        axes = space.placing(at)
        xy = axes.place(given)  # of a star that has one survey only
        xy[i if at == 0 else j] = features
        arrays |= _coded("eigen", survey, xy)
        arrays |= {f"eigen_mean_{survey}": axes.mean, f"eigen_axes_{survey}": axes.axes}
        told = {"surveys": [one, two], "eigenvalues": [round(float(v), 6) for v in space.values], "follows": followed}
        record = MapRecord("eigen", survey, model_sha256, len(xy), "", labels, told, "", len(both))
        header["maps"][survey]["eigen"] = asdict(record)
    return arrays


def _coded(name: str, survey: str, xy: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Places in two bytes a number: steps of a 65,535th of the map's width."""
    low, high = xy.min(axis=0), xy.max(axis=0)
    codes = np.rint((xy - low) / (high - low) * _STEPS).astype(np.uint16)
    return {f"{name}_codes_{survey}": codes, f"{name}_low_{survey}": low, f"{name}_high_{survey}": high}
