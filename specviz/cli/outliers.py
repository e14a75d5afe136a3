"""``specviz outliers``: the oddest stars of a list first, and why each is odd."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from specviz.cli.analyse import positive
from specviz.cli.console import OK, TROUBLE, USAGE, Progress, complain
from specviz.cli.tables import writable


def add_parser(commands: Any) -> None:
    """Add ``outliers`` to the subcommands."""
    parser = commands.add_parser(
        "outliers",
        help="rank stars by how odd they are, with the reason of each",
        description="One row a star, the oddest first: how odd (-log10 of a tail probability), by which score, and a"
        " sentence. A list of 200 stars or more is its own reference. What cannot be read is told after the table; the"
        " exit status is then 1.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "list",
        metavar="LIST",
        nargs="+",
        help="a table or text that names stars, a folder or files of spectra, an HDF5 or Parquet file, names",
    )
    parser.add_argument("-n", "--top", type=positive, default=20, help="rows that are printed (default: %(default)s)")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="FILE", help="write every row, every score: .ecsv, .csv, .fits or .vot"
    )
    parser.add_argument("--model", metavar="NAME", default="specclip-small", help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="ask no archive")
    parser.set_defaults(run=run)


class _Line(Progress):
    """Progress that says itself how many of how many."""

    def line(self, done: int, text: str) -> str:
        """What is shown."""
        return text


def run(arguments: argparse.Namespace) -> int:
    """Rank, print, write; 1 if a star could not be used."""
    if not writable(arguments.out):  # before the work, not after it
        return USAGE
    from specviz.app.outliers import outliers

    line = _Line(100)
    asked = arguments.list[0] if len(arguments.list) == 1 else arguments.list
    try:
        ranking = outliers(
            asked,
            model=arguments.model,
            device=arguments.device,
            online=not arguments.offline,
            progress=lambda fraction, text: line.show(int(100 * fraction), text),
        )
    finally:
        line.close()
    print(f"{len(ranking)} stars, compared with {ranking.meta['reference']}")
    width = max((len(ranking.names[i]) for i in ranking.order[: arguments.top]), default=4)
    print(f"{'rank':>4}  {'name':<{width}}  score  why")
    for number, row in enumerate(ranking.order[: arguments.top], 1):
        oddity = ranking.oddities[row]
        if oddity.leading:
            print(f"{number:>4}  {ranking.names[row]:<{width}}  {oddity.score:5.2f}  {oddity.text}")
    if arguments.out is not None:
        ranking.write(arguments.out)
        complain(f"wrote {len(ranking)} rows to {arguments.out}")
    failed = [i for i, problem in enumerate(ranking.problems) if problem]
    for i in failed[:20]:
        complain(f"{ranking.names[i]}: {ranking.problems[i]}")
    if len(failed) > 20:
        complain(f"and {len(failed) - 20} more could not be used")
    return TROUBLE if failed else OK
