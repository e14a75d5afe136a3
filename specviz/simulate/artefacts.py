"""Faults of an instrument or a reduction, put into spectra: each acts on arrays, so simulated and real spectra serve.

Every function takes ``wave`` (n,), ``flux`` and ``ivar`` (b, n) on one scale (raw or normalised), and a generator; it
returns new flux, new ivar and a sentence a spectrum that says what was done. Sizes are relative to the spectrum's own
median or noise. The pipeline does not know of the fault: ivar stays unless the text says otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.simulate import instrument

Array = NDArray[Any]
Spoiled = tuple[Array, Array, list[str]]
Fault = Callable[[NDArray[np.float64], Array, Array, np.random.Generator], Spoiled]


def _sigma(flux: Array, ivar: Array) -> Array:
    """Typical noise of each spectrum, shape (b, 1)."""
    good = ivar > 0
    sigma = np.where(good, 1.0 / np.sqrt(np.where(good, ivar, 1.0)), np.nan)
    level = 1e-3 * np.abs(np.median(flux, axis=1)) + 1e-30
    usual = np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else 0.0 for row in sigma])
    return np.asarray(np.maximum(usual, level)[:, None])


def _level(flux: Array) -> Array:
    return np.asarray(np.abs(np.median(flux, axis=1, keepdims=True)) + 1e-30)


def arm_step(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """The arms (or, in a window without their join, two exposures) do not meet: one side is off by 20 to 60 %."""
    out, notes, inverse = np.array(flux), [], np.array(ivar)
    joined = wave[0] < instrument.ARM_JOIN - 100 and wave[-1] > instrument.ARM_JOIN + 100
    for k in range(len(out)):
        at = instrument.ARM_JOIN if joined else float(rng.uniform(*np.quantile(wave, [0.15, 0.85])))
        factor = float(np.exp(rng.choice([-1.0, 1.0]) * rng.uniform(0.22, 0.6)))
        out[k, wave > at] *= factor
        inverse[k, wave > at] /= factor**2
        notes.append(f"Everything beyond {at:.0f} A is multiplied by {factor:.2f}.")
    return out, inverse, notes


def bad_sky(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """The sky was subtracted with the wrong strength and slightly displaced: night-sky lines as P Cygni-like spikes, OH
    bands as humps.
    """
    out, notes, sigma = np.array(flux), [], _sigma(flux, ivar)
    excess = instrument.sky_electrons(wave) / instrument.SKY_ELECTRONS - 1.0
    shape = np.zeros_like(wave)
    for centre, strength in instrument.SKY_LINES:
        width, off = 2.3, 1.0
        shape += np.sqrt(strength) * (np.exp(-0.5 * ((wave - centre - off) / width) ** 2)
                                      - 0.6 * np.exp(-0.5 * ((wave - centre + 1.6 * off) / width) ** 2))  # fmt: skip
    lines = np.exp(-0.5 * (((wave[:, None] - [c for c, _ in instrument.SKY_LINES]) / 2.2) ** 2)).max(axis=1) > 0.01
    bands = np.where(lines, 0.0, np.minimum(excess, 8.0) / 8.0)
    # OH bands are combs of lines: a pseudo-random comb stands for them.
    comb = bands * np.sin(wave * 0.38) * np.sin(wave * 0.29 + 1.0)
    for k in range(len(out)):
        strength = float(rng.uniform(4.0, 15.0) * rng.choice([-1.0, 1.0]))
        out[k] += strength * sigma[k] * (shape + 2.0 * comb + 0.5 * bands)
        notes.append(f"Residuals of the sky lines added, {abs(strength) * 10:.0f} sigma at 5579 A.")
    return out, np.array(ivar), notes


def cosmic_cluster(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """A shower: 12 to 40 unmasked hits of one to three pixels, half of them within 200 pixels of each other."""
    out, notes, sigma, level = np.array(flux), [], _sigma(flux, ivar), _level(flux)
    n = wave.size
    for k in range(len(out)):
        count = int(rng.integers(12, 41))
        start = int(rng.integers(0, max(n - 200, 1)))
        near = rng.integers(start, min(start + 200, n), count // 2)
        for pixel in np.concatenate([near, rng.integers(0, n, count - count // 2)]):
            size = rng.uniform(10.0, 60.0) * sigma[k, 0] + rng.exponential(0.5) * level[k, 0]
            out[k, pixel : pixel + int(rng.integers(1, 4))] += size
        middle = wave[min(start + 100, n - 1)]
        notes.append(f"{count} unmasked cosmic-ray hits, {count // 2} of them around {middle:.0f} A.")
    return out, np.array(ivar), notes


def telluric_left(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """The atmosphere's bands were not corrected, or twice (only beyond 6800 A; a bluer window is left as it is)."""
    n = len(flux)
    strength = np.where(rng.random(n) < 0.75, rng.uniform(0.8, 1.6, n), rng.uniform(-1.0, -0.6, n))
    notes = [f"Telluric bands at {100 * s:.0f} % of their depth." for s in strength]
    return flux * instrument.telluric(wave, strength), np.array(ivar), notes


def dead_amplifier(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """Part of the detector reads no light: 150 to 900 pixels at zero with noise, in one of three spectra masked."""
    out, inverse, notes, sigma = np.array(flux), np.array(ivar), [], _sigma(flux, ivar)
    for k in range(len(out)):
        length = int(rng.integers(150, min(900, wave.size // 2)))
        start = int(rng.integers(0, wave.size - length))
        run = slice(start, start + length)
        out[k, run] = sigma[k] * rng.standard_normal(length)
        masked = rng.random() < 0.33
        if masked:
            inverse[k, run] = 0.0
        notes.append(f"No light in {wave[start]:.0f}-{wave[start + length - 1]:.0f} A{', masked' * masked}.")
    return out, inverse, notes


def wrong_slope(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """Calibrated with the wrong standard: a slope of a factor 1.8 to 4 from end to end, and a bend in the blue."""
    x = np.log(wave / wave[0]) / np.log(wave[-1] / wave[0])
    slope = rng.choice([-1.0, 1.0], len(flux)) * rng.uniform(0.6, 1.4, len(flux))
    bend = rng.normal(0.0, 0.5, len(flux))
    curve = np.exp(slope[:, None] * (x - 0.5) + bend[:, None] * (1.0 - x) ** 4)
    notes = [f"Flux multiplied by a slope of exp({s:.2f}) from end to end." for s in slope]
    return flux * curve, ivar / curve**2, notes


def fringes(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """Interference in the detector: waves of 5 to 20 % with a period of 30 to 150 pixels."""
    n = len(flux)
    size, period, phase = rng.uniform(0.05, 0.2, n), rng.uniform(30, 150, n), rng.uniform(0, 6.3, n)
    waves = 1.0 + size[:, None] * np.sin(2.0 * np.pi * np.arange(wave.size) / period[:, None] + phase[:, None])
    return flux * waves, np.array(ivar), [f"Waves of {100 * a:.0f} %." for a in size]


def dead_arm(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """The red arm is masked, as after a failed exposure (three of four), or the blue one."""
    inverse, notes = np.array(ivar), []
    for k in range(len(flux)):
        red = rng.random() < 0.75
        inverse[k, (wave > instrument.ARM_JOIN + 40.0) if red else (wave < instrument.ARM_JOIN)] = 0.0
        notes.append(f"The {'red' if red else 'blue'} arm is masked.")
    return np.array(flux), inverse, notes


def sky_only(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """An empty fibre: noise, at most a few per cent of a continuum per noise, and what is left of the sky.

    The scale of the flux is kept, so that a window normalised by its continuum shows noise of 0.3 to 1.5.
    """
    n, level = len(flux), _level(flux)
    sigma = rng.uniform(0.3, 1.5, (n, 1)) * level
    shape = 1.0 / np.sqrt(np.maximum(instrument.throughput(wave), 1e-3))
    noise = sigma * shape * rng.standard_normal(flux.shape)
    scatter = np.broadcast_to((sigma * shape), flux.shape)
    out, inverse, _ = bad_sky(wave, level + noise, scatter**-2.0, rng)
    return out, inverse, [f"No star: noise of {s:.1f} times the continuum." for s in (sigma / level)[:, 0]]


def noise_only(wave: NDArray[np.float64], flux: Array, ivar: Array, rng: np.random.Generator) -> Spoiled:
    """A flat continuum with white noise of 20 to 60 %, nothing else."""
    level = _level(flux)
    sigma = rng.uniform(0.2, 0.6, (len(flux), 1)) * level
    out = level + sigma * rng.standard_normal(flux.shape)
    return out, np.broadcast_to(sigma**-2.0, flux.shape).copy(), [f"Noise of {100 * s:.0f} %." for s in
                                                                  (sigma / level)[:, 0]]  # fmt: skip
