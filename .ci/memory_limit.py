"""A memory limit for a family of processes that binds without root: what a Binder pod of that size would allow.

Two limits at once. The kernel refuses a process more private writable memory than the limit (``RLIMIT_DATA``, Linux
4.7 or newer: heap and anonymous maps, counted when they are asked for, so a process fails earlier than its pod would
be killed). And what all of them hold together is added up many times a second (proportional set size: pages that two
processes share count once) and everything is ended when the sum passes the limit. ``RLIMIT_AS`` would not do: torch
maps gigabytes of libraries that it never touches. A control group would do, and needs root or a delegated tree.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

PAUSE = 0.1  # seconds between two looks


class MemoryLimit:
    """``with MemoryLimit(bytes) as limit:`` processes that are started with :meth:`start` share the limit.

    Attributes
    ----------
    peak : int
        The most that all of them held at once, bytes (proportional set size).
    passed : int
        0, or what they held when they were ended for it.
    """

    def __init__(self, size: int) -> None:
        if sys.platform != "linux":
            raise SystemExit("the memory of a family of processes is counted on Linux only")
        self.size, self.peak, self.passed = size, 0, 0
        self._parents: list[psutil.Process] = []
        self._end = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryLimit:
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._end.set()
        self._watcher.join()
        self._kill()

    def start(self, command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
        """Start a process under the limit; its children are too."""
        words = [sys.executable, __file__, str(self.size), *command]
        process = subprocess.Popen(words, text=True, **options)
        self._parents.append(psutil.Process(process.pid))
        return process

    def run(self, command: Sequence[str], cwd: Path, env: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Status and output of a command under the limit."""
        process = self.start(command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate()
        return process.returncode, said

    def held(self) -> int:
        """What all of them hold now, bytes."""
        return sum(_held(process) for process in self._family())

    def _family(self) -> list[psutil.Process]:
        family = []
        for parent in self._parents:
            with suppress(psutil.NoSuchProcess):
                family += [parent, *parent.children(recursive=True)]
        return family

    def _watch(self) -> None:
        while not self._end.wait(PAUSE):
            held = self.held()
            self.peak = max(self.peak, held)
            if held > self.size and not self.passed:
                self.passed = held
                self._kill()

    def _kill(self) -> None:
        for process in self._family():
            with suppress(psutil.NoSuchProcess):
                process.kill()


def _held(process: psutil.Process) -> int:
    with suppress(psutil.Error, OSError):  # it ended meanwhile
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def binds(size: int, folder: Path) -> list[str]:
    """Proof that a limit binds here: what was allowed that should not have been; empty when all is well."""
    wrong = []
    with MemoryLimit(size) as limit:
        status, said = limit.run([sys.executable, "-c", f"bytearray({size} + 2**27)"], folder)
        if status == 0 or "MemoryError" not in said:
            wrong.append("one process was given more than the limit")
    with MemoryLimit(size) as limit:
        hold = f"import time; kept = b'x' * int({size} * 0.6); time.sleep(60)"
        two = [limit.start([sys.executable, "-c", hold], cwd=folder) for _ in range(2)]
        if [process.wait() for process in two] == [0, 0] or not limit.passed:
            wrong.append("two processes held more than the limit together")
    return wrong


if __name__ == "__main__":  # the child's side: take the limit, become the command
    import os

    most = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    os.execvp(sys.argv[2], sys.argv[2:])
