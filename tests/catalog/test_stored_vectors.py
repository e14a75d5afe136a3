"""``StoredVectors`` in pieces against one array in memory."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from specviz.catalog.store.vectors import StoredVectors

#: A busy machine may halt in the middle of a draw.
_CALM = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def pieces(draw: st.DrawFn) -> tuple[StoredVectors, np.ndarray, np.ndarray, int]:
    """Parts of a few stars, some of whom have no vector: (stored, vectors, the row of each, stars)."""
    arrays, rows, starts, row, values, where = [], [], [], 0, [], []
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=5))
    everyone = draw(st.booleans())
    for size in sizes:
        held = np.flatnonzero(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
        if everyone:
            held = np.arange(size)
        if held.size:
            array = (np.arange(held.size * 2).reshape(-1, 2) + 10 * row).astype(np.float16)
            arrays.append(array)
            rows.append(None if everyone else held)
            starts.append(row)
            values.append(array)
            where.append(held + row)
        row += size
    plain = np.concatenate([np.empty((0, 2)), *values]).astype(np.float32)
    return StoredVectors(arrays, rows, starts, 2), plain, np.concatenate([np.empty(0, int), *where]).astype(int), row


@_CALM
@given(pieces(), st.data())
def test_numbers_rows_and_vectors_belong_together(made: tuple, data: st.DataObject) -> None:
    stored, plain, rows, stars = made
    assert stored.shape == plain.shape and len(stored) == len(plain)
    numbers = np.array(data.draw(st.lists(st.integers(0, len(plain) - 1))) if len(plain) else [], int)
    np.testing.assert_array_equal(stored.take(numbers), plain[numbers])
    np.testing.assert_array_equal(stored.rows_of(numbers), rows[numbers])
    asked = np.array(data.draw(st.lists(st.integers(-2, stars + 2))), int)
    place = {row: number for number, row in enumerate(rows)}
    np.testing.assert_array_equal(stored.numbers_of(asked), [place.get(row, -1) for row in asked])


@_CALM
@given(pieces(), st.integers(1, 7), st.integers(0, 30))
def test_blocks_are_all_vectors_in_their_order(made: tuple, size: int, start: int) -> None:
    stored, plain, _, _ = made
    found = list(stored.blocks(size, start))
    for first, block in found:
        assert 0 < len(block) <= size
        np.testing.assert_array_equal(block, plain[first : first + len(block)])
    assert [n for first, block in found for n in range(first, first + len(block))] == list(range(start, len(plain)))
