"""``simulate_light_curve``: the light curve of a star whose age, rotation or companion a person chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from specviz.errors import OptionError
from specviz.simulate.companion import Companion, of_facts, pair_of, radius_of, within
from specviz.simulate.light_curves.eclipses import eclipse_depth
from specviz.simulate.light_curves.one_star import simulate_curve
from specviz.spectra.star import LightCurve, Star

_LIMITS = {
    "age": (0.01, 14.0),
    "period": (0.2, 200.0),
    "radius": (0.1, 100.0),
    "g_mag": (6.0, 18.0),
    "days": (5.0, 1500.0),
    "cadence_hours": (0.1, 6.0),
}


def simulate_light_curve(
    star: Star | Mapping[str, float],
    age: float = 4.6,
    *,
    period: float | None = None,
    companion: Companion | None = None,
    radius: float | None = None,
    g_mag: float = 12.0,
    days: float = 180.0,
    cadence_hours: float = 0.5,
    seed: int = 0,
) -> LightCurve:
    """What Kepler would have seen of a star: spots, convection, noise and gaps, and a companion's eclipses and tides.

    Parameters
    ----------
    star : Star or mapping
        A simulated one, or its ``teff`` (K) and ``logg``.
    age : float
        Gyr; sets the rotation of a cool dwarf (Mamajek & Hillenbrand 2008) with the scatter of real ones.
    period : float, optional
        Rotation in days, in place of the one that the age gives.
    companion : Companion, optional
        A close one, which also locks the rotation where its period is at most 7 days. By default the one that the star
        was simulated with, if it was.
    radius : float, optional
        Solar; by default that of a dwarf of this temperature, or of a giant of 1.2 solar masses.
    g_mag : float
        Sets the noise.
    days, cadence_hours : float
        Length and step.
    seed : int
        Another seed gives other spots and noise; the same gives the same curve.

    Returns
    -------
    LightCurve
        Relative flux against days; ``meta`` holds the truth: ``prot`` (d), ``age``, with a companion ``porb`` (d) and
        ``depth`` (relative, of the deeper eclipse).

    Raises
    ------
    OptionError
        For values outside of what is simulated, and for stars that would touch.

    Notes
    -----
    The companion is a dwarf, of rough radius and temperature (:func:`specviz.simulate.companion.pair_of`).
    ``specviz.simulate_star(..., companion=...)`` puts it into the star's spectra.

    Examples
    --------
    >>> sun = specviz.simulate_star(5772, 4.44, 0.0)                                       # doctest: +SKIP
    >>> sun = sun.with_(light_curve=specviz.simulate_light_curve(sun, age=4.6))              # doctest: +SKIP
    >>> specviz.load_model("desa-small").look(sun.spectra["lamost_lrs"], sun.light_curve)    # doctest: +SKIP
    """
    labels: Mapping[str, Any] = star.catalogue if isinstance(star, Star) else star
    if not {"teff", "logg"} <= set(labels):
        raise OptionError("This star has no teff and logg", expected="a simulated star, or a mapping with both")
    teff, logg = float(labels["teff"]), float(labels["logg"])
    if companion is None and isinstance(star, Star):
        companion = of_facts(star.meta)
    radius = radius_of(teff, logg) if radius is None else radius
    asked = {"age": age, "radius": radius, "g_mag": g_mag, "days": days, "cadence_hours": cadence_hours}
    within(_LIMITS, asked if period is None else {**asked, "period": period})
    told: dict[str, Any] = {"simulated": True, "age": float(age)}
    orbit, cooler, locked = None, 4000.0, False
    if companion is not None:
        pair = pair_of(companion, teff, logg, radius)
        orbit, cooler = pair.orbit, pair.teff
        locked = companion.locks and period is None
        depth = float(eclipse_depth(orbit, np.array([teff]), np.array([cooler]))[0])
        told |= {"porb": companion.period, "depth": depth}
    made = simulate_curve(
        teff=teff, logg=logg, radius=radius, age=age, magnitude=g_mag, days=days, cadence_hours=cadence_hours,
        seed=seed, period=companion.period if companion is not None and locked else period, orbit=orbit,
        companion_teff=cooler, locked=locked,
    )  # fmt: skip
    good = np.isfinite(made.flux)
    told |= {"prot": made.period, "origin": _words(made.period, age, companion)}
    return LightCurve(made.time[good], made.flux[good], flux_unit="relative", time_system="days", meta=told)


def _words(prot: float, age: float, companion: Companion | None) -> str:
    pair = "" if companion is None else f", a companion every {companion.period:g} d"
    return f"simulated: {prot:.1f} d rotation, {age:.1f} Gyr{pair}"
