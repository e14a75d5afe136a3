"""What SpectraFM learns from: emulated stars as LAMOST sees them, and real LAMOST spectra."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.spectrafm.pixels import binned
from specviz.simulate.continuum_batch import WIDE, wide_window
from specviz.simulate.emulated import ALPHA_ELEMENTS
from specviz.spectra.grids import WIDE_WAVELENGTH
from specviz.training.data import RealLamost, find_material

#: The labels, in the order of the network's answers.
LABELS = ("teff", "logg", "fe_h", "alpha_fe", "c_fe", "mg_fe")
#: How far abundances of half of the emulated stars are moved off what the Galaxy makes, dex: so that [C/Fe] is read off
#: the spectrum and not off [Fe/H].
_MOVED = {"c_fe": 0.20, "n_fe": 0.20, "alpha": 0.10, "mg_fe": 0.10, "si_fe": 0.08, "ca_fe": 0.08, "ti_fe": 0.08}
_CHUNK = 256
#: Pixels of LAMOST that make one of the network's (414 km/s): a network that a CPU trains has no room for finer ones.
BINNING = 6
#: Wavelengths (648,) of those, vacuum Angstrom.
GRID = binned(WIDE_WAVELENGTH, np.ones(WIDE_WAVELENGTH.size), np.ones(WIDE_WAVELENGTH.size), BINNING)[0]


@dataclass(frozen=True, eq=False)
class Stars:
    """n stars seen by LAMOST.

    Attributes
    ----------
    flux, ivar : array of float16, shape (n, 648)
        Normalised, on :data:`GRID`, the star's velocity still in it; ivar 0 where masked.
    velocity : array of float32, shape (n,)
        What brings a spectrum to rest, km/s.
    labels : array of float32, shape (n, 6)
        In the order of :data:`LABELS`; NaN where none is known.
    snr : array of float32, shape (n,)
        Per pixel in g.
    """

    flux: NDArray[np.float16]
    ivar: NDArray[np.float16]
    velocity: NDArray[np.float32]
    labels: NDArray[np.float32]
    snr: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> Stars:
        return Stars(**{k: v[rows] for k, v in vars(self).items()})

    def save(self, path: Path, *, compressed: bool = True) -> None:
        """As a ``.npz``; the ivar is kept to 3 %."""
        coarse = (self.ivar.view(np.uint16) & 0xFFE0).view(np.float16)
        path.parent.mkdir(parents=True, exist_ok=True)
        (np.savez_compressed if compressed else np.savez)(path, **{**vars(self), "ivar": coarse})

    @classmethod
    def load(cls, path: Path) -> Stars:
        """What :meth:`save` wrote."""
        with np.load(path) as file:
            return cls(**{k: file[k] for k in file.files})


def real_stars(shared: Path, part: int) -> Stars:
    """The real LAMOST spectra of a part of the plates (:mod:`specviz.training.plates`), teff, logg, [Fe/H] of LASP."""
    real = RealLamost.load(shared, wide=True)
    rows = real.part(part)
    labels = np.full((len(rows), len(LABELS)), np.nan, np.float32)
    labels[:, :3] = real.labels[rows]
    _, flux, ivar = binned(WIDE_WAVELENGTH, real.flux[rows][:, WIDE], real.ivar[rows][:, WIDE], BINNING)
    velocity = np.nan_to_num(real.rv[rows]).astype(np.float32)
    return packed(flux, ivar, velocity, labels, real.snrg[rows])


def packed(flux: Any, ivar: Any, velocity: Any, labels: Any, snr: Any) -> Stars:
    """Stars in the types they are kept in; fluxes beyond -5 to 5 are cut."""
    half = np.clip(flux, -5.0, 5.0).astype(np.float16), np.minimum(ivar, 6e4).astype(np.float16)
    return Stars(*half, *(np.asarray(a).astype(np.float32) for a in (velocity, labels, snr)))


def grid_stars(shared: Path, split: Any, n: int, seed: int) -> Stars:
    """Stars of a split of the grid of LTE spectra, which the emulator was fitted to the training part of."""
    from specviz.simulate.grid import SyntheticGrid
    from specviz.simulate.pairs import PairSampler

    with SyntheticGrid.open(find_material(shared, "synthetic/lte_grid.h5")) as grid:
        seen = PairSampler(grid, seed=seed, split=split, wide=True).draw(n)
    _, flux, ivar = binned(WIDE_WAVELENGTH, seen.lamost, seen.lamost_ivar, BINNING)
    labels = np.stack([seen.labels[k] for k in LABELS], axis=1)
    return packed(flux, ivar, seen.labels["rv"], labels, seen.labels["snr"])


def other_survey(shared: Path, split: Any, n: int, seed: int) -> tuple[NDArray[np.float64], Stars]:
    """Stars of the grid as no LAMOST sees them: R = 1000, even pixels of 10 Angstrom at 5900-9100, rest frame.

    Returns
    -------
    wavelength : array, shape (320,)
    stars : Stars
        ``n`` of them, or as many as there are, normalised by their true continuum, bent by 1 %; S/N 25 to 100 a pixel.
    """
    from scipy.ndimage import gaussian_filter1d

    from specviz.simulate.grid import SyntheticGrid

    rng = np.random.default_rng(seed)
    with SyntheticGrid.open(find_material(shared, "synthetic/lte_grid.h5")) as grid:
        cool = (grid.labels["teff"] > 4000) & (grid.labels["teff"] < 7000)
        there = np.intersect1d(grid.indices(split), np.flatnonzero(cool))
        n = min(n, there.size)
        rows = rng.choice(there, n, replace=False)
        labels = np.stack([grid.labels[k][rows] for k in LABELS], axis=1)
        step = float(np.log(grid.wave[1] / grid.wave[0]))
        sigma = np.sqrt(1000.0**-2 - 5000.0**-2) / np.sqrt(8.0 * np.log(2.0)) / step
        seen = gaussian_filter1d(grid.norm(rows), sigma, axis=1, mode="nearest")
        wave = np.arange(5905.0, 9100.0, 10.0)
        flux = np.stack([np.interp(wave, grid.wave, row) for row in seen])
    bend = rng.normal(0.0, 0.01, (n, 2)) @ np.stack([np.linspace(-1, 1, wave.size), np.linspace(-1, 1, wave.size) ** 2])
    snr = rng.uniform(25.0, 100.0, n)
    flux = flux * (1.0 + bend) + rng.standard_normal(flux.shape) / snr[:, None]
    ivar = np.broadcast_to(snr[:, None] ** 2, flux.shape)
    return wave, packed(flux, ivar, np.zeros(n), labels, snr)


def emulated_labels(shared: Path, n: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Labels of ``n`` stars of a survey, thinned where stars are many so that rare teff and [Fe/H] are seen too.

    Half of them have abundances moved at random.
    """
    from specviz.simulate.packaged import packaged_emulator
    from specviz.simulate.survey import SurveyPopulation

    ranges = packaged_emulator().ranges
    population = SurveyPopulation.from_tracks(find_material(shared, "synthetic/sse_tracks.npz"), ranges=ranges)
    rng = np.random.default_rng(seed)
    parts = [population.draw(rng, 20_000).labels for _ in range(max(2, -(-8 * n // 20_000)))]
    drawn = {k: np.concatenate([p[k] for p in parts]) for k in ranges}
    cells = [
        np.digitize(drawn[k], edges)
        for k, edges in (("teff", np.linspace(3500, 9500, 13)), ("fe_h", np.linspace(-2.4, 0.4, 15)))
    ]
    cell = cells[0] * 100 + cells[1]
    weight = np.bincount(cell)[cell] ** -0.75
    rows = rng.choice(len(cell), n, replace=False, p=weight / weight.sum())
    labels = {k: v[rows] for k, v in drawn.items()}
    moved = rng.random(n) < 0.5
    common = _MOVED["alpha"] * rng.standard_normal(n)
    for name, size in _MOVED.items():
        if name in labels:
            shift = size * rng.standard_normal(n) + (common if name in ALPHA_ELEMENTS else 0.0)
            labels[name] = labels[name] + moved * shift
    for name in ("o_fe", "s_fe"):
        labels[name] = labels[name] + moved * common
    return {k: np.clip(v, *ranges[k]) for k, v in labels.items()}


def emulated_stars(labels: Mapping[str, NDArray[np.float64]], seed: int, workers: int = 1) -> Stars:
    """The stars of these labels observed by LAMOST, each with conditions and noise of its own."""
    n = len(labels["teff"])
    jobs = [({k: v[i : i + _CHUNK] for k, v in labels.items()}, (seed, i)) for i in range(0, n, _CHUNK)]
    if workers == 1:
        parts = [_observed(*job) for job in jobs]
    else:
        with ProcessPoolExecutor(workers) as pool:
            parts = list(pool.map(_observed, *zip(*jobs, strict=True)))
    return Stars(**{k: np.concatenate([vars(p)[k] for p in parts]) for k in vars(parts[0])})


def _observed(labels: dict[str, NDArray[np.float64]], seed: tuple[int, int]) -> Stars:
    import torch

    from specviz.simulate.conditions import draw_conditions
    from specviz.simulate.emulated import loglinear
    from specviz.simulate.gaia_xp import XPSimulator
    from specviz.simulate.lamost import observe_lamost
    from specviz.simulate.packaged import packaged_emulator
    from specviz.simulate.pairs import lose_arms

    torch.set_num_threads(1)
    rng, emulator, xp = np.random.default_rng(seed), packaged_emulator(), XPSimulator()
    made = emulator.spectra(labels, sed=False, outside="clip")
    night = draw_conditions(rng, labels["teff"], labels["logg"], ebv_mean=0.1)

    def continuum(wave: NDArray[np.float64]) -> NDArray[Any]:
        return loglinear(wave, emulator.cont_wave, made.continuum)

    seen = observe_lamost(made.norm, emulator.wave, continuum, night, rng, extinction=xp.extinction_curve)
    flux, ivar, _ = wide_window(seen.flux, lose_arms(seen.ivar, rng))
    _, flux, ivar = binned(WIDE_WAVELENGTH, flux, ivar, BINNING)
    told = {**labels, "alpha_fe": np.mean([labels[k] for k in ALPHA_ELEMENTS], axis=0)}
    return packed(flux, ivar, night.rv, np.stack([told[k] for k in LABELS], axis=1), night.snr)
