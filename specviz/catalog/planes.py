"""``Planes``: the planes in which the stars of a catalogue can be drawn, and which stars lie in a region of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from specviz.catalog.embedding_map import EmbeddingMap
from specviz.catalog.maps.clusters import Clusters
from specviz.catalog.maps.placing import Placing
from specviz.catalog.maps.stored import KINDS
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
#: Planes that only a catalogue has that keeps their maps; see :mod:`specviz.catalog.maps`.
MAPS = ("umap", "pacmap", "eigen")
#: Title of each plane, and what it shows.
TITLES: Mapping[str, tuple[str, str]] = {
    "kiel": ("Kiel", "log g over Teff"),
    "hr": ("HR", "Absolute G magnitude over colour or Teff"),
    "alpha": ("[α/Fe]", "[α/Fe] over [Fe/H]"),
    "embedding": KINDS["embedding"],
    **{name: KINDS[name] for name in MAPS},
}


class KeptMap(Protocol):
    """A map that is kept with a catalogue, such as a :class:`specviz.catalog.maps.stored.StoredMap`."""

    @property
    def xy(self) -> NDArray[np.floating]:
        """Places, shape (n, 2), of the first n stars."""
        ...

    @property
    def labels(self) -> tuple[str, str]:
        """Of the axes."""
        ...

    @property
    def placing(self) -> Placing:
        """What puts new stars on it."""
        ...

    def note(self, stars: int) -> str:
        """What a person should know of it."""
        ...


class Maps(Protocol):
    """The maps that a catalogue keeps."""

    def names(self) -> tuple[str, ...]:
        """Those of :data:`MAPS` that are there."""
        ...

    def open(self, name: str) -> KeptMap:
        """One of them; a CatalogError if it is damaged or of other stars."""
        ...

    def clusters(self) -> Clusters | None:
        """The clusters, if they are kept; a CatalogError if they are damaged or of other stars."""
        ...


@dataclass(frozen=True, eq=False)
class Plane:
    """One plane with a place for each star; NaN where a star has none.

    Parameters
    ----------
    name : str
        One of :data:`NAMES` or :data:`MAPS`.
    x, y : array, shape (N,)
        float64; float32 on a map.
    columns : (str, str)
        What the axes are: ``teff``, ``logg``, ``fe_h``, ``alpha_fe``, ``bp_rp``, ``m_g`` (absolute G magnitude, dust
        not removed), ``embedding_1``, ``embedding_2``; ``umap_1`` and so on for a map.
    labels : (str, str)
        Axis labels with units.
    down : (bool, bool)
        Whether an axis is drawn with its large values first, as is the custom for Teff, log g and magnitudes.
    note : str
        What a person should know of it, such as how many stars it does not cover; "" if nothing.
    """

    name: str
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    columns: tuple[str, str]
    labels: tuple[str, str]
    down: tuple[bool, bool]
    note: str = ""


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
    maps : Maps, optional
        The maps and clusters that are kept with the catalogue.
    """

    def __init__(
        self,
        table: Any,
        embedding: Callable[[], EmbeddingMap] | None = None,
        more: Callable[[str], ArrayLike | None] = lambda _name: None,
        maps: Maps | None = None,
    ) -> None:
        self._table, self._embedding, self._more, self._maps = table, embedding, more, maps
        self._kept: dict[str, KeptMap] = {}
        self._clusters: Clusters | None = None
        self._columns: dict[str, Array | None] = {}
        self._planes: dict[str, Plane] = {}
        self._reasons: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._table)

    def names(self, rows: Sequence[int] | NDArray[np.intp]) -> list[str]:
        """``object_id`` of some rows."""
        if hasattr(self._table, "some"):  # a catalogue on disk: a million names take a fifth of a second
            return [str(name) for name in self._table.some("object_id", rows)]
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
        if name not in TITLES:
            raise OptionError(f"There is no plane {name!r}", expected=", ".join((*NAMES, *MAPS)))
        if name in MAPS:
            return f"{name}_1", f"{name}_2"
        if name == "hr":
            return ("bp_rp" if self.column("bp_rp") is not None else "teff"), "m_g"
        known = {"kiel": ("teff", "logg"), "alpha": ("fe_h", "alpha_fe"), "embedding": ("embedding_1", "embedding_2")}
        return known[name]

    def reason(self, name: str) -> str:
        """Why a plane cannot be drawn; "" if it can. Of "clusters": why there are none."""
        if name not in self._reasons:
            self._reasons[name] = self._lacks(name)
        return self._reasons[name]

    def _lacks(self, name: str) -> str:
        if name == "clusters" or name in MAPS:
            return self._lacks_kept(name)
        columns = self.axes(name)
        if name == "embedding":
            return "" if self._embedding is not None else "This catalogue has no embeddings"
        for column in columns:
            values = self.column(column)
            if values is None or not np.isfinite(values).any():
                wanted = {"m_g": "G magnitudes with parallaxes or distances", "alpha_fe": "[α/Fe]", "fe_h": "[Fe/H]"}
                return f"This catalogue has no {wanted.get(column, column)}"
        return ""

    def _lacks_kept(self, name: str) -> str:
        """The same of what is kept with the catalogue; it is opened for that."""
        try:
            if name == "clusters":
                self._clusters = None if self._maps is None else self._maps.clusters()
                there = self._clusters is not None
            else:
                there = self._maps is not None and name in self._maps.names()
                if self._maps is not None and there:
                    self._kept[name] = self._maps.open(name)
        except CatalogError as error:
            return str(error)
        what = "clusters" if name == "clusters" else f"{TITLES[name][0]} map"
        return "" if there else f"This catalogue keeps no {what}"

    def reasons(self) -> dict[str, str]:
        """:meth:`reason` of every plane that each catalogue may have, and of the maps that this one keeps."""
        kept = () if self._maps is None else self._maps.names()
        return {name: self.reason(name) for name in (*NAMES, *kept)}

    def offered(self) -> tuple[tuple[str, str, str], ...]:
        """The planes that can be drawn: name, title, and what it shows."""
        out = []
        for name, why in self.reasons().items():
            title, hint = TITLES[name]
            note = self._kept[name].note(len(self)) if name in self._kept else ""
            if not why:
                out.append((name, title, f"{hint}. {note}" if note else hint))
        return tuple(out)

    @property
    def clusters(self) -> Clusters | None:
        """The groups that the stars fall into; None where none are kept (``reason("clusters")`` says why)."""
        return None if self.reason("clusters") else self._clusters

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
            if name in self._kept:
                self._planes[name] = self._on_map(name, self._kept[name])
                return self._planes[name]
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

    def _on_map(self, name: str, kept: KeptMap) -> Plane:
        xy = np.full((len(self), 2), np.nan, np.float32)
        xy[: len(kept.xy)] = kept.xy
        x, y = np.ascontiguousarray(xy.T)
        return Plane(name, x, y, self.axes(name), kept.labels, (False, False), kept.note(len(self)))

    def project(self, vector: ArrayLike, name: str = "embedding") -> tuple[float, float]:
        """Where a new embedding, shape (D,), lies in the plane of the embeddings, or on a map.

        Raises
        ------
        OptionError
            If the plane is one of labels.
        CatalogError
            If the catalogue has no such map, or the vector does not fit it.
        """
        if name != "embedding" and name not in MAPS:
            raise OptionError(f"Nothing is projected into {name!r}", expected=", ".join(("embedding", *MAPS)))
        why = self.reason(name)
        if why:
            raise CatalogError(why)
        if name in self._kept:
            x, y = self._kept[name].placing.place(np.asarray(vector, np.float32).ravel())[0]
        else:
            assert self._embedding is not None
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
        # By height: an edge concerns only the stars at its own heights, of which a drawn region has 200 of few each.
        rows = rows[np.argsort(plane.y[rows])]
        x, y = (np.asarray(v[rows], np.float64) for v in (plane.x, plane.y))
        inside = np.zeros(rows.size, bool)
        for x0, y0, x1, y1 in zip(px, py, np.roll(px, -1), np.roll(py, -1), strict=True):
            if y0 == y1:
                continue
            low, high = np.searchsorted(y, (min(y0, y1), max(y0, y1)))
            inside[low:high] ^= x[low:high] < (x1 - x0) * (y[low:high] - y0) / (y1 - y0) + x0
        return np.sort(rows[inside])
