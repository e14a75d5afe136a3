"""``fit_abundances``: 28 labels of a star from its optical spectrum, fitted with the spectral emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.analysis.engine import Engine, cancel_check
from specviz.errors import ModelError, NotFoundError
from specviz.models.posterior import Posterior, label_unit
from specviz.spectra.frames import header_velocity
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

if TYPE_CHECKING:
    from specviz.models.phdlspec.fitting import LabelFit

#: Below this many times the width of the prior, a label is what was believed before, not what the spectrum says.
LEAST_GAIN = 1.2
#: Optical surveys whose spectra the fit knows the line width of; the first that a star has.
_OPTICAL = ("lamost_lrs",)


@dataclass(frozen=True, eq=False)
class Abundances:
    """A fit and what it was begun from.

    Parameters
    ----------
    fit : LabelFit
    start : mapping of str to float
        The first guess.
    started_by : str
        Who made it: a model's name and version, or "given".
    emulator : str
        Name and version of the emulator; ``weights_sha256`` is its hash.
    weights_sha256 : str
    """

    fit: LabelFit
    start: Mapping[str, float]
    started_by: str
    emulator: str
    weights_sha256: str

    def informed(self, label: str) -> bool:
        """Whether the spectrum says more of a label than the prior did (gain of :data:`LEAST_GAIN`)."""
        return self.fit.gain[label] >= LEAST_GAIN

    def table(self) -> Any:
        """One row a label: value, error, unit, gain, and a note ("prior", "edge", ""); an ``astropy.table.Table``."""
        from astropy.table import Table

        rows = []
        for name, value in self.fit.labels.items():
            note = "edge" if name in self.fit.at_edge else "" if self.informed(name) else "prior"
            rows.append((name, value, self.fit.errors[name], label_unit(name), self.fit.gain[name], note))
        meta = {"emulator": self.emulator, "weights_sha256": self.weights_sha256, "start": self.started_by}
        return Table(rows=rows, names=("label", "value", "error", "unit", "gain", "note"), meta=meta)

    def posterior(self, samples: int = 10_000, seed: int | None = 0) -> Posterior:
        """The labels as a :class:`Posterior`; those that the prior decided carry a note."""
        names = tuple(self.fit.labels)
        notes = {n: "decided by the prior: the spectrum says little of it" for n in names if not self.informed(n)}
        return Posterior(names, self.fit.samples(samples, seed), survey="lamost_lrs", notes=notes)


def fit_abundances(
    star: Star | Spectrum,
    engine: Engine | None = None,
    *,
    start: Mapping[str, float] | None = None,
    emulator: Any = None,
    cancel: Any = None,
) -> Abundances:
    """Fit the labels of a star's LAMOST spectrum.

    Parameters
    ----------
    star : Star or Spectrum
    engine : Engine, optional
        Whose posterior is the first guess, where ``start`` is not given.
    start : mapping of str to float, optional
        teff (K), logg, fe_h; rv (km/s) and others if known.
    emulator : Emulator, optional
        ``load_model("phdlspec-small")`` by default.
    cancel : threading.Event or callable() -> bool, optional
        Asked before each step.

    Raises
    ------
    NotFoundError
        If the star has no LAMOST spectrum.
    ModelError
        If there is no first guess.
    CoverageError
        If too few pixels can be used.
    CancelledError
        When ``cancel`` says so.
    """
    from specviz.models.phdlspec.fitting import LabelFitter
    from specviz.models.registry import load_model

    stop: Callable[[], None] = cancel_check(cancel)
    spectrum = _optical(star)
    if start is None:
        if engine is None:
            raise ModelError("There is no first guess", expected="an engine, or start with teff, logg and fe_h")
        start, by = _first_guess(spectrum, engine, stop), f"{engine.name} {engine.describe().version}"
    else:
        by = "given"
    emulator = emulator or load_model("phdlspec-small")
    stop()
    ivar = np.zeros(spectrum.flux.size) if spectrum.ivar is None else np.where(spectrum.good, spectrum.ivar, 0.0)
    fitter = LabelFitter(emulator, spectrum.wavelength_angstrom, np.nan_to_num(spectrum.flux), ivar)
    card = emulator.describe()
    inside = {k: float(np.clip(v, *emulator.ranges[k])) if k in emulator.ranges else float(v) for k, v in start.items()}
    found = fitter.fit(inside, stop=stop)
    return Abundances(found, inside, by, f"{card.name} {card.version}", card.weights_sha256)


def _optical(star: Star | Spectrum) -> Spectrum:
    if isinstance(star, Spectrum):
        return star
    for survey in _OPTICAL:
        if survey in star.spectra:
            return star.spectra[survey]
    raise NotFoundError(f"{star.name} has no LAMOST spectrum", expected="an optical spectrum of R = 1800")


def _first_guess(spectrum: Spectrum, engine: Engine, stop: Callable[[], None]) -> dict[str, float]:
    """Medians of a model's posterior; the velocity that came with the spectrum counts for more than the model's."""
    stop()
    report = engine.analyse(spectrum, samples=500)
    if report.posterior is None:
        raise ModelError(f"{engine.name} says nothing of this star: {report.problem or 'no posterior'}")
    start = {name: median for name, (median, _, _) in report.posterior.summary().items()}
    velocity = 0.0 if spectrum.frame == "rest" else header_velocity(spectrum)
    if velocity is not None:
        start["rv"] = velocity
    alpha = start.pop("alpha_fe", None)
    if alpha is not None:
        from specviz.models.phdlspec.config import ALPHA_LABELS

        start = {**dict.fromkeys(ALPHA_LABELS, alpha), **start}
    lacking = [n for n in ("teff", "logg", "fe_h") if n not in start]
    if lacking:
        raise ModelError(f"{engine.name} gives no {', '.join(lacking)}", remedy="Give start=... instead")
    return {name: float(v) for name, v in start.items() if np.isfinite(v)}
