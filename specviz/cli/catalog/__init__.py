"""``specviz catalog``: catalogues of many stars, one module a subcommand."""

from __future__ import annotations

from typing import Any

from specviz.cli.catalog import build, export, hats, index, info, map, merge, pull, search


def add_parser(commands: Any) -> None:
    """Add ``catalog`` and its own subcommands."""
    parser = commands.add_parser(
        "catalog",
        help="catalogues of many stars",
        description="Catalogues of many stars: what is known of each beside its embeddings.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    build.add_parser(actions)
    export.add_parser(actions)
    hats.add_parser(actions)
    index.add_parser(actions)
    info.add_parser(actions)
    map.add_parser(actions)
    merge.add_parser(actions)
    pull.add_parser(actions)
    search.add_parser(actions)
