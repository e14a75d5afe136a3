"""Print how fast the Explorer appears and answers in JupyterLab, with the demo sky and with a million
stars, beside a plain anywidget and jdaviz's Specviz."""

from __future__ import annotations

import sys
import time

from specviz.benchmarks.explorer import main

if __name__ == "__main__":
    began = time.perf_counter()
    status = main(["--catalogue", "1000000", *sys.argv[1:]])
    print(f"measured in {time.perf_counter() - began:.0f} s")
    sys.exit(status)
