"""``rank``: a list of stars, from what was asked for to a :class:`~specviz.catalog.outliers.ranking.Ranking`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.engine import Engine, Progress, cancel_check
from specviz.analysis.report import Report
from specviz.catalog.outliers.judge import judge
from specviz.catalog.outliers.measure import Measures
from specviz.catalog.outliers.oddity import NAMES
from specviz.catalog.outliers.ranking import Ranking
from specviz.catalog.outliers.reference import OWN, Reference, enough
from specviz.catalog.outliers.scorer import OutlierScorer
from specviz.errors import OptionError, SpecvizError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: Stars in memory at once.
BATCH = 64
#: Posterior samples a star: quantiles of 2,000 are good to 3 % of a width, and a tenth of a second is saved.
SAMPLES = 2000
#: From a target to its star; raises SpecvizError or OSError where there is none.
Read = Callable[[Any], Star]
#: From targets to the same list with stars in place of those that are quicker to read together.
Gather = Callable[[Sequence[Any]], list[Any]]


def rank(
    targets: Sequence[Any],
    engine: Engine,
    *,
    read: Read | None = None,
    gather: Gather | None = None,
    reference: Reference | None = None,
    scores: Sequence[str] = NAMES,
    samples: int = SAMPLES,
    batch_size: int = BATCH,
    progress: Progress | None = None,
    cancel: Any = None,
) -> Ranking:
    """How odd each star of a list is, and why.

    A list of 200 stars or more is its own reference: a score says how rare a value is among them, and what most of them
    share (another instrument, another pipeline) makes none of them odd. A shorter one is compared with ordinary stars
    that the package knows. What is kept of a star is a few numbers, its embedding and its sentences.

    Parameters
    ----------
    targets : sequence
        Stars, spectra, reports, paths, names of demo stars; anything else that ``read`` takes.
    engine : Engine
    read : callable(target) -> Star, optional
        How a target that is neither of these is found.
    gather : callable(targets) -> list, optional
        Reads some of a batch together before that, such as :func:`specviz.archives.demo_batch.demo_together`.
    reference : Reference, optional
        Another reference.
    scores : sequence of str
        Which scores are made. Without "double_lines" and "emission" a star takes a third of the time.
    samples : int
        Posterior samples a star.
    batch_size : int
        Stars analysed together; fewer, where somebody waits between them.
    progress : callable(fraction, text), optional
        Called before a target is read and after each batch, in the calling thread.
    cancel : threading.Event or callable() -> bool, optional
        Asked between targets, batches and measurements.

    Returns
    -------
    Ranking
        In the order given. A star that cannot be read or used keeps its row, with the reason in ``problems``.

    Raises
    ------
    CancelledError
        When ``cancel`` says so.
    OptionError
        If ``targets`` is no list.
    """
    if isinstance(targets, (str, Path, Star, Spectrum, Report)) or not isinstance(targets, Sequence):
        raise OptionError(f"{type(targets).__name__} is no list of stars", expected="a list of stars, files or names")
    stop, tell = cancel_check(cancel), progress or (lambda fraction, text: None)
    scorer = OutlierScorer(engine, reference, scores)
    measured: list[Measures] = []
    vectors: list[NDArray[np.float32] | None] = []
    names: list[str] = []
    problems: list[str] = []
    if not engine.loaded and len(targets):
        tell(0.0, "Loading the model")
    for start in range(0, len(targets), batch_size):
        stop()
        batch = targets[start : start + batch_size]

        def ahead(place: int, start: int = start) -> None:
            """Told before a target is looked for, which may ask an archive."""
            stop()
            done = start + place
            tell(done / len(targets), f"Reading {_name(targets[done])[:60]}, {done} of {len(targets)}")

        gathered = batch if gather is None else gather(batch)
        for report in _reports(gathered, batch, engine, read, samples, cancel, ahead):
            stop()
            measured.append(scorer.measure(report))
            vectors.append(report.embedding)
            names.append(report.star.name)
            problems.append(report.problem)
        tell(len(measured) / len(targets), f"{len(measured)} of {len(targets)} stars")
    if reference is None and enough(measured):
        scorer = OutlierScorer(engine, Reference.of(measured), scores)
    oddities = tuple(judge(one, scorer.reference_for(one)) for one in measured)
    words = sorted({one.reference for one in oddities if one.reference}) or ["no reference"]
    meta = _meta(engine, ", ".join(words))
    surveys = tuple(one.survey for one in measured)
    return Ranking(
        tuple(targets), tuple(names), oddities, _stacked(vectors), tuple(problems), scorer, meta, surveys=surveys
    )


def _reports(
    gathered: Sequence[Any],
    batch: Sequence[Any],
    engine: Engine,
    read: Read | None,
    samples: int,
    cancel: Any,
    ahead: Callable[[int], None],
) -> list[Report]:
    """A report a target, in order; what cannot be read is one with a problem."""
    from specviz.analysis.engine import problem_report

    slots: list[Star | Report | str] = []
    for place, target in enumerate(gathered):
        if not isinstance(target, (Star, Report, Spectrum)):
            ahead(place)
        slots.append(_star(target, read))
    stars = [slot for slot in slots if isinstance(slot, Star)]
    made = iter(engine.analyse(stars, samples=samples, cancel=cancel) if stars else ())
    out: list[Report] = []
    for target, slot in zip(batch, slots, strict=True):
        if isinstance(slot, Report):
            out.append(slot)
        elif isinstance(slot, Star):
            out.append(next(made))
        else:
            path = str(target) if isinstance(target, Path) else None
            out.append(problem_report(_name(target), slot, path=path))
    return out


def _star(target: Any, read: Read | None) -> Star | Report | str:
    """The star of a target, or why there is none."""
    if isinstance(target, (Star, Report)):
        return target
    if isinstance(target, Spectrum):
        return Star.from_spectrum(target)
    try:
        return (read or _read)(target)
    except SpecvizError as error:
        return str(error)
    except OSError as error:
        return f"cannot be opened: {error.strerror or error}"


def _read(target: Any) -> Star:
    """A file's star; what else there is needs a reader of the caller's."""
    from specviz.spectra.readers import read

    if isinstance(target, (str, Path)):
        return read(Path(target).expanduser())
    raise OptionError(f"{type(target).__name__} is no star", expected="a Star, a Spectrum, a Report or a file's path")


def _name(target: Any) -> str:
    if isinstance(target, Path):
        return target.name
    return str(getattr(target, "name", None) or getattr(target, "text", None) or target)


def _stacked(vectors: Sequence[NDArray[np.float32] | None]) -> NDArray[np.float32]:
    """Embeddings (n, D) float32, NaN where a star has none."""
    width = next((v.size for v in vectors if v is not None), 0)
    out = np.full((len(vectors), width), np.nan, np.float32)
    for row, vector in zip(out, vectors, strict=True):
        if vector is not None and vector.size == width:
            row[:] = vector
    return out


def _meta(engine: Engine, words: str) -> dict[str, Any]:
    from specviz import __version__

    card = engine.describe()
    return {
        "creator": f"specviz {__version__}",
        "model": card.name,
        "model_version": card.version,
        "weights_sha256": card.weights_sha256,
        "reference": words,
        "own_reference_from": OWN,
    }
