"""``specviz evaluate``: every figure of the model card, printed by one command."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from specviz.errors import SpecvizError
from specviz.training.evaluation import calibration, gaia_xp, outliers, plates, speed, transfer, translation
from specviz.training.evaluation.bench import Bench

#: The parts in the order they are run; a name of ``--only`` -> what it measures.
PARTS: dict[str, tuple[Callable[[Bench], Any], ...]] = {
    "plates": (plates.held_out_plates,),
    "references": (plates.reference_nets,),
    "dr1": (transfer.dr1_transfer,),
    "sdss": (transfer.sdss_templates,),
    "repeats": (transfer.repeats,),
    "xp": (gaia_xp.kiel_diagram, gaia_xp.calspec),
    "translation": (translation.translation, translation.rebuilt_real),
    "retrieval": (translation.retrieval_across_surveys,),
    "calibration": (translation.simulated_labels, calibration.calibration),
    "outliers": (outliers.outliers,),
    "planted": (outliers.planted_outliers,),
    "speed": (speed.speed,),
}
_EMULATOR = "phdlspec-small"
#: Models that have a command of their own: module under ``specviz.training.evaluation``, with ``main(argv)``.
SYSTEMS = {
    "spectrafm-small": "spectrafm",
    "desa-small": "desa",
    "lux-small": "lux",
    "phdlspec-fit": "abundances",
}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of ``specviz evaluate``: 0 if every target is met, 1 if one is missed."""
    words = list(sys.argv[1:] if argv is None else argv)
    elsewhere = _elsewhere(words)
    if elsewhere is not None:
        return elsewhere
    parser = _parser()
    options = parser.parse_args(words)
    if options.model == _EMULATOR:
        return _emulator(options)
    chosen = _chosen(options, parser)
    import torch

    from specviz.training.recipe import DEFAULT_RECIPE, read_recipe, shared_folder

    torch.set_num_threads(max(1, options.threads))
    began = time.monotonic()
    try:
        recipe = read_recipe(DEFAULT_RECIPE)
        runs = Path(options.runs)
        bench = Bench(
            model=_model(options),
            shared=shared_folder(options.shared),
            cache=Path(options.cache) if options.cache else runs / "cache",
            runs=runs,
            n_pairs=int(recipe["data"]["pairs_test"]),
            seed=int(recipe["seed"]),
            say=lambda text: print(text, flush=True),
            figures=Path(options.figures) if options.figures else None,
        )
        card = bench.model.describe()
        print(f"{card.name} {card.version}, weights sha256 {card.weights_sha256[:16]}")
        for name in chosen:
            for part in PARTS[name]:
                part(bench)
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1
    missed = [t for t in bench.targets if not t.met]
    met, seconds = len(bench.targets) - len(missed), time.monotonic() - began
    print(f"\n{met} of {len(bench.targets)} targets met; {seconds:.0f} s")
    for target in missed:
        print(target)
    return 1 if missed else 0


def _elsewhere(words: list[str]) -> int | None:
    """What another command makes of these words: several models, or one that is measured in its own way."""
    named = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    named.add_argument("--model")
    named.add_argument("--models")
    found, rest = named.parse_known_args(words)
    if found.models is not None:
        name, rest = "all_models", ["--models", found.models, *rest]
    elif found.model in SYSTEMS:
        name = SYSTEMS[found.model]
    elif found.model is not None and (Path(found.model).expanduser() / "fine_tune.json").is_file():
        name, rest = "tuned", ["--model", found.model, *rest]
    else:
        return None
    try:
        return int(import_module(f"specviz.training.evaluation.{name}").main(rest) or 0)
    except SpecvizError as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="specviz evaluate", description="Print every figure of the model card.")
    parser.add_argument(
        "--model", default="specclip-small",
        help=f"default: %(default)s; {', '.join(SYSTEMS)} have figures and options of their own (--model NAME --help); "
        "so has the folder of specviz fine-tune",
    )  # fmt: skip
    parser.add_argument("--models", metavar="all|NAME,NAME", help="all models and two simple ones in one table")
    parser.add_argument("--weights", help="a weights file instead of the shipped one")
    parser.add_argument("--shared", help="folder of the evaluation material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--runs", default="runs/specclip_small",
                        help="where the supervised net for comparison is kept (default: %(default)s)")  # fmt: skip
    parser.add_argument("--cache", help="where simulated pairs are kept (default: RUNS/cache)")
    parser.add_argument("--only", metavar="PART,PART", help="only these parts: " + ", ".join(PARTS))
    parser.add_argument("--plates-only", action="store_true", help="the same as --only plates")
    parser.add_argument("--figures", metavar="FOLDER", help="write pictures there")
    parser.add_argument("--threads", type=int, default=1)
    return parser


def _chosen(options: argparse.Namespace, parser: argparse.ArgumentParser) -> list[str]:
    words = "plates" if options.plates_only else options.only
    if not words:
        return list(PARTS)
    chosen = [w.strip() for w in words.split(",")]
    for word in chosen:
        if word not in PARTS:
            parser.error(f"there is no part {word!r}; choose from {', '.join(PARTS)}")
    return chosen


def _model(options: argparse.Namespace) -> Any:
    if options.weights:
        from specviz.models.specclip.model import SpecClipSmall

        return SpecClipSmall.from_file(Path(options.weights))
    from specviz.models.registry import load_model

    return load_model(options.model, device="cpu")


def _emulator(options: argparse.Namespace) -> int:
    from specviz.training.emulator_evaluate import main as evaluate_emulator

    if options.weights or options.only or options.plates_only or options.figures:
        print(f"{_EMULATOR} has no parts: of the options only --shared applies", file=sys.stderr)
        return 2
    return int(evaluate_emulator(["--shared", options.shared] if options.shared else []) or 0)


if __name__ == "__main__":
    sys.exit(main())
