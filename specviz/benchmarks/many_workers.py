"""A simulated sky embedded by one process and by workers of Dask, one of them killed: ``python -m
specviz.benchmarks.many_workers``.

Each row is the command that a person would type, as a process of its own, whose memory with that of its children is
watched from outside. The rate is that between the first and the last partition, without the start of the processes.
All rows must give the same hash. Reads /proc: Linux.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from specviz.benchmarks.out_of_core import Measured, watched
from specviz.catalog.store.parts import table_file
from specviz.catalog.store.star_catalog import PARTS, StarCatalog

_GIB = 2**30


@dataclass(frozen=True)
class Row:
    """A build: what it was, the command, stars a second between partitions, peak bytes of a worker, hash."""

    what: str
    measured: Measured
    rate: float
    worker: int
    sha256: str

    def __str__(self) -> str:
        peaks = f"peak {self.measured.peak / _GIB:5.2f} GiB, a worker {self.worker / _GIB:5.2f} GiB"
        return f"{self.what:<34} {self.measured.seconds:7.1f} s {self.rate:9,.0f} /s  {peaks}  {self.sha256[:16]}"


class _Watch(threading.Thread):
    """Looks at the workers of a build ten times a second; kills one when ``at`` partitions are made, if that is said.

    Workers are the children of the command that are no trackers of resources.
    """

    def __init__(self, parts: Path, at: int | None) -> None:
        super().__init__(daemon=True)
        self.parts, self.at = parts, at
        self.over, self.peak, self.killed = threading.Event(), 0, 0

    def run(self) -> None:
        while not self.over.wait(0.1):
            workers = [pid for pid in _children(_children([os.getpid()])) if "spawn_main" in _said(pid, "cmdline")]
            for pid in workers:
                highest = [line.split()[1] for line in _said(pid, "status").splitlines() if line.startswith("VmHWM:")]
                self.peak = max([self.peak, *(int(kib) * 1024 for kib in highest)])
            if self.at is not None and workers and not self.killed and self._made() >= self.at:
                self.killed = workers[0]
                os.kill(self.killed, signal.SIGKILL)

    def _made(self) -> int:
        return sum(1 for _ in self.parts.glob("*.json")) if self.parts.is_dir() else 0


def built(what: str, stars: int, size: int, folder: Path, *more: str, kill: bool = False) -> Row:
    """Build a sky of ``stars`` in partitions of ``size``; with ``kill`` a worker dies when a quarter is made."""
    said = ["catalog", "build", f"simulated:{stars}", "-o", str(folder), "--partition", str(size), "--no-index"]
    watch = _Watch(folder / PARTS, max(1, stars // size // 4) if kill else None)
    watch.start()
    try:
        measured = watched([sys.executable, "-m", "specviz", *said, "--device", "cpu", *more], None)
    finally:
        watch.over.set()
        watch.join()
    if measured.status != 0 and "without an embedding" not in measured.said:
        raise SystemExit(f"{what} ended with {measured.status}:\n{measured.said}")
    if kill and not watch.killed:
        raise SystemExit("No worker was killed: too few stars, or partitions too large")
    catalog = StarCatalog.open(folder)
    times = sorted((table_file(folder / PARTS, p.name).stat().st_mtime, p.rows) for p in catalog.header.parts)
    rate = sum(rows for _, rows in times[1:]) / max(times[-1][0] - times[0][0], 1e-9)
    return Row(what, measured, rate, watch.peak, catalog.header.content_sha256)


def _children(pids: list[int]) -> list[int]:
    found: list[int] = []
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in file.read_text().split()]
            except OSError:  # it has just ended
                continue
    return found


def _said(pid: int, what: str) -> str:
    try:
        return Path(f"/proc/{pid}/{what}").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has just ended
        return ""


def main(said: list[str] | None = None) -> int:
    """Print the rows; 1 if their hashes differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stars", type=int, default=131_072, help="default: %(default)s")
    parser.add_argument("--partition", type=int, default=4096, help="stars of a partition (default: %(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="default: 1 2")
    arguments = parser.parse_args(said)
    began, rows = time.monotonic(), list[Row]()
    with tempfile.TemporaryDirectory() as folder:

        def add(what: str, *more: str, kill: bool = False) -> None:
            out = Path(folder) / f"{len(rows)}"
            rows.append(built(what, arguments.stars, arguments.partition, out, *more, kill=kill))
            print(rows[-1], flush=True)

        add("one process, no Dask")
        for n in arguments.workers:
            add(f"--workers {n}", "--workers", str(n))
        n = arguments.workers[-1]
        add(f"--workers {n}, one killed (signal 9)", "--workers", str(n), kill=True)
    same = len({row.sha256 for row in rows}) == 1
    print(f"{arguments.stars:,} stars, {time.monotonic() - began:.0f} s; hashes {'equal' if same else 'DIFFER'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
