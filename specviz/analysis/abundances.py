"""``fit_abundances``: 28 labels of a star from its optical spectrum, fitted with the spectral emulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.analysis.engine import Engine, cancel_check
from specviz.errors import ModelError, NotFoundError
from specviz.models.posterior import Posterior, label_unit
from specviz.spectra.frames import header_velocity
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

if TYPE_CHECKING:
    from specviz.models.phdlspec.calibration import LabelCalibration
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
        As fitted: never corrected, for it belongs to the spectrum that it draws.
    start : mapping of str to float
        The first guess.
    started_by : str
        Who made it: a model's name and version, "given", or "grid" (the emulator's own).
    emulator : str
        Name and version of the emulator; ``weights_sha256`` is its hash.
    weights_sha256 : str
    calibration : LabelCalibration, optional
        Offsets that :attr:`labels`, :attr:`errors`, :meth:`table` and :meth:`posterior` hold.
    """

    fit: LabelFit
    start: Mapping[str, float]
    started_by: str
    emulator: str
    weights_sha256: str
    calibration: LabelCalibration | None = None

    def informed(self, label: str) -> bool:
        """Whether the spectrum says more of a label than the prior did (gain of :data:`LEAST_GAIN`)."""
        return self.fit.gain[label] >= LEAST_GAIN

    @cached_property
    def offsets(self) -> dict[str, float]:
        """What the calibration adds to a label; labels that it leaves alone are not in it."""
        return {} if self.calibration is None else self.calibration.offsets(self.fit)

    @property
    def labels(self) -> dict[str, float]:
        """The 28 labels, corrected."""
        return {name: value + self.offsets.get(name, 0.0) for name, value in self.fit.labels.items()}

    @property
    def errors(self) -> dict[str, float]:
        """Standard errors of the 28 labels, with the scatter of the calibration's references."""
        extra = {} if self.calibration is None else self.calibration.corrections
        return {
            name: float(np.hypot(self.fit.errors[name], extra[name].scatter if name in extra else 0.0))
            for name in self.fit.labels
        }

    def table(self) -> Any:
        """One row a label: value, error, unit, gain, and a note ("prior", "edge", ""); an ``astropy.table.Table``.

        With a calibration, ``offset`` is what it added, and the table's meta says whose it is.
        """
        from astropy.table import Table

        rows = []
        labels, errors = self.labels, self.errors
        for name, value in labels.items():
            note = "edge" if name in self.fit.at_edge else "" if self.informed(name) else "prior"
            rows.append((name, value, errors[name], label_unit(name), self.fit.gain[name], note))
        meta = {"emulator": self.emulator, "weights_sha256": self.weights_sha256, "start": self.started_by}
        table = Table(rows=rows, names=("label", "value", "error", "unit", "gain", "note"), meta=meta)
        if self.calibration is not None:
            table["offset"] = [self.offsets.get(name, 0.0) for name in labels]
            table.meta["calibration"] = str(self.calibration)
            table.meta["calibration_reaches"] = self.calibration.reaches(self.fit)
        return table

    def posterior(self, samples: int = 10_000, seed: int | None = 0) -> Posterior:
        """The labels as a :class:`Posterior`; those that the prior decided carry a note, and those that a calibration
        has moved.
        """
        names = tuple(self.fit.labels)
        notes = {n: "decided by the prior: the spectrum says little of it" for n in names if not self.informed(n)}
        drawn = self.fit.samples(samples, seed)
        if self.calibration is not None:
            extra = np.random.default_rng(seed).standard_normal(drawn.shape)
            for k, name in enumerate(names):
                if name in self.offsets:
                    drawn[:, k] += self.offsets[name] + self.calibration.corrections[name].scatter * extra[:, k]
                    moved = f"{self.offsets[name]:+.3g} added after {self.calibration.source}"
                    notes[name] = f"{notes[name]}; {moved}" if name in notes else moved
        return Posterior(names, drawn, survey="lamost_lrs", notes=notes)


def fit_abundances(
    star: Star | Spectrum,
    engine: Engine | None = None,
    *,
    start: Mapping[str, float] | None = None,
    emulator: Any = None,
    calibration: LabelCalibration | str | Path | None = None,
    cancel: Any = None,
) -> Abundances:
    """Fit the labels of a star's LAMOST spectrum.

    Parameters
    ----------
    star : Star or Spectrum
    engine : Engine, optional
        Whose posterior is the first guess, where ``start`` is not given; without one the emulator's own grid is.
    start : mapping of str to float, optional
        teff (K), logg, fe_h; rv (km/s) and others if known.
    emulator : Emulator, optional
        ``load_model("phdlspec-small")`` by default.
    calibration : LabelCalibration or path, optional
        Offsets to add, made with :meth:`LabelCalibration.learn` for the same emulator.
    cancel : threading.Event or callable() -> bool, optional
        Asked before each step.

    Raises
    ------
    NotFoundError
        If the star has no LAMOST spectrum.
    ModelError
        If the engine says nothing of the star, the spectrum has no errors, or the calibration is for another emulator.
    CheckpointError
        If the calibration's file cannot be read.
    CoverageError
        If too few pixels can be used.
    CancelledError
        When ``cancel`` says so.
    """
    from specviz.models.phdlspec.fitted import fitter_of
    from specviz.models.phdlspec.starting import first_guess
    from specviz.models.registry import load_model

    stop: Callable[[], None] = cancel_check(cancel)
    spectrum = _optical(star)
    by = "given"
    if start is None and engine is not None:
        start, by = _first_guess(spectrum, engine, stop), f"{engine.name} {engine.describe().version}"
    emulator = emulator or load_model("phdlspec-small")
    card = emulator.describe()
    offsets = _calibration(calibration, card.weights_sha256)
    stop()
    fitter = fitter_of(emulator, spectrum)
    if start is None:
        start, by = first_guess(fitter, spectrum).start, "grid"
    inside = {k: float(np.clip(v, *emulator.ranges[k])) if k in emulator.ranges else float(v) for k, v in start.items()}
    found = fitter.fit(inside, stop=stop)
    return Abundances(found, inside, by, f"{card.name} {card.version}", card.weights_sha256, offsets)


def _calibration(asked: LabelCalibration | str | Path | None, weights_sha256: str) -> LabelCalibration | None:
    from specviz.models.phdlspec.calibration import LabelCalibration

    found = LabelCalibration.load(asked) if isinstance(asked, (str, Path)) else asked
    if found is not None and found.emulator != weights_sha256:
        raise ModelError(
            "This calibration was learned with another emulator", expected=f"one for {weights_sha256[:12]}",
            remedy="Learn it again from fits with this one",
        )  # fmt: skip
    return found


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
