"""A session on the fake model and a small index of demo stars."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from specviz.analysis.engine import Engine
from specviz.archives.demo import DemoArchive
from specviz.session.session import Session

sys.path.insert(0, str(Path(__file__).parent))  # fake_sky, for this folder, tests/views and tests/ui


class SmallIndex:
    """Ten demo stars in a fixed order: what a session asks of a similarity index."""

    def __init__(self) -> None:
        self.stars = DemoArchive()
        self.asked: list[str] = []

    def search(self, vector: Any, k: int = 20, exclude: str | None = None) -> Table:
        assert np.asarray(vector).ndim == 1
        self.asked.append(str(exclude))
        rows = [r for r in range(10) if f"demo {r + 1}" != exclude]
        return Table({"rank": np.arange(1, len(rows) + 1), "row": rows, "object_id": [f"demo {r + 1}" for r in rows]})

    def neighbour_star(self, row: int) -> Any:
        return self.stars.star(row)


@pytest.fixture
def make_session(fake_model_class: Any) -> Iterator[Callable[..., Session]]:
    made = []

    def make(**options: Any) -> Session:
        index = SmallIndex()
        session = Session(Engine(fake_model_class(), samples=200), lambda _engine, _survey: index, **options)
        session.index = index  # type: ignore[attr-defined]
        made.append(session)
        return session

    yield make
    for session in made:
        session.close()
