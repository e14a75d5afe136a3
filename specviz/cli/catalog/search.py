"""``specviz catalog search``: the stars of a catalogue that are most like some."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from specviz.cli.analyse import positive
from specviz.cli.console import OK, USAGE, complain
from specviz.cli.tables import as_text, merge, writable, write_table


def add_parser(actions: Any) -> None:
    """Add ``search`` to the subcommands of ``catalog``."""
    parser = actions.add_parser(
        "search",
        help="the stars that are most like one",
        description="Compares stars with those of a catalogue. One that is in the catalogue is compared by its stored "
        "vector; of another the spectra are read and embedded by the model that made the catalogue.",
        allow_abbrev=False,
    )
    parser.add_argument("catalog", metavar="CATALOG", type=Path, help="the catalogue")
    parser.add_argument(
        "what", metavar="WHAT", nargs="+",
        help="row:N or the name, source_id or obsid of a star in the catalogue; a file of spectra; a demo star "
        "(“demo 12”); or a name that the archives know",
    )  # fmt: skip
    parser.add_argument("-k", type=positive, default=20, help="how many stars (default: %(default)s)")
    parser.add_argument("--by", choices=("lamost", "xp"), help="compare this spectrum of the star")
    parser.add_argument("--among", choices=("lamost", "xp"), help="with these spectra of the catalogue")
    parser.add_argument("--where", default="", metavar="FILTER", help="only stars such as “teff 5000..6000 snr>50”")
    parser.add_argument("--cone", nargs=3, type=float, metavar=("RA", "DEC", "RADIUS"),
                        help="only stars around a position, degrees (ICRS)")  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="table to write: .ecsv, .csv, .fits or .vot")
    parser.add_argument("--model", help="model that embeds what is not in the catalogue (default: the catalogue's)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1, mps, auto (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Search, and print or write the table."""
    from specviz.catalog.opening import open_catalog
    from specviz.catalog.search.selection import Selection

    if not writable(arguments.output):  # before the work, not after it
        return USAGE
    catalog = open_catalog(arguments.catalog)
    where = None
    if arguments.where or arguments.cone:
        where = Selection.parse(arguments.where, cone=arguments.cone)
        where = Selection(rows=where.rows(catalog))  # once for all that is searched for
    asked = {"by": arguments.by, "among": arguments.among, "where": where, "device": arguments.device}
    tables = []
    for text in arguments.what:
        for name, table in _found(catalog, text, arguments, asked):
            if table.meta["note"]:
                complain(table.meta["note"])
            if arguments.output is None:
                print(f"{name}: {table.meta['by']} among {table.meta['searched']:,} {table.meta['survey']} spectra")
                print(as_text(_narrow(table)))
            if len(arguments.what) > 1:
                table.add_column([name] * len(table), name="query", index=0)
            table.meta = {}
            tables.append(table)
    if arguments.output is not None:
        table = merge(tables)
        write_table(table, arguments.output)
        complain(f"wrote {len(table)} rows to {arguments.output}")
    return OK


def _found(catalog: Any, text: str, arguments: argparse.Namespace, asked: dict[str, Any]) -> list[tuple[str, Any]]:
    """What was found for a star of the catalogue, or for each star that a text means."""
    from specviz import api
    from specviz.catalog.search.asking import row_named, similar_to_row

    row = row_named(catalog, text)
    if row is not None:
        return [(str(catalog.take("object_id", [row])[0]), similar_to_row(catalog, row, arguments.k, **asked))]
    demo, file = text.lower().startswith("demo "), Path(text).expanduser()
    stars = api.open_all(text if demo else file) if demo or file.exists() else [api.get(text)]
    model = arguments.model or catalog.header.model
    return [(star.name, api.similar(star, arguments.k, catalogue=catalog, model=model, **asked)) for star in stars]


def _narrow(table: Any) -> Any:
    """The table without columns of which the catalogue knows nothing."""
    import numpy as np

    masked = (np.ma.getmaskarray(table[name]).all() for name in table.colnames)
    empty = [name for name, all_masked in zip(table.colnames, masked, strict=True) if all_masked and len(table)]
    return table[[name for name in table.colnames if name not in empty]]
