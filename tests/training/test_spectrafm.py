"""SpectraFM's recipe: its stars, its bags, its stages and the few-shot experiment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from specviz.models.spectrafm.model import SpectraFM
from specviz.training.evaluation.spectrafm import figures
from specviz.training.spectrafm import CONTEXT, SPANS, Plan, beginning, loss_of, optical_bags, requests_of, train
from specviz.training.spectrafm_data import GRID, LABELS, Stars, emulated_labels, emulated_stars, packed
from specviz.training.spectrafm_few_shot import N_STARS, Score, few_shot, hundred, pixel_table
from specviz.training.spectrafm_finish import finished, inflation, prepared, trusted

RNG = np.random.default_rng(0)


def toy_stars(n: int = 60, seed: int = 0) -> Stars:
    """Stars whose Mg b blend deepens with [Fe/H]."""
    rng = np.random.default_rng(seed)
    labels = np.full((n, len(LABELS)), np.nan)
    labels[:, 0], labels[:, 1] = rng.uniform(4500, 6500, n), rng.uniform(1, 5, n)
    labels[:, 2] = rng.uniform(-2, 0.4, n)
    lines = np.exp(-(((GRID - 5175.0) / 40.0) ** 2)) + np.exp(-(((GRID - 6562.0) / 40.0) ** 2))
    flux = 1.0 - (0.15 * (labels[:, 2:3] + 2.2)) * lines + rng.normal(0, 0.01, (n, GRID.size))
    ivar = np.full(flux.shape, 1e4)
    for row, start in enumerate(rng.integers(0, 600, n)):
        ivar[row, start : start + 30], flux[row, start : start + 30] = 0.0, -4.0
    labels[:, 3:] = rng.normal(0, 0.1, (n, 3))
    return packed(flux, ivar, rng.normal(0, 60, n), labels, np.full(n, 50.0))


@pytest.fixture(scope="module")
def stars() -> Stars:
    return toy_stars()


def test_emulated_stars_are_seen_as_by_lamost(shared: Path) -> None:
    labels = emulated_labels(shared, 24, 0)
    made = emulated_stars(labels, 0)
    assert made.flux.shape == (24, GRID.size) and made.labels.shape == (24, 6)
    assert (labels["fe_h"] < -1).sum() > 2  # thinned where stars are many
    good = made.ivar > 0
    assert 0.7 < np.median(made.flux[good].astype(float)) < 1.1 and 0.01 < (~good).mean() < 0.4


def test_bags_are_what_the_model_sees(stars: Stars) -> None:
    weights = beginning(stars, stars)
    bags = optical_bags(weights, stars, "all", "cpu")
    bag = bags.draw(torch.arange(5), CONTEXT, augment=False)
    model = SpectraFM(weights)
    for row, one in enumerate(prepared(stars[:5])):
        seen = model._pixels(one)
        used = bag.tokens[row] > 0
        assert used.sum() >= CONTEXT - 1 and seen.token == bag.tokens[row][0]
        place = np.abs(seen.wavelength[:, None] - bag.wavelength[row].numpy()[None, used]).argmin(axis=0)
        assert np.isfinite(seen.values[place]).all()  # masked pixels are in no bag
        np.testing.assert_allclose(bag.values[row][used].numpy(), seen.values[place], atol=0.02)


def test_bags_keep_to_their_span(stars: Stars) -> None:
    weights = beginning(stars, stars)
    for span in ("blue", "red"):
        bag = optical_bags(weights, stars, span, "cpu").draw(torch.arange(20), CONTEXT)
        wave = bag.wavelength[bag.tokens > 0]
        low, high = SPANS[span]
        assert wave.min() > low * 0.998 and wave.max() < high * 1.002
        assert torch.isfinite(bag.values[bag.tokens > 0]).all()


def test_a_label_that_is_not_known_teaches_nothing(stars: Stars) -> None:
    weights = beginning(stars, stars)
    bag = optical_bags(weights, stars, "all", "cpu").draw(torch.arange(8), 40)
    requests = requests_of(weights, "cpu")
    net = weights.net.eval()
    hidden = replace(bag, labels=torch.where(torch.arange(6) < 3, bag.labels, torch.nan))
    net.requires_grad_(False)
    parts = [float(loss_of(net, replace(bag, labels=torch.where(torch.arange(6) < 3, bag.labels, x)), requests))
             for x in (0.0, 5.0)]  # fmt: skip
    assert np.isfinite(float(loss_of(net, hidden, requests)))
    assert parts[0] != pytest.approx(parts[1])
    assert float(loss_of(net, hidden, requests)) < max(parts)


def test_training_lowers_the_loss_and_keeps_the_best(stars: Stars) -> None:
    weights = beginning(stars, stars)
    bags, requests = optical_bags(weights, stars, "all", "cpu"), requests_of(weights, "cpu")
    torch.manual_seed(0)
    losses, scores = [], iter([0.5, 0.2, 0.9])
    kept = []

    def loss(net: torch.nn.Module) -> torch.Tensor:
        value = loss_of(net, bags.draw(torch.randint(0, len(stars), (16,)), 60), requests)  # type: ignore[arg-type]
        losses.append(float(value.detach()))
        return value

    def validate(net: torch.nn.Module) -> float:
        kept.append(net.state_dict()["value.bias"].clone())
        return next(scores)

    net = train(weights.net, loss, Plan(30, 16, 2e-3, 0.0), validate=validate, every=10)
    assert np.mean(losses[-5:]) < np.mean(losses[:5])
    assert net.state_dict()["value.bias"] == kept[1]


def test_a_part_is_trained_alone(stars: Stars) -> None:
    weights = beginning(stars, stars)
    bags, requests = optical_bags(weights, stars, "red", "cpu"), requests_of(weights, "cpu")
    before = {k: v.clone() for k, v in weights.net.state_dict().items()}
    chosen = list(weights.net.encoder[0].parameters())
    net = train(
        weights.net, lambda net: loss_of(net, bags.draw(torch.arange(8), 40), requests), Plan(2, 8, 1e-3, 0.0),
        parameters=chosen,
    )  # fmt: skip
    changed = {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert changed and all(k.startswith("encoder.0.") for k in changed)


def test_errors_are_inflated_until_they_cover() -> None:
    truth = np.zeros((4000, 1))
    value, error = RNG.normal(0, 2.0, (4000, 1)), np.ones((4000, 1))
    assert inflation(value, error, truth)[0] == pytest.approx(2.0, rel=0.05)
    told = figures(value[:, 0] + 1.0, truth[:, 0], 2.0 * error[:, 0])
    assert told["bias"] == pytest.approx(1.0, abs=0.1) and told["sigma"] == pytest.approx(2.0, rel=0.1)
    assert told["rmse"] == pytest.approx(np.sqrt(5.0), rel=0.05) and 50 < told["inside"] < 70


def test_the_last_step_calibrates(stars: Stars) -> None:
    weights = finished(beginning(stars, stars), stars, toy_stars(30, 1))
    model = SpectraFM(weights)
    value = model.posterior(model.embed(prepared(stars)))
    inside = [
        p.summary()["teff"][1] < t < p.summary()["teff"][2] for p, t in zip(value, stars.labels[:, 0], strict=True)
    ]
    assert 0.5 < np.mean(inside) < 0.85
    vectors = model.embed(prepared(stars)).vectors
    assert np.abs(vectors.mean(axis=0)).max() < 1.0
    assert model.describe().ranges["teff"][0] < 5000 and "alpha_fe" in weights.card["notes"]
    assert trusted(stars).all()


def test_the_hundred_are_metal_rich() -> None:
    many = toy_stars(300)
    rows = hundred(many, 0)
    assert len(set(rows)) == N_STARS and (many.labels[rows, 2] > -1).all()


def test_few_shot_runs_to_its_table(stars: Stars) -> None:
    many, held = toy_stars(300, 2), toy_stars(40, 3)
    weights = beginning(many, many)
    found = few_shot({"some": weights}, many, {"held": held}, "red", plan=Plan(4, 8, 1e-3, 0.0))
    assert list(found) == ["some, as it is", "some, 100 stars", "from scratch, 100 stars", "ridge, 100 stars",
                           "boosting, 100 stars"]  # fmt: skip
    for scores in found.values():
        assert scores["held"].n == 40 and scores["held"].n_poor == (held.labels[:, 2] < -1).sum()
        assert np.isfinite([scores["held"].everywhere, scores["held"].metal_poor]).all()
    assert found["ridge, 100 stars"]["held"].everywhere < 0.6
    assert pixel_table(held, weights, "red").shape[1] == ((GRID > 5900) & (GRID < 9100)).sum()


def test_scores_tell_all_from_metal_poor() -> None:
    score = Score.of(np.array([0.0, -1.0, -2.0]), np.array([0.0, -2.0, -2.0]))
    assert score.everywhere == pytest.approx(np.sqrt(1 / 3)) and score.metal_poor == pytest.approx(np.sqrt(0.5))
    assert (score.n, score.n_poor) == (3, 2)


def test_few_shot_takes_another_surveys_grid() -> None:
    many, held = toy_stars(300, 2), toy_stars(30, 3)
    weights, wave = beginning(many, many), np.arange(5905.0, 9100.0, 10.0)
    other = [replace(s, flux=s.flux[:, : wave.size], ivar=s.ivar[:, : wave.size]) for s in (many, held)]
    plan = Plan(2, 8, 1e-3, 0.0)
    found = few_shot({"some": weights}, other[0], {"held": other[1]}, "red", plan=plan, grid=wave)
    assert np.isfinite([s["held"].everywhere for s in found.values()]).all()
