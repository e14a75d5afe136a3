"""The simulated reviewer counts right, and the list is what it says."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.benchmarks.simulated_vetting import (
    ORDINARY,
    active_looks,
    compare,
    looks,
    purity,
    random_range,
    recall,
    static_order,
)
from specviz.benchmarks.vetting_sky import sample
from specviz.catalog.active import features

N = 1000


def test_counting() -> None:
    order = static_order([1.0, np.nan, 3.0, 2.0])
    assert list(order) == [2, 3, 0, 1]
    truth = np.array(["star", "b", "b", "star"])
    assert looks(order, truth == "b", 1) == 1 and looks(order, truth == "b", 2) == 4
    assert purity(order, truth, 2) == 0.5 and recall(order, truth, "b", 2) == 0.5


def test_a_random_order_is_what_is_expected_of_it() -> None:
    low, high = random_range(N, 10, 8)
    assert low < 8 * (N + 1) / 11 < high and high < N


def test_a_class_apart_is_found_sooner_though_its_score_says_little() -> None:
    rng = np.random.default_rng(0)
    x, truth = rng.normal(size=(N, 12)), np.full(N, ORDINARY, "U4")
    truth[:20] = "b"
    x[:20, 3] += 5.0
    score = rng.normal(size=N) + 0.7 * (truth == "b")
    known = features(x, [score])
    found = compare(known, truth, score, "b")
    assert found.n == 20 and found.need == 16
    assert found.gain > 3.0 and found.gain_wrong > 2.0
    assert found.chance == pytest.approx(16 * 1001 / 21)
    assert active_looks(known, truth, score, "b", 16) == found.active  # the same again


def test_the_list_has_two_per_cent_of_every_class_in_proportion() -> None:
    sky = sample(5000, seed=3)
    names, counts = np.unique(sky.truth, return_counts=True)
    held = dict(zip(names.tolist(), counts.tolist(), strict=True))
    assert len(set(sky.names)) == 5000 and held[ORDINARY] == 4900 and len(held) == 21
    assert held["double-lined binary"] == 10 and held["hot subdwarf"] == 3  # 61 and 20 of 608
    np.testing.assert_array_equal(sky.names, sample(5000, seed=3).names)
