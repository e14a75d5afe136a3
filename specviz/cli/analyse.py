"""``specviz analyse``: one row a spectrum, whatever the files are."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, USAGE, Progress, complain
from specviz.cli.tables import as_text, merge, writable, write_table
from specviz.errors import NotFoundError, SpecvizError

if TYPE_CHECKING:
    from specviz.analysis.engine import Engine
    from specviz.analysis.report import Report
    from specviz.spectra.star import Star

#: What a folder is searched for. A file that is named is always read: its content decides, not its name.
SUFFIXES = frozenset({".fits", ".fit", ".fts", ".gz", ".csv", ".ecsv", ".txt", ".dat", ".xml", ".vot", ".avro", ".npy"})
#: Files read before the model runs on them: enough to fill a batch, few enough to keep memory flat.
BATCH = 64


def add_parser(commands: Any) -> None:
    """Add ``analyse`` to the subcommands."""
    parser = commands.add_parser(
        "analyse",
        aliases=["analyze"],
        help="stellar parameters, anomaly and quality flags of files and folders",
        description="One row a spectrum: path, survey, object_id, snr, each label with its 16th and 84th percentile, "
        "anomaly, flags, model. A file that cannot be read is a row with the reason in its flags; the exit status is "
        "then 1.",
        allow_abbrev=False,
    )
    parser.add_argument("paths", metavar="PATH", nargs="+", help="a spectrum, or a folder searched to the bottom")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="table to write: .ecsv, .csv, .fits or .vot")
    parser.add_argument("--model", default="specclip-small", help="model to ask (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument("--samples", type=positive, default=10_000, help="posterior samples (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the samples (default: %(default)s)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Analyse what was named, write the table, and return 1 if any row is a complaint."""
    if not writable(arguments.output):  # before the work, not after it
        return USAGE
    files, passed_over = find_files(arguments.paths)
    if passed_over:
        complain(f"passed over {passed_over} files in folders that do not have a spectrum's suffix")

    from specviz.analysis.engine import Engine

    engine = Engine(arguments.model, device=arguments.device, samples=arguments.samples, seed=arguments.seed)
    engine.describe()  # a model or a device that does not exist is said now

    tables: list[Any] = []
    status, done, interrupted = OK, 0, False
    progress = Progress(len(files))
    try:
        for batch in batches(files, BATCH):
            reports = analyse_files(engine, batch, progress, done, debug=arguments.debug)
            done += len(batch)
            if any(r.problem for r in reports):
                status = TROUBLE
            tables.append(_table(reports))
            progress.show(done)
    except KeyboardInterrupt:
        interrupted = True
    progress.close()

    if tables:
        table = merge(tables)
        if arguments.output is not None:
            write_table(table, arguments.output)
            complain(f"wrote {len(table)} rows to {arguments.output}")
        else:
            print(as_text(table))
    if interrupted:
        complain(f"stopped after {done} of {len(files)} files")
        return 130
    return status


def find_files(paths: Sequence[str | Path]) -> tuple[list[Path], int]:
    """Every file to read, in a stable order without repeats, and how many a folder's search passed over.

    Named files are taken as they are, even if they do not exist (their row will say so). Hidden files and folders are
    passed over silently.

    Raises
    ------
    NotFoundError
        When there is nothing at all to read.
    """
    found: dict[Path, None] = {}
    passed_over = 0
    for path in map(Path, paths):
        if not path.is_dir():
            found[path] = None
            continue
        for file in sorted(path.rglob("*")):
            if any(part.startswith(".") for part in file.relative_to(path).parts) or not file.is_file():
                continue
            if file.suffix.lower() in SUFFIXES:
                found[file] = None
            else:
                passed_over += 1
    if not found:
        raise NotFoundError(
            f"No spectrum under {', '.join(map(str, paths))}",
            expected="files that end in " + ", ".join(sorted(SUFFIXES)),
            remedy="Name the files themselves if theirs end otherwise",
        )
    return list(found), passed_over


def batches(files: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    """``files`` in runs of at most ``size``."""
    return (files[i : i + size] for i in range(0, len(files), size))


def analyse_files(
    engine: Engine, files: Sequence[Path], progress: Progress, done: int = 0, *, debug: bool = False
) -> list[Report]:
    """Reports of a batch of files, in their order; an unreadable file is a report with a ``problem``."""
    from specviz.analysis.engine import problem_report

    stars: list[Star] = []
    slots: list[Report | None] = []  # None: the next star's report goes here
    for i, file in enumerate(files):
        progress.show(done + i, str(file))
        try:
            found = list(_read(file))
        except (SpecvizError, OSError) as error:
            text = str(error) if isinstance(error, SpecvizError) else f"cannot be opened: {error.strerror or error}"
            slots.append(problem_report(file.name, text, path=str(file)))
        except Exception as error:  # a bug in one reader must not cost the other ten thousand files
            if debug:
                raise
            slots.append(problem_report(file.name, f"internal error, please report: {error!r}", path=str(file)))
        else:
            for star in found:
                if not star.spectra and star.meta.get("error"):  # one source of many that could not be calibrated
                    slots.append(problem_report(star.name, str(star.meta["error"]), path=str(file)))
                else:
                    stars.append(star)
                    slots.append(None)
    analysed = iter(engine.analyse(stars) if stars else [])
    return [next(analysed) if slot is None else slot for slot in slots]


def _read(file: Path) -> Iterable[Star]:
    from specviz.spectra.readers import read_all

    return read_all(file)


def _table(reports: list[Report]) -> Any:
    from specviz.analysis.table import reports_to_table

    return reports_to_table(reports)


def positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)
