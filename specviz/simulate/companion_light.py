"""``add_light``: the light of companions in the spectra of stars, at the phase of the orbit that was looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.simulate.binaries import CompositeStars
from specviz.simulate.chemistry import microturbulence
from specviz.simulate.companion import Pair
from specviz.simulate.emulated import EmulatedStars, SpectralEmulator, StarLight, inside

Array = NDArray[np.float64]
#: Where the ratio of the lights is told, Angstrom.
RATIO_AT = 5500.0
#: Least share of a star that is seen: a total eclipse leaves the other star, a division by zero nothing.
_LEAST = 1e-6


def add_light(
    stars: StarLight, emulator: SpectralEmulator, labels: Mapping[str, Array], pairs: Sequence[Pair], day: Array
) -> tuple[StarLight, StarLight, list[dict[str, float]]]:
    """Surface light of stars with their companions.

    Parameters
    ----------
    stars : StarLight
        The n stars alone.
    emulator : SpectralEmulator
    labels : mapping of str to array (n,)
        Of the stars; the companions have the same but for temperature, gravity and microturbulence.
    pairs : sequence of Pair
    day : array, shape (n,)
        Days after time 0.

    Returns
    -------
    seen : StarLight
        On that day, in the rest frame of the star: the companion moved by the difference of their velocities, what is
        eclipsed left out.
    mean : StarLight
        Of all days, eclipses left aside; for spectra that do not resolve the motion.
    facts : list of dict
        For each star ``rv_1``, ``rv_2`` (km/s, about the centre of mass), ``teff_2``, ``logg_2``, ``porb``, ``phase``,
        ``q``, ``k1``, ``k2`` and ``flux_ratio``.
    """
    low, high = emulator.ranges["teff"]
    teff, logg, size = (np.array([getattr(pair, k) for pair in pairs]) for k in ("teff", "logg", "radius"))
    # A dwarf of rough radius may lie a little beyond the emulator's gravities, and shines all the same.
    shines = (teff >= low) & (teff <= high)
    other = {**labels, "teff": np.where(shines, teff, labels["teff"]), "logg": np.where(shines, logg, labels["logg"])}
    # The star's own departure from what is usual is the companion's too: a twin is a twin.
    usual = microturbulence(labels["teff"], labels["logg"])
    other["vmic"] = labels["vmic"] / usual * microturbulence(other["teff"], other["logg"])
    second = EmulatedStars(emulator, inside(other, emulator.ranges)).light(np.arange(stars.n))
    area = np.where(shines, (size / np.array([float(pair.orbit.r1[0]) for pair in pairs])) ** 2, 0.0)
    rv = np.array([pair.velocities(float(t)) for pair, t in zip(pairs, day, strict=True)])
    visible = np.array([pair.visible(float(t)) for pair, t in zip(pairs, day, strict=True)])
    apart, rows = rv[:, 1] - rv[:, 0], np.arange(stars.n)
    uncovered = area * visible[:, 1] / np.maximum(visible[:, 0], _LEAST)
    seen = CompositeStars(stars, second, uncovered, apart).light(rows)
    mean = CompositeStars(stars, second, area, np.zeros(stars.n)).light(rows)
    at = np.array([RATIO_AT])
    ratio = area * second.continuum(rows, at)[:, 0] / stars.continuum(rows, at)[:, 0]
    return (
        seen,
        mean,
        [_facts(pair, float(t), v, float(r)) for pair, t, v, r in zip(pairs, day, rv, ratio, strict=True)],
    )


def _facts(pair: Pair, day: float, rv: Any, ratio: float) -> dict[str, float]:
    return {
        "rv_1": float(rv[0]), "rv_2": float(rv[1]), "teff_2": pair.teff, "logg_2": pair.logg,
        "porb": pair.companion.period, "phase": pair.phase(day), "q": pair.companion.q,
        "k1": float(pair.orbit.k1[0]), "k2": float(pair.orbit.k2[0]), "flux_ratio": ratio,
    }  # fmt: skip
