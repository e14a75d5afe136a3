"""Galaxies from stars: a mixture, broadened by the stars' motions, redshifted, with emission lines if it forms stars.

No population synthesis: four stars of one metallicity with drawn shares of the light. It looks like a galaxy at
LAMOST's resolution (velocity dispersion, Mg b, 4000 A break, redshift), with plausible colours; it has no age.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from specviz.simulate.emulated import EmulatedStars, SpectralEmulator, StarLight, loglinear
from specviz.spectra.frames import C_KM_S

Array = NDArray[np.float64]
#: (teff range, log g, share of the light at 5500 A) of an old and of a star-forming galaxy.
_OLD = (((4200.0, 4700.0), 1.9, (0.40, 0.60)), ((4600.0, 5000.0), 2.5, (0.1, 0.3)), ((5400.0, 6000.0), 4.2, (0.2, 0.4)),
        ((4300.0, 5000.0), 4.6, (0.05, 0.15)))  # fmt: skip
_YOUNG = (((4300.0, 4800.0), 2.0, (0.15, 0.40)), ((5600.0, 6500.0), 4.2, (0.2, 0.4)),
          ((7500.0, 9500.0), 4.0, (0.2, 0.5)), ((10_500.0, 12_000.0), 4.0, (0.1, 0.4)))  # fmt: skip
#: Emission lines (vacuum A) and their strength relative to H beta; case B Balmer decrement, typical H II region.
LINES = (
    (3728.8, 2.6), (3970.1, 0.16), (4102.9, 0.26), (4341.7, 0.47), (4862.7, 1.0), (4960.3, 0.5), (5008.2, 1.5),
    (5877.3, 0.12), (6302.0, 0.10), (6549.9, 0.30), (6564.6, 2.86), (6585.3, 0.90), (6718.3, 0.50), (6732.7, 0.38),
)  # fmt: skip


def galaxy(emulator: SpectralEmulator, rng: np.random.Generator, *, star_forming: bool) -> tuple[StarLight, str, float]:
    """One galaxy as observed (redshift included), what it is, and its redshift."""
    redshift = float(rng.uniform(0.02, 0.15))
    dispersion = float(rng.uniform(80.0, 160.0) if star_forming else rng.uniform(150.0, 300.0))
    recipe = _YOUNG if star_forming else _OLD
    share = np.array([rng.uniform(*s) for _, _, s in recipe])
    fe_h, alpha = float(rng.uniform(-0.4, 0.3)), float(rng.uniform(0.0, 0.25))
    n = len(recipe)
    labels: dict[str, NDArray[Any]] = {name: np.zeros(n) for name in emulator.label_names}
    labels |= {name: np.full(n, alpha) for name in ("o_fe", "mg_fe", "si_fe", "s_fe", "ca_fe", "ti_fe")}
    labels["teff"] = np.array([rng.uniform(*t) for t, _, _ in recipe])
    labels["logg"] = np.array([g for _, g, _ in recipe])
    labels["fe_h"], labels["vmic"] = np.full(n, fe_h), np.full(n, 1.5)
    stars = EmulatedStars(emulator, labels)
    rows = np.arange(n)
    at = loglinear(np.array([5500.0]), stars.cont_wave, stars.continuum(rows, stars.cont_wave))
    weight = (share / share.sum())[:, None] / at
    continuum = (weight * stars.continuum(rows, stars.cont_wave)).sum(axis=0)
    sed = (weight * stars.sed(rows)).sum(axis=0)
    flux = (weight * stars.lrs_flux(rows)).sum(axis=0)
    norm = flux / loglinear(stars.wave, stars.cont_wave, continuum[None])[0]
    text = f"z = {redshift:.3f}, velocity dispersion {dispersion:.0f} km/s"
    lines: dict[float, float] = {}
    if star_forming:
        strength = float(np.exp(rng.uniform(np.log(4.0), np.log(25.0))))  # equivalent width of H beta, A
        oxygen = float(np.exp(rng.normal(0.0, 0.4)))
        lines = {w: s * strength * (oxygen if w in (4960.3, 5008.2) else 1.0) for w, s in LINES}
        # Equal line ratios are ratios of flux: turned into equivalent widths by the continuum.
        at_line = np.interp(list(lines), stars.cont_wave, continuum)
        at_beta = float(np.interp(4862.7, stars.cont_wave, continuum))
        lines = {w: ew * at_beta / c for (w, ew), c in zip(lines.items(), at_line, strict=True)}
        text += f", emission lines (H beta {strength:.0f} A)"
    pixel = np.log(stars.wave[1] / stars.wave[0]) * C_KM_S
    blurred = gaussian_filter1d(norm, dispersion / pixel, mode="nearest")
    light = add_lines(stars, blurred, continuum, sed, lines, 0.6 * dispersion)
    return redshifted(light, redshift), text, redshift


def add_lines(
    grids: Any, norm: Array, continuum: Array, sed: Array, lines: dict[float, float], sigma_kms: float
) -> StarLight:
    """Gaussian lines on a spectrum: {vacuum wavelength: equivalent width in A, emission positive}.

    Parameters
    ----------
    grids : object with ``wave``, ``cont_wave``, ``sed_wave``
    norm, continuum, sed : array, shape (8077,), (160,), (720,)
    """
    norm, sed = np.array(norm, float), np.array(sed, float)
    for centre, width in lines.items():
        sigma = centre * sigma_kms / C_KM_S
        norm += width * np.exp(-0.5 * ((grids.wave - centre) / sigma) ** 2) / (sigma * 2.5066)
        coarse = np.hypot(sigma, centre / 300.0 / 2.3548)  # the SED's R = 300
        level = np.exp(np.interp(centre, grids.cont_wave, np.log(np.maximum(continuum, 1e-30))))
        sed += level * width * np.exp(-0.5 * ((grids.sed_wave - centre) / coarse) ** 2) / (coarse * 2.5066)
    norm, sed = np.maximum(norm, 0.0), np.maximum(sed, 1e-30)
    return StarLight(grids.wave, grids.cont_wave, grids.sed_wave, norm[None], np.asarray(continuum)[None], sed[None])


def redshifted(light: StarLight, redshift: float) -> StarLight:
    """The same at z: observed wavelength = rest * (1 + z). Bluewards of the normalised range the SED's own lines stand
    in; beyond 3200 A of rest wavelength flux and continuum are continued.
    """
    index = np.array([0])
    norm, sed = light.norm(index)[0], light.sed(index)
    cont = light.continuum(index, light.cont_wave)
    rest = light.wave / (1.0 + redshift)
    coarse = loglinear(rest, light.sed_wave, sed)[0] / loglinear(rest, light.cont_wave, cont)[0]
    moved = np.where(rest < light.wave[0], np.clip(coarse, 0.0, 3.0), np.interp(rest, light.wave, norm))

    def held(wave: Array, flux: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.exp(np.interp(wave / (1.0 + redshift), wave, np.log(np.maximum(flux[0], 1e-30)))))[None]

    return StarLight(
        light.wave, light.cont_wave, light.sed_wave, moved[None], held(light.cont_wave, cont),
        held(light.sed_wave, sed), light.labels,
    )  # fmt: skip


def mixed_galaxies(stars: NDArray[Any], wave: Array, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Quiescent galaxies out of real normalised stars (m, L) on a log-wavelength grid: five stars averaged, broadened
    to 150-300 km/s and moved to z = 0.02 to 0.12; shape (n, L). For windows that the emulator does not cover.
    """
    step = np.log(wave[1] / wave[0])
    out = np.empty((n, stars.shape[1]), np.float32)
    for i in range(n):
        mix = stars[rng.integers(0, len(stars), 5)].clip(0, 1.5).mean(axis=0)
        shift = int(np.log1p(rng.uniform(0.02, 0.12)) / step)
        out[i] = gaussian_filter1d(np.roll(mix, shift), rng.uniform(150.0, 300.0) / C_KM_S / step, mode="nearest")
    return out


def emission_windows(wave: Array, rng: np.random.Generator, n: int) -> NDArray[np.float32]:
    """Normalised windows of star-forming galaxies: the lines of :data:`LINES` at z = 0.02 to 0.15 on a flat continuum;
    shape (n, L).
    """
    out = np.ones((n, wave.size), np.float32)
    for row in out:
        z, sigma = rng.uniform(0.02, 0.15), rng.uniform(90.0, 160.0)
        beta = np.exp(rng.uniform(np.log(4.0), np.log(25.0)))
        for centre, strength in LINES:
            at = centre * (1.0 + z)
            width = at * sigma / C_KM_S
            row += (beta * strength / (width * 2.5066) * np.exp(-0.5 * ((wave - at) / width) ** 2)).astype(np.float32)
    return out
