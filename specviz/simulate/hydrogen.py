"""A small pure-hydrogen stellar atmosphere: for white dwarfs and hot subdwarfs, which the grid of stars does not have.

Radiative and hydrostatic equilibrium, LTE, plane layers, no convection, scattering counted as absorption. Opacity: H
bound-free and free-free, H-, electrons, Lyman alpha, and the Balmer lines with linear Stark wings (delta^-2.5;
characteristic widths of Edmonds, Schluter & Wells 1967) that dissolve into the pseudo-continuum where levels do
(occupation probabilities of Hummer & Mihalas 1988). So Balmer lines, jump and their run with teff and log g are
physical; line cores, and everything below 14,000 K where DA white dwarfs convect, are not better than some 10 to 20 %.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expn

Array = NDArray[np.float64]
_K, _H, _C, _M_H = 1.380649e-16, 6.62607015e-27, 2.99792458e10, 1.6735e-24
_CHI = 13.598 * 1.602177e-12  # erg
_A0 = 5.29177e-9
_LAYERS = np.logspace(-5.0, 2.3, 56)

#: Oscillator strengths of the Balmer lines, H alpha (3) to n = 16 (Wiese & Fuhr 2009; beyond n = 10 as n^-3).
_F = {3: 0.6407, 4: 0.1193, 5: 0.04467, 6: 0.02209, 7: 0.01270, 8: 0.00804, 9: 0.00543, 10: 0.00385}
_F.update({n: 0.00385 * (10.0 / n) ** 3 for n in range(11, 17)})
#: Turns of the temperature correction.
_TURNS = 15
#: Half-width of the softened Stark profile in units of the characteristic shift; gives ions and half of the electrons.
_CORE = 2.0


def balmer_wavelength(n: int) -> float:
    """Vacuum wavelength (Angstrom) of the line 2 - n."""
    return 911.7633 / (0.25 - 1.0 / n**2)


def occupation(level: Array, electrons: Array) -> Array:
    """Chance that a level is not dissolved by charged neighbours (Hummer & Mihalas 1988, eq. 4.70)."""
    k = np.where(level <= 3, 1.0, 16.0 / 3.0 * (level / (level + 1.0)) ** 2 * (level + 7.0 / 6.0)
                 / (level**2 + level + 0.5))  # fmt: skip
    return np.asarray(np.exp(-(4.0 * np.pi / 3.0) * 128.0 * _A0**3 * level**6 * k**-1.5 * electrons))


def _state(temperature: Array, pressure: Array) -> tuple[Array, Array]:
    """Neutral hydrogen and electrons per cm3 (Saha)."""
    saha = (2.0 * np.pi * 9.10938e-28 * _K * temperature / _H**2) ** 1.5 * np.exp(-_CHI / (_K * temperature))
    total = pressure / (_K * temperature)
    electrons = -saha + np.sqrt(saha**2 + saha * total)
    # Where almost everything is ionised the difference loses its digits.
    electrons = np.minimum(electrons, 0.5 * total * (1.0 - 1e-12))
    return electrons**2 / saha, electrons


def _continuum(wave: Array, temperature: Array, pressure: Array) -> tuple[Array, Array, Array]:
    """Absorption per cm, (layers, wave), without lines; neutral atoms; electrons."""
    neutral, electrons = _state(temperature, pressure)
    t, ne = temperature[:, None], electrons[:, None]
    nu = _C / (wave * 1e-8)
    stimulated = 1.0 - np.exp(-_H * nu / (_K * t))
    kappa = 3.7e8 * 1.1 * ne**2 * t**-0.5 * nu**-3.0 * stimulated
    for n in (1, 2, 3, 4, 5, 6):
        edge = _CHI / n**2 / _H
        population = (
            neutral[:, None] * n**2 * np.exp(-_CHI * (1.0 - 1.0 / n**2) / (_K * t)) * occupation(np.array(float(n)), ne)
        )
        share = (nu >= edge).astype(float)
        if n in (2, 3):  # below the edge: into levels that are dissolved
            upper = np.clip(1.0 / n**2 - _H * nu / _CHI, 1e-6, None) ** -0.5
            dissolved = 1.0 - occupation(upper, ne)
            share = np.where(nu >= edge, 1.0, np.where(upper > n + 0.8, dissolved, 0.0))
        kappa += population * 7.91e-18 * n * (edge / nu) ** 3 * share * stimulated
    kappa += neutral[:, None] * _h_minus(wave, temperature, electrons) + 6.652e-25 * ne
    return kappa, neutral, electrons


def _h_minus(wave: Array, temperature: Array, electrons: Array) -> Array:
    """H- per neutral atom, cm2 (fits of Gray 2005, eqs. 8.11-8.13), 2250-15000 A."""
    theta = (5040.0 / temperature)[:, None]
    pe = (electrons * _K * temperature)[:, None]
    x = np.clip(wave, 2250.0, 15_000.0)
    bound = np.polyval(
        [2.78701e-23, -1.39568e-18, 3.23992e-14, -4.40524e-10, 2.64243e-6, -1.18267e-5, 1.99654], x
    ).clip(0.0)
    free = 4.158e-10 * bound * 1e-18 * pe * theta**2.5 * 10.0 ** (0.754 * theta)
    free = free * (1.0 - 10.0 ** (-(12398.4 / wave) * theta))
    log = np.log10(np.clip(wave, 2600.0, 113_900.0))
    f0 = np.polyval([-0.053346, 0.76661, -1.6850, -2.2763], log)
    f1 = np.polyval([-0.142631, 1.99381, -9.2846, 15.2827], log)
    f2 = np.polyval([-0.625151, 10.6913, -67.9775, 190.266, -197.789], log)
    lt = np.log10(theta)
    return np.asarray(free + 1e-26 * pe * 10.0 ** (f0 + f1 * lt + f2 * lt**2))


def _structure_wave(teff: float) -> Array:
    """Wavelengths (A) that carry the flux: even in log, with Lyman alpha and the Balmer lines resolved."""
    parts = [np.geomspace(1.2e6 / teff, 40_000.0, 110), 1215.67 + np.linspace(-1, 1, 25) ** 3 * 250.0]
    parts += [balmer_wavelength(n) + np.linspace(-1, 1, 13) ** 3 * 120.0 for n in (3, 4, 5, 6)]
    return np.sort(np.concatenate(parts))


def _pressures(temperature: Array, gravity: float, start: Array, turns: int) -> tuple[Array, Array]:
    """Gas pressure and Rosseland opacity per cm of the layers: dP/dtau = g rho / kappa, by damped iteration."""
    wave = np.geomspace(400.0, 40_000.0, 64)
    nu = _C / (wave * 1e-8)
    x = np.clip(_H * nu / (_K * temperature[:, None]), 1e-3, 300.0)
    weight = x**4 * np.exp(-x) / (1.0 - np.exp(-x)) ** 2 * np.abs(np.gradient(nu))
    pressure = start
    for turn in range(turns + 1):
        kappa, neutral, electrons = _continuum(wave, temperature, pressure)
        opacity = weight.sum(axis=1) / (weight / kappa).sum(axis=1)
        if turn == turns:
            break
        slope = gravity * (neutral + electrons) * _M_H / opacity
        steps = 0.5 * np.diff(_LAYERS) * (slope[1:] + slope[:-1])
        # The opacity of hydrogen goes about as the pressure: the geometric mean with the last turn settles at once.
        pressure = np.sqrt(pressure * (slope[0] * _LAYERS[0] + np.concatenate([[0.0], np.cumsum(steps)])))
    return pressure, opacity


def _moments(ratio: Array, planck: Array) -> tuple[Array, Array]:
    """Mean intensity J and flux H (layers, wave) of the source B, by the long-characteristic sum over three angles.

    ``ratio`` is the opacity over the Rosseland opacity.
    """
    steps = np.diff(_LAYERS)[:, None] * 0.5 * (ratio[1:] + ratio[:-1])
    j, h = np.zeros_like(planck), np.zeros_like(planck)
    for mu, weight in zip((0.1127017, 0.5, 0.8872983), (5 / 18, 8 / 18, 5 / 18), strict=True):
        d = np.maximum(steps / mu, 1e-9)
        fade = np.exp(-d)
        # B linear between layers: the shares of the near and the far end.
        near, far = 1.0 - (1.0 - fade) / d, (1.0 - fade) / d - fade
        down, up = np.zeros_like(planck), np.empty_like(planck)
        top = ratio[0] * _LAYERS[0] / mu
        down[0] = planck[0] * (1.0 - np.exp(-top))
        for k in range(1, len(planck)):
            down[k] = down[k - 1] * fade[k - 1] + near[k - 1] * planck[k] + far[k - 1] * planck[k - 1]
        up[-1] = planck[-1] + (planck[-1] - planck[-2]) / d[-1]
        for k in range(len(planck) - 2, -1, -1):
            up[k] = up[k + 1] * fade[k] + near[k] * planck[k] + far[k] * planck[k + 1]
        j += 0.5 * weight * (up + down)
        h += 0.5 * weight * mu * (up - down)
    return j, h


@lru_cache(maxsize=64)
def _structure(teff: float, logg: float) -> tuple[Array, Array, Array]:
    """Temperature, gas pressure and Rosseland opacity per cm of the layers.

    Starts grey; the temperatures are corrected until every layer passes on the same flux (Unsold-Lucy procedure,
    Mihalas 1978, ch. 7-2), Lyman alpha and Balmer lines included.
    """
    wave = _structure_wave(teff)
    nu_step = np.abs(np.gradient(_C / (wave * 1e-8)))
    wanted = 5.670374e-5 * teff**4 / (4.0 * np.pi)
    temperature = teff * (0.75 * (_LAYERS + 2.0 / 3.0)) ** 0.25
    pressure = 10.0**logg * _LAYERS
    for turn in range(_TURNS):
        if turn % 3 == 0:
            pressure, opacity = _pressures(temperature, 10.0**logg, pressure, 6 if turn else 20)
        kappa = _with_lines(wave, temperature, pressure)[0]
        ratio = kappa / opacity[:, None]
        x = _H * _C / (wave * 1e-8 * _K * temperature[:, None])
        planck = 2.0 * _H * (_C / (wave * 1e-8)) ** 3 / _C**2 / np.expm1(np.minimum(x, 600.0))
        j, h = _moments(ratio, planck)
        b_sum, j_sum, h_sum = (np.maximum((q * nu_step).sum(axis=1), 1e-99) for q in (planck, j, h))
        k_planck, k_j = (ratio * planck * nu_step).sum(axis=1) / b_sum, (ratio * j * nu_step).sum(axis=1) / j_sum
        k_h = (ratio * h * nu_step).sum(axis=1) / h_sum
        lacking = wanted - h_sum
        integral = np.concatenate([[0.0], np.cumsum(0.5 * np.diff(_LAYERS) * ((k_h * lacking)[1:]
                                                                              + (k_h * lacking)[:-1]))])  # fmt: skip
        change = k_j / k_planck * (j_sum + 3.0 * integral + 2.0 * lacking[0]) - b_sum
        step = np.pi * change / (4.0 * 5.670374e-5 * temperature**3)
        temperature = temperature + np.clip(0.8 * step, -0.06 * temperature, 0.06 * temperature)
        temperature = np.maximum.accumulate(np.maximum(temperature, 0.35 * teff))
    pressure, opacity = _pressures(temperature, 10.0**logg, pressure, 6)
    return temperature, pressure, opacity


def _with_lines(wave: Array, temperature: Array, pressure: Array) -> tuple[Array, Array]:
    """Absorption per cm with Lyman alpha and Balmer lines, and without; (layers, wave)."""
    kappa, neutral, electrons = _continuum(wave, temperature, pressure)
    lines = kappa.copy()
    t, ne = temperature[:, None], electrons[:, None]
    field = 1.25e-9 * ne ** (2.0 / 3.0)  # Holtsmark's, statvolt per cm
    stimulated = 1.0 - np.exp(-_H * _C / (wave * 1e-8 * _K * t))
    transitions = [(1, 2, 0.4162), *((2, n, f) for n, f in _F.items())]
    for low, n, f in transitions:
        centre = 911.7633 / (1.0 / low**2 - 1.0 / n**2)
        shift = np.abs(wave - centre)
        near = np.flatnonzero(shift < 600.0)
        if not near.size:
            continue
        population = (
            neutral[:, None]
            * low**2
            * np.exp(-(1.0 - 1.0 / low**2) * _CHI / (_K * t))
            * occupation(np.array(float(low)), ne)
        )
        width = _CORE * 5.5e-5 * (low * n) ** 4 / (n**2 - low**2) * field
        doppler = centre * np.sqrt(2.0 * _K * t / _M_H) / _C
        distance = np.sqrt(shift[near] ** 2 + doppler**2)
        stark = 0.3784 / width / (1.0 + (distance / width) ** 2.5)
        core = np.exp(-((shift[near] / doppler) ** 2)) / (doppler * 1.7725)
        profile = stark + core * doppler / (width + doppler)  # per Angstrom
        strength = 0.02654 * f * centre**2 * 1e-8 / _C  # cm2 Angstrom
        lines[:, near] += population * occupation(np.array(float(n)), ne) * strength * profile * stimulated[:, near]
    return lines, kappa


def hydrogen_flux(teff: float, logg: float, wave: Array) -> tuple[Array, Array]:
    """Surface flux with and without Balmer lines (erg s-1 cm-2 A-1) at ``wave`` (vacuum Angstrom, 3200-10600).

    Parameters
    ----------
    teff : float
        7,000 to 60,000 K.
    logg : float
        4.5 to 9.
    """
    temperature, pressure, rosseland = _structure(float(teff), float(logg))
    lines, kappa = _with_lines(wave, temperature, pressure)
    t, nu = temperature[:, None], _C / (wave * 1e-8)
    planck = 2.0 * _H * _C**2 / (wave * 1e-8) ** 5 / np.expm1(_H * nu / (_K * t)) * 1e-8
    return tuple(_emergent(k, rosseland, planck) for k in (lines, kappa))  # type: ignore[return-value]


def _emergent(kappa: Array, rosseland: Array, planck: Array) -> Array:
    """2 pi times the integral of B E2(tau) d tau over the layers."""
    ratio = kappa / rosseland[:, None]
    steps = np.diff(_LAYERS)[:, None] * 0.5 * (ratio[1:] + ratio[:-1])
    tau = np.concatenate([ratio[:1] * _LAYERS[0], ratio[:1] * _LAYERS[0] + np.cumsum(steps, axis=0)])
    # B between layers is taken as the mean of both, E2 integrates exactly to E3.
    e3 = np.concatenate([np.full((1, tau.shape[1]), 0.5), expn(3, np.minimum(tau, 600.0)), np.zeros((1, tau.shape[1]))])
    source = np.concatenate([planck[:1], 0.5 * (planck[1:] + planck[:-1]), planck[-1:]])
    return np.asarray(2.0 * np.pi * (source * (e3[:-1] - e3[1:])).sum(axis=0))
