"""``rescue``: what can still be read of a damaged journal, as a new one."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specviz.errors import JournalError
from specviz.session.vetting.journal import EventReader
from specviz.session.vetting.journal_file import COLUMNS, explained, open_file, writing
from specviz.session.vetting.salvage import rows_of_pages
from specviz.session.vetting.values import CHANGES, OTHERS


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
    last = _last(copy)
    rows: dict[int, tuple[Any, ...]] = {}
    seen: set[str] = set()
    # Each page by itself: a query would not come past the first damaged one on its way to a row. An event that is found
    # is one, wherever it lies, for none is ever changed or removed.
    for number, values in rows_of_pages(copy.read_bytes(), (len(COLUMNS), len(COLUMNS) + 1)):
        row = (number, *values[1:], *(() if len(values) > len(COLUMNS) else (0,)))
        if row[1] not in seen and number not in rows and _sound(row):
            seen.add(row[1])
            rows[number] = row
    return [rows[number] for number in sorted(rows)], max((last, *rows)) - len(rows)


def _last(copy: Path) -> int:
    """The largest number that the file has given, 0 if it cannot tell. Rolls back what was cut off."""
    db = sqlite3.connect(copy, isolation_level=None)
    try:
        found = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    except sqlite3.DatabaseError:
        return 0
    finally:
        db.close()
    return found[0] if found and isinstance(found[0], int) and 0 < found[0] < 1 << 40 else 0


def _sound(row: tuple[Any, ...]) -> bool:
    """Whether a row is an event, whole."""
    if not all(isinstance(v, str) for v in row[1:-1]) or not all(row[i] for i in (1, 2, 4, 5)):
        return False
    try:
        return EventReader().event(row).kind in (*CHANGES, *OTHERS)
    except (ValueError, TypeError, AttributeError):
        return False
