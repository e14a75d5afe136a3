"""``Loading``: what a session's jobs do on their threads, from a target to star, report and neighbours."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from specviz.errors import FileTooLargeError, ReadError, SpecvizError
from specviz.session import curves, outcome, work
from specviz.session.jobs import Job, JobRunner
from specviz.session.resolve import describe, existing, resolve, stars_or_targets
from specviz.session.state import State
from specviz.session.viewing import Viewing
from specviz.spectra.star import Star

NEIGHBOURS = 50  # similar stars asked for
READY = 4  # stars kept that were prepared
PATIENCE = 2.0  # seconds that imports and the first search wait for a display that is being built
Known = tuple[Star, Any]  # a star and its report


class Loading(Viewing):
    """The working half of :class:`specviz.session.session.Session`; every method runs on a worker's thread."""

    _jobs: JobRunner
    #: Stars kept that were prepared.
    ready = READY

    def __init__(
        self, state: State, engine: Any, index: Callable[[Any, str], Any] | None, sky: Any, allow_paths: bool
    ) -> None:
        super().__init__(state)
        self.engine, self.sky, self.allow_paths = engine, sky, allow_paths
        self._index, self._searched = index, False
        self._built = threading.Event()
        self._built.set()
        self._ready: dict[int, tuple[Any, Known]] = {}  # work-list position -> (its target, star and report)

    def _show_early(self, job: Job, star: Star, report: Any = None) -> None:
        raise NotImplementedError

    @contextmanager
    def building(self) -> Iterator[None]:
        """While a display is built: the star is fetched meanwhile, the first import of the model and the first search
        of the catalogue wait.

        (Seconds of Python, they would make the building twice as slow.)
        """
        self._built.clear()
        try:
            yield
        finally:
            self._built.set()

    def settle(self, timeout: float) -> bool:
        """Wait for the star asked for, a moment at most; tells whether it is there, or its spectra are."""
        end = time.monotonic() + timeout
        while self._idle_or_shown() is False and time.monotonic() < end:
            time.sleep(0.001)
        return self._idle_or_shown()

    def _idle_or_shown(self) -> bool:
        raise NotImplementedError

    # ------------------------------------------------------------------ kinds of work
    def _open(self, job: Job, target: Any) -> dict[str, Any]:
        """Star, report and neighbours of a target; a file may hold several stars, or list targets, instead."""
        try:
            return self._load(job, self._fetch(job, target))
        except FileTooLargeError:
            raise
        except ReadError:
            path = target if isinstance(target, Path) else None
            if path is None and isinstance(target, str) and self.allow_paths:
                path = existing(target.strip().strip("'\""))
            if path is None:
                raise
            return self._read(job, path.name, path.read_bytes(), add=False)

    def _read(self, job: Job, name: str, data: bytes, *, add: bool) -> dict[str, Any]:
        """The same of an upload."""
        job.step("Reading")
        stars, targets = stars_or_targets(name, data)
        if not stars or add:
            return dict(targets=targets or stars, add=add)
        found = self._load(job, lambda: stars[0])
        if len(stars) > 1:
            found["work"], found["position"] = work.opened(stars), 0
        return found

    def _attach(self, job: Job, star: Star | None, survey: str, name: str, data: bytes) -> dict[str, Any]:
        """The star on screen with one more spectrum, from an upload."""
        job.step("Reading")
        stars, _ = stars_or_targets(name, data)
        if survey == "light_curve" and star is not None:
            return self._load(job, lambda: curves.with_curve(star, curves.curve_of(name, stars, star)))
        spectrum = next((s.spectra[survey] for s in stars if survey in s.spectra), None)
        if spectrum is None:
            held = ", ".join(sorted({k for s in stars for k in s.spectra})) or "a list of stars"
            wanted = {"gaia_xp": "a Gaia XP spectrum", "lamost_lrs": "a LAMOST spectrum"}.get(survey, survey)
            raise SpecvizError(f"{name[:60]} holds something else ({held})", expected=wanted)
        if star is None:
            return self._load(job, lambda: stars[0])
        # Asking for the star again would not bring this spectrum: a session that is saved keeps it.
        attached = {**star.meta, "attached": (*star.meta.get("attached", ()), survey)}
        return self._load(job, lambda: star.with_spectrum(spectrum).with_(meta=attached))

    def _row(self, job: Job, position: int, target: Any, preparing: Job | None) -> dict[str, Any]:
        """A row of the work list; one that is being prepared is waited for, so that services are asked once."""
        if preparing is not None:
            job.steps = preparing.steps
            while not preparing.finished.wait(0.02):
                job.step("Waiting for what was begun")
            job.steps = dict(preparing.steps)
        kept = self._ready.pop(position, None)
        known = kept[1] if kept is not None and kept[0] is target else None
        return self._load(job, self._fetch(job, target), known=known)

    def _preparation(self, position: int, target: Any) -> Job:
        """The job that fetches and analyses a row before it is asked for."""

        def ahead(job: Job) -> None:
            star = resolve(target, sky=self.sky, allow_paths=self.allow_paths, monitor=job.monitor)
            job.step("Running the model")
            report = self.engine.analyse(star, cancel=lambda: job.cancelled)
            if outcome.unanswered(star):  # asked again when it is opened, where the person sees it
                return
            if report.posterior is not None:
                report.posterior.summary()  # kept in it: quantiles of all samples, the dearest part of drawing a star
            self._analysed(star, report)
            self._keep(position, target, (star, report))

        return Job(f"Preparing {describe(target)[:60]}", ahead, target=target, position=position)

    def _keep(self, position: int, target: Any, known: Known) -> None:
        """Hold a row's star and report ready."""
        with self._lock:
            self._ready.pop(position, None)
            self._ready[position] = (target, known)
            while len(self._ready) > self.ready:
                self._ready.pop(next(iter(self._ready)), None)

    def _analysed(self, star: Star, report: Any) -> None:
        """Called on a worker's thread when a report was made, before anyone sees it."""

    # ------------------------------------------------------------------ their parts
    def _fetch(self, job: Job, target: Any) -> Callable[[], Star]:
        return lambda: resolve(target, sky=self.sky, allow_paths=self.allow_paths, monitor=job.monitor)

    def _load(self, job: Job, get: Callable[[], Star], known: Known | None = None) -> dict[str, Any]:
        """Star, report and neighbours: the state changes of one load."""
        job.step("Reading")
        star, report = known if known is not None else (get(), None)
        job.step("Running the model")
        if report is None and not self.engine.loaded:
            # The first star of a kernel: the data are on screen while torch is still being imported.
            self._show_early(job, star)
            self._built.wait(PATIENCE)
        if report is None:
            report = self.engine.analyse(star, cancel=lambda: job.cancelled)
            self._analysed(star, report)
        job.step("Looking for similar stars")
        if self._index is not None and not self._searched and not report.problem:
            # The first search may have to embed the reference stars, which takes a large model a minute, or to read the
            # names of a million stars: it waits for a display that is being built.
            self._show_early(job, star, report)
            self._built.wait(PATIENCE)
        near = self._similar(star, report)
        self._searched = self._searched or near is not None
        return dict(star=star, report=report, neighbours=near)

    def _similar(self, star: Star, report: Any) -> Any:
        if self._index is None or report.embedding is None:
            return None
        return self._reference(report).search(report.embedding, k=NEIGHBOURS, exclude=star.name)

    def _reference(self, report: Any = None) -> Any:
        """The similarity index of the survey that leads the report."""
        if self._index is None:
            raise SpecvizError("There is no reference catalogue in this session")
        return self._index(
            self.engine, "gaia_xp" if report is not None and report.survey == "gaia_xp" else "lamost_lrs"
        )

    def _kept(self) -> int | None:
        """How many stars were fetched before; None if that is not known."""
        store = getattr(self.sky, "cache", None)
        if store is None:
            return None
        from specviz.archives.known import known

        return len(known(store))

    def _reachable(self) -> bool:
        """Whether archives may be asked: not switched off here, nor for the whole process."""
        return self.sky is None or bool(getattr(self.sky, "reachable", self.sky.online))
