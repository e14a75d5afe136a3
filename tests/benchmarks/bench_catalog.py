"""Print how a million stars are searched, beside numpy and the official procedure."""

from __future__ import annotations

import sys

from specviz.benchmarks.catalog_search import main

if __name__ == "__main__":
    sys.exit(main())
