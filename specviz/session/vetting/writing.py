"""``Writing``: a session with a journal of labels; what is written is on disk first, then on screen."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np

from specviz.errors import SpecvizError
from specviz.session.jobs import Job, Lane
from specviz.session.session import Session
from specviz.session.state import Notice, State
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.keys import data_version
from specviz.session.vetting.pace import Pace
from specviz.session.vetting.record import Record
from specviz.session.vetting.values import Context, Label, Progress, Vet
from specviz.session.vetting.vocabulary import Vocabulary

_log = logging.getLogger(__name__)
#: Stars made ready in front of the person.
AHEAD = 3
#: Stars kept ready, those just left among them.
KEPT = 8
_SAME = object()


class Writing(Session):
    """A :class:`~specviz.session.session.Session` whose work list is labelled; ``state.vet`` says how far one is.

    Everything that is said goes to the journal first and to the screen when it is on disk.

    Parameters
    ----------
    engine, **options
        As of :class:`~specviz.session.session.Session`.
    journal : LabelJournal
        Open; closed with the session.
    vocabulary : Vocabulary
    work_list : str
        Name of the list.
    blind : bool
        Hide the model's score and reasons, and what others say, until the label is saved.
    oddity : callable(report), optional
        Why the star of a report is odd (``OutlierScorer.of``); called on worker threads.
    """

    widget = "vetting"
    ready = KEPT

    def __init__(
        self,
        engine: Any,
        *,
        journal: LabelJournal,
        vocabulary: Vocabulary,
        work_list: str = "",
        blind: bool = True,
        oddity: Callable[[Any], Any] | None = None,
        **options: Any,
    ) -> None:
        #: Told on a worker's thread of a star that will be shown; a view works out there what it will draw.
        self.prepared: Callable[[Any, Any], None] = lambda _star, _report: None
        # Of the thread that says something: how deep, and the state before (the first state is told of right below).
        self._held = threading.local()
        super().__init__(engine, **options)
        self.journal = journal
        self._oddity = oddity
        self._cold = True
        self._odds: OrderedDict[int, tuple[Any, Any]] = OrderedDict()  # id of a report -> it, and why its star is odd
        self._record = Record(journal)
        self._writing = threading.RLock()  # never taken inside the state's lock: see :meth:`_saying`
        self._unread = ""  # why the journal could not be read the last time
        self._pace = Pace()
        self._rank: np.ndarray[Any, Any] | None = None
        vet = Vet(work_list, journal.reviewer, str(journal.path), vocabulary, blind=blind)
        self._update(vet=vet)

    @property
    def vet(self) -> Vet:
        """``state.vet``, which is always there."""
        vet = self._state.vet
        if vet is None:
            raise SpecvizError("This list is closed", remedy="Call specviz.vet(...) again")
        return vet

    @contextmanager
    def _saying(self) -> Iterator[None]:
        """One thing is said after the other: reading how things stand, writing, and showing it are one.

        Listeners hear of it when the next may speak. A listener waits for its display, and a callback of that display
        may be waiting here; were it told within, the two could wait for each other.
        """
        held = self._held
        with self._writing:
            held.depth = getattr(held, "depth", 0) + 1
            try:
                yield
            finally:
                held.depth -= 1
                before = None
                if held.depth == 0:
                    before, held.before = getattr(held, "before", None), None
        if before is not None:
            self._changed(before, self._state)

    def _changed(self, old: State, new: State) -> None:
        if getattr(self._held, "depth", 0):  # :meth:`_saying` tells of it
            if getattr(self._held, "before", None) is None:
                self._held.before = old
            return
        super()._changed(old, new)

    def _write(self, changes: Sequence[tuple[str, str, Any]], *, undoes: str = "") -> bool:
        """Put events into the journal, then on screen; False if the disk would not have them (the view says so).

        They are one step, which is taken back as one; what is only a look ("open", "blind") is no step of anybody.
        """
        with self._saying():
            if not changes:
                if self.vet.problem:  # what could not be written is there, or no longer wanted
                    self._bring_up((), problem="")
                return True
            try:
                events = self.journal.record(changes, self._context(changes[0][0]), undoes=undoes)
                touched = self._record.add(events)
            except SpecvizError as error:
                self._tell_problem(str(error))
                return False
            self._bring_up(touched, saved=events[-1].time, problem="")
        return True

    def _bring_up(self, touched: Collection[str], **changes: Any) -> None:
        """Bring what is on screen up to the record; ``touched`` are the stars that something was said of."""
        with self._changing():
            vet = self.vet
            rows = vet.rows
            if touched:
                rows = tuple(replace(r, label=self._record.label(r.key)) if r.key in touched else r for r in rows)
            self._update(vet=self._told_of(replace(vet, rows=rows, **changes)))

    def _tell_problem(self, problem: str) -> None:
        with self._changing():
            self._update(vet=replace(self.vet, problem=problem))

    def _context(self, star: str) -> Context:
        """What was on screen, if that was the star that is written of."""
        state, vet = self._state, self.vet
        at = state.position
        shown = at is not None and at < len(vet.rows) and vet.rows[at].key == star
        report = state.report if shown else None
        made = None if report is None else report.provenance
        return Context(
            model="" if made is None else made.model,
            model_version="" if made is None else made.model_version,
            weights_sha256="" if made is None else made.weights_sha256,
            data=data_version(state.star if shown else None),
            blind=(not vet.revealed if shown else vet.blind and not self._record.role) and self._record.blind(star),
            vocabulary=vet.vocabulary.version,
            work_list=vet.work_list,
            role=self._record.role,
        )

    def refresh(self) -> bool:
        """Read what others, and other windows of mine, have written meanwhile; False if that cannot be read now."""
        with self._saying():
            try:
                touched = self._record.refresh()
            except SpecvizError as error:
                self._unread = str(error)
                self._tell_problem(self._unread)
                return False
            over = self._unread and self.vet.problem == self._unread
            self._unread = ""
            if touched or over:
                self._bring_up(touched, **({"problem": ""} if over else {}))
            return True

    def _conflicts(self) -> frozenset[str]:
        """Keys of stars that reviewers do not agree on."""
        return self._record.conflicts()

    def _told_of(self, vet: Vet, position: Any = _SAME) -> Vet:
        """``vet`` with what follows from the record and the star on screen. Called under the state's lock."""
        at = self._state.position if position is _SAME else position
        row = vet.rows[at] if at is not None and 0 <= at < len(vet.rows) else None
        label = row.label if row is not None else Label()
        adjudicating = self._record.role != ""
        revealed = not vet.blind or label.done or adjudicating
        others = () if row is None or not revealed else self._record.others(row.key)
        counted = [vet.rows[p] for p in vet.order] if adjudicating else vet.rows  # there is nothing else to decide on
        done = sum(r.label.done for r in counted)
        return replace(
            vet,
            label=label,
            others=others,
            revealed=revealed,
            adjudicating=adjudicating,
            decision=None if row is None or not revealed else self._record.decision(row.key),
            progress=Progress(done, len(counted), self._pace.each),
            can_undo=self._record.undoable is not None,
            can_redo=self._record.redoable is not None,
        )

    def _update(self, **changes: Any) -> None:
        """With another star comes what is said of it; the line of what was done last stays."""
        if changes.get("call") == "":
            changes.pop("call")
        with self._changing():
            before: State = self._state
            vet = changes.get("vet", before.vet)
            if vet is not None and ({"star", "report", "position"} & set(changes)):
                report = changes.get("report", before.report)
                known = self._odds.get(id(report))
                vet = replace(
                    self._told_of(vet, changes.get("position", before.position)),
                    odd=None if known is None else known[1],
                )
                if changes.get("star", before.star) is not before.star:
                    vet = replace(vet, window=None)
                    self._pace.shown()
                changes["vet"] = vet
            super()._update(**changes)

    def _fail(self, job: Job, notice: Notice) -> None:
        """A row that cannot be opened leaves nothing on screen: what is said of it must not look said of another star.

        (It may be labelled: that a file is damaged is worth keeping.)
        """
        with self._changing():
            super()._fail(job, notice)
            place = self._place(job)
            if place is not None and self._state.work[place].status == "failed":
                self._update(
                    star=None, report=None, neighbours=None, neighbour=None, neighbour_star=None, explained=None
                )

    # ------------------------------------------------------------------ what is made ready
    def _ahead_of(self, position: int, here: int | None) -> int | None:
        return None  # :meth:`_wanted_ahead` says which

    def _analysed(self, star: Any, report: Any) -> None:
        """A worker has a report: why its star is odd belongs to it."""
        self.prepared(star, report)
        if self._oddity is None or report.problem:
            return
        if self._cold:  # the first one makes the templates of the detectors, seconds that nobody should wait for
            self._cold = False
            lane = Lane("specviz-odd", lambda job: lane.leave())
            lane.put(Job("Why the first star is odd", lambda job: self._explain_odd(star, report)))
            return
        self._explain_odd(star, report)

    def _explain_odd(self, star: Any, report: Any) -> None:
        if self._oddity is None:
            return
        try:
            odd = self._oddity(report)
        except SpecvizError:
            _log.warning("no scores for %s", star.name, exc_info=True)
            return
        with self._lock:
            self._odds[id(report)] = report, odd  # the report is kept, so that its id is not given to another
            while len(self._odds) > KEPT + AHEAD:
                self._odds.popitem(last=False)
        with self._changing():
            vet = self._state.vet
            if vet is not None and self._state.report is report and vet.odd is not odd:
                self._update(vet=replace(vet, odd=odd))

    def _row(self, job: Job, position: int, target: Any, preparing: Job | None) -> dict[str, Any]:
        found = super()._row(job, position, target, preparing)
        self._keep(position, target, (found["star"], found["report"]))  # "back" is as quick as "forward"
        return found

    def _wanted_ahead(self, position: int) -> tuple[int, ...]:
        """The next rows that a person will see from ``position`` on, without the finished ones."""
        vet = self._state.vet
        if vet is None:  # closed meanwhile
            return ()
        place = vet.place(position)
        behind = vet.order if place is None else vet.order[place + 1 :]
        return tuple(islice((p for p in behind if not vet.rows[p].label.done), AHEAD))

    def close(self) -> None:
        with self._writing:  # after what is being said
            super().close()
            self.journal.close()
