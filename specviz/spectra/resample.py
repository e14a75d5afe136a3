"""Putting a spectrum on a grid, errors and masks included; and on the two grids that SpecCLIP reads."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.errors import CoverageError, SpectrumError
from specviz.spectra.continuum import gaspp_continuum
from specviz.spectra.grids import (
    LAMOST_NATIVE,
    SPECCLIP_LOG10,
    SPECCLIP_WINDOW,
    WIDE_ARMS,
    XP_REFERENCE_INDEX,
    XP_WAVELENGTH_NM,
)
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
#: A window with fewer pixels than this is too coarse for line features (SpecCLIP's own grid has 1,462).
_MIN_PIXELS = 300


class Resampled(NamedTuple):
    """Flux, inverse variance and mask on a new grid, each of shape (m,)."""

    flux: Array
    ivar: Array
    mask: NDArray[np.bool_]


class GridSpectrum(NamedTuple):
    """A LAMOST-like spectrum on SpecCLIP's grid (1,462 pixels).

    ``values`` flux / continuum; ``ivar`` of ``values`` (0 = unknown or filled in); ``continuum`` in flux units;
    ``filled`` the fraction of the grid's pixels that rest on an interpolated (bad) one.
    """

    values: Array
    ivar: Array
    continuum: Array
    filled: float


class XpSpectrum(NamedTuple):
    """An XP spectrum on SpecCLIP's grid (343 points): ``values`` f / f(550 nm), ``ivar`` of it, ``scale`` f(550 nm)."""

    values: Array
    ivar: Array
    scale: float


def resample_linear(
    wave_new: ArrayLike,
    wave: ArrayLike,
    flux: ArrayLike,
    ivar: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    *,
    log: bool = True,
) -> Resampled:
    """Interpolate linearly, carrying variance and mask.

    Parameters
    ----------
    wave_new : array, shape (m,)
        Target wavelengths, inside or outside the range of ``wave``.
    wave, flux : array, shape (n,)
        Source, ``wave`` increasing. Pixels that are not finite count as masked.
    ivar : array, shape (n,), optional
        Inverse variance; 0 = unknown.
    mask : array of bool, shape (n,), optional
        True = bad.
    log : bool
        Interpolate in log10(wavelength), as SpecCLIP does; False = in wavelength.

    Returns
    -------
    Resampled
        A new pixel that touches a masked old one (with a weight over 1e-3), or lies outside the source, is masked, with
        ivar 0; its flux is bridged between good neighbours, or that of the nearest end. Variance is propagated as sum
        of w^2 sigma^2 of the two neighbours (pixels are taken as independent; the covariance that interpolation puts
        between neighbours is not returned). A new pixel that touches one with ivar = 0 has ivar 0.

    Raises
    ------
    SpectrumError
        If lengths differ, or no pixel is usable.
    """
    wave, flux, target = (np.asarray(a, np.float64) for a in (wave, flux, wave_new))
    if wave.ndim != 1 or wave.shape != flux.shape or wave.size < 2:
        raise SpectrumError(
            f"Wavelength {wave.shape} and flux {flux.shape} do not match", expected="two 1-D arrays of equal length"
        )
    x, t = (np.log10(wave), np.log10(target)) if log else (wave, target)
    left, weight = _neighbours(x, t)
    masked = ~np.isfinite(flux)
    if mask is not None:
        masked |= np.asarray(mask, bool)
    values = _mix(bridge(wave, flux, masked), left, weight)
    bad = _touches(masked, left, weight) | (t < x[0] - 1e-9) | (t > x[-1] + 1e-9)
    out_ivar = np.zeros_like(values)
    if ivar is not None:
        out_ivar = _mix_ivar(np.asarray(ivar, np.float64), left, weight)
        out_ivar[bad] = 0.0
    return Resampled(values, out_ivar, bad)


def bridge(wave: Array, flux: Array, bad: NDArray[np.bool_]) -> Array:
    """``flux`` with the ``bad`` pixels replaced by straight lines between good neighbours (constant beyond them)."""
    if not bad.any():
        return flux
    good = ~bad
    if not good.any():
        raise SpectrumError("No pixel of the spectrum is usable")
    out = flux.copy()
    out[bad] = np.interp(wave[bad], wave[good], flux[good])
    return out


def to_specclip_grid(spectrum: Spectrum, *, compat: bool = False, cfsnr: float = 60.0) -> GridSpectrum:
    """Normalise a spectrum by its pseudo-continuum and put it on SpecCLIP's 1,462-pixel grid.

    Parameters
    ----------
    spectrum : Spectrum
        LAMOST, SDSS or any other that covers 4000-5598 A. Its radial velocity stays in (SpecCLIP was trained so).
    compat : bool
        False (right): masked, non-finite, zero and ivar = 0 pixels are bridged, and the flux is normalised once over
        its whole range. True: what the official demo does, which ignores masks and normalises twice.
    cfsnr : float
        See :func:`~specviz.spectra.continuum.gaspp_continuum`.

    Returns
    -------
    GridSpectrum
        values, ivar, continuum (each (1462,)) and the filled fraction.

    Raises
    ------
    CoverageError
        If 4000-5598 A is not reached, is sampled by fewer than 300 pixels, or is more than half bad.
    """
    wave, flux = spectrum.wavelength_angstrom, spectrum.flux
    low, high = SPECCLIP_WINDOW
    if wave[0] > low or wave[-1] < high:
        raise CoverageError(
            f"The spectrum covers {wave[0]:.0f}-{wave[-1]:.0f} A",
            expected=f"{low:.0f}-{high:.0f} A for a LAMOST spectrum",
            remedy="Check the wavelength unit, or use another spectrum of this star",
        )
    i, j = np.searchsorted(wave, (low, high))
    if j - i < _MIN_PIXELS:
        raise CoverageError(
            f"Only {j - i} pixels between {low:.0f} and {high:.0f} A", expected=f"at least {_MIN_PIXELS}"
        )
    log_wave = np.log10(wave)
    left, weight = _neighbours(log_wave, SPECCLIP_LOG10)
    if compat:
        continuum = gaspp_continuum(wave, flux, cfsnr)
        once = flux / continuum
        values = once / gaspp_continuum(wave, once, cfsnr)
        return GridSpectrum(
            _mix(values, left, weight), np.zeros(SPECCLIP_LOG10.size), _mix(continuum, left, weight), 0.0
        )
    bad = ~spectrum.good | (flux == 0.0)
    share = float(np.mean(bad[i:j]))
    if share > 0.5:
        raise CoverageError(
            f"{100 * share:.0f} % of the pixels between {low:.0f} and {high:.0f} A are masked or empty",
            expected="at most half",
            remedy="Use another exposure of this star",
        )
    flux = bridge(wave, flux, bad)
    continuum = gaspp_continuum(wave, flux, cfsnr)
    touched = _touches(bad, left, weight)
    ivar = np.zeros(SPECCLIP_LOG10.size)
    if spectrum.has_errors:
        assert spectrum.ivar is not None
        ivar = _mix_ivar(np.where(bad, 0.0, spectrum.ivar) * continuum**2, left, weight)
    return GridSpectrum(
        _mix(flux / continuum, left, weight), ivar, _mix(continuum, left, weight), float(touched.mean())
    )


def to_wide_grid(spectrum: Spectrum) -> GridSpectrum:
    """A LAMOST-like spectrum, continuum-normalised over both arms, on :data:`WIDE_WAVELENGTH`.

    Inside 3700-5700 A and beyond 6100 A the official pseudo-continuum; a straight line between the two. Pixels that the
    spectrum does not reach or that are masked hold 1 (pure continuum) and ivar 0, a missing arm included.

    Raises
    ------
    CoverageError
        If the spectrum covers neither arm, or is empty.
    """
    wave, flux = spectrum.wavelength_angstrom, spectrum.flux
    if not any(wave[0] <= low and wave[-1] >= high for low, high in WIDE_ARMS):
        raise CoverageError(
            f"The spectrum covers {wave[0]:.0f}-{wave[-1]:.0f} A",
            expected=" or ".join(f"{low:.0f}-{high:.0f} A" for low, high in WIDE_ARMS),
            remedy="Check the wavelength unit, or use another spectrum of this star",
        )
    put = resample_linear(LAMOST_NATIVE, wave, flux, spectrum.ivar, ~spectrum.good | (flux == 0.0))
    bad = put.mask
    if bad.mean() > 0.8:
        raise CoverageError(
            f"{100 * bad.mean():.0f} % of the pixels of the LAMOST range are masked or empty", expected="at most 80 %"
        )
    flux = bridge(LAMOST_NATIVE, put.flux, bad)
    continuum = gaspp_continuum(LAMOST_NATIVE, flux)
    low, high = np.searchsorted(LAMOST_NATIVE, (5700.0, 6100.0), side="right")
    between = slice(low, high)
    continuum[between] = np.interp(LAMOST_NATIVE[between], LAMOST_NATIVE[[low - 1, high]], continuum[[low - 1, high]])
    part = slice(8, -8)
    values = np.where(bad, 1.0, flux / continuum)[part]
    ivar = np.where(bad, 0.0, put.ivar * continuum**2)[part]
    return GridSpectrum(values, ivar, continuum[part], float(bad[part].mean()))


def to_xp_grid(spectrum: Spectrum) -> XpSpectrum:
    """A Gaia XP spectrum at 336, 338 ... 1020 nm, divided by its flux at 550 nm: SpecCLIP's XP input.

    Parameters
    ----------
    spectrum : Spectrum
        Externally calibrated and sampled; linear interpolation where its grid differs.

    Returns
    -------
    XpSpectrum
        values (343,), ivar of values (343,), scale = f(550 nm) in the spectrum's flux unit.

    Raises
    ------
    CoverageError
        If 336-1020 nm is not reached, more than half is bad, or the flux at 550 nm is missing or not positive
        (as it is where Gaia has no BP spectrum).
    """
    wave = spectrum.wavelength_angstrom / 10.0
    low, high = XP_WAVELENGTH_NM[[0, -1]]
    if wave[0] > low + 1e-6 or wave[-1] < high - 1e-6:
        raise CoverageError(
            f"The spectrum covers {wave[0]:.0f}-{wave[-1]:.0f} nm",
            expected=f"{low:.0f}-{high:.0f} nm for a Gaia XP spectrum",
        )
    bad = ~spectrum.good
    if wave.size == XP_WAVELENGTH_NM.size and not bad.any() and np.array_equal(wave, XP_WAVELENGTH_NM):
        return _as_sampled(spectrum)
    left, weight = _neighbours(wave, XP_WAVELENGTH_NM)
    touched = _touches(bad, left, weight)
    if touched[XP_REFERENCE_INDEX] or touched.mean() > 0.5:
        raise CoverageError(
            f"{100 * touched.mean():.0f} % of the XP spectrum is missing, the flux at 550 nm "
            f"{'too' if touched[XP_REFERENCE_INDEX] else 'not'}",
            expected="BP and RP both",
            remedy="A star without a BP spectrum cannot be scaled to its flux at 550 nm",
        )
    values = _mix(bridge(wave, spectrum.flux, bad), left, weight)
    scale = float(values[XP_REFERENCE_INDEX])
    if not scale > 0:
        raise CoverageError(f"The flux at 550 nm is {scale:.3g}", expected="a positive flux")
    ivar = np.zeros_like(values)
    if spectrum.has_errors:
        assert spectrum.ivar is not None
        # In units of scale: XP fluxes are of order 1e-16, so sigma^2 in flux units would be near the end of float64's
        # range.
        ivar = _mix_ivar(np.where(bad, 0.0, spectrum.ivar * scale * scale), left, weight)
    return XpSpectrum(values / scale, ivar, scale)


def _as_sampled(spectrum: Spectrum) -> XpSpectrum:
    """The common case: a whole spectrum on the grid already, which nothing has to be interpolated of."""
    scale = float(spectrum.flux[XP_REFERENCE_INDEX])
    if not scale > 0:
        raise CoverageError(f"The flux at 550 nm is {scale:.3g}", expected="a positive flux")
    assert spectrum.ivar is not None
    return XpSpectrum(spectrum.flux / scale, spectrum.ivar * scale * scale, scale)


def _neighbours(x: Array, target: Array) -> tuple[NDArray[np.intp], Array]:
    """Left neighbour of each target and the weight of its right neighbour (clipped to 0-1 outside)."""
    left = np.clip(np.searchsorted(x, target, side="right") - 1, 0, x.size - 2)
    return left, np.clip((target - x[left]) / (x[left + 1] - x[left]), 0.0, 1.0)


def _mix(values: Array, left: NDArray[np.intp], weight: Array) -> Array:
    a = values[left]
    return a + weight * (values[left + 1] - a)


#: Grids that are meant to be equal differ by rounding (LAMOST stores float32 wavelengths: 3e-4 of a pixel); a good
#: pixel must not be lost for such a share of a bad neighbour.
_SHARE = 1e-3


def _mix_ivar(ivar: Array, left: NDArray[np.intp], weight: Array) -> Array:
    known = np.isfinite(ivar) & (ivar > 0)
    variance = np.where(known, 1.0 / np.where(known, ivar, 1.0), 0.0)
    total = (1.0 - weight) ** 2 * variance[left] + weight**2 * variance[left + 1]
    total[_touches(~known, left, weight)] = 0.0
    return np.where(total > 0, 1.0 / np.where(total > 0, total, 1.0), 0.0)


def _touches(bad: NDArray[np.bool_], left: NDArray[np.intp], weight: Array) -> NDArray[np.bool_]:
    return (bad[left] & (weight < 1.0 - _SHARE)) | (bad[left + 1] & (weight > _SHARE))


__all__ = [
    "GridSpectrum",
    "Resampled",
    "XpSpectrum",
    "bridge",
    "resample_linear",
    "to_specclip_grid",
    "to_xp_grid",
]
