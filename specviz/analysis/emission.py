"""Does a star shine in lines? What stands above the lines that a star of its kind has, line by line, over all of LAMOST.

The reference is no flat continuum but the mixture of templates that fits the blue lines of the star, so that a
chromosphere that only fills H alpha in counts, too. Galaxies are asked for with sets of lines at a common redshift.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.double_lines import optical
from specviz.analysis.emission_lines import FAMILIES, GALAXY, NEBULAR, EmissionLine
from specviz.analysis.features import SKY_LINES
from specviz.analysis.line_templates import COVERED, COVERED_WAVE, HALF_PIXEL, running_mean
from specviz.analysis.one_star import OneStar, model_of, one_star
from specviz.analysis.report import Reason
from specviz.errors import SpecvizError
from specviz.spectra.frames import C_KM_S
from specviz.spectra.lines import TELLURIC_BANDS
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
NAN = float("nan")
PIXEL = 2.0 * HALF_PIXEL  # km/s
#: Widths of the lines that are looked for: sigma in pixels. The first is the resolution's own (FWHM 170 km/s).
WIDTHS = (1.05, 1.8, 3.2, 5.5)
#: Lines are looked for this near the star's velocity (pixels, 280 km/s).
NEAR = 4
#: Part of the star's flux that its templates are trusted to, added to the error of every pixel.
FLOOR = 0.015
#: One pixel may hold at most this share of a line: the resolution spreads a line over three.
MOST_IN_ONE = 0.62
#: From this value on the sentence says that there is emission (docs/detectors.md).
CLEAR = 6.0
#: Redshifts of galaxies that are tried.
REDSHIFTS = (0.004, 0.36)
_SMOOTH = 81


@dataclass(frozen=True)
class LineMeasure:
    """One emission line: equivalent width of what stands above the star (Angstrom, positive = emission) and its error,
    FWHM (km/s, the resolution's 170 taken off; NaN where it is not resolved), velocity (km/s) and significance.
    """

    name: str
    wavelength: float
    width: float
    width_sigma: float
    fwhm: float
    velocity: float
    sigma: float


@dataclass(frozen=True)
class Emission:
    """Evidence for emission lines.

    Parameters
    ----------
    value : float
        Significance (sigma) of the strongest family of lines (Balmer, Ca II H and K, Ca II triplet, nebula, galaxy), of
        the noise or of what the templates lack nearby, whichever is larger. NaN where there is no value.
    unit : str
        "σ".
    text : str
        One sentence for a person.
    reasons : tuple of Reason
        The lines, vacuum Angstrom.
    absent : str
        Why there is no value.
    kind : str
        "core" (narrow, on a star), "broad", "nebula", "galaxy", or "" where nothing is clear.
    lines : tuple of LineMeasure
        What is seen at 3 sigma or more, strongest first.
    redshift : float
        Of a galaxy's lines; NaN else.
    """

    value: float
    unit: str = "σ"
    text: str = ""
    reasons: tuple[Reason, ...] = ()
    absent: str = ""
    kind: str = ""
    lines: tuple[LineMeasure, ...] = ()
    redshift: float = NAN


def emission(report: Any) -> Emission:
    """Whether the report's optical spectrum has emission lines.

    Parameters
    ----------
    report : Report
        Only its star's spectra are read: LAMOST's, else SDSS's.
    """
    spectrum = optical(report)
    if spectrum is None:
        return Emission(NAN, absent="there is no optical spectrum")
    return emission_of(spectrum)


def emission_of(spectrum: Spectrum) -> Emission:
    """:func:`emission` of a spectrum."""
    try:
        star = one_star(spectrum)
    except SpecvizError as error:
        said = str(error).rstrip(".")
        return Emission(NAN, absent=said[:1].lower() + said[1:])
    excess = _Excess(star)
    families = {name: excess.family(lines) for name, lines in FAMILIES.items()}
    galaxy, redshift = excess.galaxy()
    name, (value, lines) = max(families.items(), key=lambda item: item[1][0])
    if galaxy > value and galaxy > CLEAR:
        shown = tuple(m for m in excess.measured(GALAXY, redshift) if m.sigma >= 3.0)
        text = f"{_listed(shown)} in emission at a common redshift of {redshift:.4f}: a galaxy ({galaxy:.0f} σ)."
        return Emission(galaxy, "σ", text, _reasons(shown, spectrum.survey), "", "galaxy", shown, redshift)
    every = sorted((m for _, found in families.values() for m in found if m.sigma >= 3.0), key=lambda m: -m.sigma)
    if value < CLEAR:
        best = f" The most is {lines[0].name} at {lines[0].sigma:.1f} σ." if lines and lines[0].sigma > 2 else ""
        return Emission(max(value, 0.0), "σ", f"No emission line stands above the star.{best}", lines=tuple(every))
    kind = _kind(name, lines, families)
    return Emission(value, "σ", _sentence(kind, lines, value), _reasons(lines, spectrum.survey), "", kind, tuple(every))


class _Excess:
    """(observed - star) / continuum over the pixels COVERED, and how significant it is at every pixel and width."""

    def __init__(self, star: OneStar) -> None:
        self.star = star
        model = model_of(star)
        flux, sigma = star.flux[COVERED], star.sigma[COVERED]
        good = np.isfinite(sigma) & np.isfinite(flux) & ~_NEVER
        ratio = np.where(good, flux / model, 0.0)
        level = _level(ratio, good)
        good &= level > 0
        level = np.where(good, level, 1.0)
        self.excess = np.where(good, (ratio / level - 1.0) * model, 0.0)
        noise = np.where(good, sigma / level, np.inf)
        self.weight = np.where(good, 1.0 / (noise**2 + (FLOOR * model) ** 2), 0.0)
        self.rv_pixels = star.shift / 2.0
        filtered = [self._filter(width) for width in WIDTHS]
        self.ew = np.array([f[0] for f in filtered])
        self.z = np.array([f[1] for f in filtered])
        # What templates lack looks like lines, too: the spread of z over 400 pixels about each one, if above the noise.
        self.unit = np.array([_spread(z, good) for z in self.z])
        self.z = self.z / self.unit

    def _filter(self, width: float) -> tuple[Array, Array]:
        """Area (pixels) and significance of a Gaussian line at every pixel."""
        half = int(np.ceil(3.0 * width))
        kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / width) ** 2)
        top = np.convolve(self.weight * self.excess, kernel, mode="same")
        below = np.convolve(self.weight, kernel**2, mode="same")
        full = float((kernel**2).sum()) * float(np.median(self.weight[self.weight > 0])) if self.weight.any() else 1.0
        known = below > 0.3 * np.minimum(full, np.convolve(np.full_like(below, full), [1.0], mode="same"))
        known |= below > 0
        height = np.where(known, top / np.maximum(below, 1e-12), 0.0)
        return height * kernel.sum(), np.where(known, top / np.sqrt(np.maximum(below, 1e-12)), 0.0)

    def measured(self, lines: tuple[EmissionLine, ...], redshift: float | None = None) -> list[LineMeasure]:
        """Every line of a set that the spectrum covers, at the star's velocity or a redshift."""
        out = []
        for line in lines:
            move = self.rv_pixels if redshift is None else np.log(1.0 + redshift) * C_KM_S / PIXEL
            place = (np.log10(line.wavelength) - _FIRST) / 1e-4 + move
            low, high = int(np.ceil(place - NEAR)), int(np.floor(place + NEAR)) + 1
            if low < 10 or high > self.excess.size - 10:
                continue
            block = self.z[:, low:high]
            k, at = np.unravel_index(int(np.argmax(block)), block.shape)
            peak = low + int(at)
            z = float(block[k, at])
            if z > 2.0 and not self._is_line(peak, int(k)):
                z = 0.0
            wave = float(COVERED_WAVE[peak])
            angstrom = wave * PIXEL / C_KM_S
            ew = float(self.ew[k, peak]) * angstrom
            raw = 2.355 * WIDTHS[int(k)] * PIXEL
            fwhm = float(np.sqrt(raw**2 - 170.0**2)) if k > 0 else NAN
            velocity = (peak - place) * PIXEL
            out.append(LineMeasure(line.name, wave, ew, ew / z if z > 0 else abs(ew), fwhm, velocity, z))
        return out

    def _is_line(self, peak: int, k: int) -> bool:
        """Not a cosmic ray: several pixels rise together, and none holds most of the line."""
        half = int(np.ceil(2.0 * WIDTHS[k]))
        part = np.clip(self.excess[peak - half : peak + half + 1], 0.0, None)
        sigma = 1.0 / np.sqrt(np.maximum(self.weight[peak - half : peak + half + 1], 1e-12))
        if part.sum() <= 0 or part.max() > MOST_IN_ONE * part.sum():
            return False
        return int((part > 1.0 * sigma).sum()) >= 3

    def family(self, lines: tuple[EmissionLine, ...]) -> tuple[float, tuple[LineMeasure, ...]]:
        """Significance of a set: the lines' own, weighed by what is expected of them, in quadrature; and the lines.

        No line alone counts unless the set's leading one is it: what stands at H gamma only is no Balmer emission.
        """
        found = self.measured(lines)
        if not found:
            return 0.0, ()
        weights = {line.name: line.strength for line in lines}
        z = np.array([m.sigma for m in found])
        w = np.array([weights[m.name] for m in found])
        lead = float(np.max(np.where(w >= 1.0, z, 0.0), initial=0.0))
        both = float((w @ z) / np.sqrt(w @ w))
        value = max(both, lead) if lead > 2.0 or (z > 3.0).sum() >= 2 else min(both, 2.0)
        return value, tuple(sorted((m for m in found if m.sigma >= 3.0), key=lambda m: -m.sigma))

    def galaxy(self) -> tuple[float, float]:
        """Significance and redshift of the best set of a galaxy's lines: three lines at least."""
        z = np.clip(np.maximum(self.z[0], self.z[1]), 0.0, 8.0)
        z = np.where(self._shape(), z, 0.0)
        n = z.size
        steps = np.arange(int(np.log10(1 + REDSHIFTS[0]) / 1e-4), int(np.log10(1 + REDSHIFTS[1]) / 1e-4))
        total, count = np.zeros(steps.size), np.zeros(steps.size)
        for line in GALAXY:
            place = np.rint((np.log10(line.wavelength) - _FIRST) / 1e-4).astype(int) + steps
            seen = np.where((place >= 2) & (place < n - 2), z[np.clip(place, 0, n - 1)], 0.0)
            total += seen
            count += seen > 3.0
        score = np.where(count >= 3, total / np.sqrt(len(GALAXY)), 0.0)
        best = int(np.argmax(score))
        return float(score[best]), float(10.0 ** (1e-4 * steps[best]) - 1.0)

    def _shape(self) -> NDArray[np.bool_]:
        """Where three neighbouring pixels rise, (n,)."""
        up = self.excess * np.sqrt(self.weight) > 1.0
        return np.asarray(up & (np.roll(up, 1) | np.roll(up, -1)))


def _level(ratio: Array, good: NDArray[np.bool_]) -> Array:
    """Local continuum of observed / star: a running mean, twice, without what stands out of it."""
    use = good.astype(np.float64)
    for _ in range(3):
        share = running_mean(running_mean(use, _SMOOTH), _SMOOTH)
        level = running_mean(running_mean(use * ratio, _SMOOTH), _SMOOTH) / np.maximum(share, 1e-6)
        level = np.where(share > 0.05, level, 0.0)
        off = np.where(use > 0, ratio - level, 0.0)
        spread = np.sqrt(running_mean(off**2 * use, 4 * _SMOOTH) / np.maximum(running_mean(use, 4 * _SMOOTH), 1e-6))
        use = (good & (np.abs(ratio - level) < 2.5 * spread)).astype(np.float64)
    return level


def _spread(z: Array, good: NDArray[np.bool_]) -> Array:
    """Robust spread of z in blocks of 400 pixels, smooth between them, at least 1."""
    edges = np.arange(0, z.size + 1, 200)
    centres, values = [], []
    for start in edges[:-1]:
        part = z[start : start + 400][good[start : start + 400]]
        if part.size > 60:
            low, high = np.percentile(part, (16.0, 84.0))
            centres.append(start + 200.0)
            values.append(max(0.5 * (high - low), 1.0))
    return np.interp(np.arange(z.size), centres, values) if centres else np.full(z.size, 1e3)


def _kind(name: str, lines: tuple[LineMeasure, ...], families: dict[str, Any]) -> str:
    nebular = [m for m in families["nebula"][1] if m.sigma >= 3.0]
    widest = max((m.fwhm for m in lines[:2] if np.isfinite(m.fwhm)), default=0.0)
    if widest > 200.0:
        return "broad"
    return "nebula" if name == "nebula" or len(nebular) >= 2 else "core"


def _sentence(kind: str, lines: tuple[LineMeasure, ...], value: float) -> str:
    lead = lines[0]
    size = f"{lead.name} {lead.width:.1f} ± {lead.width_sigma:.1f} Å above the star"
    more = f", with {_listed(lines[1:4])}" if len(lines) > 1 else ""
    what = {
        "broad": f"broad ({lead.fwhm:.0f} km/s): a disc, a wind or accretion" if np.isfinite(lead.fwhm)
        else "broad: a disc, a wind or accretion",
        "nebula": "narrow, with forbidden lines: a nebula before or around the star",
        "core": "narrow: a chromosphere, or a nebula",
    }[kind]  # fmt: skip
    return f"Emission: {size}{more}; {what} ({value:.1f} σ)."


def _listed(lines: tuple[LineMeasure, ...]) -> str:
    names = [m.name for m in lines]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "Lines"


def _reasons(lines: tuple[LineMeasure, ...], survey: str) -> tuple[Reason, ...]:
    out = []
    for m in lines[:6]:
        half = m.wavelength * max(m.fwhm if np.isfinite(m.fwhm) else 0.0, 170.0) / C_KM_S
        out.append(
            Reason(
                f"{m.name} emission", "star", m.wavelength, m.wavelength - half, m.wavelength + half, m.sigma, survey
            )
        )
    return tuple(out)


_FIRST = float(np.log10(COVERED_WAVE[0]))
#: Pixels that say nothing about the star: the brightest lines of the night sky, and the Earth's bands.
_NEVER = np.zeros(COVERED_WAVE.size, bool)
for _, _wave in SKY_LINES[:2]:
    _NEVER |= np.abs(COVERED_WAVE - _wave) < 6.0
for _band in TELLURIC_BANDS:
    _NEVER |= (COVERED_WAVE > _band.start) & (COVERED_WAVE < _band.stop)

__all__ = ["Emission", "LineMeasure", "NEBULAR", "emission", "emission_of"]
