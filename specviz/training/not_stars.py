"""Spectra that no star has, made from real ones: what the out-of-distribution score must notice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def impostors(stars: NDArray[np.float32], rng: np.random.Generator, n: int = 200) -> dict[str, NDArray[np.float32]]:
    """Normalised spectra (n, 1462) of four kinds, by name.

    Approximate on purpose: no galaxy templates are in the material. ``redshifted`` is a composite of real stars
    broadened to sigma = 200 km/s and moved by z = 0.02 to 0.12, which is what a quiescent galaxy looks like in a
    normalised window.
    """
    pixels = stars.shape[1]
    kernel = np.exp(-0.5 * (np.arange(-9, 10) / 2.9) ** 2)  # 1 pixel = 69 km/s
    kernel /= kernel.sum()
    redshifted = np.empty((n, pixels), np.float32)
    for i in range(n):
        mix = stars[rng.integers(0, len(stars), 5)].clip(0, 1.5).mean(axis=0)
        shift = int(np.log10(1 + rng.uniform(0.02, 0.12)) / 1e-4)
        redshifted[i] = np.convolve(np.pad(np.roll(mix, shift), 9, mode="edge"), kernel, mode="valid")
    x = np.arange(pixels)
    emission = np.ones((n, pixels), np.float32)
    for i in range(n):
        for centre in rng.uniform(0, pixels, rng.integers(3, 9)):
            emission[i] += rng.uniform(0.2, 1.0) * np.exp(-0.5 * ((x - centre) / rng.uniform(2, 6)) ** 2)
    noise = (1 + rng.uniform(0.2, 0.6, (n, 1)) * rng.standard_normal((n, pixels))).astype(np.float32)
    steps = stars[rng.integers(0, len(stars), n)].copy()
    for i in range(n):
        steps[i, rng.integers(200, pixels - 200) :] *= rng.uniform(0.4, 0.75)
    return {
        "galaxies (broadened, z 0.02-0.12)": redshifted,
        "emission lines": emission,
        "noise": noise,
        "steps of the flux": steps,
    }
