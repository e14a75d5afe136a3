"""An Explorer's view on the fake model, without a browser."""

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
from specviz.catalog.planes import Planes
from specviz.session.session import Session
from specviz.views.explorer import ExplorerView, Surroundings

sys.path.insert(0, str(Path(__file__).parents[1] / "session"))  # fake_sky


class _Index:
    def __init__(self) -> None:
        self.stars = DemoArchive()
        rng = np.random.default_rng(1)
        labels = {n: rng.uniform(a, b, 2000) for n, a, b in (("teff", 4000, 8000), ("logg", 0, 5), ("fe_h", -1, 0.4))}
        self.planes = Planes(Table({"object_id": [f"demo {r + 1}" for r in range(2000)], **labels}))

    def search(self, _vector: Any, k: int = 20, exclude: str | None = None) -> Table:
        rows = [r for r in range(12) if f"demo {r + 1}" != exclude]
        names = [f"demo {r + 1}" for r in rows]
        similarity = np.linspace(0.99, 0.9, len(rows))
        return Table({
            "rank": np.arange(1, len(rows) + 1), "row": rows, "object_id": names, "similarity": similarity,
            "class": ["G2"] * len(rows), "teff": np.full(len(rows), 5772.4), "logg": np.full(len(rows), 4.44),
            "fe_h": np.full(len(rows), -0.004), "snr": np.full(len(rows), 60.2),
        })  # fmt: skip

    def neighbour_window(self, row: int) -> Any:
        return np.linspace(4820, 5220, 300), np.full(300, 0.9)

    def neighbour_star(self, row: int) -> Any:
        return self.stars.star(row)


@pytest.fixture
def world() -> Surroundings:
    demo = DemoArchive()
    return Surroundings(
        reference=lambda: None,
        examples=demo.examples,
        model="fake",
        n_reference=len(demo),
        version="0",
    )


@pytest.fixture
def make_view(fake_model_class: Any, world: Surroundings) -> Iterator[Callable[..., ExplorerView]]:
    made: list[ExplorerView] = []

    def make(target: Any = None, **options: Any) -> ExplorerView:
        index = _Index()
        session = Session(Engine(fake_model_class(), samples=500), lambda _engine, _survey: index, **options)
        if target is not None:
            session.open(target)
            session.wait()
        view = ExplorerView(session, world)
        made.append(view)
        return view

    yield make
    for view in made:
        view.close()
        view.session.close()


@pytest.fixture
def make_vetting(fake_model_class: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """``make_vetting(targets=6, reviewer="MK", **options) -> VettingView`` on the fake model, a star on screen."""
    from specviz.session.vetting.journal import LabelJournal
    from specviz.session.vetting.session import VetSession
    from specviz.session.vetting.vocabulary import DEFAULT
    from specviz.views.vetting_view import VettingView

    made: list[Any] = []
    engine = Engine(fake_model_class(), samples=20)

    def make(
        targets: Any = 6, reviewer: str = "MK", scores: Any = None, vocabulary: Any = DEFAULT, **options: Any
    ) -> Any:
        journal = LabelJournal(tmp_path / "labels.sqlite", reviewer)
        session = VetSession(engine, journal=journal, vocabulary=vocabulary, work_list="sample.csv", **options)
        session.begin([f"demo {i + 1}" for i in range(targets)] if isinstance(targets, int) else targets, scores)
        session.wait()
        made.append(VettingView(session))
        return made[-1]

    yield make
    for view in made:
        view.close()
        view.session.close()
