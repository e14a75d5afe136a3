"""Rows of VizieR's copies of the LAMOST and Gaia catalogues, with our names for the columns.

The tables: LAMOST DR11 (V/162), DR7 (V/156) and DR5 (V/164), each as observed and with LASP's parameters; Gaia DR3
(I/355). VizieR leaves out silently what it does not know, so columns are asked for by name, in every spelling that has
been seen, and what did not come is told in ``meta["missing"]``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.motion import separation
from specviz.archives.transport import session
from specviz.archives.votables import read_votable
from specviz.errors import ArchiveError, BadReplyError, OptionError, QueryError

if TYPE_CHECKING:
    from astropy.table import Table

#: LAMOST release -> VizieR's tables of observations and of LASP parameters.
LAMOST_TABLES = {
    "DR11": {"observations": "V/162/dr11l", "parameters": "V/162/dr11sl"},
    "DR7": {"observations": "V/156/dr7lrs", "parameters": "V/156/dr7slrs"},
    "DR5": {"observations": "V/164/dr5", "parameters": "V/164/stellar5"},
}
GAIA_TABLE = "I/355/gaiadr3"
#: Our label -> VizieR's column, in the spellings that the tables use. The first two rows of each are needed.
_OBSERVATIONS = {
    "obsid": ("ObsID",),
    "ra": ("RAJ2000", "RA_ICRS"),
    "dec": ("DEJ2000", "DE_ICRS"),
    "designation": ("LAMOST", "Target"),
    "mjd": ("MJD",),
    "snrg": ("snrg",),
    "class": ("Class",),
    "subclass": ("subClass", "SubClass"),
    "z": ("z",),
    "gaia_source_id": ("GaiaDR3", "Gaia", "GaiaDR2"),
}
_PARAMETERS = {
    **_OBSERVATIONS,
    "teff": ("Teff",),
    "teff_err": ("e_Teff",),
    "logg": ("logg",),
    "logg_err": ("e_logg",),
    "fe_h": ("[Fe/H]",),
    "fe_h_err": ("e_[Fe/H]",),
    "rv": ("HRV", "RV"),
    "rv_err": ("e_HRV", "e_RV"),
}
_GAIA = {
    "source_id": ("Source",),
    "ra": ("RA_ICRS",),
    "dec": ("DE_ICRS",),
    "parallax": ("Plx",),
    "parallax_error": ("e_Plx",),
    "pm_ra": ("pmRA",),
    "pm_dec": ("pmDE",),
    "g_mag": ("Gmag",),
    "bp_rp": ("BP-RP",),
    "ruwe": ("RUWE",),
    "radial_velocity": ("RV",),
    "teff": ("Teff",),
    "logg": ("logg",),
    "fe_h": ("[Fe/H]",),
    "has_xp_continuous": ("XPcont",),
    "has_xp_sampled": ("XPsamp",),
    "has_rvs": ("RVS",),
}
_TABLE_NAME = re.compile(r"[A-Z]+(?:/[A-Za-z0-9+&._-]+){1,5}")


def lamost_rows(
    ra: float, dec: float, radius_arcsec: float = 3.0, *, release: str = "DR11", kind: str = "parameters", n: int = 50
) -> Table:
    """LAMOST observations around a position, the nearest first.

    Parameters
    ----------
    ra, dec : float
        Degrees, ICRS.
    radius_arcsec : float
        A fibre is 3.3 arcsec wide.
    release : str
        "DR11", "DR7" or "DR5".
    kind : str
        "parameters" (LASP: teff, logg, fe_h, rv with errors; AFGK stars only) or "observations" (all).
    n : int
        Rows at most.

    Returns
    -------
    Table
        Columns obsid, ra, dec, separation_arcsec, snrg, class, subclass, ... as far as the table has them;
        ``meta["missing"]`` names the others, ``meta["source"]`` the table.
    """
    table, columns = _lamost(release, kind)
    return rows(table, columns, needed=("obsid", "ra", "dec"), ra=ra, dec=dec, radius_arcsec=radius_arcsec, n=n)


def lamost_row(obsid: int | str, *, release: str = "DR11", kind: str = "parameters") -> Table:
    """The row of one LAMOST spectrum (a table of one row, or of none)."""
    table, columns = _lamost(release, kind)
    return rows(table, columns, needed=("obsid",), where={"ObsID": f"={_whole('obsid', obsid)}"})


def gaia_rows(ra: float, dec: float, radius_arcsec: float = 3.0, *, n: int = 50) -> Table:
    """Gaia DR3 sources around a position (epoch 2016), the nearest first; see :func:`lamost_rows`."""
    return rows(GAIA_TABLE, _GAIA, needed=("source_id", "ra", "dec"), ra=ra, dec=dec, radius_arcsec=radius_arcsec, n=n)


def gaia_row(source_id: int | str) -> Table:
    """The row of one Gaia DR3 source (a table of one row, or of none)."""
    return rows(GAIA_TABLE, _GAIA, needed=("source_id",), where={"Source": f"={_whole('source_id', source_id)}"})


def rows(
    table: str,
    columns: Mapping[str, tuple[str, ...]],
    *,
    needed: tuple[str, ...] = (),
    ra: float | None = None,
    dec: float | None = None,
    radius_arcsec: float = 3.0,
    where: Mapping[str, str] | None = None,
    n: int = 50,
    max_age: float = QUERY_AGE,
) -> Table:
    """Rows of any table of VizieR, around a position or by values of columns.

    Parameters
    ----------
    table : str
        Such as "V/164/stellar5".
    columns : mapping of str to tuple of str
        The name a column gets here, and how VizieR may spell it.
    needed : tuple of str
        Names (here) without which the answer is of no use.
    ra, dec, radius_arcsec : float, optional
        A position in degrees, ICRS.
    where : mapping of str to str, optional
        VizieR's column -> constraint, such as ``{"ObsID": "=123"}``.
    n : int
        Rows at most.
    max_age : float
        Seconds for which an earlier answer will do.

    Raises
    ------
    QueryError
        VizieR refuses the question.
    ServiceDownError
        VizieR says that its data base is out of order (it does so with status 200).
    BadReplyError
        A needed column did not come.
    """
    if not _TABLE_NAME.fullmatch(table):
        raise OptionError(f"{table!r} is no table of VizieR", expected="a name such as V/164/stellar5")
    if (ra is None) != (dec is None) or (ra is None and not where):
        raise OptionError("Nothing to look for", expected="ra and dec, or where={column: constraint}")
    if (
        ra is not None
        and dec is not None
        and not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0 and 0.0 < radius_arcsec <= 3600.0)
    ):
        raise OptionError(f"{ra}, {dec}, {radius_arcsec}", expected="a position, and a radius up to a degree")
    if any("\n" in name + value or "=" in name for name, value in (where or {}).items()):
        raise OptionError("A constraint of several lines", expected='such as {"Teff": ">5000"}')
    place = "" if ra is None else f"{ra:.7f} {dec:+.7f} {radius_arcsec:g}"
    spelt = [name for names in columns.values() for name in names]
    key = Key("vizier", table, f"{place}:{dict(where or {})}:{n}:{','.join(spelt)}")
    found = cache().remember_table(key, lambda: _ask(table, spelt, ra, dec, radius_arcsec, where, n), max_age=max_age)
    return _named(found, table, columns, needed, ra, dec)


def _ask(
    table: str,
    spelt: list[str],
    ra: float | None,
    dec: float | None,
    radius_arcsec: float,
    where: Mapping[str, str] | None,
    n: int,
) -> Table:
    from specviz.archives.astroquery_requests import VIZIER_URL, vizier_request

    script = vizier_request(table, spelt, n, ra=ra, dec=dec, radius_arcsec=radius_arcsec, where=where)
    response = session().post(VIZIER_URL, data=script)
    body, status = response.content, int(response.status_code)
    if status >= 400:
        raise QueryError(f"VizieR refuses the question about {table} ({status})", service="vizier", status=status)
    try:
        return read_votable(body, "vizier", status)
    except ArchiveError as error:
        error.remedy = error.remedy or f"Check that VizieR has {table}"
        raise


def _named(
    found: Table,
    table: str,
    columns: Mapping[str, tuple[str, ...]],
    needed: tuple[str, ...],
    ra: float | None,
    dec: float | None,
) -> Table:
    """The columns under our names, sorted by distance; empty columns where nothing was found."""
    from astropy.table import Table

    here = {name: next((s for s in names if s in found.colnames), None) for name, names in columns.items()}
    missing = [name for name, spelling in here.items() if spelling is None]
    if found.colnames and (lacking := [name for name in needed if name in missing]):
        raise BadReplyError(
            f"VizieR's {table} has no {', '.join(lacking)} any more (it has {', '.join(found.colnames[:12])})",
            service="vizier",
            remedy="The table was renamed or changed: ask another release",
        )
    out = Table()
    for name, spelling in here.items():
        if spelling is not None:
            out[name] = found[spelling]
        elif not found.colnames:
            out[name] = np.zeros(0)
    if ra is not None and dec is not None and {"ra", "dec"} <= set(out.colnames):
        out["separation_arcsec"] = separation(out["ra"], out["dec"], ra, dec)
        out.sort("separation_arcsec")
    out.meta.update(source=table, missing=missing if found.colnames else [])
    return out


def _lamost(release: str, kind: str) -> tuple[str, Mapping[str, tuple[str, ...]]]:
    tables = LAMOST_TABLES.get(release.upper())
    if tables is None or kind not in tables:
        raise OptionError(
            f"VizieR has no LAMOST {release} {kind}",
            expected=f"{', '.join(LAMOST_TABLES)}; “parameters” or “observations”",
        )
    return tables[kind], _PARAMETERS if kind == "parameters" else _OBSERVATIONS


def _whole(name: str, value: int | str) -> int:
    text = str(value).strip()
    if not re.fullmatch("[0-9]{1,19}", text):
        raise OptionError(f"{name}={value!r}", expected="a whole number")
    return int(text)
