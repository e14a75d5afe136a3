"""A list that is ranked behind the person: scores come into the rows, the person goes first, and what fails is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from specviz.errors import OptionError, SpecvizError
from specviz.session.vetting.session import VetSession

Open = Callable[..., VetSession]


@pytest.fixture
def ranking(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A ranking that waits for ``go`` after each star; ``asked`` holds what it was asked with."""
    import specviz.catalog.outliers as outliers

    control = SimpleNamespace(go=threading.Event(), at_work=threading.Event(), asked={}, stopped=False)

    def rank(targets: Any, engine: Any, *, read: Any, progress: Any, cancel: Any, **options: Any) -> Any:
        control.asked = dict(targets=list(targets), engine=engine, **options)
        for done in range(len(targets)):
            progress(done / len(targets), f"{done} of {len(targets)} stars")
            control.at_work.set()
            while not control.go.wait(0.005):
                if cancel():
                    control.stopped = True
                    progress(0.0, "")  # raises
        scores = np.arange(len(targets), dtype=float)
        return SimpleNamespace(
            scores=scores,
            scorer=SimpleNamespace(of=lambda report: ("odd", report.star.name)),
            embeddings=np.full((len(targets), 4), np.nan, np.float32),
            oddities=(),
            meta={},
        )

    monkeypatch.setattr(outliers, "rank", rank)
    return control


def test_scores_and_reasons_come_when_the_list_is_ranked(open_list: Open, ranking: SimpleNamespace) -> None:
    session = open_list(4)
    session.set_order("odd")
    assert session.state.call == "vetting.set_order('odd')"
    assert ranking.at_work.wait(60) and session.vet.order == (0, 1, 2, 3) and session.vet.doing
    session.set_order("odd")  # once is enough
    session.label(quality=3)
    session.finish()
    session.wait()
    ranking.go.set()
    session.wait_ranked(10)
    assert [r.score for r in session.vet.rows] == [0, 1, 2, 3] and session.vet.doing == ""
    assert session.vet.order == (0, 3, 2, 1)  # what is finished stays before
    assert session.vet.odd == ("odd", "demo 2") and session.state.position == 1  # nothing moves under the person
    assert ranking.asked["targets"] == ["demo 1", "demo 2", "demo 3", "demo 4"]
    session.set_order("list")
    session.set_order("odd")  # known now: at once
    assert session.vet.order == (0, 3, 2, 1)


def test_it_is_stopped_by_the_person_and_by_the_end(open_list: Open, ranking: SimpleNamespace) -> None:
    session = open_list(3)
    session.set_order("odd")
    assert ranking.at_work.wait(60)
    session.stop_ranking()
    assert session.vet.doing == "" and session.vet.order_by == "list"
    until = time.monotonic() + 60
    while not ranking.stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert ranking.stopped
    session.wait_ranked(1)  # nothing runs
    ranking.stopped = False
    ranking.at_work.clear()
    session.set_order("odd")
    assert ranking.at_work.wait(60)
    session.close()
    until = time.monotonic() + 60
    while not ranking.stopped and time.monotonic() < until:
        time.sleep(0.01)
    assert ranking.stopped


def test_scores_that_do_not_fit_and_orders_there_are_not(open_list: Open, ranking: SimpleNamespace) -> None:
    session = open_list(3)
    with pytest.raises(OptionError, match="2 scores for 3 stars"):
        session.take_scores([1.0, 2.0])
    with pytest.raises(OptionError, match="no order 'best'"):
        session.set_order("best")
    session.set_order("odd")
    with pytest.raises(SpecvizError, match=r"not ranked after 0 s"):
        session.wait_ranked(0.05)
    session.take_scores([1.0, np.nan, 2.0])
    assert [r.score for r in session.vet.rows][::2] == [1.0, 2.0]


def test_a_list_with_scores_is_taken_up_at_its_oddest_star(open_list: Open) -> None:
    session = open_list(3, scores=[0.1, np.nan, 0.9])
    assert session.state.position == 0
    session.order_first = "odd"
    session.begin(["demo 4", "demo 5", "demo 6"], [0.1, np.nan, 0.9])
    assert session.wait().position == 2 and session.vet.order == (2, 0, 1) and session.vet.order_by == "odd"
