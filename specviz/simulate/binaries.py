"""Binaries: how often, how wide, how unequal; orbits at the time of the observation; and the light of both stars.

Frequencies and distributions follow Raghavan et al. (2010, ApJS 190, 1) and Moe & Di Stefano (2017, ApJS 230, 15),
schematically: one companion at most, a log-normal of periods, a flat mass-ratio distribution with an excess of twins
among close pairs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.simulate.deviates import Deviates
from specviz.simulate.emulated import EmulatedStars, LitStars, StarLight, loglinear
from specviz.spectra.frames import C_KM_S

Array = NDArray[np.float64]
#: Share of stars with a companion, by the primary's mass (Msun): Moe & Di Stefano (2017), table 13 and fig. 42.
_MASS = np.array([0.1, 0.3, 0.6, 1.0, 1.6, 3.0, 8.0])
_FRACTION = np.array([0.20, 0.26, 0.33, 0.45, 0.55, 0.68, 0.85])
#: log10 of the period in days: mean and spread (Raghavan et al. 2010).
_LOG_PERIOD = (5.03, 2.28)
#: Smallest mass ratio drawn.
Q_MIN = 0.08
#: Closer pairs than this (arcsec) share a LAMOST fibre.
FIBRE = 1.65
#: An SB2 here: at least this share of the light in G comes from the companion, and the lines are this far apart (km/s),
#: about 0.6 of a LAMOST resolution element.
SB2_LIGHT, SB2_SEPARATION = 0.10, 100.0


@dataclass(frozen=True, eq=False)
class Companions:
    """One row a star, with zeros where there is no companion in the fibre.

    Attributes
    ----------
    kind : array of str
        "" (none, or so wide that nothing moves), "SB1" (``k1`` of 1 km/s or more), "SB2" (both stars seen: a tenth of
        the light or more, and lines 100 km/s apart at this phase).
    q, period_days, eccentricity, k1, k2 : array
        Mass ratio; orbit; semi-amplitudes in km/s.
    phase : array
        Mean anomaly at the observation over 2 pi.
    rv1, rv2 : array
        Velocities (km/s) of both stars relative to their centre of mass at that phase.
    mass, teff, logg, radius : array
        Of the companion; 0 where there is none. ``teff`` 0 with a ``mass``: no light (a white dwarf, or cooler than
        the emulator knows).
    light : array
        The companion's share of the light in G.
    """

    kind: NDArray[np.str_]
    q: Array
    period_days: Array
    eccentricity: Array
    k1: Array
    k2: Array
    phase: Array
    rv1: Array
    rv2: Array
    mass: Array
    teff: Array
    logg: Array
    radius: Array
    light: Array

    def __getitem__(self, rows: Any) -> Companions:
        return Companions(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, eq=False)
class Orbits:
    """The drawn orbits, before it is known what the companion looks like; each (n,)."""

    exists: NDArray[np.bool_]
    q: Array
    period_days: Array
    eccentricity: Array
    phase: Array
    sin_i: Array
    omega: Array

    def semi_major_au(self, mass: Array) -> Array:
        """Kepler's third law for primaries of this mass (Msun)."""
        return np.asarray((mass * (1.0 + self.q) * (self.period_days / 365.25) ** 2) ** (1.0 / 3.0))


def binary_fraction(mass: ArrayLike) -> Array:
    """Share of stars of this initial mass (Msun) with a stellar companion."""
    return np.interp(np.log(np.asarray(mass, float)), np.log(_MASS), _FRACTION)


def draw_orbits(deviates: Deviates, mass: Array, radius: Array) -> Orbits:
    """Orbits of primaries of initial ``mass`` (Msun) that have ``radius`` (Rsun) now. Uses 9 deviates.

    Pairs whose periastron is within three radii of the primary have merged or exchanged mass: they are taken as single.
    """
    exists = deviates.uniform() < binary_fraction(mass)
    mean, sigma = _LOG_PERIOD
    log_p = mean + sigma * deviates.normal()
    exists &= (log_p > -0.3) & (log_p < 9.0)
    log_p = np.clip(log_p, -0.3, 9.0)
    # Twins (q > 0.95): 30 % of the closest pairs, few of the wide ones (Moe & Di Stefano 2017, fig. 35).
    twin = deviates.uniform() < np.interp(log_p, [1.0, 4.0, 7.0], [0.30, 0.10, 0.0])
    u = deviates.uniform()
    q = np.where(twin, 0.95 + 0.05 * u, Q_MIN + (1.0 - Q_MIN) * u)
    # Circular below 12 days (Raghavan et al. 2010, fig. 14), uniform above, up to what leaves 1.2 times that period.
    highest = np.where(log_p > np.log10(12.0), 1.0 - (10.0**log_p / 10.0) ** (-2.0 / 3.0), 0.0)
    eccentricity = deviates.uniform() * np.clip(highest, 0.0, 0.95)
    phase, cos_i, omega = deviates.uniform(), deviates.uniform(), 2.0 * np.pi * deviates.uniform()
    deviates.uniform()  # kept free: a triple's
    orbits = Orbits(exists, q, 10.0**log_p, eccentricity, phase, np.sqrt(1.0 - cos_i**2), omega)
    periastron = orbits.semi_major_au(mass) * 215.03 * (1.0 - eccentricity)
    return Orbits(exists & (periastron > 3.0 * radius), q, 10.0**log_p, eccentricity, phase, orbits.sin_i, omega)


def semi_amplitudes(m1: Array, m2: Array, period_days: Array, eccentricity: Array, sin_i: Array) -> tuple[Array, Array]:
    """K1 and K2 (km/s) of masses in Msun: K1 = (2 pi G / P)^(1/3) m2 sin i / (m1 + m2)^(2/3) / sqrt(1 - e^2)."""
    common = 212.91 * period_days ** (-1.0 / 3.0) * sin_i / (m1 + m2) ** (2.0 / 3.0) / np.sqrt(1.0 - eccentricity**2)
    return common * m2, common * m1


def velocity_shape(phase: Array, eccentricity: Array, omega: Array) -> Array:
    """(rv - systemic) / K of the primary: cos(nu + omega) + e cos(omega), nu by Kepler's equation; ``phase``: mean
    anomaly over 2 pi.
    """
    mean = 2.0 * np.pi * (phase % 1.0)
    e = np.asarray(eccentricity)
    anomaly = mean + e * np.sin(mean)
    for _ in range(60):  # Newton's steps, damped for orbits near e = 1
        step = (anomaly - e * np.sin(anomaly) - mean) / (1.0 - e * np.cos(anomaly))
        anomaly = anomaly - np.clip(step, -0.5, 0.5)
    nu = 2.0 * np.arctan2(np.sqrt(1 + e) * np.sin(anomaly / 2), np.sqrt(1 - e) * np.cos(anomaly / 2))
    return np.asarray(np.cos(nu + omega) + e * np.cos(omega))


class CompositeStars(LitStars):
    """Two stars in one fibre, with the methods of ``SyntheticGrid``: surface fluxes times areas added, in units of the
    primary's area, in the rest frame of the primary.

    Parameters
    ----------
    primary, secondary : EmulatedStars or StarLight
        Row i of both belong together; rows of ``secondary`` with no area are not computed.
    area : array, shape (n,)
        (R2/R1)^2; 0 for single stars.
    velocity : array, shape (n,)
        Of the companion relative to the primary, km/s.
    """

    def __init__(
        self, primary: EmulatedStars | StarLight, secondary: EmulatedStars | StarLight, area: ArrayLike,
        velocity: ArrayLike,
    ) -> None:  # fmt: skip
        self.primary, self.secondary = primary, secondary
        self.area, self.velocity = np.asarray(area, float), np.asarray(velocity, float)
        self.wave, self.cont_wave, self.sed_wave = primary.wave, primary.cont_wave, primary.sed_wave
        self.labels, self.n = primary.labels, primary.n
        self._kept: tuple[NDArray[np.int64], StarLight] | None = None

    def light(self, index: ArrayLike) -> StarLight:
        """The spectra of some rows, in memory."""
        rows = np.atleast_1d(np.asarray(index, np.int64))
        if self._kept is None or not np.array_equal(self._kept[0], rows):
            self._kept = rows.copy(), self._composite(rows)
        return self._kept[1]

    def _composite(self, rows: NDArray[np.int64]) -> StarLight:
        first = self.primary
        norm, sed = first.norm(rows), first.sed(rows)
        continuum = np.array(first.continuum(rows, self.cont_wave))
        both = np.flatnonzero(self.area[rows] > 0)
        if both.size:
            picked = rows[both]
            area = self.area[picked, None].astype(np.float32)
            second = shifted(self.secondary.norm(picked), self.wave, self.velocity[picked])
            own = loglinear(self.wave, self.cont_wave, continuum[both])
            other = area * self.secondary.continuum(picked)
            norm, sed = norm.copy(), sed.copy()
            norm[both] = norm[both] * own + second * other
            continuum[both] += area * self.secondary.continuum(picked, self.cont_wave)
            # By the continuum as it will be interpolated again, so that the flux of the sum is exact.
            norm[both] /= loglinear(self.wave, self.cont_wave, continuum[both])
            sed[both] = sed[both] + area * self.secondary.sed(picked)
        labels = {k: v[rows] for k, v in self.labels.items()}
        return StarLight(self.wave, self.cont_wave, self.sed_wave, norm, continuum, sed, labels)


def shifted(norm: NDArray[Any], wave: NDArray[np.float64], velocity: ArrayLike) -> NDArray[np.float32]:
    """Normalised spectra (b, m) moved by ``velocity`` (b,) km/s; beyond the ends: pure continuum."""
    velocity = np.broadcast_to(np.asarray(velocity, float), (len(norm),))
    return np.stack(
        [
            np.interp(wave / (1.0 + v / C_KM_S), wave, row, left=1.0, right=1.0)
            for v, row in zip(velocity, norm, strict=True)
        ]
    ).astype(np.float32)
