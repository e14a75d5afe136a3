"""Which stars of a catalogue are searched: those in a region of its map, or in one of its clusters."""

from __future__ import annotations

from typing import Any

import numpy as np

from specviz.session.view_options import ViewOptions


def searched(planes: Any, view: ViewOptions) -> tuple[Any, dict[str, str]]:
    """Rows of the stars that are searched, None for all, and what is to be said of them: ``cluster``, its number and
    title; ``not_found``, why something that was chosen is not in this catalogue.
    """
    rows: Any = None
    told: dict[str, str] = {}
    if view.region is not None:
        why = planes.reason(view.region[0])
        if why:
            told["not_found"] = f"{why}: the region of the map is not used"
        else:
            rows = planes.within(*view.region)
    if view.cluster is not None:
        clusters = getattr(planes, "clusters", None)
        found = [] if clusters is None else [s for s in clusters.summaries if s.number == view.cluster]
        if not found:
            told["not_found"] = f"This catalogue has no cluster {view.cluster}: it is not used"
        else:
            told["cluster"] = f"{found[0].number} {found[0].title}"
            inside = np.asarray(planes.clusters.labels) == view.cluster
            rows = np.flatnonzero(inside) if rows is None else rows[inside[rows]]
    return rows, told
