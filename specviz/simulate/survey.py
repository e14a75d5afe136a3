"""``SurveyPopulation``: stars drawn as a magnitude-limited survey meets them, with continuous labels and companions.

Each star of the tracks counts as (stars born of its mass) x (time it stays) x (stars formed at its age with its
metallicity) x (volume in which the survey sees it), for three Galactic components. A draw picks a cell of that
table and a place in the cell, so every star is its own; all of it follows from one row of random numbers
(:class:`Deviates`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.simulate import binaries, galaxy
from specviz.simulate.binaries import Companions
from specviz.simulate.chemistry import COMPONENTS, draw_abundances, dredge_up, microturbulence
from specviz.simulate.conditions import mean_vsini
from specviz.simulate.deviates import Deviates
from specviz.simulate.emulated import inside
from specviz.simulate.tracks import StarState, Tracks

Array = NDArray[np.float64]
#: What the grid of LTE spectra, and so the emulator, covers: K, cgs, km/s, dex.
_TEFF, _LOGG, _FE_H = (3505.0, 12_480.0), (0.26, 4.89), (-2.49, 0.49)
LABEL_RANGES: dict[str, tuple[float, float]] = {
    "teff": _TEFF, "logg": _LOGG, "fe_h": _FE_H, "vmic": (0.53, 4.05), "c_fe": (-0.65, 1.89), "n_fe": (-0.49, 0.89),
    **dict.fromkeys(("o_fe", "mg_fe", "si_fe", "s_fe", "ca_fe", "ti_fe"), (-0.42, 0.76)),
    **dict.fromkeys(("na_fe", "al_fe", "k_fe", "v_fe", "cr_fe", "mn_fe", "ni_fe", "cu_fe", "zn_fe"), (-0.299, 0.31)),
    **dict.fromkeys(("sr_fe", "y_fe", "zr_fe", "ba_fe", "la_fe", "nd_fe"), (-0.49, 1.96)), "eu_fe": (-0.32, 0.33),
}  # fmt: skip
#: Bolometric correction in G (M_bol - M_G, M_bol of the Sun 4.74) of the grid's own SEDs, fitted over 3500-12500 K:
#: good to 0.02 mag at 4500-8000 K, 0.07 at 3800-4500 K, 0.13 below. Powers of log10(teff / 5772) from 0 on: six plain
#: terms, four times [Fe/H], four times (log g - 4.4).
_BC = (0.0247, 0.1154, -12.3945, 15.6908, 49.3128, -130.8018, 0.0447, -0.0433, -1.6329, 3.9935,
       -0.0197, -0.1923, 1.0207, -0.9848)  # fmt: skip


@dataclass(frozen=True, eq=False)
class SurveyDraw:
    """Stars of a survey, each array (n,).

    Attributes
    ----------
    labels : dict
        The 28 labels of the emulator and ``alpha_fe``.
    mass, mass_init, radius_rsun, age_gyr : array
        Msun (now and at birth), Rsun, Gyr.
    component : array of str
        "thin", "thick", "halo".
    stage : array of int
        SSE's kstar: 1 main sequence, 2 Hertzsprung gap, 3 giant branch, 4 core helium burning, 5 early AGB.
    ra, dec, distance_pc : array
    g_mag : array
        Apparent G behind the dust, companion included; good to some 0.05 mag (0.15 below 3800 K).
    ebv, r_v : array
    rv : array
        Heliocentric velocity of the star at the observation, its orbit included, km/s.
    rv_systemic : array
    vsini : array
        km/s.
    snr : array
        S/N per pixel in g that LAMOST gets, typically.
    companion : Companions
    companion_labels : dict
        As ``labels``, of the companions that shine; the star's own where there is none.
    """

    labels: dict[str, Array]
    mass: Array
    mass_init: Array
    radius_rsun: Array
    age_gyr: Array
    component: NDArray[np.str_]
    stage: NDArray[np.int64]
    ra: Array
    dec: Array
    distance_pc: Array
    g_mag: Array
    ebv: Array
    r_v: Array
    rv: Array
    rv_systemic: Array
    vsini: Array
    snr: Array
    companion: Companions
    companion_labels: dict[str, Array]

    def __len__(self) -> int:
        return int(self.mass.size)

    def __getitem__(self, rows: Any) -> SurveyDraw:
        rows = np.atleast_1d(np.arange(len(self))[rows])
        picked: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            picked[f.name] = {k: v[rows] for k, v in value.items()} if isinstance(value, dict) else value[rows]
        return SurveyDraw(**picked)


class SurveyPopulation:
    """The weighted table of stars. Make one with :meth:`from_tracks` (half a second).

    Parameters
    ----------
    tracks : Tracks
    volume_limited : bool
        Stars of one volume around the Sun instead of a magnitude-limited survey's.
    ranges : mapping of str to (low, high), optional
        Where labels may be; by default those of the grid. An emulator's ``ranges`` serve.
    """

    def __init__(
        self, tracks: Tracks, *, volume_limited: bool = False, ranges: Mapping[str, tuple[float, float]] | None = None
    ) -> None:
        self.tracks, self.volume_limited, self.ranges = tracks, volume_limited, dict(ranges or LABEL_RANGES)
        self._iron = {name: galaxy.iron_of_metals(name, tracks.metals) for name in COMPONENTS}
        weight = self._weigh()
        self._cells = np.flatnonzero(weight)
        self._cumulative = np.cumsum(weight.ravel()[self._cells])
        self._cumulative /= self._cumulative[-1]
        self._shape = weight.shape

    @classmethod
    def from_tracks(cls, path: str | Path, **options: Any) -> SurveyPopulation:
        """From ``sse_tracks.npz``; options as of the class."""
        return cls(Tracks.load(path), **options)

    def _weigh(self) -> Array:
        """Weight of each cell, shape (component, metals, masses, phase points)."""
        tracks = self.tracks
        age, mass, log_teff, log_radius = np.moveaxis(tracks.values, -1, 0)
        same = np.r_[tracks.stage[1:] == tracks.stage[:-1], False]

        def middle(x: Array) -> Array:
            return 0.5 * (x + np.roll(x, -1, axis=-1))

        time = (np.roll(age, -1, axis=-1) - age) / 1e3
        age, teff, radius = middle(age) / 1e3, 10.0 ** middle(log_teff), 10.0 ** middle(log_radius)
        logg = 4.438 + np.log10(np.maximum(middle(mass), 1e-3)) - 2.0 * np.log10(radius)
        (t0, t1), (g0, g1) = self.ranges["teff"], self.ranges["logg"]
        ok = same & (time > 0) & (teff > t0) & (teff < t1) & (logg > g0) & (logg < g1)
        births = mass_function(tracks.masses)[None, :, None] * np.nan_to_num(time)
        out = np.zeros((len(COMPONENTS), *age.shape))
        index = np.nonzero(ok)
        for c, name in enumerate(COMPONENTS):
            iron = self._iron[name][index[0]]
            formed = galaxy.star_formation(name, age[index]) * galaxy.metallicity(name, iron, age[index])
            out[c][index] = births[index] * formed
            # What lies below the grid's metallicity is left out.
            out[c][index] *= (iron > self.ranges["fe_h"][0]) & (iron < self.ranges["fe_h"][1])
            out[c] *= galaxy.DENSITY[name]
            if not self.volume_limited:
                m_g = absolute_g(teff[index], logg[index], iron, radius[index])
                out[c][index] *= galaxy.whole_volume(name, m_g)
        return out

    def stars(self, seed: int, index: ArrayLike) -> SurveyDraw:
        """The stars with these numbers of the survey ``seed``: star i is the same in every call (to rounding)."""
        return self._draw(Deviates.of_stars(seed, index))

    def draw(self, rng: np.random.Generator, n: int) -> SurveyDraw:
        """``n`` stars."""
        return self._draw(Deviates.from_rng(rng, n))

    def _draw(self, dev: Deviates) -> SurveyDraw:
        cell = self._cells[np.minimum(np.searchsorted(self._cumulative, dev.uniform()), self._cells.size - 1)]
        c, i, j, k = np.unravel_index(cell, self._shape)
        component = np.array(COMPONENTS)[c]
        tracks = self.tracks
        metal = tracks.metals[i] + 0.1 * (dev.uniform() - 0.5)
        low, high = _edges(tracks.masses)
        m_init = low[j] + (high - low)[j] * dev.uniform()
        star = tracks.state(metal, m_init, k + dev.uniform())
        star = replace(star, age_myr=np.minimum(star.age_myr, 13_300.0))
        iron = np.empty(len(dev))
        for name in COMPONENTS:
            mine = component == name
            iron[mine] = np.interp(metal[mine], tracks.metals, self._iron[name])
        born = draw_abundances(dev, iron, component, star.age_myr / 1e3)
        vmic_scatter = 10.0 ** (0.05 * dev.normal())
        labels = self._labels(star, iron, born, vmic_scatter)
        orbits = binaries.draw_orbits(dev, m_init, star.radius)
        ra, dec, distance, m_g, ebv, r_v = self._place(dev, component, labels, star)
        companion, other = self._companions(orbits, m_init, metal, star, iron, born, vmic_scatter, m_g, distance)
        systemic = galaxy.draw_velocity(dev, component, star.age_myr / 1e3, galaxy.galactic_direction(ra, dec))  # km/s
        vsini = draw_rotation(dev, labels["teff"], labels["logg"], star.age_myr, star.radius)
        both = m_g + 2.5 * np.log10(1.0 - companion.light)
        g_mag = both + 5.0 * np.log10(distance / 10.0) + galaxy.G_EXTINCTION * ebv
        # Bright plates are exposed shorter; plates and nights differ: the quantiles are those of the real files.
        snr = np.clip(60.0 * 10.0 ** (-0.19 * (g_mag - 14.2)) * np.exp(0.45 * dev.normal()), 5.0, 800.0)
        return SurveyDraw(
            labels, star.mass, m_init, star.radius, star.age_myr / 1e3, component, star.stage, ra, dec, distance, g_mag,
            ebv, r_v, systemic + companion.rv1, systemic, vsini, snr, companion, other,
        )  # fmt: skip

    def _labels(self, star: StarState, iron: Array, born: dict[str, Array], vmic_scatter: Array) -> dict[str, Array]:
        ratios = dredge_up(born, iron, star.logg, star.teff, star.mass)
        vmic = microturbulence(star.teff, star.logg) * vmic_scatter
        labels = {"teff": star.teff, "logg": star.logg, "vmic": vmic, "fe_h": iron, **ratios}
        return inside(labels, self.ranges)

    def _place(self, dev: Deviates, component: NDArray[np.str_], labels: dict[str, Array], star: StarState) -> Any:
        """Direction, distance, absolute magnitude and dust of each star."""
        n = len(dev)
        m_g = absolute_g(labels["teff"], labels["logg"], labels["fe_h"], star.radius)
        by_bin = np.zeros((galaxy.SIN_B_MID.size, n))
        for name in COMPONENTS:
            mine = component == name
            by_bin[:, mine] = galaxy.volumes(name, m_g[mine])
        by_bin = np.cumsum(by_bin, axis=0)
        which = (by_bin < dev.uniform() * by_bin[-1]).sum(axis=0)
        ra, dec, all_sin_b = galaxy.footprint()
        first = np.searchsorted(all_sin_b, galaxy.SIN_B)
        pick = first[which] + (dev.uniform() * (first[which + 1] - first[which])).astype(int)
        ra = (ra[pick] + 0.5 * (dev.uniform() - 0.5) / np.cos(np.radians(dec[pick]))) % 360.0
        dec, sin_b = dec[pick] + 0.5 * (dev.uniform() - 0.5), all_sin_b[pick]
        height = np.select([component == name for name in COMPONENTS], [galaxy.HEIGHT_KPC[x] for x in COMPONENTS])
        if self.volume_limited:
            distance = 100.0 * dev.uniform() ** (1.0 / 3.0)
        else:
            d = galaxy.distances(m_g, 64)
            counts = np.cumsum(galaxy.seen(d, m_g[:, None], height[:, None], sin_b[:, None]), axis=1)
            target = dev.uniform() * counts[:, -1]
            right = np.clip((counts < target[:, None]).sum(axis=1), 1, 63)
            rows = np.arange(n)
            t = (target - counts[rows, right - 1]) / np.maximum(counts[rows, right] - counts[rows, right - 1], 1e-300)
            distance = np.exp(
                np.log(d[rows, right - 1]) + np.clip(t, 0, 1) * np.log(d[rows, right] / d[rows, right - 1])
            )
        # The layer is clumpy: a log-normal factor of mean one.
        ebv = galaxy.mean_reddening(distance, sin_b) * np.exp(0.5 * dev.normal() - 0.125)
        if not self.volume_limited:  # no clump so thick that the star would not have been observed
            bright = galaxy.G_LIMITS[1] + 0.3 - m_g - 5.0 * np.log10(distance / 10.0)
            ebv = np.minimum(ebv, np.maximum(bright, 0.0) / galaxy.G_EXTINCTION)
        mean, sigma, lowest, highest = galaxy.R_V
        return ra, dec, distance, m_g, ebv, np.clip(mean + sigma * dev.normal(), lowest, highest)

    def _companions(
        self, orbits: binaries.Orbits, m_init: Array, metal: Array, star: StarState, iron: Array,
        born: dict[str, Array], vmic_scatter: Array, m_g: Array, distance: Array,
    ) -> tuple[Companions, dict[str, Array]]:  # fmt: skip
        """The second stars: on the isochrone of the first, with its abundances."""
        second = self.tracks.at_age(metal, m_init * orbits.q, star.age_myr)
        in_fibre = orbits.exists & (orbits.semi_major_au(m_init) / distance < binaries.FIBRE)
        (t0, t1), (g0, g1) = self.ranges["teff"], self.ranges["logg"]
        shines = in_fibre & (second.stage > 0) & (second.teff > t0) & (second.teff < t1)
        shines &= (second.logg > g0) & (second.logg < g1 + 0.15)
        labels = self._labels(second, iron, born, vmic_scatter)
        own = self._labels(star, iron, born, vmic_scatter)
        labels = {k: np.where(shines, v, own[k]) for k, v in labels.items()}
        ratio = 10.0 ** (-0.4 * (absolute_g(labels["teff"], labels["logg"], iron, second.radius) - m_g)) * shines
        # What has ended its life is a white dwarf of 0.6 Msun, at most its old mass.
        m2 = np.where(second.stage > 0, second.mass, np.minimum(0.6, m_init * orbits.q))
        m2 = np.where(m_init * orbits.q < self.tracks.masses[0], m_init * orbits.q, m2)
        k1, k2 = binaries.semi_amplitudes(star.mass, m2, orbits.period_days, orbits.eccentricity, orbits.sin_i)
        shape = binaries.velocity_shape(orbits.phase, orbits.eccentricity, orbits.omega)
        light = ratio / (1.0 + ratio)
        double = (light > binaries.SB2_LIGHT) & (np.abs(shape) * (k1 + k2) > binaries.SB2_SEPARATION)
        kind = np.where(in_fibre & double, "SB2", np.where(in_fibre & (k1 >= 1.0), "SB1", ""))
        there, shining = in_fibre.astype(float), shines.astype(float)
        return Companions(
            kind, orbits.q * there, orbits.period_days * there, orbits.eccentricity * there, k1 * there, k2 * there,
            orbits.phase * there, k1 * shape * there, -k2 * shape * there, m2 * there, labels["teff"] * shining,
            labels["logg"] * shining, second.radius * shining, light,
        ), labels  # fmt: skip


def mass_function(masses: Array) -> Array:
    """Stars born in the cell around each mass: Kroupa (2001), dN/dm ~ m^-1.3 below 0.5 Msun and m^-2.3 above."""
    low, high = _edges(masses)
    return np.asarray(np.where(masses < 0.5, masses**-1.3, 0.5 * masses**-2.3) * (high - low))


def _edges(masses: Array) -> tuple[Array, Array]:
    middle = 0.5 * (masses[1:] + masses[:-1])
    return np.r_[masses[0], middle], np.r_[middle, masses[-1]]


def absolute_g(teff: Array, logg: Array, fe_h: Array, radius_rsun: Array) -> Array:
    """Absolute magnitude in G."""
    x, fe, g = np.log10(teff / 5772.0), fe_h, logg - 4.4
    own = np.polynomial.polynomial.polyval
    bc = own(x, _BC[:6]) + fe * own(x, _BC[6:10]) + g * own(x, _BC[10:])
    return np.asarray(4.74 - 2.5 * np.log10(radius_rsun**2 * (teff / 5772.0) ** 4) - bc)


def draw_rotation(dev: Deviates, teff: Array, logg: Array, age_myr: Array, radius: Array) -> Array:
    """v sin i (km/s). Uses 2 deviates.

    Cool dwarfs spin down: P = 0.7725 (B-V - 0.4)^0.601 t^0.5189 days, t in Myr (Barnes 2007, ApJ 669, 1167), with B-V
    from teff by a line; stars above the Kraft break and giants follow :func:`mean_vsini`.
    """
    mean = mean_vsini(teff, logg)
    shape = np.where(mean > 20.0, 2.2, 3.0)
    fast = mean / shape * dev.gamma(shape)
    sin_i = np.sqrt(1.0 - dev.uniform() ** 2)
    b_v = np.maximum(0.65 + (5772.0 - teff) / 3600.0, 0.45)
    period = 0.7725 * (b_v - 0.4) ** 0.601 * np.maximum(age_myr, 30.0) ** 0.5189
    slow = 50.6 * radius / period * sin_i
    gyro = np.interp(teff, [6000.0, 6300.0], [1.0, 0.0]) * (logg > 3.8)
    return np.minimum(gyro * slow + (1.0 - gyro) * fast, 320.0)
