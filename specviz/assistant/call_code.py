"""``CallWriter``: the calls of a conversation as lines of Python that do the same without an assistant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from specviz.analysis.report import LEADING, Report
from specviz.api import DEFAULT_MODEL
from specviz.assistant.tools.result import Answer
from specviz.spectra.star import Star

_SURVEYS = {"lamost": ("lamost_lrs", "sdss", "other"), "xp": ("gaia_xp",), "any": LEADING}
#: Tools that are about no star in hand.
_NO_STAR = {"outliers", "models", "use_model", "help", "papers", "papers_online"}


@dataclass(frozen=True)
class Code:
    """The code of one call.

    Parameters
    ----------
    lines : tuple of str
        Statements.
    shown : str
        The expression whose value is what was asked for; "" where there is none.
    file : str
        A file that the code reads and that came through the conversation, "" otherwise.
    """

    lines: tuple[str, ...] = ()
    shown: str = ""
    file: str = ""


class CallWriter:
    """Writes calls in their order; knows which star and report earlier lines have made.

    A call of a tool that has a function of specviz is written as that function; any other as the tool itself.
    """

    def __init__(self) -> None:
        self._star: Any = None
        self._reported: tuple[int, str] | None = None
        self._desk = False
        #: The lines that must stand above all others.
        self.imports: list[str] = ["import specviz"]

    def write(self, answer: Answer) -> Code:
        """The code of one call, with what must stand before it."""
        star, before, file = star_of(answer), list[str](), ""
        completes = answer.tool == "fetch_light_curve" and self._star is not None  # the star at hand, with a curve
        if star is not None and star is not self._star and answer.tool not in _NO_STAR and not completes:
            name = answer.arguments.get("name") if answer.tool in ("load", "fetch") else None
            line, file = origin(star, str(name or ""))
            before.append(f"star = {line}")
            self._star, self._reported = star, None
        writer = _WRITERS.get(answer.tool, CallWriter._tool)
        lines, shown = writer(self, answer)
        if completes:
            self._star, self._reported = star, None
        return Code((*before, *lines), shown, file)

    # ------------------------------------------------------------------ what must be there first
    def _import(self, line: str) -> None:
        if line not in self.imports:
            self.imports.append(line)

    def _report(self, answer: Answer) -> list[str]:
        """The line that makes ``report``, unless it is there already."""
        model = _model(answer)
        key = (id(self._star), model)
        if self._reported == key:
            return []
        self._reported = key
        return [f"report = specviz.analyse(star{_named(model)})"]

    # ------------------------------------------------------------------ the tools
    def _take(self, answer: Answer) -> tuple[list[str], str]:
        return [], "star"

    def _show(self, answer: Answer) -> tuple[list[str], str]:
        return [], f"specviz.explore(star{_named(_model(answer))})"

    def _labels(self, answer: Answer) -> tuple[list[str], str]:
        asked, report = answer.arguments, answer.shown.get("report")
        survey = _survey(report, str(asked.get("survey", "any")))
        only = [str(row["label"]) for row in answer.data["labels"]] if asked.get("only") else []
        if asked.get("survey", "any") != "any":
            table = f"report.posteriors[{survey!r}].to_qtable()"
        else:
            self._import("from specviz.analysis.export import labels_table")
            table = 'labels_table(report)["survey", "label", "median", "p16", "p84", "unit"]'
        if not only:
            return self._report(answer), table
        return [*self._report(answer), f"labels = {table}"], f'labels[[name in {only!r} for name in labels["label"]]]'

    def _posterior(self, answer: Answer) -> tuple[list[str], str]:
        label = str(answer.data["label"])
        survey = _survey(answer.shown.get("report"), str(answer.arguments.get("survey", "any")))
        others = list(map(str, answer.data["correlations"]))
        lines = [*self._report(answer), f"posterior = report.posteriors[{survey!r}]"]
        if others:
            self._import("import numpy as np")
            together = f"np.corrcoef(posterior[{label!r}], posterior[name])[0, 1]"
            lines.append(f"correlations = {{name: {together} for name in {others!r}}}")
        quantiles = f"posterior.quantile({label!r}, [0.025, 0.15865, 0.5, 0.84135, 0.975])"
        return lines, f"{quantiles}, correlations" if others else quantiles

    def _oddness(self, answer: Answer) -> tuple[list[str], str]:
        odd = "report.anomaly.percentile, report.anomaly.reasons, " if "percentile" in answer.data else ""
        return self._report(answer), f"{odd}report.failed_flags"

    def _translate(self, answer: Answer) -> tuple[list[str], str]:
        to = {"xp": "gaia_xp", "lamost": "lamost_lrs"}[str(answer.arguments.get("to", "xp"))]
        lines = [*self._report(answer), f"predicted = report.predictions[{to!r}]"]
        if "off_by_percent" not in answer.data:
            return lines, "predicted.wavelength, predicted.flux, predicted.sigma"
        self._import("from specviz.analysis.face_off_xp import xp_of")
        return [*lines, "found = xp_of(report)"], "100 * found.typical, found.chi2"

    def _why(self, answer: Answer) -> tuple[list[str], str]:
        call = f"specviz.explain(star, {answer.data['label']!r}{_named(_model(answer))})"
        return [f"why = {call}"], "why.lines()[:6]"

    def _compare(self, answer: Answer) -> tuple[list[str], str]:
        models = answer.arguments.get("models")
        named = f", {list(models)!r}" if models else ""
        return [f"face_off = specviz.face_off(star{named}, online=False)"], "face_off.to_table()"

    def _similar(self, answer: Answer) -> tuple[list[str], str]:
        return self._neighbours(answer, answer.shown.get("survey")), "neighbours"

    def _neighbours(self, answer: Answer, survey: Any) -> list[str]:
        report, k = answer.shown.get("report"), answer.arguments.get("k", 5)
        model = _named(_model(answer))
        if isinstance(report, Report) and survey and survey != next((s for s in LEADING if s in report.embeddings), ""):
            return [f"neighbours = specviz.similar(star.spectra[{survey!r}], k={k}{model})"]
        return [*self._report(answer), f"neighbours = specviz.similar(report, k={k}{model})"]

    def _outliers(self, answer: Answer) -> tuple[list[str], str]:
        names = [str(n) for n in answer.arguments["names"]]
        model = _named(str(answer.provenance.get("model", "")))
        lines = [f"ranking = specviz.outliers({names!r}, online=False, samples=500{model})"]
        return lines, 'ranking.table["rank", "name", "percentile", "reason"]'

    def _abundances(self, answer: Answer) -> tuple[list[str], str]:
        self._import("from specviz.analysis.abundances import fit_abundances")
        self._import("from specviz.api import default_engine")
        started = str(answer.provenance.get("start", "")).rsplit(" ", 1)[0]
        engine = f"default_engine({started!r})" if started and started != DEFAULT_MODEL else "default_engine()"
        return [], f"fit_abundances(star, {engine}).table()"

    def _export(self, answer: Answer) -> tuple[list[str], str]:
        what, file = str(answer.arguments["what"]), str(answer.arguments["file"])
        if what == "similar":
            return self._neighbours(answer, None), f"specviz.export(neighbours, {file!r})"
        return self._report(answer), f"specviz.export(report, {file!r}, {what!r})"

    def _models(self, answer: Answer) -> tuple[list[str], str]:
        self._import("from specviz.models.registry import list_models")
        return [], "list_models()"

    def _use_model(self, answer: Answer) -> tuple[list[str], str]:
        return [], f"specviz.load_model({answer.data['model']!r}).describe().labels"

    def _help(self, answer: Answer) -> tuple[list[str], str]:
        return [], ""

    def _tool(self, answer: Answer) -> tuple[list[str], str]:
        """A tool that has no function of its own: called as the assistant does."""
        self._import("from specviz.assistant.desk import Desk")
        self._import("from specviz.assistant.tools.catalogue import all_tools")
        lines = [] if self._desk else ["desk = Desk()"]
        self._desk = True
        if self._star is not None and answer.tool not in _NO_STAR:
            lines.append("desk.take(star)")
        call = f"all_tools()[{answer.tool!r}].call(desk, {dict(answer.arguments)!r}).data"
        if answer.tool != "fetch_light_curve":
            return lines, call
        return [*lines, f"found = {call}", "star = desk.star"], "found"


_WRITERS: Mapping[str, Callable[[CallWriter, Answer], tuple[list[str], str]]] = {
    "load": CallWriter._take,
    "fetch": CallWriter._take,
    "star": CallWriter._take,
    "show": CallWriter._show,
    "labels": CallWriter._labels,
    "posterior": CallWriter._posterior,
    "oddness": CallWriter._oddness,
    "translate": CallWriter._translate,
    "why": CallWriter._why,
    "compare": CallWriter._compare,
    "similar": CallWriter._similar,
    "outliers": CallWriter._outliers,
    "abundances": CallWriter._abundances,
    "export": CallWriter._export,
    "models": CallWriter._models,
    "use_model": CallWriter._use_model,
    "help": CallWriter._help,
}


def star_of(answer: Answer) -> Star | None:
    """The star that was in hand, or else the one that is shown."""
    if isinstance(answer.star, Star):
        return answer.star
    for thing in answer.shown.values():
        found = thing if isinstance(thing, Star) else getattr(thing, "star", None)
        if isinstance(found, Star):
            return found
    return None


def origin(star: Star, asked: str = "") -> tuple[str, str]:
    """The expression that gives a star again, and the file that it reads ("" for none).

    Parameters
    ----------
    star : Star
    asked : str
        The name that it was asked for by.
    """
    path = str(star.meta.get("path") or "")
    several = bool(path and asked and asked != path)  # one of those in the file
    if several and star.source_id is None:
        return f"next(s for s in specviz.open_all({path!r}) if s.name == {star.name!r})", path
    if path:
        source = star.source_id if several or set(star.spectra) == {"gaia_xp"} else None
        which = f", source_id={source.value!r}" if source is not None else ""  # the file may hold thousands
        return f"specviz.open({path!r}{which})", path
    if any(i.archive == "demo" for i in star.identifiers):
        return f"specviz.open({star.name!r})", ""
    source = star.source_id
    gaia = f"Gaia {source.release or 'DR3'} {source.value}" if source is not None else ""
    return f"specviz.get({asked or gaia or star.name!r})", ""


def _model(answer: Answer) -> str:
    report = answer.shown.get("report")
    made = report.provenance.model if isinstance(report, Report) else str(answer.provenance.get("model", ""))
    return str(answer.arguments.get("model") or made)


def _named(model: str) -> str:
    return f", model={model!r}" if model and model != DEFAULT_MODEL else ""


def _survey(report: Any, survey: str) -> str:
    """The survey whose posterior a tool has used."""
    found = report.posteriors if isinstance(report, Report) else {}
    return next((s for s in _SURVEYS.get(survey, LEADING) if s in found), "lamost_lrs")
