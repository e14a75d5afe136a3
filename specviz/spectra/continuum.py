"""Pseudo-continua: the one SpecCLIP was trained with, and a robust one that knows masks.

``gaspp_continuum`` follows the published procedure of SpecCLIP's preprocessing step by step (the traps included, since
the released weights expect them). The least-squares fits are done by projection: NumPy's ``polyfit`` on raw wavelengths
is a truncated SVD of the column-scaled Vandermonde matrix, so its fitted values are ``U U^T y``, and ``U`` depends on
the wavelengths alone. One small SVD serves all 20 fits, and the values agree with ``polyval(polyfit(...))`` to
rounding.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import SpectrumError

Array = NDArray[np.float64]

#: H-delta, H-gamma, H-beta: intervals (Angstrom) bridged by straight lines in hot stars.
_BALMER = ((4030.0, 4160.0), (4270.0, 4410.0), (4800.0, 4940.0))
#: Exchanges of a sorting network whose middle output is the median of seven (Devillard's 13-exchange selection).
_MEDIAN7 = ((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6), (2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4))

_bases: OrderedDict[tuple[bytes, int], Array] = OrderedDict()
_bases_lock = Lock()


def gaspp_continuum(wave: ArrayLike, flux: ArrayLike, cfsnr: float = 60.0) -> Array:
    """SpecCLIP's official pseudo-continuum (``gaspp_fitcont2``) of one spectrum.

    Parameters
    ----------
    wave : array, shape (n,)
        Wavelength in Angstrom, increasing.
    flux : array, shape (n,)
        Flux in any unit, finite everywhere: bridge bad pixels first (:func:`specviz.spectra.resample.bridge`).
    cfsnr : float
        "Continuum-fit S/N". From 50 up (the default, 60) nothing is smoothed; below, a Savitzky-Golay filter of order 4
        and of ``int(55 - cfsnr)`` pixels, made odd, precedes the fits. In 4000-5599 A it only moves the hot-star test.

    Returns
    -------
    array, shape (n,)
        The continuum, positive everywhere. 3700-5700 A: upper envelope of order 5. Above 6100 A: clipped fit of order
        4. Elsewhere the 7-pixel running median. A region with 100 pixels or fewer keeps the running median.

    Raises
    ------
    SpectrumError
        If the arrays differ in length or a flux is not finite.

    Notes
    -----
    Procedure: median filter 7 (zeros beyond the edges); where the blue fit peaks below 4500 A the three Balmer lines
    are bridged by straight lines (see ``_bridge_balmer``). The official code finds the places on the whole array and
    applies them to the blue part, so they are shifted by the number of pixels below 3700 A; this is kept.
    """
    wave, flux = np.asarray(wave, np.float64), np.asarray(flux, np.float64)
    if wave.ndim != 1 or wave.shape != flux.shape:
        raise SpectrumError(
            f"Wavelength {wave.shape} and flux {flux.shape} do not match", expected="two 1-D arrays of equal length"
        )
    if not np.isfinite(flux).all():
        raise SpectrumError("The flux has pixels that are not finite", remedy="Bridge them before fitting a continuum")
    filtered = _median7(flux)
    window = (
        1 if cfsnr >= 50 else int(55 - cfsnr) | 1
    )  # window 3 of order 2, the official choice from 50 up, is the identity
    continuum = filtered.copy()

    blue = _span(wave, 3700.0, 5700.0, "both")
    if blue.stop - blue.start > 100:
        basis = _poly_basis(wave[blue], 5)
        level = filtered[blue].copy()
        if wave[blue][np.argmax(_project(basis, _savgol4(filtered[blue], window)))] < 4500.0:
            _bridge_balmer(wave, level)
        for _ in range(10):
            np.maximum(_project(basis, level), level, out=level)
        continuum[blue] = _project(basis, level)

    red = _span(wave, 6100.0, np.inf, "neither")
    if red.stop - red.start > 100:
        basis = _poly_basis(wave[red], 4)
        level = _savgol4(filtered[red], window).copy()
        for _ in range(9):
            fit = _project(basis, level)
            sigma = np.std(level - fit)
            np.copyto(level, fit, where=(level < fit) | (level > fit + 3.0 * sigma))
        continuum[red] = fit

    continuum[continuum <= 0.0] = 1.0
    return continuum


def running_quantile_continuum(
    wave: ArrayLike,
    flux: ArrayLike,
    ivar: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    quantile: float = 0.90,
    width: float = 0.03,
    n_knots: int = 60,
) -> Array:
    """A robust pseudo-continuum: running quantile of the good pixels, de-biased for noise, smoothed.

    Parameters
    ----------
    wave : array, shape (n,)
        Wavelength, increasing, any unit.
    flux, ivar, mask : array, shape (n,)
        ``mask`` True, non-finite flux, and (where any ivar is positive) ivar <= 0 are left out.
    quantile : float
        Quantile of the flux inside a window that is called the continuum.
    width : float
        Full width of a window, in ln(wavelength): 0.03 is 150 A at 5000 A.
    n_knots : int
        Windows over the whole range; between their centres the continuum is interpolated.

    Returns
    -------
    array, shape (n,)
        Positive everywhere; robust to spikes and gaps.

    Raises
    ------
    SpectrumError
        If fewer than ten pixels are usable, or none is positive.

    Notes
    -----
    A high quantile of noisy pixels is biased upwards by about z(quantile) sigma; where errors are known, the quantile
    is lowered towards 0.5 in proportion to noise / scatter of the window, so that the continuum does not ride on the
    noise; before that, pixels are averaged (nine at most) until the noise is 1 %.
    """
    wave, flux = np.asarray(wave, np.float64), np.asarray(flux, np.float64)
    good = np.isfinite(flux)
    if mask is not None:
        good &= ~np.asarray(mask, bool)
    sigma = None
    if ivar is not None and (np.asarray(ivar) > 0).any():
        weights = np.asarray(ivar, np.float64)
        good &= weights > 0
        sigma = 1.0 / np.sqrt(np.where(good, weights, 1.0))[good]
    if good.sum() < 10:
        raise SpectrumError(f"Only {int(good.sum())} usable pixels", expected="at least ten for a continuum")
    x, y = np.log(wave[good]), flux[good]
    if sigma is not None:
        y, sigma = _smooth_to(y, sigma, 0.01)
    centres = np.linspace(x[0], x[-1], max(int(n_knots), 2))
    starts, stops = np.searchsorted(x, centres - width / 2), np.searchsorted(x, centres + width / 2)
    knots, heights = [], []
    for centre, start, stop in zip(centres, starts, stops, strict=True):
        if stop - start < 5:
            continue
        window = y[start:stop]
        level = quantile
        if sigma is not None:
            low, high = np.quantile(window, (0.16, 0.84))
            noise = float(np.median(sigma[start:stop]))
            level = 0.5 + (quantile - 0.5) * np.sqrt(max(0.0, 1.0 - (2.0 * noise / max(high - low, 1e-300)) ** 2))
        knots.append(centre)
        heights.append(float(np.quantile(window, level)))
    if not knots:
        knots, heights = [float(x.mean())], [float(np.quantile(y, quantile))]
    level_array = np.asarray(heights)
    if level_array.size >= 5:  # a running median of five knots takes out windows that a band or a sky residual fills
        padded = np.pad(level_array, 2, mode="edge")
        level_array = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    continuum = np.interp(np.log(wave), knots, level_array)
    floor = float(np.median(np.abs(y))) * 1e-3
    if not (level_array > 0).any() or floor <= 0:
        raise SpectrumError("No part of the spectrum has a positive continuum")
    return np.maximum(continuum, floor)


# ---------------------------------------------------------------------------------------------- the pieces
def _span(wave: Array, low: float, high: float, closed: str) -> slice:
    left, right = ("left", "right") if closed == "both" else ("right", "left")
    return slice(int(np.searchsorted(wave, low, left)), int(np.searchsorted(wave, high, right)))  # type: ignore[call-overload]


def _poly_basis(wave: Array, order: int) -> Array:
    """Orthonormal basis (n, rank) of the polynomials that ``numpy.polyfit(wave, ., order)`` can return; cached."""
    key = (wave.tobytes(), order)
    with _bases_lock:
        if key in _bases:
            _bases.move_to_end(key)
            return _bases[key]
    design = np.vander(wave, order + 1)
    design /= np.sqrt((design * design).sum(axis=0))
    u, s, _ = np.linalg.svd(design, full_matrices=False)
    basis = np.ascontiguousarray(u[:, s > s[0] * wave.size * np.finfo(float).eps].T)  # polyfit's own rcond
    with _bases_lock:
        _bases[key] = basis
        while len(_bases) > 32:
            _bases.popitem(last=False)
    return basis


def _project(basis: Array, y: Array) -> Array:
    return (basis @ y) @ basis


def _median7(flux: Array) -> Array:
    """Running median of seven pixels with zeros beyond the edges."""
    padded = np.zeros(flux.size + 6)
    padded[3:-3] = flux
    taps = [padded[i : i + flux.size] for i in range(7)]
    for a, b in _MEDIAN7:
        taps[a], taps[b] = np.minimum(taps[a], taps[b]), np.maximum(taps[a], taps[b])
    return taps[3]


def _smooth_to(flux: Array, sigma: Array, relative: float) -> tuple[Array, Array]:
    """Running mean over as many pixels (odd, at most nine) as bring the median relative noise down to ``relative``."""
    noise = float(np.median(sigma)) / max(float(np.median(np.abs(flux))), 1e-300)
    half = int(np.clip(np.ceil((noise / relative) ** 2), 1, 9)) // 2
    if half == 0:
        return flux, sigma
    n = 2 * half + 1
    mean = np.convolve(np.pad(flux, half, mode="edge"), np.full(n, 1.0 / n), mode="valid")
    return mean, sigma / np.sqrt(n)


def _savgol4(flux: Array, window: int) -> Array:
    """Savitzky-Golay smoothing of order 4; the edge value is repeated beyond the ends."""
    half = window // 2
    if window < 5:
        return flux
    u, _ = np.linalg.qr(np.vander(np.arange(-half, half + 1) / max(half, 1), 5))
    kernel = u @ u[half]  # the value at the centre of the fitted parabola, as weights on the pixels
    return np.convolve(np.pad(flux, half, mode="edge"), kernel[::-1], mode="valid")


def _bridge_balmer(wave: Array, level: Array) -> None:
    """Replace the Balmer lines of ``level`` (the blue part) by straight lines.

    Each line joins, at the two nominal ends of the interval, the maxima within 10 A of them. Places are indices of the
    whole ``wave``, applied unshifted to the blue part as the official code does. All maxima are taken before any
    replacement.
    """
    lines = []
    for low, high in _BALMER:
        around = [level[_span(wave, edge - 10.0, edge + 10.0, "both")] for edge in (low, high)]
        inside = _span(wave, low, high, "both")
        inside = slice(inside.start, min(inside.stop, level.size))
        if all(part.size for part in around) and inside.stop > inside.start:
            lines.append((inside, [low, high], [float(part.max()) for part in around]))
    for inside, edges, heights in lines:
        level[inside] = np.interp(wave[inside], edges, heights)
