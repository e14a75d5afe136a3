"""From the bytes of a FITS file and a row of the catalogue to a ``Star``."""

from __future__ import annotations

from typing import Any

from specviz.archives.lamost.asking import Asker
from specviz.archives.lamost.observations import Observation, of_row
from specviz.archives.lamost.releases import Release
from specviz.archives.lamost.replies import SERVICE, require_fits
from specviz.errors import BadReplyError, NotFoundError, OptionError, SpecvizError
from specviz.spectra.readers import read_bytes
from specviz.spectra.star import Identifier, Star


def obsid_of(value: Any) -> int:
    """An obsid from a number or a text of digits.

    Raises
    ------
    OptionError
    """
    text = str(value).strip()
    if isinstance(value, bool | float) or not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**12:
        raise OptionError(f"{text[:40]!r} is no LAMOST obsid", expected="a whole number such as 353301001")
    return int(text)


def nothing_of(obsid: int, release: Release) -> str:
    """What to say when a release does not hold an obsid."""
    return f"LAMOST {release.label} has no spectrum with the obsid {obsid}"


def fits_question(obsid: int, release: Release) -> tuple[str, dict[str, Any]]:
    """Address and parameters of a low-resolution FITS file: the release's own pages for DR1-7, else the OpenAPI."""
    if release.prefers_pages:
        return f"{release.pages}/spectrum/fits/{obsid}", {}
    return f"{release.openapi}/lrs/spectrum/fits", {"obsid": obsid}


def read_fits(body: bytes, obsid: int, release: Release) -> Star:
    """The star of a FITS reply, really read: only then is the file worth keeping.

    Raises
    ------
    NotFoundError, LoginRequiredError, QueryError
        An error came with status 200.
    BadReplyError
        It is no FITS file, is damaged, or belongs to another obsid.
    """
    require_fits(body, f"the spectrum of obsid {obsid}", nothing=nothing_of(obsid, release))
    try:
        star = read_bytes(body, f"LAMOST obsid {obsid}")[0]
    except SpecvizError as error:
        raise BadReplyError(
            f"The FITS file that LAMOST sent for obsid {obsid} cannot be read: {error.what}",
            service=SERVICE,
            status=200,
            expected=error.expected,
            remedy="Try again; if it stays so, use another visit of the star",
        ) from error
    found = int(star.obsid) if star.obsid is not None else obsid
    # Headers of DR1-3 keep the obsid in 16 bits: only those can be compared there.
    if (found - obsid) % 65536 if release.number <= 3 else found != obsid:
        raise BadReplyError(
            f"LAMOST sent the spectrum of obsid {found} when asked for {obsid}",
            service=SERVICE,
            status=200,
            remedy="Try again",
        )
    return star


def info_row(
    asker: Asker, obsid: int, *, resolution: str = "lrs", keep: bool = True
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and column names of ``spectrum/info``: every catalogue column of an obsid.

    Raises
    ------
    NotFoundError
        If the release does not hold it.
    BadReplyError
        If the reply is something else.
    """
    nothing = nothing_of(obsid, asker.release)
    what = f"the catalogue row of obsid {obsid}"
    value = asker.document(
        f"info:{resolution}:{obsid}",
        f"/{resolution}/spectrum/info",
        what,
        params={"obsid": obsid},
        nothing=nothing,
        keep=keep,
    )
    if isinstance(value, dict) and isinstance(value.get("response"), list):  # older releases: one {what, data} a column
        cells = {str(c["what"]): c.get("data") for c in value["response"] if isinstance(c, dict) and "what" in c}
        value = {"columns": list(cells), "rows": [cells] if cells else []}
    rows = value.get("rows") if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise BadReplyError(f"LAMOST did not send {what}", service=SERVICE, status=200)
    rows = [r for r in rows if str(r.get("obsid", obsid)) == str(obsid)]
    if not rows:
        raise NotFoundError(nothing, remedy="Check the number, or ask another release")
    columns = value.get("columns") if isinstance(value, dict) else None
    return rows, [str(c) for c in columns or rows[0]]


def observation_of(asker: Asker, obsid: int) -> Observation:
    """The observation of an obsid; its catalogue row says what is known of it."""
    rows, _ = info_row(asker, obsid)
    made = of_row({**rows[0], "obsid": obsid}, asker.release)
    assert made is not None  # it has an obsid
    return made


def merged(star: Star, row: Observation | None, obsid: int, release: Release, note: str = "") -> Star:
    """The star of a FITS file with what the catalogue says of it.

    Its identifiers carry the release; ``catalogue`` holds LASP's values with their errors and their source; where the
    catalogue could not be read, ``meta["catalogue_note"]`` says why.
    """
    identifiers = row.identifiers if row is not None else (Identifier("LAMOST", release.label, str(obsid)),)
    meta: dict[str, Any] = {k: v for k, v in star.meta.items() if k != "path"} | {"release": release.label}
    if row is not None:
        kept = ("uid", "gaia_source_id", "gaia_release", "class_", "subclass", "obsdate", "designation")
        meta |= {f"lamost_{k.rstrip('_')}": v for k in kept if (v := getattr(row, k))}
    if note:
        meta["catalogue_note"] = note
    return star.with_(
        identifiers=identifiers,
        ra=star.ra if star.ra is not None else row.ra if row is not None else None,
        dec=star.dec if star.dec is not None else row.dec if row is not None else None,
        catalogue={**star.catalogue, **(row.catalogue if row is not None else {})},
        meta=meta,
    )
