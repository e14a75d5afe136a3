"""``specviz mcp``: the assistant's tools for other programs that talk, over the Model Context Protocol."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from specviz.cli.console import OK


def add_parser(commands: Any) -> None:
    """Add ``mcp`` to the subcommands."""
    parser = commands.add_parser(
        "mcp",
        help="the tools for other hosts, over the Model Context Protocol (stdio)",
        description="Offer specviz's tools to a host that speaks the Model Context Protocol, on stdin and stdout; the "
        "host starts this command, a person seldom does. Without the two options below nothing that it calls asks the "
        "network or writes a file.",
        allow_abbrev=False,
    )
    parser.add_argument("files", metavar="PATH", nargs="*", help="spectra, or folders of them, that it may read")
    parser.add_argument("--allow-network", action="store_true", help="offer fetch: names are asked of the archives")
    parser.add_argument("--allow-export", action="store_true", help="offer export: writes files to --folder")
    parser.add_argument("--folder", type=Path, default=Path(), help="where export writes; default: the present one")
    parser.add_argument("--model", default="specclip-small", help="model of spectra to ask (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument(
        "--config",
        metavar="FORM",
        nargs="?",
        const="mcpServers",
        choices=("mcpServers", "vscode", "jupyter-ai"),
        help="print what a host's configuration file needs, and end: mcpServers (most hosts), vscode or jupyter-ai",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the host goes away."""
    from specviz.assistant.desk import Desk
    from specviz.assistant.mcp_server import ToolHost, configuration, serve_stdio

    if arguments.config:
        print(json.dumps(configuration(_words(arguments), arguments.config), indent=2))
        return OK
    desk = Desk(model=arguments.model, device=arguments.device, online=arguments.allow_network, folder=arguments.folder)
    serve_stdio(ToolHost(desk, arguments.files, network=arguments.allow_network, export=arguments.allow_export))
    return OK


def _words(arguments: argparse.Namespace) -> list[str]:
    """The same arguments for a host, which starts the command in a folder of its own."""
    words = [str(Path(f).expanduser().absolute()) for f in arguments.files]
    if arguments.allow_network:
        words.append("--allow-network")
    if arguments.allow_export:
        words += ["--allow-export", "--folder", str(arguments.folder.expanduser().absolute())]
    if arguments.model != "specclip-small":
        words += ["--model", arguments.model]
    if arguments.device != "auto":
        words += ["--device", arguments.device]
    return words
