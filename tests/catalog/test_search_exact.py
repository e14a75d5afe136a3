"""Exact search: what brute force gives, by whatever means, ties included."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from specviz.catalog.search import exact
from specviz.catalog.search.exact import ExactSearch
from specviz.catalog.search.faiss_library import faiss
from specviz.catalog.store.star_catalog import StarCatalog
from specviz.catalog.store.vectors import StoredVectors
from specviz.errors import CatalogError

from .search_stars import SURVEY, brute, brute_stored, create, vectors


@pytest.fixture(scope="module")
def stars(tmp_path_factory: pytest.TempPathFactory) -> StarCatalog:
    """5,000 stars in three parts, of which 300 are one star, and others the same once more."""
    made = vectors(5000, 48)
    made[1200:1500] = made[1200]
    made[4000:4100] = made[:100]
    return create(tmp_path_factory.mktemp("exact") / "stars", [made[:1000], made[1000:4500], made[4500:]])


@pytest.mark.parametrize("count", [1, 9])
@pytest.mark.parametrize("k", [1, 20, 350])
@pytest.mark.parametrize("with_faiss", [True, False])
def test_is_brute_force(
    stars: StarCatalog, count: int, k: int, with_faiss: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact, "has_faiss", lambda: with_faiss)
    search, queries = ExactSearch(stars.vectors(SURVEY)), vectors(count, 48, seed=5)
    queries[0] = stars.vectors(SURVEY).take([1250])[0]  # amid 300 that are equal: by their numbers
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    for among in (None, np.arange(0, 5000, 3), np.array([1300, 1400, 4999])):
        numbers, cosines = search.nearest(queries, k, among)
        true, values = brute(stars, queries, k, among)
        n = true.shape[1]
        assert np.array_equal(numbers[:, :n], true) and np.array_equal(cosines[:, :n], values)
        assert (numbers[:, n:] == -1).all() and np.isneginf(cosines[:, n:]).all()


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4), dim=st.integers(1, 9), k=st.integers(1, 70),
    copies=st.integers(0, 40), start=st.integers(0, 30), seed=st.integers(0, 99),
)  # fmt: skip
def test_is_brute_force_for_any_catalogue(
    sizes: list[int], dim: int, k: int, copies: int, start: int, seed: int
) -> None:
    """Any number of parts, stars that are equal, neighbours that are more than stars, a search from some star on."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(sum(sizes), dim)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    made[:copies] = made[0]
    start = min(start, len(made))
    parts = np.split(made.astype(np.float16), np.cumsum(sizes)[:-1])
    stored = StoredVectors(parts, [None] * len(parts), np.cumsum([0, *sizes[:-1]]).tolist(), dim)
    query = rng.normal(size=(1, dim)).astype(np.float32)
    query /= np.linalg.norm(query)
    numbers, cosines = ExactSearch(stored, start=start).nearest(query, k)
    true, values = brute_stored(stored, query, k, np.arange(start, len(made)))
    assert np.array_equal(numbers[:, : true.shape[1]], true)
    assert np.array_equal(cosines[:, : true.shape[1]], values)


def test_several_threads_at_once_get_their_own_answers(stars: StarCatalog) -> None:
    search, queries = ExactSearch(stars.vectors(SURVEY)), vectors(24, 48, seed=8)
    true, _ = brute(stars, queries, 10)
    got: dict[int, np.ndarray] = {}

    def ask(i: int) -> None:
        got[i] = search.nearest(queries[i : i + 1], 10)[0][0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(queries))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(got[i], true[i]) for i in range(len(queries)))


def test_without_faiss_it_is_said_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from specviz.catalog.search import faiss_library

    monkeypatch.setattr(faiss_library, "_imported", lambda: None)
    with pytest.raises(CatalogError, match=r"jupyter-specviz\[catalog\]"):
        faiss()
