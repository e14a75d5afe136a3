"""``Lamost``: the client. Its methods are called as those of ``astroquery.nadc.lamost``."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specviz.archives import names
from specviz.archives.cache import PRODUCT_AGE, cache
from specviz.archives.lamost import joins, stars, tables
from specviz.archives.lamost.catalogues import download
from specviz.archives.lamost.observations import Observation, group_repeats, of_table
from specviz.archives.lamost.queries import Queries
from specviz.archives.lamost.replies import SERVICE
from specviz.archives.protocol import Candidate
from specviz.errors import AmbiguousError, ArchiveError, NotFoundError
from specviz.spectra.star import Identifier, Star

if TYPE_CHECKING:
    from astropy.io.fits import HDUList


class Lamost(Queries):
    """A client of one release of LAMOST. Making one asks nobody; safe to use from several threads.

    Parameters
    ----------
    release : str, optional
        "dr11/v2.0", "DR10 v2.0", "dr10" (its newest sub-version); by default the newest public one.
    token : str, optional
        For releases that are not public. By default the environment's ``SPECVIZ_LAMOST_TOKEN`` or the line
        ``token=...`` of ``~/pylamost.ini``; "" for none. It is sent only where the release is not public, and never
        kept or shown.

    Notes
    -----
    Every method may raise an :class:`~specviz.errors.ArchiveError`. Answers are kept on disk: spectra for a year,
    tables for a week. Work that uses LAMOST data acknowledges it: http://www.lamost.org/policies/data_policy.html.
    """

    def __repr__(self) -> str:
        known = self._asker.release_if_known
        return f"<Lamost {known.label if known is not None else 'newest public release'}>"

    # ------------------------------------------------------------------ one spectrum
    def get_fits(self, obsid: Any) -> bytes:
        """The FITS file (gzip or plain) of a low-resolution spectrum, kept on disk; it was read once, and is sound.

        Raises
        ------
        NotFoundError
            If the release does not hold the obsid.
        """
        return self._fits(stars.obsid_of(obsid))[0]

    def get_spectra(self, obsid: Any) -> list[HDUList]:
        """FITS files as astropy opens them, in a list as astroquery gives it, for one obsid or several. Close them."""
        from astropy.io import fits

        wanted = [obsid] if isinstance(obsid, int | str) else list(obsid)
        bodies = [self.get_fits(one) for one in wanted]
        return [fits.HDUList.fromstring(gzip.decompress(b) if b[:2] == b"\x1f\x8b" else b) for b in bodies]

    def spectrum(self, obsid: Any) -> Star:
        """The star of an obsid: its spectrum, and what the catalogue says of it.

        Returns
        -------
        Star
            ``catalogue`` holds LASP's teff, logg, fe_h, rv, ... with ``_err`` and ``source``. Where the catalogue
            could not be asked, ``meta["catalogue_note"]`` says why.

        Raises
        ------
        NotFoundError
            If the release does not hold the obsid.
        """
        number = stars.obsid_of(obsid)
        star = self._fits(number)[1]
        row, note = None, ""
        if self.release.has_queries:
            try:
                row = stars.observation_of(self._asker, number)
            except (ArchiveError, NotFoundError) as error:
                note = f"The catalogue was not read: {error}"
        return stars.merged(star, row, number, self.release, note)

    def _fits(self, obsid: int) -> tuple[bytes, Star]:
        release = self.release
        url, params = stars.fits_question(obsid, release)
        nothing = stars.nothing_of(obsid, release)
        read: dict[int, Star] = {}

        def check(body: bytes) -> None:
            read[id(body)] = stars.read_fits(body, obsid, release)

        def produce() -> bytes:
            what = f"the spectrum of obsid {obsid}"
            return self._asker.fetch(url, what, params=params, nothing=nothing, check=check)[0]

        body = cache().remember(self._asker.key(f"fits:{obsid}"), produce, max_age=PRODUCT_AGE, check=check)
        return body, read[id(body)] if id(body) in read else stars.read_fits(body, obsid, release)

    def download_catalog(
        self, catalog_name: str, save_dir: str | Path = ".", *, resolution: str = "low", overwrite: bool = False
    ) -> Path:
        """Save one of the release's catalogue files, for example "dr11_v2.0_LRS_stellar.fits.gz"; whole or not at all.

        Returns
        -------
        Path
            Of the file; one that is there already is left alone unless ``overwrite``.
        """
        return download(self._asker, catalog_name, Path(save_dir), tables.survey(resolution), overwrite)

    # ------------------------------------------------------------------ as an archive
    def find(
        self,
        ra: float | None,
        dec: float | None,
        *,
        gaia_ids: Sequence[Identifier] = (),
        pm_ra: float | None = None,
        pm_dec: float | None = None,
        radius_arcsec: float = 3.0,
        epoch: float = 2000.0,
    ) -> list[Observation]:
        """The visits of one star, best S/N first; empty if LAMOST did not see it.

        First by Gaia id, where the release lists ids of that Gaia release (DR8 and older: Gaia DR2; DR11: Gaia DR3);
        then by position. LAMOST's positions are those of its input catalogues, about J2000: the star is looked for
        along its way from J2000 to J2016. Of several stars in the circle the nearest is taken; its visits are told
        apart from others' by ``uid``, Gaia id and place.

        Parameters
        ----------
        ra, dec : float or None
            Degrees (ICRS) at ``epoch``; None to look by Gaia id alone.
        gaia_ids : sequence of Identifier
            With their releases.
        pm_ra, pm_dec : float, optional
            mas/yr, ``pm_ra`` with cos dec in it.
        radius_arcsec : float
        epoch : float
            Julian year of ``ra`` and ``dec``; 2016.0 for positions of Gaia DR3.
        """
        options: dict[str, Any] = dict(pm_ra=pm_ra, pm_dec=pm_dec, radius_arcsec=radius_arcsec, epoch=epoch)
        return joins.find(self._asker, ra, dec, gaia_ids=gaia_ids, **options)

    def resolve(self, text: str) -> list[Candidate]:
        """The stars that an obsid, a LAMOST designation, a Gaia id or a position may mean; one candidate a star."""
        try:
            parsed = names.parse(text)
        except NotFoundError:
            return []
        if parsed.kind == "obsid":
            try:
                return [_candidate(stars.observation_of(self._asker, int(parsed.value)))]
            except NotFoundError:
                return []
        if parsed.kind in ("designation", "coordinates") and parsed.ra is not None and parsed.dec is not None:
            table = tables.cone(self._asker, parsed.ra, parsed.dec, 5.0 / 3600.0)
            return [_candidate(group[0]) for group in group_repeats(of_table(table, self.release))]
        if parsed.kind == "gaia" and self.release.has_ids_of(parsed.release or "DR3"):
            visits = joins.by_gaia(self._asker, parsed.value)
            return [_candidate(visits[0])] if visits else []
        return []

    def fetch(self, name: str) -> Star:
        """The star of a name that :meth:`resolve` understands; its visit of the best S/N.

        Raises
        ------
        NotFoundError
            If there is none.
        AmbiguousError
            If there are several.
        """
        parsed = names.parse(name)
        if parsed.kind == "obsid":
            return self.spectrum(parsed.value)
        found = self.resolve(name)
        if not found:
            raise NotFoundError(
                f"LAMOST {self.release.label} has no star “{name[:60]}”", remedy="Try an obsid or a position"
            )
        if len(found) > 1:
            raise AmbiguousError(f"“{name[:60]}” may mean {len(found)} stars", found, remedy="Choose one of them")
        return self.spectrum(re.sub(r"\D", "", found[0].name))


def _candidate(one: Observation) -> Candidate:
    return Candidate(f"LAMOST obsid {one.obsid}", SERVICE, one.summary, one.ra, one.dec, one.identifiers)
