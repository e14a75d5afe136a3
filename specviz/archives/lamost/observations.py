"""``Observation``: one spectrum in LAMOST's catalogue, without sentinels, LASP's values under our label names.

One star has many obsids, and its ``designation`` differs between visits (services.md 1.5): visits are grouped by
``uid``, by ``gaia_source_id``, and within 3 arcsec.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from specviz.archives.lamost.releases import Release
from specviz.archives.motion import separation
from specviz.spectra.star import Identifier

if TYPE_CHECKING:
    from astropy.table import Table

#: LASP's columns (table ``stellar``) and our labels. Units: teff K, logg dex (cgs), fe_h and alpha_m dex, rv and
#: vsini km/s.
LABELS = {
    "teff": "teff", "teff_err": "teff_err", "logg": "logg", "logg_err": "logg_err",
    "feh": "fe_h", "feh_err": "fe_h_err", "rv": "rv", "rv_err": "rv_err", "alpha_m": "alpha_m", "alpha_m_err":
    "alpha_m_err", "vsini_lasp": "vsini", "m_h": "m_h", "m_h_err": "m_h_err",
}  # fmt: skip
_SENTINELS = (-9999.0, -999.0, 9999.0)
_SNR = ("snru", "snrg", "snrr", "snri", "snrz")
_GROUP_ARCSEC = 3.0


@dataclass(frozen=True, eq=False)
class Observation:
    """One spectrum of one star.

    Parameters
    ----------
    obsid : int
    release : str
        "DR10 v2.0".
    ra, dec : float or None
        Of the input catalogue, degrees (ICRS; epoch about J2000, Gaia's for some newer plates).
    snrg : float or None
        Signal-to-noise ratio in g; None where it was not measured.
    class_, subclass : str
        "STAR", "A7"; empty where the pipeline does not know.
    uid : str
        LAMOST's own id of the source; visits of one star share it.
    gaia_source_id : str or None
        As the release lists it; ``gaia_release`` says of which Gaia release ("" where the sources at hand do not say).
    designation, obsdate, planid, file : str
    lmjd : int or None
    z, z_err : float or None
        Redshift of the pipeline and its error.
    separation : float or None
        Arcsec from where it was looked for.
    matched_by : str
        "gaia", "position" or "".
    catalogue : mapping
        Others' values by label: teff, teff_err, logg, logg_err, fe_h, fe_h_err, rv, rv_err, alpha_m ..., and
        ``source``.
    snr : mapping
        By band: u, g, r, i, z.
    """

    obsid: int
    release: str
    ra: float | None = None
    dec: float | None = None
    snrg: float | None = None
    class_: str = ""
    subclass: str = ""
    uid: str = ""
    gaia_source_id: str | None = None
    gaia_release: str = ""
    designation: str = ""
    obsdate: str = ""
    planid: str = ""
    file: str = ""
    lmjd: int | None = None
    z: float | None = None
    z_err: float | None = None
    separation: float | None = None
    matched_by: Literal["gaia", "position", ""] = ""
    catalogue: Mapping[str, Any] = field(default_factory=dict)
    snr: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for attribute in ("catalogue", "snr"):
            object.__setattr__(self, attribute, MappingProxyType(dict(getattr(self, attribute))))

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """LAMOST's, with its release, and Gaia's where its release is known."""
        found = [Identifier("LAMOST", self.release, str(self.obsid))]
        if self.gaia_source_id is not None and self.gaia_release:
            found.append(Identifier("Gaia", self.gaia_release, self.gaia_source_id))
        return tuple(found)

    @property
    def summary(self) -> str:
        """One line for a list of choices."""
        kind = " ".join(t for t in (self.class_, self.subclass) if t)
        noise = f"S/N {self.snrg:.0f} in g" if self.snrg is not None else ""
        return ", ".join(t for t in (f"LAMOST {self.release}", kind, noise, self.obsdate) if t)

    def with_(self, **changes: Any) -> Observation:
        """A copy with some fields replaced."""
        return replace(self, **changes)


def of_row(row: Mapping[str, Any], release: Release) -> Observation | None:
    """The observation of one row; None where it has no obsid.

    Values may be numbers, text or masked; -9999, -999, NaN and a signal-to-noise ratio of 999 count as missing.
    """
    obsid = _whole(row.get("obsid"))
    if obsid is None or obsid <= 0:
        return None
    snr = {name[-1]: value for name in _SNR if (value := _snr(row.get(name))) is not None}
    gaia = _whole(row.get("gaia_source_id"))
    z_err = _number(row.get("z_err"))
    return Observation(
        obsid=obsid,
        release=release.label,
        ra=_number(row.get("ra")),
        dec=_number(row.get("dec")),
        snrg=snr.get("g"),
        class_=_text(row.get("class")),
        subclass=_text(row.get("subclass")).removeprefix("Non"),  # "Non": the pipeline found none
        uid=_text(row.get("uid")),
        gaia_source_id=str(gaia) if gaia is not None and gaia > 0 else None,
        gaia_release=release.gaia_release,
        designation=_text(row.get("designation")),
        obsdate=_text(row.get("obsdate")),
        planid=_text(row.get("planid")),
        file=_text(row.get("file")),
        lmjd=_whole(row.get("lmjd")),
        z=_number(row.get("z")),
        z_err=z_err if z_err is not None and z_err >= 0 else None,  # -5 marks a fit that failed
        catalogue=_catalogue(row, release),
        snr=snr,
    )


def of_table(table: Table, release: Release) -> list[Observation]:
    """The observations of a table, in its order; one for each obsid."""
    found: dict[int, Observation] = {}
    for row in rows_of(table):
        made = of_row(row, release)
        if made is not None:
            found.setdefault(made.obsid, made)
    return list(found.values())


def rows_of(table: Table) -> Iterable[dict[str, Any]]:
    """The rows of a table as mappings; masked cells are None."""
    names = table.colnames
    columns = []
    for name in names:
        gone = np.ma.getmaskarray(table[name])
        columns.append([None if g else v for v, g in zip(np.asarray(table[name]).tolist(), gone, strict=True)])
    return (dict(zip(names, cells, strict=True)) for cells in zip(*columns, strict=True))


def _catalogue(row: Mapping[str, Any], release: Release) -> dict[str, Any]:
    found: dict[str, Any] = {
        ours: value for theirs, ours in LABELS.items() if (value := _number(row.get(theirs))) is not None
    }
    for label in [k for k in found if k.endswith("_err")]:
        if found[label] < 0 or label.removesuffix("_err") not in found:
            del found[label]
    if not found:
        return {}
    # The combined table holds the parameters of M stars (gM, dM, sdM catalogue, [M/H]) in the same columns as LASP's.
    of_m_stars = "m_h" in found and "fe_h" not in found
    found["source"] = f"{'LASP-M' if of_m_stars else 'LASP'}, {release.label}"
    return found


def best_first(observations: Iterable[Observation]) -> list[Observation]:
    """By signal-to-noise ratio in g, best first; unmeasured ones last."""
    return sorted(observations, key=lambda o: (-(o.snrg if o.snrg is not None else -1.0), o.obsid))


def group_repeats(observations: Sequence[Observation], radius_arcsec: float = _GROUP_ARCSEC) -> list[list[Observation]]:
    """The visits of each star together, best S/N first; the star nearest to where it was looked for comes first.

    Two rows are the same star if they share ``uid`` or ``gaia_source_id``, or lie within ``radius_arcsec`` and do not
    have different Gaia ids.
    """
    parent = list(range(len(observations)))
    ids = [{o.gaia_source_id} - {None} for o in observations]

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(i: int, j: int) -> None:
        i, j = root(i), root(j)
        if i != j:
            parent[j] = i
            ids[i] |= ids[j]

    for key in ("uid", "gaia_source_id"):
        seen: dict[str, int] = {}
        for i, one in enumerate(observations):
            value = getattr(one, key)
            if value:
                join(seen.setdefault(value, i), i)
    # Nearest pairs first: a visit without a Gaia id goes to the star it is nearest to, and ties no two stars together.
    for i, j in _pairs(observations, radius_arcsec):
        known, others = ids[root(i)], ids[root(j)]
        if not known or not others or known & others:
            join(i, j)
    groups: dict[int, list[Observation]] = {}
    for i, one in enumerate(observations):
        groups.setdefault(root(i), []).append(one)
    made = [best_first(group) for group in groups.values()]

    def nearest(group: list[Observation]) -> float:
        return min((o.separation for o in group if o.separation is not None), default=math.inf)

    return sorted(made, key=lambda g: (not any(o.matched_by == "gaia" for o in g), nearest(g), g[0].obsid))


def _pairs(observations: Sequence[Observation], radius_arcsec: float) -> list[tuple[int, int]]:
    """Pairs within a radius, nearest first."""
    placed = [i for i, o in enumerate(observations) if o.ra is not None and o.dec is not None]
    ra, dec = (np.array([getattr(observations[i], k) for i in placed], float) for k in ("ra", "dec"))
    found = []
    for at, i in enumerate(placed[:-1]):
        apart = separation(ra[at + 1 :], dec[at + 1 :], ra[at], dec[at])
        found += [(float(apart[k]), i, placed[at + 1 + k]) for k in np.flatnonzero(apart <= radius_arcsec)]
    return [(i, j) for _, i, j in sorted(found)]


def _number(value: Any) -> float | None:
    if value is None or value is np.ma.masked or isinstance(value, bool):
        return None
    try:
        held = float(value)
    except (TypeError, ValueError):
        return None  # a text such as "Non" where a number belongs says that there is none
    return held if math.isfinite(held) and held not in _SENTINELS else None


def _snr(value: Any) -> float | None:
    held = _number(value)
    return None if held is None or held == 999.0 or held < 0 else held


def _whole(value: Any) -> int | None:
    """A whole number, never by way of a float: ids have 19 digits."""
    if value is None or value is np.ma.masked or isinstance(value, bool):
        return None
    if isinstance(value, int | np.integer):
        held = int(value)
    else:
        text = str(value).strip()
        if text.startswith("-9999"):
            return None
        whole, _, rest = text.partition(".")
        if not whole.lstrip("+-").isdigit() or rest.strip("0"):
            return None
        held = int(whole)
    return None if held in (-9999, -999) else held


def _text(value: Any) -> str:
    return "" if value is None or value is np.ma.masked else str(value).strip()
