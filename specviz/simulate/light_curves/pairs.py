"""``simulate_pairs``: a Kepler-like light curve and a LAMOST-like spectrum of the same star, with its labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpecvizError
from specviz.simulate.light_curves import astrometry, close_pairs, convection, eclipses, gyrochronology, kepler, spots
from specviz.simulate.light_curves.eclipses import CloseOrbits
from specviz.simulate.survey import SurveyDraw, SurveyPopulation, absolute_g

Array = NDArray[np.float64]
#: Share of each kind that is drawn; the sky has few close pairs, a classifier needs many.
MIX = {"field": 0.50, "young": 0.12, "eclipsing": 0.14, "synchronised": 0.24}
#: A young star here: younger than this (Gyr), cooler (K), and a dwarf (log g).
YOUNG = (0.7, 6300.0, 3.8)
#: Faintest G of the stars, and hottest (K): Kepler's targets that DESA was made for (hotter ones pulsate).
G_FAINTEST, TEFF_HOTTEST = 16.0, 7500.0
#: Stars computed at once.
_BLOCK = 128
#: An eclipse shallower than this (relative) is none.
SHALLOWEST = 3e-4


@dataclass(frozen=True, eq=False)
class Pairs:
    """n stars seen by Kepler and by LAMOST.

    Attributes
    ----------
    time : array (L,)
        Days.
    flux : array (n, L), float32
        Relative flux, quarters stitched, median 1; NaN in gaps.
    wave : array (3909,)
        Vacuum A, LAMOST's native grid.
    lamost, lamost_ivar : array (n, 3909), float32
        Heliocentric, relative; ivar 0 where masked.
    labels : dict of array (n,)
        ``teff`` (K), ``logg``, ``fe_h``, ``alpha_fe``, ``age`` (Gyr), ``mass``, ``radius``, ``luminosity`` (solar; of
        the primary), ``prot`` (d), ``inclination`` (deg), ``vsini``, ``rv`` (km/s, true), ``rv_measured``, ``rossby``,
        ``g_mag``, ``abs_mag`` (M_G, companion included), ``colour`` (BP-RP without dust, companion included), ``ruwe``,
        ``snr``, ``nu_max``, ``delta_nu`` (muHz), ``amplitude`` (range of spots if seen equator-on, undiluted),
        ``porb`` (d, NaN without companion), ``q``, ``light`` (companion's share), ``depth`` (of the deepest eclipse, 0
        without), ``binary`` (0 or 1: a companion in the fibre), ``close`` (0 or 1: eclipsing or synchronised),
        ``young`` (0 or 1: a cool dwarf below 0.7 Gyr that is not close), ``distance`` (pc), ``ebv``.
    kind : array of str
        "single"; "binary" (a companion in the fibre, neither of the following); "eclipsing"; "synchronised" (rotates
        with its orbit, shows no eclipse).
    cadence_hours : float
    seed : int
    """

    time: NDArray[np.float64]
    flux: NDArray[np.float32]
    wave: NDArray[np.float64]
    lamost: NDArray[np.float32]
    lamost_ivar: NDArray[np.float32]
    labels: dict[str, NDArray[np.float64]]
    kind: NDArray[np.str_]
    cadence_hours: float
    seed: int

    def __len__(self) -> int:
        return len(self.flux)

    def __getitem__(self, rows: Any) -> Pairs:
        rows = np.atleast_1d(np.arange(len(self))[rows])
        spectra = rows if len(self.lamost) else rows[:0]
        return replace(
            self, flux=self.flux[rows], lamost=self.lamost[spectra], lamost_ivar=self.lamost_ivar[spectra],
            labels={k: v[rows] for k, v in self.labels.items()}, kind=self.kind[rows],
        )  # fmt: skip


def simulate_pairs(
    n: int,
    seed: int,
    *,
    tracks: str | Path,
    days: float = 120.0,
    cadence_hours: float = 1.0,
    mix: Mapping[str, float] | None = None,
    emulator: Any = None,
    spectra: bool = True,
) -> Pairs:
    """``n`` stars, in random order.

    Parameters
    ----------
    n, seed : int
        The same arguments give the same stars.
    tracks : path
        ``sse_tracks.npz``.
    days, cadence_hours : float
        Length and step of the light curves (each sample a mean over its step).
    mix : mapping, optional
        Shares of "field" (stars as the survey meets them), "young" (those of them that are, see :data:`YOUNG`),
        "eclipsing" and "synchronised"; by default :data:`MIX`.
    emulator : SpectralEmulator, optional
        The packaged one by default.
    spectra : bool
        False leaves the spectra out (empty arrays): light curves only, much faster.

    Raises
    ------
    SpecvizError
        For a mix of other kinds, or lengths that make no light curve.
    NotFoundError
        If there are no tracks.
    """
    shares = dict(MIX if mix is None else mix)
    if set(shares) - set(MIX) or not shares or min(shares.values()) < 0 or sum(shares.values()) <= 0:
        raise SpecvizError(f"A mix of {', '.join(shares) or 'nothing'}", expected="shares of " + ", ".join(MIX))
    samples = round(days * 24.0 / cadence_hours)
    if n < 1 or samples < 16:
        raise SpecvizError(f"{n} light curves of {samples} samples", expected="at least one star and 16 samples")
    rng = np.random.default_rng([seed, 0x6465_7361])
    draw, orbits, forced = _stars(rng, _population(str(tracks)), n, shares)
    labels, kind = _labels(rng, draw, orbits, forced)
    draw = replace(draw, vsini=np.minimum(labels["vsini"], 320.0))
    time: Array = np.asarray((np.arange(samples) + 0.5) * cadence_hours / 24.0, np.float64)
    flux = np.concatenate(
        [
            light_curves(rng, draw[rows], orbits[rows], {k: v[rows] for k, v in labels.items()}, time, cadence_hours)
            for rows in _blocks(n)
        ]
    )
    wave, lamost, ivar = _spectra(rng, draw, emulator) if spectra else (np.empty(0), *np.empty((2, 0, 0), np.float32))
    return Pairs(time, flux, wave, lamost, ivar, labels, kind, cadence_hours, seed)


@lru_cache(maxsize=1)
def _population(tracks: str) -> SurveyPopulation:
    return SurveyPopulation.from_tracks(tracks)


def _blocks(n: int) -> list[slice]:
    return [slice(i, min(i + _BLOCK, n)) for i in range(0, n, _BLOCK)]


def _stars(
    rng: np.random.Generator, population: SurveyPopulation, n: int, shares: dict[str, float]
) -> tuple[SurveyDraw, CloseOrbits, NDArray[np.bool_]]:
    """Stars, their orbits, and which were drawn to be synchronised."""
    names = list(shares)
    wanted = rng.multinomial(n, np.array([shares[k] for k in names]) / sum(shares.values()))
    draws, orbits, forced = [], [], []
    for name, count in zip(names, wanted, strict=True):
        if not count:
            continue
        if name in ("field", "young"):
            draw = _field(rng, population, int(count), young=name == "young")
            draws.append(draw)
            orbits.append(close_pairs.orbits_of(rng, draw))
        else:
            kind: close_pairs.CloseKind = "eclipsing" if name == "eclipsing" else "synchronised"
            made = close_pairs.draw_close(
                rng, population, int(count), kind, g_faintest=G_FAINTEST, teff_hottest=TEFF_HOTTEST
            )
            draws.append(made.draw)
            orbits.append(made.orbits)
        forced.append(np.full(int(count), name == "synchronised"))
    order = rng.permutation(n)
    return (
        close_pairs.joined(draws)[order],
        close_pairs.joined_orbits(orbits)[order],
        np.concatenate(forced)[order],
    )


def _field(rng: np.random.Generator, population: SurveyPopulation, n: int, *, young: bool) -> SurveyDraw:
    """Stars with the companions that the survey gave them."""
    parts: list[SurveyDraw] = []
    while sum(map(len, parts)) < n:
        drawn = population.draw(rng, min(max(n * (60 if young else 2), 64), 50_000))
        keep = (drawn.g_mag < G_FAINTEST) & (drawn.labels["teff"] < TEFF_HOTTEST)
        if young:
            keep &= _is_young(drawn.age_gyr, drawn.labels["teff"], drawn.labels["logg"])
        if keep.any():
            parts.append(drawn[np.flatnonzero(keep)])
    return close_pairs.joined(parts)[:n]


def _is_young(age_gyr: Array, teff: Array, logg: Array) -> NDArray[np.bool_]:
    age, hottest, lowest = YOUNG
    return np.asarray((age_gyr < age) & (teff < hottest) & (logg > lowest))


def _labels(
    rng: np.random.Generator, draw: SurveyDraw, orbits: CloseOrbits, forced: NDArray[np.bool_]
) -> tuple[dict[str, Array], NDArray[np.str_]]:
    n, pair = len(draw), draw.companion
    teff, logg, fe_h = (np.asarray(draw.labels[k], np.float64) for k in ("teff", "logg", "fe_h"))
    single = gyrochronology.draw_periods(rng, teff, logg, draw.age_gyr, draw.mass, draw.radius_rsun)
    near = orbits.period < 60.0
    depth = np.zeros(n)
    rows = np.flatnonzero(near)
    if rows.size:
        depth[rows] = eclipses.eclipse_depth(orbits[rows], teff[rows], np.where(pair.teff > 0, pair.teff, 4000.0)[rows])
    locked = forced | (rng.random(n) < close_pairs.locked_share(orbits.period))
    prot = np.where(locked, np.nan_to_num(orbits.period, nan=1.0), single)
    # Spin axes of locked pairs stand on the orbit, others anywhere.
    tilt = np.where(locked, orbits.inclination, np.arccos(rng.random(n)))
    rossby = prot / gyrochronology.turnover_time(teff)
    eclipsing = depth > SHALLOWEST
    kind = np.where(eclipsing, "eclipsing", np.where(locked, "synchronised", np.where(pair.q > 0, "binary", "single")))
    m_g = absolute_g(teff, logg, fe_h, draw.radius_rsun)
    own = astrometry.colour_bp_rp(teff, logg, fe_h)
    shines = pair.light > 0
    theirs = astrometry.colour_bp_rp(np.where(shines, pair.teff, teff), np.where(shines, pair.logg, logg), fe_h)
    labels = {
        "teff": teff, "logg": logg, "fe_h": fe_h, "alpha_fe": np.asarray(draw.labels["alpha_fe"], np.float64),
        "age": draw.age_gyr, "mass": draw.mass, "radius": draw.radius_rsun,
        "luminosity": draw.radius_rsun**2 * (teff / 5772.0) ** 4, "prot": prot, "inclination": np.degrees(tilt),
        "vsini": gyrochronology.v_sin_i(draw.radius_rsun, prot, np.sin(tilt)), "rv": draw.rv,
        # LAMOST's own velocities are good to 5 km/s, less so at low S/N.
        "rv_measured": draw.rv + rng.standard_normal(n) * np.hypot(4.0, 150.0 / draw.snr),
        "rossby": rossby, "g_mag": draw.g_mag, "abs_mag": m_g + 2.5 * np.log10(1.0 - pair.light),
        "colour": astrometry.blended_colour(own, theirs, pair.light),
        "ruwe": astrometry.draw_ruwe(
            rng, draw.g_mag, draw.distance_pc, np.nan_to_num(orbits.period), draw.mass, orbits.q, pair.light
        ),
        "snr": draw.snr, "nu_max": convection.nu_max(teff, logg),
        "delta_nu": convection.delta_nu(draw.mass, draw.radius_rsun),
        "amplitude": spots.draw_ranges(rng, teff, logg, rossby, tidal=locked),
        "porb": orbits.period, "q": pair.q, "light": pair.light, "depth": np.where(eclipsing, depth, 0.0),
        "binary": (pair.q > 0).astype(float), "close": (eclipsing | locked).astype(float),
        "young": (_is_young(draw.age_gyr, teff, logg) & ~eclipsing & ~locked).astype(float),
        "distance": draw.distance_pc, "ebv": draw.ebv,
    }  # fmt: skip
    return {k: np.asarray(v, np.float64) for k, v in labels.items()}, kind


def light_curves(
    rng: np.random.Generator, draw: SurveyDraw, orbits: CloseOrbits, labels: Mapping[str, Array], time: Array,
    cadence_hours: float,
) -> NDArray[np.float32]:  # fmt: skip
    """Light curves (n, L) of a block of stars: spots, convection, orbits, then Kepler."""
    teff, light, step = labels["teff"], draw.companion.light, cadence_hours / 24.0
    life = spots.lifetimes(rng, teff, labels["prot"])
    # Tides hold spots near the same longitudes, and turn the whole star as one.
    locked = np.isclose(labels["prot"], np.nan_to_num(labels["porb"], nan=-1.0))
    life, turning = np.where(locked, 3.0 * life, life), np.where(locked, 0.1, 1.0) * spots.shear(teff)
    spotted = spots.spot_modulation(
        rng, time, labels["prot"], np.radians(labels["inclination"]), labels["amplitude"], life, turning, cadence=step
    )
    boiling = convection.convective_noise(rng, time.size, step, teff, labels["logg"], draw.mass, draw.radius_rsun)
    flux = 1.0 + (1.0 - light)[:, None] * (spotted * (1.0 + boiling) - 1.0)
    rows = np.flatnonzero(orbits.period < 60.0)
    if rows.size:
        other = np.where(draw.companion.teff > 0, draw.companion.teff, 4000.0)
        flux[rows] *= eclipses.orbit_flux(orbits[rows], time, teff[rows], other[rows], cadence=step)
    return kepler.observe(rng, flux, time, draw.g_mag, cadence_hours)


def _spectra(
    rng: np.random.Generator, draw: SurveyDraw, emulator: Any
) -> tuple[Array, NDArray[np.float32], NDArray[np.float32]]:
    """LAMOST spectra of all stars, composite where a companion shines."""
    from specviz.simulate.gaia_xp import XPSimulator
    from specviz.simulate.on_demand import conditions_of, light_of, observe_light
    from specviz.simulate.packaged import packaged_emulator

    emulator = emulator or packaged_emulator()
    xp = XPSimulator()
    flux, ivar, wave = [], [], np.empty(0)
    for block in _blocks(len(draw)):
        some = draw[block]
        nights = conditions_of(some, [rng] * len(some))
        seen = observe_light(light_of(emulator, some), np.arange(len(some)), nights, rng, xp, some.r_v)
        wave = seen.wave
        flux.append(seen.flux)
        ivar.append(seen.ivar)
    return wave, np.concatenate(flux), np.concatenate(ivar)
