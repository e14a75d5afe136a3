"""``PixelScale``: what is usual at a wavelength; and the bags that a spectrum's pixels are dealt into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CheckpointError
from specviz.models.spectrafm.config import CLIP


@dataclass(frozen=True, eq=False)
class PixelScale:
    """Usual value and spread of a pixel as functions of its rest wavelength.

    The published network keeps them by the number of the pixel, and so is bound to one instrument's grid; here they are
    curves, and any grid can be read off them.

    Parameters
    ----------
    wavelength : array, shape (m,)
        Vacuum Angstrom, increasing.
    centre, scale : array, shape (m,)
        Of normalised fluxes; ``scale`` is positive.
    """

    wavelength: NDArray[np.float64]
    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = self.wavelength.shape
        if len(shape) != 1 or shape != self.centre.shape or shape != self.scale.shape or shape[0] < 2:
            raise CheckpointError("The usual values of the pixels do not fit their wavelengths")
        if not ((np.diff(self.wavelength) > 0).all() and (self.scale > 0).all()):
            raise CheckpointError("The usual values of the pixels are not positive, or not in order")

    @property
    def window(self) -> tuple[float, float]:
        """First and last wavelength that the network has seen, Angstrom."""
        return float(self.wavelength[0]), float(self.wavelength[-1])

    def standardised(self, wavelength: NDArray[np.floating], values: NDArray[np.floating]) -> NDArray[np.float32]:
        """``(values - centre) / scale`` at rest wavelengths, both (..., L); NaN where that is beyond +-10 or outside
        the window: such a pixel is no measurement, in training as here.
        """
        centre = np.interp(wavelength, self.wavelength, self.centre)
        out = (np.asarray(values, np.float64) - centre) / np.interp(wavelength, self.wavelength, self.scale)
        low, high = self.window
        good = np.isfinite(out) & (np.abs(out) <= CLIP) & (wavelength >= low) & (wavelength <= high)
        return np.where(good, out, np.nan).astype(np.float32)


def binning(wavelength: NDArray[np.floating], step: float) -> int:
    """How many neighbouring pixels make a step of ``step`` dex, at least one."""
    return max(1, round(step / float(np.median(np.diff(np.log10(wavelength))))))


def binned(
    wavelength: NDArray[np.floating], values: NDArray[np.floating], ivar: NDArray[np.floating], k: int
) -> tuple[NDArray[np.float64], NDArray[np.float32], NDArray[np.float32]]:
    """Means of ``k`` neighbouring pixels: wavelength (m,), values and ivar (..., m); what is left over is dropped.

    Of the pixels of a bin those with ivar > 0 count, all alike; a bin without any holds 1 and has an ivar of 0.
    """
    m = wavelength.size // k

    def parts(x: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.asarray(x[..., : m * k], np.float32).reshape(*x.shape[:-1], m, k)

    flux, weight = parts(np.asarray(values)), parts(np.asarray(ivar))
    good = weight > 0
    n = good.sum(-1)
    variance = np.where(good, 1.0 / np.where(good, weight, 1.0), 0.0).sum(-1)
    mean = np.where(n > 0, np.where(good, flux, 0.0).sum(-1) / np.maximum(n, 1), 1.0)
    ivar_out = np.where(n > 0, n**2 / np.maximum(variance, 1e-30), 0.0)
    wave = np.asarray(wavelength[: m * k], np.float64).reshape(m, k).mean(-1)
    return wave, mean.astype(np.float32), ivar_out.astype(np.float32)


def deal(n: int, context: int, seed: int) -> list[NDArray[np.int64]]:
    """``n`` pixels in random order, in as few bags of at most ``context`` as hold them, all of about one size."""
    order = np.random.default_rng(seed).permutation(n)
    return [np.sort(part) for part in np.array_split(order, max(1, -(-n // context)))]
