"""``held``: one process at a time puts a model somewhere. The system lets go of the lock when a process dies."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from specviz.errors import SpecvizError


@contextmanager
def held(path: Path, what: str) -> Iterator[None]:
    """Hold the lock file ``path`` while the block runs.

    Parameters
    ----------
    what : str
        What another process is doing if it holds the lock: "pulling specclip-official".

    Raises
    ------
    SpecvizError
        If another process holds it, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+b")
    except OSError as error:
        remedy = "Choose another folder, or set SPECVIZ_MODELS"
        raise SpecvizError(f"{path.parent} cannot be written ({error.strerror})", remedy=remedy) from error
    with stream:
        try:
            _lock(stream)
        except OSError as error:
            raise SpecvizError(f"Another process is {what}", remedy="Wait for it, or stop it") from error
        try:
            yield
        finally:
            _unlock(stream)
    # The file stays: to remove it would take it from under a process that waits for its turn.


def _lock(stream: IO[bytes]) -> None:
    """Take the lock or raise OSError at once."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _unlock(stream: IO[bytes]) -> None:
    """Let go of it, also where a process that was just started still has the file open."""
    if sys.platform == "win32":
        import msvcrt

        stream.seek(0)
        msvcrt.locking(stream.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_UN)
