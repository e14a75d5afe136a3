"""What the map shows, worked out from a catalogue: of many stars on a thread of their own, for it takes too long for the
one that draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specviz.errors import SpecvizError
from specviz.views import density, map_colours
from specviz.views.map_colours import Colouring
from specviz.views.map_figure import limits

#: Stars of a catalogue above which nothing of it is worked out on the thread that draws.
LARGE = 100_000
#: Planes that every catalogue may have, as they stand in the switch: value, label, what it shows.
PLANES = (("kiel", "Kiel", "log g over Teff"), ("hr", "HR", "Absolute G magnitude over colour or Teff"),
          ("alpha", "[α/Fe]", "[α/Fe] over [Fe/H]"), ("embedding", "Embedding", "The two main axes of the embedding"))  # fmt: skip
#: Planes whose axes are labels: a star stands there by its values, elsewhere by its embedding.
OF_LABELS = ("kiel", "hr", "alpha")
#: Planes into which a star is put by looking for those like it.
SLOW = ("umap", "pacmap", "eigen")


@dataclass(frozen=True, eq=False)
class Ask:
    """What is wanted of a catalogue; two that are alike are the same work.

    Parameters
    ----------
    planes : Planes
    view : (plane, map_colour, cluster)
    window : (x0, x1, y0, y1) or None
        None: the whole plane.
    size : (width, height)
        Of the picture, in pixels.
    embedding : array or None
        Of the star, where it has to be placed by that.
    """

    planes: Any
    view: tuple[str, str, int | None]
    window: density.Window | None
    size: tuple[int, int]
    embedding: Any = None

    def same_scene(self, other: Ask | None) -> bool:
        """Whether only the window, or the star, is another."""
        return other is not None and self.planes is other.planes and self.view == other.view

    def same(self, other: Ask | None) -> bool:
        """Whether nothing new is asked."""
        alike = other is not None and (self.window, self.size) == (other.window, other.size)
        return alike and self.same_scene(other) and other is not None and self.embedding is other.embedding

    @property
    def slow(self) -> bool:
        """Whether it must not be worked out on the thread that draws."""
        return len(self.planes) > LARGE or self.view[0] in SLOW


@dataclass(frozen=True, eq=False)
class Scene:
    """A plane of a catalogue, ready to be drawn.

    ``limits`` are the ranges of its axes, ``choices`` the planes there are as (value, label, hint), ``reasons`` and
    ``lacking`` say why planes and colourings cannot be had, ``places`` where the numbers of clusters stand.
    """

    planes: Any
    plane: Any
    limits: tuple[tuple[float, float], tuple[float, float]]
    points: density.Points
    colouring: Colouring
    choices: tuple[tuple[str, str, str], ...] = PLANES
    reasons: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    places: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    problem: str = ""

    @property
    def window(self) -> density.Window:
        """All of it."""
        return (*self.limits[0], *self.limits[1])


@dataclass(frozen=True, eq=False)
class Made:
    """The answer to an :class:`Ask`: ``scene`` is None where the catalogue has nothing to draw, ``place`` where the star
    has none; ``trouble`` says why. ``passing``: the picture stands for one that is to come.
    """

    ask: Ask
    scene: Scene | None
    picture: density.Picture | None = None
    place: tuple[float, float] | None = None
    trouble: str = ""
    passing: bool = False


def make(ask: Ask, before: Made | None = None, *, at_once: bool = False) -> Made:
    """Work out what is asked for; what ``before`` has of it is taken from there.

    ``at_once``: an even part of the stars in place of the picture, whose first one takes a second to be compiled.
    """
    known = before if before is not None and ask.same_scene(before.ask) else None
    scene = known.scene if known is not None else scene_of(ask.planes, *ask.view)
    if scene is None:
        return Made(ask, None)
    window = ask.window or scene.window
    picture, trouble = None, ""
    if known is not None and (known.ask.window or scene.window, known.ask.size) == (window, ask.size):
        picture = None if known.passing else known.picture
    passing = picture is None and at_once
    if passing:
        picture = scene.points.even()
    elif picture is None:
        picture = scene.points.picture(window, ask.size)
    place = None
    if scene.plane.name not in OF_LABELS and ask.embedding is not None:
        if known is not None and known.ask.embedding is ask.embedding:
            place, trouble = known.place, known.trouble
        else:
            try:
                place = _placed(scene, ask.embedding)
            except SpecvizError as error:  # the rest of the map is there nevertheless
                trouble = f"This star cannot be placed: {error.what}"
    return Made(ask, scene, picture, place, trouble, passing)


def scene_of(planes: Any, name: str, colour: str, cluster: int | None) -> Scene | None:
    """The plane that is wanted, or the first that the catalogue has; None if it has none."""
    extra = tuple(p for p in offered(planes) if p[0] not in {q[0] for q in PLANES})
    choices = (*PLANES, *extra)
    reasons = {n: planes.reason(n) for n, *_ in choices}
    shown, problem = name, ""
    why = reasons[name] if name in reasons else planes.reason(name)
    if why:
        shown = next((n for n in ("kiel", *reasons) if not reasons[n]), "")
        if not shown:
            return None
        label = next(label for n, label, _ in choices if n == shown)
        problem = f"{why}: {label} is shown"
    plane = planes.plane(shown)
    colours = map_colours.colouring(planes, colour, cluster)
    points = density.Points(
        plane.x, plane.y, colours.values, colours.limits, colours.codes, colours.palette, colours.chosen is not None
    )
    places: Mapping[int, tuple[float, float]] = {}
    if colours.codes is not None:
        numbers = [c.number for c in colours.clusters if c.colour in colours.palette[1:]]
        if colours.chosen is not None:
            numbers = [colours.chosen.number]
        places = map_colours.middles(plane, np.asarray(planes.clusters.labels), numbers)
    return Scene(
        planes,
        plane,
        (limits(plane.x, plane.columns[0]), limits(plane.y, plane.columns[1])),
        points,
        colours,
        choices,
        reasons,
        map_colours.lacking(planes),
        places,
        problem,
    )


def offered(planes: Any) -> tuple[tuple[str, str, str], ...]:
    """Planes that a catalogue keeps beside those of every catalogue: (value, label, hint)."""
    offer = getattr(planes, "offered", None)
    return () if offer is None else tuple(offer())


def _placed(scene: Scene, embedding: Any) -> tuple[float, float] | None:
    if scene.plane.name == "embedding":
        x, y = scene.planes.project(embedding)
    else:
        x, y = scene.planes.project(embedding, name=scene.plane.name)
    return (float(x), float(y)) if np.isfinite(x) and np.isfinite(y) else None
