"""The official pseudo-continuum of the blue region, for thousands of spectra at a time.

The same procedure as :func:`specviz.spectra.continuum.gaspp_continuum` (a test holds the two together), restricted to
3700-5700 A, which is all that SpecCLIP's window needs, and vectorised over stars on LAMOST's native grid.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from specviz.errors import SpectrumError
from specviz.simulate.instrument import N_WINDOW
from specviz.spectra.grids import LAMOST_COEFF0, LAMOST_COEFF1, LAMOST_NATIVE, SPECCLIP_LOG10

#: Pixels of the native grid inside 3700-5700 A.
_BLUE = slice(int(np.searchsorted(LAMOST_NATIVE, 3700.0)), int(np.searchsorted(LAMOST_NATIVE, 5700.0, side="right")))
#: Beyond 6100 A, the official procedure's second region.
_RED = slice(int(np.searchsorted(LAMOST_NATIVE, 6100.0, side="right")), LAMOST_NATIVE.size)
_BALMER = ((4030.0, 4160.0), (4270.0, 4410.0), (4800.0, 4940.0))
#: SpecCLIP's grid lies on the native one: log10 3.602 is its pixel 338.
_FIRST = round(float(SPECCLIP_LOG10[0] - LAMOST_COEFF0) / LAMOST_COEFF1)
WINDOW = slice(_FIRST, _FIRST + SPECCLIP_LOG10.size)
#: The wide grid leaves eight native pixels out at each end.
WIDE = slice(8, LAMOST_NATIVE.size - 8)


@lru_cache(maxsize=1)
def _basis() -> NDArray[np.float64]:
    """Orthonormal basis of the polynomials of order 5 on the blue pixels, shape (n, 6)."""
    wave = LAMOST_NATIVE[_BLUE]
    x = 2.0 * (wave - wave[0]) / (wave[-1] - wave[0]) - 1.0
    return np.asarray(np.linalg.qr(legendre.legvander(x, 5))[0])


def _fit(y: NDArray[np.float64]) -> NDArray[np.float64]:
    basis = _basis()
    return np.asarray((y @ basis) @ basis.T)


def fill_masked(flux: NDArray[Any], ivar: NDArray[Any]) -> NDArray[np.float64]:
    """Bridge pixels with ivar <= 0, zero or non-finite flux by straight lines, as ``to_specclip_grid`` does; shape (b,
    n).
    """
    out = np.array(flux, np.float64)
    bad = ~(np.asarray(ivar) > 0) | ~np.isfinite(out) | (out == 0.0)
    grid = LAMOST_NATIVE[: out.shape[1]]
    for row in np.flatnonzero(bad.any(axis=1)):
        good = ~bad[row]
        out[row, bad[row]] = np.interp(grid[bad[row]], grid[good], out[row, good]) if good.any() else 1.0
    return out


def gaspp_blue(flux: NDArray[Any]) -> NDArray[np.float64]:
    """Pseudo-continuum of 3700-5700 A.

    Parameters
    ----------
    flux : array, shape (b, n)
        On the first n >= 1900 pixels of LAMOST's native grid, finite everywhere.

    Returns
    -------
    array, shape (b, n)
        Beyond 5700 A: the 7-pixel running median, as the official procedure has between its two regions.
    """
    flux = np.atleast_2d(np.asarray(flux, np.float64))
    if flux.shape[1] < N_WINDOW:
        raise SpectrumError(
            f"Only {flux.shape[1]} pixels", expected=f"at least the first {N_WINDOW} of LAMOST's native grid"
        )
    smooth = median_filter(flux, size=(1, 7), mode="constant", cval=0.0)
    level = smooth[:, _BLUE].copy()
    blue_wave = LAMOST_NATIVE[_BLUE]
    hot = blue_wave[np.argmax(_fit(level), axis=1)] < 4500.0
    if hot.any():
        level[hot] = _bridge(level[hot])
    for _ in range(10):
        level = np.maximum(_fit(level), level)
    out = smooth
    out[:, _BLUE] = _fit(level)
    out[out <= 0.0] = 1.0
    return out


def gaspp_wide(flux: NDArray[Any]) -> NDArray[np.float64]:
    """Pseudo-continuum of the whole native grid, shape (b, 3909).

    The official procedure in both regions; between them (5700-6100 A, where the official one has the running median and
    so removes every line) a straight line joins the two.

    Parameters
    ----------
    flux : array, shape (b, 3909)
        On LAMOST's native grid, finite everywhere.
    """
    flux = np.atleast_2d(np.asarray(flux, np.float64))
    out = np.empty_like(flux)
    out[:, : _BLUE.stop] = gaspp_blue(flux[:, :N_WINDOW])[:, : _BLUE.stop]
    basis = _red_basis()
    level = median_filter(flux, size=(1, 7), mode="constant", cval=0.0)[:, _RED]
    for _ in range(9):
        fit = (level @ basis) @ basis.T
        sigma = np.std(level - fit, axis=1, keepdims=True)
        level = np.where((level < fit) | (level > fit + 3.0 * sigma), fit, level)
    out[:, _RED] = fit
    out[out <= 0.0] = 1.0
    between = slice(_BLUE.stop, _RED.start)
    t = (LAMOST_NATIVE[between] - LAMOST_NATIVE[between.start - 1]) / (
        LAMOST_NATIVE[between.stop] - LAMOST_NATIVE[between.start - 1]
    )
    out[:, between] = out[:, between.start - 1, None] * (1.0 - t) + out[:, between.stop, None] * t
    return out


@lru_cache(maxsize=1)
def _red_basis() -> NDArray[np.float64]:
    """Orthonormal basis of the polynomials of order 4 beyond 6100 A."""
    wave = LAMOST_NATIVE[_RED]
    x = 2.0 * (wave - wave[0]) / (wave[-1] - wave[0]) - 1.0
    return np.asarray(np.linalg.qr(legendre.legvander(x, 4))[0])


def _bridge(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Straight lines over H-delta, H-gamma and H-beta; indices of the whole grid, as in the official code."""
    out = level.copy()

    def span(low: float, high: float) -> slice:
        return slice(int(np.searchsorted(LAMOST_NATIVE, low)), int(np.searchsorted(LAMOST_NATIVE, high, side="right")))

    for low, high in _BALMER:
        left, right = (level[:, span(edge - 10.0, edge + 10.0)].max(axis=1) for edge in (low, high))
        inside = span(low, high)
        t = (LAMOST_NATIVE[inside] - low) / (high - low)
        out[:, inside] = left[:, None] * (1.0 - t) + right[:, None] * t
    return out


def gaspp_window(
    flux: NDArray[Any], ivar: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Normalised flux, its ivar and the continuum on SpecCLIP's 1,462 pixels.

    Parameters
    ----------
    flux, ivar : array, shape (b, n)
        On the first n >= 1917 pixels of LAMOST's native grid. Masked pixels (ivar 0) are bridged before the fit.

    Returns
    -------
    normalised, ivar, continuum : arrays of float32, shape (b, 1462)
        ``ivar`` is that of the normalised flux; 0 where masked.
    """
    part = slice(0, max(N_WINDOW, WINDOW.stop))
    filled = fill_masked(np.asarray(flux)[:, part], np.asarray(ivar)[:, part])
    continuum = gaspp_blue(filled)[:, WINDOW]
    weights = np.where(np.asarray(ivar)[:, WINDOW] > 0, ivar[:, WINDOW], 0.0) * continuum**2
    return (filled[:, WINDOW] / continuum).astype(np.float32), weights.astype(np.float32), continuum.astype(np.float32)


def wide_window(
    flux: NDArray[Any], ivar: NDArray[Any]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Normalised flux, its ivar and the continuum on the 3,893 pixels of the wide grid; masked pixels hold 1 and 0.

    Parameters
    ----------
    flux, ivar : array, shape (b, 3909)
        On LAMOST's native grid.
    """
    filled = fill_masked(flux, ivar)
    continuum = gaspp_wide(filled)[:, WIDE]
    bad = ~(np.asarray(ivar)[:, WIDE] > 0) | ~np.isfinite(np.asarray(flux)[:, WIDE]) | (np.asarray(flux)[:, WIDE] == 0)
    values = np.where(bad, 1.0, filled[:, WIDE] / continuum)
    weights = np.where(bad, 0.0, np.asarray(ivar)[:, WIDE] * continuum**2)
    return values.astype(np.float32), weights.astype(np.float32), continuum.astype(np.float32)
