"""``CatalogueValues``: what one catalogue says of a star, and how far that is from what a model says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from specviz.spectra.star import Star

#: How a catalogue is called in short, by what its source says of itself; the first that fits.
_SHORT = (
    (r"gsp-?phot", "GSP-Phot"),
    (r"gsp-?spec", "GSP-Spec"),
    (r"lasp-m", "LASP-M"),
    (r"\blasp", "LASP"),
    (r"apogee|aspcap", "APOGEE"),
    (r"galah", "GALAH"),
    (r"simulation", "Simulation"),
    (r"^gaia", "Gaia"),
    (r"^(KIC|TIC|EPIC)\b", ""),
)
#: What a catalogue's value is where that is not quite what the label says.
_REMARKS = {("GSP-Phot", "fe_h"): "[M/H]", ("GSP-Phot", "ebv"): "A0 / 3.1", ("APOGEE", "alpha_fe"): "[α/M]"}


@dataclass(frozen=True, eq=False)
class CatalogueValues:
    """The labels of one star in one catalogue.

    Parameters
    ----------
    name : str
        Short, for a key or a table's head: "LASP", "GSP-Phot", "APOGEE".
    source : str
        In full, with the release: "Gaia DR3 GSP-Phot".
    values : mapping
        By label name, as in :attr:`specviz.spectra.star.Star.catalogue`: ``teff``, ``teff_err``, and where a catalogue
        gives bounds ``teff_lower`` and ``teff_upper`` (16th and 84th percentile). Units are the labels' own.
    """

    name: str
    source: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", MappingProxyType(dict(self.values)))

    def value(self, label: str) -> float | None:
        """The value of a label, None where the catalogue has none."""
        return _finite(self.values.get(label))

    def errors(self, label: str) -> tuple[float, float] | None:
        """Lower and upper error (1 sigma, both positive); None where the catalogue gives none."""
        value = self.value(label)
        low, high = _finite(self.values.get(f"{label}_lower")), _finite(self.values.get(f"{label}_upper"))
        if value is not None and low is not None and high is not None and low <= value <= high and high > low:
            return value - low, high - value
        error = _finite(self.values.get(f"{label}_err"))
        return (error, error) if error is not None and error > 0 else None

    def remark(self, label: str) -> str:
        """What the value is, where it is not quite the label ("[M/H]" under [Fe/H]); else ""."""
        return _REMARKS.get((self.name, label), "")

    def distance(self, label: str, median: float, low: float, high: float) -> float | None:
        """(catalogue - median) / sigma; None without a value or a width.

        Parameters
        ----------
        label : str
        median, low, high : float
            Of the posterior: median, 16th and 84th percentile, in the label's unit.

        Notes
        -----
        sigma is the posterior's error on the catalogue's side and the catalogue's own on ours, in quadrature; without
        an error in the catalogue it is the posterior's alone, and the distance an upper limit.
        """
        value = self.value(label)
        if value is None:
            return None
        ours = high - median if value > median else median - low
        theirs = self.errors(label)
        other = 0.0 if theirs is None else theirs[0] if value > median else theirs[1]
        sigma = math.hypot(ours, other)
        return (value - median) / sigma if math.isfinite(sigma) and sigma > 0 else None

    def __repr__(self) -> str:
        return f"<CatalogueValues {self.name}: {', '.join(k for k in self.values if k != 'source')}>"


def short_name(source: str) -> str:
    """How a catalogue is called in a key: "LASP" for "LASP, DR10 v2.0"."""
    for pattern, name in _SHORT:
        found = re.search(pattern, source, re.IGNORECASE)
        if found:
            return name or found[0].upper()
    word = re.split(r"[,;(]", source)[0].strip()
    return word if 0 < len(word) <= 12 else "Catalogue"


def catalogues_of(star: Star | None) -> tuple[CatalogueValues, ...]:
    """Every catalogue that knows a star, the leading one first."""
    if star is None:
        return ()
    found: list[CatalogueValues] = []
    for named, values in (("", star.catalogue), *star.catalogues.items()):
        source = str(values.get("source") or "")
        said = any(k != "source" for k in values)
        if said and not any(dict(one.values) == dict(values) for one in found):
            name = named or next((k for k, v in star.catalogues.items() if dict(v) == dict(values)), short_name(source))
            found.append(CatalogueValues(name, source, values))
    return tuple(found)


def _finite(value: Any) -> float | None:
    if value is None or isinstance(value, bool | str):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
