"""The maps in the package belong to the embeddings in the package, and their clusters mean something."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from specviz import api
from specviz.benchmarks.maps import agreement
from specviz.catalog.demo import PACKAGED as EMBEDDINGS
from specviz.catalog.demo import DemoCatalog
from specviz.catalog.maps.packaged import PACKAGED, PackagedMaps
from specviz.catalog.npz_file import read_npz


@pytest.fixture(scope="module", params=["lamost_lrs", "gaia_xp"])
def catalog(request: Any) -> DemoCatalog:
    return api.demo_catalog(api.default_engine(device="cpu"), request.param)


def test_the_file_was_made_of_the_packaged_embeddings() -> None:
    """Else the Explorer has no UMAP of the demo sky: run python -m specviz.training.make_demo_maps."""
    made, of = read_npz(PACKAGED)[0], read_npz(EMBEDDINGS)[0]
    assert (made["model_sha256"], made["stars"]) == (of["model_sha256"], of["stars"])
    assert PACKAGED.stat().st_size < 5e5


def test_the_demo_sky_offers_its_maps_with_nothing_installed(catalog: DemoCatalog, monkeypatch: Any) -> None:
    import sys

    for name in ("umap", "hdbscan", "pacmap", "faiss", "sklearn", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    planes = catalog.planes
    assert [name for name, _, _ in planes.offered()] == ["kiel", "embedding", "alpha", "hr", "umap", "eigen"]
    for name in ("umap", "eigen"):
        plane = planes.plane(name)
        assert np.isfinite(plane.x).all() and len(plane.x) == len(catalog) and plane.note == ""
    plane = planes.plane("umap")
    assert planes.project(catalog.vectors[11], "umap") == pytest.approx((plane.x[11], plane.y[11]), abs=1e-5)
    clusters = planes.clusters
    assert clusters is not None and clusters.labels.shape == (len(catalog),) and "between the clusters" in clusters.note
    counts = np.bincount(clusters.labels[clusters.labels >= 0])
    assert counts.tolist() == [one.count for one in clusters.summaries]
    assert len({one.title for one in clusters.summaries}) == len(clusters)


def test_clusters_are_of_one_kind_and_the_planted_white_dwarfs_are_one(catalog: DemoCatalog) -> None:
    pytest.importorskip("sklearn")
    clusters = catalog.planes.clusters
    assert clusters is not None
    columns = {name: np.asarray(catalog.table[name]) for name in ("teff", "logg", "class", "anomaly")}
    told = agreement(clusters.labels, columns)
    assert told["cool giants and dwarfs in a cluster of their kind"] > 0.9
    assert told["AMI with type and luminosity, all stars"] > 0.4 and told["share of stars in none"] < 0.35
    kinds = columns["anomaly"].astype(str)
    dwarfs = clusters.labels[kinds == "DA white dwarf"]
    number = int(np.bincount(dwarfs[dwarfs >= 0]).argmax())
    assert (dwarfs == number).mean() > 0.9 and clusters.summaries[number].title.startswith("White dwarfs")


def test_a_star_that_is_no_demo_star_is_put_among_its_like(catalog: DemoCatalog) -> None:
    """A vector half-way between two near stars lies near them."""
    planes = catalog.planes
    plane = planes.plane("umap")
    near = int(catalog.search(catalog.vectors[50], k=1, exclude=[50])["row"][0])
    x, y = planes.project(catalog.vectors[50] + catalog.vectors[near], "umap")
    size = float(np.hypot(plane.x.std(), plane.y.std()))
    assert min(np.hypot(x - plane.x[row], y - plane.y[row]) for row in (50, near)) < 0.1 * size


def test_other_vectors_get_no_maps_of_these(catalog: DemoCatalog) -> None:
    told = read_npz(PACKAGED)[0]
    good = (catalog.survey, catalog.vectors, catalog.model_sha256, told["stars"])
    assert PackagedMaps.of(*good) is not None
    assert PackagedMaps.of(catalog.survey, catalog.vectors[:2000], catalog.model_sha256, told["stars"]) is None
    assert PackagedMaps.of(catalog.survey, catalog.vectors, "ab" * 32, told["stars"]) is None
    assert PackagedMaps.of(catalog.survey, catalog.vectors, catalog.model_sha256, "other stars") is None
