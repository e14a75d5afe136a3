"""Kappa against the examples of the papers, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from specviz.errors import OptionError
from specviz.session.vetting.kappa import cohen, fleiss, weights_of

#: Fleiss 1971, table 1: 30 patients, 6 psychiatrists each; depression, personality disorder, schizophrenia, neurosis,
#: other.
PSYCHIATRISTS = """
00060 03003 01401 00006 03030 20400 00402 20310 20040 00006 10050 11040 03300 10050 02031 00501 30012 51000 02040 10203
00006 01050 02013 20040 10041 05010 40002 02040 10500 00006
"""
#: Hout, Duncan & Sobel 1987, as R's package vcd has it under the name SexualFun: 91 couples.
COUPLES = [[7, 7, 2, 3], [2, 8, 3, 7], [1, 5, 4, 9], [2, 8, 9, 14]]


def test_the_textbook_example_of_two() -> None:
    found = cohen([[20, 5], [10, 15]])
    assert (found.value, found.agreement, found.chance, found.n) == pytest.approx((0.4, 0.7, 0.5, 50))


def test_the_example_of_cohen_1968_and_fleiss_cohen_everitt_1969() -> None:
    shares = np.array([[0.53, 0.05, 0.02], [0.11, 0.14, 0.05], [0.01, 0.06, 0.03]])
    found = cohen(shares * 200)
    assert found.value == pytest.approx(0.429, abs=5e-4)
    assert found.error == pytest.approx(0.054, abs=5e-4)


@pytest.mark.parametrize(("weights", "value", "error"), [("", 0.1293, 0.06860), ("linear", 0.2374, 0.07832)])
def test_errors_are_those_of_other_programs(weights: str, value: float, error: float) -> None:
    found = cohen(COUPLES, weights)  # type: ignore[arg-type]
    assert (found.value, found.error) == pytest.approx((value, error), abs=5e-5)  # as vcd::Kappa prints


@pytest.mark.parametrize("weights", ["", "linear", "quadratic"])
def test_as_scikit_learn(weights: str) -> None:
    rng = np.random.default_rng(3)
    a = rng.integers(0, 5, 300)
    b = np.where(rng.random(300) < 0.5, a, rng.integers(0, 5, 300))
    table = np.zeros((5, 5))
    np.add.at(table, (a, b), 1)
    found = cohen(table, weights)  # type: ignore[arg-type]
    assert found.value == pytest.approx(cohen_kappa_score(a, b, weights=weights or None), abs=1e-12)


def test_the_error_is_the_spread_of_samples() -> None:
    rng = np.random.default_rng(1)
    shares = np.array([[0.3, 0.1, 0.0], [0.05, 0.25, 0.1], [0.05, 0.0, 0.15]])
    samples = rng.multinomial(200, shares.ravel(), 4000).reshape(-1, 3, 3)
    for weights in ("", "quadratic"):
        values = [cohen(s, weights).value for s in samples]  # type: ignore[arg-type]
        assert cohen(shares * 200, weights).error == pytest.approx(np.std(values), rel=0.06)  # type: ignore[arg-type]


def test_psychiatrists_of_fleiss_1971() -> None:
    counts = np.array([[int(c) for c in row] for row in PSYCHIATRISTS.split()])
    assert counts.sum(axis=0).tolist() == [26, 26, 30, 55, 43]
    found = fleiss(counts)
    assert found.value == pytest.approx(0.430, abs=5e-4)
    assert (found.agreement, found.chance) == pytest.approx((0.556, 0.220), abs=5e-4)
    assert (found.n, found.ratings) == (30, 180)
    draws = np.random.default_rng(2).integers(0, 30, (2000, 30))
    assert found.error == pytest.approx(np.std([fleiss(counts[d]).value for d in draws]), rel=0.1)  # the bootstrap's


def test_missing_ratings() -> None:
    alike = [[2, 0], [0, 3], [2, 0], [0, 2]]
    assert fleiss(alike).value == pytest.approx(1)
    # A star rated by one says nothing, neither of agreement nor of chance.
    some = [[2, 1], [0, 3], [3, 0], [1, 1]]
    assert fleiss([*some, [1, 0], [0, 0]]) == fleiss(some)
    # po by hand: of three 2-1 gives 1/3, of two 1-1 gives 0.
    assert fleiss(some).agreement == pytest.approx((1 / 3 + 1 + 1 + 0) / 4)
    assert fleiss(some).chance == pytest.approx((6 / 11) ** 2 + (5 / 11) ** 2)


def test_weighted_fleiss_of_two_is_cohen_where_both_have_the_same_shares() -> None:
    table = np.array([[10, 2, 1], [2, 8, 3], [1, 3, 9]])
    counts = np.zeros((int(table.sum()), 3))
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(table[i, j])]
    for row, (i, j) in enumerate(pairs):
        counts[row, i] += 1
        counts[row, j] += 1
    for weights in ("", "linear", "quadratic"):
        assert fleiss(counts, weights).value == pytest.approx(cohen(table, weights).value)  # type: ignore[arg-type]


def test_where_nothing_can_be_said() -> None:
    assert np.isnan(cohen(np.zeros((2, 2))).value)
    assert np.isnan(fleiss([[1, 0]]).value)
    one = cohen([[7, 0], [0, 0]])
    assert np.isnan(one.value)
    assert (one.agreement, one.n) == (1, 7)
    assert np.isnan(fleiss([[2, 0], [3, 0]]).value)


def test_weights() -> None:
    np.testing.assert_allclose(weights_of([0, 1, 4], "linear")[0], [1, 0.75, 0])
    np.testing.assert_allclose(weights_of([0, 1, 4], "quadratic")[0], [1, 15 / 16, 0])
    with pytest.raises(OptionError, match="no weights 'cubic'"):
        weights_of([0, 1], "cubic")  # type: ignore[arg-type]
