"""``facts_of``: every number of a tool's answer with what it is of: labels, unit, stars."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from specviz.assistant.label_words import kinds_of, unit_named
from specviz.assistant.quantities import written
from specviz.assistant.tools.result import FOREIGN, Answer, numbers_in
from specviz.views import formats

#: Keys whose number is of the label itself, or its error.
ERRORS = frozenset(("plus", "minus", "error", "error_days", "error_microhertz", "whole_error"))
#: Key -> what its number is of ("" where it may be of anything), and its unit.
_KEYS: Mapping[str, tuple[str, str]] = {
    "snr": ("snr", "1"), "ra": ("ra", "°"), "dec": ("dec", "°"), "similarity": ("similarity", "1"),
    "percentile": ("", "%"), "off_by_percent": ("", "%"), "chi2_per_point": ("chi2", "1"),
    "close_binary_percent": ("", "%"), "disagreement_percentile": ("", "%"), "sigma": ("", "σ"),
    "wavelength": ("wavelength", "Å"), "start": ("wavelength", "Å"), "stop": ("wavelength", "Å"),
    "from": ("wavelength", "Å"), "to": ("wavelength", "Å"), "days": ("", "d"), "cadence_minutes": ("", "min"),
    "range_ppm": ("", "ppm"), "noise_ppm": ("", "ppm"), "depth_ppm": ("depth", "ppm"),
    "strongest_period_days": ("prot period", "d"), "period_days": ("prot period", "d"),
    "error_days": ("prot period", "d"),
    "nu_max_microhertz": ("nu_max", "μHz"), "error_microhertz": ("nu_max", "μHz"), "duration_hours": ("duration", "h"),
    "weight": ("", "1"),
}  # fmt: skip
_COUNTS = frozenset(
    ("rank", "samples", "reference_stars", "pixels", "points", "events", "among", "year", "stars", "taken_out")
)
_UNITLESS = ("", 1.0)


@dataclass(frozen=True)
class Fact:
    """A number of an answer.

    Parameters
    ----------
    value : float
    labels : frozenset of str
        What it is of; empty where it may be of anything.
    unit : (str, float) or None
        Kind of quantity and scale (:func:`~specviz.assistant.label_words.unit_named`); ("", 1) has none, None may have
        any.
    stars : frozenset of str
        Whose it is, in small letters; empty where it is nobody's.
    error : bool
        The width of an interval: a sign in front of it is a direction.
    text : bool
        It stands in a sentence of the answer.
    foreign : bool
        In a text that others wrote: no measurement.
    """

    value: float
    labels: frozenset[str] = frozenset()
    unit: tuple[str, float] | None = None
    stars: frozenset[str] = frozenset()
    error: bool = False
    text: bool = False
    foreign: bool = False


def facts_of(answer: Answer) -> tuple[Fact, ...]:
    """Every finite number of an answer."""
    return tuple(_walk(answer.data, "", Fact(0.0)))


def stars_of(answer: Answer) -> frozenset[str]:
    """Names of the stars that an answer tells of, in small letters."""
    return frozenset().union(*(fact.stars for fact in facts_of(answer)), _named(answer.data))


def _named(data: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(data[key]).lower() for key in ("star", "name") if isinstance(data.get(key), str))


def _walk(value: Any, key: str, known: Fact) -> Iterator[Fact]:
    if isinstance(value, Mapping):
        yield from _of_mapping(value, known)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _walk(item, key, known)
    elif isinstance(value, str):
        if key in FOREIGN:
            yield from (Fact(number, text=True, foreign=True) for number in numbers_in(value))
        else:
            for one in written(value):
                yield Fact(one.value, one.labels, one.unit, known.stars, text=True)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        yield replace(_typed(key, known), value=float(value))


def _of_mapping(value: Mapping[str, Any], known: Fact) -> Iterator[Fact]:
    label, stars = value.get("label"), frozenset[str]()
    if isinstance(value.get("star"), str):
        stars = _named({"star": value["star"]})
    elif "spectra" in value:  # a star described
        stars = _named(value)
    if stars and known.stars and "similarity" in value:
        known = replace(known, stars=known.stars | stars)
    elif stars:
        known = replace(known, stars=stars)
    if isinstance(label, str) and kinds_of(label) is not None:
        unit = str(value.get("unit") or formats.unit(label))
        known = replace(known, labels=frozenset((label,)), unit=unit_named(unit) if unit else _UNITLESS)
    elif isinstance(label, str):
        known = replace(known, labels=frozenset(), unit=unit_named(str(value.get("unit") or "")))
    for key, item in value.items():
        of = known
        if key == "correlations" and isinstance(item, Mapping):
            for name, number in item.items():
                both = known.labels | {str(name), "correlation"}
                yield from _walk(number, "", replace(known, labels=both, unit=_UNITLESS))
            continue
        if stars and "similarity" in value and key not in ("similarity", "rank"):
            of = replace(known, stars=stars)
        yield from _walk(item, str(key), of)


def _typed(key: str, known: Fact) -> Fact:
    """What a number under a key is of."""
    error = key in ERRORS
    if key in _KEYS:
        of, named = _KEYS[key]
        kind = _UNITLESS if named == "1" else unit_named(named)
        return replace(known, labels=frozenset(of.split()), unit=kind, error=error)
    if kinds_of(key) is not None:  # {"teff": 5813.0}
        unit = formats.unit(key)
        labels = frozenset((key, "nu_max")) if key == "logg" else frozenset((key,))
        return replace(known, labels=labels, unit=unit_named(unit) if unit else _UNITLESS)
    if key in _COUNTS:
        return replace(known, labels=frozenset(), unit=("count", 1.0), stars=frozenset())
    return replace(known, error=error)
