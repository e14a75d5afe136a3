"""``rescue``: what can still be read of a damaged journal, as a new one."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specviz.errors import JournalError
from specviz.session.vetting.journal import EventReader
from specviz.session.vetting.journal_file import COLUMNS, explained, open_file, writing
from specviz.session.vetting.values import CHANGES, OTHERS

#: The smallest row that an event can be, bytes: bounds how many a file holds whose own count cannot be read.
_SMALLEST = 100


@dataclass(frozen=True)
class Rescued:
    """What came of a damaged journal.

    Parameters
    ----------
    path : Path
        The new journal.
    kept, lost : int
        Events that are in it, and numbers for which none could be read.
    """

    path: Path
    kept: int
    lost: int


def rescue(path: str | Path) -> Rescued:
    """Copy every event that can be read into a new journal beside the damaged one, which is not touched.

    The numbers, and with them the order, stay. No window may have the damaged file open meanwhile.

    Raises
    ------
    JournalError
        There is no such file, or not a single event could be read.
    """
    path = Path(path).expanduser().absolute()
    if not path.is_file():
        raise JournalError(f"There is no file {path}", expected="a journal that is damaged")
    with explained(path, "read"), tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "copy.sqlite"  # what was cut off is rolled back in the copy, and only there
        shutil.copyfile(path, copy)
        beside = path.with_name(path.name + "-journal")
        if beside.exists():
            shutil.copyfile(beside, copy.with_name(copy.name + "-journal"))
        rows, lost = _readable(copy)
    if not rows:
        raise JournalError(
            f"Not a single event could be read in {path}", expected="a journal that is damaged in parts",
            remedy="Take it from a backup",
        )  # fmt: skip
    new = _free(path)
    with explained(new, "written"):
        db = open_file(new)
        try:
            with writing(db):
                marks = ", ".join("?" * (len(COLUMNS) + 1))
                db.executemany(f"INSERT INTO events (number, {', '.join(COLUMNS)}) VALUES ({marks})", rows)
        finally:
            db.close()
    return Rescued(new, len(rows), lost)


def _free(path: Path) -> Path:
    for n in range(1, 1000):
        found = path.with_name(f"{path.stem}.rescued{'' if n == 1 else f'-{n}'}.sqlite")
        if not found.exists():
            return found
    raise JournalError(f"There are a thousand rescued files beside {path}", remedy="Remove some")


def _readable(copy: Path) -> tuple[list[tuple[Any, ...]], int]:
    """The sound rows of a file, and how many numbers up to the last one have none."""
    db = sqlite3.connect(copy, isolation_level=None)
    db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    rows: dict[int, tuple[Any, ...]] = {}
    seen: set[str] = set()
    try:
        held = {str(row[1]) for row in db.execute("PRAGMA table_info(events)")}
        if not held >= set(COLUMNS) - {"imported"}:
            return [], 0
        columns = ", ".join(c if c in held else f"0 AS {c}" for c in COLUMNS)
        last = _last(db)
        for row in _between(db, columns, 1, last or copy.stat().st_size // _SMALLEST):
            if row[1] not in seen and _sound(row):
                seen.add(row[1])
                rows[row[0]] = row
    except sqlite3.DatabaseError:  # not even its first page
        return [], 0
    finally:
        db.close()
    return [rows[number] for number in sorted(rows)], max((last or 0, *rows)) - len(rows)


def _last(db: sqlite3.Connection) -> int | None:
    """The largest number that the file has given, if it can tell."""
    for question in ("SELECT seq FROM sqlite_sequence WHERE name = 'events'", "SELECT max(number) FROM events"):
        try:
            found = db.execute(question).fetchone()
        except sqlite3.DatabaseError:
            continue
        if found and isinstance(found[0], int) and 0 < found[0] < 1 << 40:
            return found[0]
    return None


def _between(db: sqlite3.Connection, columns: str, low: int, high: int) -> Iterator[tuple[Any, ...]]:
    """The rows with numbers from ``low`` to ``high`` that can be read: where one cannot, the halves are tried."""
    try:
        found = db.execute(
            f"SELECT number, {columns} FROM events WHERE number BETWEEN ? AND ? ORDER BY number", (low, high)
        ).fetchall()
    except sqlite3.DatabaseError:
        if low < high:
            middle = (low + high) // 2
            yield from _between(db, columns, low, middle)
            yield from _between(db, columns, middle + 1, high)
        return
    yield from found


def _sound(row: tuple[Any, ...]) -> bool:
    """Whether a row is an event, whole."""
    if not all(isinstance(v, str) for v in row[1:-1]) or not all(row[i] for i in (1, 2, 4, 5)):
        return False
    try:
        return EventReader().event(row).kind in (*CHANGES, *OTHERS)
    except (ValueError, TypeError, AttributeError):
        return False
