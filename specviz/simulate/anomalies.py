"""The odd things planted in the simulated sky for vetting: one registry of what they are and what is approximate.

>>> planted = plant("DA white dwarf", emulator, seed=1, index=[0, 1, 2])
>>> seen = observe_planted(planted, snr=50.0)

Object i of a class follows from (class, seed, i) alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import NotFoundError
from specviz.simulate import artefacts, odd_stars
from specviz.simulate.artefacts import Fault
from specviz.simulate.conditions import Conditions, draw_conditions
from specviz.simulate.emulated import SpectralEmulator, StarLight
from specviz.simulate.gaia_xp import XPBatch, XPSimulator
from specviz.simulate.galaxies import galaxy
from specviz.simulate.lamost import LamostBatch
from specviz.simulate.odd_stars import OddStar
from specviz.simulate.on_demand import observe_light

Make = Callable[[SpectralEmulator, np.random.Generator], OddStar]


@dataclass(frozen=True)
class Anomaly:
    """A class of planted objects.

    ``kind`` is "star" (unusual, but a star), "galaxy" or "fault" (an ordinary star whose LAMOST spectrum is spoiled;
    its XP spectrum is sound). ``make`` makes the light of one object, ``fault`` spoils an observed spectrum.
    """

    name: str
    kind: str
    what: str
    approximate: str
    make: Make
    fault: Fault | None = None


def _galaxy(star_forming: bool) -> Make:
    def make(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
        light, text, redshift = galaxy(emulator, rng, star_forming=star_forming)
        return OddStar(light, f"A galaxy: {text}.", {"redshift": redshift}, {"rv": 0.0, "vsini": 0.0})

    return make


_ORDINARY = odd_stars.ordinary_star
_LINES_DRAWN = "Gaussian lines of drawn strength on an LTE photosphere; no chromosphere, wind or disc is modelled."
_STARS = (
    ("double-lined binary", "Two dwarfs of similar light, their lines 130-350 km/s apart.",
     "One set of abundances, one rotation; no orbit, tides or eclipses.", odd_stars.double_lined),
    ("active dwarf", "A K or M dwarf with Balmer and Ca II H, K emission.", _LINES_DRAWN, odd_stars.active_star),
    ("T Tauri star", "A young K star: strong broad emission, veiling, lithium.",
     _LINES_DRAWN + " Veiling is a black body of 9,000 K.", odd_stars.t_tauri_star),
    ("Be star", "A late B star with double-peaked Balmer emission of a disc.", _LINES_DRAWN, odd_stars.be_star),
    ("carbon star", "A giant with C2 and CN bands, rich in s-process elements.",
     "LTE without HCN, C2H2 and C3; bands beyond the grid's strength are its own, raised to a power.",
     odd_stars.carbon_star),
    ("DA white dwarf", "Broad Balmer lines on a blue continuum.",
     "Our own hydrogen atmosphere: radiative, LTE, approximate Stark profiles; no convection below 14,000 K.",
     odd_stars.white_dwarf),
    ("hot subdwarf", "sdB or sdO: Balmer with He I or He II lines on a hot continuum.",
     "The hydrogen atmosphere with helium lines drawn in; LTE, helium not in the structure.", odd_stars.hot_subdwarf),
    ("cool M dwarf", "An M dwarf of 2900-3450 K, below the grid.",
     "Extrapolated from 3900 and 3530 K; CaH, VO and H2O bands are missing.", odd_stars.cool_dwarf),
    ("behind dust", "An ordinary star behind E(B-V) of 1.3 to 3.",
     "Gordon et al. (2023) curve; no interstellar lines or diffuse bands.", odd_stars.behind_dust),
)  # fmt: skip
_GALAXIES = (
    ("quiescent galaxy", "An old galaxy at z = 0.02-0.15.",
     "Four stars, not a stellar population; bluer than 3650 A at rest at R = 300 only.", _galaxy(False)),
    ("star-forming galaxy", "A galaxy with emission lines at z = 0.02-0.15.",
     "Four stars and case B line ratios; no dust, no active nucleus.", _galaxy(True)),
)  # fmt: skip
_FAULTS = (
    ("arm step", "The blue and the red arm do not meet.", artefacts.arm_step),
    ("bad sky", "Strong residuals of the night sky.", artefacts.bad_sky),
    ("cosmic-ray shower", "Many unmasked hits, half of them in one place.", artefacts.cosmic_cluster),
    ("uncorrected telluric", "The atmosphere's bands left in, or taken out twice.", artefacts.telluric_left),
    ("dead amplifier", "A run of pixels without light.", artefacts.dead_amplifier),
    ("wrong slope", "Calibrated with the wrong standard.", artefacts.wrong_slope),
    ("fringes", "Interference in the detector.", artefacts.fringes),
    ("dead arm", "One arm is masked.", artefacts.dead_arm),
    ("sky only", "An empty fibre.", artefacts.sky_only),
)
_FAULT_TEXT = "Put on the finished spectrum of an ordinary star; sizes are drawn, not measured."
#: Every class by its name.
ANOMALIES: dict[str, Anomaly] = {
    a.name: a
    for a in (
        *(Anomaly(name, "star", what, approximate, make) for name, what, approximate, make in _STARS),
        *(Anomaly(name, "galaxy", what, approximate, make) for name, what, approximate, make in _GALAXIES),
        *(Anomaly(name, "fault", what, _FAULT_TEXT, _ORDINARY, fault) for name, what, fault in _FAULTS),
    )
}


@dataclass(frozen=True, eq=False)
class Planted:
    """n objects of one class: ``light`` in memory (rows 0 to n-1), ``truth`` a sentence each, ``labels`` (n,) of the
    stars beneath (NaN where there are none), the fields of the night that the class fixes, and R_V.
    """

    anomaly: Anomaly
    seed: int
    index: NDArray[np.int64]
    light: StarLight
    truth: list[str]
    labels: dict[str, NDArray[np.float64]]
    conditions: list[dict[str, float]]
    r_v: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, eq=False)
class PlantedObservation:
    """What the surveys see of planted objects; ``truth`` now names the fault, too; ``g_mag`` (n,)."""

    lamost: LamostBatch
    gaia: XPBatch
    conditions: Conditions
    truth: list[str]
    g_mag: NDArray[np.float64]


def anomaly(name: str) -> Anomaly:
    """The class of this name.

    Raises
    ------
    NotFoundError
        If there is none.
    """
    if name not in ANOMALIES:
        raise NotFoundError(f"No anomaly {name!r}", expected="one of " + ", ".join(ANOMALIES))
    return ANOMALIES[name]


def plant(name: str, emulator: SpectralEmulator, *, seed: int = 0, index: ArrayLike = 0) -> Planted:
    """The objects ``index`` of a class."""
    kind = anomaly(name)
    rows = np.atleast_1d(np.asarray(index, np.int64))
    made = [kind.make(emulator, _rng(name, seed, i, 0)) for i in rows]
    first = made[0].light
    one = np.array([0])
    names = sorted({key for star in made for key in star.labels})
    labels = {key: np.array([star.labels.get(key, np.nan) for star in made]) for key in names}
    light = StarLight(
        first.wave, first.cont_wave, first.sed_wave, np.concatenate([s.light.norm(one) for s in made]),
        np.concatenate([s.light.continuum(one, first.cont_wave) for s in made]),
        np.concatenate([s.light.sed(one) for s in made]), labels,
    )  # fmt: skip
    r_v = np.array([star.r_v for star in made])
    return Planted(kind, seed, rows, light, [s.truth for s in made], labels, [s.conditions for s in made], r_v)


def observe_planted(
    planted: Planted, *, snr: ArrayLike | None = None, g_mag: ArrayLike | None = None, xp: XPSimulator | None = None
) -> PlantedObservation:
    """Observe planted objects with LAMOST and Gaia; faults are put into the LAMOST spectra.

    Parameters
    ----------
    planted : Planted
    snr, g_mag : array or float, optional
        S/N per pixel in g (drawn between 20 and 150 by default) and apparent G (by default what fits the S/N).
    xp : XPSimulator, optional
    """
    n, xp = len(planted), xp or XPSimulator(correlated=True)
    flux, ivar, clean, truth = [], [], [], list(planted.truth)
    nights, spectra, magnitudes = [], [], []
    wave = np.empty(0)
    for k, i in enumerate(planted.index):
        rng = _rng(planted.anomaly.name, planted.seed, i, 1)
        wanted = float(np.exp(rng.uniform(np.log(20.0), np.log(150.0))))
        wanted = wanted if snr is None else float(np.broadcast_to(np.asarray(snr, float), (n,))[k])
        g = float(np.clip(14.2 - np.log10(wanted / 56.0) / 0.30, 9.0, 17.6))
        g = g if g_mag is None else float(np.broadcast_to(np.asarray(g_mag, float), (n,))[k])
        teff = planted.labels.get("teff", np.full(n, np.nan))[k]
        logg = planted.labels.get("logg", np.full(n, np.nan))[k]
        drawn = draw_conditions(rng, *np.nan_to_num((teff, logg), nan=5000.0), snr=wanted)
        night = drawn.with_(**planted.conditions[k])
        seen = observe_light(planted.light, [k], night, rng, xp, planted.r_v[[k]])
        wave, spectrum = seen.wave, (seen.flux, seen.ivar)
        if planted.anomaly.fault is not None:
            *spectrum_list, notes = planted.anomaly.fault(seen.wave, seen.flux, seen.ivar, rng)
            spectrum = (spectrum_list[0], spectrum_list[1])
            truth[k] = notes[0]
        flux.append(spectrum[0])
        ivar.append(spectrum[1])
        clean.append(seen.clean)
        nights.append(night)
        magnitudes.append(g)
        spectra.append(xp.observe(planted.light.sed([k]), g, rng, ebv=night.ebv, r_v=planted.r_v[[k]]))
    f32 = np.float32
    batch = LamostBatch(wave, *(np.concatenate(x).astype(f32) for x in (flux, ivar, clean)))
    gaia = XPBatch(spectra[0].wave_nm, *(np.concatenate([getattr(s, f) for s in spectra])
                                         for f in ("flux", "sigma", "clean", "g_mag")))  # fmt: skip
    return PlantedObservation(batch, gaia, join_conditions(nights), truth, np.array(magnitudes))


def join_conditions(nights: list[Conditions]) -> Conditions:
    """Several conditions one after the other."""
    names = nights[0].__dataclass_fields__
    return Conditions(**{name: np.concatenate([getattr(night, name) for night in nights]) for name in names})


def _rng(name: str, seed: int, i: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(name.encode()), seed, stream, int(i)])


def catalogue() -> list[dict[str, Any]]:
    """The registry as rows: name, kind, what, approximate."""
    return [{"name": a.name, "kind": a.kind, "what": a.what, "approximate": a.approximate} for a in ANOMALIES.values()]
