"""Training of the emulator: ``python -m specviz.training.emulator``, one recipe file from the grid to the weights."""

from __future__ import annotations

import argparse
import csv
import math
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from specviz.models.phdlspec.config import PhdlspecConfig
from specviz.models.phdlspec.modules import EmulatorNet
from specviz.training.checkpoints import keep
from specviz.training.emulator_data import TRAIN, VALIDATION, Anchors, GridSpectra, pixel_pairs, standardise
from specviz.training.recipe import ended, shared_folder
from specviz.training.recipe import read_recipe as read_any_recipe

DEFAULT_RECIPE = Path(__file__).parent / "recipes" / "phdlspec_small.toml"
#: Where the reference of the field asks for the accuracy: the stars that count fully, teff in K.
CORE_TEFF = (4500.0, 7000.0)


def read_recipe(path: Path) -> dict[str, Any]:
    """A recipe of the emulator as a dictionary; SpecvizError where it is unfit."""
    return read_any_recipe(path, ("name", "version", "seed", "network", "loss", "stages"), DEFAULT_RECIPE)


class Trainer:
    """Losses and steps of one network.

    Every step draws its stars from a generator seeded by (seed, stage, step): a resumed run sees what an uninterrupted
    one would have seen.
    """

    def __init__(self, net: EmulatorNet, grid: GridSpectra, anchors: Anchors, loss: Mapping[str, float], seed: int
                 ) -> None:  # fmt: skip
        self.net, self.grid, self.anchors, self.loss, self.seed = net, grid, anchors, dict(loss), seed
        self.train_rows = grid.rows(TRAIN)
        self.anchor_rows = torch.from_numpy(~anchors.held_out()).nonzero()[:, 0]
        self.norm_scale = self._scales(anchors.norm_step)
        self.sed_scale = self._scales(anchors.ln_sed_step)

    def _scales(self, steps: Tensor) -> Tensor:
        """(A, K): the size by which a difference is divided, so that weak elements and weak-lined stars count.

        What has no effect at all on any star counts nothing.
        """
        star = steps.square().mean(2).sqrt()
        element = star[self.anchor_rows].square().mean(0).sqrt()
        scale = torch.maximum(star, 0.3 * element)
        return torch.where(scale > 1e-7, scale, torch.inf)

    def step_loss(self, stage: Mapping[str, Any], generator: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        """Loss of one step and its parts."""
        rows = self.train_rows[torch.randint(len(self.train_rows), (int(stage["batch"]),), generator=generator)]
        flux, smooth = self.flux_loss(rows)
        total = flux + self.loss["smooth"] * smooth
        parts = {"flux": float(flux.detach()), "smooth": float(smooth.detach())}
        if self.loss["gradient"] > 0:
            slope = self.gradient_loss(int(stage["anchors"]), int(stage["directions"]), generator)
            total, parts = total + self.loss["gradient"] * slope, {**parts, "gradient": float(slope.detach())}
        return total, parts

    def flux_loss(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Huber loss of the normalised flux in units of (1 %)**2, and of ln continuum and ln SED likewise."""
        g, huber = self.grid, float(self.loss["huber"])
        labels = g.labels[rows]
        norm, continuum, sed = self.net(labels)
        inside = (labels[:, 0] > CORE_TEFF[0]) & (labels[:, 0] < CORE_TEFF[1])
        weight = torch.where(inside, 1.0, float(self.loss["cool_weight"]))
        flux = (F.huber_loss(norm, g.norm[rows], delta=huber, reduction="none").mean(1) * weight).mean()
        smooth = F.huber_loss(continuum, g.ln_continuum[rows], delta=huber) + F.huber_loss(
            sed, g.ln_sed[rows], delta=huber
        )
        return flux * 1e4, smooth * 1e4

    def gradient_loss(self, n_anchors: int, n_directions: int, generator: torch.Generator) -> Tensor:
        """Mean |predicted - reference| of the finite differences, each in units of its reference's size."""
        a = self.anchors
        stars = self.anchor_rows[torch.randperm(len(self.anchor_rows), generator=generator)[:n_anchors]]
        directions = torch.stack(
            [torch.randperm(len(a.names), generator=generator)[:n_directions] for _ in range(n_anchors)]
        )
        base = a.labels[stars]
        moved = base[:, None] + a.steps[directions]
        # The stars first, then the moved ones; in float32, for a difference of 1e-4 drowns in bfloat16.
        half, self.net.half_blocks = self.net.half_blocks, False
        norm, _, sed = self.net(torch.cat((base, moved.flatten(0, 1))))
        self.net.half_blocks = half
        n = n_anchors
        norm, shape = pixel_pairs(norm), (n, n_directions, -1)
        wanted = a.norm_step[stars[:, None], directions], a.ln_sed_step[stars[:, None], directions]
        found = norm[n:].view(shape) - norm[:n, None], sed[n:].view(shape) - sed[:n, None]
        scales = self.norm_scale[stars[:, None], directions], self.sed_scale[stars[:, None], directions]
        lines, shape_of_sed = (
            F.smooth_l1_loss(f / s[..., None], w / s[..., None], beta=0.5)
            for f, w, s in zip(found, wanted, scales, strict=True)
        )
        # The anchors' own spectra are known too, at twice the pixel size.
        level = F.huber_loss(norm[:n], a.norm[stars], delta=float(self.loss["huber"])) * 1e4
        return lines + 0.2 * shape_of_sed + 0.2 * level

    @torch.no_grad()
    def validate(self, state: Mapping[str, Tensor]) -> dict[str, float]:
        """Residuals of the validation rows in % of the continuum: rms and robust sigma, core stars and all."""
        kept = {k: v.clone() for k, v in self.net.state_dict().items()}
        self.net.load_state_dict(dict(state))
        rows = self.grid.rows(VALIDATION)[::2]
        residual = torch.cat([self.net(self.grid.labels[i])[0] - self.grid.norm[i] for i in rows.split(64)])
        self.net.load_state_dict(kept)
        teff = self.grid.labels[rows, 0]
        core = residual[(teff > CORE_TEFF[0]) & (teff < CORE_TEFF[1])]
        return {
            "core_rms": 100 * float(core.square().mean().sqrt()),
            "core_robust": 148.26 * float(core.flatten()[::5].abs().median()),
            "all_rms": 100 * float(residual.square().mean().sqrt()),
        }


def learning_rate(step: int, steps: int, warmup: int, end: float) -> float:
    """Factor on the learning rate: linear warm-up, then a cosine to ``end``."""
    if step < warmup:
        return (step + 1) / warmup
    return end + (1 - end) * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def run_stage(trainer: Trainer, name: str, number: int, stage: Mapping[str, Any], folder: Path, *,
              save_every: float = 60.0, report_every: int = 100, progress: bool = True, stop_after: int | None = None
              ) -> bool:  # fmt: skip
    """Train one stage to its end, or go on where a killed run stopped; True when it is done.

    ``folder/<stage>.pt`` is written every ``save_every`` seconds and at the end. The network is left with the averaged
    weights. ``stop_after`` ends the run after so many steps in this call, as a kill would.
    """
    from tqdm import tqdm

    net, steps, path = trainer.net, int(stage["steps"]), folder / f"{name}.pt"
    folder.mkdir(parents=True, exist_ok=True)
    net.skip_blocks, net.half_blocks = not stage["blocks"], bool(stage["blocks"]) and bool(stage.get("half", True))
    inside = {id(p) for p in net.blocks.parameters()}
    groups = [
        {"params": [p for p in net.parameters() if (id(p) in inside) == blocks], "factor": factor}
        for blocks, factor in ((False, 1.0), (True, float(stage.get("block_factor", 1.0))))
    ]
    optimiser = torch.optim.AdamW(groups, lr=1.0, weight_decay=float(stage["weight_decay"]), betas=(0.9, 0.98))
    average = {k: v.detach().clone() for k, v in net.state_dict().items()}
    first, started = 0, time.monotonic()
    if path.exists():
        kept = torch.load(path, weights_only=True)
        if kept["done"]:
            net.load_state_dict(kept["average"])
            return True
        net.load_state_dict(kept["net"])
        optimiser.load_state_dict(kept["optimiser"])
        average, first = kept["average"], int(kept["step"])
        started -= float(kept["seconds"])

    def save(step: int, done: bool) -> None:
        content = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average, "step": step,
                   "done": done, "seconds": time.monotonic() - started}  # fmt: skip
        keep(content, path)

    sums: dict[str, float] = {}
    saved, last = time.monotonic(), steps if stop_after is None else min(steps, first + stop_after)
    bar = tqdm(range(first, last), initial=first, total=steps, desc=name, disable=not progress, mininterval=5.0)
    for step in bar:
        generator = torch.Generator().manual_seed((trainer.seed * 1000 + number) * 1_000_000 + step)
        for group in optimiser.param_groups:
            group["lr"] = float(stage["lr"]) * group["factor"] * learning_rate(
                step, steps, int(stage["warmup"]), float(stage["end"])
            )  # fmt: skip
        loss, parts = trainer.step_loss(stage, generator)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        decay = min(float(stage["average"]), (1 + step) / (10 + step))
        with torch.no_grad():
            for k, v in net.state_dict().items():
                average[k].lerp_(v, 1 - decay)
        for k, v in parts.items():
            sums[k] = sums.get(k, 0.0) + v / report_every
        if (step + 1) % report_every == 0 or step + 1 == steps:
            figures = {**sums, **trainer.validate(average)}
            _log(folder / "log.csv", {"stage": name, "step": step + 1, "seconds": round(time.monotonic() - started),
                                      **{k: round(v, 5) for k, v in figures.items()}})  # fmt: skip
            bar.set_postfix({k: f"{v:.3f}" for k, v in figures.items() if k in ("core_rms", "core_robust", "gradient")})
            sums = {}
        if time.monotonic() - saved > save_every:
            save(step + 1, False)
            saved = time.monotonic()
    save(last, last == steps)
    if last == steps:
        net.load_state_dict(average)
    return last == steps


def _log(path: Path, row: Mapping[str, Any]) -> None:
    columns = ("stage", "step", "seconds", "flux", "smooth", "gradient", "core_rms", "core_robust", "all_rms")
    new = not path.exists()
    with path.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="")
        if new:
            writer.writeheader()
        writer.writerow(row)


def prepare(recipe: Mapping[str, Any], shared: Path) -> Trainer:
    """Data, a fresh network with its fixed buffers, and the losses."""
    grid, anchors = GridSpectra.load(shared), Anchors.load(shared)
    torch.manual_seed(int(recipe["seed"]))
    net = EmulatorNet(PhdlspecConfig(**recipe["network"]))
    standardise(net, grid)
    return Trainer(net, grid, anchors, recipe["loss"], int(recipe["seed"]))


def train(recipe: Mapping[str, Any], shared: Path, runs: Path, *, progress: bool = True) -> EmulatorNet:
    """Run all stages; those done are taken from ``runs``."""
    trainer = prepare(recipe, shared)
    for number, name in enumerate(recipe["stages"]):
        run_stage(trainer, name, number, recipe[name], runs, progress=progress)
    return trainer.net


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="specviz train", description="Train the emulator from a recipe file.")
    parser.add_argument("recipe", nargs="?", default=str(DEFAULT_RECIPE), help="recipe file (TOML)")
    parser.add_argument("--shared", help="folder of the training material (default: SPECVIZ_SHARED or ../shared)")
    parser.add_argument("--runs", default="runs/phdlspec_small", help="checkpoints and logs; a killed run goes on")
    parser.add_argument("--no-gradients", action="store_true", help="leave the gradient regulariser out")
    parser.add_argument("--weights", help="where to write the weights at the end (default: nowhere)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    options = parser.parse_args(argv)
    torch.set_num_threads(max(1, options.threads))
    return ended(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    """Train what the options say, and write it where they say."""
    recipe = read_recipe(Path(options.recipe))
    if options.no_gradients:
        recipe["loss"]["gradient"] = 0.0
    net = train(recipe, shared_folder(options.shared), Path(options.runs), progress=not options.quiet)
    if options.weights:
        from specviz.training.emulator_export import export

        print(f"{options.weights}\nsha256 {export(net, recipe, Path(options.weights))}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
