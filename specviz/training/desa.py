"""Train the DESA that ships: ``python -m specviz.training.desa --shared ../shared --out desa_small.safetensors``.

Simulated pairs of a LAMOST spectrum and a Kepler-like light curve (:mod:`specviz.simulate.light_curves`), split by
seed. Stages: the encoder of spectra (masked reconstruction and conformalised quantiles), that of light curves (SimSiam
and quantiles), heads of each alone, then on frozen encoders a DualFormer without catalogue values and one with: duality
and covariance first, then the tasks beside them. A killed run goes on from ``--folder``. No real star is trained on;
some widen the intervals of the labels that LASP has.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from specviz.models.desa.networks import DesaNet, small_config
from specviz.models.desa.weights_file import DesaWeights, write
from specviz.training.checkpoints import keep
from specviz.training.desa_finish import backgrounds, calibrated, real_widths
from specviz.training.desa_loop import Settings
from specviz.training.desa_stages import (
    CUTS,
    SHORT,
    encoded,
    standardise,
    train_dual,
    train_heads,
    train_light_curve,
    train_spectrum,
)
from specviz.training.desa_stars import CADENCE_HOURS, DAYS, Stars, draw

#: Steps, batch, rate of each stage.
STAGES = {
    "spectrum": Settings(5000, 192, 2e-3),
    "light_curve": Settings(5000, 192, 2e-3),
    "heads": Settings(3000, 512, 2e-3),
    "align": Settings(500, 256, 1e-3),
    "tasks": Settings(3500, 256, 1.5e-3),
}
#: Real stars that widen the intervals of teff, logg and fe_h.
REAL_STARS = 500
#: Stars drawn behind a star in the panel.
SHOWN_STARS = 600


def settings(name: str, *, quick: bool, minutes: float | None) -> Settings:
    """Of a stage; ``minutes`` is for each encoder; a DualFormer takes 0.7 of it."""
    whole = STAGES[name]
    if quick:
        return Settings(3, 16, whole.rate)
    share = {"spectrum": 1.0, "light_curve": 1.0, "align": 0.1, "tasks": 0.6}.get(name)
    return Settings(whole.steps, whole.batch, whole.rate, minutes * share if minutes and share else None)


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, train, calibrate, write."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.desa", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--folder", type=Path, default=Path("runs/desa"), help="simulated stars and states")
    parser.add_argument("--stars", type=int, default=24_000)
    parser.add_argument("--held", type=int, default=1500, help="stars of validation and of calibration, each")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu", help="'cuda' takes minutes where one CPU core takes hours")
    parser.add_argument("--workers", type=int, default=1, help="processes that simulate, threads that cut light curves")
    parser.add_argument("--minutes", type=float, help="at most this long an encoder (see settings)")
    parser.add_argument("--as-coded", action="store_true", help="the covariance term as the published code has it")
    parser.add_argument("--quick", action="store_true", help="a few steps, to see that it runs")
    parser.add_argument("--networks", action="store_true", help="stop when the networks are trained (net.pt)")
    parser.add_argument("--out", type=Path, help="weights to write (.safetensors)")
    told = parser.parse_args(argv)
    torch.set_num_threads(1)
    torch.manual_seed(told.seed)
    torch.set_float32_matmul_precision("high")
    tracks = told.shared / "synthetic" / "sse_tracks.npz"
    n, held = (96, 64) if told.quick else (told.stars, told.held)
    kept = told.folder / "stars"

    def stars(part: str, number: int) -> Stars:
        return draw(part, number, tracks=tracks, folder=kept, workers=told.workers)

    net, state = DesaNet(small_config()), told.folder / "net.pt"
    if not state.is_file():
        train_networks(net.to(told.device), stars("train", n), stars("validation", held), told)
    if told.networks:
        return 0
    trained = torch.load(state, weights_only=True)
    net.cpu().load_state_dict(trained["net"])
    net.eval().requires_grad_(False)
    card = {
        "name": "desa-small", "version": "1.0", "weights": "specviz", "release": "LAMOST DR10, Kepler (simulated)",
        "days": DAYS, "cadence_hours": CADENCE_HOURS, "seed": told.seed, "across": not told.as_coded,
        **trained["card"], **calibrated(net, stars("calibration", held), told.seed),
    }  # fmt: skip
    card["conformal"] |= real_widths(net, told.shared, REAL_STARS, told.seed)
    weights = DesaWeights(net, card, backgrounds(net, stars("validation", min(held, SHOWN_STARS)), told.seed))
    if told.out is not None:
        print(f"wrote {told.out}: {write(weights, told.out)}")
    return 0


def train_networks(net: DesaNet, train: Stars, validation: Stars, told: argparse.Namespace) -> None:
    """All stages; leaves ``net.pt`` in the folder."""
    folder, seed = told.folder, told.seed

    def of(name: str) -> Settings:
        return settings(name, quick=told.quick, minutes=told.minutes)

    train_spectrum(net, train, validation, of("spectrum"), folder, seed)
    cuts = train.cuts(CUTS, seed, short=SHORT, workers=told.workers)
    train_light_curve(net, train, cuts, validation, of("light_curve"), folder, seed)
    net.eval()
    standardise(net, train, cuts)
    features, seen = encoded(net, train, cuts), encoded(net, validation)[0]
    train_heads(net, train, features, validation, seen, of("heads"), folder, seed)
    for latent in (False, True):
        train_dual(
            net, latent, train, features, validation, seen, of("align"), of("tasks"), folder, seed,
            across=not told.as_coded,
        )  # fmt: skip
    names = ("teff", "logg", "fe_h", "age")
    ranges = {k: [float(np.min(train.labels[k])), float(np.max(train.labels[k]))] for k in names}
    about = {"stars": len(train), "ranges": ranges}
    keep({"net": {k: v.cpu() for k, v in net.state_dict().items()}, "card": about}, folder / "net.pt")


if __name__ == "__main__":
    raise SystemExit(main())
