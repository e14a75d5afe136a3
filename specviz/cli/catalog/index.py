"""``specviz catalog index``: lists with which a large catalogue is searched in milliseconds."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from specviz.cli.console import OK, Progress, complain, resumed


def add_parser(actions: Any) -> None:
    """Add ``index`` to the subcommands of ``catalog``."""
    parser = actions.add_parser(
        "index",
        help="make the index with which a large catalogue is searched",
        description="Divides the vectors of each survey into lists, of which a search compares the likely ones, and "
        "measures how many it must. Goes on where it was stopped. Up to 100,000 stars are searched exactly without.",
        allow_abbrev=False,
    )
    parser.add_argument("catalog", metavar="CATALOG", type=Path, help="the catalogue")
    parser.add_argument("--survey", choices=("lamost", "xp"), help="of these spectra only (default: of all)")
    parser.add_argument(
        "--kind", choices=("auto", "ivf-fp16", "ivf-pq"), default="auto",
        help="ivf-fp16 keeps the vectors in the lists, ivf-pq a code of a byte per eight dimensions; auto: by the "
        "number of stars (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--recall", type=float, default=0.99, metavar="SHARE",
        help="how much of the true nearest a search shall find (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--again", action="store_true", help="make it even if there is one of these stars")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build them."""
    from specviz.catalog.opening import open_catalog
    from specviz.catalog.search.asking import survey_named
    from specviz.catalog.search.building import build_index
    from specviz.catalog.search.opening import EXACT

    catalog, named = open_catalog(arguments.catalog), survey_named(arguments.survey, "--survey")
    for survey in [named] if named else catalog.surveys:
        n = len(catalog.vectors(survey))
        if n <= EXACT and arguments.kind == "auto":
            complain(f"{survey}: {n:,} vectors are searched exactly and at once, no index is needed (--kind makes one)")
            continue
        console = Progress(100)

        def show(share: float, text: str, console: Progress = console) -> None:
            console.show(round(100 * share), f"% {text}")

        with resumed(), console:
            record = build_index(
                catalog, survey, arguments.kind, target=arguments.recall, again=arguments.again, progress=show
            )
        recall = ", ".join(f"{share:.4f} of the {k} nearest" for k, share in record.recall.items())
        print(
            f"{survey}: {record.vectors:,} vectors in {record.nlist:,} lists ({record.kind}), "
            f"{sum(record.bytes.values()) / 1e6:,.0f} MB, {record.seconds:.0f} s; finds {recall}, "
            f"{record.milliseconds:.1f} ms a query"
        )
    return OK
