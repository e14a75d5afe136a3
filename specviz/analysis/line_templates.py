"""Normalised template spectra on LAMOST's pixels, kept in memory, and the one filter that they and the data go through.

The packaged emulator makes them once (seconds; 60 MB). They are kept in steps of half a LAMOST pixel (34.5 km/s), in
two phases, so that a template at another velocity is a view of memory and a fit of all of them is one matrix product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from specviz.spectra.broadening import blurred
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_COEFF0, LAMOST_COEFF1, LAMOST_NATIVE

F32 = NDArray[np.float32]
#: Half a pixel, km/s: the step of all velocities.
HALF_PIXEL = float(C_KM_S * np.log(10.0) * LAMOST_COEFF1 / 2.0)
#: Templates reach this many pixels beyond the pixels that are fitted, on either side: 2,300 km/s.
MARGIN = 34
#: Pixels of LAMOST's grid that templates cover (3776-9000 A), and those that velocities are fitted on (4000-5570 A):
#: there the lines are, and neither the join of the arms nor the brightest sky line is.
COVERED = slice(90, 3862)
FITTED = slice(339, 1776)
#: Rotation of the templates, km/s: as slow as LAMOST can tell, and faster.
VSINI = (0.0, 90.0, 150.0, 220.0, 300.0)
#: Running mean that stands for the continuum, in pixels: taken twice, 6,000 km/s wide.
SMOOTH = 61
#: Multiplications up to which OpenBLAS uses one thread.
_ONE_THREAD = 2**18
_DWARFS = (3550, 3700, 3850, 4000, 4200, 4450, 4700, 5000, 5300, 5600, 5900, 6200, 6500, 6900, 7300, 7800, 8400, 9000,
           10000, 11000, 12400)  # fmt: skip
_GIANTS = ((3600, 0.7), (3900, 1.2), (4200, 1.7), (4500, 2.3), (4750, 2.6), (5050, 3.0), (5400, 3.4), (6200, 3.7))


@dataclass(frozen=True, eq=False)
class TemplateBank:
    """Templates of K stars.

    Attributes
    ----------
    teff, logg, fe_h, vsini : array (K,)
    normal : array (2, K, covered + 2 MARGIN)
        Flux / continuum on LAMOST's pixels from ``COVERED.start - MARGIN`` on; [1] half a pixel redder.
    lines, squares : array (2, K, fitted + 2 MARGIN)
        The same through :func:`high_pass`, from ``FITTED.start - MARGIN`` on, and the squares of that.
    first : array of int
        A few templates of every kind: what the velocity is looked for with.
    """

    teff: NDArray[np.float64]
    logg: NDArray[np.float64]
    fe_h: NDArray[np.float64]
    vsini: NDArray[np.float64]
    normal: F32
    lines: F32
    squares: F32
    first: NDArray[np.intp]

    @cached_property
    def few(self) -> tuple[F32, F32]:
        """``lines`` and ``squares`` of the templates ``first``, on whole pixels."""
        return self.lines[0, self.first], self.squares[0, self.first]

    def few_at(self, which: NDArray[np.intp], shift: int, further: Sequence[int]) -> F32:
        """``lines`` of some templates at several velocities (shift + further), (len(further) * len(which), n)."""
        return np.concatenate([self.shifted(shift + k)[which] for k in further])

    def shifted(self, half_pixels: int, which: Literal["lines", "squares", "normal"] = "lines") -> F32:
        """All templates at a velocity of so many half pixels, (K, n): a view, not a copy.

        "lines" and "squares" on the pixels FITTED, "normal" on the pixels COVERED.
        """
        source: F32 = getattr(self, which)
        n = COVERED if which == "normal" else FITTED
        phase = half_pixels % 2  # a shift by an odd number of half pixels starts between two pixels
        start = MARGIN - (half_pixels + phase) // 2
        out: F32 = source[phase, :, start : start + n.stop - n.start]
        return out


def smooth(flux: NDArray[Any], width: int = SMOOTH) -> NDArray[Any]:
    """The running mean, taken twice, that stands for the continuum of flux (..., n)."""
    return running_mean(running_mean(flux, width), width)


def high_pass(flux: NDArray[Any]) -> NDArray[Any]:
    """Flux (..., n) over :func:`smooth`, less 1: no slope and no calibration is left in it, and a template through the
    same filter has lost the same part of its broad lines. 0 where the mean is not positive.
    """
    level = smooth(flux)
    return np.where(level > 0, flux / np.where(level > 0, level, 1.0) - 1.0, 0.0)


def product(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """``a @ b`` of a (m, n) with b (n, k) or (n,), some rows at a time.

    So small a product BLAS leaves on one thread. Divided among the threads of a busy machine it takes longer by far,
    for they wait for each other: of two cores with three processes on them, 54 ms a star instead of 7 ms.
    """
    if b.ndim == 1:  # a matrix times a vector is divided at much smaller sizes
        return product(a, np.stack([b, b], axis=1))[:, 0]
    step = max(_ONE_THREAD // (b.shape[0] * b.shape[1]), 2)
    if len(a) <= step:
        return np.asarray(a @ b)
    out = np.empty((len(a), b.shape[1]), np.result_type(a, b))
    for start in range(0, len(a), step):
        np.matmul(a[start : start + step], b, out=out[start : start + step])
    return out


def running_mean(values: NDArray[Any], width: int) -> NDArray[Any]:
    """Mean over a centred window along the last axis; shorter windows at the ends."""
    n = values.shape[-1]
    sums = np.zeros((*values.shape[:-1], n + 1))
    np.cumsum(values, axis=-1, out=sums[..., 1:])
    low = np.maximum(np.arange(n) - width // 2, 0)
    high = np.minimum(np.arange(n) + width // 2 + 1, n)
    return (sums[..., high] - sums[..., low]) / (high - low)


def template_bank() -> TemplateBank:
    """The bank, made at the first call. Safe from several threads."""
    with _lock:
        return _bank()


_lock = Lock()


@lru_cache(maxsize=1)
def _bank() -> TemplateBank:
    from specviz.models.registry import load_model

    emulator = load_model("phdlspec-small", device="cpu")
    stars = _stars()
    rows = np.zeros((len(stars), len(emulator.label_names)), np.float32)
    for k, (teff, logg, fe_h) in enumerate(stars):
        alpha = 0.3 * float(np.clip(-fe_h, 0.0, 1.0))
        own = {"teff": teff, "logg": logg, "fe_h": fe_h, "vmic": 1.2 if logg > 3.5 else 1.6}
        own |= dict.fromkeys(("mg_fe", "si_fe", "ca_fe", "ti_fe", "o_fe", "s_fe"), alpha)
        for j, name in enumerate(emulator.label_names):
            rows[k, j] = np.clip(own.get(name, 0.0), *emulator.ranges[name])
    norm = np.asarray(emulator.spectra(rows, norm=True, continuum=False, sed=False).norm, np.float64)
    start = LAMOST_COEFF0 + LAMOST_COEFF1 * (COVERED.start - MARGIN)
    n, fitted = COVERED.stop - COVERED.start + 2 * MARGIN, FITTED.stop - FITTED.start + 2 * MARGIN
    offset = FITTED.start - COVERED.start
    normal = np.empty((2, len(VSINI) * len(stars), n), np.float32)
    lines = np.empty((2, len(VSINI) * len(stars), fitted), np.float32)
    for k, vsini in enumerate(VSINI):  # one rotation at a time, for the memory's sake
        spectra = blurred(norm, emulator.wave, np.full(len(stars), vsini))
        rows_of_it = slice(k * len(stars), (k + 1) * len(stars))
        for phase in (0, 1):
            made = _at(spectra, emulator.wave, start + 0.5 * LAMOST_COEFF1 * phase, n)
            normal[phase, rows_of_it] = made
            filtered = high_pass(made[:, : offset + fitted + 2 * SMOOTH])
            lines[phase, rows_of_it] = filtered[:, offset : offset + fitted]
    labels = np.tile(np.array(stars, np.float64), (len(VSINI), 1))
    wanted = [(3700, 4.8), (3900, 1.2), (4450, 4.6), (4500, 2.3), (5300, 4.5), (5900, 4.4), (6500, 4.3), (7300, 4.2),
              (9000, 4.0), (11000, 4.0)]  # fmt: skip
    first = [_nearest(labels, t, g, m) for t, g in wanted for m in ((-1.2, -0.1) if 4400 < t < 6600 else (-0.1,))]
    first += [len(stars) * 2 + k for k in first[-4:]]  # the hot ones in rotation, too
    bank = TemplateBank(
        np.ascontiguousarray(labels[:, 0]),
        np.ascontiguousarray(labels[:, 1]),
        np.ascontiguousarray(labels[:, 2]),
        np.repeat(VSINI, len(stars)),
        normal,
        lines,
        np.square(lines),
        np.array(sorted(set(first)), np.intp),
    )
    for array in vars(bank).values():
        array.setflags(write=False)
    return bank


def _stars() -> list[tuple[float, float, float]]:
    """Teff, log g, [Fe/H]: the main sequence, the giants, and some between."""
    out = []
    for teff in _DWARFS:
        logg = float(np.interp(teff, [3500, 4500, 5800, 6800, 8000, 12500], [4.85, 4.6, 4.4, 4.2, 4.05, 3.95]))
        metals = (-2.2, -1.5, -1.0, -0.5, -0.1, 0.3) if 4100 < teff < 7000 else (-0.8, -0.1, 0.3)
        out += [(float(teff), logg, m) for m in metals]
        if teff > 6800:
            out += [(float(teff), 3.3, -0.2)]
    for teff, logg in _GIANTS:
        out += [(float(teff), logg, m) for m in ((-2.2, -1.5, -0.9, -0.4, 0.1) if teff > 4000 else (-0.9, -0.3, 0.2))]
    return out


def _nearest(labels: NDArray[np.float64], teff: float, logg: float, fe_h: float) -> int:
    n = len(labels) // len(VSINI)
    far = np.abs(labels[:n] - (teff, logg, fe_h)) / (200.0, 0.3, 0.3)
    return int(np.argmin(far.sum(axis=1)))


def _at(spectra: NDArray[np.float64], wave: NDArray[np.float64], start: float, n: int) -> NDArray[np.float64]:
    """Spectra (K, m) in half pixels of ln(wavelength) at n whole pixels from log10 ``start`` on; beyond the ends 1.

    The part of a step is a phase in Fourier space, exact for spectra that their sampling resolves.
    """
    step = float(np.log10(wave[1] / wave[0]))
    offset = (start - float(np.log10(wave[0]))) / step
    whole = int(np.floor(offset))
    size = fft.next_fast_len(spectra.shape[1] + 64, real=True)
    padded = np.zeros((len(spectra), size))
    padded[:, : spectra.shape[1]] = spectra - 1.0
    phase = np.exp(2j * np.pi * (offset - whole) * np.arange(size // 2 + 1) / size)
    moved = fft.irfft(fft.rfft(padded, axis=1) * phase, n=size, axis=1)[:, : spectra.shape[1]]
    index = whole + 2 * np.arange(n)
    inside = (index >= 0) & (index < spectra.shape[1])
    out = np.ones((len(spectra), n))
    out[:, inside] = 1.0 + moved[:, index[inside]]
    return out


#: Wavelength (vacuum Angstrom) of the pixels that templates cover.
COVERED_WAVE = LAMOST_NATIVE[COVERED]
