"""``Excess``: what a spectrum shows above a star's own lines, pixel by pixel, and the lines that are seen in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.emission_lines import GALAXY, EmissionLine
from specviz.analysis.features import SKY_LINES
from specviz.analysis.line_templates import COVERED, COVERED_WAVE, HALF_PIXEL, running_mean
from specviz.spectra.frames import C_KM_S
from specviz.spectra.lines import TELLURIC_BANDS

Array = NDArray[np.float64]
NAN = float("nan")
PIXEL = 2.0 * HALF_PIXEL  # km/s
#: Widths of the lines that are looked for: sigma in pixels. The first is the resolution's own.
WIDTHS = (1.05, 1.8, 3.2, 5.5)
#: FWHM of the resolution, km/s.
RESOLUTION = 170.0
#: Lines are looked for this near the star's velocity (pixels of 69 km/s); sharp ones nearer.
NEAR, NEAR_SHARP = 4, 2
#: Part of the star's flux that its templates are trusted to, added to the error of every pixel; below 4,200 K.
FLOOR, FLOOR_COOL = 0.015, 0.03
#: One pixel may hold at most this share of a line: the resolution spreads a line over three.
MOST_IN_ONE = 0.62
#: Redshifts of galaxies that are tried.
REDSHIFTS = (0.004, 0.36)
#: No line of a galaxy counts for more sigma than this: one cosmic ray is no galaxy.
_MOST = 8.0
#: Half of the window that a sharp line and a constant are fitted in, pixels.
_SHARP = 7
_SMOOTH, _BLOCK = 81, 200


@dataclass(frozen=True)
class LineMeasure:
    """One emission line: equivalent width of what stands above the star (Angstrom, positive = emission) and its error,
    FWHM, the resolution's taken off (km/s; NaN where it is not resolved), velocity relative to the star or to
    the redshift (km/s) and significance (sigma);
    ``height`` is flux / continuum at its peak.
    """

    name: str
    wavelength: float
    width: float
    width_sigma: float
    fwhm: float
    velocity: float
    sigma: float
    height: float = NAN


class Excess:
    """(observed - star) / continuum over the pixels COVERED, and how significant it is at every pixel and width.

    Parameters
    ----------
    flux, sigma : array (3909,)
        On LAMOST's pixels; sigma = inf where nothing is known.
    model : array (n,)
        The star's flux / continuum on the pixels COVERED.
    velocity : float
        Of the star, in pixels.
    teff, vsini : float
        Of the star (K, km/s): how far its lines are trusted, and how wide they are.
    misfit : float
        Share of the star's absorption that its templates miss: no line is trusted to be known better.
    """

    def __init__(
        self,
        flux: Array,
        sigma: Array,
        model: Array,
        velocity: float,
        *,
        teff: float = 6000.0,
        vsini: float = 0.0,
        misfit: float = 0.0,
    ) -> None:
        flux, sigma = flux[COVERED], sigma[COVERED]
        good = np.isfinite(sigma) & np.isfinite(flux) & ~_NEVER
        ratio = np.where(good, flux / model, 0.0)
        level = _level(ratio, good)
        good &= level > 0
        level = np.where(good, level, 1.0)
        self.velocity, self.teff, self.misfit = velocity, teff, misfit
        # Cool stars hardly rotate: templates that do stand for a plate of less resolution.
        self._own_width = float(np.hypot(RESOLUTION, 1.5 * vsini if teff < 6500.0 else 0.0))
        self.excess = np.where(good, (ratio / level - 1.0) * model, 0.0)
        noise = np.where(good, sigma, 0.0) / level
        floor = FLOOR_COOL if teff < 4200.0 else FLOOR
        self.weight = np.where(good, 1.0 / (noise**2 + (floor * model) ** 2 + 1e-8), 0.0)
        filtered = [self._broad(width) for width in WIDTHS]
        self.area = np.array([f[0] for f in filtered])
        # What templates lack looks like lines, too: the spread of z about each pixel, where it is above the noise.
        z = np.array([f[1] for f in filtered])
        self.z, self._raw = z / _spread(z, good), z
        filtered = [self._sharp(width) for width in WIDTHS[:2]]
        self.sharp_area = np.array([f[0] for f in filtered])
        z = np.array([f[1] for f in filtered])
        self.sharp = z / _spread(z, good)
        self.absorbed = 1.0 - model

    def _broad(self, width: float) -> tuple[Array, Array]:
        """Area (pixels) and significance of a Gaussian line at every pixel."""
        kernel = _gaussian(width, int(np.ceil(3.0 * width)))
        top = np.convolve(self.weight * self.excess, kernel, mode="same")
        below = np.convolve(self.weight, kernel**2, mode="same")
        enough = np.convolve((self.weight > 0).astype(float), kernel**2, mode="same") > 0.5 * float((kernel**2).sum())
        safe = np.where(enough, below, 1.0)
        return np.where(enough, top / safe, 0.0) * kernel.sum(), np.where(enough, top / np.sqrt(safe), 0.0)

    def _sharp(self, width: float) -> tuple[Array, Array]:
        """The same of a line on a constant that is fitted with it: blind to the wings of a broad line nearby."""
        kernel, box = _gaussian(width, _SHARP), np.ones(2 * _SHARP + 1)
        we = self.weight * self.excess
        w = np.maximum(np.convolve(self.weight, box, mode="same"), 1e-12)
        wg = np.convolve(self.weight, kernel, mode="same")
        top = np.convolve(we, kernel, mode="same") - wg * np.convolve(we, box, mode="same") / w
        below = np.convolve(self.weight, kernel**2, mode="same") - wg**2 / w
        enough = np.convolve((self.weight > 0).astype(float), kernel**2, mode="same") > 0.7 * float((kernel**2).sum())
        safe = np.where(enough & (below > 0), below, 1.0)
        enough &= below > 0
        return np.where(enough, top / safe, 0.0) * kernel.sum(), np.where(enough, top / np.sqrt(safe), 0.0)

    def measured(
        self, lines: tuple[EmissionLine, ...], *, redshift: float | None = None, sharp: bool = False
    ) -> list[LineMeasure]:
        """Every line of a set that the spectrum covers, at the star's velocity or at a redshift."""
        move = self.velocity if redshift is None else np.log(1.0 + redshift) * C_KM_S / PIXEL
        near, source = (NEAR_SHARP, self.sharp) if sharp else (NEAR, self.z)
        out = []
        for line in lines:
            place = (np.log10(line.wavelength) - FIRST) / 1e-4 + move
            low, high = int(np.ceil(place - near)), int(np.floor(place + near)) + 1
            if low < 10 or high > self.excess.size - 10 or not self.weight[low:high].any():
                continue
            block = source[:, low:high]
            k, at = (int(i) for i in np.unravel_index(int(np.argmax(block)), block.shape))
            out.append(self._measure(line, low + at, place, k, sharp))
        return out

    def _measure(self, line: EmissionLine, peak: int, place: float, k: int, sharp: bool) -> LineMeasure:
        source, area = (self.sharp, self.sharp_area) if sharp else (self.z, self.area)
        z = float(source[k, peak])
        if z > 2.0 and not self._is_line(peak, k):
            z = 0.0
        wave = float(COVERED_WAVE[peak])
        pixel = wave * PIXEL / C_KM_S  # Angstrom
        width = float(area[k, peak]) * pixel
        error = abs(width) / max(abs(z), 1e-3)
        if line.doubt[0] > 0:
            doubt = float(np.hypot(np.interp(self.teff, (6500.0, 7000.0), line.doubt), self.misfit))
            kernel = _gaussian(WIDTHS[k], int(np.ceil(3.0 * WIDTHS[k])))
            half = kernel.size // 2
            own = self.absorbed[max(peak - half, 0) : peak + half + 1]
            absorbed = float(own @ kernel[: own.size]) / float((kernel**2).sum()) * float(kernel.sum()) * pixel
            error = float(np.hypot(error, doubt * max(absorbed, 0.0)))
        raw = 2.355 * self._best_width(peak, k, sharp) * PIXEL
        fwhm = float(np.sqrt(raw**2 - self._own_width**2)) if raw > 1.05 * self._own_width else NAN
        sigma = width / error if error > 0 and z > 0 else min(z, 0.0)
        height = float(self.excess[peak - 1 : peak + 2].max() + 1.0 - self.absorbed[peak])
        return LineMeasure(line.name, wave, width, error, fwhm, (peak - place) * PIXEL, float(sigma), height)

    def _best_width(self, peak: int, k: int, sharp: bool) -> float:
        """Sigma in pixels, between those tried: the top of a parabola through z over ln(width)."""
        if sharp:
            return WIDTHS[k]
        k = int(np.argmax(self._raw[:, peak]))
        if not 0 < k < len(WIDTHS) - 1:
            return WIDTHS[k]
        x, y = np.log(WIDTHS[k - 1 : k + 2]), self._raw[k - 1 : k + 2, peak]
        c = np.polyfit(x, y, 2)
        return float(np.exp(np.clip(-0.5 * c[1] / c[0], x[0], x[2]))) if c[0] < 0 else WIDTHS[k]

    def _is_line(self, peak: int, k: int) -> bool:
        """Not a cosmic ray: several pixels rise together, and none holds most of the line."""
        half = int(np.ceil(2.0 * WIDTHS[k]))
        here = slice(max(peak - half, 0), peak + half + 1)
        part = np.clip(self.excess[here], 0.0, None)
        if part.sum() <= 0 or part.max() > MOST_IN_ONE * part.sum():
            return False
        return int((part * np.sqrt(self.weight[here]) > 1.0).sum()) >= 3

    def galaxy(self) -> tuple[float, float]:
        """Significance and redshift of the best set of a galaxy's lines: three lines at least."""
        up = self.excess * np.sqrt(self.weight) > 1.0
        z = np.where(up & (np.roll(up, 1) | np.roll(up, -1)), np.maximum(self.sharp.max(axis=0), 0.0), 0.0)
        n = z.size
        steps = np.arange(int(np.log10(1 + REDSHIFTS[0]) / 1e-4), int(np.log10(1 + REDSHIFTS[1]) / 1e-4))
        score, height, count, clean = (np.zeros(steps.size) for _ in range(4))
        for line in GALAXY:
            place = np.rint((np.log10(line.wavelength) - FIRST) / 1e-4).astype(int) + steps
            seen = np.where((place >= 2) & (place < n - 2), z[np.clip(place, 0, n - 1)], 0.0)
            sky = place > _HYDROXYL  # a comb of hydroxyl lines, a few of which fit any redshift
            score += np.where(sky, 0.4, 1.0) * np.minimum(seen, _MOST)
            height += np.minimum(seen, 10.0 * _MOST)
            count += seen > 3.0
            clean += (seen > 3.0) & ~sky
        score = np.where((count >= 3) & (clean >= 2), score / np.sqrt(len(GALAXY)), 0.0)
        best = int(np.argmax(score))
        near = slice(max(best - 8, 0), best + 9)  # of velocities that are as good, that where the lines are highest
        top = near.start + int(np.argmax(np.where(score[near] > 0, height[near], 0.0)))
        return float(score[best]), float(10.0 ** (1e-4 * steps[top]) - 1.0)


def _gaussian(width: float, half: int) -> Array:
    return np.exp(-0.5 * (np.arange(-half, half + 1) / width) ** 2)


def _level(ratio: Array, good: NDArray[np.bool_]) -> Array:
    """Local continuum of observed / star: a running mean, twice, without what stands out of it."""
    use = good.astype(np.float64)
    level = np.zeros_like(ratio)
    for _ in range(3):
        share = running_mean(running_mean(use, _SMOOTH), _SMOOTH)
        level = running_mean(running_mean(use * ratio, _SMOOTH), _SMOOTH) / np.maximum(share, 1e-6)
        level = np.where(share > 0.05, level, 0.0)
        off = np.where(use > 0, ratio - level, 0.0)
        spread = np.sqrt(running_mean(off**2 * use, 4 * _SMOOTH) / np.maximum(running_mean(use, 4 * _SMOOTH), 1e-6))
        use = (good & (np.abs(ratio - level) < 2.5 * spread)).astype(np.float64)
    return level


def _spread(z: Array, good: NDArray[np.bool_]) -> Array:
    """Robust spread of z (w, n) in blocks of 200 pixels, smooth between them, at least 1."""
    blocks = z.shape[1] // _BLOCK
    inside = good[: blocks * _BLOCK].reshape(blocks, _BLOCK)
    size = np.where(inside, np.abs(z[:, : blocks * _BLOCK]).reshape(len(z), blocks, _BLOCK), np.inf)
    size.sort(axis=2)
    count = inside.sum(axis=1)
    values = 1.4826 * size[:, np.arange(blocks), np.maximum(count // 2 - 1, 0)]
    values = np.where(count > 40, np.maximum(values, 1.0), 1.0)
    centres, at = _BLOCK * (np.arange(blocks) + 0.5), np.arange(z.shape[1])
    return np.array([np.interp(at, centres, row) for row in values])


#: log10 of the first wavelength.
FIRST = float(np.log10(COVERED_WAVE[0]))
#: From this pixel on (7240 Angstrom) the night sky is full of lines.
_HYDROXYL = int(np.searchsorted(COVERED_WAVE, 7240.0))
#: Pixels that say nothing about the star: the brightest lines of the night sky, and the Earth's bands.
_NEVER = np.zeros(COVERED_WAVE.size, bool)
for _, _wave in SKY_LINES[:2]:
    _NEVER |= np.abs(COVERED_WAVE - _wave) < 6.0
for _band in TELLURIC_BANDS:
    _NEVER |= (COVERED_WAVE > _band.start) & (COVERED_WAVE < _band.stop)  # noqa: SIM300
