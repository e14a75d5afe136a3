"""``face_off``: what every model says of one star, label by label, beside what catalogues say. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

from specviz.analysis.engine import cancel_check
from specviz.analysis.pair import difference
from specviz.analysis.report import CORE_LABELS, LEADING, Report
from specviz.errors import CancelledError, SpecvizError
from specviz.models.posterior import label_unit
from specviz.spectra.catalogue_values import catalogues_of
from specviz.spectra.star import Star


@dataclass(frozen=True)
class Value:
    """One value of one label.

    Parameters
    ----------
    label, unit : str
        ``unit`` as an astropy unit string.
    source : str
        The model or the catalogue.
    survey : str
        The spectrum that a model's value comes from; "" for a catalogue.
    median, p16, p84 : float
        p16 and p84 are NaN where no error is known.
    kind : {"model", "catalogue"}
    prior : (low, high) or None
        Range of the label in the model's training set.
    note : str
        A remark: how the model knows the label, what the catalogue's value is.
    """

    label: str
    unit: str
    source: str
    survey: str
    median: float
    p16: float
    p84: float
    kind: Literal["model", "catalogue"] = "model"
    prior: tuple[float, float] | None = None
    note: str = ""

    @property
    def ends(self) -> tuple[float, float, float]:
        """(median, p16, p84) for a distance; a catalogue that gives no error counts as exact, so that the distance is
        an upper limit.
        """
        exact = self.kind == "catalogue" and not (math.isfinite(self.p16) and math.isfinite(self.p84))
        return (self.median,) * 3 if exact else (self.median, self.p16, self.p84)

    @property
    def outside(self) -> bool:
        """The value lies outside the training set: an extrapolation."""
        return self.prior is not None and not self.prior[0] <= self.median <= self.prior[1]


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model said: ``report``, or ``problem``, why it could not say anything."""

    model: str
    report: Report | None = None
    problem: str = ""

    @property
    def values(self) -> tuple[Value, ...]:
        """Every label of every spectrum; the posteriors of LAMOST and XP are separate ones."""
        if self.report is None:
            return ()
        out = []
        for survey in (s for s in LEADING if s in self.report.posteriors):
            posterior = self.report.posteriors[survey]
            for name, values in posterior.summary().items():
                prior, note = posterior.prior.get(name), posterior.notes.get(name, "")
                unit = posterior.units[name]
                out.append(Value(name, unit, self.model, survey, *values, prior=prior, note=note))
        return tuple(out)


@dataclass(frozen=True)
class Distance:
    """Two values of one label: first minus second, its error, and the one over the other.

    ``shared`` tells that both come from the same spectrum: its noise is in both, so they are no independent
    measurements and ``sigma``, which adds their errors in quadrature, is too small where it counts.
    """

    label: str
    unit: str
    first: str
    second: str
    difference: float
    error: float
    sigma: float
    shared: bool


@dataclass(frozen=True, eq=False)
class FaceOff:
    """The labels of one star by every model that could say something, and by catalogues.

    Attributes
    ----------
    star : Star
    answers : tuple of Answer
        One a model, in the order asked.
    values : tuple of Value
        Of models, then of catalogues.
    """

    star: Star
    answers: tuple[Answer, ...]
    values: tuple[Value, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that a model gave, the leading four first, then those that most models gave."""
        given = [v for v in self.values if v.kind == "model"]
        names = list(dict.fromkeys(v.label for v in given))
        count = {n: len({(v.source, v.survey) for v in given if v.label == n}) for n in names}
        lead = {n: i for i, n in enumerate(CORE_LABELS)}
        return tuple(sorted(names, key=lambda n: (lead.get(n, len(lead)), -count[n])))

    def of(self, label: str) -> tuple[Value, ...]:
        """Every value of a label."""
        return tuple(v for v in self.values if v.label == label)

    def to_table(self) -> Any:
        """An astropy Table, a row a value.

        Columns: label, unit, model, survey, kind, median, p16, p84, low, high (range of the training set), flags (of
        the quality checks that failed), seconds, problem. A model that said nothing has one row, with ``problem``.
        """
        from astropy.table import Table

        reports = {a.model: a.report for a in self.answers if a.report is not None}
        rows: list[tuple[Any, ...]] = []
        for v in self.values:
            report = reports.get(v.source) if v.kind == "model" else None
            flags = "" if report is None else " ".join(f.name for f in report.failed_flags)
            seconds = math.nan if report is None else report.provenance.seconds
            low, high = v.prior or (math.nan, math.nan)
            rows.append(
                (v.label, v.unit, v.source, v.survey, v.kind, v.median, v.p16, v.p84, low, high, flags, seconds, "")
            )
        for answer in (a for a in self.answers if a.problem):
            rows.append(("", "", answer.model, "", "model", *[math.nan] * 5, "", math.nan, answer.problem))
        names = ("label", "unit", "model", "survey", "kind", "median", "p16", "p84", "low", "high")
        types = (*["U32"] * 5, *[float] * 5, "U120", float, "U400")
        columns = (*names, "flags", "seconds", "problem")
        table = Table(rows=rows, names=columns, dtype=types) if rows else Table(names=columns, dtype=types)
        table.meta["star"] = self.star.name
        return table

    def distances(self) -> tuple[Distance, ...]:
        """Every pair of values of every label."""
        out = []
        for label in self.labels:
            for a, b in combinations(self.of(label), 2):
                delta, error, sigma = difference(a.ends, b.ends)
                shared = a.kind == b.kind == "model" and a.survey == b.survey
                out.append(Distance(label, a.unit, column_of(a), column_of(b), delta, error, sigma, shared))
        return tuple(out)

    def differences(self) -> Any:
        """:meth:`distances` as an astropy Table: label, unit, first, second, difference, error, sigma, shared."""
        from astropy.table import Table

        names = ("label", "unit", "first", "second", "difference", "error", "sigma", "shared")
        rows = [tuple(getattr(d, n) for n in names) for d in self.distances()]
        types = (*["U64"] * 4, float, float, float, bool)
        table = Table(rows=rows, names=names, dtype=types) if rows else Table(names=names, dtype=types)
        table.meta["shared"] = "both from the same spectrum: not independent, sigma is a lower bound"
        return table

    def __repr__(self) -> str:
        said = ", ".join(a.model + (" (no answer)" if a.problem else "") for a in self.answers)
        return f"<FaceOff {self.star.name}: {said}; {len(self.labels)} labels>"


def column_of(value: Value) -> str:
    """How a value's column is called: the model with its spectrum, or the catalogue."""
    return " ".join(part for part in (value.source, value.survey) if part)


def face_off(
    star: Star,
    engines: Mapping[str, Any],
    *,
    known: Iterable[Report] = (),
    samples: int | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancel: Any = None,
) -> FaceOff:
    """Ask every model about one star.

    Parameters
    ----------
    star : Star
    engines : mapping of str to Engine or str
        By the model's name. Text instead of an engine says why there is none.
    known : iterable of Report
        Of this star; a model that made one is not asked again.
    samples : int, optional
        Posterior samples.
    progress : callable(fraction, text), optional
        Told before each model.
    cancel : threading.Event or callable() -> bool, optional

    Raises
    ------
    CancelledError
        When ``cancel`` says so. Whatever else a model cannot do is in its answer's ``problem``.
    """
    stop = cancel_check(cancel)
    made = {r.provenance.model: r for r in known if r.star is star and r.provenance.model}
    answers = []
    for i, (name, engine) in enumerate(engines.items()):
        stop()
        if progress is not None:
            progress(i / len(engines), name)
        if name in made:
            answers.append(answer_of(name, made[name]))
        elif isinstance(engine, str):
            answers.append(Answer(name, problem=engine))
        else:
            answers.append(ask(name, engine, star, samples=samples, cancel=cancel))
    return gather(star, answers)


def ask(name: str, engine: Any, star: Star, *, samples: int | None = None, cancel: Any = None) -> Answer:
    """What one model says; why it cannot is in the answer, but a cancel is raised."""
    try:
        return answer_of(name, engine.analyse(star, samples=samples, cancel=cancel))
    except CancelledError:
        raise
    except SpecvizError as error:
        return Answer(name, problem=str(error))


def answer_of(name: str, report: Report) -> Answer:
    """A report as an answer."""
    if report.problem or not report.posteriors:
        return Answer(name, problem=report.problem or "This model gives no labels")
    return Answer(name, report)


def gather(star: Star, answers: Sequence[Answer]) -> FaceOff:
    """The answers with what catalogues say of the same labels."""
    values = [v for a in answers for v in a.values]
    return FaceOff(star, tuple(answers), (*values, *catalogue_values(star, {v.label for v in values})))


def catalogue_values(star: Star, labels: Iterable[str]) -> tuple[Value, ...]:
    """What catalogues say of these labels."""
    wanted = sorted(labels)
    out = []
    for catalogue in catalogues_of(star):
        for label in wanted:
            value, errors = catalogue.value(label), catalogue.errors(label)
            if value is not None:
                down, up = errors or (math.nan, math.nan)
                note = catalogue.remark(label) or catalogue.source
                name = catalogue.name or "Catalogue"
                ends = (value, value - down, value + up)
                out.append(Value(label, label_unit(label), name, "", *ends, kind="catalogue", note=note))
    return tuple(out)
