"""``LuxStudy``: one latent vector from what was seen of a star, and what it says of everything that was not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.analysis.draft import READ_AS, SHOWN
from specviz.analysis.engine import Engine
from specviz.analysis.placing import place
from specviz.analysis.report import Report
from specviz.analysis.studies.protocol import Stop
from specviz.errors import CoverageError, ModelError, SpecvizError
from specviz.models.posterior import label_unit
from specviz.models.protocol import PredictedSpectrum, Prepared
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of

Array = NDArray[np.float64]
#: Where the reddening of a prediction comes from.
_DUST = {"fitted": "fitted to the observed XP", "catalogue": "of the catalogue", "prior": "as Lux infers it"}
#: What Lux may be asked to infer a star from, as the option ``lux_from`` names it.
SOURCES = {
    "both": "LAMOST and Gaia XP", "lamost_lrs": "LAMOST", "gaia_xp": "Gaia XP", "blue": "Blue arm", "red": "Red arm",
}  # fmt: skip
#: Samples by which the quantiles of a label are found.
_SAMPLES = 4000
#: LAMOST's two arms meet here, Angstrom; an arm with a smaller share of its pixels was not seen.
JOIN, _LEAST = 5900.0, 0.05


@dataclass(frozen=True)
class Column:
    """The labels from one source: ``{label: (median, 16th, 84th percentile)}``."""

    source: str
    title: str
    labels: Mapping[str, tuple[float, float, float]]
    chi2: float
    left_out: int


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum of one survey, observed and as Lux has it.

    Parameters
    ----------
    survey : str
    x : array, shape (L,)
        Vacuum Angstrom, as observed.
    observed, sigma : array, shape (L,)
        NaN where nothing was observed: over the continuum (LAMOST), over the flux at 550 nm (XP).
    used : array of bool, shape (L,)
        Whether the observed value was given to Lux; where it was not, the curve is a prediction of it.
    model, error : array, shape (L,)
        One standard deviation.
    other : array, shape (L,) or None
        Another model's prediction of this spectrum, for comparison.
    dust : str
        The reddening that the prediction is drawn behind, in words.
    off, off_other : float
        Root mean square of (observed - model) over both errors in quadrature, where ``used`` is not set if it is
        anywhere not, else over all; NaN without observation.
    """

    survey: str
    x: Array
    observed: Array
    sigma: Array
    used: NDArray[np.bool_]
    model: Array
    error: Array
    other: Array | None = None
    dust: str = ""
    off: float = float("nan")
    off_other: float = float("nan")

    @property
    def seen(self) -> bool:
        """Anything of it was observed."""
        return bool(np.isfinite(self.observed).any())

    @property
    def predicted(self) -> bool:
        """Nothing of it was given to Lux."""
        return not bool(self.used.any())


@dataclass(frozen=True, eq=False)
class LuxAnswer:
    """What the panel draws.

    Parameters
    ----------
    model : str
    latent : int
        Length of the latent vector.
    source : str
        What the curves were inferred from, a key of :data:`SOURCES`.
    sources : tuple of str
        What this star can be inferred from.
    columns : tuple of Column
        The labels from each source, the one in use first.
    names, units : tuple of str
    ranges : mapping of label to (low, high)
        Of the training set.
    xp, lamost : Curve
    other : str
        Name of the model that ``Curve.other`` is of, "" without.
    catalogues : tuple of CatalogueValues
    notes : tuple of str
        What a person should know before believing the answer.
    """

    model: str
    latent: int
    source: str
    sources: tuple[str, ...]
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    ranges: Mapping[str, tuple[float, float]]
    xp: Curve
    lamost: Curve
    other: str = ""
    catalogues: tuple[CatalogueValues, ...] = ()
    notes: tuple[str, ...] = ()

    def to_table(self) -> Any:
        """An ``astropy.table.Table`` of a row a label: its unit, then median and error (half of the central 68 %) from
        each source.
        """
        from astropy.table import Table

        table = Table({"label": list(self.names), "unit": list(self.units)})
        for column in self.columns:
            values = [column.labels[name] for name in self.names]
            table[column.source] = [v[0] for v in values]
            table[f"{column.source}_err"] = [0.5 * (v[2] - v[1]) for v in values]
        return table


@dataclass(frozen=True, eq=False)
class _Star:
    """A star whose spectra are prepared; encodings and columns are kept by source."""

    model: Any
    name: str
    report: Report
    prepared: Mapping[str, Prepared]
    sources: tuple[str, ...]
    known: dict[str, tuple[Any, Column]] = field(default_factory=dict)

    def inferred(self, source: str) -> tuple[Any, Column]:
        """The encoding from a source, and its labels."""
        if source not in self.known:
            encoding = self.model.infer(self.given(source))
            summary = self.model.posterior(encoding, samples=_SAMPLES)[0].summary()
            state = encoding.state
            column = Column(source, SOURCES[source], summary, float(state.chi2[0]), int(state.left_out[0]))
            self.known[source] = encoding, column
        return self.known[source]

    def given(self, source: str) -> dict[str, Prepared]:
        """The prepared spectra that a source means."""
        if source == "both":
            return dict(self.prepared)
        if source in self.prepared:
            return {source: self.prepared[source]}
        optical = self.prepared["lamost_lrs"]
        ivar = np.where((optical.wavelength < JOIN) == (source == "blue"), optical.ivar, 0.0)
        return {"lamost_lrs": replace(optical, ivar=ivar.astype(np.float32))}


class LuxStudy:
    """Infers a star's latent vector from one of its spectra, one arm, or all, and predicts both spectra and the labels.

    Parameters
    ----------
    engine : callable
        Gives the engine, whose model has ``infer`` (:meth:`specviz.models.lux.model.Lux.infer`).
    """

    options = ("lux_from",)

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def prepare(self, report: Report, stop: Stop) -> _Star:
        """Prepare the spectra, and infer the star from each of them and from both.

        Raises
        ------
        ModelError
            If the model has no latent vector to infer, or the star no spectrum that it reads.
        CoverageError
            If a spectrum is there but cannot be used.
        """
        stop()
        model, card = self._engine().model, self._engine().describe()
        if not hasattr(model, "infer"):
            raise ModelError(f"{card.name} has no latent vector to infer", expected="Lux")
        prepared: dict[str, Prepared] = {}
        refused: list[SpecvizError] = []
        for survey, spectrum in report.star.spectra.items():
            name = survey if survey in card.surveys else READ_AS.get(survey, survey)
            if name not in card.surveys or name in prepared:
                continue
            try:
                prepared[name] = model.prepare(spectrum if name == survey else spectrum.with_(survey=name))
            except SpecvizError as error:
                refused.append(error)
        if not prepared:
            if refused:
                raise CoverageError(str(refused[0]))
            shown = ", ".join(SHOWN.get(s, s) for s in report.star.spectra) or "nothing"
            raise ModelError(
                f"Lux cannot read {shown} of {report.star.name}", expected="a LAMOST-like or Gaia XP spectrum"
            )
        ordered: dict[str, Prepared] = {s: prepared[s] for s in ("lamost_lrs", "gaia_xp") if s in prepared}
        star = _Star(model, card.name, report, ordered, _sources(ordered))
        for source in star.sources:
            if source in ("both", *ordered):
                stop()
                star.inferred(source)
        return star

    def answer(self, prepared: _Star, options: Mapping[str, Any], stop: Stop) -> LuxAnswer:
        """Everything that is drawn, from what ``lux_from`` says; "auto" is the LAMOST spectrum if there is one.

        A source that the star does not have gives way to "auto", with a note.
        """
        stop()
        star, asked = prepared, str(options.get("lux_from") or "auto")
        source = asked if asked in star.sources else "lamost_lrs" if "lamost_lrs" in star.prepared else star.sources[0]
        notes = []
        if asked not in (source, "auto"):
            notes.append(f"{SOURCES[asked]}: not observed of this star. Inferred from {SOURCES[source]} instead")
        encoding, column = star.inferred(source)
        stop()
        card = self._engine().describe()
        other = "" if star.report.provenance.model == star.name else star.report.provenance.model
        columns = (column, *(star.known[s][1] for s in star.sources if s in ("both", *star.prepared) and s != source))
        notes += _warnings(column, card.ranges)
        lamost = _optical(star, encoding, source)
        xp = _xp(star, encoding, source)
        return LuxAnswer(
            star.name, int(star.model.latent), source, star.sources, columns, tuple(star.model.label_names),
            tuple(label_unit(name) for name in star.model.label_names), dict(card.ranges), xp, lamost,
            other if xp.other is not None else "", catalogues_of(star.report.star), tuple(notes),
        )  # fmt: skip


def _sources(prepared: Mapping[str, Prepared]) -> tuple[str, ...]:
    out = ["both"] if len(prepared) == 2 else []
    out += prepared
    if (optical := prepared.get("lamost_lrs")) is not None:
        blue = optical.wavelength < JOIN
        there = [(optical.ivar[side] > 0).mean() > _LEAST for side in (blue, ~blue)]
        out += ["blue", "red"] if all(there) else []
    return tuple(out)


def _warnings(column: Column, ranges: Mapping[str, tuple[float, float]]) -> list[str]:
    """What to know before believing labels."""
    out = []
    if any(n in ranges and not ranges[n][0] <= v[0] <= ranges[n][1] for n, v in column.labels.items()):
        out.append("Labels outside the range of the training stars: there, a straight line just goes on")
    if column.chi2 > 4.0:
        out.append(f"The model does not describe this star (chi-squared {column.chi2:.1f} a pixel)")
    return out


def _optical(star: _Star, encoding: Any, source: str) -> Curve:
    """The LAMOST spectrum at the star's own velocity."""
    predicted: PredictedSpectrum = star.model.predict(encoding, "lamost_lrs")[0]
    seen = star.prepared.get("lamost_lrs")
    if seen is not None and predicted.frame == "rest":
        predicted = predicted.at_velocity(float(getattr(seen, "velocity", 0.0)))
    given = star.given(source).get("lamost_lrs")
    return _curve("lamost_lrs", 1.0, seen, given, predicted.wavelength, predicted.flux, predicted.sigma)


def _xp(star: _Star, encoding: Any, source: str) -> Curve:
    """The XP spectrum over its flux at 550 nm; predicted from LAMOST, behind the dust that fits what was observed."""
    predicted: PredictedSpectrum = star.model.predict(encoding, "gaia_xp")[0]
    seen, given = star.prepared.get("gaia_xp"), star.given(source).get("gaia_xp")
    dust, factor = "", 1.0
    if given is None:
        predicted = place(predicted, seen, catalogue=star.report.star.catalogue)
        factor = 1.0 if seen is None else float(predicted.scale / seen.scale)
        if predicted.dust is not None:
            dust = f"E(B−V) {predicted.ebv:.2f} ± {predicted.ebv_sigma:.2f} mag {_DUST.get(predicted.ebv_source, '')}"
    theirs, other = star.report.predictions.get("gaia_xp"), None
    if theirs is not None and star.report.provenance.model != star.name:
        scale = 1.0 if seen is None or theirs.scale is None else float(np.median(theirs.scale)) / float(seen.scale)
        other = np.interp(predicted.wavelength, theirs.wavelength, theirs.flux) * scale
        their_error = np.interp(predicted.wavelength, theirs.wavelength, theirs.sigma) * scale
    curve = _curve(
        "gaia_xp", 10.0, seen, given, predicted.wavelength, predicted.flux * factor, predicted.sigma * factor
    )
    off = float("nan") if other is None else _off(curve.observed, curve.sigma, other, their_error, ~np.isnan(other))
    return replace(curve, other=other, off_other=off, dust=dust)


def _curve(
    survey: str, unit: float, seen: Prepared | None, given: Prepared | None, wave: Array, flux: Array, sigma: Array
) -> Curve:
    nothing = np.full(wave.shape, np.nan)
    observed, error, used = nothing, nothing, np.zeros(wave.shape, bool)
    if seen is not None:
        there = seen.ivar > 0
        observed = np.where(there, np.asarray(seen.values, float), np.nan)
        error = np.where(there, 1.0 / np.sqrt(np.where(there, seen.ivar, 1.0)), np.nan)
    if given is not None:
        used = given.ivar > 0
    held_back = np.isfinite(observed) & ~used
    off = _off(observed, error, flux, sigma, held_back if held_back.sum() > 20 else np.isfinite(observed))
    return Curve(survey, wave * unit, observed, error, used, flux, sigma, off=off)


def _off(observed: Array, noise: Array, model: Array, error: Array, where: NDArray[np.bool_]) -> float:
    """RMS of the difference in units of both errors."""
    pull = (observed - model)[where] / np.hypot(noise, np.nan_to_num(error))[where]
    pull = pull[np.isfinite(pull)]
    return float(np.sqrt(np.mean(pull**2))) if pull.size else float("nan")
