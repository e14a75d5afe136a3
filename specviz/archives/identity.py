"""From what a person typed to one object on the sky, by asking whoever knows: SIMBAD, Gaia, LAMOST or MAST."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from specviz.archives.names import Parsed
from specviz.archives.protocol import Outcome
from specviz.errors import AmbiguousError, ArchiveError, NotFoundError, OfflineError
from specviz.spectra.star import Identifier

if TYPE_CHECKING:
    from specviz.archives.gaia import GaiaSource
    from specviz.archives.lamost import Observation
    from specviz.archives.simbad import SimbadObject

#: Arcsec around a typed position in which an object is looked for.
SEARCH_RADIUS = 5.0
#: A neighbour this much fainter than the brightest source (mag) does not make a position ambiguous.
_FAINTER = 4.0


@dataclass(frozen=True)
class Identity:
    """One object: how it is called, where it is, and what is already known of it.

    ``ra``, ``dec`` in degrees (ICRS, epoch J2000), proper motion in mas/yr (``pm_ra`` with cos dec). ``source`` is the
    row of Gaia that was read on the way, ``obsid`` the LAMOST spectrum that was asked for by its number; ``asked`` how
    asking the services went.
    """

    name: str
    ra: float | None = None
    dec: float | None = None
    pm_ra: float | None = None
    pm_dec: float | None = None
    identifiers: tuple[Identifier, ...] = ()
    sp_type: str = ""
    object_type: str = ""
    source: GaiaSource | None = None
    obsid: int | None = None
    asked: dict[str, Outcome] = field(default_factory=dict)

    def identifier(self, archive: str, release: str | None = None) -> Identifier | None:
        """The identifier of an archive (and release), if it is known."""
        for one in self.identifiers:
            if one.archive.lower() == archive.lower() and (release is None or one.release == release):
                return one
        return None


def merged(*groups: Iterable[Identifier]) -> tuple[Identifier, ...]:
    """Identifiers without repetition, in their order."""
    return tuple(dict.fromkeys(one for group in groups for one in group))


def identify(parsed: Parsed, *, release: str, lamost_release: str | None) -> Identity:
    """Find the object that is meant.

    Parameters
    ----------
    parsed : Parsed
        Of :func:`specviz.archives.names.parse`; not of kind "demo".
    release : str
        Gaia release that a bare number belongs to ("DR3").
    lamost_release : str or None
        LAMOST release, None for the newest public one.

    Raises
    ------
    NotFoundError
        Nobody knows it. Its kind AmbiguousError where several objects may be meant.
    ArchiveError
        Who might know it cannot be asked.
    """
    if parsed.kind == "gaia":
        return _by_source(parsed.value, parsed.release or release)
    if parsed.kind == "obsid":
        return _by_obsid(parsed.value, lamost_release)
    if parsed.kind in ("coordinates", "designation"):
        return _by_position(parsed, release, lamost_release)
    return _by_name(parsed)


def _by_source(value: str, release: str) -> Identity:
    from specviz.archives.gaia import Gaia

    source = Gaia(release).source(value)
    return of_source(source)


def of_source(source: GaiaSource, name: str = "") -> Identity:
    """The identity that a row of ``gaia_source`` gives; its position is brought to J2000."""
    ra, dec = source.at_epoch(2000.0)
    mine = Identifier("Gaia", source.release, str(source.source_id))
    return Identity(
        name or str(mine),
        ra,
        dec,
        source.pm_ra,
        source.pm_dec,
        (mine,),
        source=source,
        asked={"gaia": Outcome("found", str(mine))},
    )


def _by_obsid(value: str, lamost_release: str | None) -> Identity:
    from specviz.archives.lamost import Lamost

    star = Lamost(lamost_release).spectrum(value)  # its file and its row of the catalogue, either may fail
    outcome = Outcome("found", f"obsid {value}")
    return Identity(
        star.name, star.ra, star.dec, identifiers=star.identifiers, obsid=int(value), asked={"lamost": outcome}
    )


def of_observation(observation: Observation, name: str = "") -> Identity:
    """The identity that a row of the LAMOST catalogue gives."""
    designation = f"LAMOST {observation.designation}" if observation.designation else ""
    return Identity(
        name or designation or f"LAMOST {observation.obsid}",
        observation.ra,
        observation.dec,
        identifiers=observation.identifiers,
        obsid=observation.obsid,
        asked={"lamost": Outcome("found", f"obsid {observation.obsid}")},
    )


def _by_name(parsed: Parsed) -> Identity:
    from specviz.archives.simbad import Simbad

    trouble: ArchiveError | None = None
    simbad = Simbad()
    try:
        [found] = simbad.lookup([parsed.label])
    except OfflineError:
        raise
    except ArchiveError as error:  # MAST may know a catalogue number all the same
        if parsed.kind not in ("tic", "kic"):
            raise
        found, trouble = None, error
    if found is not None:
        return of_simbad(found, parsed)
    if parsed.kind in ("tic", "kic"):
        from specviz.archives.mast import lookup

        row = lookup(parsed.label)
        if row is not None:
            identity = Identity(
                parsed.label, row.ra, row.dec, row.pm_ra, row.pm_dec, row.identifiers, asked={"mast": Outcome("found")}
            )
            return replace(identity, asked={**identity.asked, "simbad": _failed(trouble)}) if trouble else identity
    if trouble is not None:
        raise trouble
    near = simbad.suggest(parsed.label)
    if near:
        choices = [one.candidate for one in near]
        raise AmbiguousError(
            f"SIMBAD knows no “{parsed.label}”, but names that begin so",
            choices,
            remedy="Choose one: " + ", ".join(c.name for c in choices[:5]),
        )
    raise NotFoundError(
        f"Neither SIMBAD nor the catalogues know “{parsed.label}”",
        expected="a name (HD 140283), a Gaia source id, a LAMOST obsid, a TIC or KIC number, or a position",
        remedy="Check the spelling, or open a file",
    )


def of_simbad(found: SimbadObject, parsed: Parsed | None = None) -> Identity:
    """The identity that SIMBAD gives, called as the person did unless that is SIMBAD's own name less well spelt."""
    asked_as = parsed.label if parsed is not None else found.main_id
    same = "".join(asked_as.lower().split()) == "".join(found.main_id.lower().split())
    return Identity(
        found.main_id if same else asked_as,
        found.ra,
        found.dec,
        found.pm_ra,
        found.pm_dec,
        merged(found.identifiers),
        sp_type=found.sp_type or "",
        object_type=found.otype or "",
        asked={"simbad": Outcome("found", found.main_id)},
    )


def _by_position(parsed: Parsed, release: str, lamost_release: str | None) -> Identity:
    """The Gaia source there; the LAMOST target where Gaia has none, or cannot be asked."""
    from specviz.archives.gaia import Gaia
    from specviz.archives.lamost import Lamost

    assert parsed.ra is not None and parsed.dec is not None
    trouble: ArchiveError | None = None
    sources: list[GaiaSource] = []
    try:
        sources = Gaia(release).cone(parsed.ra, parsed.dec, SEARCH_RADIUS)
    except ArchiveError as error:
        trouble = error
    if sources:
        return _one_source(sources, parsed)
    observations = Lamost(lamost_release).find(parsed.ra, parsed.dec, radius_arcsec=SEARCH_RADIUS)
    if observations:
        identity = of_observation(observations[0], parsed.label if parsed.kind == "designation" else "")
        return replace(identity, asked={**identity.asked, "gaia": _failed(trouble)}) if trouble else identity
    if trouble is not None:
        raise trouble
    raise NotFoundError(
        f"Neither Gaia nor LAMOST has a star within {SEARCH_RADIUS:.0f}″ of {parsed.label}",
        expected="a position of a star, ICRS",
    )


def _one_source(sources: list[GaiaSource], parsed: Parsed) -> Identity:
    """The brightest, unless another is nearly as bright: then the person chooses."""
    from specviz.archives.gaia.resolving import candidate

    known = [s for s in sources if s.g_mag is not None] or sources
    brightest = min(known, key=lambda s: s.g_mag if s.g_mag is not None else 99.0)
    limit = (brightest.g_mag if brightest.g_mag is not None else 99.0) + _FAINTER
    rivals = [s for s in sources if (s.g_mag if s.g_mag is not None else 99.0) <= limit]
    if len(rivals) > 1:
        raise AmbiguousError(
            f"{len(rivals)} Gaia sources lie within {SEARCH_RADIUS:.0f}″ of {parsed.label}",
            [candidate(s) for s in rivals],
            remedy="Choose one by its source id",
        )
    return of_source(brightest, parsed.label if parsed.kind == "designation" else "")


def _failed(error: ArchiveError | None) -> Outcome:
    return Outcome("failed", str(error or ""), error.tries if error is not None else 1)
