"""``SimulatedSurvey``: star number i of a survey, drawn, emulated and observed from (seed, i) alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.simulate.binaries import CompositeStars
from specviz.simulate.conditions import Conditions, draw_conditions
from specviz.simulate.emulated import EmulatedStars, SpectralEmulator
from specviz.simulate.gaia_xp import XPBatch, XPSimulator
from specviz.simulate.lamost import LamostBatch, observe_lamost
from specviz.simulate.survey import SurveyDraw, SurveyPopulation

#: Streams of random numbers of one star: who it is, the night, LAMOST's noise, Gaia's noise.
_NIGHT, _LAMOST, _GAIA = 11, 12, 13


class SimulatedSurvey:
    """Stars by number; nothing is stored. A star's spectra are the same in every batch, but for the last digits that
    depend on how many stars are computed together (1e-6).

    Parameters
    ----------
    emulator : SpectralEmulator
        ``load_model("phdlspec-small")``.
    population : SurveyPopulation
    seed : int
    xp : XPSimulator, optional
    """

    def __init__(
        self, emulator: SpectralEmulator, population: SurveyPopulation, seed: int = 0, xp: XPSimulator | None = None
    ) -> None:
        self.emulator, self.population, self.seed = emulator, population, seed
        self.xp = xp or XPSimulator(correlated=True)

    def stars(self, index: ArrayLike) -> SurveyDraw:
        """Who the stars are; see :class:`SurveyDraw`."""
        return self.population.stars(self.seed, index)

    def conditions(self, index: ArrayLike, draw: SurveyDraw | None = None) -> Conditions:
        """The night of each star; velocity, rotation, dust and S/N are the star's."""
        rows = _rows(index)
        draw = draw or self.stars(rows)
        return conditions_of(draw, [np.random.default_rng([self.seed, _NIGHT, int(i)]) for i in rows])

    def light(self, draw: SurveyDraw) -> CompositeStars | EmulatedStars:
        """The stars' surface light, companions included (see :func:`light_of`)."""
        return light_of(self.emulator, draw)

    def lamost(self, index: ArrayLike, draw: SurveyDraw | None = None) -> LamostBatch:
        """LAMOST spectra of these stars, each with noise of its own."""
        rows = _rows(index)
        draw = draw or self.stars(rows)
        light, conditions = self.light(draw), self.conditions(rows, draw)
        parts = []
        for k, i in enumerate(rows):
            parts.append(observe_light(light, [k], conditions[[k]], self._rng(_LAMOST, i), self.xp, draw.r_v[[k]]))
        return LamostBatch(parts[0].wave, *(np.concatenate([getattr(p, f) for p in parts])
                                            for f in ("flux", "ivar", "clean")))  # fmt: skip

    def gaia(self, index: ArrayLike, draw: SurveyDraw | None = None) -> XPBatch:
        """Sampled Gaia XP spectra (W m-2 nm-1) of these stars, each with noise of its own."""
        rows = _rows(index)
        draw = draw or self.stars(rows)
        sed = self.light(draw).sed(np.arange(len(rows)))
        parts = []
        for k, i in enumerate(rows):
            rng = self._rng(_GAIA, i)
            parts.append(self.xp.observe(sed[[k]], draw.g_mag[[k]], rng, ebv=draw.ebv[[k]], r_v=draw.r_v[[k]]))
        return XPBatch(parts[0].wave_nm, *(np.concatenate([getattr(p, f) for p in parts])
                                           for f in ("flux", "sigma", "clean", "g_mag")))  # fmt: skip

    def _rng(self, stream: int, i: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, int(i)])


def conditions_of(draw: SurveyDraw, rngs: list[np.random.Generator]) -> Conditions:
    """A night for each star of a draw, from a generator each."""
    teff, logg = draw.labels["teff"], draw.labels["logg"]
    nights = [
        draw_conditions(rng, teff[k], logg[k], snr=draw.snr[k], ebv=draw.ebv[k], rv=draw.rv[k])
        for k, rng in enumerate(rngs)
    ]
    names = nights[0].__dataclass_fields__
    both = Conditions(**{name: np.concatenate([getattr(night, name) for night in nights]) for name in names})
    return both.with_(vsini=draw.vsini)


def light_of(emulator: SpectralEmulator, draw: SurveyDraw) -> CompositeStars | EmulatedStars:
    """Surface light of a draw: emulated stars, with the light of companions that shine added at their velocity.

    The companion's lines are broadened by the primary's rotation later on, which is approximate.
    """
    primary = EmulatedStars(emulator, draw.labels)
    pair = draw.companion
    if not (pair.light > 0).any():
        return primary
    area = np.where(pair.light > 0, (pair.radius / draw.radius_rsun) ** 2, 0.0)
    return CompositeStars(primary, EmulatedStars(emulator, draw.companion_labels), area, pair.rv2 - pair.rv1)


def observe_light(
    light: Any, rows: ArrayLike, conditions: Conditions, rng: np.random.Generator, xp: XPSimulator, r_v: ArrayLike,
    **options: Any,
) -> LamostBatch:  # fmt: skip
    """:func:`observe_lamost` of rows of anything that has the grid's methods."""
    index = _rows(rows)
    norm = light.norm(index)
    ratio = np.broadcast_to(np.asarray(r_v, float), (len(index),))

    def continuum(wave: NDArray[np.float64]) -> NDArray[Any]:
        return np.asarray(light.continuum(index, wave))

    def extinction(wave: NDArray[np.float64]) -> NDArray[np.float64]:
        return xp.extinction_curve(wave, ratio)

    return observe_lamost(norm, light.wave, continuum, conditions, rng, extinction=extinction, **options)


def _rows(index: ArrayLike) -> NDArray[np.int64]:
    return np.atleast_1d(np.asarray(index, np.int64))
