"""Fit the Lux model that ships: ``python -m specviz.training.lux --shared ../shared``.

Simulated pairs of LAMOST and Gaia XP spectra of the training stars of the synthetic grid, observed as specviz's other
models are trained on; the latent size is chosen on validation stars, the figures are those of the test stars, beside a
ridge regression and gradient boosting on the same spectra. No real spectrum is used.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from specviz.models.lux.checkpoint import LuxWeights, read, write
from specviz.models.lux.config import LuxConfig, Output
from specviz.models.lux.model import FLOOR, GRIDS, Lux
from specviz.models.lux.modules import LuxNet
from specviz.models.protocol import Prepared
from specviz.simulate.grid import SyntheticGrid
from specviz.simulate.pairs import PairSampler, to_rest_frame

Array = NDArray[np.float64]
LABELS = ("teff", "logg", "fe_h", "alpha_fe", "c_fe", "n_fe", "mg_fe", "si_fe", "ca_fe", "ti_fe", "ebv")
#: A label of a simulated star is exact; an error of 1 % of its spread keeps the equations well conditioned.
_LABEL_ERROR = 0.01
#: How well the velocity that removes the Doppler shift is known, km/s.
_RV_ERROR = 5.0
#: Stars hotter than this are another kind of object to a linear model.
HOTTEST = 7500.0


@dataclass(frozen=True, eq=False)
class Stars:
    """Values and inverse variances (n, d) of each output; labels by name (n,)."""

    values: Mapping[str, Array]
    ivar: Mapping[str, Array]
    labels: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.labels["teff"])


def simulate(grid: SyntheticGrid, split: Any, n: int, seed: int) -> Stars:
    """Stars of a split of the grid cooler than :data:`HOTTEST`, observed by both surveys."""
    sampler = PairSampler(grid, seed=seed, split=split)
    rng, kept, parts = np.random.default_rng(seed + 1), 0, []
    while kept < n:
        batch = sampler.draw(256)
        cool = batch.labels["teff"] < HOTTEST
        rv = batch.labels["rv"] + rng.normal(0.0, _RV_ERROR, len(batch))
        rest, ivar = to_rest_frame(batch.lamost, rv), to_rest_frame(batch.lamost_ivar, rv)
        part = {
            "lamost_lrs": (rest, np.where(ivar > 0, ivar, 0.0)),
            "gaia_xp": (batch.xp, 1.0 / np.maximum(batch.xp_sigma, 1e-6) ** 2),
        }
        parts.append(
            (
                {k: (v[cool].astype(np.float64), w[cool].astype(np.float64)) for k, (v, w) in part.items()},
                {k: batch.labels[k][cool].astype(np.float64) for k in LABELS},
            )
        )
        kept += int(cool.sum())
    labels = {k: np.concatenate([p[1][k] for p in parts])[:n] for k in LABELS}
    joined = {s: [np.concatenate([p[0][s][i] for p in parts])[:n] for i in (0, 1)] for s in GRIDS}
    return Stars({s: j[0] for s, j in joined.items()}, {s: j[1] for s, j in joined.items()}, labels)


def fit(stars: Stars, latent: int, sweeps: int, seed: int = 0, progress: bool = True) -> LuxWeights:
    """Fit a model by exact block updates, the scatter by EM steps between them."""
    config = LuxConfig(latent, (Output("labels", len(LABELS), True),
                                *(Output(s, g.size, True) for s, g in GRIDS.items())))  # fmt: skip
    values = np.concatenate([np.stack([stars.labels[k] for k in LABELS], 1), *(stars.values[s] for s in GRIDS)], 1)
    errors = [np.full((len(stars), len(LABELS)), np.nan)]
    for survey in GRIDS:
        ivar = stars.ivar[survey]
        sigma = np.sqrt(1.0 / np.where(ivar > 0, ivar, 1.0) + FLOOR[survey] ** 2)
        errors.append(np.where(ivar > 0, sigma, np.inf))
    error = np.concatenate(errors, 1)
    centre = np.median(values, axis=0)
    scale = np.maximum(1.4826 * np.median(np.abs(values - centre), axis=0), 1e-3)
    error[:, : len(LABELS)] = _LABEL_ERROR * scale[: len(LABELS)]
    data = torch.from_numpy(np.where(np.isfinite(error), (values - centre) / scale, 0.0))
    data = data.clamp(-30.0, 30.0)  # a broken pixel must not pull a row of B
    sigma_scaled = torch.from_numpy(error / scale)
    net = LuxNet(config)
    net.scatter.fill_(0.1)
    # The principal components of the spectra are a start that the first sweep improves.
    _, _, v = torch.svd_lowrank(data[:, len(LABELS) :], q=latent, niter=4)
    z = data[:, len(LABELS) :] @ v
    z = z / z.std(0)
    torch.manual_seed(seed)
    for sweep in range(sweeps):
        began = time.monotonic()
        weight = net.weights(sigma_scaled)
        net.update_basis(z, data, weight)
        z, covariance = net.latent(data, net.weights(sigma_scaled))
        net.update_scatter(z, covariance, data, sigma_scaled)
        if progress:
            loss = float(net.negative_log_posterior(z, data, net.weights(sigma_scaled))) / len(stars)
            print(f"  sweep {sweep + 1:2d}: {loss:9.1f} a star, {time.monotonic() - began:.1f} s", flush=True)
    typical = torch.from_numpy(np.median(np.where(np.isfinite(error), error, np.nan), axis=0, keepdims=False) / scale)
    typical = torch.where(torch.isfinite(typical), typical, 1.0)
    ranges = {k: [float(v.min()), float(v.max())] for k, v in stars.labels.items()}
    card = {"version": "1.0", "labels": list(LABELS), "ranges": ranges, "latent": latent, "stars": len(stars),
            "seed": seed, "sweeps": sweeps, "release": "LAMOST DR10, Gaia DR3"}  # fmt: skip
    return LuxWeights(net, torch.from_numpy(centre), torch.from_numpy(scale), typical, card)


def encode(model: Lux, stars: Stars, survey: str) -> Any:
    """The encoding of simulated stars from one survey."""
    grid = GRIDS[survey]
    prepared = [
        Prepared(survey, grid, v.astype(np.float32), w.astype(np.float32), 1.0)
        for v, w in zip(stars.values[survey], stars.ivar[survey], strict=True)
    ]
    return model.embed(prepared)


def scores(model: Lux, stars: Stars) -> dict[str, dict[str, tuple[float, float]]]:
    """{survey: {label: (robust sigma, rms of the pulls)}} of the labels, and of the predicted other spectrum."""
    out: dict[str, dict[str, tuple[float, float]]] = {}
    for survey, other in (("lamost_lrs", "gaia_xp"), ("gaia_xp", "lamost_lrs")):
        encoding = encode(model, stars, survey)
        posteriors = model.posterior(encoding, samples=400)
        out[survey] = {}
        for name in LABELS:
            middle = np.array([np.median(p[name]) for p in posteriors])
            width = np.array([p[name].std() for p in posteriors])
            off = middle - stars.labels[name]
            pull = float(1.4826 * np.median(np.abs(off / width)))
            out[survey][name] = (float(1.4826 * np.median(np.abs(off - np.median(off)))), pull)
        predicted = np.stack([p.flux for p in model.translate(encoding, other)])
        good = stars.ivar[other] > 0
        away = np.where(good, predicted - stars.values[other], np.nan)
        out[survey][f"predicted {other}"] = (float(1.4826 * np.nanmedian(np.abs(away))), np.nan)
    return out


def baselines(train: Stars, test: Stars) -> dict[str, dict[str, dict[str, float]]]:
    """{baseline: {survey: {label: robust sigma}}}: ridge regression and boosted trees on 40 principal components."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    out: dict[str, dict[str, dict[str, float]]] = {"ridge": {}, "boosting": {}}
    for survey in GRIDS:
        pca = PCA(40, random_state=0).fit(train.values[survey])
        x, held = pca.transform(train.values[survey]), pca.transform(test.values[survey])
        for kind, make in (
            ("ridge", lambda: RidgeCV(np.logspace(-6, 2, 9))),
            ("boosting", lambda: HistGradientBoostingRegressor(random_state=0)),
        ):
            out[kind][survey] = {}
            for name in LABELS:
                off = make().fit(x, train.labels[name]).predict(held) - test.labels[name]
                out[kind][survey][name] = float(1.4826 * np.median(np.abs(off - np.median(off))))
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Fit, choose, measure, write."""
    parser = argparse.ArgumentParser(prog="python -m specviz.training.lux", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--stars", type=int, default=12_000)
    parser.add_argument("--latent", type=int, nargs="+", default=[32, 48, 64])
    parser.add_argument("--sweeps", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="weights to write (.safetensors)")
    parser.add_argument("--weights", type=Path, help="measure these weights instead of fitting")
    arguments = parser.parse_args(argv)
    grid = SyntheticGrid.open(arguments.shared / "synthetic" / "lte_grid.h5", preload=True)
    train = simulate(grid, "train", arguments.stars, arguments.seed)
    test = simulate(grid, "test", 1500, arguments.seed + 2)
    if arguments.weights is not None:
        best = read(arguments.weights)
    else:
        validation = simulate(grid, "validation", 1500, arguments.seed + 1)
        tried: list[tuple[float, LuxWeights]] = []
        for latent in arguments.latent:
            print(f"latent {latent}", flush=True)
            weights = fit(train, latent, arguments.sweeps, arguments.seed)
            found = scores(Lux(weights), validation)
            score = float(np.mean([found[s][k][0] / np.std(validation.labels[k]) for s in GRIDS for k in LABELS]))
            print(f"latent {latent}: mean sigma over spread on validation stars {score:.4f}", flush=True)
            tried.append((score, weights))
        best = min(tried, key=lambda one: one[0])[1]
    found, others = scores(Lux(best), test), baselines(train, test)
    print(f"{len(test)} test stars, {best.net.config.latent} latent numbers; robust sigma (rms of the pulls)")
    print(f"{'':22s}{'LAMOST':>16s}{'ridge':>9s}{'boosting':>9s}{'XP':>16s}{'ridge':>9s}{'boosting':>9s}")
    for name in LABELS:
        cells = [
            f"{found[s][name][0]:9.3f} ({found[s][name][1]:4.2f}){others['ridge'][s][name]:9.3f}"
            f"{others['boosting'][s][name]:9.3f}"
            for s in GRIDS
        ]
        print(f"{name:22s}" + "".join(cells))
    for survey, other in (("lamost_lrs", "gaia_xp"), ("gaia_xp", "lamost_lrs")):
        print(f"{survey} -> {other}: robust sigma of predicted - observed {found[survey][f'predicted {other}'][0]:.4f}")
    if arguments.out is not None:
        print(f"wrote {arguments.out}: {write(best, arguments.out)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
