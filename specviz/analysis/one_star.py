"""``OneStar``: a LAMOST spectrum as one star, the hypothesis that detectors of companions and of emission test against.

Velocity, the best template of a bank and the templates that fit almost as well. It needs no model and no posterior, so
that it reaches over the whole of the spectrum, and is made once for all detectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.line_templates import (
    COVERED,
    FITTED,
    HALF_PIXEL,
    MARGIN,
    VSINI,
    TemplateBank,
    high_pass,
    product,
    smooth,
    template_bank,
)  # fmt: skip
from specviz.errors import CoverageError, SpectrumError
from specviz.spectra.frames import C_KM_S
from specviz.spectra.grids import LAMOST_COEFF0, LAMOST_COEFF1, LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
#: What real spectra and templates differ by at best, of the continuum: added to every pixel's error in quadrature.
FLOOR = 0.01
#: Fewest usable pixels of those fitted.
LEAST = 700
#: Velocities are looked for within these many half pixels (830 km/s).
REACH = 24
#: Templates that fit almost as well as the best: what the null hypothesis may mix.
NEIGHBOURS = 10
_SPIKE = 5.0


@dataclass(frozen=True, eq=False)
class OneStar:
    """A spectrum on LAMOST's grid, and what one star makes of it.

    Attributes
    ----------
    flux, sigma : array (3909,)
        On :data:`~specviz.spectra.grids.LAMOST_NATIVE`; masked pixels are bridged and have sigma = inf.
    lines : array (n,)
        The pixels FITTED through the filter.
    weight : array (n,)
        1 / (sigma^2 + FLOOR^2) of them, 0 where masked.
    offset : float
        km/s to add to a velocity in half pixels: the spectrum's own grid may start within a pixel of LAMOST's.
    shift : int
        Velocity in half pixels.
    rv : float
        km/s, parabola through the peak, of the spectrum's own frame.
    best : int
        The template.
    near : array of int
        The best and its neighbours in quality of the same rotation, best first.
    height : float
        Normalised cross-correlation with the best template.
    """

    flux: Array
    sigma: Array
    lines: Array
    weight: Array
    offset: float
    shift: int
    rv: float
    best: int
    near: NDArray[np.intp]
    height: float
    bank: TemplateBank


_known: WeakKeyDictionary[Spectrum, OneStar] = WeakKeyDictionary()


def one_star(spectrum: Spectrum) -> OneStar:
    """The spectrum as one star; remembered as long as the spectrum lives.

    Raises
    ------
    CoverageError
        Too few pixels between 4000 and 5570 A are usable.
    SpectrumError
        No template resembles it.
    """
    found = _known.get(spectrum)
    if found is None:
        found = _known[spectrum] = _fit(spectrum)
    return found


def on_lamost_pixels(spectrum: Spectrum) -> tuple[Array, Array, float]:
    """Flux, sigma (inf where nothing is known), and the km/s that the pixels stand redward of LAMOST's.

    Spectra of LAMOST's own step are moved by whole pixels, others interpolated (the variance is, too).
    """
    n = LAMOST_NATIVE.size
    log = np.log10(spectrum.wavelength_angstrom)
    place = (log - LAMOST_COEFF0) / LAMOST_COEFF1
    good = spectrum.good & (spectrum.flux != 0.0)
    flux, sigma = np.full(n, np.nan), np.full(n, np.inf)
    whole = np.rint(place).astype(np.intp)
    offset = float(np.median(place - whole))
    own = spectrum.sigma if spectrum.has_errors else np.full(len(spectrum), _scatter(spectrum.flux[good]))
    if np.all(np.abs(np.diff(place) - 1.0) < 0.02) and np.ptp(place - whole) < 0.1:
        use = good & (whole >= 0) & (whole < n)
        flux[whole[use]], sigma[whole[use]] = spectrum.flux[use], own[use]
    else:
        offset = 0.0
        if good.sum() > 10:
            flux = np.interp(np.arange(n), place[good], spectrum.flux[good], np.nan, np.nan)
            sigma = np.sqrt(np.interp(np.arange(n), place[good], own[good] ** 2, np.inf, np.inf))
            at = np.clip(np.searchsorted(place, np.arange(n)), 1, place.size - 1)
            sigma[~(good[at] & good[at - 1])] = np.inf
    known = np.isfinite(flux) & np.isfinite(sigma)
    if known.sum() > 10:
        flux = np.interp(np.arange(n), np.flatnonzero(known), flux[known])
    return flux, np.where(known, sigma, np.inf), 2.0 * offset * HALF_PIXEL


def _scatter(flux: Array) -> float:
    return float(1.4826 * np.median(np.abs(np.diff(flux))) / np.sqrt(2.0)) if flux.size > 2 else np.inf


def _fit(spectrum: Spectrum) -> OneStar:
    bank = template_bank()
    flux, sigma, offset = on_lamost_pixels(spectrum)
    wide = slice(FITTED.start - 60, FITTED.stop + 60)
    if np.isfinite(sigma[FITTED]).sum() < LEAST or not np.median(flux[FITTED]) > 0:
        raise CoverageError("Too few usable pixels between 4000 and 5570 A")
    level = smooth(flux[wide])[60:-60]
    known = np.isfinite(level) & (level > 0) & np.isfinite(sigma[FITTED])
    level = np.where(known, level, 1.0)
    lines = flux[FITTED] / level - 1.0
    relative = sigma[FITTED] / level
    weight = np.where(
        np.isfinite(relative), 1.0 / (np.where(np.isfinite(relative), relative, 1.0) ** 2 + FLOOR**2), 0.0
    )
    # Emission and cosmic rays stand above every absorption spectrum; what is far below it is broken.
    high = np.maximum(_SPIKE / np.sqrt(np.where(weight > 0, weight, 1.0)), 0.25)
    weight = np.where((lines > high) | (lines < -0.95), 0.0, weight)
    if (weight > 0).sum() < LEAST:
        raise CoverageError("Too few usable pixels between 4000 and 5570 A")
    lines = np.where(weight > 0, lines, 0.0)
    correlation = _Correlation(bank, lines, weight)
    shift = correlation.first_look()
    labels = int((bank.vsini == VSINI[0]).sum())
    best = int(np.argmax(correlation.at(shift, slice(0, labels))))
    tried = range(max(shift - 3, 1 - REACH), min(shift + 3, REACH - 1) + 1)
    heights = {k: float(correlation.at(k, best)[0]) for k in (tried[0] - 1, *tried, tried[-1] + 1)}
    shift = max(tried, key=lambda k: heights[k])
    fit = correlation.at(shift)
    best = int(np.argmax(fit))
    three = [heights[shift + k] for k in (-1, 0, 1)]
    height = float(fit[best])
    if height < 0.15:
        raise SpectrumError("No template of a star resembles the spectrum")
    same = np.flatnonzero(bank.vsini == bank.vsini[best])
    near = same[np.argsort(-fit[same])[:NEIGHBOURS]]  # the best first
    curve = three[0] - 2 * three[1] + three[2]
    part = 0.5 * (three[0] - three[2]) / curve if curve < 0 else 0.0
    rv = (shift + float(np.clip(part, -0.5, 0.5))) * HALF_PIXEL + offset
    return OneStar(flux, sigma, lines, weight, offset, shift, rv, best, near, height, bank)


class _Correlation:
    """Normalised cross-correlation of the lines with templates, means taken out."""

    def __init__(self, bank: TemplateBank, lines: Array, weight: Array) -> None:
        self.bank, total = bank, float(weight.sum())
        mean = float(weight @ lines) / total
        self._left = np.stack([weight * (lines - mean), weight / np.sqrt(total)], axis=1).astype(np.float32)
        self._weight = weight.astype(np.float32)
        self._ff = float((weight * lines) @ lines) - mean**2 * total

    def at(self, shift: int, which: slice | int = slice(None)) -> Array:
        """Of the templates ``which`` at a velocity, (K,)."""
        rows = slice(which, which + 1) if isinstance(which, int) else which
        both = product(self.bank.shifted(shift)[rows], self._left)
        gg = product(self.bank.shifted(shift, "squares")[rows], self._weight) - both[:, 1] ** 2
        return np.asarray(both[:, 0] / np.sqrt(np.maximum(gg * self._ff, 1e-12)), np.float64)

    def first_look(self) -> int:
        """The velocity of the highest correlation with a few templates of every kind."""
        few, squares = self.bank.few
        n, best = FITTED.stop - FITTED.start, (-np.inf, 0)
        for shift in range(-REACH, REACH + 1, 2):
            start = MARGIN - shift // 2
            both = product(few[:, start : start + n], self._left)
            gg = product(squares[:, start : start + n], self._weight) - both[:, 1] ** 2
            best = max(best, (float(np.max(both[:, 0] / np.sqrt(np.maximum(gg, 1e-12)))), shift))
        return best[1]


def model_of(star: OneStar) -> Array:
    """Flux / continuum of the best mixture of the near templates on the pixels COVERED, (n,).

    The mixture is fitted to the lines of the blue, with a ridge that holds it to the best template.
    """
    near = star.near
    basis = star.bank.shifted(star.shift)[near].astype(np.float64)
    w = star.weight
    difference = basis[1:] - basis[0]
    gram = product(difference * w, difference.T)
    left = product(difference * w, star.lines - basis[0])
    ridge = 0.02 * np.trace(gram) / len(gram) + 1e-9
    share = np.linalg.solve(gram + ridge * np.eye(len(gram)), left)
    whole = star.bank.shifted(star.shift, "normal")[near].astype(np.float64)
    out: Array = whole[0] + np.einsum("k,kn->n", share, whole[1:] - whole[0])
    return np.maximum(out, 0.02)


def misfit_of(star: OneStar, model: Array) -> float:
    """Share of the star's lines that a model (on the pixels COVERED) misses beyond the noise: about 0.1 where the star
    is of a kind that the templates know. The cores of the Balmer lines, where emission may be, do not count.
    """
    start = FITTED.start - COVERED.start
    own = high_pass(model[start - 60 : start + FITTED.stop - FITTED.start + 60])[60:-60]
    weight = np.where(_BALMER_CORES, 0.0, star.weight)
    over = float(weight @ (star.lines - own) ** 2) - float((weight > 0).sum())
    return float(np.sqrt(max(over, 0.0) / max(float(weight @ star.lines**2), 1e-9)))


_BALMER_CORES = np.zeros(FITTED.stop - FITTED.start, bool)
for _wave in (4102.89, 4341.68, 4862.68):
    _BALMER_CORES |= np.abs(np.log(LAMOST_NATIVE[FITTED] / _wave)) < 500.0 / C_KM_S

__all__ = ["COVERED", "OneStar", "misfit_of", "model_of", "on_lamost_pixels", "one_star"]
