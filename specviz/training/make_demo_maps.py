"""Make the maps and clusters of the demo sky and put them in the package.

``python -m specviz.training.make_demo_maps`` after ``make_demo_embeddings``, whose file it reads.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def main(argv: Sequence[str] | None = None) -> int:
    """Make the file and say how large it is, how good the maps are, and what the clusters are."""
    from specviz.catalog import demo
    from specviz.catalog.embedding_codec import restore
    from specviz.catalog.maps.packaged import PACKAGED, content
    from specviz.catalog.npz_file import read_npz

    parser = argparse.ArgumentParser(prog="python -m specviz.training.make_demo_maps", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=PACKAGED, help="default: the package's own file")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    told, held = read_npz(demo.PACKAGED)
    surveys = [name.removeprefix("rows_") for name in held if name.startswith("rows_")]
    header, arrays = content(
        {s: restore(*(held[f"{part}_{s}"] for part in ("codes", "centre", "scale"))) for s in surveys},
        {s: held[f"rows_{s}"] for s in surveys},
        {n.removeprefix("column_"): v for n, v in held.items() if n.startswith("column_")},
        model_sha256=told["model_sha256"],
        stars=told["stars"],
        seed=arguments.seed,
    )
    demo.write(arguments.output, {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays})
    for survey in surveys:
        quality = header["maps"][survey]["umap"]["quality"]
        print(f"{survey}: {quality}")
        for one in header["clusters"][survey]:
            print(f"  {one['number']:3d} {one['title']}: {one['text']}")
    print(f"{arguments.output.stat().st_size / 1e3:.0f} kB, {time.perf_counter() - began:.0f} s -> {arguments.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
