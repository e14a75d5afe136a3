"""The map: where the star stands among the reference stars, in the plane that the person chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper
from bokeh.palettes import Cividis256

from specviz.session.jobs import Job, Lane
from specviz.session.state import State
from specviz.spectra.catalogue_values import catalogues_of
from specviz.views import density, formats, map_figure, map_scene, map_star
from specviz.views.controls import html
from specviz.views.map_controls import CSS, key, planes_switch
from specviz.views.map_scene import Ask, Made, Scene
from specviz.views.panel_frame import PanelFrame

#: Neighbours that are drawn large; the others of the list are smaller dots.
LEADING = 12
EMPTY = np.empty(0)
_STAR = ("x", "y", "x0", "x1", "y0", "y1")
_CIVIDIS = list(Cividis256)


class MapPanel:
    """Scatter or density of the reference set with the star (ring, error bars, 68 % contour), its neighbours (dots), and
    the catalogue's values (diamond).

    What is drawn of a catalogue is worked out by :func:`specviz.views.map_scene.make`: of few stars at once, of many on
    a thread of its own, and drawn when it is there.

    Parameters
    ----------
    session : Session
        Gives the planes of the catalogue, and is told what is selected, pointed at, or encircled.
    apply : callable(draw)
        Calls ``draw`` where and when the display allows: pictures of many stars come from a thread of their own.
    reference : callable
        ``reference()`` gives the planes of other stars to stand in the background, or None for those that are searched.
    """

    def __init__(
        self, session: Any, apply: Callable[[Callable[[], None]], None], reference: Callable[[], Any] = lambda: None
    ) -> None:
        self._session, self._apply, self._reference = session, apply, reference
        self._state = State(view=session.state.view)
        self._plane: Any = None  # that the axes are of
        self._asked: Ask | None = None  # what was asked for last
        self._made: Made | None = None  # what was answered last
        self._shown: Made | None = None  # what is on screen
        self._size = (360, 300)
        self._picture = density.Picture()
        self._problem = ""
        self._lane: Lane | None = None
        self._job: Job | None = None
        names = ("background", "near", "chosen", "star", "contour", "catalogue", "region")
        columns = (
            ("x", "y", "c"),
            ("x", "y", "size", "row", "name", "sim"),
            ("x", "y"),
            _STAR,
            ("xs", "ys"),
            ("x", "y"),
            ("xs", "ys"),
        )
        sources = {n: ColumnDataSource(dict.fromkeys(c, EMPTY)) for n, c in zip(names, columns, strict=True)}
        self.background, self.near, self.chosen, self.star, self.contour, self.catalogue, self.region = sources.values()
        self.colours = LinearColorMapper(palette=_CIVIDIS, low=-1.0, high=0.5, nan_color="rgba(0, 0, 0, 0)")
        self.drawing = map_figure.MapFigure(sources, self.colours)
        self.figure = self.drawing.figure
        self.drawing.seen.on_change("data", self._seen)
        self.drawing.drawn.on_change("data", self._drawn)
        self.drawing.pointed.on_change("data", self._pointed)
        self.near.selected.on_change("indices", self._tapped)
        self.switch = html("", css=CSS)
        self.key = html("", css=CSS + ":host { padding-top: 4px; }")
        self.frame = PanelFrame(
            "Map",
            "sv-map",
            controls=[self.switch, self.drawing.lasso, self.drawing.reset],
            body=[self.figure, self.key],
        )

    # ------------------------------------------------------------------ what the person does
    def _tapped(self, _attr: str, _old: Any, new: list[int]) -> None:
        if new:
            self._session.choose(int(self.near.data["row"][new[0]]))

    def _pointed(self, _attr: str, _old: Any, new: dict[str, Any]) -> None:
        at = list(new["at"])
        rows = self.near.data["row"]
        self._session.peek(int(rows[at[0]]) if at and at[0] < len(rows) else None)

    def _drawn(self, _attr: str, _old: Any, new: dict[str, Any]) -> None:
        if len(new["x"]) >= 3 and self._plane is not None:
            self._session.select_region(list(new["x"]), list(new["y"]), self._plane.name)

    def _seen(self, _attr: str, _old: Any, new: dict[str, Any]) -> None:
        """The person looks at another part of the map, or the panel has another size."""
        if len(new["w"]):
            self._size = max(50, min(2000, int(new["w"][0]))), max(50, min(2000, int(new["h"][0])))
            self._want()

    def _pressed(self, number: int) -> None:
        """A number on the map: its cluster alone, or all stars again."""
        self._session.set(cluster=None if self._state.view.cluster == number else number)

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        view, before = new.view, old.view
        if new.report is not old.report or new.neighbours is not old.neighbours or _looks(view) != _looks(before):
            self._draw(new)
        else:
            if (view.similar_filter, view.similar_sort) != (before.similar_filter, before.similar_sort):
                self._neighbours(new)
            if (new.neighbour, new.peek) != (old.neighbour, old.peek):
                self._ring(new)
        if view.region != before.region:
            self._encircle(new)
        self._controls(new)

    def _draw(self, state: State) -> None:
        report = state.report
        if report is None or (report.posterior is None and report.embedding is None):
            for source in (self.near, self.chosen, self.star, self.contour, self.catalogue):
                source.data = dict.fromkeys(source.data, EMPTY)
            return
        self._want()
        shown = None if self._shown is None else self._shown.ask
        if self._asked is None or self._asked.same_scene(shown):  # else what is asked for brings them
            self._stars(state)

    def _stars(self, state: State) -> None:
        """The star, its neighbours and marks in the plane that is on screen."""
        if self._plane is not None and state.report is not None:
            self._place(state.report)
            self._neighbours(state)
            self._ring(state)
            self._encircle(state)

    # ------------------------------------------------------------------ the reference stars
    def _want(self) -> None:
        """Ask for what is to be seen of the catalogue: at once of few stars, on a thread of many."""
        report = self._state.report
        if report is None:
            return
        planes = self._reference() or self._session.planes()
        if planes is None:
            return
        view = _looks(self._state.view)
        window = None
        shown = self._shown
        if shown is not None and shown.ask.planes is planes and shown.ask.view[0] == view[0]:
            x, y = self.figure.x_range, self.figure.y_range
            window = (min(x.start, x.end), max(x.start, x.end), min(y.start, y.end), max(y.start, y.end))
        embedding = None if view[0] in map_scene.OF_LABELS else report.embedding
        ask = Ask(planes, view, window, self._size, embedding)
        if ask.same(self._asked):
            return
        self._asked = ask
        if not ask.slow:
            self._take(ask, map_scene.make(ask, self._made))
            return
        self._job = Job("Drawing the map", lambda _job: self._work(ask))
        if self._lane is None:
            self._lane = Lane("specviz-map", self._answered)
        self._lane.put(self._job)

    def _work(self, ask: Ask) -> Made:
        """On the thread of the map: something at once where nothing is to be seen yet, then the picture."""
        if self._shown is None:
            first = map_scene.make(ask, self._made, at_once=True)
            self._apply(lambda: self._take(ask, first))
            return map_scene.make(ask, first)
        return map_scene.make(ask, self._made)

    def _answered(self, job: Job) -> None:
        """Called by the thread of the map."""
        if job is not self._job:
            return
        if job.error is None:
            self._apply(lambda: self._take(job.result.ask, job.result))
        else:  # the log has why; what was drawn before stays
            self._problem = "The map could not be drawn; the log says why"
            self._apply(lambda: self._controls(self._state))

    def _take(self, ask: Ask, made: Made) -> None:
        """Draw an answer, unless something else has been asked for meanwhile."""
        if ask is not self._asked:
            return
        before, self._made, self._shown, self._problem = self._shown, made, made, made.trouble
        scene = made.scene
        if scene is None:
            self._controls(self._state)
            return
        plane = scene.plane
        if self._plane is None or (self._plane.name, self._plane.columns) != (plane.name, plane.columns):
            self.drawing.frame(plane, scene.limits)
        self._plane = plane
        if before is None or before.picture is not made.picture or before.scene is not scene:
            self._paint(scene, made.picture or density.Picture())
        if ask.slow and (before is None or before.scene is not scene or before.place != made.place):
            self._stars(self._state)
        if ask.window is None:  # the axes may show less than the whole plane
            self._want()
        self._controls(self._state)

    def _paint(self, scene: Scene, picture: density.Picture) -> None:
        self._picture = picture
        self.drawing.image(picture)
        points, rows = scene.points, picture.rows
        coloured = True
        c: Any = np.zeros(len(rows))
        if points.codes is not None:
            self.colours.update(palette=list(points.palette), low=-0.5, high=len(points.palette) - 0.5)
            c = points.codes[rows]
        elif points.colour is not None:
            self.colours.update(palette=_CIVIDIS, low=points.limits[0], high=points.limits[1])
            c = points.colour[rows]
        else:
            coloured = False
        self.drawing.coloured(coloured)
        self.background.data = {
            n: np.asarray(v, np.float32) for n, v in (("x", points.x[rows]), ("y", points.y[rows]), ("c", c))
        }
        clusters = [c for c in scene.colouring.clusters if c.number in scene.places]
        self.drawing.numbers(
            dict(
                x=[scene.places[c.number][0] for c in clusters],
                y=[scene.places[c.number][1] for c in clusters],
                number=[str(c.number) for c in clusters],
                title=[c.title for c in clusters],
                count=[formats.count(c.count) for c in clusters],
                colour=[c.colour for c in clusters],
            ),
            self._pressed,
        )

    # ------------------------------------------------------------------ the star and its neighbours
    def _place(self, report: Any) -> None:
        """The star in the plane, its contour, and what catalogues say."""
        plane = self._plane
        bars: tuple[map_star.Value, map_star.Value] | None = None
        listed: tuple[float, float] | None = None
        outline: dict[str, Any] = {"xs": [], "ys": []}
        if plane.name in map_scene.OF_LABELS:
            bars, listed = map_star.place(plane.columns, report), map_star.catalogue_place(plane.columns, report.star)
            outline = map_star.outline(plane.columns, report)
        elif (
            self._shown is not None and self._shown.place is not None and self._shown.ask.embedding is report.embedding
        ):
            x, y = self._shown.place
            bars = (x, x, x), (y, y, y)
        if bars is None:
            self.star.data = dict.fromkeys(_STAR, EMPTY)
        else:
            (x, x0, x1), (y, y0, y1) = bars
            self.star.data = dict(x=[x], y=[y], x0=[x0], x1=[x1], y0=[y0], y1=[y1])
            self.drawing.reach(x, y)
            self._want()  # the view may have grown
        self.contour.data = outline
        self.catalogue.data = dict(x=[listed[0]], y=[listed[1]]) if listed is not None else dict(x=[], y=[])

    def _at(self, rows: Any) -> tuple[Any, Any]:
        """Places of stars of the catalogue that is searched, which may be another than the one in the background."""
        searched = self._session.planes()
        if self._shown is not None and searched is self._shown.ask.planes:
            return self._plane.x[rows], self._plane.y[rows]
        columns = [None if searched is None else searched.column(c) for c in self._plane.columns]
        if any(c is None for c in columns):
            return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
        return columns[0][rows], columns[1][rows]  # type: ignore[index]

    def _neighbours(self, state: State) -> None:
        near = state.neighbours
        listed = sorted(self._session.listed_similar(state)[0]) if near is not None else []
        if self._plane is None or not listed:
            self.near.data = dict.fromkeys(("x", "y", "size", "row", "name", "sim"), EMPTY)
            return
        x, y = self._at(np.asarray(near["row"], int)[listed])
        order = slice(None, None, -1)  # the most similar on top
        self.near.data = dict(
            x=np.asarray(x)[order],
            y=np.asarray(y)[order],
            size=np.where(np.asarray(listed) < LEADING, 8.0, 5.0)[order],
            row=np.asarray(listed)[order],
            name=[str(near["object_id"][row]) for row in listed][order],
            sim=np.asarray(near["similarity"], float)[listed][order],
        )

    def _ring(self, state: State) -> None:
        """A ring round the selected neighbour, and round the one that is pointed at."""
        near = state.neighbours
        at = [row for row in dict.fromkeys((state.neighbour, state.peek)) if row is not None]
        if self._plane is None or near is None or not at:
            if len(self.chosen.data["x"]):
                self.chosen.data = dict(x=[], y=[])
            return
        x, y = self._at(np.asarray(near["row"], int)[at])
        self.chosen.data = dict(x=[float(v) for v in x], y=[float(v) for v in y])

    def _encircle(self, state: State) -> None:
        region = state.view.region
        here = region is not None and self._plane is not None and region[0] == self._plane.name
        self.region.data = dict(xs=[list(region[1])], ys=[list(region[2])]) if region and here else dict(xs=[], ys=[])

    def _controls(self, state: State) -> None:
        scene = None if self._shown is None else self._shown.scene
        waiting = self._asked is not None and not self._asked.same_scene(
            None if self._shown is None else self._shown.ask
        )
        self.switch.object = planes_switch(state.view, scene)
        problem = self._problem
        if scene is not None and scene.points.x.size > density.IMAGE_ABOVE and not density.available():
            shown = formats.count(self._picture.rows.size)
            problem = f"{shown} of them drawn; all are with: pip install 'jupyter-specviz[maps]'"
        known = {one.name for one in catalogues_of(state.star)} if state.star is not None else set()
        catalogue = known.pop() if len(known) == 1 else "Catalogue"  # as the key of the posterior says
        self.key.object = key(state.view, scene, self._picture, catalogue=catalogue, problem=problem, waiting=waiting)

    def close(self) -> None:
        """Let the thread go."""
        lane, self._lane, self._job = self._lane, None, None
        if lane is not None:
            lane.leave()


def _looks(view: Any) -> tuple[str, str, int | None]:
    """The options that say how the reference stars are drawn."""
    return view.plane, view.map_colour, view.cluster
