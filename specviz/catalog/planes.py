"""``Planes``: the planes in which the stars of a catalogue can be drawn, and which stars lie in a region of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.embedding_map import EmbeddingMap
from specviz.errors import CatalogError, OptionError

Array = NDArray[np.float64]
#: Other names that catalogues give to what is needed here; the first that is there is taken.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "teff": ("teff", "teff_gspphot", "Teff"),
    "logg": ("logg", "logg_gspphot"),
    "fe_h": ("fe_h", "feh", "mh_gspphot", "m_h"),
    "alpha_fe": ("alpha_fe", "alphafe", "a_fe", "alpha_m"),
    "g_mag": ("g_mag", "phot_g_mean_mag"),
    "bp_rp": ("bp_rp",),
    "parallax": ("parallax",),
    "distance_pc": ("distance_pc", "distance_gspphot"),
}
NAMES = ("kiel", "embedding", "alpha", "hr")


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane with a place for each star; NaN where a star has none.

    Parameters
    ----------
    name : str
        One of :data:`NAMES`.
    x, y : array, shape (N,)
    columns : (str, str)
        What the axes are: ``teff``, ``logg``, ``fe_h``, ``alpha_fe``, ``bp_rp``, ``m_g`` (absolute G magnitude, dust
        not removed), ``embedding_1``, ``embedding_2``.
    labels : (str, str)
        Axis labels with units.
    down : (bool, bool)
        Whether an axis is drawn with its large values first, as is the custom for Teff, log g and magnitudes.
    """

    name: str
    x: Array
    y: Array
    columns: tuple[str, str]
    labels: tuple[str, str]
    down: tuple[bool, bool]


_AXES: Mapping[str, tuple[str, bool]] = {
    "teff": ("Teff (K)", True),
    "logg": ("log g (dex)", True),
    "fe_h": ("[Fe/H] (dex)", False),
    "alpha_fe": ("[α/Fe] (dex)", False),
    "bp_rp": ("BP − RP (mag)", False),
    "m_g": ("M_G, dust not removed (mag)", True),
    "embedding_1": ("Embedding axis 1", False),
    "embedding_2": ("Embedding axis 2", False),
}


class Planes:
    """What a catalogue's table, and the map of its embeddings, can show.

    Parameters
    ----------
    table : astropy.table.Table
        Columns by the names of :data:`ALIASES`.
    embedding : callable, optional
        ``embedding()`` gives the :class:`EmbeddingMap`; called when that plane is first asked for.
    more : callable, optional
        ``more(name)`` gives a column that the table lacks, or None.
    """

    def __init__(
        self,
        table: Any,
        embedding: Callable[[], EmbeddingMap] | None = None,
        more: Callable[[str], ArrayLike | None] = lambda _name: None,
    ) -> None:
        self._table, self._embedding, self._more = table, embedding, more
        self._columns: dict[str, Array | None] = {}
        self._planes: dict[str, Plane] = {}
        self._reasons: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._table)

    def names(self, rows: Sequence[int] | NDArray[np.intp]) -> list[str]:
        """``object_id`` of some rows."""
        column = self._table["object_id"]
        return [str(column[int(row)]) for row in rows]

    def column(self, name: str) -> Array | None:
        """A number for each star, NaN where it is not known; None if the catalogue has no such column."""
        if name not in self._columns:
            self._columns[name] = self._absolute() if name == "m_g" else self._found(name)
        return self._columns[name]

    def _found(self, name: str) -> Array | None:
        there = next((n for n in ALIASES.get(name, (name,)) if n in self._table.colnames), None)
        if there is None:
            values = self._more(name)
            return None if values is None else np.asarray(values, np.float64)
        column = self._table[there]
        return np.asarray(np.ma.filled(np.ma.asarray(getattr(column, "value", column), np.float64), np.nan))

    def _absolute(self) -> Array | None:
        """M_G = G + 5 log10(parallax / 100 mas), or G - 5 log10(d / 10 pc); extinction is left in."""
        g, parallax = self.column("g_mag"), self.column("parallax")
        if g is None:
            return None
        if parallax is not None:
            scale = np.where(parallax > 0, parallax, np.nan) / 100.0
        else:
            distance = self.column("distance_pc")
            if distance is None:
                return None
            scale = 10.0 / np.where(distance > 0, distance, np.nan)
        return np.asarray(g + 5.0 * np.log10(scale))

    def axes(self, name: str) -> tuple[str, str]:
        """The columns of a plane's axes, whether the catalogue has them or not.

        "hr" has the colour BP − RP where that is known, else Teff.
        """
        if name not in NAMES:
            raise OptionError(f"There is no plane {name!r}", expected=", ".join(NAMES))
        if name == "hr":
            return ("bp_rp" if self.column("bp_rp") is not None else "teff"), "m_g"
        known = {"kiel": ("teff", "logg"), "alpha": ("fe_h", "alpha_fe"), "embedding": ("embedding_1", "embedding_2")}
        return known[name]

    def reason(self, name: str) -> str:
        """Why a plane cannot be drawn; "" if it can."""
        if name not in self._reasons:
            self._reasons[name] = self._lacks(name)
        return self._reasons[name]

    def _lacks(self, name: str) -> str:
        columns = self.axes(name)
        if name == "embedding":
            return "" if self._embedding is not None else "This catalogue has no embeddings"
        for column in columns:
            values = self.column(column)
            if values is None or not np.isfinite(values).any():
                wanted = {"m_g": "G magnitudes with parallaxes or distances", "alpha_fe": "[α/Fe]", "fe_h": "[Fe/H]"}
                return f"This catalogue has no {wanted.get(column, column)}"
        return ""

    def reasons(self) -> dict[str, str]:
        """:meth:`reason` of every plane."""
        return {name: self.reason(name) for name in NAMES}

    def plane(self, name: str) -> Plane:
        """The plane of that name.

        Raises
        ------
        OptionError
            If there is no such plane.
        CatalogError
            If the catalogue lacks what it needs.
        """
        if name not in self._planes:
            why = self.reason(name)
            if why:
                raise CatalogError(why, expected="a table with " + " and ".join(self.axes(name)))
            columns = self.axes(name)
            if name == "embedding":
                assert self._embedding is not None
                x, y = np.asarray(self._embedding().coordinates, np.float64).T
            else:
                first, second = self.column(columns[0]), self.column(columns[1])
                assert first is not None and second is not None
                x, y = first, second
            (xl, xd), (yl, yd) = (_AXES[c] for c in columns)
            self._planes[name] = Plane(name, x, y, columns, (xl, yl), (xd, yd))
        return self._planes[name]

    def project(self, vector: ArrayLike) -> tuple[float, float]:
        """Where a new embedding lies in the plane of the embeddings."""
        if self._embedding is None:
            raise CatalogError("This catalogue has no embeddings")
        x, y = self._embedding().project(vector)
        return float(x), float(y)

    def within(self, name: str, xs: Sequence[float], ys: Sequence[float]) -> NDArray[np.intp]:
        """Rows of the stars inside a polygon of a plane (even-odd rule), in the order of the catalogue.

        Parameters
        ----------
        name : str
        xs, ys : sequence of float
            Corners of the polygon, in the units of the axes; it closes itself.
        """
        plane = self.plane(name)
        px, py = np.asarray(xs, np.float64), np.asarray(ys, np.float64)
        if px.size != py.size or px.size < 3 or not (np.isfinite(px).all() and np.isfinite(py).all()):
            raise OptionError(f"A polygon of {px.size} and {py.size} corners", expected="at least three, all finite")
        near = (plane.x >= px.min()) & (plane.x <= px.max()) & (plane.y >= py.min()) & (plane.y <= py.max())
        rows = np.flatnonzero(near)
        x, y = plane.x[rows], plane.y[rows]
        inside = np.zeros(rows.size, bool)
        for x0, y0, x1, y1 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
            if y0 == y1:
                continue
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
        return rows[inside]
