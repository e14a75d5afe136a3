"""``specviz catalog merge`` and ``specviz catalog join``: catalogues put together, columns put beside their stars."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from specviz.cli.console import OK, Progress, complain


def add_parser(actions: Any) -> None:
    """Add ``merge`` and ``join`` to the subcommands of ``catalog``."""
    merge = actions.add_parser(
        "merge",
        help="one catalogue of several",
        description="Makes one catalogue of several that the same weights made. A merge that was stopped goes on when "
        "the same command is given again. Vectors are copied, not computed.",
        allow_abbrev=False,
    )
    merge.add_argument("output", metavar="OUT", type=Path, help="a new folder")
    merge.add_argument("catalogs", metavar="IN", type=Path, nargs="+", help="catalogues, in the order of their stars")
    merge.add_argument(
        "--by", choices=("spectrum", "source_id", "obsid", "object_id", "nothing"), default="spectrum",
        help="what makes two rows with vectors of the same surveys duplicates; spectrum: obsid, else source_id of one "
        "release, else name (default: %(default)s)",
    )  # fmt: skip
    merge.add_argument("--keep", choices=("first", "last", "snr"), default="first",
                       help="which of duplicates stays (default: %(default)s)")  # fmt: skip
    merge.add_argument("--again", action="store_true", help="start over instead of going on")
    merge.set_defaults(run=run_merge)

    join = actions.add_parser(
        "join",
        help="add columns of a table to a catalogue",
        description="Adds columns of a table (Parquet, CSV, ECSV, FITS, VOTable), or replaces values that are there. "
        "Vectors and the index stay as they are.",
        allow_abbrev=False,
    )
    join.add_argument("catalog", metavar="FOLDER", type=Path, help="the catalogue")
    join.add_argument("table", metavar="TABLE", type=Path)
    join.add_argument("--on", choices=("auto", "source_id", "obsid", "object_id"), default="auto",
                      help="what is compared; auto: the first of them that both have")  # fmt: skip
    join.add_argument("--release", default="", help="Gaia release of the table's source_ids, such as DR3, if no column "
                      "gaia_release says it")  # fmt: skip
    join.add_argument("--columns", metavar="A,B", help="only these (default: all but those that name and place a star)")
    join.set_defaults(run=run_join)


def run_merge(arguments: argparse.Namespace) -> int:
    """Merge them, and say what was left out."""
    from specviz.catalog.opening import open_catalog
    from specviz.catalog.store.merging import merge

    catalogs = [open_catalog(path) for path in arguments.catalogs]
    console = Progress(sum(len(catalog.header.parts) for catalog in catalogs))
    try:
        found = merge(
            catalogs, arguments.output, by=arguments.by, keep=arguments.keep, again=arguments.again,
            progress=lambda done, total: console.show(done, "parts"),
        )  # fmt: skip
    finally:
        console.close()
    for catalog, dropped in zip(catalogs, found.dropped, strict=True):
        left = f", {dropped:,} of them duplicates that were left out" if dropped else ""
        complain(f"{catalog.path.name}: {len(catalog):,} stars{left}")
    complain(f"wrote {len(found.catalog):,} stars to {arguments.output}")
    return OK


def run_join(arguments: argparse.Namespace) -> int:
    """Join them, and say how many found each other."""
    from specviz.catalog.opening import open_catalog
    from specviz.catalog.store.joining import join

    catalog = open_catalog(arguments.catalog)
    columns = [name.strip() for name in arguments.columns.split(",") if name.strip()] if arguments.columns else None
    said = join(catalog, arguments.table, on=arguments.on, release=arguments.release, columns=columns)
    assumed = f" (taken as Gaia {said.release})" if said.release and not arguments.release else ""
    complain(
        f"{said.stars:,} of {len(catalog):,} stars found their row by {said.on}{assumed}; "
        f"{said.used:,} of {said.rows:,} rows of the table were used"
    )
    if said.ambiguous:
        more = " and others" if len(said.ambiguous) > 3 else ""
        complain(
            f"{len(said.ambiguous):,} identifiers are in the table more than once and were left out:"
            f" {', '.join(said.ambiguous[:3])}{more}"
        )
    complain(f"columns: {', '.join(said.columns)}")
    return OK
