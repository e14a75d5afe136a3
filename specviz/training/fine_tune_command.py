"""``specviz fine-tune``: SpectraFM taught by a table of one's own labelled spectra.

Whole stars, and whole plates where the table names them, are learned from, held back or tested. A killed run goes on
from its last checkpoint with the same command.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specviz.errors import ModelError, OptionError, SpecvizError
from specviz.models.spectrafm.model import SpectraFM
from specviz.training.fine_tune import FEWEST, HELD, fine_tune
from specviz.training.own_figures import Figures, as_lines, measured, model_card
from specviz.training.own_stars import OwnStars, read_own
from specviz.training.plates import TEST, TRAIN, VALIDATION, dealt
from specviz.training.recipe import ended

#: Share of the spectra that is kept for the test; the fewest of them, and of stars to learn from.
TESTED, FEWEST_TESTED, STEPS = 0.2, 5, 150
RECORD, CARD, SPLIT, CHECKPOINT, SUMS = "fine_tune.json", "MODEL_CARD.md", "split.csv", "checkpoint.pt", "SHA256SUMS"
#: Said where plates are named and are too few.
SHARED = "too few plates to keep apart: spectra of one plate are learned from and tested with, which flatters the test"
PARTS = {TRAIN: "learn", VALIDATION: "stop", TEST: "test"}


@dataclass(frozen=True, eq=False)
class Split:
    """Which part each row is of (n,), what the parts do not share ("star", "star or plate"), and what to beware of."""

    part: NDArray[np.int8]
    by: str
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Spectra to learn from, to stop by, to test with."""
        learn, stop, test = (int((self.part == part).sum()) for part in PARTS)
        return learn, stop, test


def divide(stars: OwnStars, tested: float, seed: int, *, plates: bool) -> Split:
    """Deal whole stars, and whole plates where there are some, into the parts.

    Parameters
    ----------
    stars : OwnStars
    tested : float
        Share of the spectra that is kept for the test, 0 to 0.5.
    seed : int
    plates : bool
        Plates must be obeyed; else they are where there are enough of them.

    Raises
    ------
    OptionError
        If there are too few stars, or too few plates that must be obeyed.
    """
    n_stars = int(stars.star_group.max()) + 1
    fewest = FEWEST + (FEWEST_TESTED if tested else 0)
    if n_stars < fewest:
        raise OptionError(
            f"{len(stars)} spectra of {n_stars} stars",
            expected=f"at least {fewest} stars with labels, better a hundred",
        )
    shares = {VALIDATION: HELD * (1.0 - tested)} | ({TEST: tested} if tested else {})
    named = bool((stars.plate != "").any())
    for group, by in ((stars.group, "star or plate"), (stars.star_group, "star")):
        if by != "star" and not named:
            continue
        shared = (SHARED,) if named and by == "star" else ()
        split = Split(dealt(group, shares, seed), by, shared)
        learn, stop, test = split.counts
        if learn >= 12 and stop >= 4 and learn + stop >= FEWEST and (not tested or test >= FEWEST_TESTED):
            return split
        if by != "star" and plates:
            break
    what = "plates" if named and plates else "stars"
    raise OptionError(
        f"The {what} cannot be dealt into parts: most spectra are of a few of them",
        expected="parts to learn from, to stop by and to test with that share none",
    )


def run(options: argparse.Namespace) -> int:
    """Read, divide, teach, measure, write."""
    from specviz.models.registry import list_models, load_model

    base = load_model(options.model, device="cpu")
    if not isinstance(base, SpectraFM):
        raise ModelError(f"{options.model} cannot be fine-tuned", expected="spectrafm-small, or weights of a SpectraFM")
    folder = Path(options.output).expanduser()
    if folder.name in list_models():
        raise OptionError(f"{folder.name} is the name of a model", expected="another name for the folder")
    stars = read_own(
        options.table, base, labels=_labels(options.labels), path=options.path, star=options.star, plate=options.plate,
        rest=options.rest,
    )  # fmt: skip
    _say(stars.notes)
    split = divide(stars, options.test, options.seed, plates=options.plate is not None)
    _say(split.notes)
    labels = _taught(stars, split, explicit=options.labels is not None)
    identity = _identity(base, stars, split, labels, options)
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / f"{folder.name}.safetensors"
    if _state(folder, weights, identity, again=options.again):
        print(f"{folder} is done: nothing to do (--again starts over)")
        print((folder / CARD).read_text("utf-8"))
        return 0
    _write(folder / RECORD, json.dumps({"identity": identity}))
    learn, stop, test = split.counts
    print(f"{len(stars)} spectra, {', '.join(labels)}: {learn} to learn from, {stop} choose the stop, {test} for the "
          f"test; no {split.by} on two sides", flush=True)  # fmt: skip
    tuned = _written(_teach(base, stars, split, labels, folder, options), base, weights)
    found = _measured(base, tuned, stars, split, labels)
    digest = tuned.describe().weights_sha256
    _describe(tuned, base, stars, split, found, folder, options, identity)
    print("\n".join(as_lines(found)) if found else "No spectra were kept for a test.")
    print(f"{weights}\nsha256 {digest}")
    return 0


def _teach(
    base: SpectraFM, stars: OwnStars, split: Split, labels: Sequence[str], folder: Path, options: argparse.Namespace
) -> SpectraFM:
    rows = np.flatnonzero(split.part != TEST)
    tuned = fine_tune(
        base, [stars.spectra[k] for k in rows], {name: stars.labels[name][rows] for name in labels},
        steps=options.steps, seed=options.seed, held=split.part[rows] == VALIDATION, checkpoint=folder / CHECKPOINT,
        tell=(lambda text: None) if options.quiet else lambda text: print(text, file=sys.stderr, flush=True),
    )  # fmt: skip
    return tuned


def _measured(base: SpectraFM, tuned: SpectraFM, stars: OwnStars, split: Split, labels: Sequence[str]) -> Figures:
    test = split.part == TEST
    if not test.any():
        return {}
    found = measured(stars, base, tuned, split.part != TEST, test)
    return {name: found[name] for name in labels if name in found}


def _written(tuned: SpectraFM, base: SpectraFM, weights: Path) -> SpectraFM:
    """The model as its file has it, in half precision: what is measured is what is kept."""
    from specviz.models.spectrafm.weights_file import write

    card = {**tuned.weights.card, "name": weights.stem, "version": f"{base.describe().version}, tuned"}
    digest = write(replace(tuned.weights, card=card), weights)
    _write(weights.parent / SUMS, f"{digest}  {weights.name}\n")
    return SpectraFM.from_file(weights, sha256=digest)


def _describe(
    tuned: SpectraFM, base: SpectraFM, stars: OwnStars, split: Split, found: Figures, folder: Path,
    options: argparse.Namespace, identity: str,
) -> None:  # fmt: skip
    """Card, split and record; the record, which says that all is there, last."""
    with (folder / SPLIT).open("w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("path", "spectrum", "star", "plate", "part"))
        parts = [PARTS[int(part)] for part in split.part]
        rows.writerows(zip(stars.paths, stars.digests, stars.star, stars.plate, parts, strict=True))
    facts = {
        "table": Path(options.table).name, **dict(zip(("learned", "held", "tested"), split.counts, strict=True)),
        "by": split.by, "seed": options.seed, "steps": options.steps,
        "ranges": {k: v for k, v in tuned.describe().ranges.items() if tuned.notes.get(k, "").startswith("taught")},
        "window": (min(p.wavelength[0] for p in stars.prepared), max(p.wavelength[-1] for p in stars.prepared)),
        "folder": str(options.output),
    }  # fmt: skip
    _write(folder / CARD, model_card(folder.name, base, facts, found, (*split.notes, *stars.notes)))
    record = {
        "identity": identity, "sha256": tuned.describe().weights_sha256, "model": options.model,
        "table": str(Path(options.table).resolve()),
        "read": {"labels": _labels(options.labels), "path": options.path, "star": options.star,
                 "plate": options.plate, "rest": options.rest},
        "seed": options.seed, "steps": options.steps, "figures": found,
    }  # fmt: skip
    _write(folder / RECORD, json.dumps(record, indent=1))
    (folder / CHECKPOINT).unlink(missing_ok=True)


def _state(folder: Path, weights: Path, identity: str, *, again: bool) -> bool:
    """Whether the folder is done; what another run has left there is refused, or removed where that was asked for."""
    record = folder / RECORD
    if again:
        for file in (record, folder / CHECKPOINT):
            file.unlink(missing_ok=True)
    try:
        told: dict[str, Any] = json.loads(record.read_text("utf-8")) if record.exists() else {}
    except (ValueError, OSError) as error:
        raise SpecvizError(f"{record} cannot be read", remedy="Give --again to start over") from error
    if told and told.get("identity") != identity:
        raise OptionError(
            f"{folder} was made of other spectra, labels or options", remedy="Take another folder, or --again"
        )
    if not told and any(folder.glob("*.safetensors")) and not again:
        raise OptionError(f"{folder} has other weights in it", expected="an empty folder, or a new one")
    return "sha256" in told and weights.is_file()


def _identity(
    base: SpectraFM, stars: OwnStars, split: Split, labels: Sequence[str], options: argparse.Namespace
) -> str:
    """Of everything that the weights depend on."""
    told = hashlib.sha256(f"{base.describe().weights_sha256} {options.seed} {options.steps}".encode())
    told.update(" ".join((*labels, *stars.digests)).encode())
    for array in (stars.table_of(labels), split.part):
        told.update(np.ascontiguousarray(array).tobytes())
    return told.hexdigest()


def _taught(stars: OwnStars, split: Split, *, explicit: bool) -> list[str]:
    """Labels that enough spectra have; one that was asked for and has too few is refused, another left out."""
    out = []
    for name, values in stars.labels.items():
        known = int((np.isfinite(values) & (split.part != TEST)).sum())
        if known >= FEWEST:
            out.append(name)
        elif explicit:
            raise OptionError(f"{name} is known of {known} spectra to learn from", expected=f"at least {FEWEST}")
        else:
            print(f"{name} is left out: known of {known} spectra to learn from", file=sys.stderr)
    if not out:
        raise OptionError("No label is known of enough spectra", expected=f"at least {FEWEST} to learn from")
    return out


def _labels(words: str | None) -> dict[str, str] | None:
    """``fe_h=FEH,teff`` as {"fe_h": "FEH", "teff": "teff"}."""
    if words is None:
        return None
    pairs = [word.strip().partition("=") for word in words.split(",") if word.strip()]
    return {name.strip(): (column or name).strip() for name, _, column in pairs}


def _say(notes: Sequence[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


def _write(path: Path, text: str) -> None:
    scratch = path.with_suffix(path.suffix + ".part")
    scratch.write_text(text, encoding="utf-8")
    scratch.replace(path)


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share from 0 to 0.5")
    return value


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """Options of the command."""
    parser = argparse.ArgumentParser(
        prog="specviz fine-tune", allow_abbrev=False,
        description="Teach SpectraFM a new instrument with a hundred labelled spectra: a table in, a folder with a "
        "model out. A run that was stopped goes on when the same command is given again.",
    )  # fmt: skip
    parser.add_argument("table", metavar="TABLE", help="a row a spectrum: its file, its labels, its star, its plate "
                        "(FITS, CSV, ECSV, VOTable, Parquet)")  # fmt: skip
    parser.add_argument("-o", "--output", metavar="FOLDER", required=True, help="the model's folder, and its name")
    parser.add_argument("--labels", metavar="NAME[=COLUMN],...", help="by default every label of the model that the "
                        "table has a column for")  # fmt: skip
    parser.add_argument("--path", metavar="COLUMN", help="the spectra's files (default: path, file, ...)")
    parser.add_argument("--star", metavar="COLUMN", help="which star it is (default: star, source_id, ...; else by "
                        "position)")  # fmt: skip
    parser.add_argument("--plate", metavar="COLUMN", help="what shares a night's sky and flat field "
                        "(default: plate, planid, ... where there are enough)")  # fmt: skip
    parser.add_argument("--rest", action="store_true", help="the spectra are at rest already")
    parser.add_argument("--model", default="spectrafm-small", help="what is taught (default: %(default)s)")
    parser.add_argument("--test", metavar="SHARE", type=_share, default=TESTED,
                        help="kept for the test; 0: nothing (default: %(default)s)")  # fmt: skip
    parser.add_argument("--steps", metavar="N", type=_positive, default=STEPS, help="default: %(default)s")
    parser.add_argument("--seed", metavar="N", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--threads", metavar="N", type=_positive, default=1, help="default: %(default)s")
    parser.add_argument("--again", action="store_true", help="start over instead of going on")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """The command line of ``specviz fine-tune``."""
    options = build_parser().parse_args(argv)
    import torch

    torch.set_num_threads(options.threads)
    return ended(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
