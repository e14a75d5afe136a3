"""What an archive is to the rest of specviz: it resolves what a person typed, and fetches a star."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from specviz.spectra.star import Star


@dataclass(frozen=True)
class Candidate:
    """One star that a text may mean.

    ``name`` is what :meth:`Archive.fetch` takes; ``archive`` says whose it is; ``ra``, ``dec`` in degrees (ICRS),
    ``summary`` is one line for a list of choices.
    """

    name: str
    archive: str
    summary: str = ""
    ra: float | None = None
    dec: float | None = None


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
