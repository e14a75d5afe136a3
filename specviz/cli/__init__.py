"""The ``specviz`` command: one parser, one function a subcommand, one line for every error a person can cause."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from specviz.cli import (
    analyse,
    archives,
    ask,
    catalog,
    commands,
    compare,
    doctor,
    embed,
    fit,
    labels,
    mcp_host,
    models,
    outliers,
    vet,
)
from specviz.cli.console import OK, TROUBLE, USAGE, complain
from specviz.cli.version import Version
from specviz.errors import SpecvizError, UnknownModelError

#: These read their own arguments: their options belong to the recipe, not to the command line.
_RECIPES = {"train": commands.train, "fine-tune": commands.fine_tune, "evaluate": commands.evaluate}


def build_parser() -> argparse.ArgumentParser:
    """The parser of every subcommand; each sets ``run``, from the parsed arguments to the exit status."""
    parser = argparse.ArgumentParser(
        prog="specviz", description="Stellar spectra with foundation models beside them.", allow_abbrev=False
    )
    parser.add_argument("--version", action=Version, help="the version, and the SHA-256 of every file of weights")
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    commands_ = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    analyse.add_parser(commands_)
    compare.add_parser(commands_)
    fit.add_parser(commands_)
    embed.add_parser(commands_)
    archives.add_get(commands_)
    archives.add_cache(commands_)
    commands.add_serve(commands_)
    outliers.add_parser(commands_)
    ask.add_parser(commands_)
    mcp_host.add_parser(commands_)
    vet.add_parser(commands_)
    labels.add_parser(commands_)
    models.add_models(commands_)
    catalog.add_parser(commands_)
    doctor.add_parser(commands_)
    commands_.add_parser("train", help="make the weights of the default model (specviz train --help)", add_help=False)
    commands_.add_parser("fine-tune", help="teach SpectraFM your instrument (specviz fine-tune --help)", add_help=False)
    commands_.add_parser("evaluate", help="measure a model on held-out stars (specviz evaluate --help)", add_help=False)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; ``sys.argv[1:]`` when absent.

    Returns
    -------
    int
        0 when all went well, 1 when something did not, 2 for a mistake in the command itself, 130 after Ctrl-C.

    Raises
    ------
    Exception
        Only with ``--debug``: what would otherwise be one line on stderr.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [w for w in words if w != "--debug"]
    try:
        if words and words[0] in _RECIPES:
            return _RECIPES[words[0]](words[1:])
        arguments = build_parser().parse_args(words)
        arguments.debug = debug
        status: int = arguments.run(arguments)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse: --help, --version, a wrong option
        return stop.code if isinstance(stop.code, int) else (OK if stop.code is None else USAGE)
    except BrokenPipeError:  # the reader of our output (head, less) went away: nothing more can be said
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return TROUBLE
    except KeyboardInterrupt as stop:
        complain(str(stop) or "stopped")
        return 130
    except (SpecvizError, OSError) as error:
        if debug:
            raise
        complain(str(error))
        return USAGE if isinstance(error, UnknownModelError) else TROUBLE
