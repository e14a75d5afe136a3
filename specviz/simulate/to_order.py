"""``simulate_star``: stars of labels that a person chooses, as LAMOST and Gaia would have seen them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import OptionError
from specviz.simulate.chemistry import microturbulence
from specviz.simulate.companion import Companion, noted, pair_of
from specviz.simulate.companion_light import add_light
from specviz.simulate.conditions import draw_conditions
from specviz.simulate.emulated import EmulatedStars
from specviz.simulate.gaia_xp import XPSimulator
from specviz.simulate.on_demand import observe_light
from specviz.simulate.packaged import packaged_emulator
from specviz.spectra.frames import C_KM_S
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: Streams of random numbers of one star: the night, LAMOST's noise, Gaia's noise.
_NIGHT, _LAMOST, _GAIA = 201, 202, 203
#: Stars at once: their surface spectra are held in memory, 0.1 MB each.
MOST = 2000
_LIMITS = {
    "snr": (1.0, 2000.0),
    "ebv": (0.0, 5.0),
    "rv": (-1500.0, 1500.0),
    "g_mag": (3.0, 21.0),
    "vsini": (0.0, 500.0),
    "day": (-1e5, 1e5),
}
_SIMULATED = "simulated by specviz (phdlspec-small)"


def simulate_star(
    teff: ArrayLike,
    logg: ArrayLike,
    fe_h: ArrayLike,
    *,
    alpha_fe: ArrayLike = 0.0,
    snr: ArrayLike = 60.0,
    rv: ArrayLike = 0.0,
    ebv: ArrayLike = 0.0,
    g_mag: ArrayLike | None = None,
    vsini: ArrayLike | None = None,
    companion: Companion | None = None,
    day: ArrayLike | None = None,
    seed: int = 0,
    **abundances: ArrayLike,
) -> Any:
    """Observe a star of these labels with LAMOST and with Gaia: a night, an instrument and noise of its own.

    Parameters
    ----------
    teff, logg, fe_h : float or array
        K; cgs; dex. Arrays (and any other argument may be one) make as many stars.
    alpha_fe : float or array
        [O, Mg, Si, S, Ca, Ti/Fe] where ``abundances`` do not say otherwise, dex.
    snr : float or array
        Of LAMOST, per pixel in the g band.
    rv, ebv : float or array
        Radial velocity in km/s (positive = receding), of the centre of mass where there is a companion; reddening
        E(B-V) in mag.
    g_mag : float or array, optional
        Gaia G, which sets the noise of XP; by default what LAMOST reaches ``snr`` with in a typical exposure.
    vsini : float or array, optional
        km/s; by default drawn for the temperature, or that of the orbit where a companion locks the rotation.
    companion : Companion, optional
        A second star on a close orbit, whose light is in both spectra: in LAMOST's each star at its own velocity, and
        less of the one that is eclipsed; in Gaia's, a mean of years, all of both.
    day : float or array, optional
        When LAMOST looked at the pair: days after time 0 of the light curve, by default 0. An array makes a night each.
    seed : int
        Another seed is another night and other noise; the same gives the same spectra.
    **abundances
        ``mg_fe=0.3`` and the like, ``vmic`` in km/s.

    Returns
    -------
    Star, or a list of them where an argument is an array
        ``star.catalogue`` holds the labels; with a companion ``rv`` is that of the star on that day, and there are
        ``rv_2``, ``rv_systemic``, ``teff_2``, ``logg_2``, ``porb`` (days), ``phase``, ``q``, ``k1``, ``k2`` (km/s), and
        ``flux_ratio`` (companion over star, at 5500 Angstrom, outside of eclipse).

    Raises
    ------
    OptionError, ModelError
        For arrays that do not fit together; for labels outside of what the emulator knows; for stars that would touch.

    Notes
    -----
    The companion has the star's abundances, and what :func:`specviz.simulate.companion.pair_of` says for the rest. The
    ratio of the lights is (R2 / R1)^2 times that of the emulator's fluxes at the surface. A companion cooler than the
    emulator knows (3500 K) gives no light. Its lines are broadened by the star's rotation, not by its own.

    Examples
    --------
    >>> sun = specviz.simulate_star(5772, 4.44, 0.0, snr=100)                      # doctest: +SKIP
    >>> nights = specviz.simulate_star(5772, 4.44, 0.0, snr=[20] * 50, seed=1)      # doctest: +SKIP
    >>> twin = specviz.Companion(period=3.0, q=1.0, inclination=80.0, phase=0.0)     # doctest: +SKIP
    >>> orbit = specviz.simulate_star(5772, 4.44, 0.0, companion=twin, day=[0.0, 0.4, 0.75])  # doctest: +SKIP
    """
    given: dict[str, ArrayLike] = {"teff": teff, "logg": logg, "fe_h": fe_h, "alpha_fe": alpha_fe, **abundances}
    if companion is None and day is not None:
        raise OptionError("A day, and no companion whose orbit has one", expected="companion=specviz.Companion(...)")
    if companion is not None and not isinstance(companion, Companion):
        raise OptionError(f"companion = {companion!r}", expected="specviz.Companion(period=..., q=...)")
    rest: dict[str, ArrayLike] = {"snr": snr, "rv": rv, "ebv": ebv, "day": 0.0 if day is None else day}
    rest |= {name: v for name, v in (("g_mag", g_mag), ("vsini", vsini)) if v is not None}
    columns, many = _columns({**given, **rest})
    emulator = packaged_emulator()
    if "vmic" not in columns:
        columns["vmic"] = np.clip(microturbulence(columns["teff"], columns["logg"]), *emulator.ranges["vmic"])
    array = emulator.label_array({name: columns[name] for name in (*given, "vmic")})
    labels = {name: array[:, k] for k, name in enumerate(emulator.label_names)}
    stars = _observed(emulator, labels, columns, companion, int(seed))
    return stars if many else stars[0]


def _columns(given: dict[str, ArrayLike]) -> tuple[dict[str, NDArray[np.float64]], bool]:
    """Every argument as one value a star, and whether any was an array."""
    try:
        wide = np.broadcast_arrays(*(np.asarray(v, float) for v in given.values()))
    except (TypeError, ValueError) as error:
        raise OptionError("The labels do not fit together", expected="numbers, and lists of equal length") from error
    if wide[0].ndim > 1 or not 1 <= wide[0].size <= MOST:
        raise OptionError(f"Labels of shape {wide[0].shape}", expected=f"a number each, or lists of 1 to {MOST}")
    columns = {name: np.atleast_1d(v).copy() for name, v in zip(given, wide, strict=True)}
    for name, (low, high) in _LIMITS.items():
        if name in columns and not ((columns[name] >= low) & (columns[name] <= high)).all():
            raise OptionError(f"{name} = {given[name]!r}", expected=f"{low:g} to {high:g}")
    return columns, wide[0].ndim == 1


def _observed(
    emulator: Any, labels: dict[str, Any], columns: dict[str, Any], companion: Companion | None, seed: int
) -> list[Star]:
    xp, n = XPSimulator(correlated=True), columns["snr"].size
    light = mean = EmulatedStars(emulator, labels).light(np.arange(n))
    facts: list[dict[str, float]] = [{} for _ in range(n)]
    velocity = columns["rv"]
    if companion is not None:
        pairs = [pair_of(companion, float(t), float(g)) for t, g in zip(labels["teff"], labels["logg"], strict=True)]
        light, mean, facts = add_light(light, emulator, labels, pairs, columns["day"])
        velocity = velocity + np.array([told.pop("rv_1") for told in facts])
        if companion.locks:
            columns.setdefault("vsini", np.array([pair.vsini for pair in pairs]))
    g_mag = columns.get("g_mag", np.clip(14.2 - np.log10(columns["snr"] / 60.0) / 0.19, 8.0, 18.5))
    made = []
    for k in range(n):
        night = draw_conditions(
            np.random.default_rng([seed, _NIGHT, k]), labels["teff"][k], labels["logg"][k], snr=columns["snr"][k],
            ebv=columns["ebv"][k], rv=velocity[k],
        )  # fmt: skip
        if "vsini" in columns:
            night = night.with_(vsini=columns["vsini"][k])
        lamost = observe_light(light, [k], night, np.random.default_rng([seed, _LAMOST, k]), xp, [3.1])
        gaia = xp.observe(mean.sed([k]), g_mag[[k]], np.random.default_rng([seed, _GAIA, k]), ebv=columns["ebv"][[k]])
        name = f"{labels['teff'][k]:.0f} K, log g {labels['logg'][k]:.2f}, [Fe/H] {labels['fe_h'][k]:+.2f}"
        truth = {key: float(values[k]) for key, values in labels.items()}
        truth |= {
            "alpha_fe": float(columns["alpha_fe"][k]),
            "rv": float(velocity[k]),
            "ebv": float(columns["ebv"][k]),
        }
        if companion is not None:
            name += f", a companion every {companion.period:g} d"
            systemic = float(columns["rv"][k])
            truth |= {**facts[k], "rv_systemic": systemic, "rv_2": systemic + facts[k]["rv_2"]}
        star = _star(name, truth, lamost, gaia, float(columns["snr"][k]), float(g_mag[k]))
        made.append(star if companion is None else star.with_(meta={**star.meta, **noted(companion)}))
    return made


def _star(name: str, truth: dict[str, float], lamost: Any, gaia: Any, snr: float, g_mag: float) -> Star:
    meta = {"object_id": name, "simulated": True, "release": "simulated", "class": "STAR"}
    optical = Spectrum(
        lamost.wave, lamost.flux[0], lamost.ivar[0], lamost.ivar[0] == 0.0, survey="lamost_lrs",
        meta={**meta, "layout": "simulated", "snr": snr, "z": truth["rv"] / C_KM_S},
    )  # fmt: skip
    blue_to_red = Spectrum(
        gaia.wave_nm, gaia.flux[0], gaia.sigma[0].astype(np.float64) ** -2.0, survey="gaia_xp",
        flux_unit="W m-2 nm-1", meta={**meta, "layout": "simulated", "phot_g_mean_mag": g_mag},
    )  # fmt: skip
    return Star(
        name, {"lamost_lrs": optical, "gaia_xp": blue_to_red},
        catalogue={**truth, "source": "true values of the simulation"},
        meta={"simulated": True, "source": _SIMULATED},
    )  # fmt: skip
