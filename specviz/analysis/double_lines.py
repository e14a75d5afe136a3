"""Is a star two? The lines of its blue spectrum as those of one star and as those of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.line_templates import FITTED, HALF_PIXEL, MARGIN, VSINI, TemplateBank, product
from specviz.analysis.one_star import OneStar, one_star
from specviz.analysis.report import Reason
from specviz.errors import SpecvizError
from specviz.spectra.grids import LAMOST_NATIVE
from specviz.spectra.spectrum import Spectrum

Array = NDArray[np.float64]
#: Half pixels about the star's velocity in which two stars are looked for (480 km/s), and their least separation (138
#: km/s: below 0.8 of a resolution element nothing is double).
NEAR, APART = 14, 4
#: Where a second star's velocity is out of the question (620 to 1,500 km/s away): what is found there is noise and what
#: templates lack.
FAR = (18, 44)
#: Directions between neighbouring templates that both hypotheses may add to their lines.
DIRECTIONS = 6
#: Light of a second star, in units of the first one's, that templates can lack: added to its error in quadrature.
LIGHT_FLOOR = 0.01
#: From this value on the sentence says that the lines are double; fewer than 1 % of ordinary demo stars reach it
#: (docs/detectors.md).
CLEAR = 5.0
NAN = float("nan")


@dataclass(frozen=True)
class DoubleLines:
    """Evidence for two sets of lines.

    Parameters
    ----------
    value : float
        Square root of the chi^2 that a second star saves, in units of what it saves at velocities where none can be
        (at least of the noise): sigma. Less where the second star's light is so little that templates may lack it. NaN
        where there is no value.
    unit : str
        "σ".
    text : str
        One sentence for a person.
    reasons : tuple of Reason
        Where two stars fit better than one, vacuum Angstrom.
    absent : str
        Why there is no value.
    separation, separation_sigma : float
        km/s between the two, and its error.
    flux_ratio, flux_ratio_sigma : float
        Light of the fainter over the brighter between 4000 and 5570 A.
    velocities : tuple of float
        km/s, of the brighter and the fainter, in the spectrum's frame.
    """

    value: float
    unit: str = "σ"
    text: str = ""
    reasons: tuple[Reason, ...] = ()
    absent: str = ""
    separation: float = NAN
    separation_sigma: float = NAN
    flux_ratio: float = NAN
    flux_ratio_sigma: float = NAN
    velocities: tuple[float, float] = (NAN, NAN)


def double_lines(report: Any) -> DoubleLines:
    """Whether the lines of the report's optical spectrum are those of two stars.

    Parameters
    ----------
    report : Report
        Only its star's spectra are read: LAMOST's, else SDSS's.
    """
    spectrum = optical(report)
    if spectrum is None:
        return DoubleLines(NAN, absent="there is no optical spectrum")
    return double_lines_of(spectrum)


def optical(report: Any) -> Spectrum | None:
    """The spectrum that lines can be seen in."""
    spectra = report.star.spectra
    return next((spectra[s] for s in ("lamost_lrs", "sdss", "other") if s in spectra), None)


def double_lines_of(spectrum: Spectrum) -> DoubleLines:
    """:func:`double_lines` of a spectrum."""
    try:
        star = one_star(spectrum)
    except SpecvizError as error:
        return DoubleLines(NAN, absent=absent_because(error))
    pair = _Pair(star)
    value = pair.value
    light, separation = pair.flux_ratio, pair.separation
    if value >= CLEAR:
        text = (
            f"Two sets of lines {separation[0]:.0f} ± {separation[1]:.0f} km/s apart, the second with"
            f" {light[0]:.2f} ± {light[1]:.2f} of the first one's light ({value:.1f} σ)."
        )
    else:
        text = f"One set of lines explains the spectrum: a second star saves {value:.1f} σ only."
    reasons = pair.reasons(spectrum.survey) if value >= CLEAR else ()
    return DoubleLines(value, "σ", text, reasons, "", *separation, *light, pair.velocities)


def absent_because(error: SpecvizError) -> str:
    """What an error says, to stand after "not made:"."""
    said = error.what.rstrip(".")
    return said[:1].lower() + said[1:]


class _Pair:
    """Best fit of two stars, against the best of one.

    With y the filtered lines, both hypotheses may add the ``DIRECTIONS`` strongest differences between templates that
    fit almost as well at the velocity of the star; y and all templates are projected on what is left. One star is then
    a T_k(v) over rotations k and velocities, two stars a_1 T_1(v_1) + a_2 T_2(v_2) with positive a over pairs of
    slowly rotating templates and velocities at least ``APART`` half pixels apart: every pair is a 2 x 2 system whose
    numbers are elements of one Gram matrix.
    """

    def __init__(self, star: OneStar) -> None:
        self.star, bank = star, star.bank
        self.root = np.sqrt(star.weight).astype(np.float32)
        self.basis = self._directions()
        self.y = self._left((star.lines.astype(np.float32) * self.root)[None])[0]
        shifts = np.arange(-NEAR, NEAR + 1)
        self.kinds = which = _companions(bank, star.best)
        rows = np.concatenate([bank.shifted(star.shift + int(k))[which] for k in shifts])
        self.templates = self._left(rows * self.root)
        self.shift = np.repeat(shifts, len(which))
        self.which = np.tile(which, len(shifts))
        one, self.broad = self._one()
        gain, self.first, self.second, self.light = self._two()
        far = self._far()
        self.saved = max(gain - one, 0.0)
        dof = max(int((star.weight > 0).sum()) - DIRECTIONS - 2, 1)
        left = max((float(self.y @ self.y) - gain) / dof, 1e-9)
        self.unit = max(float(np.sqrt(left)), far, 1.0)
        value = float(np.sqrt(self.saved)) / self.unit
        light = self.flux_ratio[0]
        self.value = value / float(np.hypot(1.0, value * LIGHT_FLOOR / light)) if light > 0 else 0.0

    def _directions(self) -> NDArray[np.float32]:
        """Orthonormal, (DIRECTIONS, n)."""
        star = self.star
        near = star.bank.shifted(star.shift)[star.near] * self.root
        difference = near[1:] - near[0]
        values, vectors = np.linalg.eigh(product(difference, difference.T).astype(np.float64))
        keep = np.flatnonzero(values > 1e-5 * values[-1])[-DIRECTIONS:]
        mix = (vectors[:, keep] / np.sqrt(values[keep])).T.astype(np.float32)
        return np.asarray(product(mix, difference), np.float32)

    def _left(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the directions leave of rows (k, n)."""
        return np.asarray(rows - product(product(rows, self.basis.T), self.basis), np.float32)

    def _one(self) -> tuple[float, NDArray[np.float32]]:
        """What one star explains of chi^2, over rotations and velocities; and its lines."""
        star, bank = self.star, self.star.bank
        same = np.flatnonzero(
            (bank.teff == bank.teff[star.best]) & (bank.logg == bank.logg[star.best])
            & (bank.fe_h == bank.fe_h[star.best]) & (bank.vsini <= fastest(bank.teff[star.best]))
        )  # fmt: skip
        shifts = range(-3, 4)
        rows = self._left(np.concatenate([bank.shifted(star.shift + k)[same] for k in shifts]) * self.root)
        b = product(rows, self.y)
        g = np.maximum(np.einsum("ij,ij->i", rows, rows), 1e-9)
        gain = np.where(b > 0, b * b / g, 0.0)
        # Rotations and velocities are sampled: a pair of neighbouring samples stands for what lies between them.
        top = int(np.argmax(gain))
        chosen = rows[top]
        return float(_between(rows, b, g, gain, len(same))), chosen

    def _two(self) -> tuple[float, int, int, tuple[float, float, Array]]:
        gram = product(self.templates, self.templates.T).astype(np.float64)
        b = product(self.templates, self.y).astype(np.float64)
        g = np.diag(gram)
        det = g[:, None] * g[None, :] - gram**2
        apart = np.abs(self.shift[:, None] - self.shift[None, :]) >= APART
        usable = apart & (det > 1e-4 * g[:, None] * g[None, :])
        a1 = np.where(usable, (b[:, None] * g[None, :] - b[None, :] * gram) / np.where(usable, det, 1.0), 0.0)
        a2 = a1.T
        both = np.where(usable & (a1 > 0) & (a2 > 0) & (a1 >= a2), a1 * b[:, None] + a2 * b[None, :], 0.0)
        i, j = np.unravel_index(int(np.argmax(both)), both.shape)
        if both[i, j] <= 0:
            return 0.0, 0, 0, (NAN, NAN, np.full((2, 2), NAN))
        covariance = np.array([[g[j], -gram[i, j]], [-gram[i, j], g[i]]]) / det[i, j]
        return float(both[i, j]), int(i), int(j), (float(a1[i, j]), float(a2[i, j]), covariance)

    def _far(self) -> float:
        """Root mean square of a second star's light over its error, at velocities where it cannot be."""
        star = self.star
        limit = 2 * MARGIN - 2
        shifts = [s * k for k in range(FAR[0], FAR[1] + 1, 3) for s in (-1, 1) if abs(star.shift + s * k) <= limit]
        rows = self._left(star.bank.few_at(self.kinds[:2], star.shift, shifts) * self.root)
        t = self.broad
        tt = float(t @ t)
        rest = self.y - t * (float(t @ self.y) / tt)
        rows = rows - product(rows, t)[:, None] * (t / tt)[None, :]
        z = product(rows, rest) / np.sqrt(np.maximum(np.einsum("ij,ij->i", rows, rows), 1e-9))
        return float(np.sqrt(np.mean(z**2)))

    @property
    def flux_ratio(self) -> tuple[float, float]:
        a1, a2, covariance = self.light
        if not np.isfinite(a1):
            return NAN, NAN
        slope = np.array([-a2 / a1**2, 1.0 / a1])
        return a2 / a1, float(np.sqrt(slope @ covariance @ slope)) * self.unit

    @property
    def separation(self) -> tuple[float, float]:
        if not np.isfinite(self.light[0]):
            return NAN, NAN
        apart = abs(int(self.shift[self.first] - self.shift[self.second])) * HALF_PIXEL
        # A grid of half pixels, and the fainter star's own error: FWHM / (2.35 times its significance).
        return apart, float(np.hypot(HALF_PIXEL / np.sqrt(6.0), 166.0 / 2.35 / max(self.value, 1.0)))

    @property
    def velocities(self) -> tuple[float, float]:
        if not np.isfinite(self.light[0]):
            return NAN, NAN
        star = self.star
        v = [(star.shift + int(self.shift[k])) * HALF_PIXEL + star.offset for k in (self.first, self.second)]
        return v[0], v[1]

    def reasons(self, survey: str, most: int = 3) -> tuple[Reason, ...]:
        """The stretches in which two stars save most of chi^2."""
        t = self.broad
        one = self.y - t * (float(t @ self.y) / float(t @ t))
        two = self.y - self.light[0] * self.templates[self.first] - self.light[1] * self.templates[self.second]
        saved = np.convolve(one.astype(np.float64) ** 2 - two.astype(np.float64) ** 2, np.ones(15), mode="same")
        wave = LAMOST_NATIVE[FITTED]
        out = []
        for _ in range(most):
            peak = int(np.argmax(saved))
            if saved[peak] <= 0:
                break
            low, high = max(peak - 10, 0), min(peak + 10, wave.size - 1)
            mean = float(np.sqrt(saved[peak] / 15.0))
            out.append(
                Reason("Double lines", "star", float(wave[peak]), float(wave[low]), float(wave[high]), mean, survey)
            )
            saved[max(low - 10, 0) : high + 11] = 0.0
        return tuple(out)


def _companions(bank: TemplateBank, best: int) -> NDArray[np.intp]:
    """Templates of two stars: the best one's own labels, and hotter and cooler ones of its iron. Without rotation, or
    with the slowest where the best template rotates: the resolution differs from plate to plate.
    """
    slow = np.flatnonzero(bank.vsini == min(bank.vsini[best], VSINI[1]))
    teff, logg, fe_h = bank.teff[slow], bank.logg[slow], bank.fe_h[slow]
    own, gravity = bank.teff[best], bank.logg[best]
    found: list[int] = []
    for t, g in ((own, gravity), (own * 0.88, max(gravity, 4.3)), (own * 1.1, gravity)):
        far = np.abs(np.log(teff / t)) / 0.03 + np.abs(logg - g) / 0.3 + np.abs(fe_h - bank.fe_h[best]) / 0.3
        found.append(int(slow[np.argmin(far)]))
    return np.array(list(dict.fromkeys(found)), np.intp)


def fastest(teff: float) -> float:
    """The fastest rotation (km/s) that one star of this temperature is granted: cool dwarfs brake (Kraft 1967, ApJ
    150, 551), and what looks like 200 km/s in them is two stars.
    """
    return float(np.interp(teff, (6200.0, 7000.0), (150.0, 300.0)))


def _between(rows: NDArray[np.float32], b: NDArray[np.float32], g: NDArray[np.float32], gain: Array, n: int) -> float:
    """The most that a positive mixture of the best sample and one beside it explains."""
    top = int(np.argmax(gain))
    best = float(gain[top])
    for other in (top - n, top + n, top - 1, top + 1, top - n + 1, top + n + 1, top - n - 1, top + n - 1):
        if not 0 <= other < len(rows) or abs(other % n - top % n) > 1:
            continue
        cross = float(rows[top] @ rows[other])
        det = float(g[top] * g[other]) - cross**2
        if det <= 1e-5 * float(g[top] * g[other]):
            continue
        a1 = (float(b[top]) * float(g[other]) - float(b[other]) * cross) / det
        a2 = (float(b[other]) * float(g[top]) - float(b[top]) * cross) / det
        if a1 > 0 and a2 > 0:
            best = max(best, a1 * float(b[top]) + a2 * float(b[other]))
    return best
