"""Learning from labels: orders that bring a rare class, hide nobody, and say how good they are."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.archives.demo import DemoArchive
from specviz.catalog import active
from specviz.catalog.active import Features, audited, drawn, features, interval, like, rarities, teach, useful
from specviz.catalog.demo import PACKAGED
from specviz.catalog.embedding_codec import restore
from specviz.catalog.honesty import average_precision, fair_sample, honesty
from specviz.errors import CatalogError, OptionError

N = 400


@pytest.fixture(scope="module")
def cloud() -> tuple[Features, np.ndarray[Any, Any]]:
    """400 stars in 20 dimensions; the first 40 are shifted in one direction, the next 40 in another."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 20)) * np.linspace(3.0, 0.2, 20)
    x[:40, 15] += 2.5
    x[40:80, 12] += 4.0
    names = np.array(["b"] * 40 + ["e"] * 40 + ["s"] * (N - 80))
    return features(x), names


def some(names: np.ndarray[Any, Any], rows: Any) -> dict[int, str]:
    return {int(r): str(names[r]) for r in rows}


# ---------------------------------------------------------------------------------------------- features
def test_features_have_unit_variance_and_say_who_is_known() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 10)) * np.arange(1, 11)
    x[7] = np.nan
    known = features(x, [rng.lognormal(size=500)])
    assert known.values.shape == (500, 11)
    assert not known.known[7] and known.known.sum() == 499
    np.testing.assert_allclose(known.values[known.known].std(axis=0), [1.0] * 10 + [3.0], rtol=0.01)
    assert np.isfinite(known.values).all()


def test_a_star_with_one_of_two_surveys_is_known() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 60, 5))
    a[3], b[4], a[5], b[5] = np.nan, np.nan, np.nan, np.nan
    known = features([a, b])
    assert known.known[[3, 4]].all() and not known.known[5]
    with pytest.raises(CatalogError, match="not of the same stars"):
        features([a, b[:-1]])


def test_scores_of_oddities_are_their_rarities() -> None:
    def oddity(**scores: float) -> Any:
        return SimpleNamespace(scores=[SimpleNamespace(name=n, rarity=r) for n, r in scores.items()])

    found = rarities([oddity(latent=0.5, misfit=0.1, emission=np.nan), oddity(latent=0.2), None])
    np.testing.assert_array_equal(found, [[-0.5, -0.2, np.nan], [-0.1, np.nan, np.nan]])


def test_a_score_counts_by_its_rank_alone(cloud: Any) -> None:
    rng = np.random.default_rng(1)
    x, score = rng.normal(size=(50, 5)), rng.lognormal(size=50)
    np.testing.assert_array_equal(features(x, [score]).values, features(x, [np.log(score) * 7]).values)


# ---------------------------------------------------------------------------------------------- lessons
def test_too_few_labels_are_refused_in_words(cloud: Any) -> None:
    known, names = cloud
    with pytest.raises(CatalogError, match=r"9 labels of 2 classes: too few"):
        teach(known, some(names, [0, 1, *range(100, 107)]))
    with pytest.raises(CatalogError, match=r"20 labels of 1 class: too few"):
        teach(known, some(names, range(100, 120)))
    hidden = features(np.where(np.arange(N)[:, None] < 395, known.values, np.nan))
    with pytest.raises(CatalogError, match=r"5 labels of 2 classes.*5 more are of stars without an embedding"):
        teach(hidden, some(names, [0, 1, 100, 101, 102, 395, 396, 397, 398, 399]))
    lesson = teach(known, some(names, [0, 1, *range(100, 110)]))
    assert lesson.classes == ("b", "s")
    with pytest.raises(CatalogError, match="0 stars labelled 'e'"):
        like(lesson, "e")


def test_without_scikit_learn_the_extra_is_named(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    known, names = cloud
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(CatalogError, match=r"jupyter-specviz\[vet\]"):
        teach(known, some(names, range(0, N, 10)))


def test_the_same_labels_give_the_same_orders(cloud: Any) -> None:
    known, names = cloud
    rows = [*range(5), *range(40, 45), *range(100, 130)]
    one, two = teach(known, some(names, rows)), teach(known, some(names, reversed(rows)))
    np.testing.assert_array_equal(like(one, "b"), like(two, "b"))
    np.testing.assert_array_equal(useful(one), useful(two))


# ---------------------------------------------------------------------------------------------- orders
@pytest.mark.parametrize("by", ["like", "useful"])
def test_no_star_is_hidden(cloud: Any, by: str) -> None:
    known, names = cloud
    lesson = teach(known, some(names, [*range(5), *range(40, 45), *range(100, 130)]))
    scores = like(lesson, "b") if by == "like" else useful(lesson)
    assert np.isfinite(scores).all()
    assert len(set(scores)) == N
    order = np.argsort(-scores)
    assert set(order[-40:]) == set(lesson.labels)  # what is finished takes no place in front


def test_a_star_without_an_embedding_has_no_score(cloud: Any) -> None:
    known, names = cloud
    x = known.values.copy()
    x[200:210] = np.nan
    scores = like(teach(features(x), some(names, [*range(5), *range(100, 130)])), "b")
    assert np.isnan(scores[200:210]).all() and np.isfinite(np.delete(scores, np.arange(200, 210))).all()


def test_like_brings_the_class_and_leaves_places_to_others(cloud: Any) -> None:
    known, names = cloud
    lesson = teach(known, some(names, [*range(5), *range(40, 45), *range(100, 130)]))
    odd = np.zeros(N)
    odd[[390, 391]] = 2.0, 1.0
    order = list(np.argsort(-like(lesson, "b", odd=odd)))
    by_margin = [r for r in np.argsort(-lesson.margin("b"), kind="stable") if r not in lesson.labels]
    chance = next(r for r in drawn(N) if r not in lesson.labels)
    assert order[:6] == by_margin[:6] and 390 in order[6:9]
    assert {390, 391, chance} <= set(order[:20])
    assert (names[order[:30]] == "b").sum() >= 18  # 35 of 360 are left: 3 would be there by chance
    plain = list(np.argsort(-like(lesson, "b")))
    assert plain[:18] == by_margin[:18] and chance in plain[18:20]


def test_useful_brings_the_unsure_and_not_ten_of_the_same(cloud: Any) -> None:
    known, names = cloud
    x = known.values.copy()
    x[300:330] = x[300] + np.random.default_rng(3).normal(0, 1e-3, (30, x.shape[1]))  # one star thirty times
    twice = Features(x, known.known)
    lesson = teach(twice, some(names, [*range(5), *range(40, 45), *range(100, 130)]))
    order = np.argsort(-useful(lesson))[:10]
    assert sum(300 <= r < 330 for r in order) <= 1
    assert np.mean(lesson.unsure[order[:9]]) > np.nanmedian(lesson.unsure)


def test_the_fair_sample_is_as_far_as_the_draw_is_finished() -> None:
    order = drawn(50, 0)
    labels = {int(order[0]): "b", int(order[1]): "s", int(order[3]): "b"}
    finished = np.zeros(50, bool)
    finished[order[[0, 1, 2, 3, 5]]] = True  # the third is undecided, the fifth is open
    assert audited(50, labels, finished) == ["b", "s", "", "b"]
    assert "nothing can be said" in fair_sample(50, labels, finished, ["b"])
    finished[order[4]] = True
    assert fair_sample(50, labels, finished, ["b"]) == "Of 6 stars of the list drawn at random: 2 b (10 to 70 %)"


# ---------------------------------------------------------------------------------------------- honesty
def test_what_cannot_be_told_apart_is_not_said_to_be(cloud: Any) -> None:
    known, _ = cloud
    names = np.random.default_rng(5).choice(["b", "s"], N, p=[0.3, 0.7])
    found = honesty(teach(known, some(names, range(120))))
    assert found.balanced_accuracy_range[0] < 0.5 < found.balanced_accuracy_range[1]
    one = next(c for c in found.classes if c.klass == "b")
    assert one.average_precision_range[0] < 0.45 and abs(one.average_precision - one.base) < 0.15


def test_what_can_be_is_with_its_numbers(cloud: Any) -> None:
    known, names = cloud
    rows = [*range(20), *range(40, 43), *range(100, 160)]
    found = honesty(teach(known, some(names, rows)))
    one = {c.klass: c for c in found.classes}
    assert found.balanced_accuracy > 0.8 and found.balanced_accuracy_range[0] > 0.5
    assert one["b"].average_precision > 0.8 and one["b"].n == 20
    assert one["b"].base == pytest.approx(20 / 83)
    low, high = one["b"].recall_range
    assert low < one["b"].recall < high
    assert one["e"].text == "e: 3 labels: nothing can be said yet"
    assert any("chosen, not drawn" in line for line in found.text)


def test_average_precision_by_hand() -> None:
    truth = np.array([True, False, True, False])
    assert average_precision(truth, np.array([4.0, 3.0, 2.0, 1.0])) == pytest.approx((1 + 2 / 3) / 2)
    assert average_precision(truth, np.zeros(4)) == pytest.approx((1 / 3 + 2 / 4) / 2)  # ties are no merit
    assert interval(0, 0) == (0.0, 1.0)
    assert interval(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)


def test_an_order_that_is_none() -> None:
    with pytest.raises(OptionError, match="no order 'best'"):
        active.check_order("best", "")
    with pytest.raises(OptionError, match="class is missing"):
        active.check_order("like", "")


# ---------------------------------------------------------------------------------------------- the demo sky
def test_active_learning_halves_the_looks_on_the_demo_sky() -> None:
    """All 20,000 stars by their packaged embeddings; the static order is the distance from all."""
    with np.load(PACKAGED) as file:
        rows = file["rows_lamost_lrs"]
        vectors = restore(*(file[f"{part}_lamost_lrs"] for part in ("codes", "centre", "scale")))
    truth = np.full(20_000, "star", "U24")
    for name, stars in DemoArchive().anomalies().items():
        truth[[int(s.split()[1]) - 1 for s in stars]] = name
    truth = truth[rows]
    known = features(vectors)
    score = np.linalg.norm(known.values, axis=1)
    static = np.argsort(-score, kind="stable")
    for klass in ("carbon star",):
        need = int(np.ceil(0.8 * (truth == klass).sum()))
        before = int(np.flatnonzero(truth[static] == klass)[need - 1]) + 1
        labels: dict[int, str] = {}
        order = static
        while sum(name == klass for name in labels.values()) < need:
            labels |= {int(r): str(truth[r]) for r in [r for r in order if r not in labels][:10]}
            held = list(labels.values())
            if klass in held and len(held) >= 10 and len(set(held)) > 1:
                two = {row: name if name == klass else "other" for row, name in labels.items()}
                order = np.argsort(-like(teach(known, two), klass, odd=score), kind="stable")
        assert 2 * len(labels) <= before, (klass, len(labels), before)
