"""How good the maps of the demo sky are: what clusters mean, and where new stars are put beside UMAP's own transform.

``python -m specviz.benchmarks.maps`` prints both (a few minutes); ``--clusters`` and ``--transform`` one of them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SURVEYS = ("lamost_lrs", "gaia_xp")
#: log g of a star that is a giant, and of one that is a dwarf; Teff (K) below which that can be asked.
_GIANT, _DWARF, _COOL = 3.0, 4.2, 6000.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.maps", description=__doc__)
    parser.add_argument("--clusters", action="store_true", help="only what the clusters mean")
    parser.add_argument("--transform", action="store_true", help="only the places of new stars")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw the packaged map instead (needs matplotlib)")
    parser.add_argument("--survey", choices=SURVEYS, help="default: both")
    parser.add_argument("--new", type=int, default=4000, help="stars that are put on the map (default: %(default)s)")
    arguments = parser.parse_args(argv)
    if arguments.picture is not None:
        picture(arguments.survey or "gaia_xp", arguments.picture)
        return 0
    for survey in [arguments.survey] if arguments.survey else SURVEYS:
        vectors, columns = demo(survey)
        print(f"{survey}, {len(vectors):,} stars")
        if not arguments.transform:
            show(clusters(survey, columns))
        if not arguments.clusters:
            show(places(vectors, arguments.new))
    return 0


def demo(survey: str) -> tuple[NDArray[np.float32], dict[str, NDArray[Any]]]:
    """Unit vectors and columns of the demo sky's stars that have a spectrum of a survey."""
    from specviz.catalog.demo import PACKAGED
    from specviz.catalog.embedding_codec import restore
    from specviz.catalog.maps.placing import unit
    from specviz.catalog.npz_file import read_npz

    held = read_npz(PACKAGED)[1]
    vectors = restore(*(held[f"{part}_{survey}"] for part in ("codes", "centre", "scale")))
    rows = held[f"rows_{survey}"]
    return unit(vectors, vectors.shape[1]), {
        n.removeprefix("column_"): v[rows] for n, v in held.items() if n.startswith("column_")
    }


def clusters(survey: str, columns: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Agreement of the packaged clusters with what the simulation knows of the stars."""
    from specviz.catalog.maps.packaged import PACKAGED
    from specviz.catalog.npz_file import read_npz

    labels = read_npz(PACKAGED)[1][f"clusters_{survey}"].astype(int)
    return agreement(labels, columns)


def agreement(labels: NDArray[np.integer], columns: dict[str, NDArray[Any]]) -> dict[str, float]:
    """Adjusted mutual information with the spectral type and luminosity, how pure clusters are in giants and dwarfs,
    and which planted kinds fall into one cluster.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    teff, logg, kinds = columns["teff"], columns["logg"], columns["anomaly"].astype(str)
    inside = labels >= 0
    letters = np.array([word[:1] for word in columns["class"].astype(str)])
    luminosity = np.select([logg < _GIANT, logg > _DWARF], ["giant", "dwarf"], "between")
    types = np.char.add(letters, np.where(logg < 3.7, "giant", np.where(logg > 6, "white dwarf", "dwarf")))
    clear = inside & (teff < _COOL) & (luminosity != "between") & (kinds == "")
    right = sum(
        int(np.unique(luminosity[clear & (labels == number)], return_counts=True)[1].max(initial=0))
        for number in range(labels.max() + 1)
    )
    out = {
        "clusters": float(labels.max() + 1),
        "share of stars in none": float((~inside).mean()),
        "AMI with type and luminosity, all stars": adjusted_mutual_info_score(types, labels),
        "AMI with type and luminosity, stars in a cluster": adjusted_mutual_info_score(types[inside], labels[inside]),
        "cool giants and dwarfs in a cluster of their kind": right / max(int(clear.sum()), 1),
    }
    for kind in sorted(set(kinds) - {""}):
        mine = kinds == kind
        found, counts = np.unique(labels[mine & inside], return_counts=True)
        if counts.size and counts.max() > 0.5 * mine.sum():
            number = int(found[counts.argmax()])
            out[f"{kind}: {mine.sum()}, share in one cluster"] = counts.max() / mine.sum()
            out[f"{kind}: share of that cluster"] = counts.max() / (labels == number).sum()
    return out


def places(vectors: NDArray[np.float32], new: int) -> dict[str, float]:
    """Stars left out of a fit, put on the map by :class:`specviz.catalog.maps.placing.Sample` and ``umap.transform``.

    Distances are in units of the map's size, the root of the summed variances of its axes.
    """
    from specviz.catalog.maps.fitting import reducer
    from specviz.catalog.maps.placing import Sample, weights
    from specviz.catalog.maps.quality import quality
    from specviz.catalog.maps.searching import search_of

    order = np.random.default_rng(0).permutation(len(vectors))
    asked, held = vectors[order[:new]], vectors[order[new:]]
    reduce = reducer(len(held), "umap")
    began = time.perf_counter()
    sample = Sample(held, np.asarray(reduce(held), np.float32), np.full(len(held), -1, np.int32))
    fitted = time.perf_counter() - began
    began = time.perf_counter()
    theirs = np.asarray(reduce.made.transform(asked), np.float32)
    transformed = time.perf_counter() - began
    search, _ = search_of(held)
    began = time.perf_counter()
    ours = sample.put(asked, search)[0]
    placed = time.perf_counter() - began
    near, chord = search(asked, 15)
    begun = np.einsum("mk,mkc->mc", _umaps(chord), sample.places[near])
    size = float(np.sqrt(sample.places.var(axis=0).sum()))
    off = np.linalg.norm(ours - theirs, axis=1) / size
    start = np.linalg.norm(begun - theirs, axis=1) / size
    return {
        "fit, s": fitted,
        "umap.transform, stars a second": new / transformed,
        "ours, stars a second": new / placed,
        "ours to umap.transform, median": float(np.median(off)),
        "ours to umap.transform, 90 %": float(np.percentile(off, 90)),
        "UMAP's weights to umap.transform, median": float(np.median(start)),
        "heaviest neighbour's weight, median": float(np.median(weights(chord)[:, 0])),
        "trustworthiness, ours": quality(held, sample.places, asked, ours)[0],
        "trustworthiness, UMAP's weights": quality(held, sample.places, asked, begun)[0],
        "trustworthiness, umap.transform": quality(held, sample.places, asked, theirs)[0],
        "neighbours kept, ours": quality(held, sample.places, asked, ours)[1],
        "neighbours kept, UMAP's weights": quality(held, sample.places, asked, begun)[1],
        "neighbours kept, umap.transform": quality(held, sample.places, asked, theirs)[1],
    }


def _umaps(chord: NDArray[np.float32]) -> NDArray[np.float64]:
    """Weights with which UMAP begins its transform: exp(-d / sigma), sigma such that all but the first sum to log2 k
    (McInnes, Healy and Melville 2018, arXiv 1802.03426, section 3.1, with rho = 0).
    """
    low, high = np.full((len(chord), 1), 1e-6), np.full((len(chord), 1), 10.0)
    for _ in range(50):
        sigma = np.sqrt(low * high)
        more = np.exp(-chord[:, 1:] / sigma).sum(axis=1, keepdims=True) > np.log2(chord.shape[1])
        low, high = np.where(more, low, sigma), np.where(more, sigma, high)
    weight = np.exp(-chord / np.sqrt(low * high))
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def picture(survey: str, file: Path) -> None:
    """The packaged UMAP of the demo sky: by Teff, and by cluster with the titles of the largest."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import patheffects, pyplot

    from specviz.catalog.maps.packaged import PACKAGED, PackagedMaps

    vectors, columns = demo(survey)
    maps = PackagedMaps(PACKAGED, survey, vectors)
    x, y = np.asarray(maps.open("umap").xy).T
    found = maps.clusters()
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5), sharex=True, sharey=True, layout="constrained")
    drawn = left.scatter(x, y, c=columns["teff"], s=1, vmin=3500, vmax=9000, cmap="cividis_r", linewidths=0)
    figure.colorbar(drawn, ax=left, label="Teff (K)", pad=0.01)
    none = found.labels < 0
    right.scatter(x[none], y[none], s=0.5, c="#c8c8c8", linewidths=0)
    right.scatter(x[~none], y[~none], c=found.labels[~none] % 20, s=1, cmap="tab20", vmin=0, vmax=19, linewidths=0)
    for one in found.summaries:
        at = [int(row) for row in one.exemplars]
        place = (float(x[at].mean()), float(y[at].mean()))
        side = "right" if place[0] > np.quantile((x.min(), x.max()), 0.8) else "center"  # else it leaves the axes
        halo = [patheffects.withStroke(linewidth=1.5, foreground="white")]
        right.annotate(one.title, place, fontsize=6, ha=side, va="center", path_effects=halo)
    for axes, title in ((left, f"UMAP of {len(x):,} {survey} embeddings"), (right, f"{len(found)} clusters")):
        axes.set(xticks=[], yticks=[], title=title)
    figure.savefig(file, dpi=80)
    pyplot.close(figure)
    print(f"{file.stat().st_size / 1e3:.0f} kB -> {file}")


def show(found: dict[str, float]) -> None:
    """A line a number."""
    for name, value in found.items():
        print(f"  {name:60s} {value:,.0f}" if abs(value) >= 100 or value == int(value) else f"  {name:60s} {value:.3f}")


if __name__ == "__main__":
    raise SystemExit(main())
