"""``Report``: everything a model said of one star, with its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from specviz.models.posterior import Posterior
from specviz.models.protocol import PredictedSpectrum, Prepared
from specviz.spectra.star import Star

#: The spectrum that leads a report is the first of these that the model could use.
LEADING = ("lamost_lrs", "sdss", "gaia_xp", "other")
#: The labels that lead: headline, corner plot and the one-line description show these; tables show all.
CORE_LABELS = ("teff", "logg", "fe_h", "alpha_fe")


@dataclass(frozen=True)
class QualityFlag:
    """One check: ``passed`` is True, False, or None (could not be made). ``text`` is what the panel shows."""

    name: str  # stable, for tables: low_snr, out_of_range, masked, not_a_star, missing_arm, ...
    passed: bool | None
    text: str
    detail: str = ""


@dataclass(frozen=True)
class Reason:
    """One stretch of spectrum where the star differs from the model. Wavelengths in Angstrom (vacuum)."""

    name: str
    kind: Literal["star", "sky", "detector"]
    wavelength: float
    low: float
    high: float
    mean_sigma: float
    survey: str = "lamost_lrs"


@dataclass(frozen=True, eq=False)
class Anomaly:
    """How odd the star is: ``score`` (larger = odder), its percentile among ``n_reference`` reference stars, and why.

    ``reference`` holds the reference set's scores, sorted, for the histogram. ``misfit`` (root mean square of the
    residual in sigma) and ``ood`` (the model's latent distance) are what the score is made of; NaN where unknown.
    ``note`` says why there is no percentile, where there is none.
    See :func:`specviz.analysis.anomaly.anomaly`.
    """

    score: float
    percentile: float
    n_reference: int
    reasons: tuple[Reason, ...] = ()
    reference: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    misfit: float = float("nan")
    ood: float = float("nan")
    note: str = ""


@dataclass(frozen=True)
class Provenance:
    """Who said it: stamped on every report, table and export. ``created`` is ISO 8601 UTC."""

    model: str
    model_version: str
    weights_sha256: str
    device: str
    dtype: str
    specviz_version: str
    created: str
    seconds: float
    seed: int | None = 0


@dataclass(frozen=True, eq=False)
class Report:
    """What one model says of one star.

    Parameters
    ----------
    star : Star
    embeddings : mapping of survey to array, shape (D,)
    prepared : mapping of survey to Prepared
        The spectra as the model saw them.
    posteriors : mapping of survey to Posterior
        One a survey that was observed.
    reconstructions : mapping of survey to PredictedSpectrum
        Same survey in and out.
    predictions : mapping of survey to PredictedSpectrum
        Keyed by the survey that is *predicted*; its ``source`` says from which.
    anomaly : Anomaly or None
    flags : tuple of QualityFlag
    provenance : Provenance
    problem : str
        Why there is no result, in words ("" when there is one). A report with a problem has empty mappings.
    """

    star: Star
    provenance: Provenance
    embeddings: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    prepared: Mapping[str, Prepared] = field(default_factory=dict)
    posteriors: Mapping[str, Posterior] = field(default_factory=dict)
    reconstructions: Mapping[str, PredictedSpectrum] = field(default_factory=dict)
    predictions: Mapping[str, PredictedSpectrum] = field(default_factory=dict)
    anomaly: Anomaly | None = None
    flags: tuple[QualityFlag, ...] = ()
    problem: str = ""

    @property
    def survey(self) -> str | None:
        """The survey whose posterior and embedding lead: LAMOST when there is one."""
        return next((s for s in LEADING if s in self.posteriors), None)

    @property
    def posterior(self) -> Posterior | None:
        """The leading posterior."""
        return self.posteriors[self.survey] if self.survey else None

    @property
    def embedding(self) -> NDArray[np.float32] | None:
        return self.embeddings.get(self.survey) if self.survey else None

    @property
    def failed_flags(self) -> tuple[QualityFlag, ...]:
        return tuple(f for f in self.flags if f.passed is False)

    @property
    def labels(self) -> dict[str, tuple[str, tuple[float, float, float]]]:
        """Every label once: ``{name: (survey, (median, 16th, 84th percentile))}``.

        Where two spectra give a label it is the leading one's; what only another gives (the reddening, which XP sees
        and LAMOST does not) follows after.
        """
        out: dict[str, tuple[str, tuple[float, float, float]]] = {}
        for survey in (s for s in LEADING if s in self.posteriors):
            for name, values in self.posteriors[survey].summary().items():
                out.setdefault(name, (survey, values))
        return out

    def to_table(self) -> Any:
        """One row, in the columns of ``specviz analyse`` (see :func:`specviz.analysis.table.reports_to_table`)."""
        from specviz.analysis.table import reports_to_table

        return reports_to_table([self])

    def __repr__(self) -> str:
        if self.problem:
            return f"<Report {self.star.name}: {self.problem}>"
        if self.posterior is None:
            return f"<Report {self.star.name}: no posterior>"
        every = self.posterior.summary()
        shown = {n: every[n] for n in CORE_LABELS if n in every} or every
        points = self.posterior.points
        s = ", ".join(
            f"{n} {m:.5g}" + ("" if n in points else f" ({lo:.5g} to {hi:.5g})") for n, (m, lo, hi) in shown.items()
        )
        more = f", {len(every) - len(shown)} more labels" if len(every) > len(shown) else ""
        return f"<Report {self.star.name}: {s}{more}; {self.provenance.model}>"
