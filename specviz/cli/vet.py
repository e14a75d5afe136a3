"""``specviz vet``: go through a list of stars and label them, in a browser tab."""

from __future__ import annotations

import argparse
from typing import Any

from specviz.cli.commands import add_door, show_addresses
from specviz.cli.console import OK


def add_parser(commands: Any) -> None:
    """Add ``vet`` to the subcommands."""
    parser = commands.add_parser(
        "vet",
        help="label a list of stars by keyboard, in a browser tab",
        description="Go through a list of stars and label them; every label is on disk before it is on screen. Stop it"
        " with Ctrl-C: the same command goes on where you stopped.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "list",
        metavar="LIST",
        nargs="+",
        help="a table or text that names stars, a folder or files of spectra, an HDF5 or Parquet file, names",
    )
    parser.add_argument("--labels", metavar="FILE", help="the journal of labels; default: one a list, in the user data")
    parser.add_argument("--reviewer", metavar="NAME", help="in whose name; default: the name you have here")
    parser.add_argument("--vocabulary", metavar="FILE", help="JSON with the words to choose from and their keys")
    parser.add_argument(
        "--not-blind", action="store_true", help="show what the model and others say before your label is saved"
    )
    parser.add_argument("--order", choices=("list", "odd"), default="list", help="odd: the oddest stars first")
    parser.add_argument("--model", metavar="NAME", default="specclip-small", help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps; default: %(default)s")
    parser.add_argument("--offline", action="store_true", help="ask no archive")
    add_door(parser, caution=": visitors are asked their name, nothing proves it")
    parser.set_defaults(run=_vet)


def _vet(arguments: argparse.Namespace) -> int:
    from specviz.app.vetting_serving import serve_vet

    show_addresses()

    listed = arguments.list
    serve_vet(
        listed if len(listed) > 1 else listed[0],
        labels=arguments.labels,
        reviewer=arguments.reviewer,
        vocabulary=arguments.vocabulary,
        blind=not arguments.not_blind,
        order=arguments.order,
        model=arguments.model,
        device=arguments.device,
        online=not arguments.offline,
        port=arguments.port,
        address=arguments.address,
        browser=not arguments.no_browser,
        websocket_origin=arguments.origin,
    )
    return OK
