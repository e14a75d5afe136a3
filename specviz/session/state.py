"""What a session knows, as one frozen value: views compare the old with the new and draw what changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from specviz.analysis.quality import headline_flags
from specviz.analysis.report import Anomaly, Posterior, QualityFlag, Reason, Report
from specviz.spectra.star import Star

#: The nouns that views draw; they take them from here, since a view knows no room but this one and ``spectra``.
__all__ = [
    "Anomaly",
    "Notice",
    "Posterior",
    "QualityFlag",
    "Reason",
    "Recent",
    "Report",
    "Star",
    "State",
    "WorkItem",
    "headline_flags",
]


@dataclass(frozen=True)
class Notice:
    """One line for the person: what happened, and what to do. ``details`` is shown only on request."""

    level: Literal["info", "warning", "error"]
    title: str
    text: str = ""
    details: str = ""


@dataclass(frozen=True)
class Recent:
    """A star that was shown before; ``target`` opens it again."""

    name: str
    target: Any = field(compare=False)


@dataclass(frozen=True)
class WorkItem:
    """One row of the work list."""

    name: str
    target: Any = field(compare=False)
    status: Literal["waiting", "current", "done", "failed"] = "waiting"
    percentile: float | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class State:
    """Everything the views may show.

    Parameters
    ----------
    target : str
        What was asked for last, as the person wrote it (also the argument of the line of code in the footer).
    star, report : optional
        The star on screen and what the model said of it. ``report`` is None while the model works.
    neighbours : astropy Table or None
        Similar stars of ``report``, the columns of ``SimilarityIndex.search``.
    neighbour : int or None
        Row of ``neighbours`` that is selected; ``neighbour_star`` is its Star.
    busy : str
        Title of the running job, "" when idle.
    slow : bool
        The job has run long enough for words and a way to stop it.
    """

    target: str = ""
    star: Star | None = None
    report: Report | None = None
    neighbours: Any = None
    neighbour: int | None = None
    neighbour_star: Star | None = None
    busy: str = ""
    slow: bool = False
    notice: Notice | None = None
    recent: tuple[Recent, ...] = ()
    work: tuple[WorkItem, ...] = ()
    position: int | None = None
    model: str = ""
