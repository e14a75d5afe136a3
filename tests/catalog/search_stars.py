"""Catalogues to search: stars on a curved sheet of few dimensions with denser places, as embeddings are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.store.header import Header
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.catalog.store.vectors import StoredVectors

SURVEY = "gaia_xp"


def vectors(n: int, dim: int, seed: int = 0) -> NDArray[np.float32]:
    """Unit vectors (n, dim) around 20 places of a sheet of six dimensions."""
    rng, sheet = np.random.default_rng(seed), np.random.default_rng(99)
    bend, out = sheet.normal(size=(6, 64)) / np.sqrt(6), sheet.normal(size=(64, dim)) / 8
    place = sheet.normal(size=(20, 6))[rng.integers(0, 20, n)] + 0.5 * rng.normal(size=(n, 6))
    made = np.tanh(place @ bend) @ out + 0.02 * rng.normal(size=(n, dim))
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True), np.float32)


def create(path: Path, parts: list[NDArray[np.float32]], survey: str = SURVEY, seed: int = 1) -> StarCatalog:
    """A catalogue of these parts, with a position, a temperature that follows the embedding, and a class."""
    catalog = StarCatalog.create(path, Header("fake", "1", "ab" * 32, "Gaia DR3", {}))
    for part in parts:
        append(catalog, part, survey, seed)
    return catalog


def append(catalog: StarCatalog, part: NDArray[np.float32], survey: str = SURVEY, seed: int = 1) -> None:
    """Add a part."""
    rng, n, before = np.random.default_rng([seed, len(catalog)]), len(part), len(catalog)
    catalog.append(
        {
            "object_id": [f"star {before + i}" for i in range(n)],
            "source_id": 10**6 + before + np.arange(n),
            "ra": rng.uniform(0, 360, n), "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            "teff": 5500 + 1500 * part[:, 0] / part[:, 0].std(), "snr": rng.uniform(5, 100, n),
            "class": np.array(["G2", "G5", "K0", "M1", ""])[rng.integers(0, 5, n)],
        },
        {survey: part},
    )  # fmt: skip


def brute(
    catalog: StarCatalog, queries: NDArray[np.float32], k: int, numbers: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """What a search must give: all cosines in float64, rounded to float32; equal ones by number."""
    return brute_stored(catalog.vectors(SURVEY), queries, k, numbers)


def brute_stored(
    stored: StoredVectors, queries: NDArray[np.float32], k: int, numbers: NDArray[np.intp] | None = None
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """The same of vectors alone."""
    among = np.arange(len(stored)) if numbers is None else numbers
    whole = stored.take(among).astype(np.float64)
    cosines = (queries.astype(np.float64) @ whole.T / np.linalg.norm(whole, axis=1)).astype(np.float32)
    order = np.stack([np.lexsort((among, -row))[:k] for row in cosines])
    return among[order], np.take_along_axis(cosines, order, 1)


def recall(found: NDArray[np.intp], true: NDArray[np.intp]) -> float:
    """Share of the true ones that were found."""
    return float(np.mean([np.isin(t, f).mean() for f, t in zip(found, true, strict=True)]))
