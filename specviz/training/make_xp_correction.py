"""Write ``simulate/data/xp_correction_dr3.npz``: what real XP spectra of stars have and simulated ones have not.

``python -m specviz.training.make_xp_correction``. Bright, unlabelled training spectra of Gaia XP are compared each with
the mean of its ten nearest simulated spectra (in ln flux at 400-1000 nm, free in scale; the simulated sky covers teff,
logg, fe_h and reddening, so what a label could explain is matched away). The median ratio over the stars whose
neighbours have 4700-7000 K is the correction: a dip of 1.5 % at 550 nm, where SpecCLIP normalises, 5 % at 636 nm, where
the two photometers meet, and 5 % at the red end. Cooler stars are left out because there the synthetic spectra
themselves lack opacities. Below 375 nm no match can tell a label from a fault, and the grid is known to be too bright
there (its own comparison with Vega: +8 %, from 3750 A down): that is taken off. The 25 % of the spectra held out for
tests, and the CALSPEC stars, take no part.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.models.specclip.signal import log_snr
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.pairs import PairSampler
from specviz.spectra.grids import XP_WAVELENGTH_NM
from specviz.training.data import RealXp, find_material
from specviz.training.recipe import DEFAULT_RECIPE, read_recipe, shared_folder

TARGET = Path(__file__).parents[1] / "simulate" / "data" / "xp_correction_dr3.npz"
#: Simulated stars to compare with, S/N a sample that a real spectrum must have, neighbours that are averaged.
N_SIMULATED, MIN_SNR, N_NEAREST = 40_000, 40.0, 10
#: Neighbours of these temperatures (K) make the correction; wavelengths (nm) that the match looks at.
TEFF, MATCHED = (4700.0, 7000.0), (400.0, 1000.0)
#: The grid's excess in the ultraviolet (ln), full below the first wavelength (nm), none beyond the second.
UV_EXCESS, UV_EDGE = 0.077, (365.0, 380.0)


def mean_ratio(real: NDArray[np.float32], simulated: NDArray[np.float32], teff: NDArray[np.float32], rounds: int = 8
               ) -> NDArray[np.float64]:  # fmt: skip
    """ln(real / simulated), shape (343,), with mean 0 over the matched wavelengths.

    Parameters
    ----------
    real : array, shape (n, 343)
    simulated : array, shape (m, 343)
    teff : array, shape (m,)
        Of the simulated stars.
    rounds : int
        The match itself feels the ratio, so it is repeated with the ratio taken out.
    """
    wave = XP_WAVELENGTH_NM
    ok = (wave >= MATCHED[0]) & (wave <= MATCHED[1])

    def level(flux: NDArray[np.floating]) -> NDArray[np.float64]:
        out = np.log(np.maximum(flux.astype(np.float64), 1e-3))
        return out - out[:, ok].mean(axis=1, keepdims=True)

    known, seen, ratio = level(simulated), level(real), np.zeros(wave.size)
    x = known[:, ok][:, ::3]
    for _ in range(rounds):
        y = (seen - ratio)[:, ok][:, ::3]
        square = (x**2).sum(axis=1)[None] + (y**2).sum(axis=1)[:, None] - 2.0 * y @ x.T
        near = np.argpartition(square, N_NEAREST, axis=1)[:, :N_NEAREST]
        t = np.median(teff[near], axis=1)
        kept = (t > TEFF[0]) & (t < TEFF[1])
        step = np.median((seen - ratio - known[near].mean(axis=1))[kept], axis=0)
        ratio += step - step[ok].mean()
    return ratio


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the correction of simulated XP spectra.")
    parser.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    shared = shared_folder(parser.parse_args(argv).shared)
    xp = RealXp.load(shared, int(read_recipe(DEFAULT_RECIPE)["seed"]))
    bright = ~xp.test & (log_snr(xp.flux, xp.ivar) > np.log10(MIN_SNR))
    with SyntheticGrid.open(find_material(shared, "synthetic/lte_grid.h5"), preload=True) as grid:
        sampler = PairSampler(grid, seed=0, xp=XPSimulator(correction=None))
        batches = list(sampler.batches(500, N_SIMULATED // 500))
    ratio = mean_ratio(
        xp.flux[bright], np.concatenate([b.xp_clean for b in batches]),
        np.concatenate([b.labels["teff"] for b in batches]),
    )  # fmt: skip
    full = ((UV_EDGE[1] - XP_WAVELENGTH_NM) / (UV_EDGE[1] - UV_EDGE[0])).clip(0.0, 1.0)
    ratio = ratio * (1.0 - full) - UV_EXCESS * full
    np.savez_compressed(TARGET, wave_nm=XP_WAVELENGTH_NM, correction=np.exp(ratio).astype(np.float32))
    at = [int(np.argmin(np.abs(XP_WAVELENGTH_NM - w))) for w in (360, 410, 460, 486, 510, 550, 590, 636, 700, 800, 986)]
    print(f"{bright.sum()} real spectra; ln(real / simulated) in per cent:")
    print("  ".join(f"{XP_WAVELENGTH_NM[i]:.0f} nm {100 * ratio[i]:+.1f}" for i in at))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
