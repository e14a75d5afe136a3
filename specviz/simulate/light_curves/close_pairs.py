"""Close pairs: stars of the survey given a companion that eclipses them or locks their rotation.

The sky has one such pair in a hundred stars; a classifier needs many. Primaries, mass ratios and the run of periods are
the survey's (:mod:`specviz.simulate.binaries`), cut to short periods; inclinations are isotropic, or isotropic among
those that eclipse.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specviz.simulate import binaries
from specviz.simulate.binaries import Companions, semi_amplitudes
from specviz.simulate.chemistry import microturbulence, total_metals
from specviz.simulate.emulated import inside
from specviz.simulate.light_curves.eclipses import CloseOrbits, roche_lobe, semi_major
from specviz.simulate.survey import SurveyDraw, SurveyPopulation, absolute_g

Array = NDArray[np.float64]
CloseKind = Literal["eclipsing", "synchronised"]
#: Periods (days) drawn for each kind.
PERIODS: dict[str, tuple[float, float]] = {"eclipsing": (0.45, 60.0), "synchronised": (0.45, 10.0)}
#: Pairs closer than the first rotate with their orbit, wider than the second do not (days): Lurie et al. (2017, AJ 154,
#: 250) find most of Kepler's eclipsing binaries below 10 days synchronised (those that lag behind are left out here).
LOCKED = (7.0, 12.0)
#: How full of its Roche lobe a star may be.
FILLING = 0.8


@dataclass(frozen=True, eq=False)
class ClosePairs:
    """A draw whose stars all have a close companion, and the orbits of both."""

    draw: SurveyDraw
    orbits: CloseOrbits


def draw_close(
    rng: np.random.Generator,
    population: SurveyPopulation,
    n: int,
    kind: CloseKind,
    *,
    g_faintest: float = 17.3,
    teff_hottest: float = 1e5,
) -> ClosePairs:
    """``n`` pairs of a kind, by drawing stars until enough can have such a companion.

    Every pair is detached, and both stars are on the tracks; a companion too cool for the emulator gives no light.
    """
    parts: list[tuple[SurveyDraw, CloseOrbits]] = []
    have = 0
    while have < n:
        stars = population.draw(rng, max(4 * (n - have), 64))
        stars = stars[np.flatnonzero((stars.g_mag < g_faintest) & (stars.labels["teff"] < teff_hottest))]
        if not len(stars):
            continue
        made, orbits, ok = _companions(rng, population, stars, kind)
        rows = np.flatnonzero(ok)[: n - have]
        if rows.size:
            parts.append((made[rows], orbits[rows]))
            have += rows.size
    return ClosePairs(joined([d for d, _ in parts]), joined_orbits([o for _, o in parts]))


def _companions(
    rng: np.random.Generator, population: SurveyPopulation, stars: SurveyDraw, kind: CloseKind
) -> tuple[SurveyDraw, CloseOrbits, NDArray[np.bool_]]:
    n = len(stars)
    mean, sigma = binaries._LOG_PERIOD
    low, high = np.log10(PERIODS[kind])
    # Log-normal, cut: nearly rising over this range.
    grid = np.linspace(low, high, 200)
    chance = np.cumsum(np.exp(-0.5 * ((grid - mean) / sigma) ** 2))
    period = 10.0 ** np.interp(rng.random(n) * chance[-1], chance, grid)
    twin = rng.random(n) < 0.30
    u = rng.random(n)
    q = np.where(twin, 0.95 + 0.05 * u, 0.12 + 0.88 * u)
    highest = np.where(period > 12.0, 1.0 - (period / 10.0) ** (-2.0 / 3.0), 0.0)
    eccentricity = rng.random(n) * np.clip(highest, 0.0, 0.6)
    labels = stars.labels
    metal = total_metals(labels["fe_h"], labels["alpha_fe"]) if "alpha_fe" in labels else labels["fe_h"]
    second = population.tracks.at_age(metal, stars.mass_init * q, stars.age_gyr * 1e3)
    q_now = second.mass / stars.mass
    a = semi_major(period, stars.mass + second.mass)
    nearest = a * (1.0 - eccentricity)
    ok = (second.stage > 0) & (stars.radius_rsun < FILLING * roche_lobe(1.0 / q_now) * nearest)
    ok &= second.radius < FILLING * roche_lobe(q_now) * nearest
    touch = (stars.radius_rsun + second.radius) / nearest
    cos_i = rng.random(n)
    if kind == "eclipsing":
        # Eclipses are seen in proportion to the radii over the separation: the closer, the likelier to be in a sample.
        ok &= rng.random(n) < 2.0 * touch
        cos_i *= 0.97 * np.minimum(touch, 1.0)
    else:
        ok &= cos_i > touch
    inclination = np.arccos(cos_i)
    (t0, t1), (g0, g1) = population.ranges["teff"], population.ranges["logg"]
    shines = (second.teff > t0) & (second.teff < t1) & (second.logg > g0) & (second.logg < g1 + 0.15)
    other = {k: np.array(v) for k, v in labels.items()}
    other.update(teff=second.teff, logg=second.logg, vmic=microturbulence(second.teff, second.logg))
    other = inside(other, population.ranges)
    other = {k: np.where(shines, v, labels[k]) for k, v in other.items()}
    m_g = absolute_g(labels["teff"], labels["logg"], labels["fe_h"], stars.radius_rsun)
    theirs = absolute_g(other["teff"], other["logg"], other["fe_h"], second.radius)
    ratio = np.where(shines, 10.0 ** (-0.4 * (theirs - m_g)), 0.0)
    light = ratio / (1.0 + ratio)
    k1, k2 = semi_amplitudes(stars.mass, second.mass, period, eccentricity, np.sin(inclination))
    phase, omega = rng.random(n), 2.0 * np.pi * rng.random(n)
    shape = binaries.velocity_shape(phase, eccentricity, omega)
    double = (light > binaries.SB2_LIGHT) & (np.abs(shape) * (k1 + k2) > binaries.SB2_SEPARATION)
    named = np.where(double, "SB2", np.where(k1 >= 1.0, "SB1", ""))
    companion = Companions(
        named, q_now, period, eccentricity, k1, k2, phase, k1 * shape, -k2 * shape, second.mass,
        second.teff * shines, second.logg * shines, second.radius * shines, light,
    )  # fmt: skip
    alone = stars.g_mag - 2.5 * np.log10(1.0 - stars.companion.light)
    g_mag = alone + 2.5 * np.log10(1.0 - light)
    draw = replace(
        stars, companion=companion, companion_labels=other, rv=stars.rv_systemic + companion.rv1, g_mag=g_mag
    )
    # The light curve was taken at another time than the spectrum.
    orbits = CloseOrbits(
        period,
        eccentricity,
        omega,
        inclination,
        rng.random(n),
        a,
        stars.radius_rsun,
        second.radius,
        q_now,
        light,
        k1,
        k2,
    )
    return draw, orbits, ok


def orbits_of(rng: np.random.Generator, draw: SurveyDraw) -> CloseOrbits:
    """Orbits of the companions that a survey draw has by itself; period NaN where there is none.

    Inclinations follow from K1; the argument of periastron is drawn anew. A companion without light has the radius of a
    main-sequence star of its mass, a white dwarf's if it is one (mass 0.6 Msun and more without light).
    """
    pair, n = draw.companion, len(draw)
    have = (pair.q > 0) & (pair.period_days > 0) & (pair.mass > 0)
    period = np.where(have, pair.period_days, np.nan)
    mass = np.where(have, pair.mass, 1.0)
    full, _ = semi_amplitudes(draw.mass, mass, np.where(have, pair.period_days, 1.0), pair.eccentricity, np.ones(n))
    sin_i = np.clip(np.where(have, pair.k1 / full, 0.5), 0.0, 1.0)
    dark = np.where(pair.mass > 0.59, 0.013, np.maximum(pair.mass, 0.08) ** 0.9)
    radius = np.where(have, np.where(pair.radius > 0, pair.radius, dark), 0.0)
    return CloseOrbits(
        period, np.where(have, pair.eccentricity, 0.0), 2.0 * np.pi * rng.random(n), np.arcsin(sin_i), rng.random(n),
        semi_major(np.where(have, pair.period_days, 1e6), draw.mass + mass), draw.radius_rsun, radius,
        np.where(have, mass / draw.mass, 0.0), pair.light, pair.k1, pair.k2,
    )  # fmt: skip


def locked_share(period_days: Array) -> Array:
    """Chance that a pair of this period rotates with its orbit."""
    return np.interp(np.nan_to_num(period_days, nan=1e9), LOCKED, [1.0, 0.0])


def joined(draws: list[SurveyDraw]) -> SurveyDraw:
    """Draws one after the other."""
    values: dict[str, object] = {}
    for name in SurveyDraw.__dataclass_fields__:
        parts = [getattr(d, name) for d in draws]
        if isinstance(parts[0], dict):
            values[name] = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
        elif isinstance(parts[0], Companions):
            fields = Companions.__dataclass_fields__
            values[name] = Companions(**{f: np.concatenate([getattr(p, f) for p in parts]) for f in fields})
        else:
            values[name] = np.concatenate(parts)
    return SurveyDraw(**values)  # type: ignore[arg-type]


def joined_orbits(orbits: list[CloseOrbits]) -> CloseOrbits:
    """Orbits one after the other."""
    fields = CloseOrbits.__dataclass_fields__
    return CloseOrbits(**{f: np.concatenate([getattr(o, f) for o in orbits]) for f in fields})
