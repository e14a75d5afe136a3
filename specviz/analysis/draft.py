"""``Draft``: a star on its way to a report, and the one place where the model is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from specviz.errors import SpecvizError
from specviz.models.posterior import Posterior
from specviz.models.protocol import Encoding, ModelDescription, PredictedSpectrum, Prepared, StellarModel
from specviz.spectra.star import Star

#: Surveys that a model which does not know them may read as another one, if the wavelengths cover its window.
READ_AS: Mapping[str, str] = {"sdss": "lamost_lrs", "other": "lamost_lrs"}
SHOWN = {"lamost_lrs": "LAMOST", "gaia_xp": "Gaia XP", "sdss": "SDSS", "other": "Spectrum"}


@dataclass
class Draft:
    """What has been found of one star so far."""

    star: Star
    prepared: dict[str, Prepared] = field(default_factory=dict)
    embeddings: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    posteriors: dict[str, Posterior] = field(default_factory=dict)
    reconstructions: dict[str, PredictedSpectrum] = field(default_factory=dict)
    translations: dict[tuple[str, str], PredictedSpectrum] = field(default_factory=dict)  # (from, to)
    ood: dict[str, float] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


def encode(
    model: StellarModel,
    card: ModelDescription,
    drafts: Sequence[Draft],
    want: set[str],
    *,
    samples: int,
    seed: int | None,
    stop: Callable[[], None],
) -> None:
    """Prepare, encode and ask, survey by survey; the results go into the drafts.

    Parameters
    ----------
    model, card : StellarModel, ModelDescription
    drafts : list of Draft
        Filled in place. A spectrum that cannot be used leaves its reason in ``refusals``.
    want : set of str
        Of the model's capabilities: posterior, reconstruct, translate.
    samples, seed : int
        For the posterior.
    stop : callable
        Raises CancelledError when the person has stopped the work; called before each encoding.
    """
    queue: dict[str, list[tuple[Draft, str, Prepared]]] = {}
    for draft in drafts:
        for survey, spectrum in draft.star.spectra.items():
            name = survey if survey in card.surveys else READ_AS.get(survey, survey)
            if name not in card.surveys:
                draft.refusals[survey] = f"{card.name} does not read {SHOWN.get(survey, survey)} spectra"
                continue
            try:
                prepared = model.prepare(spectrum if name == survey else spectrum.with_(survey=name))
            except SpecvizError as error:
                draft.refusals[survey] = str(error)
            except (ValueError, ArithmeticError) as error:  # numbers that fail are a fact about this star
                draft.refusals[survey] = f"This spectrum could not be prepared ({error})."
            else:
                queue.setdefault(name, []).append((draft, survey, prepared))
    for items in queue.values():
        stop()
        encoding = model.embed([prepared for _, _, prepared in items])
        finite = [bool(np.isfinite(vector).all()) for vector in encoding.vectors]
        if not all(finite):  # one bad row must not reach the flow: the rest is encoded again without it
            for (draft, survey, _), good in zip(items, finite, strict=True):
                if not good:
                    draft.refusals[survey] = (
                        f"The model gave no finite answer for this {SHOWN.get(survey, survey)} spectrum."
                    )
            items = [item for item, good in zip(items, finite, strict=True) if good]
            if not items:
                continue
            encoding = model.embed([prepared for _, _, prepared in items])
        _ask(model, card, encoding, items, want, samples, seed)


def _ask(
    model: StellarModel,
    card: ModelDescription,
    encoding: Encoding,
    items: Sequence[tuple[Draft, str, Prepared]],
    want: set[str],
    samples: int,
    seed: int | None,
) -> None:
    """Everything wanted of one encoding."""
    name = encoding.survey
    for row, (draft, survey, prepared) in enumerate(items):
        draft.prepared[survey] = prepared if survey == name else replace(prepared, survey=survey)
        if "embed" in card.capabilities:  # a model that fits a star has no space in which stars are neighbours
            draft.embeddings[survey] = encoding.vectors[row]
    if "posterior" in want and card.labels.get(name):
        posteriors = model.posterior(encoding, samples=samples, seed=seed)
        for (draft, survey, _), posterior in zip(items, posteriors, strict=True):
            draft.posteriors[survey] = posterior if posterior.survey == survey else replace(posterior, survey=survey)
    if "reconstruct" in want:
        for (draft, survey, prepared), spectrum in zip(items, model.reconstruct(encoding), strict=True):
            draft.reconstructions[survey] = replace(spectrum, survey=survey, scale=prepared.scale, source=survey)
    if "translate" in want:
        for to in card.surveys:
            if to != name:
                for (draft, survey, _), spectrum in zip(items, model.translate(encoding, to), strict=True):
                    draft.translations[survey, to] = replace(spectrum, source=survey)
    ood_score = getattr(model, "ood_score", None)
    if ood_score is not None and "posterior" in want:
        for (draft, survey, _), value in zip(items, np.asarray(ood_score(encoding), np.float64), strict=True):
            draft.ood[survey] = float(value)
