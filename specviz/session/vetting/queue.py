"""Which rows of a list are gone through, and in which order. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.session.vetting.values import Vet, VetRow


def members(vet: Vet, which: str, conflicts: frozenset[str] = frozenset()) -> list[int]:
    """The rows that a filter leaves, in the order of the list; see :attr:`Vet.filter`."""
    return [i for i, row in enumerate(vet.rows) if _fits(row, which, vet.vocabulary.unsure, conflicts)]


def _fits(row: VetRow, which: str, unsure: str, conflicts: frozenset[str]) -> bool:
    label, status = row.label, row.label.status(unsure)
    group, _, name = which.partition(":")
    if which in ("", "all"):
        return True
    if which == "unlabelled":
        return not label.done
    if which in ("labelled", "undecided"):
        return status == which
    if which == "conflicts":
        return row.key in conflicts
    if group == "class":
        return label.klass == name
    if group == "flag":
        return name in label.flags
    held = f"{row.key} {label.klass} {' '.join(label.flags)} {label.comment}".lower()
    return all(word in held for word in which.lower().split())


def in_order(rows: Sequence[int], vet: Vet, rank: NDArray[Any] | None) -> tuple[int, ...]:
    """Rows by ``rank``, the largest first, unknown ones last; those that are finished before them, as they were."""
    if rank is None:
        return tuple(rows)
    kept = {p: i for i, p in enumerate(vet.order)}
    done = sorted((p for p in rows if vet.rows[p].label.done), key=lambda p: kept.get(p, p))
    open_ = [p for p in rows if not vet.rows[p].label.done]
    scores = np.array([rank[p] if np.isfinite(rank[p]) else -np.inf for p in open_])
    return (*done, *(open_[i] for i in np.argsort(-scores, kind="stable")))
