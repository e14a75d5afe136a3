"""Embed the demo stars with the packaged weights and put the result in the package.

``python -m specviz.training.make_demo_embeddings`` after every change of the weights or of the demo stars.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Make the file and say how large it is and how long it took."""
    from specviz.archives.demo import DemoArchive
    from specviz.catalog.demo import PACKAGED, embed_stars, write
    from specviz.models.registry import load_model

    parser = argparse.ArgumentParser(prog="python -m specviz.training.make_demo_embeddings", description=__doc__)
    parser.add_argument("--model", default="specclip-small", help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="default: %(default)s")
    parser.add_argument("-o", "--output", type=Path, default=PACKAGED, help="default: the package's own file")
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    model = load_model(arguments.model, device=arguments.device)
    content = embed_stars(model, DemoArchive(), progress=lambda fraction, text: print(text, end="\r", flush=True))
    write(arguments.output, content)
    stars, size = len(content["column_object_id"]), arguments.output.stat().st_size / 1e6
    print(f"{stars} stars, {size:.1f} MB, {time.perf_counter() - began:.0f} s -> {arguments.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
