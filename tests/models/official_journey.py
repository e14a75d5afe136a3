"""The whole way of the released SpecCLIP on a machine that never saw it, as a process whose memory is measured.

    python tests/models/official_journey.py ENDPOINT [--trust-pickle]

Pulls the model, verifies it, opens a demo star in the Explorer with it. Prints one line of JSON: for each step its
seconds, its exit status, and the peak of resident memory up to then, in bytes (of this process, and of the largest of
its children). ``SPECVIZ_MODELS`` says where the model goes.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from specviz.cli import main as specviz

STEPS: list[dict[str, Any]] = []
UNIT = 1 if sys.platform == "darwin" else 1024


def peak() -> int:
    """Bytes that this program has held at most.

    Linux keeps ``ru_maxrss`` over exec, so that a child of a large process seems as large as its parent was; VmHWM
    begins with the program.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT


def step(name: str, run: Callable[[], Any]) -> Any:
    started = time.monotonic()
    result = run()
    own, children = peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * UNIT
    seconds = round(time.monotonic() - started, 2)
    STEPS.append({"step": name, "seconds": seconds, "peak": own, "children": children, "result": result})
    return result


def explorer() -> dict[str, Any]:
    """One star in the Explorer: what it says of it."""
    import specviz as package

    seen = package.explore("demo 1", model="specclip-official", device="cpu", online=False)
    try:
        report = seen.session.wait(600).report
        summaries = {survey: posterior.summary() for survey, posterior in report.posteriors.items()}
        return {
            "problem": report.problem,
            "model": report.provenance.model,
            "labels": {survey: len(summary) for survey, summary in summaries.items()},
            "fe_h": summaries["lamost_lrs"]["fe_h"][0],
            "notice": None if seen.session.state.notice is None else seen.session.state.notice.title,
        }
    finally:
        seen.close()


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    endpoint, *trust = sys.argv[1:]
    sys.stdout, answer = sys.stderr, sys.stdout
    step("pull", lambda: specviz(["models", "pull", "--endpoint", endpoint, *trust]))
    step("verify", lambda: specviz(["models", "verify"]))
    step("explore", explorer)
    answer.write(json.dumps(STEPS) + "\n")
