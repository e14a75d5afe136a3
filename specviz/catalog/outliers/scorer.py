"""``OutlierScorer``: why the star of one report is odd; what a vetting session asks of every star."""

from __future__ import annotations

from specviz.analysis.engine import Engine
from specviz.analysis.report import Report
from specviz.catalog.outliers.judge import judge
from specviz.catalog.outliers.measure import Measures, measure
from specviz.catalog.outliers.oddity import Oddity
from specviz.catalog.outliers.reference import Reference


class OutlierScorer:
    """Scores the stars of one engine's reports.

    Parameters
    ----------
    engine : Engine
        That made the reports; asked for nothing but the distances its model tells.
    reference : Reference, optional
        Whom the stars are compared with, such as that of a ranked list (``Ranking.scorer``). By default ordinary stars
        that the package knows, simulated or real as the star is.

    Examples
    --------
    >>> OutlierScorer(engine).of(report).text  # doctest: +SKIP
    """

    def __init__(self, engine: Engine, reference: Reference | None = None) -> None:
        self._engine, self._reference = engine, reference

    def __repr__(self) -> str:
        words = "the packaged reference" if self._reference is None else self._reference.words
        return f"<OutlierScorer {self._engine.name}, {words}>"

    def of(self, report: Report) -> Oddity:
        """Why the star of a report is odd. Safe to call from several threads; 2 ms."""
        measures = self.measure(report)
        return judge(measures, self.reference_for(measures))

    def measure(self, report: Report) -> Measures:
        """What is measured of a report."""
        return measure(report, None if report.problem else self._engine.model)

    def reference_for(self, measures: Measures) -> Reference:
        """Whom a star of these measures is compared with."""
        if self._reference is not None:
            return self._reference
        if not measures.parts:
            return Reference()
        return Reference.for_report(measures, self._engine.model, self._engine.describe().weights_sha256)
