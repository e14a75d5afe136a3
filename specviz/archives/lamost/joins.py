"""Finding a star's visits in LAMOST: by its Gaia id first, then by where it stood when the input catalogue was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from specviz.archives.lamost import sql, tables
from specviz.archives.lamost.asking import Asker
from specviz.archives.lamost.observations import Observation, best_first, group_repeats, of_table
from specviz.archives.motion import from_way, middle, separation, way
from specviz.errors import QueryError
from specviz.spectra.star import Identifier

#: Rows with the right Gaia id farther away than this are another star: ids of DR2 and DR3 can be mixed up (arcsec).
_ID_TOLERANCE = 15.0
#: Rows with another Gaia id that are nearer than this are taken for the same star all the same (arcsec).
_SAME_PLACE = 1.0
_MOST_VISITS = 500


def find(
    asker: Asker,
    ra: float | None,
    dec: float | None,
    *,
    gaia_ids: Sequence[Identifier] = (),
    pm_ra: float | None = None,
    pm_dec: float | None = None,
    radius_arcsec: float = 3.0,
    epoch: float = 2000.0,
) -> list[Observation]:
    """The visits of one star, best S/N first; see :meth:`specviz.archives.lamost.Lamost.find`."""
    apart = _distance(ra, dec, pm_ra, pm_dec, epoch)
    wanted = [i.value for i in gaia_ids if i.archive.lower() == "gaia" and asker.release.has_ids_of(i.release)]
    if wanted:
        try:
            visits = _by_gaia(asker, wanted)
        except QueryError:
            if ra is None or dec is None:
                raise
            visits = []  # an older release has no such table or column; its position is asked next
        found = [_placed(o, apart, "gaia") for o in visits]
        found = [o for o in found if o.separation is None or o.separation <= _ID_TOLERANCE]
        if found:
            return best_first(found)
    if ra is None or dec is None:
        return []
    first, last = way(ra, dec, pm_ra, pm_dec, epoch)
    centre = middle(first, last)
    half = float(separation(*centre, *first))
    table = tables.cone(asker, *centre, (radius_arcsec + half) / 3600.0)
    found = [_placed(o, apart, "position") for o in of_table(table, asker.release)]
    found = [o for o in found if o.separation is not None and o.separation <= radius_arcsec]
    comparable = {i for i in wanted if asker.release.gaia_release}
    if comparable:
        found = [
            o
            for o in found
            if o.gaia_source_id is None or o.gaia_source_id in comparable or (o.separation or 0.0) <= _SAME_PLACE
        ]
    groups = group_repeats(found)
    return groups[0] if groups else []


def by_gaia(asker: Asker, source_id: str) -> list[Observation]:
    """Every visit that a release lists under a Gaia id, best S/N first."""
    return best_first(o.with_(matched_by="gaia") for o in _by_gaia(asker, [source_id]))


def _by_gaia(asker: Asker, source_ids: Sequence[str]) -> list[Observation]:
    question = sql.select("combined", [sql.ids("gaia_source_id", source_ids)], limit=_MOST_VISITS)
    return of_table(tables.run_sql(asker, question), asker.release)


def _distance(
    ra: float | None, dec: float | None, pm_ra: float | None, pm_dec: float | None, epoch: float
) -> Callable[[Observation], float | None]:
    if ra is None or dec is None:
        return lambda one: None
    first, last = way(ra, dec, pm_ra, pm_dec, epoch)

    def apart(one: Observation) -> float | None:
        if one.ra is None or one.dec is None:
            return None
        return float(from_way(np.array(one.ra), np.array(one.dec), first, last))

    return apart


def _placed(
    one: Observation, apart: Callable[[Observation], float | None], how: Literal["gaia", "position"]
) -> Observation:
    distance = apart(one)
    return one.with_(separation=None if distance is None else round(distance, 4), matched_by=how)
