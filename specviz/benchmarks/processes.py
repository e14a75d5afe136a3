"""Work measured in a process of its own: its peak of memory is its own, and nothing is warm by accident."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

#: What tells the numeric libraries how many threads they may use; read when they are imported.
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_STATUS = Path("/proc/self/status")
_MARK = "result: "

Task = Callable[..., dict[str, Any]]


def run_task(module: str, task: str, arguments: Mapping[str, Any], *, threads: int = 1) -> dict[str, Any]:
    """Run a task of a module in a new process: ``python -m MODULE --task NAME JSON``.

    Returns
    -------
    dict
        What the task returned, and ``seconds`` and ``peak`` (bytes) of the process; or ``failed``, in words.
    """
    environment = {**os.environ, **{name: str(threads) for name in _THREADS}}
    command = [sys.executable, "-m", module, "--task", task, json.dumps(dict(arguments))]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    lines = [line for line in done.stdout.splitlines() if line.startswith(_MARK)]
    if done.returncode or not lines:
        told = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
        return {"failed": f"failed: {told[-1]}", "seconds": seconds}
    return {"seconds": seconds, **json.loads(lines[-1].removeprefix(_MARK))}


def answer(task: Task, arguments: str) -> int:
    """What a module does that was started by :func:`run_task`: the task, and its result on a line for the parent."""
    result = task(**json.loads(arguments))
    print(_MARK + json.dumps({**result, "peak": peak_memory(), "private": private_memory()}))
    return 0


def one_thread() -> None:
    """Hold the libraries that are imported already to one thread, too."""
    if "faiss" in sys.modules:
        sys.modules["faiss"].omp_set_num_threads(1)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def peak_memory() -> int:
    """Most memory that this process has had, bytes; pages of mapped files that it has touched count.

    Linux keeps ``ru_maxrss`` over exec, so that a child of a large process seems as large as its parent was; VmHWM
    is the process's own.
    """
    found = _status("VmHWM")
    if found is not None:
        return found
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def private_memory() -> int | None:
    """Memory that this process has now and that is not a mapped file, bytes; None where the system does not say.

    Mapped pages are given back when others need memory; these are not.
    """
    return _status("RssAnon")


def available_memory() -> int | None:
    """Memory that a new process could have without swapping, bytes; None where the system does not say."""
    file = Path("/proc/meminfo")
    return _kilobytes(file, "MemAvailable") if file.is_file() else None


def forget_pages(folder: Path) -> bool:
    """Ask the system to drop the files of a folder from its page cache, so that the next reader finds them on the disk.

    Returns False where a program cannot ask for that.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)  # only pages that are on the disk are dropped
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)
    return True


def size_of(folder: Path) -> int:
    """Bytes of the files of a folder, or of a file."""
    files = [folder] if folder.is_file() else [path for path in folder.rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files)


def _status(name: str) -> int | None:
    return _kilobytes(_STATUS, name) if _STATUS.is_file() else None


def _kilobytes(file: Path, name: str) -> int | None:
    for line in file.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None
