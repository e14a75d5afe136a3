"""Drawn vectors resemble real ones, and do not depend on how they are asked for."""

from __future__ import annotations

import numpy as np
import pytest

from specviz.benchmarks.realistic_vectors import RealisticVectors, neighbourhood


@pytest.fixture(scope="module")
def drawn() -> RealisticVectors:
    return RealisticVectors.from_demo(dim=160)


def test_a_block_depends_on_its_number_and_the_seed_alone(drawn):
    again = RealisticVectors(np.concatenate([drawn.held, drawn.base]), dim=160)
    assert np.array_equal(again.block(3, 100), again.block(3, 100))
    assert not np.array_equal(again.block(3, 100), again.block(4, 100))
    numbers, sizes = zip(*((n, len(v)) for n, v in drawn.blocks(250, 100)), strict=True)
    assert numbers == (0, 1, 2) and sizes == (100, 100, 50)
    block = drawn.block(0, 300)
    assert block.shape == (300, 160) and np.allclose(np.linalg.norm(block, axis=1), 1.0, atol=1e-5)
    columns = drawn.columns(1, 50)
    assert {"object_id", "ra", "dec", "teff", "class"} <= set(columns) and len(set(columns["object_id"])) == 50


def test_queries_are_real_stars_around_which_nothing_is_drawn(drawn):
    queries = drawn.queries(200)
    back = queries @ drawn._lift.T
    assert np.allclose((back * drawn.held[:200]).sum(axis=1), 1.0, atol=2e-3)
    rows = {row.tobytes() for row in drawn.base}
    assert not any(row.tobytes() in rows for row in drawn.held)


def test_drawn_vectors_have_the_neighbourhoods_of_real_ones(drawn):
    flat, n = drawn.plain(len(drawn.base)), 400
    of_real, of_drawn = neighbourhood(drawn.held[:n], drawn.base), neighbourhood(drawn.held[:n], flat)
    for real, made in zip(of_real.cosines, of_drawn.cosines, strict=True):
        assert made[1] == pytest.approx(real[1], abs=4e-3)
    among = neighbourhood(flat[:n], flat, own=True)
    real = neighbourhood(drawn.base[:n], drawn.base, own=True)
    assert among.mle_10 == pytest.approx(real.mle_10, abs=0.9)
    assert among.duplicates <= real.duplicates + 0.005
    assert np.linalg.norm(flat.mean(axis=0)) == pytest.approx(np.linalg.norm(drawn.base.mean(axis=0)), abs=0.02)
