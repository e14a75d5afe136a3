"""How many rows of a list each filter leaves, kept up as labels change: 100 000 rows are not counted at each key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import compress
from operator import is_not

from specviz.session.state import VetRow


class FilterCounts:
    """Rows by filter; ``counts["class:emission"]`` is 0 for what no row has."""

    def __init__(self) -> None:
        self._rows: tuple[VetRow, ...] = ()
        self._unsure = ""
        self.counts: Counter[str] = Counter()

    def __getitem__(self, which: str) -> int:
        return self.counts[which]

    def update(self, rows: tuple[VetRow, ...], unsure: str) -> None:
        """Take up rows; of the same list only those that changed are counted again."""
        if rows is self._rows and unsure == self._unsure:
            return
        if len(rows) != len(self._rows) or unsure != self._unsure:
            self.counts.clear()
            self._count(rows, unsure, 1)
        else:
            changed = list(map(is_not, self._rows, rows))
            self._count(compress(self._rows, changed), unsure, -1)
            self._count(compress(rows, changed), unsure, 1)
        self._rows, self._unsure = rows, unsure

    def _count(self, rows: Iterable[VetRow], unsure: str, by: int) -> None:
        for row in rows:
            label = row.label
            self.counts["all"] += by
            status = label.status(unsure)
            if not label.done:
                self.counts["unlabelled"] += by
            else:
                self.counts[status] += by
            if label.klass:
                self.counts[f"class:{label.klass}"] += by
            for flag in label.flags:
                self.counts[f"flag:{flag}"] += by
