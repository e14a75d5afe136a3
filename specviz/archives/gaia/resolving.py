"""From what a person typed to sources of one release, and from a source to a star."""

from __future__ import annotations

from typing import TYPE_CHECKING

from specviz.archives.gaia.products import XpResult
from specviz.archives.gaia.releases import release_of
from specviz.archives.gaia.source import GaiaSource
from specviz.archives.protocol import Candidate, Outcome
from specviz.errors import OfflineError, SpecvizError
from specviz.spectra.star import Star

if TYPE_CHECKING:
    from specviz.archives.gaia.client import Gaia

#: Arcseconds around a position that a person typed.
RADIUS = 5.0


def find(gaia: Gaia, text: str) -> list[GaiaSource]:
    """Sources that ``text`` may mean: a Gaia id of any release, a position (J2000), or a name that SIMBAD knows."""
    from specviz.archives.names import parse

    parsed = parse(text)
    if parsed.kind == "gaia":
        return _counterparts(gaia, parsed.value, parsed.release or gaia.release)
    if parsed.ra is not None and parsed.dec is not None:
        return gaia.cone(parsed.ra, parsed.dec, RADIUS)
    if parsed.kind in ("obsid", "demo"):
        return []
    from specviz.archives.simbad import Simbad

    known = Simbad().lookup([parsed.label])[0]
    if known is None:
        return []
    ids = {i.release: i.value for i in known.identifiers if i.archive.lower() == "gaia"}
    for release in (gaia.release, "DR3", "EDR3", "DR2"):
        if release in ids:
            return _counterparts(gaia, ids[release], release)
    if known.ra is None or known.dec is None:
        return []
    return gaia.cone(known.ra, known.dec, RADIUS, pm_ra=known.pm_ra, pm_dec=known.pm_dec)


def _counterparts(gaia: Gaia, value: str, release: str) -> list[GaiaSource]:
    """Sources of ``gaia``'s release for an id of any release."""
    ids = [n.source_id for n in gaia.neighbours(value, release_of(release).name, gaia.release)]
    known = gaia.sources(ids)
    return [known[one] for one in ids if one in known]


def candidate(source: GaiaSource) -> Candidate:
    """A source as a line to choose from; its position at J2000."""
    ra, dec = source.at_epoch(2000.0)
    parts = [] if source.g_mag is None else [f"G = {source.g_mag:.2f}"]
    if source.separation is not None:
        parts.append(f"{source.separation:.1f} arcsec away")
    summary = ", ".join(parts)
    return Candidate(source.name, "gaia", summary, ra, dec, (source.identifier,), source.pm_ra, source.pm_dec)


def star_of(source: GaiaSource, xp: XpResult | SpecvizError) -> Star:
    """The star of a source, with its XP spectrum or the reason why there is none in ``meta["services"]["gaia"]``."""
    made = None
    if isinstance(xp, SpecvizError):
        words = f"{source.name}, but not its XP spectrum: {xp}"
        outcome = Outcome("offline" if isinstance(xp, OfflineError) else "failed", words, getattr(xp, "tries", 1))
    else:
        made = xp.spectra.get(source.source_id)
        words = f"{source.name} with its XP spectrum" if made is not None else f"{source.name}, no XP spectrum"
        old = source.source_id in xp.kept
        words += ", as it was fetched earlier" if old else ""
        outcome = Outcome("kept" if old else "found", "; ".join([words, *xp.notes]))
    ra, dec = source.at_epoch(2000.0)
    return Star(
        source.name,
        {} if made is None else dict(made.spectra),
        (source.identifier,),
        ra,
        dec,
        catalogue=source.catalogue,
        meta={"release": source.release, "epoch": 2000.0, "services": {"gaia": outcome}},
    )
