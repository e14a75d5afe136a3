"""What plain regression says of the same spectra: ridge and gradient boosting, trained at the same S/N.

Both learn from simulated observations of the grid's training rows, so that they know the distribution that the test
stars come from; a fit knows only its broad prior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from specviz.models.phdlspec.config import LABEL_NAMES
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.grid import SplitName, SyntheticGrid
from specviz.simulate.lamost import observe_lamost
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_NATIVE

Array = NDArray[np.float64]
#: Stretch that is read (vacuum Angstrom), without the worst of atmosphere and sky.
_WINDOW = (3900.0, 8900.0)
_LEFT_OUT = ((5570.0, 5588.0), (5820.0, 5905.0), (6860.0, 6970.0), (7580.0, 7720.0), (8120.0, 8360.0))
#: Sigma of the smoothed flux that a spectrum is divided by, pixels (Ho et al. 2017 smooth over 50 A).
_SMOOTH = 50.0
_BATCH = 64
#: Principal components that ridge and boosting read, and trees a label.
_LINEAR, _COMPONENTS, _ROUNDS = 300, 40, 100


@dataclass(frozen=True, eq=False)
class Observed:
    """Simulated observations: ``wave`` (L,), ``flux`` and ``ivar`` (n, L), labels by name (n,), and the velocity that
    came with each (km/s, 5 km/s off as LAMOST's).
    """

    wave: Array
    flux: Array
    ivar: Array
    labels: dict[str, Array]
    told_rv: Array

    def __len__(self) -> int:
        return len(self.flux)


def observe_grid(shared: Path, split: SplitName, n: int, snr: float, seed: int) -> Observed:
    """LAMOST observations of ``n`` rows of the grid at one S/N, artefacts and calibration errors included."""
    rng = np.random.default_rng(seed)
    dust = XPSimulator()
    flux, ivar, rv = [], [], []
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5", preload=True) as grid:
        rows = rng.permutation(grid.indices(split))[:n]
        labels = {k: np.asarray(grid.labels[k][rows], np.float64) for k in (*LABEL_NAMES, "alpha_fe")}
        for i in range(0, len(rows), _BATCH):
            at = rows[i : i + _BATCH]
            night = draw_conditions(rng, labels["teff"][i : i + _BATCH], labels["logg"][i : i + _BATCH], snr=snr)

            def continuum(wave: Array, at: NDArray[np.int64] = at) -> NDArray[np.float32]:
                return grid.continuum(at, wave)

            seen = observe_lamost(
                grid.norm(at), grid.wave, continuum, night, rng, extinction=dust.extinction_curve
            )  # fmt: skip
            flux.append(seen.flux)
            ivar.append(seen.ivar)
            rv.append(night.rv)
    labels["rv"] = np.concatenate(rv)
    told = labels["rv"] + rng.normal(0.0, 5.0, len(rows))
    return Observed(seen.wave, np.concatenate(flux).astype(float), np.concatenate(ivar).astype(float), labels, told)


def features(seen: Observed) -> NDArray[np.float32]:
    """Flux over itself smoothed, at rest by the velocity that came with it, two pixels averaged, (n, m)."""
    wave = LAMOST_NATIVE
    keep = (wave > _WINDOW[0]) & (wave < _WINDOW[1])
    for low, high in _LEFT_OUT:
        keep &= (wave < low) | (wave > high)
    out = []
    for flux, ivar, rv in zip(seen.flux, seen.ivar, seen.told_rv, strict=True):
        good = ((ivar > 0) & np.isfinite(flux)).astype(float)
        smooth = gaussian_filter1d(np.where(good > 0, flux, 0.0), _SMOOTH)
        smooth /= np.maximum(gaussian_filter1d(good, _SMOOTH), 1e-3)
        ratio = np.where(good > 0, flux / np.where(smooth > 0, smooth, 1.0), 1.0).clip(-0.2, 2.0)
        ratio = np.interp(wave * (1.0 + rv / C_KM_S), seen.wave, ratio)[keep]
        out.append(ratio[: len(ratio) // 2 * 2].reshape(-1, 2).mean(1))
    return np.asarray(out, np.float32)


def baselines(train: Observed, seed: int = 0) -> dict[str, Callable[[Observed], dict[str, Array]]]:
    """Regressions of all 28 labels, by name: what predicts from observations."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    x = features(train)
    y = np.stack([train.labels[name] for name in LABEL_NAMES], axis=1)
    centre, scale = y.mean(0), y.std(0)
    components = PCA(min(_LINEAR, len(x) // 2), random_state=seed).fit(x)
    z = components.transform(x)
    # Each label its own penalty, by leave-one-out.
    ridge = RidgeCV(alphas=np.geomspace(1e-3, 10.0, 9), alpha_per_target=True).fit(z, (y - centre) / scale)
    trees: list[Any] = [
        HistGradientBoostingRegressor(max_iter=_ROUNDS, learning_rate=0.08, random_state=seed).fit(
            z[:, :_COMPONENTS], column
        )
        for column in y.T
    ]

    def by_ridge(seen: Observed) -> dict[str, Array]:
        found = ridge.predict(components.transform(features(seen))) * scale + centre
        return dict(zip(LABEL_NAMES, found.T, strict=True))

    def by_boosting(seen: Observed) -> dict[str, Array]:
        read = components.transform(features(seen))[:, :_COMPONENTS]
        return {name: tree.predict(read) for name, tree in zip(LABEL_NAMES, trees, strict=True)}

    return {"ridge": by_ridge, "boosting": by_boosting}
