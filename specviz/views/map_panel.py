"""The map: where the star stands among the reference stars, in the plane that the person chose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, LinearColorMapper
from bokeh.palettes import Cividis256

from specviz.session.jobs import Job, Lane
from specviz.session.state import State
from specviz.views import density, formats, map_figure, map_star
from specviz.views.controls import html
from specviz.views.map_controls import CSS, key, planes_switch
from specviz.views.panel_frame import PanelFrame

#: Neighbours that are drawn large; the others of the list are smaller dots.
LEADING = 12
EMPTY = np.empty(0)
_STAR = ("x", "y", "x0", "x1", "y0", "y1")


class MapPanel:
    """Scatter or density of the reference set with the star (ring, error bars, 68 % contour), its neighbours (dots), and
    the catalogue's values (diamond).

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
        self._planes: Any = None  # of the background
        self._plane: Any = None
        self._points: density.Points | None = None
        self._asked: tuple[Any, ...] | None = None  # what the picture on screen is of
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
        self.colours = LinearColorMapper(palette=list(Cividis256), low=-1.0, high=0.5)
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
            self._look()

    # ------------------------------------------------------------------ drawing a state
    def update(self, old: State, new: State) -> None:
        """Draw what changed between two states."""
        self._state = new
        view, before = new.view, old.view
        if new.report is not old.report or new.neighbours is not old.neighbours or view.plane != before.plane:
            self._draw(new)
        else:
            if view.map_colour != before.map_colour:
                self._colour()
            if (view.similar_filter, view.similar_sort) != (before.similar_filter, before.similar_sort):
                self._neighbours(new)
            if (new.neighbour, new.peek) != (old.neighbour, old.peek):
                self._ring(new)
        if view.region != before.region or view.plane != before.plane:
            self._encircle(new)
        self._controls(new)

    def _draw(self, state: State) -> None:
        report = state.report
        if report is None or (report.posterior is None and report.embedding is None):
            for source in (self.near, self.chosen, self.star, self.contour, self.catalogue):
                source.data = dict.fromkeys(source.data, EMPTY)
            return
        self._background(state)
        if self._plane is None:
            return
        self._place(report)
        self._neighbours(state)
        self._ring(state)

    def _background(self, state: State) -> None:
        planes = self._reference() or self._session.planes()
        if planes is None:
            return
        name: str = state.view.plane if not planes.reason(state.view.plane) else "kiel"
        if planes.reason(name):  # a catalogue without Teff and log g
            name = next((n for n, why in planes.reasons().items() if not why), "")
        if not name or (planes is self._planes and self._plane is not None and self._plane.name == name):
            return
        plane = planes.plane(name)
        moved = self._plane is None or self._plane.name != name or self._plane.columns != plane.columns
        self._planes, self._plane = planes, plane
        self._points = density.Points(plane.x, plane.y, *self._scale())
        if moved:
            self.drawing.frame(plane)
        self._look()

    def _scale(self) -> tuple[Any, tuple[float, float]]:
        """[Fe/H] of the reference stars and the ends of its scale, where they are coloured by it."""
        if self._state.view.map_colour != "fe_h" or self._planes is None or self._planes.column("fe_h") is None:
            return None, (0.0, 1.0)
        values = self._planes.column("fe_h")
        low, high = (round(float(v), 1) for v in np.nanpercentile(values, (3, 97)))
        return values, (low, max(high, low + 0.1))

    def _colour(self) -> None:
        if self._plane is not None:
            self._points = density.Points(self._plane.x, self._plane.y, *self._scale())
            self._look()

    # ------------------------------------------------------------------ the reference stars
    def _look(self) -> None:
        """Draw the reference stars of the window in view: few at once, many by a thread."""
        points = self._points
        if points is None:
            return
        x, y = self.figure.x_range, self.figure.y_range
        window = (min(x.start, x.end), max(x.start, x.end), min(y.start, y.end), max(y.start, y.end))
        asked = (points, window, self._size)
        if self._asked is not None and asked == self._asked:
            return
        self._asked = asked
        if points.x.size <= density.IMAGE_ABOVE or not density.available():
            self._paint(points, points.picture(window, self._size))
            return
        if self._picture.image is None and not len(self.background.data["x"]):  # something at once
            step = max(1, points.x.size // density.DOTS)
            self._dots(points, np.arange(0, points.x.size, step))
        self._job = Job("Drawing the map", lambda _job: (points, points.picture(window, self._size)))
        if self._lane is None:
            self._lane = Lane("specviz-map", self._rendered)
        self._lane.put(self._job)

    def _rendered(self, job: Job) -> None:
        if job is not self._job:
            return
        if job.error is None:
            self._apply(lambda: self._paint(*job.result))
        else:  # the log has why; the even part of the stars that was drawn at once stays
            self._problem = "The density could not be drawn: an even part of the stars is shown"
            self._apply(lambda: self._controls(self._state))

    def _paint(self, points: density.Points, picture: density.Picture) -> None:
        if points is not self._points:
            return
        self._picture, self._problem = picture, ""
        self.drawing.image(picture)
        self._dots(points, picture.rows)
        self._controls(self._state)

    def _dots(self, points: density.Points, rows: Any) -> None:
        coloured = points.colour is not None
        if coloured:
            self.colours.update(low=points.limits[0], high=points.limits[1])
        self.drawing.coloured(coloured)
        c = points.colour[rows] if points.colour is not None else np.zeros(len(rows))
        self.background.data = {
            n: np.asarray(v, np.float32) for n, v in (("x", points.x[rows]), ("y", points.y[rows]), ("c", c))
        }

    # ------------------------------------------------------------------ the star and its neighbours
    def _place(self, report: Any) -> None:
        """The star in the plane, its contour, and what catalogues say."""
        plane = self._plane
        bars: tuple[map_star.Value, map_star.Value] | None = None
        listed: tuple[float, float] | None = None
        outline: dict[str, Any] = {"xs": [], "ys": []}
        if plane.name != "embedding":
            bars, listed = map_star.place(plane.columns, report), map_star.catalogue_place(plane.columns, report.star)
            outline = map_star.outline(plane.columns, report)
        elif report.embedding is not None:
            x, y = self._planes.project(report.embedding)
            bars = (x, x, x), (y, y, y)
        if bars is None:
            self.star.data = dict.fromkeys(_STAR, EMPTY)
        else:
            (x, x0, x1), (y, y0, y1) = bars
            self.star.data = dict(x=[x], y=[y], x0=[x0], x1=[x1], y0=[y0], y1=[y1])
            self.drawing.reach(x, y)
        self.contour.data = outline
        self.catalogue.data = dict(x=[listed[0]], y=[listed[1]]) if listed is not None else dict(x=[], y=[])

    def _at(self, rows: Any) -> tuple[Any, Any]:
        """Places of stars of the catalogue that is searched, which may be another than the one in the background."""
        searched = self._session.planes()
        if searched is self._planes:
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
        reasons = {} if self._planes is None else self._planes.reasons()
        self.switch.object = planes_switch(state.view, reasons)
        count = 0 if self._points is None else self._points.x.size
        scale = self._points.limits if self._points is not None and self._points.colour is not None else None
        problem = self._problem
        if count > density.IMAGE_ABOVE and not density.available():
            shown = formats.count(self._picture.rows.size)
            problem = f"{shown} of them drawn; all are with: pip install 'jupyter-specviz[maps]'"
        self.key.object = key(
            state.view, count, scale, self._picture, problem=problem, region=state.view.region is not None
        )

    def close(self) -> None:
        """Let the thread go."""
        lane, self._lane, self._job = self._lane, None, None
        if lane is not None:
            lane.leave()
