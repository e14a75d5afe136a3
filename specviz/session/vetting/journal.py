"""``LabelJournal``: the file that holds what reviewers said, event by event. What it has acknowledged is on disk."""

from __future__ import annotations

import json
import sqlite3
import threading
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from specviz import __version__
from specviz.session.vetting.values import Context, Event

_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
  number INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, step TEXT NOT NULL, star TEXT NOT NULL,
  reviewer TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, undoes TEXT NOT NULL,
  context TEXT NOT NULL, specviz TEXT NOT NULL)
"""
_COLUMNS = "number, uuid, step, star, reviewer, time, kind, value, undoes, context, specviz"
#: One thing to be written: (star, kind, value).
Change = tuple[str, str, Any]


class LabelJournal:
    """An append-only file of events.

    Parameters
    ----------
    path : str or Path
        Made where it is not there.
    reviewer : str
        In whose name :meth:`record` writes.
    """

    def __init__(self, path: str | Path, reviewer: str) -> None:
        self.path, self.reviewer = Path(path), reviewer
        self._lock = threading.RLock()
        self._db = sqlite3.connect(self.path, timeout=10.0, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=DELETE")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute(_SCHEMA)

    def record(
        self, changes: Sequence[Change], context: Context, *, step: str | None = None, undoes: str = ""
    ) -> tuple[Event, ...]:
        """Write events of one step; when this returns they are on disk, all of them or (if it raises) none."""
        step = step or uuid.uuid4().hex
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        made: list[Event] = []
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                for star, kind, value in changes:
                    event = Event(
                        0, uuid.uuid4().hex, step, star, self.reviewer, now, kind, value, undoes, context, __version__
                    )
                    row = (
                        event.uuid, step, star, self.reviewer, now, kind, json.dumps(value), undoes,
                        json.dumps(asdict(context)), __version__,
                    )  # fmt: skip
                    cursor = self._db.execute(
                        f"INSERT INTO events ({_COLUMNS.removeprefix('number, ')}) VALUES (?,?,?,?,?,?,?,?,?,?)", row
                    )
                    made.append(Event(int(cursor.lastrowid or 0), *list(vars(event).values())[1:]))
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        return tuple(made)

    def add(self, events: Sequence[Event]) -> int:
        """Take in events of another journal as they are; those that are here already are passed over.

        All of them come, or (if it raises) none.

        Returns
        -------
        int
            How many were new.
        """
        columns = _COLUMNS.removeprefix("number, ")
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                before = self._db.total_changes
                self._db.executemany(
                    f"INSERT INTO events ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (uuid) DO NOTHING",
                    [
                        (e.uuid, e.step, e.star, e.reviewer, e.time, e.kind, json.dumps(e.value), e.undoes,
                         json.dumps(asdict(e.context)), e.specviz)
                        for e in events
                    ],
                )  # fmt: skip
                new = self._db.total_changes - before
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        return new

    def events(self, *, after: int = 0, reviewer: str | None = None) -> list[Event]:
        """The events behind number ``after``, in order; of one reviewer, or of all."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM events WHERE number > ? AND (? IS NULL OR reviewer = ?) ORDER BY number",
                (after, reviewer, reviewer),
            ).fetchall()
        return [
            Event(n, u, s, star, r, t, kind, json.loads(v), undoes, Context(**json.loads(c)), version)
            for n, u, s, star, r, t, kind, v, undoes, c, version in rows
        ]

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._db.close()
