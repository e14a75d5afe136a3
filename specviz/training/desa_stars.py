"""Simulated pairs that DESA learns from, drawn in chunks by seed and kept on disk: training, validation, test apart."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ModelError
from specviz.models.desa.light_curve_views import light_curve_views
from specviz.models.desa.networks import CATALOGUE
from specviz.models.desa.spectrum_views import spectrum_views

Array = NDArray[np.float64]
#: Length and step of a light curve as the model takes it; twice as long is simulated, so that it can be cut anywhere.
DAYS, CADENCE_HOURS, SIMULATED_DAYS = 90.0, 1.0, 180.0
LENGTH = round(DAYS * 24.0 / CADENCE_HOURS)
#: First seed of each part; a chunk has the seed of its part plus its number. No seed is in two parts.
SEEDS = {"train": 1_000_000, "validation": 2_000_000, "calibration": 3_000_000, "test": 4_000_000}
CHUNK = 200
#: Errors of catalogue values: K, dex, relative, dex, relative, absolute; and the share without a period.
CATALOGUE_ERROR = {"teff": 100.0, "logg": 0.1, "prot": 0.02, "fe_h": 0.1, "radius": 0.05, "ruwe": 0.0}
NO_PERIOD = 0.2
#: No catalogue has a period longer than this (d), or of a star whose spots are fainter than this.
LONGEST, FAINTEST = 70.0, 2e-4


@dataclass(frozen=True, eq=False)
class Stars:
    """Simulated stars.

    Parameters
    ----------
    spectra : array, shape (n, 4096), float16
        As the network takes them.
    flux : array, shape (n, L), float32
        Relative, at even steps over :data:`SIMULATED_DAYS`; NaN in gaps.
    labels : mapping of str to array, shape (n,)
        See :class:`specviz.simulate.light_curves.pairs.Pairs`.
    kind : array of str, shape (n,)
    """

    spectra: NDArray[np.float16]
    flux: NDArray[np.float32]
    labels: Mapping[str, Array]
    kind: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.spectra)

    def views(self, rows: NDArray[np.int64], rng: np.random.Generator, *, short: float = 0.0) -> NDArray[np.float32]:
        """Four channels (len(rows), 4, LENGTH) of light curves cut at random; a share ``short`` ends early.

        A cut one has 25 to 90 days and keeps its last value to the end, as a light curve of a shorter mission does.
        """
        last = self.flux.shape[1] - LENGTH
        start = rng.integers(0, last + 1, len(rows))
        columns = start[:, None] + np.arange(LENGTH)
        flux = np.take_along_axis(self.flux[rows], columns, axis=1)
        for row in np.flatnonzero(rng.random(len(rows)) < short):
            end = int(LENGTH * rng.uniform(25.0 / DAYS, 1.0))
            flux[row, end:] = np.nan
        return light_curve_views(flux, CADENCE_HOURS)

    def fixed_views(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.float32]:
        """Four channels of the first :data:`DAYS` of light curves: what is measured on, the same every time."""
        return light_curve_views(self.flux[rows, :LENGTH], CADENCE_HOURS)

    def cuts(self, number: int, seed: int, *, short: float, workers: int = 1) -> NDArray[np.float16]:
        """:meth:`views` of all stars, ``number`` times: (number, n, 4, LENGTH)."""
        blocks = np.array_split(np.arange(len(self)), max(1, -(-len(self) // 500)))
        out = np.empty((number, len(self), 4, LENGTH), np.float16)

        def cut(of: tuple[int, int]) -> None:
            rows = blocks[of[1]]
            out[of[0], rows] = self.views(rows, np.random.default_rng((seed, *of)), short=short)

        with ThreadPoolExecutor(workers) as pool:  # what takes long in it leaves the interpreter's lock free
            list(pool.map(cut, [(i, j) for i in range(number) for j in range(len(blocks))]))
        return out

    def catalogue(self, rng: np.random.Generator) -> list[dict[str, float]]:
        """Catalogue values with their errors, NaN where a star has no period."""
        columns: dict[str, Array] = {}
        for name in CATALOGUE:
            truth, error = self.labels[name], CATALOGUE_ERROR[name]
            relative = name in ("prot", "radius")
            noise = rng.standard_normal(len(self))
            columns[name] = truth * (1.0 + error * noise) if relative else truth + error * noise
        unknown = (
            (rng.random(len(self)) < NO_PERIOD)
            | (self.labels["prot"] > LONGEST)
            | (self.labels["amplitude"] < FAINTEST)
        )
        columns["prot"] = np.where(unknown, np.nan, columns["prot"])
        return [{k: float(v[i]) for k, v in columns.items()} for i in range(len(self))]


def draw(part: str, n: int, *, tracks: Path, folder: Path, workers: int = 1, progress: bool = True) -> Stars:
    """``n`` stars of a part, from the folder as far as they are there, simulated and kept otherwise.

    Parameters
    ----------
    part : str
        A key of :data:`SEEDS`.
    n : int
    tracks : path
        ``sse_tracks.npz``.
    folder : path
    workers : int
        Processes that simulate.
    progress : bool

    Raises
    ------
    ModelError
        For an unknown part.
    """
    if part not in SEEDS:
        raise ModelError(f"No part {part!r}", expected=", ".join(SEEDS))
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{part}-{i:03d}.npz" for i in range(-(-n // CHUNK))]
    absent = [(SEEDS[part] + i, tracks, path) for i, path in enumerate(paths) if not path.is_file()]
    if workers > 1 and absent:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            list(pool.map(_simulate, *zip(*absent, strict=True)))
    else:
        for one in absent:
            _simulate(*one)
    if progress and absent:
        print(f"  {part}: {len(absent)} x {CHUNK} stars simulated", flush=True)
    chunks = []
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            chunks.append({k: file[k] for k in file.files})
    names = [k for k in chunks[0] if k.startswith("label.")]
    joined = {k: np.concatenate([c[k] for c in chunks])[:n] for k in ("spectra", "flux", "kind", *names)}
    labels = {k.removeprefix("label."): joined[k].astype(np.float64) for k in names}
    return Stars(joined["spectra"], joined["flux"], labels, joined["kind"])


def _simulate(seed: int, tracks: Path, path: Path) -> None:
    import torch

    from specviz.simulate.light_curves.pairs import simulate_pairs

    torch.set_num_threads(1)  # of the emulator: processes share the cores

    pairs = simulate_pairs(CHUNK, seed, tracks=tracks, days=SIMULATED_DAYS, cadence_hours=CADENCE_HOURS)
    views = spectrum_views(pairs.wave, pairs.lamost, pairs.lamost_ivar, rv=pairs.labels["rv_measured"])
    arrays: dict[str, Any] = {f"label.{k}": np.asarray(v, np.float32) for k, v in pairs.labels.items()}
    arrays |= {"spectra": views.astype(np.float16), "flux": pairs.flux.astype(np.float32)}
    scratch = path.with_name(f"part-{path.name}")
    np.savez(scratch, kind=pairs.kind.astype(np.str_), **arrays)
    scratch.replace(path)
