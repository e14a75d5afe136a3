"""``Session``: one exploring person. State changes under one lock, work happens in jobs, views hear what changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from specviz import __version__
from specviz.analysis.studies.protocol import Study
from specviz.archives.protocol import Candidate
from specviz.errors import ModelError, SpecvizError
from specviz.session import curves, outcome, saved, work
from specviz.session.facing import Models
from specviz.session.jobs import Job
from specviz.session.measuring import Templates
from specviz.session.resolve import describe, is_query, split_names
from specviz.session.running import RECENT
from specviz.session.state import Asked, Notice, State
from specviz.session.studying import Studying
from specviz.spectra.star import Star

_log = logging.getLogger(__name__)


class Session(Studying):
    """State, jobs and history of one exploring person.

    Parameters
    ----------
    engine : Engine
        Anything with ``analyse(star, cancel=...) -> Report`` and ``loaded`` (is the model in memory?); shared between
        sessions.
    index : callable, optional
        ``index(engine, survey)`` gives the similarity index (built on the first call, kept by the caller).
    sky : Sky, optional
        Finds stars by name (:class:`specviz.archives.finder.Sky`); of this session alone, since it can be switched
        offline. Without one only demo stars and files can be opened.
    allow_paths : bool
        Whether text may name a file of this machine, or be a question to a service's tables.
    expecting : bool
        A star will be asked for right after the views are built, so they skip the first screen. (Asking before would
        make the imports of the model compete with the building of the views.)
    models : Models, optional
        The models that a person may choose from or have compared; without, there is ``engine`` alone.
    templates : Templates, optional
        Gives the rest-frame spectra that velocities are measured with.
    studies : mapping of str to Study, optional
        The systems that have a panel of their own.

    Notes
    -----
    Every method may be called from any thread. Listeners are called with (old, new) on the thread that made the
    change, after
    it; two threads may call at once, so a listener draws ``session.state``, the newest, under a lock of its own.
    """

    def __init__(
        self,
        engine: Any,
        index: Callable[[Any, str], Any] | None = None,
        *,
        sky: Any = None,
        allow_paths: bool = True,
        expecting: bool = False,
        models: Models | None = None,
        templates: Templates | None = None,
        studies: Mapping[str, Study] | None = None,
    ) -> None:
        super().__init__(engine, index, sky, allow_paths, expecting)
        self.models, self.templates, self.studies = models, templates, studies or {}
        if not self._reachable():
            self._update(**self._offline())

    # ------------------------------------------------------------------ asking for stars
    def open(self, target: Any) -> Job:
        """Show a star: a Star, Spectrum, path, Candidate, or text (see :func:`specviz.session.resolve.resolve`).

        A file that lists stars becomes the work list; a question in ADQL adds its rows to it.
        """
        if isinstance(target, str) and is_query(target):
            return self.add_targets(target)
        name = describe(target)
        return self._start(self._opening(name), lambda job: self._open(job, target), name, target)

    def open_bytes(self, name: str, data: bytes, *, add: bool = False) -> Job | None:
        """Show a star from an uploaded file; one that holds or lists several fills the work list and shows the first.

        A saved session takes the place of this one. With ``add``, what is in it comes after the rows that are there.
        """
        if saved.is_session(data):
            return self.restore(data, name)
        star, view = self._state.star, self._state.view
        if view.study == "desa" and star is not None and star.spectra and not add and curves.is_light_curve(data):
            return self.attach("light_curve", name, data)  # the panel asks for one
        return self._start(f"Reading {name[:60]}", lambda job: self._read(job, name, data, add=add), name, None)

    def attach(self, survey: str, name: str, data: bytes) -> Job:
        """Add the spectrum of a survey, or "light_curve", from an uploaded file to the star on screen."""
        star = self._state.star
        return self._add_to_star(f"Reading {name[:60]}", lambda job: self._attach(job, star, survey, name, data), name)

    def fetch_light_curve(self) -> Job | None:
        """Give the star on screen the light curve that MAST has of it (a simulated star: one simulated for it).

        What goes wrong is told in a notice; the star stays as it is.
        """
        star = self._state.star
        if star is None:
            return None
        return self._add_to_star(
            f"Looking for a light curve of {star.name[:40]}",
            lambda job: self._load(job, lambda: curves.fetched(star, sky=self.sky)),
            star.name,
        )

    def _add_to_star(self, title: str, work: Callable[[Job], dict[str, Any]], name: str) -> Job:
        """Start work that adds to the star on screen."""
        source = self._state.source
        target = None if source is None else source.target
        return self._start(title, work, self._state.target or name, target, self._state.position, aside=True)

    def pick(self, candidate: Candidate | int) -> Job | None:
        """Show one of the candidates (or any other); a row of the work list that was ambiguous keeps the choice."""
        state = self._state
        if isinstance(candidate, int):
            if not 0 <= candidate < len(state.candidates):
                return None
            candidate = state.candidates[candidate]
        if candidate.archive == "recent":
            return self.open_recent(candidate.name)
        position = state.question.position if state.question is not None and candidate in state.candidates else None
        if position is None or not 0 <= position < len(state.work):
            return self.open(candidate)
        self._update(work=work.retargeted(state.work, position, candidate))
        return self.go(position)

    def open_recent(self, name: str) -> Job | None:
        """Show a star again that was shown before."""
        found = next((r for r in self._state.recent if r.name == name), None)
        return None if found is None else self.open(found.target)

    def retry(self, asked: Asked | None = None) -> Job | None:
        """Ask again: for ``asked``, else for what did not come, else for the star on screen."""
        state = self._state
        asked = asked or state.retry or state.source
        if asked is None:
            return None
        if not state.online:
            self.set_online(True)
        position = asked.position
        if position is not None and position < len(state.work) and state.work[position].target is asked.target:
            self._ready.pop(position, None)
            return self.go(position)
        return self.open(asked.target)

    def suggest(self, text: str, n: int = 8) -> tuple[Candidate, ...]:
        """What a person may mean who has typed so far: stars of late, then what the sky has at hand. No network."""
        words = " ".join(text.split()).lower()
        if not words:
            return ()
        found = [Candidate(r.name, "recent", "shown before") for r in self._state.recent if words in r.name.lower()][:3]
        if self.sky is not None:
            try:
                found += self.sky.suggest(text, n)
            except SpecvizError:  # a damaged cache is told of when something is fetched, not at each letter
                _log.warning("no suggestions for %r", text[:80], exc_info=True)
        return tuple({c.name: c for c in reversed(found)}[name] for name in dict.fromkeys(c.name for c in found))[:n]

    # ------------------------------------------------------------------ the work list
    def set_work(self, targets: Sequence[Any]) -> None:
        """Fill the work list and show its first row."""
        self._ready.clear()
        self._at = None
        self._update(work=work.rows_of(targets), position=None)
        if targets:
            self.go(0)

    def add_targets(self, what: Any) -> Job:
        """Add stars to the work list: names (separated by commas or lines), a table, or a question in ADQL."""
        many = not isinstance(what, str)
        name = "the list" if many else what[:40]

        def ask(job: Job) -> dict[str, Any]:
            from specviz.archives.targets import query_targets, targets_of

            job.step("Asking")
            if many:
                return dict(targets=list(targets_of(what)), add=True)
            if not is_query(what):
                return dict(targets=split_names(what), add=True)
            if not self.allow_paths:
                raise SpecvizError("Tables cannot be asked here", expected="names of stars, separated by commas")
            return dict(targets=list(query_targets(what)), add=True)

        return self._start("Making the list", ask, name, what)

    def _listed(self, targets: Sequence[Any], add: bool) -> None:
        """A job found a list of stars: it becomes the work list, or is added to it."""
        if not targets:
            self.tell(Notice("warning", "No stars", "The list is empty"))
            return
        if not add:
            self.set_work(targets)
            return
        with self._changing():
            first, shown = len(self._state.work), self._state.star is not None
            self._update(work=(*self._state.work, *work.rows_of(targets)))
        if first == 0 or not shown:
            self.go(first)

    def add_examples(self, n: int = 24) -> None:
        """Put the first ``n`` demo stars on the work list."""
        from specviz.archives.demo import DemoArchive

        self.set_work(list(DemoArchive().names())[:n])

    def go(self, position: int) -> Job | None:
        """Show row ``position`` of the work list."""
        with self._changing():
            rows = self._state.work
            if not 0 <= position < len(rows):
                return None
            here, self._at = self._at, position
        item = rows[position]
        preparing = self._jobs.ahead
        if preparing is not None and (preparing.position != position or preparing.target is not item.target):
            preparing = None
        return self._start(
            self._opening(item.name),
            lambda job: self._row(job, position, item.target, preparing),
            describe(item.target),
            item.target,
            position,
            self._ahead_of(position, here),
        )

    def _ahead_of(self, position: int, here: int | None) -> int | None:
        """The row that is prepared when row ``position`` is shown, coming from row ``here``."""
        return position + (1 if here is None or position >= here else -1)

    def next(self) -> Job | None:
        """The next row of the work list."""
        return self.go(0 if self._at is None else self._at + 1)

    def previous(self) -> Job | None:
        """The row before."""
        return self.go((self._at or 0) - 1)

    # ------------------------------------------------------------------ saved sessions
    def save(self) -> bytes:
        """What is before the person as a session file (:mod:`specviz.session.saved`); :meth:`restore` takes it."""
        return saved.write(self._state, version=__version__)

    def restore(self, data: bytes, name: str = "session.json") -> Job | None:
        """Take up a saved session in place of this one.

        Raises
        ------
        ReadError
            The file is damaged, something else, or of a newer version; nothing has changed then.
        """
        found = saved.read(data, name, allow_paths=self.allow_paths)
        self.cancel()
        job: Job | None = None
        with self._changing():  # one step: nothing that ends meanwhile may write into the list that was restored
            self._ready.clear()
            self._at = None
            self._update(
                work=found.work, recent=found.recent[:RECENT], position=None, target="", star=None, report=None,
                neighbours=None, neighbour=None, neighbour_star=None, explained=None, candidates=(), question=None,
                source=None, retry=None, notice=None,
            )  # fmt: skip
            self.set(**found.view.to_dict())
            if found.model and found.model != self._state.model:
                with suppress(ModelError):  # a model that is not here is told of below
                    self.use_model(found.model)
            if self.sky is not None and found.online != self._state.online:
                self.set_online(found.online)
            shown = found.shown
            if shown is not None and shown.position is not None and not isinstance(shown.target, Star):
                job = self.go(shown.position)
            elif shown is not None:
                name, target = shown.name or describe(shown.target), shown.target
                job = self._start(
                    self._opening(name), lambda job: self._open(job, target), name, target, shown.position
                )
                self._at = shown.position
        if found.model and found.model != self._state.model:
            self.tell(
                Notice(
                    "warning",
                    f"The session was saved with the model {found.model[:60]}, which is not here",
                    f"The numbers here are those of {self._state.model}",
                )
            )
        return job

    # ------------------------------------------------------------------ notices, network
    def cancel(self) -> None:
        """Stop the running job; what is on screen stays. Does not wait for the work to notice."""
        with self._changing():
            job = self._jobs.give_up()
            if job is not None:
                self._fail(job, outcome.STOPPED)
        if job is None:
            return
        self._idle_if_nothing_runs()
        job.cancel()  # after the words: they must not wait for whatever has to be let go
        self._jobs.drop_ahead()

    def dismiss(self) -> None:
        """Close the notice and the list of candidates."""
        if not self._state.online:
            self._quiet_offline = True
        self._update(notice=None, candidates=(), question=None)

    def tell(self, notice: Notice) -> None:
        """Show a notice."""
        self._update(notice=notice)

    def set_online(self, online: bool) -> None:
        """Ask archives, or do not: then the demo sky and what was fetched before answer."""
        if self.sky is None:
            return
        self.sky.online = bool(online)
        self._quiet_offline = False
        if not self._reachable():
            self._update(**self._offline())
            return
        told = self._state.notice
        self._update(online=True, notice=None if told is not None and "online" in told.actions else told)

    def reconnect(self) -> Job | None:
        """Ask the archives again, and for what they could not be asked."""
        self.set_online(True)
        if self._state.retry is not None or outcome.unanswered(self._state.star):
            return self.retry()
        self.dismiss()
        return None

    def close(self) -> None:
        """End the jobs and forget the listeners."""
        self._jobs.close()
        self._end_explaining()
        with self._lock:
            self._listeners.clear()
            self._ready.clear()
            self._state = State(model=self._state.model, catalogue=self._state.catalogue, view=self._state.view)
        self._idle.set()
