"""How good a model of ``specviz fine-tune`` is: ``specviz evaluate --model FOLDER [--table TABLE]``.

On the spectra that its folder kept for the test, or on those of another table whose stars it did not learn from;
beside the model that it was made of and, where the table is the one it was taught by, a ridge regression.
"""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from specviz.errors import CheckpointError, ModelError, OptionError, SpecvizError
from specviz.models.registry import load_model
from specviz.models.spectrafm.model import SpectraFM
from specviz.training.fine_tune_command import RECORD, SPLIT
from specviz.training.own_figures import as_lines, measured
from specviz.training.own_stars import read_own


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="specviz evaluate --model FOLDER", description=__doc__)
    parser.add_argument("--model", required=True, metavar="FOLDER", help="as specviz fine-tune has written it")
    parser.add_argument("--table", type=Path, help="other labelled spectra (default: those kept for the test)")
    parser.add_argument("--threads", type=int, default=1)
    told = parser.parse_args(argv)
    import torch

    torch.set_num_threads(max(1, told.threads))
    folder = Path(told.model).expanduser()
    record, parts = _read(folder)
    tuned, base = _spectrafm(str(folder)), _spectrafm(record["model"])
    stars = read_own(told.table or record["table"], base, **record["read"])
    seen = {row["star"] for row in parts.values() if row["part"] != "test" and row["star"]}
    part = np.array([parts[d]["part"] if d in parts else "" for d in stars.digests])
    learn = (part == "learn") | (part == "stop")
    test = (part == "test") | ((part == "") & ~np.isin(stars.star, list(seen)))
    whole = learn.sum() == sum(row["part"] != "test" for row in parts.values())  # else no ridge regression
    if not test.any():
        raise OptionError(f"No spectrum of the table is kept for a test of {folder.name}",
                          expected="a table with other stars: --table FILE")  # fmt: skip
    card = tuned.describe()
    print(f"{card.name} {card.version}, weights sha256 {card.weights_sha256[:16]}: {int(test.sum())} spectra")
    taught = {name for name, note in tuned.notes.items() if note.startswith("taught")}
    found = measured(stars, base, tuned, learn if whole else np.zeros_like(learn), test)
    print("\n".join(as_lines({name: of for name, of in found.items() if name in taught})))
    return 0


def _spectrafm(name: str) -> SpectraFM:
    model: Any = load_model(name, device="cpu")
    if not isinstance(model, SpectraFM):
        raise ModelError(f"{name} is no SpectraFM", expected="what specviz fine-tune has written")
    return model


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """The record of a folder, and the row of each spectrum in its split."""
    try:
        record = json.loads((folder / RECORD).read_text("utf-8"))
        with (folder / SPLIT).open(newline="", encoding="utf-8") as stream:
            parts = {row["spectrum"]: row for row in csv.DictReader(stream)}
        if not {"model", "table", "read", "sha256"} <= set(record):
            raise CheckpointError(f"{folder} is not done", remedy="Give the command of specviz fine-tune again")
    except (OSError, ValueError, KeyError) as error:
        raise SpecvizError(f"{folder} cannot be read: {error}", expected="a folder of specviz fine-tune") from error
    return record, parts
