"""``Companion``: a second star on a close, circular orbit, the same for the light curve and for the spectrum.

Masses are rough, from temperature and gravity alone; what follows from them is exact: Kepler's third law and the
velocities (:func:`specviz.simulate.binaries.semi_amplitudes`), eclipses (Mandel & Agol 2002), and the ratio of the two
stars' light, (R2 / R1)^2 times that of their surface fluxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from specviz.errors import OptionError
from specviz.simulate.binaries import semi_amplitudes, velocity_shape
from specviz.simulate.light_curves.close_pairs import FILLING, LOCKED
from specviz.simulate.light_curves.eclipses import CloseOrbits, hidden_shares, roche_lobe, semi_major

#: Mass (solar) that a giant is taken to have where its radius is not known.
_GIANT = 1.2
#: log g above which a star is a dwarf.
_DWARF = 3.8
#: log g of the Sun, and km/s of the equator of a star of one solar radius that turns in a day.
LOGG_SUN, _EQUATOR = 4.438, 50.6


@dataclass(frozen=True)
class Companion:
    """A companion on a close, circular orbit.

    Parameters
    ----------
    period : float
        Of the orbit, days. Up to 7 the star's rotation is locked to it.
    q : float
        Its mass over the star's, 0.1 to 1.
    inclination : float
        Degrees; 90 is edge-on, where there are eclipses.
    phase : float
        Of the orbit at time 0, 0 to 1. At phase 0 the star recedes fastest, at 0.25 its companion is in front of it, at
        0.5 it approaches fastest, at 0.75 it is in front.
    """

    period: float
    q: float = 0.5
    inclination: float = 88.0
    phase: float = 0.3

    def __post_init__(self) -> None:
        limits = {"period": (0.3, 60.0), "q": (0.1, 1.0), "inclination": (0.0, 90.0), "phase": (0.0, 1.0)}
        within(limits, vars(self))

    @property
    def locks(self) -> bool:
        """Whether tides make the star turn with the orbit."""
        return self.period <= LOCKED[0]


def noted(companion: Companion) -> dict[str, float]:
    """A companion as plain facts (``companion_period`` and so on), which a star's ``meta`` can hold."""
    return {f"companion_{name}": float(value) for name, value in vars(companion).items()}


def of_facts(meta: Mapping[str, Any]) -> Companion | None:
    """The companion that :func:`noted` wrote; None if there is none."""
    names = [f.name for f in fields(Companion)]
    if not all(f"companion_{name}" in meta for name in names):
        return None
    return Companion(**{name: meta[f"companion_{name}"] for name in names})


@dataclass(frozen=True, eq=False)
class Pair:
    """A star and its companion.

    Parameters
    ----------
    companion : Companion
    orbit : CloseOrbits
        Of one pair.
    teff1 : float
        Of the star, K.
    mass, radius, teff, logg : float
        Of the companion, solar units, K, dex.
    """

    companion: Companion
    orbit: CloseOrbits
    teff1: float
    mass: float
    radius: float
    teff: float
    logg: float

    def phase(self, day: float) -> float:
        """Of the orbit, 0 to 1, so many days after time 0."""
        return float((day / self.companion.period + self.companion.phase) % 1.0)

    def velocities(self, day: float) -> tuple[float, float]:
        """Radial velocities (km/s) of the star and of its companion about their centre of mass."""
        orbit = self.orbit
        shape = float(velocity_shape(np.array(self.phase(day)), orbit.eccentricity[0], orbit.omega[0]))
        return float(orbit.k1[0]) * shape, -float(orbit.k2[0]) * shape

    def visible(self, day: float) -> tuple[float, float]:
        """Share of the light of the star, and of its companion, that is not eclipsed by the other."""
        hidden = hidden_shares(self.orbit, np.array([self.phase(day)]), self.teff1, self.teff)
        return 1.0 - float(hidden[0][0]), 1.0 - float(hidden[1][0])

    @property
    def vsini(self) -> float:
        """Of the star, km/s, if it turns with the orbit."""
        return float(_EQUATOR * self.orbit.r1[0] / self.companion.period * np.sin(self.orbit.inclination[0]))


def radius_of(teff: float, logg: float) -> float:
    """Radius (solar) of a dwarf of this temperature (mass as Teff^2), or of a giant of 1.2 solar masses."""
    mass = float(np.clip((teff / 5772.0) ** 2, 0.4, 1.8)) if logg > _DWARF else _GIANT
    return float(np.sqrt(mass * 10.0 ** (LOGG_SUN - logg)))


def pair_of(companion: Companion, teff: float, logg: float, radius: float | None = None) -> Pair:
    """The two stars and their orbit.

    Parameters
    ----------
    companion : Companion
    teff, logg : float
        Of the star, K and dex.
    radius : float, optional
        Of the star, solar; by default that of :func:`radius_of`. Its mass follows from radius and gravity.

    Raises
    ------
    OptionError
        If the stars would touch: a star fills more than 0.8 of its Roche lobe (Eggleton 1983).

    Notes
    -----
    The companion is a dwarf. Along the main sequence radii go as mass^0.9 and temperatures as mass^0.5, which is rough:
    from a dwarf's own radius and temperature, so that a companion of the same mass is its twin; beside a giant from the
    Sun's.
    """
    radius = radius_of(teff, logg) if radius is None else radius
    mass, q = float(10.0 ** (logg - LOGG_SUN) * radius**2), companion.q
    other = q * mass
    size, cooler = (radius * q**0.9, teff * q**0.5) if logg > _DWARF else (other**0.9, 5772.0 * other**0.5)
    cooler = float(np.clip(cooler, 3000.0, max(12_000.0, teff)))
    axis = float(semi_major(companion.period, mass + other))
    lobes = float(roche_lobe(1.0 / q)), float(roche_lobe(q))
    if radius > FILLING * lobes[0] * axis or size > FILLING * lobes[1] * axis:
        raise OptionError(
            f"Stars of {radius:.2f} and {size:.2f} solar radii would touch in an orbit of {companion.period:g} d",
            expected="a longer period",
        )
    # In the red a star's surface shines about as T^5.
    ratio = (size / radius) ** 2 * (cooler / teff) ** 5
    tilt = np.array([np.radians(companion.inclination)])
    m1, m2, days, round_orbit = (np.array([v]) for v in (mass, other, companion.period, 0.0))
    k1, k2 = semi_amplitudes(m1, m2, days, round_orbit, np.sin(tilt))
    one = {"period": companion.period, "eccentricity": 0.0, "omega": 0.0, "phase": companion.phase, "a": axis,
           "r1": radius, "r2": size, "q": q, "light": ratio / (1.0 + ratio)}  # fmt: skip
    orbit = CloseOrbits(inclination=tilt, k1=k1, k2=k2, **{k: np.array([v]) for k, v in one.items()})
    return Pair(companion, orbit, teff, other, size, cooler, float(LOGG_SUN + np.log10(other / size**2)))


def within(limits: Mapping[str, tuple[float, float]], values: Mapping[str, Any]) -> None:
    """Refuse values that are no numbers or outside of their limits.

    Raises
    ------
    OptionError
    """
    for name, value in values.items():
        low, high = limits[name]
        if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not low <= value <= high:
            raise OptionError(f"{name} = {value!r}", expected=f"{low:g} to {high:g}")
