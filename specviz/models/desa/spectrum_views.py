"""LAMOST spectra as DESA reads them: rest frame, two arms, each over its own polynomial and z-scored.

The published recipe (after Li & Lin 2023, StarGRUNet, arXiv 2303.15690): 3841 to 5800 A and 5800 to 8798 A at steps of
1e-4 in log10 wavelength (1,790 and 1,810 pixels), a median of three pixels, divided by a polynomial of order five in
the pixel number fitted once to all pixels, values beyond three standard deviations set to the mean, z-scored with the
mean and standard deviation before that, zeros up to 4,096 pixels. The polynomial goes through the lines, not above
them: what is left is no flux over continuum.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import median_filter

from specviz.errors import SpectrumError
from specviz.spectra.frames import C_KM_S, header_velocity
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
#: Length of the input, pixels used of it, step in log10.
LENGTH, STEP = 4096, 1e-4
#: First wavelength (A) and pixels of each arm.
ARMS = ((3841.0, 1790), (5800.0, 1810))
PIXELS = sum(n for _, n in ARMS)
#: Order of the polynomial, pixels of the median, standard deviations of the clipping.
ORDER, MEDIAN, CLIP = 5, 3, 3.0
#: What the surveys' wavelengths must reach over, an arm (A).
_REACH = ((3900.0, 5700.0), (5900.0, 8700.0))


def arm_wavelengths() -> tuple[Array, Array]:
    """Rest wavelengths (A) of the pixels of both arms."""
    (blue, n_blue), (red, n_red) = ARMS
    return _steps(blue, n_blue), _steps(red, n_red)


def _steps(first: float, n: int) -> Array:
    return np.asarray(10.0 ** (np.log10(first) + STEP * np.arange(n)), np.float64)


def view_wavelengths() -> Array:
    """Rest wavelengths (A) of the :data:`PIXELS` that are used, blue then red."""
    return np.concatenate(arm_wavelengths())


@lru_cache(maxsize=4)
def _basis(n: int) -> tuple[Array, Array]:
    basis = np.asarray(legendre.legvander(np.linspace(-1.0, 1.0, n), ORDER), np.float64)
    return basis, np.asarray(np.linalg.pinv(basis), np.float64)


def normalised_arm(flux: ArrayLike) -> Array:
    """Arms (n, m) or (m,) on their pixels, without NaN: median, polynomial, clipping, z-score.

    An arm without light (zero polynomial somewhere, no spread) is zero.
    """
    rows = median_filter(np.atleast_2d(np.asarray(flux, np.float64)), size=(1, MEDIAN), mode="nearest")
    basis, inverse = _basis(rows.shape[1])
    curve = rows @ inverse.T @ basis.T
    # A polynomial that crosses zero has no shape to divide by.
    dark = (curve <= 0).any(axis=1) | ~np.isfinite(curve).all(axis=1)
    ratio = np.where(dark[:, None], 0.0, rows / np.where(dark[:, None], 1.0, curve))
    mean, spread = ratio.mean(axis=1, keepdims=True), ratio.std(axis=1, keepdims=True)
    clipped = np.where(np.abs(ratio - mean) > CLIP * spread, mean, ratio)
    out = np.where(spread > 1e-9, (clipped - mean) / np.where(spread > 1e-9, spread, 1.0), 0.0)
    return out if np.ndim(flux) == 2 else out[0]


def rest_wavelength(wave: ArrayLike, rv_km_s: float, *, compat: bool = False) -> Array:
    """Wavelengths in the star's rest frame, lambda / (1 + v / c); ``compat``: times (1 + v / c), as published.

    The published code moves the lines of a receding star further to the red: by twice the velocity from where they
    belong.
    """
    factor = 1.0 + float(rv_km_s) / C_KM_S
    return np.asarray(wave, np.float64) * (factor if compat else 1.0 / factor)


def spectrum_views(
    wave: ArrayLike, flux: ArrayLike, ivar: ArrayLike | None = None, *, rv: ArrayLike = 0.0, compat: bool = False
) -> NDArray[np.float32]:
    """Spectra on one wavelength grid, as DESA reads them.

    Parameters
    ----------
    wave : array (m,)
        Vacuum, heliocentric, A.
    flux : array (n, m) or (m,)
        Any unit.
    ivar : array like ``flux``, optional
        Pixels with 0 are bridged; so are those that are not finite. With ``compat`` only the latter.
    rv : float or array (n,)
        Radial velocities in km/s, receding positive; 0 where unknown.
    compat : bool
        The published sign of the velocity, and masked pixels as they are.

    Returns
    -------
    array (n, 4096), float32
    """
    wave, rows = np.asarray(wave, np.float64), np.atleast_2d(np.asarray(flux, np.float64))
    if wave.ndim != 1 or rows.shape[1:] != wave.shape:
        raise SpectrumError(f"Flux of shape {np.shape(flux)} on {wave.size} wavelengths", expected="(n, m) on (m,)")
    good = np.isfinite(rows)
    if ivar is not None and not compat:
        good &= np.atleast_2d(np.asarray(ivar)) > 0
    velocity = np.broadcast_to(np.asarray(rv, np.float64), (len(rows),))
    velocity = np.where(np.isfinite(velocity), velocity, 0.0)
    targets = arm_wavelengths()
    arms = [np.zeros((len(rows), target.size)) for target in targets]
    for i, (row, ok) in enumerate(zip(rows, good, strict=True)):
        rest = rest_wavelength(wave, velocity[i], compat=compat)[ok]
        for arm, target, (low, high) in zip(arms, targets, _REACH, strict=True):
            # An arm that was not observed, or is mostly masked, stays dark.
            if rest.size and rest[0] <= low and rest[-1] >= high and _covered(rest, target) > 0.5:
                arm[i] = np.interp(target, rest, row[ok])
    out = np.zeros((len(rows), LENGTH), np.float32)
    out[:, :PIXELS] = np.concatenate([normalised_arm(arm) for arm in arms], axis=1)
    return out


def spectrum_view(spectrum: Spectrum, *, rv: float | None = None, compat: bool = False) -> NDArray[np.float32]:
    """One spectrum as DESA reads it, (4096,).

    Parameters
    ----------
    spectrum : Spectrum
        LAMOST-like: vacuum, A, over at least one arm.
    rv : float, optional
        km/s; by default what came with the spectrum, 0 if nothing did or it is in the rest frame already.
    compat : bool
        See :func:`spectrum_views`.

    Raises
    ------
    SpectrumError
        If it covers neither arm.
    """
    if spectrum.wavelength_unit != "Angstrom":
        raise SpectrumError(f"A {spectrum.survey} spectrum has no LAMOST arms", expected="an optical spectrum in A")
    velocity = rv if rv is not None else (header_velocity(spectrum) or 0.0)
    masked = np.zeros(spectrum.flux.shape, bool) if spectrum.mask is None else np.asarray(spectrum.mask, bool)
    ivar = np.zeros(spectrum.flux.shape) if spectrum.ivar is None else np.asarray(spectrum.ivar, np.float64)
    ivar = np.where(masked, 0.0, ivar) if (ivar > 0).any() else (~masked).astype(np.float64)
    view = spectrum_views(spectrum.wavelength, spectrum.flux, ivar, rv=velocity, compat=compat)[0]
    if not view.any():
        raise SpectrumError(
            "The spectrum covers neither arm", expected="3900-5700 A or 5900-8700 A, at least half of it unmasked"
        )
    return view


def arm_steps(spectrum: Spectrum, *, rv: float | None = None) -> Sequence[dict[str, Array]]:
    """What happens to each arm on the way, for a figure: ``wavelength``, ``flux``, ``polynomial``, ``view``."""
    velocity = rv if rv is not None else (header_velocity(spectrum) or 0.0)
    good = np.isfinite(spectrum.flux) & (True if spectrum.mask is None else ~np.asarray(spectrum.mask, bool))
    rest = rest_wavelength(spectrum.wavelength, velocity)[good]
    steps = []
    for target, (low, high) in zip(arm_wavelengths(), _REACH, strict=True):
        if not rest.size or rest[0] > low or rest[-1] < high:
            continue
        flux = median_filter(np.interp(target, rest, spectrum.flux[good]), MEDIAN, mode="nearest")
        basis, inverse = _basis(target.size)
        steps.append(
            {"wavelength": target, "flux": flux, "polynomial": basis @ (inverse @ flux), "view": normalised_arm(flux)}
        )
    return steps


def _covered(wave: Array, target: Array) -> float:
    """Share of the target's range with a sample near: LAMOST pixels are one step apart."""
    inside = np.count_nonzero((wave >= target[0]) & (wave <= target[-1]))
    return inside / target.size
