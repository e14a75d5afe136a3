"""One stage of training DESA: optimiser, schedule, checkpoints that a killed run goes on from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from specviz.training.checkpoints import keep

#: Loss of a step, by part; the sum is minimised.
Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Settings:
    """Of a stage.

    Parameters
    ----------
    steps, batch : int
    rate : float
        Largest learning rate of AdamW.
    minutes : float, optional
        The stage ends early, its rate brought down in time, when it would take longer. Such a run cannot be repeated
        to the bit.
    """

    steps: int
    batch: int
    rate: float
    minutes: float | None = None


def annealed(share: float, warmup: float) -> float:
    """Factor on the learning rate after a share of the stage: linear warm-up, then a cosine to 1 %."""
    if share < warmup:
        return (share + 1e-3) / warmup
    return 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, (share - warmup) / (1.0 - warmup))))


def run_stage(
    name: str,
    module: nn.Module,
    settings: Settings,
    losses: Callable[[int], Losses],
    folder: Path,
    *,
    trained: Iterable[nn.Parameter] | None = None,
    validate: Callable[[], float] | None = None,
    save_every: float = 60.0,
    report_every: int = 100,
) -> None:
    """Train a module; left in eval mode. ``folder/NAME.pt`` holds it, and is only loaded where it is done.

    Parameters
    ----------
    name : str
    module : Module
        What is saved, and put in train mode.
    settings : Settings
    losses : callable
        Of the step's number.
    folder : path
    trained : iterable of Parameter, optional
        Of the module; all by default.
    validate : callable, optional
        Loss on stars that are not trained on, asked every ``report_every`` steps in eval mode; the best state is kept.
    """
    path, parameters = folder / f"{name}.pt", list(module.parameters() if trained is None else trained)
    optimiser = torch.optim.AdamW(parameters, lr=settings.rate, weight_decay=1e-4)
    step, spent = 0, 0.0
    best: tuple[float, dict[str, Tensor]] | None = None
    if path.is_file():
        kept = torch.load(path, weights_only=True, map_location=parameters[0].device)
        module.load_state_dict(kept["module"])
        if kept["done"]:
            module.eval()
            return
        optimiser.load_state_dict(kept["optimiser"])
        step, spent = int(kept["step"]), float(kept["spent"])
        best = (float(kept["best"]), kept["best_module"]) if "best" in kept else None
    module.train()
    began, saved = time.monotonic() - spent, time.monotonic()
    mean: dict[str, Tensor] = {}

    def save(done: bool) -> None:
        state = {"module": module.state_dict(), "optimiser": {} if done else optimiser.state_dict(), "step": step,
                 "spent": time.monotonic() - began, "done": done}  # fmt: skip
        if best is not None and not done:
            state |= {"best": best[0], "best_module": best[1]}
        keep(state, path)

    while step < settings.steps:
        passed = time.monotonic() - began
        share = step / settings.steps
        if settings.minutes is not None:
            if passed > 60.0 * settings.minutes:
                break
            share = max(share, passed / (60.0 * settings.minutes))
        for group in optimiser.param_groups:
            group["lr"] = settings.rate * annealed(share, 0.05)
        parts = losses(step)
        total = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimiser.step()
        step += 1
        for k, v in parts.items():
            mean[k] = 0.95 * mean.get(k, v.detach()) + 0.05 * v.detach()
        if step % report_every == 0 or step == settings.steps:
            told = ", ".join(f"{k} {float(v):.4f}" for k, v in mean.items())
            if validate is not None:
                module.eval()
                found = validate()
                module.train()
                told += f"; validation {found:.4f}"
                if best is None or found < best[0]:
                    best = (found, {k: v.detach().clone() for k, v in module.state_dict().items()})
            print(f"  {name} {step:5d}/{settings.steps} {time.monotonic() - began:6.0f} s: {told}", flush=True)
        if time.monotonic() - saved > save_every:
            save(False)
            saved = time.monotonic()
    if best is not None:
        module.load_state_dict(best[1])
    module.eval()
    save(True)
