"""``cross_match``: a table of positions against a whole catalogue, at CDS XMatch.

Only row numbers and positions travel. LAMOST gives positions of epoch 2000, Gaia of 2016: 3 arcsec suffice for all but
the fastest stars, and where a ``gaia_source_id`` is known it is better than any match on the sky (services.md, 3).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.transport import current, session
from specviz.archives.votables import read_votable
from specviz.errors import BadReplyError, OptionError, QueryError

if TYPE_CHECKING:
    from astropy.table import Table

CATALOGUES = {"gaia": "vizier:I/355/gaiadr3", "lamost": "vizier:V/162/dr11l", "simbad": "simbad"}
#: The service's own limit.
LARGEST_RADIUS = 180.0
#: Rows in one question, so that each is answered in a time that a person waits.
AT_ONCE = 20_000
# Long names: the catalogue's own columns may well be called ra and dec.
_ROW, _RA, _DEC = "specviz_row", "specviz_ra", "specviz_dec"
_SPELLINGS = (
    ("ra", "dec"), ("ra_deg", "dec_deg"), ("raj2000", "dej2000"), ("_raj2000", "_dej2000"), ("ra_icrs", "de_icrs"),
    ("ra_obs", "dec_obs"), ("s_ra", "s_dec"),
)  # fmt: skip


def cross_match(
    table: Table,
    catalogue: str = "gaia",
    radius_arcsec: float = 3.0,
    *,
    ra: str | None = None,
    dec: str | None = None,
    nearest: bool = False,
    max_age: float = QUERY_AGE,
) -> Table:
    """What a catalogue has at the positions of a table.

    Parameters
    ----------
    table : Table
    catalogue : str
        "gaia", "lamost", "simbad", or a table of VizieR such as "II/246/out".
    radius_arcsec : float
        At most 180.
    ra, dec : str, optional
        Columns of the positions (degrees, or their own unit); guessed from the usual names.
    nearest : bool
        Only the nearest match of each row.
    max_age : float
        Seconds for which an earlier answer will do.

    Returns
    -------
    Table
        One row a match: ``row`` (index into ``table``), ``separation_arcsec``, then the catalogue's own columns;
        ordered by ``row``, then distance.

    Raises
    ------
    OptionError
        For a radius or columns that cannot be.
    QueryError
        The service refuses the question, for instance because it has no such catalogue.
    """
    if not 0.0 < radius_arcsec <= LARGEST_RADIUS:
        raise OptionError(f"radius_arcsec={radius_arcsec}", expected=f"above 0, at most {LARGEST_RADIUS:.0f}")
    name = CATALOGUES.get(catalogue.lower(), catalogue)
    if name == catalogue and "/" not in catalogue:
        known = "gaia, lamost, simbad, or a table such as II/246/out"
        raise OptionError(f"There is no catalogue {catalogue!r}", expected=known)
    if "/" in name and not name.startswith("vizier:"):
        name = f"vizier:{name}"
    ras, decs = _positions(table, ra, dec)
    sound = np.flatnonzero(np.isfinite(ras) & np.isfinite(decs) & (np.abs(decs) <= 90.0))
    parts = []
    for start in range(0, max(len(sound), 1), AT_ONCE):
        some = sound[start : start + AT_ONCE]
        if len(some):
            current().step("xmatch", "asking", start, len(sound))
            parts.append(_part(some, ras[some], decs[some], name, radius_arcsec, max_age))
    return _joined(parts, nearest)


def _part(
    numbers: NDArray[Any], ras: NDArray[Any], decs: NDArray[Any], name: str, radius_arcsec: float, max_age: float
) -> Table:
    from astropy.table import Table

    # Rows count from 1 on the way, like everything at CDS.
    upload = Table({_ROW: numbers + 1, _RA: np.round(ras, 8), _DEC: np.round(decs, 8)})
    digest = hashlib.sha256(b"".join(np.ascontiguousarray(upload[c]).tobytes() for c in upload.colnames)).hexdigest()
    key = Key("xmatch", name.removeprefix("vizier:"), f"{radius_arcsec:g}:{len(upload)}:{digest}")
    return cache().remember_table(key, lambda: _ask(upload, name, radius_arcsec), max_age=max_age)


def _ask(upload: Table, name: str, radius_arcsec: float) -> Table:
    from astropy.table import Table

    from specviz.archives.astroquery_requests import XMATCH_URL, xmatch_request

    form, files = xmatch_request(upload, name, radius_arcsec, _RA, _DEC)
    response = session().post(XMATCH_URL, data=form, files=files)
    body, status = response.content, int(response.status_code)
    if body.lstrip()[:1] == b"<":
        read_votable(body, "xmatch", status)  # raises with the service's words: errors come as VOTables
    if status >= 400:
        raise QueryError(f"CDS XMatch refuses the question ({status})", service="xmatch", status=status)
    try:
        # As lines, since astropy takes a text of one line for the name of a file. Without guessing: a wrong guess would
        # split a column, or join two.
        found = Table.read(body.decode("utf-8").splitlines(), format="ascii.csv", guess=False)
    except (ValueError, IndexError, TypeError, Warning) as error:  # astropy warns of numbers that are none
        raise BadReplyError("The answer of CDS XMatch is no table", service="xmatch", status=status) from error
    if not {"angDist", _ROW} <= set(found.colnames):
        raise BadReplyError(
            f"The answer of CDS XMatch has no angDist (it has {', '.join(found.colnames[:8])})", service="xmatch"
        )
    if len(found) and not _belongs(found, upload):
        raise BadReplyError("The answer of CDS XMatch does not belong to the rows that were sent", service="xmatch")
    return found


def _belongs(found: Table, upload: Table) -> bool:
    """Whether every line has a distance and the number of a row that was sent."""
    rows, distances = found[_ROW], found["angDist"]
    if (
        rows.dtype.kind != "i"
        or distances.dtype.kind not in "if"
        or np.ma.is_masked(rows)
        or np.ma.is_masked(distances)
    ):
        return False
    return bool(np.isin(np.asarray(rows), np.asarray(upload[_ROW])).all())


def _joined(parts: Sequence[Table], nearest: bool) -> Table:
    from astropy.table import Table, vstack

    parts = [p for p in parts if len(p)] or list(parts[:1])
    if not parts:
        return Table({"row": np.zeros(0, np.int64), "separation_arcsec": np.zeros(0)})
    found = parts[0].copy() if len(parts) == 1 else vstack(parts, metadata_conflicts="silent")
    rows = np.asarray(found[_ROW], np.int64) - 1
    distance = np.asarray(found["angDist"], float)
    found.remove_columns([c for c in (_ROW, _RA, _DEC, "angDist") if c in found.colnames])
    for column in ("row", "separation_arcsec"):
        if column in found.colnames:
            found.rename_column(column, f"{column}_2")
    found.add_column(rows, name="row", index=0)
    found.add_column(distance, name="separation_arcsec", index=1)
    order = np.lexsort((distance, rows))
    if nearest:
        _, first = np.unique(rows[order], return_index=True)
        order = order[first]
    return found[order]


def _positions(table: Table, ra: str | None, dec: str | None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Degrees; NaN where a row has none."""
    lower = {name.lower(): name for name in table.colnames}
    if ra is None or dec is None:
        pair = next(((lower[a], lower[b]) for a, b in _SPELLINGS if a in lower and b in lower), None)
        if pair is None:
            raise OptionError(
                "The table has no columns for the position", expected="ra and dec", remedy="Name them: ra=..., dec=..."
            )
        ra, dec = pair
    if ra not in table.colnames or dec not in table.colnames:
        raise OptionError(f"The table has no columns {ra} and {dec}", expected=", ".join(table.colnames[:12]))
    return _degrees(table, ra), _degrees(table, dec)


def _degrees(table: Table, name: str) -> NDArray[np.float64]:
    from astropy import units as u

    column = table[name]
    unit = getattr(column, "unit", None)
    try:
        values = np.ma.filled(np.ma.asarray(getattr(column, "value", column)).astype(np.float64), np.nan)
        factor = 1.0 if unit is None else float(u.Unit(unit).to(u.deg))
    except (ValueError, TypeError, u.UnitConversionError) as error:
        raise OptionError(f"The column {name} holds no angles", expected="degrees") from error
    return np.asarray(values * factor, np.float64)
