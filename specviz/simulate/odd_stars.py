"""Stars that are not in the grid, or not alone in it, made from emulated stars and from the hydrogen atmosphere.

Each function makes one object from an emulator and a generator, as an :class:`OddStar`; what is approximate about it
stands in the registry (:mod:`specviz.simulate.anomalies`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from specviz.simulate.binaries import CompositeStars
from specviz.simulate.chemistry import draw_abundances, dredge_up, microturbulence
from specviz.simulate.deviates import Deviates
from specviz.simulate.emulated import EmulatedStars, SpectralEmulator, StarLight, inside, loglinear
from specviz.simulate.galaxies import add_lines
from specviz.simulate.hydrogen import hydrogen_flux
from specviz.spectra.broadening import rotation_transfer
from specviz.spectra.frames import C_KM_S

Array = NDArray[np.float64]
Labels = dict[str, NDArray[Any]]
BALMER = {"a": 6564.6, "b": 4862.7, "g": 4341.7, "d": 4102.9}
CA_H_K = (3934.8, 3969.6)


@dataclass(frozen=True)
class OddStar:
    """One object: ``light`` of one row in its rest frame (galaxies: as observed), ``truth`` says what was planted,
    ``labels`` of the star beneath (NaN where there is none), ``conditions`` fixes fields of the night (km/s, mag).
    """

    light: StarLight
    truth: str
    labels: dict[str, float]
    conditions: dict[str, float] = field(default_factory=dict)
    r_v: float = 3.1


def star_labels(
    emulator: SpectralEmulator, rng: np.random.Generator, teff: float, logg: float, fe_h: float, **fixed: float
) -> Labels:
    """All labels of one star of the discs with drawn abundances, inside the emulator's ranges; ``fixed`` ones win."""
    iron, component = np.array([fe_h]), np.array(["thick" if fe_h < -0.5 else "thin"])
    t, g, one = np.array([teff]), np.array([logg]), np.ones(1)
    born = draw_abundances(Deviates.from_rng(rng, 1), iron, component, 5.0 * one)
    labels: Labels = {"teff": t, "logg": g, "fe_h": iron, "vmic": microturbulence(t, g)}
    labels |= dredge_up(born, iron, g, t, 1.2 * one) | {k: np.array([v]) for k, v in fixed.items()}
    return inside(labels, emulator.ranges)


def ordinary_star(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """What faults and dust are put on: two of three are dwarfs of 4500-6800 K, the others giants."""
    fe_h = float(np.clip(rng.normal(-0.2, 0.25), -1.0, 0.4))
    if rng.random() < 0.67:
        teff = float(rng.uniform(4500.0, 6800.0))
        logg = float(np.interp(teff, [4500.0, 5800.0, 6800.0], [4.6, 4.4, 4.15]) - abs(rng.normal(0.0, 0.1)))
    else:
        teff = float(rng.uniform(4200.0, 5100.0))
        logg = float(np.interp(teff, [4200.0, 4700.0, 5100.0], [1.5, 2.5, 3.2]) + rng.normal(0.0, 0.1))
    return _plain(emulator, star_labels(emulator, rng, teff, logg, fe_h), "An ordinary star.")


def _plain(emulator: SpectralEmulator, labels: Labels, truth: str, **options: Any) -> OddStar:
    light = EmulatedStars(emulator, labels).light([0])
    return OddStar(light, truth, {k: float(v[0]) for k, v in labels.items()}, **options)


def _parts(light: StarLight) -> tuple[Array, Array, Array]:
    row = np.array([0])
    return tuple(np.asarray(x[0], np.float64) for x in (
        light.norm(row), light.continuum(row, light.cont_wave), light.sed(row)))  # type: ignore[return-value]  # fmt: skip


def double_lined(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """Two dwarfs of similar light, 130 to 350 km/s apart."""
    teff, fe_h = float(rng.uniform(5200.0, 6800.0)), float(np.clip(rng.normal(-0.1, 0.2), -0.8, 0.4))
    second = float(teff * rng.uniform(0.92, 1.0))
    apart = float(rng.choice([-1.0, 1.0]) * rng.uniform(130.0, 350.0))
    logg = [float(np.interp(t, [4500.0, 5800.0, 6800.0], [4.6, 4.4, 4.2])) for t in (teff, second)]
    labels = star_labels(emulator, rng, teff, logg[0], fe_h)
    other = labels | {"teff": np.array([second]), "logg": np.array([logg[1]])}
    # On the main sequence R goes about as teff^1.7.
    area = (second / teff) ** 3.4
    pair = CompositeStars(EmulatedStars(emulator, labels), EmulatedStars(emulator, other), [area], [apart])
    share = area * (second / teff) ** 4 / (1.0 + area * (second / teff) ** 4)
    truth = f"{teff:.0f} and {second:.0f} K ({100 * share:.0f} % of the light), {abs(apart):.0f} km/s apart."
    values = {k: float(v[0]) for k, v in labels.items()}
    return OddStar(pair.light([0]), truth, values, {"rv": -0.5 * apart + rng.normal(0.0, 30.0), "vsini": 8.0})


def active_star(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """A K or M dwarf with a chromosphere: Balmer lines and Ca II H, K in emission, Na D filled in."""
    teff = float(rng.uniform(3550.0, 4700.0))
    logg = float(np.interp(teff, [3550, 4700], [4.8, 4.6]))
    labels = star_labels(emulator, rng, teff, logg, float(rng.normal(0, 0.1)))
    alpha = float(np.exp(rng.uniform(np.log(2.0), np.log(12.0))))
    lines = {BALMER["a"]: alpha, BALMER["b"]: 0.8 * alpha, BALMER["g"]: 0.65 * alpha, BALMER["d"]: 0.5 * alpha}
    lines |= dict.fromkeys(CA_H_K, 1.6 * alpha) | {5891.6: 0.10 * alpha, 5897.6: 0.08 * alpha}
    star = EmulatedStars(emulator, labels)
    light = add_lines(star, *_parts(star.light([0])), lines, float(rng.uniform(35.0, 70.0)))
    truth = f"Chromospheric emission, H alpha {alpha:.1f} A, on a dwarf of {teff:.0f} K."
    return OddStar(light, truth, {k: float(v[0]) for k, v in labels.items()}, {"vsini": float(rng.uniform(5.0, 35.0))})


def t_tauri_star(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """A young K star: broad Balmer, Ca II, He I and [O I] emission over a veiling continuum of 9,000 K; Li 6709."""
    teff = float(rng.uniform(3700.0, 4700.0))
    labels = star_labels(emulator, rng, teff, 4.0, 0.0)
    star = EmulatedStars(emulator, labels)
    norm, cont, sed = _parts(star.light([0]))
    veil = float(rng.uniform(0.2, 1.5))  # of the photosphere at 5500 A
    hot = _planck(star.cont_wave, 9000.0) / _planck(np.array([5500.0]), 9000.0)
    hot = hot * veil * np.interp(5500.0, star.cont_wave, cont)
    own = loglinear(star.wave, star.cont_wave, cont[None])[0]
    added = loglinear(star.wave, star.cont_wave, hot[None])[0]
    norm = (norm * own + added) / (own + added)
    sed = sed + np.interp(star.sed_wave, star.cont_wave, hot)
    alpha = float(np.exp(rng.uniform(np.log(15.0), np.log(110.0))))
    lines = {BALMER["a"]: alpha, BALMER["b"]: 0.25 * alpha, BALMER["g"]: 0.12 * alpha, BALMER["d"]: 0.08 * alpha}
    lines |= {5877.3: 0.02 * alpha, 6302.0: 0.03 * alpha, 6709.6: -0.4 / (1 + veil)}
    lines |= dict.fromkeys(CA_H_K, 0.25 * alpha) | dict.fromkeys((8500.4, 8544.4, 8664.5), 0.1 * alpha)
    light = add_lines(star, norm, cont + hot, sed, lines, float(rng.uniform(80.0, 140.0)))
    truth = f"T Tauri-like: H alpha {alpha:.0f} A in emission, veiling {veil:.1f} at 5500 A, on {teff:.0f} K."
    night = {"vsini": float(rng.uniform(8.0, 30.0)), "ebv": float(rng.uniform(0.1, 0.8))}
    return OddStar(light, truth, {k: float(v[0]) for k, v in labels.items()}, night)


def be_star(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """A late B star with a disc: double-peaked Balmer emission, Fe II, on rapidly rotating lines."""
    teff, vsini = float(rng.uniform(9800.0, 12_300.0)), float(rng.uniform(120.0, 290.0))
    labels = star_labels(emulator, rng, teff, 3.8, 0.0)
    star = EmulatedStars(emulator, labels)
    norm, cont, sed = _parts(star.light([0]))
    norm = rotated(norm, star.wave, vsini)
    alpha = float(np.exp(rng.uniform(np.log(6.0), np.log(45.0))))
    light = StarLight(star.wave, star.cont_wave, star.sed_wave, norm[None], cont[None], sed[None])
    for sign in (-1.0, 1.0):  # the peaks stand where the outer disc turns
        share = 0.5 * (1.0 + sign * rng.normal(0.0, 0.12))
        lines = {BALMER["a"]: alpha, BALMER["b"]: 0.12 * alpha, BALMER["g"]: 0.035 * alpha}
        lines |= dict.fromkeys((5019.8, 5170.5, 5318.1, 6149.9), 0.012 * alpha)
        shift = 1.0 + sign * 0.45 * vsini / C_KM_S
        light = add_lines(star, *_parts(light), {w * shift: share * ew for w, ew in lines.items()}, 40.0 + 0.14 * vsini)
    truth = f"Be-like: H alpha {alpha:.0f} A in double-peaked emission, v sin i {vsini:.0f} km/s, {teff:.0f} K."
    return OddStar(light, truth, {k: float(v[0]) for k, v in labels.items()} | {"vsini": vsini}, {"vsini": 0.0})


def carbon_star(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """A giant with C2 and CN bands, enhanced in the s process; bands stronger than the grid's by a drawn factor."""
    teff, fe_h = float(rng.uniform(3750.0, 4700.0)), float(rng.uniform(-1.2, -0.1))
    logg = float(np.interp(teff, [3750.0, 4700.0], [0.8, 2.1]))
    carbon, process = float(rng.uniform(0.7, 1.4)), float(rng.uniform(0.6, 1.4))
    heavy = dict.fromkeys(("sr_fe", "y_fe", "zr_fe", "ba_fe", "la_fe", "nd_fe"), process)
    labels = star_labels(emulator, rng, teff, logg, fe_h, c_fe=carbon, n_fe=float(rng.uniform(0.1, 0.6)), **heavy)
    plain = labels | {"c_fe": np.array([-0.1])}
    both = EmulatedStars(emulator, {k: np.concatenate([v, plain[k]]) for k, v in labels.items()})
    rows = np.arange(2)
    more = float(rng.uniform(0.1, 0.5))
    norm, sed = np.maximum(both.norm(rows), 0.02), both.sed(rows)
    strong = norm[0] * np.exp(more * np.minimum(np.log(norm[0] / norm[1]), 0.0))
    sed_strong = sed[0] * np.exp(more * np.minimum(np.log(sed[0] / sed[1]), 0.0))
    cont = both.continuum([0, 1], both.cont_wave)[0]
    light = StarLight(both.wave, both.cont_wave, both.sed_wave, strong[None], cont[None], sed_strong[None])
    carbon = float(labels["c_fe"][0])
    truth = f"[C/Fe] = {carbon:.1f} at {teff:.0f} K; ln of the C2 and CN bands raised by {100 * more:.0f} %."
    return OddStar(light, truth, {k: float(v[0]) for k, v in labels.items()})


def cool_dwarf(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """An M dwarf below the grid's 3500 K: ln(flux) extrapolated along the emulator's own run from 3900 to 3530 K, so
    that the TiO bands deepen.
    """
    teff = float(rng.uniform(2900.0, 3450.0))
    labels = star_labels(emulator, rng, 3530.0, 4.85, float(rng.normal(0.0, 0.1)))
    warm = labels | {"teff": np.array([3900.0]), "logg": np.array([4.75])}
    both = EmulatedStars(emulator, {k: np.concatenate([v, warm[k]]) for k, v in labels.items()})
    rows = np.arange(2)
    # In 1/T: the bands' optical depth goes with the exponential of an energy over T.
    beyond = (1.0 / teff - 1.0 / 3530.0) / (1.0 / 3530.0 - 1.0 / 3900.0)
    made = []
    for values, floor in ((both.norm(rows), 0.03), (both.continuum(rows, both.cont_wave), 0.0), (both.sed(rows), 0.0)):
        log = np.log(np.maximum(values, floor + 1e-30).astype(np.float64))
        made.append(np.exp(log[0] + beyond * (log[0] - log[1])))
    norm = np.clip(made[0], 0.02, 1.1)
    light = StarLight(both.wave, both.cont_wave, both.sed_wave, norm[None], made[1][None], made[2][None])
    beneath = {k: float(v[0]) for k, v in labels.items()} | {"teff": teff}
    return OddStar(light, f"An M dwarf of about {teff:.0f} K, extrapolated from 3530 K.", beneath, {"vsini": 5.0})


def white_dwarf(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """A DA white dwarf: Balmer lines broadened by pressure on the continuum of a hydrogen atmosphere."""
    teff = round(float(np.exp(rng.uniform(np.log(9000.0), np.log(40_000.0)))) / 250.0) * 250.0
    logg = round(float(np.clip(rng.normal(8.0, 0.2), 7.5, 8.6)), 1)
    light = hydrogen_light(emulator, teff, logg)
    truth = f"A DA white dwarf of {teff:.0f} K, log g {logg:.1f}."
    redshift = 30.0 * 10.0 ** (0.75 * (logg - 8.0))  # of gravity, km/s
    night = {"rv": float(redshift + rng.normal(0.0, 40.0)), "vsini": 0.0, "ebv": float(rng.exponential(0.02))}
    return OddStar(light, truth, {"teff": teff, "logg": logg}, night)


def hot_subdwarf(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """An sdB (He I) or, one in four, sdO star (He II): the hydrogen atmosphere, helium lines drawn in."""
    hot = rng.random() < 0.25
    teff = round(float(rng.uniform(38_000.0, 50_000.0) if hot else rng.uniform(24_000.0, 36_000.0)) / 500.0) * 500.0
    logg = round(float(rng.uniform(5.3, 5.9)), 1)
    light = hydrogen_light(emulator, teff, logg)
    strength = float(rng.uniform(0.5, 1.5))
    one = {4027.3: 0.8, 4144.9: 0.3, 4389.2: 0.5, 4472.7: 1.0, 4714.5: 0.3, 4923.3: 0.7, 5017.1: 0.5, 5877.3: 0.9,
           6680.0: 0.8, 7067.1: 0.4}  # fmt: skip
    two = {4200.9: 0.6, 4542.9: 1.0, 4687.0: 2.2, 5413.0: 1.4, 6561.8: 1.0}
    fade = float(np.interp(teff, [24_000, 30_000, 36_000, 44_000], [1.0, 0.8, 0.5, 0.3]))
    rise = float(np.interp(teff, [30_000, 36_000, 40_000], [0.0, 0.25, 1.0]))
    lines = {w: -strength * fade * e for w, e in one.items()} | {w: -strength * rise * e for w, e in two.items()}
    light = add_lines(light, *_parts(light), lines, 130.0)
    truth = f"A hot subdwarf ({'sdO' if hot else 'sdB'}-like) of {teff:.0f} K, log g {logg:.1f}."
    night = {"vsini": float(rng.uniform(3.0, 15.0)), "ebv": float(rng.exponential(0.04))}
    return OddStar(light, truth, {"teff": teff, "logg": logg}, night)


def behind_dust(emulator: SpectralEmulator, rng: np.random.Generator) -> OddStar:
    """An ordinary star behind E(B-V) of 1.3 to 3 with an unusual R_V, none of it calibrated away."""
    star = ordinary_star(emulator, rng)
    ebv, r_v = float(rng.uniform(1.3, 3.0)), float(rng.uniform(2.5, 4.5))
    truth = f"E(B-V) = {ebv:.2f} with R_V = {r_v:.1f} in front of an ordinary star of {star.labels['teff']:.0f} K."
    return OddStar(star.light, truth, star.labels, {"ebv": ebv, "dust_removed": 0.0}, r_v)


def hydrogen_light(grids: Any, teff: float, logg: float) -> StarLight:
    """A hydrogen atmosphere on the wavelengths of ``grids`` (an emulator, say)."""
    pieces = (np.arange(3190.0, 3650.0, 3.0), np.arange(3650.0, 9260.0, 1.5), np.arange(9260.0, 10_650.0, 8.0))
    nodes = np.concatenate(pieces)
    flux, cont = hydrogen_flux(teff, logg, nodes)
    continuum = np.interp(grids.cont_wave, nodes, cont)
    # The continuum has an edge at the Balmer limit that 160 points do not resolve: divide by what they make of it.
    level = loglinear(grids.wave, grids.cont_wave, continuum[None])[0]
    norm = np.interp(grids.wave, nodes, flux) / level
    sed = np.interp(grids.sed_wave, nodes, flux)
    return StarLight(grids.wave, grids.cont_wave, grids.sed_wave, norm[None], continuum[None], sed[None])


def rotated(norm: Array, wave: Array, vsini: float) -> Array:
    """A normalised spectrum broadened by rotation (km/s); ``wave`` even in log."""
    step = float(np.log(wave[1] / wave[0]))
    size = fft.next_fast_len(norm.size + 512, real=True)
    frequency = np.arange(size // 2 + 1) / size
    transfer = rotation_transfer(2.0 * np.pi * vsini / C_KM_S / step * frequency)
    padded = np.zeros(size)
    padded[: norm.size] = norm - 1.0
    return np.asarray(fft.irfft(fft.rfft(padded) * transfer, n=size)[: norm.size] + 1.0)


def _planck(wave: Array, teff: float) -> Array:
    return np.asarray(wave**-5.0 / np.expm1(1.438777e8 / (wave * teff)))
