"""Print how fast the widget appears and answers in JupyterLab, beside a plain anywidget in the same run."""

from __future__ import annotations

import sys
import time

from specviz.benchmarks.browser import chromium_path
from specviz.benchmarks.doors import REFERENCE, TREE, Case, run, table

#: The model and the reference catalogue are loaded in the first cell, so the first view is the widget's alone. A click
#: shows the next star of the list: its spectra are painted, the model's answer follows.
EXPLORER = Case(
    "Explorer: next star",
    "import specviz; specviz.explore('demo 1').session.wait()",
    "explorer = specviz.explore([f'demo {i}' for i in range(1, 41)]); explorer",
    "Next star",
    ".name",
)

#: Everything from nothing: the imports, the model and the catalogue are in the cell that is timed.
FRESH = Case(
    "Explorer, imports included",
    "pass",
    "import specviz; explorer = specviz.explore([f'demo {i}' for i in range(1, 41)]); explorer",
    "Next star",
    ".name",
)


def main() -> int:
    if chromium_path() is None:
        print("no Chromium found: not measured (apt-get install chromium)")
        return 0
    began = time.perf_counter()
    print("JupyterLab in headless Chromium, medians of 30 clicks")
    print(table(run((REFERENCE, TREE, EXPLORER, FRESH))))
    print(f"measured in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
