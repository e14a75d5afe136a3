"""``kill -9`` at random moments, twice: the catalogue that comes out is the one of an undisturbed run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from specviz.catalog.scale.build import build
from specviz.catalog.scale.partition import EngineSpec

from .build_stars import Spectra

_BUILD = (
    "import sys, torch; torch.set_num_threads(2); sys.path.insert(0, sys.argv[1]); from build_stars import Spectra; "
    "from specviz.catalog.scale.build import build; from specviz.catalog.scale.partition import EngineSpec; "
    "print(build(Spectra(12, 30, 0.003), sys.argv[2], EngineSpec(device='cpu')).header.content_sha256)"
)


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_killed_twice(tmp_path: Path) -> None:
    rng, path = np.random.default_rng(), tmp_path / "c"
    parts = path / "parts"
    command = [sys.executable, "-c", _BUILD, str(Path(__file__).parent), str(path)]
    whole = build(Spectra(12, 30), tmp_path / "whole", EngineSpec(device="cpu")).header.content_sha256
    survived: dict[str, int] = {}
    for kill in range(2):
        victim = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        limit = time.monotonic() + 120
        while len(list(parts.glob("*.json"))) < 4 * (kill + 1) - 1:
            assert victim.poll() is None and time.monotonic() < limit
            time.sleep(0.001)
        time.sleep(rng.uniform(0.0, 0.02))
        os.kill(victim.pid, signal.SIGKILL)
        victim.communicate()
        now = {f.name: f.stat().st_mtime_ns for f in parts.iterdir() if f.suffix == ".json"}
        assert survived.items() <= now.items()  # nothing that was whole is made again
        survived = now
        assert not (path / "catalog.json").exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == whole
