"""``Selection``: which stars of a catalogue are searched: by labels, class, names, and place on the sky."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.store.columns import OTHER_NAMES, pyarrow
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.errors import CatalogError, OptionError

_NUMBER = r"[-+\u2212]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"([^\s<>=,;]+?)\s*(?:=\s*|\s)({_NUMBER})?\s*\.\.\s*({_NUMBER})?(?=[\s,;]|$)")
_COMPARED = re.compile(rf"([^\s<>=,;]+)\s*(<=|>=|<|>|=)\s*({_NUMBER})(?=[\s,;]|$)")
_WORD = re.compile(r"(class|name|object_id)\s*[=\s]\s*([^\s,;<>=]+)", re.IGNORECASE)
_BETWEEN = re.compile(r"(?:[\s,;]+|and\s+)+", re.IGNORECASE)
_EXAMPLE = "such as “teff 5000..6000 snr>50 class G”"
#: What labels are called in a filter beside the names of their columns.
_CALLED = {"feh": "fe_h", "[fe/h]": "fe_h", "[α/fe]": "alpha_fe", "[alpha/fe]": "alpha_fe", "s/n": "snr"}


@dataclass(frozen=True, init=False)
class Selection:
    """Stars that meet all of some conditions. A star of which a value is not known does not meet a condition on it.

    Parameters
    ----------
    labels : mapping of str to (low, high)
        Columns of numbers and their range in the catalogue's units, both ends included; None: open.
    classes : sequence of str
        Classes with which the star's begins: "G" selects G2 and G5 too.
    name : str
        A part of the name, in whatever case.
    cone : (ra, dec, radius), optional
        Degrees, ICRS.
    box : (ra_low, ra_high, dec_low, dec_high), optional
        Degrees, ICRS; from ra_low eastward to ra_high, across 0 if ra_low is the larger.
    rows : array of int, optional
        Among these rows only.

    Examples
    --------
    >>> giants = Selection(labels={"logg": (None, 3.5), "snr": (50, None)}, cone=(56.75, 24.1, 5))
    >>> index.search(vector, among=giants)  # doctest: +SKIP
    """

    labels: Mapping[str, tuple[float | None, float | None]]
    classes: Sequence[str]
    name: str
    cone: tuple[float, float, float] | None
    box: tuple[float, float, float, float] | None
    rows_given: ArrayLike | None

    def __init__(
        self,
        labels: Mapping[str, tuple[float | None, float | None]] | None = None,
        classes: str | Sequence[str] = (),
        name: str = "",
        cone: tuple[float, float, float] | None = None,
        box: tuple[float, float, float, float] | None = None,
        rows: ArrayLike | None = None,
    ) -> None:
        put = object.__setattr__
        put(self, "labels", {_column(n): _ends(n, ends) for n, ends in (labels or {}).items()})
        put(self, "classes", (classes,) if isinstance(classes, str) else tuple(classes))
        put(self, "name", name)
        put(self, "cone", None if cone is None else _cone(cone))
        put(self, "box", None if box is None else _box(box))
        put(self, "rows_given", rows)

    @classmethod
    def parse(cls, text: str, **more: Any) -> Selection:
        """What a filter means: ``teff 5000..6000 snr>50 fe_h<-1 class G name LAMOST``; all of it must hold.

        Parameters
        ----------
        text : str
            Conditions, separated by spaces, commas or "and"; either end of a range may be left out.
        **more
            As for :class:`Selection`.

        Raises
        ------
        OptionError
            If a piece of it is no condition.
        """
        labels: dict[str, tuple[float | None, float | None]] = {}
        classes: list[str] = []
        name, rest = "", text.strip()
        while rest := _BETWEEN.sub("", rest, count=1) if _BETWEEN.match(rest) else rest:
            if found := _COMPARED.match(rest):
                column, sign, value = _column(found[1]), found[2], _float(found[3])
                after = np.nextafter(value, np.inf if sign == ">" else -np.inf) if sign in "<>" else value
                ends = (after if sign[0] in ">=" else None, after if sign[0] in "<=" else None)
                labels[column] = _both(labels.get(column, (None, None)), ends)
            elif (found := _RANGE.match(rest)) and (found[2] or found[3]):
                column = _column(found[1])
                low, high = (None if piece is None else _float(piece) for piece in found.groups()[1:])
                labels[column] = _both(labels.get(column, (None, None)), (low, high))
            elif found := _WORD.match(rest):
                if found[1].lower() == "class":
                    classes.append(found[2])
                else:
                    name = found[2]
            else:
                raise OptionError(f"“{rest[:40]}” is no condition", expected=_EXAMPLE)
            rest = rest[found.end() :]
        return cls(labels, classes, name, **more)

    def rows(self, catalog: StarCatalog) -> NDArray[np.intp]:
        """Rows of the stars, sorted.

        Raises
        ------
        CatalogError
            If the catalogue has no such column, or one holds words where numbers are needed.
        """
        n = len(catalog)
        mask = np.ones(n, bool)
        if self.rows_given is not None:
            given = np.asarray(self.rows_given)
            if given.dtype.kind not in "iu" and given.size:
                raise OptionError(f"Rows of type {given.dtype}", expected="whole numbers")
            if given.size and not (given.min() >= 0 and given.max() < n):
                raise CatalogError(f"Some rows are not in {catalog.path.name}", expected=f"0 to {n - 1}")
            mask[:] = False
            mask[given.astype(np.intp)] = True
        for column, (low, high) in self.labels.items():
            values = _numbers(catalog, column)
            with np.errstate(invalid="ignore"):
                if low is not None:
                    mask &= values >= np.float64(low)
                if high is not None:
                    mask &= values <= np.float64(high)
            if values.dtype.kind == "f":
                mask &= np.isfinite(values)
        if self.classes:
            mask &= _words(catalog, "class", lambda words, pc: _begins(words, pc, self.classes))
        if self.name:
            mask &= _words(
                catalog, "object_id", lambda words, pc: pc.match_substring(words, self.name, ignore_case=True)
            )
        if self.cone is not None:
            mask &= _in_cone(_numbers(catalog, "ra"), _numbers(catalog, "dec"), *self.cone)
        if self.box is not None:
            ra, dec, (west, east, south, north) = _numbers(catalog, "ra"), _numbers(catalog, "dec"), self.box
            wide = (east - west) % 360.0 or (360.0 if east != west else 0.0)
            with np.errstate(invalid="ignore"):
                mask &= (dec >= south) & (dec <= north) & (np.mod(ra - west, 360.0) <= wide)
        return np.flatnonzero(mask)


def _column(name: str) -> str:
    key = str(name)
    if key.lower() in _CALLED:
        return _CALLED[key.lower()]
    return next((standard for standard, others in OTHER_NAMES.items() if key in others), key)


def _numbers(catalog: StarCatalog, name: str) -> NDArray[Any]:
    """A column of numbers; also by another name under which it is known."""
    names = catalog.column_names
    asked = name if name in names else next((o for o in OTHER_NAMES.get(name, ()) if o in names), name)
    if asked not in names and asked.lower() in names:
        asked = asked.lower()
    values = catalog.column(asked)
    if values.dtype.kind not in "fiub":
        numbers = [n for n in names if n not in ("object_id", "class", "gaia_release")]
        raise CatalogError(f"Column {name!r} holds words", expected="a column of numbers: " + ", ".join(numbers))
    return values


def _words(catalog: StarCatalog, name: str, test: Any) -> NDArray[np.bool_]:
    """A test of Arrow's on a column of words, part by part; the column never becomes Python's."""
    import pyarrow.compute as pc

    pyarrow()
    if name not in catalog.column_names:
        catalog.column(name)  # says what is there
    found = []
    for part in catalog.header.parts:
        words = catalog.read_part(part, [name]).column(name).cast("string")
        found.append(np.asarray(pc.fill_null(test(words, pc), False)))
    return np.concatenate([np.zeros(0, bool), *found])


def _begins(words: Any, pc: Any, classes: Sequence[str]) -> Any:
    met = pc.starts_with(words, str(classes[0]), ignore_case=True)
    for more in classes[1:]:
        met = pc.or_(met, pc.starts_with(words, str(more), ignore_case=True))
    return met


def _in_cone(ra: NDArray[Any], dec: NDArray[Any], ra0: float, dec0: float, radius: float) -> NDArray[np.bool_]:
    """Which positions are within ``radius`` degrees: haversine, exact for small angles too."""
    with np.errstate(invalid="ignore"):
        inside = np.abs(dec - dec0) <= radius
    near = np.flatnonzero(inside)
    dec1, dec2 = np.radians(np.float64(dec0)), np.radians(dec[near].astype(np.float64))
    across = np.radians(ra[near].astype(np.float64) - ra0)
    half = np.sin((dec2 - dec1) / 2) ** 2 + np.cos(dec1) * np.cos(dec2) * np.sin(across / 2) ** 2
    with np.errstate(invalid="ignore"):
        inside[near] = half <= np.sin(np.radians(radius) / 2) ** 2
    return inside


def _ends(name: str, ends: Any) -> tuple[float | None, float | None]:
    try:
        low, high = (None if end is None else float(end) for end in ends)
    except (TypeError, ValueError) as error:
        raise OptionError(
            f"{name}={ends!r} is no range", expected="(low, high), None for an end that is open"
        ) from error
    if any(end is not None and np.isnan(end) for end in (low, high)):
        raise OptionError(f"{name}={ends!r} is no range", expected="numbers")
    if low is not None and high is not None and low > high:
        raise OptionError(f"{name} from {low:g} to {high:g} runs backwards", expected="the smaller value first")
    return low, high


def _both(
    one: tuple[float | None, float | None], other: tuple[float | None, float | None]
) -> tuple[float | None, float | None]:
    lows = [low for low in (one[0], other[0]) if low is not None]
    highs = [high for high in (one[1], other[1]) if high is not None]
    return max(lows, default=None), min(highs, default=None)


def _cone(cone: Any) -> tuple[float, float, float]:
    ra, dec, radius = _degrees("cone", cone, 3, "(ra, dec, radius)")
    if not -90 <= dec <= 90 or not 0 < radius <= 180:
        raise OptionError(f"cone={cone!r}", expected="a declination of -90 to 90 and a radius of 0 to 180 degrees")
    return ra, dec, radius


def _box(box: Any) -> tuple[float, float, float, float]:
    west, east, south, north = _degrees("box", box, 4, "(ra_low, ra_high, dec_low, dec_high)")
    if not -90 <= south <= north <= 90:
        raise OptionError(f"box={box!r}", expected="declinations from -90 to 90, the smaller first")
    return west, east, south, north


def _degrees(what: str, given: Any, count: int, words: str) -> tuple[float, ...]:
    try:
        values = tuple(float(value) for value in given)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{what}={given!r}", expected=f"{words} in degrees") from error
    if len(values) != count or not np.isfinite(values).all():
        raise OptionError(f"{what}={given!r}", expected=f"{words} in degrees")
    return values


def _float(text: str) -> float:
    return float(text.replace("\u2212", "-"))


def selected(catalog: StarCatalog, among: Any) -> NDArray[np.intp] | None:
    """Rows of what a person says shall be searched: a Selection, the text of one, or rows; None for all."""
    if among is None:
        return None
    if isinstance(among, str):
        among = Selection.parse(among)
    if isinstance(among, Selection):
        return among.rows(catalog)
    rows = np.asarray(among)
    if rows.dtype == bool and rows.shape == (len(catalog),):
        return np.flatnonzero(rows)
    return Selection(rows=rows.ravel()).rows(catalog)
