"""The short commands: serve, and the doors to the recipes (train, evaluate)."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from specviz.cli.console import OK
from specviz.errors import SpecvizError


def add_serve(commands: Any) -> None:
    """Add ``serve`` to the subcommands."""
    parser = commands.add_parser(
        "serve",
        help="the Explorer in a browser tab, without Jupyter",
        description="Serve the Explorer on this machine. Stop it with Ctrl-C.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", metavar="PATH", nargs="*", help="spectra, or demo stars such as 'demo 1'")
    add_door(parser)
    parser.add_argument(
        "--max-upload",
        metavar="MB",
        type=float,
        default=64,
        help="of files a visitor sends at once; default: %(default)s",
    )
    parser.set_defaults(run=_serve)


def add_door(parser: argparse.ArgumentParser, caution: str = "") -> None:
    """Add the options of a command that serves a page; ``caution`` is what else to know before others may reach it."""
    parser.add_argument("--port", type=port, default=5006, help="default: %(default)s; 0 takes a free one")
    parser.add_argument(
        "--address",
        default="127.0.0.1",
        help=f"default: %(default)s (this machine only); another only on a network you trust{caution}",
    )
    parser.add_argument(
        "--origin",
        metavar="HOST",
        action="append",
        help="where pages come from if not from this address: a hub's or a proxy's name; may be given again",
    )
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")


def show_addresses() -> None:
    """Let the log say where a page is served: who types the command must see it."""
    log = logging.getLogger("specviz.doors")
    if not log.handlers:
        log.addHandler(logging.StreamHandler())
    log.setLevel(logging.INFO)


def _serve(arguments: argparse.Namespace) -> int:
    from specviz.app import serve

    show_addresses()

    paths = list(arguments.paths)
    serve(
        paths if len(paths) > 1 else paths[0] if paths else None,
        port=arguments.port,
        address=arguments.address,
        browser=not arguments.no_browser,
        websocket_origin=arguments.origin,
        max_upload=arguments.max_upload,
    )
    return OK


def train(words: Sequence[str]) -> int:
    """``specviz train``: every argument goes to the recipe."""
    return _recipe("specviz.training.recipe", words)


def fine_tune(words: Sequence[str]) -> int:
    """``specviz fine-tune``: every argument goes to the training."""
    return _recipe("specviz.training.fine_tune_command", words)


def evaluate(words: Sequence[str]) -> int:
    """``specviz evaluate``: every argument goes to the evaluation."""
    return _recipe("specviz.training.evaluate", words)


def _recipe(module: str, words: Sequence[str]) -> int:
    """Run ``main(argv)`` of a recipe; a library that only recipes need may be missing."""
    try:
        main = import_module(module).main
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("specviz"):
            raise
        raise SpecvizError(
            f"The library {error.name!r} is not installed", remedy="pip install 'jupyter-specviz[train]'"
        ) from error
    return int(main(list(words)) or OK)


def port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (0 to 65535)")
    return int(text)
