"""The benchmark of the catalogue's search at a small size: what it measures is right, whatever the speed."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.benchmarks import catalog_search as bench
from specviz.benchmarks import catalog_search_tasks as tasks
from specviz.benchmarks.processes import forget_pages, peak_memory, run_task, size_of

ROWS, DIM = 2600, 128


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    told = tasks.lay(str(folder), rows=ROWS, dim=DIM, queries=40, seed=0)
    assert told["disk"] > 2 * ROWS * DIM and told["official"] > 4 * ROWS * DIM
    return folder


def test_the_truth_is_that_of_float32_brute_force(laid):
    truth = tasks.Truth.of(laid)
    with np.load(laid / tasks.OFFICIAL, allow_pickle=False) as file:
        vectors = file["lamost_embeddings"]
    assert vectors.shape == (ROWS, DIM) and vectors.dtype == np.float32
    for name in ("all", *tasks.SHARES):
        found = []
        for query in truth.queries:
            cosines = vectors @ query
            there = np.arange(ROWS)
            if name != "all":
                from specviz.catalog.store.star_catalog import StarCatalog

                teff = StarCatalog.open(laid / tasks.CATALOG).column("teff")
                low, high = truth.limits[name]
                there = np.flatnonzero((teff >= low) & (teff <= high))
                assert len(there) == pytest.approx(tasks.SHARES[name] * ROWS, rel=0.15)
            best = there[np.argsort(-cosines[there])[: tasks.K]]
            found.append((best[None], cosines[best][None]))
        told = truth.recall(name, found)
        assert told["recall"] == 1.0 and told["wrong"] < 1e-5


def test_recall_counts_what_is_missing(laid):
    truth = tasks.Truth.of(laid)
    numbers, cosines = truth._arrays["n_all"].copy(), truth._arrays["c_all"]
    numbers[:, :5] = -1
    assert truth.recall("all", [(n[None], c[None]) for n, c in zip(numbers, cosines, strict=True)])["recall"] == 0.9


def test_every_way_finds_what_it_should(laid):
    assert tasks.numpy_brute(str(laid))["recall"] == 1.0
    assert tasks.official(str(laid))["recall"] == 1.0
    exact = tasks.search(str(laid), "exact")
    assert exact["recall"] > 0.99 and set(exact["filtered"]) == set(tasks.SHARES)
    with pytest.raises(RuntimeError, match="index is not used"):
        tasks.search(str(laid), "ivf-fp16")
    built = tasks.build(str(laid), "ivf-fp16")
    assert built["disk"] > 2 * ROWS * DIM
    found = tasks.search(str(laid), "ivf-fp16")
    assert found["recall"] > 0.95 and all(one["recall"] > 0.95 for one in found["filtered"].values())


def test_a_task_runs_in_a_process_and_a_failure_is_told(laid, tmp_path):
    told = run_task(bench.HERE, "numpy", {"folder": str(laid)})
    assert told["recall"] == 1.0 and told["peak"] > 4 * ROWS * DIM
    failed = run_task(bench.HERE, "numpy", {"folder": str(tmp_path)})
    assert "FileNotFoundError" in failed["failed"]
    assert peak_memory() > 1e6 and size_of(laid / tasks.TRUTH) > 0
    assert forget_pages(laid) in (True, False)


def test_the_table_says_what_was_met_and_what_failed():
    search = {"recall": 0.995, "median": 0.002, "p95": 0.003, "cpu": 0.002, "batch": 0.001, "open": 0.1,
              "peak": 1e9, "private": 1e8, "n": 200, "first": 0.1, "cold": 0.01,
              "filtered": {name: {"recall": 1.0, "median": 0.01, "p95": 0.02} for name in tasks.SHARES}}  # fmt: skip
    results = {
        "lay": {"append": 1.0, "disk": 1e9, "official": 3e9, "like": " 1"},
        "build ivf-fp16": {"elapsed": 80.0, "cpu": 100.0, "peak": 2e9, "disk": 1e9, "threads": 2, "kept": True},
        "build ivf-pq": {"failed": "failed: killed"},
        "exact": {**search, "median": 0.1},
        "ivf-fp16": search,
        "ivf-pq": {"failed": "failed: there is no index"},
        "numpy": {**search, "median": 0.2},
        "official": {"failed": "not measured: needs 7.4 GB of memory, 2.0 are free"},
    }
    told = bench.table(results)
    assert "built by an earlier run" in told and "failed: killed" in told and "needs 7.4 GB" in told
    assert bench.verdict(results).splitlines() == [
        "ivf-fp16: recall@50 0.9950 (aim 0.99), 2.00 ms a query (aim 10): met; 100 times numpy's speed",
        "ivf-pq: failed: there is no index",
    ]
    slow = bench.verdict({**results, "ivf-fp16": {**search, "median": 0.02}})
    assert "NOT met" in slow


def test_a_folder_of_another_size_is_refused(tmp_path):
    (tmp_path / "built.json").write_text('{"settings": {"rows": 1}, "results": {}}')
    with pytest.raises(SystemExit, match="another folder"):
        bench.measure(tmp_path, rows=2, dim=3, queries=4)
