"""A vetting session on the fake model and the demo stars."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from specviz.analysis.engine import Engine
from specviz.session.vetting.journal import LabelJournal
from specviz.session.vetting.session import VetSession
from specviz.session.vetting.vocabulary import DEFAULT


@pytest.fixture
def open_list(fake_model_class: Any, tmp_path: Path) -> Iterator[Callable[..., VetSession]]:
    """``open_list(targets, reviewer="ada", path=..., **options) -> VetSession``, with its first star on screen."""
    made = []
    engine = Engine(fake_model_class(), samples=20)

    def open_list(
        targets: Any = 6, reviewer: str = "ada", path: Path | None = None, scores: Any = None, **options: Any
    ) -> VetSession:
        journal = LabelJournal(path or tmp_path / "labels.sqlite", reviewer)
        session = VetSession(engine, journal=journal, vocabulary=DEFAULT, work_list="demo", **options)
        made.append(session)
        session.begin([f"demo {i + 1}" for i in range(targets)] if isinstance(targets, int) else targets, scores)
        session.wait()
        return session

    yield open_list
    for session in made:
        session.close()
