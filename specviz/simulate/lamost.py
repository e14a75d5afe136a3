"""From a normalised high-resolution spectrum to what LAMOST would have written, in batches.

The synthetic grid is sampled in constant steps of log wavelength, where a velocity is a shift. So the whole optical
chain (rotation, macroturbulence, line-spread function, integration over a pixel, radial velocity, the phase of LAMOST's
own grid) is one product in Fourier space. The line-spread function varies along an arm: the spectrum is blurred with
the width of a few nodes and blended linearly between neighbours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy import fft

from specviz.simulate import instrument
from specviz.simulate.conditions import Conditions
from specviz.spectra.broadening import GRID_RESOLUTION, rotation_transfer
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_COEFF0, LAMOST_COEFF1, LAMOST_NATIVE

#: Neighbour weight of the kernel (a, 1, a) that correlates the noise: LAMOST resamples onto its log grid. Measured from
#: second differences of lag 1, 2 and 3 in the real spectra: correlation of adjacent pixels 0.25, of the next 0.02.
NOISE_NEIGHBOUR = 0.13
_NODES = (3690.0, 4000.0, 4350.0, 4800.0, 5300.0, 5849.99, 5850.01, 6300.0, 7000.0, 8000.0, 9110.0)
_FWHM_TO_SIGMA = 1.0 / np.sqrt(8.0 * np.log(2.0))

Continuum = Callable[[NDArray[np.float64]], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class LamostBatch:
    """Simulated observations: ``wave`` (n,), the rest (b, n) float32; flux in relative units (see
    :func:`observe_lamost`).

    ``clean`` is the flux without noise, sky residuals or cosmic rays, on the same calibration; ``ivar`` is 0 where
    masked.
    """

    wave: NDArray[np.float64]
    flux: NDArray[np.float32]
    ivar: NDArray[np.float32]
    clean: NDArray[np.float32]


def blur(norm: NDArray[Any], wave: NDArray[np.float64], conditions: Conditions, n_pixels: int) -> NDArray[np.float32]:
    """Normalised flux on the first ``n_pixels`` of LAMOST's native grid, shape (b, n_pixels).

    Parameters
    ----------
    norm : array, shape (b, m)
        Continuum-normalised, rest frame, at R = 5000, sampled on ``wave``.
    wave : array, shape (m,)
        Constant log10 step of half a LAMOST pixel; must reach at least 1 % beyond both ends of the native pixels asked
        for.
    conditions : Conditions
    n_pixels : int
    """
    start, step = float(np.log10(wave[0])), float(np.log10(wave[1] / wave[0]))
    oversampling = round(LAMOST_COEFF1 / step)
    margin = 110
    needed = int(np.ceil((LAMOST_COEFF0 - start) / step)) + oversampling * n_pixels + margin
    used = min(norm.shape[1], needed)
    size = fft.next_fast_len(used, real=True)
    # Ends are continued by 1 (pure continuum): what wraps around stays within the margin.
    padded = np.ones((norm.shape[0], size), np.float32)
    padded[:, :used] = norm[:, :used]
    spectrum = fft.rfft(padded - 1.0, axis=1)
    frequency = np.arange(spectrum.shape[1]) / size  # cycles per grid sample

    to_samples = 1.0 / (np.log(10.0) * step)  # d(sample) = to_samples * d ln(lambda)
    half_width = conditions.vsini / C_KM_S * to_samples
    transfer = rotation_transfer(2.0 * np.pi * half_width[:, None] * frequency).astype(np.float32)
    pixel = np.sinc(oversampling * frequency)
    offset = (LAMOST_COEFF0 - start) / step
    whole = int(np.floor(offset))
    shift = (offset - whole) - np.log1p(conditions.rv / C_KM_S) * to_samples
    phase = np.exp(2j * np.pi * shift[:, None] * frequency).astype(np.complex64)
    spectrum = spectrum * (transfer * pixel.astype(np.float32)) * phase

    target = instrument.native_wave(n_pixels)
    last = int(np.searchsorted(_NODES, target[-1]))
    nodes = np.array(_NODES[: max(last + 1, 2)])
    width = instrument.line_width(nodes, conditions.fwhm_blue, conditions.fwhm_red, conditions.bend) / nodes
    sigma2 = (
        np.maximum(width**2 - GRID_RESOLUTION**-2, 1e-9) * _FWHM_TO_SIGMA**2 + (conditions.macro[:, None] / C_KM_S) ** 2
    )
    sigma2 = sigma2 * to_samples**2
    out = np.zeros((norm.shape[0], n_pixels), np.float32)
    rows = whole + oversampling * np.arange(n_pixels)
    left = np.clip(np.searchsorted(nodes, target, side="right") - 1, 0, nodes.size - 2)
    t = ((target - nodes[left]) / (nodes[left + 1] - nodes[left])).clip(0.0, 1.0)
    for k in range(nodes.size):
        weight = np.where(left == k, 1.0 - t, 0.0) + np.where(left + 1 == k, t, 0.0)
        where = np.flatnonzero(weight > 0)
        if not where.size:
            continue
        gauss = np.exp(-2.0 * np.pi**2 * sigma2[:, k, None] * frequency**2).astype(np.float32)
        blurred = fft.irfft(spectrum * gauss, n=size, axis=1)
        out[:, where] += weight[where].astype(np.float32) * blurred[:, rows[where]]
    return out + np.float32(1.0)


def calibration(wave: NDArray[np.float64], conditions: Conditions) -> NDArray[np.float64]:
    """Smooth error of the flux calibration by arm, with the step where the arms join; shape (b, n), about 1."""
    blue = (2.0 * (wave - 3700.0) / (5900.0 - 3700.0) - 1.0).clip(-1.0, 1.0)
    red = (2.0 * (wave - 5800.0) / (9100.0 - 5800.0) - 1.0).clip(-1.0, 1.0)
    order = conditions.calibration_blue.shape[1]
    basis_blue, basis_red = legendre.legvander(blue, order)[:, 1:], legendre.legvander(red, order)[:, 1:]
    ln_blue = conditions.calibration_blue @ basis_blue.T
    # The red arm is scaled onto the blue one where they overlap: equal at the join, but for the step.
    at_join = (
        basis_red[np.argmin(np.abs(wave - instrument.ARM_JOIN))] if wave[-1] > instrument.ARM_JOIN else basis_red[-1]
    )
    end_blue = conditions.calibration_blue @ legendre.legvander(np.array([1.0]), order)[0, 1:]
    ln_red = conditions.calibration_red @ (basis_red - at_join).T + (end_blue + conditions.arm_step)[:, None]
    join = 1.0 / (1.0 + np.exp(-(wave - instrument.ARM_JOIN) / 6.0))
    return np.asarray(np.exp(ln_blue * (1.0 - join) + ln_red * join))


def observe_lamost(
    norm: NDArray[Any],
    wave: NDArray[np.float64],
    continuum: Continuum,
    conditions: Conditions,
    rng: np.random.Generator,
    *,
    n_pixels: int = LAMOST_NATIVE.size,
    extinction: Callable[[NDArray[np.float64]], NDArray[Any]] | None = None,
    artefacts: bool = True,
) -> LamostBatch:
    """Simulate one LAMOST low-resolution observation of each star.

    Parameters
    ----------
    norm : array, shape (b, m)
        Normalised rest-frame flux at R = 5000 on ``wave`` (half a LAMOST pixel).
    continuum : callable
        ``continuum(wave) -> (b, len(wave))``, any unit: each star's own line-free flux in the rest frame.
    conditions : Conditions
        One row a star.
    rng : numpy.random.Generator
        For the noise. The same generator state gives the same spectra.
    n_pixels : int
        3909 for the whole native grid; ``instrument.N_WINDOW`` for 3700-5750 A (fast, for training in SpecCLIP's
        window).
    extinction : callable, optional
        ``extinction(wave) -> A(lambda) / E(B-V)`` in magnitudes.
    artefacts : bool
        Flat-field errors, sky residuals, cosmic rays and masked pixels: what ivar does not tell.

    Returns
    -------
    LamostBatch
        ``flux`` is scaled so that the noiseless median over 4900-5100 A is 1.
    """
    target = instrument.native_wave(n_pixels)
    clean = blur(norm, wave, conditions, n_pixels).astype(np.float64)
    clean *= continuum(target)
    if extinction is not None:
        left = conditions.ebv * (1.0 - conditions.dust_removed)
        clean *= 10.0 ** (-0.4 * left[:, None] * extinction(target))
    if target[-1] > 6800.0:
        clean *= instrument.telluric(target, conditions.telluric)
    clean *= calibration(target, conditions)
    centre = (target > 4900.0) & (target < 5100.0)
    clean /= np.median(clean[:, centre], axis=1, keepdims=True)

    variance = _variance(target, clean, conditions)
    flux = clean + _noise(rng, clean.shape) * np.sqrt(variance) * conditions.noise_scale[:, None]
    ivar = 1.0 / np.maximum(variance, 1e-30)
    if np.isinf(conditions.snr).any():
        ivar[np.isinf(conditions.snr)] = 1e12
    if artefacts:
        floor = np.where(target < instrument.ARM_JOIN, *instrument.FLAT_FIELD)
        flux += clean * floor * rng.lognormal(0.0, 0.3, (len(clean), 1)) * _noise(rng, clean.shape)
        _add_artefacts(rng, target, flux, ivar, np.sqrt(variance))
    f32 = np.float32
    return LamostBatch(target, flux.astype(f32), ivar.astype(f32), clean.astype(f32))


def _variance(wave: NDArray[np.float64], clean: NDArray[np.float64], conditions: Conditions) -> NDArray[np.float64]:
    """Photon, sky and readout variance such that the median S/N in the g band (4000-5500 A) is ``conditions.snr``."""
    scatter = instrument.throughput_scatter(wave)
    tilt = np.where(wave < instrument.ARM_JOIN, conditions.tilt_blue[:, None], conditions.tilt_red[:, None])
    efficiency = instrument.throughput(wave) * instrument.telluric(wave, np.ones(1)) * np.exp(tilt * scatter)
    g = (wave > 4000.0) & (wave < 5500.0)
    typical = np.median((clean.clip(0.0) * efficiency)[:, g], axis=1)
    snr2 = np.where(np.isinf(conditions.snr), 1e12, conditions.snr**2)
    # snr^2 = N / (1 + sky/N) solved for the electrons N of a typical g pixel.
    electrons = 0.5 * (snr2 + np.sqrt(snr2**2 + 4.0 * instrument.SKY_ELECTRONS * snr2))
    gain = (electrons / typical)[:, None] * efficiency
    return np.asarray((clean.clip(0.0) * gain + instrument.sky_electrons(wave)) / gain**2)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Unit-variance Gaussian noise, correlated between neighbouring pixels as in LAMOST's resampled spectra."""
    white = rng.standard_normal((shape[0], shape[1] + 2), dtype=np.float32)
    mixed = white[:, 1:-1] + NOISE_NEIGHBOUR * (white[:, :-2] + white[:, 2:])
    return np.asarray(mixed / np.sqrt(1.0 + 2.0 * NOISE_NEIGHBOUR**2), np.float64)


def _add_artefacts(
    rng: np.random.Generator,
    wave: NDArray[np.float64],
    flux: NDArray[np.float64],
    ivar: NDArray[np.float64],
    sigma: NDArray[np.float64],
) -> None:
    """Sky-line residuals, cosmic rays and masked pixels, in place."""
    b, n = flux.shape
    for centre, _ in instrument.SKY_LINES:
        if centre < wave[-1]:
            middle = int(np.argmin(np.abs(wave - centre)))
            near = slice(max(middle - 8, 0), middle + 9)
            shape = np.exp(-0.5 * ((wave[near] - centre - rng.normal(0.0, 1.0, (b, 1))) / 2.0) ** 2)
            # Heavy tails: most residuals are as large as the noise says, a few are several times larger.
            size = 0.55 if centre < 5600.0 else 0.7  # the strongest line is subtracted best
            flux[:, near] += size * rng.standard_t(3.0, (b, 1)) * sigma[:, middle, None] * shape
    # Cosmic rays: on average 1.2 per 3,909 pixels; the pipeline has masked two of three.
    for row, count in enumerate(rng.poisson(1.2 * n / LAMOST_NATIVE.size, b)):
        for pixel in rng.integers(0, n - 1, count):
            size, masked = rng.exponential(12.0) * sigma[row, pixel], rng.random() < 0.67
            flux[row, pixel] += size
            flux[row, pixel + 1] += size * rng.random()
            if masked:
                ivar[row, max(pixel - 1, 0) : pixel + 3] = 0.0
    _mask(rng, wave, ivar)


def _mask(rng: np.random.Generator, wave: NDArray[np.float64], ivar: NDArray[np.float64]) -> None:
    """Runs of masked pixels as in 1,953 DR10 spectra, in place: 8.4 a star (2.5 % of the blue arm, 0.9 % of the red
    one), 5 to 7 pixels long, 2 % of them much longer; the last few pixels of one star in four, other ends rarely.
    """
    b, n = ivar.shape
    join = int(np.searchsorted(wave, instrument.ARM_JOIN + 100.0))
    rate = rng.gamma(3.0, 1.0 / 3.0, b)  # some spectra, and nights, have more
    counts = np.stack([rng.poisson(rate * 0.0036 * join), rng.poisson(rate * 0.0013 * max(n - join, 0))], axis=1)
    first, last = rng.random((b,)), rng.random((b,))
    for row in range(b):
        starts = np.concatenate([rng.integers(0, join, counts[row, 0]), rng.integers(join, n + 1, counts[row, 1])])
        longer = np.where(rng.random(starts.size) < 0.02, rng.exponential(20.0, starts.size), 0.0)
        lengths = 4 + rng.geometric(0.5, starts.size) + longer.astype(int)
        for start, length in zip(starts, lengths, strict=True):
            ivar[row, start : start + length] = 0.0
        if first[row] < 0.03:
            ivar[row, : int(rng.integers(1, 16))] = 0.0
        if n == LAMOST_NATIVE.size and last[row] < 0.25:
            ivar[row, n - int(rng.integers(1, 6) if last[row] > 0.01 else rng.integers(6, 90)) :] = 0.0
