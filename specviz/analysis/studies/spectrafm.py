"""``SpectraFMStudy``: what SpectraFM reads from a part of a star's spectrum, and which pixels it looks at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.draft import READ_AS
from specviz.analysis.engine import Engine
from specviz.analysis.report import Report
from specviz.analysis.studies.peaks import Peak, attention_peaks, smoothed
from specviz.analysis.studies.protocol import Stop
from specviz.errors import CoverageError, ModelError
from specviz.models.posterior import label_unit
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of
from specviz.spectra.frames import doppler_factor, header_velocity
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star
from specviz.spectra.stretches import STRETCHES

#: The first of these that the star has and the model reads is asked.
SURVEYS = ("lamost_lrs", "sdss", "other", "gaia_xp")
#: The shortest stretch that the model was trained on, of the whole spectrum's pixels; below it there is a warning.
SHORT = 0.1
#: Nothing is said of a range that reaches no farther beyond what can be read, Angstrom.
EDGE = 30.0
#: Stretches of which a star's answers are kept, so that going back costs nothing.
_KEPT = 64
Range = tuple[float, float]
#: What is read of every star at once.
NAMED: tuple[tuple[str, Range | None], ...] = (("All", None), *((b.label, (b.start, b.stop)) for b in STRETCHES))


@dataclass(frozen=True)
class LabelAnswer:
    """One label, from the stretch that was asked.

    Parameters
    ----------
    name, unit : str
    value, error : float
        ``error`` is one standard deviation.
    scatter : float
        Standard deviation between bags of pixels; NaN for one bag.
    whole, whole_error : float
        The same from the whole spectrum.
    trained : (low, high) or None
        Range of the label in the training set.
    catalogue : str
        Name of the catalogue that has the label, "" if none.
    catalogue_value, catalogue_sigma : float
        Its value, and (catalogue - value) over both errors in quadrature; NaN without.
    note : str
        What the model's weights say of the label that a person should know, "" if nothing.
    """

    name: str
    unit: str
    value: float
    error: float
    scatter: float
    whole: float
    whole_error: float
    trained: Range | None = None
    catalogue: str = ""
    catalogue_value: float = math.nan
    catalogue_sigma: float = math.nan
    note: str = ""

    @property
    def change(self) -> float:
        """Value less that of the whole spectrum."""
        return self.value - self.whole

    @property
    def change_sigma(self) -> float:
        """:attr:`change` over this stretch's error: its pixels are among those of the whole spectrum, whose error is
        not added.
        """
        return self.change / self.error if self.error > 0 else math.nan

    @property
    def outside(self) -> bool:
        """The value lies outside the training set: an extrapolation."""
        known = self.trained is not None and math.isfinite(self.value)
        return known and not self.trained[0] <= self.value <= self.trained[1]  # type: ignore[index]


@dataclass(frozen=True)
class StretchAnswer:
    """The chosen label from a stretch that goes by a name; ``problem`` says why there is no value."""

    name: str
    low: float
    high: float
    value: float = math.nan
    error: float = math.nan
    pixels: int = 0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class PartAnswer:
    """What the panel draws. Wavelengths are vacuum Angstrom as observed.

    Parameters
    ----------
    model, survey : str
    low, high : float
        The stretch that was read.
    whole : bool
        It is the whole spectrum.
    pixels, n_bags : int
        Usable pixels in it, and bags they were read in.
    labels : tuple of LabelAnswer
        Where the stretch cannot be read, those of the whole spectrum without a value; ``problem`` then says why.
    chosen : str
        The label whose attention is given.
    wavelength, attention : array, shape (n,)
        Attention times the pixels of a bag, smoothed: 1 is what a pixel gets where all get the same.
    peaks : tuple of Peak
        The highest first.
    stretches : tuple of StretchAnswer
        The chosen label from the whole spectrum and from :data:`specviz.spectra.stretches.STRETCHES`.
    window : (low, high)
        What the model can read of this spectrum.
    warnings : tuple of str
    problem : str
    """

    model: str
    survey: str
    low: float
    high: float
    whole: bool
    pixels: int
    n_bags: int
    labels: tuple[LabelAnswer, ...]
    chosen: str
    wavelength: NDArray[np.float64]
    attention: NDArray[np.float64]
    peaks: tuple[Peak, ...]
    stretches: tuple[StretchAnswer, ...]
    window: Range
    warnings: tuple[str, ...] = ()
    problem: str = ""

    def label(self, name: str) -> LabelAnswer | None:
        """The answer of a label."""
        return next((one for one in self.labels if one.name == name), None)

    def to_table(self) -> Any:
        """An astropy Table, a row a label, with the columns of :class:`LabelAnswer`; ``meta`` tells what was read."""
        from astropy.table import Table

        ours = ("name", "unit", "value", "error", "scatter", "whole", "whole_error", "change", "change_sigma")
        names = (*ours, "catalogue", "catalogue_value", "catalogue_sigma")
        rows = [tuple(getattr(one, name) for name in names) for one in self.labels]
        table = Table(rows=rows, names=("label", *names[1:]))
        table.meta.update(
            model=self.model, survey=self.survey, low=self.low, high=self.high, pixels=self.pixels, bags=self.n_bags
        )
        return table


@dataclass(frozen=True, eq=False)
class _Star:
    """A star that is ready to be asked. ``shift`` is observed over rest wavelength, as the model removed it."""

    model: Any
    name: str
    survey: str
    spectrum: Spectrum
    prepared: Any
    shift: float
    window: Range
    trained: Mapping[str, Range]
    catalogues: tuple[CatalogueValues, ...]
    known: dict[Range | None, Any] = field(default_factory=dict)

    def ask(self, part: Range | None) -> Any:
        """What the model says of a stretch (as :meth:`part` gives it); the latest are kept.

        Raises
        ------
        CoverageError
            If there are too few pixels in it.
        """
        if part not in self.known:
            low, high = (None, None) if part is None else (part[0] / self.shift, part[1] / self.shift)
            answer = self.model.ask(self.prepared, low, high)
            named = {self.part(stretch) for _, stretch in NAMED}
            for old in [known for known in self.known if known not in named][: max(0, len(self.known) - _KEPT)]:
                del self.known[old]
            self.known[part] = answer
        return self.known[part]

    def part(self, asked: Range | None) -> Range | None:
        """A stretch (vacuum Angstrom, as observed) cut to what can be read; None for all of that."""
        if asked is None:
            return None
        low, high = self.window
        part = max(float(asked[0]), low), min(float(asked[1]), high)
        return None if part == self.window else part


class SpectraFMStudy:
    """Asks SpectraFM for its labels, from all of a spectrum or from a stretch of it.

    Parameters
    ----------
    engine : callable
        Gives the engine, whose model has ``ask`` (:meth:`specviz.models.spectrafm.model.SpectraFM.ask`).
    """

    options = ("ask", "ask_label", "rv")

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def prepare(self, report: Report, stop: Stop) -> _Star:
        """Read the whole spectrum and the named stretches once.

        Raises
        ------
        ModelError
            If the model has no part answers, or the star no spectrum that it reads.
        CoverageError
            If too little of the spectrum can be used.
        """
        stop()
        model, card = self._engine().model, self._engine().describe()
        if not hasattr(model, "ask"):
            raise ModelError(f"{card.name} cannot be asked about a part of a spectrum", expected="SpectraFM")
        survey, spectrum = _spectrum(report.star, card.surveys)
        name = survey if survey in card.surveys else READ_AS[survey]
        prepared = model.prepare(spectrum if name == survey else spectrum.with_(survey=name))
        shift = 1.0
        if survey != "gaia_xp" and spectrum.frame != "rest":
            shift = doppler_factor(header_velocity(spectrum) or 0.0)
        whole = model.ask(prepared)
        wave = np.asarray(whole.wavelength, float) * shift
        star = _Star(
            model, card.name, survey, spectrum, prepared, shift, (float(wave[0]), float(wave[-1])), card.ranges,
            catalogues_of(report.star), {None: whole},
        )  # fmt: skip
        for _, stretch in NAMED:
            stop()
            _try(star, star.part(stretch))
        return star

    def answer(self, prepared: _Star, options: Mapping[str, Any], stop: Stop) -> PartAnswer:
        """The labels from the stretch asked for, and the attention of one of them."""
        stop()
        star, asked = prepared, options.get("ask")
        part = star.part(asked)
        low, high = part or star.window
        if part is not None and part[0] >= part[1]:  # nothing of it can be read: as it was asked
            low, high = (float(end) for end in asked or part)
        whole = star.ask(None)
        chosen = options.get("ask_label") or ""
        chosen = chosen if chosen in whole.labels else whole.labels[0]
        found, problem = _try(star, part)
        stop()
        k = whole.labels.index(chosen)
        wave, attention = np.empty(0), np.empty(0)
        peaks: tuple[Peak, ...] = ()
        if found is not None:
            wave, attention = smoothed(np.asarray(found.wavelength) * star.shift, found.attention[k])
            peaks = attention_peaks(wave, attention, _velocity(star, options.get("rv")))
        return PartAnswer(
            model=star.name,
            survey=star.survey,
            low=low,
            high=high,
            whole=part is None,
            pixels=0 if found is None else int(found.pixels),
            n_bags=0 if found is None else int(found.n_bags),
            labels=tuple(_label(star, found, whole, i) for i in range(len(whole.labels))),
            chosen=chosen,
            wavelength=wave,
            attention=attention,
            peaks=peaks,
            stretches=tuple(_stretches(star, k)),
            window=star.window,
            warnings=tuple(_warnings(star, asked, found)),
            problem=problem,
        )


def _spectrum(star: Star, surveys: tuple[str, ...]) -> tuple[str, Spectrum]:
    """The spectrum that is asked, with its survey."""
    for survey in SURVEYS:
        if survey in star.spectra and {survey, READ_AS.get(survey, survey)} & set(surveys):
            return survey, star.spectra[survey]
    raise ModelError(f"{star.name} has no spectrum that SpectraFM reads", expected="an optical spectrum")


def _try(star: _Star, part: Range | None) -> tuple[Any, str]:
    """The model's answer, or None and why there is none."""
    if part is not None and part[0] >= part[1]:
        low, high = star.window
        return None, f"Nothing can be read there, only at {low:.0f} to {high:.0f} Å"
    try:
        return star.ask(part), ""
    except CoverageError as error:
        return None, str(error)


def _velocity(star: _Star, chosen: float | None) -> float:
    """Radial velocity (km/s) at which lines are looked for."""
    own = None if star.spectrum.frame == "rest" else header_velocity(star.spectrum)
    return float(chosen if chosen is not None else own or 0.0)


def _label(star: _Star, found: Any, whole: Any, i: int) -> LabelAnswer:
    name, value, error, scatter = whole.labels[i], math.nan, math.nan, math.nan
    if found is not None:
        value, error, scatter = (float(numbers[i]) for numbers in (found.value, found.error, found.scatter))
    known = next((c for c in star.catalogues if c.value(name) is not None), None)
    theirs = None if known is None else known.value(name)
    away = None if known is None else known.distance(name, value, value - error, value + error)
    return LabelAnswer(
        name,
        label_unit(name),
        value,
        error,
        scatter,
        float(whole.value[i]),
        float(whole.error[i]),
        star.trained.get(name),
        "" if known is None else known.name or "Catalogue",
        math.nan if theirs is None else theirs,
        math.nan if away is None else away,
        str(getattr(star.model, "notes", {}).get(name, "")),
    )


def _stretches(star: _Star, k: int) -> list[StretchAnswer]:
    """The label of place ``k`` from the whole spectrum and each named stretch that the spectrum reaches."""
    out = []
    for name, stretch in NAMED:
        part = star.part(stretch)
        found, problem = _try(star, part)
        low, high = part or star.window
        if found is None:
            out.append(StretchAnswer(name, low, high, problem=problem))
        else:
            value, error = float(found.value[k]), float(found.error[k])
            out.append(StretchAnswer(name, low, high, value, error, int(found.pixels)))
    return out


def _warnings(star: _Star, asked: Range | None, found: Any) -> list[str]:
    """What a person should know before believing the answer."""
    out, (low, high) = [], star.window
    if asked is not None and found is not None and (asked[0] < low - EDGE or asked[1] > high + EDGE):
        out.append(f"Of this spectrum {low:.0f} to {high:.0f} Å can be read; the rest of the range is left out")
    if found is not None and found.pixels < SHORT * star.ask(None).pixels:
        out.append(
            f"{found.pixels} pixels are fewer than a tenth of the spectrum, which was rare in training: "
            "the errors may be too small"
        )
    return out
