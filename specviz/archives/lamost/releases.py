"""LAMOST's data releases: their names, their addresses, and which is the newest public one.

Addresses as of 2026-06 (``dr_versions``, recorded): DR1-3 have no sub-version and a host of their own, DR4-6 a host of
their own, all later ones stand under www.lamost.org. Which releases exist and are public is read from the service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from specviz.errors import NotFoundError, OptionError

ROOT = "https://www.lamost.org/openapi"
VERSIONS = f"{ROOT}/dr_versions"
_TEXT = re.compile(r"(?i)\s*(?:lamost)?[\s_-]*(?:dr)?\s*(\d{1,2})(?:[\s/_,-]*v?\s*(\d+(?:\.\d+)?))?\s*")
#: Releases whose FITS files are fetched from the release's own pages; the OpenAPI knows them from DR8 on.
_OWN_PAGES = 7
#: VizieR's copies, named where the service itself has no query for so old a release.
VIZIER = {1: "V/146", 2: "V/149", 3: "V/153"}


@dataclass(frozen=True)
class Release:
    """One release.

    Parameters
    ----------
    number : int
        11 of "DR11".
    version : str
        "v2.0"; empty for DR1-3.
    public : bool or None
        None where it was not looked up.
    has_mrs : bool
        Whether it has medium-resolution spectra.
    """

    number: int
    version: str
    public: bool | None = None
    has_mrs: bool = False

    @property
    def key(self) -> str:
        """``dr10/v2.0``: as the service and the cache call it."""
        return f"dr{self.number}/{self.version}".rstrip("/")

    @property
    def label(self) -> str:
        """``DR10 v2.0``: as a person calls it."""
        return f"DR{self.number} {self.version}".rstrip()

    def __str__(self) -> str:
        return self.label

    @property
    def openapi(self) -> str:
        """Root of the release's queries."""
        return f"{ROOT}/{self.key}"

    @property
    def pages(self) -> str:
        """Root of the release's own pages."""
        host = f"dr{self.number}.lamost.org" if self.number <= 6 else f"www.lamost.org/dr{self.number}"
        return f"https://{host}/{self.version}".rstrip("/")

    @property
    def has_queries(self) -> bool:
        """Whether catalogue queries are known to exist (DR4 and later)."""
        return self.number >= 4

    @property
    def prefers_pages(self) -> bool:
        """Whether spectra come from the release's own pages rather than the OpenAPI."""
        return self.number <= _OWN_PAGES

    @property
    def gaia_release(self) -> str:
        """Whose ids ``gaia_source_id`` holds: "DR2" up to DR8 (its documentation), "DR3" from DR11; "" where the
        sources at hand do not say (DR9, DR10): then an id of either release may match, and the position decides.
        """
        return "DR2" if self.number <= 8 else "DR3" if self.number >= 11 else ""

    def has_ids_of(self, gaia_release: str) -> bool:
        """Whether an id of that Gaia release can be looked for in ``gaia_source_id``; EDR3 and DR3 share their ids."""
        wanted = gaia_release.strip().upper().replace("EDR3", "DR3")
        return wanted in ((self.gaia_release,) if self.gaia_release else ("DR2", "DR3"))

    @property
    def order(self) -> tuple[int, tuple[int, ...]]:
        """Sorts oldest to newest."""
        return self.number, tuple(int(n) for n in re.findall(r"\d+", self.version))


#: Used only where the list of releases cannot be had and none was named.
FALLBACK = Release(11, "v2.0")


def parse(text: str | Release) -> Release:
    """A release from "dr10/v2.0", "DR10 v2.0", "dr10" or "10"; without a sub-version its ``version`` is "".

    Raises
    ------
    OptionError
    """
    if isinstance(text, Release):
        return text
    match = _TEXT.fullmatch(str(text))
    if match is None or int(match[1]) < 1:
        raise OptionError(f"LAMOST release {text!r} is not understood", expected="for example 'dr11/v2.0' or 'dr10'")
    number = int(match[1])
    if match[2] is None or number <= 3:
        return Release(number, "")
    old_style = number <= 6 or "." in match[2] or match[2] == "0"
    return Release(number, f"v{match[2]}" if old_style else f"v{match[2]}.0" if number >= 8 else f"v{match[2]}")


def from_versions(versions: Iterable[Mapping[str, Any]]) -> list[Release]:
    """The releases of a ``dr_versions`` reply, oldest first. Entries of another shape are passed over."""
    found = []
    for entry in versions:
        match = re.fullmatch(r"dr(\d+)", str(entry.get("dr_version", "")).strip().lower())
        if match:
            version = str(entry.get("sub_version") or "").strip()
            public = str(entry.get("public_status", "")).strip().lower() == "public"
            found.append(Release(int(match[1]), version, public, bool(entry.get("has_mrs"))))
    return sorted(found, key=lambda r: r.order)


def newest_public(releases: Iterable[Release]) -> Release | None:
    """The newest release that everybody may read."""
    return max((r for r in releases if r.public), key=lambda r: r.order, default=None)


def choose(wanted: Release, releases: Iterable[Release]) -> Release:
    """``wanted`` with its newest sub-version (a public one if there is any) and its status filled in.

    Raises
    ------
    NotFoundError
        If the service lists no such release.
    """
    known = list(releases)
    same = [r for r in known if r.number == wanted.number and wanted.version in ("", r.version)]
    if not same:
        listed = ", ".join(r.key for r in known if r.number == wanted.number) or ", ".join(
            sorted({f"dr{r.number}" for r in known}, key=lambda k: int(k[2:]))
        )
        raise NotFoundError(f"LAMOST has no release {wanted.key}", remedy=f"It lists {listed}")
    return newest_public(same) or max(same, key=lambda r: r.order)
