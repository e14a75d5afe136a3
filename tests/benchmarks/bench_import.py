"""Print how long ``import specviz`` takes: the median of 30 fresh interpreters, and of the interpreter alone."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from statistics import median

RUNS = 30
LIMIT = 0.3


def seconds(code: str, folder: str) -> float:
    """Wall time inside the interpreter (its own start is not counted) that ``code`` takes."""
    script = f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"
    command = [sys.executable, "-c", script]
    return float(subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True).stdout)


def main() -> int:
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        ours = [seconds("import specviz", folder) for _ in range(RUNS)]
        command = [seconds("import specviz.cli", folder) for _ in range(RUNS)]
    print(f"import specviz      median {median(ours):.3f} s, worst {max(ours):.3f} s of {RUNS} (limit {LIMIT} s)")
    print(f"import specviz.cli  median {median(command):.3f} s, worst {max(command):.3f} s of {RUNS}")
    print(f"measured in {time.perf_counter() - began:.0f} s")
    return 0 if median(ours) < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
