"""From a model spectrum to what a spectrograph records: shifted, broadened, collected in pixels; differentiable.

The instrument's default widths are LAMOST's, measured on real spectra (see :data:`LAMOST_FWHM`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.errors import ModelError
from specviz.spectra.frames import C_KM_S

#: Width (FWHM, Angstrom) of a LAMOST line: blue arm, red arm, relative growth towards an arm's ends; and where the
#: arms join. Medians of 300 real spectra of DR10 against the grid of synthetic ones; a fibre differs by 11 %.
LAMOST_FWHM: Mapping[str, float] = MappingProxyType({"blue": 2.8, "red": 4.25, "bend": 0.28, "join": 5850.0})
_SIGMA = 1.0 / (2.0 * np.sqrt(2.0 * np.log(2.0)))
#: Grid samples on both sides of a pixel that are summed: four sigma of the widest line.
_REACH = 14


@dataclass(frozen=True)
class Seeing:
    """How a star is seen.

    Parameters
    ----------
    rv : float
        km/s, positive = receding: observed wavelength = rest * (1 + rv / c).
    broadening : float
        Gaussian sigma of the star's own lines, km/s: rotation and turbulence together.
    blue, red : float
        ln of the instrument's width over its usual one, by arm.
    """

    rv: float = 0.0
    broadening: float = 5.0
    blue: float = 0.0
    red: float = 0.0


NUISANCES = ("rv", "broadening", "blue", "red")


def line_fwhm(wave: NDArray[np.float64]) -> NDArray[np.float64]:
    """LAMOST's usual line width at ``wave`` (vacuum Angstrom), Angstrom."""
    blue = wave < LAMOST_FWHM["join"]
    centre, half = np.where(blue, 4750.0, 7450.0), np.where(blue, 1050.0, 1600.0)
    bend = 1.0 + LAMOST_FWHM["bend"] * ((wave - centre) / half) ** 2
    return np.asarray(np.where(blue, LAMOST_FWHM["blue"], LAMOST_FWHM["red"]) * bend)


class Observer:
    """Model spectra on an even grid of ln(wavelength), as pixels of a spectrum see them.

    Parameters
    ----------
    grid : array, shape (m,)
        Vacuum wavelength of the model (Angstrom, rest frame), even in the logarithm.
    wave : array, shape (L,)
        Pixels of the spectrum (vacuum Angstrom, observed).
    resolution : float
        lambda / FWHM of the model: what it is broadened by already.
    fwhm : array, shape (L,), optional
        Line width of the instrument at each pixel, Angstrom; LAMOST's by default.

    Raises
    ------
    ModelError
        If the pixels do not increase.
    """

    def __init__(
        self,
        grid: NDArray[np.float64],
        wave: NDArray[np.float64],
        *,
        resolution: float = 5000.0,
        fwhm: NDArray[np.float64] | None = None,
    ) -> None:
        if wave.ndim != 1 or wave.size < 2 or not (np.diff(wave) > 0).all():
            raise ModelError("The pixels of the spectrum do not increase", expected="wavelengths in order")
        self.wave = wave
        step = float(np.log(grid[-1] / grid[0]) / (len(grid) - 1))
        self._size, self._step = len(grid), step
        self._place = torch.from_numpy(np.log(wave / grid[0]) / step)
        half = np.gradient(np.log(wave)) / step / 2.0  # of a pixel, in samples of the grid
        self._half = torch.from_numpy(half)
        fwhm = line_fwhm(wave) if fwhm is None else fwhm
        self._instrument = torch.from_numpy(fwhm / wave * _SIGMA / step)
        self._model = _SIGMA / resolution / step
        self._blue = torch.from_numpy((wave < LAMOST_FWHM["join"]).astype(np.float64))

    def reached(self, rv: float = 0.0) -> NDArray[np.bool_]:
        """Which pixels the model covers, with room for the broadening, shape (L,)."""
        place = self._place.numpy() - np.log1p(rv / C_KM_S) / self._step
        return np.asarray((place > _REACH + 1) & (place < self._size - _REACH - 2))

    def weights(self, seeing: Seeing) -> tuple[Tensor, Tensor]:
        """Samples of the grid that each pixel collects, and how much of each: (L, 2 R + 1) both.

        A pixel is a box, a line a Gaussian; what a pixel collects of a sample is the integral of one over the other,
        a difference of error functions.
        """
        place = self._place - float(np.log1p(seeing.rv / C_KM_S)) / self._step
        scale = torch.exp(self._blue * seeing.blue + (1.0 - self._blue) * seeing.red)
        own = seeing.broadening / C_KM_S / self._step
        sigma = torch.sqrt(((self._instrument * scale) ** 2 - self._model**2).clamp_min(1e-3) + own**2)
        centre = place.round().long()
        offset = torch.arange(-_REACH, _REACH + 1)
        distance = (centre[:, None] + offset) - place[:, None]
        width = sigma[:, None] * np.sqrt(2.0)
        upper, lower = (distance + self._half[:, None]) / width, (distance - self._half[:, None]) / width
        weight = torch.erf(upper) - torch.erf(lower)
        return (centre[:, None] + offset).clamp(0, self._size - 1), weight / weight.sum(1, keepdim=True)

    def see(self, spectra: Tensor, seeing: Seeing) -> Tensor:
        """Model spectra, or their derivatives (n, m), at the pixels (n, L)."""
        rows, weight = self.weights(seeing)
        return collect(spectra, rows, weight)


def collect(spectra: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums of samples: spectra (n, m), rows and weights (L, k), to (n, L)."""
    return torch.einsum("nlk,lk->nl", spectra[:, rows], weight.to(spectra.dtype))
