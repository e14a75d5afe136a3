"""Which rows of a catalogue are a star: by name, by identifier with its release, by position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from specviz.catalog.store.star_catalog import StarCatalog

#: Degrees within which two positions are one star: LAMOST's fibres are 3.3 arcsec wide, Gaia's positions far better.
SAME = 2.0 / 3600.0
#: A shorter value of an identifier, such as a demo star's number, may be anything in another catalogue.
_SHORTEST = 6


def rows_of_star(catalog: StarCatalog, star: Any) -> NDArray[np.intp]:
    """Rows that are this star, sorted.

    Parameters
    ----------
    catalog : StarCatalog
    star : Star
        Its name and its identifiers are looked up among ``object_id``; Gaia's in ``source_id`` where the release is the
        same or unknown (a number means another star in another release); LAMOST's in ``obsid``; its position, 2 arcsec
        around.
    """
    if not len(catalog):
        return np.empty(0, np.intp)
    have = set(catalog.column_names)
    words = [t for i in star.identifiers for t in (str(i), i.value) if len(t) >= _SHORTEST]
    found = [catalog.rows_named([str(star.name), *words])]
    for identifier in star.identifiers:
        if not identifier.value.isdigit() or int(identifier.value) >= 2**63:
            continue
        number, archive = int(identifier.value), identifier.archive.lower()
        if archive == "gaia" and "source_id" in have and number:
            rows = np.flatnonzero(catalog.column("source_id") == number)
            if rows.size and identifier.release and "gaia_release" in have:
                releases = catalog.take("gaia_release", rows)
                rows = rows[[not r or plain_release(r) == plain_release(identifier.release) for r in releases]]
            found.append(rows)
        elif archive == "lamost" and "obsid" in have and number:
            found.append(np.flatnonzero(catalog.column("obsid") == number))
    if star.ra is not None and star.dec is not None and {"ra", "dec"} <= have:
        found.append(rows_near(catalog, float(star.ra), float(star.dec)))
    return np.unique(np.concatenate(found)).astype(np.intp)


def rows_near(catalog: StarCatalog, ra: float, dec: float, radius: float = SAME) -> NDArray[np.intp]:
    """Rows within ``radius`` degrees (small) of a position (ICRS, degrees)."""
    every_ra, every_dec = catalog.column("ra"), catalog.column("dec")
    near = np.flatnonzero(np.abs(every_dec - dec) < radius)
    across = (np.mod(every_ra[near] - ra + 180.0, 360.0) - 180.0) * np.cos(np.radians(dec))
    return near[np.hypot(across, every_dec[near] - dec) < radius]


def plain_release(release: str) -> str:
    """A Gaia release without decoration: source_ids of EDR3 and DR3 are the same."""
    return release.upper().replace("GAIA", "").strip().replace("EDR3", "DR3")
