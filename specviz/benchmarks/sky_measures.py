"""What is measured of many demo stars, a part at a time: a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.catalog import outliers
from specviz.catalog.outliers.measure import Measures, Part
from specviz.catalog.outliers.rank import BATCH, SAMPLES
from specviz.catalog.outliers.scorer import OutlierScorer

_PART = 512  # stars a file


def measured(names: Sequence[str], engine: Engine, folder: Path, workers: int = 1) -> list[Measures]:
    """The measures of demo stars, numbers only, kept in ``folder``.

    They are what :func:`specviz.catalog.outliers.rank` measures of each; sentences and reasons are left out.
    ``workers``: processes that share the work.
    """
    folder = folder / _mark(engine, DemoArchive())
    known = {name for path in folder.glob("*.npz") for name in _names(path)}
    missing = [name for name in names if name not in known]
    parts = [missing[start : start + _PART] for start in range(0, len(missing), _PART)]
    paths = [folder / f"{hashlib.sha256(' '.join(part).encode()).hexdigest()[:16]}.npz" for part in parts]
    if parts:
        print(f"  {len(missing):,} stars are to be measured", flush=True)
    if workers == 1:
        for part, path in zip(parts, paths, strict=True):
            _measure(part, path, engine)
    elif parts:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_alone) as pool:
            list(pool.map(_measure, parts, paths))
    found: dict[str, Measures] = {}
    for path in folder.glob("*.npz"):
        found |= zip(_names(path), _read(path), strict=True)
    return [found[name] for name in names]


def _alone() -> None:
    """A process among several takes one core."""
    import torch

    torch.set_num_threads(1)


def _measure(names: Sequence[str], path: Path, engine: Engine | None = None) -> None:
    began, archive, made = time.perf_counter(), DemoArchive(), []
    engine = engine or Engine()
    scorer = OutlierScorer(engine)
    for first in range(0, len(names), BATCH):
        stars = archive.fetch_many(names[first : first + BATCH])
        made += [scorer.measure(report) for report in engine.analyse(stars, samples=SAMPLES)]
    _write(path, names, made)
    print(f"  {len(names)} stars, {1000 * (time.perf_counter() - began) / len(names):.0f} ms each", flush=True)


def _mark(engine: Engine, archive: DemoArchive) -> str:
    """Hash of the sky, the weights, and the code of the scores: what another version measured is not used."""
    folder = Path(outliers.__file__).parent
    sources = [folder / "measure.py", folder / "fluxes.py", *sorted((folder.parents[1] / "analysis").glob("*.py"))]
    digest = hashlib.sha256(f"{archive.fingerprint} {engine.describe().weights_sha256}".encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _write(path: Path, names: Sequence[str], measures: Sequence[Measures]) -> None:
    rows = [(row, part) for row, one in enumerate(measures) for part in one.parts]
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part")
    with scratch.open("wb") as file:
        np.savez_compressed(
            file,
            names=np.array(names),
            surveys=np.array([one.survey for one in measures]),
            row=np.array([row for row, _ in rows]),
            score=np.array([part.score for _, part in rows]),
            key=np.array([part.key for _, part in rows]),
            value=np.array([part.value for _, part in rows]),
            snr=np.array([part.snr for _, part in rows]),
        )
    scratch.replace(path)


def _names(path: Path) -> list[str]:
    with np.load(path) as file:
        return [str(name) for name in file["names"]]


def _read(path: Path) -> list[Measures]:
    with np.load(path) as file:
        parts: list[list[Part]] = [[] for _ in file["surveys"]]
        columns = (file[name].tolist() for name in ("row", "score", "key", "value", "snr"))
        for row, score, key, value, snr in zip(*columns, strict=True):
            parts[row].append(Part(score, key, value, "", "", (), snr))
        return [Measures(tuple(p), {}, str(s), True) for p, s in zip(parts, file["surveys"], strict=True)]
