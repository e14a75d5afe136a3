"""What of a report the posterior panel shows: whose posterior, which labels, which catalogues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from specviz.session.state import Posterior, Report, Star, ViewOptions
from specviz.session.view_options import CORNER_LIMIT, LEADING_LABELS, LabelRange
from specviz.spectra.catalogue_values import CatalogueValues, catalogues_of

#: Samples below which a contour is noise.
FEWEST = 50
SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP", "sdss": "SDSS", "other": "Spectrum"}


@dataclass(frozen=True)
class Choice:
    """What is drawn.

    Parameters
    ----------
    first : Posterior or None
        The leading spectrum's, drawn filled; None where only the other is wanted.
    second : Posterior or None
        The other spectrum's.
    surveys : (str, str)
        Short names of the two spectra, "" where there is no other.
    other : str
        Survey of the other posterior ("gaia_xp"), "" if there is none: whether there is anything to switch.
    labels : tuple of str
        Everything that could be drawn: what has a width in a posterior that is shown.
    names : tuple of str
        What is drawn, first at the top left.
    catalogues : tuple of CatalogueValues
    brush : tuple of (str, float, float)
        Ranges that samples must be in to be drawn in full; only of labels that are drawn, and only where enough
        samples are left.
    """

    first: Posterior | None
    second: Posterior | None
    surveys: tuple[str, str]
    other: str
    labels: tuple[str, ...]
    names: tuple[str, ...]
    catalogues: tuple[CatalogueValues, ...]
    brush: tuple[LabelRange, ...] = ()

    @property
    def posteriors(self) -> list[Posterior]:
        return [p for p in (self.first, self.second) if p is not None]


def choose(star: Star | None, report: Report | None, view: ViewOptions) -> Choice | None:
    """What to draw; None without a posterior."""
    if report is None or report.posterior is None or report.survey is None:
        return None
    lead = report.survey
    other = next((s for s in report.posteriors if s != lead), "")
    first: Posterior | None = report.posterior
    second: Posterior | None = report.posteriors[other] if other else None
    wanted = view.posterior_from
    if wanted == other:
        first = None
    elif wanted != "both":
        second = None
    shown = [p for p in (first, second) if p is not None]
    wide = [n for p in shown for n in (*LEADING_LABELS, *p.names) if n in p.names and n not in p.points]
    labels = tuple(dict.fromkeys(wide))
    names = tuple(n for n in view.corner if n in labels)[:CORNER_LIMIT]
    if view.corner == LEADING_LABELS or not names:  # nobody chose: what the model lacks gives way to what it has
        names = labels[: len(LEADING_LABELS)]
    surveys = (SURVEYS.get(lead, lead), SURVEYS.get(other, other))
    brush = tuple(r for r in view.brush if r[0] in names)
    if any(len(brushed(p, brush)) < FEWEST for p in shown):
        brush = ()  # drawn on another star, whose samples lie elsewhere
    return Choice(first, second, surveys, other, labels, names, catalogues_of(star), brush)


def brushed(posterior: Posterior, brush: Sequence[LabelRange]) -> Posterior:
    """The samples within all ranges; those of labels that the posterior lacks do not count."""
    if not brush:
        return posterior
    inside = np.ones(len(posterior), bool)
    for name, low, high in brush:
        if name in posterior.names:
            inside &= (posterior[name] >= low) & (posterior[name] <= high)
    return replace(posterior, samples=posterior.samples[inside])
