"""Fetching spectra: what is kept already, then one data request for each batch of ids, then what is still missing.

Every product of a source is kept by itself under (gaia, release, "xp_continuous:<id>"), so a list that was cut off goes
on where it stopped. That the archive has none is kept too, for a week.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from specviz.archives.cache import PRODUCT_AGE, QUERY_AGE, Key, cache
from specviz.archives.freshness import note_stood_in, wants_fresh
from specviz.archives.gaia import door, queries
from specviz.archives.gaia.products import split, split_rows
from specviz.archives.gaia.releases import Release
from specviz.archives.transport import current, title
from specviz.archives.votables import UNREADABLE
from specviz.errors import ArchiveError, BadReplyError, QueryError, ServiceDownError, SpectrumError, SpecvizError
from specviz.spectra.readers import read_bytes
from specviz.spectra.readers.content import content_of
from specviz.spectra.readers.tables import to_array, to_number
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Star

#: What is kept for a source that has no such product.
NONE = b"none"
#: The same structure (one table, a row a source) in the server's old and coming vocabulary (astroquery PR #3629).
STRUCTURES = ("RAW", "DATAMODEL_GAIA")
_REFUSED = re.compile(r"invalid value|data_?structure", re.I)
_lock = threading.Lock()
_working = STRUCTURES[0]
#: The RVS grid of DR3, nm in vacuum (Gaia DR3 documentation, section 20.12.1: 846-870 nm, step 0.01 nm).
RVS_WAVELENGTH_NM = np.round(846.0 + 0.01 * np.arange(2401), 2)


@dataclass
class Fetched:
    """Products by source id, ids that have none, ids that failed with the reason, notes, and ids of old products."""

    data: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    failed: dict[str, SpecvizError] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    down: ServiceDownError | None = None  # ESA's archive: Gaia@AIP is asked for the rest of the list


def key_of(release: Release, product: str, source: str) -> Key:
    """Where a product ("xp_continuous", "xp_sampled", "rvs") of a source is kept."""
    return Key("gaia", release.name, f"{product}:{source}")


def kept(release: Release, product: str, source: str) -> bytes | None:
    """A product that is kept and young enough; :data:`NONE` where the archive is known to have none; else None."""
    found = cache().look(key_of(release, product, source))
    if found is None or wants_fresh():
        return None
    age = QUERY_AGE if found[0] == NONE else PRODUCT_AGE
    return found[0] if time.time() - found[1] <= age else None


def fetch(release: Release, product: str, ids: Sequence[str]) -> Fetched:
    """A product of many sources.

    Never raises for the archive's troubles: they are in ``failed``, for each source that could not be had.

    Raises
    ------
    CancelledError
        When the monitor at hand is cancelled; what was fetched until then is kept.
    """
    out, ask = Fetched(), []
    for source in ids:
        found = kept(release, product, source)
        if found is None:
            ask.append(source)
        else:
            _file(out, source, found)
    trouble: ArchiveError | None = None
    for start in range(0, len(ask), queries.BATCH):
        batch = ask[start : start + queries.BATCH]
        if trouble is None or isinstance(trouble, BadReplyError | QueryError):
            try:  # a service that is down is not asked for every further batch; a batch that it refuses says little
                _ask_and_keep(release, product, batch, out)
                continue
            except ArchiveError as error:
                trouble = error
        for source in batch:
            old = cache().get(key_of(release, product, source))
            if old is None or old == NONE:
                out.failed[source] = trouble
            else:
                _file(out, source, old)
                out.kept.append(source)
                note_stood_in("gaia")
                current().step("gaia", "kept", len(old), len(old))
    return out


def _file(out: Fetched, source: str, data: bytes) -> None:
    if data == NONE:
        out.missing.append(source)
    else:
        out.data[source] = data


def _ask_and_keep(release: Release, product: str, batch: Sequence[str], out: Fetched) -> None:
    current().step("gaia", f"asking for {len(batch)} spectra" if len(batch) > 1 else "asking for the spectrum")
    try:
        if out.down is not None:
            raise out.down
        found = _data(release, product, batch)
    except ServiceDownError as error:
        out.down = error
        if product != "xp_continuous" or release.name != "DR3":
            raise
        try:
            found = split_rows(queries.arrays("gaia_aip", queries.aip_coefficients(batch)))
        except ArchiveError:
            raise error from None  # the first trouble is the one that tells the person something
        out.notes.append(f"{error.what}: the coefficients come from {title('gaia_aip')}")
    for (kind, source), data in found.items():
        if source in batch:  # matched by id; what was not asked for is not kept
            cache().put(key_of(release, product if product == "rvs" else f"xp_{kind}", source), data)
    wanted = "continuous" if product == "xp_continuous" else "sampled"
    for source in batch:
        if (wanted, source) not in found:
            cache().put(key_of(release, product, source), NONE)
        _file(out, source, found.get((wanted, source), NONE))


def _data(release: Release, product: str, batch: Sequence[str]) -> dict[tuple[str, str], bytes]:
    """One data request, in the vocabulary that worked last, else in the other one."""
    global _working
    first: QueryError | None = None
    for structure in (_working, *(s for s in STRUCTURES if s != _working)):
        try:
            files = door.load_data(
                batch, retrieval=release.products[product], release=release.for_data, structure=structure
            )
        except QueryError as error:
            if error.status != 400 and not _REFUSED.search(error.what):
                raise
            first = first or error
            continue
        with _lock:
            _working = structure
        try:
            return split(files, release.name)
        except SpecvizError:
            raise
        except UNREADABLE as error:
            raise BadReplyError(
                f"The products of {title('gaia')} are not laid out as they should be ({type(error).__name__})",
                service="gaia",
                remedy="Try again later; if it stays so, the archive has changed its format",
            ) from error
    assert first is not None
    raise first


# ------------------------------------------------------------------------------------------------ stars
def stars(
    release: Release, product: str, data: Mapping[str, bytes], failed: dict[str, SpecvizError]
) -> dict[str, Star]:
    """Stars of products; one that makes no spectrum is told in ``failed`` and does not stop the others."""
    out = {}
    for source, content in data.items():
        try:
            if product == "rvs":
                out[source] = rvs_star(content, release, source)
            else:
                out[source] = read_bytes(content, f"Gaia {release.name} {source} {product}.fits")[0]
        except SpecvizError as error:
            failed[source] = error
    return out


def rvs_star(data: bytes, release: Release, source: str) -> Star:
    """A star with its RVS mean spectrum as ``spectra["other"]``: vacuum Angstrom, rest frame, normalised flux.

    Raises
    ------
    SpectrumError
        If it has no wavelengths and is not on the grid of DR3, or no usable pixel.
    """
    table = content_of(data, f"Gaia {release.name} {source} RVS.fits").table
    flux = to_array(table.cell("flux", 0))
    sigma = to_array(table.cell("flux_error", 0)) if "flux_error" in table else np.full(flux.size, np.nan)
    if "wavelength" in table:
        wave = to_array(table.cell("wavelength", 0))
    elif flux.size == RVS_WAVELENGTH_NM.size:
        wave = RVS_WAVELENGTH_NM
    else:
        raise SpectrumError(
            f"An RVS spectrum of {flux.size} pixels without wavelengths",
            expected=f"the {RVS_WAVELENGTH_NM.size} of DR3",
        )
    if sigma.shape != flux.shape:
        raise SpectrumError(f"{flux.size} fluxes and {sigma.size} errors", expected="equal lengths")
    known = np.isfinite(sigma) & (sigma > 0)
    name = f"Gaia {release.name} {source}"
    spectrum = Spectrum(
        wave * 10.0,
        flux,
        np.where(known, 1.0 / np.where(known, sigma, 1.0) ** 2, 0.0),
        ~np.isfinite(flux),
        frame="rest",
        survey="other",
        meta={
            "object_id": name,
            "source_id": source,
            "release": release.name,
            "ra": to_number(table.cell("ra", 0)) if "ra" in table else None,
            "dec": to_number(table.cell("dec", 0)) if "dec" in table else None,
            "layout": "gaia_rvs",
            "normalised": "continuum",
        },
    )
    return Star.from_spectrum(spectrum)
