"""Groups of stars on a map, and which of them each star belongs to."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.maps.fitting import imported
from specviz.catalog.maps.placing import NEIGHBOURS, Sample, Vectors, nearest, vote, weights
from specviz.catalog.maps.stored import check_cover, map_folder, open_rows, read_json, write_json
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError

_FORMAT, _VERSION = "specviz clusters", 1
Labels = NDArray[np.int32]
#: Stars in the middle of a cluster that stand for it.
EXEMPLARS = 5
#: HDBSCAN: neighbours that make a star's surroundings dense.
_CORE = 10
#: Smallest island (share of the sample, at least so many stars), and how far it lies from others (of the map's size).
ISLAND_SHARE, ISLAND_LEAST, ISLAND_APART = 0.001, 15, 0.07
#: Islands of a larger share than the first are divided into regions that hold at least the second, and so many stars.
DIVIDED, REGION_SHARE, REGION_LEAST = 0.05, 0.015, 100


@dataclass(frozen=True)
class ClusterSummary:
    """What a cluster is.

    Parameters
    ----------
    number : int
        Its label.
    count : int
        Stars in it.
    title : str
        In words: "K giants, metal-poor".
    text : str
        A sentence with the numbers.
    medians : mapping of str to (float, float, float)
        Of each label: the 16th percentile, the median, the 84th.
    classes : tuple of (str, float)
        Classes of the spectra that most of its stars have, with their share.
    apart : tuple of (str, float)
        Labels by which it differs most from all stars, with the difference of the medians over the scatter of all.
    exemplars : tuple of int
        Rows of the catalogue of stars in its middle.
    """

    number: int
    count: int
    title: str
    text: str
    medians: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)
    classes: tuple[tuple[str, float], ...] = ()
    apart: tuple[tuple[str, float], ...] = ()
    exemplars: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class Clusters:
    """The clusters of a catalogue.

    Parameters
    ----------
    labels : array of int32, shape (N,)
        The cluster of each star; -1: none.
    summaries : tuple of ClusterSummary
        In the order of the labels.
    note : str
        What a person should know: how many stars are in none, which are not covered.
    """

    labels: Labels
    summaries: tuple[ClusterSummary, ...]
    note: str = ""

    def __len__(self) -> int:
        return len(self.summaries)


def find(places: NDArray[np.floating], vectors: Vectors) -> Labels:
    """Clusters of a sample, shape (S,), largest first; -1: none.

    Stars are no clouds with gaps between them but mostly one continuous cloud, in which HDBSCAN (Campello et al. 2013,
    PAKDD, 160; McInnes et al. 2017, JOSS 2, 205) finds either all or nothing. So it is asked twice: for islands that
    lie apart however small they are (white dwarfs, carbon stars), then for the parts of each: dense regions ("leaf") of
    a large one, what stands out most ("eom") in a small one.
    A star between regions goes to the one that most of its neighbours in the embedding are in, unless most are in none.

    The map is used rather than ten dimensions of UMAP or of principal axes: on the demo sky ten of UMAP give the same
    agreement with spectral types, ten principal axes leave three stars of four out (docs/maps.md), and a group that can
    be seen on the map is what a person can check.

    Parameters
    ----------
    places : array, shape (S, 2)
    vectors : array, shape (S, D)
        Unit vectors.
    """
    xy = np.asarray(places, np.float64)
    size = float(np.sqrt(xy.var(axis=0).sum()))
    island = max(ISLAND_LEAST, round(ISLAND_SHARE * len(xy)))
    region = max(REGION_LEAST, round(REGION_SHARE * len(xy)))
    islands = _hdbscan(xy, island, "eom", cluster_selection_epsilon=ISLAND_APART * size)
    if islands.max() < 0:  # one cloud
        islands = np.zeros(len(xy), np.int32)
    labels = np.full(len(xy), -1, np.int32)
    for i in range(islands.max() + 1):
        rows = np.flatnonzero(islands == i)
        large = len(rows) > DIVIDED * len(xy)
        inside = _hdbscan(xy[rows], region if large else island, "leaf" if large else "eom")
        if inside.max() < 1:
            inside = np.zeros(len(rows), np.int32)
        labels[rows] = np.where(inside >= 0, inside + labels.max() + 1, -1)
    near, chord = nearest(vectors, vectors, NEIGHBOURS, np.arange(len(vectors)))
    weight = weights(chord)
    for _ in range(5):
        labels = np.where(labels >= 0, labels, vote(labels[near], weight))
    order = np.argsort(-np.bincount(labels[labels >= 0], minlength=labels.max() + 1), kind="stable")
    renamed = np.append(np.argsort(order), -1).astype(np.int32)  # the last is that of -1
    return renamed[labels]


def central(sample: Sample, rows: NDArray[np.intp]) -> dict[int, NDArray[np.intp]]:
    """Of each cluster, the stars of the sample nearest to its middle on the map, by their ``rows`` of the catalogue."""
    out = {}
    for number in range(int(sample.labels.max(initial=-1)) + 1):
        members = np.flatnonzero(sample.labels == number)
        places = sample.places[members]
        off = ((places - np.median(places, axis=0)) ** 2).sum(axis=1)
        out[number] = rows[members[np.argsort(off, kind="stable")[:EXEMPLARS]]]
    return out


def _hdbscan(xy: NDArray[np.float64], least: int, method: str, **more: Any) -> Labels:
    if len(xy) <= max(least, _CORE):
        return np.full(len(xy), -1, np.int32)
    hdbscan = imported("hdbscan")
    with warnings.catch_warnings():
        # hdbscan 0.8 calls scikit-learn by names that this will drop
        warnings.filterwarnings("ignore", category=FutureWarning, module="sklearn")
        made = hdbscan.HDBSCAN(
            min_cluster_size=least, min_samples=_CORE, cluster_selection_method=method, core_dist_n_jobs=1, **more
        )
        return np.asarray(made.fit_predict(xy), np.int32)


# ---------------------------------------------------------------------------------------------------------- files
def keep(
    folder: Path, summaries: Sequence[ClusterSummary], *, rows: int, content_sha256: str, of: str, noise: float
) -> None:
    """Put ``clusters.json``; ``clusters.npy`` is there already."""
    told = {"format": _FORMAT, "format_version": _VERSION, "rows": rows, "content_sha256": content_sha256, "of": of,
            "none": noise, "clusters": [asdict(summary) for summary in summaries]}  # fmt: skip
    write_json(folder / "clusters.json", told)


def stored(catalog: StarCatalog, survey: str) -> Clusters | None:
    """The clusters kept with a catalogue; None if there are none.

    Raises
    ------
    CatalogError
        If they are damaged, or were made of other stars.
    """
    folder = map_folder(catalog, survey)
    file = folder / "clusters.json"
    if not file.is_file():
        return None
    told = read_json(file, _FORMAT, _VERSION)
    try:
        rows, sha, none = int(told["rows"]), str(told["content_sha256"]), float(told["none"])
        summaries = tuple(summary_of(one) for one in told["clusters"])
    except (KeyError, TypeError, ValueError) as error:
        raise CatalogError(f"{file.name} is damaged", remedy="specviz catalog map makes it again") from error
    check_cover(catalog.header, rows, sha, "The clusters")
    labels = open_rows(folder / "clusters.npy", rows)
    note = between(none)
    if rows < len(catalog):
        labels = np.concatenate([labels, np.full(len(catalog) - rows, -1, np.int32)])
        note += f"; {len(catalog) - rows:,} new ones are in none yet (specviz catalog map --extend)"
    return Clusters(labels, summaries, note)


def between(share: float) -> str:
    """How many stars are in no cluster, in words."""
    return f"{share:.0%} of the stars lie between the clusters"


def made_of(folder: Path) -> tuple[str, int]:
    """The map that the kept clusters are of, and how many stars they cover."""
    told = read_json(folder / "clusters.json", _FORMAT, _VERSION)
    return str(told.get("of")), int(told.get("rows", 0))


def summary_of(told: Mapping[str, Any]) -> ClusterSummary:
    """A summary from what JSON made of it."""
    return ClusterSummary(
        number=int(told["number"]),
        count=int(told["count"]),
        title=str(told["title"]),
        text=str(told["text"]),
        medians={str(n): (float(a), float(b), float(c)) for n, (a, b, c) in told["medians"].items()},
        classes=tuple((str(n), float(v)) for n, v in told["classes"]),
        apart=tuple((str(n), float(v)) for n, v in told["apart"]),
        exemplars=tuple(int(row) for row in told["exemplars"]),
    )
