"""Pickled posteriors through a process of their own, which alone opens them and writes tensors only."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from specviz.models.specclip.routing import Route
from specviz.models.work import Work

NOT_TRUSTED = "a pickled sbi object, which can run anything: converted only with --trust-pickle"
_TIMEOUT_S = 900


def convert(pickle: Path, target: Path, route: Route, work: Work) -> str:
    """Convert one posterior; gives why it could not be, or nothing.

    The pickle is code of whoever wrote it. It runs in another process, with an empty folder as its working directory,
    and what comes back is a safetensors file. That process is no cage: hence ``--trust-pickle``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "specviz.models.specclip.convert_sbi",
        str(pickle.resolve()),
        str(target.resolve()),
    ]
    command += ["--trust-pickle", "--label", route.label, "--encoder", route.network]
    with tempfile.TemporaryDirectory() as empty, tempfile.TemporaryFile() as said:
        root = str(Path(__file__).resolve().parents[3])
        path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            cwd=empty,
            env={**os.environ, "PYTHONPATH": path},
        )
        end = time.monotonic() + _TIMEOUT_S
        try:
            while child.poll() is None:
                work.check()
                if time.monotonic() > end:
                    return f"its conversion took more than {_TIMEOUT_S // 60} minutes"
                time.sleep(0.05)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
        said.seek(0)
        lines = said.read().decode("utf-8", "replace").strip().splitlines()
    if child.returncode == 0 and target.is_file():
        return ""
    target.unlink(missing_ok=True)
    return lines[-1].strip() if lines else f"its conversion ended with status {child.returncode}"
