"""``lines_of``: the lines of an answer as they come, with an end to length and time, and a stop that is heard."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator

from specviz.assistant.llm.errors import LanguageModelError
from specviz.errors import CancelledError

#: Bytes of one line, and of a whole answer; seconds after which a stop is heard while nothing comes.
LONGEST_LINE, LONGEST_ANSWER, PATIENCE = 1_000_000, 8_000_000, 0.1


def lines_of(chunks: Callable[[], Iterator[bytes]], stopped: Callable[[], bool], longest_time: float) -> Iterator[str]:
    """Lines, without their ends.

    The bytes are read in a thread of their own: while the other side keeps silent, or sends one byte a second for
    ever, the stop of the person and the end of the time are heard all the same.

    Parameters
    ----------
    chunks : callable
        Gives the bytes; what it raises is raised here.
    stopped : callable
        Asked ten times a second.
    longest_time : float
        Seconds for the whole answer.

    Raises
    ------
    CancelledError
        When ``stopped`` says so.
    LanguageModelError
        If it does not come to an end, in time or in length.
    """
    heard: queue.Queue[bytes | BaseException | None] = queue.Queue(maxsize=64)
    over = threading.Event()

    def put(item: bytes | BaseException | None) -> None:
        while not over.is_set():
            try:
                heard.put(item, timeout=PATIENCE)
                return
            except queue.Full:
                continue

    def read() -> None:
        try:
            for chunk in chunks():
                put(chunk)
                if over.is_set():
                    return
            put(None)
        except Exception as error:  # noqa: BLE001  (raised again where the lines are read)
            put(error)

    threading.Thread(target=read, name="specviz-language-model", daemon=True).start()
    began, total, rest = time.monotonic(), 0, b""
    try:
        while True:
            if stopped():
                raise CancelledError("The answer was stopped")
            if time.monotonic() - began > longest_time:
                raise LanguageModelError("The language model did not come to an end", remedy="Ask again")
            try:
                chunk = heard.get(timeout=PATIENCE)
            except queue.Empty:
                continue
            if isinstance(chunk, BaseException):
                raise chunk
            if chunk is None:
                break
            total += len(chunk)
            *whole, rest = (rest + chunk).split(b"\n")
            if total > LONGEST_ANSWER or len(rest) > LONGEST_LINE:
                raise LanguageModelError("The language model's answer is too long")
            for line in whole:
                if stopped():
                    raise CancelledError("The answer was stopped")
                yield line.decode("utf-8", "replace").rstrip("\r")
        if rest:
            yield rest.decode("utf-8", "replace").rstrip("\r")
    finally:
        over.set()
