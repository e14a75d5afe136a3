"""The questions that give tables: cone, SSAP, SQL with its pages, TAP, and the form query for many targets at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np

from specviz.archives.lamost import sql
from specviz.archives.lamost.asking import Asker
from specviz.archives.lamost.columns import mended, read_csv, table_of
from specviz.archives.lamost.nadc import UnfitError
from specviz.archives.lamost.replies import SERVICE, kind, read_json
from specviz.archives.lamost.votables import read_votable
from specviz.archives.motion import separation
from specviz.errors import BadReplyError, OptionError, QueryError

if TYPE_CHECKING:
    from astropy.table import Table

PAGE_ROWS = 5000
#: Targets in one form query, and in one SQL query where the form does not heed positions.
TARGETS, SQL_TARGETS = 1000, 100
_LONGEST_SQL = 8000
_TAP_TIMEOUT = 170.0  # about 18 s for 20 000 rows (services.md 1.2)
_TAP_HINT = (
    "LAMOST's TAP knows no sub-queries and no geometry functions, and TOP needs ORDER BY. Use query_region for a cone "
    "and query_sql for anything else"
)


def read_table(body: bytes, what: str) -> Table:
    """A table in whichever of its formats the service sent it.

    Raises
    ------
    BadReplyError
        Or another error of a reply that is no table.
    """
    found = kind(body)
    if found == "json":
        return table_of_json(read_json(body, what), what)
    if found in ("votable", "page"):
        return read_votable(body, what)
    if found in ("text", "empty"):
        return read_csv(body, what)
    raise BadReplyError(f"LAMOST did not send a table for {what}", service=SERVICE, status=200, expected="a table")


def table_of_json(value: Any, what: str) -> Table:
    """The table of a JSON value: a list of rows, or an object with ``rows`` (and ``columns``) or ``data``."""
    names: Sequence[str] = ()
    rows = value
    if isinstance(value, Mapping):
        rows = value.get("rows", value.get("data"))
        names = [
            str(c.get("column_name", c.get("name"))) if isinstance(c, Mapping) else str(c)
            for c in value.get("columns") or ()
        ]
    if rows is None and not value:
        rows = []
    if isinstance(rows, list) and all(isinstance(r, list) and len(r) == len(names) for r in rows):
        rows = [dict(zip(names, r, strict=True)) for r in rows]
    if not isinstance(rows, list) or not all(isinstance(r, Mapping) for r in rows):
        raise BadReplyError(f"LAMOST did not send a table for {what}", service=SERVICE, status=200, expected="rows")
    return table_of(rows, names)


def through(asker: Asker, ours: Callable[[], Table], method: str, *args: Any, **options: Any) -> Table:
    """What astroquery's module answers, where it is installed and able; else ``ours()``."""
    try:
        found = asker.through_nadc(method, *args, **options)
    except UnfitError:
        return ours()
    return mended(found) if hasattr(found, "colnames") else ours()


# ---------------------------------------------------------------------- cone and SSAP
def cone(asker: Asker, ra: float, dec: float, radius_deg: float, *, resolution: str = "low") -> Table:
    """Every spectrum in a circle (Simple Cone Search)."""
    what = f"spectra within {radius_deg * 3600:.4g} arcsec of {ra:.5f} {dec:+.5f}"
    params = {"ra": ra, "dec": dec, "sr": radius_deg}
    return _around(asker, ("cone", "conesearch", "query_region"), what, params, ra, dec, radius_deg, resolution)


def ssap(asker: Asker, ra: float, dec: float, size_deg: float, *, resolution: str = "low") -> Table:
    """Every spectrum in a circle of so large a diameter, with its address (Simple Spectral Access)."""
    what = f"spectra within {size_deg:.4g} degrees around {ra:.5f} {dec:+.5f} (SSAP)"
    params = {"pos": f"{ra},{dec}", "size": size_deg}
    return _around(asker, ("ssap", "ssap", "query_ssap"), what, params, ra, dec, size_deg, resolution)


def _around(
    asker: Asker,
    called: tuple[str, str, str],
    what: str,
    params: Mapping[str, Any],
    ra: float,
    dec: float,
    angle_deg: float,
    resolution: str,
) -> Table:
    """The answer of one of the two services, ``called`` so in the cache, in its address and by astroquery."""
    kept_as, service, method = called
    asked = {**params, "output.fmt": "votable"}
    url = f"/{survey(resolution)}/voservice/{service}"

    def ours() -> Table:
        return asker.fetch(url, what, params=asked, check=lambda body: read_table(body, what))[1]

    def produce() -> Table:
        from astropy.coordinates import SkyCoord

        return through(asker, ours, method, SkyCoord(ra, dec, unit="deg"), angle_deg, resolution=resolution)

    return asker.table(f"{kept_as}:{survey(resolution)}:{ra:.7f},{dec:.7f},{angle_deg:.7f}", produce)


def survey(resolution: str) -> str:
    """ "lrs" or "mrs"."""
    found = {"low": "lrs", "medium": "mrs"}.get(str(resolution).strip().lower())
    if found is None:
        raise OptionError(f"resolution is {resolution!r}", expected="'low' or 'medium'")
    return found


# ---------------------------------------------------------------------- SQL
def run_sql(
    asker: Asker, text: str, *, max_rows: int | None = None, page_rows: int = PAGE_ROWS, keep: bool = True
) -> Table:
    """The rows of an SQL query; all pages of it, where the service gives it a number instead of rows."""
    text = text.strip()
    if not text or len(text) > _LONGEST_SQL:
        raise OptionError(
            "The query is empty" if not text else f"The query has {len(text)} characters",
            expected=f"SQL of at most {_LONGEST_SQL} characters",
            remedy="Split it; for many targets use query_catalog(targets=...)",
        )
    what = f"the query “{text[:60]}{'…' if len(text) > 60 else ''}”"
    params = {"sql": text, "output.fmt": "json"}

    def ours() -> Table:
        body, value = asker.fetch("/sql", what, params=params, check=lambda b: _sql_value(b, what))
        if isinstance(value, Mapping) and value.get("sqlid") is not None and "rows" not in value:
            return _pages(asker, value["sqlid"], what, max_rows, sql.whole(page_rows, "page_rows"))
        return value if hasattr(value, "colnames") else read_table(body, what)

    found = asker.table(f"sql:{max_rows or ''}:{text}", lambda: through(asker, ours, "query_sql", text), keep=keep)
    return found[:max_rows] if max_rows is not None and len(found) > max_rows else found


def _sql_value(body: bytes, what: str) -> Any:
    """A mapping that may hold an ``sqlid``, or the table."""
    if kind(body) == "json":
        value = read_json(body, what)
        return value if isinstance(value, Mapping) else table_of_json(value, what)
    return read_table(body, what)


def _pages(asker: Asker, sqlid: Any, what: str, max_rows: int | None, page_rows: int) -> Table:
    """``sqlid`` -> number of rows -> pages."""
    told = asker.fetch("/get_query_result_count", what, params={"sqlid": sqlid}, check=lambda b: read_json(b, what))[1]
    total = told.get("total") if isinstance(told, Mapping) else None
    if isinstance(total, bool) or not isinstance(total, int | str) or not str(total).isdigit():
        raise BadReplyError(f"LAMOST did not say how many rows {what} has", service=SERVICE, status=200)
    wanted = int(total) if max_rows is None else min(int(total), max_rows)
    rows: list[Mapping[str, Any]] = []
    page = 1
    while len(rows) < wanted:
        params = {"sqlid": sqlid, "rows": page_rows, "page": page, "output.fmt": "json"}
        came = asker.fetch("/get_query_result", what, params=params, check=lambda b: _rows(read_json(b, what), what))[1]
        rows += came
        if not came or (rows[: len(came)] == came and page > 1):  # no more, or the first page once again
            raise BadReplyError(
                f"LAMOST said that {what} has {total} rows, and sent {len(rows) if not came else page_rows}",
                service=SERVICE,
                status=200,
                remedy="Try again later, or ask for less at a time",
            )
        page += 1
    return table_of(rows[:wanted])


def _rows(value: Any, what: str) -> list[Mapping[str, Any]]:
    rows = value.get("rows", value.get("data")) if isinstance(value, Mapping) else value
    if not isinstance(rows, list) or not all(isinstance(r, Mapping) for r in rows):
        raise BadReplyError(f"LAMOST did not send rows for {what}", service=SERVICE, status=200)
    return rows


# ---------------------------------------------------------------------- TAP
def run_tap(asker: Asker, adql: str, *, max_rows: int = 2000) -> Table:
    """The rows of an ADQL query. LAMOST's TAP sends VOTables only, and its errors in the document, with status 200."""
    what = "a TAP query"
    adql = adql.strip()
    if not adql:
        raise OptionError("The query is empty", expected="ADQL")

    def produce() -> Table:
        told = asker.document("tap_url", "/voservice/tap_url", "the address of its TAP service")
        base = str(told.get("url", "")) if isinstance(told, Mapping) else ""
        parts = urlsplit(base)
        if not re.fullmatch(r"(\w+\.)?lamost\.org", parts.hostname or ""):  # a token must not go anywhere else
            raise BadReplyError("LAMOST did not name its TAP service", service=SERVICE, status=200)
        params = {
            "REQUEST": "doQuery", "LANG": "ADQL", "FORMAT": "votable",
            "MAXREC": sql.whole(max_rows, "max_rows"), "QUERY": adql,
        }  # fmt: skip
        url = parts._replace(scheme="https").geturl().rstrip("/") + "/sync"
        try:
            return asker.fetch(
                url, what, params=params, timeout=_TAP_TIMEOUT, check=lambda b: read_votable(b, what, hint=_TAP_HINT)
            )[1]
        except QueryError as error:
            error.remedy = error.remedy or _TAP_HINT
            raise

    return asker.table(f"tap:{max_rows}:{adql}", produce)


# ---------------------------------------------------------------------- the form query
def form(
    asker: Asker,
    catalog: str,
    *,
    targets: Sequence[tuple[float, float]] = (),
    radius_arcsec: float = 3.0,
    nearest_only: bool = False,
    column_constraints: Iterable[Mapping[str, Any]] | None = None,
    position_constraints: Mapping[str, Any] | None = None,
    columns: Sequence[str] | None = None,
    sort_by: str | None = None,
    sort_order: str = "asc",
    max_rows: int = 10_000,
) -> Table:
    """``POST /query/{catalog}``; for targets with the columns ``target`` (index) and ``separation`` (arcsec) added."""
    name = sql.name(catalog)
    shown = [sql.name(c) for c in columns] if columns else None
    if targets and shown:
        shown = list(dict.fromkeys([*shown, "obsid", "ra", "dec"]))  # to tell whose a row is
    payload: dict[str, Any] = {"output.fmt": "json", "order": sort_order}
    if shown:
        payload["showcol"] = shown
    if sort_by:
        payload["sort"] = sql.name(sort_by)
    if column_constraints:
        payload["column_constraints"] = [dict(c) for c in column_constraints]
    if not targets:
        if position_constraints:
            payload["position_constraints"] = dict(position_constraints)
        return _form_pages(asker, name, payload, sql.whole(max_rows, "max_rows"), lambda rows: True)

    from astropy.table import vstack

    parts = []
    for start in range(0, len(targets), TARGETS):
        some = list(targets[start : start + TARGETS])
        found = _form_targets(asker, name, payload, some, radius_arcsec, nearest_only, shown, max_rows)
        if len(found):
            found["target"] += start
            parts.append(found)
    return (
        vstack(parts, metadata_conflicts="silent")
        if parts
        else table_of([], [*(shown or ["obsid", "ra", "dec"]), "target", "separation"])
    )


def _form_targets(
    asker: Asker,
    name: str,
    payload: Mapping[str, Any],
    targets: list[tuple[float, float]],
    radius: float,
    nearest_only: bool,
    shown: Sequence[str] | None,
    max_rows: int,
) -> Table:
    lines = "".join(f"{ra:.7f},{dec:.7f},{radius:g}\n" for ra, dec in targets)
    asked = {
        **payload,
        "position_constraints": {"proximity": {"radecTextarea": lines, "proximity_nearestonly": bool(nearest_only)}},
    }

    def heeded(rows: list[Mapping[str, Any]]) -> bool:
        return not rows or len(_whose(table_of(rows), targets, radius)) > 0

    try:
        table = _form_pages(asker, name, asked, max_rows, heeded)
    except _NotHeeded:
        # Rows from all over the sky: this release calls the constraint something else. SQL asks the same.
        if payload.get("column_constraints"):
            raise BadReplyError(
                "LAMOST did not restrict the rows to the targets", service=SERVICE, status=200, remedy="Use query_sql"
            ) from None
        table = _sql_targets(asker, name, targets, radius, shown)
    return _whose(table, targets, radius, nearest_only)


def _sql_targets(
    asker: Asker, name: str, targets: list[tuple[float, float]], radius: float, shown: Sequence[str] | None
) -> Table:
    from astropy.table import vstack

    parts = []
    for start in range(0, len(targets), SQL_TARGETS):
        circles = [sql.circle(ra, dec, radius / 3600.0) for ra, dec in targets[start : start + SQL_TARGETS]]
        parts.append(run_sql(asker, sql.select(name, [f"({' OR '.join(circles)})"], columns=shown)))
    parts = [p for p in parts if len(p)]
    return vstack(parts, metadata_conflicts="silent") if parts else table_of([], shown or ["obsid", "ra", "dec"])


def _whose(table: Table, targets: list[tuple[float, float]], radius: float, nearest_only: bool = False) -> Table:
    """The rows within the radius of a target, with the index of the nearest target and the distance from it."""
    if not len(table) or not {"ra", "dec"} <= set(table.colnames):
        return table_of([], [*table.colnames, "target", "separation"])
    ra, dec = (np.ma.filled(np.ma.asarray(table[k], np.float64), np.nan) for k in ("ra", "dec"))
    centres = np.asarray(targets, np.float64)
    apart = separation(ra[:, None], dec[:, None], centres[:, 0], centres[:, 1])
    apart[~np.isfinite(apart)] = np.inf
    nearest = apart.argmin(axis=1)
    out = table.copy()
    out["target"], out["separation"] = nearest, apart[np.arange(len(table)), nearest]
    out = out[out["separation"] <= radius * 1.001 + 1e-4]
    out = out[np.lexsort((np.asarray(out["separation"]), np.asarray(out["target"])))]
    if nearest_only and len(out):
        out = out[np.unique(np.asarray(out["target"]), return_index=True)[1]]
    return out


class _NotHeeded(Exception):
    """The first page has nothing to do with the positions that were asked for."""


def _form_pages(
    asker: Asker,
    name: str,
    payload: Mapping[str, Any],
    max_rows: int,
    heeded: Callable[[list[Mapping[str, Any]]], bool],
) -> Table:
    what = f"rows of its table {name}"
    rows: list[Mapping[str, Any]] = []
    page = 1
    while len(rows) < max_rows:
        size = min(PAGE_ROWS, max_rows)
        asked = {**payload, "page": page, "rows": size}
        came = asker.fetch(f"/query/{name}", what, payload=asked, check=lambda b: _rows(read_json(b, what), what))[1]
        if page == 1 and not heeded(came):
            raise _NotHeeded
        if page > 1 and came and came == rows[: len(came)]:
            break  # the service does not turn pages: what it has was on the first
        rows += came
        if len(came) < size:
            break
        page += 1
    return table_of(rows[:max_rows], payload.get("showcol", ()))
