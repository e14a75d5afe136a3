"""Random bags of pixels of many stars, made where the network is: on the CPU or on a GPU."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from specviz.models.spectrafm.config import CLIP
from specviz.models.spectrafm.pixels import PixelScale
from specviz.spectra.frames import C_KM_S
from specviz.training.spectrafm_data import GRID, Stars

#: Where LAMOST's arms join, Angstrom.
BLUE, RED = (3700.0, 5800.0), (5900.0, 9100.0)
#: How well the velocity that brings a spectrum to rest is known, km/s.
_VELOCITY_ERROR = 7.0


@dataclass(frozen=True)
class Bag:
    """Tokens, standardised values (NaN if none), rest wavelengths (B, L); standardised labels (B, K), NaN if none."""

    tokens: Tensor
    values: Tensor
    wavelength: Tensor
    labels: Tensor

    @staticmethod
    def joined(*bags: Bag) -> Bag:
        """The bags of one batch; all are of one length."""
        return Bag(*(torch.cat([getattr(b, f.name) for b in bags]) for f in fields(Bag)))


class OpticalBags:
    """Bags of the optical pixels of :class:`Stars`.

    Parameters
    ----------
    stars : Stars
    scale : PixelScale
    centre, spread : array, shape (K,)
        Standardisation of the labels.
    token : int
        Of an optical pixel.
    span : (low, high)
        Wavelengths, Angstrom, outside of which no pixel is used.
    device : str
    grid : array, shape (L,)
        Wavelengths of the stars' pixels, Angstrom.
    """

    def __init__(self, stars: Stars, scale: PixelScale, centre: np.ndarray, spread: np.ndarray, token: int, *,
                 span: tuple[float, float] = (3000.0, 10_000.0), device: str = "cpu", grid: np.ndarray = GRID
                 ) -> None:  # fmt: skip
        self.device, self.token, self.n = device, token, len(stars)
        self.flux, self.ivar = (torch.from_numpy(a).to(device) for a in (stars.flux, stars.ivar))
        self.velocity = torch.from_numpy(stars.velocity).to(device)
        self.labels = torch.from_numpy(((stars.labels - centre) / spread).astype(np.float32)).to(device)
        f32 = np.float32
        self.step = torch.from_numpy(np.gradient(np.log10(grid)).astype(f32)).to(device)
        self.wave = torch.from_numpy(grid.astype(f32)).to(device)
        self.centre, self.scale = (
            torch.from_numpy(np.interp(grid, scale.wavelength, a).astype(f32)).to(device)
            for a in (scale.centre, scale.scale)
        )
        self.window = scale.window
        inside = np.flatnonzero((grid >= span[0]) & (grid <= span[1]))
        self.first, self.last = int(inside[0]), int(inside[-1]) + 1

    def draw(self, rows: Tensor, context: int, *, augment: bool = True) -> Bag:
        """One bag of each of ``rows``: up to ``context`` random pixels of a random stretch.

        With ``augment``, noise is added to some, lines are blurred in some, the continuum is bent, the velocity is off
        by some km/s. Without, the stretch is the whole span and the spectrum stays as it is.
        """
        b, dev = len(rows), self.device
        flux, ivar = self.flux[rows].float(), self.ivar[rows].float()
        p = flux.shape[1]
        if augment:
            flux, ivar = self._disturbed(flux, ivar)
        keys = torch.rand(b, p, device=dev)
        at = torch.arange(p, device=dev)
        low = torch.full((b, 1), float(self.first), device=dev)
        high = torch.full((b, 1), float(self.last), device=dev)
        limit = torch.full((b, 1), float(context), device=dev)
        if augment:
            whole = torch.rand(b, 1, device=dev) < 0.7
            length = torch.exp(torch.rand(b, 1, device=dev) * math.log((self.last - self.first) / 12)) * 12
            start = self.first + torch.rand(b, 1, device=dev) * (self.last - self.first - length)
            low, high = torch.where(whole, low, start), torch.where(whole, high, start + length)
            few = torch.rand(b, 1, device=dev) < 0.2
            limit = torch.where(few, 32 + torch.rand(b, 1, device=dev) * (context - 32), limit)
        keys = torch.where((ivar > 0) & (at >= low) & (at < high), keys, 2.0)
        k = min(context, p)
        found, place = keys.topk(k, dim=1, largest=False)
        there = (found < 1.5) & (torch.arange(k, device=dev) < limit)
        velocity = self.velocity[rows]
        if augment:
            velocity = velocity + _VELOCITY_ERROR * torch.randn(b, device=dev)
        shift = torch.log10(1.0 + velocity / C_KM_S)[:, None]
        position = (place - shift / self.step[place]).clamp(0, p - 1.001)
        left = position.floor().long()
        t = position - left
        centre = self.centre[left] * (1 - t) + self.centre[left + 1] * t
        scale = self.scale[left] * (1 - t) + self.scale[left + 1] * t
        values = (flux.gather(1, place) - centre) / scale
        wave = self.wave[place] * 10.0**-shift
        there &= (values.abs() <= CLIP) & (wave >= self.window[0]) & (wave <= self.window[1])
        tokens = torch.where(there, self.token, 0)
        return Bag(tokens, torch.where(there, values, math.nan), wave, self.labels[rows])

    def _disturbed(self, flux: Tensor, ivar: Tensor) -> tuple[Tensor, Tensor]:
        b, p, dev = *flux.shape, self.device

        def some(part: float) -> Tensor:
            return (torch.rand(b, 1, device=dev) < part).float()

        blur = 0.1 * torch.rand(b, 1, device=dev) * some(0.4)
        left, right = flux.roll(1, 1), flux.roll(-1, 1)
        good = (ivar > 0) & (ivar.roll(1, 1) > 0) & (ivar.roll(-1, 1) > 0)
        flux = torch.where(good, (1 - 2 * blur) * flux + blur * (left + right), flux)
        extra = 2.0 * torch.rand(b, 1, device=dev) * some(0.5)
        sigma = torch.sqrt(extra / ivar.clamp_min(1e-3)).clamp(max=0.5) * (ivar > 0)
        flux = flux + sigma * torch.randn(b, p, device=dev)
        x = torch.linspace(-1, 1, p, device=dev)
        shapes = torch.stack([torch.ones_like(x), x, 1.5 * x**2 - 0.5, torch.sin(3 * x), torch.cos(7 * x)])
        bend = 0.008 * torch.randn(b, 5, device=dev) * some(0.7)
        return flux * (1 + bend @ shapes), ivar / (1 + extra)


def usual_pixels(*stars: Stars) -> PixelScale:
    """Median and half the 16-84 % range of the optical pixels of stars, on ``GRID``."""
    some = [s[np.random.default_rng(0).permutation(len(s))[:3000]] for s in stars]
    flux = np.concatenate([np.where(s.ivar > 0, s.flux, np.nan) for s in some]).astype(np.float32)
    return PixelScale(GRID, *_usual(flux, 0.03))


def _usual(flux: np.ndarray, least: float) -> tuple[np.ndarray, np.ndarray]:
    low, middle, high = np.nanpercentile(flux, (16, 50, 84), axis=0).astype(np.float64)
    return middle, np.hypot((high - low) / 2.0, least)
