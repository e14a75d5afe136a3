"""The questions put to Gaia's TAP, as ADQL, and their answers as plain rows that the cache can keep."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from specviz.archives.gaia.releases import Release
from specviz.archives.transport import session
from specviz.archives.votables import read_votable
from specviz.errors import BadReplyError

#: Ids in one IN list, and sources in one data request (limits: 2000 rows sync, 5000 sources; services.md 2.1).
BATCH = 500
#: arcsec/yr: slower stars are found by a small margin around the circle, faster ones by the large one.
_SLOW, _FASTEST = 0.2, 10.5

Row = dict[str, Any]


def run(service: str, adql: str, *, maxrec: int = 2000) -> list[Row]:
    """Rows of a TAP query, columns by lower-case name, None where null. Above 2000 rows the service makes it a job.

    Raises
    ------
    QueryError
        With the archive's own words.
    ArchiveError
        Of the transport.
    """
    from specviz.archives import tap

    return _rows(tap.query(service, adql, maxrec=maxrec))


def arrays(service: str, adql: str, *, maxrec: int = BATCH) -> list[Row]:
    """The same for rows with arrays in their cells: not kept as a table, because text would be slow and not exact."""
    import pyvo

    from specviz.archives.tap import BASES

    question = pyvo.dal.TAPService(BASES[service], session=session()).create_query(adql, maxrec=maxrec)
    response = question.submit()
    return _rows(read_votable(response.content, service, int(response.status_code)))


def _rows(table: Any) -> list[Row]:
    names = {str(name): str(name).lower() for name in table.colnames}
    return [{low: _cell(record[name]) for name, low in names.items()} for record in table]


def rows_of(data: bytes) -> list[Row]:
    """Rows as the cache keeps them.

    Raises
    ------
    BadReplyError
        If they are none.
    """
    try:
        rows = json.loads(data)
    except ValueError as error:
        raise BadReplyError("A kept answer of the Gaia archive is damaged", service="gaia") from error
    if not isinstance(rows, list):
        raise BadReplyError("A kept answer of the Gaia archive is no table", service="gaia")
    return rows


def _cell(value: Any) -> Any:
    """A cell as JSON can keep it: numbers keep every bit, masked and NaN become None."""
    if value is None or value is np.ma.masked:
        return None
    if isinstance(value, np.ndarray):
        # A float32 goes through float64 and back unchanged; masked numbers become null.
        filled = np.ma.filled(np.ma.asarray(value).astype(np.float64), np.nan) if value.dtype.kind == "f" else value
        return [None if isinstance(v, float) and math.isnan(v) else v for v in np.asarray(filled).ravel().tolist()]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain


# ------------------------------------------------------------------------------------------------ the questions
def by_id(release: Release, ids: Sequence[str]) -> str:
    """Rows of the source catalogue by source id."""
    return f"SELECT {_columns(release)} FROM {release.table} WHERE source_id IN ({', '.join(ids)})"


def in_cone(release: Release, ra: float, dec: float, radius_arcsec: float, years: float | None, top: int) -> str:
    """Rows within a circle, nearest first.

    Parameters
    ----------
    ra, dec : float
        Degrees.
    radius_arcsec : float
    years : float or None
        Years between the epoch of the position and that of the catalogue. The circle grows by what a star of 0.2"/yr
        travels in them, and for faster stars by what the fastest known travels (10.4"/yr, Barnard's star). None: the
        position is at the catalogue's epoch, and the circle stays.
    top : int
        Rows at most.
    """
    point = f"POINT('ICRS', {ra!r}, {dec!r})"
    inside = "1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', {ra!r}, {dec!r}, {r:.8f}))"
    reach = radius_arcsec + abs(years or 0.0) * _SLOW
    where = inside.format(ra=ra, dec=dec, r=reach / 3600.0)
    if years:
        wide = inside.format(ra=ra, dec=dec, r=(radius_arcsec + abs(years) * _FASTEST) / 3600.0)
        fast = (_SLOW * 1000.0) ** 2
        where = f"{wide} AND ({where} OR pmra * pmra + pmdec * pmdec > {fast:.1f})"
    distance = f"DISTANCE(POINT('ICRS', ra, dec), {point}) AS dist"
    return f"SELECT TOP {top} {_columns(release)}, {distance} FROM {release.table} WHERE {where} ORDER BY dist ASC"


def in_neighbourhood(table: str, known: str, source_id: str) -> str:
    """Rows of a table of neighbours; ``known`` is the release that ``source_id`` is of."""
    return f"SELECT * FROM {table} WHERE {known.lower()}_source_id = {source_id}"


def aip_coefficients(ids: Sequence[str]) -> str:
    """XP coefficients at Gaia@AIP, which has the table that ESA's TAP does not serve (services.md, section 2.1)."""
    columns = ["source_id", "solution_id"]
    for band in ("bp", "rp"):
        columns += [
            f"{band}_{name}"
            for name in (
                "basis_function_id", "n_parameters", "standard_deviation", "coefficients", "coefficient_errors",
                "coefficient_correlations", "n_relevant_bases",
            )
        ]  # fmt: skip
    table = "gaiadr3.xp_continuous_mean_spectrum"
    return f"SELECT {', '.join(columns)} FROM {table} WHERE source_id IN ({', '.join(ids)})"


def _columns(release: Release) -> str:
    return ", ".join(release.columns) or f"{release.table}.*"
