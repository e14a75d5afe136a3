"""Elementwise functions of a conditional flow: rational-quadratic splines with linear tails, and affine maps.

The spline is that of Durkan et al. 2019 (arXiv:1906.04032, equations 4-8). Two libraries write such splines in use, and
they differ in how raw network outputs become knots: ``nflows`` (sbi's "nsf", "maf_rqs") and ``zuko`` (sbi's
"zuko_nsf"). Both rules are here, so that a flow trained with either gives the same samples for the same noise.

Shapes: values are (B, n, D), raw parameters (B, m, D, P) with m = n, or m = 1 where one set of parameters serves all
values of a star (a posterior of one label, whose parameters depend on the star alone).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from specviz.errors import CheckpointError


class Element(Protocol):
    """A monotonically increasing function of one variable, given raw parameters."""

    #: Raw parameters a variable.
    n_raw: int

    def to_noise(self, values: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """Image of ``values`` and the logarithm of the slope there, both (B, n, D)."""
        ...

    def from_noise(self, noise: Tensor, raw: Tensor) -> Tensor:
        """The inverse of :meth:`to_noise`, (B, n, D)."""
        ...


def element_of(description: Mapping[str, Any]) -> Element:
    """The function that ``description`` (the part "element" of a flow's JSON) speaks of."""
    rule = description.get("rule")
    rest = {name: value for name, value in description.items() if name != "rule"}
    kinds: dict[Any, Any] = {"nflows": NflowsSpline, "zuko": ZukoSpline, "softplus": SoftplusAffine, "exp": ExpAffine}
    if rule not in kinds:
        raise CheckpointError(f"Unknown spline rule {rule!r}", expected=", ".join(kinds))
    element: Element = kinds[rule](**rest)
    return element


class _Spline:
    """A rational-quadratic spline on [-bound, bound] in both directions, the identity outside."""

    def __init__(self, bins: int, bound: float) -> None:
        self.bins, self.bound = int(bins), float(bound)
        self.n_raw = 3 * self.bins - 1

    def knots(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Abscissae, ordinates and slopes of the knots, each (..., bins + 1), from ``raw`` (..., 3 bins - 1)."""
        raise NotImplementedError

    def to_noise(self, values: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        rows, knots = self._rows(values, raw)
        inside, at, (x0, y0, width, height, d0, d1) = self._bins(rows, knots, inverse=False)
        slope = height / width
        t = (at - x0) / width
        mixed = t * (1 - t)
        below = slope + (d0 + d1 - 2 * slope) * mixed
        out = y0 + height * (slope * t.square() + d0 * mixed) / below
        rise = slope.square() * (d1 * t.square() + 2 * slope * mixed + d0 * (1 - t).square())
        log_slope = torch.log(rise) - 2 * torch.log(below)
        out, log_slope = torch.where(inside, out, rows), torch.where(inside, log_slope, 0.0)
        return self._back(out, values), self._back(log_slope, values)

    def from_noise(self, noise: Tensor, raw: Tensor) -> Tensor:
        rows, knots = self._rows(noise, raw)
        inside, at, (x0, y0, width, height, d0, d1) = self._bins(rows, knots, inverse=True)
        slope = height / width
        up = at - y0
        bend = d0 + d1 - 2 * slope
        a = up * bend + height * (slope - d0)
        b = height * d0 - up * bend
        c = -slope * up
        # Rounding can leave a hair below zero, where the true value is zero.
        t = 2 * c / (-b - torch.sqrt((b.square() - 4 * a * c).clamp_min(0)))
        return self._back(torch.where(inside, t * width + x0, rows), noise)

    def _rows(self, values: Tensor, raw: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
        """``values`` as rows that share their knots, (R, S), and the knots (R, bins + 1)."""
        x, y, slopes = (part.reshape(-1, self.bins + 1) for part in self.knots(raw))
        if raw.shape[1] == 1:  # a row is one variable of one star
            return values.transpose(1, 2).reshape(len(x), values.shape[1]), (x, y, slopes)
        return values.reshape(-1, 1), (x, y, slopes)

    @staticmethod
    def _back(rows: Tensor, like: Tensor) -> Tensor:
        b, n, d = like.shape
        if rows.shape[1] == 1 and rows.shape[0] == b * n * d:
            return rows.reshape(b, n, d)
        return rows.reshape(b, d, n).transpose(1, 2)

    def _bins(
        self, rows: Tensor, knots: tuple[Tensor, Tensor, Tensor], inverse: bool
    ) -> tuple[Tensor, Tensor, tuple[Tensor, ...]]:
        """Which of ``rows`` lie inside, the rows, and of the bin of each: x0, y0, width, height, slopes at both ends.

        Rows outside are returned at the edge, so that what is computed for them, and then not used, stays finite: a
        gradient through ``where`` is not a number as soon as the branch that was not taken is not.
        """
        x, y, slopes = knots
        inside, at = (rows >= -self.bound) & (rows <= self.bound), rows.clamp(-self.bound, self.bound)
        edges = (y if inverse else x).detach().contiguous()
        index = (torch.searchsorted(edges, at.detach().contiguous(), right=True) - 1).clamp_(0, self.bins - 1)
        x0, y0 = x.gather(1, index), y.gather(1, index)
        width, height = x.diff(dim=1).gather(1, index), y.diff(dim=1).gather(1, index)
        return inside, at, (x0, y0, width, height, slopes.gather(1, index), slopes.gather(1, index + 1))


class NflowsSpline(_Spline):
    """Knots as ``nflows`` makes them: a softmax with a least share for each bin, slopes by softplus.

    Parameters
    ----------
    bins, bound
        Bins, and half the side of the square the spline acts in.
    min_width, min_height, min_slope : float
        Least share of a bin in the width and height, and least slope at a knot.
    divisor : float
        Raw widths and heights are divided by it (the square root of the conditioner's width, or 1).
    """

    def __init__(
        self, bins: int, bound: float, min_width: float, min_height: float, min_slope: float, divisor: float
    ) -> None:
        super().__init__(bins, bound)
        self.min_width, self.min_height, self.min_slope = float(min_width), float(min_height), float(min_slope)
        self.divisor = float(divisor)
        if max(self.min_width, self.min_height) * self.bins > 1:
            raise CheckpointError("The least bin of this spline is too wide for the number of bins")
        #: What softplus turns into a slope of one, less the least slope: the spline joins its tails smoothly.
        self.outer = math.log(math.exp(1 - self.min_slope) - 1)

    def knots(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        k = self.bins
        widths, heights, slopes = raw.split((k, k, k - 1), dim=-1)
        slopes = self.min_slope + F.softplus(F.pad(slopes, (1, 1), value=self.outer))
        return self._edges(widths, self.min_width), self._edges(heights, self.min_height), slopes

    def _edges(self, raw: Tensor, least: float) -> Tensor:
        share = least + (1 - least * self.bins) * F.softmax(raw / self.divisor, dim=-1)
        edges = 2 * self.bound * torch.cumsum(share, dim=-1)[..., :-1] - self.bound
        low, high = torch.full_like(edges[..., :1], -self.bound), torch.full_like(edges[..., :1], self.bound)
        return torch.cat((low, edges, high), dim=-1)


class ZukoSpline(_Spline):
    """Knots as ``zuko`` makes them: raw values bounded softly by the least slope, then softmax and exp.

    Parameters
    ----------
    bins, bound
        Bins, and half the side of the square the spline acts in.
    slope : float
        The least slope; its logarithm bounds the raw values.
    """

    def __init__(self, bins: int, bound: float, slope: float) -> None:
        super().__init__(bins, bound)
        self.floor = math.log(float(slope))

    def knots(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        k = self.bins
        widths, heights, slopes = raw.split((k, k, k - 1), dim=-1)
        slopes = torch.exp(F.pad(slopes / (1 + abs(slopes / self.floor)), (1, 1)))
        return self._edges(widths), self._edges(heights), slopes

    def _edges(self, raw: Tensor) -> Tensor:
        share = F.softmax(raw / (1 + abs(2 * raw / self.floor)), dim=-1)
        return self.bound * (2 * torch.cumsum(F.pad(share, (1, 0)), dim=-1) - 1)


class _Affine:
    n_raw = 2

    def scale_and_shift(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        raise NotImplementedError

    def to_noise(self, values: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        scale, shift = self.scale_and_shift(raw)
        return values * scale + shift, torch.log(scale).expand_as(values)

    def from_noise(self, noise: Tensor, raw: Tensor) -> Tensor:
        scale, shift = self.scale_and_shift(raw)
        return (noise - shift) / scale


class SoftplusAffine(_Affine):
    """nflows' affine map (sbi's "maf"): scale = softplus(raw 0) + ``least``, shift = raw 1."""

    def __init__(self, least: float) -> None:
        self.least = float(least)

    def scale_and_shift(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        return F.softplus(raw[..., 0]) + self.least, raw[..., 1]


class ExpAffine(_Affine):
    """zuko's affine map (sbi's "zuko_maf"): shift = raw 0, scale = exp(raw 1, bounded softly by log ``slope``)."""

    def __init__(self, slope: float) -> None:
        self.floor = math.log(float(slope))

    def scale_and_shift(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        return torch.exp(raw[..., 1] / (1 + abs(raw[..., 1] / self.floor))), raw[..., 0]
