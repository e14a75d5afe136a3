"""Fit the Lux model that ships: ``python -m specviz.training.lux --shared ../shared --out lux.safetensors``.

Simulated pairs of LAMOST and Gaia XP spectra of the training stars of the synthetic grid; beside them the real LAMOST
stars of the training plates with LASP's labels and real XP spectra without labels, what is missing at weight 0. The
latent size is chosen on validation stars; what each source's predictions are off by is found on the same. Figures:
``specviz evaluate --model lux-small``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from specviz.models.lux.checkpoint import LuxWeights, write
from specviz.simulate.grid import SyntheticGrid
from specviz.training.calibrate import dust_curve
from specviz.training.data import TRAIN, VALIDATION, RealLamost, RealXp
from specviz.training.lux_calibrate import calibrated, inferred
from specviz.training.lux_fit import fit
from specviz.training.lux_stars import LABELS, LASP_ERROR, Stars, real_lamost, real_xp, simulate

#: Seed of the recipe of specclip-small, by which the held-out XP spectra were drawn.
XP_SEED = 7


@dataclass(frozen=True, eq=False)
class Material:
    """What a model is fitted to and chosen on."""

    simulated: Stars
    lamost: Stars
    xp: Stars
    simulated_validation: Stars
    real_validation: Stars


def material(shared: Path, stars: int, validation: int, xp: int, seed: int) -> Material:
    """Draw and read it."""
    with SyntheticGrid.open(shared / "synthetic" / "lte_grid.h5", preload=True) as grid:
        simulated = simulate(grid, "train", stars, seed)
        held = simulate(grid, "validation", validation, seed + 1)
    lamost, unlabelled = RealLamost.load(shared, wide=True), RealXp.load(shared, XP_SEED)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(~unlabelled.test))[:xp]
    return Material(
        simulated, real_lamost(lamost, lamost.part(TRAIN)), real_xp(unlabelled, rows), held,
        real_lamost(lamost, lamost.trusted(VALIDATION)),
    )  # fmt: skip


def score(weights: LuxWeights, stars: Material) -> tuple[float, str]:
    """Mean error of the labels over their spread, simulated stars from each source and real ones; and in words."""
    parts, words = [], []
    at = weights.net.slices["labels"]
    for name, held, source in (
        ("LAMOST", stars.simulated_validation, "lamost_lrs"),
        ("XP", stars.simulated_validation, "gaia_xp"),
        ("both", stars.simulated_validation, "both"),
        ("real LAMOST", stars.real_validation, "lamost_lrs"),
    ):
        mean, _ = weights.net.predict(*_latent(weights, held, source), "labels")
        predicted = (mean * weights.scale[at] + weights.centre[at]).numpy()
        predicted[:, 0] = np.exp(predicted[:, 0])
        labels = LABELS if "real" not in name else tuple(LASP_ERROR)
        errors = [np.abs(predicted[:, LABELS.index(k)] - held.label(k)).mean() for k in labels]
        parts += [error / np.std(held.label(k)) for error, k in zip(errors, labels, strict=True)]
        words.append(f"{name} MAE {errors[0]:.0f} K {errors[1]:.3f} {errors[2]:.3f}")
    return float(np.mean(parts)), "; ".join(words)


def _latent(weights: LuxWeights, stars: Stars, source: str) -> tuple[torch.Tensor, torch.Tensor]:
    state = inferred(weights, stars, source)
    return state.mean, state.covariance


def main(argv: Sequence[str] | None = None) -> int:
    """Fit, choose, calibrate, write."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.lux", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--stars", type=int, default=4000, help="simulated stars")
    parser.add_argument("--validation", type=int, default=1000)
    parser.add_argument("--xp", type=int, default=700, help="real XP spectra without labels")
    parser.add_argument("--latent", type=int, nargs="+", default=[32, 48, 64])
    parser.add_argument("--real", type=float, default=2.0, help="how often a real star counts; 0: none is used")
    parser.add_argument("--sweeps", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True, help="weights to write (.safetensors)")
    arguments = parser.parse_args(argv)
    torch.set_num_threads(arguments.threads)

    def say(line: str) -> None:
        print(line, flush=True)

    stars = material(arguments.shared, arguments.stars, arguments.validation, arguments.xp, arguments.seed)
    say(f"{len(stars.simulated)} simulated stars, {len(stars.lamost)} real LAMOST spectra, {len(stars.xp)} real XP")
    best = np.inf
    for latent in arguments.latent:
        say(f"latent {latent}")
        real = (stars.lamost, stars.xp) if arguments.real > 0 else ()
        weights = fit(stars.simulated, real, latent, arguments.sweeps,
                      weight_of_real=arguments.real, seed=arguments.seed, say=say)  # fmt: skip
        found, words = score(weights, stars)
        say(f"latent {latent}: mean error over spread on validation stars {found:.4f}; {words}")
        if found < best:  # the best so far is on disk whatever comes
            best = found
            weights = calibrated(weights, stars.simulated_validation, stars.real_validation)
            weights = replace(weights, dust=torch.from_numpy(np.asarray(dust_curve(), np.float64)))
            say(f"wrote {arguments.out}: {write(weights, arguments.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
