"""Print a full report of one star with the official SpecCLIP at full size against the official procedure."""

from __future__ import annotations

import sys

from specviz.benchmarks.official import main

if __name__ == "__main__":
    sys.exit(main())
