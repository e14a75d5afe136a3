"""The statistics of an evaluation, on arrays whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.training.evaluation.bench import Target
from specviz.training.evaluation.figures import draw_kiel, draw_ranks, draw_roc
from specviz.training.evaluation.gaia_xp import Standard, at_its_type, empty_zone
from specviz.training.evaluation.scores import (
    auc,
    band_scores,
    half_widths,
    label_scores,
    line_through,
    pair_chi2,
    pairs_within,
    ranks,
    retrieval,
    roc,
    uniformity,
)
from specviz.training.evaluation.types import number_of, subtype_number, temperature_of, type_at


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def calibrated(rng: np.random.Generator, n: int = 3000, bias: float = 0.0, width: float = 1.0) -> tuple:
    """Samples (n, 399, 2) around a noisy measurement of the truth (n, 2); width 1 and bias 0 are right."""
    truth = rng.normal(size=(n, 2))
    centre = truth + rng.normal(size=(n, 2)) + bias
    return centre[:, None] + width * rng.normal(size=(n, 399, 2)), truth


def test_calibrated_posteriors_cover_and_their_ranks_are_uniform(rng: np.random.Generator) -> None:
    samples, truth = calibrated(rng)
    s = label_scores(samples, truth)
    np.testing.assert_allclose(s.cover68, 0.6827, atol=0.03)
    np.testing.assert_allclose(s.cover95, 0.9545, atol=0.015)
    np.testing.assert_allclose(s.mae, np.sqrt(2 / np.pi), atol=0.03)  # mean |x| of a Gaussian
    np.testing.assert_allclose(s.typical, 0.6745, atol=0.04)
    np.testing.assert_allclose(half_widths(samples).mean(axis=0), 1.0, atol=0.02)
    for label in range(2):
        u = uniformity(ranks(samples, truth)[:, label])
        assert u.ks_p > 0.01 and u.chi2_p > 0.01 and u.ks < 0.03 and u.degrees == 19


@pytest.mark.parametrize(("bias", "width"), [(0.3, 1.0), (0.0, 0.6), (0.0, 1.8)])
def test_biased_narrow_and_wide_posteriors_are_told_apart(bias: float, width: float) -> None:
    samples, truth = calibrated(np.random.default_rng(6), bias=bias, width=width)
    place = ranks(samples, truth)[:, 0]
    u, s = uniformity(place), label_scores(samples, truth)
    assert u.ks_p < 1e-6 and u.chi2_p < 1e-6
    assert (s.cover68[0] < 0.55) == (width < 1) and (s.cover68[0] > 0.8) == (width > 1)
    assert (np.mean(place) < 0.45) == (bias > 0)


def test_ranks_of_known_places() -> None:
    samples = np.arange(9.0)[None, :, None]
    np.testing.assert_allclose(
        [ranks(samples, np.array([[x]]))[0, 0] for x in (-1.0, 3.5, 4.0, 99.0)], [0.05, 0.45, 0.5, 0.95]
    )


def test_chi2_of_pairs_of_visits(rng: np.random.Generator) -> None:
    ra, dec = np.repeat(np.arange(400.0) * 0.1, 2), np.zeros(800)
    ra[1::2] += 1.0 / 3600
    pairs = pairs_within(ra, dec)
    np.testing.assert_array_equal(pairs, np.arange(800).reshape(-1, 2))
    sigma = rng.uniform(0.5, 2.0, (800, 1))
    star = np.repeat(rng.normal(size=(400, 1)) * 10, 2, axis=0)
    value = star + sigma * rng.normal(size=(800, 1))
    assert pair_chi2(value, sigma, pairs).mean() == pytest.approx(1.0, abs=0.2)
    assert pair_chi2(value, 2 * sigma, pairs).mean() == pytest.approx(0.25, abs=0.05)
    np.testing.assert_allclose(pair_chi2(np.array([1.0, 4.0]), np.array([3.0, 4.0]), np.array([[0, 1]])), [9 / 25])


def test_area_and_curve(rng: np.random.Generator) -> None:
    assert auc([3, 4, 5], [0, 1, 2]) == 1.0 and auc([0, 1], [2, 3]) == 0.0 and auc([1, 1], [1, 1, 1]) == 0.5
    usual, odd = rng.normal(size=4000), rng.normal(1.0, 1.0, 4000)
    area = auc(odd, usual)
    assert area == pytest.approx(0.760, abs=0.015)  # Phi(1 / sqrt(2))
    false, true = roc(odd, usual)
    assert (false[0], true[0]) == (0, 0) and (false[-1], true[-1]) == (1, 1)
    assert np.all(np.diff(false) >= 0) and np.all(np.diff(true) >= 0)
    assert np.trapezoid(true, false) == pytest.approx(area, abs=1e-3)


@pytest.mark.parametrize("cosine", [True, False])
def test_retrieval_of_copies_and_of_strangers(cosine: bool, rng: np.random.Generator) -> None:
    a = rng.normal(size=(700, 8))
    same = retrieval(a, a + 1e-3 * rng.normal(size=a.shape), cosine=cosine)
    assert (same.top1, same.top10, same.median) == (1.0, 1.0, 1.0)
    strangers = retrieval(a, rng.normal(size=(700, 8)), cosine=cosine)
    assert strangers.top10 == pytest.approx(10 / 700, abs=0.015) and 250 < strangers.median < 450


def test_retrieval_shares_ties() -> None:
    # Two pairs of twins: the right one and its twin are equally near.
    labels = np.array([[0.0], [0.0], [5.0], [5.0]])
    found = retrieval(labels, labels, cosine=False)
    assert (found.top1, found.top10, found.median, found.n) == (0.5, 1.0, 1.5, 4)


def test_bands_and_lines(rng: np.random.Generator) -> None:
    clean = rng.uniform(0.5, 1.5, (50, 400))
    scores = band_scores(clean + 0.02 * rng.normal(size=clean.shape), np.full_like(clean, 0.02), clean)
    assert scores.one == pytest.approx(0.683, abs=0.02) and scores.two == pytest.approx(0.954, abs=0.01)
    assert scores.error == pytest.approx(0.0142, abs=0.001)
    np.testing.assert_allclose(line_through([0, 1, 2], [1, 3, 5]), (2.0, 1.0, 1.0), atol=1e-12)


def test_types_and_temperatures() -> None:
    np.testing.assert_allclose(temperature_of([subtype_number(t) for t in ("O9", "A0", "G2", "M4V")]),
                               [32500, 9700, 5770, 3200], rtol=1e-6)  # fmt: skip
    assert [type_at(t) for t in (32500, 9750, 5770, 4420, 3180)] == ["O9", "A0", "G2", "K5", "M4"]
    numbers = np.arange(subtype_number("O5"), subtype_number("L9") + 1)
    assert np.all(np.diff(temperature_of(numbers)) < 0)
    np.testing.assert_allclose(number_of(temperature_of(numbers)), numbers, atol=1e-6)


def test_what_counts_as_being_at_its_type() -> None:
    a4, o9 = Standard(1, "a star", "A4V"), Standard(2, "10 Lac", "O9V")
    assert at_its_type(a4, 8300.0, 20.0, 12000.0) and not at_its_type(a4, 10200.0, 20.0, 12000.0)
    # Out of the model's range: it must be flagged, whatever its temperature.
    assert at_its_type(o9, 11000.0, 99.5, 12000.0) and not at_its_type(o9, 11000.0, 80.0, 12000.0)
    labels = np.array([[4500, 2.2, 0], [4500, 4.6, 0], [4500, 3.9, 0], [5800, 4.4, 0], [8000, 1.5, 0], [3600, 5.4, 0]])
    np.testing.assert_array_equal(empty_zone(labels), [False, False, True, False, True, True])


def test_targets_say_what_was_asked() -> None:
    met, missed = Target("a", 1.0, -np.inf, 2.0), Target("b", 50.0, 63.0, 73.0)
    assert met.met and "met" in str(met) and "at most 2" in str(met)
    assert not missed.met and str(missed).startswith("MISSED b: 50") and "63 to 73" in str(missed)
    assert not Target("c", float("nan"), 0.0, 1.0).met


def test_pictures_show_what_they_are_given(tmp_path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    labels = np.column_stack([rng.uniform(3500, 10000, 60), rng.uniform(1, 5, 60), rng.uniform(-1, 0.3, 60)])
    draw_kiel(labels, rng.random(60) < 0.5, {"one": 3, "two": 8}, tmp_path / "new" / "kiel.png")
    draw_ranks({"LAMOST, simulated": {"teff": rng.random(500), "logg": rng.random(500) ** 3}}, tmp_path / "ranks.png")
    draw_roc({"noise": (*roc(rng.normal(2, 1, 50), rng.normal(size=50)), 0.9)}, tmp_path / "roc.png")
    for name in ("new/kiel.png", "ranks.png", "roc.png"):
        with Image.open(tmp_path / name) as picture:
            pixels = np.asarray(picture.convert("RGB"), float)
        assert pixels.shape[1] > 500 and (pixels.min(axis=2) < 128).sum() > 500  # not an empty page
