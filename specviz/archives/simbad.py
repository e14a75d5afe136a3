"""``Simbad``: names, positions, motions and other identifiers of stars, many in one question.

SIMBAD shuts out an address that asks more than five to ten times a second (services.md section 3), so a list of names
is one question: the names travel as an uploaded table, as in astroquery's ``query_objects``, which lets SIMBAD itself
see that ``hd140283``, ``HD  140283`` and ``HD 140283`` are the same. Its TAP service is asked through pyvo, as
astroquery does it; astroquery's class would add a request for the service's limits, and keeps answers in a cache of its
own, without an age.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from specviz.archives import tap
from specviz.archives.cache import QUERY_AGE, Key, cache
from specviz.archives.motion import separation
from specviz.archives.names import normalised, parse
from specviz.archives.protocol import Candidate
from specviz.archives.transport import current
from specviz.errors import BadReplyError, NotFoundError, OfflineError, OptionError, ServiceDownError
from specviz.spectra.star import Identifier

#: Names in one question; the service takes 200 000.
AT_ONCE = 1000
_COLUMNS = (
    "basic.main_id, basic.ra, basic.dec, basic.pmra, basic.pmdec, basic.plx_value, basic.rvz_radvel, "
    "basic.sp_type, basic.otype_txt, ids.ids, mesFe_h.teff, mesFe_h.log_g, mesFe_h.fe_h"
)
#: One row an object: of the measured parameters the first that SIMBAD lists.
_JOINS = (
    "LEFT JOIN ids ON ids.oidref = basic.oid LEFT JOIN mesFe_h ON mesFe_h.oidref = basic.oid AND mesFe_h.mespos = 1"
)
#: The shape, and the names of the upload, are those of astroquery's ``query_objects``.
_LOOKUP = (
    f"SELECT TAP_UPLOAD.script_infos.object_number_id, {_COLUMNS} FROM TAP_UPLOAD.script_infos "
    "LEFT JOIN ident AS ident_upload ON TAP_UPLOAD.script_infos.user_specified_id = ident_upload.id "
    f"LEFT JOIN basic ON basic.oid = ident_upload.oidref {_JOINS}"
)
_NUMBERS = (
    "object_number_id", "ra", "dec", "pmra", "pmdec", "plx_value", "rvz_radvel", "teff", "log_g", "fe_h",
)  # fmt: skip
_ARCHIVES = {"gaia": "Gaia", "kic": "KIC", "tic": "TIC", "epic": "EPIC", "tmass": "2MASS"}
_RELEASE_ORDER = ("DR3", "DR2", "EDR3", "DR4")


@dataclass(frozen=True)
class SimbadObject:
    """What SIMBAD knows of one object.

    Parameters
    ----------
    main_id : str
    ra, dec : float or None
        Degrees, ICRS, epoch J2000.
    pm_ra, pm_dec : float or None
        mas/yr, ``pm_ra`` with cos dec in it.
    parallax : float or None
        mas.
    radial_velocity : float or None
        km/s.
    sp_type, otype : str
        MK type; SIMBAD's short word for the kind of object (``"*"``, ``"PM*"``, ``"G"``).
    teff, logg, fe_h : float or None
        K, dex, dex: the first measurement of the literature that SIMBAD lists.
    names : tuple of str
        Every identifier, as SIMBAD writes it.
    """

    main_id: str
    ra: float | None = None
    dec: float | None = None
    pm_ra: float | None = None
    pm_dec: float | None = None
    parallax: float | None = None
    radial_velocity: float | None = None
    sp_type: str = ""
    otype: str = ""
    teff: float | None = None
    logg: float | None = None
    fe_h: float | None = None
    names: tuple[str, ...] = ()

    @cached_property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Gaia (the release with it; DR3 first), KIC, TIC, EPIC, 2MASS, and LAMOST's designation."""
        found = []
        for name in self.names:
            try:
                meant = parse(name)
            except NotFoundError:  # a release or a number that we have no use for, such as Gaia DR1
                continue
            if meant.kind in _ARCHIVES:
                found.append(Identifier(_ARCHIVES[meant.kind], meant.release, meant.value))
            elif meant.kind == "designation":
                # Not "LAMOST": that is the archive of obsids.
                found.append(Identifier("LAMOST designation", "", meant.value))
        order = {r: k for k, r in enumerate(_RELEASE_ORDER)}
        return tuple(sorted(found, key=lambda i: (i.archive != "Gaia", order.get(i.release, 9))))

    @property
    def candidate(self) -> Candidate:
        """As a choice for the person."""
        said = [self.sp_type, self.otype, "" if self.fe_h is None else f"[Fe/H] {self.fe_h:.2f}"]
        return Candidate(
            self.main_id,
            "simbad",
            ", ".join(part for part in said if part),
            self.ra,
            self.dec,
            self.identifiers,
            self.pm_ra,
            self.pm_dec,
        )


class Simbad:
    """SIMBAD at CDS, Strasbourg.

    Parameters
    ----------
    max_age : float
        Seconds for which an earlier answer will do.
    """

    def __init__(self, max_age: float = QUERY_AGE) -> None:
        self.max_age = max_age

    def lookup(self, names: Sequence[str]) -> list[SimbadObject | None]:
        """The objects of these names, in their order; None where SIMBAD knows none.

        One question for all names that are not in the cache. Case and blanks do not matter.

        Raises
        ------
        ArchiveError
            If SIMBAD cannot be asked, and not all names were found before.
        """
        if isinstance(names, str):
            raise OptionError("One text where a list of names was wanted", remedy=f"lookup([{names[:40]!r}])")
        asked = [normalised(name) for name in names]
        distinct = list({name.casefold(): name for name in asked if name}.values())
        kept, found, missing = cache(), {}, []
        for name in distinct:
            data = kept.get(_key(name), self.max_age)
            if data is None:
                missing.append(name)
            else:
                found[name.casefold()] = _from_json(data)
        for start in range(0, len(missing), AT_ONCE):
            found |= self._ask(missing[start : start + AT_ONCE])
        return [found.get(name.casefold()) for name in asked]

    def ids(self, name: str) -> tuple[str, ...]:
        """Every identifier of the object of that name; empty if there is none."""
        found = self.lookup([name])[0]
        return found.names if found is not None else ()

    def resolve(self, text: str) -> list[Candidate]:
        """The star that ``text`` names; failing that, those whose names begin so."""
        found = self.lookup([text])[0]
        if found is not None:
            return [found.candidate]
        return [near.candidate for near in self.suggest(text)]

    def cone(self, ra: float, dec: float, radius_arcsec: float = 5.0, *, n: int = 50) -> list[SimbadObject]:
        """The objects around a position, the nearest first.

        Parameters
        ----------
        ra, dec : float
            Degrees, ICRS, epoch J2000.
        radius_arcsec : float
        n : int
            At most so many.
        """
        if not (0.0 <= ra <= 360.0 and -90.0 <= dec <= 90.0 and 0.0 < radius_arcsec <= 3600.0):
            raise OptionError(f"cone({ra}, {dec}, {radius_arcsec})", expected="a position, and a radius up to a degree")
        circle = f"CIRCLE('ICRS', {ra:.9f}, {dec:.9f}, {radius_arcsec / 3600.0:.9f})"
        rows = tap.query(
            "simbad",
            f"SELECT {_COLUMNS} FROM basic {_JOINS} WHERE CONTAINS(POINT('ICRS', basic.ra, basic.dec), {circle}) = 1",
            max_age=self.max_age,
            check=_distinct,
        )
        here = [o for o in _distinct(rows) if o.ra is not None and o.dec is not None]
        apart = separation([o.ra for o in here], [o.dec for o in here], ra, dec)
        return [here[k] for k in np.argsort(apart, kind="stable")[:n]]

    def suggest(self, text: str, n: int = 8) -> list[SimbadObject]:
        """Objects with a name that begins like ``text`` (SIMBAD minds the case here, so some spellings are tried)."""
        words = normalised(text)[:60].replace("%", "").replace("_", "")
        if len(words) < 2:
            return []
        capital = " ".join(w[:1].upper() + w[1:] for w in words.split())
        starts = list(dict.fromkeys([words, words.upper(), capital, f"NAME {capital}", f"* {words}", f"V* {words}"]))
        where = " OR ".join(f"ident.id LIKE {tap.literal(start + '%')}" for start in starts)
        rows = tap.query(
            "simbad",
            f"SELECT TOP {4 * int(n)} {_COLUMNS} "
            f"FROM ident JOIN basic ON ident.oidref = basic.oid {_JOINS} WHERE {where}",
            max_age=self.max_age,
            check=_distinct,
        )
        return _distinct(rows)[:n]

    def _ask(self, names: Sequence[str]) -> dict[str, SimbadObject | None]:
        """Casefolded name to object; what was found before where SIMBAD cannot be asked."""
        from astropy.table import Table

        numbers = np.arange(1, len(names) + 1)
        upload = Table({"user_specified_id": list(names), "object_number_id": numbers})
        kept = cache()
        try:
            rows = tap.ask("simbad", _LOOKUP, uploads={"script_infos": upload})  # each name is kept by itself, below
        except (OfflineError, ServiceDownError):
            old = {name: kept.look(_key(name)) for name in names}
            if any(entry is None for entry in old.values()):
                raise
            current().step("simbad", "kept")
            return {name.casefold(): _from_json(entry[0]) for name, entry in old.items() if entry is not None}
        _require(rows, "object_number_id", "main_id", "ra", "dec")
        found: dict[str, SimbadObject | None] = {}
        where = {int(number): k for k, number in enumerate(np.ma.filled(rows["object_number_id"], 0))}
        if not {int(number) for number in numbers} <= set(where):
            raise BadReplyError("SIMBAD's answer leaves names out", service="simbad")
        for number, name in zip(numbers, names, strict=True):
            one = _object(rows, where[int(number)])
            found[name.casefold()] = one if one.main_id else None
        for name in names:
            kept.put(_key(name), _to_json(found[name.casefold()]))
        return found


def _key(name: str) -> Key:
    return Key("simbad", "", f"name:{name.casefold()}")


def _to_json(found: SimbadObject | None) -> bytes:
    return json.dumps(asdict(found) if found is not None else None).encode()


def _from_json(data: bytes) -> SimbadObject | None:
    values = json.loads(data)
    return None if values is None else replace(SimbadObject(**values), names=tuple(values["names"]))


def _require(rows: Any, *columns: str) -> None:
    """Lower-case the columns, and see that those we need are there."""
    for name in list(rows.colnames):
        if name != name.lower():
            rows.rename_column(name, name.lower())
    lacking = [c for c in columns if c not in rows.colnames]
    lacking += [c for c in _NUMBERS if c in rows.colnames and (rows[c].dtype.kind not in "fiu" or rows[c].ndim > 1)]
    if lacking:
        raise BadReplyError(f"SIMBAD's answer has no {', '.join(lacking)} that makes sense", service="simbad")


def _distinct(rows: Any) -> list[SimbadObject]:
    """The objects of rows, each once."""
    _require(rows, "main_id", "ra", "dec")
    return list({o.main_id: o for o in (_object(rows, k) for k in range(len(rows)))}.values())


def _object(rows: Any, k: int) -> SimbadObject:
    """The object of one row."""
    first = rows[k]

    def number(name: str) -> float | None:
        return _finite(first[name]) if name in rows.colnames else None

    def text(name: str) -> str:
        value = first[name] if name in rows.colnames else ""
        return "" if value is np.ma.masked else " ".join(str(value or "").split())

    teff = number("teff")
    names = tuple(" ".join(name.split()) for name in text("ids").split("|") if name.strip())
    return SimbadObject(
        main_id=text("main_id"),
        ra=number("ra"),
        dec=number("dec"),
        pm_ra=number("pmra"),
        pm_dec=number("pmdec"),
        parallax=number("plx_value"),
        radial_velocity=number("rvz_radvel"),
        sp_type=text("sp_type"),
        otype=text("otype_txt"),
        teff=teff if teff else None,  # SIMBAD writes 0 K where a paper gives no temperature
        logg=number("log_g"),
        fe_h=number("fe_h"),
        names=names,
    )


def _finite(value: Any) -> float | None:
    if value is None or value is np.ma.masked:
        return None
    number = float(value)
    return number if np.isfinite(number) else None
