"""How rare a value is among reference stars."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.catalog.outliers.tails import ENOUGH, LEVELS, Tail, harmonic


def test_tail_probabilities_of_like_stars_are_uniform() -> None:
    rng = np.random.default_rng(0)
    tail = Tail.of(rng.gamma(9.0, 1.0, 2000))
    assert tail is not None
    p = tail.many(rng.gamma(9.0, 1.0, 20_000))
    for level in (0.5, 0.2, 0.05):
        assert np.mean(p <= level) == pytest.approx(level, rel=0.15)
    assert np.mean(p <= 0.001) < 0.002  # extrapolated on the careful side: no rarer said than it is


def test_tail_goes_on_falling_beyond_the_reference() -> None:
    tail = Tail.of(np.random.default_rng(1).normal(size=1000))
    assert tail is not None
    p = tail.many(np.array([3.0, 5.0, 8.0, 20.0]))
    assert np.all(np.diff(p) < 0) and 0 < p[-1] < p[1] < 0.01
    assert tail.rarity(20.0) == pytest.approx(1 / 1001)  # what can be known of a thousand stars
    assert np.isnan(tail.p(float("nan"))) and np.isnan(tail.rarity(float("nan")))


def test_anomalies_among_the_reference_stay_in_the_tail() -> None:
    rng = np.random.default_rng(2)
    ordinary, odd = rng.normal(1.0, 0.1, 992), rng.uniform(2.0, 6.0, 8)
    clean, mixed = Tail.of(ordinary), Tail.of(np.concatenate([ordinary, odd]))
    assert clean is not None and mixed is not None
    assert mixed.many(odd).max() < 0.01 and mixed.many(odd).max() < mixed.many(ordinary).min()
    assert np.all(np.diff(mixed.many(np.sort(odd))) < 0)
    assert mixed.p(1.1) == pytest.approx(clean.p(1.1), rel=0.2)


def test_a_few_in_which_something_was_found_are_counted_not_extrapolated() -> None:
    rng = np.random.default_rng(6)
    found = rng.random(5000) < 0.02  # most have nothing but noise
    values = np.where(found, rng.uniform(3.0, 8.0, 5000), rng.normal(0.6, 0.2, 5000))
    tail = Tail.of(values)
    assert tail is not None
    assert tail.p(3.0) == pytest.approx(0.02, rel=0.3) and tail.p(8.0) > 0.001 > tail.p(200.0)


def test_stars_are_compared_with_those_of_their_signal_to_noise() -> None:
    rng = np.random.default_rng(3)
    snr = 10 ** rng.uniform(1, 2.5, 3000)
    tail = Tail.of(rng.normal(1.0, 0.1, snr.size) / np.sqrt(snr / 10), snr)
    assert tail is not None and tail.knots.shape == (3, 6)
    assert tail.p(0.7, 12.0) > 0.5  # low for its noise
    assert tail.p(0.7, 250.0) < 0.002  # much for one that sharp
    assert 0.0 < tail.p(0.7) < 1.0  # unknown noise: as a middling star


def test_stars_in_which_nothing_was_found_are_not_odd() -> None:
    values = np.concatenate([np.zeros(700), np.random.default_rng(4).uniform(0.1, 3.0, 300)])
    tail = Tail.of(values)
    assert tail is not None
    assert tail.p(0.0) == 1.0 and tail.rarity(0.0) == 1.0
    assert tail.rarity(2.9) == pytest.approx(0.01, abs=0.005) and tail.p(2.9) < 0.05


def test_few_stars_know_nothing_of_a_tail() -> None:
    assert Tail.of(np.arange(ENOUGH - 1)) is None
    assert Tail.of(np.full(100, np.nan)) is None
    same = Tail.of(np.ones(100))
    assert same is not None and same.p(1.0) == 1.0 and same.p(2.0) < 0.05
    assert LEVELS[0] == 0.0 and LEVELS[-1] == 1.0 and np.all(np.diff(LEVELS) > 0)


def test_an_absent_score_neither_helps_nor_hurts() -> None:
    assert harmonic([0.3, float("nan")]) == harmonic([0.3]) == pytest.approx(0.3)
    assert np.isnan(harmonic([])) and np.isnan(harmonic([float("nan")]))
    rng = np.random.default_rng(5)
    for n in (1, 2, 5):  # of ordinary stars as many pass, however many scores they have
        p = np.array([harmonic(row) for row in rng.uniform(size=(20_000, n))])
        assert np.mean(p < 0.01) == pytest.approx(0.01, abs=0.006)
    assert harmonic([0.01, 0.01]) < harmonic([0.01, 1.0])
