"""``Ranking``: a list of stars with how odd each is, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.catalog.outliers.oddity import NAMES, TITLES, Oddity
from specviz.catalog.outliers.scorer import OutlierScorer
from specviz.errors import OptionError


@dataclass(frozen=True, eq=False)
class Ranking:
    """Stars in the order in which they were given; :attr:`order` and :attr:`table` have the oddest first.

    Parameters
    ----------
    targets : tuple
        What was given, one a star: pass them to ``specviz.vet``.
    names : tuple of str
    oddities : tuple of Oddity
    embeddings : array, shape (n, D)
        Of the spectrum that leads each star's report; NaN where there is none.
    problems : tuple of str
        Why there is no result, "" where there is one.
    scorer : OutlierScorer
        Says why any other report is odd, compared with the same reference stars.
    meta : mapping
        Model, weights, reference: what the table is stamped with.
    """

    targets: tuple[Any, ...]
    names: tuple[str, ...]
    oddities: tuple[Oddity, ...]
    embeddings: NDArray[np.float32]
    problems: tuple[str, ...]
    scorer: OutlierScorer
    meta: Mapping[str, Any] = field(default_factory=dict)
    surveys: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        failed = sum(1 for problem in self.problems if problem)
        lines = [f"<Ranking of {len(self)} stars against {self.meta.get('reference', 'reference stars')}" +
                 (f", {failed} could not be used" if failed else "")]  # fmt: skip
        for number, row in enumerate(self.order[:5], 1):
            if self.oddities[row].leading:
                lines.append(f"  {number}. {self.names[row]}: {self.scores[row]:.1f}, {self.oddities[row].text}")
        return "\n".join(lines) + ">"

    @cached_property
    def scores(self) -> NDArray[np.float64]:
        """Combined score (n,), larger = odder; NaN where there is none."""
        return np.array([one.score for one in self.oddities], np.float64)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Places of the stars, the oddest first; those without a score last, in the order given."""
        return np.argsort(np.where(np.isfinite(self.scores), -self.scores, np.inf), kind="stable")

    def values(self, name: str) -> NDArray[np.float64]:
        """One score of every star (n,), in the order given; NaN where absent.

        Raises
        ------
        OptionError
            For a score that is not there.
        """
        if name not in NAMES:
            raise OptionError(f"There is no score {name!r}", expected="one of " + ", ".join(NAMES))
        return np.array([_value(one, name, "value") for one in self.oddities], np.float64)

    @cached_property
    def table(self) -> Any:
        """One row a star, the oddest first (astropy); see :meth:`to_table`, which makes a new one at every call."""
        return self.to_table()

    def to_table(self) -> Any:
        """One row a star, the oddest first.

        Returns
        -------
        astropy.table.Table
            rank, row (place in the list given, from 0), name, survey, score, percentile, leading, reason (a sentence);
            for each score NAME and NAME_rarity (fraction of the reference stars at least as odd), masked where it is
            absent; problem. ``meta`` says which model and which reference stars.
        """
        from astropy.table import MaskedColumn, Table

        order = self.order
        ranked = [self.oddities[i] for i in order]
        table = Table(meta=dict(self.meta))
        table["rank"] = np.arange(1, len(order) + 1)
        table["row"] = order
        table["name"] = _texts([self.names[i] for i in order])
        table["survey"] = _texts([self.surveys[i] for i in order] if self.surveys else [""] * len(order))

        def number(name: str, values: Any, unit: str, words: str) -> None:
            data = np.asarray(values, np.float64)
            table[name] = MaskedColumn(data, mask=~np.isfinite(data), unit=unit or None, description=words)

        number("score", self.scores[order], "", "-log10 of the combined tail probability, larger = odder")
        number("percentile", [o.percentile for o in ranked], "%", "of the score among the reference stars")
        table["leading"] = _texts([o.leading for o in ranked])
        table["reason"] = _texts([o.text if o.leading else "" for o in ranked])
        for name in NAMES:
            units = {str(_value(o, name, "unit")) for o in ranked if _finite(_value(o, name, "value"))}
            unit = units.pop() if len(units) == 1 else ""
            # σ is no unit of astropy's, and where stars lead by different parts, each sentence says its own.
            number(name, [_value(o, name, "value") for o in ranked], "" if unit == "σ" else unit,
                   TITLES[name] + (", in sigma" if unit == "σ" else ""))  # fmt: skip
            words = "fraction of reference stars at least as odd"
            number(f"{name}_rarity", [_value(o, name, "rarity") for o in ranked], "", words)
        table["problem"] = _texts([self.problems[i] for i in order])
        return table

    def write(self, path: str | Path) -> None:
        """Write :meth:`to_table` as .ecsv, .csv, .fits or .vot, by the name's ending."""
        from specviz.spectra.writers.tables import write_table

        write_table(self.to_table(), Path(path))


def _value(oddity: Oddity, name: str, what: str) -> Any:
    for one in oddity.scores:
        if one.name == name:
            return getattr(one, what)
    return "" if what == "unit" else float("nan")


def _finite(value: Any) -> bool:
    return bool(np.isfinite(value))


def _texts(values: Sequence[str]) -> NDArray[np.str_]:
    return np.asarray(values, dtype=str) if len(values) else np.empty(0, "U1")
