"""What is measured of one report: plain numbers, of which the scores are made once a reference is at hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from specviz.analysis.anomaly import find_reasons, misfit
from specviz.analysis.double_lines import double_lines
from specviz.analysis.draft import SHOWN
from specviz.analysis.emission import emission
from specviz.analysis.quality import label_words, xp_residual
from specviz.analysis.report import CORE_LABELS, LEADING, Reason, Report
from specviz.catalog.outliers.fluxes import flux_difference
from specviz.catalog.outliers.oddity import NAMES
from specviz.models.posterior import Posterior
from specviz.models.protocol import Encoding
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of

#: Spectra whose arms may be masked, and where that is counted: what LAMOST sees without its noisy ends, Angstrom.
_OPTICAL, _SEEN = ("lamost_lrs", "sdss"), (3900.0, 8900.0)
#: A point of XP counts as at most this many sigma in the residual.
_CLIP = 10.0


@dataclass(frozen=True)
class Part:
    """One quantity that a score is made of.

    Parameters
    ----------
    score : str
        The score it belongs to.
    key : str
        Its name among the parts, "misfit.gaia_xp": reference stars have the same.
    value : float
        Larger = odder.
    unit : str
    said : str
        The first half of the sentence, with the number; what follows is how rare that is.
    reasons : tuple of Reason
        Where in the spectrum it shows.
    snr : float
        Signal to noise of the spectrum that it was measured in: noise hides or makes oddities, so that a star is
        compared with stars of its own; NaN where that means nothing.
    """

    score: str
    key: str
    value: float
    unit: str
    said: str
    reasons: tuple[Reason, ...] = ()
    snr: float = float("nan")


@dataclass(frozen=True, eq=False)
class Measures:
    """Of one report: its parts, why a score has none, and what decides which reference it is compared with.

    ``survey`` leads the report, ``simulated`` says whether its spectra are.
    """

    parts: tuple[Part, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    survey: str = ""
    simulated: bool = False

    @property
    def values(self) -> dict[str, float]:
        """Part -> value."""
        return {part.key: part.value for part in self.parts}


def measure(report: Report, model: Any = None, scores: Sequence[str] = NAMES) -> Measures:
    """All that can be measured of a report; nothing is encoded again.

    Parameters
    ----------
    report : Report
    model : StellarModel, optional
        The model that made it; tells the distance of the other spectrum's embedding, where it can.
    scores : sequence of str
        Which are measured; the detectors take ten times as long as all others.
    """
    if report.problem or (not report.survey and not report.embeddings):
        why = report.problem or "the model had nothing to say of this star"
        return Measures(absent=dict.fromkeys(NAMES, why))
    lead = report.survey or next(iter(report.embeddings))
    parts: list[Part] = []
    absent: dict[str, str] = {}
    for score, (parts_of, why) in _MEASURED.items():
        if score not in scores:
            continue
        every = list(parts_of(report, model))
        found = [part for part in every if math.isfinite(part.value)]
        parts += found
        if not found:
            absent[score] = why(report) if why is not None else every[0].said or "the detector gives no value"
    made = [report.star.meta.get("simulated"), *(s.meta.get("simulated") for s in report.star.spectra.values())]
    return Measures(tuple(parts), absent, lead, any(made))


# ---------------------------------------------------------------------------------------------- misfit
def _misfits(report: Report, model: Any) -> Iterator[Part]:
    """Root mean square of (observed - rebuilt) / sigma of each spectrum."""
    lead = report.survey
    for survey in (s for s in LEADING if s in report.reconstructions and s in report.prepared):
        if survey == lead and report.anomaly is not None:
            value, reasons = report.anomaly.misfit, report.anomaly.reasons
        else:
            seen, rebuilt = report.prepared[survey], report.reconstructions[survey]
            value, reasons = misfit(seen, rebuilt), find_reasons(seen, rebuilt, survey=survey)
        said = f"{_shown(survey)} is off its reconstruction by {value:.2f} σ rms{_most_at(reasons)}"
        yield Part("misfit", f"misfit.{survey}", value, "σ", said, reasons, _snr(report, survey))
    for survey in (s for s in _OPTICAL if s in report.star.spectra):
        spectrum = report.star.spectra[survey]
        inside = (spectrum.wavelength >= _SEEN[0]) & (spectrum.wavelength <= _SEEN[1])
        if inside.any():
            share = 1.0 - float(np.mean(spectrum.good[inside]))
            said = f"{100 * share:.0f} % of {_shown(survey)} at {_SEEN[0]:.0f}-{_SEEN[1]:.0f} Å are masked"
            yield Part("misfit", f"misfit.masked_{survey}", share, "", said)


def _no_misfit(report: Report) -> str:
    return "the model rebuilds no spectrum"


# ---------------------------------------------------------------------------------------------- latent
def _latents(report: Report, model: Any) -> Iterator[Part]:
    """The model's own distance of each spectrum from the stars it knows."""
    for survey in (s for s in LEADING if s in report.embeddings):
        leads = survey == report.survey
        value = report.anomaly.ood if leads and report.anomaly is not None else _ood(report, survey, model)
        said = f"the embedding of {_shown(survey)} lies {value:.2f} from the nearest stars the model learned from"
        yield Part("latent", f"latent.{survey}", value, "", said)


def _ood(report: Report, survey: str, model: Any) -> float:
    score = getattr(model, "ood_score", None)
    if score is None or survey not in report.prepared:
        return float("nan")
    one = report.prepared[survey]
    return float(score(Encoding(one.survey, report.embeddings[survey][None], (one,)))[0])


def _no_latent(report: Report) -> str:
    return "the model tells no distance from the stars it learned from"


# ---------------------------------------------------------------------------------------------- LAMOST against XP
def _cross(report: Report, model: Any) -> Iterator[Part]:
    """XP against its prediction; the labels, embeddings and fluxes of the two spectra against each other."""
    source = next((s for s in LEADING if s != "gaia_xp" and s in report.embeddings), None)
    if source is None or "gaia_xp" not in report.prepared:
        return
    shown, observed, predicted = _shown(source), report.prepared["gaia_xp"], report.predictions.get("gaia_xp")
    snr, snr_xp = _snr(report, source), _snr(report, "gaia_xp")
    residual = None if predicted is None else xp_residual(observed, predicted)
    if residual is not None:
        value = float(np.sqrt(np.nanmean(np.clip(residual, -_CLIP, _CLIP) ** 2)))
        reasons = find_reasons(observed, _laid(observed, predicted), survey="gaia_xp")
        said = f"XP is off what {shown} predicts by {value:.2f} σ rms{_most_at(reasons)}"
        yield Part("cross_modal", "cross_modal.residual", value, "σ", said, reasons, snr_xp)
    if source in report.posteriors and "gaia_xp" in report.posteriors:
        far = _farthest(report.posteriors[source], report.posteriors["gaia_xp"])
        if far is not None:
            name, sigma, one, two = far
            said = f"{label_words(name)} is {one} by {shown} and {two} by XP, {sigma:.1f} σ apart"
            yield Part("cross_modal", "cross_modal.labels", sigma, "σ", said)
    a, b = (np.asarray(report.embeddings.get(s, ()), np.float64) for s in (source, "gaia_xp"))
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    if a.shape == b.shape and length > 0:
        value = 1.0 - float(a @ b) / length
        said = f"the embeddings of {shown} and XP have a cosine of {1.0 - value:.2f}"
        yield Part("cross_modal", "cross_modal.embedding", value, "", said)
    fluxes = flux_difference(report.star.spectra[source], report.star.spectra["gaia_xp"])
    if fluxes is not None:
        for key, (value, reasons), said in (
            ("flux", fluxes.shape, "the flux of {} has another shape than XP's, by {:.0f} % rms"),
            ("step", fluxes.step, "the arms of {} are at odds by {:.0f} % with XP"),
            ("oxygen", fluxes.oxygen, "{} is off XP by {:.0f} % in the O₂ A band of the air"),
        ):
            yield Part("cross_modal", f"cross_modal.{key}", value, "", said.format(shown, 100 * value), reasons, snr)


def _laid(observed: Any, predicted: Any) -> Any:
    """The prediction at the brightness of the data, without an error of a reddening that was fitted to them."""
    if predicted.dust is not None and predicted.ebv_source == "fitted":
        predicted = predicted.with_reddening(predicted.ebv, 0.0, "fitted")
    factor = float(np.median(np.asarray(predicted.scale) / np.asarray(observed.scale)))
    factor = factor if math.isfinite(factor) and factor > 0 else 1.0
    return replace(predicted, flux=predicted.flux * factor, sigma=np.nan_to_num(predicted.sigma) * factor)


def _farthest(one: Posterior, two: Posterior) -> tuple[str, float, str, str] | None:
    """The label on which two posteriors differ most: its name, by how many sigma, and both values in words."""
    first, second = one.summary(), two.summary()
    found: list[tuple[float, str]] = []
    for name in CORE_LABELS:
        if name not in first or name not in second:
            continue
        (a, a_low, a_high), (b, b_low, b_high) = first[name], second[name]
        sigma = math.hypot(*((a_high - a, b - b_low) if b > a else (a - a_low, b_high - b)))
        if sigma > 0 and math.isfinite(sigma):
            found.append((abs(b - a) / sigma, name))
    if not found:
        return None
    value, name = max(found)
    return name, value, _with_error(name, first[name], one), _with_error(name, second[name], two)


def _no_cross(report: Report) -> str:
    held = [s for s in LEADING if s in report.star.spectra]
    if "gaia_xp" not in held:
        return "there is no Gaia XP spectrum to compare with"
    if held == ["gaia_xp"]:
        return "there is no LAMOST spectrum to compare with"
    return "the model could not use both spectra"


# ---------------------------------------------------------------------------------------------- detectors
def _detected(name: str, detector: Any, *, noise: bool) -> Any:
    """The part of a detector; where it has no value, what is said is why.

    ``noise``: whether ordinary stars have larger values at high signal to noise, where what templates lack shows.
    """

    def parts(report: Report, model: Any) -> Iterator[Part]:
        found = detector(report)
        lead = next((s for s in LEADING if s in report.prepared and s != "gaia_xp"), "")
        snr = _snr(report, lead) if noise else float("nan")
        value, said = (float("nan"), found.absent) if found.absent else (float(found.value), found.text)
        yield Part(name, name, value, found.unit, said, found.reasons, snr)

    return parts


# ---------------------------------------------------------------------------------------------- catalogues
def _conflicts(report: Report, model: Any) -> Iterator[Part]:
    """The leading posterior against each catalogue, its farthest label in sigma of both errors."""
    posterior = report.posterior
    if posterior is None:
        return
    for catalogue in _catalogues(report):
        found = []
        for name, (median, low, high) in posterior.summary().items():
            away = catalogue.distance(name, median, low, high) if name in CORE_LABELS else None
            if away is not None:
                found.append((abs(away), name))
        if found:
            value, name = max(found)
            said = (
                f"{label_words(name)} is {_with_error(name, posterior.summary()[name], posterior)} here and "
                f"{_theirs(catalogue, name)} in {catalogue.name}, {value:.1f} σ apart"
            )
            yield Part("catalogue", f"catalogue.{catalogue.name.lower()}", value, "σ", said)


def _catalogues(report: Report) -> list[CatalogueValues]:
    """Those that may be believed or doubted: the truth of a simulated star is no catalogue."""
    return [c for c in catalogues_of(report.star) if "simulation" not in c.source]


def _no_conflict(report: Report) -> str:
    if any("simulation" in c.source for c in catalogues_of(report.star)):
        return "the values of a simulated star are its truth, not a catalogue's"
    return "no catalogue gives a value that the model tells too"


def _with_error(name: str, values: tuple[float, float, float], posterior: Posterior) -> str:
    median, low, high = values
    digits = 0 if name == "teff" else 2
    unit = posterior.units.get(name, "")
    text = f"{median:.{digits}f}" + (f" ± {(high - low) / 2:.{digits}f}" if math.isfinite(high - low) else "")
    return text + (f" {unit}" if unit else "")


def _theirs(catalogue: CatalogueValues, name: str) -> str:
    value, errors = catalogue.value(name), catalogue.errors(name)
    digits = 0 if name == "teff" else 2
    return f"{value:.{digits}f}" + ("" if errors is None else f" ± {sum(errors) / 2:.{digits}f}")


def _most_at(reasons: tuple[Reason, ...]) -> str:
    return f", most at {reasons[0].name}" if reasons else ""


def _snr(report: Report, survey: str) -> float:
    """Median signal to noise of a spectrum as the model saw it; NaN without errors."""
    one = report.prepared.get(survey)
    if one is None:
        return float("nan")
    known = np.asarray(one.ivar) > 0
    if not known.any():
        return float("nan")
    return float(np.median(np.abs(np.asarray(one.values)[known]) * np.sqrt(np.asarray(one.ivar)[known])))


def _shown(survey: str) -> str:
    return {"lamost_lrs": "LAMOST", "gaia_xp": "XP"}.get(survey, SHOWN.get(survey, survey))


_MEASURED: Mapping[str, Any] = {
    "misfit": (_misfits, _no_misfit),
    "latent": (_latents, _no_latent),
    "cross_modal": (_cross, _no_cross),
    "catalogue": (_conflicts, _no_conflict),
    "double_lines": (_detected("double_lines", double_lines, noise=False), None),
    "emission": (_detected("emission", emission, noise=True), None),
}

__all__ = ["Measures", "Part", "measure"]
