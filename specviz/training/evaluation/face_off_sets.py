"""Stars with known labels on which all models are compared: real ones of held-out plates, and simulated ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpecvizError
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.grid import SplitName, SyntheticGrid
from specviz.simulate.lamost import observe_lamost
from specviz.simulate.pairs import g_magnitude
from specviz.spectra.grids import SPECCLIP_WAVELENGTH, XP_REFERENCE_INDEX, XP_WAVELENGTH_NM
from specviz.spectra.resample import to_specclip_grid
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.training.data import TEST, TRAIN, RealLamost, find_material
from specviz.training.real_stars import training_file_stars

Array = NDArray[np.float64]
LABELS = ("teff", "logg", "fe_h", "alpha_fe")
#: How well the velocity is known that comes with a simulated spectrum, km/s.
RV_ERROR = 5.0
#: Figures are of stars that every model was made for, K.
COOLEST, HOTTEST = 4000.0, 7000.0


@dataclass(frozen=True, eq=False)
class LabelledStars:
    """Stars and what is known of them: ``truth`` of each label, (n,), NaN where it is not known."""

    title: str
    stars: tuple[Star, ...]
    truth: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.stars)

    @cached_property
    def grids(self) -> dict[str, Array]:
        """The spectra on common grids, for models that know nothing of spectra: survey -> (n, L), NaN rows where a
        star has none.
        """
        sizes = {"lamost_lrs": SPECCLIP_WAVELENGTH.size, "gaia_xp": XP_WAVELENGTH_NM.size}
        surveys = [s for s in sizes if any(s in star.spectra for star in self.stars)]
        out = {s: np.full((len(self), sizes[s]), np.nan) for s in surveys}
        for i, star in enumerate(self.stars):
            for survey in surveys:
                if survey in star.spectra:
                    out[survey][i] = _on_grid(survey, star.spectra[survey])
        return out


def _on_grid(survey: str, spectrum: Spectrum) -> Array:
    if survey == "gaia_xp":
        return np.asarray(spectrum.flux / spectrum.flux[XP_REFERENCE_INDEX], np.float64)
    try:
        return np.asarray(to_specclip_grid(spectrum).values, np.float64)
    except SpecvizError:  # the grid is not reached: the models say so of this star themselves
        return np.full(SPECCLIP_WAVELENGTH.size, np.nan)


def held_out_real(shared: Path, n: int | None = None, *, train: bool = False) -> LabelledStars:
    """Real LAMOST stars with LASP's labels, S/N(g) > 20 and Teff < 7000 K: of plates that no training saw, or with
    ``train`` of those that all did; the first ``n``.
    """
    lamost = RealLamost.load(shared)
    rows = lamost.trusted(TRAIN if train else TEST)[:n]
    labels = {k: lamost.labels[rows, i].astype(np.float64) for i, k in enumerate(("teff", "logg", "fe_h"))}
    plates = len(set(lamost.planid[rows]))
    stars = tuple(training_file_stars(shared, rows))
    title = f"Real LAMOST spectra of {plates} {'training' if train else 'held-out'} plates, truth: LASP"
    return LabelledStars(title, stars, labels | {"alpha_fe": np.full(len(rows), np.nan)})


def simulated(shared: Path, n: int, seed: int, split: SplitName = "test", snr: float | None = None) -> LabelledStars:
    """Stars of a split of the synthetic grid seen by LAMOST (whole range) and by Gaia, with the instruments' faults.

    Parameters
    ----------
    shared : Path
    n, seed : int
    split : {"train", "validation", "test"}
    snr : float, optional
        Of the LAMOST spectrum, a pixel in g; drawn as a survey would give it without.
    """
    path = find_material(shared, "synthetic/lte_grid.h5")
    with SyntheticGrid.open(path, preload=True) as grid:
        rng, xp = np.random.default_rng(seed), XPSimulator()
        rows = grid.indices(split)
        teff = grid.labels["teff"][rows]
        rows = rows[(teff > COOLEST) & (teff < HOTTEST)]
        rows = rng.choice(rows, n, replace=n > len(rows))
        stars: list[Star] = []
        for i in range(0, n, 64):
            stars += _observed(grid, rows[i : i + 64], snr, rng, xp)
        truth = {k: np.asarray(grid.labels[k][rows], np.float64) for k in LABELS}
    at = "" if snr is None else f" at S/N {snr:g}"
    return LabelledStars(f"Simulated LAMOST and Gaia XP spectra{at}, {split} stars of the grid", tuple(stars), truth)


def _observed(
    grid: SyntheticGrid, rows: NDArray[np.int64], snr: float | None, rng: np.random.Generator, xp: XPSimulator
) -> list[Star]:
    fixed = {} if snr is None else {"snr": snr}
    night = draw_conditions(rng, grid.labels["teff"][rows], grid.labels["logg"][rows], **fixed)
    seen = observe_lamost(
        grid.norm(rows), grid.wave, lambda wave: grid.continuum(rows, wave), night, rng,
        extinction=xp.extinction_curve,
    )  # fmt: skip
    light = xp.observe(grid.sed(rows), g_magnitude(rng, night.snr), rng, ebv=night.ebv)
    velocity = night.rv + rng.normal(0.0, RV_ERROR, len(rows))
    stars = []
    for i, row in enumerate(rows):
        ivar = seen.ivar[i].astype(np.float64)
        meta = {"object_id": f"grid {row}", "rv": float(velocity[i]), "snr": float(night.snr[i])}
        lamost = Spectrum(seen.wave, seen.flux[i].astype(np.float64), ivar, ivar <= 0, survey="lamost_lrs", meta=meta)
        gaia = Spectrum(
            XP_WAVELENGTH_NM, light.flux[i].astype(np.float64), light.sigma[i].astype(np.float64) ** -2.0,
            survey="gaia_xp", flux_unit="W m-2 nm-1", meta={"object_id": f"grid {row}", "release": "DR3"},
        )  # fmt: skip
        stars.append(Star(f"grid {row}", spectra={"lamost_lrs": lamost, "gaia_xp": gaia}))
    return stars
