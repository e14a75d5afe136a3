"""``Queries``: everything of the client that gives tables, called as in ``astroquery.nadc.lamost``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from specviz.archives.lamost import sql, stars, tables
from specviz.archives.lamost.arguments import parse_angle, parse_position
from specviz.archives.lamost.asking import Asker, question_id
from specviz.archives.lamost.columns import mended, table_of
from specviz.archives.lamost.nadc import UnfitError
from specviz.archives.lamost.releases import Release
from specviz.archives.lamost.replies import SERVICE
from specviz.errors import BadReplyError, OptionError

if TYPE_CHECKING:
    from astropy.table import Table


class Queries:
    """The part of :class:`~specviz.archives.lamost.Lamost` that asks for tables; see there."""

    def __init__(self, release: str | Release | None = None, token: str | None = None) -> None:
        self._asker = Asker(release, token)

    @property
    def release(self) -> Release:
        """The release that is asked (the service's list is read if none was named)."""
        return self._asker.release

    def get_dr_versions(self) -> list[dict[str, Any]]:
        """Every release that the service lists (``dr_version``, ``sub_version``, ``public_status``, ``base_url``
        ...)."""
        return self._asker.versions()

    # ------------------------------------------------------------------ tables
    def query_region(self, coordinates: Any, radius: Any = "3 arcsec", *, resolution: str = "low") -> Table:
        """Every spectrum in a circle.

        Parameters
        ----------
        coordinates : SkyCoord, (ra, dec) in degrees, or str
        radius : Quantity, str or float
            A bare number is in degrees, as in astroquery.
        resolution : str
            "low" or "medium".

        Returns
        -------
        astropy.table.Table
            One row a spectrum, 278 columns in DR10; missing values masked; ids are int64.
        """
        ra, dec = parse_position(coordinates)
        return tables.cone(self._asker, ra, dec, parse_angle(radius, bare="deg"), resolution=resolution)

    def query_ssap(self, coordinates: Any, size: Any = 0.01, *, resolution: str = "low") -> Table:
        """The same through Simple Spectral Access, with the address of each file (``accref``); ``size`` is a
        diameter, bare numbers in degrees.
        """
        ra, dec = parse_position(coordinates)
        return tables.ssap(self._asker, ra, dec, parse_angle(size, bare="deg"), resolution=resolution)

    def query_sql(self, text: str, *, max_rows: int | None = None, page_rows: int = tables.PAGE_ROWS) -> Table:
        """The rows of an SQL query (PostgreSQL with pg_sphere; tables and columns: :meth:`get_tables`).

        Parameters
        ----------
        text : str
        max_rows : int, optional
            Rows at most.
        page_rows : int
            Rows a page, where the service answers in pages.
        """
        return tables.run_sql(self._asker, text, max_rows=max_rows, page_rows=page_rows)

    def query_tap(self, adql: str, *, max_rows: int = 2000) -> Table:
        """The rows of an ADQL query. LAMOST's TAP has no sub-queries and no geometry; ``TOP`` needs ``ORDER BY``."""
        return tables.run_tap(self._asker, adql, max_rows=max_rows)

    def query_catalog(
        self,
        catalog_name: str = "combined",
        *,
        targets: Any = None,
        radius: Any = "3 arcsec",
        nearest_only: bool = False,
        column_constraints: Iterable[Mapping[str, Any]] | None = None,
        position_constraints: Mapping[str, Any] | None = None,
        columns: Sequence[str] | None = None,
        sort_by: str | None = None,
        sort_order: str = "asc",
        max_rows: int = 10_000,
    ) -> Table:
        """Rows of a table; for many targets in one question.

        Parameters
        ----------
        catalog_name : str
            "combined", "stellar", "mstellar", ...
        targets : SkyCoord or sequence of (ra, dec), optional
            Degrees. The result then has ``target`` (which of them, from 0) and ``separation`` (arcsec), nearest first.
        radius : Quantity, str or float
            Around each target; a bare number is in arcsec.
        nearest_only : bool
            One row a target.
        column_constraints, position_constraints
            As the service takes them.
        columns : sequence of str, optional
        sort_by, sort_order : str
        max_rows : int
            Rows at most; as many pages as that takes.
        """
        if sort_order not in ("asc", "desc"):
            raise OptionError(f"sort_order is {sort_order!r}", expected="'asc' or 'desc'")
        wanted = _targets(targets)
        around = parse_angle(radius, bare="arcsec") * 3600.0
        given: dict[str, Any] = dict(
            column_constraints=[dict(c) for c in column_constraints or ()] or None,
            position_constraints=dict(position_constraints) if position_constraints else None,
            columns=list(columns) if columns else None,
            sort_by=sort_by,
            sort_order=sort_order,
            max_rows=max_rows,
        )

        def ours() -> Table:
            return tables.form(
                self._asker, catalog_name, targets=wanted, radius_arcsec=around, nearest_only=nearest_only, **given
            )

        def produce() -> Table:
            return ours() if wanted else tables.through(self._asker, ours, "query_catalog", catalog_name, **given)

        if targets is not None and not wanted:
            return table_of([], [*(columns or ("obsid", "ra", "dec")), "target", "separation"])
        asked = [catalog_name, wanted, around, nearest_only, given]
        return self._asker.table(question_id("form", asked), produce)

    def query_spectra(
        self,
        coordinates: Any = None,
        radius: Any = None,
        *,
        catalog_name: str = "combined",
        snr_min: float | None = None,
        teff_range: Sequence[Any] | None = None,
        logg_range: Sequence[Any] | None = None,
        feh_range: Sequence[Any] | None = None,
        columns: Sequence[str] | None = None,
        sort_by: str | None = None,
        sort_order: str = "asc",
        max_rows: int = 100,
    ) -> Table:
        """Spectra by position, signal-to-noise ratio (in g) and stellar parameters.

        Parameters
        ----------
        coordinates, radius
            A circle, both or neither; a bare radius is in arcsec, as in astroquery.
        snr_min : float, optional
        teff_range, logg_range, feh_range : (low, high), optional
            K, dex (cgs), dex; None leaves a side open.
        """
        if (coordinates is None) != (radius is None):
            raise OptionError("A circle needs coordinates and a radius", expected="both or neither")
        where: list[str] = []
        if coordinates is not None:
            where.append(sql.circle(*parse_position(coordinates), parse_angle(radius, bare="arcsec")))
        if snr_min is not None:
            where += [*sql.span("snrg", (snr_min, None)), "snrg <> 999"]
        for column, limits in (("teff", teff_range), ("logg", logg_range), ("feh", feh_range)):
            where += sql.span(column, limits)
        question = sql.select(
            catalog_name, where, columns=columns, sort_by=sort_by, descending=sort_order == "desc", limit=max_rows
        )
        return self.query_sql(question)

    def query_stellar_parameters(self, coordinates: Any = None, radius: Any = None, **options: Any) -> Table:
        """LASP's values of A, F, G and K stars (table ``stellar``); options as of :meth:`query_spectra`."""
        given = {"catalog_name": "stellar", "columns": sql.PARAMETERS, **options}
        return self.query_spectra(coordinates, radius, **given)

    def query_repeat_observations(
        self, *, obsid: Any = None, coordinates: Any = None, radius: Any = "3 arcsec"
    ) -> dict[str, Any]:
        """The visits of one source, by one of its obsids or by position (a bare radius is in degrees).

        Returns
        -------
        dict
            ``unique_id`` (None where there is no such source), ``related_obsids_low``, ``related_obsids_medium``
            (sorted lists of int) and ``related_obsids``, both together.
        """
        if (obsid is None) == (coordinates is None):
            raise OptionError("Give an obsid or coordinates", expected="one of them")
        if obsid is not None:
            params: dict[str, Any] = {"obsid": stars.obsid_of(obsid)}
            nothing = stars.nothing_of(params["obsid"], self.release)
        else:
            ra, dec = parse_position(coordinates)
            params, nothing = {"ra": ra, "dec": dec, "radius": parse_angle(radius, bare="deg")}, ""
        url, what = "/get_unique_id_and_related_obsids", "the visits of a source"
        options: dict[str, Any] = dict(params=params, nothing=nothing)
        return _repeats(self._asker.document(question_id("repeats", params), url, what, **options), what)

    def get_metadata(self, obsid: Any, *, resolution: str = "low") -> Table:
        """Every catalogue column of an obsid, one row (277 columns in DR10).

        Raises
        ------
        NotFoundError
            If the release does not hold it.
        """
        number = stars.obsid_of(obsid)

        def ours() -> Table:
            rows, columns = stars.info_row(self._asker, number, resolution=tables.survey(resolution))
            return table_of(rows, columns)

        try:
            found = self._asker.through_nadc("get_metadata", number, resolution=resolution)
        except UnfitError:
            return ours()
        return mended(found) if len(getattr(found, "colnames", ())) and len(found) else ours()

    def get_tables(self) -> dict[str, dict[str, Any]]:
        """The tables of the release: name to ``{"description", "columns": {name: {datatype, description, ucd}}}``."""
        what = "its list of tables"
        value = self._asker.document("tables", "/tables", what)
        if not isinstance(value, list) or not all(isinstance(t, dict) and "table_name" in t for t in value):
            raise BadReplyError(f"LAMOST did not send {what}", service=SERVICE, status=200)
        return {
            str(t["table_name"]): {
                "description": str(t.get("description") or ""),
                "columns": {str(c.get("column_name")): dict(c) for c in t.get("columns") or ()},
            }
            for t in value
        }


def _targets(targets: Any) -> list[tuple[float, float]]:
    if targets is None:
        return []
    if hasattr(targets, "icrs"):
        there = targets.icrs
        targets = [there] if there.isscalar else list(there)
    return [parse_position(one) for one in targets]


def _repeats(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadReplyError(f"LAMOST did not send {what}", service=SERVICE, status=200)

    def numbers(*keys: str) -> list[int]:
        held: Any = next((value[k] for k in keys if value.get(k)), [])
        held = held if isinstance(held, list) else [held]
        return sorted({int(v) for v in held if re.fullmatch(r"\d+", str(v))})

    low = numbers("obsid-low", "related_obsids_low")
    medium = numbers("obsid-medium", "related_obsids_medium")
    return {
        "unique_id": value.get("uid") or value.get("unique_id") or None,
        "related_obsids_low": low,
        "related_obsids_medium": medium,
        "related_obsids": sorted({*low, *medium}),
    }
