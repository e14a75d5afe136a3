"""Print how fast a list is labelled by keys in JupyterLab, from Enter to the next star painted."""

from __future__ import annotations

import sys

from specviz.benchmarks.vetting import main

if __name__ == "__main__":
    sys.exit(main([]))
