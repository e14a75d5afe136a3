"""``specviz catalog map``: a flat picture of a catalogue, and the groups that its stars fall into."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, Progress, complain, resumed
from specviz.errors import CatalogError

if TYPE_CHECKING:
    from specviz.catalog.maps.clusters import Clusters
    from specviz.catalog.maps.stored import MapRecord
    from specviz.catalog.store.star_catalog import StarCatalog


def add_parser(actions: Any) -> None:
    """Add ``map`` to the subcommands of ``catalog``."""
    parser = actions.add_parser(
        "map",
        help="a UMAP or PaCMAP map of a catalogue, and its clusters",
        description="Fits a map to a sample of the stars, puts all others on it, looks for clusters and says what they "
        "are. The Explorer offers what is made. A run that was stopped goes on where it was when the same command is "
        "given again. Needs pip install 'jupyter-specviz[catalog]'.",
        allow_abbrev=False,
    )
    parser.add_argument("catalog", metavar="FOLDER", type=Path, help="the catalogue")
    parser.add_argument("--survey", choices=("lamost", "xp", "both"), default="both",
                        help="whose embeddings (default: those that the catalogue has)")  # fmt: skip
    parser.add_argument("--method", choices=("umap", "pacmap"), default="umap", help="default: %(default)s")
    parser.add_argument("--sample", type=int, default=50_000, metavar="N",
                        help="stars that it is fitted to (default: %(default)s)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="another one draws another sample (default: %(default)s)")
    parser.add_argument("--clusters", action=argparse.BooleanOptionalAction, default=True,
                        help="look for groups of stars (default)")  # fmt: skip
    parser.add_argument("--eigen", action=argparse.BooleanOptionalAction, default=True,
                        help="keep the eigenspace of both surveys too, where there are both (default)")  # fmt: skip
    parser.add_argument("--extend", action="store_true",
                        help="put stars on the map that were added since, and describe the clusters anew")  # fmt: skip
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Make it, print its quality and its clusters."""
    from specviz.catalog.maps.clusters import stored
    from specviz.catalog.maps.linear import make_eigenspace
    from specviz.catalog.maps.making import extend_map, make_map
    from specviz.catalog.opening import open_catalog

    catalog = open_catalog(arguments.catalog)
    done = 0
    for survey in _surveys(catalog, arguments.survey):
        console = Progress(100)
        show = lambda share, text, c=console: c.show(round(100 * share), f"% {text}")  # noqa: E731
        try:
            with resumed(), console:
                if arguments.extend:
                    made = extend_map(catalog, survey, arguments.method, progress=show)
                else:
                    made = make_map(catalog, survey, arguments.method, sample=arguments.sample, seed=arguments.seed,
                                    clusters=arguments.clusters, progress=show)  # fmt: skip
        except CatalogError as error:
            if arguments.survey != "both":
                raise
            complain(f"{survey}: {error}")
            continue
        done += 1
        print(told(made.record))
        if arguments.clusters and (found := stored(catalog, survey)) is not None:
            print(table(found))
    if done and arguments.eigen and len(catalog.surveys) >= 2:
        try:
            record = make_eigenspace(catalog)[0].record
        except CatalogError as error:  # two surveys that share no star, or no space, have no eigenspace
            complain(f"no eigenspace: {error}")
        else:
            print(told(record))
    return OK if done else TROUBLE


def _surveys(catalog: StarCatalog, asked: str) -> Sequence[str]:
    return catalog.surveys if asked == "both" else ({"lamost": "lamost_lrs", "xp": "gaia_xp"}[asked],)


def told(record: MapRecord) -> str:
    """A line about a map."""
    fitted = f"{record.library} of " if record.library else ""
    line = f"{record.title} of {record.survey}: {record.rows:,} stars, {fitted}a sample of {record.sample:,}"
    if record.name == "eigen":
        line = f"{record.title}: {record.rows:,} stars, {record.sample:,} pairs; axes: {'; '.join(record.labels)}"
    for name, words in (("sample", "the sample"), ("placed", "stars put on it")):
        if "trustworthiness" in record.quality.get(name, {}):
            line += f"; trustworthiness of {words} {record.quality[name]['trustworthiness']:.3f}"
    return line


def table(clusters: Clusters) -> str:
    """The clusters, a line each: number, stars, medians, what they are."""
    heads = ("", "stars", "Teff", "log g", "[Fe/H]", "S/N", "what")
    names = (("teff", 0), ("logg", 2), ("fe_h", 2), ("snr", 0))
    rows: list[tuple[str, ...]] = [heads]
    for one in clusters.summaries:
        cells = [f"{one.medians[name][1]:.{digits}f}" if name in one.medians else "" for name, digits in names]
        rows.append((str(one.number), f"{one.count:,}", *cells, one.title))
    widths = [max(len(row[i]) for row in rows) for i in range(len(heads) - 1)]
    lines = ["  ".join([*(c.rjust(w) for c, w in zip(row[:-1], widths, strict=True)), row[-1]]) for row in rows]
    return "\n".join([*lines, clusters.note])
