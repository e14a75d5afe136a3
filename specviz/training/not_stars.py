"""Spectra that no star has, made from real ones: what the out-of-distribution score must notice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.grids import LAMOST_COEFF1

Array = NDArray[np.float32]
#: Of a quiescent galaxy: velocity dispersion in pixels (200 km/s) and range of redshift.
_DISPERSION, _REDSHIFT = 2.9, (0.02, 0.12)
#: The sky line that LAMOST never subtracts completely (vacuum A).
_SKY_LINE = 5578.9


def not_stars(
    stars: Array, ivar: Array, wave: NDArray[np.float64], rng: np.random.Generator, n: int = 200
) -> dict[str, tuple[Array, Array]]:
    """Normalised spectra and inverse variances, each (n, L), by name.

    Approximate on purpose: no galaxy templates are in the material. "galaxies" are composites of real stars broadened
    to 200 km/s and moved by z = 0.02 to 0.12, which is what a quiescent galaxy looks like in a normalised window.

    Parameters
    ----------
    stars, ivar : (m, L)
        Real normalised stars, the raw material; inverse variances are theirs but for spectra that are mostly noise.
    wave : (L,)
        Vacuum wavelengths (A), log-spaced as LAMOST's.
    """
    pick = rng.integers(0, len(stars), (6, n))
    made = {
        "galaxies (broadened, z 0.02-0.12)": (_galaxies(stars, rng, n), ivar[pick[0]]),
        "emission-line galaxies": (_emission(len(wave), rng, n), ivar[pick[1]]),
        "sky only": _sky_only(wave, rng, n),
        "noise": _noise(len(wave), rng, n),
        "artefact: step of the flux": (_steps(stars[pick[2]], rng), ivar[pick[2]]),
        "artefact: fringes": (_fringes(stars[pick[3]], rng), ivar[pick[3]]),
        "artefact: many cosmic-ray hits": (_spikes(stars[pick[4]], rng), ivar[pick[4]]),
    }
    return {name: (v.astype(np.float32), w.astype(np.float32)) for name, (v, w) in made.items()}


def _galaxies(stars: Array, rng: np.random.Generator, n: int) -> Array:
    kernel = np.exp(-0.5 * (np.arange(-9, 10) / _DISPERSION) ** 2)
    kernel /= kernel.sum()
    out = np.empty((n, stars.shape[1]), np.float32)
    for i in range(n):
        mix = stars[rng.integers(0, len(stars), 5)].clip(0, 1.5).mean(axis=0)
        shift = int(np.log10(1 + rng.uniform(*_REDSHIFT)) / LAMOST_COEFF1)
        out[i] = np.convolve(np.pad(np.roll(mix, shift), 9, mode="edge"), kernel, mode="valid")
    return out


def _emission(pixels: int, rng: np.random.Generator, n: int) -> Array:
    x, out = np.arange(pixels), np.ones((n, pixels), np.float32)
    for i in range(n):
        for centre in rng.uniform(0, pixels, rng.integers(3, 9)):
            out[i] += rng.uniform(0.2, 1.0) * np.exp(-0.5 * ((x - centre) / rng.uniform(2, 6)) ** 2)
    return out


def _sky_only(wave: NDArray[np.float64], rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """An empty fibre: noise of once to three times the residual continuum, and what is left of the sky line."""
    sigma = rng.uniform(0.3, 1.5, (n, 1))
    out = 1 + sigma * rng.standard_normal((n, wave.size))
    near = np.abs(wave - _SKY_LINE) < 5
    out[:, near] += sigma * rng.normal(0, 8, (n, int(near.sum())))
    return out.astype(np.float32), np.broadcast_to(sigma**-2.0, out.shape).astype(np.float32)


def _noise(pixels: int, rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    sigma = rng.uniform(0.2, 0.6, (n, 1))
    out = 1 + sigma * rng.standard_normal((n, pixels))
    return out.astype(np.float32), np.broadcast_to(sigma**-2.0, out.shape).astype(np.float32)


def _steps(stars: Array, rng: np.random.Generator) -> Array:
    """The arms, or two exposures, do not join: everything beyond a pixel is fainter by 25 to 60 %."""
    out = stars.copy()
    for row in out:
        row[rng.integers(200, row.size - 200) :] *= rng.uniform(0.4, 0.75)
    return out


def _fringes(stars: Array, rng: np.random.Generator) -> Array:
    n, pixels = stars.shape
    amplitude, period, phase = rng.uniform(0.05, 0.2, (n, 1)), rng.uniform(30, 150, (n, 1)), rng.uniform(0, 6.3, (n, 1))
    waves = stars * (1 + amplitude * np.sin(2 * np.pi * np.arange(pixels) / period + phase))
    return waves.astype(np.float32)


def _spikes(stars: Array, rng: np.random.Generator) -> Array:
    """Fifteen to forty pixels, unmasked, too bright by 0.5 to 5 times the continuum."""
    out = stars.copy()
    for row in out:
        hit = rng.integers(0, row.size, rng.integers(15, 40))
        row[hit] += rng.uniform(0.5, 5, hit.size)
    return out
