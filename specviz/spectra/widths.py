"""Equivalent width of any stretch of a spectrum, with its error, its gaps, and the continuum that it was measured from.

A width is W = sum d_i (1 - F_i / C_i), with d_i the part of pixel i that lies in the window. Each continuum here is a
straight line whose two numbers are linear in the fluxes, so that the derivative of W by every pixel, continuum pixels
included, is known and the error is sqrt(sum (dW/dF_j)^2 sigma_j^2): the error of Vollmann & Eversberg (2006, Astron.
Nachr. 327, 862) without its assumption of one S/N for the whole line, and with overlapping bands right
(Cardiel et al. 1998, A&AS 127, 597, treat the same for bands apart). Pixels count as independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specviz.errors import CoverageError, OptionError, SpectrumError
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.whole_continuum import whole_continuum

Array = NDArray[np.float64]
Window = tuple[float, float]
Method = Literal["bands", "edges", "continuum"]

METHODS: tuple[Method, ...] = ("bands", "edges", "continuum")
#: Side bands that are not given adjoin the window, each as wide as this share of it, at least this many Angstrom.
_SHARE, _LEAST_BAND = 0.5, 8.0
#: Pixels on either side of an edge whose mean is the flux there.
_EDGE_PIXELS = 2
#: A window of which more than this is missing is not measured.
MOST_MISSING = 0.5


@dataclass(frozen=True)
class EquivalentWidth:
    """One measurement. Wavelengths in vacuum Angstrom, in the spectrum's own frame.

    Parameters
    ----------
    low, high : float
        The window.
    value, sigma : float
        In ``unit``; an absorption line is positive. ``sigma`` is NaN where the spectrum has no errors, and leaves the
        continuum's out where ``method`` is "continuum".
    unit : {"Angstrom", "mag"}
    method : {"bands", "edges", "continuum"}
    missing : float
        Share of the window that was masked and bridged between its neighbours.
    line : ((x, y), ...)
        The continuum over the window, in the spectrum's flux unit: what to draw.
    bands : tuple of (low, high)
        The side bands, if any.
    """

    low: float
    high: float
    value: float
    sigma: float
    unit: str
    method: str
    missing: float
    line: tuple[tuple[float, float], ...]
    bands: tuple[Window, ...] = ()


def equivalent_width(
    spectrum: Spectrum,
    low: float,
    high: float,
    *,
    method: Method = "bands",
    bands: tuple[Window, ...] | None = None,
    unit: Literal["Angstrom", "mag"] = "Angstrom",
) -> EquivalentWidth:
    """Equivalent width of what lies between two wavelengths.

    Parameters
    ----------
    spectrum : Spectrum
        In either frame; the window is meant in the spectrum's own.
    low, high : float
        Vacuum Angstrom; parts of pixels count.
    method : {"bands", "edges", "continuum"}
        The continuum: a line through the mean fluxes of two side bands (as the Lick indices); a line between the fluxes
        at the edges of the window; or the pseudo-continuum of the whole spectrum, as it is drawn (1 where the
        spectrum is normalised).
    bands : tuple of (low, high), optional
        Side bands: one below, one above. Left out, they adjoin the window.
    unit : {"Angstrom", "mag"}
        "mag" for molecular bands: -2.5 log10 of the mean of flux / continuum.

    Raises
    ------
    OptionError
        For a method or a unit that does not exist.
    CoverageError
        The spectrum does not reach over the window, or more than half of it is masked.
    SpectrumError
        The window is none, or the continuum is not positive there.
    """
    if method not in METHODS or unit not in ("Angstrom", "mag"):
        raise OptionError(f"method={method!r}, unit={unit!r}", expected=f"{', '.join(METHODS)}; Angstrom or mag")
    if not (np.isfinite(low) and np.isfinite(high) and 0 < low < high):
        raise SpectrumError(f"A window from {low} to {high} Angstrom", expected="low below high")
    pixels = Pixels(spectrum)
    pixels.share(low, high)  # says what is wrong with the window before side bands are laid beside it
    if method == "continuum":
        return measure(pixels, ((low, high),), whole_continuum(spectrum), unit=unit)
    if method == "edges":
        return measure(pixels, ((low, high),), pixels.line_at_edges(low, high), unit=unit)
    if bands is None:
        size = max(_SHARE * (high - low), _LEAST_BAND)
        first, last = pixels.edges[[0, -1]]
        bands = ((max(low - size, first), low), (high, min(high + size, last)))
        if low - bands[0][0] < 0.5 * size or bands[1][1] - high < 0.5 * size:
            raise CoverageError(
                f"There is no room for side bands beside {low:.1f}-{high:.1f} A",
                remedy="Use the flux at the edges (method='edges') or give the bands",
            )
    return measure(pixels, ((low, high),), pixels.line_through(bands), unit=unit, bands=bands)


class Pixels:
    """A spectrum as bins: edges (n + 1,), flux, variance (0 where unknown), and which are good, each (n,)."""

    def __init__(self, spectrum: Spectrum) -> None:
        self.wave = np.asarray(spectrum.wavelength_angstrom, np.float64)
        middle = 0.5 * (self.wave[1:] + self.wave[:-1])
        ends = 1.5 * self.wave[[0, -1]] - 0.5 * self.wave[[1, -2]]
        self.edges = np.concatenate([ends[:1], middle, ends[1:]])
        self.good = spectrum.good
        if not self.good.any():
            raise CoverageError("No pixel of the spectrum is usable")
        self.flux = np.where(self.good, spectrum.flux, 0.0)
        self.has_errors = spectrum.has_errors
        self.variance = np.where(self.good, np.nan_to_num(spectrum.sigma) ** 2, 0.0)

    def share(self, low: float, high: float) -> tuple[Array, float]:
        """Angstrom of each pixel within a window, what is masked handed to the good neighbours; the share masked.

        Raises
        ------
        CoverageError
            If the spectrum ends within the window, or more than half of it is masked.
        """
        if low < self.edges[0] - 1e-6 or high > self.edges[-1] + 1e-6:
            raise CoverageError(
                f"The spectrum covers {self.edges[0]:.0f}-{self.edges[-1]:.0f} A",
                expected=f"{low:.1f}-{high:.1f} A",
            )
        part = np.clip(np.minimum(high, self.edges[1:]) - np.maximum(low, self.edges[:-1]), 0.0, None)
        lost = np.flatnonzero((part > 0) & ~self.good)
        missing = float(part[lost].sum() / part.sum())
        if missing > MOST_MISSING:
            raise CoverageError(
                f"{100 * missing:.0f} % of {low:.1f}-{high:.1f} A is masked",
                expected=f"at most {100 * MOST_MISSING:.0f} %",
            )
        if lost.size:
            known = np.flatnonzero(self.good)
            at = np.searchsorted(known, lost)
            left, right = known[np.maximum(at - 1, 0)], known[np.minimum(at, known.size - 1)]
            span = np.where(right > left, self.wave[right] - self.wave[left], 1.0)
            weight = np.clip((self.wave[lost] - self.wave[left]) / span, 0.0, 1.0)
            weight = np.where(right > left, weight, 0.0)
            moved = part[lost]
            part[lost] = 0.0
            np.add.at(part, left, (1.0 - weight) * moved)
            np.add.at(part, right, weight * moved)
        return part, missing

    def mean(self, low: float, high: float) -> tuple[float, Array]:
        """Mean flux of a band, and its derivative by every pixel."""
        part, _ = self.share(low, high)
        weights = part / part.sum()
        return float(weights @ self.flux), weights

    def line_through(self, bands: tuple[Window, ...]) -> Line:
        """The line through the mean fluxes of two bands at their middles."""
        (a, b), (c, d) = bands
        x1, x2 = 0.5 * (a + b), 0.5 * (c + d)
        (y1, w1), (y2, w2) = self.mean(a, b), self.mean(c, d)
        return Line.through(x1, y1, w1, x2, y2, w2)

    def line_fitted(self, bands: tuple[Window, ...]) -> Line:
        """The line fitted to the pixels of several bands, weighted by their parts and inverse variances."""
        weights = np.sum([self.share(*band)[0] for band in bands], axis=0)
        if self.has_errors:
            weights = np.where(self.variance > 0, weights / np.where(self.variance > 0, self.variance, 1.0), 0.0)
        total = weights.sum()
        centre = float(weights @ self.wave) / total
        x = self.wave - centre
        spread = float(weights @ (x * x))
        level, slope = weights / total, weights * x / spread
        return Line(centre, float(level @ self.flux), float(slope @ self.flux), level, slope)

    def line_at_edges(self, low: float, high: float) -> Line:
        """The line between the fluxes at two wavelengths, each the mean of the four pixels about it."""
        ends = []
        for at in (low, high):
            k = int(np.clip(np.searchsorted(self.wave, at), _EDGE_PIXELS, self.wave.size - _EDGE_PIXELS))
            ends.append(self.mean(self.edges[k - _EDGE_PIXELS], self.edges[k + _EDGE_PIXELS]))
        return Line.through(low, *ends[0], high, *ends[1])


@dataclass(frozen=True, eq=False)
class Line:
    """A continuum y = level + slope (x - centre), and the derivatives of its two numbers by every pixel's flux."""

    centre: float
    level: float
    slope: float
    d_level: Array
    d_slope: Array

    @classmethod
    def through(cls, x1: float, y1: float, w1: Array, x2: float, y2: float, w2: Array) -> Line:
        """Through two points, whose heights depend on the pixels with weights w1 and w2."""
        span = x2 - x1
        return cls(x1, y1, (y2 - y1) / span, w1, (w2 - w1) / span)

    def at(self, x: Array) -> Array:
        return self.level + self.slope * (x - self.centre)


def measure(
    pixels: Pixels,
    windows: tuple[Window, ...],
    continuum: Line | Array,
    *,
    unit: Literal["Angstrom", "mag"] = "Angstrom",
    bands: tuple[Window, ...] = (),
    method: str = "",
) -> EquivalentWidth:
    """The width of one window, or the sum over several, from a line or from a fixed continuum (n,)."""
    shares = [pixels.share(*window) for window in windows]
    part = np.sum([share for share, _ in shares], axis=0)
    widths = np.array([high - low for low, high in windows])
    level = continuum.at(pixels.wave) if isinstance(continuum, Line) else continuum
    inside = part > 0
    if not (level[inside] > 0).all():
        raise SpectrumError(
            f"The continuum is not positive at {windows[0][0]:.0f}-{windows[-1][1]:.0f} A",
            remedy="Choose other side bands, or another method",
        )
    safe = np.where(inside, level, 1.0)
    light = part * pixels.flux / safe
    slope = -part / safe  # dW / dF, then what the continuum adds
    if isinstance(continuum, Line):
        slope = slope + float((light / safe).sum()) * continuum.d_level
        slope = slope + float((light / safe * (pixels.wave - continuum.centre)).sum()) * continuum.d_slope
    sigma = float(np.sqrt(slope**2 @ pixels.variance)) if pixels.has_errors else float("nan")
    total = float(widths.sum())
    if unit == "Angstrom":
        value = total - float(light.sum())
    elif light.sum() > 0:
        value = -2.5 * float(np.log10(light.sum() / total))
        sigma *= 2.5 / np.log(10.0) / float(light.sum())
    else:
        value, sigma = float("nan"), float("nan")
    missing = float(np.sum([m * w for (_, m), w in zip(shares, widths, strict=True)]) / total)
    how = method or ("continuum" if not isinstance(continuum, Line) else "bands" if bands else "edges")
    low, high = windows[0][0], windows[-1][1]
    drawn = _drawn(pixels, continuum, bands, low, high)
    return EquivalentWidth(low, high, value, sigma, unit, how, missing, drawn, tuple(bands))


def _drawn(
    pixels: Pixels, continuum: Line | Array, bands: tuple[Window, ...], low: float, high: float
) -> tuple[tuple[float, float], ...]:
    """The continuum from its first point of support to its last."""
    if isinstance(continuum, Line):
        ends = np.array([min(low, *(b[0] for b in bands)), max(high, *(b[1] for b in bands))] if bands else [low, high])
        return tuple((float(x), float(y)) for x, y in zip(ends, continuum.at(ends), strict=True))
    x = np.concatenate([[low], pixels.wave[(pixels.wave > low) & (pixels.wave < high)], [high]])
    return tuple((float(a), float(b)) for a, b in zip(x, np.interp(x, pixels.wave, continuum), strict=True))
