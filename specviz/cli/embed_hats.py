"""``specviz embed hats://...``: embeddings of the spectra in a HATS catalogue, in whatever shape they are wanted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.cli.console import OK, TROUBLE, Progress, complain, resumed
from specviz.errors import OptionError

if TYPE_CHECKING:
    from specviz.analysis.stream import Row
    from specviz.catalog.scale.hats_source import HatsSpectra

_SCHEME = "hats://"


def run(arguments: argparse.Namespace) -> int:
    """Embed a HATS catalogue into a catalogue folder or another HATS catalogue; 1 if a star is without embedding."""
    if len(arguments.sources) > 1:
        raise OptionError(f"{arguments.sources[0]} stands alone", expected="one HATS catalogue")
    if arguments.compile:
        raise OptionError("--compile is not for HATS catalogues", remedy="Leave it out")
    with resumed():
        return _into_hats(arguments) if arguments.output.startswith(_SCHEME) else _into_folder(arguments)


class HatsEntries:
    """The rows of a HATS catalogue one after the other: a :class:`specviz.analysis.stream.Source`, for an .npz."""

    def __init__(self, path: str) -> None:
        self._spectra = spectra_in(path)
        keys = self._spectra.keys()
        self._ends = np.cumsum([self._spectra.rows_in(key) for key in keys])
        self._keys = keys
        self._at, self._rows = 0, self._rows_from(0)
        self.fingerprint = self._spectra.fingerprint

    def __len__(self) -> int:
        return int(self._ends[-1])

    def read(self, start: int, stop: int) -> list[Row]:
        """Some rows; fast where they follow those that were read before."""
        if start != self._at:
            self._rows = self._rows_from(start)
        found = [next(self._rows) for _ in range(start, stop)]
        self._at = stop
        return found

    def _rows_from(self, start: int) -> Iterator[Row]:
        from specviz.analysis.stream import Row

        first = int(np.searchsorted(self._ends, start, side="right"))
        skip = start - (int(self._ends[first - 1]) if first else 0)
        for key in self._keys[first:]:
            for block in self._spectra.blocks(key):
                columns = zip(block.columns["object_id"], block.stars, block.columns["problem"], strict=True)
                for name, star, problem in columns:
                    if skip:
                        skip -= 1
                    else:
                        yield Row(str(name), star, str(problem))


def spectra_in(path: str) -> HatsSpectra:
    """The spectra of a HATS catalogue."""
    from specviz.archives.local.arrow_rows import ArrowRows
    from specviz.catalog.scale.hats_source import HatsSpectra

    return HatsSpectra(path, ArrowRows.of)


def _into_folder(arguments: argparse.Namespace) -> int:
    from specviz.catalog.scale.build import build
    from specviz.catalog.scale.partition import EngineSpec
    from specviz.cli.catalog.build import runner_of, say_built

    source = spectra_in(arguments.sources[0])
    spec = EngineSpec(arguments.model, arguments.device, _precision(arguments), arguments.batch)
    spec.engine().describe()  # a model or a device that does not exist is said now
    console = Progress(len(source.keys()))

    def show(progress: Any) -> None:
        if progress.rate == 0.0:
            if progress.done:
                complain(f"going on after {progress.done} of {progress.total} partitions, {progress.stars:,} stars")
            return
        console.show(progress.done, f"partitions, {progress.stars:,} stars, {progress.rate:,.0f} a second")

    with console, runner_of(arguments) as runner:
        catalog = build(
            source, arguments.output, spec, runner=runner, again=arguments.again, progress=show,
            made_from=arguments.sources[0],
        )  # fmt: skip
    return say_built(catalog, arguments.output)


def _into_hats(arguments: argparse.Namespace) -> int:
    from specviz.archives.local.arrow_rows import ArrowRows
    from specviz.catalog.scale.dask_runner import on_cluster
    from specviz.catalog.scale.lsdb_embedding import write_embedded

    out = Path(arguments.output.removeprefix(_SCHEME)).expanduser()
    with ExitStack() as stack:
        if _many(arguments):
            runner = stack.enter_context(on_cluster(arguments.scheduler, arguments.workers, tell=complain))
            stack.enter_context(runner.client.as_current())
        stars, odd = write_embedded(
            arguments.sources[0], out, ArrowRows.of, again=arguments.again, progress=sys.stderr.isatty(),
            model=arguments.model, device=arguments.device, precision=_precision(arguments), batch=arguments.batch,
        )  # fmt: skip
    told = f", {odd:,} without an embedding (see column 'embedding_problem')" if odd else ""
    complain(f"{stars:,} stars in the HATS catalogue {out}{told}")
    return TROUBLE if odd else OK


def _precision(arguments: argparse.Namespace) -> str:
    """float32 where nothing else is said: half precision on some workers and not on others would be two catalogues."""
    return "float32" if arguments.precision == "auto" else str(arguments.precision)


def _many(arguments: argparse.Namespace) -> bool:
    return arguments.workers is not None or arguments.scheduler is not None
