"""``OutlierScorer``: why the star of one report is odd; what a vetting session asks of every star."""

from __future__ import annotations

from collections.abc import Sequence

from specviz.analysis.engine import Engine
from specviz.analysis.report import Report
from specviz.catalog.outliers.judge import judge
from specviz.catalog.outliers.measure import Measures, measure
from specviz.catalog.outliers.oddity import NAMES, Oddity
from specviz.catalog.outliers.reference import Reference
from specviz.errors import OptionError


class OutlierScorer:
    """Scores the stars of one engine's reports.

    Parameters
    ----------
    engine : Engine
        That made the reports; asked for nothing but the distances its model tells.
    reference : Reference, optional
        Whom the stars are compared with, such as that of a ranked list (``Ranking.scorer``). By default ordinary stars
        that the package knows, simulated or real as the star is.
    scores : sequence of str
        Which scores are made, all by default.

    Examples
    --------
    >>> OutlierScorer(engine).of(report).text  # doctest: +SKIP
    """

    def __init__(self, engine: Engine, reference: Reference | None = None, scores: Sequence[str] = NAMES) -> None:
        strange = next((name for name in scores if name not in NAMES), None)
        if strange is not None or isinstance(scores, str):
            raise OptionError(f"scores={scores!r}", expected="a list of " + ", ".join(NAMES))
        self._engine, self._reference, self.scores = engine, reference, tuple(scores)
        self._known: dict[tuple[bool, str], Reference] = {}

    def __repr__(self) -> str:
        words = "the packaged reference" if self._reference is None else self._reference.words
        return f"<OutlierScorer {self._engine.name}, {words}>"

    def of(self, report: Report) -> Oddity:
        """Why the star of a report is odd: 2 ms of CPU, with the detectors of lines 36 ms. Safe from any thread."""
        measures = self.measure(report)
        return judge(measures, self.reference_for(measures))

    def measure(self, report: Report) -> Measures:
        """What is measured of a report."""
        return measure(report, None if report.problem else self._engine.model, self.scores)

    def reference_for(self, measures: Measures) -> Reference:
        """Whom a star of these measures is compared with."""
        if self._reference is not None:
            return self._reference
        if not measures.parts:
            return Reference()
        kind = measures.simulated, measures.survey
        if kind not in self._known:
            sha256 = self._engine.describe().weights_sha256
            self._known[kind] = Reference.for_report(measures, self._engine.model, sha256)
        return self._known[kind]
