"""Print how fast the widget appears and answers in JupyterLab, beside a plain anywidget in the same run."""

from __future__ import annotations

import sys
import time

from specviz.benchmarks.browser import chromium_path
from specviz.benchmarks.doors import REFERENCE, TREE, run, table


def main() -> int:
    if chromium_path() is None:
        print("no Chromium found: not measured (apt-get install chromium)")
        return 0
    began = time.perf_counter()
    print("JupyterLab in headless Chromium, medians of 30 clicks")
    print(table(run((REFERENCE, TREE))))
    print(f"measured in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
