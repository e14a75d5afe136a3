"""What differs between the data releases of Gaia, in one table: tables, product names, epochs, neighbours.

A source_id means nothing without its release: DR4 renumbers sources, as DR3 did (services.md, section 2.2). Nothing
here asks the server for its default release, because that default changes on the day a release opens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from specviz.errors import OptionError
from specviz.spectra.star import Identifier

_ID = re.compile(r"(?:Gaia[ _]+)?(?:(E?DR\d+)[ _]+)?(\d{1,20})", re.IGNORECASE)


@dataclass(frozen=True)
class Release:
    """One data release.

    Parameters
    ----------
    name : str
        "DR3".
    table : str
        The source catalogue in the archive's TAP.
    epoch : float
        Reference epoch of its positions, Julian year (the row's own ``ref_epoch`` goes first).
    columns : tuple of str
        What is asked of ``table``; empty means all of it, for a release whose columns are not known here.
    products : mapping
        Our product ("xp_continuous", "xp_sampled", "rvs") to the archive's RETRIEVAL_TYPE; absent where there is none.
    data_release : str
        Value of RELEASE in a data request; "" means "Gaia " and the name.
    neighbourhood : mapping
        Older release -> table that maps its sources to those of this one.
    calibrated : bool
        Whether the shipped design matrices are made for its XP coefficients.
    """

    name: str
    table: str
    epoch: float
    columns: tuple[str, ...] = ()
    products: Mapping[str, str] = field(default_factory=dict)
    data_release: str = ""
    neighbourhood: Mapping[str, str] = field(default_factory=dict)
    calibrated: bool = False

    @property
    def for_data(self) -> str:
        """RELEASE of a data request."""
        return self.data_release or f"Gaia {self.name}"


_ASTROMETRY = (
    "source_id", "ref_epoch", "ra", "dec", "parallax", "parallax_error", "pmra", "pmra_error", "pmdec", "pmdec_error",
    "phot_g_mean_mag", "phot_bp_mean_mag", "phot_rp_mean_mag", "bp_rp", "radial_velocity", "radial_velocity_error",
)  # fmt: skip
_GSPPHOT = tuple(
    f"{name}_gspphot{end}"
    for name in ("teff", "logg", "mh", "distance", "azero", "ag", "ebpminrp")
    for end in ("", "_lower", "_upper")
)
_DR3_COLUMNS = (
    *_ASTROMETRY, "ruwe", "vbroad", "vbroad_error", "phot_variable_flag", "non_single_star",
    "has_xp_continuous", "has_xp_sampled", "has_rvs", *_GSPPHOT,
)  # fmt: skip

RELEASES: Mapping[str, Release] = MappingProxyType(
    {
        r.name: r
        for r in (
            Release("DR2", "gaiadr2.gaia_source", 2015.5, _ASTROMETRY),
            Release("EDR3", "gaiaedr3.gaia_source", 2016.0, (*_ASTROMETRY[:-2], "ruwe")),
            Release(
                "DR3",
                "gaiadr3.gaia_source",
                2016.0,
                _DR3_COLUMNS,
                {"xp_continuous": "XP_CONTINUOUS", "xp_sampled": "XP_SAMPLED", "rvs": "RVS"},
                neighbourhood={"DR2": "gaiadr3.dr2_neighbourhood"},
                calibrated=True,
            ),
            # Not open at the time of writing. The product names are those of the archive's own client; the columns are
            # not settled, so the whole row is asked for and read by name (what is absent is unknown, not false).
            Release(
                "DR4",
                "gaiadr4.gaia_source",
                2017.5,
                (),
                {"xp_continuous": "MEAN_SPECTRUM_XP", "xp_sampled": "MEAN_SPECTRUM_XP", "rvs": "MEAN_SPECTRUM_RVS"},
                neighbourhood={"DR3": "gaiadr4.dr3_neighbourhood"},
            ),
        )
    }
)


def release_of(name: str | Release) -> Release:
    """A release by name ("DR3", "Gaia DR3", "gaiadr3").

    Raises
    ------
    OptionError
        For one that is not known.
    """
    if isinstance(name, Release):
        return name
    plain = re.sub(r"^GAIA", "", str(name).upper().replace(" ", "").replace("_", ""))
    if plain not in RELEASES:
        raise OptionError(f"Gaia release {name!r} is not known", expected="one of " + ", ".join(RELEASES))
    return RELEASES[plain]


def source_id_of(given: Any, release: Release) -> str:
    """The digits of a source id, once it is sure that they are of ``release``.

    Parameters
    ----------
    given : int, str, Identifier, (release, source_id), GaiaSource or Neighbour
        ``5937083312263887616``, "Gaia DR3 5937083312263887616", ``("DR3", 5937083312263887616)``. Bare digits are taken
        to be of ``release``. EDR3 and DR3 share their sources.

    Raises
    ------
    OptionError
        If it is no source id, or one of another release.
    """
    named = ""
    given = getattr(given, "identifier", given)
    if isinstance(given, Identifier):
        named, text = given.release, given.value
    elif isinstance(given, tuple | list) and len(given) == 2:
        named, text = str(given[0]), str(given[1])
    elif isinstance(given, float):
        raise OptionError(f"{given!r} has lost digits", expected="a source id as an integer or as text")
    else:
        text = str(given)
    match = _ID.fullmatch(text.strip())
    if match is None or not 0 < int(match[2]) < 2**63:
        raise OptionError(f"{given!r} is no Gaia source id", expected="a number such as 5937083312263887616")
    named = (match[1] or named).upper().removeprefix("GAIA").strip()
    if named and named != release.name and {named, release.name} != {"EDR3", "DR3"}:
        raise OptionError(
            f"{given} is not of Gaia {release.name}",
            expected=f"a source id of {release.name}; each release numbers its sources anew",
            remedy=f'Find its counterpart with Gaia("{release.name}").neighbours(...)',
        )
    return str(int(match[2]))


def source_ids_of(given: Any, release: Release) -> list[str]:
    """The ids of one source or of many, each once, in the order given."""
    one = isinstance(given, str | int | Identifier) or not isinstance(given, Iterable)
    pair = isinstance(given, tuple) and len(given) == 2 and isinstance(given[0], str) and "DR" in given[0].upper()
    listed = [given] if one or (pair and not _ID.fullmatch(given[0])) else list(given)
    return list(dict.fromkeys(source_id_of(item, release) for item in listed))
