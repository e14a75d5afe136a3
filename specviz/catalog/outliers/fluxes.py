"""LAMOST's flux against that of Gaia XP, without a model: a wrong calibration, a dead arm, air not taken out.

Both spectra of a star show the same continuum. LAMOST's has no absolute scale, so only the ratio's shape is judged;
both are smoothed alike, to far below the resolution of XP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.report import Reason
from specviz.spectra.spectrum import Spectrum

#: Where the two are compared, vacuum nm: 10 nm inside what LAMOST sees, on the points of XP.
POINTS: NDArray[np.float64] = np.arange(392.0, 890.0, 2.0)
#: Standard deviation of the smoothing, nm; the resolution of XP differs from star to star by less.
SMOOTHING = 10.0
#: The ratio counts as at most so many times too small or large; where LAMOST has no light it is infinite.
_MOST = 20.0
#: Points that must be there.
_LEAST = 0.5
#: A stretch is told from this departure on, in units of the error and of the flux.
_SIGMA, _SHARE = 4.0, 0.05
#: What is not noise: the calibration of both, a fraction of the flux.
_FLOOR = 0.02
#: The join of LAMOST's arms and what lies beside it out of its reach; the A band of oxygen and its sides, vacuum nm.
_JOIN, _BESIDE_JOIN = (585.0,), ((500.0, 560.0), (610.0, 670.0))
_OXYGEN, _BESIDE_OXYGEN = (760.0, 766.0), ((740.0, 756.0), (772.0, 790.0))
_REACH = int(4 * SMOOTHING / 2)
_KERNEL = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) * 2.0 / SMOOTHING) ** 2)


@dataclass(frozen=True)
class Fluxes:
    """How LAMOST's flux differs from XP's: each a fraction of the flux (0.05 = 5 %), not negative, with its stretches.

    ``shape``: rms of the difference; ``step``: of the arms at their join; ``oxygen``: missing, or too much, in the A
    band of the air's oxygen.
    """

    shape: tuple[float, tuple[Reason, ...]]
    step: tuple[float, tuple[Reason, ...]]
    oxygen: tuple[float, tuple[Reason, ...]]


def flux_difference(lamost: Spectrum, xp: Spectrum) -> Fluxes | None:
    """How far LAMOST's flux is from that of XP.

    With ``d = ln(ratio / median ratio)`` of the smoothed spectra and ``1/w = sigma_d^2 + 0.02^2``, the shape is
    ``sqrt(sum(w d^2) / sum(w))`` and the step that of a line through d on both sides of the join. The oxygen is the
    mean of d, not smoothed, in the band above a line through its sides. NaN where there are too few points.

    Parameters
    ----------
    lamost, xp : Spectrum
        Wavelengths in Angstrom and nm (vacuum); any unit of flux per wavelength.

    Returns
    -------
    Fluxes, or None
        None where fewer than half of the points can be compared.
    """
    ours, our_sigma = _binned(lamost)
    theirs, their_sigma = _interpolated(xp)
    known = np.isfinite(ours) & np.isfinite(theirs)
    if known.mean() < _LEAST:
        return None
    sharp = np.where(known & (theirs > 0) & (ours > 0), ours, np.nan) / np.where(known & (theirs > 0), theirs, 1.0)
    ours, our_sigma = _smoothed(ours, our_sigma, known)
    theirs, their_sigma = _smoothed(theirs, their_sigma, known)
    use = known & (theirs > 0)
    if use.mean() < _LEAST:
        return None
    below = np.where(use, theirs, 1.0)
    ratio = np.where(use, ours / below, np.nan)
    middle = float(np.nanmedian(ratio))
    if not middle > 0:
        return None
    d = np.log(np.clip(ratio / middle, 1.0 / _MOST, _MOST))
    floor = np.where(use, np.maximum(np.abs(ours), middle * below / _MOST), 1.0)
    sigma = np.hypot(our_sigma / floor, their_sigma / below)
    weight = np.where(use, 1.0 / (sigma**2 + _FLOOR**2), 0.0)
    d = np.where(use, d, 0.0)
    d -= np.sum(weight * np.clip(d, -0.3, 0.3)) / np.sum(weight)
    value = float(np.sqrt(np.sum(weight * d**2) / np.sum(weight)))
    join = _jump(d, use, _JOIN, _BESIDE_JOIN)
    with np.errstate(invalid="ignore"):
        log = np.log(sharp / middle)
    air = _jump(log, np.isfinite(log), _OXYGEN, _BESIDE_OXYGEN)
    return Fluxes(
        (value, _stretches(d, np.sqrt(weight), use)),
        (abs(join), _reason("Join of the arms", join, _BESIDE_JOIN[0][1], _BESIDE_JOIN[1][0], "detector")),
        (abs(air), _reason("Telluric O₂ A", air, *_OXYGEN, "sky")),
    )


def _jump(
    d: NDArray[np.float64], use: NDArray[np.bool_], at: tuple[float, ...], sides: tuple[tuple[float, float], ...]
) -> float:
    """Least squares of a line and a jump: at a wavelength (nm), from one side to the other; or of a band (low, high),
    which is above or below the line through its sides.
    """
    beside = use & np.logical_or.reduce([(low <= POINTS) & (high >= POINTS) for low, high in sides])
    inside = (at[0] <= POINTS) & (at[1] >= POINTS) & use if len(at) == 2 else np.zeros(use.shape, bool)
    there = beside | inside
    up = inside if len(at) == 2 else at[0] <= POINTS
    if up[there].sum() < 3 or (~up)[there].sum() < 3:
        return float("nan")
    x = (POINTS[there] - at[0]) / 50.0
    matrix = np.stack([np.ones(x.size), x, up[there].astype(np.float64)], axis=1)
    return float(np.linalg.lstsq(matrix, d[there], rcond=None)[0][2])


def _reason(name: str, jump: float, low: float, high: float, kind: Literal["sky", "detector"]) -> tuple[Reason, ...]:
    if not abs(jump) > _SHARE:
        return ()
    return (Reason(name, kind, 5.0 * (low + high), 10.0 * low, 10.0 * high, jump / _FLOOR, "lamost_lrs"),)


def _stretches(d: NDArray[np.float64], inverse: NDArray[np.float64], use: NDArray[np.bool_]) -> tuple[Reason, ...]:
    """The runs in which the ratio departs to one side, the strongest first; at most three."""
    off = use & (np.abs(d) > _SHARE) & (np.abs(d) * inverse > _SIGMA)
    side = np.where(off, np.sign(d), 0.0)
    edges = np.flatnonzero(np.diff(np.concatenate([[0.0], side, [0.0]])))
    found = []
    for first, last in zip(edges[:-1], edges[1:] - 1, strict=True):
        if side[first] == 0.0:
            continue
        part = slice(first, last + 1)
        peak = first + int(np.argmax(np.abs(d[part])))
        strength = float(np.mean(d[part] * inverse[part]))
        how = "LAMOST brighter than XP" if side[first] > 0 else "LAMOST fainter than XP"
        at, low, high = (10.0 * float(POINTS[i]) for i in (peak, first, last))
        found.append(Reason(how, "detector", at, low, high, strength, "lamost_lrs"))
    return tuple(sorted(found, key=lambda r: -abs(r.mean_sigma) * (r.high - r.low))[:3])


def _binned(spectrum: Spectrum) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean flux of the good pixels in 2 nm about each point, and its error; NaN where fewer than a third are good."""
    place = np.rint((spectrum.wavelength / 10.0 - POINTS[0]) / 2.0).astype(np.intp)
    inside = (place >= 0) & (place < POINTS.size)
    good = inside & spectrum.good & np.isfinite(spectrum.flux)
    size = POINTS.size
    every = np.bincount(place[inside], minlength=size)
    number = np.bincount(place[good], minlength=size)
    total = np.bincount(place[good], spectrum.flux[good], minlength=size)
    assert spectrum.ivar is not None
    ivar = spectrum.ivar[good]
    noise = np.where(ivar > 0, 1.0 / np.where(ivar > 0, ivar, 1.0), 0.0)  # a spectrum without errors has none here
    variance = np.bincount(place[good], noise, minlength=size)
    there = (number > 0) & (3 * number >= every)
    count = np.where(there, number, 1)
    return np.where(there, total / count, np.nan), np.where(there, np.sqrt(variance) / count, np.nan)


def _interpolated(xp: Spectrum) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    wave, good = xp.wavelength, xp.good & np.isfinite(xp.flux)
    if good.sum() < 2:
        return np.full(POINTS.size, np.nan), np.full(POINTS.size, np.nan)
    sigma = np.nan_to_num(xp.sigma[good])
    inside = (wave[good][0] <= POINTS) & (wave[good][-1] >= POINTS)
    flux = np.interp(POINTS, wave[good], xp.flux[good])
    return np.where(inside, flux, np.nan), np.where(inside, np.interp(POINTS, wave[good], sigma), np.nan)


def _smoothed(
    flux: NDArray[np.float64], sigma: NDArray[np.float64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Gaussian mean over the known points, and its error for independent points."""
    here = known.astype(np.float64)
    weight = np.maximum(np.convolve(here, _KERNEL, "same"), 1e-12)
    mean = np.convolve(np.where(known, flux, 0.0), _KERNEL, "same") / weight
    variance = np.convolve(np.where(known, sigma, 0.0) ** 2, _KERNEL**2, "same") / weight**2
    return mean, np.sqrt(variance)
