"""``PairSampler``: endless pairs of a simulated LAMOST spectrum and a simulated Gaia XP spectrum of the same star."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import SpecvizError
from specviz.simulate import instrument
from specviz.simulate.conditions import Conditions, draw_conditions
from specviz.simulate.continuum_batch import WIDE, WINDOW, gaspp_blue, gaspp_wide, gaspp_window, wide_window
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.grid import SplitName, SyntheticGrid
from specviz.simulate.lamost import observe_lamost
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_COEFF1, LAMOST_NATIVE


@dataclass(frozen=True, eq=False)
class PairBatch:
    """B stars seen by both surveys. All float32 unless said otherwise.

    Attributes
    ----------
    lamost, lamost_ivar, lamost_clean : (B, 1462)
        Continuum-normalised flux on SpecCLIP's grid, its inverse variance (0 = masked; such pixels are bridged in
        ``lamost``), and the same star and night without noise, normalised by its own continuum. The radial velocity
        stays in.
    lamost_continuum : (B, 1462)
        What ``lamost`` was divided by (raw flux = lamost * lamost_continuum; its median near 5000 A is about 1).
    lamost_rest : (B, 1462)
        ``lamost_clean`` moved to the rest frame: what a spectrum of the other survey, which knows no radial velocity,
        can predict.
    xp, xp_sigma, xp_clean : (B, 343)
        Flux divided by its value at 550 nm, the quoted error of each sample, and the same without noise.
    xp_dustfree : (B, 343)
        ``xp_clean`` of the same star without dust: what a continuum-normalised spectrum can predict.
    labels : dict of (B,)
        ``teff`` (K), ``logg``, ``fe_h``, ``alpha_fe``, ``vmic``, each ``x_fe`` (dex); ``rv``, ``vsini`` (km/s),
        ``ebv``, ``g_mag`` (mag), ``r_v``, ``snr`` (per pixel, g band).
    index : (B,) int64
        Rows of the grid.
    """

    lamost: NDArray[np.float32]
    lamost_ivar: NDArray[np.float32]
    lamost_clean: NDArray[np.float32]
    lamost_continuum: NDArray[np.float32]
    lamost_rest: NDArray[np.float32]
    xp: NDArray[np.float32]
    xp_sigma: NDArray[np.float32]
    xp_clean: NDArray[np.float32]
    xp_dustfree: NDArray[np.float32]
    labels: dict[str, NDArray[np.float32]]
    index: NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.index.size)


class PairSampler:
    """Draws stars of one split of the grid and observes each with LAMOST and Gaia.

    Parameters
    ----------
    grid : SyntheticGrid
        Open it with ``preload=True`` for training.
    seed : int
        The whole sequence of batches follows from it.
    split : {"train", "validation", "test"} or a tuple of them
    weights : {"survey", "uniform"} or array
        "uniform": every grid star equally often. "survey": half uniform, half as often as a survey like LAMOST would
        meet such a star (needs ``tracks``). Or one non-negative weight a star of the split.
    tracks : path, optional
        ``sse_tracks.npz``; by default beside the grid. Only for ``weights="survey"``.
    ebv_mean : float
        Mean of the exponential distribution of E(B-V).
    wide : bool
        LAMOST spectra of the whole range (3,893 pixels of ``WIDE_WAVELENGTH``; masked pixels hold 1, and in some stars
        an arm is missing) instead of SpecCLIP's 1,462.
    xp : XPSimulator, optional
        Another instrument than the packaged one.
    """

    def __init__(
        self,
        grid: SyntheticGrid,
        seed: int = 0,
        split: SplitName | tuple[SplitName, ...] = "train",
        *,
        weights: str | ArrayLike = "survey",
        tracks: Any = None,
        ebv_mean: float = 0.1,
        wide: bool = False,
        xp: XPSimulator | None = None,
    ) -> None:
        self.grid, self.rows, self.ebv_mean, self.wide = grid, grid.indices(split), ebv_mean, wide
        self.rng = np.random.default_rng(seed)
        self.xp = xp or XPSimulator()
        self.probability = self._probability(weights, tracks)

    def _probability(self, weights: str | ArrayLike, tracks: Any) -> NDArray[np.float64]:
        uniform = np.full(self.rows.size, 1.0 / self.rows.size)
        if isinstance(weights, str):
            if weights == "uniform":
                return uniform
            if weights == "survey":
                from specviz.simulate.population import Population

                survey = Population.from_tracks(
                    self.grid, tracks or self.grid.path.with_name("sse_tracks.npz")
                ).grid_weights(self.rows)
                return np.asarray(0.5 * uniform + 0.5 * survey)
            raise SpecvizError(f"Unknown weights {weights!r}", expected="'survey', 'uniform' or an array")
        array = np.asarray(weights, np.float64)
        if array.shape != self.rows.shape or not np.all(array >= 0) or array.sum() <= 0:
            raise SpecvizError(
                f"Weights of shape {array.shape}", expected=f"{self.rows.size} non-negative numbers, one a star"
            )
        return np.asarray(array / array.sum())

    def batches(self, size: int, count: int) -> Iterator[PairBatch]:
        """``count`` batches of ``size`` stars."""
        for _ in range(count):
            yield self.draw(size)

    def draw(self, size: int | None = None, *, indices: ArrayLike | None = None, **fixed: ArrayLike) -> PairBatch:
        """One batch.

        Parameters
        ----------
        size : int, optional
            How many stars to draw; or
        indices : array of int, optional
            Rows of the grid to observe.
        **fixed
            ``snr``, ``ebv``, ``rv``, ``g_mag``: given instead of drawn, scalar or (B,).
        """
        rng = self.rng
        if indices is None:
            if size is None:
                raise SpecvizError("Nothing to draw", expected="a size, or grid rows as indices")
            rows = rng.choice(self.rows, size=size, p=self.probability)
        else:
            rows = np.atleast_1d(np.asarray(indices, np.int64))
        labels = {name: values[rows] for name, values in self.grid.labels.items()}
        g_fixed = fixed.pop("g_mag", None)
        conditions = draw_conditions(rng, labels["teff"], labels["logg"], ebv_mean=self.ebv_mean, **fixed)
        g_mag = g_magnitude(rng, conditions.snr)
        if g_fixed is not None:
            g_mag = np.broadcast_to(np.asarray(g_fixed, float), g_mag.shape).copy()
        return observe_pairs(self.grid, rows, conditions, g_mag, rng, self.xp, wide=self.wide)


def g_magnitude(rng: np.random.Generator, snr: NDArray[np.float64]) -> NDArray[np.float64]:
    """A plausible Gaia G for a star that LAMOST saw at this S/N (plates differ in exposure: 0.9 mag of scatter)."""
    return np.asarray(np.clip(14.2 - np.log10(snr / 56.0) / 0.30 + rng.normal(0.0, 0.9, snr.size), 8.0, 17.65))


#: Mean and spread of R_V = A(V) / E(B-V) over the sky (Schlafly et al. 2016, ApJ 821, 78).
R_V = (3.1, 0.18)


def to_rest_frame(normalised: NDArray[np.float32], rv: NDArray[np.float64]) -> NDArray[np.float32]:
    """Spectra (B, L) on a log-wavelength grid moved by -``rv`` (B,) km/s, by cubic convolution (Keys 1981, a = -1/2).

    Ends are held. LAMOST's lines are three pixels wide or more, so the kernel changes their depths by less than 0.1 %.
    """
    n = normalised.shape[1]
    shift = np.log10(1.0 + np.asarray(rv, np.float64) / C_KM_S) / LAMOST_COEFF1
    whole = np.floor(shift).astype(np.int64)
    t = (shift - whole).astype(np.float32)[:, None]
    weights = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    out = np.zeros_like(normalised)
    for k, weight in enumerate(weights):
        columns = (np.arange(n)[None] + (whole[:, None] + k - 1)).clip(0, n - 1)
        out += weight * np.take_along_axis(normalised, columns, axis=1)
    return out


def observe_pairs(
    grid: SyntheticGrid,
    rows: NDArray[np.int64],
    conditions: Conditions,
    g_mag: NDArray[np.float64],
    rng: np.random.Generator,
    xp: XPSimulator,
    *,
    wide: bool = False,
) -> PairBatch:
    """Observe the grid stars ``rows`` under ``conditions`` with LAMOST (SpecCLIP's window, or all) and with Gaia."""
    seen = observe_lamost(
        grid.norm(rows),
        grid.wave,
        lambda wave: grid.continuum(rows, wave),
        conditions,
        rng,
        n_pixels=LAMOST_NATIVE.size if wide else instrument.N_WINDOW,
        extinction=xp.extinction_curve,
    )
    if wide:
        lamost, ivar, continuum = wide_window(seen.flux, lose_arms(seen.ivar, rng))
    else:
        lamost, ivar, continuum = gaspp_window(seen.flux, seen.ivar)
    rest, clean = _clean_window(seen.clean, conditions.rv, wide)
    sed = grid.sed(rows)
    r_v = np.clip(rng.normal(*R_V, len(rows)), 2.4, 4.5)
    relative = xp.observe(sed, g_mag, rng, ebv=conditions.ebv, r_v=r_v).relative()
    dustfree = xp.observe(sed, g_mag, None).relative().clean
    labels = {name: values[rows] for name, values in grid.labels.items()}
    for name in ("rv", "vsini", "ebv", "snr"):
        labels[name] = getattr(conditions, name).astype(np.float32)
    labels["g_mag"], labels["r_v"] = g_mag.astype(np.float32), r_v.astype(np.float32)
    return PairBatch(
        lamost, ivar, clean, continuum, rest, relative.flux, relative.sigma, relative.clean, dustfree, labels, rows
    )


def lose_arms(ivar: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Mask the red arm of one star in eight, the blue one of one in twenty-five, and a run of pixels of one in ten."""
    out = ivar.copy()
    what = rng.random(len(out))
    join = int(np.searchsorted(LAMOST_NATIVE, instrument.ARM_JOIN))
    out[what < 0.125, join:] = 0.0
    out[(what >= 0.125) & (what < 0.165), :join] = 0.0
    for row in np.flatnonzero(what > 0.9):
        start = int(rng.integers(0, out.shape[1] - 100))
        out[row, start : start + int(rng.integers(100, 700))] = 0.0
    return out


def _clean_window(clean: NDArray[np.float32], rv: NDArray[np.float64], wide: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Noiseless native spectra (B, n), normalised, on the model's window: in the rest frame, and as observed."""
    continuum, window = (gaspp_wide(clean), WIDE) if wide else (gaspp_blue(clean), WINDOW)
    normalised = (clean / continuum).astype(np.float32)
    return to_rest_frame(normalised, rv)[:, window], normalised[:, window]
