"""``specviz catalog export``: a catalogue for other programs, as HATS for LSDB, Parquet, or a table of labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, Progress, complain, resumed
from specviz.errors import OptionError

if TYPE_CHECKING:
    from specviz.catalog.store.star_catalog import StarCatalog


def add_parser(actions: Any) -> None:
    """Add ``export`` to the subcommands of ``catalog``."""
    parser = actions.add_parser(
        "export",
        help="write a catalogue as HATS (for LSDB), Parquet, or a table of labels",
        description="Writes a catalogue for other programs. HATS: HEALPix-partitioned Parquet with the embeddings as "
        "columns, which LSDB opens, filters and cross-matches; a run that was stopped goes on. Parquet: one file with "
        "the embeddings. ECSV, VOTable, FITS, CSV: what is known of the stars, without embeddings.",
        allow_abbrev=False,
    )
    parser.add_argument("catalog", metavar="CATALOG", type=Path, help="the catalogue's folder")
    parser.add_argument("output", metavar="OUT", type=Path,
                        help="a folder (HATS), or a file .parquet, .ecsv, .vot, .fits, .csv")  # fmt: skip
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--hats", action="store_true", help="HATS; what any other name is taken for")
    kind.add_argument("--parquet", action="store_true", help="one Parquet file; what .parquet is taken for")
    parser.add_argument("--threshold", type=int, metavar="N",
                        help="HATS: stars in a partition at most (default: so many that it has 256 MB)")  # fmt: skip
    parser.add_argument("--margin", type=float, metavar="ARCSEC",
                        help="HATS: a collection with a margin, for cross-matches up to this radius")  # fmt: skip
    parser.add_argument("--name", help="HATS: what the catalogue is called (default: as the folder)")
    parser.add_argument("--dtype", choices=("float16", "float32"), default="float16",
                        help="of the embeddings; the catalogue keeps float16 (default: %(default)s)")  # fmt: skip
    parser.add_argument("--surveys", metavar="A,B", help="whose embeddings are written (default: all)")
    parser.add_argument("--again", action="store_true", help="replace what is there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write it, and say what was left out."""
    from specviz.catalog.flat_files import PARQUET, TABLES, export_table
    from specviz.catalog.opening import open_catalog

    catalog = open_catalog(arguments.catalog)
    suffix = arguments.output.suffix.lower()
    if arguments.hats or (not arguments.parquet and suffix not in (*TABLES, *PARQUET)):
        return _hats(catalog, arguments)
    if arguments.threshold is not None or arguments.margin is not None or arguments.name is not None:
        raise OptionError("--threshold, --margin and --name are of HATS", expected="--hats, or the name of a folder")
    if arguments.parquet or suffix in PARQUET:
        return _parquet(catalog, arguments)
    file = export_table(catalog, arguments.output, again=arguments.again)
    complain(f"{len(catalog):,} stars without their embeddings in {file}")
    return OK


def _surveys(arguments: argparse.Namespace) -> list[str] | None:
    return None if arguments.surveys is None else [name for name in arguments.surveys.split(",") if name]


def _hats(catalog: StarCatalog, arguments: argparse.Namespace) -> int:
    from specviz.catalog.hats.collection import export_collection
    from specviz.catalog.hats.export import export_hats

    console = Progress(100)
    options: dict[str, Any] = {
        "name": arguments.name,
        "threshold": arguments.threshold,
        "dtype": arguments.dtype,
        "surveys": _surveys(arguments),
        "again": arguments.again,
        "progress": lambda done, total: console.show(round(100 * done / total), "%"),
    }
    with resumed(), console:
        if arguments.margin is None:
            done = export_hats(catalog, arguments.output, **options)
        else:
            done = export_collection(catalog, arguments.output, arguments.margin, **options)
    out = f"; {done.without_position:,} without a position are left out" if done.without_position else ""
    complain(f"{done.stars:,} stars in {done.partitions} partitions of {done.path}{out}")
    return OK


def _parquet(catalog: StarCatalog, arguments: argparse.Namespace) -> int:
    from specviz.catalog.flat_files import export_parquet

    console = Progress(len(catalog.header.parts))
    with console:
        file = export_parquet(
            catalog, arguments.output, dtype=arguments.dtype, surveys=_surveys(arguments), again=arguments.again,
            progress=lambda done, total: console.show(done, "parts"),
        )  # fmt: skip
    complain(f"{len(catalog):,} stars in {file}")
    return OK
