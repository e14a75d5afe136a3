"""How the memory of a process is watched from outside."""

from __future__ import annotations

import signal
import sys
import time

import pytest

from specviz.benchmarks.out_of_core import watched

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
_MIB = 2**20
_HELD = "import time; held = b'x' * (150 << 20); time.sleep(0.4)"


def test_memory_of_a_process_and_its_children() -> None:
    own = watched([sys.executable, "-c", _HELD], None)
    assert own.status == 0 and 150 * _MIB < own.peak < 250 * _MIB and own.seconds > 0.4
    both = f"import subprocess, sys; {_HELD.split(';')[1]}; subprocess.run([sys.executable, '-c', {_HELD!r}])"
    assert watched([sys.executable, "-c", both], None).peak > 300 * _MIB


def test_more_memory_than_is_allowed_is_refused() -> None:
    refused = watched([sys.executable, "-c", _HELD], 100 * _MIB)
    assert refused.status == 1 and "MemoryError" in refused.said


def test_it_kills_when_told() -> None:
    began = time.monotonic()
    killed = watched(
        [sys.executable, "-c", "import time; time.sleep(60)"], None, lambda: time.monotonic() - began > 0.3
    )
    assert killed.status == -signal.SIGKILL
