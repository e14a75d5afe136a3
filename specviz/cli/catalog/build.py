"""``specviz catalog build``: a catalogue of as many spectra as a disk holds, resumed where it was stopped."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.cli.console import OK, TROUBLE, Progress, complain, resumed

if TYPE_CHECKING:
    from specviz.catalog.scale.build import Runner
    from specviz.catalog.store.star_catalog import StarCatalog


def add_parser(actions: Any) -> None:
    """Add ``build`` to the subcommands of ``catalog``."""
    parser = actions.add_parser(
        "build",
        help="a catalogue of a folder, a table of files, an HDF5 or Parquet file, embeddings, or a simulated sky",
        description="Embeds every spectrum and lays the stars down as a catalogue: a folder. A run that was stopped, "
        "however rudely, goes on where it was when the same command is given again. Needs pip install "
        "'jupyter-specviz[catalog]'.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "sources", metavar="SOURCE", nargs="+",
        help="a folder, an HDF5 or Parquet file of spectra, a text table with a column 'path', spectra themselves, "
        "embeddings (.npz, or a table with a vector a row), hats://FOLDER, demo, or simulated:N[:SEED]",
    )  # fmt: skip
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="the catalogue")
    parser.add_argument("--model", default="specclip-small", help="model to ask (default: %(default)s)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps (default: %(default)s)")
    parser.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="float32",
                        help="default: %(default)s; see specviz embed --help")  # fmt: skip
    parser.add_argument("--batch", type=int, default=256, help="spectra encoded at once (default: %(default)s)")
    parser.add_argument("--survey", choices=("lamost", "xp", "both"), help="embed only these spectra")
    parser.add_argument("--partition", type=int, metavar="N",
                        help="entries that are done, and lost by a kill, together (default: 2048; 16384 simulated "
                        "stars)")  # fmt: skip
    parser.add_argument("--labels", type=Path, metavar="TABLE",
                        help="join the columns of this table by source_id, obsid or object_id")  # fmt: skip
    parser.add_argument("--workers", type=int, metavar="N",
                        help="as many processes of this machine (needs jupyter-specviz[distributed])")  # fmt: skip
    parser.add_argument("--scheduler", metavar="ADDRESS", help="the workers of a Dask scheduler that is running")
    parser.add_argument("--again", action="store_true", help="start over instead of going on")
    parser.add_argument("--no-index", action="store_true", help="do not build the search index")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Build it; 1 if any star is without an embedding."""
    from specviz.catalog.scale.build import build
    from specviz.catalog.scale.partition import EngineSpec
    from specviz.cli.catalog.sources import SURVEYS, open_source

    source = open_source(arguments.sources, partition=arguments.partition, survey=arguments.survey)
    spec = EngineSpec(arguments.model, arguments.device, arguments.precision, arguments.batch,
                      SURVEYS[arguments.survey] if arguments.survey else ())  # fmt: skip
    spec.engine().describe()  # a model or a device that does not exist is said now
    console = Progress(len(source.keys()))

    def show(progress: Any) -> None:
        if progress.rate == 0.0:
            if progress.done:
                complain(f"going on after {progress.done} of {progress.total} partitions, {progress.stars:,} stars")
            return
        console.show(progress.done, f"partitions, {progress.stars:,} stars, {progress.rate:,.0f} a second, "
                     f"{_duration(progress.left)} to go")  # fmt: skip

    with resumed():
        with console, runner_of(arguments) as runner:
            catalog = build(source, arguments.output, spec, runner=runner, again=arguments.again, progress=show,
                            made_from=" ".join(arguments.sources))  # fmt: skip
        if arguments.labels is not None:
            catalog = _labelled(catalog, arguments.labels)
        if not arguments.no_index:
            _index(catalog)
    return say_built(catalog, arguments.output)


def say_built(catalog: StarCatalog, output: Any) -> int:
    """Say what was built; the exit status, 1 if a star is without an embedding."""
    from specviz.catalog.scale.build import problems

    odd = problems(catalog)
    told = f", {odd:,} without an embedding (see column 'problem')" if odd else ""
    complain(f"{len(catalog):,} stars in {output}{told}; content {catalog.header.content_sha256[:16]}")
    return TROUBLE if odd else OK


@contextmanager
def runner_of(arguments: argparse.Namespace) -> Iterator[Runner]:
    """This process, or the workers that were asked for."""
    if arguments.workers is None and arguments.scheduler is None:
        from specviz.catalog.scale.build import in_this_process

        yield in_this_process
        return
    from specviz.catalog.scale.dask_runner import on_cluster

    with on_cluster(arguments.scheduler, arguments.workers, tell=complain) as runner:
        yield runner


def _labelled(catalog: StarCatalog, table: Path) -> StarCatalog:
    """The catalogue with the columns of a table."""
    from specviz.catalog.store.joining import join
    from specviz.catalog.store.star_catalog import StarCatalog

    joined = join(catalog, table)
    complain(f"{', '.join(joined.columns)} of {table.name} for {joined.stars:,} of {len(catalog):,} stars, matched by "
             f"{joined.on}")  # fmt: skip
    return StarCatalog.open(catalog.path)


def _index(catalog: StarCatalog) -> None:
    """Build the search index of each survey that has more vectors than are searched well without."""
    from specviz.catalog.search.building import build_index
    from specviz.catalog.search.faiss_library import has_faiss
    from specviz.catalog.search.opening import EXACT

    for survey in catalog.surveys:
        if len(catalog.vectors(survey)) <= EXACT:
            continue
        if not has_faiss():
            complain("no search index: faiss is not installed (pip install 'jupyter-specviz[catalog]'); with it, the "
                     "same command makes the index")  # fmt: skip
            return
        console = Progress(100)
        record = build_index(
            catalog, survey,
            progress=lambda share, text, c=console: c.show(round(100 * share), f"% of the index: {text}"),  # type: ignore[misc]
        )  # fmt: skip
        console.close()
        complain(f"index of {survey}: {sum(record.bytes.values()) / 1e6:,.0f} MB, recall of the 50 nearest "
                 f"{record.recall.get('50', float('nan')):.3f}")  # fmt: skip


def _duration(seconds: float) -> str:
    if seconds != seconds:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
