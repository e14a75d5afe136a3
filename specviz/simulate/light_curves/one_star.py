"""The light curve of one star, alone or with a close companion, for labels that are given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.simulate.light_curves import convection, eclipses, gyrochronology, kepler, spots


@dataclass(frozen=True, eq=False)
class OneCurve:
    """``time`` in days, ``flux`` relative with NaN in gaps, and the rotation ``period`` in days."""

    time: NDArray[np.float64]
    flux: NDArray[np.float64]
    period: float


def simulate_curve(
    *,
    teff: float,
    logg: float,
    radius: float,
    age: float,
    magnitude: float,
    days: float = 180.0,
    cadence_hours: float = 0.5,
    seed: int = 0,
    period: float | None = None,
    orbit: eclipses.CloseOrbits | None = None,
    companion_teff: float = 4000.0,
    locked: bool = False,
) -> OneCurve:
    """What Kepler would have seen of a star: spots of its rotation at its age, convection, the instrument.

    Parameters
    ----------
    teff, logg, radius, age, magnitude : float
        K, cgs, solar, Gyr, Kepler's magnitude.
    days, cadence_hours : float
    seed : int
        The same arguments give the same curve.
    period : float, optional
        Of the rotation, days; drawn for the age by default.
    orbit : CloseOrbits, optional
        Of one pair: eclipses and tides of a companion, and its steady light.
    companion_teff : float
        K, for the companion's limb darkening.
    locked : bool
        Tides hold the rotation: spots live longer near the same longitudes, and the star turns as one.
    """
    rng = np.random.default_rng([seed, 0x6F6E65])
    t, g, r, a = (np.array([v], np.float64) for v in (teff, logg, max(radius, 0.1), age))
    mass = np.clip(10.0 ** (g - 4.438) * r**2, 0.1, 5.0)
    drawn = gyrochronology.draw_periods(rng, t, g, a, mass, r)
    turning = drawn if period is None else np.array([period], np.float64)
    size = spots.draw_ranges(rng, t, g, turning / gyrochronology.turnover_time(t), tidal=np.array([locked]))
    samples = round(days * 24.0 / cadence_hours)
    step = cadence_hours / 24.0
    time = (np.arange(samples, dtype=np.float64) + 0.5) * float(step)
    inclination = np.arccos(rng.uniform(0.0, 0.8, 1))  # not from above the pole, where nothing turns into view
    if orbit is not None and locked:
        inclination = orbit.inclination
    life = spots.lifetimes(rng, t, turning) * (3.0 if locked else 1.0)
    shear = spots.shear(t) * (0.1 if locked else 1.0)
    spotted = spots.spot_modulation(rng, time, turning, inclination, size, life, shear, cadence=step)
    boiling = convection.convective_noise(rng, samples, step, t, g, mass, r)
    flux: NDArray[np.float64] = np.asarray(spotted * (1.0 + boiling), np.float64)
    if orbit is not None:
        flux = 1.0 + (1.0 - orbit.light[:, None]) * (flux - 1.0)
        flux = flux * eclipses.orbit_flux(orbit, time, t, np.array([companion_teff]), cadence=step)
    seen = kepler.observe(rng, flux, time, np.array([magnitude]), cadence_hours)
    return OneCurve(time, np.asarray(seen[0], np.float64), float(turning[0]))
