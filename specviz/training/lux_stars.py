"""The stars that Lux is fitted to and measured on: simulated pairs, real LAMOST stars with LASP's labels, real XP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.models.lux.rest import to_rest
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.pairs import PairSampler
from specviz.spectra.grids import WIDE_WAVELENGTH, XP_WAVELENGTH_NM
from specviz.training.data import MARGIN, RealLamost, RealXp

Array = NDArray[np.float64]
LABELS = ("teff", "logg", "fe_h", "alpha_fe", "c_fe", "n_fe", "mg_fe", "si_fe", "ca_fe", "ti_fe", "ebv")
SIZES = {"lamost_lrs": WIDE_WAVELENGTH.size, "gaia_xp": XP_WAVELENGTH_NM.size}
#: Stars hotter than this are another kind of object to a linear model.
HOTTEST = 7500.0
#: What a label of the LASP pipeline is taken to be known to: K, dex, dex.
LASP_ERROR = {"teff": 60.0, "logg": 0.09, "fe_h": 0.06}
#: A label of a simulated star is exact; an error of 1 % of its spread keeps the equations well conditioned.
EXACT = {"teff": 10.0, "logg": 0.01, "fe_h": 0.005, "ebv": 0.002}
#: How well the velocity that removes the Doppler shift is known, km/s.
_RV_ERROR = 5.0


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars with what is known of each.

    Parameters
    ----------
    values, ivar : mapping of survey to array of float32, shape (n, L)
        LAMOST at rest over its continuum on the wide grid, XP over its flux at 550 nm; ivar 0 where missing.
    labels, label_error : array, shape (n, K)
        In the order of :data:`LABELS`; an infinite error where unknown.
    clean : mapping of survey to array
        Without noise, where that is known.
    """

    values: Mapping[str, NDArray[np.float32]]
    ivar: Mapping[str, NDArray[np.float32]]
    labels: Array
    label_error: Array
    clean: Mapping[str, NDArray[np.float32]]

    def __len__(self) -> int:
        return len(self.labels)

    def label(self, name: str) -> Array:
        """One label, NaN where unknown, shape (n,)."""
        at = LABELS.index(name)
        return np.where(np.isfinite(self.label_error[:, at]), self.labels[:, at], np.nan)

    def take(self, rows: Any) -> Stars:
        """Some of them."""
        return Stars(
            {k: v[rows] for k, v in self.values.items()},
            {k: v[rows] for k, v in self.ivar.items()},
            self.labels[rows],
            self.label_error[rows],
            {k: v[rows] for k, v in self.clean.items()},
        )


def together(parts: Sequence[Stars]) -> Stars:
    """Several samples as one, without what is known of some alone (``clean``)."""
    return Stars(
        {s: np.concatenate([p.values[s] for p in parts]) for s in SIZES},
        {s: np.concatenate([p.ivar[s] for p in parts]) for s in SIZES},
        np.concatenate([p.labels for p in parts]),
        np.concatenate([p.label_error for p in parts]),
        {},
    )


def simulate(grid: SyntheticGrid, split: Any, n: int, seed: int) -> Stars:
    """Stars of a split of the grid cooler than :data:`HOTTEST`, observed by both surveys."""
    sampler = PairSampler(grid, seed=seed, split=split, wide=True)
    rng, kept = np.random.default_rng(seed + 1), 0
    parts: dict[str, list[NDArray[Any]]] = {}
    while kept < n:
        batch = sampler.draw(256)
        cool = np.flatnonzero(batch.labels["teff"] < HOTTEST)
        rv = batch.labels["rv"] + rng.normal(0.0, _RV_ERROR, len(batch))
        rest, ivar = to_rest(batch.lamost, batch.lamost_ivar, rv)
        row: dict[str, NDArray[Any]] = {
            "lamost": rest, "lamost_ivar": ivar, "lamost_clean": batch.lamost_rest, "xp": batch.xp,
            "xp_ivar": np.maximum(batch.xp_sigma, 1e-5) ** -2.0, "xp_clean": batch.xp_clean,
            "labels": np.stack([batch.labels[k] for k in LABELS], 1),
        }  # fmt: skip
        for key, value in row.items():
            parts.setdefault(key, []).append(np.asarray(value[cool], np.float32))
        kept += len(cool)
    d = {k: np.concatenate(v)[:n] for k, v in parts.items()}
    error = np.broadcast_to([EXACT.get(k, 0.01) for k in LABELS], d["labels"].shape).copy()
    return Stars(
        {"lamost_lrs": d["lamost"], "gaia_xp": d["xp"].clip(-2, 60)},
        {"lamost_lrs": d["lamost_ivar"], "gaia_xp": d["xp_ivar"]},
        d["labels"].astype(np.float64),
        error,
        {"lamost_lrs": d["lamost_clean"], "gaia_xp": d["xp_clean"]},
    )


def _empty(n: int) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]], Array, Array]:
    """Nothing known of n stars."""
    values = {s: np.ones((n, size), np.float32) for s, size in SIZES.items()}
    ivar = {s: np.zeros((n, size), np.float32) for s, size in SIZES.items()}
    return values, ivar, np.zeros((n, len(LABELS))), np.full((n, len(LABELS)), np.inf)


def real_lamost(material: RealLamost, rows: NDArray[np.int64]) -> Stars:
    """Real spectra (``RealLamost.load(..., wide=True)``) at rest, with LASP's Teff, log g and [Fe/H]."""
    values, ivar, labels, error = _empty(len(rows))
    rv = np.where(np.isfinite(material.rv[rows]), material.rv[rows], 0.0)
    rest, weight = to_rest(material.flux[rows], material.ivar[rows], rv)
    values["lamost_lrs"] = rest[:, MARGIN:-MARGIN].astype(np.float32)
    ivar["lamost_lrs"] = weight[:, MARGIN:-MARGIN].astype(np.float32)
    for k, (name, sigma) in enumerate(LASP_ERROR.items()):
        at = LABELS.index(name)
        labels[:, at], error[:, at] = material.labels[rows, k], sigma
    return Stars(values, ivar, labels, error, {})


def real_xp(material: RealXp, rows: NDArray[np.int64]) -> Stars:
    """Real Gaia XP spectra, of which no label is known."""
    values, ivar, labels, error = _empty(len(rows))
    values["gaia_xp"], ivar["gaia_xp"] = material.flux[rows], material.ivar[rows]
    return Stars(values, ivar, labels, error, {})
