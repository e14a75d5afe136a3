"""What an archive is to the rest of specviz: it resolves what a person typed, and fetches a star."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from specviz.spectra.star import Identifier, Star


@dataclass(frozen=True)
class Candidate:
    """One star that a text may mean.

    ``name`` is what :meth:`Archive.fetch` takes; ``archive`` says whose it is; ``ra``, ``dec`` in degrees (ICRS, epoch
    J2000), ``pm_ra``, ``pm_dec`` its proper motion in mas/yr (``pm_ra`` with cos dec in it); ``identifiers`` what else
    it is called; ``summary`` is one line for a list of choices.
    """

    name: str
    archive: str
    summary: str = ""
    ra: float | None = None
    dec: float | None = None
    identifiers: tuple[Identifier, ...] = ()
    pm_ra: float | None = None
    pm_dec: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How asking one service went; ``Star.meta["services"]`` maps the service's key to one.

    Parameters
    ----------
    status : str
        "found"; "none" (it answered that it has nothing); "failed" (no answer, or a wrong one); "offline" (not asked);
        "kept" (it could not be asked, and what is shown was fetched earlier).
    text : str
        One sentence for the person.
    tries : int
        How often it was asked.
    """

    status: Literal["found", "none", "failed", "offline", "kept"]
    text: str = ""
    tries: int = 1


@runtime_checkable
class Archive(Protocol):
    """Where spectra come from."""

    def resolve(self, text: str) -> Sequence[Candidate]:
        """The stars that ``text`` may mean, best first; empty if none."""
        ...

    def fetch(self, name: str) -> Star:
        """The star of that name, with its spectra.

        Raises
        ------
        NotFoundError
            If there is none.
        """
        ...
