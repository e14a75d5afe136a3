"""The crank: optimiser, schedule, checkpoints, resume, CSV log, and the choice of the best state."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from specviz.models.specclip.small import SmallNet
from specviz.training.checkpoints import keep
from specviz.training.stages import Stage

#: Larger is better; called on a network in eval mode.
Validate = Callable[[SmallNet], dict[str, float]]


class Average:
    """Exponential moving average of a network's parameters and buffers: the state that is validated and kept."""

    def __init__(self, net: SmallNet, decay: float) -> None:
        self.decay = decay
        self.state = {k: v.detach().clone() for k, v in net.state_dict().items()}
        self.count = 0

    @torch.no_grad()
    def update(self, net: SmallNet) -> None:
        self.count += 1
        decay = min(self.decay, (1 + self.count) / (10 + self.count))
        for k, v in net.state_dict().items():
            if v.dtype.is_floating_point:
                self.state[k].lerp_(v, 1 - decay)
            else:
                self.state[k].copy_(v)


def schedule(step: int, steps: int, warmup: int) -> float:
    """Factor on the learning rate: linear warm-up, then a cosine to 2 %."""
    if step < warmup:
        return (step + 1) / warmup
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def run_stage(stage: Stage, folder: Path, *, seed: int, validate: Validate | None, save_every: float = 120.0,
              progress: bool = True) -> None:  # fmt: skip
    """Train one stage to its end, or go on where a killed run stopped.

    ``folder/<stage>.pt`` is written every ``save_every`` seconds and at the end; with ``"done": True`` it is only
    loaded. The network is left with the averaged weights (of the best validation, where there is one).
    """
    from tqdm import tqdm

    net, s = stage.net, stage.settings
    steps, path = int(s["steps"]), folder / f"{stage.name}.pt"
    groups = stage.parameter_groups()
    optimiser = torch.optim.AdamW([{"params": g["params"]} for g in groups], lr=s["lr"],
                                  weight_decay=s["weight_decay"], betas=(0.9, 0.98), fused=True)  # fmt: skip
    average, first, best = Average(net, s["average"]), 0, None
    best_score = -math.inf
    if path.exists():
        kept = torch.load(path, weights_only=True)
        if kept["done"]:
            net.load_state_dict(kept["net"])
            return
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        average.state, average.count = kept["average"], kept["count"]
        first, best, best_score = kept["step"], kept["best"], kept["best_score"]

    def save(step: int, done: bool, state: dict[str, Tensor]) -> None:
        content: dict[str, Any] = {"net": state, "done": done, "step": step, "best": best, "best_score": best_score}
        if not done:
            content |= {"optimiser": optimiser.state_dict(), "average": average.state, "count": average.count}
        keep(content, path)

    log = _Log(folder / f"{stage.name}.csv", first)
    means: dict[str, float] = {}
    last_save = time.monotonic()
    net.train()
    with tqdm(total=steps, initial=first, desc=stage.name, disable=not progress, mininterval=5.0) as bar:
        for step in range(first, steps):
            factor = schedule(step, steps, int(s["warmup"]))
            for group, given in zip(optimiser.param_groups, groups, strict=True):
                group["lr"] = s["lr"] * factor * given["factor"]
            # A generator a step: a resumed run draws what the uninterrupted one would have drawn.
            torch.manual_seed(seed * 1_000_003 + step)
            losses = stage.loss(step, np.random.default_rng((seed, step)))
            total = torch.stack(list(losses.values())).sum()
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            if torch.isfinite(norm):
                optimiser.step()
                average.update(net)
            for k, v in ((k, v.detach()) for k, v in losses.items()):
                means[k] = 0.95 * means.get(k, float(v)) + 0.05 * float(v)
            bar.update()
            if (step + 1) % int(s["report_every"]) == 0 or step + 1 == steps:
                scores: dict[str, float] = {}
                if validate is not None:
                    probe = _with_state(net, average.state)
                    scores = validate(probe)
                    if scores["score"] > best_score:
                        best, best_score = {k: v.clone() for k, v in average.state.items()}, scores["score"]
                log.write(step + 1, means, scores)
                bar.set_postfix_str(" ".join(f"{k} {v:.3f}" for k, v in {**means, **scores}.items()), refresh=False)
            if time.monotonic() - last_save > save_every:
                save(step + 1, False, net.state_dict())
                last_save = time.monotonic()
    net.load_state_dict(best if best is not None else average.state)
    save(steps, True, net.state_dict())


def _with_state(net: SmallNet, state: dict[str, Tensor]) -> SmallNet:
    probe = SmallNet(net.small)
    probe.load_state_dict(state)
    return probe.eval()


class _Log:
    """A CSV a stage: step, seconds, losses, validation scores. A column that appears later starts a new header line.

    A resumed run drops the rows after the checkpoint it goes on from: they are written again.
    """

    def __init__(self, path: Path, first: int) -> None:
        self.path, self.start = path, time.monotonic()
        self.columns: tuple[str, ...] = ()
        if not path.exists():
            return
        with path.open(newline="") as stream:
            rows = list(csv.reader(stream))
        kept = [row for row in rows if row and (row[0] == "step" or float(row[0]) <= first)] if first else []
        while kept and kept[-1][0] == "step":  # a header without rows
            kept.pop()
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows(kept)
        self.columns = tuple(next((row for row in reversed(kept) if row[0] == "step"), ()))

    def write(self, step: int, losses: dict[str, float], scores: dict[str, float]) -> None:
        row = {"step": float(step), "seconds": time.monotonic() - self.start, **losses, **scores}
        with self.path.open("a", newline="") as stream:
            writer = csv.writer(stream)
            if tuple(row) != self.columns:
                self.columns = tuple(row)
                writer.writerow(row)
            writer.writerow([f"{v:.6g}" for v in row.values()])
