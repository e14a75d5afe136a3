"""``PhdlspecStudy``: 28 labels fitted to a star's optical spectrum, and the spectrum that other labels would give.

The fit is made once a star. Whatever is turned by hand afterwards is one emulated spectrum, seen as the fit saw it and
put on the continuum that suits it best: a few milliseconds, so that a picture can follow a slider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.abundances import Abundances, fit_abundances
from specviz.analysis.engine import Engine
from specviz.analysis.report import Report
from specviz.analysis.studies.line_windows import LineWindow, strongest_windows
from specviz.analysis.studies.protocol import Stop
from specviz.errors import OptionError, did_you_mean

if TYPE_CHECKING:
    from specviz.models.phdlspec.label_fit import LabelFit
    from specviz.models.phdlspec.turning import Turning

Array = NDArray[np.float64]
Clipped = tuple[str, float, float]
#: How far a chosen label is moved, up and down, to show where it speaks: K, dex, km/s; dex for every ratio.
STEPS: Mapping[str, float] = {"teff": 200.0, "logg": 0.3, "vmic": 0.5, "fe_h": 0.3}
_STEP = 0.3


@dataclass(frozen=True)
class FittedLabel:
    """One label of the fit.

    Parameters
    ----------
    name : str
    value, error : float
        K, dex or km/s.
    gain : float
        How many times narrower the posterior is than the prior.
    low, high : float
        What the emulator has learned.
    note : {"", "prior", "edge"}
        Decided by the prior; at the edge of what the emulator has learned.
    """

    name: str
    value: float
    error: float
    gain: float
    low: float
    high: float
    note: str = ""


@dataclass(frozen=True, eq=False)
class Fitted:
    """The fit of a star: the same object for every answer about it.

    Parameters
    ----------
    labels : tuple of FittedLabel
        28.
    wave : array, shape (L,)
        Vacuum Angstrom, as observed.
    flux, error, model : array, shape (L,)
        Over the continuum of the fit, NaN outside the fitted range; ``error`` with what the fit adds for the model.
    used, seen : array of bool, shape (L,)
        Pixels that were fitted; pixels that hold an observation.
    chi2 : float
    dof : int
    excess : float
        By how much chi square varies more than it would for independent pixels with the given errors.
    rv : float
        km/s.
    converged : bool
    started_by, emulator : str
        Who made the first guess; name and version of the emulator.
    """

    labels: tuple[FittedLabel, ...]
    wave: Array
    flux: Array
    error: Array
    model: Array
    used: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    chi2: float
    dof: int
    excess: float
    rv: float
    converged: bool
    started_by: str
    emulator: str

    def label(self, name: str) -> FittedLabel:
        """One label by its name."""
        return next(label for label in self.labels if label.name == name)


@dataclass(frozen=True, eq=False)
class Turned:
    """The spectrum of labels that were turned by hand; all others are those of the fit.

    Parameters
    ----------
    dials : mapping of str to float
        The turned labels as they are drawn.
    model : array, shape (L,)
        On the continuum that suits it best, over the continuum of the fit.
    chi2 : float
        Of the pixels that were fitted.
    clipped : tuple of (name, asked, drawn)
        Labels that were asked for beyond what the emulator has learned.
    """

    dials: Mapping[str, float]
    model: Array
    chi2: float
    clipped: tuple[Clipped, ...] = ()


@dataclass(frozen=True, eq=False)
class Element:
    """Where a label speaks.

    Parameters
    ----------
    name : str
    windows : tuple of LineWindow
        Strongest first.
    more, less : array, shape (L,)
        The fit with the label moved up and down, over the continuum of the fit.
    up, down : float
        By how much: less than :data:`STEPS` where the emulator's range ends.
    """

    name: str
    windows: tuple[LineWindow, ...]
    more: Array
    less: Array
    up: float
    down: float


@dataclass(frozen=True, eq=False)
class PhdlspecAnswer:
    """What the panel draws: the fit, what was turned by hand (None: nothing), the chosen label (None: none)."""

    fitted: Fitted
    turned: Turned | None = None
    element: Element | None = None


@dataclass(eq=False)
class Board:
    """A fitted star, ready to be turned.

    Parameters
    ----------
    abundances : Abundances
    turning : Turning
    fitted : Fitted
    slopes : array, shape (L, 28)
        Derivative of the normalised flux by each label, at the fit.
    """

    abundances: Abundances
    turning: Turning
    fitted: Fitted
    slopes: Array
    elements: dict[str, Element] = field(default_factory=dict)

    def labels(
        self, dials: Iterable[tuple[str, float]]
    ) -> tuple[dict[str, float], tuple[tuple[str, float, float], ...]]:
        """The turned labels within what the emulator has learned, and those that were not.

        Raises
        ------
        OptionError
            For a label that there is not.
        """
        drawn, clipped = {}, []
        for name, asked in dials:
            label = self.known("dials", name)
            drawn[name] = float(np.clip(asked, label.low, label.high))
            if abs(drawn[name] - asked) > 1e-5 * max(abs(asked), 1.0):
                clipped.append((name, asked, drawn[name]))
        return drawn, tuple(clipped)

    def known(self, option: str, name: str) -> FittedLabel:
        """A label by its name; OptionError for one that there is not."""
        names = [label.name for label in self.fitted.labels]
        if name not in names:
            raise OptionError(
                f"{option}: there is no label {name!r}", expected=", ".join(names), remedy=did_you_mean(name, names)
            )
        return self.fitted.labels[names.index(name)]

    def spectrum(self, dials: Mapping[str, float]) -> tuple[Array, float]:
        """The model with some labels turned, over the continuum of the fit (L,), and its chi square."""
        fit = self.abundances.fit
        labels = np.array([dials.get(label.name, label.value) for label in self.fitted.labels])
        model, chi2 = self.turning.spectrum(labels)
        return model / _level(fit), chi2

    def element(self, name: str) -> Element:
        """Where a label speaks; kept, for it does not change with the dials."""
        label = self.known("element", name)
        if name not in self.elements:
            fitted, step = self.fitted, STEPS.get(name, _STEP)
            up, down = min(step, label.high - label.value), min(step, label.value - label.low)
            signal = self.slopes[:, fitted.labels.index(label)] / fitted.error
            windows = strongest_windows(name, fitted.wave, signal, fitted.used, fitted.rv)
            more, less = (self.spectrum({name: label.value + by})[0] for by in (up, -down))
            self.elements[name] = Element(name, windows, more, less, up, down)
        return self.elements[name]


class PhdlspecStudy:
    """The star on screen fitted with the spectral emulator.

    Parameters
    ----------
    engine : callable
        Gives the engine whose posterior is the first guess.
    """

    options = ("dials", "element")

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def prepare(self, report: Report, stop: Stop) -> Board:
        """Fit the star, a few seconds.

        Raises
        ------
        NotFoundError, CoverageError, ModelError
            If the star has no LAMOST spectrum, too little of one, or no first guess.
        """
        from specviz.models.registry import load_model

        def stopped() -> bool:
            stop()
            return False

        emulator = load_model("phdlspec-small")
        stop()
        abundances = fit_abundances(report.star, self._engine(), emulator=emulator, cancel=stopped)
        stop()
        return board(abundances, emulator, report.star.spectra["lamost_lrs"].good)

    def answer(self, prepared: Board, options: Mapping[str, Any], stop: Stop) -> PhdlspecAnswer:
        """The fit, the spectrum of the turned labels, and where the chosen one speaks.

        Raises
        ------
        OptionError
            For a label that there is not.
        """
        dials, clipped = prepared.labels(options["dials"])
        turned = None
        if dials:
            turned = Turned(dials, *prepared.spectrum(dials), clipped)
        stop()
        chosen = options["element"]
        return PhdlspecAnswer(prepared.fitted, turned, prepared.element(chosen) if chosen else None)


def board(abundances: Abundances, emulator: Any, seen: NDArray[np.bool_] | None = None) -> Board:
    """A fit made ready to be turned by hand.

    Parameters
    ----------
    abundances : Abundances
    emulator : Emulator
        The one that the fit was made with.
    seen : array of bool, shape (L,), optional
        Pixels that hold an observation, also where they are not fitted.
    """
    from specviz.models.phdlspec.turning import Turning

    fit, turning = abundances.fit, Turning(emulator, abundances.fit)
    level = _level(fit)
    labels = tuple(
        FittedLabel(name, value, fit.errors[name], fit.gain[name], low, high, _note(abundances, name))
        for (name, value), (low, high) in zip(fit.labels.items(), emulator.ranges.values(), strict=True)
    )
    fitted = Fitted(
        labels=labels,
        wave=fit.wave,
        flux=fit.flux / level,
        error=fit.sigma / level,
        model=fit.model / level,
        used=fit.used,
        seen=fit.used if seen is None else seen,
        chi2=fit.chi2,
        dof=fit.dof,
        excess=max(1.0, fit.excess),
        rv=float(fit.seeing.rv),
        converged=fit.converged,
        started_by=abundances.started_by,
        emulator=abundances.emulator,
    )
    return Board(abundances, turning, fitted, turning.slopes())


def _note(abundances: Abundances, name: str) -> str:
    if name in abundances.fit.at_edge:
        return "edge"
    return "" if abundances.informed(name) else "prior"


def _level(fit: LabelFit) -> Array:
    """What flux is divided by: the continuum, NaN where it fell to nothing and beyond the first and last fitted pixel,
    where nothing held it.
    """
    inside = np.zeros(fit.wave.size, bool)
    ends = np.flatnonzero(fit.used)[[0, -1]]
    inside[ends[0] : ends[1] + 1] = True
    return np.where(inside & (fit.continuum > 0), fit.continuum, np.nan)
