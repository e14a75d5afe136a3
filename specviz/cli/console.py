"""What the commands say on stderr: complaints and progress, so that stdout carries results and nothing else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

OK, TROUBLE, USAGE = 0, 1, 2


def complain(text: str) -> None:
    """One line on stderr, after ``specviz:``."""
    print(f"specviz: {' '.join(text.split())}", file=sys.stderr)


@contextmanager
def resumed() -> Iterator[None]:
    """Around work that goes on where it was stopped: Ctrl-C ends the command, which says so."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt("stopped; the same command goes on from here") from stop


class Progress:
    """``done/total text`` on stderr: redrawn in place on a terminal, a line every ten seconds elsewhere (a log)."""

    def __init__(self, total: int) -> None:
        self.total = total
        self._terminal = sys.stderr.isatty()
        self._last = time.monotonic()

    def show(self, done: int, text: str = "") -> None:
        """Say how far the work is; cheap enough to call for every file."""
        now = time.monotonic()
        if now - self._last < (0.1 if self._terminal else 10.0):
            return
        self._last = now
        line = self.line(done, text)
        if self._terminal:
            print(f"\r\x1b[2K{line[:100]}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def line(self, done: int, text: str) -> str:
        """What is shown."""
        return f"{done}/{self.total} {text}"

    def close(self) -> None:
        """Leave a terminal's line empty for what comes next."""
        if self._terminal:
            print("\r\x1b[2K", end="", file=sys.stderr, flush=True)
