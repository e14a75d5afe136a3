"""``specviz embed``: embeddings of a folder, a table or a file of many spectra, resumed where it was stopped."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.analyse import find_files
from specviz.cli.console import OK, TROUBLE, Progress, complain, resumed
from specviz.errors import NotFoundError, OptionError, SpecvizError

if TYPE_CHECKING:
    from specviz.analysis.stream import Row

#: Names of a table's column that tells where each spectrum lies.
PATH_COLUMNS = ("path", "file", "filename", "filepath", "spectrum")
_STORES = frozenset({".h5", ".hdf5", ".hdf", ".parquet", ".pq"})
_TABLES = frozenset({".csv", ".ecsv", ".txt", ".dat", ".tsv"})


def add_parser(commands: Any) -> None:
    """Add ``embed`` to the subcommands."""
    parser = commands.add_parser(
        "embed",
        help="embeddings of a folder, a table of files, an HDF5 or a Parquet file",
        description="Writes an .npz with a row a star: name, gaia_source_id, obsid, problem, and an array of vectors a "
        "survey. A run that was stopped, however rudely, goes on where it was when the same command is given again.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "sources", metavar="SOURCE", nargs="+",
        help="a folder, an HDF5 or Parquet file of spectra, a text table with a column 'path', spectra themselves, or "
        "hats://PATH, a HATS catalogue of spectra (a folder, or an address: hats://https://...)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", required=True, metavar="FILE",
        help="what to write: an .npz; of a HATS catalogue also hats://PATH, the same with columns of embeddings, or "
        "the folder of a catalogue of many stars (any other name)",
    )  # fmt: skip
    parser.add_argument("--model", default="specclip-small", help="model to ask (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument(
        "--precision", choices=("auto", "float32", "bfloat16"), default="auto",
        help="auto takes half precision where the device computes in it and the check at load keeps a cosine of 0.999 "
        "to float32 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--batch", type=int, default=64, help="spectra encoded at once (default: %(default)s)")
    parser.add_argument("--compile", action="store_true", help="through torch.compile: for a GPU and many spectra")
    parser.add_argument("--workers", type=int, metavar="N",
                        help="as many processes of this machine, for a HATS catalogue")  # fmt: skip
    parser.add_argument("--scheduler", metavar="ADDRESS", help="the workers of a Dask scheduler that is running")
    parser.add_argument("--again", action="store_true", help="start over instead of going on")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Embed what was named; 1 if any row is without an embedding."""
    from specviz.analysis.engine import Engine
    from specviz.analysis.stream import embed_stream

    hats = any(name.startswith("hats://") for name in arguments.sources)
    if hats and not arguments.output.endswith(".npz"):
        from specviz.cli import embed_hats

        return embed_hats.run(arguments)
    if arguments.workers is not None or arguments.scheduler is not None:
        raise OptionError(
            "An .npz is written by one process",
            remedy="Build a catalogue instead: specviz catalog build SOURCE -o FOLDER --workers N",
        )
    output = Path(arguments.output)
    output = output if output.suffix else output.with_suffix(".npz")
    source = open_source(arguments.sources)
    engine = Engine(
        arguments.model, device=arguments.device, batch_size=arguments.batch, precision=arguments.precision,
        compiled=arguments.compile,
    )  # fmt: skip
    engine.describe()  # a model or a device that does not exist is said now
    for note in getattr(engine.model, "notes", ()):
        complain(note)
    console = Progress(len(source))

    def show(progress: Any) -> None:
        if progress.rate == 0.0:
            if progress.done:
                complain(f"going on after {progress.done} of {progress.total}")
            return
        console.show(progress.done, f"{progress.rate:.0f} a second, {_duration(progress.left)} to go")

    with resumed(), console:
        written = embed_stream(engine, source, output, again=arguments.again, progress=show)
    odd = f", {written.problems} without an embedding (see 'problem')" if written.problems else ""
    complain(f"wrote {written.rows} rows to {output}{odd}")
    return TROUBLE if written.problems else OK


def open_source(named: Sequence[str]) -> Any:
    """What the arguments mean, as a :class:`~specviz.analysis.stream.Source`.

    Raises
    ------
    NotFoundError, OptionError
        If there is nothing, or a store is named together with something else.
    """
    if any(name.startswith("hats://") for name in named):
        from specviz.cli.embed_hats import HatsEntries

        if len(named) > 1:
            raise OptionError("A HATS catalogue is embedded alone", expected="one SOURCE")
        return HatsEntries(named[0])
    paths = [Path(name).expanduser() for name in named]
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"There is nothing at {path}")
    if len(paths) == 1 and paths[0].is_file():
        if paths[0].suffix.lower() in _STORES:
            return StoreSource(paths[0])
        listed = _listed(paths[0])
        if listed is not None:
            return FileSource(listed)
    if any(path.suffix.lower() in _STORES for path in paths if path.is_file()):
        raise OptionError("A file of many spectra is embedded alone", expected="one HDF5 or Parquet file, or a folder")
    files, passed_over = find_files(paths)
    if passed_over:
        complain(f"passed over {passed_over} files in folders that do not have a spectrum's suffix")
    return FileSource(files)


class FileSource:
    """Files of spectra, one or several stars each."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = list(files)
        told = hashlib.sha256()
        for file in self._files:
            facts = file.stat() if file.is_file() else None
            told.update(f"{file.resolve()}\0{facts and (facts.st_size, facts.st_mtime_ns)}\n".encode())
        self.fingerprint = told.hexdigest()

    def __len__(self) -> int:
        return len(self._files)

    def read(self, start: int, stop: int) -> list[Row]:
        """The stars of some files; a file that cannot be read is a row that says why."""
        from specviz.analysis.stream import Row
        from specviz.spectra.readers import read_all

        rows = []
        for file in self._files[start:stop]:
            try:
                stars = list(read_all(file))
            except SpecvizError as error:
                rows.append(Row(file.name, None, str(error)))
            except OSError as error:
                rows.append(Row(file.name, None, f"cannot be opened: {error.strerror or error}"))
            else:
                rows += [
                    Row(star.name, star if star.spectra else None, str(star.meta.get("error") or "It has no spectrum."))
                    for star in stars
                ]
        return rows


class StoreSource:
    """An HDF5 or a Parquet file of spectra, a star a row."""

    def __init__(self, path: Path) -> None:
        from specviz.archives.local import LocalArchive

        self._archive = LocalArchive(path)
        self._names = self._archive.names()
        facts = path.stat()
        told = f"{path.resolve()}\0{facts.st_size}\0{facts.st_mtime_ns}\0{len(self._names)}"
        self.fingerprint = hashlib.sha256(told.encode()).hexdigest()

    def __len__(self) -> int:
        return len(self._names)

    def read(self, start: int, stop: int) -> list[Row]:
        """Some stars; one that is damaged is a row that says why."""
        from specviz.analysis.stream import Row

        rows = []
        for name in self._names[start:stop]:
            try:
                rows.append(Row(name, self._archive.fetch(name)))
            except SpecvizError as error:
                rows.append(Row(name, None, str(error)))
        return rows


def _listed(table: Path) -> list[Path] | None:
    """The files that a text table's column names, relative to the table; None if it is no such table."""
    if table.suffix.lower() not in _TABLES:
        return None
    from astropy.table import Table

    try:
        rows = Table.read(table, format="ascii.ecsv" if table.suffix.lower() == ".ecsv" else "ascii")
    except Exception:  # noqa: BLE001 - astropy raises a dozen kinds: then it is a spectrum, or its reader says what it is
        return None
    column = next((name for name in rows.colnames if name.lower() in PATH_COLUMNS), None)
    if column is None or rows[column].dtype.kind not in "UO":
        return None
    return [table.parent / str(cell) for cell in rows[column]]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
