"""How the spectra and panels are shown, as one frozen value: what a control changes, a program sets, undo brings back.

Every control of the Explorer that changes the picture changes a field here, and nothing else: so what can be clicked
can be written (``explorer.set(smooth=2)``), undone, saved with a session, and told as a line of Python.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from specviz import extensions
from specviz.errors import OptionError, did_you_mean
from specviz.session.similar_filter import LONGEST, SORTABLE

Range = tuple[float, float]
LabelRange = tuple[str, float, float]
Dial = tuple[str, float]
Region = tuple[str, tuple[float, ...], tuple[float, ...]]
#: Marks of the strongest lines, and the groups of :data:`specviz.spectra.lines.LINES`.
LINE_GROUPS = ("main", "H", "He", "Ca", "Mg", "Na", "Fe", "CH", "CN", "TiO", "DIB", "telluric")
#: What may be drawn in the spectrum panels; ``hidden`` names what is switched off.
LAYERS = ("observed", "model", "predicted", "continuum", "masked", "similar", "window", "xp_observed", "xp_predicted")
#: Systems with a panel of their own; "" = none is open.
STUDIES = ("", "spectrafm", "desa", "phdlspec", "lux")
#: Panels that can be drawn as wide as the Explorer.
PANELS = ("lamost", "xp", "posterior", "map", "anomaly", "similar", "work")
#: Labels in the corner plot until others are chosen; one that a model does not give is replaced by one that it does.
LEADING_LABELS = ("teff", "logg", "fe_h", "alpha_fe")
#: Labels that a corner plot holds: with more, the cells are too small for their numbers.
CORNER_LIMIT = 6
#: Fastest star that the slider reaches, km/s. The fastest known hypervelocity stars move at about 2000 km/s.
RV_LIMIT = 3000.0
#: Corners of a region of the map: what is drawn by hand has more, and needs no more.
CORNERS = 200
SMOOTH_LIMIT = 50.0


@dataclass(frozen=True)
class ViewOptions:
    """What the person chose to see.

    Parameters
    ----------
    flux : {"flux", "normalised"}
        Relative flux, or flux over the continuum.
    medium : {"vacuum", "air"}
        In which the wavelengths of the optical panel's axis are counted.
    unit : {"angstrom", "nm", "micron"}
        Of the optical panel's axis.
    frame : {"observed", "rest"}
        Whether the axis is that of the star moving with ``rv``.
    rv : float or None
        Radial velocity (km/s, positive = receding) at which line marks are drawn and which "rest" removes; None: the
        one that came with the spectrum, else 0.
    smooth : float
        Standard deviation of the Gaussian that smooths what is drawn, in pixels; 0 = as observed.
    lines : tuple of str
        Groups of lines that are marked, from :data:`LINE_GROUPS`.
    hidden : tuple of str
        Layers that are switched off, from :data:`LAYERS`.
    zoom, xp_zoom : (low, high) or None
        Stretch in view (vacuum Angstrom, as observed) of the optical and the XP panel; None = all of it.
    link_zoom : bool
        The XP panel shows the stretch of the optical one.
    magnifier : bool
        A pane that enlarges what is under the pointer.
    measuring : bool
        Dragging over the optical panel measures an equivalent width instead of moving the picture.
    measure_by : {"bands", "edges", "continuum"}
        The continuum of what is measured: see :func:`specviz.spectra.widths.equivalent_width`.
    indices : bool
        The table of spectral indices is open below the optical panel's tools.
    compare : bool
        The star on screen is shown beside another one, the selected similar star at first.
    face_off : bool
        The panel that compares what all models say of the star is open.
    study : str
        The system whose panel is open: "", "spectrafm", "desa", "phdlspec", "lux", or a panel that others added
        (:func:`specviz.extensions.register_panel`).
    ask : (low, high) or None
        Stretch of the optical spectrum (vacuum Angstrom, as observed) that SpectraFM is asked about; None = all of it.
    ask_label : str
        Label whose attention SpectraFM's panel draws.
    dials : tuple of (str, float)
        Labels that were turned by hand in the panel of PhDLspec; the others are those of the fit.
    element : str
        Label whose line windows that panel shows; "" = the whole spectrum.
    latent : bool
        DESA is given catalogue values of the star itself, as published. They leak into what it then says.
    lux_from : {"auto", "lamost_lrs", "gaia_xp", "both", "blue", "red"}
        What Lux infers the star from: a spectrum, both, or one arm of the optical one.
    tools : bool
        The row of tools under the legend is open.
    plane : {"kiel", "embedding", "alpha", "hr", "umap", "pacmap", "eigen"}
        Axes of the map: log g over Teff, the embedding's two axes, [alpha/Fe] over [Fe/H], absolute magnitude over
        colour, or a map that the catalogue keeps (:mod:`specviz.catalog.maps`). One that the catalogue on screen does
        not have is kept for the next; the map says so and shows the first that it has.
    posterior : {"corner", "table"}
    corner : tuple of str
        Labels in the corner plot, at most :data:`CORNER_LIMIT`, first at the top left; () = :data:`LEADING_LABELS`. A
        label that the model does not give is left out.
    posterior_from : {"auto", "lamost_lrs", "gaia_xp", "both"}
        Whose posterior is drawn; "auto" is the leading spectrum's, "both" lays one over the other.
    brush : tuple of (str, float, float)
        Ranges of labels, drawn by dragging in the corner plot: of the samples only those within all of them are drawn
        in full, the others faint; () = all.
    enlarged : tuple of str
        Panels as wide as the Explorer, from :data:`PANELS`.
    similar_by : {"auto", "lamost_lrs", "gaia_xp"}
        Which spectrum of this star is compared.
    similar_in : {"auto", "lamost_lrs", "gaia_xp"}
        Whose embeddings it is compared with; another than ``similar_by`` is a search across instruments.
    similar_sort : str
        Column that orders the table of similar stars, with "-" before it for the largest first:
        :data:`specviz.session.similar_filter.SORTABLE`.
    similar_filter : str
        Which of the similar stars are listed, as it was typed: see :func:`specviz.session.similar_filter.parse`.
    map_colour : {"plain", "fe_h", "teff", "logg", "cluster"}
        By what the reference stars on the map are coloured.
    cluster : int or None
        Number of a cluster of the catalogue: the map shows its stars, and similar stars are looked for among them.
    region : (str, tuple of float, tuple of float) or None
        Plane and corners (x, y) of a polygon on the map; similar stars are looked for among the stars in it.
    """

    flux: Literal["flux", "normalised"] = "flux"
    medium: Literal["vacuum", "air"] = "vacuum"
    unit: Literal["angstrom", "nm", "micron"] = "angstrom"
    frame: Literal["observed", "rest"] = "observed"
    rv: float | None = None
    smooth: float = 0.0
    lines: tuple[str, ...] = ("main", "telluric")
    hidden: tuple[str, ...] = ()
    zoom: Range | None = None
    xp_zoom: Range | None = None
    link_zoom: bool = False
    magnifier: bool = False
    tools: bool = False
    measuring: bool = False
    measure_by: Literal["bands", "edges", "continuum"] = "bands"
    indices: bool = False
    face_off: bool = False
    compare: bool = False
    study: str = ""
    ask: Range | None = None
    ask_label: str = "teff"
    dials: tuple[Dial, ...] = ()
    element: str = ""
    latent: bool = False
    lux_from: Literal["auto", "lamost_lrs", "gaia_xp", "both", "blue", "red"] = "auto"
    plane: Literal["kiel", "embedding", "alpha", "hr", "umap", "pacmap", "eigen"] = "kiel"
    posterior: Literal["corner", "table"] = "corner"
    corner: tuple[str, ...] = LEADING_LABELS
    posterior_from: Literal["auto", "lamost_lrs", "gaia_xp", "both"] = "auto"
    brush: tuple[LabelRange, ...] = ()
    enlarged: tuple[str, ...] = ()
    similar_by: Literal["auto", "lamost_lrs", "gaia_xp"] = "auto"
    similar_in: Literal["auto", "lamost_lrs", "gaia_xp"] = "auto"
    similar_sort: str = "rank"
    similar_filter: str = ""
    map_colour: Literal["plain", "fe_h", "teff", "logg", "cluster"] = "plain"
    cluster: int | None = None
    region: Region | None = None

    def with_(self, **changes: Any) -> ViewOptions:
        """A copy with some options changed.

        Raises
        ------
        OptionError
            For an option that does not exist, or a value that it cannot have; it names the nearest, or what there is.
        """
        return replace(self, **{name: _checked(name, value) for name, value in changes.items()})

    def for_another_star(self) -> ViewOptions:
        """The same view of the next star: what was chosen for this one alone, its velocity and labels, is not kept."""
        return self if self.rv is None and not self.dials else replace(self, rv=None, dials=())

    def to_dict(self) -> dict[str, Any]:
        """Plain values that JSON can hold; tuples become lists."""
        return {k: _listed(v) for k, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ViewOptions:
        """The options of a saved page or of the browser; checked like those of a program."""
        return cls().with_(**dict(values))

    def changes_from(self, other: ViewOptions) -> dict[str, Any]:
        """What differs from ``other``: the arguments of the call that makes ``other`` into this."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)}


_NAMES = tuple(f.name for f in fields(ViewOptions))
_TYPES = get_type_hints(ViewOptions)
_LISTS: Mapping[str, Sequence[str]] = {"lines": LINE_GROUPS, "hidden": LAYERS, "enlarged": PANELS}


def _checked(name: str, value: Any) -> Any:
    """``value`` in the form that the option has."""
    if name not in _NAMES:
        raise OptionError(
            f"There is no view option {name!r}",
            expected="one of " + ", ".join(_NAMES),
            remedy=did_you_mean(name, _NAMES),
        )
    if name in _LISTS:
        return _some_of(name, value, _LISTS[name])
    if name == "corner":
        return _corner(value)
    if name == "brush":
        return _brush(value)
    if name == "similar_sort":
        return _sort(value)
    if name == "similar_filter":
        return "" if value is None else " ".join(str(value).split())[:LONGEST]
    if name == "region":
        return None if value is None else _region(value)
    if name == "dials":
        return _dials(value)
    if name in ("ask_label", "element"):
        return _name(name, value)
    if name in ("zoom", "xp_zoom", "ask"):
        return None if value is None else _range(name, value)
    if name == "cluster":
        return None if value is None else _cluster(value)
    if name == "rv":
        return None if value is None else _number(name, value, -RV_LIMIT, RV_LIMIT, "km/s")
    if name == "smooth":
        return _number(name, value, 0.0, SMOOTH_LIMIT, "pixels")
    if _TYPES[name] is bool:
        if not isinstance(value, bool):
            raise OptionError(f"{name}={value!r}", expected="True or False")
        return value
    words = (*STUDIES, *extensions.panels()) if name == "study" else get_args(_TYPES[name])
    if value not in words:
        raise OptionError(
            f"{name}={value!r}",
            expected="one of " + ", ".join(map(repr, words)),
            remedy=did_you_mean(str(value), words, 0.4),
        )
    return value


def _some_of(name: str, value: Any, known: Sequence[str]) -> tuple[str, ...]:
    chosen = (value,) if isinstance(value, str) else tuple(value or ())
    unknown = [str(v) for v in chosen if v not in known]
    if unknown:
        raise OptionError(f"{name}: no {', '.join(unknown)}", expected="some of " + ", ".join(known))
    return tuple(v for v in known if v in chosen)  # one order, so that equal choices are equal


def _corner(value: Any) -> tuple[str, ...]:
    labels = (value,) if isinstance(value, str) else tuple(value or ())
    if not all(isinstance(v, str) and v.isidentifier() for v in labels):
        raise OptionError(f"corner={value!r}", expected="names of labels, such as ('teff', 'logg')")
    labels = tuple(dict.fromkeys(labels)) or LEADING_LABELS
    if len(labels) > CORNER_LIMIT:
        raise OptionError(f"corner: {len(labels)} labels", expected=f"at most {CORNER_LIMIT}")
    return labels


def _brush(value: Any) -> tuple[LabelRange, ...]:
    try:
        read = [(str(name), float(low), float(high)) for name, low, high in value or ()]
        ranges = tuple((name, min(low, high), max(low, high)) for name, low, high in read)
    except (TypeError, ValueError):
        ranges = (("", math.nan, math.nan),)
    names = [r[0] for r in ranges]
    good = all(n.isidentifier() for n in names) and len(set(names)) == len(names) <= CORNER_LIMIT
    if not good or not all(math.isfinite(v) for r in ranges for v in r[1:]):
        raise OptionError(f"brush={str(value)[:60]}", expected="(label, low, high) each: (('teff', 5700, 5800),)")
    return ranges


def _dials(value: Any) -> tuple[Dial, ...]:
    try:
        dials = tuple((str(name), float(number)) for name, number in value or ())
    except (TypeError, ValueError):
        dials = (("", math.nan),)
    names = [name for name, _ in dials]
    if (
        not all(n.isidentifier() for n in names)
        or len(set(names)) < len(names)
        or not all(math.isfinite(number) for _, number in dials)
    ):
        raise OptionError(f"dials={str(value)[:60]}", expected="(label, value) each: (('teff', 5800),)")
    return dials


def _name(name: str, value: Any) -> str:
    if value != "" and not (isinstance(value, str) and value.isidentifier() and len(value) < 40):
        raise OptionError(f"{name}={str(value)[:40]!r}", expected="the name of a label, such as 'teff' or 'mg_fe'")
    return value


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, tuple) else value


def _sort(value: Any) -> str:
    if str(value).removeprefix("-") not in SORTABLE:
        raise OptionError(
            f"similar_sort={value!r}", expected="one of " + ", ".join(SORTABLE) + ', with "-" for the largest first'
        )
    return str(value)


def _region(value: Any) -> Region:
    try:
        plane, xs, ys = value
        xs, ys = tuple(float(x) for x in xs), tuple(float(y) for y in ys)
    except (TypeError, ValueError):
        plane, xs, ys = "", (), ()
    planes = get_args(_TYPES["plane"])
    if plane not in planes or len(xs) != len(ys) or not 3 <= len(xs) <= CORNERS or not all(map(math.isfinite, xs + ys)):
        raise OptionError(
            f"region={str(value)[:60]}",
            expected=f"(plane, xs, ys): one of {', '.join(planes)}, and 3 to {CORNERS} corners of a polygon",
        )
    return plane, xs, ys


def _cluster(value: Any) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not number.is_integer() or not 0 <= number < 10**6:
        raise OptionError(f"cluster={str(value)[:20]}", expected="the number of a cluster, or None")
    return int(number)


def _number(name: str, value: Any, low: float, high: float, unit: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if isinstance(value, bool) or not low <= number <= high:
        raise OptionError(f"{name}={value!r}", expected=f"a number of {low:g} to {high:g} {unit}")
    return number


def _range(name: str, value: Any) -> Range:
    try:
        low, high = (float(v) for v in value)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (math.isfinite(low) and math.isfinite(high) and 0 < low < high):
        raise OptionError(f"{name}={value!r}", expected="(low, high) in Angstrom, low below high")
    return low, high
