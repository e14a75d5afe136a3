"""What can go wrong with the file of a journal, in words for the person whose labels are in it."""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from pathlib import Path

from specviz.errors import JournalError

_NO_LOCKS = (
    sqlite3.SQLITE_IOERR_LOCK,
    sqlite3.SQLITE_IOERR_RDLOCK,
    sqlite3.SQLITE_IOERR_UNLOCK,
    sqlite3.SQLITE_IOERR_CHECKRESERVEDLOCK,
)
_ELSEWHERE = 'Name a file in another place: labels="..."'
_AGAIN = "Then do the last thing again"


def primary(error: BaseException) -> int:
    """SQLite's result code without its detail, 0 where there is none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def explain(path: Path, doing: str, error: BaseException, patience: float) -> JournalError:
    """An error of SQLite or of the system in words: what, what was expected, what to do.

    Parameters
    ----------
    path : Path
        The journal.
    doing : str
        What could not be done to it: "opened", "read" or "written".
    error : Exception
    patience : float
        How many seconds were waited for other programs.
    """
    code, detail = primary(error), int(getattr(error, "sqlite_errorcode", 0))
    could_not = f"{path} could not be {doing}"
    nothing = "; nothing was written" if doing == "written" else ""
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or detail in _NO_LOCKS:
        if detail in _NO_LOCKS or not locks_work(path.parent):
            return JournalError(
                f"{could_not}: its folder is on a file system that does not lock files{nothing}",
                expected="a place where two programs cannot write at the same moment",
                remedy=_ELSEWHERE,
            )
        return JournalError(
            f"{could_not}: another program has kept it for more than {patience:.0f} s{nothing}",
            expected="writes of some milliseconds",
            remedy=f"Close what else has it open (a database browser, a backup). {_AGAIN}",
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM) or isinstance(error, PermissionError):
        which = f"the folder {path.parent}" if detail == sqlite3.SQLITE_READONLY_DIRECTORY else "it"
        return JournalError(
            f"{could_not}: {which} may only be read{nothing}",
            expected="a file and a folder that you may write to",
            remedy=f"Change their permissions, or name a file in another place. {_AGAIN}",
        )
    if code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
        return JournalError(f"{could_not}: the disk is full{nothing}", remedy=f"Make room on it. {_AGAIN}")
    if code == sqlite3.SQLITE_CANTOPEN:
        return JournalError(
            f"{could_not}: {_why_closed(path)}{nothing}",
            expected="a file and a folder that you may read and write",
            remedy=f"Change that, or name a file in another place. {_AGAIN}",
        )
    if code == sqlite3.SQLITE_NOTADB:
        return JournalError(
            f"{path} is not a file of labels",
            expected="a file that specviz made, or a name that is free",
            remedy=_ELSEWHERE,
        )
    if code == sqlite3.SQLITE_CORRUPT or (code == 0 and type(error) is sqlite3.DatabaseError):
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_IOERR or isinstance(error, OSError):
        return JournalError(
            f"{could_not}: the disk reports a fault ({error}){nothing}",
            expected="a disk with room, within your quota, and connected",
            remedy=f"See to the disk or the network. What was acknowledged is kept. {_AGAIN}",
        )
    if isinstance(error, sqlite3.ProgrammingError):
        return JournalError(f"{could_not}: it is closed{nothing}", remedy="Open the list again")
    return JournalError(f"{could_not}: {error}{nothing}", remedy=_AGAIN)


def damaged(path: Path, found: str) -> JournalError:
    """The file is not as it was written."""
    return JournalError(
        f"{path} is damaged ({found})",
        expected="a file as it was written",
        remedy=f"LabelJournal.rescue({str(path)!r}) copies every event that can be read into a new file, and leaves "
        "this one as it is",
    )


def _why_closed(path: Path) -> str:
    if path.is_dir():
        return "it is a folder"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    if path.exists() and not os.access(path, os.R_OK):
        return "you may not read it"
    if not os.access(path.parent, os.W_OK):
        return f"nothing may be written into the folder {path.parent}"
    return "the system does not open it"


def locks_work(folder: Path) -> bool:
    """Whether files in a folder can be locked; True where that cannot be tried.

    SQLite takes the answer of a file system without locks for a lock that another program holds.
    """
    try:
        import fcntl
    except ImportError:  # Windows locks on every file system
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)
    return True
