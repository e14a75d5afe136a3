"""``SimulatedStars``: the stars of a catalogue that was built from a simulated sky, drawn again when one is wanted."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from specviz.archives.protocol import Candidate
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import NotFoundError
from specviz.spectra.star import Star

if TYPE_CHECKING:  # the simulator costs a third of a second, and few catalogues are simulated
    from specviz.archives.simulated_sky import SimulatedSky

_MADE = re.compile(r"simulated:([0-9][0-9_,]*)(?::([0-9]+))?")
_NAME = re.compile(r"sim ([0-9]{1,12})", re.IGNORECASE)


class SimulatedStars:
    """An :class:`~specviz.archives.protocol.Archive` of the stars ``sim 0`` to ``sim N-1`` of a simulated sky.

    Parameters
    ----------
    sky : SimulatedSky
        With the surveys that the catalogue was built of: they follow from one series of random numbers.
    """

    def __init__(self, sky: SimulatedSky) -> None:
        self._sky = sky

    @classmethod
    def of(cls, catalog: StarCatalog) -> SimulatedStars | None:
        """Those of a catalogue; None if it was built from something else."""
        made = _MADE.fullmatch(str(catalog.header.notes.get("made_from", "")).strip())
        if made is None:
            return None
        from specviz.archives.simulated_sky import SimulatedSky

        n, seed = int(re.sub("[_,]", "", made[1])), int(made[2] or 0)
        return cls(SimulatedSky(n, seed, sorted(catalog.surveys)))

    def resolve(self, text: str) -> Sequence[Candidate]:
        """The star of that name, if it is one of these."""
        number = self._number(text)
        return [] if number is None else [Candidate(f"sim {number}", "local", "simulated")]

    def fetch(self, name: str) -> Star:
        """The star with its spectra, as it was when it was embedded.

        Raises
        ------
        NotFoundError
            If it is none of these.
        """
        number = self._number(name)
        if number is None:
            raise NotFoundError(f"{name[:60]} is no star of this sky", expected=f"sim 0 to sim {len(self._sky) - 1}")
        from specviz.archives.simulated_sky import CELL

        return self._sky.cell(number // CELL).stars[number % CELL]

    def _number(self, text: str) -> int | None:
        found = _NAME.fullmatch(" ".join(text.split()))
        number = -1 if found is None else int(found[1])
        return number if 0 <= number < len(self._sky) else None
