"""``Work``: progress and cancel of a long piece of work on files, without threads or sockets of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from specviz.errors import CancelledError

#: (done, total, text): both in bytes.
Progress = Callable[[int, int, str], None]
#: ``threading.Event`` or ``callable() -> bool``.
Cancel = Any


class Work:
    """How far a piece of work is.

    Parameters
    ----------
    total : int
        Bytes in all.
    progress : callable(done, total, text), optional
    cancel : threading.Event or callable() -> bool, optional
    """

    def __init__(self, total: int, progress: Progress | None = None, cancel: Cancel | None = None) -> None:
        self.total, self.done, self.text = total, 0, ""
        self._progress = progress
        self._cancelled: Callable[[], bool] = getattr(cancel, "is_set", cancel) or (lambda: False)

    def say(self, text: str) -> None:
        """What is being done now."""
        self.text = text
        self.add(0)

    def add(self, n: int) -> None:
        """``n`` more bytes are done; raises CancelledError when the person wants no more."""
        self.check()
        self.done += n
        if self._progress is not None:
            self._progress(min(self.done, self.total), self.total, self.text)

    def check(self) -> None:
        """Raise CancelledError when the person wants no more."""
        if self._cancelled():
            raise CancelledError("Stopped", remedy="The same command goes on from here")

    @property
    def cancelled(self) -> bool:
        """The same as a question."""
        return self._cancelled()
