"""``Entry``: what is known of one star in one file, small enough to keep for two hundred thousand of them."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One star in one file. Two are equal if they are the same row of the same file, however much is known of it.

    Parameters
    ----------
    place : str
        Path of the file below the archive's folder, with ``/``.
    row : int
        Which row of a table of many; -1 where the file is one star.
    survey : str
        A survey, "light_curve", or "" where it is not known yet.
    gaia, obsid, kic : int
        0 where not known, or where 64 bits cannot hold it.
    release : str
        Of the Gaia number.
    ra, dec, snr : float
        Degrees; NaN where not known.
    designation : str
        LAMOST's name of it.
    """

    place: str
    row: int = -1
    survey: str = ""
    gaia: int = 0
    obsid: int = 0
    kic: int = 0
    release: str = ""
    ra: float = math.nan
    dec: float = math.nan
    snr: float = math.nan
    designation: str = ""

    def __post_init__(self) -> None:
        for kind in ("gaia", "obsid", "kic"):
            if not 0 <= getattr(self, kind) < 2**63:  # nineteen digits in a name, or a damaged header
                object.__setattr__(self, kind, 0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Entry) and (self.place, self.row) == (other.place, other.row)

    def __hash__(self) -> int:
        return hash((self.place, self.row))

    def packed(self) -> dict[str, Any]:
        """What differs from the defaults, without the place, for JSON."""
        held = asdict(self)
        del held["place"]
        return {k: v for k, v in held.items() if v == v and v != _DEFAULTS[k]}

    @classmethod
    def unpacked(cls, place: str, held: dict[str, Any]) -> Entry:
        """The inverse; raises TypeError or ValueError for what is none."""
        kinds = {k: type(v) for k, v in _DEFAULTS.items()}
        return cls(place, **{k: kinds[k](v) for k, v in held.items() if k in kinds})


_DEFAULTS: dict[str, Any] = {f.name: f.default for f in fields(Entry) if f.name != "place"}
