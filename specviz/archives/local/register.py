"""``Register``: what a local archive holds, as columns, and how a person's words find rows in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.archives.motion import ARCSEC, vector
from specviz.archives.names import parse
from specviz.archives.protocol import Candidate
from specviz.errors import NotFoundError
from specviz.spectra.star import Identifier

#: Two positions are the same star within this many arcseconds; a LAMOST fibre sees 3.3.
RADIUS_ARCSEC = 3.0
#: Kinds of numbers that rows are known by, and how the archive they are from is called.
ID_KINDS = {"gaia": "Gaia", "obsid": "LAMOST", "kic": "KIC", "tic": "TIC", "epic": "EPIC"}
#: Ranks of surveys when one star is in several: the first gives the name and the position.
_FIRST = ("lamost_lrs", "sdss", "other", "gaia_xp", "light_curve", "")
_SUFFIX = re.compile(r"(\.(fits?|fit|csv|ecsv|txt|dat|tsv|npy|xml|vot|votable|avro|asc|gz))+$", re.IGNORECASE)
_NEAR_LIMIT = 2000  # names that are compared letter by letter


def normal(text: str) -> str:
    """A name without case, suffixes of files, and what stands between words."""
    key = text.strip().replace("\\", "/").replace("_", " ").lower()
    return " ".join((_SUFFIX.sub("", key) if "." in key else key).split())


def kind_of(text: str) -> str:
    """What kind of thing a text is; "name" also for what cannot be."""
    try:
        return parse(text).kind
    except NotFoundError:
        return "name"


@dataclass(eq=False)
class Register:
    """Rows (n) of an archive.

    Parameters
    ----------
    names : sequence of str
        Unique.
    surveys : sequence of frozenset of str
        Which surveys' spectra rows have; ``survey_of`` (n,) says which of these each row is.
    ids : mapping of str to int64 array (n,)
        By kind (:data:`ID_KINDS`); 0 where it is not known.
    releases : sequence of str
        Gaia releases; ``release_of`` (n,) says which each row is.
    ra, dec, snr : float64 arrays (n,)
        Degrees; NaN where not known.
    aliases : mapping of str to rows
        Other names, made plain by :func:`normal`.
    entries : sequence of length n, optional
        Where the store finds each row; equal in two registers of the same store for the same spectrum.
    """

    names: Sequence[str]
    surveys: Sequence[frozenset[str]]
    survey_of: NDArray[np.integer[Any]]
    ids: Mapping[str, NDArray[np.int64]]
    releases: Sequence[str]
    release_of: NDArray[np.integer[Any]]
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    snr: NDArray[np.float64]
    aliases: Mapping[str, Sequence[int]] = field(default_factory=dict)
    entries: Sequence[Any] = ()
    _orders: dict[str, NDArray[np.intp]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        on_sky = (self.ra >= 0) & (self.ra <= 360) & (np.abs(self.dec) <= 90)  # False for NaN, as in a damaged header
        self.ra, self.dec = np.where(on_sky, self.ra, np.nan), np.where(on_sky, self.dec, np.nan)

    def __len__(self) -> int:
        return len(self.names)

    # ------------------------------------------------------------------ looking up
    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for row, name in enumerate(self.names):
            found.setdefault(normal(name), []).append(row)
        return found

    def named(self, text: str) -> list[int]:
        """Rows of that very name or alias; the exact spelling goes before other ones."""
        key = normal(text)
        rows = list(dict.fromkeys([*self._by_name.get(key, ()), *self.aliases.get(key, ())]))
        exact = [row for row in rows if self.names[row] == text.strip()]
        return exact or rows

    def meant(self, text: str) -> list[int]:
        """Rows that a text means by a number, a position, or words of a name; best signal first."""
        try:
            said = parse(text)
        except NotFoundError:
            return []  # empty, or a position that is not on the sky
        rows: list[int] = []
        if said.kind in self.ids:
            rows = self._numbered(said.kind, int(said.value), said.release)
        elif said.ra is not None and said.dec is not None:
            rows = self.within(said.ra, said.dec)
        elif said.kind == "name":
            rows = self._with_words(said.value)
        return self.best_first(rows)

    def _numbered(self, kind: str, value: int, release: str) -> list[int]:
        rows = self._of_number(kind, value)
        if kind == "gaia" and release:
            # EDR3 and DR3 number sources alike; a row without release may be of any.
            same = {release, "", *({"DR3", "EDR3"} if release in ("DR3", "EDR3") else ())}
            rows = [row for row in rows if self.releases[self.release_of[row]] in same]
        return rows

    def _of_number(self, kind: str, value: int) -> list[int]:
        """Rows with that number, in order."""
        order = self._orders.get(kind)
        if order is None:
            order = self._orders[kind] = np.argsort(self.ids[kind], kind="stable")
        start = int(np.searchsorted(self.ids[kind], value, "left", order))
        stop = int(np.searchsorted(self.ids[kind], value, "right", order))
        return [int(row) for row in order[start:stop]]

    def _with_words(self, text: str) -> list[int]:
        """Rows in whose name the words stand one after the other: “HD 140283” is in ``hd140283_xp.csv``."""
        wanted = re.sub(r"[^a-z0-9+]", "", text.lower())
        if len(wanted) < 4:
            return []
        out = []
        for key, rows in self._by_name.items():
            if wanted in re.sub(r"[^a-z0-9+]", "", key) and _on_words(wanted, key):
                out += rows
        return out

    def within(self, ra: float, dec: float, radius: float = RADIUS_ARCSEC) -> list[int]:
        """Rows within ``radius`` arcseconds of a position (degrees), the nearest first."""
        tree, rows = self._tree
        if tree is None:
            return []
        point = vector(ra, dec)
        chord = 2.0 * np.sin(radius * ARCSEC / 2.0)
        hits = tree.query_ball_point(point, chord)
        distance = {int(rows[h]): float(np.sum((tree.data[h] - point) ** 2)) for h in hits}
        return sorted(distance, key=distance.__getitem__)

    @cached_property
    def _tree(self) -> tuple[Any, NDArray[np.intp]]:
        rows = np.flatnonzero(np.isfinite(self.ra) & np.isfinite(self.dec))
        if not rows.size:
            return None, rows
        from scipy.spatial import cKDTree

        return cKDTree(vector(self.ra[rows], self.dec[rows])), rows

    def best_first(self, rows: Sequence[int]) -> list[int]:
        return sorted(rows, key=lambda row: (self._rank(row), -np.nan_to_num(self.snr[row], nan=-1.0)))

    def _rank(self, row: int) -> int:
        return min((_FIRST.index(s) for s in self.surveys[self.survey_of[row]]), default=len(_FIRST))

    def row_of(self, other: Register, row: int) -> int | None:
        """Where a row of an earlier register is in this one."""
        return row if other is self else self._places.get(other.entries[row])

    @cached_property
    def _places(self) -> dict[Any, int]:
        return {entry: row for row, entry in enumerate(self.entries)}

    # ------------------------------------------------------------------ the same star
    @cached_property
    def mixed(self) -> bool:
        """Whether rows are of different surveys, so that two may be one star."""
        used = {self.surveys[code] for code in np.unique(self.survey_of)}
        return len(used) > 1

    def same_star(self, one: int, other: int) -> bool:
        """Whether two rows are one star by their Gaia number, else by their place."""
        gaia = self.ids.get("gaia")
        if gaia is not None and gaia[one] and gaia[other]:
            releases = {self.releases[self.release_of[row]] for row in (one, other)}
            if len({r.removeprefix("E") for r in releases} - {""}) <= 1:
                return bool(gaia[one] == gaia[other])
        return other in self.within(self.ra[one], self.dec[one]) if np.isfinite(self.ra[one]) else False

    def partners(self, row: int) -> list[int]:
        """For every survey that a row lacks, the best row of the same star."""
        if not self.mixed:
            return []
        near = set(self.within(self.ra[row], self.dec[row])) if np.isfinite(self.ra[row]) else set()
        gaia = self.ids.get("gaia")
        if gaia is not None and gaia[row]:
            near |= set(self._of_number("gaia", int(gaia[row])))
        have, out = set(self.surveys[self.survey_of[row]]), []
        for other in self.best_first(sorted(near - {row})):
            surveys = self.surveys[self.survey_of[other]]
            if surveys and not surveys & have and self.same_star(row, other):
                out.append(other)
                have |= surveys
        return out

    def leads(self, row: int) -> bool:
        """Whether a row is listed: not where a row of a survey before its own is the same star."""
        rank = self._rank(row)
        return rank == 0 or not any(self._rank(other) < rank for other in self.partners(row))

    # ------------------------------------------------------------------ telling
    def candidate(self, row: int, archive: str) -> Candidate:
        """A row as a line to choose from."""
        surveys = sorted(self.surveys[self.survey_of[row]], key=_FIRST.index)
        snr, ra, dec = self.snr[row], self.ra[row], self.dec[row]
        said = [", ".join(s for s in surveys if s), f"S/N {snr:.0f}" if np.isfinite(snr) else "", "on this machine"]
        known = np.isfinite(ra) and np.isfinite(dec)
        return Candidate(
            self.names[row],
            archive,
            ", ".join(part for part in said if part),
            float(ra) if known else None,
            float(dec) if known else None,
            self.identifiers(row),
        )

    def identifiers(self, row: int) -> tuple[Identifier, ...]:
        release = self.releases[self.release_of[row]]
        return tuple(
            Identifier(ID_KINDS[kind], release if kind == "gaia" else "", str(values[row]))
            for kind, values in self.ids.items()
            if values[row]
        )

    def near(self, text: str, n: int) -> list[str]:
        """Names that a text may have meant: those that it begins or is in, else those spelt alike."""
        key = normal(text)[:80]
        if len(key) < 3:
            return []
        keys = self._by_name
        found = [k for k in keys if k.startswith(key)] or [k for k in keys if key in k]
        if not found:
            alike = list(keys) if len(keys) <= _NEAR_LIMIT else [k for k in keys if k[:3] == key[:3]][:_NEAR_LIMIT]
            found = difflib.get_close_matches(key, alike, n=n, cutoff=0.75)
        return [self.names[keys[k][0]] for k in found[:n]]


def _on_words(wanted: str, name: str) -> bool:
    """Whether some of the words of a name, put together, are what is wanted."""
    words = [w for w in re.split(r"[^a-z0-9+]+|(?<=[a-z])(?=\d)|(?<=\d)(?=[a-z])", name) if w]
    for start in range(len(words)):
        joined = ""
        for word in words[start:]:
            joined += word
            if joined == wanted:
                return True
            if len(joined) > len(wanted):
                break
    return False
