"""Print what a full report of one star costs, stage by stage, on one thread."""

from __future__ import annotations

import sys

from specviz.benchmarks.report import main

if __name__ == "__main__":
    sys.exit(main())
