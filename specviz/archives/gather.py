"""From one object to a ``Star`` with every spectrum that exists: Gaia, LAMOST and MAST are asked at the same time.

A service that fails costs its own part and nothing else; ``Star.meta["services"]`` tells how each one went.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from specviz.archives.identity import Identity, merged, of_source
from specviz.archives.protocol import Outcome
from specviz.archives.transport import current, title
from specviz.errors import ArchiveError, NotFoundError, OfflineError, SpecvizError
from specviz.spectra.catalogue_values import short_name
from specviz.spectra.spectrum import Spectrum
from specviz.spectra.star import Identifier, LightCurve, Star

if TYPE_CHECKING:
    from specviz.archives.lamost import Observation

#: Arcsec between the position of a name and the Gaia source that is taken for it.
MATCH_RADIUS = 3.0


@dataclass
class Part:
    """What one service adds to a star."""

    spectra: dict[str, Spectrum] = field(default_factory=dict)
    identifiers: tuple[Identifier, ...] = ()
    catalogue: dict[str, Any] = field(default_factory=dict)
    light_curve: LightCurve | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome = field(default_factory=lambda: Outcome("none"))


def gather(identity: Identity, *, release: str, lamost_release: str | None, light_curve: bool) -> Star:
    """Ask every service for what it has of an object.

    Parameters
    ----------
    identity : Identity
    release : str
        Gaia data release.
    lamost_release : str or None
        LAMOST release; None for the newest public one.
    light_curve : bool
        Whether MAST is asked for a Kepler or TESS light curve too.

    Returns
    -------
    Star
        Perhaps without any spectrum: then ``meta["services"]`` says why.
    """
    work: dict[str, Callable[[], Part]] = {
        "gaia": lambda: _gaia(identity, release),
        "lamost": lambda: _lamost(identity, lamost_release),
    }
    if light_curve:
        work["mast"] = lambda: _mast(identity)
    with ThreadPoolExecutor(len(work), thread_name_prefix="specviz-archive") as pool:
        # The monitor, and whether we are online, are in context variables: each thread gets a copy.
        asked = {key: pool.submit(contextvars.copy_context().run, _guarded, key, one) for key, one in work.items()}
        parts = {key: future.result() for key, future in asked.items()}
    return _assemble(identity, parts)


def _guarded(service: str, work: Callable[[], Part]) -> Part:
    """A part, whatever the service does; a cancel and a fault of ours go through."""
    try:
        part = work()
    except OfflineError as error:
        part = Part(outcome=Outcome("offline", str(error), error.tries))
    except ArchiveError as error:
        part = Part(outcome=Outcome("failed", str(error), error.tries))
    except NotFoundError as error:
        part = Part(outcome=Outcome("none", str(error)))
    words = {"found": "found", "none": "nothing there", "failed": "failed", "offline": "not asked", "kept": "kept"}
    current().step(service, words[part.outcome.status])
    return part


def _gaia(identity: Identity, release: str) -> Part:
    from specviz.archives.gaia import Gaia

    gaia = Gaia(release)
    source = identity.source if identity.source is not None and identity.source.release == release else None
    if source is None:
        known = identity.identifier("Gaia", release)
        if known is not None:
            source = gaia.source(known.value)
        elif (older := identity.identifier("Gaia", "DR2")) is not None and release != "DR2":
            heirs = gaia.neighbours(older.value, "DR2", release)
            source = gaia.source(heirs[0].source_id) if heirs else None
        if source is None and known is None and identity.ra is not None and identity.dec is not None:
            near = gaia.cone(identity.ra, identity.dec, MATCH_RADIUS, pm_ra=identity.pm_ra, pm_dec=identity.pm_dec)
            source = min(near, key=lambda s: s.g_mag if s.g_mag is not None else 99.0) if near else None
    if source is None:
        return Part(outcome=Outcome("none", f"Gaia {release} has no source at this position"))
    name = f"Gaia {release} {source.source_id}"
    part = Part(
        identifiers=of_source(source).identifiers,
        catalogue=dict(source.catalogue),
        meta={"gaia_source": source},
    )
    if not (source.has_xp_continuous or source.has_xp_sampled):
        part.outcome = Outcome("none", f"{name} has no XP spectrum")
        return part
    result = gaia.xp([source.source_id])
    star = result.spectra.get(str(source.source_id))
    if star is None:
        part.outcome = Outcome("none", f"The archive gave no XP spectrum of {name}")
        return part
    part.spectra = dict(star.spectra)
    part.outcome = Outcome("found", f"XP spectrum of {name}")
    return part


def _lamost(identity: Identity, release: str | None) -> Part:
    from specviz.archives.lamost import Lamost

    lamost = Lamost(release)
    visits: list[Observation] = []
    if identity.ra is not None and identity.dec is not None:
        ids = tuple(i for i in identity.identifiers if i.archive == "Gaia")
        try:
            visits = lamost.find(identity.ra, identity.dec, gaia_ids=ids, pm_ra=identity.pm_ra, pm_dec=identity.pm_dec)
        except ArchiveError as error:
            if identity.obsid is None:  # else the spectrum that was asked for can be had without the list of visits
                return _lamost_elsewhere(identity, error)
    obsid = identity.obsid if identity.obsid is not None else visits[0].obsid if visits else None
    if obsid is None:
        return Part(outcome=Outcome("none", "LAMOST has not observed this star"))
    star = lamost.spectrum(obsid)
    chosen = "of" if identity.obsid is not None else "the best of"
    several = f", {chosen} {len(visits)} visits" if len(visits) > 1 else ""
    return Part(
        spectra=dict(star.spectra),
        identifiers=star.identifiers,
        catalogue=dict(star.catalogue),
        meta={"observations": tuple(visits)},
        outcome=Outcome("found", f"obsid {obsid}{several}"),
    )


def _lamost_elsewhere(identity: Identity, trouble: ArchiveError) -> Part:
    """LAMOST is down: VizieR, which copies its catalogue (V/162, DR11), still knows what was measured.

    Raises
    ------
    ArchiveError
        ``trouble``, if VizieR cannot tell either.
    """
    from specviz.archives.vizier import lamost_rows

    assert identity.ra is not None and identity.dec is not None
    try:
        rows = lamost_rows(identity.ra, identity.dec, MATCH_RADIUS)
    except ArchiveError:
        raise trouble from None  # the first trouble is the one that tells the person something
    if not len(rows):
        raise trouble
    row = rows[0]
    values = {
        name: float(row[name])
        for name in ("teff", "teff_err", "logg", "logg_err", "fe_h", "fe_h_err", "rv", "rv_err")
        if name in rows.colnames and not np.ma.is_masked(row[name]) and np.isfinite(float(row[name]))
    }
    text = f"{trouble.what}. VizieR lists obsid {row['obsid']}, whose spectrum only LAMOST has"
    return Part(
        identifiers=(Identifier("LAMOST", "DR11", str(row["obsid"])),),
        catalogue={**values, "source": f"LASP, VizieR {rows.meta.get('source', '')}".strip()} if values else {},
        outcome=Outcome("failed", text, trouble.tries),
    )


def _mast(identity: Identity) -> Part:
    from specviz.archives.mast import fetch_light_curve, light_curves

    for archive in ("KIC", "TIC", "EPIC"):
        known = identity.identifier(archive)
        if known is None:
            continue
        products = light_curves(f"{archive} {known.value}")
        if products:
            curve = fetch_light_curve(products[0])
            return Part(light_curve=curve, outcome=Outcome("found", f"light curve of {archive} {known.value}"))
    return Part(outcome=Outcome("none", "MAST has no Kepler or TESS light curve of this star"))


def _assemble(identity: Identity, parts: dict[str, Part]) -> Star:
    spectra: dict[str, Spectrum] = {}
    meta: dict[str, Any] = {}
    curve = None
    for part in parts.values():
        spectra |= part.spectra
        meta |= part.meta
        curve = part.light_curve or curve
    # LASP's labels lead, as LAMOST's spectrum does; both are kept under their names.
    held = [parts[k].catalogue for k in ("lamost", "gaia") if k in parts and parts[k].catalogue]
    named = {short_name(str(values.get("source") or "")): values for values in held}
    leading = next(iter(named.values()), {})
    meta["services"] = {**identity.asked, **{key: part.outcome for key, part in parts.items()}}
    meta |= {k: v for k, v in (("sp_type", identity.sp_type), ("object_type", identity.object_type)) if v}
    return Star(
        identity.name,
        spectra=spectra,
        identifiers=merged(*(part.identifiers for part in parts.values()), identity.identifiers),
        ra=identity.ra,
        dec=identity.dec,
        light_curve=curve,
        catalogue=leading,
        catalogues=named,
        meta=meta,
    )


def why_nothing(star: Star) -> SpecvizError | None:
    """The error to raise for a star without spectrum and light curve; None if there is something to see."""
    if star.spectra or star.light_curve is not None:
        return None
    services: dict[str, Outcome] = dict(star.meta.get("services", {}))
    silent = {key: outcome for key, outcome in services.items() if outcome.status in ("failed", "offline")}
    said = " ".join(
        outcome.text.rstrip(".") + "." for outcome in services.values() if outcome.text and outcome.status != "found"
    )
    if not silent:
        return NotFoundError(f"There is no spectrum of {star.name}", remedy=said)
    if all(outcome.status == "offline" for outcome in silent.values()):
        return OfflineError(
            f"No spectrum of {star.name} has been fetched before, and there is no network",
            service=next(iter(silent)),
            tries=0,
            remedy="Open a file or a demo star, or try again with a network",
        )
    key = next(iter(silent))
    return ArchiveError(
        f"No spectrum of {star.name} could be fetched from {' and '.join(title(k) for k in silent)}",
        service=key,
        tries=silent[key].tries,
        remedy=said,
    )
