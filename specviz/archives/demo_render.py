"""``DemoRenderer``: a demo star's spectra from its row of the table, by the packaged emulator, when they are asked for.

Nothing here is drawn but the night and the noise, and these follow from the seed of the sky and the number of the
star: the same star has the same spectra at every call, in every batch and on every machine (to rounding in float32).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.demo_table import DemoTable
from specviz.simulate.anomalies import observe_planted, plant
from specviz.simulate.binaries import Companions
from specviz.simulate.emulated import inside
from specviz.simulate.gaia_xp import XPBatch, XPSimulator
from specviz.simulate.lamost import LamostBatch
from specviz.simulate.on_demand import conditions_of, light_of, observe_light
from specviz.simulate.packaged import packaged_emulator
from specviz.simulate.survey import SurveyDraw

#: Streams of random numbers of one star: the night, LAMOST's noise, Gaia's noise, its counts.
_NIGHT, _LAMOST, _GAIA, _COUNTS = 101, 102, 103, 104
#: Labels of a companion that are stored; the others are its primary's.
COMPANION_LABELS = ("teff", "logg", "vmic", "c_fe", "n_fe", "na_fe")


@dataclass(frozen=True, eq=False)
class Rendered:
    """Spectra of one star: LAMOST (3909,) in counts with ivar (0 = masked), XP (343,) in W m-2 nm-1 with errors;
    ``truth`` says what was planted.
    """

    lamost: NDArray[np.float64]
    ivar: NDArray[np.float64]
    xp: NDArray[np.float64]
    xp_sigma: NDArray[np.float64]
    truth: str = ""


class DemoRenderer:
    """Renders rows of a table.

    Parameters
    ----------
    table : DemoTable
    emulator : SpectralEmulator, optional
        The packaged one by default, loaded (with torch) at the first star.
    """

    def __init__(self, table: DemoTable, emulator: Any = None) -> None:
        self._table, self._emulator = table, emulator
        self._xp: XPSimulator | None = None
        self._lock = Lock()

    def _tools(self) -> tuple[Any, XPSimulator]:
        with self._lock:
            if self._emulator is None:
                self._emulator = packaged_emulator()
            if self._xp is None:
                self._xp = XPSimulator(correlated=True)
            return self._emulator, self._xp

    def render(self, rows: Sequence[int]) -> list[Rendered]:
        """The spectra of some rows; ordinary stars in one call share one run of the emulator."""
        planted = {row for row in rows if self._table.text("anomaly", row)}
        plain = [row for row in rows if row not in planted]
        made = dict(zip(plain, self._ordinary(plain) if plain else (), strict=True))
        made |= {row: self._planted(row) for row in planted}
        return [made[row] for row in rows]

    def _ordinary(self, rows: Sequence[int]) -> list[Rendered]:
        emulator, xp = self._tools()
        draw = survey_draw(self._table, rows, emulator.ranges)
        light = light_of(emulator, draw).light(np.arange(len(draw)))
        sed = light.sed(np.arange(len(draw)))
        nights = conditions_of(draw, [self._rng(_NIGHT, row) for row in rows])
        out = []
        for k, row in enumerate(rows):
            seen = observe_light(light, [k], nights[[k]], self._rng(_LAMOST, row), xp, draw.r_v[[k]])
            gaia = xp.observe(sed[[k]], draw.g_mag[[k]], self._rng(_GAIA, row), ebv=draw.ebv[[k]], r_v=draw.r_v[[k]])
            out.append(self._rendered(row, seen, gaia))
        return out

    def _planted(self, row: int) -> Rendered:
        """An object of the registry: it follows from its class, the seed of the sky and its number in the class."""
        (emulator, xp), table = self._tools(), self._table
        number = int(table.number("anomaly_index")[row])
        objects = plant(table.text("anomaly", row), emulator, seed=int(table.header["seed"]), index=[number])
        seen = observe_planted(objects, snr=table.number("snr")[row], g_mag=table.number("g_mag")[row], xp=xp)
        return self._rendered(row, seen.lamost, seen.gaia, seen.truth[0])

    def _rendered(self, row: int, lamost: LamostBatch, gaia: XPBatch, truth: str = "") -> Rendered:
        counts = self.counts(row, float(self._table.number("snr")[row]))
        flux, ivar = lamost.flux[0].astype(np.float64) * counts, lamost.ivar[0].astype(np.float64) / counts**2
        return Rendered(flux, ivar, gaia.flux[0].astype(np.float64), gaia.sigma[0].astype(np.float64), truth)

    def counts(self, row: int, snr: float) -> float:
        """LAMOST's flux is in counts of no absolute meaning: brighter stars have more of them."""
        return float(np.rint(snr**1.6 * np.exp(self._rng(_COUNTS, row).normal(0.3, 0.3)) + 20.0))

    def _rng(self, stream: int, row: int) -> np.random.Generator:
        return np.random.default_rng([int(self._table.header["seed"]), stream, int(row)])


def survey_draw(table: DemoTable, rows: Sequence[int], ranges: dict[str, tuple[float, float]]) -> SurveyDraw:
    """What the table says of some stars, as the simulator takes it; labels are moved inside the emulator's ranges."""
    at = np.asarray(rows, np.int64)

    def get(name: str) -> NDArray[np.float64]:
        return table.number(name)[at]

    labels = {name: get(name) for name in ranges}
    other = {name: get(f"companion_{name}") if name in COMPANION_LABELS else v for name, v in labels.items()}
    shines = get("companion_light") > 0
    other = {name: np.where(shines, v, labels[name]) for name, v in other.items()}
    zero = np.zeros(at.size)
    companion = Companions(
        kind=table.texts("companion")[at], q=get("q"), period_days=get("period_days"), eccentricity=zero, k1=get("k1"),
        k2=zero, phase=zero, rv1=zero, rv2=np.nan_to_num(get("companion_rv")), mass=zero, teff=other["teff"],
        logg=other["logg"], radius=np.nan_to_num(get("companion_radius")), light=np.nan_to_num(get("companion_light")),
    )  # fmt: skip
    return SurveyDraw(
        labels=inside(labels, ranges), mass=get("mass"), mass_init=get("mass"), radius_rsun=get("radius_rsun"),
        age_gyr=get("age_gyr"), component=table.texts("component")[at], stage=np.zeros(at.size, np.int64),
        ra=get("ra"), dec=get("dec"), distance_pc=get("distance_pc"), g_mag=get("g_mag"), ebv=get("ebv"),
        r_v=get("r_v"), rv=get("rv"), rv_systemic=get("rv"), vsini=get("vsini"), snr=get("snr"), companion=companion,
        companion_labels=inside(other, ranges),
    )  # fmt: skip
