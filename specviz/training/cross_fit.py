"""Predictions for labelled stars by nets that never saw their plates: what the posteriors are calibrated on.

Each of K nets goes on from the aligned net and is fine-tuned, by the recipe of the net that ships, on all training
plates but those of one fold; its posteriors of that fold are honest. Pooled, they are five times as many stars as the
validation plates hold, and they contain the scatter between plates (Vovk 2015, Ann. Math. Artif. Intell. 74, 9, on
cross-conformal prediction).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.specclip.small import SmallNet
from specviz.training.data import TRAIN, RealLamost
from specviz.training.loop import run_stage
from specviz.training.stages import Adapt, Material
from specviz.training.validate import plate_validator

Fold = tuple[SmallNet, NDArray[np.int64]]


def plate_folds(lamost: RealLamost, k: int, seed: int) -> NDArray[np.int64]:
    """The fold (n,) of each training row, -1 elsewhere; whole plates, the largest dealt first to the smallest fold."""
    rows = lamost.part(TRAIN)
    plates, counts = np.unique(lamost.planid[rows], return_counts=True)
    order = np.lexsort((np.random.default_rng(seed).random(len(plates)), -counts))
    size, of = np.zeros(k, np.int64), {}
    for i in order:
        of[plates[i]] = int(np.argmin(size))
        size[of[plates[i]]] += counts[i]
    out = np.full(len(lamost.planid), -1, np.int64)
    out[rows] = [of[p] for p in lamost.planid[rows]]
    return out


def cross_fit(aligned: dict[str, torch.Tensor], net: SmallNet, material: Material, recipe: dict[str, Any], runs: Path,
              *, seed: int, progress: bool = True) -> list[Fold]:  # fmt: skip
    """Fine-tune one net a fold; a killed run goes on where it stopped.

    Parameters
    ----------
    aligned : state dict
        The net before :class:`~specviz.training.stages.Adapt`.
    net : SmallNet
        Gives the sizes; not changed.
    material, recipe, runs, seed
        As for the net that ships; checkpoints in ``runs/fold_<i>``. ``recipe["cross_fit"]``: ``folds``, ``steps``.

    Returns
    -------
    list of (SmallNet, rows)
        Each net with the rows that it did not see.
    """
    settings, k = {**recipe["adapt"], "steps": recipe["cross_fit"]["steps"]}, int(recipe["cross_fit"]["folds"])
    fold, lamost = plate_folds(material.lamost, k, seed), material.lamost
    validator, out = plate_validator(lamost), []
    for i in range(k):
        probe = SmallNet(net.small)
        probe.load_state_dict(aligned)
        part = material.without(np.flatnonzero(fold == i))
        folder = runs / f"fold_{i}"
        folder.mkdir(parents=True, exist_ok=True)
        run_stage(Adapt(probe, part, settings), folder, seed=seed + 1000 + i, progress=progress, validate=validator)
        out.append((probe.eval(), np.flatnonzero((fold == i) & (lamost.snrg > 20))))
    return out


__all__ = ["cross_fit", "plate_folds"]
