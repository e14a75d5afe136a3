"""A hundred labelled stars and another part of the spectrum: what pre-training is worth there.

After section 4 of Koblischke & Bovy (2024): a network that never had labels of real stars for this range is tuned on
100 of them, none of them metal-poor, and asked of metal-poor stars too. Of the hundred, 80 train and 20 choose when to
stop; no other label is looked at (the published run chose its epoch on 4000 further stars, half of them metal-poor).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from specviz.models.spectrafm.modules import SpectraFMNet
from specviz.models.spectrafm.weights_file import SpectraFMWeights
from specviz.training.spectrafm import CONTEXT, Plan, optical_bags, random_net, train
from specviz.training.spectrafm_batches import OpticalBags
from specviz.training.spectrafm_data import GRID, LABELS, Stars

#: Stars of the experiment, those of them that choose the stop, and the metallicity above which they lie.
N_STARS, N_CHOOSE, LOWEST = 100, 20, -1.0
#: How long the tuning takes; from scratch it is given as long.
PLAN = Plan(150, 40, 1e-3, 0.0)
_FE_H = LABELS.index("fe_h")
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Root mean square error of [Fe/H] over all stars, and over those with [Fe/H] < -1; how many they are."""

    everywhere: float
    metal_poor: float
    n: int
    n_poor: int

    @classmethod
    def of(cls, value: Array, truth: Array) -> Score:
        """From predictions and truth (n,)."""
        poor = truth < LOWEST
        square = (value - truth) ** 2
        return cls(float(np.sqrt(square.mean())), float(np.sqrt(square[poor].mean())), len(truth), int(poor.sum()))


def hundred(stars: Stars, seed: int) -> NDArray[np.int64]:
    """Rows of :data:`N_STARS` stars with [Fe/H] above :data:`LOWEST`, teff below 7000 K and S/N above 20."""
    fit = (stars.labels[:, _FE_H] > LOWEST) & (stars.labels[:, 0] < 7000) & (stars.snr > 20)
    return np.random.default_rng(seed).permutation(np.flatnonzero(fit))[:N_STARS]


def truth_of(stars: Stars) -> Array:
    """[Fe/H] (n,)."""
    return stars.labels[:, _FE_H].astype(np.float64)


def request_of(weights: SpectraFMWeights) -> Tensor:
    """The token (1, 1) of [Fe/H]."""
    return torch.tensor([[weights.net.config.token("fe_h")]])


def predicted(net: SpectraFMNet, bags: OpticalBags, request: Tensor, weights: SpectraFMWeights, n_bags: int = 3
              ) -> Array:  # fmt: skip
    """[Fe/H] (n,) of all the stars of ``bags``: the mean of ``n_bags`` random bags."""
    out = np.zeros(bags.n)
    with torch.inference_mode(), torch.random.fork_rng():
        torch.manual_seed(1)
        for _ in range(n_bags):
            for rows in torch.arange(bags.n).split(64):
                bag = bags.draw(rows, CONTEXT, augment=False)
                seen = net.perceive(bag.tokens, bag.values, bag.wavelength, attend=False)
                value = net.answers(seen, request.expand(len(rows), 1), attend=False).value[:, 0]
                out[rows.numpy()] += value.numpy() / n_bags
    return out * weights.scale[_FE_H] + weights.centre[_FE_H]


def tuned(weights: SpectraFMWeights, stars: Stars, span: str, *, scratch: bool, seed: int = 0, plan: Plan = PLAN,
          grid: Array = GRID) -> SpectraFMNet:  # fmt: skip
    """A copy of the network tuned on [Fe/H] of these (100) stars with the pixels of ``span`` alone.

    As published, the decoder and the second block of the encoder are frozen. From ``scratch`` all weights of a
    network of the same sizes are random, and all are trained.
    """
    torch.manual_seed(seed)
    net = copy.deepcopy(weights.net)
    if scratch:
        net = random_net(net.config)
    order = np.random.default_rng(seed).permutation(len(stars))
    learn, choose = (
        optical_bags(weights, stars[rows], span, "cpu", grid) for rows in (order[N_CHOOSE:], order[:N_CHOOSE])
    )
    request = request_of(weights)

    def loss(net: SpectraFMNet) -> Tensor:
        bag = learn.draw(torch.randint(0, learn.n, (plan.batch,)), CONTEXT)
        seen = net.perceive(bag.tokens, bag.values, bag.wavelength, attend=False)
        found = net.answers(seen, request.expand(plan.batch, 1), attend=False)
        off = found.value[:, 0] - bag.labels[:, _FE_H]
        spread = found.log_variance[:, 0].clamp(-6.0, 4.0)
        return 0.5 * (off**2 * torch.exp(-spread) + spread).mean()

    def score(net: SpectraFMNet) -> float:
        off = predicted(net, choose, request, weights, 2) - stars.labels[order[:N_CHOOSE], _FE_H]
        return float(np.sqrt((off**2).mean()))

    parameters = None if scratch else [*net.embedding.parameters(), *net.encoder[0].parameters()]
    return train(net, loss, plan, validate=score, every=max(1, plan.steps // 10), parameters=parameters)


def few_shot(
    variants: Mapping[str, SpectraFMWeights], train_stars: Stars, tests: Mapping[str, Stars], span: str, seed: int = 0,
    plan: Plan = PLAN, grid: Array = GRID,
) -> dict[str, dict[str, Score]]:  # fmt: skip
    """{way: {test: Score}} of each variant as it is and tuned, of a network from scratch, and of two baselines."""
    stars = train_stars[hundred(train_stars, seed)]
    out: dict[str, dict[str, Score]] = {}

    def measure(name: str, net: SpectraFMNet, weights: SpectraFMWeights) -> None:
        request = request_of(weights)
        out[name] = {
            test: Score.of(
                predicted(net, optical_bags(weights, held, span, "cpu", grid), request, weights), truth_of(held)
            )
            for test, held in tests.items()
        }

    for name, weights in variants.items():
        measure(f"{name}, as it is", weights.net, weights)
        measure(
            f"{name}, 100 stars", tuned(weights, stars, span, scratch=False, seed=seed, plan=plan, grid=grid), weights
        )
    some, longer = next(iter(variants.values())), replace(plan, steps=2 * plan.steps)
    net = tuned(some, stars, span, scratch=True, seed=seed, plan=longer, grid=grid)
    measure("from scratch, 100 stars", net, some)
    for name, values in baselines(stars, tests, some, span, grid).items():
        out[name] = {t: Score.of(v, truth_of(tests[t])) for t, v in values.items()}
    return out


def baselines(stars: Stars, tests: Mapping[str, Stars], weights: SpectraFMWeights, span: str, grid: Array = GRID
              ) -> dict[str, dict[str, Array]]:  # fmt: skip
    """[Fe/H] of the tests by a ridge regression and by boosted trees on 20 principal components of the same pixels."""
    from sklearn.decomposition import PCA
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import RidgeCV

    x, y = pixel_table(stars, weights, span, grid), stars.labels[:, _FE_H]
    pca = PCA(20, random_state=0).fit(x)
    made = {
        "ridge, 100 stars": RidgeCV(np.logspace(-1, 5, 13)).fit(pca.transform(x), y),
        "boosting, 100 stars": HistGradientBoostingRegressor(random_state=0, min_samples_leaf=8).fit(
            pca.transform(x), y
        ),
    }
    return {
        name: {t: model.predict(pca.transform(pixel_table(s, weights, span, grid))) for t, s in tests.items()}
        for name, model in made.items()
    }


def pixel_table(stars: Stars, weights: SpectraFMWeights, span: str, grid: Array = GRID) -> Array:
    """Standardised pixels (n, L) of a span at rest, 0 where none was measured: what a table-minded method reads."""
    from specviz.spectra.frames import C_KM_S
    from specviz.training.spectrafm import SPANS

    _, scale = weights.pixels["lamost_lrs"]
    low, high = SPANS[span]
    wave = GRID[(low <= GRID) & (high >= GRID)]
    rows = []
    for flux, ivar, velocity in zip(stars.flux, stars.ivar, stars.velocity, strict=True):
        good = ivar > 0
        at_rest = np.interp(wave * (1.0 + velocity / C_KM_S), grid[good], flux[good].astype(np.float64))
        rows.append(np.nan_to_num(scale.standardised(wave, at_rest)))
    return np.stack(rows).astype(np.float64)
