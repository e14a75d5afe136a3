"""The file under a journal of labels: opened, made, brought up to date, and its troubles put into words."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from specviz.errors import JournalError
from specviz.session.vetting.journal_trouble import explain, primary

T = TypeVar("T")
#: "SVLJ": which of the many programs that write SQLite wrote a file.
APPLICATION = 0x53564C4A
#: Layout of the file. A file of an earlier one is brought up to date, one of a later one is refused.
VERSION = 1
#: Seconds to wait while another program writes. A write takes milliseconds; who waits longer should be told.
PATIENCE = 10.0

COLUMNS = ("uuid", "step", "star", "reviewer", "time", "kind", "value", "undoes", "context", "specviz", "imported")
_TABLE = """
CREATE TABLE events (
  number INTEGER PRIMARY KEY AUTOINCREMENT, uuid TEXT NOT NULL UNIQUE, step TEXT NOT NULL, star TEXT NOT NULL,
  reviewer TEXT NOT NULL, time TEXT NOT NULL, kind TEXT NOT NULL, value TEXT NOT NULL, undoes TEXT NOT NULL,
  context TEXT NOT NULL, specviz TEXT NOT NULL, imported INTEGER NOT NULL DEFAULT 0)
"""
#: The file itself refuses what is not an addition, whichever program asks. (The one on INSERT is for INSERT OR
#: REPLACE, which takes a row away without a DELETE that a trigger hears of.)
_GUARDS = (
    "CREATE TRIGGER events_stay_as_they_are BEFORE UPDATE ON events"
    " BEGIN SELECT RAISE(ABORT, 'an event is never changed'); END",
    "CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'an event is never removed'); END",
    "CREATE TRIGGER events_are_not_replaced BEFORE INSERT ON events"
    " WHEN EXISTS (SELECT 1 FROM events WHERE uuid = NEW.uuid OR number = NEW.number)"
    " BEGIN SELECT RAISE(ABORT, 'an event is never replaced'); END",
    "CREATE INDEX events_of_star ON events (star, reviewer, time)",  # for the latest time, looked up at each write
)


def open_file(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """Open a journal, make it where there is none, bring it up to date; it is only written to where it must be.

    A file of this process must be opened by SQLite alone, also to copy it or to look at its first bytes: closing any
    other handle would let go of the locks that SQLite holds on it (POSIX locks belong to the process).

    Parameters
    ----------
    path : Path
    create : bool
        Make it where it is not there. (Off when a journal is opened again that was there before.)

    Raises
    ------
    JournalError
        It is something else, of a later layout, damaged, or cannot be read.
    """
    with explained(path, "opened"):
        if path.is_dir():
            raise JournalError(
                f"{path} is a folder", expected="a file for the labels", remedy=f'Try labels="{path / "labels.sqlite"}"'
            )
        if not path.parent.is_dir():
            raise JournalError(
                f"There is no folder {path.parent}", expected="a folder that the labels can be kept in",
                remedy="Make it first, or name another file",
            )  # fmt: skip
        if not create and not path.exists():
            raise JournalError(
                f"{path} is no longer there; nothing was written",
                expected="the file that the labels were written to until now",
                remedy="Put it back and do the last thing again, or open the list anew to begin another file",
            )  # fmt: skip
        interrupted = _left_over(path)
        db = sqlite3.connect(path, timeout=0.0, isolation_level=None, check_same_thread=False)
        try:
            _settle(db, path)
            _bring_up_to_date(db, path)
            if interrupted:
                check(db, path)
        except BaseException:
            db.close()
            raise
        return db


def _left_over(path: Path) -> bool:
    """Whether a write was cut off (or is under way): its rollback journal lies beside the file."""
    try:
        return path.with_name(path.name + "-journal").stat().st_size > 0
    except OSError:
        return False


def _settle(db: sqlite3.Connection, path: Path) -> None:
    """How the file is written. Nothing here changes a file that is as it should be."""
    # A write-ahead log needs memory shared between all who have the file open, which two machines on a network home do
    # not have. The rollback journal needs only locks.
    mode = patiently(lambda: db.execute("PRAGMA journal_mode=DELETE").fetchone()[0])
    if str(mode).lower() != "delete":
        raise JournalError(
            f"{path} is kept with a journal of the kind {mode!r}, and cannot be changed now", expected="kind 'delete'",
            remedy="Close the other programs that have it open",
        )  # fmt: skip
    # EXTRA, not FULL: a write is over when its rollback journal is removed, and FULL does not sync the folder after
    # that. Were the power cut just then, the removed journal could be back, and would take the label with it.
    db.execute("PRAGMA synchronous=EXTRA")
    db.execute("PRAGMA fullfsync=ON")  # macOS: fsync alone leaves the data in the drive's cache
    db.execute("PRAGMA trusted_schema=OFF")  # a journal may come from someone else, and a schema can hold code
    db.execute("PRAGMA cell_size_check=ON")
    db.execute("PRAGMA mmap_size=0")  # a mapped file whose network home goes away would end the program


def _bring_up_to_date(db: sqlite3.Connection, path: Path) -> None:
    version = _version(db, path)
    if version == VERSION:
        return
    with writing(db):
        if _version(db, path) == VERSION:  # another program has done it meanwhile
            return
        if "events" in _tables(db):  # layout 0: before files had numbers
            db.execute("ALTER TABLE events ADD COLUMN imported INTEGER NOT NULL DEFAULT 0")
        else:
            db.execute(_TABLE)
        for guard in _GUARDS:
            db.execute(guard)
        db.execute(f"PRAGMA application_id={APPLICATION}")
        db.execute(f"PRAGMA user_version={VERSION}")


def _version(db: sqlite3.Connection, path: Path) -> int:
    """Layout of the file, 0 for one that is empty."""

    def ask() -> tuple[int, int, set[str], set[str]]:
        application = int(db.execute("PRAGMA application_id").fetchone()[0])
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        columns = {str(row[1]) for row in db.execute("PRAGMA table_info(events)")}
        return application, version, _tables(db), columns

    application, version, tables, columns = patiently(ask)
    if application == APPLICATION and version > VERSION:
        raise JournalError(
            f"{path} was written by a later specviz (layout {version})", expected=f"layout {VERSION} or earlier",
            remedy="Update specviz, or name another file",
        )  # fmt: skip
    known = set(COLUMNS) - {"imported"} <= columns
    if application == version == 0:  # nothing yet, or layout 0
        ours = not tables or (tables == {"events"} and known)
    else:
        ours = application == APPLICATION and version > 0 and known
    if not ours:
        held = ", ".join(sorted(tables)[:3]) or "nothing that could be read"
        raise JournalError(
            f"{path} is a database of something else (it holds: {held})", expected="a file of labels, or a new one",
            remedy="Name another file",
        )  # fmt: skip
    return version


def _tables(db: sqlite3.Connection) -> set[str]:
    found = db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {str(name) for (name,) in found if not str(name).startswith("sqlite_")}


def check(db: sqlite3.Connection, path: Path) -> None:
    """Read the whole file and see that it is sound.

    Raises
    ------
    JournalError
        It is damaged; says what can be done.
    """
    found = patiently(lambda: db.execute("PRAGMA quick_check(1)").fetchone())
    if found is None or found[0] != "ok":
        raise sqlite3.DatabaseError("a check of the whole file found: " + str(found and found[0]).splitlines()[0])


@contextmanager
def writing(db: sqlite3.Connection, patience: float = PATIENCE) -> Iterator[None]:
    """All of what is done within is written, or nothing. Waits politely while another program writes."""
    patiently(lambda: db.execute("BEGIN IMMEDIATE"), patience)
    try:
        yield
        patiently(lambda: db.execute("COMMIT"), patience)  # may have to wait for those who read
    except BaseException:
        if db.in_transaction:  # some errors have ended it already
            db.execute("ROLLBACK")
        raise


def patiently(ask: Callable[[], T], patience: float = PATIENCE) -> T:
    """Call ``ask`` until no other program is in the way, for some seconds.

    SQLite's own wait has fixed steps, so that of two who write all the time one may never get its turn. These are
    random.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return ask()
        except sqlite3.OperationalError as error:
            if primary(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or time.monotonic() >= until:
                raise
        time.sleep(random.uniform(0.0005, 0.004))


@contextmanager
def explained(path: Path, doing: str) -> Iterator[None]:
    """What goes wrong with the file within, as a :class:`JournalError`; ``doing`` is what could not be done to it."""
    try:
        yield
    except (sqlite3.Error, OSError, UnicodeError) as error:
        raise explain(path, doing, error, PATIENCE) from error
