"""Millions of simulated stars embedded and indexed out of core, killed and gone on with: ``python -m
specviz.benchmarks.out_of_core``.

Each step is the command that a person would type, as a process of its own, whose memory is watched from outside: its
resident memory with that of all its children, ten times a second (mapped files included), and the highest that the
system recorded of it. ``--limit`` also has the system refuse more private memory than that (RLIMIT_DATA).
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from specviz.catalog.scale.build import problems
from specviz.catalog.store.star_catalog import PARTS, StarCatalog

_GIB = 2**30
PARTITION = 16_384


@dataclass(frozen=True)
class Measured:
    """A process that has ended: seconds, peak resident bytes of it and its children, exit status."""

    seconds: float
    peak: int
    status: int
    said: str


def watched(command: list[str], limit: int | None, stop: Callable[[], bool] = lambda: False) -> Measured:
    """Run a command; ``kill -9`` it as soon as ``stop()`` says so."""
    began, peak = time.monotonic(), 0

    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, preexec_fn=limited)
        while process.poll() is None:
            peak = max(peak, _memory(process.pid))
            if stop():
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                break
            time.sleep(0.1)
        said.seek(0)
        return Measured(time.monotonic() - began, peak, process.returncode, said.read())


def _memory(pid: int) -> int:
    """Resident bytes of a process and its children; of the process itself the highest so far."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                total = int(line.split()[1]) * 1024
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            total += _memory(int(child))
    except OSError:  # it has just ended
        pass
    return total


def _command(stars: int, folder: Path, size: int, *more: str) -> list[str]:
    said = ["catalog", "build", f"simulated:{stars}", "-o", str(folder), "--partition", str(size), "--device", "cpu"]
    return [sys.executable, "-m", "specviz", *said, *more]


def _made(folder: Path) -> int:
    parts = folder / PARTS
    return sum(1 for _ in parts.glob("*.json")) if parts.is_dir() else 0


def _must(measured: Measured, what: str) -> Measured:
    # 1: a few stars have no embedding (of two million, four whose noisy flux at 550 nm is negative).
    if measured.status != 0 and "without an embedding" not in measured.said:
        raise SystemExit(f"{what} ended with {measured.status}:\n{measured.said}")
    return measured


def _line(what: str, measured: Measured, stars: int | None = None) -> None:
    rate = f"{stars / measured.seconds:9,.0f} /s" if stars else " " * 12
    print(f"{what:<44} {measured.seconds:8.1f} s {rate}  peak {measured.peak / _GIB:5.2f} GiB", flush=True)


def killed_and_resumed(stars: int, folder: Path, limit: int | None, size: int) -> str:
    """Build in partitions of ``size``, kill when half of them are done, go on; the hash of the content."""
    at = max(1, -(-stars // size) // 2)
    build = _command(stars, folder, size, "--no-index")
    first = watched(build, limit, lambda: _made(folder) >= at)
    if first.status != -signal.SIGKILL:
        raise SystemExit(f"The first run ended with {first.status} before it was killed:\n{first.said}")
    held = _made(folder)
    _line(f"embedded until kill -9 ({held} partitions)", first, held * size)
    second = _must(watched(build, limit), "The second run")
    _line("gone on to the end", second, stars - held * size)
    return StarCatalog.open(folder).header.content_sha256


def mixing(stars: int = 4096) -> None:
    """How far the simulated sky's mixed spectra are from the emulator's own at the same labels."""
    from specviz.archives import simulated_sky
    from specviz.simulate.packaged import packaged_emulator

    emulator, base = packaged_emulator(), simulated_sky._bases(simulated_sky.BASES)
    wrong = []
    for seed in range(-(-stars // simulated_sky.CELL)):
        labels, log_sed, _ = base.mix(np.random.default_rng(seed))
        inside = {k: np.clip(v, *emulator.ranges[k]) for k, v in labels.items()}
        true = emulator.spectra(inside, norm=False, continuum=False).sed
        nm = emulator.sed_wave / 10.0
        at, used = int(np.argmin(np.abs(nm - 550.0))), (nm > 400.0) & (nm < 1000.0)
        mixed = np.exp(log_sed)
        ratio = (mixed / mixed[:, [at]]) / (true / true[:, [at]]) - 1.0
        wrong.append(np.sqrt((ratio[:, used] ** 2).mean(axis=1)))
    low, middle, high = (100.0 * float(v) for v in np.percentile(np.concatenate(wrong), [50, 90, 99]))
    print(f"mixed flux over 400-1000 nm against the emulator, rms of each of {stars:,} stars: median {low:.3f} %, "
          f"90 % below {middle:.3f} %, 99 % below {high:.3f} %")  # fmt: skip


def main() -> None:
    """Print a table; exits with 1 if a hash differs, or a step fails for want of memory."""
    parser = argparse.ArgumentParser(prog="python -m specviz.benchmarks.out_of_core", description=__doc__)
    parser.add_argument("--stars", type=int, default=2_000_000)
    parser.add_argument("--check", type=int, default=100_000, help="stars of the comparison with a run not killed")
    parser.add_argument("--twice", action="store_true", help="compare the whole with a run that was not killed, too")
    parser.add_argument("--limit", type=float, default=4.0, metavar="GIB", help="of private memory; 0: none")
    parser.add_argument("--folder", type=Path, help="where to keep the catalogue; else it is deleted")
    parser.add_argument("--mixing", action="store_true", help="only: how good the simulated spectra are")
    options = parser.parse_args()
    if options.mixing:
        mixing()
        return
    limit = int(options.limit * _GIB) or None
    folder = options.folder or Path(tempfile.mkdtemp(prefix="specviz-"))
    folder.mkdir(parents=True, exist_ok=True)
    good = True
    try:
        if options.check:
            print(f"-- {options.check:,} stars, killed and gone on with, and not killed")
            killed = killed_and_resumed(options.check, folder / "killed", limit, 4096)
            _must(watched(_command(options.check, folder / "whole", 4096, "--no-index"), limit), "The run")
            whole = StarCatalog.open(folder / "whole").header.content_sha256
            good &= killed == whole
            print(f"content {killed[:16]} and {whole[:16]}: {'the same' if killed == whole else 'DIFFERENT'}")
            shutil.rmtree(folder / "killed")
            shutil.rmtree(folder / "whole")
        print(f"-- {options.stars:,} stars")
        large = folder / "stars.specviz"
        content = killed_and_resumed(options.stars, large, limit, PARTITION)
        print(f"content {content}; {problems(StarCatalog.open(large))} stars without an embedding", flush=True)
        indexed = _must(watched(_command(options.stars, large, PARTITION), limit), "The index")
        _line("indexed", indexed, options.stars)
        size = sum(f.stat().st_size for f in large.rglob("*") if f.is_file())
        index = sum(f.stat().st_size for f in (large / "index").rglob("*")) if (large / "index").is_dir() else 0
        print(indexed.said.strip().splitlines()[-2:], flush=True)
        print(f"disk: {size / 1e9:.2f} GB, of which the index {index / 1e9:.2f} GB")
        if options.twice:
            second = _must(
                watched(_command(options.stars, folder / "second", PARTITION, "--no-index"), limit), "The second"
            )
            _line("the whole in one run", second, options.stars)
            other = StarCatalog.open(folder / "second").header.content_sha256
            good &= other == content
            print(f"content {other}: {'the same' if other == content else 'DIFFERENT'}")
            shutil.rmtree(folder / "second")
    finally:
        if options.folder is None:
            shutil.rmtree(folder, ignore_errors=True)
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
