"""Two stars around each other: eclipses, and what tides, motion and mutual light do to the flux.

Eclipses follow Mandel & Agol (2002, ApJ 580, L171): the hidden light of a limb-darkened disc is integrated over rings
of the disc in front of which the other body stands, so any law of limb darkening and any ratio of radii serves. Agrees
to 3e-8 with batman 2.5.3 (quadratic law, ratios 0.05 to 2), which is GPL and so no dependency of this package.
Ellipsoidal variation, beaming and reflection: Faigler & Mazeh (2011, MNRAS 415, 3921).

Limits: spheres (bodies inside 0.8 of their Roche lobes); circular orbits for the tides; no third light.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.spectra.frames import C_KM_S

Array = NDArray[np.float64]
#: Nodes of the integral over rings.
_NODES = 40
_T, _W = np.polynomial.legendre.leggauss(_NODES)


@dataclass(frozen=True, eq=False)
class CloseOrbits:
    """Orbits of n pairs, each array (n,).

    ``period`` days; ``eccentricity``; ``omega`` argument of periastron of the primary and ``inclination``, rad;
    ``phase`` mean anomaly / 2 pi at time 0; ``a`` semi-major axis, ``r1``, ``r2`` radii (Rsun); ``q`` m2 / m1;
    ``light`` the companion's share; ``k1``, ``k2`` km/s.
    """

    period: Array
    eccentricity: Array
    omega: Array
    inclination: Array
    phase: Array
    a: Array
    r1: Array
    r2: Array
    q: Array
    light: Array
    k1: Array
    k2: Array

    def __getitem__(self, rows: Any) -> CloseOrbits:
        return CloseOrbits(**{f.name: np.atleast_1d(getattr(self, f.name)[rows]) for f in fields(self)})


def semi_major(period: ArrayLike, mass: ArrayLike) -> Array:
    """Semi-major axis in Rsun of a pair of this total mass (Msun) and period (days): Kepler's third law."""
    return np.asarray(215.03 * (np.asarray(mass) * (np.asarray(period) / 365.25) ** 2) ** (1.0 / 3.0))


def roche_lobe(q: ArrayLike) -> Array:
    """Radius of the lobe over the separation (Eggleton 1983, ApJ 268, 368); ``q`` this star's mass over the other's."""
    c = np.cbrt(np.asarray(q, np.float64))
    return np.asarray(0.49 * c**2 / (0.6 * c**2 + np.log1p(c)))


def limb_darkening(teff: ArrayLike) -> tuple[Array, Array]:
    """Quadratic coefficients in Kepler's band: a straight line through the run of Claret & Bloemen (2011, A&A 529, A75)
    about the Sun's 0.40, 0.26.
    """
    x = (np.asarray(teff, np.float64) - 5772.0) / 1000.0
    return np.clip(0.40 - 0.14 * x, 0.15, 0.72), np.clip(0.26 + 0.06 * x, 0.02, 0.35)


def hidden_light(p: ArrayLike, z: ArrayLike, u1: ArrayLike = 0.0, u2: ArrayLike = 0.0) -> Array:
    """Share of a star's light that a dark disc hides.

    Parameters
    ----------
    p, z : array
        Radius of the disc and distance of the centres, in radii of the star; broadcast.
    u1, u2 : array
        Quadratic limb darkening, I(mu) = 1 - u1 (1 - mu) - u2 (1 - mu)^2.
    """
    p, z, u1, u2 = np.broadcast_arrays(*(np.asarray(x, np.float64) for x in (p, z, u1, u2)))
    out = np.zeros(p.shape)
    hit = (z < 1.0 + p) & (p > 0)
    if not hit.any():
        return out
    p, z, u1, u2 = (x[hit][:, None] for x in (p, z, u1, u2))
    total = 1.0 - u1 / 3.0 - u2 / 6.0

    def over(low: Array, high: Array, arc: bool) -> Array:
        # r = middle + half sin(pi t / 2): the square roots at both ends become smooth.
        middle, half = 0.5 * (high + low), 0.5 * (high - low)
        r = middle + half * np.sin(0.5 * np.pi * _T)
        mu = np.sqrt(np.maximum(1.0 - r * r, 0.0))
        light = 2.0 * r * (1.0 - u1 * (1.0 - mu) - u2 * (1.0 - mu) ** 2)
        if arc:
            cosine = (r * r + z * z - p * p) / np.maximum(2.0 * r * z, 1e-12)
            light = light * np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi
        return np.asarray((light * np.cos(0.5 * np.pi * _T) * _W).sum(axis=1) * half[:, 0] * 0.5 * np.pi)

    whole = np.clip(p - z, 0.0, 1.0)  # rings that are hidden entirely
    low, high = np.minimum(np.abs(z - p), 1.0), np.minimum(z + p, 1.0)
    found = over(np.zeros_like(whole), whole, False) + over(low, np.maximum(high, low), True)
    out[hit] = np.clip(found / total[:, 0], 0.0, 1.0)
    return out


def _anomaly(mean: Array, e: Array) -> Array:
    """True anomaly of mean anomalies (rad), by Newton's steps."""
    if not np.any(e):
        return mean
    eccentric = mean + e * np.sin(mean)
    for _ in range(12):
        eccentric = eccentric - (eccentric - e * np.sin(eccentric) - mean) / (1.0 - e * np.cos(eccentric))
    return np.asarray(2.0 * np.arctan2(np.sqrt(1 + e) * np.sin(eccentric / 2), np.sqrt(1 - e) * np.cos(eccentric / 2)))


def orbit_flux(orbit: CloseOrbits, time: Array, teff1: Array, teff2: Array, *, cadence: float = 0.0) -> Array:
    """Relative flux of pairs over time, (n, L): eclipses times ellipsoidal variation, beaming and reflection.

    Parameters
    ----------
    orbit : CloseOrbits
    time : array (L,)
        Days.
    teff1, teff2 : array (n,)
        K, for limb darkening.
    cadence : float
        Days over which each sample is a mean; the orbit is sampled every half hour or 1/100 of its period within.
    """
    out = np.empty((orbit.period.size, time.size))
    for i in range(orbit.period.size):
        one = orbit[i]
        fine = max(1, int(np.ceil(cadence / min(0.0209, 0.01 * one.period[0]) - 1e-6))) if cadence > 0 else 1
        shift = (np.arange(fine) + 0.5) / fine - 0.5
        mean = (time[:, None] + cadence * shift[None, :]).ravel() / one.period[0] + one.phase[0]
        flux = phase_flux(one, mean, float(teff1[i]), float(teff2[i]))
        out[i] = flux.reshape(time.size, fine).mean(axis=1)
    return out


def phase_flux(one: CloseOrbits, phase: Array, teff1: float, teff2: float) -> Array:
    """Flux of one pair at mean anomalies over 2 pi."""
    first, second = hidden_shares(one, phase, teff1, teff2)
    light = one.light[0]
    return np.asarray((1.0 - (1.0 - light) * first - light * second) * (1.0 + _tides(one, _angle(one, phase))))


def _angle(one: CloseOrbits, phase: Array) -> Array:
    """True anomaly plus argument of periastron, rad, at mean anomalies over 2 pi."""
    return np.asarray(_anomaly(2.0 * np.pi * (phase % 1.0), one.eccentricity[0]) + one.omega[0])


def hidden_shares(one: CloseOrbits, phase: Array, teff1: float, teff2: float) -> tuple[Array, Array]:
    """Share of the primary's light, and of its companion's, that the other star hides at mean anomalies over 2 pi."""
    e, inc, angle = one.eccentricity[0], one.inclination[0], _angle(one, phase)
    separation = one.a[0] * (1.0 - e * e) / (1.0 + e * np.cos(angle - one.omega[0]))
    # sin(angle) = 1: the primary is farthest away, behind its companion.
    apart = separation * np.sqrt(np.maximum(1.0 - (np.sin(angle) * np.sin(inc)) ** 2, 0.0))
    r1, r2 = one.r1[0], one.r2[0]
    behind = np.sin(angle) > 0
    hidden = np.zeros(phase.shape), np.zeros(phase.shape)
    for share, star, other, where, teff in (
        (hidden[0], r1, r2, behind, teff1), (hidden[1], r2, r1, ~behind, teff2),
    ):  # fmt: skip
        near = np.flatnonzero(where & (apart < r1 + r2))
        if near.size and star > 0:
            share[near] = hidden_light(other / star, apart[near] / star, *limb_darkening(teff))
    return hidden


def _tides(one: CloseOrbits, angle: Array) -> Array:
    """Ellipsoidal variation, beaming and reflection, about 0."""
    sin_i, light, q, a = np.sin(one.inclination[0]), one.light[0], one.q[0], one.a[0]
    # Gravity (0.32) and limb (0.6) darkening of cool stars: Morris & Naftilan (1993), 0.15 (15 + u)(1 + g) / (3 - u).
    alpha = 0.15 * 15.6 * 1.32 / 2.4
    wide = (1.0 - light) * q * (one.r1[0] / a) ** 3 + light / q * (one.r2[0] / a) ** 3
    speed = (1.0 - light) * one.k1[0] - light * one.k2[0]
    mirror = 0.15 * sin_i * (light * (one.r1[0] / a) ** 2 - (1.0 - light) * (one.r2[0] / a) ** 2)
    return np.asarray(
        alpha * sin_i**2 * wide * np.cos(2.0 * angle) - 4.0 * speed / C_KM_S * np.cos(angle) + mirror * np.sin(angle)
    )


def eclipse_depth(orbit: CloseOrbits, teff1: Array, teff2: Array) -> Array:
    """Depth of the deeper eclipse of each pair, at mid-eclipse; 0 where none happens."""
    out = np.zeros(orbit.period.size)
    for i in range(out.size):
        one = orbit[i]
        if one.r2[0] <= 0 or not np.isfinite(one.period[0]):
            continue
        flux = phase_flux(one, np.linspace(0.0, 1.0, 2001), float(teff1[i]), float(teff2[i]))
        angle = _anomaly(2.0 * np.pi * np.linspace(0.0, 1.0, 2001), one.eccentricity[0]) + one.omega[0]
        out[i] = np.max(1.0 - flux / (1.0 + _tides(one, angle)))
    return out
