"""Putting stars on a map, and what is measured and said of it: all but the fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from specviz.catalog.maps.eigenspace import eigenspace, follows, named
from specviz.catalog.maps.placing import Axes, Sample, Vectors, nearest, placing_of, unit, vote, weights
from specviz.catalog.maps.quality import of_sample, quality
from specviz.catalog.maps.searching import search_of
from specviz.catalog.maps.summaries import summarise
from specviz.errors import CatalogError


def _unit(n: int, dim: int = 8, seed: int = 0) -> Vectors:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return unit(vectors, dim)


@pytest.fixture
def sample() -> Sample:
    vectors = _unit(300)
    return Sample(vectors, np.float32(10.0) * vectors[:, :2], (vectors[:, 0] > 0).astype(np.int32))


def test_the_nearest_are_those_that_a_slow_search_finds() -> None:
    held, asked = _unit(200), _unit(30, seed=1)
    rows, chords = nearest(held, asked, 5)
    slow = np.linalg.norm(asked[:, None] - held[None], axis=2)
    assert rows.tolist() == np.argsort(slow, axis=1)[:, :5].tolist()
    np.testing.assert_allclose(chords, np.sort(slow, axis=1)[:, :5], atol=1e-3)
    without, _ = nearest(held, held, 5, np.arange(200))
    assert not (without == np.arange(200)[:, None]).any() and nearest(held[:4], asked, 5)[0].shape == (30, 4)


def test_a_star_of_the_sample_lies_where_it_is_and_one_between_two_between_them(sample: Sample) -> None:
    places, labels = sample.put(3.0 * sample.vectors[:50])  # the length of a vector means nothing
    np.testing.assert_allclose(places, sample.places[:50], atol=1e-6)
    assert labels.tolist() == sample.labels[:50].tolist()
    place = sample.place(sample.vectors[0] + 1e-2 * sample.vectors[1])[0]
    assert np.linalg.norm(place - sample.places[0]) < 0.2
    weight = weights(np.array([[0.1, 0.1, 0.2]], np.float32))
    np.testing.assert_allclose(weight, [[4 / 9, 4 / 9, 1 / 9]], rtol=1e-5)


def test_a_placed_star_gets_the_cluster_that_has_most_weight() -> None:
    labels = np.array([[1, 2, 2], [-1, -1, 3]], np.int32)
    assert vote(labels, np.array([[0.5, 0.3, 0.2], [0.3, 0.3, 0.4]])).tolist() == [1, -1]
    assert vote(labels, np.array([[0.4, 0.3, 0.3], [0.2, 0.2, 0.6]])).tolist() == [2, 3]


def test_placing_survives_its_file_without_pickle(sample: Sample, tmp_path: Path) -> None:
    np.savez(tmp_path / "placing.npz", allow_pickle=False, **sample.arrays())
    with np.load(tmp_path / "placing.npz", allow_pickle=False) as held:
        read = placing_of(dict(held))
    assert isinstance(read, Sample)
    np.testing.assert_allclose(read.place(_unit(20, seed=3)), sample.place(_unit(20, seed=3)), atol=0.05)
    np.testing.assert_allclose(read.place(read.vectors), sample.places, atol=1e-6)  # rounded to float16 and back
    axes = Axes(np.zeros(8, np.float32), np.eye(2, 8, dtype=np.float32))
    np.testing.assert_allclose(placing_of(axes.arrays()).place(_unit(3)), _unit(3)[:, :2], atol=1e-6)
    for wrong in (np.zeros(8), np.full(8, np.nan), np.ones(7)):
        with pytest.raises(CatalogError):
            read.place(wrong)


def test_the_quick_search_finds_what_the_exact_one_does() -> None:
    held, asked = _unit(10_500, 16), _unit(100, 16, seed=1)
    pytest.importorskip("faiss")
    search, called = search_of(held)
    rows, chords = search(asked, 5)
    exact, wanted = nearest(held, asked, 5)
    assert called.startswith("faiss") and search_of(held[:500])[1] == "exact"
    kept = np.mean([len(np.intersect1d(a, b)) for a, b in zip(rows, exact, strict=True)]) / 5
    # Vectors without any structure are the hardest there are: embeddings keep 99 %.
    assert kept > 0.4 and (chords >= wanted - 1e-3).all()


def test_quality_is_that_of_scikit_learn() -> None:
    from sklearn.manifold import trustworthiness

    vectors = _unit(120)
    places = vectors[:, :2] + np.random.default_rng(2).normal(0, 0.1, (120, 2))
    trust, kept = quality(vectors, places, vectors, places, np.arange(120), k=7)
    assert trust == pytest.approx(trustworthiness(vectors, places, n_neighbors=7), abs=1e-6)
    assert 0.05 < kept < 0.9
    assert quality(vectors, vectors, vectors, vectors, np.arange(120), k=7)[1] == 1.0
    told = of_sample(Sample(vectors, places.astype(np.float32), np.zeros(120, np.int32)))
    assert told["sample"]["stars"] == 120 and 0 < told["left_out"]["moved"][0] < told["left_out"]["moved"][1]
    assert np.isnan(quality(vectors[:5], places[:5], vectors[:2], places[:2])[0])  # too few to say


class TestEigenspace:
    def test_axes_are_those_along_which_both_vary_together(self) -> None:
        rng = np.random.default_rng(0)
        shared = rng.normal(size=(2000, 2)) * (0.3, 0.15)  # along the first two dimensions, in both surveys
        e1, e2 = rng.normal(0, 0.05, (2, 2000, 6))
        e1[:, 5], e2[:, 5] = 1.0, 1.0
        e1[:, :2] += shared
        e2[:, :2] += shared
        e1[:, 2] += 0.5 * rng.normal(size=2000)  # much, but in one survey only
        space = eigenspace(e1, e2)
        assert abs(space.axes[0, 0]) > 0.98 and abs(space.axes[1, 1]) > 0.95
        np.testing.assert_allclose(space.axes @ space.axes.T, np.eye(len(space.axes)), atol=1e-5)
        assert (np.diff(np.abs(space.values)) <= 0).all() and (space.axes.max(1) == np.abs(space.axes).max(1)).all()
        # The formula, term by term.
        u1, u2 = unit(e1, 6), unit(e2, 6)
        a = (u1 - u1.mean(0)).T @ (u2 - u2.mean(0)) / 2000
        for value, axis in zip(space.values, space.axes, strict=True):
            np.testing.assert_allclose((a + a.T) / 2 @ axis, value * axis, atol=1e-6)
        both = (space.placing(0).place(e1) + space.placing(1).place(e2)) / 2
        np.testing.assert_allclose(both, space.features(e1, e2)[:, :2], atol=1e-6)

    def test_what_an_axis_follows_is_spearmans_correlation(self) -> None:
        from scipy.stats import spearmanr

        rng = np.random.default_rng(0)
        x = rng.normal(size=(200, 2))
        teff = np.exp(-x[:, 0]) + 0.2 * rng.normal(size=200)
        teff[:20] = np.nan
        told = follows(x, {"teff": teff, "snr": rng.normal(size=200), "empty": np.full(200, np.nan)})
        assert next(iter(told[0])) == "teff" and "empty" not in told[0]
        assert told[0]["teff"] == pytest.approx(spearmanr(x[20:, 0], teff[20:]).statistic, abs=6e-4)
        assert named(1, {"teff": -0.93, "logg": 0.2}, {"teff": "Teff"}) == "Eigen axis 1 (Teff, ρ = −0.93)"
        assert named(2, {"teff": 0.1}, {}) == named(2, {}, {}) == "Eigen axis 2"

    def test_pairs_that_are_none_are_refused(self) -> None:
        with pytest.raises(CatalogError, match="one space"):
            eigenspace(np.ones((5, 3)), np.ones((5, 4)))
        with pytest.raises(CatalogError, match="at least three"):
            eigenspace(np.ones((2, 3)), np.ones((2, 3)))


class TestSummaries:
    def test_clusters_are_named_after_what_their_stars_are(self) -> None:
        kinds = [
            (5800.0, 4.4, 0.0, 0.0, "G2V", "G dwarfs"),
            (4500.0, 2.0, -1.4, 0.3, "K3III", "K giants, metal-poor"),
            (5000.0, 2.5, -0.4, 0.28, "G8III", "G giants, α-enhanced"),
            (15000.0, 8.0, np.nan, np.nan, "WD", "White dwarfs"),
            (9000.0, 4.0, 0.2, 0.0, "A2V", "A stars, metal-rich"),
            (4000.0, 1.0, -0.3, 0.0, "Carbon", "Carbon stars"),
            (np.nan, np.nan, np.nan, np.nan, "GALAXY", "Galaxies"),
        ]
        labels = np.repeat(np.arange(len(kinds)), 10).astype(np.int32)
        columns = {
            name: np.repeat([kind[i] for kind in kinds], 10)
            for i, name in enumerate(("teff", "logg", "fe_h", "alpha_fe", "class"))
        }
        labels = np.append(labels, -1)
        columns = {name: np.append(values, values[:1]) for name, values in columns.items()}
        columns["snr"] = np.full(71, 50.0)
        found = summarise(labels, columns, {0: np.array([3, 1])})
        assert [one.title for one in found] == [kind[-1] for kind in kinds]
        assert [one.count for one in found] == [10] * 7 and found[0].exemplars == (3, 1)
        assert found[1].medians["teff"] == (4500.0, 4500.0, 4500.0) and "teff" not in found[6].medians
        assert found[3].apart[0][0] in ("teff", "logg") and found[0].classes == (("G", 1.0),)
        assert found[0].text.startswith("10 stars; Teff 5800 (5800 to 5800) K; log g 4.40")

    def test_clusters_of_one_name_are_told_apart(self) -> None:
        labels = np.repeat(np.arange(4), 20).astype(np.int32)
        teff = np.repeat([5800.0, 5500.0, 5503.0, 5700.0], 20)
        snr = np.repeat([90.0, 90.0, 90.0, 20.0], 20)
        titles = [one.title for one in summarise(labels, {"teff": teff, "logg": np.full(80, 4.4), "snr": snr})]
        assert titles == ["G dwarfs at 5800 K", "G dwarfs at 5500 K (1)", "G dwarfs at 5500 K (2)", "G dwarfs, low S/N"]

    def test_stars_of_which_nothing_is_known_are_counted(self) -> None:
        (one, two) = summarise(np.array([0, 0, 1], np.int32), {})
        assert (one.title, two.title, one.text) == ("Stars (0)", "Stars (1)", "2 stars.")
        assert summarise(np.full(3, -1, np.int32), {}) == ()
