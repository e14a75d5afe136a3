"""``specviz train``: a recipe file from the training material to shipped weights."""

from __future__ import annotations

import argparse
import os
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from specviz.errors import SpecvizError

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "specclip_small.toml"


#: What a recipe of SpecCLIP needs.
SECTIONS = ("name", "version", "seed", "network", "data", "pretrain", "align", "adapt")


def read_recipe(path: Path, needed: Sequence[str] = SECTIONS, example: Path = DEFAULT_RECIPE) -> dict[str, Any]:
    """A recipe as a dictionary.

    Parameters
    ----------
    path : Path
    needed : sequence of str
        Keys that must be there; and every stage that ``stages`` names.
    example : Path
        A recipe of the same kind, named where something is wrong.

    Raises
    ------
    SpecvizError
        If the file is absent, no TOML, or lacks a section.
    """
    try:
        recipe = tomllib.loads(Path(path).read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise SpecvizError(f"The recipe {path} cannot be read", remedy=f"Start from {example}") from error
    except tomllib.TOMLDecodeError as error:
        raise SpecvizError(f"The recipe {path} is not TOML: {error}") from error
    missing = [k for k in (*needed, *recipe.get("stages", ())) if k not in recipe]
    if missing:
        raise SpecvizError(f"The recipe {path} lacks " + ", ".join(missing), remedy=f"Compare with {example}")
    return recipe


def shared_folder(given: str | None) -> Path:
    """The folder of the training material: ``--shared``, SPECVIZ_SHARED, or ../shared beside the checkout."""
    return Path(given or os.environ.get("SPECVIZ_SHARED") or Path(__file__).parents[2].parent / "shared")


def own_files(recipe: dict[str, Any]) -> list[str]:
    """The user's own HDF5 files that a recipe names in ``[data] hdf5``; none for the default material."""
    given = recipe["data"].get("hdf5") or []
    files = [given] if isinstance(given, str) else given
    if not isinstance(files, list) or not all(isinstance(f, str) for f in files):
        raise SpecvizError(f"hdf5 = {given!r} in the recipe's section data", expected="a path, or a list of paths")
    return files


def train(recipe: dict[str, Any], shared: Path, runs: Path, weights: Path, *, progress: bool = True) -> str:
    """Run all stages (those done are taken from ``runs``), calibrate, write the weights; returns their SHA-256."""
    if own := own_files(recipe):  # nothing of ``shared`` is needed
        from specviz.training.official_train import train_own

        return train_own(recipe, own, runs, weights, progress=progress)
    import torch

    from specviz.models.specclip.small import SmallConfig, SmallNet
    from specviz.training.calibrate import calibrate, standardise_flows
    from specviz.training.cross_fit import cross_fit
    from specviz.training.data import RealLamost, RealXp, SimulatedPairs
    from specviz.training.export import export, with_measured_labels
    from specviz.training.loop import run_stage
    from specviz.training.polish import polish
    from specviz.training.stages import STAGES, Material
    from specviz.training.validate import plate_validator

    seed, data, wide = int(recipe["seed"]), recipe["data"], bool(recipe["data"].get("wide", False))
    runs.mkdir(parents=True, exist_ok=True)

    def pairs(split: str, key: str, offset: int) -> SimulatedPairs:
        return SimulatedPairs.load(shared, runs / "cache", split, int(data[key]), seed + offset, progress, wide=wide)

    lamost, xp = RealLamost.load(shared, wide=wide), RealXp.load(shared, seed)
    material = Material(lamost, xp, pairs("train", "pairs", 0))
    torch.manual_seed(seed)
    net = SmallNet(SmallConfig(**recipe["network"]))
    standardise_flows(net, material.pairs)
    validator, folds = plate_validator(lamost), []
    for number, (name, stage) in enumerate(STAGES.items()):
        if name == "adapt" and "cross_fit" in recipe:
            aligned = {k: v.clone() for k, v in net.state_dict().items()}
            folds = cross_fit(aligned, net, material, recipe, runs, seed=seed, progress=progress)
        run_stage(stage(net, material, recipe[name]), runs, seed=seed + 100 * number, progress=progress,
                  validate=validator if name == "adapt" else None)  # fmt: skip
    if "polish" in recipe:
        polish(net, material.pairs, recipe["polish"], runs, seed=seed + 500, progress=progress)
    net.eval()
    calibrate(net, lamost, xp, pairs("validation", "pairs_validation", 1), folds)
    if "measured" in recipe:
        net = with_measured_labels(net, recipe["measured"])
    return export(net, recipe, lamost, xp, pairs("test", "pairs_test", 2), weights, material.pairs)


def _kind(path: Path) -> str:
    """``kind`` of a recipe; empty where there is none or the file cannot be read (said later, in words)."""
    try:
        return str(tomllib.loads(path.read_text()).get("kind", ""))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return ""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of ``specviz train``."""
    parser = argparse.ArgumentParser(prog="specviz train", description="Train the default model from a recipe file.")
    parser.add_argument("recipe", nargs="?", default=str(DEFAULT_RECIPE), help="recipe file (TOML)")
    parser.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--hdf5", action="append", metavar="FILE", help="train on your own pairs, in SpecCLIP's layout "
                        "(docs/train.md); again for files of one survey alone")  # fmt: skip
    parser.add_argument("--runs", help="checkpoints and logs; a killed run goes on from here "
                        "(default: runs/ and the recipe's name, or that of the first --hdf5)")  # fmt: skip
    parser.add_argument("--weights", help="where the weights are written (default: into the package for the default "
                        "recipe, else into the folder of --runs)")  # fmt: skip
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    given = list(sys.argv[1:] if argv is None else argv)
    options, _ = parser.parse_known_args(given)
    if _kind(Path(options.recipe)) == "emulator":
        from specviz.training.emulator import main as emulator_main

        return emulator_main(given)
    options = parser.parse_args(given)
    import torch

    torch.set_num_threads(max(1, options.threads))
    return ended(lambda: _run(options))


def ended(work: Callable[[], int]) -> int:
    """The exit status of a training; a person's mistake, and Ctrl-C, are a line on stderr."""
    try:
        return work()
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 130


def _run(options: argparse.Namespace) -> int:
    """Train what the options say, into its place."""
    from specviz.models.registry import weights_path

    recipe = read_recipe(Path(options.recipe))
    if options.hdf5:
        recipe["data"]["hdf5"] = options.hdf5
    own = own_files(recipe)
    name = Path(own[0]).stem if own else str(recipe["name"]).replace("-", "_")
    runs = Path(options.runs or f"runs/{name}")
    # Own pairs and other recipes must not take the place of the weights that the package came with.
    packaged = not own and recipe["name"] == "specclip-small"
    target = weights_path("specclip-small") if packaged else runs / f"{name}.safetensors"
    weights = Path(options.weights or target)
    digest = train(recipe, shared_folder(options.shared), runs, weights, progress=not options.quiet)
    print(f"{weights}\nsha256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
