"""``specviz catalog pull``: the spectra that the released SpecCLIP was tested on."""

from __future__ import annotations

import argparse
from typing import Any

from specviz.cli.console import OK
from specviz.cli.models import Bytes, add_origin

_CATALOGS = ("specclip-test", "specclip-test-small")


def add_parser(actions: Any) -> None:
    """Add ``pull`` to the subcommands of ``catalog``."""
    parser = actions.add_parser("pull", help="fetch the test spectra of the released SpecCLIP", allow_abbrev=False)
    parser.add_argument("name", metavar="NAME", choices=_CATALOGS, help=" (82,057 pairs, 494 MB) or ".join(_CATALOGS))
    add_origin(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fetch it, print where the files are."""
    from specviz.models.hub.pull import pull_catalog

    progress = Bytes()
    progress.begin("download" if arguments.source is None else "copy")
    try:
        files = pull_catalog(
            arguments.name,
            source=arguments.source,
            endpoint=arguments.endpoint,
            revision=arguments.revision,
            progress=progress.told,
        )
    finally:
        progress.close()
    for path in files:
        print(path)
    return OK
