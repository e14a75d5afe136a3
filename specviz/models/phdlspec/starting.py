"""A first guess of a star's labels from the emulator alone: velocity by cross-correlation, then the best of a grid.

Some 400 emulated spectra of stars that exist (main sequence to giants, every metallicity) are computed once an
emulator. A spectrum is compared with all of them at its velocity, each with the continuum that suits it best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from specviz.errors import SpecvizError
from specviz.models.phdlspec.config import ALPHA_LABELS
from specviz.models.threads import alone
from specviz.spectra.frames import C_KM_S, header_velocity
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.velocity import cross_correlate

if TYPE_CHECKING:
    from specviz.models.phdlspec.fitting import LabelFitter
    from specviz.models.phdlspec.model import Emulator

Array = NDArray[np.float64]
#: Gravities of the grid by temperature (K): dwarf to the brightest giant.
_GRAVITIES = (
    (3500.0, (0.6, 1.2, 4.9)), (3800.0, (0.8, 1.4, 4.75)), (4100.0, (0.9, 1.5, 2.1, 4.65)),
    (4400.0, (1.1, 1.8, 2.5, 4.6)), (4700.0, (1.5, 2.1, 2.7, 3.3, 4.55)), (5000.0, (1.9, 2.5, 3.2, 3.9, 4.55)),
    (5300.0, (2.3, 3.0, 3.7, 4.5)), (5600.0, (2.5, 3.4, 4.0, 4.45)), (5900.0, (3.3, 3.9, 4.4)),
    (6200.0, (3.4, 3.9, 4.3)), (6600.0, (3.5, 4.0, 4.35)), (7000.0, (3.5, 4.2)), (7500.0, (3.4, 4.2)),
    (8100.0, (3.3, 4.1)), (8900.0, (3.2, 4.1)), (9800.0, (3.3, 4.1)), (11000.0, (3.5, 4.1)),
)  # fmt: skip
_METALS = (-2.2, -1.6, -1.1, -0.7, -0.35, -0.05, 0.25)
#: Resolving power of the grid's spectra, about LAMOST's.
_RESOLUTION = 1800.0
#: Labels of the templates of the velocity: teff, logg, fe_h.
_TEMPLATES = (
    (3600.0, 4.8, -0.2), (3900.0, 1.3, -0.3), (4600.0, 2.5, -0.2), (5000.0, 2.6, -1.5), (5100.0, 4.5, 0.0),
    (5800.0, 4.3, -0.2), (6100.0, 4.2, -1.6), (6600.0, 4.1, -0.2), (7800.0, 4.0, 0.0), (9800.0, 3.9, 0.0),
)  # fmt: skip
#: Spectra of the grid compared at once.
_TOGETHER = 64


@dataclass(frozen=True, eq=False)
class Guess:
    """A first guess.

    Parameters
    ----------
    start : dict of str to float
        teff, logg, fe_h, the alpha elements and rv, as a fit begins with.
    rv_by : str
        "cross-correlation", "header", or "nothing" where no velocity could be told (then it is 0).
    chi2 : float
        Of the best spectrum of the grid.
    """

    start: dict[str, float]
    rv_by: str
    chi2: float


class Starter:
    """The grid of one emulator; get it from :func:`starter_of`, which keeps it."""

    def __init__(self, emulator: Emulator) -> None:
        points = [(t, g, m) for t, gravities in _GRAVITIES for g in gravities for m in _METALS]
        self.labels = np.array(points)
        alpha = np.clip(-0.4 * self.labels[:, 2], 0.0, 0.3)
        self._alpha = alpha
        names = dict(zip(("teff", "logg", "fe_h"), self.labels.T, strict=True))
        norm = emulator.spectra({**names, "alpha_fe": alpha}, continuum=False, sed=False, outside="clip").norm
        assert norm is not None
        self.wave = emulator.wave
        self._step = float(np.log(self.wave[1] / self.wave[0]))
        sigma = np.sqrt(_RESOLUTION**-2 - 5000.0**-2) / np.sqrt(8.0 * np.log(2.0)) / self._step
        self.norm = gaussian_filter1d(norm, sigma, axis=1, mode="nearest")
        # The velocity's templates on every other sample: LAMOST's own step.
        places = [int(np.argmin(np.abs((self.labels - np.array(t)) / (300.0, 0.4, 0.3)).sum(1))) for t in _TEMPLATES]
        self._templates = [
            Spectrum(self.wave[::2], self.norm[i, ::2].astype(np.float64), survey="lamost_lrs", frame="rest",
                     meta={"object_id": f"{self.labels[i, 0]:.0f} K"})
            for i in dict.fromkeys(places)
        ]  # fmt: skip

    def velocity(self, spectrum: Spectrum) -> tuple[float, str]:
        """Radial velocity of a spectrum (km/s) and where it comes from."""
        try:
            return cross_correlate(spectrum, self._templates).rv, "cross-correlation"
        except SpecvizError:  # noise, or no line that the templates show: what came with the spectrum, if anything
            rv = header_velocity(spectrum) if spectrum.frame != "rest" else 0.0
            return (rv, "header") if rv is not None else (0.0, "nothing")

    def guess(self, fitter: LabelFitter, spectrum: Spectrum) -> Guess:
        """The best of the grid at the velocity of the spectrum."""
        rv, by = self.velocity(spectrum)
        chi2 = self.chi2(fitter, rv)
        best = int(np.argmin(chi2))
        # Neighbours that fit about as well pull the guess off the grid's points.
        share = np.exp(-0.5 * (chi2 - chi2[best]) / max(chi2[best] / fitter.used.sum(), 1.0) / 30.0)
        near = (np.abs(self.labels - self.labels[best]) <= (350.0, 0.8, 0.65)).all(1)
        share *= near
        teff, logg, fe_h = share @ self.labels / share.sum()
        alpha = float(share @ self._alpha / share.sum())
        start = {"teff": float(teff), "logg": float(logg), "fe_h": float(fe_h), "rv": float(np.clip(rv, -850, 850))}
        return Guess({**start, **dict.fromkeys(ALPHA_LABELS, alpha)}, by, float(chi2[best]))

    def chi2(self, fitter: LabelFitter, rv: float) -> Array:
        """Of every spectrum of the grid, each with the continuum that fits best, shape (n,)."""
        used = fitter.used
        place = np.log(fitter.wave[used] / self.wave[0] / (1.0 + rv / C_KM_S)) / self._step
        left = np.clip(np.floor(place).astype(np.intp), 0, self.wave.size - 2)
        part = (place - left).astype(np.float32)
        basis = (fitter.basis[used] / fitter.sigma[used, None]).astype(np.float32)
        filled = np.flatnonzero((basis**2).sum(0) > 0)
        basis, data = basis[:, filled], (fitter.flux / fitter.sigma)[used]
        products = (basis[:, :, None] * basis[:, None, :]).reshape(len(basis), -1)
        out = []
        for i in range(0, len(self.norm), _TOGETHER):
            model = (
                self.norm[i : i + _TOGETHER][:, left] * (1.0 - part) + self.norm[i : i + _TOGETHER][:, left + 1] * part
            )
            gram = ((model**2) @ products).reshape(len(model), len(filled), len(filled)).astype(np.float64)
            gram += 1e-6 * np.trace(gram, axis1=1, axis2=2)[:, None, None] / len(filled) * np.eye(len(filled))
            right = (model * data.astype(np.float32)) @ basis
            found = np.linalg.solve(gram, right[..., None].astype(np.float64))[..., 0]
            residual = data - (found.astype(np.float32) @ basis.T) * model
            # A few wild pixels must not choose the star.
            out.append(np.minimum(residual**2, 25.0 * np.median(residual**2, axis=1, keepdims=True) + 9.0).sum(1))
        return np.concatenate(out).astype(np.float64)


_STARTERS: WeakKeyDictionary[Emulator, Starter] = WeakKeyDictionary()


def starter_of(emulator: Emulator) -> Starter:
    """The emulator's grid, made when it is first asked for (about a second)."""
    if emulator not in _STARTERS:
        _STARTERS[emulator] = Starter(emulator)
    return _STARTERS[emulator]


def first_guess(fitter: LabelFitter, spectrum: Spectrum) -> Guess:
    """What a fit of ``spectrum`` begins with, from the emulator alone."""
    with alone():
        return starter_of(fitter.emulator).guess(fitter, spectrum)
