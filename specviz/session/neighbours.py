"""``Neighbours``: the stars like the one on screen: which are looked for, which is selected, which is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from specviz.catalog.search.exact import ExactSearch
from specviz.errors import OptionError, SpecvizError
from specviz.session import similar_filter
from specviz.session.explaining import OPTICAL, Explaining
from specviz.session.jobs import Job, Lane
from specviz.session.loading import NEIGHBOURS
from specviz.session.regions import searched
from specviz.session.state import Notice, State
from specviz.session.telling import told, told_at_once
from specviz.session.view_options import CORNERS, ViewOptions

#: Options that decide what is found.
_SEARCHED = ("similar_by", "similar_in", "region", "cluster")
#: Stars of a region of the map that are put on the work list at most.
LISTED = 500
SURVEYS = {"lamost_lrs": "LAMOST", "gaia_xp": "XP"}


class Neighbours(Explaining):
    """The part of :class:`specviz.session.session.Session` that knows similar stars."""

    def __init__(
        self, engine: Any, index: Callable[[Any, str], Any] | None, sky: Any, allow_paths: bool, expecting: bool
    ) -> None:
        super().__init__(engine, index, sky, allow_paths, expecting)
        self._search: Job | None = None
        self._look: Job | None = None
        self._search_lane: Lane | None = None
        self._look_lane: Lane | None = None
        self._fetching: Job | None = None
        self._fetch_lane: Lane | None = None

    # ------------------------------------------------------------------ what is looked for
    def similar_ways(self) -> dict[tuple[str, str], str]:
        """Each way of looking for similar stars, (spectrum of this star, spectra it is compared with), and why it is
        not possible; "" where it is.
        """
        state, out = self._state, {}
        report = state.report
        surveys = self._surveys()
        for by in SURVEYS:
            for among in SURVEYS:
                why = ""
                if report is None or _vector(report, by) is None:
                    why = f"This star has no {SURVEYS[by]} spectrum that the model could use"
                held = getattr(self._index, "surveys", None)
                if held is not None and among not in held:
                    why = f"The catalogue holds no {SURVEYS[among]} spectra"
                unknown = [s for s in (by, among) if s not in surveys]
                if unknown:
                    why = f"This model does not embed {SURVEYS[unknown[0]]} spectra"
                out[by, among] = why
        return out

    def similar_way(self) -> tuple[str, str] | None:
        """The way in which the similar stars on screen were found."""
        near = self._state.neighbours
        meta: Mapping[str, Any] = {} if near is None else near.meta
        return (str(meta["by"]), str(meta["survey"])) if "by" in meta and "survey" in meta else None

    def _surveys(self) -> tuple[str, ...]:
        describe = getattr(self.engine, "describe", None)
        return tuple(SURVEYS) if describe is None else tuple(describe().surveys)

    def similar_window(self, row: int) -> Any:
        """Wavelength (vacuum Angstrom) and normalised flux of a part of a reference star's spectrum, for a picture;
        ``row`` is that of the index. None where the catalogue holds no spectra.
        """
        give = getattr(self._reference(), "neighbour_window", None)
        return None if give is None else give(row)

    def has_similar_windows(self) -> bool:
        """Whether there are pictures of the similar stars' spectra."""
        return self._index is not None and hasattr(self._reference(), "neighbour_window")

    def _similar(self, star: Any, report: Any) -> Any:
        """The table of similar stars of a report, as the view's options want them; None if there is no way."""
        if self._index is None or report.embedding is None:
            return None
        view = self._state.view
        leading = "gaia_xp" if report.survey == "gaia_xp" else "lamost_lrs"
        by = leading if view.similar_by == "auto" else view.similar_by
        vector = _vector(report, by)
        if vector is None:  # this star lacks that spectrum: better the other than nothing
            by, vector = leading, report.embedding
        among = by if view.similar_in == "auto" or view.similar_in not in self._surveys() else view.similar_in
        held = getattr(self._index, "surveys", None)
        if held is not None and among not in held:
            among = held[0]
        index = self._index(self.engine, among)
        if not hasattr(index, "rows_of_star"):
            return index.search(vector, k=NEIGHBOURS, exclude=star.name)
        rows, told = searched(index.planes, view)
        near = index.search(vector, k=NEIGHBOURS, exclude=index.rows_of_star(star), among=rows)
        words = getattr(self._index, "words", "simulated stars")
        near.meta |= {"by": by, "of": words, "note": str(getattr(index, "note", "")), **told}
        searcher = getattr(index, "searcher", None)
        if searcher is not None and rows is None:
            near.meta["how"] = "exact" if isinstance(searcher, ExactSearch) else "approximate index"
        if rows is not None:
            near.meta["region"] = int(rows.size)
        return near

    def _show(self, view: ViewOptions) -> None:
        """Search again when what is looked for has changed."""
        before = self._state.view
        with self._changing():
            super()._show(view)
            if any(getattr(view, name) != getattr(before, name) for name in _SEARCHED):
                self._search_again()

    def _search_again(self) -> None:
        """Called under the lock."""
        report = self._state.report
        if report is None or self._index is None:
            return
        self._search = Job("Looking for similar stars", lambda _job: (report, self._similar(report.star, report)))
        if self._search_lane is None:
            self._search_lane = Lane("specviz-similar", self._searched_again)
        self._search_lane.put(self._search)

    def _searched_again(self, job: Job) -> None:
        with self._changing():
            if job is not self._search:
                return
            self._search = None
            if job.error is not None:
                why = str(job.error) if isinstance(job.error, SpecvizError) else "A fault of specviz; the log has it"
                self._update(notice=Notice("warning", "No search in this way", why))
                return
            report, near = job.result
            if report is self._state.report:
                self._update(neighbours=near, neighbour=None, neighbour_star=None, peek=None, peek_star=None)

    # ------------------------------------------------------------------ which are listed
    @told
    def filter_similar(self, text: str = "") -> int:
        """List only similar stars that meet conditions, such as ``"teff 5000..6000 snr>50 class G"``; "" lists all.

        Returns
        -------
        int
            How many are left.

        Raises
        ------
        OptionError
            For a condition that cannot be read; nothing is changed then.
        """
        conditions = similar_filter.parse(text)
        self.set(similar_filter=text)
        near = self._state.neighbours
        return (
            0
            if near is None
            else int(np.all([c.mask(near) for c in conditions], axis=0).sum())
            if conditions
            else len(near)
        )

    def listed_similar(self, state: State | None = None) -> tuple[list[int], str]:
        """Rows of ``state.neighbours`` in the order in which they are listed, and what is wrong with the filter ("" if
        nothing is; all rows are listed then). ``state``: the one that is being drawn, if it is not the newest.
        """
        state = state or self._state
        near, view, problem = state.neighbours, state.view, ""
        if near is None:
            return [], ""
        rows = np.arange(len(near))
        try:
            rows = similar_filter.kept(near, view.similar_filter)
        except OptionError as error:
            problem = " ".join(str(error).split())
        return [int(r) for r in similar_filter.ordered(near, rows, view.similar_sort)], problem

    # ------------------------------------------------------------------ regions of the map
    def planes(self) -> Any:
        """The planes of the catalogue that the similar stars are from; their rows are the table's ``row``."""
        if self._index is None:
            return None
        index = self._reference()
        return getattr(index, "planes", None)

    @told
    def select_region(self, xs: Sequence[float] | None, ys: Sequence[float] | None = None, plane: str = "") -> None:
        """Look for similar stars only among those in a region of the map; None for all stars again.

        Parameters
        ----------
        xs, ys : sequence of float
            Two of each are the corners of a box, three or more those of a polygon.
        plane : str
            In which plane; the one that is shown by default.
        """
        if xs is None:
            self.set(region=None)
            return
        x, y = [float(v) for v in xs], [float(v) for v in ys or ()]
        if len(x) == len(y) == 2:
            x, y = [x[0], x[1], x[1], x[0]], [y[0], y[0], y[1], y[1]]
        step = -(-len(x) // CORNERS) or 1
        self.set(region=(plane or self._state.view.plane, tuple(x[::step]), tuple(y[::step])))

    def region_names(self, most: int | None = None) -> list[str]:
        """Names of the stars in the region of the map and the cluster, in the order of the catalogue,
        at most ``most``.
        """
        planes = self.planes()
        rows = None if planes is None else searched(planes, self._state.view)[0]
        return [] if rows is None else planes.names(rows[:most])

    @told
    def list_region(self) -> None:
        """Put the stars in the region on the work list, at most :data:`LISTED`."""
        names = self.region_names(LISTED + 1)
        if not names:
            self.tell(Notice("warning", "No stars in the region", "Draw one on the map that holds some"))
            return
        self._listed(names[:LISTED], True)
        if len(names) > LISTED:
            near = self._state.neighbours
            held = (
                ""
                if near is None or "region" not in near.meta
                else f" of {near.meta['region']:,}".replace(",", "\u202f")
            )
            self.tell(
                Notice(
                    "info", f"The first {LISTED}{held} stars are on the work list", "Draw a smaller region for others"
                )
            )

    # ------------------------------------------------------------------ selecting and pointing
    def _reference(self, report: Any = None) -> Any:
        """The index that the similar stars on screen are from; without any, the one that the report would ask."""
        near = self._state.neighbours
        survey = None if near is None else near.meta.get("survey")
        if survey is None or self._index is None:
            return super()._reference(report if report is not None else self._state.report)
        return self._index(self.engine, str(survey))

    def _star_of(self, near: Any, row: int) -> Any:
        """The star of a row of the table, None where the catalogue holds no spectra."""
        give = getattr(self._reference(), "neighbour_star", None)
        return None if give is None else give(int(near["row"][row]))

    def stars_are_far(self) -> bool:
        """Whether a similar star has to be fetched from an archive or a file before it can be drawn."""
        return self._index is not None and bool(getattr(self._reference(), "far_stars", False))

    @told_at_once
    def choose(self, row: int | None) -> None:
        """Select a similar star (a row of ``state.neighbours``) for the overlay; None clears.

        One that is in an archive is fetched; ``state.neighbour_star`` has it when it is there.
        """
        with self._changing():
            near = self._state.neighbours
            if row is None or near is None or not 0 <= row < len(near):
                self._stop_fetching()
                self._update(neighbour=None, neighbour_star=None, peek=None, peek_star=None)
                return
            if self.stars_are_far():
                self._fetch_neighbour(near, row)
                return
            try:
                star = self._star_of(near, row)
            except SpecvizError as error:
                self._update(notice=Notice("error", "The similar star could not be shown", str(error)))
                return
            self._update(neighbour=row, neighbour_star=star)

    def _fetch_neighbour(self, near: Any, row: int) -> None:
        """Called under the lock."""
        if row == self._state.neighbour and (self._state.neighbour_star is not None or self._fetching is not None):
            return
        self._stop_fetching()
        self._fetching = Job("Fetching a similar star", lambda _job: (near, row, self._star_of(near, row)))
        self._update(neighbour=row, neighbour_star=None, neighbour_said="Fetching its spectra…")
        if self._fetch_lane is None:
            self._fetch_lane = Lane("specviz-neighbour", self._fetched)
        self._fetch_lane.put(self._fetching)

    def _stop_fetching(self) -> None:
        job, self._fetching = self._fetching, None
        if job is not None:
            job.cancel()

    def _fetched(self, job: Job) -> None:
        with self._changing():
            if job is not self._fetching:
                return
            self._fetching = None
            if job.error is not None:
                known = isinstance(job.error, SpecvizError)
                self._update(neighbour_said=str(job.error) if known else "A fault of specviz; the log has it")
                return
            near, row, star = job.result
            if near is self._state.neighbours and row == self._state.neighbour:
                said = "" if star is not None else "The catalogue does not say where its spectra are"
                self._update(neighbour_star=star, neighbour_said=said)

    def peek(self, row: int | None) -> None:
        """Show a similar star for as long as the pointer is on it, without selecting it; None ends that."""
        with self._changing():
            near = self._state.neighbours
            if row is None or near is None or not 0 <= row < len(near):
                self._look = None
                if self._state.peek is not None:
                    self._update(peek=None, peek_star=None)
                return
            if row == self._state.peek:
                return
            if self.stars_are_far():  # no archive is asked for what the pointer passes over
                self._update(peek=row, peek_star=self._state.neighbour_star if row == self._state.neighbour else None)
                return
            self._look = Job(f"Looking at {row}", lambda _job: (near, row, self._star_of(near, row)))
            if self._look_lane is None:
                self._look_lane = Lane("specviz-peek", self._looked)
            self._look_lane.put(self._look)

    def _looked(self, job: Job) -> None:
        with self._changing():
            if job is not self._look or job.error is not None:  # it is met again, and told, when the star is selected
                return
            self._look = None
            near, row, star = job.result
            if near is self._state.neighbours:
                self._update(peek=row, peek_star=star)

    @told
    def open_neighbour(self, row: int | None = None) -> Job | None:
        """Show the selected similar star itself, or that of a row."""
        state = self._state
        row = state.neighbour if row is None else row
        if row is None or state.neighbours is None or not 0 <= row < len(state.neighbours):
            return None
        star = state.neighbour_star if row == state.neighbour else None
        if star is None and self.stars_are_far():
            return self.open(self._reference().neighbour_target(int(state.neighbours["row"][row])))
        try:
            star = star if star is not None else self._star_of(state.neighbours, row)
        except SpecvizError as error:
            self._update(notice=Notice("error", "The similar star could not be opened", str(error)))
            return None
        return self.open(star if star is not None else str(state.neighbours["object_id"][row]))

    def open(self, target: Any) -> Job:
        raise NotImplementedError

    def tell(self, notice: Notice) -> None:
        raise NotImplementedError

    def _update(self, **changes: Any) -> None:
        """Another star or another table: nothing is pointed at any more."""
        if "neighbours" in changes or "star" in changes:
            changes = {"peek": None, "peek_star": None, **changes}
        if {"neighbours", "star", "neighbour"} & changes.keys():
            changes = {"neighbour_said": "", **changes}
        super()._update(**changes)

    def _end_explaining(self) -> None:
        with self._lock:
            lanes = (self._search_lane, self._look_lane, self._fetch_lane)
            self._search_lane = self._look_lane = self._fetch_lane = self._search = self._look = None
            self._stop_fetching()
        for lane in lanes:
            if lane is not None:
                lane.leave()
        super()._end_explaining()


def _vector(report: Any, survey: str) -> Any:
    """The embedding of a star's optical or XP spectrum; None if there is none."""
    wanted = OPTICAL if survey == "lamost_lrs" else ("gaia_xp",)
    return next((report.embeddings[s] for s in wanted if s in report.embeddings), None)
