"""Which stars are odd, by several scores, each explained: ``OutlierScorer`` for one report, ``rank`` for a list."""

from specviz.catalog.outliers.oddity import NAMES, TITLES, Oddity, ScoreValue
from specviz.catalog.outliers.rank import rank
from specviz.catalog.outliers.ranking import Ranking
from specviz.catalog.outliers.scorer import OutlierScorer

__all__ = ["NAMES", "TITLES", "Oddity", "OutlierScorer", "Ranking", "ScoreValue", "rank"]
