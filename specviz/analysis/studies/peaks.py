"""Peaks of a model's attention over wavelength, and the lines that stand there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.spectra.frames import doppler_factor
from specviz.spectra.lines import TELLURIC_BANDS, lines_between

Array = NDArray[np.float64]
#: Standard deviation of the smoothing: Angstrom, about the resolution of LAMOST, and at least so many pixels
#: (neighbours are in different bags, and one bag's choice of pixels is not another's).
SMOOTH, SMOOTH_PIXELS = 2.5, 0.8
#: A peak belongs to a line that is no farther away: Angstrom, and pixels where those are wide; hydrogen has wide wings.
NEAR, NEAR_PIXELS, WINGS = 6.0, 1.2, 14.0
#: Peaks that are told, the highest.
TOLD = 24
#: A peak stands out by this, of the attention that every pixel would get, and by this share of the highest.
PROMINENCE, SHARE = 0.25, 0.02


@dataclass(frozen=True)
class Peak:
    """A peak of the attention: wavelength (vacuum Angstrom, as observed), height, and the line there ("" if none)."""

    wavelength: float
    height: float
    line: str = ""


def smoothed(wavelength: Array, attention: Array, sigma: float = SMOOTH) -> tuple[Array, Array]:
    """Wavelengths (n,) of the pixels that were used, and their attention smoothed by a Gaussian of ``sigma`` Angstrom.

    Pixels that were not used within the stretch are NaN, so that a line drawn through them has a gap; their neighbours
    are averages over what was used.
    """
    from scipy.ndimage import gaussian_filter1d

    used = np.flatnonzero(np.isfinite(attention))
    if used.size == 0:
        return np.empty(0), np.empty(0)
    part = slice(used[0], used[-1] + 1)
    wave, values = np.asarray(wavelength, float)[part], np.asarray(attention, float)[part]
    there = np.isfinite(values)
    pixels = max(sigma / _spacing(wave), SMOOTH_PIXELS)
    weight = gaussian_filter1d(there.astype(float), pixels, mode="nearest")
    total = gaussian_filter1d(np.where(there, values, 0.0), pixels, mode="nearest")
    return wave, np.where(there, total / np.maximum(weight, 1e-9), np.nan)


def attention_peaks(wavelength: Array, attention: Array, rv: float = 0.0) -> tuple[Peak, ...]:
    """Peaks of a smoothed attention, the highest first, at most :data:`TOLD`.

    Parameters
    ----------
    wavelength, attention : array, shape (n,)
        As of :func:`smoothed`.
    rv : float
        Radial velocity of the star, km/s: lines are looked for there. Those of the Earth's atmosphere are not moved.
    """
    from scipy.signal import find_peaks

    if attention.size < 3:
        return ()
    least = max(PROMINENCE, SHARE * float(np.nanmax(attention)))
    places, _ = find_peaks(np.nan_to_num(attention), prominence=least)
    near = max(NEAR, NEAR_PIXELS * _spacing(wavelength))
    highest = places[np.argsort(-attention[places], kind="stable")][:TOLD]
    factor = doppler_factor(rv)
    return tuple(
        Peak(float(wavelength[i]), float(attention[i]), line_at(float(wavelength[i]), factor, near)) for i in highest
    )


def _spacing(wavelength: Array) -> float:
    """Usual distance of two pixels, Angstrom."""
    return float(np.median(np.diff(wavelength))) if wavelength.size > 1 else 1.0


def line_at(wavelength: float, factor: float = 1.0, near: float = NEAR) -> str:
    """The nearest line within ``near`` Angstrom, else a line of hydrogen in whose wing this is, else the band of the
    Earth's atmosphere there, else "".

    A molecular band head or an interstellar band is named only where there is no line of an atom.
    """
    rest = wavelength / factor
    found = lines_between(rest - near, rest + near)
    broad = ("TiO", "CN", "CH", "DIB")
    nearest = min(found, key=lambda line: (line.element in broad, abs(line.wavelength - rest)), default=None)
    if nearest is None:
        wings = lines_between(rest - WINGS, rest + WINGS, ("H",))
        nearest = min(wings, key=lambda line: abs(line.wavelength - rest), default=None)
    if nearest is not None:
        return nearest.label
    return next((band.label for band in TELLURIC_BANDS if band.start <= wavelength <= band.stop), "")
