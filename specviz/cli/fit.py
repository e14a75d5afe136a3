"""``specviz fit``: 28 labels of stars, fitted to their optical spectra with the emulator."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, USAGE, Progress, complain
from specviz.cli.tables import merge, writable, write_table
from specviz.errors import SpecvizError

if TYPE_CHECKING:
    from specviz.analysis.abundances import Abundances
    from specviz.spectra.star import Star


def add_parser(commands: Any) -> None:
    """Add ``fit`` to the subcommands."""
    parser = commands.add_parser(
        "fit",
        help="28 labels (Teff, logg, abundances) fitted to optical spectra",
        description="Fit 28 labels to the optical spectrum of each star with the spectral emulator: value, error, how "
        "many times narrower than the prior (gain), and a note: prior (the spectrum says little of it) or edge. "
        "Nothing is learned from other spectra; no model is asked for the first guess. The exit status is 1 if a star "
        "could not be fitted.",
        allow_abbrev=False,
    )
    parser.add_argument("stars", metavar="STAR", nargs="+", help="a file, a demo star such as 'demo 17', or a name")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="a row a label: .ecsv, .csv, .fits or .vot")
    parser.add_argument("--calibration", type=Path, metavar="FILE", help="offsets to add (JSON, docs/abundances.md)")
    parser.add_argument("--all", action="store_true", help="print labels that the prior decided, too")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument("--offline", action="store_true", help="ask no archive: demo stars, files, what was kept")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Fit what was named, print or write, and return 1 if something could not be fitted."""
    if not writable(arguments.output):  # before the work, not after it
        return USAGE
    from specviz.analysis.abundances import fit_abundances
    from specviz.models.registry import load_model

    emulator = load_model("phdlspec-small", device=arguments.device)
    progress, tables, failed = Progress(len(arguments.stars)), [], 0
    for done, word in enumerate(arguments.stars):
        progress.show(done, word)
        try:
            for star in _stars(word, online=not arguments.offline):
                found = fit_abundances(star, emulator=emulator, calibration=arguments.calibration)
                tables.append(_table(star, found))
                if arguments.output is None:
                    progress.close()
                    print(("\n" if len(tables) > 1 else "") + as_lines(star, found, everything=arguments.all))
        except (SpecvizError, OSError) as error:
            progress.close()
            complain(f"{word}: {error}")
            failed += 1
    progress.close()
    if arguments.output is not None and tables:
        table = merge(tables)
        write_table(table, arguments.output)
        complain(f"wrote {len(table)} rows to {arguments.output}")
    return TROUBLE if failed else OK


def _stars(word: str, *, online: bool) -> Iterator[Star]:
    """The stars of a file, or the one of a name."""
    if Path(word).expanduser().is_file():
        from specviz.spectra.readers import read_all

        yield from read_all(Path(word).expanduser())
        return
    if word.lower().startswith("demo "):
        from specviz.archives.demo import DemoArchive

        yield DemoArchive().fetch(word)
        return
    from specviz.archives.finder import Sky
    from specviz.archives.transport import Monitor

    yield Sky(online=online).fetch(word, Monitor(lambda step: None))


def _table(star: Star, found: Abundances) -> Any:
    table = found.table()
    table.add_column([star.name] * len(table), name="star", index=0)
    return table


def as_lines(star: Star, found: Abundances, *, everything: bool = False) -> str:
    """What is printed of a star."""
    fit = found.fit
    state = f"{fit.steps} steps" if fit.converged else f"NOT converged after {fit.steps} steps"
    lines = [
        f"{star.name}: {int(fit.used.sum())} pixels, chi2 / dof {fit.chi2 / fit.dof:.2f}, {state}, "
        f"rv {fit['rv']:.1f} ±{fit.errors['rv']:.1f} km / s, first guess: {found.started_by}, {found.emulator}"
    ]
    if found.calibration is not None:
        reach = "" if found.calibration.reaches(fit) else " (the star lies outside of what its references fill)"
        lines.append(f"{found.calibration}{reach}")
    table = found.table()
    hidden = [] if everything else [str(row["label"]) for row in table if row["note"] == "prior"]
    lines.append(f"{'label':8s}{'value':>9s}{'error':>8s}  {'unit':7s}{'gain':>6s}  note")
    for row in table:
        if row["label"] not in hidden:
            digits = 0 if row["unit"] == "K" else 2 if row["unit"] == "km / s" else 3
            value, error = (f"{row[name]:.{digits}f}" for name in ("value", "error"))
            line = f"{row['label']:8s}{value:>9s}{error:>8s}  {row['unit']:7s}{row['gain']:6.1f}  {row['note']}"
            lines.append(line.rstrip())
    if hidden:
        lines.append(
            f"The spectrum says little of {', '.join(hidden)}: their values are the prior's (--all shows them)"
        )
    return "\n".join(lines)
