"""``LabelJournal``: the file that holds what reviewers said, event by event. What it has acknowledged is on disk."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from specviz import __version__
from specviz.errors import JournalError
from specviz.session.vetting.journal_file import COLUMNS, explained, open_file, patiently, writing
from specviz.session.vetting.journal_trouble import damaged, primary
from specviz.session.vetting.places import checked_reviewer
from specviz.session.vetting.values import ADJUDICATOR, Context, Event, value_fits

T = TypeVar("T")
#: One thing to be written: (star, kind, value).
Change = tuple[str, str, Any]
_FIELDS = frozenset(f.name for f in fields(Context))
_INSERT = f"INSERT INTO events ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_SELECT = f"SELECT number, {', '.join(COLUMNS)} FROM events"


class LabelJournal:
    """An append-only file of events.

    Several windows, programs and machines may have one file open and write to it: each write is one transaction, and
    who comes second waits. Every method may be called from any thread.

    After an error nothing is lost and nothing is torn; the next call opens the file anew, so that it works again once
    the reason is gone (a full disk, a network home that was away).

    Parameters
    ----------
    path : str or Path
        Made where it is not there. Not to be copied or opened by other means of the process that has it open: that lets
        go of its locks. Copy it from a shell, or with :meth:`add` into another journal.
    reviewer : str
        In whose name :meth:`record` writes.

    Raises
    ------
    JournalError
        The file is something else, of a later specviz, damaged, or cannot be opened; every method raises it, too.
    """

    def __init__(self, path: str | Path, reviewer: str) -> None:
        self.path, self.reviewer = Path(path).expanduser().absolute(), checked_reviewer(reviewer)
        self._lock = threading.RLock()
        self._known: tuple[int, str] | None = None  # number and uuid of an event that the file has
        self._closed = False
        self._db: sqlite3.Connection | None = open_file(self.path)

    # ------------------------------------------------------------------ writing
    def record(
        self, changes: Sequence[Change], context: Context, *, step: str | None = None, undoes: str = ""
    ) -> tuple[Event, ...]:
        """Write events of one step; when this returns they are on disk, all of them or (if it raises) none.

        Parameters
        ----------
        changes : sequence of (star, kind, value)
        context : Context
        step : str, optional
            Its name; a new one without.
        undoes : str
            For "undo" and "redo": the step that is meant.

        Returns
        -------
        tuple of Event
            As they are in the file, with their numbers. The time of an event is that of this machine's clock, but never
            before what this reviewer (or whoever decides) said of the star earlier: what is said later counts, even if
            a clock went back, or runs late on one of two machines.
        """
        if not changes:
            return ()
        step = step or uuid.uuid4().hex

        def write(db: sqlite3.Connection) -> list[Event]:
            now = datetime.now(UTC)
            return [
                self._put(db, Event(
                    0, uuid.uuid4().hex, step, star, self.reviewer, self._time(db, now, star, context), kind, value,
                    undoes, context, __version__,
                ))
                for star, kind, value in changes
            ]  # fmt: skip

        return tuple(self._written(write))

    def add(self, events: Iterable[Event]) -> int:
        """Take in events of another journal as they are; those that are here already are passed over.

        All of them come, or (if it raises) none. They are marked as imported: to take back the last step does not mean
        one of these.

        Returns
        -------
        int
            How many were new.
        """
        listed = list(events)

        def write(db: sqlite3.Connection) -> list[Event]:
            new = []
            for event in listed:
                if db.execute("SELECT 1 FROM events WHERE uuid = ?", (event.uuid,)).fetchone() is None:
                    new.append(self._put(db, replace(event, imported=True)))
            return new

        return len(self._written(write)) if listed else 0

    def _written(self, write: Callable[[sqlite3.Connection], list[Event]]) -> list[Event]:
        """What ``write`` gives, when it is on disk."""

        def ask(db: sqlite3.Connection) -> list[Event]:
            with writing(db):
                made = write(db)
            if made:
                self._known = made[-1].number, made[-1].uuid
            return made

        return self._ask(ask, "written")

    @staticmethod
    def _put(db: sqlite3.Connection, event: Event) -> Event:
        cursor = db.execute(_INSERT, row_of(event))
        return replace(event, number=int(cursor.lastrowid or 0))

    def _time(self, db: sqlite3.Connection, now: datetime, star: str, context: Context) -> str:
        """Now, or a moment after what was said of the star before; ISO 8601 UTC."""
        text = _iso(now)
        whose, values = " AND reviewer = ?", [star, self.reviewer]
        if context.role == ADJUDICATOR:  # decisions are everyone's
            whose, values = "", [star]
        latest = db.execute(f"SELECT max(time) FROM events WHERE star = ?{whose}", values).fetchone()[0]
        if latest is None or latest < text:
            return text
        try:
            return _iso(datetime.fromisoformat(latest).astimezone(UTC) + timedelta(microseconds=1))
        except (ValueError, OverflowError):  # written by something else; of equal times the later number counts
            return str(latest)

    # ------------------------------------------------------------------ reading
    def events(self, *, after: int = 0, reviewer: str | None = None) -> list[Event]:
        """The events behind number ``after``, in order; of one reviewer, or of all."""

        def ask(db: sqlite3.Connection) -> list[Any]:
            whose, values = ("", [after]) if reviewer is None else (" AND reviewer = ?", [after, reviewer])
            return patiently(
                lambda: db.execute(f"{_SELECT} WHERE number > ?{whose} ORDER BY number", values).fetchall()
            )

        rows = self._ask(ask, "read")
        reader = EventReader()
        try:
            found = [reader.event(row) for row in rows]
        except (ValueError, TypeError, AttributeError) as error:
            raise damaged(self.path, "an event holds something that is none") from error
        if found:
            self._known = found[-1].number, found[-1].uuid
        return found

    # ------------------------------------------------------------------ the file
    def _ask(self, ask: Callable[[sqlite3.Connection], T], doing: str) -> T:
        """Call ``ask`` with the open file; after an error it is opened anew the next time."""
        with self._lock, explained(self.path, doing):
            if self._closed:
                raise sqlite3.ProgrammingError
            while True:
                fresh = self._db is None
                if self._db is None:
                    self._db = self._open_again()
                try:
                    return ask(self._db)
                except sqlite3.Error as error:
                    # What was opened while it could only be read, or before it was moved or its folder went away, stays
                    # so. Nothing can have been written to what is read-only, so that this may be tried again at once.
                    self._let_go()
                    if fresh or primary(error) != sqlite3.SQLITE_READONLY:
                        raise

    def _open_again(self) -> sqlite3.Connection:
        db = open_file(self.path, create=False)
        if self._known is not None:
            number, name = self._known
            if db.execute("SELECT 1 FROM events WHERE number = ? AND uuid = ?", (number, name)).fetchone() is None:
                db.close()
                raise JournalError(
                    f"{self.path} is not the file that it was: labels that were in it are missing; nothing was written",
                    expected="the file that the labels were written to until now",
                    remedy="Put that one back and do the last thing again, or open the list anew to go on with it",
                )
        return db

    def _let_go(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()

    def close(self) -> None:
        """Let the file go; nothing can be read or written after."""
        with self._lock:
            self._closed = True
            self._let_go()

    @staticmethod
    def rescue(path: str | Path) -> Path:
        """Copy every event that can be read into a new journal beside a damaged one, which stays as it is.

        Returns
        -------
        Path
            Of the new one. (:func:`specviz.session.vetting.rescue.rescue` tells how many came along.)

        Raises
        ------
        JournalError
            Not a single event could be read.
        """
        from specviz.session.vetting.rescue import rescue

        return rescue(path).path


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def row_of(event: Event) -> tuple[Any, ...]:
    """An event as its row, without the number.

    Raises
    ------
    JournalError
        Its value is none of its kind, or nothing that JSON holds.
    """
    try:
        if not value_fits(event.kind, event.value):
            raise ValueError(f"{str(event.value)[:60]!r} is no value of that kind")
        value = json.dumps(event.value)
    except (TypeError, ValueError) as error:
        raise JournalError(
            f"{event.kind!r} of {event.star} cannot be kept: {error}", expected="plain values"
        ) from error
    return (
        event.uuid, event.step, event.star, event.reviewer, event.time, event.kind, value, event.undoes,
        json.dumps(vars(event.context)), event.specviz, int(event.imported),
    )  # fmt: skip


class EventReader:
    """Makes events of rows; most rows share their context and their value with others, which are read once."""

    def __init__(self) -> None:
        self._contexts: dict[str, Context] = {}
        self._values: dict[tuple[str, str], Any] = {}

    def event(self, row: Sequence[Any]) -> Event:
        """The event of a row (its number, and :data:`COLUMNS`).

        Raises
        ------
        ValueError, TypeError, AttributeError
            It holds something that is no event.
        """
        number, name, step, star, reviewer, time, kind, value, undoes, context, version, imported = row
        known = self._contexts.get(context)
        if known is None:
            held = json.loads(context).items()  # of which a later specviz may keep more
            known = self._contexts[context] = Context(**{k: v for k, v in held if k in _FIELDS})
        if (kind, value) not in self._values:
            said = json.loads(value)
            if not value_fits(kind, said):
                raise ValueError(f"no value of {kind}: {value[:60]}")
            self._values[kind, value] = said
        said = self._values[kind, value]
        return Event(number, name, step, star, reviewer, time, kind, said, undoes, known, version, imported == 1)
