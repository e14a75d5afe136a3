"""What the name of a file says of the spectrum in it, so that ten thousand files need not be opened.

* LAMOST: ``spec-LMJD-PLAN_spSP-FIB.fits[.gz]`` (low resolution);
* SDSS: ``spec-PLATE-MJD-FIBER.fits``, and ``spec-FIELD-MJD-CATALOGID.fits`` of SDSS-V;
* Gaia: ``XP_CONTINUOUS-Gaia DR3 5853498713190525696.fits`` and its kin, one source a file.
"""

from __future__ import annotations

import re

from specviz.archives.local.entry import Entry

_FITS = r"\.fits?(\.gz)?$"
_LAMOST = re.compile(rf"spec-\d{{5}}-.+_sp\d{{2}}-\d{{1,3}}{_FITS}", re.IGNORECASE)
_SDSS = re.compile(rf"spec-\d{{4,6}}-\d{{5}}-\d{{4,19}}{_FITS}", re.IGNORECASE)
_XP = re.compile(r"^xp[_-]?(?:continuous|sampled).*gaia[ _-]?(e?dr\d)?[ _-](\d{8,19})(?!\d)", re.IGNORECASE)


def from_name(place: str) -> Entry | None:
    """The entry of a file whose name says it all; None if the file has to be looked at.

    Parameters
    ----------
    place : str
        Path below the archive's folder, with ``/``.
    """
    name = place.rsplit("/", 1)[-1]
    if _LAMOST.match(name):
        return Entry(place, survey="lamost_lrs")
    if _SDSS.match(name):
        return Entry(place, survey="sdss")
    if match := _XP.match(name):
        return Entry(place, survey="gaia_xp", gaia=int(match[2]), release=(match[1] or "").upper())
    return None


def label(place: str, entry: Entry) -> str:
    """The name of a star before it is made unique: that of its Gaia source, else of its file without suffixes."""
    if entry.gaia and entry.survey == "gaia_xp":
        return " ".join(part for part in ("Gaia", entry.release, str(entry.gaia)) if part)
    return re.sub(r"(\.(fits?|fit|csv|ecsv|txt|dat|tsv|npy|xml|vot|votable|avro|asc|gz))+$", "",
                  place.rsplit("/", 1)[-1], flags=re.IGNORECASE)  # fmt: skip
