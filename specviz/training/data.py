"""What the recipes learn from: real spectra with and without labels, and simulated pairs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import NotFoundError
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_COEFF1
from specviz.training.plates import TEST, TRAIN, VALIDATION, split_plates

#: Pixels kept on both sides of the model's window, so that a spectrum can be shifted in velocity (1 pixel = 69 km/s).
MARGIN = 8
#: Of the cached pairs; raised when their arrays change.
LAYOUT = 4
#: No star of the Galaxy moves faster; the pipeline's -9999 and its galaxies do.
MAX_Z = 0.005
#: Part of the real XP spectra that no training sees.
XP_TEST_FRACTION = 0.25
#: Gaia DR3 source_id of the ten CALSPEC standards, which are for tests alone.
CALSPEC = (
    1908095850396090880, 2135550755683407232, 1651137131123978112, 1633143932573832448, 1634280312200704768,
    1633585107317144960, 4345775217221821312, 2158745262705810304, 2161093682102883712, 2260019315938461952,
)  # fmt: skip
#: Simulated labels that are kept with the pairs.
PAIR_LABELS = (
    "teff", "logg", "fe_h", "alpha_fe", "rv", "ebv", "snr", "g_mag", "vsini", "c_fe", "n_fe", "mg_fe", "si_fe", "ca_fe",
    "ti_fe", "cr_fe", "mn_fe", "ni_fe", "ba_fe",
)  # fmt: skip

Array = NDArray[np.float32]


def find_material(shared: Path, name: str) -> Path:
    """A file of the training material.

    Raises
    ------
    NotFoundError
        With the way to point at the material.
    """
    path = Path(shared) / name
    if not path.exists():
        raise NotFoundError(
            f"The training material {name} is not in {shared}",
            remedy="Set SPECVIZ_SHARED or pass --shared to its folder",
        )
    return path


@dataclass(frozen=True, eq=False)
class RealLamost:
    """LAMOST spectra: normalised ``flux``, ``ivar`` (n, 1462 + 2 MARGIN); ``labels`` (n, 3) teff, logg, fe_h.

    ``rv`` (n,) km/s is the pipeline's, NaN where it gives none.
    """

    flux: Array
    ivar: Array
    labels: Array
    snrg: Array
    split: NDArray[np.int8]
    planid: NDArray[np.str_]
    rv: Array

    @classmethod
    def load(cls, shared: Path, *, wide: bool = False) -> RealLamost:
        """Read and normalise ``data/lamost_dr10_afg_train.npz`` (seconds; nothing to cache).

        ``wide``: the whole range (3,893 pixels + margin) instead of SpecCLIP's window.
        """
        from specviz.simulate.continuum_batch import WINDOW, fill_masked, gaspp_blue, gaspp_wide

        with np.load(find_material(shared, "data/lamost_dr10_afg_train.npz")) as f:
            d = {k: f[k] for k in f.files}
        part = slice(0, None if wide else 1920)
        window = slice(0, None) if wide else slice(WINDOW.start - MARGIN, WINDOW.stop + MARGIN)
        raw, ivar = d["flux"][:, part], d["ivar"][:, part]
        filled = fill_masked(raw, ivar)
        continuum = (gaspp_wide if wide else gaspp_blue)(filled)[:, window]
        good = (ivar[:, window] > 0) & np.isfinite(raw[:, window]) & (raw[:, window] != 0)
        flux = filled[:, window] / continuum
        return cls(
            flux=(np.where(good, flux, 1.0) if wide else flux).astype(np.float32),
            ivar=np.where(good, ivar[:, window] * continuum**2, 0).astype(np.float32),
            labels=np.stack([d["teff"], d["logg"], d["feh"]], axis=1).astype(np.float32),
            snrg=d["snrg"].astype(np.float32),
            split=split_plates(d["planid"], d["ra"], d["dec"]),
            planid=d["planid"],
            rv=np.where(np.abs(d["z"]) < MAX_Z, C_KM_S * d["z"], np.nan).astype(np.float32),
        )

    def part(self, number: int) -> NDArray[np.int64]:
        """Rows of :data:`TRAIN`, :data:`VALIDATION` or :data:`TEST`."""
        return np.flatnonzero(self.split == number)

    def trusted(self, number: int) -> NDArray[np.int64]:
        """Rows on which figures are quoted: teff < 7000 K and S/N(g) > 20."""
        return np.flatnonzero((self.split == number) & (self.labels[:, 0] < 7000) & (self.snrg > 20))

    def centred(self, rows: NDArray[Any]) -> tuple[Array, Array]:
        """Flux and ivar (b, 1462) without a shift."""
        return self.flux[rows, MARGIN:-MARGIN], self.ivar[rows, MARGIN:-MARGIN]

    def augmented(
        self, rows: NDArray[Any], rng: np.random.Generator, *, shift: int = 4, noise: float = 1.5, slope: float = 0.01
    ) -> tuple[Array, Array, Array]:
        """Flux and ivar (b, 1462) moved by up to ``shift`` pixels, with extra noise and a bent continuum.

        Also the velocity (b,) km/s that the move has added to each star's.
        """
        n = len(rows)
        move = rng.integers(-shift, shift + 1, n)
        start = MARGIN + move
        columns = start[:, None] + np.arange(self.flux.shape[1] - 2 * MARGIN)
        flux, ivar = self.flux[np.asarray(rows)[:, None], columns], self.ivar[np.asarray(rows)[:, None], columns]
        extra = (noise * rng.random(n) * (rng.random(n) < 0.6)).astype(np.float32)[:, None]  # in units of the variance
        sigma = np.sqrt(extra / np.maximum(ivar, 1e-3), where=ivar > 0, out=np.zeros_like(ivar)).clip(max=0.5)
        flux = flux + sigma * rng.standard_normal(flux.shape, dtype=np.float32)
        x = np.linspace(-1, 1, flux.shape[1], dtype=np.float32)
        bend = rng.normal(0, slope, (n, 3)).astype(np.float32)
        flux = flux * (1 + bend[:, :1] * x + bend[:, 1:2] * (1.5 * x**2 - 0.5) + bend[:, 2:] * np.sin(3 * x))
        return flux, ivar / (1 + extra), (C_KM_S * (10.0 ** (-LAMOST_COEFF1 * move) - 1.0)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class RealXp:
    """Unlabelled Gaia XP spectra: ``flux`` = f / f(550 nm), ``ivar`` of it (n, 343); ``test`` marks held-out ones."""

    flux: Array
    ivar: Array
    source_id: NDArray[np.int64]
    test: NDArray[np.bool_]

    @classmethod
    def load(cls, shared: Path, seed: int) -> RealXp:
        """Read ``data/gaia_xp_sampled_2010.npz``; spectra whose flux at 550 nm is below 3 sigma are left out."""
        from specviz.spectra.grids import XP_REFERENCE_INDEX

        with np.load(find_material(shared, "data/gaia_xp_sampled_2010.npz")) as f:
            flux, error, source = f["flux"].astype(float), f["flux_error"].astype(float), f["source_id"]
        scale = flux[:, XP_REFERENCE_INDEX]
        good = (scale > 3 * error[:, XP_REFERENCE_INDEX]) & np.isfinite(flux).all(axis=1) & (error > 0).all(axis=1)
        flux, error = flux[good] / scale[good, None], error[good] / scale[good, None]
        test = np.random.default_rng(seed).random(good.sum()) < XP_TEST_FRACTION
        test |= np.isin(source[good], CALSPEC)
        return cls(flux.clip(-2, 60).astype(np.float32), (error**-2.0).astype(np.float32), source[good], test)


@dataclass(frozen=True, eq=False)
class SimulatedPairs:
    """LAMOST and XP spectra of the same simulated stars, noisy and clean, with labels."""

    lamost: NDArray[Any]
    lamost_log_snr: Array
    lamost_ivar: NDArray[Any]
    lamost_clean: NDArray[Any]
    lamost_rest: NDArray[Any]
    xp: Array
    xp_ivar: Array
    xp_log_snr: Array
    xp_clean: Array
    xp_dustfree: Array
    labels: dict[str, Array]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.xp)

    @classmethod
    def load(cls, shared: Path, cache: Path, split: str, n: int, seed: int, progress: bool = False, *,
             wide: bool = False) -> SimulatedPairs:  # fmt: skip
        """Draw ``n`` pairs of a split of the synthetic grid; kept as ``cache/pairs4_<split>_<n>_<seed>.npz``."""
        path = cache / f"pairs{LAYOUT}{'w' if wide else ''}_{split}_{n}_{seed}.npz"
        if not path.exists():
            _draw_pairs(find_material(shared, "synthetic/lte_grid.h5"), path, split, n, seed, progress, wide)
        with np.load(path) as f:
            d = {k: f[k] for k in f.files}
        labels = {k: d.pop(f"label_{k}") for k in PAIR_LABELS}
        return cls(labels=labels, **d)

    def label_array(self, names: tuple[str, ...]) -> Array:
        """Labels (n, len(names))."""
        return np.stack([self.labels[n] for n in names], axis=1).astype(np.float32)


def _draw_pairs(grid_path: Path, path: Path, split: str, n: int, seed: int, progress: bool, wide: bool) -> None:
    from tqdm import tqdm

    from specviz.models.specclip.signal import log_snr
    from specviz.simulate.grid import SyntheticGrid
    from specviz.simulate.pairs import PairSampler

    parts: dict[str, list[NDArray[Any]]] = {}
    with SyntheticGrid.open(grid_path, preload=True) as grid:
        sampler = PairSampler(grid, seed=seed, split=split, weights="survey", wide=wide)  # type: ignore[arg-type]
        with tqdm(total=n, desc=f"simulate {split}", disable=not progress, unit="pair") as bar:
            for start in range(0, n, 512):
                b = sampler.draw(min(512, n - start))
                xp = np.clip(b.xp, -2.0, 60.0)
                xp_ivar = np.maximum(b.xp_sigma, 1e-5) ** -2.0
                row: dict[str, NDArray[Any]] = {
                    "lamost": b.lamost.astype(np.float16), "lamost_clean": b.lamost_clean.astype(np.float16),
                    "lamost_rest": b.lamost_rest.astype(np.float16), "xp_dustfree": b.xp_dustfree,
                    "lamost_ivar": np.minimum(b.lamost_ivar, 6e4).astype(np.float16), "xp": xp, "xp_clean": b.xp_clean,
                    "xp_ivar": xp_ivar.astype(np.float32), "index": b.index,
                    "lamost_log_snr": log_snr(b.lamost, b.lamost_ivar), "xp_log_snr": log_snr(xp, xp_ivar),
                    **{f"label_{k}": b.labels[k].astype(np.float32) for k in PAIR_LABELS},
                }  # fmt: skip
                for key, value in row.items():
                    parts.setdefault(key, []).append(value)
                bar.update(len(b.index))
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part.npz")
    np.savez(partial, **{k: np.concatenate(v) for k, v in parts.items()})  # type: ignore[arg-type]
    partial.replace(path)


__all__ = ["MARGIN", "TEST", "TRAIN", "VALIDATION", "RealLamost", "RealXp", "SimulatedPairs", "find_material"]
