"""The work list as a value: rows in, rows out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from specviz.session.resolve import title
from specviz.session.state import WorkItem

Rows = tuple[WorkItem, ...]


def rows_of(targets: Iterable[Any]) -> Rows:
    """A row for each target, waiting."""
    return tuple(WorkItem(title(t), t) for t in targets)


def at_hand(work: Rows, position: int, status: Any, report: Any = None, problem: str = "") -> Rows:
    """The list with ``position`` as the row at hand; the one before it is done."""
    rows = [replace(w, status="done") if w.status == "current" else w for w in work]
    if 0 <= position < len(rows):
        row = replace(rows[position], status=status, problem=problem)
        if report is not None and report.anomaly is not None:
            row = replace(row, percentile=report.anomaly.percentile)
        rows[position] = row
    return tuple(rows)


def retargeted(work: Rows, position: int, target: Any) -> Rows:
    """The list with another target in one row, under its old name."""
    rows = list(work)
    rows[position] = replace(rows[position], target=target)
    return tuple(rows)


def opened(stars: Sequence[Any]) -> Rows:
    """The list of an upload that holds several stars, the first of which is shown."""
    return tuple(WorkItem(s.name, s, "current" if i == 0 else "waiting") for i, s in enumerate(stars))
