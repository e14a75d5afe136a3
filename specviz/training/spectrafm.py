"""Train the SpectraFM that ships: ``python -m specviz.training.spectrafm --shared ../shared --cache runs/spectrafm``.

Stage 1: emulated stars as LAMOST sees them, some hundred random pixels of each a step. Stage 2: real LAMOST
spectra of the training plates, mixed with emulated ones; the best state by the validation plates is kept. Both once
with all pixels and once more with the blue arm's alone, for the few-shot experiment of
:mod:`specviz.training.spectrafm_few_shot`. Calibration: :mod:`specviz.training.spectrafm_finish`.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from specviz.models.spectrafm.config import SpectraFMConfig
from specviz.models.spectrafm.modules import SpectraFMNet, robust_loss
from specviz.models.spectrafm.weights_file import SpectraFMWeights, read, write
from specviz.spectra.grids import LAMOST_COEFF1
from specviz.training.checkpoints import keep
from specviz.training.data import TRAIN, VALIDATION
from specviz.training.spectrafm_batches import BLUE, RED, Bag, OpticalBags, usual_pixels
from specviz.training.spectrafm_data import BINNING, GRID, LABELS, Stars, emulated_labels, emulated_stars, real_stars

#: Pixels of a bag.
CONTEXT = 160
SIZES = {"width": 64, "encoder_heads": 4, "encoder_dense": 256, "decoder_heads": 4, "decoder_dense": 256}
#: Error of a label that no spectrum could beat, in standardised units: keeps the loss from chasing the last digit.
LABEL_ERROR = 0.02
SPANS = {"all": (3000.0, 10_000.0), "blue": BLUE, "red": RED}
_SURVEYS = {"lamost_lrs": "pixel"}


@dataclass(frozen=True)
class Plan:
    """How long and how fast a stage trains: ``steps``, or ``seconds`` if they are over sooner."""

    steps: int
    batch: int
    rate: float
    dropout: float
    seconds: float = math.inf


SYNTHETIC = Plan(4000, 64, 1.5e-3, 0.0)
REAL = Plan(1500, 64, 4e-4, 0.05)


def random_net(config: SpectraFMConfig) -> SpectraFMNet:
    """A network with random weights; values start as loud as wavelengths, so that they are heard sooner."""
    net = SpectraFMNet(config)
    with torch.no_grad():
        net.embedding.table[1:].normal_()
        net.embedding.bias[1:].normal_(std=0.5)
    return net


def beginning(emulated: Stars, real: Stars, seed: int = 0) -> SpectraFMWeights:
    """A network with random weights, and the standardisation of its pixels and labels."""
    torch.manual_seed(seed)
    config = SpectraFMConfig(
        (*_SURVEYS.values(), *LABELS),
        wavelength_origin=6400.0,
        wavelength_scale=3000.0,
        dropout=0.0,
        context=CONTEXT,
        **SIZES,
    )
    net = random_net(config)
    centre = np.median(emulated.labels, axis=0).astype(np.float64)
    spread = emulated.labels.std(axis=0).astype(np.float64)
    k, d = len(LABELS), config.width
    scales = {"lamost_lrs": usual_pixels(emulated, real)}
    return SpectraFMWeights(
        net,
        {survey: (token, scales[survey]) for survey, token in _SURVEYS.items()},
        {label: label for label in LABELS},
        centre,
        spread,
        {survey: np.ones(k) for survey in _SURVEYS},
        {survey: (np.zeros(d), np.ones(d)) for survey in _SURVEYS},
        {"version": "1.0", "release": "LAMOST DR10", "step": BINNING * LAMOST_COEFF1},
    )


def optical_bags(weights: SpectraFMWeights, stars: Stars, span: str, device: str, grid: np.ndarray = GRID
                 ) -> OpticalBags:  # fmt: skip
    """The optical pixels of stars, on ``grid``, as these weights standardise them."""
    token, scale = weights.pixels["lamost_lrs"]
    return OpticalBags(
        stars,
        scale,
        weights.centre,
        weights.scale,
        weights.net.config.token(token),
        span=SPANS[span],
        device=device,
        grid=grid,
    )


def loss_of(net: SpectraFMNet, bag: Bag, requests: Tensor) -> Tensor:
    """Mean negative log-likelihood over the labels that are known."""
    seen = net.perceive(bag.tokens, bag.values, bag.wavelength, attend=False)
    found = net.answers(seen, requests.expand(len(bag.labels), -1), attend=False)
    known = torch.isfinite(bag.labels)
    error = torch.full_like(bag.labels[known], LABEL_ERROR)
    return robust_loss(
        found.value.float()[known], found.log_variance.float()[known].clamp(-9.0, 4.0), bag.labels[known], error
    )


def requests_of(weights: SpectraFMWeights, device: str) -> Tensor:
    """Tokens (1, K) of the labels."""
    return torch.tensor([[weights.net.config.token(t) for t in weights.labels.values()]], device=device)


_print = partial(print, flush=True)


def train(
    net: SpectraFMNet,
    loss: Callable[[SpectraFMNet], Tensor],
    plan: Plan,
    *,
    validate: Callable[[SpectraFMNet], float] | None = None,
    every: int = 100,
    name: str = "",
    parameters: Sequence[nn.Parameter] | None = None,
    tell: Callable[[str], None] = _print,
    checkpoint: Path | None = None,
) -> SpectraFMNet:
    """The averaged network after ``plan.steps``, or the best one by ``validate`` (smaller is better).

    With ``checkpoint``, a file, the state is kept there after each report, and a run that finds one goes on from it: on
    the CPU to the same weights as a run that was not stopped.
    """
    device = next(net.parameters()).device
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = plan.dropout
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = plan.dropout
    net.requires_grad_(parameters is None)
    chosen = list(net.parameters()) if parameters is None else list(parameters)
    for parameter in chosen:
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(chosen, lr=plan.rate, weight_decay=0.01, fused=device.type == "cuda")
    average = copy.deepcopy(net).requires_grad_(False).eval()
    warm = max(1, min(400, plan.steps // 10))
    best, kept = math.inf, None
    began, total, step, done = time.monotonic(), torch.zeros((), device=device), 0, 0.0
    if checkpoint is not None and checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        net.load_state_dict(state["net"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        best, kept, step = state["best"], state["kept"], int(state["step"])
        began, done = began - state["seconds"], step / plan.steps
        tell(f"{name} goes on after step {step}")
    while done < 1.0:
        rate = min(1.0, (step + 1) / warm) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimiser.param_groups:
            group["lr"] = plan.rate * rate
        net.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            value = loss(net)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        nn.utils.clip_grad_norm_(chosen, 1.0)
        optimiser.step()
        with torch.no_grad():  # a mean over the last tenth of the steps, of a thousand at most
            for mean, now in zip(average.parameters(), net.parameters(), strict=True):
                mean.lerp_(now, 1.0 - min(0.999, (1 + step) / (10 + step)))
        total += value.detach()
        step += 1
        done = max(step / plan.steps, (time.monotonic() - began) / plan.seconds)
        if step % every == 0 or done >= 1.0:
            text = f"{name} step {step}: loss {float(total) / ((step - 1) % every + 1):.3f}"
            total = torch.zeros((), device=device)
            if validate is not None:
                score = validate(average)
                text += f", validation {score:.4f}"
                if score < best:
                    best, kept = score, {k: v.clone() for k, v in average.state_dict().items()}
            seconds = time.monotonic() - began
            tell(f"{text}, {seconds:.0f} s")
            if checkpoint is not None:
                state = {"net": net.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
                         "random": torch.get_rng_state(), "best": best, "kept": kept, "step": step,
                         "seconds": seconds}  # fmt: skip
                keep(state, checkpoint)
    net.load_state_dict(average.state_dict() if kept is None else kept)
    return net.eval()


def score_on(bags: OpticalBags, rows: Tensor, requests: Tensor) -> Callable[[SpectraFMNet], float]:
    """A validation: mean absolute error over the spread, of known labels, from the mean of two bags."""

    def score(net: SpectraFMNet) -> float:
        with torch.inference_mode(), torch.random.fork_rng():
            torch.manual_seed(0)
            found = []
            for _ in range(2):
                bag = bags.draw(rows, CONTEXT, augment=False)
                seen = net.perceive(bag.tokens, bag.values, bag.wavelength, attend=False)
                found.append(net.answers(seen, requests.expand(len(rows), -1), attend=False).value)
            off = (torch.stack(found).mean(0) - bag.labels).abs()
            return float(off.nanmean(0).nanmean())

    return score


def stage_one(weights: SpectraFMWeights, stars: Stars, span: str, plan: Plan, device: str) -> SpectraFMWeights:
    """Pre-training on emulated stars."""
    net = weights.net.to(device)
    optical, requests = optical_bags(weights, stars, span, device), requests_of(weights, device)
    held = min(200, len(stars) // 10)

    def loss(net: SpectraFMNet) -> Tensor:
        rows = torch.randint(held, len(stars), (plan.batch,), device=device)
        return loss_of(net, optical.draw(rows, CONTEXT), requests)

    score = score_on(optical, torch.arange(held, device=device), requests)
    train(net, loss, plan, validate=score, every=250, name=f"synthetic {span}")
    return weights


def stage_two(weights: SpectraFMWeights, stars: Stars, real: Stars, validation: Stars, span: str, plan: Plan,
              device: str) -> SpectraFMWeights:  # fmt: skip
    """Fine-tuning on real spectra, with a third of emulated ones so that what LASP does not tell stays known."""
    net = weights.net.to(device)
    optical, true = (optical_bags(weights, s, span, device) for s in (stars, real))
    requests = requests_of(weights, device)
    n_real = plan.batch * 2 // 3

    def loss(net: SpectraFMNet) -> Tensor:
        rows = torch.randint(0, len(real), (n_real,), device=device)
        other = torch.randint(0, len(stars), (plan.batch - n_real,), device=device)
        return loss_of(net, Bag.joined(true.draw(rows, CONTEXT), optical.draw(other, CONTEXT)), requests)

    held = optical_bags(weights, validation, span, device)
    trusted = np.flatnonzero((validation.labels[:, 0] < 7000) & (validation.snr > 20))
    score = score_on(held, torch.from_numpy(trusted).to(device), requests)
    train(net, loss, plan, validate=score, name=f"real {span}")
    return weights


def material(shared: Path, cache: Path, n: int, seed: int, workers: int) -> tuple[Stars, Stars, Stars]:
    """Emulated stars, real ones of the training plates, real ones of the validation plates; kept in ``cache``."""
    paths = [cache / "real_train.npz", cache / "real_validation.npz"]
    for path, part in zip(paths, (TRAIN, VALIDATION), strict=True):
        if not path.exists():
            real_stars(shared, part).save(path)
    made = cache / f"emulated_{n}_{seed}.npz"
    if not made.exists():
        began = time.monotonic()
        stars = emulated_stars(emulated_labels(shared, n, seed), seed, workers)
        stars.save(made, compressed=False)
        print(f"{len(stars)} emulated stars in {time.monotonic() - began:.0f} s", flush=True)
    return Stars.load(made), Stars.load(paths[0]), Stars.load(paths[1])


def main(argv: Sequence[str] | None = None) -> int:
    """Train and write ``synthetic_SPAN`` and ``real_SPAN`` ``.safetensors`` into ``--out``."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.spectrafm", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--cache", type=Path, default=Path("runs/spectrafm"))
    parser.add_argument("--out", type=Path, default=Path("runs/spectrafm"))
    parser.add_argument("--stars", type=int, default=24_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--start", type=Path, help="weights that stage 1 goes on from instead of random ones")
    parser.add_argument("--spans", nargs="*", default=["all", "blue"], choices=["all", "blue", "all-blue"],
                        help="all-blue: stage 1 with all pixels, stage 2 with the blue arm's")  # fmt: skip
    parser.add_argument("--steps", type=int, nargs=2, default=[SYNTHETIC.steps, REAL.steps])
    parser.add_argument("--rates", type=float, nargs=2, default=[SYNTHETIC.rate, REAL.rate])
    parser.add_argument("--batch", type=int, default=SYNTHETIC.batch)
    parser.add_argument("--seconds", type=float, nargs=2, default=[math.inf, math.inf],
                        help="of a stage at most; the schedule is as much shorter")  # fmt: skip
    told = parser.parse_args(argv)
    torch.set_float32_matmul_precision("high")
    stars, real, validation = material(told.shared, told.cache, told.stars, told.seed, told.workers)
    first, second = (
        replace(plan, steps=n, rate=rate, batch=told.batch, seconds=seconds)
        for plan, n, rate, seconds in zip((SYNTHETIC, REAL), told.steps, told.rates, told.seconds, strict=True)
    )
    for span in told.spans:
        one, two = ("all", "blue") if span == "all-blue" else (span, span)
        path = told.out / f"synthetic_{one}.safetensors"
        if not path.exists():
            start = beginning(stars, real, told.seed) if told.start is None else read(told.start)
            write(stage_one(start, stars, one, first, told.device), path)
        weights = read(path)
        name = "real_all_blue" if span == "all-blue" else f"real_{span}"
        digest = write(stage_two(weights, stars, real, validation, two, second, told.device),
                       told.out / f"{name}.safetensors")  # fmt: skip
        print(f"{name}: {digest}", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
