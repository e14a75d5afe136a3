"""Tools that ask the models about the star in hand."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from specviz.analysis.report import LEADING, Report
from specviz.assistant.desk import Desk
from specviz.assistant.model_names import model_here
from specviz.assistant.tools.registry import Registry
from specviz.assistant.tools.result import Answer, rounded, spoken
from specviz.errors import NotFoundError, OptionError, did_you_mean
from specviz.models.posterior import label_unit

tools = Registry()
Survey = Literal["any", "lamost", "xp"]
_CODE = {"lamost": ("lamost_lrs", "sdss", "other"), "xp": ("gaia_xp",), "any": LEADING}


@tools.add
def labels(desk: Desk, survey: Survey = "any", model: str = "", only: list[str] | None = None) -> Answer:
    """Stellar parameters of the star in hand with their 68 % intervals: Teff, log g, [Fe/H], abundances, velocity.

    Parameters
    ----------
    survey : str
        From which spectrum; "any" is the leading one, with what only the other tells.
    model : str
        Name of a model; the usual one if empty.
    only : list of str
        Only these labels (teff, logg, fe_h, alpha_fe, c_fe, mg_fe, rv, ebv ...).
    """
    report = desk.report(model)
    if survey == "any":
        found = {k: (s, values) for k, (s, values) in report.labels.items()}
    else:
        code = _survey_of(report, survey)
        found = {k: (code, values) for k, values in report.posteriors[code].summary().items()}
    for name in only or ():
        if name not in found:
            raise OptionError(
                f"{report.provenance.model} gives no {name[:20]!r}", expected="some of " + ", ".join(found),
                remedy=did_you_mean(name, found),
            )  # fmt: skip
    rows = []
    for name, (code, (median, low, high)) in found.items():
        if only and name not in only:
            continue
        posterior = report.posteriors[code]
        prior = posterior.prior.get(name)
        rows.append(
            {
                "label": name, "unit": posterior.units[name], "value": rounded(median),
                "plus": rounded(high - median, 2), "minus": rounded(median - low, 2), "from": spoken(code),
                "outside_training": prior is not None and not prior[0] <= median <= prior[1],
            }
        )  # fmt: skip
    return Answer("labels", {"star": report.star.name, "labels": rows}, {"report": report}, made_by(report))


@tools.add
def posterior(desk: Desk, label: str, survey: Survey = "any", model: str = "") -> Answer:
    """The posterior of one label: median, 68 and 95 % intervals, and what it goes along with.

    Parameters
    ----------
    label : str
        teff, logg, fe_h, alpha_fe, ...
    survey : str
        From which spectrum.
    model : str
        Name of a model; the usual one if empty.
    """
    report = desk.report(model)
    found = report.posteriors[_survey_of(report, survey)]
    if label not in found.names:
        raise OptionError(
            f"{report.provenance.model} gives no {label[:20]!r}", expected="one of " + ", ".join(found.names),
            remedy=did_you_mean(label, found.names),
        )  # fmt: skip
    cuts = np.quantile(found[label], [0.025, 0.15865, 0.5, 0.84135, 0.975])
    others = [n for n in found.names if n != label]
    with np.errstate(invalid="ignore", divide="ignore"):
        together = {n: float(np.corrcoef(found[label], found[n])[0, 1]) for n in others}
    strongest = sorted((n for n in others if np.isfinite(together[n])), key=lambda n: -abs(together[n]))[:3]
    data = {
        "star": report.star.name, "label": label, "unit": found.units[label], "median": rounded(cuts[2]),
        "interval_68": [rounded(cuts[1]), rounded(cuts[3])], "interval_95": [rounded(cuts[0]), rounded(cuts[4])],
        "samples": len(found), "correlations": {n: round(together[n], 2) for n in strongest},
    }  # fmt: skip
    return Answer("posterior", data, {"report": report, "label": label}, made_by(report))


@tools.add
def oddness(desk: Desk, model: str = "") -> Answer:
    """How odd the star in hand is (percentile among reference stars), which checks failed, and where it differs.

    Parameters
    ----------
    model : str
        Name of a model; the usual one if empty.
    """
    report = desk.report(model)
    odd = report.anomaly
    data: dict[str, Any] = {
        "star": report.star.name,
        "checks": [{"name": f.name, "passed": f.passed, "text": f.text} for f in report.flags],
    }
    if odd is not None:
        reasons = [
            {"where": r.name, "kind": r.kind, "wavelength": rounded(r.wavelength, 5), "sigma": rounded(r.mean_sigma, 3)}
            for r in odd.reasons[:5]
        ]
        data |= {"percentile": rounded(odd.percentile, 4), "reference_stars": int(odd.n_reference), "reasons": reasons}
    return Answer("oddness", data, {"report": report}, made_by(report))


@tools.add
def translate(desk: Desk, to: Literal["xp", "lamost"] = "xp", model: str = "") -> Answer:
    """Predict the star in hand as the other survey would see it, and compare with what that survey saw.

    Parameters
    ----------
    to : str
        The survey to predict: Gaia XP from LAMOST, or LAMOST from Gaia XP.
    model : str
        Name of a model; the usual one if empty.
    """
    report = desk.report(model)
    survey = {"xp": "gaia_xp", "lamost": "lamost_lrs"}[to]
    predicted = report.predictions.get(survey)
    if predicted is None:
        raise NotFoundError(
            f"Nothing predicts {spoken(survey)} of {report.star.name}",
            expected="a spectrum of the other survey, and a model that translates",
        )
    data: dict[str, Any] = {"star": report.star.name, "to": spoken(survey), "from": spoken(predicted.source)}
    if survey == "gaia_xp":
        from specviz.analysis.face_off_xp import xp_of

        found = xp_of(report)
        if found is not None and found.observed is not None:
            data |= {"off_by_percent": rounded(100 * found.typical, 3), "chi2_per_point": rounded(found.chi2, 3)}
    return Answer("translate", data, {"report": report, "view": to}, made_by(report))


@tools.add
def why(desk: Desk, label: str, model: str = "") -> Answer:
    """Which spectral lines the model reads a label of the star in hand from.

    Parameters
    ----------
    label : str
        teff, logg, fe_h, mg_fe, ...
    model : str
        Name of a model; the usual one if empty.
    """
    from specviz.analysis.explain import explain_star

    report = desk.report(model)
    attribution = explain_star(desk.engine(model).model, report.star, label, cancel=desk.cancelled)
    rows = [
        {
            "line": share.name, "from": rounded(share.low, 5), "to": rounded(share.high, 5),
            "adds": rounded(share.contribution, 3), "weight": rounded(share.weight, 2),
        }
        for share in attribution.lines()[:6]
    ]  # fmt: skip
    data = {
        "star": report.star.name, "label": label, "unit": label_unit(label), "value": rounded(attribution.value),
        "without_lines": rounded(attribution.baseline_value), "lines": rows,
    }  # fmt: skip
    return Answer("why", data, {"report": report, "attribution": attribution}, made_by(report))


@tools.add
def compare(desk: Desk, models: list[str] | None = None) -> Answer:
    """What all models that are here, and catalogues, say of the star in hand, label by label.

    Parameters
    ----------
    models : list of str
        Names of models; all of them if not given.
    """
    from specviz.app import face_off

    asked = [model_here(name, desk.model) for name in models or ()]
    made = face_off(desk.in_hand(), asked or None, device=desk.device, online=False, cancel=desk.cancelled)
    rows = [
        {
            "label": v.label, "unit": v.unit, "source": v.source,
            "from": spoken(v.survey) if v.survey else "catalogue",
            "value": rounded(v.median), "plus": rounded(v.p84 - v.median, 2), "minus": rounded(v.median - v.p16, 2),
        }
        for label in made.labels[:6] for v in made.of(label)
    ]  # fmt: skip
    silent = [{"model": a.model, "why": a.problem} for a in made.answers if a.problem]
    versions = {a.model: a.report.provenance.model_version for a in made.answers if a.report is not None}
    return Answer("compare", {"star": made.star.name, "values": rows, "silent": silent}, {"face_off": made}, versions)


def made_by(report: Report) -> dict[str, str]:
    """Who made the numbers of a report."""
    p = report.provenance
    return {"model": p.model, "version": p.model_version, "weights": p.weights_sha256[:12]}


def _survey_of(report: Report, survey: str) -> str:
    found = next((s for s in _CODE[survey] if s in report.posteriors), None)
    if found is None:
        raise NotFoundError(
            f"{report.star.name} has no {spoken(_CODE[survey][0])} spectrum that {report.provenance.model} reads",
            expected=", ".join(map(spoken, report.posteriors)),
        )
    return found
