"""``Queueing``: the list that is vetted: where one is, which rows, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from specviz.errors import OptionError, SpecvizError
from specviz.session import work
from specviz.session.jobs import Job
from specviz.session.state import Notice
from specviz.session.telling import told
from specviz.session.vetting.keys import star_keys
from specviz.session.vetting.queue import in_order, members
from specviz.session.vetting.values import VetRow
from specviz.session.vetting.writing import Writing


class Queueing(Writing):
    """The part of a vetting session that goes through the list."""

    # ------------------------------------------------------------------ the list
    def begin(self, targets: Sequence[Any], scores: ArrayLike | None = None) -> Job | None:
        """Take up a list, and show the star at which this reviewer stopped, else the first without a label.

        Parameters
        ----------
        targets : sequence
            As in :meth:`Session.set_work`.
        scores : array of float, shape (n,), optional
            How odd each is, larger = odder; :meth:`set_order` can order by them.

        Raises
        ------
        OptionError
            The list is empty, or the scores are not as many.
        """
        if not targets:
            raise OptionError("The list is empty", expected="at least one star to look at")
        keys = star_keys(targets)
        odd = np.full(len(keys), np.nan) if scores is None else np.asarray(scores, np.float64).ravel()
        if odd.size != len(keys):
            raise OptionError(f"{odd.size} scores for {len(keys)} stars", expected="one score a star")
        with self._saying():
            self._record.take_up(keys)
            rows = tuple(VetRow(k, self._record.label(k), float(s)) for k, s in zip(keys, odd, strict=True))
            with self._changing():
                self._ready.clear()
                self._at, self._rank = None, None
                vet = replace(self.vet, rows=rows, order=tuple(range(len(rows))), filter="all", order_by="list")
                self._update(work=work.rows_of(targets), position=None, vet=self._told_of(vet, None))
                self._order_at_start()
            place = self._record.last_open
            first = keys.index(place) if place in keys else self._next_undone(-1)
            return self.go(0 if first is None else first)

    def _order_at_start(self) -> None:
        """Another order than the list's, before its first star is shown."""

    # The list that is vetted is one with its labels: nothing else may take its place under them.
    def set_work(self, targets: Sequence[Any]) -> None:
        """The same as :meth:`begin`; an empty list is refused."""
        self.begin(targets)

    def _listed(self, targets: Sequence[Any], add: bool) -> None:
        self.tell(Notice("warning", "A list is being vetted here", "Vet the other one with specviz.vet(...)"))

    def restore(self, data: bytes, name: str = "session.json") -> Job | None:
        """Refused: a saved session holds another list."""
        raise SpecvizError(
            f"{name[:60]} is a saved session, and a list is being vetted here", remedy="Open it with specviz.explore()"
        )

    def _next_undone(self, after: int) -> int | None:
        """The next row in order behind row ``after`` that is not finished; from the start if there is none behind."""
        vet = self.vet
        start = vet.place(after)
        order = vet.order if start is None else (*vet.order[start + 1 :], *vet.order[:start])
        return next((p for p in order if not vet.rows[p].label.done), None)

    def go(self, position: int) -> Job | None:
        """Show row ``position`` of the list; the journal keeps where one is."""
        with self._saying():  # of two who go at once, the later one is on screen and in the journal
            vet = self.vet
            if 0 <= position < len(vet.rows) and vet.rows[position].key != self._record.last_open:
                self._write([(vet.rows[position].key, "open", position)])
            return super().go(position)

    @told
    def forward(self) -> Job | None:
        """The next row in the order at hand; stays at the end."""
        return self._beside(1)

    @told
    def back(self) -> Job | None:
        """The row before it in that order."""
        return self._beside(-1)

    next, previous = forward, back

    def _beside(self, step: int) -> Job | None:
        vet = self.vet
        here = self._at if self._at is not None else -1
        place = vet.place(here)
        if place is None:  # what is on screen was filtered out
            beyond = [p for p in vet.order if (p > here if step > 0 else p < here)]
            return self.go(beyond[0 if step > 0 else -1]) if beyond else None
        return self.go(vet.order[place + step]) if 0 <= place + step < len(vet.order) else None

    @told
    def jump(self, row: int) -> Job | None:
        """Show a row of the list, counted from 1.

        Raises
        ------
        OptionError
            There is no such row.
        """
        if not 1 <= row <= len(self.vet.rows):
            raise OptionError(f"There is no row {row}", expected=f"1 to {len(self.vet.rows)}")
        return self.go(row - 1)

    # ------------------------------------------------------------------ which rows, in which order
    @told
    def set_filter(self, which: str = "all") -> int:
        """Go through some of the rows only: "all", "unlabelled", "labelled", "undecided", "conflicts", "class:NAME",
        "flag:NAME", or words that the row's name, class or comment holds. Gives how many there are.
        """
        with self._changing():
            vet = self.vet
            found = members(vet, which, self._conflicts())
            vet = replace(vet, filter=which, order=in_order(found, vet, self._rank))
            self._update(vet=self._told_of(vet))  # while conflicts are decided, the progress is that of these rows
            return len(found)

    @told
    def set_order(self, by: str = "list") -> None:
        """Go through them in the order of the list ("list"), or the oddest first ("odd").

        Raises
        ------
        OptionError
            There is no such order, or nothing is known that it could go by.
        """
        if by not in ("list", "odd"):
            raise OptionError(f"There is no order {by!r}", expected='"list" or "odd"')
        scores = np.array([r.score for r in self.vet.rows])
        if by == "odd" and not np.isfinite(scores).any():
            raise OptionError("No scores to order by", remedy="Rank the list first: specviz.vet(specviz.outliers(...))")
        self.rank(None if by == "list" else scores, by)

    def _take_ranking(self, ranking: Any) -> None:
        """A ranking of this list was made: what else it knows of the stars."""

    def rank(self, scores: ArrayLike | None, name: str, **changes: Any) -> None:
        """Order the rows by scores, the largest first, unknown ones last; None: as they are listed. None is hidden.

        Rows that are finished come first, as they were, so that "back" still leads to them.
        """
        with self._changing():
            self._rank = None if scores is None else np.asarray(scores, np.float64)
            vet = self.vet
            found = members(vet, vet.filter, self._conflicts())
            self._update(vet=replace(vet, order_by=name, order=in_order(found, vet, self._rank), **changes))
