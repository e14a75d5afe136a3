"""``specviz catalog import`` and ``specviz catalog crossmatch``: catalogues from HATS, and two of them matched."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from specviz.cli.console import OK, Progress, complain, resumed


def add_parser(actions: Any) -> None:
    """Add ``import`` and ``crossmatch`` to the subcommands of ``catalog``."""
    get = actions.add_parser(
        "import",
        help="a catalogue of the embeddings in a HATS catalogue",
        description="Makes a catalogue of a HATS catalogue that has embeddings: an exported one, also after LSDB has "
        "filtered or cross-matched it. No model is asked. A run that was stopped goes on. Spectra in HATS are embedded "
        "by specviz catalog build hats://....",
        allow_abbrev=False,
    )
    get.add_argument("hats", metavar="HATS", help="its folder, or an address that hats reads")
    get.add_argument("output", metavar="OUT", type=Path, help="the catalogue, a new folder")
    get.add_argument("--model", metavar="NAME", help="refuse embeddings that are not of this model")
    get.add_argument("--weights", metavar="SHA256", default="",
                     help="whose the embeddings are, where the catalogue does not say it")  # fmt: skip
    get.add_argument("--embeddings", metavar="SURVEY=COLUMN", action="append", default=[],
                     help="which columns they are in, where the names do not say it")  # fmt: skip
    get.add_argument("--again", action="store_true", help="start over instead of going on")
    get.set_defaults(run=run_import)

    match = actions.add_parser(
        "crossmatch",
        help="match two surveys on the sky by LSDB: one catalogue with the embeddings of both",
        description="Matches two catalogues (of specviz, or HATS with embeddings) on the sky through LSDB. Each star "
        "of LEFT gets the nearest of RIGHT within the radius, whose stars are first moved to the epoch of LEFT if "
        "their proper motions (pmra, pmdec) are there. A run that was stopped goes on.",
        allow_abbrev=False,
    )
    match.add_argument("left", metavar="LEFT", type=Path, help="such as LAMOST: whose names and positions are kept")
    match.add_argument("right", metavar="RIGHT", type=Path, help="such as Gaia")
    match.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="the catalogue, a new folder")
    match.add_argument("--radius", type=float, default=3.0, metavar="ARCSEC", help="default: %(default)s")
    match.add_argument("--epochs", type=float, nargs=2, default=(2000.0, 2016.0), metavar=("LEFT", "RIGHT"),
                       help="Julian years of the positions (default: 2000 2016)")  # fmt: skip
    match.add_argument("--pairs", choices=("mutual", "each"), default="mutual",
                       help="mutual: one to one; each: repeated visits of a star keep their partner "
                       "(default: %(default)s)")  # fmt: skip
    match.add_argument("--again", action="store_true", help="start over instead of going on")
    match.set_defaults(run=run_crossmatch)


def run_import(arguments: argparse.Namespace) -> int:
    """Make it."""
    from specviz.catalog.hats.reading import import_hats
    from specviz.catalog.scale.partition import EngineSpec
    from specviz.errors import OptionError

    named = dict(text.partition("=")[::2] for text in arguments.embeddings)
    if not all(named.values()):
        raise OptionError(f"--embeddings {' '.join(arguments.embeddings)}", expected="SURVEY=COLUMN")
    used = None
    if arguments.model is not None:
        used = EngineSpec(arguments.model).engine().describe().weights_sha256
    console = Progress(100)
    with resumed(), console:
        catalog = import_hats(
            arguments.hats, arguments.output, model_sha256=used, weights_sha256=arguments.weights,
            embeddings=named or None, again=arguments.again,
            progress=lambda p: console.show(round(100 * p.done / p.total), f"%, {p.stars:,} stars"),
        )  # fmt: skip
    left = catalog.header.notes.get("left_out")
    told = f"; left out: {left}" if left else ""
    complain(f"{len(catalog):,} stars in {catalog.path}; content {catalog.header.content_sha256[:16]}{told}")
    return OK


def run_crossmatch(arguments: argparse.Namespace) -> int:
    """Match them."""
    from specviz.catalog.hats.crossmatch import crossmatch

    console = Progress(100)
    with resumed(), console:
        catalog = crossmatch(
            arguments.left, arguments.right, arguments.output, radius_arcsec=arguments.radius,
            epochs=tuple(arguments.epochs), pairs=arguments.pairs, again=arguments.again,
            progress=lambda step, done, total: console.show(round(100 * done / max(total, 1)), f"% {step}"),
        )  # fmt: skip
    notes = catalog.header.notes
    complain(f"{len(catalog):,} pairs in {catalog.path}: {notes['pairs']}; {notes['motion']}")
    return OK
