"""From a model spectrum to what a spectrograph records: shifted, broadened, collected in pixels; differentiable.

The instrument's default widths are LAMOST's, measured on real spectra (see :data:`LAMOST_FWHM`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        self._model = torch.tensor(_SIGMA / resolution / step, dtype=torch.float64)
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
        values = torch.tensor([[seeing.rv, seeing.broadening, seeing.blue, seeing.red]], dtype=torch.float64)
        rows, weight, _ = Pixels.of([self]).weights(values)
        return rows[0], weight[0]

    def see(self, spectra: Tensor, seeing: Seeing) -> Tensor:
        """Model spectra, or their derivatives (n, m), at the pixels (n, L)."""
        rows, weight = self.weights(seeing)
        return collect(spectra, rows, weight)


@dataclass(frozen=True, eq=False)
class Pixels:
    """The pixels of many spectra at once, for a fit of many stars.

    Parameters
    ----------
    place, half, instrument, blue : tensor, shape (n, L)
        Of each pixel: its place on the model's grid and its half width (samples), sigma of the instrument (samples),
        1 in the blue arm.
    model : tensor, shape (n, 1)
        Sigma that the model is broadened by already, samples.
    size, step : int, float
        Samples of the model's grid and their distance in ln(wavelength).
    """

    place: Tensor
    half: Tensor
    instrument: Tensor
    blue: Tensor
    model: Tensor
    size: int
    step: float

    @classmethod
    def of(cls, observers: Sequence[Observer], device: str | torch.device = "cpu") -> Pixels:
        """Stack observers of one grid; shorter ones are filled up with copies of their last pixel."""
        length = max(o.wave.size for o in observers)

        def stacked(name: str) -> Tensor:
            rows = (getattr(o, name) for o in observers)
            return torch.stack([torch.cat((r, r[-1:].expand(length - len(r)))) for r in rows]).to(device)

        place, half, instrument, blue = (stacked(name) for name in ("_place", "_half", "_instrument", "_blue"))
        model = torch.stack([o._model for o in observers])[:, None].to(device)
        return cls(place, half, instrument, blue, model, observers[0]._size, observers[0]._step)

    def __getitem__(self, rows: Tensor) -> Pixels:
        place, half, instrument, blue, model = (
            t[rows] for t in (self.place, self.half, self.instrument, self.blue, self.model)
        )
        return Pixels(place, half, instrument, blue, model, self.size, self.step)

    def weights(self, seeing: Tensor, *, slopes: bool = False) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Samples that each pixel collects, and how much of each, (n, L, 2 R + 1) both.

        Parameters
        ----------
        seeing : tensor, shape (n, 4)
            rv, broadening, blue, red of each star, as in :class:`Seeing`.
        slopes : bool
            Also the derivatives of the weights by the four, else the list is empty.
        """
        rv, broadening, blue, red = (column[:, None] for column in seeing.unbind(1))
        place = self.place - torch.log1p(rv / C_KM_S) / self.step
        instrument2 = (self.instrument * torch.exp(self.blue * blue + (1.0 - self.blue) * red)) ** 2
        own = broadening / C_KM_S / self.step
        narrowed = (instrument2 - self.model**2).clamp_min(1e-3)
        sigma = torch.sqrt(narrowed + own**2)
        centre = place.round().long()
        offset = torch.arange(-_REACH, _REACH + 1, device=place.device)
        rows = (centre[..., None] + offset).clamp(0, self.size - 1)
        distance = (centre - place)[..., None] + offset
        width = (sigma * np.sqrt(2.0))[..., None]
        upper, lower = (distance + self.half[..., None]) / width, (distance - self.half[..., None]) / width
        weight = torch.erf(upper) - torch.erf(lower)
        total = weight.sum(-1, keepdim=True)
        weight = weight / total
        if not slopes:
            return rows, weight, []
        up, low = (2.0 / np.sqrt(np.pi) * torch.exp(-(edge**2)) for edge in (upper, lower))

        def of_normalised(raw: Tensor) -> Tensor:
            return (raw - weight * raw.sum(-1, keepdim=True)) / total

        by_place = of_normalised((low - up) / width)
        by_sigma = of_normalised((low * lower - up * upper) / sigma[..., None])
        wider = torch.where(narrowed > 1e-3, instrument2, 0.0) / sigma
        by_seeing = [
            by_place * (-1.0 / (self.step * (C_KM_S + rv)))[..., None],
            by_sigma * (own / sigma / (C_KM_S * self.step))[..., None],
            by_sigma * (wider * self.blue)[..., None],
            by_sigma * (wider * (1.0 - self.blue))[..., None],
        ]
        return rows, weight, by_seeing


def collect(spectra: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """Weighted sums of samples: spectra (n, m), rows and weights (L, k), to (n, L)."""
    return collect_each(spectra.T[None], rows[None], weight[None])[0].T


def collect_each(spectra: Tensor, rows: Tensor, weight: Tensor) -> Tensor:
    """The same for spectra with pixels of their own: (n, m, c), rows and weights (n, L, k), to (n, L, c)."""
    n, m, columns = spectra.shape
    table = spectra.reshape(n * m, columns).contiguous()
    flat = (rows + m * torch.arange(n, device=rows.device)[:, None, None]).flatten(0, 1)
    each = weight.to(spectra.dtype).flatten(0, 1)
    found = torch.nn.functional.embedding_bag(flat, table, per_sample_weights=each, mode="sum")
    return found.view(n, -1, columns)
