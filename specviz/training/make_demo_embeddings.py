"""Embed the demo stars with the packaged weights and put the result in the package.

``python -m specviz.training.make_demo_embeddings`` after every change of the weights (of the model or of the emulator)
or of the demo stars. A run that was stopped goes on where it was.
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
    parser.add_argument(
        "--keep", type=Path, default=Path("runs/demo_embeddings"), help="finished parts go here (default: %(default)s)"
    )
    arguments = parser.parse_args(argv)
    began = time.perf_counter()
    model = load_model(arguments.model, device=arguments.device)
    say = lambda fraction, text: print(text, end="\r", flush=True)  # noqa: E731
    content = embed_stars(model, DemoArchive(), progress=say, keep=arguments.keep)
    write(arguments.output, content)
    stars, size = len(content["column_object_id"]), arguments.output.stat().st_size / 1e6
    print(f"{stars} stars, {size:.1f} MB, {time.perf_counter() - began:.0f} s -> {arguments.output}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
