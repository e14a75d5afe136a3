"""``Gaia``: the archive of one data release.

Every method asks through :mod:`specviz.archives.transport` (time-outs, retries, cancel through the monitor at hand) and
keeps what it gets in the cache. ``astroquery.gaia`` is imported at the first request for spectra, without network.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.freshness import note_stood_in, wants_fresh
from specviz.archives.gaia import queries, spectra
from specviz.archives.gaia.products import RvsResult, XpResult
from specviz.archives.gaia.releases import RELEASES, release_of, source_id_of, source_ids_of
from specviz.archives.gaia.resolving import candidate, find, star_of
from specviz.archives.gaia.source import GaiaSource, Neighbour, source_of
from specviz.archives.motion import moved, separation
from specviz.archives.protocol import Candidate
from specviz.errors import (
    AmbiguousError,
    ArchiveError,
    NotFoundError,
    OfflineError,
    OptionError,
    QueryError,
    ReadError,
    ServiceDownError,
    SpectrumError,
    SpecvizError,
)
from specviz.spectra.star import Star

XpKind = Literal["auto", "continuous", "sampled"]


class Gaia:
    """Sources and spectra of one Gaia release.

    Parameters
    ----------
    release : str
        "DR3" by default; "DR2", "EDR3", "DR4". Every id that is given or returned is of this release.

    Raises
    ------
    OptionError
        For a release that is not known.

    Examples
    --------
    >>> gaia = Gaia()                                                    # doctest: +SKIP
    >>> gaia.source(5937083312263887616).absolute_g                      # doctest: +SKIP
    >>> gaia.xp([5937083312263887616]).spectra["5937083312263887616"]    # doctest: +SKIP
    """

    def __init__(self, release: str = "DR3") -> None:
        self._release = release_of(release)

    def __repr__(self) -> str:
        return f"<Gaia {self.release}>"

    @property
    def release(self) -> str:
        """Name of the release."""
        return self._release.name

    # ------------------------------------------------------------------------------------------ the catalogue
    def source(self, source_id: Any) -> GaiaSource:
        """One source.

        Parameters
        ----------
        source_id : int, str, Identifier or (release, source_id)

        Raises
        ------
        NotFoundError
            The release has no such source.
        OptionError
            The id is of another release, or none at all.
        ArchiveError
            The archive does not answer.
        """
        wanted = source_id_of(source_id, self._release)
        found = self.sources([wanted])
        if wanted not in found:
            raise NotFoundError(
                f"Gaia {self.release} has no source {wanted}",
                remedy="Check the release: each numbers its sources anew",
            )
        return found[wanted]

    def sources(self, ids: Any) -> dict[str, GaiaSource]:
        """Many sources, by source id; ids that the release does not have are left out.

        Raises
        ------
        OptionError, ArchiveError
            As :meth:`source`. When the archive cannot be reached, what was fetched earlier is given if it is all there.
        """
        wanted = source_ids_of(ids, self._release)
        rows: dict[str, list[queries.Row]] = {}
        for one in wanted:
            found = cache().look(self._row_key(one))
            if found is not None and time.time() - found[1] <= QUERY_AGE and not wants_fresh():
                rows[one] = queries.rows_of(found[0])
        ask = [one for one in wanted if one not in rows]
        for start in range(0, len(ask), queries.BATCH):
            batch = ask[start : start + queries.BATCH]
            try:
                answer = queries.run("gaia", queries.by_id(self._release, batch))
            except (OfflineError, ServiceDownError):
                old = {one: cache().get(self._row_key(one)) for one in batch}
                if any(data is None for data in old.values()):
                    raise
                note_stood_in("gaia")
                rows |= {one: queries.rows_of(data) for one, data in old.items() if data is not None}
                continue
            for one in batch:
                rows[one] = [row for row in answer if str(row.get("source_id")) == one][:1]
                cache().put(self._row_key(one), json.dumps(rows[one]).encode())
        return {one: source_of(rows[one][0], self._release) for one in wanted if rows[one]}

    def _row_key(self, source_id: str) -> Key:
        return Key("gaia", self.release, f"source:{source_id}")

    def has_xp(self, ids: Any) -> dict[str, tuple[bool | None, bool | None]]:
        """Whether (coefficients, sampled spectra) are published, by source id.

        None where the release does not say; (False, False) for a source that it does not have.
        """
        found = self.sources(ids)
        none = (False, False)
        return {
            one: (found[one].has_xp_continuous, found[one].has_xp_sampled) if one in found else none
            for one in source_ids_of(ids, self._release)
        }

    def cone(
        self,
        ra: float,
        dec: float,
        radius_arcsec: float = 5.0,
        *,
        epoch: float = 2000.0,
        pm_ra: float | None = None,
        pm_dec: float | None = None,
        limit: int = 100,
    ) -> list[GaiaSource]:
        """Sources around a position, nearest first.

        Parameters
        ----------
        ra, dec : float
            Degrees, ICRS, at ``epoch``.
        radius_arcsec : float
        epoch : float
            Julian year of the position; SIMBAD and most catalogues give J2000, Gaia 2016.0.
        pm_ra, pm_dec : float, optional
            Proper motion of what is searched, mas/yr: the position is then moved to Gaia's epoch. Without it each
            source is moved back to ``epoch`` with its own proper motion, and fast ones are looked for farther out.
        limit : int
            Sources at most; above 1000 the archive is given a job.

        Returns
        -------
        list of GaiaSource
            ``separation`` in arcseconds.
        """
        if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0 and 0.0 < radius_arcsec <= 36000.0 and limit >= 1):
            raise OptionError(
                f"A cone of {radius_arcsec} arcsec around {ra}, {dec}, {limit} sources",
                expected="0 <= ra <= 360, |dec| <= 90 degrees, a radius of at most 10 degrees, at least one source",
            )
        release, years = self._release, self._release.epoch - epoch
        moving = pm_ra is not None or pm_dec is not None
        there = moved(ra, dec, pm_ra, pm_dec, years) if moving else (ra, dec)
        top = max(2 * limit, 200)
        adql = queries.in_cone(release, *there, radius_arcsec, None if moving else years or None, top)
        rows = queries.run("gaia", adql, maxrec=top)
        found = []
        for row in rows:
            source = source_of(row, release)
            place = (source.ra, source.dec) if moving else source.at_epoch(epoch)
            apart = float(separation(*there, *place))
            if apart <= radius_arcsec:
                found.append(replace(source, separation=apart))
        return sorted(found, key=lambda s: s.separation or 0.0)[:limit]

    def neighbours(
        self, source_id: Any, from_release: str | None = None, to_release: str | None = None
    ) -> list[Neighbour]:
        """Counterparts of a source in another release, nearest first: there may be none, one or several.

        Parameters
        ----------
        source_id : int, str, Identifier or (release, source_id)
        from_release : str, optional
            The release that ``source_id`` is of; by default what the id says, else this one's.
        to_release : str, optional
            By default this one's.

        Raises
        ------
        OptionError
            No table joins the two releases.
        """
        named = getattr(source_id, "release", "") or (source_id[0] if isinstance(source_id, tuple) else "")
        start, end = release_of(from_release or named or self.release), release_of(to_release or self.release)
        wanted = source_id_of(source_id, start)
        if start.name == end.name or {start.name, end.name} == {"EDR3", "DR3"}:
            return [Neighbour(end.name, wanted, 0.0, 0.0)]
        start, end = (RELEASES["DR3"] if r.name == "EDR3" else r for r in (start, end))
        table = end.neighbourhood.get(start.name) or start.neighbourhood.get(end.name)
        if table is None:
            raise OptionError(
                f"No table joins Gaia {start.name} to {end.name}", expected="neighbouring releases", remedy="Go by DR3"
            )
        adql = queries.in_neighbourhood(table, start.name, wanted)
        rows = queries.run("gaia", adql)
        found = [
            Neighbour(
                end.name,
                str(int(row[f"{end.name.lower()}_source_id"])),
                row.get("angular_distance"),
                row.get("magnitude_difference"),
            )
            for row in rows
        ]
        return sorted(found, key=lambda n: (n.separation_mas is None, n.separation_mas or 0.0))

    def query(self, adql: str, *, maxrec: int = 2000) -> Any:
        """Any question to the archive's TAP, as an astropy Table; above 2000 rows the archive is given a job.

        Raises
        ------
        QueryError
            The archive refuses, in its own words.
        """
        from specviz.archives import tap

        return tap.query("gaia", adql, maxrec=maxrec)

    # ------------------------------------------------------------------------------------------ spectra
    def xp(self, ids: Any, kind: XpKind = "auto") -> XpResult:
        """XP spectra of one source or many.

        Parameters
        ----------
        ids : int, str, Identifier, (release, source_id), or a sequence of them
        kind : {"auto", "continuous", "sampled"}
            "continuous": coefficients, calibrated here with their covariance. "sampled": as the archive samples them
            (brighter stars only). "auto": coefficients, else sampled.

        Returns
        -------
        XpResult
            ``spectra`` by source id; ``missing``; ``failed`` with the reasons.

        Raises
        ------
        SpecvizError
            If nothing could be had of any source and the archive did not say that there is nothing: the first reason.
        CancelledError
            What was fetched until then is kept.
        """
        if kind not in ("auto", "continuous", "sampled"):
            raise OptionError(f"kind={kind!r}", expected="'auto', 'continuous' or 'sampled'")
        # Coefficients of a release whose calibration is not shipped make no spectrum: prefer what is sampled already.
        order = ("xp_continuous", "xp_sampled") if self._release.calibrated else ("xp_sampled", "xp_continuous")
        products = order if kind == "auto" else (f"xp_{kind}",)
        return self._spectra(source_ids_of(ids, self._release), products, XpResult)

    def rvs(self, ids: Any) -> RvsResult:
        """RVS mean spectra (846-870 nm), as :meth:`xp`; the spectrum of a star is ``star.spectra["other"]``.

        Flux is normalised to the continuum, in the rest frame, on vacuum wavelengths in Angstrom.
        """
        result = self._spectra(source_ids_of(ids, self._release), ("rvs",), RvsResult)
        assert isinstance(result, RvsResult)
        return result

    def _spectra(self, ids: list[str], products: Sequence[str], result: type[XpResult]) -> XpResult:
        release = self._release
        products = [p for p in products if p in release.products]
        found: dict[str, Star] = {}
        failed: dict[str, SpecvizError] = {}
        unknown = [one for one in ids if all(spectra.kept(release, p, one) is None for p in products)]
        published, notes = self._published(unknown) if products else ({}, [])
        left, kept = list(ids), list[str]()
        for product in products:
            ask = [one for one in left if published.get(one, {}).get(product) is not False]
            got = spectra.fetch(release, product, ask)
            notes += got.notes
            kept += got.kept
            failed |= got.failed
            found |= spectra.stars(release, product, got.data, failed)
            left = [one for one in left if one not in got.data and one not in got.failed]
        missing = tuple(one for one in ids if one not in found and one not in failed)
        if failed and not found and not missing:
            raise next(iter(failed.values()))
        order = [one for one in ids if one in found]
        said = tuple(dict.fromkeys(notes))
        return result(release.name, {one: found[one] for one in order}, missing, failed, said, tuple(kept))

    def _published(self, ids: list[str]) -> tuple[dict[str, dict[str, bool | None]], list[str]]:
        """Which products the catalogue says are published, so that none is asked for in vain."""
        if not ids:
            return {}, []
        try:
            known = self.sources(ids)
        except QueryError:
            raise
        except ArchiveError as error:  # the data server may answer all the same: ask it without knowing
            return {}, [f"{error.what}: which spectra exist is not known beforehand"]
        return {one: _flags(known.get(one)) for one in ids}, []

    # ------------------------------------------------------------------------------------------ as an archive
    def resolve(self, text: str) -> list[Candidate]:
        """Sources that a text may mean, best first: a Gaia id (of any release), a position, or a name for SIMBAD."""
        return [candidate(source) for source in find(self, text)]

    def fetch(self, name: str) -> Star:
        """A star with its XP spectrum, Gaia's labels and photometry.

        ``ra`` and ``dec`` are at J2000 (``meta["epoch"]``); ``meta["services"]`` tells how asking went, and a spectrum
        that could not be had does not keep the rest back.

        Raises
        ------
        NotFoundError
            No such source.
        AmbiguousError
            Several sources; ``candidates`` lists them.
        ArchiveError
            The archive does not answer, and nothing was fetched earlier.
        """
        found = find(self, name)
        if not found:
            raise NotFoundError(
                f"Gaia {self.release} has no source for {name}", expected="a source id, a position or a name"
            )
        if len(found) > 1:
            raise AmbiguousError(
                f"{name} may be {len(found)} sources of Gaia {self.release}",
                [candidate(source) for source in found],
                remedy="Choose one",
            )
        return self.star(found[0])

    def star(self, source: GaiaSource, kind: XpKind = "auto") -> Star:
        """The star of a source, as :meth:`fetch` gives it."""
        try:
            result: XpResult | SpecvizError = self.xp(source.source_id, kind)
        except (ArchiveError, ReadError, SpectrumError) as error:
            result = error
        return star_of(source, result)


def _flags(source: GaiaSource | None) -> dict[str, bool | None]:
    if source is None:
        return dict.fromkeys(("xp_continuous", "xp_sampled", "rvs"), False)
    return {"xp_continuous": source.has_xp_continuous, "xp_sampled": source.has_xp_sampled, "rvs": source.has_rvs}
