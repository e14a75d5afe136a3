"""From a training state to shipped weights: ``python -m specviz.training.emulator_export <runs>/<stage>.pt``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from specviz.errors import CheckpointError, SpecvizError
from specviz.models.phdlspec.checkpoint import write
from specviz.models.phdlspec.config import PhdlspecConfig
from specviz.models.phdlspec.modules import EmulatorNet
from specviz.models.registry import weights_path
from specviz.training.emulator import DEFAULT_RECIPE, read_recipe


def trained(checkpoint: Path, recipe: Path | None = None) -> tuple[EmulatorNet, int]:
    """The averaged network of a training state, finished or not, and its step."""
    try:
        kept = torch.load(checkpoint, weights_only=True)
    except OSError as error:
        raise CheckpointError(f"The training state {checkpoint} cannot be read", remedy="Check the path") from error
    net = EmulatorNet(PhdlspecConfig(**read_recipe(recipe or DEFAULT_RECIPE)["network"]))
    net.load_state_dict(kept["average"])
    return net.eval().requires_grad_(False), int(kept["step"])


def export(net: EmulatorNet, recipe: Mapping[str, Any], path: Path) -> str:
    """Write the weights and their line in ``SHA256SUMS``; returns the SHA-256."""
    card = {
        "version": recipe["version"],
        "release": "own 1-D LTE grid of 2026-11-20 (8,039 training spectra)",
        "seed": recipe["seed"],
    }
    digest = write(net, path, card)
    sums = path.parent / "SHA256SUMS"
    kept = [x for x in sums.read_text().splitlines() if x.split("  ")[-1] != path.name] if sums.is_file() else []
    sums.write_text("\n".join([*kept, f"{digest}  {path.name}"]) + "\n")
    return digest


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write the weights of a training state, finished or not.")
    parser.add_argument("checkpoint", help="runs/<name>/<stage>.pt")
    parser.add_argument("--recipe", default=str(DEFAULT_RECIPE))
    parser.add_argument("--weights", default=str(weights_path("phdlspec-small")))
    options = parser.parse_args(argv)
    try:
        net, step = trained(Path(options.checkpoint), Path(options.recipe))
        digest = export(net, read_recipe(Path(options.recipe)), Path(options.weights))
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{options.weights} (step {step})\nsha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
